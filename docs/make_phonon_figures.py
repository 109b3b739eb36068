"""Make the figures of docs/phonon_properties.md: a model crystal, and RbI where its data is given.

Usage: python docs/make_phonon_figures.py [FOLDER]

Takes the extra ``phonopy``. RbI is drawn where the environment variable PHONON_TL_TEST_DATA names
the folder of test documents. The figure of README is made by: phonon-tl properties
tests/files/GaN_springs --plot docs/figures/properties.png
"""

import os
import sys
from pathlib import Path

from matminer_phonon_tl.figures import plot_phonon
from matminer_phonon_tl.phonons import zincblende_springs


def main(folder: Path) -> None:
    """Write the figures into a folder.

    Parameters
    ----------
    folder : Path
        Where to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figure = plot_phonon(zincblende_springs(), title="GaN of nearest-neighbour springs")
    figure.savefig(folder / "zincblende_springs.png", dpi=110)

    if data := os.environ.get("PHONON_TL_TEST_DATA"):
        document = Path(data) / "raw_phonons" / "RbI_mp-23302_phonon_doc.json.gz"
        figure = plot_phonon(document, title="RbI (mp-23302)")
        figure.savefig(folder / "rbi.png", dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "figures")
