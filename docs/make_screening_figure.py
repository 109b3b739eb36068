"""Make the figure of README.md and docs/screening.md: nitrides ranked by their speed of sound.

Usage: python docs/make_screening_figure.py [FOLDER]

The candidates are formulas ABN2 of two elements whose usual charges cancel that of nitrogen, each
read as a primitive cell of four atoms; what is calculated of them stands in the shipped sets.
"""

import sys
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

from matminer_phonon_tl.screening import screen

CHARGES = {
    2: ("Be", "Mg", "Ca", "Sr", "Zn", "Cd"),
    3: ("B", "Al", "Ga", "In", "Sc", "Y"),
    4: ("C", "Si", "Ge", "Sn", "Ti", "Zr"),
}


def candidates() -> list[str]:
    """Return the formulas."""
    pairs = [(a, b) for a in CHARGES[2] for b in CHARGES[4]]
    return [f"{a}{b}N2" for a, b in [*pairs, *combinations(CHARGES[3], 2)]]


def main(folder: Path) -> None:
    """Write screening.png into a folder.

    Parameters
    ----------
    folder : Path
        Where to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    formulas = candidates()
    with TemporaryDirectory() as results:
        report = screen(
            formulas, Path(results) / "result.csv", top=len(formulas), by="speed_of_sound",
            plot=folder / "screening.png",
        )  # fmt: skip
    print(report)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "figures")
