"""Many compositions as flat arrays, read at once.

A Composition object takes longer to make than its material to describe, so a list of formulas goes
straight into arrays, and an object is made only where somebody asks for one.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition

from matminer_phonon_tl.compositions import as_composition, composition_values, symbol_of
from matminer_phonon_tl.exceptions import CompositionError, UnknownElementError
from matminer_phonon_tl.flat_compositions import FlatCompositions
from matminer_phonon_tl.formulas import MAX_AMOUNT, SYMBOLS, amount_error, read_plain_formulas

_NUMBER_OF = {symbol: number for number, symbol in enumerate(SYMBOLS)}


class CompositionArray(Sequence[Composition]):
    """Compositions that were read and found good.

    Parameters
    ----------
    entries : FlatCompositions
        Elements by their place in :data:`~matminer_phonon_tl.formulas.SYMBOLS`. Oxidation states
        are ignored; an element that stands twice (Fe2+ and Fe3+) has two entries.
    objects : dict of int to Composition
        What rows came as, where that was an object.
    """

    def __init__(self, entries: FlatCompositions, objects: dict[int, Composition]) -> None:
        self._entries = entries
        self._starts = np.cumsum(entries.counts) - entries.counts
        self._objects = objects

    @classmethod
    def read(cls, X: Any) -> Self:
        """Read a table or a sequence; nothing in it may be beyond chemical elements and amounts.

        Parameters
        ----------
        X : CompositionArray, or as :func:`~matminer_phonon_tl.compositions.as_compositions` takes

        Raises
        ------
        CompositionError, UnknownElementError
            Names the first bad row.
        """
        if isinstance(X, cls):
            return X
        array, _, errors = cls.read_valid(rows_of(X))
        for error in errors.values():
            raise error
        return array

    @classmethod
    def read_valid(
        cls, values: Sequence[Any], first_row: int = 0
    ) -> tuple[Self, NDArray[np.intp], dict[int, CompositionError]]:
        """Read the values that are compositions; name the others.

        Parameters
        ----------
        values : sequence of anything :func:`~matminer_phonon_tl.compositions.as_composition` takes
        first_row : int
            Number of the first of them in the errors.

        Returns
        -------
        array : CompositionArray
            Of the good rows only.
        rows : ndarray of shape (n_good,)
            Which of ``values`` those are.
        errors : dict of row to CompositionError
            Every other row, in order; each sentence names its row.
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
        own = {place_of[row]: composition for row, composition in objects.items()}
        return cls(plain.followed_by(others).take(order), own), rows[order], errors

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, row: int) -> Composition: ...
    @overload
    def __getitem__(self, row: slice) -> Self: ...
    def __getitem__(self, row: int | slice) -> Composition | Self:
        """Return a composition, or some of them."""
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        row = range(len(self))[row]
        if row not in self._objects:
            start = self._starts[row]
            own = slice(start, start + self._entries.counts[row])
            symbols = map(SYMBOLS.__getitem__, self._entries.elements[own])
            cell = dict(zip(symbols, self._entries.amounts[own].tolist(), strict=True))
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

    def flat(self, index_of: Callable[[str], int]) -> FlatCompositions:
        """Return the entries with the elements as rows of a table.

        Parameters
        ----------
        index_of : callable
            Gives the table row of an element symbol; called once for each distinct element. It
            raises UnknownElementError for a symbol it does not know.
        """
        table_rows, unknown = self._table_rows(index_of)
        for error in unknown.values():
            raise error
        return self._entries._replace(elements=table_rows[self._entries.elements])

    def flat_valid(
        self, index_of: Callable[[str], int]
    ) -> tuple[FlatCompositions, NDArray[np.intp], dict[int, CompositionError]]:
        """Likewise, of the rows whose elements the table knows; which these are, and the errors."""
        table_rows, unknown = self._table_rows(index_of)
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

    def _table_rows(
        self, index_of: Callable[[str], int]
    ) -> tuple[NDArray[np.intp], dict[int, UnknownElementError]]:
        """Table row of each element, -1 where there is none, and why."""
        table_rows = np.full(len(SYMBOLS), -1, dtype=np.intp)
        unknown = {}
        for number in np.flatnonzero(np.bincount(self._entries.elements)).tolist():
            try:
                table_rows[number] = index_of(SYMBOLS[number])
            except UnknownElementError as error:
                unknown[number] = error
        return table_rows, unknown


