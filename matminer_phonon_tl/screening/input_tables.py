"""Read Parquet, JSON documents, DataFrames and iterators, chunk by chunk."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from matminer_phonon_tl.exceptions import CompositionError, ScreeningError
from matminer_phonon_tl.screening.chunks import (
    FORMULA_COLUMNS,
    MAX_LATE_KEYS,
    Chunk,
    MaterialColumns,
    Reading,
    material_value,
    warn_of_late_keys,
)
from matminer_phonon_tl.screening.columns import clean_text, to_column
from matminer_phonon_tl.screening.input_structures import entry_chunks, files_below, natural
from matminer_phonon_tl.structures import document_entries, is_document, is_phonons
from matminer_phonon_tl.untrusted_json import parse_json


def open_parquet(path: Path) -> tuple[list[ds.Fragment], pa.Schema]:
    """Open a Parquet file or a folder of them, in the natural order of their names.

    A folder's ``key=value`` subfolders become columns. Its files may differ in columns, which are
    missing where a file has none, and in types, of which one that holds all is taken.
    """
    others = [file for file in files_below(path) if not is_parquet(file)] if path.is_dir() else []
    if others := [file for file in others if not file.name.startswith("_")]:  # _SUCCESS
        raise ScreeningError(
            f"expected nothing but Parquet files in the folder {path}, as it holds some and they "
            f"are one table, got {others[0].relative_to(path)}: take it away, or name one file"
        )
    dataset = ds.dataset(path, format="parquet", partitioning="hive" if path.is_dir() else None)
    fragments = sorted(dataset.get_fragments(), key=lambda fragment: natural(fragment.path))
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


def is_parquet(file: Path) -> bool:
    """Tell whether a file is Parquet by its name."""
    return file.suffix.lower() in (".parquet", ".pq")


def parquet_chunks(path: Path, how: Reading) -> Iterator[Chunk]:
    """Read Parquet, one row group at a time."""
    fragments, schema = open_parquet(path)
    materials = MaterialColumns.find(schema.names, how, str(path))
    column = materials.names[0]
    for fragment in fragments:
        if column not in fragment.physical_schema.names and column not in _folders(fragment):
            raise ScreeningError(
                f"expected a column {column!r} in every file of {path}, found none in "
                f"{fragment.path}: name another with --formula, or screen the files apart"
            )
    batches = chain.from_iterable(
        fragment.to_batches(
            schema=schema, batch_size=how.chunk_rows, use_threads=False, batch_readahead=1
        )
        for fragment in fragments
    )
    for table in _regrouped(batches, schema, how.chunk_rows):
        formulas = materials.values(lambda name: table[name].to_pylist())  # noqa: B023 (used at once)
        yield Chunk(table, formulas, column=materials.formula)


def _folders(fragment: ds.Fragment) -> dict[str, Any]:
    """Return the columns that the names of a file's folders give."""
    return dict(ds.get_partition_keys(fragment.partition_expression))


def json_document_chunks(content: bytes, name: str, how: Reading) -> Iterator[Chunk]:
    """Read JSON, which can only be read as a whole.

    It holds a dataset in matminer's form, records, columns, a list of formulas, or structures: one,
    a list, or a dict of them by name.
    """
    try:
        document = parse_json(content, allow_nan=True)
        is_table = not is_phonons(document)
        found = _rows_of(document, how.formula) if is_table else None
        data = document.get("data") if isinstance(document, dict) and is_table else None
        if found is None and isinstance(data, list):
            # The answer of an API, and what pandas writes with orient="table".
            document = data
            found = _rows_of(document, how.formula)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _no_table(name, error) from error
    if found is None:
        try:
            entries = document_entries(document, name)
        except CompositionError as error:
            if (
                document
                and isinstance(document, list)
                and all(isinstance(r, dict) for r in document)
            ):
                MaterialColumns.find(_records(document)[0], how, name)
            raise ScreeningError(error.reason) from error
        yield from entry_chunks(entries, Path(name).name, how.chunk_rows)
        return
    columns, rows = found
    materials = MaterialColumns.find(columns, how, name)
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and len(row) == len(columns) for row in rows
    ):
        raise ScreeningError(
            f"expected the data of {name} as a list of rows of {len(columns)} cells each, got "
            "something else"
        )
    for first in range(0, max(len(rows), 1), how.chunk_rows):
        block = rows[first : first + how.chunk_rows]
        cells = {column: [row[place] for row in block] for place, column in enumerate(columns)}
        table = pa.table({column: to_column(values) for column, values in cells.items()})
        yield Chunk(table, materials.values(cells.__getitem__), column=materials.formula)


