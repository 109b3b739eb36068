"""How long importing the package takes, in times of importing ``matminer.datasets``.

Usage: python benchmarks/import_time.py [--rounds 9]

Each round starts a new process for either, one after the other; medians are compared.
"""

import argparse
import statistics
import subprocess
import sys
import time

OURS, THEIRS = "import matminer_phonon_tl", "import matminer.datasets"


def main() -> None:
    """Print medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    seconds(OURS), seconds(THEIRS)  # files into the system's cache
    ours, theirs = zip(*((seconds(OURS), seconds(THEIRS)) for _ in range(rounds)), strict=True)
    for code, times in ((OURS, ours), (THEIRS, theirs)):
        print(f"{code:27s} {statistics.median(times):.3f} s")
    print(f"ratio of medians            {statistics.median(ours) / statistics.median(theirs):.2f}")


def seconds(code: str) -> float:
    """Time a fresh interpreter that runs the code."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
