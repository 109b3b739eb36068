"""What counts as a composition, and how many of them are read at once into flat arrays.

Every part of the package reads compositions here, so that a value is understood, or refused, in the
same way and in the same words everywhere. One reading goes through three forms:

1. values: what a user has, a table's column or a sequence of formulas, objects and dicts
   (:func:`composition_values`);
2. :class:`CompositionArray`: the values that are compositions, as arrays of elements and amounts. A
   Composition object takes longer to make than its material to describe, so formulas go straight
   into the arrays, and an object is made only where somebody asks for one;
3. :class:`FlatCompositions`: the same arrays with elements as rows of a table of properties, which
   everything that computes takes.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from numbers import Real
from typing import Any, NamedTuple, Self, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Composition, DummySpecies, Element, Species
from pymatgen.core.structure import SiteCollection

from matminer_phonon_tl.atoms import is_atoms, structure_of_atoms, with_structures
from matminer_phonon_tl.exceptions import CompositionError, UnknownElementError
from matminer_phonon_tl.formulas import (
    ISOTOPES,
    MAX_AMOUNT,
    MAX_FORMULA_LENGTH,
    PLACE_OF,
    SYMBOLS,
    amount_error,
    check_amounts,
    isotope_error,
    read_formula,
    short,
)

_SMALLEST_AMOUNT = 1e-6  # pymatgen drops amounts below 1e-8 without a word
_SPECIES = re.compile(r"[A-Z][a-z]?(?:\d*+\.?+\d*+[+-])?")
_PLAIN = re.compile(r"(?:[A-Z][a-z]?[0-9]{0,7})+")
_PLAIN_PART = re.compile(r"([A-Z][a-z]?)([0-9]*)")


def as_composition(value: Any) -> Composition:
    """Read one value as a composition: a formula, a dict of element to amount, or a structure.

    Structures are pymatgen's, and an ``Atoms`` of ASE or a ``PhonopyAtoms``. A formula is read as
    written: ``"Ca(OH)2"``, ``"Li0.5CoO2"``, ``"In2N2"``. There is at least one element, and every
    amount is above 0 and at most 10^6; a Composition is returned as it came. Raises
    UnknownElementError for a symbol that is no chemical element, or an isotope, which no descriptor
    table covers, and CompositionError for anything else.

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
    elif is_atoms(value):
        composition = structure_of_atoms(value).composition
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
        if not _SMALLEST_AMOUNT <= number <= MAX_AMOUNT:
            raise amount_error(key, number)
        checked[key] = number
    try:
        composition = Composition(checked)
        for species in composition:
            _symbol_of(species)
    except CompositionError:
        raise
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise CompositionError(
            f"expected a dict of element to amount, got {short(dict(amounts))}"
        ) from error
    return composition


def _symbol_of(species: Element | Species | DummySpecies) -> str:
    """Return the symbol of the chemical element, or raise UnknownElementError."""
    if isinstance(species, DummySpecies):
        raise UnknownElementError(
            f"expected chemical elements, got {species.symbol!r}, which is none",
            symbol=species.symbol,
        )
    # pymatgen gives isotopes the symbol H; only the element's name tells them apart.
    element = species if isinstance(species, Element) else species.element
    if element.name in ISOTOPES:
        raise isotope_error(element.name)
    return element.symbol


def composition_values(X: Any, column: str = "composition") -> list[Any]:
    """Return the value of each row of a table or a sequence, not read yet.

    Only crystals of ASE and phonopy are read here, as structures, so that nobody else meets them;
    one that cannot be read stays, and :func:`as_composition` says why. Where a DataFrame has no
    ``column``, ``formula`` or ``structure`` is taken instead; nothing replaces
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
                return with_structures(X[name].tolist())
        raise CompositionError(
            f"expected a DataFrame with a column {column!r}"
            f"{' (or ' + ' or '.join(map(repr, stand_ins)) + ')' if stand_ins else ''}, "
            f"got the columns {short(list(X.columns))}"
        )
    if isinstance(X, pd.Series | pd.Index):
        return with_structures(X.tolist())
    is_one = isinstance(X, str | Mapping | SiteCollection) or is_atoms(X)
    if is_one or not isinstance(X, Iterable):
        raise CompositionError(
            f"expected a sequence of compositions, got {short(X)} ({type(X).__name__}): "
            "put a single one into a list"
        )
    return with_structures(list(X))


def is_missing(value: Any) -> bool:
    """Tell whether a table's cell holds nothing: None, NaN, or an empty text."""
    if isinstance(value, str):
        return not value
    return value is None or value is pd.NA or (isinstance(value, float) and bool(np.isnan(value)))


