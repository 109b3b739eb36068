"""Write a table to a file: CSV, Parquet, or a spreadsheet whose headings hold units."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matminer_phonon_tl.files import write_atomically
from matminer_phonon_tl.spreadsheet import Column, Spreadsheet, check_spreadsheets

FORMATS = (".csv", ".parquet", ".xlsx")
_DIGITS = 6  # significant, in text


def check_table_path(path: Path) -> None:
    """Refuse a table's name before anything is computed.

    Parameters
    ----------
    path : Path
        Its ending says the format.

    Raises
    ------
    ValueError
        The ending is of no known format, or there is no such folder.
    MissingExtraError
        A spreadsheet takes openpyxl, which is not installed.
    """
    if path.suffix not in FORMATS or not path.parent.is_dir() or path.is_dir():
        raise ValueError(
            f"expected a table named NAME{', NAME'.join(FORMATS)} in a folder that exists, got "
            f"{path}; choose one of these endings"
        )
    if path.suffix == ".xlsx":
        check_spreadsheets()


def write_table(
    path: Path, columns: Sequence[Column], records: Sequence[Mapping[str, Any]]
) -> None:
    """Write records as a table, whole or not at all.

    In CSV and in a spreadsheet the headings hold the units; Parquet has them in the metadata of its
    fields, and the bare names.

    Parameters
    ----------
    path : Path
        As :func:`check_table_path` takes it.
    columns : sequence of Column
        What is written, in this order.
    records : sequence of mapping
        A row each; what is missing, is left empty.
    """
    rows = [[record.get(column.name) for column in columns] for record in records]
    if path.suffix == ".csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([column.heading for column in columns])
        writer.writerows([[_as_text(value) for value in row] for row in rows])
        write_atomically(path, text.getvalue().encode())
    elif path.suffix == ".parquet":
        write_atomically(path, _parquet(columns, rows))
    else:
        write_atomically(path, _spreadsheet(columns, rows))


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)


def _parquet(columns: Sequence[Column], rows: list[list[Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [pa.array([row[number] for row in rows]) for number in range(len(columns))]
    fields = [
        pa.field(column.name, array.type, metadata={"unit": column.unit} if column.unit else None)
        for column, array in zip(columns, arrays, strict=True)
    ]
    buffer = io.BytesIO()
    pq.write_table(pa.table(arrays, schema=pa.schema(fields)), buffer)
    return buffer.getvalue()


def _spreadsheet(columns: Sequence[Column], rows: list[list[Any]]) -> bytes:
    sheet = Spreadsheet(columns, rows)
    sheet.add(rows)
    buffer = io.BytesIO()
    sheet.save(buffer)
    return buffer.getvalue()
