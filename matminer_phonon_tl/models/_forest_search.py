"""Forests on oversampled data: the pipeline, its folds, and the search over its hyperparameters."""

from typing import Any, NamedTuple, Self

import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
)

from matminer_phonon_tl.exceptions import TrainingError

SMOTE_NEIGHBOURS = 5
FORESTS = {"random_forest": RandomForestClassifier, "extra_trees": ExtraTreesClassifier}


class TrainingSet(NamedTuple):
    """What the search is run on."""

    D: NDArray[np.float64]
    """Descriptors, shape (n_materials, n_descriptors)."""
    target: NDArray[np.int64]
    """1 where there is a gap."""
    groups: NDArray[Any] | None
    """Materials of one group stay on one side of every fold."""

    def oversampled(self, seed: int) -> "TrainingSet":
        """The paper's way: synthetic materials first, folds later; they leak across the folds."""
        D, target = SMOTE(k_neighbors=SMOTE_NEIGHBOURS, random_state=seed).fit_resample(
            self.D, self.target
        )
        return TrainingSet(D, target, None)

    def folds(self, n_folds: int, seed: int) -> list[Any]:
        """Stratified folds, by group where there are groups."""
        splitter = StratifiedKFold if self.groups is None else StratifiedGroupKFold
        folds = splitter(n_folds, shuffle=True, random_state=seed)
        return list(folds.split(self.D, self.target, self.groups))


def check_two_classes(target: NDArray[np.float64], n_folds: int) -> NDArray[np.int64]:
    """Refuse a target that is not of two classes, each large enough for every fold."""
    if not np.isin(target, (0, 1)).all():
        raise TrainingError(
            "expected has_phonon_bandgap to hold True and False, got other values: "
            "compare the gap with 0 first"
        )
    # The training side of each fold must hold SMOTE's neighbours.
    least = max(n_folds, 2 * SMOTE_NEIGHBOURS)
    for label, words in ((1, "with"), (0, "without")):
        count = int((target == label).sum())
        if count < least:
            raise TrainingError(
                f"expected at least {least} materials {words} a gap for {n_folds} folds, got "
                f"{count}: give more materials"
            )
    return target.astype(np.int64)


def check_folds(training: TrainingSet, folds: list[Any]) -> None:
    """Refuse folds in which a class is missing, or too small for SMOTE."""
    for train, test in folds:
        gaps = int(training.target[train].sum())
        if min(gaps, len(train) - gaps) <= SMOTE_NEIGHBOURS or not training.target[test].any():
            raise TrainingError(
                f"expected more than {SMOTE_NEIGHBOURS} materials of each kind on the training "
                "side of every fold and a gap on the other, got fewer: give more materials, of "
                "more formulas"
            )


def forest_pipeline(forest: str, balance: str, seed: int) -> Pipeline:
    """Oversampling, where it is asked for, and a forest: both see a fold's training side only."""
    weights = "balanced_subsample" if balance == "class_weight" else None
    # Extremely randomised trees are random enough: each sees all rows.
    bootstrap = forest == "random_forest"
    trees = FORESTS[forest](bootstrap=bootstrap, class_weight=weights, random_state=seed)
    steps: list[tuple[str, Any]] = [("forest", trees)]
    if balance == "smote":
        steps.insert(0, ("smote", SMOTE(k_neighbors=SMOTE_NEIGHBOURS, random_state=seed)))
    return Pipeline(steps)


def search(
    pipeline: Pipeline,
    grid: dict[str, list[Any]],
    training: TrainingSet,
    folds: list[Any],
    n_jobs: int | None,
) -> tuple[Pipeline, dict[str, Any], float | None]:
    """Choose the forest's hyperparameters by F1 and fit to all of ``training``.

    Returns
    -------
    pipeline : Pipeline
        Fitted.
    chosen : dict
        Hyperparameters of the forest.
    score : float or None
        Their F1 in the search's own folds; None for a grid of one point.
    """
    if all(len(values) == 1 for values in grid.values()):
        only = {name: values[0] for name, values in grid.items()}
        pipeline.set_params(**{f"forest__{name}": value for name, value in only.items()})
        return pipeline.fit(training.D, training.target), only, None
    found = GridSearchCV(
        pipeline,
        {f"forest__{name}": values for name, values in grid.items()},
        scoring="f1",
        cv=folds,
        n_jobs=n_jobs,
        error_score="raise",
    ).fit(training.D, training.target)
    chosen = {name.removeprefix("forest__"): value for name, value in found.best_params_.items()}
    return found.best_estimator_, chosen, float(found.best_score_)


def held_out_probabilities(
    pipeline: Pipeline, training: TrainingSet, folds: list[Any], n_jobs: int | None
) -> NDArray[np.float64]:
    """Probability of a gap for each training row, from a fit that did not see it."""
    return cross_val_predict(
        pipeline, training.D, training.target, cv=folds, method="predict_proba", n_jobs=n_jobs
    )[:, 1]


class OnMatrix(ClassifierMixin, BaseEstimator):
    """A fitted classifier that takes the descriptor matrix, for scikit-learn's inspection."""

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier
        self.classes_ = np.array([0, 1])

    def fit(self, X: Any, y: Any) -> Self:  # noqa: ARG002 (the classifier is fitted already)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        return self.classifier.predict_proba(X)
