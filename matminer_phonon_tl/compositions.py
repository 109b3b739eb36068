"""What counts as a composition, and how many are read into flat arrays at once.

Everything that takes compositions takes them through this module, so that a formula is understood
(or refused) in the same way everywhere. Amounts are used as written and never reduced: ``In2N2``
is a cell of four atoms.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Composition, DummySpecies, Element, Species
from pymatgen.core.structure import SiteCollection

from matminer_phonon_tl.exceptions import CompositionError, UnknownElementError
from matminer_phonon_tl.formulas import (
    ISOTOPES,
    MAX_AMOUNT,
    SMALLEST_AMOUNT,
    amount_error,
    check_amounts,
    isotope_error,
    read_formula,
    short,
)

_SPECIES = re.compile(r"[A-Z][a-z]?(?:\d*+\.?+\d*+[+-])?")


def as_composition(value: Any) -> Composition:
    """Understand one value as a composition.

    Parameters
    ----------
    value : Composition, Structure, Molecule, str, or dict of element to amount
        A formula is read as written: ``"Ca(OH)2"``, ``"Li0.5CoO2"``, ``"In2N2"``.

    Returns
    -------
    Composition
        At least one element; every amount is above 0 and at most 10^6. Composition objects are
        returned as they came.

    Raises
    ------
    UnknownElementError
        If a symbol is no chemical element, or an isotope, which no descriptor table covers.
    CompositionError
        For anything else that is no composition; the sentence says what came.

    Examples
    --------
    >>> as_composition("In2N2")
    Composition('In2 N2')
    >>> as_composition("H2O)")
    Traceback (most recent call last):
    ...
    matminer_phonon_tl.exceptions.CompositionError: expected a chemical formula such as 'GaN' or \
