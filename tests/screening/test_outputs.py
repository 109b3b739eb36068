"""Files that appear whole, CSV that no spreadsheet runs, and the best rows."""

import csv
import gzip
import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening import outputs
from matminer_phonon_tl.screening.outputs import (
    CsvSink,
    OutputFile,
    ParquetSink,
    TopRows,
    check_output,
    harmless,
)


def as_csv(*tables):
    file = io.BytesIO()
    sink = CsvSink(file)
    for table in tables:
        sink.add(table)
    sink.close()
    return file.getvalue().decode()


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "-", "+InN"],
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text):
    assert harmless(text) == f"'{text}"
    written = as_csv(pa.table({text: [text]}))
    assert list(csv.reader(io.StringIO(written, newline=""))) == [[f"'{text}"], [f"'{text}"]]


def test_a_carriage_return_inside_a_text_begins_no_cell():
    written = as_csv(pa.table({"x": ["a\r=1+1", "b"]}))
    assert list(csv.reader(io.StringIO(written, newline=""))) == [["x"], ["a\r=1+1"], ["b"]]


@pytest.mark.parametrize("text", ["InN", "-1.5", "+3", "-1e-5", "", "a=b", " =1"])
def test_other_text_stays(text):
    assert harmless(text) == text


def test_csv_reads_back():
    table = pa.table(
        {
            "formula": ["InN", 'a "b",\nc', None],
            "x": [0.1 + 0.2, None, -1e-300],
            "yes": [True, False, None],
            "list": [[1, 2], None, []],
        }
    )
    text = as_csv(table, table)
    back = pd.read_csv(io.StringIO(text), float_precision="round_trip")
    assert len(back) == 6
    assert back["x"].tolist()[:4:3] == [0.1 + 0.2, 0.1 + 0.2]
    assert back["x"][2] == -1e-300
    assert back["formula"][1] == 'a "b",\nc'
    assert back["list"][0] == "[1, 2]"
    assert text.count("formula") == 1


def test_parquet_says_what_made_it(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "ROW_GROUP", 4)
    path = tmp_path / "x.parquet"
    with OutputFile(path, tmp_path) as file:
        sink = ParquetSink(file, {"model_sha256": "abc"}, {"gap": "cm-1"})
        for _ in range(3):
            sink.add(pa.table({"formula": ["InN", "BAs"], "gap": [1.0, 2.0]}))
        sink.close()
    read = pq.ParquetFile(path)
    assert read.num_row_groups == 2
    assert json.loads(read.schema_arrow.metadata[b"matminer-phonon-tl"]) == {"model_sha256": "abc"}
    assert read.schema_arrow.field("gap").metadata == {b"unit": b"cm-1"}
    assert pd.read_parquet(path)["gap"].tolist() == [1.0, 2.0] * 3


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x.csv.gz"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), OutputFile(path, tmp_path) as file:
        file.writelines([b"half", "no bytes"])
    assert path.read_bytes() == b"old"
    with OutputFile(path, tmp_path) as file:
        file.write(b"whole")
        assert path.read_bytes() == b"old"
    assert gzip.decompress(path.read_bytes()) == b"whole"
    assert [each.name for each in tmp_path.iterdir()] == ["x.csv.gz"]


@pytest.mark.parametrize(
    ("ascending", "expected"), [(False, ["c", "a", "d"]), (True, ["b", "a", "d"])]
)
def test_the_best_rows_of_all_tables(ascending, expected):
    top = TopRows(3, "x", ascending=ascending)
    for names, values in (("ab", [2.0, 1.0]), ("cde", [9.0, 2.0, None]), ("f", [float("nan")])):
        top.add(pa.table({"name": list(names), "x": values}))
    assert top.table["name"].to_pylist() == expected


def test_text_is_ranked_by_its_numbers_and_missing_comes_last():
    top = TopRows(4, "x")
    top.add(pa.table({"x": ["10", "9", "metal", None]}))
    assert top.table["x"].to_pylist() == ["10", "9", "metal", None]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("x.txt", r"expected an output named \.parquet, \.csv or \.csv\.gz, or '-', got"),
        ("x.parquet.gz", "expected an output named"),
        ("no/x.csv", "expected an output in a folder that exists"),
        ("folder.csv", "expected an output file, got the folder"),
    ],
)
def test_outputs_that_cannot_be(tmp_path, name, sentence):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ScreeningError, match=sentence):
        check_output(tmp_path / name)
    assert check_output(Path("x.pq")) == "parquet"
