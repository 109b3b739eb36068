"""Scores of the gap classifier: on the paper's split, and where no formula is on both sides.

Usage: python benchmarks/gap_classifier_accuracy.py [--repeats N] [--nested-repeats N] [--only PART]

Every score is printed with its protocol. "nested" means that the settings were chosen anew in each
training fold, by average precision in an inner cross-validation grouped by formula.
"""

import argparse
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    roc_auc_score,
)
from sklearn.model_selection import (
    StratifiedGroupKFold,
    StratifiedShuffleSplit,
    cross_val_predict,
)
from tqdm import tqdm

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.models import PhononGapClassifier
from matminer_phonon_tl.models.materials import descriptor_matrix

PAPERS_TOP_FOUR = (
    "sum:fusion_enthalpy", "max:en_pauling", "sum:gs_bandgap", "min:sound_velocity",
)  # fmt: skip
ONE_FOREST = {"n_estimators": [200], "max_depth": [None]}
BASELINES = [
    {"descriptors": "xenonpy", "forest": "random_forest", "balance": "smote"},
    {"descriptors": "xenonpy", "forest": "random_forest", "balance": "class_weight"},
    {"descriptors": "lattice_dynamics", "forest": "random_forest", "balance": "class_weight"},
]
"""Only to compare: the paper's model, and weights in place of oversampling."""
CANDIDATES = {
    False: [
        {"descriptors": "xenonpy", "forest": "extra_trees", "balance": "smote"},
        {"descriptors": "lattice_dynamics", "forest": "random_forest", "balance": "smote"},
        {"descriptors": "lattice_dynamics", "forest": "extra_trees", "balance": "smote"},
    ],
}
CANDIDATES[True] = [
    *CANDIDATES[False],
    {"descriptors": "bond_valence", "forest": "random_forest", "balance": "smote"},
    {"descriptors": "bond_valence", "forest": "extra_trees", "balance": "smote"},
    {
        "descriptors": "bond_valence",
        "forest": "extra_trees",
        "balance": "smote",
        "standard_bonds": True,
    },
]
"""Among which the nested selection chooses, without and with structure."""