def as_compositions(X: Any, column: str = "composition") -> list[Composition]:
    """Read a table or a sequence, as :func:`composition_values` takes it, as Compositions.

    Raises CompositionError or UnknownElementError, which names the first bad row.
    """
    return list(CompositionArray.read(X, column))


class FlatCompositions(NamedTuple):
    """Many compositions as flat arrays: row i owns ``counts[i]`` consecutive entries."""

    counts: NDArray[np.intp]
    """Entries of each row, shape (n_rows,)."""
    elements: NDArray[np.intp]
    """Row of each entry's element in a table, shape (n_entries,)."""
    amounts: NDArray[np.float64]
    """Atoms of each entry, shape (n_entries,)."""

    def take(self, rows: NDArray[np.intp]) -> "FlatCompositions":
        """Return some of the rows, in the order asked for."""
        counts = self.counts[rows]
        starts = (np.cumsum(self.counts) - self.counts)[rows]
        # Entries of each row one after another: where it starts, less what stands before it.
        entries = np.arange(counts.sum()) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
        return FlatCompositions(counts, self.elements[entries], self.amounts[entries])

    def merged(self) -> "FlatCompositions":
        """Return the rows with their elements in order, Fe2+ and Fe3+ as one entry."""
        row = np.repeat(np.arange(len(self.counts)), self.counts)
        order = np.lexsort((self.elements, row))
        row, elements, amounts = row[order], self.elements[order], self.amounts[order]
        is_new = np.append(True, (np.diff(row) != 0) | (np.diff(elements) != 0))[: len(row)]
        first_of = np.flatnonzero(is_new)
        counts = np.bincount(row[first_of], minlength=len(self.counts))
        merged = np.add.reduceat(amounts, first_of) if len(first_of) else amounts
        return FlatCompositions(counts, elements[first_of], merged)

    def followed_by(self, others: "FlatCompositions") -> "FlatCompositions":
        """Return these rows and then the others."""
        return FlatCompositions(
            np.concatenate([self.counts, others.counts]),
            np.concatenate([self.elements, others.elements]),
            np.concatenate([self.amounts, others.amounts]),
        )


