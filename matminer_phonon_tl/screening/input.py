"""Open what is screened: a file, a folder, standard input, a DataFrame or an iterator."""

import codecs
import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.files import file_hash
from matminer_phonon_tl.screening import input_csv_json, input_tables
from matminer_phonon_tl.screening.chunks import FORMULA_COLUMNS, Chunk
from matminer_phonon_tl.screening.file_kinds import FIRST_BYTES, text_encoding

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "matminer",
}
"""Format of a file by the end of its name; text may also be gzipped (.gz)."""

_BLOCK = 2**20
_TABLE_ROWS = 5_000
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Input:
    """Rows to screen, and what is known of them before they are read.

    Parameters
    ----------
    name : str
        Name of the input, for errors and for the output's metadata.
    sha256 : str or None
        Hash of the content of files; None for an input that can be read only once.
    n_rows : int or None
        Approximate number of rows, for the progress bar.
    chunks : callable
        Returns the iterator over the rows.
    """

    name: str
    sha256: str | None
    n_rows: int | None
    chunks: Callable[[], Iterator[Chunk]]


def open_input(data: Any, *, formula: str | None, chunk_rows: int) -> Input:
    """Find out what the input is, and refuse one that cannot be read.

    Parameters
    ----------
    data : path, "-", DataFrame, dask DataFrame, or iterable
    formula : str or None
        Column of the formulas.
    chunk_rows : int
        Rows read at a time.

    Raises
    ------
    ScreeningError
    """
    if isinstance(data, str) and data == "-":
        return _guarded(_standard_input(formula, chunk_rows))
    if isinstance(data, str) and not data:
        raise ScreeningError("expected the name of an input, got an empty text")
    if isinstance(data, str | Path):
        return _guarded(_open_path(Path(data), formula, chunk_rows))
    if isinstance(data, pd.DataFrame):
        make = lambda: input_tables.frame_chunks(data, formula, chunk_rows)  # noqa: E731
        return Input("a DataFrame", None, len(data), make)
    if hasattr(data, "to_delayed") and hasattr(data, "npartitions"):
        make = lambda: input_tables.dask_chunks(data, formula, chunk_rows)  # noqa: E731
        return _guarded(Input("a dask DataFrame", None, None, make))
    if not isinstance(data, Iterable) or isinstance(data, bytes | dict):
        raise ScreeningError(
            f"expected a file, '-', a DataFrame or an iterable of formulas, got "
            f"{type(data).__name__}"
        )
    n_rows = len(data) if isinstance(data, Sized) else None
    make = lambda: input_tables.iterator_chunks(data, formula, chunk_rows)  # noqa: E731
    return _guarded(Input("an iterator", None, n_rows, make))


def read_table(
    data: Any, formula: str | None = None, *, structure: bool = False
) -> tuple[pd.DataFrame, dict[int, str]]:
    """Read a whole table, of any form that :func:`screen` takes, into memory.

    Parameters
    ----------
    data : path, "-", DataFrame, dask DataFrame, or iterable
    formula : str, optional
        Column of the formulas, or structures; default: composition, formula or structure.
    structure : bool
        Take the column ``structure`` by default.

    Returns
    -------
    table : DataFrame
        Its columns of scalars, and ``composition`` (with `structure`, ``structure``): what stands
        for each row's material, not read yet.
    errors : dict of int to str
        What is wrong with rows that cannot be read, by position.

    Raises
    ------
    ScreeningError
        If the input cannot be used.
    """
    wanted = "structure" if structure else "composition"
    asked = formula or ("structure" if structure else None)
    frames: list[pd.DataFrame] = []
    errors: dict[int, str] = {}
    n_rows = 0
    for chunk in open_input(data, formula=asked, chunk_rows=_TABLE_ROWS).chunks():
        scalars = [f.name for f in chunk.table.schema if not pa.types.is_nested(f.type)]
        frame = chunk.table.select(scalars).to_pandas()
        # One column stands for the materials; another of them would be taken in its place.
        frame = frame.drop(columns=[*FORMULA_COLUMNS, chunk.column], errors="ignore")
        frame[wanted] = pd.Series(chunk.formulas, dtype=object)
        errors |= {n_rows + row: sentence for row, sentence in chunk.errors.items()}
        frames.append(frame)
        n_rows += len(frame)
    if not n_rows:
        raise ScreeningError(f"expected rows in {data}, got none")
    return pd.concat(frames, ignore_index=True), errors


