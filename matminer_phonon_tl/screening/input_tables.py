"""Read Parquet, matminer's JSON, DataFrames and iterators, chunk by chunk."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.chunks import (
    FORMULA_COLUMNS,
    MAX_LATE_KEYS,
    Chunk,
    formula_column,
    formula_value,
    warn_of_late_keys,
)
from matminer_phonon_tl.screening.columns import clean_text, to_column
from matminer_phonon_tl.untrusted_json import parse_json


def open_parquet(path: Path) -> tuple[list[ds.Fragment], pa.Schema]:
    """Open a Parquet file or a folder of them, in the natural order of their names.

    A folder's ``key=value`` subfolders become columns. Its files may differ in columns, which are
    missing where a file has none, and in types, of which one that holds all is taken.
    """
    dataset = ds.dataset(path, format="parquet", partitioning="hive" if path.is_dir() else None)
    fragments = sorted(dataset.get_fragments(), key=lambda fragment: _natural(fragment.path))
    if not fragments:
        raise ScreeningError(f"expected Parquet files in the folder {path}, found none")
    schema = dataset.schema
    for fragment in fragments:
        try:
            schemas = [schema, fragment.physical_schema]
            schema = pa.unify_schemas(schemas, promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise ScreeningError(
                f"expected the files of {path} to agree on their columns, got one that does not, "
                f"{fragment.path}: {error}"
            ) from error
    return fragments, schema


def parquet_chunks(path: Path, formula: str | None, chunk_rows: int) -> Iterator[Chunk]:
    """Read Parquet, one row group at a time."""
    fragments, schema = open_parquet(path)
    column = formula_column(schema.names, formula, str(path))
    for fragment in fragments:
        if column not in fragment.physical_schema.names and column not in _folders(fragment):
            raise ScreeningError(
                f"expected a column {column!r} in every file of {path}, found none in "
                f"{fragment.path}: name another with --formula, or screen the files apart"
            )
    batches = chain.from_iterable(
        fragment.to_batches(
            schema=schema, batch_size=chunk_rows, use_threads=False, batch_readahead=1
        )
        for fragment in fragments
    )
    for table in _regrouped(batches, schema, chunk_rows):
        formulas = [formula_value(value) for value in table[column].to_pylist()]
        yield Chunk(table, formulas, column=column)


def _folders(fragment: ds.Fragment) -> dict[str, Any]:
    """Return the columns that the names of a file's folders give."""
    return dict(ds.get_partition_keys(fragment.partition_expression))