class CompositionArray(Sequence[Composition]):
    """Compositions that were read and hold nothing but chemical elements and good amounts.

    Parameters
    ----------
    entries : FlatCompositions
        Elements by their place in :data:`~matminer_phonon_tl.formulas.SYMBOLS`. Oxidation states
        are ignored; an element that stands twice (Fe2+ and Fe3+) has two entries.
    objects : dict of int to Composition
        Rows that came as an object.

    Examples
    --------
    >>> array = CompositionArray.read(["In2N2", {"Ga": 1, "As": 1}])
    >>> len(array), array[1]
    (2, Composition('Ga1 As1'))
    """

    def __init__(self, entries: FlatCompositions, objects: dict[int, Composition]) -> None:
        self._entries = entries
        self._starts = np.cumsum(entries.counts) - entries.counts
        self._objects = objects
        self._flattened: tuple[Callable[[str], int], _Flattened] | None = None

    @classmethod
    def read(cls, X: Any, column: str = "composition") -> Self:
        """Read a table or a sequence, as :func:`composition_values` takes it.

        A CompositionArray is returned as it is. Raises CompositionError or UnknownElementError,
        which names the first bad row.
        """
        if isinstance(X, cls):
            return X
        array, _, errors = cls.read_valid(composition_values(X, column))
        for error in errors.values():
            raise error
        return array

    @classmethod
    def read_valid(
        cls, values: Sequence[Any], first_row: int = 0
    ) -> tuple[Self, NDArray[np.intp], dict[int, CompositionError]]:
        """Read the values that are compositions, and say what is wrong with the others.

        Returns the good rows, their positions in ``values``, and the error of every other row, in
        order, counted from ``first_row``.
        """
        if isinstance(values, cls):
            return values, np.arange(len(values)), {}
        texts = [row for row, value in enumerate(values) if isinstance(value, str)]
        if not texts:
            objects, entries, errors = _read_others(values, range(len(values)), first_row)
            rows = np.fromiter(objects, np.intp, len(objects))
            return cls(entries, dict(enumerate(objects.values()))), rows, errors
        is_plain, plain = read_plain_formulas([values[row] for row in texts])
        plain_rows = np.array(texts, dtype=np.intp)[is_plain]
        is_other = np.ones(len(values), dtype=bool)
        is_other[plain_rows] = False
        if not is_other.any():
            return cls(plain, {}), plain_rows, {}
        objects, others, errors = _read_others(values, np.flatnonzero(is_other).tolist(), first_row)
        rows = np.concatenate([plain_rows, np.fromiter(objects, np.intp, len(objects))])
        order = np.argsort(rows)
        place_of = dict(zip(rows[order].tolist(), range(len(rows)), strict=True))
        placed = {place_of[row]: composition for row, composition in objects.items()}
        return cls(plain.followed_by(others).take(order), placed), rows[order], errors

    @classmethod
    def of_flat(cls, flat: FlatCompositions, symbols: Sequence[str]) -> Self:
        """Return compositions whose elements are given as places in a list of symbols."""
        place_of = {symbol: place for place, symbol in enumerate(SYMBOLS)}
        places = np.array([place_of[symbol] for symbol in symbols], dtype=np.intp)
        return cls(flat._replace(elements=places[flat.elements]), {})

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the flat form, whose ``index_of`` may be a function that cannot be pickled.
        return type(self), (self._entries, self._objects)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, row: int) -> Composition: ...
    @overload
    def __getitem__(self, row: slice) -> Self: ...
    def __getitem__(self, row: int | slice) -> Composition | Self:
        """Return one row as a Composition, which is made once, or a slice as an array."""
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        row = range(len(self))[row]
        if row not in self._objects:
            start = self._starts[row]
            entries = slice(start, start + self._entries.counts[row])
            symbols = map(SYMBOLS.__getitem__, self._entries.elements[entries])
            cell = dict(zip(symbols, self._entries.amounts[entries].tolist(), strict=True))
            self._objects[row] = Composition(cell)
        return self._objects[row]

    def __iter__(self) -> Iterator[Composition]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Return the compositions of some rows, in that order."""
        objects = {
            place: self._objects[row]
            for place, row in enumerate(rows.tolist())
            if row in self._objects
        }
        return type(self)(self._entries.take(rows), objects)

    def times(self, factors: NDArray[Any]) -> Self:
        """Return the compositions with their amounts multiplied, by a factor for each.

        >>> CompositionArray.read(["InN", "GaAs"]).times(np.array([2, 4]))[1]
        Composition('Ga4 As4')
        """
        counts, elements, amounts = self._entries
        return type(self)(
            FlatCompositions(counts, elements, amounts * np.repeat(factors, counts)), {}
        )

    def flat(self, index_of: Callable[[str], int]) -> FlatCompositions:
        """Return the entries with the elements as rows of a table.

        ``index_of`` gives the table row of an element symbol, and raises UnknownElementError, which
        then names the first row, for a symbol that the table lacks. It is called once for each
        distinct element, and the result is kept for the next call with the same ``index_of``.
        """
        flat, _, errors = self.flat_valid(index_of)
        for error in errors.values():
            raise error
        return flat

    def flat_valid(self, index_of: Callable[[str], int]) -> "_Flattened":
        """Flatten the rows whose elements the table knows; see :meth:`flat`.

        Returns the good rows, their positions in the array, and the error of every other row, in
        order.
        """
        if self._flattened is None or self._flattened[0] != index_of:
            self._flattened = index_of, self._flatten(index_of)
        return self._flattened[1]

    def _flatten(self, index_of: Callable[[str], int]) -> "_Flattened":
        table_rows = np.full(len(SYMBOLS), -1, dtype=np.intp)
        unknown = {}
        for place in np.flatnonzero(np.bincount(self._entries.elements)).tolist():
            try:
                table_rows[place] = index_of(SYMBOLS[place])
            except UnknownElementError as error:
                unknown[place] = error
        elements = table_rows[self._entries.elements]
        flat = self._entries._replace(elements=elements)
        if not unknown:
            return flat, np.arange(len(self)), {}
        row_of = np.repeat(np.arange(len(self)), self._entries.counts)
        errors: dict[int, CompositionError] = {}
        for entry in np.flatnonzero(elements < 0).tolist():
            row = int(row_of[entry])
            if row not in errors:
                errors[row] = unknown[int(self._entries.elements[entry])].at_row(row)
        known = np.setdiff1d(np.arange(len(self)), list(errors))
        return flat.take(known), known, errors


_Flattened = tuple[FlatCompositions, NDArray[np.intp], dict[int, CompositionError]]


def flatten(X: Any, index_of: Callable[[str], int]) -> FlatCompositions:
    """Read and flatten a table or a sequence; see :meth:`CompositionArray.flat`."""
    return CompositionArray.read(X).flat(index_of)


def flatten_valid(
    values: Sequence[Any], index_of: Callable[[str], int], first_row: int = 0
) -> _Flattened:
    """Read and flatten the rows that can be read, and say what is wrong with the others.

    Returns the good rows, their positions in ``values``, and the error of every other row, in
    order, counted from ``first_row``.
    """
    array, rows, errors = CompositionArray.read_valid(values, first_row)
    flat, known, unknown = array.flat_valid(index_of)
    for place, error in unknown.items():
        row = first_row + int(rows[place])
        errors[row] = error.at_row(row)
    return flat, rows[known], dict(sorted(errors.items()))


def read_plain_formulas(formulas: Sequence[str]) -> tuple[NDArray[np.bool_], FlatCompositions]:
    """Read formulas of symbols and whole amounts, which nearly all are, many at once.

    Returns which formulas are plain (any other text, good or bad, is for
    :func:`~matminer_phonon_tl.formulas.read_formula`), and the plain ones, elements by their place
    in :data:`~matminer_phonon_tl.formulas.SYMBOLS`.

    >>> is_plain, flat = read_plain_formulas(["In2N2", "Ca(OH)2"])
    >>> is_plain.tolist(), [SYMBOLS[place] for place in flat.elements], flat.amounts.tolist()
    ([True, False], ['In', 'N'], [2.0, 2.0])
    """
    parts = [
        _PLAIN_PART.findall(formula)
        if len(formula) <= MAX_FORMULA_LENGTH and _PLAIN.fullmatch(formula)
        else ()
        for formula in formulas
    ]
    counts = np.fromiter(map(len, parts), np.intp, len(parts))
    entries = list(chain.from_iterable(parts))
    elements = np.array([PLACE_OF.get(symbol, -1) for symbol, _ in entries], dtype=np.intp)
    amounts = np.array([float(digits) if digits else 1.0 for _, digits in entries])
    formula_of = np.repeat(np.arange(len(parts)), counts)
    is_plain = counts > 0
    is_plain[formula_of[(elements < 0) | (amounts <= 0) | (amounts > MAX_AMOUNT)]] = False
    # An element that stands twice, as in CH3CH2OH, is to be added up.
    keys = np.sort(formula_of * (len(SYMBOLS) + 1) + elements)
    is_plain[keys[1:][np.diff(keys) == 0] // (len(SYMBOLS) + 1)] = False
    kept = is_plain[formula_of]
    return is_plain, FlatCompositions(counts[is_plain], elements[kept], amounts[kept])


def _read_others(
    values: Sequence[Any], rows: Iterable[int], first_row: int
) -> tuple[dict[int, Composition], FlatCompositions, dict[int, CompositionError]]:
    """Read the rows that are no plain formulas: objects, their entries, and the errors."""
    good: dict[int, Composition] = {}
    errors: dict[int, CompositionError] = {}
    for row in rows:
        value = values[row]
        try:
            # The usual case costs one comparison a row.
            usual = type(value) is Composition and len(value)
            good[row] = value if usual else as_composition(value)
        except CompositionError as error:
            errors[first_row + row] = error.at_row(first_row + row)
    try:
        return good, _entries_of(good.values()), errors
    except CompositionError:
        pass  # something in there is bad: find each of the bad rows, then read the rest at once
    for row, composition in list(good.items()):
        try:
            _entries_of([composition])
        except CompositionError as error:
            errors[first_row + row] = error.at_row(first_row + row)
            del good[row]
    return good, _entries_of(good.values()), dict(sorted(errors.items()))


def _entries_of(compositions: Iterable[Composition]) -> FlatCompositions:
    """Return the entries of objects, elements by their place in ``SYMBOLS``."""
    # The mapping behind a Composition, because its public items() looks every element up anew
    # (25 times slower, and this loop is what bounds the featurizer).
    cells = [composition._data for composition in compositions]  # noqa: SLF001
    species = list(chain.from_iterable(cells))
    # Elements hash in Python; their identities do not. Few of the species are distinct.
    identities = list(map(id, species))
    place_of_identity = {
        identity: PLACE_OF[_symbol_of(member)]
        for identity, member in dict(zip(identities, species, strict=True)).items()
    }
    amounts = np.fromiter(
        chain.from_iterable(cell.values() for cell in cells), np.float64, len(species)
    )
    if not (amounts.min(initial=1.0) > 0 and amounts.max(initial=1.0) <= MAX_AMOUNT):
        worst = int(np.argmin((amounts > 0) & (amounts <= MAX_AMOUNT)))
        raise amount_error(_symbol_of(species[worst]), amounts[worst])
    return FlatCompositions(
        counts=np.fromiter(map(len, cells), np.intp, len(cells)),
        elements=np.fromiter(map(place_of_identity.__getitem__, identities), np.intp, len(species)),
        amounts=amounts,
    )