def _open_path(path: Path, formula: str | None, chunk_rows: int) -> Input:
    name = str(path)
    if not path.exists():
        raise ScreeningError(f"expected an input file, found none at {name}")
    if not path.is_dir() and not path.is_file():
        raise ScreeningError(
            f"expected a file or a folder, got {name}, which is a pipe or a device: give it as "
            "standard input, with - as the name"
        )
    suffix = Path(name.lower().removesuffix(".gz")).suffix
    kind = "parquet" if path.is_dir() else FORMATS.get(suffix)
    if kind is None:
        raise ScreeningError(
            f"expected an input named {', '.join(FORMATS)} (text also with .gz) or a folder of "
            f"Parquet files, got {name}"
        )
    try:
        if kind == "parquet":
            fragments, _ = input_tables.open_parquet(path)
            n_rows: int | None = sum(fragment.count_rows() for fragment in fragments)
            sha256 = _digest(Path(fragment.path) for fragment in fragments)
        else:
            sha256 = _digest([path])
            n_rows = None if kind == "matminer" else _count_lines(path) - (kind == "csv")
    except (OSError, EOFError, UnicodeError, zlib.error, pa.ArrowException) as error:
        raise _unreadable(name, error) from error

    def chunks() -> Iterator[Chunk]:
        if kind == "parquet":
            return input_tables.parquet_chunks(path, formula, chunk_rows)
        return _read_bytes(path.open("rb"), kind, name, formula, chunk_rows)

    return Input(name, sha256, n_rows, chunks)


def _standard_input(formula: str | None, chunk_rows: int) -> Input:
    """Read JSON lines where the first character is a brace, else CSV; gzipped or not."""

    def chunks() -> Iterator[Chunk]:
        if sys.stdin is None:
            raise ScreeningError("expected rows from standard input, which is closed")
        file = sys.stdin.buffer
        peeked = file.peek(2) if hasattr(file, "peek") else b""
        if peeked[:2] == _GZIP:
            file = io.BufferedReader(gzip.GzipFile(fileobj=file))
            peeked = file.peek(1)
        begins = peeked.removeprefix(codecs.BOM_UTF8).lstrip()
        kind = "jsonl" if begins[:1] == b"{" else "csv"
        return _read_bytes(file, kind, "standard input", formula, chunk_rows)

    return Input("standard input", None, None, chunks)


def _read_bytes(
    file: BinaryIO, kind: str, name: str, formula: str | None, chunk_rows: int
) -> Iterator[Chunk]:
    with file:
        start = file.peek(FIRST_BYTES) if hasattr(file, "peek") else b""
        if start[:2] == _GZIP:
            file = io.BufferedReader(gzip.GzipFile(fileobj=file))
            start = file.peek(FIRST_BYTES)
        encoding = text_encoding(start[:FIRST_BYTES], name)
        if kind == "csv" and start.lstrip()[:2] in (b'{"', b"[{", b'["'):
            raise ScreeningError(f"expected {name} to be CSV, got JSON: name it .jsonl or .json")
        if kind == "matminer":
            content = file.read()
            if encoding != "utf-8":
                content = content.decode(encoding).encode()
            yield from input_tables.matminer_chunks(content, name, formula, chunk_rows)
            return
        # Bytes that are no UTF-8 are an error of their row.
        errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
        text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
        read = input_csv_json.csv_chunks if kind == "csv" else input_csv_json.json_chunks
        yield from read(text, name, formula, chunk_rows)


def _guarded(source: Input) -> Input:
    """Say in one sentence, at any later moment, that the input cannot be read."""

    def chunks() -> Iterator[Chunk]:
        try:
            yield from source.chunks()
        except (OSError, EOFError, UnicodeError, zlib.error, pa.ArrowException) as error:
            raise _unreadable(source.name, error) from error

    return Input(source.name, source.sha256, source.n_rows, chunks)


def _unreadable(name: str, error: BaseException) -> ScreeningError:
    reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    return ScreeningError(f"expected {name} to be readable to its end, but that failed: {reason}")


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(bytes.fromhex(file_hash(path)))
    return digest.hexdigest()


def _count_lines(path: Path) -> int:
    """Count the lines of a text file; an unfinished last line counts."""
    n_lines, block = 0, b""
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == _GZIP
        raw.seek(0)
        file = gzip.GzipFile(fileobj=raw) if is_gzip else raw
        while more := file.read(_BLOCK):
            block = more
            n_lines += block.count(b"\n")
    return n_lines + (not block.endswith(b"\n") and bool(block))
