"""Processor time of describing and predicting one structure, beside another tree and matminer.

Usage: python benchmarks/structures.py [STRUCTURES] [--against FOLDER] [--sample 60] [--rounds 3]

STRUCTURES is a dataset in matminer's format with a column ``structure``; default: phonon_tl, every
n-th of its structures. FOLDER is an older source tree of this package. Each round starts a process
for each, one after the other, on one thread; the least processor time counts, which other work on
the machine lengthens least. Magpie is that of the compositions; GlobalSymmetryFeatures
gives space group and crystal system. The last line is the largest relative difference of what the
two trees predict, for gaps in units of 1 cm-1 or more.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

PREDICT = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from matminer_phonon_tl import load_dataset
from matminer_phonon_tl.models import PhononPredictor
structures = load_dataset(path=json.loads(sys.argv[1]))["structure"].tolist()
structures = structures[:: max(1, len(structures) // int(sys.argv[2]))]
predictor = PhononPredictor.from_pretrained(structure=True)
predictor.predict(structures[:3], warn=False)
started = time.process_time()
frame = predictor.predict([each.copy() for each in structures], warn=False)
seconds = time.process_time() - started
wanted = ["has_gap_probability", "phonon_bandgap", "speed_of_sound", "heat_capacity"]
predicted = frame[wanted].astype(float).fillna(0).to_numpy().tolist()
print(json.dumps([1e3 * seconds / len(structures), predicted]))
"""
MATMINER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from matminer.featurizers.composition import ElementProperty
from matminer.featurizers.structure import GlobalSymmetryFeatures
from matminer_phonon_tl import load_dataset
structures = load_dataset(path=json.loads(sys.argv[1]))["structure"].tolist()
structures = structures[:: max(1, len(structures) // int(sys.argv[2]))]
magpie = ElementProperty.from_preset("magpie", impute_nan=True)
symmetry = GlobalSymmetryFeatures()
times = []
for featurize, entries in (
    (magpie.featurize, [each.composition for each in structures]),
    (symmetry.featurize, [each.copy() for each in structures]),
):
    featurize(entries[0])
    started = time.process_time()
    for entry in entries:
        featurize(entry)
    times.append(1e3 * (time.process_time() - started) / len(entries))
print(json.dumps([times, None]))
"""


def main() -> None:
    """Print the times and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("structures", nargs="?", type=Path)
    parser.add_argument("--against", type=Path, help="an older source tree")
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    here = Path(__file__).parents[1]
    trees = {"this tree": here}
    if arguments.against:
        trees["the older tree"] = arguments.against.resolve()
    times: dict[str, list[float]] = {}
    predicted = {}
    for _ in range(arguments.rounds):
        for name, tree in trees.items():
            milliseconds, predicted[name] = measured(PREDICT, tree, arguments)
            times.setdefault(f"predict, {name}", []).append(milliseconds)
        (magpie, symmetry), _ = measured(MATMINER, here, arguments)
        times.setdefault("Magpie (composition)", []).append(magpie)
        times.setdefault("GlobalSymmetryFeatures", []).append(symmetry)
    ours = min(times["predict, this tree"])
    print(f"{len(predicted['this tree'])} structures, processor time of each, one thread")
    for name, values in times.items():
        print(f"{name:24s} {min(values):8.2f} ms  ratio {min(values) / ours:6.2f}")
    if arguments.against:
        pairs = zip(predicted["this tree"], predicted["the older tree"], strict=True)
        apart = max(
            abs(new - old) / max(1.0, abs(old))
            for rows in pairs
            for new, old in zip(*rows, strict=True)
        )
        print(f"largest difference of what the two predict: {apart:.1e}")


def measured(code: str, tree: Path, arguments: argparse.Namespace) -> tuple:
    """Run the code in a process of its own with a tree's package."""
    path = None if arguments.structures is None else str(arguments.structures.resolve())
    result = subprocess.run(
        [sys.executable, "-c", code, json.dumps(path), str(arguments.sample)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return tuple(json.loads(result.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
