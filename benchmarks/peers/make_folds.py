"""Write materials, labels and folds for peers that run in environments of their own.

Usage: python benchmarks/peers/make_folds.py FOLDS_JSON

The folds are those of ``cross_validate(..., protocol="leak_free", n_splits=5, n_repeats=3,
random_state=0)``: by row on the paper's 124 gapped materials, by formula on all 1245 for the
classifier. The heat capacity stands there twice, once per atom: a peer may learn what our own
regressors are told, that a compound of more atoms holds more heat.
"""

import json
import sys
from pathlib import Path

import numpy as np

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.evaluation.splits import kfold_splits

TARGETS = {"phonon_bandgap": "cm-1", "speed_of_sound": "km/s", "heat_capacity": "J/mol/K"}
PER_ATOM = "heat_capacity_per_atom"
CLASSIFIER = "has_phonon_bandgap"
N_SPLITS, N_REPEATS, SEED = 5, 3, 0


def main() -> None:
    """Write the file."""
    Path(sys.argv[1]).write_text(json.dumps(folds()), encoding="utf-8")


def folds() -> dict:
    """Return all that a peer may know, as plain values."""
    df = load_phonon_tl()
    gapped = np.flatnonzero(df[CLASSIFIER])
    by_row = splits(df.iloc[gapped], df["phonon_bandgap"].to_numpy()[gapped], None)
    by_formula = splits(df, df[CLASSIFIER].to_numpy(), "formula")
    tasks = {
        name: {
            "kind": "regression",
            "unit": unit,
            "protocol": "leak_free, 5 shuffled folds of the 124 gapped materials",
            "rows": gapped.tolist(),
            "labels": df[name].to_numpy()[gapped].tolist(),
            "splits": by_row,
        }
        for name, unit in {**TARGETS, PER_ATOM: "J/mol/K"}.items()
    }
    tasks[CLASSIFIER] = {
        "kind": "classification",
        "unit": "",
        "protocol": "leak_free, 5 stratified folds by formula of all 1245 materials",
        "rows": list(range(len(df))),
        "labels": df[CLASSIFIER].astype(int).tolist(),
        "splits": by_formula,
    }
    return {
        "formulas": df["formula"].tolist(),
        "compositions": [own.formula for own in df["composition"]],
        "tasks": tasks,
    }


def splits(df, labels: np.ndarray, groups: str | None) -> list[dict]:
    """Return the folds of ``cross_validate`` as plain values."""
    found = kfold_splits(
        df,
        labels,
        n_splits=N_SPLITS,
        n_repeats=N_REPEATS,
        groups=groups,
        random_state=SEED,
        stratify=groups is not None,
    )
    return [
        {
            "round": split.round,
            "fold": split.fold,
            "train": split.train.tolist(),
            "test": split.test.tolist(),
        }
        for split in found
    ]


if __name__ == "__main__":
    main()
