"""Measure rows per second of the 290 descriptors, and the ratio to XenonPy 0.6.7.

Usage: python benchmarks/descriptors.py [FORMULAS_CSV] [--xenonpy PYTHON]

FORMULAS_CSV has a column ``formula`` of distinct formulas (Matbench's band gaps, for example);
without it, formulas are enumerated. XenonPy needs a separate environment
(benchmarks/make_xenonpy_environment.sh makes one); PYTHON is its interpreter. XenonPy runs with
n_jobs=1, alternating with this package, one core each; the medians of the ratios are printed.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from itertools import combinations, product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd
from pymatgen.core import Composition, Element

from matminer_phonon_tl.featurizers import XenonPyDescriptors, load_element_table

XENONPY = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from pymatgen.core import Composition
from xenonpy.descriptor import Compositions
table = pd.read_csv(sys.argv[2], index_col=0)
compositions = [Composition(f) for f in json.load(open(sys.argv[1]))]
calculator = Compositions(elemental_info=table, n_jobs=1, on_errors="raise")
start = time.perf_counter()
frame = calculator.transform(compositions)
print(len(compositions) / (time.perf_counter() - start))
"""


def main() -> None:
    """Print the rates and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("formulas", nargs="?", type=Path)
    parser.add_argument("--xenonpy", metavar="PYTHON", help="interpreter that has XenonPy 0.6.7")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    formulas = distinct_formulas(arguments.formulas)
    compositions = [Composition(formula) for formula in formulas]
    descriptors = XenonPyDescriptors()
    descriptors.featurize_array(compositions[:1000])  # warm
    rates: dict[str, list[float]] = {"featurize_array": []}
    ratios = []
    for _ in range(arguments.rounds):
        start = time.perf_counter()
        descriptors.featurize_array(compositions)
        rates["featurize_array"].append(len(compositions) / (time.perf_counter() - start))
        if arguments.xenonpy:
            rate = xenonpy_rate(arguments.xenonpy, formulas[:3000])
            rates.setdefault("XenonPy 0.6.7, n_jobs=1", []).append(rate)
            ratios.append(rates["featurize_array"][-1] / rate)
    for name, n, work in (
        ("featurize_many", 20_000, lambda c: descriptors.featurize_many(c, pbar=False)),
        ("featurize, row by row", 5_000, lambda c: [descriptors.featurize(x) for x in c]),
    ):
        start = time.perf_counter()
        work(compositions[:n])
        rates[name] = [n / (time.perf_counter() - start)]
    print(f"{len(compositions)} distinct compositions, one core, median of {arguments.rounds}")
    for name, values in rates.items():
        print(f"{name:28s} {statistics.median(values):10.0f} rows/s")
    if ratios:
        print(f"featurize_array / XenonPy    {statistics.median(ratios):10.0f} (median ratio)")


def distinct_formulas(path: Path | None) -> list[str]:
    """Return the formulas of a file, or all binaries of small amounts."""
    if path is not None:
        return pd.read_csv(path)["formula"].drop_duplicates().tolist()
    symbols = [Element.from_Z(z).symbol for z in range(1, 95)]
    pairs = combinations(symbols, 2)
    return [f"{a}{m}{b}{n}" for (a, b), m, n in product(pairs, range(1, 5), range(1, 4))]


def xenonpy_rate(python: str, formulas: list[str]) -> float:
    """Measure rows per second of XenonPy itself, in a separate process."""
    with tempfile.TemporaryDirectory() as folder:
        asked, table = Path(folder, "formulas.json"), Path(folder, "table.csv")
        asked.write_text(json.dumps(formulas))
        load_element_table().to_csv(table)
        result = subprocess.run(
            [python, "-c", XENONPY, str(asked), str(table)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    return float(result.stdout.split()[-1])


if __name__ == "__main__":
    main()
