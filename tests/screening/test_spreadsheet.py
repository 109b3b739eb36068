"""A screening as a spreadsheet: units in the headings, numbers as numbers, texts as texts."""

import sys

import pandas as pd
import pyarrow as pa
import pytest

from matminer_phonon_tl import spreadsheet
from matminer_phonon_tl.exceptions import DataWarning, ScreeningError
from matminer_phonon_tl.models import PhononPredictor
from matminer_phonon_tl.screening import output, screen

openpyxl = pytest.importorskip("openpyxl")


def sheet(path):
    return openpyxl.load_workbook(path).active


@pytest.fixture
def screened(tmp_path):
    rows = [
        {"formula": "GaN", "mine": 0.123456789, "name": "=1+1"},
        {"formula": "Xx", "mine": float("nan"), "name": "\x07bell"},
        {"formula": "NaCl", "mine": 2.0, "name": None},
    ]
    screen(pd.DataFrame(rows), tmp_path / "out.xlsx")
    return sheet(tmp_path / "out.xlsx")


def test_headings_hold_units(screened):
    headings = [cell.value for cell in screened[1]]
    assert headings[:3] == ["formula", "mine", "name"]
    assert {
        "phonon_bandgap_lower [cm-1]",
        "speed_of_sound [km/s, mean of the three acoustic waves]",
    } <= {*headings}
    assert "training_similarity" in headings
    assert all(cell.font.bold for cell in screened[1])
    assert screened.freeze_panes == "B2"


def test_numbers_are_whole_and_shown_with_the_digits_that_are_meant(screened):
    columns = {cell.value: cell.column for cell in screened[1]}
    predicted = PhononPredictor.from_pretrained().predict(["GaN"], warn=False)
    speed = screened.cell(2, columns["speed_of_sound [km/s, mean of the three acoustic waves]"])
    assert speed.value == pytest.approx(predicted["speed_of_sound"][0], rel=1e-12)
    assert speed.number_format == "0.000"
    assert screened.cell(2, columns["phonon_bandgap [cm-1]"]).number_format == "0.0"
    mine = screened.cell(2, columns["mine"])
    assert (mine.value, mine.number_format) == (0.123456789, "General")
    assert screened.cell(2, columns["has_phonon_bandgap"]).value is True


def test_what_is_missing_is_empty_and_no_text_is_run(screened):
    columns = {cell.value: cell.column for cell in screened[1]}
    assert screened.cell(3, columns["mine"]).value is None
    assert (
        screened.cell(3, columns["speed_of_sound [km/s, mean of the three acoustic waves]"]).value
        is None
    )
    assert "Xx" in screened.cell(3, columns["error"]).value
    name = screened.cell(2, columns["name"])
    assert (name.value, name.data_type) == ("=1+1", "s")
    assert screened.cell(3, columns["name"]).value == "bell"


def test_more_rows_than_a_sheet_holds_are_refused_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "MOST_ROWS", 2)
    with pytest.raises(ScreeningError, match="expected at most 2 rows for a spreadsheet"):
        screen(["GaN", "NaCl", "KBr"], tmp_path / "out.xlsx")
    assert not (tmp_path / "out.xlsx").exists()
    screen(["GaN", "NaCl", "KBr"], tmp_path / "best.xlsx", top=2, by="speed_of_sound")
    assert sheet(tmp_path / "best.xlsx").max_row == 3


def test_texts_that_do_not_fit_are_cut_with_a_word(tmp_path, monkeypatch):
    monkeypatch.setattr(spreadsheet, "_LONGEST", 10)
    with (tmp_path / "out.xlsx").open("wb") as file:
        sink = output.SpreadsheetSink(file)
        sink.add(pa.table({"long": ["x" * 11], "short": ["y"]}))
        with pytest.warns(DataWarning, match=r"more than 10 characters are cut .* column long:"):
            sink.close()
    assert [cell.value for cell in sheet(tmp_path / "out.xlsx")[2]] == ["x" * 10, "y"]


def test_without_openpyxl_it_is_said_before_anything_is_predicted(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(ImportError, match="expected openpyxl to write a spreadsheet"):
        screen(["GaN"], tmp_path / "out.xlsx")
