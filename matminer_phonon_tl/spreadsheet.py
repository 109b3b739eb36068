"""Write a spreadsheet whose headings hold units, row by row and in bounded memory."""

import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO, NamedTuple

from matminer_phonon_tl.exceptions import DataWarning, MissingExtraError, way_to_install

MOST_ROWS = 1_048_575
"""Rows that a spreadsheet holds below its headings."""
_LONGEST = 32_767
"""Characters that a cell holds."""
_WIDEST = 40
"""Characters of a column's width."""


class Column(NamedTuple):
    """A column of a table."""

    name: str
    """Key of the records."""
    unit: str = ""
    """Empty where there is none."""
    decimals: int | None = 0
    """Digits after the point that a spreadsheet shows; None leaves it to the spreadsheet."""

    @property
    def heading(self) -> str:
        """Name and unit, for readers who see nothing else."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


def check_spreadsheets() -> None:
    """Raise MissingExtraError before anything is computed where openpyxl is missing."""
    try:
        import openpyxl  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "expected openpyxl to write a spreadsheet, found none; write .csv, or "
            + way_to_install("xlsx")
        ) from error


class Spreadsheet:
    """One sheet, with bold headings that stay in sight.

    Parameters
    ----------
    columns : sequence of Column
    sample : sequence of sequence
        Rows that tell how wide the columns of text are.
    """

    def __init__(self, columns: Sequence[Column], sample: Sequence[Sequence[Any]]) -> None:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
        from openpyxl.styles import Font
        from openpyxl.utils import get_column_letter

        self.columns = columns
        self._new_cell, self._illegal = WriteOnlyCell, ILLEGAL_CHARACTERS_RE
        self._cut: set[str] = set()
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("Sheet")
        self._sheet.freeze_panes = "B2"
        for number, column in enumerate(columns):
            texts = [row[number] for row in sample if isinstance(row[number], str)]
            width = max(map(len, [column.heading, *texts]))
            letter = get_column_letter(number + 1)
            self._sheet.column_dimensions[letter].width = min(width, _WIDEST) + 2
        headings = [self._text(column.heading, column) for column in columns]
        for cell in headings:
            cell.font = Font(bold=True)
        self._sheet.append(headings)

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Write rows; a number that is missing or not finite leaves its cell empty."""
        for row in rows:
            self._sheet.append(
                [self._cell(v, column) for v, column in zip(row, self.columns, strict=True)]
            )

    def save(self, file: BinaryIO) -> None:
        """Write the file, and warn of texts that a cell could not hold."""
        self._book.save(file)
        if self._cut:
            warnings.warn(
                f"texts of more than {_LONGEST} characters are cut in a spreadsheet's column "
                f"{', '.join(sorted(self._cut))}: write .parquet or .csv to keep them",
                DataWarning,
                stacklevel=2,
            )

    def abandon(self) -> None:
        """End a sheet that is not to be written."""
        self._sheet.close()

    def _cell(self, value: Any, column: Column) -> Any:
        if isinstance(value, str):
            return self._text(value, column)
        if not isinstance(value, float):
            return value
        if not math.isfinite(value):
            return None
        cell = self._new_cell(self._sheet, value)
        if column.decimals is not None:
            cell.number_format = f"0.{'0' * column.decimals}" if column.decimals else "0"
        return cell

    def _text(self, text: str, column: Column) -> Any:
        """Make a cell that no spreadsheet takes for a formula."""
        if len(text) > _LONGEST:
            self._cut.add(column.name)
        cell = self._new_cell(self._sheet, self._illegal.sub("", text[:_LONGEST]))
        cell.data_type = "s"
        return cell
