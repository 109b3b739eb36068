"""What counts as a composition.

Everything that takes compositions takes them through this module, so that a formula is understood
(or refused) in the same way everywhere. Amounts are used as written and never reduced: ``In2N2``
is a cell of four atoms.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import pandas as pd
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
    """Return the raw values, one for each row, that :func:`as_compositions` would read.

    Of a DataFrame ``column`` or, failing it, ``formula`` or ``structure``; nothing stands in for
    ``column="structure"``.
    """
    if isinstance(X, pd.DataFrame):
        stand_ins = () if column == "structure" else ("formula", "structure")
        for name in (column, *stand_ins):
            if name in X.columns:
                if isinstance(X[name], pd.DataFrame):
                    raise CompositionError(
                        f"expected one column {name!r}, got {X[name].shape[1]} of that name: "
                        "rename the others"
                    )
                return X[name].tolist()
        raise CompositionError(
            f"expected a DataFrame with a column {column!r}"
            f"{' (or ' + ' or '.join(map(repr, stand_ins)) + ')' if stand_ins else ''}, "
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
    named = error.at_row(row)
    named.__cause__ = error.__cause__
    return named


def symbol_of(species: Element | Species | DummySpecies) -> str:
    """Return the symbol of the chemical element, or raise UnknownElementError."""
    if isinstance(species, DummySpecies):
        raise UnknownElementError(
            f"expected chemical elements, got {species.symbol!r}, which is none"
        )
    # pymatgen gives isotopes the symbol H; only the element's name tells them apart.
    element = species if isinstance(species, Element) else species.element
    if element.name in ISOTOPES:
        raise isotope_error(element.name)
    return element.symbol


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
            symbol_of(species)
    except CompositionError:
        raise
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise CompositionError(
            f"expected a dict of element to amount, got {short(dict(amounts))}"
        ) from error
    return composition
