"""Processor time of ``phonon-tl predict GaN`` from the start of Python, beside another tree.

Usage: python benchmarks/cold_start.py [--against FOLDER] [--rounds 5]

FOLDER is an older source tree of this package. The two take turns, on one thread each; the least
time counts. ``python -X importtime -m matminer_phonon_tl.cli predict GaN`` says what takes it.
"""

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Print the times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, help="an older source tree")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    trees = [Path(__file__).parents[1]]
    if arguments.against:
        trees.append(arguments.against.resolve())
    times = [[seconds(tree) for tree in trees] for _ in range(arguments.rounds)]
    least = [min(of_tree) for of_tree in zip(*times, strict=True)]
    print(f"phonon-tl predict GaN    {least[0]:.2f} s of processor time")
    if arguments.against:
        print(f"the older tree           {least[1]:.2f} s, ratio {least[1] / least[0]:.2f}")


def seconds(tree: Path) -> float:
    """Processor time of one command, in user and system mode."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "matminer_phonon_tl.cli", "predict", "GaN"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