'Ca(OH)2', got 'H2O)': its brackets do not match
    """
    if isinstance(value, str):
        composition = read_formula(value)
    elif isinstance(value, Composition):
        composition = check_amounts(value)
    elif isinstance(value, SiteCollection):
        composition = value.composition
    elif isinstance(value, Mapping):
        composition = _from_mapping(value)
    else:
        raise CompositionError(
            "expected a Composition, a Structure, a formula or a dict of element to amount, "
            f"got {short(value)} ({type(value).__name__})"
        )
    if not len(composition):
        raise CompositionError(
            f"expected at least one element, got the empty composition {short(value)}"
        )
    return composition


def as_compositions(X: Any, column: str = "composition") -> list[Composition]:
    """Understand a table or a sequence as compositions, one for each row.

    Parameters
    ----------
    X : DataFrame, Series, or sequence of anything :func:`as_composition` takes
        A DataFrame's ``column`` is read or, failing it, ``formula`` or ``structure``.
    column : str
        The column to read from a DataFrame.

    Returns
    -------
    list of Composition

    Raises
    ------
    CompositionError, UnknownElementError
        Names the first bad row.
    """
    values = composition_values(X, column)
    compositions, errors = read_compositions(values)
    if errors:
        raise next(iter(errors.values()))
    return [c for c in compositions if c is not None]


def composition_values(X: Any, column: str = "composition") -> list[Any]:
    """Return the raw values, one for each row, that :func:`as_compositions` would read."""
    if isinstance(X, pd.DataFrame):
        for name in (column, "formula", "structure"):
            if name in X.columns:
                if isinstance(X[name], pd.DataFrame):
                    raise CompositionError(
                        f"expected one column {name!r}, got {X[name].shape[1]} of that name: "
                        "rename the others"
                    )
                return X[name].tolist()
        raise CompositionError(
            f"expected a DataFrame with a column {column!r} (or 'formula' or 'structure'), "
            f"got the columns {short(list(X.columns))}"
        )
    if isinstance(X, pd.Series | pd.Index):
        return X.tolist()
    if isinstance(X, str | Mapping | SiteCollection) or not isinstance(X, Iterable):
        raise CompositionError(
            f"expected a sequence of compositions, got {short(X)} ({type(X).__name__}): "
            "put a single one into a list"
        )
    return list(X)


def read_compositions(
    values: Sequence[Any], first_row: int = 0
) -> tuple[list[Composition | None], dict[int, CompositionError]]:
    """Read every value; rows that are no composition are None and keyed with their error."""
    compositions: list[Composition | None] = []
    errors: dict[int, CompositionError] = {}
    for row, value in enumerate(values, first_row):
        # The usual case costs one comparison a row.
        if type(value) is Composition and len(value):
            compositions.append(value)
            continue
        try:
            compositions.append(as_composition(value))
        except CompositionError as error:
            compositions.append(None)
            errors[row] = name_row(error, row)
    return compositions, errors


def name_row(error: CompositionError, row: int) -> CompositionError:
    """Return the same error with its row named first."""
    named = type(error)(f"row {row}: {error}")
    named.__cause__ = error.__cause__
    return named


class FlatCompositions(NamedTuple):
    """Many compositions as flat arrays: row i owns ``counts[i]`` consecutive entries."""

    counts: NDArray[np.intp]
    """Entries of each row, shape (n_rows,)."""
    elements: NDArray[np.intp]
    """What ``index_of`` gave for each entry, shape (n_entries,)."""
    amounts: NDArray[np.float64]
    """Atoms of each entry, shape (n_entries,)."""


def flatten(
    compositions: Sequence[Composition], index_of: Callable[[str], int]
) -> FlatCompositions:
    """Read compositions into flat arrays.

    Parameters
    ----------
    compositions : sequence of Composition
    index_of : callable
        Gives the table row of an element symbol; called once for each distinct element. It raises
        UnknownElementError for a symbol it does not know.

    Returns
    -------
    FlatCompositions
        Oxidation states are ignored; an element that stands twice (Fe2+ and Fe3+) has two entries.

    Raises
    ------
    UnknownElementError, CompositionError
        Without the row: the caller finds it where it matters.
    """
    # The mapping behind a Composition, because its public items() looks every element up anew
    # (25 times slower, and this loop is what bounds the featurizer).
    cells = [composition._data for composition in compositions]  # noqa: SLF001
    species = list(chain.from_iterable(cells))
    # Elements hash in Python; their identities do not. Few of the species are distinct.
    identities = list(map(id, species))
    index_of_identity = {
        identity: index_of(_symbol(member))
        for identity, member in dict(zip(identities, species, strict=True)).items()
    }
    amounts = np.fromiter(
        chain.from_iterable(cell.values() for cell in cells), np.float64, len(species)
    )
    if not (amounts.min(initial=1.0) > 0 and amounts.max(initial=1.0) <= MAX_AMOUNT):
        worst = int(np.argmin((amounts > 0) & (amounts <= MAX_AMOUNT)))
        raise amount_error(_symbol(species[worst]), amounts[worst])
    return FlatCompositions(
        counts=np.fromiter(map(len, cells), np.intp, len(cells)),
        elements=np.fromiter(map(index_of_identity.__getitem__, identities), np.intp, len(species)),
        amounts=amounts,
    )


def flatten_valid(
    values: Sequence[Any], index_of: Callable[[str], int], first_row: int = 0
) -> tuple[FlatCompositions, NDArray[np.intp], dict[int, CompositionError]]:
    """Flatten the rows that can be read; name the others.

    Returns
    -------
    flat : FlatCompositions
        Of the good rows only.
    rows : ndarray of shape (n_good,)
        Which of ``values`` those are.
    errors : dict of row to CompositionError
        Every other row, in order; each sentence names its row. Both count from ``first_row``.
    """
    compositions, errors = read_compositions(values, first_row)
    rows = [row for row, composition in enumerate(compositions) if composition is not None]
    good = [composition for composition in compositions if composition is not None]
    try:
        flat = flatten(good, index_of)
    except CompositionError:
        # Something in there is bad: find each of the bad rows, then read the rest at once.
        for row, composition in zip(rows, good, strict=True):
            try:
                flatten([composition], index_of)
            except CompositionError as error:
                errors[first_row + row] = name_row(error, first_row + row)
        rows = [row for row in rows if first_row + row not in errors]
        flat = flatten([c for c in map(compositions.__getitem__, rows) if c is not None], index_of)
        errors = dict(sorted(errors.items()))
    return flat, np.asarray(rows, dtype=np.intp), errors


def _symbol(species: Element | Species | DummySpecies) -> str:
    if isinstance(species, Element):
        # pymatgen gives isotopes the symbol H; only the name tells them apart.
        if species.name in ISOTOPES:
            raise isotope_error(species.name)
        return species.symbol
    if isinstance(species, DummySpecies):
        raise UnknownElementError(
            f"expected chemical elements, got {species.symbol!r}, which is none"
        )
    return species.symbol


def _from_mapping(amounts: Mapping[Any, Any]) -> Composition:
    checked: dict[Any, float] = {}
    for key, amount in amounts.items():
        if isinstance(key, str) and key.startswith("@"):
            continue  # the marks of a serialised Composition
        is_symbol = isinstance(key, str) and _SPECIES.fullmatch(key)
        if not is_symbol and not isinstance(key, Element | Species | DummySpecies):
            raise CompositionError(f"expected element symbols as keys, got {short(key)}")
        if isinstance(amount, bool) or not isinstance(amount, Real):
            raise CompositionError(f"expected a number of {key} atoms, got {short(amount)}")
        number = float(amount)
        if not SMALLEST_AMOUNT <= number <= MAX_AMOUNT:
            raise amount_error(key, number)
        checked[key] = number
    try:
        composition = Composition(checked)
        for species in composition:
            _symbol(species)
    except CompositionError:
        raise
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise CompositionError(
            f"expected a dict of element to amount, got {short(dict(amounts))}"
        ) from error
    return composition
