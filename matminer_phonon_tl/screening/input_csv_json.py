"""Read CSV and JSON lines, row by row."""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self, TextIO

import pyarrow as pa

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.chunks import (
    FORMULA_COLUMNS,
    MAX_LATE_KEYS,
    STRUCTURE,
    Chunk,
    MaterialColumns,
    Reading,
    warn_of_late_keys,
)
from matminer_phonon_tl.screening.columns import clean_text, to_column
from matminer_phonon_tl.structures import is_document
from matminer_phonon_tl.untrusted_json import parse_json

DELIMITERS = ",;\t|"
MAX_LINE = 16 * 2**20
"""Longest line, in characters; the rest is skipped, and the row comes back with an error."""
MAX_CHUNK = 32 * 2**20
"""Characters after which a chunk ends early, so that long rows need no more memory."""

_STATED = re.compile(r"(?i)\ufeff?\"?sep=([,;\t|])\"?\s*")


class _Row(NamedTuple):
    """Cells of a row, what is wrong with them, and how many characters they were read from."""

    cells: list[Any]
    wrong: str | None
    characters: int
    is_whole: bool = True
    """Whether each cell belongs to the column in which it stands."""


def csv_chunks(file: TextIO, name: str, how: Reading) -> Iterator[Chunk]:
    """Read CSV with a header line, its cells separated by commas, semicolons, tabs or bars.

    Cells stay the text they are: no type is guessed from the first rows that the millionth could
    contradict. An empty cell is missing.
    """
    lines = _Lines(file)
    # Strict: else a quote that is never closed takes the rest of the file into its cell.
    reader = csv.reader(lines, strict=True, delimiter=_delimiter(lines, how.formula))
    try:
        header = [clean_text(cell) for cell in next(reader, [])]
    except csv.Error as error:
        raise ScreeningError(f"expected a header line in {name}, got none ({error})") from error
    if not header:
        raise ScreeningError(f"expected a header line in {name}, got an empty one")
    materials = MaterialColumns.find(header, how, name)

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

    yield from _in_chunks(_csv_rows(reader, lines, len(header)), how.chunk_rows, make)


def json_chunks(file: TextIO, name: str, how: Reading) -> Iterator[Chunk]:
    """Read JSON lines: an object a line. The first chunk says which columns there are."""
    keys: dict[str, None] = {}
    late: dict[str, int] = {}
    materials: MaterialColumns | None = None
    first_row = 0

    def make(rows: list[_Row]) -> Chunk:
        nonlocal materials, first_row
        if materials is None:
            keys.update(dict.fromkeys(key for row in rows for key in row.cells[0]))
            if rows and not keys:
                raise ScreeningError(
                    f"expected JSON lines in {name}, an object a line, but: {rows[0].wrong}; "
                    "name a whole document .json"
                )
            materials = MaterialColumns.find(list(keys), how, name)
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

    yield from _in_chunks(_json_rows(_Lines(file)), how.chunk_rows, make)
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

    def put_back(self, line: str) -> None:
        """Let a line be read again."""
        self._again.appendleft(line)

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
        is_new = not self._again
        line = self.file.readline(MAX_LINE) if is_new else self._again.popleft()
        if not line:
            raise StopIteration
        if len(line) == MAX_LINE and not line.endswith("\n"):
            self.is_cut = True
            while is_new and (rest := self.file.readline(MAX_LINE)) and not rest.endswith("\n"):
                pass
        self.taken.append(line)
        return line


def _delimiter(lines: _Lines, formula: str | None) -> str:
    """Return what separates the header's cells: with it, one of them names the formulas.

    A first line ``sep=;``, which spreadsheets write, says it and is no header.
    """
    first = next(lines, "")
    stated = _STATED.fullmatch(first)
    if stated is not None:
        return stated[1]
    second = next(lines, "")
    for line in filter(None, (second, first)):
        lines.put_back(line)
    if second.startswith("{") and not any(delimiter in first for delimiter in DELIMITERS):
        # A column of dicts alone: quoted where they hold what separates.
        return next((d for d in DELIMITERS if d not in second), ",")
    headers = {d: next(csv.reader([first], delimiter=d), []) for d in DELIMITERS}
    wanted = {formula} if formula else set(FORMULA_COLUMNS)
    for delimiter, header in headers.items():
        if wanted.intersection(map(clean_text, header)):
            return delimiter
    return max(headers, key=lambda delimiter: len(headers[delimiter]))


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
