"""Parquet, matminer's JSON, DataFrames and iterators."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymatgen.core import Composition, Lattice, Structure

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening import table_sources as module


def test_parquet_keeps_its_types_over_row_groups(tmp_path):
    table = pa.table(
        {"id": range(10), "formula": ["InN"] * 10, "when": pd.date_range("2026", periods=10)}
    )
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=3)
    chunks = list(module.parquet_chunks(tmp_path / "x.parquet", None, 4))
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
    (chunk,) = module.parquet_chunks(tmp_path, None, 100)
    assert chunk.table.to_pylist() == [
        {"formula": "InN", "year": 0},
        {"formula": "BAs", "year": 1},
        {"formula": "GaN", "year": 1},
    ]


def test_structs_are_compositions(tmp_path):
    table = pa.table({"composition": [{"In": 1.0, "N": 1.0}, {"Ga": 1.0, "N": 1.0}]})
    pq.write_table(table, tmp_path / "x.parquet")
    (chunk,) = module.parquet_chunks(tmp_path / "x.parquet", None, 100)
    assert chunk.formulas == [{"In": 1.0, "N": 1.0}, {"Ga": 1.0, "N": 1.0}]


def test_an_empty_folder_is_no_input(tmp_path):
    with pytest.raises(ScreeningError, match="expected Parquet files in the folder"):
        list(module.parquet_chunks(tmp_path, None, 100))


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
    (chunk,) = module.matminer_chunks(content, "x.json", None, 100)
    assert chunk.table["gap"].to_pylist() == [1.5, None]
    assert json.loads(chunk.table["composition"][0].as_py())["In"] == 1.0
    assert chunk.formulas[1] is None
    (chunk,) = module.matminer_chunks(content, "x.json", "structure", 100)
    assert Composition(chunk.formulas[1]) == phonon_tl["composition"].iloc[0]


@pytest.mark.parametrize(
    "content",
    [b"{}", b"[]", b'{"formula": "InN"}\n{"formula": "BAs"}', b'{"columns": 1, "data": 2}'],
)
def test_other_json_is_refused(content):
    with pytest.raises(ScreeningError, match=r"matminer's JSON.*name JSON lines \.jsonl"):
        list(module.matminer_chunks(content, "x.json", None, 100))


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
    one, two = module.frame_chunks(frame, None, 1)
    assert one.formulas == [Composition("InN")]
    assert one.table["composition"].to_pylist() == ["In1N1"]
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
    one, two = module.iterator_chunks(items, None, 3)
    assert one.formulas == ["InN", Composition("BAs"), {"Ga": 1, "N": 1}]
    assert two.formulas == [None]
    assert one.table.num_columns == 0


def test_iterators_of_records():
    records = [{"formula": "InN", "x": 1}, {"formula": "BAs"}, {"formula": "C", "y": 1}, "GaN"]
    (chunk,) = module.iterator_chunks(iter(records), None, 10)
    assert chunk.table["x"].to_pylist() == [1, None, None, None]
    assert chunk.formulas == ["InN", "BAs", "C", None]
    assert "got also ['y']" in chunk.errors[2]
    assert "expected a dict with the keys" in chunk.errors[3]


def test_iterators_of_frames():
    frames = (pd.DataFrame({"formula": [name]}) for name in ("InN", "BAs"))
    assert [chunk.formulas for chunk in module.iterator_chunks(frames, None, 10)] == [
        ["InN"],
        ["BAs"],
    ]
