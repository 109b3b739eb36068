"""Which rows are trained on and which are tested: folds by row, by group and by element.

A split belongs to a *round*, in which no row is tested twice. A round of a K-fold tests every row,
a round of a 60/40 split tests four rows in ten, and a round of leave-one-element-out tests those
that hold the element.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import (
    BaseCrossValidator,
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.utils.validation import indexable

from matminer_phonon_tl.compositions import as_compositions
from matminer_phonon_tl.evaluation.checks import check_whole


@dataclass(frozen=True, eq=False)
class Split:
    """Rows that are trained on and rows that are tested, by position."""

    round: int
    """Number of the round; its splits test different rows."""
    fold: int
    """Number within the round."""
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    name: str = ""
    """Symbol of the element that is held out; otherwise empty."""


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """How an evaluation splits its rows."""

    protocol: str
    """Folds of "published" are contiguous and the same in every round; any other shuffles them."""
    n_splits: int
    n_repeats: int
    """Folds in a round, and rounds."""
    groups: Any
    """What stays on one side of a split: "formula", "chemical_system", "element", array-like, or
    None."""
    splitter: Any
    """In place of the K-folds: scikit-learn splitter, iterable of (train, test), or None."""
    random_state: int
    """Seed of the folds."""

    def __post_init__(self) -> None:
        """Raise ValueError where an option cannot be used, or not with the others."""
        check_whole("random_state", self.random_state, 0)
        if self.splitter is None and self.protocol == "published" and self.groups is not None:
            raise ValueError(
                "expected groups=None with protocol='published', got groups: the published folds "
                "know none"
            )
        if self.splitter is not None and isinstance(self.groups, str) and self.groups == "element":
            raise ValueError(
                "expected groups='element' without a splitter, got both: pass ElementKFold() as "
                "the splitter"
            )

    def make(
        self, table: Any, compositions: Any, y: NDArray[Any], *, stratify: bool
    ) -> list[Split]:
        """Return the splits of a table.

        A splitter is given the table; named groups are read from the compositions; `stratify` keeps
        the share of each class in the K-folds.
        """
        if self.splitter is not None:
            return splits_of(
                self.splitter, table, y, group_labels(compositions, self.groups, len(y))
            )
        return kfold_splits(
            compositions,
            y,
            n_splits=self.n_splits,
            n_repeats=self.n_repeats,
            groups=self.groups,
            random_state=self.random_state,
            stratify=stratify,
            shuffle=self.protocol != "published",
        )

    def as_settings(self, n_rounds: int) -> dict[str, Any]:
        """Return what a result says of its splits."""
        given = self.groups is not None and not isinstance(self.groups, str)
        return {
            "n_splits": self.n_splits if self.splitter is None else None,
            "n_repeats": n_rounds,
            "splitter": None if self.splitter is None else repr(self.splitter),
            "groups": "given" if given else self.groups,
            "random_state": self.random_state,
        }


def group_labels(X: Any, groups: Any, n_rows: int) -> NDArray[Any] | None:
    """Return the group each row belongs to: by name, or as given, one label for each row.

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
            return np.array([c.reduced_formula for c in compositions], dtype=object)
        return np.array([c.chemical_system for c in compositions], dtype=object)
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
    shuffle: bool = True,
) -> list[Split]:
    """Return repeated K-folds, by row, by group or by element (see :class:`ElementKFold`).

    Each round draws another seed from `random_state`. `stratify` keeps the share of each class of y
    in the folds. Without `shuffle`, folds by row or group are contiguous and the same in every
    round.
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
    kind: Any = StratifiedKFold if stratify else KFold
    if labels is not None:
        kind = StratifiedGroupKFold if stratify else GroupKFold
    rows = np.zeros((n_rows, 1))
    splits: list[Split] = []
    for number, seed in enumerate(seeds.tolist()):
        if by_element:
            pairs = ElementKFold(n_splits, random_state=seed).split(X)
        else:
            folds = kind(n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
            pairs = folds.split(rows, y, labels)
        splits += [Split(number, fold, train, test) for fold, (train, test) in enumerate(pairs)]
    return splits


def splits_of(
    splitter: Any, X: Any, y: NDArray[Any], groups: NDArray[Any] | None = None
) -> list[Split]:
    """Return the splits that a scikit-learn splitter or an iterable of index pairs gives.

    A new round begins when a row is tested that the current round has tested already. That is how
    the repeats of ``RepeatedKFold`` or ``ShuffleSplit`` are told apart. A row on both sides of a
    split, a position that does not exist, or an empty side is a ValueError.
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
    """Keep a random fraction of each training side and the whole test side, for a learning curve.

    With the same random_state, the rows of a smaller part are in every larger one.
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


class ElementKFold(BaseCrossValidator):
    """Folds in which every tested material holds an element that training has never seen.

    Elements cannot be divided as rows can, because materials share them. Each material is therefore
    assigned to its rarest element, and the elements are dealt into folds. Every material that holds
    an element of the tested fold leaves the training side, even if another fold tests it, so that
    training sides are smaller than in other K-folds.

    Parameters
    ----------
    n_splits : int
    random_state : int
        Seed that breaks ties between equally rare elements and deals elements into folds.

    Examples
    --------
    >>> from pymatgen.core import Composition
    >>> formulas = ["GaN", "InN", "GaAs", "ZnS", "ZnSe", "CdS"]
    >>> for train, test in ElementKFold(2).split(formulas):
    ...     seen = {e for row in train for e in Composition(formulas[row]).chemical_system_set}
    ...     assert all(Composition(formulas[row]).chemical_system_set - seen for row in test)
    """

    def __init__(self, n_splits: int = 5, random_state: int = 0) -> None:
        self.n_splits = n_splits
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002
        """Return the number of folds."""
        return self.n_splits

    def split(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002 (scikit-learn's signature)
        groups: Any = None,  # noqa: ARG002
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield positions of the rows that are trained on and tested.

        Raises
        ------
        ValueError
            If there are fewer elements than folds, or nothing is left to train on.
        """
        held, elements = _element_table(X)
        random = np.random.default_rng(self.random_state)
        # equally rare elements are ordered at random, not by the alphabet
        rarity = held.sum(axis=0) + random.uniform(0, 0.5, len(elements))
        rarest = np.where(held, rarity, np.inf).argmin(axis=1)
        dealt, sizes = np.unique(rarest, return_counts=True)
        if not 2 <= self.n_splits <= len(dealt):
            raise ValueError(
                f"expected from 2 to {len(dealt)} folds, as many as there are rarest elements, "
                f"got {self.n_splits}: choose n_splits in between"
            )
        load = np.zeros(self.n_splits)
        fold_of = np.full(len(elements), -1)
        for i in np.argsort(-(sizes + random.uniform(0, 0.5, len(dealt)))):
            smallest = int(load.argmin())
            fold_of[dealt[i]] = smallest
            load[smallest] += sizes[i]
        for fold in range(self.n_splits):
            test = fold_of[rarest] == fold
            train = ~held[:, fold_of == fold].any(axis=1)
            if not train.any():
                raise ValueError(
                    f"expected rows without the elements of fold {fold} to train on, got none: "
                    "use more folds"
                )
            yield np.flatnonzero(train), np.flatnonzero(test)


