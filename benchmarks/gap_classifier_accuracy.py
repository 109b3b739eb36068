"""Scores of the gap classifier: on the paper's split, and where no formula is on both sides.

Usage: python benchmarks/gap_classifier_accuracy.py [--repeats N]

Every score is printed with its protocol. "nested" means that the settings were chosen anew in each
training fold, by average precision in an inner cross-validation grouped by formula.
"""

import argparse
from collections import Counter

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
from matminer_phonon_tl.models._descriptors import descriptor_matrix

PAPERS_TOP_FOUR = (
    "sum:fusion_enthalpy", "max:en_pauling", "sum:gs_bandgap", "min:sound_velocity",
)  # fmt: skip
ONE_FOREST = {"n_estimators": [200], "max_depth": [None]}
CANDIDATES = [
    {"descriptors": descriptors, "forest": forest, "balance": balance}
    for descriptors in ("xenonpy", "lattice_dynamics")
    for forest, balance in (
        ("random_forest", "smote"),
        ("random_forest", "class_weight"),
        ("extra_trees", "smote"),
    )
]


def main() -> None:
    """Print every score with its protocol."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="repeats of the grouped folds")
    parser.add_argument("--nested-repeats", type=int, default=1, help="of them with selection")
    arguments = parser.parse_args()
    df = load_phonon_tl()
    print("protocol                                        | F1     AUROC  AUPRC  accuracy")
    print("published (paper, its split, one run)           | 0.800  0.943  0.844  0.955")
    on_the_papers_split(df)
    on_random_splits(df)
    for use_structure in (False, True):
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
        report(name, [scores(truth, probability, classifier.threshold_)])
        if protocol == "leak_free":
            print(f"  confusion (tn, fp, fn, tp): {confusion(truth, classifier.predict(test))}")
            order = list(classifier.feature_importances().index)
            ranks = [f"{name} {order.index(name) + 1}" for name in PAPERS_TOP_FOUR]
            print(f"  the paper's top four descriptors rank: {', '.join(ranks)} of {len(order)}")


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
    """Five folds, no formula on both sides: fixed settings, then nested selection."""
    D = {
        name: descriptor_matrix(df, name, use_structure=use_structure)
        for name in ("xenonpy", "lattice_dynamics")
    }
    y, formulas = df["has_phonon_bandgap"].to_numpy(), df["formula"].to_numpy()
    what = "structure" if use_structure else "composition"
    rows: dict[str, list[dict[str, float]]] = {name_of(options): [] for options in CANDIDATES}
    rows["nested selection"] = []
    chosen: Counter[str] = Counter()
    averaged: dict[str, list[np.ndarray]] = {name: [] for name in rows}
    for repeat in tqdm(range(repeats), desc="grouped folds", disable=None):
        held_out = {name: np.empty(len(y)) for name in rows}
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=repeat)
        for train, test in folds.split(y, y, formulas):
            settings = list(CANDIDATES)
            if repeat < nested_repeats:
                selected = select(D, y, formulas, train, use_structure=use_structure)
                chosen[name_of(selected)] += 1
                settings.append(selected)
            for name, options in zip(rows, settings, strict=False):
                matrix = D[options["descriptors"]]
                model = classifier(options, use_structure).fit(matrix[train], y[train])
                held_out[name][test] = model.predict_proba(matrix[test])[:, 1]
        for name, probability in held_out.items():
            if not name.startswith("nested") or repeat < nested_repeats:
                rows[name].append(scores(y, probability, 0.5))
                averaged[name].append(probability)
    what = "structure" if use_structure else "composition"
    print(f"leak_free, 5 folds by formula, {what}")
    for name, values in rows.items():
        report(f"  {name}, x {len(values)}", values)
        if len(values) > 1:
            report(
                "  of predictions averaged over the rounds",
                [scores(y, np.mean(averaged[name], axis=0), 0.5)],
            )
    print(f"  nested selection chose: {dict(chosen)}")


def select(
    D: dict[str, np.ndarray],
    y: np.ndarray,
    formulas: np.ndarray,
    train: np.ndarray,
    *,
    use_structure: bool,
) -> dict[str, str]:
    """The candidate of highest average precision in three folds of the training rows."""
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=0)
    inner = list(folds.split(y[train], y[train], formulas[train]))

    def precision(options: dict[str, str]) -> float:
        matrix = D[options["descriptors"]][train]
        model = classifier(options, use_structure)
        held_out = cross_val_predict(model, matrix, y[train], cv=inner, method="predict_proba")
        return average_precision_score(y[train], held_out[:, 1])

    return max(CANDIDATES, key=precision)


def name_of(options: dict[str, str]) -> str:
    """A candidate in words."""
    return ", ".join(options.values()).replace("_", " ")


def classifier(options: dict[str, str], use_structure: bool) -> PhononGapClassifier:
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
