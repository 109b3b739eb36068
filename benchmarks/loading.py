"""Time to load phonon_tl, as a ratio to matminer's own reader on the same file.

Usage: python benchmarks/loading.py

Both decode the same 1245 structures; ours also checks the sha256. In turn, both warm, medians.
"""

import statistics
import time
from importlib.resources import as_file, files

from matminer.utils.io import load_dataframe_from_json

from matminer_phonon_tl import load_dataset

ROUNDS = 15


def main() -> None:
    """Print both times and their ratio."""
    ours, theirs = [], []
    with as_file(files("matminer_phonon_tl.datasets") / "phonon_tl.json.gz") as path:
        for _ in range(ROUNDS):
            ours.append(seconds(load_dataset))
            theirs.append(seconds(lambda: load_dataframe_from_json(str(path), pbar=False)))
    ratios = [mine / other for mine, other in zip(ours[1:], theirs[1:], strict=True)]
    print(f"1245 rows with structures, {ROUNDS - 1} rounds in turn, medians")
    print(f"matminer_phonon_tl {1e3 * statistics.median(ours[1:]):6.0f} ms")
    print(f"matminer's reader  {1e3 * statistics.median(theirs[1:]):6.0f} ms")
    print(f"ratio              {statistics.median(ratios):6.2f}")


def seconds(work) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
