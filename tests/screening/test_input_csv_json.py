"""CSV and JSON lines: every line comes back, whatever is in it."""

import csv
import io
import json

import pytest
from pymatgen.core import Lattice, Structure

from matminer_phonon_tl.exceptions import DataWarning, ScreeningError
from matminer_phonon_tl.screening import input_csv_json
from matminer_phonon_tl.screening.chunks import Reading
from matminer_phonon_tl.screening.input_csv_json import csv_chunks, json_chunks
from matminer_phonon_tl.structures import structure_of


def read_csv(content, formula=None, chunk_rows=100):
    file = io.TextIOWrapper(
        io.BytesIO(content), encoding="utf-8-sig", errors="surrogateescape", newline=""
    )
    return list(csv_chunks(file, "x.csv", Reading(formula, chunk_rows)))


def read_json(text, formula=None, chunk_rows=100):
    return list(json_chunks(io.StringIO(text), "x.jsonl", Reading(formula, chunk_rows)))


def test_cells_stay_the_text_they_are():
    (chunk,) = read_csv(b'\xef\xbb\xbfid,formula,note\r\n007,InN,"a, ""b""\nc"\r\n1e5,BAs,\r\n')
    assert chunk.table.to_pylist() == [
        {"id": "007", "formula": "InN", "note": 'a, "b"\nc'},
        {"id": "1e5", "formula": "BAs", "note": None},
    ]
    assert chunk.formulas == ["InN", "BAs"]
    assert chunk.errors == {}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"InN", "expected 2 fields as in the header, got 1"),
        (b"InN,1,2", "expected 2 fields as in the header, got 3"),
        (b"", "expected a row, got an empty line"),
        (b"InN,\xe9t\xe9", "expected text in UTF-8, got bytes of another encoding"),
        (b'InN,"a"b', "expected a line of CSV, got one that cannot be read"),
        (b'"InN,x', "expected a line of CSV, got one that cannot be read"),
    ],
)
def test_a_bad_line_comes_back_with_its_reason(line, sentence):
    (chunk,) = read_csv(b"formula,x\nGaN,1\n" + line + b"\nBAs,2\n\n\n")
    assert len(chunk.formulas) == 3
    assert list(chunk.errors) == [1]
    assert sentence in chunk.errors[1]
    assert chunk.formulas[::2] == ["GaN", "BAs"]


def test_bytes_of_another_encoding_are_shown_not_lost():
    (chunk,) = read_csv(b"formula,x\nInN,\xe9\n")
    assert chunk.table["x"].to_pylist() == ["\\udce9"]


def test_an_endless_line_needs_no_endless_memory(monkeypatch):
    monkeypatch.setattr(input_csv_json, "MAX_LINE", 1000)
    content = b"formula,x\nInN," + b"y" * 5000 + b",z\nBAs,1\n"
    (chunk,) = read_csv(content)
    assert chunk.formulas == [None, "BAs"]
    assert chunk.errors == {0: "expected a line of less than 1000 characters, got more"}
    assert len(chunk.table["x"][0].as_py()) < 1000


def test_a_quote_that_is_never_closed_takes_no_other_row():
    (chunk,) = read_csv(b'formula,note\nInN,"abc\nGaN,x\nBAs,y\n')
    assert chunk.formulas == [None, "GaN", "BAs"]
    assert chunk.table["note"].to_pylist() == [None, "x", "y"]
    assert list(chunk.errors) == [0]


def test_nor_does_one_in_a_long_file(monkeypatch):
    """The quote goes on to where its cell would be too long; from there all is read again."""
    monkeypatch.setattr(input_csv_json, "MAX_LINE", 1000)
    rows = b"".join(b"GaN,%d\n" % number for number in range(500))
    chunks = read_csv(b'formula,x\nInN,"abc\n' + rows, chunk_rows=100)
    formulas = [formula for chunk in chunks for formula in chunk.formulas]
    assert formulas == [None, *["GaN"] * 500]
    numbers = [cell for chunk in chunks for cell in chunk.table["x"].to_pylist()]
    assert numbers == [None, *map(str, range(500))]
    assert [list(chunk.errors) for chunk in chunks] == [[0], [], [], [], [], []]


