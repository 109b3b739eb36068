"""Tables as CSV, Parquet and spreadsheet: units in headings, nothing run, nothing lost."""

import sys

import pandas as pd
import pyarrow.parquet as pq
import pytest

from matminer_phonon_tl.cli.tables import Column, check_table_path, write_table
from matminer_phonon_tl.exceptions import MissingExtraError

COLUMNS = (Column("path"), Column("speed_of_sound", "km/s", 2), Column("is_stable"), Column("n"))
RECORDS = [
    {"path": "=HYPERLINK(1)", "speed_of_sound": 3.14159265, "is_stable": True, "n": 2},
    {"path": "b, \x07c", "speed_of_sound": None, "is_stable": False},
]


def test_csv(tmp_path):
    write_table(tmp_path / "x.csv", COLUMNS, RECORDS)
    assert (tmp_path / "x.csv").read_text() == (
        'path,speed_of_sound [km/s],is_stable,n\n=HYPERLINK(1),3.14159,True,2\n"b, \x07c",,False,\n'
    )


def test_parquet_keeps_numbers_and_has_units_beside_names(tmp_path):
    write_table(tmp_path / "x.parquet", COLUMNS, RECORDS)
    frame = pd.read_parquet(tmp_path / "x.parquet")
    assert frame.speed_of_sound[0] == 3.14159265
    assert frame.path[1] == "b, \x07c"
    schema = pq.read_schema(tmp_path / "x.parquet")
    assert schema.field("speed_of_sound").metadata[b"unit"] == b"km/s"


def test_spreadsheet(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="the extra xlsx is not installed")
    write_table(tmp_path / "x.xlsx", COLUMNS, RECORDS)
    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx").active
    assert [cell.value for cell in sheet[1]] == [
        "path", "speed_of_sound [km/s]", "is_stable", "n"
    ]  # fmt: skip
    assert [cell.value for cell in sheet[2]] == ["=HYPERLINK(1)", 3.14159265, True, 2]
    assert sheet["A2"].data_type == "s"  # no formula
    assert sheet["B2"].number_format == "0.00"
    assert [cell.value for cell in sheet[3]] == ["b, c", None, False, None]
    assert sheet.column_dimensions["B"].width > len("speed_of_sound [km/s]")


@pytest.mark.parametrize("name", ["x.txt", "x", "nowhere/x.csv", "."])
def test_names_are_checked_before_anything_is_computed(tmp_path, name):
    with pytest.raises(ValueError, match=r"expected a table named NAME\.csv, NAME\.parquet"):
        check_table_path(tmp_path / name)


def test_a_spreadsheet_takes_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"found none; write \.csv, or pip install .*xlsx"):
        check_table_path(tmp_path / "x.xlsx")
