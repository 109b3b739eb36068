"""Screen candidate lists of any length."""

from matminer_phonon_tl.screening.input import read_table
from matminer_phonon_tl.screening.screen import ScreeningReport, screen

__all__ = ["ScreeningReport", "read_table", "screen"]
