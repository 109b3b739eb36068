"""What an input is taken for, and what is refused before any work."""

import bz2
import gzip
import io
import json
import lzma
import sys

import pandas as pd
import pytest

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.input import open_input

CSV = b"formula\nInN\nBAs\n"


def formulas_of(data, **options):
    source = open_input(data, **{"formula": None, "chunk_rows": 100, **options})
    return [formula for chunk in source.chunks() for formula in chunk.formulas]


@pytest.fixture
def files(tmp_path):
    frame = pd.DataFrame({"formula": ["InN", "BAs"]})
    frame.to_parquet(tmp_path / "x.parquet")
    matminer = {"index": [0, 1], "columns": ["formula"], "data": [["InN"], ["BAs"]]}
    contents = {
        "x.csv": CSV,
        "x.jsonl": frame.to_json(orient="records", lines=True).encode(),
        "x.json": json.dumps(matminer).encode(),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["x.csv", "x.csv.gz", "x.jsonl", "x.jsonl.gz", "x.json", "x.json.gz", "x.parquet"],
)
def test_every_kind_of_file(files, name):
    assert formulas_of(files / name) == ["InN", "BAs"]
    assert formulas_of(str(files / name)) == ["InN", "BAs"]


def test_tables_and_iterators():
    assert formulas_of(pd.DataFrame({"formula": ["InN"]})) == ["InN"]
    assert formulas_of(name for name in ("InN", "BAs")) == ["InN", "BAs"]
    assert formulas_of(pd.Series(["InN"])) == ["InN"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (CSV, ["InN", "BAs"]),
        (gzip.compress(CSV, mtime=0), ["InN", "BAs"]),
        (bz2.compress(CSV), ["InN", "BAs"]),
        (lzma.compress(CSV), ["InN", "BAs"]),
        (b'{"formula": "InN"}\n', ["InN"]),
        (gzip.compress(b'{"formula": "InN"}\n', mtime=0), ["InN"]),
    ],
)
def test_standard_input(monkeypatch, content, expected):
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert formulas_of("-") == expected


def test_rows_and_hash_are_known_beforehand(files):
    for name in ("x.csv", "x.csv.gz", "x.jsonl", "x.parquet"):
        source = open_input(files / name, formula=None, chunk_rows=10)
        assert source.n_rows == 2
    before = open_input(files / "x.csv", formula=None, chunk_rows=10).sha256
    (files / "x.csv").write_bytes(CSV + b"GaN\n")
    after = open_input(files / "x.csv", formula=None, chunk_rows=10)
    assert after.sha256 != before
    assert after.n_rows == 3


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.csv", None, "expected an input file, found none at"),
        ("x.xlsx", b"", r"expected an input named \.csv, .* got .*x\.xlsx"),
        ("x.csv.gz", gzip.compress(CSV, mtime=0)[:-9], "readable to its end, but that failed"),
        ("x.csv.gz", gzip.compress(CSV, mtime=0)[:10] + b"\xff" * 30, "readable to its end"),
        ("x.parquet", b"PAR1", "readable to its end, but that failed"),
        ("x.csv", "formula\nInN".encode("utf-16")[:-1], "readable to its end, but that failed"),
        ("x.csv", b"PAR1\x00\x00", "got Parquet: name it .parquet"),
    ],
)
def test_an_unreadable_file_is_one_sentence(tmp_path, name, content, sentence):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ScreeningError, match=sentence) as caught:
        formulas_of(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [5, None, b"x", {"In": 1}])
def test_what_is_no_input_at_all(data):
    with pytest.raises(ScreeningError, match="expected a file, '-', a DataFrame or an iterable"):
        formulas_of(data)
