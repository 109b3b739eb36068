"""Write the rows: all of them or the best, as Parquet or CSV, to a file or standard output."""

import csv
import gzip
import io
import json
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import pyarrow as pa
import pyarrow.parquet as pq

from matminer_phonon_tl.exceptions import DataWarning, ScreeningError
from matminer_phonon_tl.files import replacing
from matminer_phonon_tl.screening.columns import prediction_of, units_of
from matminer_phonon_tl.screening.figure import predicted_rows
from matminer_phonon_tl.screening.ranking import TopRows
from matminer_phonon_tl.spreadsheet import MOST_ROWS, Column, Spreadsheet, check_spreadsheets

METADATA_KEY = "matminer-phonon-tl"
"""Key of the Parquet file's metadata: JSON of model, versions and options."""
ROW_GROUP = 131_072
_KINDS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".xlsx": "xlsx"}
_DECIMALS = {"cm-1": 1, "K": 1, "J/g/K": 4, "W/m/K": 1}
"""Digits after the point, by unit."""
_LOOKED_AT = 100
"""Rows that tell how wide a spreadsheet's columns are."""
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ParquetSink:
    """Write a Parquet file whose schema carries units and whose metadata say what made it.

    Parameters
    ----------
    file : binary file
    metadata : mapping
        JSON-compatible.
    """

    def __init__(self, file: BinaryIO, metadata: Mapping[str, Any]) -> None:
        self.file = file
        self.metadata = {METADATA_KEY: json.dumps(metadata)}
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        """Write a table's rows, in row groups of a useful size."""
        if self._writer is None:
            self.schema = table.schema.with_metadata(self.metadata)
            self._writer = pq.ParquetWriter(self.file, self.schema, compression="zstd")
        self._waiting.append(table)
        if sum(part.num_rows for part in self._waiting) >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the footer."""
        if self._writer is not None:
            self._flush()
            self._writer.close()

    def abandon(self) -> None:
        """Write no more."""

    def _flush(self) -> None:
        if self._writer is not None and self._waiting:
            whole = pa.concat_tables(self._waiting).combine_chunks()
            self._writer.write_table(pa.Table.from_arrays(whole.columns, schema=self.schema))
            self._waiting = []


class CsvSink:
    """Write CSV in UTF-8 in which no spreadsheet finds a formula to run.

    A text that begins with ``= + - @``, a tab or a carriage return, and is no number, gets an
    apostrophe in front. Parquet keeps such texts as they are.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._started = False

    def add(self, table: pa.Table) -> None:
        """Write a table's rows, after a header before the first."""
        if not self._started:
            self._write([[harmless(name) for name in table.column_names]])
            self._started = True
        self._write(list(zip(*map(_cells, table.columns), strict=True)))

    def _write(self, rows: Sequence[Sequence[Any]]) -> None:
        # Readers end a line at a lone carriage return, which Python does not quote by itself.
        returns = any(isinstance(cell, str) and "\r" in cell for row in rows for cell in row)
        if returns:
            csv.writer(self._text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
        else:
            csv.writer(self._text, lineterminator="\n").writerows(rows)

    def close(self) -> None:
        """Flush, and leave the file open."""
        self._text.flush()
        self._text.detach()

    def abandon(self) -> None:
        """Write no more, and leave the file open, which would else be closed with this object."""
        with suppress(OSError, ValueError):
            self._text.detach()


class SpreadsheetSink:
    """Write a spreadsheet with units in the headings and as many digits as are meant.

    Raises
    ------
    ScreeningError
        If there are more rows than a sheet holds.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self._sheet: Spreadsheet | None = None
        self._rows = 0

    def add(self, table: pa.Table) -> None:
        """Write a table's rows, after the headings before the first."""
        rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        if self._sheet is None:
            units = units_of(table.schema)
            columns = [
                Column(each.name, units.get(each.name, ""), _decimals(each, units))
                for each in table.schema
            ]
            self._sheet = Spreadsheet(columns, rows[:_LOOKED_AT])
        self._rows += len(rows)
        if self._rows > MOST_ROWS:
            raise ScreeningError(
                f"expected at most {MOST_ROWS} rows for a spreadsheet, got more: write .parquet or "
                ".csv, or the best rows alone (--top)"
            )
        self._sheet.add([[_plain(value) for value in row] for row in rows])

    def close(self) -> None:
        """Write the file: until then all is in a temporary one."""
        if self._sheet is not None:
            self._sheet.save(self.file)

    def abandon(self) -> None:
        """Write no more."""
        if self._sheet is not None:
            self._sheet.abandon()


@contextmanager
def output_file(path: Path, folder: Path) -> Iterator[BinaryIO]:
    """Open a file that appears under its name once it is complete, gzipped if it ends in ``.gz``.

    It grows in ``folder``, on the same file system.
    """
    with replacing(path, folder) as file:
        if path.suffix != ".gz":
            yield file
            return
        # No time in the header, so that the same rows are the same file.
        with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as zipped:
            yield cast(BinaryIO, zipped)


def check_output(output: Path) -> str:
    """Return "csv", "parquet" or "xlsx", or say what is wrong with the output's place or name.

    Raises MissingExtraError where a spreadsheet is asked for and openpyxl is not installed.
    """
    name = output.name.removesuffix(".gz")
    kind = _KINDS.get(Path(name).suffix)
    if kind is None or (kind != "csv" and name != output.name):
        raise ScreeningError(
            f"expected an output named .parquet, .csv, .csv.gz or .xlsx, or '-', got {output}"
        )
    if kind == "xlsx":
        check_spreadsheets()
    return kind


def check_places(
    data: Any, output: str | Path, **others: str | Path | None
) -> tuple[Path | None, ...]:
    """Return the places of the output and of ``others``, or refuse them before anything is done.

    ``others`` are named by what they are called in an error. The output's place is None for
    standard output ("-"). For a link, it is the file that it links to; the link stays. Raises
    ScreeningError where no file can be put there, or one would be put over the input or another of
    them.
    """
    files = {"output": None if str(output) == "-" else Path(output)}
    files |= {name: None if path is None else Path(path) for name, path in others.items()}
    files = {n: p.resolve() if p is not None and p.is_symlink() else p for n, p in files.items()}
    given = Path(data).resolve() if isinstance(data, str | Path) and str(data) != "-" else None
    if given is not None and not given.exists():
        given = None  # opening it will say so
    for name, path in files.items():
        if path is None:
            continue
        check_place(path, f"the {name}")
        if given is not None and path.exists() and path.samefile(given):
            raise ScreeningError(
                f"expected the {name} to be another file than the input, got {path} for both"
            )
        if given is not None and given.is_dir() and given in path.resolve().parents:
            raise ScreeningError(
                f"expected the {name} outside of the input's folder {given}, got {path}"
            )
    name_of: dict[Path, str] = {}
    for name, path in files.items():
        if path is None:
            continue
        other = name_of.setdefault(path.resolve(), name)
        if other != name:
            raise ScreeningError(f"expected {other} and {name} in two files, got {path} for both")
    return tuple(files.values())


def check_place(path: Path, what: str) -> None:
    """Refuse a path at which no file can be put; ``what`` names the file in the error."""
    if not path.absolute().parent.is_dir():
        raise ScreeningError(f"expected {what} in a folder that exists, got {path}")
    if path.exists() and not path.is_file():
        kind = "the folder" if path.is_dir() else "the device or pipe"
        raise ScreeningError(f"expected {what} as a file, got {kind} {path}")


def harmless(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run as a formula.

    >>> harmless("=HYPERLINK(A1)"), harmless("-1.5"), harmless("-1,5"), harmless("InN")
    ("'=HYPERLINK(A1)", '-1.5', '-1,5', 'InN')
    """
    if not text.startswith(_STARTS_FORMULA):
        return text
    try:
        float(text.replace(",", ""))
    except ValueError:
        return f"'{text}"
    return text


def _decimals(field: pa.Field, units: Mapping[str, str]) -> int | None:
    """Return how many digits of a predicted number are meant; of the input's all."""
    if prediction_of(field) is None or not pa.types.is_floating(field.type):
        return None
    return _DECIMALS.get(units.get(field.name, ""), 3)


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else _cell(value)


def _cells(column: pa.ChunkedArray) -> list[Any]:
    return [_cell(value) for value in column.to_pylist()]


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        value = json.dumps(value, default=str)
    return harmless(value) if isinstance(value, str) else value


class View(Protocol):
    """A page or a figure of the rows that are written."""

    def add(self, table: pa.Table) -> None:
        """Take note of a table's rows."""

    def write(self, n_predicted: int) -> None:
        """Write it once all rows have gone by; so many were ranked, of which some are written."""


@dataclass
class Delivery:
    """Write the rows that were asked for: all of them or the best, and views of them."""

    output: Path | None
    """None for standard output."""
    kind: str
    """One of "parquet", "csv", "xlsx"."""
    about: Mapping[str, Any]
    """What made the result, for the metadata."""
    top: TopRows | None = None
    """Only the best rows are written."""
    views: Sequence[View] = ()
    """Each sees every row that is written."""
    written: int = field(default=0, init=False)
    _n_predicted: int = field(default=0, init=False)

    def deliver(self, tables: Iterable[pa.Table], temporary: Path | None = None) -> None:
        """Write the rows of tables that share one schema.

        The output grows in the folder ``temporary``, on its file system.
        """
        with self._file(temporary) as file:
            sink = self._sink(file)
            try:
                for table in self._ranked(tables):
                    sink.add(table)
                    self.written += table.num_rows
                    for view in self.views:
                        view.add(table)
                sink.close()
            except BaseException:
                sink.abandon()
                raise
        if self.top is not None and self.top.is_blind:
            self._warn_of_blind_ranking(self.top)
        for view in self.views:
            view.write(self._n_predicted)

    def _warn_of_blind_ranking(self, top: TopRows) -> None:
        warnings.warn(
            f"not one value of the column {top.ranking.by!r} is a number, so that the rows written "
            "are the input's first: rank by another column",
            DataWarning,
            stacklevel=2,
        )

    def _sink(self, file: BinaryIO) -> ParquetSink | CsvSink | SpreadsheetSink:
        if self.kind == "parquet":
            return ParquetSink(file, self.about)
        return SpreadsheetSink(file) if self.kind == "xlsx" else CsvSink(file)

    def _ranked(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for table in tables:
            self._n_predicted += predicted_rows(table).num_rows
            if self.top is None:
                yield table
            else:
                self.top.add(table)
        if self.top is not None and self.top.table is not None:
            yield self.top.table

    @contextmanager
    def _file(self, temporary: Path | None) -> Iterator[BinaryIO]:
        if self.output is None:
            if sys.stdout is None:
                raise ScreeningError("expected standard output to write to, which is closed")
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        with output_file(self.output, temporary or self.output.parent) as file:
            yield file
