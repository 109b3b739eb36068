"""Permuting labels, and measuring what predictions know of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from matminer_phonon_tl.evaluation.splits import Split


def permute_labels(
    y: NDArray[Any], groups: NDArray[Any] | None, random: np.random.Generator
) -> NDArray[Any]:
    """Permute labels, by row or by whole groups.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    groups : ndarray of shape (n_rows,), or None
        Each group gets the labels of another one, drawn at random from them where the sizes
        differ.
    random : Generator

    Returns
    -------
    ndarray of shape (n_rows,)

    Examples
    --------
    >>> labels, pairs = np.array([1.0, 1.0, 2.0, 2.0]), np.array(["a", "a", "b", "b"])
    >>> moved = permute_labels(labels, pairs, np.random.default_rng(0))
    >>> bool(moved[0] == moved[1] and moved[2] == moved[3])
    True
    """
    if groups is None:
        return random.permutation(y)
    numbers = pd.factorize(groups)[0]
    members = [np.flatnonzero(numbers == number) for number in range(numbers.max() + 1)]
    if len(members) < 2:
        raise ValueError("expected two groups or more to move labels between, got one")
    moved = np.empty_like(y)
    for own, donor in zip(members, random.permutation(len(members)), strict=True):
        given = random.permutation(y[members[donor]])
        if len(given) < len(own):
            given = random.choice(given, len(own))
        moved[own] = given[: len(own)]
    return moved


def measure(
    y: NDArray[Any], predictions: NDArray[np.float64], splits: Sequence[Split]
) -> tuple[float, float]:
    """Association within folds, and skill over the dummy, pooled over folds and rounds."""
    shared = of_labels = of_predictions = error = dummy_error = 0.0
    pairs = 0
    for split in splits:
        tested = split.test[~np.isnan(predictions[split.round, split.test])]
        if len(tested) < 2:
            continue
        pairs += 1
        truth, predicted = y[tested].astype(float), predictions[split.round, tested]
        truth_part, predicted_part = truth - truth.mean(), predicted - predicted.mean()
        shared += float(truth_part @ predicted_part)
        of_labels += float(truth_part @ truth_part)
        of_predictions += float(predicted_part @ predicted_part)
        error += float(np.square(predicted - truth).sum())
        dummy_error += float(np.square(y[split.train].mean() - truth).sum())
    if not pairs:
        raise ValueError(
            "expected folds with two tested rows or more, got none: leave-one-out cannot be "
            "probed, use fewer and larger folds"
        )
    spread = np.sqrt(of_labels * of_predictions)
    association = shared / spread if spread > 1e-12 * (1 + of_labels) else 0.0
    return association, 1.0 - error / dummy_error if dummy_error else 0.0


def one_sided_p(associations: NDArray[np.float64]) -> float:
    """Chance of a mean as high as this or higher, were the true one 0."""
    spread = associations.std(ddof=1) / np.sqrt(len(associations))
    if spread == 0:
        return 0.0 if associations.mean() > 0 else 1.0
    return float(student.sf(associations.mean() / spread, len(associations) - 1))
