"""Read CSV and JSON lines, row by row."""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self, TextIO

import pyarrow as pa

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.chunks import (
    MAX_LATE_KEYS,
    STRUCTURE,
    Chunk,
    MaterialColumns,
    warn_of_late_keys,
)
from matminer_phonon_tl.screening.columns import clean_text, to_column
from matminer_phonon_tl.structures import is_document
from matminer_phonon_tl.untrusted_json import parse_json

MAX_LINE = 16 * 2**20
"""Longest line, in characters; the rest is skipped, and the row comes back with an error."""
MAX_CHUNK = 32 * 2**20
"""Characters after which a chunk ends early, so that long rows need no more memory."""


class _Row(NamedTuple):
    """Cells of a row, what is wrong with them, and how many characters they were read from."""

    cells: list[Any]
    wrong: str | None
    characters: int
    is_whole: bool = True
    """Whether each cell belongs to the column in which it stands."""


def csv_chunks(
    file: TextIO, name: str, formula: str | None, chunk_rows: int, *, structures: bool = False
) -> Iterator[Chunk]:
    """Read CSV with a header line.

    Cells stay the text they are: no type is guessed from the first rows that the millionth could
    contradict. An empty cell is missing.
    """
    lines = _Lines(file)
    # Strict: else a quote that is never closed takes the rest of the file into its cell.
    reader = csv.reader(lines, strict=True)
    try:
        header = [clean_text(cell) for cell in next(reader, [])]
    except csv.Error as error:
        raise ScreeningError(f"expected a header line in {name}, got none ({error})") from error
    if not header:
        raise ScreeningError(f"expected a header line in {name}, got an empty one")
    materials = MaterialColumns.find(header, formula, name, structures=structures)

    def make(rows: list[_Row]) -> Chunk:
        cells = list(zip(*(row.cells for row in rows), strict=True)) or [()] * len(header)
        texts = [[clean_text(cell) if cell else None for cell in column] for column in cells]
        table = pa.table([pa.array(text, pa.string()) for text in texts], names=header)
        errors = {number: row.wrong for number, row in enumerate(rows) if row.wrong is not None}
        # An empty formula is reported as such, not as a missing value.
        formulas = materials.values(lambda name: cells[header.index(name)])
        formulas = [
            formula if row.is_whole else None for formula, row in zip(formulas, rows, strict=True)
        ]
        return Chunk(table, formulas, errors, materials.formula)

    yield from _in_chunks(_csv_rows(reader, lines, len(header)), chunk_rows, make)


def json_chunks(
    file: TextIO, name: str, formula: str | None, chunk_rows: int, *, structures: bool = False
) -> Iterator[Chunk]:
    """Read JSON lines: an object a line. The first chunk says which columns there are."""
    keys: dict[str, None] = {}
    late: dict[str, int] = {}
    materials: MaterialColumns | None = None
    first_row = 0

    def make(rows: list[_Row]) -> Chunk:
        nonlocal materials, first_row
        if materials is None:
            keys.update(dict.fromkeys(key for row in rows for key in row.cells[0]))
            materials = MaterialColumns.find(list(keys), formula, name, structures=structures)
        records = [row.cells[0] for row in rows]
        for number, record in enumerate(records, first_row):
            for key in record.keys() - keys.keys():
                if len(late) < MAX_LATE_KEYS:
                    late.setdefault(key, number)
        first_row += len(rows)
        table = pa.table({key: to_column([record.get(key) for record in records]) for key in keys})
        errors = {number: row.wrong for number, row in enumerate(rows) if row.wrong is not None}
        formulas = materials.values(lambda name: [record.get(name) for record in records])
        return Chunk(table, formulas, errors, materials.formula)

    yield from _in_chunks(_json_rows(_Lines(file)), chunk_rows, make)
    if late:
        warn_of_late_keys(late)


class _Lines:
    """Iterate over lines of at most ``MAX_LINE`` characters; those of a row can be read again.

    Attributes
    ----------
    taken : list of str
        Lines since the last :meth:`start_row`.
    is_cut : bool
        Whether one of them was longer.
    """

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self._again: deque[str] = deque()
        self.start_row()

    def start_row(self) -> None:
        self.taken: list[str] = []
        self.is_cut = False

    def give_back(self) -> None:
        """Let all lines but the row's first be read again."""
        self._again.extendleft(reversed(self.taken[1:]))
        self.taken = self.taken[:1]

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self.file.readline(MAX_LINE)
        if not line:
            raise StopIteration
        if len(line) == MAX_LINE and not line.endswith("\n"):
            self.is_cut = True
            while (rest := self.file.readline(MAX_LINE)) and not rest.endswith("\n"):
                pass
        self.taken.append(line)
        return line


def _csv_rows(reader: Any, lines: _Lines, width: int) -> Iterator[_Row]:
    blank = 0
    while True:
        lines.start_row()
        cells, wrong = [], None
        try:
            cells = _next_row(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # A quote that is never closed has gone on to the end, or to where a cell is too long.
            wrong = f"expected a line of CSV, got one that cannot be read ({error})"
            lines.give_back()
        if lines.is_cut:
            wrong = f"expected a line of less than {MAX_LINE} characters, got more"
        if not cells and wrong is None:
            blank += 1  # blank lines at the end are no rows
            continue
        for _ in range(blank):
            wrong_blank = None if width == 1 else "expected a row, got an empty line"
            yield _Row([""] * width, wrong_blank, 0)
        blank = 0
        if wrong is None and len(cells) != width:
            wrong = f"expected {width} fields as in the header, got {len(cells)}"
        is_whole = wrong is None
        if wrong is None and any(_is_no_unicode(cell) for cell in cells):
            wrong = "expected text in UTF-8, got bytes of another encoding"
        cells = [*cells[:width], *[""] * (width - len(cells))]
        yield _Row(cells, wrong, sum(map(len, lines.taken)), is_whole)


def _next_row(reader: Any) -> list[str]:
    """Read a row whose cells may be as long as a line.

    The limit holds for the whole process, so it is set back for others that count on it.
    """
    limit = csv.field_size_limit(MAX_LINE)
    try:
        row: list[str] = next(reader)
    finally:
        csv.field_size_limit(limit)
    return row


def _json_rows(lines: _Lines) -> Iterator[_Row]:
    for line in lines:
        lines.start_row()
        if not line.strip():
            continue
        record, wrong = {}, None
        try:
            record = parse_json(line.encode("utf-8", "surrogateescape"), allow_nan=True)
        except (ValueError, RecursionError) as error:
            wrong = f"expected a JSON object, got a line that cannot be read ({error})"
        if not isinstance(record, dict):
            record, wrong = {}, f"expected a JSON object, got {type(record).__name__}"
        if is_document(record):
            record = {STRUCTURE: record}
        cleaned = {clean_text(key): value for key, value in record.items()}
        yield _Row([cleaned], wrong, len(line))


def _in_chunks(
    rows: Iterator[_Row], chunk_rows: int, make: Callable[[list[_Row]], Chunk]
) -> Iterator[Chunk]:
    waiting: list[_Row] = []
    characters = n_chunks = 0
    for row in rows:
        waiting.append(row)
        characters += row.characters
        if len(waiting) == chunk_rows or characters > MAX_CHUNK:
            yield make(waiting)
            waiting, characters, n_chunks = [], 0, n_chunks + 1
    if waiting or not n_chunks:
        yield make(waiting)


def _is_no_unicode(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
