"""What a model is given as X: a matrix of descriptors, or compositions it describes itself."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pymatgen.core import Composition
from pymatgen.core.structure import SiteCollection
from sklearn.utils.validation import validate_data

from matminer_phonon_tl.compositions import as_compositions
from matminer_phonon_tl.exceptions import CompositionError
from matminer_phonon_tl.models._descriptors import descriptor_matrix


class DescriptorInput(NamedTuple):
    """Descriptors, and the compositions they were made of where there were any."""

    matrix: np.ndarray
    compositions: list[Composition] | None


def holds_compositions(X: Any) -> bool:
    """Whether X is a table, series or list of compositions rather than a matrix.

    One entry that is meant as a composition is enough: the others are then refused by their rows.

    Examples
    --------
    >>> holds_compositions(["InN", "GaSb"]), holds_compositions([[1.0, 2.0], [3.0, 4.0]])
    (True, False)
    """
    if isinstance(X, pd.DataFrame):
        return any(name in X.columns for name in ("composition", "formula", "structure"))
    if isinstance(X, np.ndarray) and X.ndim != 1:
        return False
    if isinstance(X, pd.Series | np.ndarray | list | tuple):
        return any(isinstance(entry, str | Composition | Mapping | SiteCollection) for entry in X)
    return False


def describe(X: Any, descriptors: str) -> DescriptorInput:
    """Return compositions and their descriptors of the named set."""
    compositions = as_compositions(X)
    matrix = descriptor_matrix(compositions, descriptors, use_structure=False)
    return DescriptorInput(matrix, compositions)


def read_input(estimator: Any, X: Any, y: Any = None, *, fitting: bool) -> Any:
    """Read X (and y when fitting) for a scikit-learn estimator.

    Parameters
    ----------
    estimator : BaseEstimator
        Whose ``n_features_in_`` is set, or checked.
    X : array-like, DataFrame, Series or list
        A matrix of numbers, or compositions.
    y : array-like of shape (n_samples,)
        Labels; only with `fitting`.
    fitting : bool
        Whether this is ``fit``.

    Returns
    -------
    DescriptorInput, or (DescriptorInput, ndarray of shape (n_samples,)) when fitting
        Double precision, finite.

    Raises
    ------
    ValueError
        In scikit-learn's words for a bad matrix or bad labels, in those of `as_compositions` for
        bad compositions, by their rows.
    """
    compositions = None
    if isinstance(X, pd.Series | list | tuple) and not len(X):
        raise CompositionError(
            "expected at least one material, got none: pass compositions, or a matrix of "
            "descriptors"
        )
    if holds_compositions(X):
        X, compositions = describe(X, estimator.descriptors)
        if not fitting and estimator.n_features_in_ != X.shape[1]:
            raise ValueError(
                f"expected a matrix of {estimator.n_features_in_} columns, as the model was fitted "
                f"on, got compositions, which have {X.shape[1]} descriptors: pass the matrix"
            )
        if hasattr(estimator, "feature_names_in_") and not fitting:
            names = estimator.feature_names_in_
            X = pd.DataFrame(X, columns=names)
    if not fitting:
        X = validate_data(estimator, X, reset=False, dtype=np.float64)
        return DescriptorInput(X, compositions)
    X, y = validate_data(
        estimator, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2, multi_output=False
    )
    return DescriptorInput(X, compositions), np.asarray(y, dtype=np.float64)