def test_a_cell_may_hold_a_whole_file():
    cif = b"_atom_site_line 0.5 0.5\n" * 8000
    limit = csv.field_size_limit()
    (chunk,) = read_csv(b'formula,cif\nInN,x\nGaN,"' + cif + b'"\nBAs,y\n')
    assert chunk.formulas == ["InN", "GaN", "BAs"]
    assert chunk.table["cif"][1].as_py() == cif.decode()
    assert chunk.errors == {}
    assert csv.field_size_limit() == limit


def test_a_row_of_too_many_cells_keeps_them_but_is_not_predicted():
    (chunk,) = read_csv(b"id,formula\nGaN,InN,3\n")
    assert chunk.formulas == [None]
    assert chunk.table.to_pylist() == [{"id": "GaN", "formula": "InN"}]


def test_long_rows_make_short_chunks(monkeypatch):
    monkeypatch.setattr(input_csv_json, "MAX_CHUNK", 1000)
    long = b"InN," + b"y" * 600 + b"\n"
    chunks = read_csv(b"formula,x\n" + long + b"BAs,1\n" + long + b"GaN,2\n")
    assert [chunk.formulas for chunk in chunks] == [["InN", "BAs", "InN"], ["GaN"]]


def test_chunks_hold_what_is_asked_for():
    chunks = read_csv(b"formula\n" + b"InN\n" * 25, chunk_rows=10)
    assert [len(chunk.formulas) for chunk in chunks] == [10, 10, 5]


def test_a_header_alone_is_a_table_without_rows():
    (chunk,) = read_csv(b"formula,x\n")
    assert chunk.table.column_names == ["formula", "x"]
    assert chunk.table.num_rows == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "expected a header line in x.csv, got an empty one"),
        (b"a,b\n1,2\n", "expected a column 'composition', .* got the columns 'a', 'b': name the"),
        (b"formula,formula\n1,2\n", "expected each column of x.csv once"),
    ],
)  # fmt: skip
def test_refuses_a_file_without_formulas(content, sentence):
    with pytest.raises(ScreeningError, match=sentence):
        read_csv(content)


def test_json_lines_keep_their_types():
    text = '{"formula": "InN", "n": 1, "x": {"a": [1]}}\n\n{"formula": "BAs", "n": null, "x": 2.5}'
    (chunk,) = read_json(text)
    assert chunk.table["n"].to_pylist() == [1, None]
    assert chunk.table["x"].to_pylist() == ['{"a": [1]}', "2.5"]
    assert chunk.formulas == ["InN", "BAs"]


def test_json_compositions_and_structures():
    structure = Structure(Lattice.cubic(3), ["In", "N"], [[0] * 3, [0.5] * 3])
    (chunk,) = read_json('{"composition": {"In": 1, "N": 1}}')
    assert chunk.formulas == [{"In": 1, "N": 1}]
    # A record with a structure, and a line that is one.
    for line in ({"structure": structure.as_dict()}, structure.as_dict()):
        (chunk,) = read_json(json.dumps(line))
        assert [structure_of(value) for value in chunk.formulas] == [structure]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "expected a JSON object, got a line that cannot be read"),
        ("[1]", "expected a JSON object, got list"),
        ("[" * 1000, "at most 100 levels of nesting"),
    ],
)
def test_a_bad_json_line_comes_back_with_its_reason(line, sentence):
    (chunk,) = read_json(f'{{"formula": "InN"}}\n{line}\n{{"formula": "BAs"}}\n')
    assert chunk.formulas == ["InN", None, "BAs"]
    assert sentence in chunk.errors[1]


def test_keys_that_come_late_are_named():
    text = '{"formula": "InN"}\n' * 2 + '{"formula": "BAs", "x": 1}\n'
    with pytest.warns(DataWarning, match=r"'x' \(row 2\) came later and are left out"):
        chunks = read_json(text, chunk_rows=2)
    assert [chunk.table.column_names for chunk in chunks] == [["formula"], ["formula"]]


def test_half_a_surrogate_pair_is_shown():
    (chunk,) = read_json('{"formula": "In\\ud800N"}')
    assert chunk.table["formula"].to_pylist() == ["In\\ud800N"]
