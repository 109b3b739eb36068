"""Splitters that hold elements out, in scikit-learn's manner."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator

from matminer_phonon_tl.compositions import as_compositions


class ElementKFold(BaseCrossValidator):
    """Folds in which every tested material holds an element that training has never seen.

    Elements cannot be divided as rows can, since most materials share some. So each material
    belongs to its rarest element, elements are dealt into folds, and whatever holds an element of
    the tested fold is taken out of training, also where it is tested in another fold. Training
    sets are smaller than in other K-folds.

    Parameters
    ----------
    n_splits : int
    random_state : int
        Decides between elements that are equally rare, and the dealing.

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
        # ties between equally rare elements are broken at random, not by the alphabet
        rarity = held.sum(axis=0) + random.uniform(0, 0.5, len(elements))
        owner = np.where(held, rarity, np.inf).argmin(axis=1)
        owners, sizes = np.unique(owner, return_counts=True)
        if not 2 <= self.n_splits <= len(owners):
            raise ValueError(
                f"expected from 2 to {len(owners)} folds, as many as there are rarest elements, "
                f"got {self.n_splits}: choose n_splits in between"
            )
        load = np.zeros(self.n_splits)
        fold_of = np.full(len(elements), -1)
        for i in np.argsort(-(sizes + random.uniform(0, 0.5, len(owners)))):
            smallest = int(load.argmin())
            fold_of[owners[i]] = smallest
            load[smallest] += sizes[i]
        for fold in range(self.n_splits):
            test = fold_of[owner] == fold
            train = ~held[:, fold_of == fold].any(axis=1)
            if not train.any():
                raise ValueError(
                    f"expected rows without the elements of fold {fold} to train on, got none: "
                    "use more folds"
                )
            yield np.flatnonzero(train), np.flatnonzero(test)


class LeaveOneElementOut(BaseCrossValidator):
    """Test all materials that hold an element, trained on those that do not; for each element.

    Parameters
    ----------
    min_rows : int
        Elements in fewer materials are not held out: there is nothing to score.

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
    """Which material holds which element, shape (n_rows, n_elements)."""
    systems = [set(own.chemical_system.split("-")) for own in as_compositions(X)]
    elements = sorted(set().union(*systems))
    return np.array([[e in own for e in elements] for own in systems], dtype=bool), elements
