"""The output's columns: none lost, none doubled, none of them silently another."""

import pyarrow as pa
import pytest

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.chunks import Chunk
from matminer_phonon_tl.screening.columns import marked, name_of, units_of
from matminer_phonon_tl.screening.output_columns import OutputColumns
from matminer_phonon_tl.screening.ranking import Ranking
from matminer_phonon_tl.screening.settings import ScreeningSettings

PREDICTED = ["formula", "phonon_bandgap", "error"]


def plan(names, columns=None, where=None, ranked_by=None):
    top = None if ranked_by is None else 1
    settings = ScreeningSettings(columns=columns, where=where, top=top, by=ranked_by or None)
    return OutputColumns.plan(names, PREDICTED, settings)


def rows(layout):
    chunk = Chunk(
        pa.table({"formula": ["InN", "BAs", "?"], "phonon_bandgap": [1, 2, 3]}),
        ["InN", "BAs", None], {2: "unreadable"}, "formula",
    )  # fmt: skip
    predicted = pa.table(
        [["InN", "BAs", "None"], [217.0, 280.0, None], [None, None, "None is no formula"]],
        schema=pa.schema(
            [
                marked(pa.field("formula", pa.string()), "formula"),
                marked(pa.field("phonon_bandgap", pa.float64()), "phonon_bandgap", "cm-1"),
                marked(pa.field("error", pa.string()), "error"),
            ]
        ),
    )
    return layout.rows(chunk, predicted)


def test_the_inputs_columns_then_the_predictors():
    table, counts = rows(plan(["formula", "phonon_bandgap"]))
    names = ["formula", "phonon_bandgap", "phonon_bandgap_predicted", "error"]
    assert table.column_names == names
    assert table["phonon_bandgap"].to_pylist() == [1, 2, 3]
    assert table["error"].to_pylist() == [None, None, "unreadable"]
    assert counts == {"rows": 3, "failed": 1, "kept": 3}


def test_units_and_meaning_go_with_the_predictions_not_with_their_names():
    schema = rows(plan(["formula", "phonon_bandgap"]))[0].schema
    assert units_of(schema) == {"phonon_bandgap_predicted": "cm-1"}
    assert name_of(schema, "phonon_bandgap") == "phonon_bandgap_predicted"
    assert name_of(schema, "formula") == "formula"
    assert Ranking().column(schema) == "phonon_bandgap_predicted"


def test_a_result_may_be_screened_anew():
    layout = plan(["formula", "phonon_bandgap", "phonon_bandgap_predicted", "error"])
    assert layout.renamed == {
        "phonon_bandgap": "phonon_bandgap_predicted_predicted",
        "error": "error_predicted",
    }
    assert layout.error == "error_predicted"


def test_an_input_without_formula_gets_the_predictors():
    assert plan(["composition"]).renamed["formula"] == "formula"


def test_rows_and_columns_that_are_asked_for():
    names = ["formula", "phonon_bandgap"]
    condition = "phonon_bandgap_predicted > 250"
    layout = plan(names, columns=["error", "formula"], where=condition)
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
        ({"ranked_by": "phonon_bandgp"}, r"did you mean 'phonon_bandgap'\?"),
        ({"where": "Phonon_Bandgap > 1"}, r"did you mean 'phonon_bandgap'\?"),
        ({"columns": ["eror"]}, r"did you mean 'error'\?"),
        ({"ranked_by": "gap", "columns": ["formula"]}, r"--by .* \(formula\), got 'gap'"),
        ({"ranked_by": "", "columns": ["formula"]}, "expected --columns with phonon_bandgap, by"),
    ],
)
def test_unknown_columns_are_refused(options, sentence):
    with pytest.raises(ScreeningError, match=sentence):
        plan(["formula"], **options)
