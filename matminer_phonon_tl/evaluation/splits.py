"""Which rows are trained on and which are tested: folds by row, by group and by element.

A split belongs to a *round*, in which no row is tested twice. A round of a K-fold tests every row,
a round of a 60/40 split tests four in ten, a round of leave-one-element-out those with the element.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.utils.validation import indexable

from matminer_phonon_tl.compositions import as_compositions
from matminer_phonon_tl.evaluation._checks import check_whole
from matminer_phonon_tl.evaluation.element_splits import ElementKFold, LeaveOneElementOut

GROUPINGS = ("formula", "chemical_system", "element")


@dataclass(frozen=True, eq=False)
class Split:
    """Rows that are trained on and rows that are tested, by position.

    Attributes
    ----------
    round : int
        Splits of one round test different rows.
    fold : int
        Number within the round.
    train, test : ndarray of int
    name : str
        What is held out, where it has a name: an element's symbol.
    """

    round: int
    fold: int
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    name: str = ""


def group_labels(X: Any, groups: Any, n_rows: int) -> NDArray[Any] | None:
    """Return the group each row belongs to.

    Parameters
    ----------
    X : DataFrame or sequence of compositions
        Read where groups are named.
    groups : {"formula", "chemical_system"}, array-like of shape (n_rows,), or None
        Reduced formula, set of elements, or labels of the caller's own.
    n_rows : int

    Returns
    -------
    ndarray of shape (n_rows,) or None

    Raises
    ------
    ValueError
        If there is no such grouping, or not one label for each row.

    Examples
    --------
    >>> group_labels(["In2N2", "InN", "In2O3"], "formula", 3).tolist()
    ['InN', 'InN', 'In2O3']
    >>> group_labels(["Fe2O3", "FeO", "NiO"], "chemical_system", 3).tolist()
    ['Fe-O', 'Fe-O', 'Ni-O']
    """
    if groups is None:
        return None
    if isinstance(groups, str):
        if groups not in ("formula", "chemical_system"):
            raise ValueError(
                "expected groups to be 'formula', 'chemical_system', a label for each row or None, "
                f"got {groups!r}"
            )
        compositions = as_compositions(X)
        if groups == "formula":
            return np.array([own.reduced_formula for own in compositions], dtype=object)
        return np.array([own.chemical_system for own in compositions], dtype=object)
    labels = np.asarray(groups)
    if labels.shape != (n_rows,):
        raise ValueError(
            f"expected a group for each of {n_rows} rows, got shape {labels.shape}: pass as many "
            "labels as rows"
        )
    missing = np.flatnonzero(pd.isna(labels))
    if len(missing):
        raise ValueError(
            f"expected a group for each of {n_rows} rows, got none in row {missing[0]}: give it a "
            "group of its own, or leave the row out"
        )
    return labels


def kfold_splits(
    X: Any,
    y: NDArray[Any],
    *,
    n_splits: int,
    n_repeats: int,
    groups: Any,
    random_state: int,
    stratify: bool = False,
) -> list[Split]:
    """Return repeated shuffled K-folds, by row, by group or by element.

    Parameters
    ----------
    X : DataFrame, matrix or sequence
        The materials.
    y : ndarray of shape (n_rows,)
        Labels, read only to stratify.
    n_splits, n_repeats : int
        Folds in a round, and rounds.
    groups : {"formula", "chemical_system", "element"}, array-like, or None
        What stays on one side of a split. With "element" see :class:`ElementKFold`.
    random_state : int
        Each round shuffles with a seed of its own.
    stratify : bool
        Keep the share of each class in the folds.

    Returns
    -------
    list of Split
    """
    n_rows = len(y)
    check_whole("n_splits", n_splits, 2)
    check_whole("n_repeats", n_repeats, 1)
    seeds = np.random.SeedSequence(random_state).generate_state(n_repeats) % 2**31
    by_element = isinstance(groups, str) and groups == "element"
    labels = None if by_element else group_labels(X, groups, n_rows)
    found = n_rows if labels is None else len(set(labels.tolist()))
    if found < n_splits and not by_element:
        what = "rows" if labels is None else "groups"
        raise ValueError(
            f"expected at least {n_splits} {what} for {n_splits} folds, got {found}: use fewer"
        )
    rows = np.zeros((n_rows, 1))
    splits: list[Split] = []
    for number, seed in enumerate(seeds.tolist()):
        if by_element:
            pairs = ElementKFold(n_splits, random_state=seed).split(X)
        elif labels is None:
            kind = StratifiedKFold if stratify else KFold
            pairs = kind(n_splits, shuffle=True, random_state=seed).split(rows, y)
        else:
            kind = StratifiedGroupKFold if stratify else GroupKFold
            pairs = kind(n_splits, shuffle=True, random_state=seed).split(rows, y, labels)
        splits += [Split(number, fold, train, test) for fold, (train, test) in enumerate(pairs)]
    return splits


def splits_of(
    splitter: Any, X: Any, y: NDArray[Any], groups: NDArray[Any] | None = None
) -> list[Split]:
    """Return the splits of any scikit-learn splitter, or of an iterable of index pairs.

    A new round begins where a row is tested that the present round has tested already, so that
    the repeats of ``RepeatedKFold`` or ``ShuffleSplit`` are told apart.

    Parameters
    ----------
    splitter : object with ``split(X, y, groups)``, or iterable of (train, test)
    X : DataFrame, matrix or sequence
    y : ndarray of shape (n_rows,)
    groups : ndarray of shape (n_rows,), optional

    Returns
    -------
    list of Split

    Raises
    ------
    ValueError
        If a row is trained on and tested in one split, a position does not exist, or a side is
        empty.
    """
    names: Sequence[str] = []
    if isinstance(splitter, LeaveOneElementOut):
        names = splitter.elements(X)
    if hasattr(splitter, "split") and not isinstance(splitter, str):
        pairs = splitter.split(*indexable(X, y, groups))
    elif isinstance(splitter, Iterable) and not isinstance(splitter, str):
        pairs = splitter
    else:
        raise ValueError(
            "expected a splitter with a method split, or (train, test) pairs of row numbers, got "
            f"{type(splitter).__name__}"
        )
    splits: list[Split] = []
    tested = np.zeros(len(y), dtype=bool)
    number = fold = 0
    for position, (train, test) in enumerate(pairs):
        train, test = _positions(train, len(y)), _positions(test, len(y))  # noqa: PLW2901
        both = np.intersect1d(train, test)
        if both.size:
            raise ValueError(
                f"expected no row on both sides of a split, got row {both[0]} on both sides of "
                f"split {position}: its label would be known to the model"
            )
        if tested[test].any():
            number, fold = number + 1, 0
            tested[:] = False
        tested[test] = True
        name = names[position] if names else ""
        splits.append(Split(number, fold, train, test, name))
        fold += 1
    if not splits:
        raise ValueError("expected at least one split, got none: check the splitter")
    return splits


def shrink_training(splits: Sequence[Split], fraction: float, random_state: int = 0) -> list[Split]:
    """Keep a random part of each training side and the whole test side, for a learning curve.

    Parts of one random_state are nested: the rows of a smaller one are in every larger one.

    Parameters
    ----------
    splits : sequence of Split
    fraction : float
        Share of the training rows that is kept, above 0 and at most 1.
    random_state : int

    Returns
    -------
    list of Split

    Raises
    ------
    ValueError
        If the fraction is out of range or leaves fewer than two rows.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"expected a fraction above 0 and at most 1, got {fraction}")
    smaller = []
    for number, split in enumerate(splits):
        kept = round(fraction * len(split.train))
        if kept < 2:
            raise ValueError(
                f"expected a fraction that leaves two rows to train on, got {fraction} of "
                f"{len(split.train)}: take a larger one"
            )
        order = np.random.default_rng([random_state, number]).permutation(split.train)
        smaller.append(replace(split, train=np.sort(order[:kept])))
    return smaller


def _positions(rows: Any, n_rows: int) -> NDArray[np.intp]:
    positions = np.asarray(rows)
    if positions.dtype == bool:
        positions = np.flatnonzero(positions)
    if positions.ndim != 1 or positions.size == 0 or positions.dtype.kind not in "iu":
        raise ValueError(
            "expected both sides of a split as row numbers, at least one each, got "
            f"{positions.dtype} of shape {positions.shape}"
        )
    if positions.min() < 0 or positions.max() >= n_rows:
        raise ValueError(
            f"expected row numbers from 0 to {n_rows - 1}, got {positions.min()} to "
            f"{positions.max()}: splits count positions, not index labels"
        )
    return positions.astype(np.intp)
