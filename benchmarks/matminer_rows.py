"""Processor time of predictions inside matminer's MultipleFeaturizer, beside another tree.

Usage: python benchmarks/matminer_rows.py [--rows 500] [--n-jobs 1] [--against FOLDER]

The featurizer as it comes, which asks row by row, with XenonPyDescriptors and PhononTLFeaturizer on
the first compositions of phonon_tl; loading the model counts. Its pickle is made after that. FOLDER
is an older source tree of this package; it runs after this one.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

CODE = """
import pickle, resource, sys, warnings
warnings.simplefilter("ignore")
from matminer.featurizers.base import MultipleFeaturizer
from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.featurizers import XenonPyDescriptors
from matminer_phonon_tl.models import PhononTLFeaturizer
def seconds():
    who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(sum(resource.getrusage(each)[:2]) for each in who)
table = load_phonon_tl()[["composition"]][: int(sys.argv[1])]
featurizer = MultipleFeaturizer([XenonPyDescriptors(), PhononTLFeaturizer()])
featurizer.set_n_jobs(int(sys.argv[2]))
started = seconds()
featurizer.featurize_dataframe(table, "composition", pbar=False)
print(f"{seconds() - started:.1f} s, pickle of {len(pickle.dumps(featurizer))} bytes")
"""


def main() -> None:
    """Print the time of each tree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--against", type=Path, help="an older source tree")
    arguments = parser.parse_args()
    trees = {"this tree": Path(__file__).parents[1]}
    if arguments.against:
        trees["the older tree"] = arguments.against.resolve()
    for name, tree in trees.items():
        result = subprocess.run(
            [sys.executable, "-c", CODE, str(arguments.rows), str(arguments.n_jobs)],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        print(f"{name:16s} {arguments.rows} rows: {result.stdout.splitlines()[-1]}")


if __name__ == "__main__":
    main()