def main() -> None:
    """Print every score with its protocol."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="repeats of the grouped folds")
    parser.add_argument("--nested-repeats", type=int, default=5, help="repeats with selection")
    parts = ("papers_split", "random_splits", "composition", "structure")
    parser.add_argument("--only", choices=parts, nargs="+", default=parts, metavar="PART")
    arguments = parser.parse_args()
    df = load_phonon_tl()
    print("protocol                                        | F1     AUROC  AUPRC  accuracy")
    print("published (paper, its split, one run)           | 0.800  0.943  0.844  0.955")
    if "papers_split" in arguments.only:
        on_the_papers_split(df)
    if "random_splits" in arguments.only:
        on_random_splits(df)
    for what, use_structure in (("composition", False), ("structure", True)):
        if what in arguments.only:
            print(f"leak_free, 5 folds by formula, {what}")
            on_grouped_folds(
                df,
                use_structure=use_structure,
                repeats=arguments.repeats,
                nested_repeats=arguments.nested_repeats,
            )


def on_the_papers_split(df: pd.DataFrame) -> None:
    """Train on the 871 materials, test on the 374 of the paper; 17 formulas are on both sides."""
    train, test = (df[df["paper_split"] == side] for side in ("train", "test"))
    for protocol in ("leak_free", "published"):
        classifier = PhononGapClassifier(protocol=protocol, random_state=0)
        classifier.fit(train, train["has_phonon_bandgap"])
        truth = test["has_phonon_bandgap"].to_numpy()
        probability = classifier.predict_proba(test)[:, 1]
        name = f"paper's split, search {protocol}"
        report(name, [scores(truth, probability, classifier.threshold)])
        if protocol == "leak_free":
            print(f"  confusion (tn, fp, fn, tp): {confusion(truth, classifier.predict(test))}")
            labels = test["has_phonon_bandgap"]
            for kind, words in (("impurity", "alone"), ("clustered", "with their near copies")):
                importances = classifier.feature_importances(kind, test, labels)
                place = importances.rank(method="dense", ascending=False).astype(int)
                ranks = ", ".join(f"{name} {place[name]}" for name in PAPERS_TOP_FOUR)
                print(f"  the paper's top four rank, {words}: {ranks} of {place.max()}")


def on_random_splits(df: pd.DataFrame) -> None:
    """Twenty random 70/30 splits, as kind or unkind as they come."""
    D = descriptor_matrix(df, "xenonpy", use_structure=False)
    y, formulas = df["has_phonon_bandgap"].to_numpy(), df["formula"].to_numpy()
    rows = []
    splitter = StratifiedShuffleSplit(20, test_size=0.3, random_state=0)
    for train, test in tqdm(list(splitter.split(D, y)), desc="random splits", disable=None):
        classifier = PhononGapClassifier(param_grid=ONE_FOREST, random_state=0)
        classifier.fit(D[train], y[train], groups=formulas[train])
        rows.append(scores(y[test], classifier.predict_proba(D[test])[:, 1], 0.5))
    report("20 random 70/30 splits, paper's model", rows)


def on_grouped_folds(
    df: pd.DataFrame, *, use_structure: bool, repeats: int, nested_repeats: int
) -> None:
    """Five folds, no formula on both sides: baselines, candidates, and the nested selection."""
    candidates = CANDIDATES[use_structure]
    D = {
        seen_by(options): descriptor_matrix(
            df,
            options["descriptors"],
            use_structure=use_structure,
            standard_bonds="standard_bonds" in options,
        )
        for options in BASELINES + candidates
    }
    y, formulas = df["has_phonon_bandgap"].to_numpy(), df["formula"].to_numpy()
    nested = "nested selection"
    held_out: dict[str, list[np.ndarray]] = {
        name: [] for name in (*map(name_of, BASELINES), *map(name_of, candidates), nested)
    }
    chosen: Counter[str] = Counter()
    for repeat in tqdm(range(max(repeats, nested_repeats)), desc="grouped folds", disable=None):
        settings = [*(BASELINES if repeat < repeats else []), *candidates]
        of_repeat = {name_of(options): np.empty(len(y)) for options in settings}
        if repeat < nested_repeats:
            of_repeat[nested] = np.empty(len(y))
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=repeat)
        for train, test in folds.split(y, y, formulas):
            for options in settings:
                matrix = D[seen_by(options)]
                model = classifier(options, use_structure).fit(matrix[train], y[train])
                probability = model.predict_proba(matrix[test])[:, 1]
                of_repeat[name_of(options)][test] = probability
            if repeat < nested_repeats:
                selected = select(D, y, formulas, train, use_structure=use_structure)
                chosen[selected] += 1
                # The same fit on the same rows was made above.
                of_repeat[nested][test] = of_repeat[selected][test]
        for name, probability in of_repeat.items():
            held_out[name].append(probability)
    for name, rounds in held_out.items():
        report(f"  {name}, x {len(rounds)}", [scores(y, p, 0.5) for p in rounds])
        if len(rounds) > 1:
            averaged = np.mean(rounds, axis=0)
            report("  of predictions averaged over the rounds", [scores(y, averaged, 0.5)])
    print(f"  nested selection chose: {dict(chosen)}")


def select(
    D: dict[tuple[str, bool], np.ndarray],
    y: np.ndarray,
    formulas: np.ndarray,
    train: np.ndarray,
    *,
    use_structure: bool,
) -> str:
    """Name of the candidate of highest average precision in three folds of the training rows."""
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=0)
    inner = list(folds.split(y[train], y[train], formulas[train]))

    def precision(options: dict[str, Any]) -> float:
        matrix = D[seen_by(options)][train]
        model = classifier(options, use_structure)
        held_out = cross_val_predict(model, matrix, y[train], cv=inner, method="predict_proba")
        return average_precision_score(y[train], held_out[:, 1])

    return name_of(max(CANDIDATES[use_structure], key=precision))


def name_of(options: dict[str, Any]) -> str:
    """A candidate in words."""
    words = ["standard bonds" if name == "standard_bonds" else options[name] for name in options]
    return ", ".join(words).replace("_", " ")


def seen_by(options: dict[str, Any]) -> tuple[str, bool]:
    """What tells the descriptors of two candidates apart."""
    return options["descriptors"], "standard_bonds" in options


def classifier(options: dict[str, Any], use_structure: bool) -> PhononGapClassifier:
    """One candidate, without a search of its own."""
    return PhononGapClassifier(
        **options,
        use_structure=use_structure,
        param_grid=ONE_FOREST,
        group_by_formula=False,
        random_state=0,
    )


def scores(truth: np.ndarray, probability: np.ndarray, threshold: float) -> dict[str, float]:
    """F1 at the threshold, and what does not depend on it."""
    predicted = probability >= threshold
    return {
        "f1": f1_score(truth, predicted),
        "auroc": roc_auc_score(truth, probability),
        "auprc": average_precision_score(truth, probability),
        "accuracy": accuracy_score(truth, predicted),
    }


def confusion(truth: np.ndarray, predicted: np.ndarray) -> tuple[int, ...]:
    """True negatives, false positives, false negatives, true positives."""
    return tuple(int(n) for n in confusion_matrix(truth, predicted).ravel())


def report(name: str, rows: list[dict[str, float]]) -> None:
    """Print mean and, of several runs, standard deviation."""
    table = pd.DataFrame(rows)
    mean = "  ".join(f"{value:.3f}" for value in table.mean())
    spread = ""
    if len(table) > 1:
        spread = "  +- " + ", ".join(f"{value:.3f}" for value in table.std())
    print(f"{name:48s}| {mean}{spread}", flush=True)


if __name__ == "__main__":
    main()
