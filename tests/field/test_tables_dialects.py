"""Tables as spreadsheets and other programs write them, whatever their name says."""

import io
import json
import re
import zipfile

import pandas as pd
import pyarrow as pa
import pytest
from pymatgen.core import Composition, Lattice, Structure

from matminer_phonon_tl.compositions import as_compositions
from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening import read_table, screen
from matminer_phonon_tl.screening.columns import as_numbers
from matminer_phonon_tl.screening.input import open_input

TEXT = "id;formula;größe\n1;GaN;3\n2;NaCl;1\n"


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return content.getvalue()


def as_parquet():
    content = io.BytesIO()
    pd.DataFrame({"formula": ["GaN"]}).to_parquet(content)
    return content.getvalue()


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_delimiter_and_encoding_are_found(tmp_path, delimiter, encoding):
    path = tmp_path / "list.csv"
    path.write_bytes(TEXT.replace(";", delimiter).encode(encoding))
    frame, errors = read_table(path)
    assert errors == {}
    assert frame.to_dict("list") == {
        "id": ["1", "2"], "größe": ["3", "1"], "composition": ["GaN", "NaCl"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sep=;\r\n" + TEXT, ["id", "größe", "composition"]),
        ('"sep=|"\n' + TEXT.replace(";", "|"), ["id", "größe", "composition"]),
        ('formula;"a,b,c"\nGaN;1\nNaCl;2\n', ["a,b,c", "composition"]),
        ("formula,a;b\nGaN,1\nNaCl,2\n", ["a;b", "composition"]),
        ("formula\nGaN\nNaCl\n", ["composition"]),
        ("formula,x\rGaN,1\rNaCl,2\r", ["x", "composition"]),
        ('"formula"\t"x"\nGaN\t"1\t2"\nNaCl\t3\n', ["x", "composition"]),
    ],
)
def test_the_header_says_what_separates(tmp_path, text, names):
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode())
    frame, errors = read_table(path)
    assert list(frame.columns) == names
    assert frame["composition"].tolist() == ["GaN", "NaCl"]
    assert errors == {}


