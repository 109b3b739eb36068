"""Conformal intervals: how many predicted spreads reach a wanted share of new labels.

Each material's label is predicted by models that were not trained on its formula. Its score is the
error of that prediction over the predicted spread, so that an interval of a given reach is wide
where the model is unsure. The empirical quantile of the scores, with the finite-sample correction,
is the reach: if new materials are like the training ones, the interval holds the wanted share of
their labels whatever the errors' distribution.

MAPIE's estimators do the same for one score a model; what they do not take are a spread that the
model itself predicts and folds grouped by formula, so the quantile stands here, and a test
(``tests/models/test_conformal.py``) holds it against MAPIE's.

References
----------
J. Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018), doi:10.1080/01621459.2017.1307116.
R. F. Barber et al., Ann. Stat. 49, 486 (2021), doi:10.1214/20-AOS1965.
"""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

Predict = Callable[
    [NDArray[np.intp], NDArray[np.intp]], tuple[NDArray[np.float64], NDArray[np.float64]]
]
"""Predictions and spreads of the second rows by a model of the first."""


def held_out_scores(
    fit_and_predict: Predict,
    labels: NDArray[np.float64],
    formulas: Sequence[str],
    *,
    n_own: int,
    cv: int,
    random_state: Any,
) -> NDArray[np.float64]:
    """Scores of the first ``n_own`` rows, ascending; the others help to train only.

    Parameters
    ----------
    fit_and_predict : callable
        ``(train, test) -> (prediction, spread)`` of the test rows.
    labels : ndarray of shape (n_rows,)
    formulas : sequence of str
        Rows of one formula are held out together.
    n_own : int
        Rows from the population that new materials are expected to come from.
    cv : int
        Folds.
    random_state : int or None
        Seed of the folds.

    Returns
    -------
    ndarray of shape (n_own,)
    """
    from sklearn.model_selection import GroupKFold

    folds = GroupKFold(cv, shuffle=True, random_state=random_state)
    scores = np.empty(n_own)
    for train, test in folds.split(labels, groups=np.asarray(formulas)):
        own = test[test < n_own]
        if len(own):
            mean, spread = fit_and_predict(train, own)
            scores[own] = np.abs(labels[own] - mean) / spread
    return np.sort(scores)


def reach(scores: NDArray[np.float64], level: Any) -> float:
    """Spreads that an interval must reach to hold a share ``level`` of new labels.

    Parameters
    ----------
    scores : ndarray of shape (n_scores,)
        Ascending.
    level : float

    Raises
    ------
    ValueError
        If the level is no share, or more than so many scores can promise.
    """
    if isinstance(level, bool) or not isinstance(level, Real) or not 0 < float(level) < 1:
        raise ValueError(f"expected a level between 0 and 1, got {level!r}")
    if not len(scores):
        raise ValueError(
            "expected a model with intervals, got one fitted with intervals=False: fit it anew"
        )
    n = len(scores)
    rank = int(np.ceil((n + 1) * float(level)))
    if rank > n:
        raise ValueError(
            f"expected a level of at most {n / (n + 1):.4f} with {n} training rows, got {level}"
        )
    return float(scores[rank - 1])
