"""Write matminer_phonon_tl/featurizers/element_table.csv from XenonPy's completed element table.

Usage: python datasets/build_element_table.py SOURCE_CSV

SOURCE_CSV holds 94 elements (H-Pu) x 58 properties, with the columns ``element`` and then the
properties in XenonPy's order. The figures are carried over unchanged.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from pymatgen.core import Element

TARGET = Path(__file__).parents[1] / "matminer_phonon_tl/featurizers/element_table.csv"
HEADER = """\
# 58 properties of the elements H-Pu, one row an element, in XenonPy's column order.
# Figures: XenonPy's completed element table (yoshida-lab/XenonPy, BSD-3-Clause);
# H. Yamada et al., ACS Cent. Sci. 5, 1717 (2019), doi:10.1021/acscentsci.9b00804.
"""


def main() -> None:
    """Check the source table and write ours."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    table = pd.read_csv(parser.parse_args().source, index_col="element")
    if table.shape != (94, 58):
        raise SystemExit(f"expected 94 elements x 58 properties, got {table.shape}")
    if list(table.index) != [Element.from_Z(z).symbol for z in range(1, 95)]:
        raise SystemExit("expected the elements H-Pu in order of atomic number")
    if not np.isfinite(table.to_numpy()).all():
        raise SystemExit("expected finite figures throughout")
    with TARGET.open("w", encoding="utf-8", newline="\n") as file:
        file.write(HEADER)
        table.to_csv(file, lineterminator="\n")
    print(f"wrote {TARGET.name}: {table.shape[0]} elements x {table.shape[1]} properties")


if __name__ == "__main__":
    main()
