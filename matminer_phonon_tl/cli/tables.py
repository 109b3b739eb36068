"""Write a table to a file: CSV, Parquet, or a spreadsheet whose headings hold units."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matminer_phonon_tl.exceptions import MissingExtraError, way_to_install
from matminer_phonon_tl.files import write_atomically

FORMATS = (".csv", ".parquet", ".xlsx")
_DIGITS = 6  # significant, in text
_WIDEST = 40  # characters of a spreadsheet's column


class Column(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    name : str
        Key of the records.
    unit : str
        Empty where there is none.
    decimals : int
        Digits after the point that a spreadsheet shows.
    """

    name: str
    unit: str = ""
    decimals: int = 0

    @property
    def heading(self) -> str:
        """Name and unit, for readers who see nothing else."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


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
        try:
            import openpyxl  # noqa: F401
        except ImportError as error:
            raise MissingExtraError(
                "expected openpyxl to write a spreadsheet, found none; write .csv, or "
                + way_to_install("xlsx")
            ) from error


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
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    sheet.append([column.heading for column in columns])
    for row in rows:
        sheet.append([None] * len(row))
        for number, (column, value) in enumerate(zip(columns, row, strict=True), 1):
            cell = sheet.cell(sheet.max_row, number)
            if isinstance(value, str):
                # a name that begins with "=" is no formula
                cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)
                cell.data_type = "s"
            elif value is not None and not (isinstance(value, float) and math.isnan(value)):
                cell.value = value
                if isinstance(value, float):
                    cell.number_format = f"0.{'0' * column.decimals}" if column.decimals else "0"
    for number, column in enumerate(columns, 1):
        sheet.cell(1, number).font = Font(bold=True)
        texts = [column.heading, *(str(row[number - 1] or "")[:12] for row in rows)]
        width = max(map(len, texts))
        if all(isinstance(row[number - 1], str) for row in rows):
            width = max(width, *(len(row[number - 1]) for row in rows))
        sheet.column_dimensions[get_column_letter(number)].width = min(width, _WIDEST) + 2
    sheet.freeze_panes = "B2"
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
