"""What transfer gains on the 124 gapped materials, measured without leakage.

    python benchmarks/transfer_accuracy.py [--repeats 3] [--target phonon_bandgap ...]

Five-fold cross-validation, shuffled, repeated. Two protocols, named with each score:

- ``leak_free``: everything is fitted inside the fold, source weights are copied;
- ``strict``: the source has never seen a formula that is tested, either.

Several settings are compared on the same folds, so the best of them looks slightly better than it
is. Only differences larger than the spread over the repeats mean anything.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import KFold

from matminer_phonon_tl.datasets import load_phonon_tl
from matminer_phonon_tl.models import TransferMLPRegressor
from matminer_phonon_tl.models.source_tasks import load_source

TRANSFORMS = {"phonon_bandgap": "sqrt", "speed_of_sound": "none", "heat_capacity": "per_atom"}


def all_tasks() -> pd.DataFrame:
    """Return the multi-task source over all materials, for use with tested formulas removed."""
    frame = load_phonon_tl()
    table = frame[
        [
            "composition",
            "bandgap",
            "speed_of_sound",
            "heat_capacity_per_atom",
            "formation_energy_per_atom",
        ]
    ].copy()
    table["volume_per_atom"] = frame["volume"] / frame["nsites"]
    return table


def settings_for(target: str) -> dict[str, tuple[dict, pd.DataFrame | None]]:
    """Return the settings compared: parameters, and the source table where formulas are removed."""
    gaps, ungapped, everything = load_source("bandgap"), load_source("multitask"), all_tasks()
    transform = {"target_transform": TRANSFORMS[target]}
    slow = {"learning_rate": 0.002, **transform}
    slower = {"learning_rate": 0.0005, "transfer_batch_norm": True, **transform}
    compact = {"descriptors": "lattice_dynamics", **transform}
    recommended = TransferMLPRegressor.recommended(target).get_params()
    return {
        "non-TL, paper's settings": ({"source": None}, None),
        "TL, paper's settings": ({}, None),
        "non-TL": ({"source": None, **transform}, None),
        "non-TL, rate 0.002": ({"source": None, **slow}, None),
        "TL band gap": (transform, gaps),
        "TL band gap, rate 0.002": (slow, gaps),
        "TL band gap, rate 0.002, BatchNorm": ({**slow, "transfer_batch_norm": True}, gaps),
        "TL multi-task, rate 0.002, BatchNorm": ({**slow, "transfer_batch_norm": True}, everything),
        "TL multi-task, rate 0.0005, BatchNorm": (slower, everything),
        "TL ungapped multi-task, rate 0.0005, BatchNorm": (slower, ungapped),
        "compact, non-TL": ({"source": None, **compact}, None),
        "compact, TL band gap, rate 0.002": ({**compact, **slow}, gaps),
        "compact, TL multi-task, rate 0.002": ({**compact, **slow}, everything),
        "recommended": (recommended, ungapped if recommended["source"] else None),
    }


def evaluate(
    model: TransferMLPRegressor,
    frame: pd.DataFrame,
    target: str,
    table: pd.DataFrame | None,
    n_repeats: int,
) -> dict[str, float]:
    """Cross-validate one setting: mean and spread of the scores over the repeats."""
    formulas = frame["composition"].map(lambda composition: composition.reduced_formula).to_numpy()
    splits = [
        split
        for repeat in range(n_repeats)
        for split in KFold(5, shuffle=True, random_state=repeat).split(frame)
    ]
    source = {}
    if table is not None:
        known = table["composition"].map(lambda composition: composition.reduced_formula)
        tables = [table[~known.isin(formulas[test])] for _, test in splits]
        source = {"source": tables}
    fitted = model.fit_folds(
        frame,
        frame[target].to_numpy(),
        [train for train, _ in splits],
        seeds=[i // 5 for i in range(len(splits))],
        **source,
    )
    y = frame[target].to_numpy()
    rounds = np.empty((n_repeats, len(frame)))
    for i, (estimator, (_, test)) in enumerate(zip(fitted, splits, strict=True)):
        rounds[i // 5, test] = estimator.predict(frame.iloc[test])
    maes = [mean_absolute_error(y, row) for row in rounds]
    return {
        "MAE": np.mean(maes),
        "spread": np.std(maes),
        "R2": np.mean([r2_score(y, row) for row in rounds]),
        "MAE of mean": mean_absolute_error(y, rounds.mean(axis=0)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--target", nargs="+", choices=list(TRANSFORMS), default=list(TRANSFORMS))
    parser.add_argument("--only", default="", help="settings whose name holds this")
    arguments = parser.parse_args()
    frame = load_phonon_tl(gapped_only=True)
    for target in arguments.target:
        for name, (parameters, table) in settings_for(target).items():
            if arguments.only not in name:
                continue
            model = TransferMLPRegressor(**parameters)
            score = evaluate(model, frame, target, table, arguments.repeats)
            protocol = "leak_free" if table is None else "strict"
            print(
                f"{target:16s} {name:48s} {protocol:9s} MAE {score['MAE']:.3f} "
                f"+- {score['spread']:.3f}  R2 {score['R2']:.3f}  "
                f"MAE of averaged predictions {score['MAE of mean']:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