def _rows_of(document: Any, formula: str | None) -> tuple[list[str], Any] | None:
    """Return the columns and rows of a table in JSON; None where it holds bare structures."""
    if isinstance(document, dict):
        if {"columns", "data"} <= document.keys():
            return [str(column) for column in document["columns"]], document["data"]
        if _are_records([document], formula):
            return _columns_of(document)
        if _are_records(list(document.values()), formula):
            return _records(list(document.values()))
    if isinstance(document, list):
        if document and all(isinstance(value, str) for value in document):
            return [formula or FORMULA_COLUMNS[1]], [[value] for value in document]
        if _are_records(document, formula):
            return _records(document)
    return None


def _are_records(values: list[Any], formula: str | None) -> bool:
    """Tell whether these are rows of a table: dicts of which one at least names a material."""
    wanted = (formula,) if formula else FORMULA_COLUMNS
    return all(isinstance(value, dict) and not is_document(value) for value in values) and any(
        value.get(name) is not None for value in values for name in wanted
    )


def _records(records: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    keys = list(dict.fromkeys(key for record in records for key in record))
    return keys, [[record.get(key) for key in keys] for record in records]


def _columns_of(document: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Read columns by name: dicts of cells by row, as DataFrame.to_json() writes, or lists.

    Anything else is one record.
    """
    columns = list(document.values())
    if all(isinstance(cells, list) for cells in columns) and len(set(map(len, columns))) == 1:
        return list(document), [list(row) for row in zip(*columns, strict=True)]
    if all(isinstance(cells, dict) and not is_document(cells) for cells in columns):
        rows = list(dict.fromkeys(key for cells in columns for key in cells))
        return list(document), [[cells.get(row) for cells in columns] for row in rows]
    return _records([document])


def _no_table(name: str, error: Exception) -> ScreeningError:
    return ScreeningError(
        f"expected {name} to be a dataset in matminer's JSON, with columns and data, records or "
        f"structures, but reading it failed ({type(error).__name__}: {error}): name JSON lines "
        ".jsonl"
    )


def frame_chunks(frame: pd.DataFrame, how: Reading) -> Iterator[Chunk]:
    """Read a DataFrame; its index is no column and does not come back."""
    columns = [clean_text(str(column)) for column in frame.columns]
    materials = MaterialColumns.find(columns, how, "the DataFrame")
    for first in range(0, max(len(frame), 1), how.chunk_rows):
        block = frame.iloc[first : first + how.chunk_rows]
        table = pa.table(
            [_series_column(block.iloc[:, number]) for number in range(len(columns))],
            names=columns,
        )
        formulas = materials.values(
            lambda name: block.iloc[:, columns.index(name)].tolist()  # noqa: B023 (used at once)
        )
        yield Chunk(table, formulas, column=materials.formula)


def frames_chunks(frames: Iterable[Any], how: Reading) -> Iterator[Chunk]:
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
        yield from frame_chunks(frame, how)
        n_rows += len(frame)
    if late:
        warn_of_late_keys(late)


def iterator_chunks(items: Iterable[Any], how: Reading) -> Iterator[Chunk]:
    """Read an iterator of materials, records (dicts that name theirs) or DataFrames."""
    iterator = iter(items)
    try:
        first = next(iterator)
    except StopIteration:
        return
    iterator = chain([first], iterator)
    if isinstance(first, pd.DataFrame):
        yield from frames_chunks(iterator, how)
        return
    is_record = isinstance(first, dict) and bool(
        first.keys() & ({how.formula} if how.formula else set(FORMULA_COLUMNS))
    )
    while block := list(islice(iterator, how.chunk_rows)):
        if is_record:
            yield _records_chunk(block, list(first), how)
        else:
            yield Chunk(pa.table({}), [material_value(value) for value in block])


def _records_chunk(records: list[Any], keys: list[str], how: Reading) -> Chunk:
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
    materials = MaterialColumns.find(keys, how, "the records")
    formulas = materials.values(lambda name: [row.get(name) for row in rows])
    return Chunk(table, formulas, errors, materials.formula)


def dask_chunks(frame: Any, how: Reading) -> Iterator[Chunk]:
    """Read a dask DataFrame, one partition at a time."""
    partitions = (partition.compute() for partition in frame.to_delayed())
    yield from frames_chunks(partitions, how)


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
