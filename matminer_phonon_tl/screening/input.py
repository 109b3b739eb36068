"""Open what is predicted or screened: files, folders, standard input, DataFrames, iterators."""

import codecs
import hashlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
from pymatgen.core.structure import SiteCollection

from matminer_phonon_tl.atoms import is_atoms
from matminer_phonon_tl.exceptions import CompositionError, ScreeningError
from matminer_phonon_tl.files import file_hash
from matminer_phonon_tl.screening import input_csv_json, input_tables
from matminer_phonon_tl.screening.chunks import FORMULA_COLUMNS, Chunk, Reading
from matminer_phonon_tl.screening.file_kinds import FIRST_BYTES, text_encoding
from matminer_phonon_tl.screening.input_structures import (
    DAMAGED,
    NO_LIMIT,
    entry_chunks,
    files_below,
    kind_of,
    look_into,
    plain_name,
    structure_chunks,
)
from matminer_phonon_tl.structures import FORMATS as STRUCTURE_FORMATS
from matminer_phonon_tl.structures import find_format, phonons_error, split_structures
from matminer_phonon_tl.unpacking import open_unpacked, unpacked

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}
"""Format of a table by the end of its name; text may also be packed (.gz, .xz, .bz2)."""

STRUCTURE_TEXTS = {"cif", "poscar", "xsf", "extxyz", "xyz"}
"""Kinds of structure files that standard input may hold, which has no name."""
_BLOCK = 2**20
_TABLE_ROWS = 5_000


@dataclass(frozen=True)
class Input:
    """Rows to screen, and what is known of them before they are read."""

    name: str
    """Name of the input, for errors and for the output's metadata."""
    sha256: str | None
    """Hash of the content of files; None for an input that can be read only once."""
    n_rows: int | None
    """Approximate number of rows, for the progress bar."""
    chunks: Callable[[], Iterator[Chunk]]
    """Returns the iterator over the rows."""


def open_input(
    data: Any, *, formula: str | None, chunk_rows: int, structures: bool = False
) -> Input:
    """Find out what the input is, or raise ScreeningError where it cannot be read.

    It is a path (of a table, a file of structures, or a folder of either), "-", a DataFrame, a dask
    DataFrame, or an iterable. ``formula`` is the column of the formulas; ``structures`` takes
    structures where a table has both. ``chunk_rows`` rows are read at a time; of structure files at
    most 200.
    """
    how = Reading(formula, chunk_rows, structures)
    if isinstance(data, str) and data == "-":
        return _guarded(_standard_input(how))
    if isinstance(data, str) and not data:
        raise ScreeningError("expected the name of an input, got an empty text")
    if isinstance(data, str | Path):
        return _guarded(_open_path(Path(data), how))
    read: Callable[..., Iterator[Chunk]] = input_tables.iterator_chunks
    name, n_rows = "an iterator", len(data) if isinstance(data, Sized) else None
    if isinstance(data, pd.DataFrame):
        read, name = input_tables.frame_chunks, "a DataFrame"
    elif hasattr(data, "to_delayed") and hasattr(data, "npartitions"):
        read, name, n_rows = input_tables.dask_chunks, "a dask DataFrame", None
    elif (
        not isinstance(data, Iterable)
        or isinstance(data, bytes | dict | SiteCollection)
        or is_atoms(data)
    ):
        raise ScreeningError(
            f"expected a file, '-', a DataFrame or an iterable of formulas, got "
            f"{type(data).__name__}"
        )
    make = lambda: read(data, how)  # noqa: E731
    source = Input(name, None, n_rows, make)
    return source if isinstance(data, pd.DataFrame) else _guarded(source)


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
        # Without the index that pandas notes in Parquet: rows are told by their position.
        frame = chunk.table.select(scalars).to_pandas(ignore_metadata=True)
        # One column stands for the materials; another of them would be taken in its place.
        frame = frame.drop(columns=[*FORMULA_COLUMNS, chunk.column], errors="ignore")
        frame[wanted] = pd.Series(chunk.formulas, dtype=object)
        errors |= {n_rows + row: sentence for row, sentence in chunk.errors.items()}
        frames.append(frame)
        n_rows += len(frame)
    if not n_rows:
        raise ScreeningError(f"expected rows in {data}, got none")
    return pd.concat(frames, ignore_index=True), errors


def _open_path(path: Path, how: Reading) -> Input:
    name = str(path)
    if not path.exists():
        raise ScreeningError(f"expected an input file, found none at {name}")
    if not path.is_dir() and not path.is_file():
        raise ScreeningError(
            f"expected a file or a folder, got {name}, which is a pipe or a device: give it as "
            "standard input, with - as the name"
        )
    if path.is_dir() and not _holds_parquet(path):
        structure_paths, passed_over = look_into(path)
        return Input(
            name,
            _digest(structure_paths, path),
            len(structure_paths),
            lambda: structure_chunks(structure_paths, how.chunk_rows, path, passed_over),
        )
    try:
        return _open_file(path, how)
    except (*DAMAGED, UnicodeError, pa.ArrowException) as error:
        raise _unreadable(name, error) from error


