"""Scores of held-out predictions: in each round, over the rounds, and of averaged predictions.

The paper averages a material's predictions over its fifteen rounds before it scores them. This is
the score of an ensemble of fifteen models, a little better than the score of one model. Both are
given, under different names.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

Array = NDArray[np.float64]

REGRESSION_SCORES: Mapping[str, Callable[[Array, Array], float]] = {
    "mae": mean_absolute_error,
    "rmse": root_mean_squared_error,
    "r2": r2_score,
}
"""Errors in the target's unit, and the coefficient of determination."""

CLASSIFICATION_SCORES: Mapping[str, Callable[[Array, Array], float]] = {
    "f1": lambda y, decided: f1_score(y, decided == 1, zero_division=0.0),
    "auroc": roc_auc_score,
    "auprc": average_precision_score,
    "accuracy": lambda y, decided: accuracy_score(y, decided == 1),
}
"""Scores of the probability of the positive class, or of decisions (:data:`OF_DECISIONS`)."""

OF_DECISIONS = frozenset({"f1", "accuracy"})
"""Scores of what a classifier decides, which need not mean a probability above one half."""


@dataclass(frozen=True)
class Score:
    """A score: its mean and spread over the rounds, and its value for averaged predictions.

    Attributes
    ----------
    name : str
        "mae", "rmse", "r2"; "f1", "auroc", "auprc", "accuracy".
    mean : float
        Mean over the rounds: what one model reaches.
    std : float
        Standard deviation over the rounds (ddof 1; NaN for a single round). It tells how much the
        draw of folds and seeds matters. It is not an error bar for new materials, because every
        round has the same materials.
    of_averaged : float
        Score of the predictions averaged over the rounds, the paper's way; for decisions, of what
        most rounds decide.
    per_round : tuple of float
        NaN where a round cannot be scored: R2 of a single row, AUROC of a single class.
    """

    name: str
    mean: float
    std: float
    of_averaged: float
    per_round: tuple[float, ...]

    def __str__(self) -> str:
        """Say the score with its spread."""
        spread = "" if np.isnan(self.std) else f" ± {self.std:.4g}"
        return f"{self.name} {self.mean:.4g}{spread} (averaged predictions {self.of_averaged:.4g})"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, None for NaN."""
        return {
            "mean": _or_none(self.mean),
            "std": _or_none(self.std),
            "of_averaged": _or_none(self.of_averaged),
            "per_round": [_or_none(value) for value in self.per_round],
        }


def score_predictions(
    y: NDArray[Any],
    predictions: NDArray[Any],
    task: str,
    decisions: NDArray[Any] | None = None,
) -> dict[str, Score]:
    """Score the held-out predictions of one or more rounds.

    Predictions have shape (n_rounds, n_rows), NaN where a row was not tested; for a classification
    they are probabilities of the positive class. `decisions` of the same shape, 1 and 0, are what
    f1 and accuracy score, whatever the probabilities are. Averaged, a row is positive if at least
    half of the rounds that tested it say so. Without decisions, a probability of one half or more
    is positive.

    >>> scores = score_predictions(
    ...     np.array([1.0, 2.0, 3.0]), np.array([[1.0, 2.0, 4.0], [1.0, 2.0, 2.0]]), "regression"
    ... )
    >>> print(scores["mae"])
    mae 0.3333 ± 0 (averaged predictions 0)
    """
    functions = CLASSIFICATION_SCORES if task == "classification" else REGRESSION_SCORES
    averaged = average_rounds(predictions)
    scored = dict.fromkeys(functions, (predictions, averaged))
    if task == "classification":
        if decisions is None:
            decided = _at_least_half(predictions), _at_least_half(averaged)
        else:
            decided = decisions, _at_least_half(average_rounds(decisions))
        scored |= dict.fromkeys(OF_DECISIONS, decided)
    scores = {}
    for name, function in functions.items():
        of_rounds, of_all = scored[name]
        rounds = tuple(_score(name, function, y, row) for row in of_rounds)
        known = [value for value in rounds if not np.isnan(value)]
        scores[name] = Score(
            name=name,
            mean=float(np.mean(known)) if known else float("nan"),
            std=float(np.std(known, ddof=1)) if len(known) > 1 else float("nan"),
            of_averaged=_score(name, function, y, of_all),
            per_round=rounds,
        )
    return scores


def average_rounds(predictions: NDArray[Any]) -> Array:
    """Average each row's predictions over the rounds in which it was tested; NaN if in none.

    >>> average_rounds(np.array([[1.0, np.nan], [3.0, np.nan]])).tolist()
    [2.0, nan]
    """
    tested = ~np.isnan(predictions)
    total = np.where(tested, predictions, 0.0).sum(axis=0)
    times = tested.sum(axis=0)
    return np.divide(total, times, out=np.full(total.shape, np.nan), where=times > 0)


def _at_least_half(values: NDArray[Any]) -> Array:
    """Return 1 or 0; NaN stays."""
    return np.where(np.isnan(values), np.nan, (values >= 0.5).astype(np.float64))


def _score(
    name: str, function: Callable[[Array, Array], float], y: NDArray[Any], predicted: Array
) -> float:
    tested = ~np.isnan(predicted)
    truth = y[tested]
    one_class = name in ("auroc", "auprc", "f1") and len(np.unique(truth)) < 2
    if not tested.any() or (name == "r2" and len(truth) < 2) or one_class:
        return float("nan")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        return float(function(truth, predicted[tested]))


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
