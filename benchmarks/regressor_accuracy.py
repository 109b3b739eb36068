"""Scores of the shipped regressors, with and without structure, trained on 124 or on 1245.

Usage: python benchmarks/regressor_accuracy.py [--repeats N] [--nested] [--target NAME ...]

Protocol leak_free: shuffled five-fold cross-validation of the 124 gapped materials, everything
(scaler, hyperparameters, intervals) fitted inside the fold, and the source without any tested
formula. "nested" chooses also the settings inside each training fold, among the candidates below.
The folds of the last table are grouped by formula.
"""

import argparse
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold
from tqdm import tqdm

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.models import PhononRegressor, make_regressor

TARGETS = ("phonon_bandgap", "speed_of_sound", "heat_capacity")
STRUCTURES = ["composition", "structure"]
THREE = ("gp25", "gp25_per_feature", "svm")
CANDIDATES = {
    "phonon_bandgap": [
        {},
        {"analogues": False},
        {"members": ("gp25",)},
        {"members": ("svm",)},
        {"descriptors": "both", "members": ("gp25", "svm")},
        {"target_transform": "none"},
    ],
    "speed_of_sound": [
        {},
        {"target_transform": "log"},
        {"members": ("gp25",)},
        {"descriptors": "xenonpy"},
        {"descriptors": "lattice_dynamics", "members": THREE},
    ],
    "heat_capacity": [
        {},
        {"target_transform": "per_atom"},
        {"members": ("gp15", "gp25")},
        {"descriptors": "both"},
        {"descriptors": "lattice_dynamics", "members": THREE},
    ],
}
"""Changes to the recommended settings, among which the nested protocol chooses."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--nested", action="store_true", help="also choose settings in the fold")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one")
    arguments = parser.parse_args()
    targets = arguments.target or TARGETS
    df = load_phonon_tl()
    print(f"leak_free, 5-fold x {arguments.repeats} on the 124 gapped materials")
    print(
        "target          structure source      | MAE    of averaged  R2     coverage of 90 %  "
        "settings"
    )
    for target in targets:
        for structure in (False, True):
            on_the_gapped(df, target, arguments.repeats, structure=structure)
        on_the_gapped(df, target, arguments.repeats, labels=True)
        if arguments.nested:
            on_the_gapped(df, target, arguments.repeats, nested=True)
    print("leak_free, 5 folds by formula, all 1245 materials in turn")
    print("target           trained on | MAE of all  MAE of the gapped  coverage of 90 %")
    for target in [name for name in targets if name != "phonon_bandgap"]:
        for gapped_only in (True, False):
            on_all(df, target, gapped_only=gapped_only)


def on_the_gapped(
    df: pd.DataFrame,
    target: str,
    repeats: int,
    *,
    structure: bool = False,
    labels: bool = False,
    nested: bool = False,
) -> None:
    """The paper's task: train and test on materials that have a gap."""
    gapped = df[df["has_phonon_bandgap"]]
    truth = gapped[target].to_numpy()
    rounds, inside, chosen = [], [], Counter()
    for repeat in range(repeats):
        held_out, within = np.empty(len(gapped)), np.empty(len(gapped), dtype=bool)
        for train, test, source in splits(df, gapped, repeat, target, labels=labels):
            change = select(gapped.iloc[train], source, target) if nested else {}
            chosen[str(change)] += 1
            model = make_regressor(target, structure=structure, random_state=0)
            model.set_params(**change).fit(gapped.iloc[train], truth[train], source=source)
            held_out[test], lower, upper = model.predict_interval(gapped.iloc[test], 0.9)
            within[test] = (lower <= truth[test]) & (truth[test] <= upper)
        rounds.append(held_out)
        inside.append(within.mean())
    errors = np.abs(np.array(rounds) - truth).mean(axis=1)
    averaged = np.mean(rounds, axis=0)
    source_name = "labels" if labels else "none" if structure else "structures"
    print(
        f"{target:16s}{'yes' if structure else 'no':10s}{source_name:12s}| {errors.mean():.3f}  "
        f"{np.abs(averaged - truth).mean():.3f}        {r2_score(truth, averaged):.3f}  "
        f"{np.mean(inside):.3f}             {dict(chosen) if nested else 'fixed'}",
        flush=True,
    )


def splits(
    df: pd.DataFrame, gapped: pd.DataFrame, repeat: int, target: str, *, labels: bool
) -> Iterator[tuple[np.ndarray, np.ndarray, pd.DataFrame]]:
    """Folds of the gapped materials, each with the source its training may see."""
    folds = list(KFold(5, shuffle=True, random_state=repeat).split(gapped))
    for train, test in tqdm(folds, desc=f"{target} {repeat + 1}", disable=None, leave=False):
        known = ~df["formula"].isin(gapped["formula"].iloc[test])
        yield train, test, df[known] if labels else df.loc[known, STRUCTURES]


def select(training: pd.DataFrame, source: pd.DataFrame, target: str) -> dict[str, object]:
    """The change of lowest MAE in three folds of the training rows."""
    labels = training[target].to_numpy()
    described: list[PhononRegressor] = [
        make_regressor(target, random_state=0).set_params(intervals=False, **change)
        for change in CANDIDATES[target]
    ]
    errors = np.zeros(len(described))
    for train, test in KFold(3, shuffle=True, random_state=0).split(training):
        for number, model in enumerate(described):
            model.fit(training.iloc[train], labels[train], source=source)
            errors[number] += np.abs(model.predict(training.iloc[test]) - labels[test]).sum()
    return CANDIDATES[target][int(np.argmin(errors))]


def on_all(df: pd.DataFrame, target: str, *, gapped_only: bool) -> None:
    """A compound at large: test on every material, train on the gapped ones or on all."""
    truth, gapped = df[target].to_numpy(), df["has_phonon_bandgap"].to_numpy()
    held_out, within = np.empty(len(df)), np.empty(len(df), dtype=bool)
    folds = GroupKFold(5, shuffle=True, random_state=0)
    for train, test in folds.split(df, groups=df["formula"]):
        rows = train[gapped[train]] if gapped_only else train
        model = make_regressor(target, random_state=0).fit(df.iloc[rows], truth[rows])
        held_out[test], lower, upper = model.predict_interval(df.iloc[test], 0.9)
        within[test] = (lower <= truth[test]) & (truth[test] <= upper)
    error = np.abs(held_out - truth)
    name = "124" if gapped_only else "1245"
    print(
        f"{target:17s}{name:10s} | {error.mean():.3f}       {error[gapped].mean():.3f}"
        f"              {within.mean():.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
