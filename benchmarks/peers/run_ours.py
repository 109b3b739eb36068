"""Our own models on the peers' folds, in our own environment.

Usage: python benchmarks/peers/run_ours.py FOLDS_JSON FOLDER

Writes ours.json and ours_structure.json into FOLDER. The gap from composition alone borrows
structures of other materials, without labels and without any tested formula ("strict"). That the
folds are those of the file is checked before anything is written. The classifier with structure
stands in docs/classifier.md: peers get compositions alone.
"""

import json
import sys
import time
from pathlib import Path

from make_folds import CLASSIFIER, N_REPEATS, N_SPLITS, SEED, TARGETS

from matminer_phonon_tl import __version__, load_phonon_tl
from matminer_phonon_tl.evaluation import CrossValidationResult, cross_validate
from matminer_phonon_tl.models import PhononGapClassifier, make_regressor


def main() -> None:
    """Write two files of predictions."""
    folds = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for name, structure in (("ours", False), ("ours_structure", True)):
        out = {
            "name": "ours, with structure" if structure else "ours",
            "settings": "make_regressor and PhononGapClassifier.recommended",
            "versions": {"matminer-phonon-tl": __version__},
            "tasks": {},
            "seconds": {},
        }
        for task in TARGETS if structure else (*TARGETS, CLASSIFIER):
            start = time.perf_counter()
            result = ours(task, structure=structure)
            check_folds(result, folds["tasks"][task])
            out["tasks"][task] = result.predictions.tolist()
            out["seconds"][task] = round(time.perf_counter() - start, 1)
            print(result, f"({out['seconds'][task]} s)", flush=True)
            (Path(sys.argv[2]) / f"{name}.json").write_text(json.dumps(out), encoding="utf-8")


def ours(task: str, *, structure: bool) -> CrossValidationResult:
    """Cross-validate the shipped settings of one task."""
    df = load_phonon_tl()
    options = {"n_splits": N_SPLITS, "n_repeats": N_REPEATS, "random_state": SEED, "n_jobs": 1}
    if task == CLASSIFIER:
        model = PhononGapClassifier.recommended(use_structure=structure, random_state=0)
        return cross_validate(model, df, task, groups="formula", **options)
    gapped = df[df["has_phonon_bandgap"]]
    model = make_regressor(task, structure=structure, random_state=0).set_params(intervals=False)
    if not structure and model.analogues:
        source = df[["composition", "structure"]]
        return cross_validate(model, gapped, task, protocol="strict", source=source, **options)
    return cross_validate(model, gapped, task, **options)


def check_folds(result: CrossValidationResult, task: dict) -> None:
    """Raise ValueError unless the folds are those that the peers were given."""
    same = [[split["round"], split["train"], split["test"]] for split in task["splits"]] == [
        [split.round, split.train.tolist(), split.test.tolist()] for split in result.splits
    ]
    if not same or result.y.tolist() != task["labels"]:
        raise ValueError(
            f"expected the folds and labels of the file for {result.target}, got others: make the "
            "file anew with make_folds.py"
        )


if __name__ == "__main__":
    main()