def _open_file(path: Path, how: Reading) -> Input:
    """Open a file, or a folder of Parquet files, which are one table."""
    name = str(path)
    suffix = Path(plain_name(path).lower()).suffix
    kind = "parquet" if path.is_dir() else FORMATS.get(suffix) or _kind_without_ending(path)
    if kind == "parquet":
        fragments, _ = input_tables.open_parquet(path)
        return Input(
            name,
            _digest(Path(fragment.path) for fragment in fragments),
            sum(fragment.count_rows() for fragment in fragments),
            lambda: input_tables.parquet_chunks(path, how),
        )
    if kind == "structures":
        return Input(name, _digest([path]), None, lambda: structure_chunks([path], how.chunk_rows))
    n_rows = None if kind == "json" else _count_lines(path) - (kind == "csv")

    def chunks() -> Iterator[Chunk]:
        file = open_unpacked(path, NO_LIMIT)
        return _read_bytes(file, kind, name, how)

    return Input(name, _digest([path]), n_rows, chunks)


def _holds_parquet(folder: Path) -> bool:
    return any(map(input_tables.is_parquet, files_below(folder)))


def _kind_without_ending(path: Path) -> str:
    """Tell by its content what a file is whose name does not say it."""
    kind = kind_of(path)
    if kind == "phonons":
        raise ScreeningError(phonons_error(str(path)).reason)
    if kind is not None:
        return "json" if kind == "json" else "structures"
    with path.open("rb") as file:
        start = file.read(FIRST_BYTES)
    if start.startswith(b"PAR1"):
        return "parquet"
    text_encoding(start, str(path))  # says what it is where it is no text
    raise ScreeningError(
        f"expected an input named {', '.join(FORMATS)} (text also packed: .gz, .xz, .bz2), a file "
        f"of structures ({STRUCTURE_FORMATS}) or a folder of those or of Parquet files, got "
        f"{path}: write another program's crystal as CIF, and name a table .csv"
    )


def _standard_input(how: Reading) -> Input:
    """Read JSON lines where the first character is a brace, structures, else CSV; packed or not."""

    def chunks() -> Iterator[Chunk]:
        if sys.stdin is None:
            raise ScreeningError("expected rows from standard input, which is closed")
        file: Any = sys.stdin.buffer
        peeked = b""
        if hasattr(file, "peek"):
            file = unpacked(file, NO_LIMIT, "standard input")
            peeked = file.peek(1)
        if find_format("", peeked) in STRUCTURE_TEXTS:
            yield from _structures_of(file.read(), "standard input", how)
            return
        begins = peeked.removeprefix(codecs.BOM_UTF8).lstrip()
        kind = "jsonl" if begins[:1] == b"{" else "csv"
        yield from _read_bytes(file, kind, "standard input", how)

    return Input("standard input", None, None, chunks)


def _structures_of(content: bytes, name: str, how: Reading) -> Iterator[Chunk]:
    try:
        entries = split_structures(content, name)
    except CompositionError as error:
        raise ScreeningError(error.reason) from error
    yield from entry_chunks(entries, name, how.chunk_rows)


def _read_bytes(file: BinaryIO, kind: str, name: str, how: Reading) -> Iterator[Chunk]:
    with file:
        start = file.peek(FIRST_BYTES) if hasattr(file, "peek") else b""
        encoding = text_encoding(start[:FIRST_BYTES], name)
        if kind == "csv" and start.lstrip()[:2] in (b'{"', b"[{", b'["'):
            raise ScreeningError(f"expected {name} to be CSV, got JSON: name it .jsonl or .json")
        if kind == "json":
            content = file.read()
            if encoding != "utf-8":
                content = content.decode(encoding).encode()
            yield from input_tables.json_document_chunks(content, name, how)
            return
        # Bytes that are no UTF-8 are an error of their row.
        errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
        text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
        read = input_csv_json.csv_chunks if kind == "csv" else input_csv_json.json_chunks
        yield from read(text, name, how)


def _guarded(source: Input) -> Input:
    """Say in one sentence, at any later moment, that the input cannot be read."""

    def chunks() -> Iterator[Chunk]:
        try:
            yield from source.chunks()
        except (*DAMAGED, UnicodeError, pa.ArrowException) as error:
            raise _unreadable(source.name, error) from error

    return Input(source.name, source.sha256, source.n_rows, chunks)


def _unreadable(name: str, error: BaseException) -> ScreeningError:
    reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    return ScreeningError(f"expected {name} to be readable to its end, but that failed: {reason}")


def _digest(paths: Iterable[Path], folder: Path | None = None) -> str:
    """Return a digest of files, and of their names in the folder."""
    digest = hashlib.sha256()
    for path in paths:
        if folder is not None:
            digest.update(os.fsencode(path.relative_to(folder)) + b"\0")
        digest.update(bytes.fromhex(file_hash(path)))
    return digest.hexdigest()


def _count_lines(path: Path) -> int:
    """Count the lines of a text file; an unfinished last line counts."""
    n_lines, block = 0, b""
    with open_unpacked(path, NO_LIMIT) as file:
        while more := file.read(_BLOCK):
            block = more
            n_lines += block.count(b"\n")
    return n_lines + (not block.endswith(b"\n") and bool(block))
