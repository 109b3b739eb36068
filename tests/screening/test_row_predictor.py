"""Each distinct formula is predicted once, and every row gets its own prediction."""

import pandas as pd
import pyarrow as pa
import pytest
from pymatgen.core import Composition

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening import row_predictor
from matminer_phonon_tl.screening.columns import units_of
from matminer_phonon_tl.screening.row_predictor import RowPredictor
from matminer_phonon_tl.screening.settings import ScreeningSettings


@pytest.fixture
def predict(quick):
    predict = RowPredictor(quick, ScreeningSettings())
    quick.asked.clear()  # the one that tells the columns
    return predict


def test_duplicates_are_computed_once(quick, predict):
    table = predict(["BAs", "In2N2", "BAs", "Qq", "Qq", None])
    assert table["phonon_bandgap"].to_pylist() == [2, 4, 2, None, None, None]
    assert quick.asked == ["BAs", "In2N2", "Qq", None]
    again = predict(["Fe2O3", "In2N2", "BAs", "Fe2O3"])
    assert again["phonon_bandgap"].to_pylist() == [5, 4, 2, 5]
    assert again["formula"].to_pylist() == ["Fe2O3", "In2N2", "BAs", "Fe2O3"]
    assert quick.asked[4:] == ["Fe2O3"]
    assert predict(["BAs", "Qq"]).equals(table.take([0, 3]))


def test_the_memory_is_bounded_and_keeps_what_was_predicted_last(quick, predict, monkeypatch):
    monkeypatch.setattr(row_predictor, "CACHED_FORMULAS", 3)
    monkeypatch.setattr(row_predictor, "BLOCK_ROWS", 2)
    for formulas in (["BAs", "GaN"], ["BAs"], ["InN"], ["BAs", "GaN"], ["AlN"], ["InN", "BAs"]):
        predict(formulas)
    assert quick.asked == ["BAs", "GaN", "InN", "AlN", "BAs"]


def test_of_a_chunk_beyond_the_memory_the_last_are_remembered(quick, predict, monkeypatch):
    monkeypatch.setattr(row_predictor, "CACHED_FORMULAS", 2)
    predict(["BAs", "GaN", "In2N2"])
    assert predict(["In2N2", "GaN", "BAs"])["phonon_bandgap"].to_pylist() == [4, 2, 2]
    assert quick.asked == ["BAs", "GaN", "In2N2", "BAs"]


def test_what_is_known_already_is_not_asked_again_and_costs_no_memory(quick, predict):
    asked = (["BAs"], ["BAs"], [], ["In2N2", None], ["BAs", "In2N2"], [None])
    assert [predict(formulas)["formula"].to_pylist() for formulas in asked] == [
        ["BAs"],
        ["BAs"],
        [],
        ["In2N2", "None"],
        ["BAs", "In2N2"],
        ["None"],
    ]
    assert quick.asked == ["BAs", "In2N2", None, None]
    (block,) = predict._memory._blocks  # small tables are joined; what is no text is not kept
    assert block.formulas == ["BAs", "In2N2"]
    assert block.table.num_rows == predict._memory._n_rows == 2


def test_what_is_no_text_does_not_make_it_forget(quick, predict, monkeypatch):
    monkeypatch.setattr(row_predictor, "CACHED_FORMULAS", 2)
    for formulas in (["BAs"], [None, Composition("GaN"), None], ["BAs"]):
        predict(formulas)
    assert quick.asked.count("BAs") == 1


def test_columns_have_the_types_of_a_good_row(predict):
    table = predict([None, "Qq"])
    assert table.schema.types == [pa.string(), pa.bool_(), pa.float64(), pa.string()]
    assert predict([]).schema == table.schema
    assert units_of(predict.schema) == {"phonon_bandgap": "cm-1"}


def test_objects_are_taken_as_they_are(predict):
    table = predict([Composition("Fe2O3"), {"In": 1, "N": 1}])
    assert table["phonon_bandgap"].to_pylist() == [5, 2]


def test_the_real_predictor_gives_the_same_row_by_row(pretrained, formulas):
    predict = RowPredictor(pretrained, ScreeningSettings())
    table = predict([*formulas[:20], *formulas[110:]]).to_pandas()
    again = pd.concat(
        RowPredictor(pretrained, ScreeningSettings())([formula]).to_pandas()
        for formula in [*formulas[:20], *formulas[110:]]
    )
    pd.testing.assert_frame_equal(table, again.reset_index(drop=True), rtol=1e-9)


def test_a_bad_level_is_refused_before_any_work(pretrained):
    with pytest.raises(ScreeningError, match="expected a level between 0 and 1, got 2"):
        RowPredictor(pretrained, ScreeningSettings(level=2))
