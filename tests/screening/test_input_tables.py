"""Parquet, matminer's JSON, DataFrames and iterators."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymatgen.core import Composition, Lattice, Structure

from matminer_phonon_tl.exceptions import DataWarning, ScreeningError
from matminer_phonon_tl.screening import input_tables as module
from matminer_phonon_tl.screening.chunks import Reading
from matminer_phonon_tl.structures import structure_of


def test_parquet_keeps_its_types_over_row_groups(tmp_path):
    table = pa.table(
        {"id": range(10), "formula": ["InN"] * 10, "when": pd.date_range("2026", periods=10)}
    )
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=3)
    chunks = list(module.parquet_chunks(tmp_path / "x.parquet", Reading(None, 4)))
    assert [chunk.table.num_rows for chunk in chunks] == [4, 4, 2]
    assert pa.concat_tables([chunk.table for chunk in chunks]).equals(
        table.replace_schema_metadata(chunks[0].table.schema.metadata)
    )
    assert chunks[2].formulas == ["InN", "InN"]


def test_a_folder_is_read_in_natural_order_with_its_partitions(tmp_path):
    for year, part, formula in ((1, 9, "BAs"), (1, 10, "GaN"), (0, 2, "InN")):
        folder = tmp_path / f"year={year}"
        folder.mkdir(exist_ok=True)
        pq.write_table(pa.table({"formula": [formula]}), folder / f"part.{part}.parquet")
    (tmp_path / "_SUCCESS").touch()
    (chunk,) = module.parquet_chunks(tmp_path, Reading(None, 100))
    assert chunk.table.to_pylist() == [
        {"formula": "InN", "year": 0},
        {"formula": "BAs", "year": 1},
        {"formula": "GaN", "year": 1},
    ]


def test_files_of_a_folder_may_differ(tmp_path):
    pq.write_table(pa.table({"formula": ["InN"], "x": [1]}), tmp_path / "a.parquet")
    more = pa.table({"extra": ["e"], "x": [2.5], "formula": ["GaN"]})
    pq.write_table(more, tmp_path / "b.parquet")
    (chunk,) = module.parquet_chunks(tmp_path, Reading(None, 100))
    assert chunk.table.to_pylist() == [
        {"formula": "InN", "x": 1.0, "extra": None},
        {"formula": "GaN", "x": 2.5, "extra": "e"},
    ]


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"composition": ["GaN"]}, "expected a column 'composition' in every file of .*a.parquet"),
        ({"formula": [[1]]}, "expected the files of .* to agree on their columns, got one that"),
    ],
)
def test_files_that_cannot_be_one_table(tmp_path, other, sentence):
    pq.write_table(pa.table({"formula": ["InN"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table(other), tmp_path / "b.parquet")
    with pytest.raises(ScreeningError, match=sentence):
        list(module.parquet_chunks(tmp_path, Reading(None, 100)))


def test_structs_are_compositions(tmp_path):
    table = pa.table({"composition": [{"In": 1.0, "N": 1.0}, {"Ga": 1.0, "N": 1.0}]})
    pq.write_table(table, tmp_path / "x.parquet")
    (chunk,) = module.parquet_chunks(tmp_path / "x.parquet", Reading(None, 100))
    assert chunk.formulas == [{"In": 1.0, "N": 1.0}, {"Ga": 1.0, "N": 1.0}]


def test_an_empty_folder_is_no_input(tmp_path):
    with pytest.raises(ScreeningError, match="expected Parquet files in the folder"):
        list(module.parquet_chunks(tmp_path, Reading(None, 100)))


def test_matminers_json(phonon_tl):
    document = {
        "index": [0, 1],
        "columns": ["composition", "structure", "gap"],
        "data": [
            [{"@module": "m", "@class": "Composition", "In": 1.0, "N": 1.0}, None, 1.5],
            [None, phonon_tl["structure"].iloc[0].as_dict(), None],
        ],
    }
    content = json.dumps(document).encode()
    (chunk,) = module.json_document_chunks(content, "x.json", Reading(None, 100))
    assert chunk.table["gap"].to_pylist() == [1.5, None]
    assert json.loads(chunk.table["composition"][0].as_py())["In"] == 1.0
    assert chunk.formulas[1] is None
    (chunk,) = module.json_document_chunks(content, "x.json", Reading("structure", 100))
    assert structure_of(chunk.formulas[1]) == phonon_tl["structure"].iloc[0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        *((other, r"expected structures in x\.json, .*or a table$") for other in (b"{}", b"[]")),
        (b'{"formula": "InN"}\n{"formula": "BAs"}', r"name JSON lines \.jsonl"),
        (b'{"columns": 1, "data": 2}', r"matminer's JSON.*"),
    ],
)
def test_other_json_is_refused(content, sentence):
    with pytest.raises(ScreeningError, match=sentence):
        list(module.json_document_chunks(content, "x.json", Reading(None, 100)))


def test_frames():
    structure = Structure(Lattice.cubic(3), ["Cs", "Cl"], [[0, 0, 0], [0.5] * 3])
    frame = pd.DataFrame(
        {
            "composition": [Composition("InN"), Composition("Fe2O3")],
            "structure": [structure, None],
            "n": [1, 2],
            "mixed": ["x", 3],
        },
        index=[7, 7],
    )
    one, two = module.frame_chunks(frame, Reading(None, 1))
    assert one.formulas == [Composition("InN")]
    assert one.table["composition"].to_pylist() == ["InN"]
    assert json.loads(one.table["structure"][0].as_py())["lattice"]["a"] == 3
    assert two.table["n"].to_pylist() == [2]


@pytest.mark.parametrize(
    "items",
    [
        ["InN", Composition("BAs"), {"Ga": 1, "N": 1}, None],
        iter(["InN", Composition("BAs"), {"Ga": 1, "N": 1}, None]),
    ],
)
def test_iterators_of_formulas(items):
    one, two = module.iterator_chunks(items, Reading(None, 3))
    assert one.formulas == ["InN", Composition("BAs"), {"Ga": 1, "N": 1}]
    assert two.formulas == [None]
    assert one.table.num_columns == 0


def test_iterators_of_records():
    records = [{"formula": "InN", "x": 1}, {"formula": "BAs"}, {"formula": "C", "y": 1}, "GaN"]
    (chunk,) = module.iterator_chunks(iter(records), Reading(None, 10))
    assert chunk.table["x"].to_pylist() == [1, None, None, None]
    assert chunk.formulas == ["InN", "BAs", "C", None]
    assert "got also ['y']" in chunk.errors[2]
    assert "expected a dict with the keys" in chunk.errors[3]


def test_iterators_of_frames():
    frames = (pd.DataFrame({"formula": [name]}) for name in ("InN", "BAs"))
    assert [chunk.formulas for chunk in module.iterator_chunks(frames, Reading(None, 10))] == [
        ["InN"],
        ["BAs"],
    ]


def test_frames_of_other_columns_follow_the_first():
    frames = [
        pd.DataFrame({"formula": ["InN"], "x": [1]}),
        pd.DataFrame({"late": ["l"], "formula": ["GaN"]}),
    ]
    with pytest.warns(DataWarning, match=r"'late' \(row 1\) came later and are left out"):
        chunks = list(module.iterator_chunks(frames, Reading(None, 100)))
    assert [chunk.table.to_pylist() for chunk in chunks] == [
        [{"formula": "InN", "x": 1}],
        [{"formula": "GaN", "x": None}],
    ]


def test_what_follows_a_frame_must_be_one():
    with pytest.raises(ScreeningError, match="expected another DataFrame after row 1, got str"):
        list(
            module.iterator_chunks([pd.DataFrame({"formula": ["InN"]}), "GaN"], Reading(None, 100))
        )


def test_a_missing_value_begins_no_end():
    (chunk,) = module.iterator_chunks([None, "GaN"], Reading(None, 100))
    assert chunk.formulas == [None, "GaN"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([np.datetime64("NaT"), np.complex64(1)], [None, "(1+0j)"]),  # Arrow ends the process
        ([np.datetime64("2020-01-01"), None], ["2020-01-01", None]),
        ([np.float32(1.5), np.int64(2)], [1.5, 2.0]),
        ([pd.NA, "a", pd.NaT], [None, "a", None]),
        ([np.array([1]), None], [[1], None]),
        (["\ud800", "a"], ["\\ud800", "a"]),
    ],
)
def test_objects_of_any_kind_are_columns(values, expected):
    frame = pd.DataFrame({"formula": ["InN"] * len(values), "x": pd.Series(values, dtype=object)})
    (chunk,) = module.frame_chunks(frame, Reading(None, 100))
    assert chunk.table["x"].to_pylist() == expected


@pytest.mark.parametrize("dtype", ["complex128", "Sparse[float]", "category"])
def test_dtypes_that_arrow_does_not_know(dtype):
    frame = pd.DataFrame({"formula": ["InN"], "x": pd.Series([1.0]).astype(dtype)})
    (chunk,) = module.frame_chunks(frame, Reading(None, 100))
    assert len(chunk.table["x"]) == 1


@pytest.mark.parametrize(
    ("columns", "formula"),
    [([0, "x"], "0"), (pd.MultiIndex.from_tuples([("a", "f"), ("b", "g")]), "('a', 'f')")],
)
def test_names_that_are_no_texts(columns, formula):
    frame = pd.DataFrame([["InN", 1]], columns=columns)
    (chunk,) = module.frame_chunks(frame, Reading(formula, 100))
    assert chunk.formulas == ["InN"]


@pytest.mark.parametrize("data", [{"x": 1}, [{"formula": "InN"}], "abc", [["InN", 1]]])
def test_matminers_json_of_another_shape(data):
    content = json.dumps({"columns": ["formula"], "data": data}).encode()
    with pytest.raises(
        ScreeningError, match=r"expected the data of x\.json as a list of rows of 1"
    ):
        list(module.json_document_chunks(content, "x.json", Reading(None, 100)))
