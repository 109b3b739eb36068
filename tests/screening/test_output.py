"""Files that appear whole and put nothing else away, CSV that no spreadsheet runs."""

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
from matminer_phonon_tl.screening import output
from matminer_phonon_tl.screening.columns import marked
from matminer_phonon_tl.screening.output import (
    CsvSink,
    ParquetSink,
    check_output,
    check_places,
    harmless,
    output_file,
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
    monkeypatch.setattr(output, "ROW_GROUP", 4)
    path = tmp_path / "x.parquet"
    with output_file(path, tmp_path) as file:
        sink = ParquetSink(file, {"model_sha256": "abc"})
        for _ in range(3):
            fields = [pa.field("formula", pa.string()), pa.field("gap", pa.float64())]
            schema = pa.schema([fields[0], marked(fields[1], "gap", "cm-1")])
            sink.add(pa.table([["InN", "BAs"], [1.0, 2.0]], schema=schema))
        sink.close()
    read = pq.ParquetFile(path)
    assert read.num_row_groups == 2
    assert json.loads(read.schema_arrow.metadata[b"matminer-phonon-tl"]) == {"model_sha256": "abc"}
    assert read.schema_arrow.field("gap").metadata[b"unit"] == b"cm-1"
    assert pd.read_parquet(path)["gap"].tolist() == [1.0, 2.0] * 3


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x.csv.gz"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), output_file(path, tmp_path) as file:
        file.writelines([b"half", "no bytes"])
    assert path.read_bytes() == b"old"
    with output_file(path, tmp_path) as file:
        file.write(b"whole")
        assert path.read_bytes() == b"old"
    assert gzip.decompress(path.read_bytes()) == b"whole"
    assert [each.name for each in tmp_path.iterdir()] == ["x.csv.gz"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("x.txt", r"expected an output named \.parquet, .*\.xlsx, or '-', got"),
        ("x.parquet.gz", "expected an output named"),
    ],
)
def test_outputs_that_cannot_be(tmp_path, name, sentence):
    with pytest.raises(ScreeningError, match=sentence):
        check_output(tmp_path / name)
    assert check_output(Path("x.pq")) == "parquet"


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in.csv", "other.csv"):
        (tmp_path / name).write_text("formula\nInN\n")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to("other.csv")
    (tmp_path / "to_input.csv").symlink_to("in.csv")
    return tmp_path


@pytest.mark.parametrize(
    ("output", "page", "sentence"),
    [
        ("no/x.csv", None, "expected the output in a folder that exists, got no/x.csv"),
        ("folder.csv", None, "expected the output as a file, got the folder folder.csv"),
        ("in.csv", None, "expected the output to be another file than the input, got in.csv for b"),
        ("to_input.csv", None, "expected the output to be another file than the input"),
        ("x.csv", "in.csv", "expected the page to be another file than the input, got in.csv"),
        ("x.csv", "x.csv", "expected output and page in two files, got x.csv for both"),
        ("other.csv", "link.csv", "expected output and page in two files"),
        ("x.csv", "no/x.html", "expected the page in a folder that exists"),
        ("x.csv", "folder.csv", "expected the page as a file, got the folder folder.csv"),
        ("x.csv", "/dev/null", "expected the page as a file, got the device or pipe /dev/null"),
    ],
)
def test_nothing_is_put_over_what_is_needed(places, output, page, sentence):  # noqa: ARG001
    with pytest.raises(ScreeningError, match=sentence):
        check_places("in.csv", output, page=page)


def test_a_folder_that_is_read_is_not_written_into(places):
    with pytest.raises(ScreeningError, match="expected the output outside of the input's folder"):
        check_places(places, places / "x.csv", page=None)


def test_a_link_stays_and_what_it_links_to_is_written(places):
    assert check_places("in.csv", "link.csv", page=None) == (places / "other.csv", None)
    assert check_places("in.csv", "-", page="x.html") == (None, Path("x.html"))
    assert check_places("none.csv", "new.csv") == (Path("new.csv"),)


def test_texts_of_any_type_are_made_harmless():
    table = pa.table({"x": pa.array(["=cmd()"]).dictionary_encode()})
    assert as_csv(table) == "x\n'=cmd()\n"


def test_what_is_abandoned_stays_open():
    file = io.BytesIO()
    sink = CsvSink(file)
    sink.add(pa.table({"x": [1]}))
    sink.abandon()
    del sink
    file.write(b"more")
    assert file.getvalue() == b"x\n1\nmore"
