"""Scores of the regressors on the paper's task: 124 materials that have a gap.

Usage: python benchmarks/regressor_accuracy.py [--repeats N] [--nested] [--target NAME ...]

Protocol leak_free: shuffled five-fold cross-validation of the 124 gapped materials, everything
(scaler, hyperparameters, intervals) fitted inside the fold, and the source without any tested
formula. "nested" chooses also the settings inside each training fold, among the candidates below.
bulk_accuracy.py scores speed of sound and heat capacity of materials at large.
"""

import argparse
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from tqdm import tqdm

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.datasets import load_phonondb_kyoto
from matminer_phonon_tl.models import PhononRegressor, make_regressor

TARGETS = ("phonon_bandgap", "speed_of_sound", "heat_capacity")
STRUCTURES = ["composition", "structure"]
GAP = "phonon_bandgap"
MOST_SITES = 12
"""No material of phonon_tl with a larger cell has a gap."""
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
        {"members": ("gp15",)},
        {"descriptors": "xenonpy"},
        {"descriptors": "lattice_dynamics", "members": THREE},
    ],
    "heat_capacity": [
        {},
        {"target_transform": "per_atom"},
        {"members": ("gp15",), "descriptors": "xenonpy"},
        {"members": ("gp15", "gp25")},
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
        if target == "phonon_bandgap":
            on_the_gapped(df, target, arguments.repeats, more=gapped_of_kyoto(df))
        if arguments.nested:
            on_the_gapped(df, target, arguments.repeats, nested=True)


def on_the_gapped(
    df: pd.DataFrame,
    target: str,
    repeats: int,
    *,
    structure: bool = False,
    labels: bool = False,
    nested: bool = False,
    more: pd.DataFrame | None = None,
) -> None:
    """The paper's task: train and test on materials that have a gap; ``more`` is learnt along."""
    gapped = df[df["has_phonon_bandgap"]]
    truth = gapped[target].to_numpy()
    rounds, inside, chosen = [], [], Counter()
    for repeat in range(repeats):
        held_out, within = np.empty(len(gapped)), np.empty(len(gapped), dtype=bool)
        for train, test, source in splits(df, gapped, repeat, target, labels=labels, more=more):
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
    source_name = source_name if more is None else f"{len(more)} of Kyoto"
    print(
        f"{target:16s}{'yes' if structure else 'no':10s}{source_name:12s}| {errors.mean():.3f}  "
        f"{np.abs(averaged - truth).mean():.3f}        {r2_score(truth, averaged):.3f}  "
        f"{np.mean(inside):.3f}             {dict(chosen) if nested else 'fixed'}",
        flush=True,
    )


def gapped_of_kyoto(df: pd.DataFrame) -> pd.DataFrame:
    """Stable materials of phonondb_kyoto that have a gap and are not in phonon_tl."""
    kyoto = load_phonondb_kyoto()
    new = ~kyoto["material_id"].isin(df["material_id"]) & (kyoto["nsites"] <= MOST_SITES)
    return kyoto.loc[new & kyoto["has_phonon_bandgap"].fillna(False), [*STRUCTURES, "formula", GAP]]


def splits(
    df: pd.DataFrame,
    gapped: pd.DataFrame,
    repeat: int,
    target: str,
    *,
    labels: bool,
    more: pd.DataFrame | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, pd.DataFrame]]:
    """Folds of the gapped materials, each with the source its training may see."""
    folds = list(KFold(5, shuffle=True, random_state=repeat).split(gapped))
    for train, test in tqdm(folds, desc=f"{target} {repeat + 1}", disable=None, leave=False):
        tested = gapped["formula"].iloc[test]
        known = ~df["formula"].isin(tested)
        source = df[known] if labels else df.loc[known, STRUCTURES]
        if more is not None:
            source = pd.concat([source, more[~more["formula"].isin(tested)]])
        yield train, test, source


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


if __name__ == "__main__":
    main()
