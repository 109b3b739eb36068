"""The output's columns: none lost, none doubled, none of them silently another."""

import pyarrow as pa
import pytest

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.chunks import Chunk
from matminer_phonon_tl.screening.layout import Layout
from matminer_phonon_tl.screening.where import parse_where

PREDICTED = ["formula", "gap", "error"]


def plan(names, columns=None, where=None, ranked_by=None):
    condition = None if where is None else parse_where(where)
    return Layout.plan(names, PREDICTED, columns=columns, where=condition, ranked_by=ranked_by)


def rows(layout):
    chunk = Chunk(
        pa.table({"formula": ["InN", "BAs", "?"], "gap": [1, 2, 3]}), ["InN", "BAs", None],
        {2: "unreadable"},
    )  # fmt: skip
    predicted = pa.table(
        {
            "formula": ["InN", "BAs", "None"],
            "gap": [217.0, 280.0, None],
            "error": pa.array([None, None, "None is no formula"], pa.string()),
        }
    )
    return layout.rows(chunk, predicted)


def test_the_inputs_columns_then_the_predictors():
    table, counts = rows(plan(["formula", "gap"]))
    assert table.column_names == ["formula", "gap", "gap_predicted", "error"]
    assert table["gap"].to_pylist() == [1, 2, 3]
    assert table["error"].to_pylist() == [None, None, "unreadable"]
    assert counts == {"rows": 3, "failed": 1, "kept": 3}


def test_a_result_may_be_screened_anew():
    names = ["formula", "gap", "gap_predicted", "error"]
    layout = plan(names)
    assert layout.renamed == {"gap": "gap_predicted_predicted", "error": "error_predicted"}


def test_an_input_without_formula_gets_the_predictors():
    assert plan(["composition"]).renamed["formula"] == "formula"


def test_rows_and_columns_that_are_asked_for():
    layout = plan(["formula", "gap"], columns=["error", "formula"], where="gap_predicted > 250")
    table, counts = rows(layout)
    assert table.to_pylist() == [{"error": None, "formula": "BAs"}]
    assert counts == {"rows": 3, "failed": 1, "kept": 1}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"columns": ["formula", "x"]}, "expected --columns to name columns of the result .*'x'"),
        ({"columns": ["formula", "formula"]}, "expected each column once in --columns"),
        ({"where": "x > 1"}, "expected --where to name columns of the result .* got 'x'"),
        ({"ranked_by": "x"}, "expected --by to name columns of the result"),
        ({"ranked_by": "gap", "columns": ["formula"]}, r"--by .* \(formula\), got 'gap'"),
    ],
)
def test_unknown_columns_are_refused(options, sentence):
    with pytest.raises(ScreeningError, match=sentence):
        plan(["formula"], **options)