def rows_of(X: Any, column: str = "composition") -> Sequence[Any]:
    """Return the value of each row of a table or a sequence; what was read already, as it is."""
    return X if isinstance(X, CompositionArray) else composition_values(X, column)


def flatten(
    compositions: Sequence[Composition], index_of: Callable[[str], int]
) -> FlatCompositions:
    """Read compositions into flat arrays; see :meth:`CompositionArray.flat`.

    Raises
    ------
    UnknownElementError, CompositionError
        Without the row: the caller finds it where it matters.
    """
    if not isinstance(compositions, CompositionArray):
        compositions = CompositionArray(_entries_of(compositions), {})
    return compositions.flat(index_of)


def flatten_valid(
    values: Sequence[Any], index_of: Callable[[str], int], first_row: int = 0
) -> tuple[FlatCompositions, NDArray[np.intp], dict[int, CompositionError]]:
    """Read and flatten the rows that can be read; name the others.

    Returns
    -------
    flat : FlatCompositions
        Of the good rows only.
    rows : ndarray of shape (n_good,)
        Which of ``values`` those are.
    errors : dict of row to CompositionError
        Every other row, in order; each sentence names its row. Both count from ``first_row``.
    """
    array, rows, errors = CompositionArray.read_valid(values, first_row)
    flat, known, unknown = array.flat_valid(index_of)
    for place, error in unknown.items():
        row = first_row + int(rows[place])
        errors[row] = error.at_row(row)
    return flat, rows[known], dict(sorted(errors.items()))


def _read_others(
    values: Sequence[Any], rows: Iterable[int], first_row: int
) -> tuple[dict[int, Composition], FlatCompositions, dict[int, CompositionError]]:
    """Read the rows that are no plain formulas: objects and entries, and errors of the bad ones."""
    good: dict[int, Composition] = {}
    errors: dict[int, CompositionError] = {}

    def refuse(row: int, error: CompositionError) -> None:
        errors[first_row + row] = error.at_row(first_row + row)

    for row in rows:
        value = values[row]
        try:
            # The usual case costs one comparison a row.
            usual = type(value) is Composition and len(value)
            good[row] = value if usual else as_composition(value)
        except CompositionError as error:
            refuse(row, error)
    try:
        return good, _entries_of(good.values()), errors
    except CompositionError:
        pass  # something in there is bad: find each of the bad rows, then read the rest at once
    for row, composition in list(good.items()):
        try:
            _entries_of([composition])
        except CompositionError as error:
            refuse(row, error)
            del good[row]
    return good, _entries_of(good.values()), dict(sorted(errors.items()))


def _entries_of(compositions: Iterable[Composition]) -> FlatCompositions:
    """Entries of objects, elements by their place in ``SYMBOLS``."""
    # The mapping behind a Composition, because its public items() looks every element up anew
    # (25 times slower, and this loop is what bounds the featurizer).
    cells = [composition._data for composition in compositions]  # noqa: SLF001
    species = list(chain.from_iterable(cells))
    # Elements hash in Python; their identities do not. Few of the species are distinct.
    identities = list(map(id, species))
    number_of_identity = {
        identity: _NUMBER_OF[symbol_of(member)]
        for identity, member in dict(zip(identities, species, strict=True)).items()
    }
    amounts = np.fromiter(
        chain.from_iterable(cell.values() for cell in cells), np.float64, len(species)
    )
    if not (amounts.min(initial=1.0) > 0 and amounts.max(initial=1.0) <= MAX_AMOUNT):
        worst = int(np.argmin((amounts > 0) & (amounts <= MAX_AMOUNT)))
        raise amount_error(symbol_of(species[worst]), amounts[worst])
    return FlatCompositions(
        counts=np.fromiter(map(len, cells), np.intp, len(cells)),
        elements=np.fromiter(
            map(number_of_identity.__getitem__, identities), np.intp, len(species)
        ),
        amounts=amounts,
    )
