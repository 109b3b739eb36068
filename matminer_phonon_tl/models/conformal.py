"""Conformal intervals: how many predicted spreads hold a wanted share of new labels.

Each material's label is predicted by models that were not trained on its formula. Its score is the
error of that prediction over the predicted spread, so that an interval of a given reach is wide
where the model is unsure. The empirical quantile of the scores, with the finite-sample correction,
is the reach: if new materials are like the training ones, the interval holds the wanted share of
their labels whatever the errors' distribution.

The quantile is computed here rather than by MAPIE because the model itself predicts the spread that
scales a score; a test (``tests/models/test_conformal.py``) compares it with MAPIE's.

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
"""Fits to the first rows; returns predictions and spreads of the second."""


def held_out_scores(
    fit_and_predict: Predict,
    labels: NDArray[np.float64],
    formulas: Sequence[str],
    *,
    n_scored: int,
    cv: int,
    random_state: Any,
) -> NDArray[np.float64]:
    """Return scores of the first rows, ascending; the other rows are only trained on.

    Parameters
    ----------
    fit_and_predict : callable
        ``(train, test) -> (prediction, spread)`` of the test rows.
    labels : ndarray of shape (n_rows,)
    formulas : sequence of str
        Rows of one formula are held out together.
    n_scored : int
        Rows from the population that new materials are expected to come from.
    cv : int
        Folds.
    random_state : int or None
        Seed of the folds.

    Returns
    -------
    ndarray of shape (n_scored,)
    """
    from sklearn.model_selection import GroupKFold

    folds = GroupKFold(cv, shuffle=True, random_state=random_state)
    scores = np.empty(n_scored)
    for train, test in folds.split(labels, groups=np.asarray(formulas)):
        scored = test[test < n_scored]
        if len(scored):
            mean, spread = fit_and_predict(train, scored)
            scores[scored] = np.abs(labels[scored] - mean) / spread
    return np.sort(scores)


def reach(scores: NDArray[np.float64], level: Any) -> float:
    """Return how many spreads an interval must reach to hold a share ``level`` of new labels.

    Parameters
    ----------
    scores : ndarray of shape (n_scores,)
        Ascending.
    level : float

    Raises
    ------
    ValueError
        If the level is no share, or higher than the number of scores can promise.
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
