"""Measure a screening in rows a second, file to file, and its ratios to simpler ways.

Usage: python benchmarks/screening.py FORMULAS_CSV [--rows 100000] [--drawn] [--sample 300]
           [--magpie] [--profile]

FORMULAS_CSV has a column ``formula``; distinct formulas are taken, in a fixed random order, or with
``--drawn`` rows are drawn from all of them, so that formulas repeat. The screening runs as a
command in a separate process, start-up included, with intervals and similarities. For
comparison, on ``--sample`` rows each: a loop of ``predict``, formula by formula, and with
``--magpie`` matminer's Magpie featurization alone, in one process. ``--profile`` measures nothing
but the share of each function in one thread's processor time.
"""

import argparse
import cProfile
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from pymatgen.core import Composition

from matminer_phonon_tl.blas import one_blas_thread
from matminer_phonon_tl.models import PhononPredictor
from matminer_phonon_tl.screening.settings import NEGLIGIBLE


def main() -> None:
    """Print the rates and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("formulas", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--drawn", action="store_true", help="rows repeat the file's formulas")
    parser.add_argument("--magpie", action="store_true")
    parser.add_argument("--profile", action="store_true", help="say only what takes the time")
    arguments = parser.parse_args()

    table = pd.read_csv(arguments.formulas)
    if "formula" not in table.columns:
        parser.error(
            f"expected a column formula in {arguments.formulas}, got {list(table.columns)}"
        )
    formulas = table["formula"]
    if arguments.drawn:
        formulas = formulas.sample(arguments.rows, replace=True, random_state=0)
    else:
        formulas = distinct(formulas, arguments.rows)
    if arguments.profile:
        profile(PhononPredictor.from_pretrained(), formulas[:3000].tolist())
        return
    seconds, peak = screening_seconds(formulas)
    rate = len(formulas) / seconds
    print(
        f"{len(formulas)} rows, {formulas.nunique()} formulas, load {os.getloadavg()[0]:.1f} before"
    )
    print(f"phonon-tl screen, Parquet     {rate:10.0f} rows/s  ({seconds:.1f} s, {peak:.2f} GB)")
    sample = formulas[: arguments.sample].tolist()
    predictor = PhononPredictor.from_pretrained()
    predictor.predict(sample[:5])
    started = time.perf_counter()
    for formula in sample:
        predictor.predict([formula])
    report("a loop of predict", len(sample) / (time.perf_counter() - started), rate)
    if arguments.magpie:
        report("Magpie features alone", magpie_rate(sample), rate)


def profile(predictor: PhononPredictor, formulas: list[str]) -> None:
    """Print the functions that take most of one thread's processor time, the first use apart."""
    predictor.predict(formulas[:300], negligible=NEGLIGIBLE, warn=False)
    profiler = cProfile.Profile(time.process_time)
    with one_blas_thread():
        profiler.runcall(predictor.predict, formulas, negligible=NEGLIGIBLE, warn=False)
    statistics = pstats.Stats(profiler)
    entries = sorted(statistics.stats.items(), key=lambda entry: -entry[1][2])
    for (path, _, function), (_, _, inside, _, _) in entries[:12]:
        print(f"{inside / statistics.total_tt:6.1%}  {Path(path).stem}.{function}")


def report(name: str, rate: float, ours: float) -> None:
    """Print a rate and the ratio to it."""
    print(f"{name:28s}  {rate:10.1f} rows/s  ratio {ours / rate:.1f}")


def distinct(formulas: "pd.Series[str]", n_rows: int) -> "pd.Series[str]":
    """Draw distinct formulas in a fixed random order.

    Where the file has too few, the same compounds follow in larger cells, in the same spelling.
    """
    given = found = formulas.drop_duplicates().sample(frac=1, random_state=0)
    factor = 2
    while len(found) < n_rows:
        larger = [(Composition(formula) * factor).formula.replace(" ", "") for formula in given]
        found = pd.concat([found, pd.Series(larger, name=given.name)]).drop_duplicates()
        factor += 1
    return found[:n_rows]


def screening_seconds(formulas: "pd.Series[str]") -> tuple[float, float]:
    """Return the seconds from file to file, start-up included, and the peak of memory in GB."""
    with tempfile.TemporaryDirectory() as folder:
        formulas.to_frame("formula").to_csv(Path(folder, "in.csv"), index=False)
        command = [
            sys.executable,
            "-m",
            "matminer_phonon_tl.cli",
            "screen",
            "in.csv",
            "out.parquet",
        ]
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True)
        seconds = time.perf_counter() - started
    # The only child so far is the screening.
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def magpie_rate(formulas: list[str]) -> float:
    """Return the rows a second of matminer's Magpie preset."""
    from matminer.featurizers.composition import ElementProperty

    featurizer = ElementProperty.from_preset("magpie", impute_nan=True)
    compositions = [Composition(formula) for formula in formulas]
    featurizer.featurize(compositions[0])
    started = time.perf_counter()
    for composition in compositions:
        featurizer.featurize(composition)
    return len(formulas) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
