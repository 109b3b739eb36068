"""How much each descriptor matters to a fitted gap classifier."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import average, fcluster
from scipy.spatial.distance import squareform
from scipy.stats import rankdata
from sklearn.inspection import permutation_importance
from sklearn.metrics import average_precision_score
from sklearn.utils import check_random_state

NEAR_COPIES = 0.8
"""Mean absolute rank correlation from which descriptors stand for each other."""


def permuted_importances(
    classifier: Any,
    D: NDArray[np.float64],
    truth: NDArray[np.float64],
    *,
    n_repeats: int,
    random_state: Any,
) -> NDArray[np.float64]:
    """Return the mean loss of average precision when one column is shuffled."""
    return permutation_importance(
        classifier,
        D,
        truth,
        scoring=_average_precision,
        n_repeats=n_repeats,
        random_state=random_state,
    ).importances_mean


def clustered_importances(
    classifier: Any,
    D: NDArray[np.float64],
    truth: NDArray[np.float64],
    *,
    n_repeats: int,
    random_state: Any,
) -> NDArray[np.float64]:
    """Return the mean loss of average precision when a column is shuffled with its near copies.

    Shuffled alone, a descriptor with near copies looks needless: the forest reads a copy.
    """
    random = check_random_state(random_state)
    clusters = near_copies(D)
    untouched = _average_precision(classifier, D, truth)
    importances = np.empty(D.shape[1])
    for cluster in np.unique(clusters):
        members = clusters == cluster
        losses = []
        for _ in range(n_repeats):
            shuffled = D.copy()
            shuffled[:, members] = D[random.permutation(len(D))][:, members]
            losses.append(untouched - _average_precision(classifier, shuffled, truth))
        importances[members] = np.mean(losses)
    return importances


def near_copies(D: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the number of the cluster that each column belongs to.

    Columns are joined (average linkage) as long as the mean of their absolute rank correlations
    is at least ``NEAR_COPIES``.
    """
    varies = np.ptp(D, axis=0) > 0
    ranks = rankdata(D, axis=0)
    ranks = (ranks - ranks.mean(axis=0)) / np.where(varies, ranks.std(axis=0), 1.0)
    likeness = np.abs(ranks.T @ ranks) / len(D)
    distance = np.maximum(1.0 - likeness, 0.0)
    np.fill_diagonal(distance, 0.0)
    links = average(squareform(distance, checks=False))
    return fcluster(links, 1.0 - NEAR_COPIES, criterion="distance")


def _average_precision(
    classifier: Any, D: NDArray[np.float64], truth: NDArray[np.float64]
) -> float:
    return float(average_precision_score(truth, classifier.predict_proba(D)[:, 1]))
