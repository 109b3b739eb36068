"""``python -m matminer_phonon_tl.cli``."""

from matminer_phonon_tl.cli import main

main()