class LeaveOneElementOut(BaseCrossValidator):
    """Splits that test all materials of one element and train on those without it.

    Parameters
    ----------
    min_rows : int
        Elements in fewer materials are not held out, because scores of so few rows mean little.

    Examples
    --------
    >>> splitter = LeaveOneElementOut(min_rows=2)
    >>> formulas = ["GaN", "InN", "GaAs", "ZnS"]
    >>> splitter.elements(formulas), splitter.get_n_splits(formulas)
    (['Ga', 'N'], 2)
    """

    def __init__(self, min_rows: int = 5) -> None:
        self.min_rows = min_rows

    def elements(self, X: Any) -> list[str]:
        """Return the elements that are held out, in the order of the splits."""
        held, elements = _element_table(X)
        counts = held.sum(axis=0)
        return [
            element
            for element, count in zip(elements, counts, strict=True)
            if self.min_rows <= count < len(held)
        ]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002
        """Return the number of elements held out."""
        return len(self.elements(X))

    def split(
        self,
        X: Any,
        y: Any = None,  # noqa: ARG002
        groups: Any = None,  # noqa: ARG002
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield positions of the rows that are trained on and tested."""
        held, elements = _element_table(X)
        chosen = self.elements(X)
        if not chosen:
            raise ValueError(
                f"expected an element in at least {self.min_rows} materials but not in all, got "
                "none: lower min_rows"
            )
        for element in chosen:
            holds = held[:, elements.index(element)]
            yield np.flatnonzero(~holds), np.flatnonzero(holds)


def _element_table(X: Any) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which material holds which element, shape (n_rows, n_elements), and the elements."""
    systems = [set(c.chemical_system.split("-")) for c in as_compositions(X)]
    elements = sorted(set().union(*systems))
    return np.array([[e in system for e in elements] for system in systems], dtype=bool), elements
