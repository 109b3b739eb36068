"""Where rows go: Parquet, CSV, standard output; and the best of them."""

import csv
import gzip
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.where import as_numbers

METADATA_KEY = "matminer-phonon-tl"
"""Of the Parquet file's metadata: JSON of model, versions, options."""
ROW_GROUP = 131_072
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ParquetSink:
    """A Parquet file whose schema carries units, and whose metadata say what made it.

    Parameters
    ----------
    file : binary file
    metadata : mapping
        JSON-compatible.
    units : mapping of column to unit
    """

    def __init__(
        self, file: BinaryIO, metadata: Mapping[str, Any], units: Mapping[str, str]
    ) -> None:
        self.file = file
        self.metadata = {METADATA_KEY: json.dumps(metadata)}
        self.units = units
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        """Write a table's rows, in row groups of a useful size."""
        if self._writer is None:
            fields = [
                field.with_metadata({"unit": self.units[field.name]})
                if field.name in self.units
                else field
                for field in table.schema
            ]
            self.schema = pa.schema(fields, metadata=self.metadata)
            self._writer = pq.ParquetWriter(self.file, self.schema, compression="zstd")
        self._waiting.append(table)
        if sum(part.num_rows for part in self._waiting) >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the footer."""
        if self._writer is not None:
            self._flush()
            self._writer.close()

    def _flush(self) -> None:
        if self._writer is not None and self._waiting:
            whole = pa.concat_tables(self._waiting).combine_chunks()
            self._writer.write_table(pa.Table.from_arrays(whole.columns, schema=self.schema))
            self._waiting = []


class CsvSink:
    """CSV in UTF-8 that no spreadsheet takes for formulas.

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
        """Flush, and leave the file to whom it belongs."""
        self._text.flush()
        self._text.detach()


class TopRows:
    """The rows that rank first, kept while tables go by.

    Parameters
    ----------
    n_rows : int
    by : str
        Column to rank by; of text, by the numbers in it. Missing values come last.
    ascending : bool
        The least first. Rows of equal rank keep the input's order.
    """

    def __init__(self, n_rows: int, by: str, *, ascending: bool = False) -> None:
        self.n_rows = n_rows
        self.by = by
        self.order = "ascending" if ascending else "descending"
        self.table: pa.Table | None = None

    def add(self, table: pa.Table) -> None:
        """Let a table's rows compete."""
        whole = table if self.table is None else pa.concat_tables([self.table, table])
        keys = as_numbers(whole[self.by])
        order = pc.array_sort_indices(keys, order=self.order, null_placement="at_end")
        self.table = whole.take(order[: self.n_rows])


class OutputFile:
    """A file that appears under its name once it is whole.

    Parameters
    ----------
    path : Path
        Gzipped where it ends in ``.gz``.
    temporary : Path
        Folder, on the same file system, in which it grows.
    """

    def __init__(self, path: Path, temporary: Path) -> None:
        self.path = path
        self.temporary = temporary

    def __enter__(self) -> BinaryIO:
        handle, name = tempfile.mkstemp(dir=self.temporary, prefix=f".{self.path.name}.")
        self._grown = Path(name)
        self._raw = os.fdopen(handle, "wb")
        self._file: Any = self._raw
        if self.path.suffix == ".gz":
            self._file = gzip.GzipFile(fileobj=self._raw, mode="wb", mtime=0)
        return self._file

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                if self._file is not self._raw:
                    self._file.close()
                self._raw.flush()
                os.fsync(self._raw.fileno())
                umask = os.umask(0)
                os.umask(umask)
                self._grown.chmod(0o666 & ~umask)
                self._grown.replace(self.path)
        finally:
            self._raw.close()
            self._grown.unlink(missing_ok=True)


def check_output(output: Path) -> str:
    """Return "csv" or "parquet", or say what is wrong with the output's place or name."""
    name = output.name.removesuffix(".gz")
    kind = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}.get(Path(name).suffix)
    if kind is None or (kind == "parquet" and name != output.name):
        raise ScreeningError(
            f"expected an output named .parquet, .csv or .csv.gz, or '-', got {output}"
        )
    if not output.parent.is_dir():
        raise ScreeningError(f"expected an output in a folder that exists, got {output}")
    if output.is_dir():
        raise ScreeningError(f"expected an output file, got the folder {output}")
    return kind


def harmless(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run as a formula.

    Examples
    --------
    >>> harmless("=HYPERLINK(A1)"), harmless("-1.5"), harmless("InN")
    ("'=HYPERLINK(A1)", '-1.5', 'InN')
    """
    if not text.startswith(_STARTS_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def _cells(column: pa.ChunkedArray) -> list[Any]:
    values = column.to_pylist()
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return [None if value is None else harmless(value) for value in values]
    return [
        harmless(json.dumps(value, default=str)) if isinstance(value, dict | list) else value
        for value in values
    ]