def test_a_named_column_says_it_too(tmp_path):
    path = tmp_path / "list.tsv"
    path.write_text("my, material\tx\nGaN\t1\n")
    assert read_table(path, "my, material")[0]["composition"].tolist() == ["GaN"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook: save it as CSV"),
        (zipped("docProps/app.xml", "xl/theme.xml"), "an Excel workbook: save it as CSV"),
        (b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
         "an OpenDocument spreadsheet: save it as CSV"),
        (zipped("list.csv"), "a ZIP archive: unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "an Excel workbook of the old form"),
        (as_parquet(), "Parquet: name it .parquet"),
        (b"(\xb5/\xfd\x04", "a file packed by zstd"),
        (b"\x80\x04\x95\x10", "a Python pickle, which is never read"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n\0", "a picture"),
        (b"<!DOCTYPE html>\n<html>404", "a web page: download the file itself"),
        (b"\n<html lang='en'>", "a web page"),
        (b'<?xml version="1.0"?><Workbook/>', "XML"),
        (b"form\0\0\0ula", "another binary file"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_named(tmp_path, content, what):
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(ScreeningError) as refused:
        read_table(path)
    assert f"expected {path} to be a text, got {what}" in str(refused.value)


@pytest.mark.parametrize("text", ['[{"formula": "GaN"}]', ' {"formula": "GaN"}\n'])
def test_json_named_csv_is_named(tmp_path, text):
    path = tmp_path / "list.csv"
    path.write_text(text)
    with pytest.raises(ScreeningError, match=r"to be CSV, got JSON: name it \.jsonl or \.json"):
        read_table(path)


def test_records_of_json_may_differ_in_their_keys(tmp_path):
    """Exports of APIs leave out what they do not know; one record without a formula refused all."""
    records = [{"formula": "GaN"}, {"formula": "InN", "x": 1}, {"x": 2}]
    (tmp_path / "x.json").write_text(json.dumps(records))
    (chunk,) = open_input(tmp_path / "x.json", formula=None, chunk_rows=10).chunks()
    assert chunk.formulas == ["GaN", "InN", None]
    assert chunk.table["x"].to_pylist() == [None, 1, 2]


def test_a_named_column_of_json_records(tmp_path):
    """--formula worked with CSV only."""
    (tmp_path / "x.json").write_text(json.dumps([{"name": "GaN"}, {"name": "InN"}]))
    (chunk,) = open_input(tmp_path / "x.json", formula="name", chunk_rows=10).chunks()
    assert chunk.formulas == ["GaN", "InN"]


def test_a_folder_of_parquet_and_other_files_is_refused(tmp_path):
    pd.DataFrame({"formula": ["GaN"]}).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("formula\nInN\n")
    with pytest.raises(ScreeningError, match=r"nothing but Parquet files .*, got b\.csv: take it"):
        open_input(tmp_path, formula=None, chunk_rows=10)


def test_a_dict_in_a_cell_is_what_it_stands_for(tmp_path):
    """pandas writes an object column as Python prints it, others as JSON."""
    cells = [
        {"Ga": 1.0, "N": 1},
        json.dumps({"Ga": 1.0, "N": 1}),
        Composition("GaN").as_dict(),
        Composition("GaN"),
        "{'Ga': __import__('os')}",
        "{" * 5000,
        "{'Ga': 1",
    ]
    pd.DataFrame({"composition": cells}).to_csv(tmp_path / "list.csv", index=False)
    screen(tmp_path / "list.csv", tmp_path / "out.csv")
    frame = pd.read_csv(tmp_path / "out.csv")
    assert frame["speed_of_sound"].notna().tolist() == [True] * 4 + [False] * 3
    assert len(set(frame["speed_of_sound"][:4])) == 1
    assert frame["error"][4:].str.startswith("expected ").all()


@pytest.mark.parametrize("name", ["list.csv", "list.parquet", "list.jsonl", "list.json"])
def test_a_dict_that_is_text_is_read_in_files_of_every_kind(tmp_path, name):
    """As matminer's users save compositions; only CSV was read."""
    cells = [str({"Ga": 1.0, "N": 1.0}), json.dumps(Composition("Fe2O3").as_dict()), "InN"]
    table = pd.DataFrame({"composition": cells})
    if name == "list.csv":
        table.to_csv(tmp_path / name, index=False)
    elif name == "list.parquet":
        table.to_parquet(tmp_path / name)
    else:
        table.to_json(tmp_path / name, orient="records", lines=name == "list.jsonl")
    read, _ = read_table(tmp_path / name)
    assert as_compositions(read) == [Composition(each) for each in ("GaN", "Fe2O3", "InN")]


def test_a_document_named_jsonl_is_named(tmp_path):
    (tmp_path / "list.jsonl").write_text('[{"formula": "GaN"}]')
    with pytest.raises(ScreeningError, match=r"got list; name a whole document \.json"):
        read_table(tmp_path / "list.jsonl")


@pytest.mark.parametrize("as_text", [str, json.dumps])
def test_a_structure_in_a_cell_is_read(tmp_path, as_text):
    crystal = Structure(Lattice.cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    table = pd.DataFrame({"structure": [as_text(crystal.as_dict())]})
    table.to_csv(tmp_path / "list.csv", sep=";", index=False)
    screen(tmp_path / "list.csv", tmp_path / "out.csv")
    screen(["CsCl"], tmp_path / "formula.csv")
    found, asked = (pd.read_csv(tmp_path / name) for name in ("out.csv", "formula.csv"))
    # Two atoms in the cell, as in the formula; 3R a mole of atoms bounds the heat capacity.
    assert found["error"].isna().all()
    assert found["heat_capacity"][0] == pytest.approx(asked["heat_capacity"][0], rel=0.02)


@pytest.mark.parametrize("number", ["3,5", "-0,25", "1,234.5", "1.234,5", ",5e3", "3.2 km/s"])
def test_a_decimal_comma_is_refused_where_numbers_are_compared(tmp_path, number):
    (tmp_path / "list.csv").write_text(f"formula;x\nGaN;{number}\nNaCl;2\n")
    for name, options in {"a.csv": {"where": "x > 1"}, "b.csv": {"by": "x", "top": 1}}.items():
        with pytest.raises(ScreeningError, match=f"a decimal point in the column .*got '{number}'"):
            screen(tmp_path / "list.csv", tmp_path / name, **options)
    screen(tmp_path / "list.csv", tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv", dtype=str)["x"].tolist() == [number, "2"]


@pytest.mark.parametrize(
    "number",
    [
        # Thousands apart (also by a no-break space), and a printed minus.
        *("1 234", "1\u00a0234,5", "1'234.5", "1\u2019234", "\u22127", "\u20130.5", "1e\u22123"),
        *("3.2 km/s", "50%", "5 K", "-1 meV"),
    ],
)
def test_a_number_that_no_program_reads_is_refused(number):
    """It counted as missing: ranked last, and kept by no condition."""
    with pytest.raises(ScreeningError, match=f"column 'x', got {re.escape(repr(number))}"):
        as_numbers(pa.chunked_array([[number, "2"]]), "x")


def test_names_with_commas_are_no_numbers():
    names = ["a,b", "1,b", "x1,2", "n/a", "-", "3 layers thick", "4H", "2026-01-31", "", "."]
    column = pa.chunked_array([pa.array([*names, "4"])])
    assert as_numbers(column, "x").to_pylist() == [*[None] * len(names), 4.0]


def test_two_columns_of_text_may_hold_numbers_with_words(tmp_path):
    text = "formula,a,b,c\nGaN,2 H,2 H,1\nNaCl,2 H,3 C,2\nInN,9,10,3\n"
    (tmp_path / "list.csv").write_text(text)
    screen(tmp_path / "list.csv", tmp_path / "out.csv", where="a = b or a < b and c = 3")
    assert pd.read_csv(tmp_path / "out.csv")["formula"].tolist() == ["GaN", "InN"]
    (tmp_path / "list.csv").write_text(text.replace("9,10", '"9,5",10'))
    with pytest.raises(ScreeningError, match="in the column 'a', got '9,5'"):
        screen(tmp_path / "list.csv", tmp_path / "new.csv", where="a < b")


@pytest.mark.parametrize("index", [[3, 0, 2, 1], [7, 8, 9, 10], ["GaN", "NaCl", "InN", "SiC"]])
def test_an_index_kept_in_parquet_moves_no_formula(tmp_path, index):
    """pandas keeps the index of a shuffled or filtered frame; formulas went to other rows' labels.

    The right value is the frame's own row.
    """
    table = pd.DataFrame({"formula": ["GaN", "NaCl", "InN", "SiC"], "x": [1, 2, 3, 4]}, index)
    table.to_parquet(tmp_path / "list.parquet")
    frame, errors = read_table(tmp_path / "list.parquet")
    assert frame[["composition", "x"]].to_numpy().tolist() == table.to_numpy().tolist()
    assert errors == {}


def test_a_formula_that_is_the_index_is_read(tmp_path):
    table = pd.DataFrame({"x": [1, 2]}, pd.Index(["GaN", "NaCl"], name="formula"))
    table.to_parquet(tmp_path / "list.parquet")
    frame, _ = read_table(tmp_path / "list.parquet")
    assert frame["composition"].tolist() == ["GaN", "NaCl"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("s.xlsx", zipped("[Content_Types].xml", "xl/workbook.xml"), "got an Excel workbook"),
        ("s.zip", zipped("list.csv"), "got a ZIP archive: unpack it"),
        ("s.pkl", b"\x80\x04\x95\x10", "got a Python pickle, which is never read"),
        ("s.feather", b"ARROW1\0\0", "got an Arrow file: save it as Parquet"),
        ("s.html", b"<!DOCTYPE html>", "got a web page"),
        ("s.txt", b"formula,x\nGaN,1\n", "name a table .csv"),
    ],
)
def test_a_file_of_another_kind_is_named_under_its_own_name_too(tmp_path, name, content, said):
    """A spreadsheet that is called one was only told which endings there are."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ScreeningError, match=said):
        read_table(tmp_path / name)


RECORDS = [{"formula": "GaN", "x": 1}, {"formula": "NaCl", "x": 2}]


@pytest.mark.parametrize(
    "document",
    [
        RECORDS,
        {"data": RECORDS, "meta": {"total_doc": 2}},  # as an API answers
        {"formula": ["GaN", "NaCl"], "x": [1, 2], "data": [3, 4]},
        {"formula": ["GaN", "NaCl"], "x": [1, 2]},  # DataFrame.to_dict("list")
        *(
            json.loads(pd.DataFrame(RECORDS).to_json(orient=orient))
            for orient in ("split", "records", "index", "columns", "table")
        ),
    ],
)
def test_json_is_read_in_every_form_that_names_its_columns(tmp_path, document):
    (tmp_path / "x.json").write_text(json.dumps(document))
    frame, errors = read_table(tmp_path / "x.json")
    assert frame[["composition", "x"]].to_numpy().tolist() == [["GaN", 1], ["NaCl", 2]]
    assert errors == {}


def test_a_record_with_data_is_a_record(tmp_path):
    """Of its list named "data" alone, nothing could be predicted."""
    (tmp_path / "x.json").write_text('{"formula": "GaN", "data": [1, 2, 3]}')
    assert read_table(tmp_path / "x.json")[0]["composition"].tolist() == ["GaN"]


def test_a_list_of_formulas_in_json_is_read(tmp_path):
    (tmp_path / "x.json").write_text('["GaN", "NaN"]')
    assert read_table(tmp_path / "x.json")[0]["composition"].tolist() == ["GaN", "NaN"]
    assert read_table(tmp_path / "x.json", "name")[0]["composition"].tolist() == ["GaN", "NaN"]


@pytest.mark.parametrize("wrapped", [False, True])
def test_records_without_a_material_say_which_columns_they_have(tmp_path, wrapped):
    """As the Materials Project names it: "give what Structure.as_dict() makes" was the answer."""
    records = [{"material_id": "mp-804", "formula_pretty": "GaN"}]
    (tmp_path / "x.json").write_text(json.dumps({"data": records} if wrapped else records))
    with pytest.raises(ScreeningError, match=r"got the columns 'material_id', 'formula_pretty'"):
        read_table(tmp_path / "x.json")
    frame, _ = read_table(tmp_path / "x.json", "formula_pretty")
    assert frame["composition"].tolist() == ["GaN"]