def matminer_chunks(
    content: bytes, name: str, formula: str | None, chunk_rows: int
) -> Iterator[Chunk]:
    """Read a dataset in matminer's JSON, which can only be read as a whole."""
    try:
        document = parse_json(content, allow_nan=True)
        columns = [str(column) for column in document["columns"]]
        rows = document["data"]
        fits = isinstance(rows, list) and all(
            isinstance(row, list) and len(row) == len(columns) for row in rows
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ScreeningError(
            f"expected {name} to be a dataset in matminer's JSON, with columns and data, but "
            f"reading it failed ({type(error).__name__}: {error}): name JSON lines .jsonl"
        ) from error
    if not fits:
        raise ScreeningError(
            f"expected the data of {name} as a list of rows of {len(columns)} cells each, got "
            "something else"
        )
    column = formula_column(columns, formula, name)
    place = columns.index(column)
    for first in range(0, max(len(rows), 1), chunk_rows):
        block = rows[first : first + chunk_rows]
        table = pa.table(
            [to_column([row[number] for row in block]) for number in range(len(columns))],
            names=columns,
        )
        yield Chunk(table, [formula_value(row[place]) for row in block], column=column)


def frame_chunks(frame: pd.DataFrame, formula: str | None, chunk_rows: int) -> Iterator[Chunk]:
    """Read a DataFrame; its index is no column and does not come back."""
    columns = [clean_text(str(column)) for column in frame.columns]
    column = formula_column(columns, formula, "the DataFrame")
    place = columns.index(column)
    for first in range(0, max(len(frame), 1), chunk_rows):
        block = frame.iloc[first : first + chunk_rows]
        table = pa.table(
            [_series_column(block.iloc[:, number]) for number in range(len(columns))],
            names=columns,
        )
        formulas = [formula_value(value) for value in block.iloc[:, place].tolist()]
        yield Chunk(table, formulas, column=column)


def frames_chunks(frames: Iterable[Any], formula: str | None, chunk_rows: int) -> Iterator[Chunk]:
    """Read DataFrames one after the other; the first says which columns there are."""
    columns: Any = None
    late: dict[str, int] = {}
    n_rows = 0
    for frame in frames:
        if not isinstance(frame, pd.DataFrame):
            raise ScreeningError(
                f"expected another DataFrame after row {n_rows}, got {type(frame).__name__}"
            )
        if columns is None:
            columns = frame.columns
        elif not frame.columns.equals(columns):
            for column in frame.columns.difference(columns, sort=False)[:MAX_LATE_KEYS]:
                late.setdefault(str(column), n_rows)
            frame = frame.reindex(columns=columns)  # noqa: PLW2901 (the same rows)
        yield from frame_chunks(frame, formula, chunk_rows)
        n_rows += len(frame)
    if late:
        warn_of_late_keys(late)


def iterator_chunks(items: Iterable[Any], formula: str | None, chunk_rows: int) -> Iterator[Chunk]:
    """Read an iterator of formulas, compositions, records (dicts with a formula) or DataFrames."""
    iterator = iter(items)
    try:
        first = next(iterator)
    except StopIteration:
        return
    iterator = chain([first], iterator)
    if isinstance(first, pd.DataFrame):
        yield from frames_chunks(iterator, formula, chunk_rows)
        return
    is_record = isinstance(first, dict) and bool(
        first.keys() & ({formula} if formula else set(FORMULA_COLUMNS))
    )
    while block := list(islice(iterator, chunk_rows)):
        if is_record:
            yield _records_chunk(block, list(first), formula)
        else:
            yield Chunk(pa.table({}), [formula_value(value) for value in block])


def _records_chunk(records: list[Any], keys: list[str], formula: str | None) -> Chunk:
    """Make a chunk of records; the first record of all says which columns there are."""
    errors = {}
    for number, record in enumerate(records):
        if not isinstance(record, dict):
            errors[number] = f"expected a dict with the keys {keys}, got {type(record).__name__}"
        elif record.keys() - set(keys):
            errors[number] = (
                f"expected the keys {keys} of the first record, got also "
                f"{sorted(map(str, record.keys() - set(keys)))}"
            )
    rows = [record if isinstance(record, dict) else {} for record in records]
    table = pa.table({str(key): to_column([row.get(key) for row in rows]) for key in keys})
    column = formula_column(keys, formula, "the records")
    return Chunk(table, [formula_value(row.get(column)) for row in rows], errors, column)


def dask_chunks(frame: Any, formula: str | None, chunk_rows: int) -> Iterator[Chunk]:
    """Read a dask DataFrame, one partition at a time."""
    partitions = (partition.compute() for partition in frame.to_delayed())
    yield from frames_chunks(partitions, formula, chunk_rows)


def _series_column(series: "pd.Series[Any]") -> pa.Array:
    if series.dtype == object:
        return to_column(series.tolist())
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError):
        # Complex numbers, sparse columns, texts that are no Unicode.
        return to_column(series.tolist())


def _regrouped(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, chunk_rows: int
) -> Iterator[pa.Table]:
    """Join small row groups, so that each chunk is large enough to be worth its overhead."""
    waiting: list[pa.RecordBatch] = []
    n_rows = n_yielded = 0
    for batch in batches:
        waiting.append(batch)
        n_rows += batch.num_rows
        if n_rows >= chunk_rows:
            table = pa.Table.from_batches(waiting, schema)
            whole = n_rows - n_rows % chunk_rows
            for first in range(0, whole, chunk_rows):
                yield table.slice(first, chunk_rows)
                n_yielded += 1
            waiting, n_rows = table.slice(whole).to_batches(), n_rows - whole
    if n_rows or not n_yielded:
        yield pa.Table.from_batches(waiting, schema)


def _natural(path: str) -> list[Any]:
    """Return a key that sorts ``part.10`` after ``part.9``."""
    return [
        (1, int(part), "") if part.isdigit() else (0, 0, part)
        for part in re.split(r"(\d+)", path)
        if part
    ]
