"""Predictions as matminer features."""

import pickle

import numpy as np
import pandas as pd
import pytest
from matminer.featurizers.base import MultipleFeaturizer
from pymatgen.core import Lattice, Structure
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from matminer_phonon_tl.exceptions import (
    CompositionError,
    FeaturizationWarning,
    ModelFormatError,
    UnknownElementError,
)
from matminer_phonon_tl.featurizers import LatticeDynamicsDescriptors
from matminer_phonon_tl.models import PhononPredictor, PhononTLFeaturizer
from matminer_phonon_tl.models import prediction_featurizer as module
from matminer_phonon_tl.models.prediction_featurizer import PREDICTED


@pytest.fixture(scope="module")
def featurizer(small_predictor):
    return PhononTLFeaturizer(small_predictor)


def test_the_columns_are_the_predictions(featurizer, small_predictor, phonon_tl):
    frame = featurizer.featurize_dataframe(
        phonon_tl[["composition"]][:20].copy(), "composition", pbar=False
    )
    predicted = small_predictor.predict(phonon_tl["composition"][:20], conditional=True)
    for name in PREDICTED:
        np.testing.assert_allclose(frame[f"phonon_tl {name}"], predicted[name], rtol=1e-9)


def test_a_structure_is_taken_as_the_predictor_takes_it(featurizer, small_predictor):
    """Of a conventional cell, the primitive one."""
    conventional = Structure.from_spacegroup(
        "F-43m", Lattice.cubic(5.65), ["Ga", "As"], [[0] * 3, [0.25] * 3]
    )
    predicted = small_predictor.predict([conventional], conditional=True)
    assert featurizer.featurize(conventional) == predicted[list(PREDICTED)].iloc[0].tolist()
    assert featurizer.featurize(conventional) == featurizer.featurize("GaAs")


def test_a_predictor_of_structures_wants_them(phonon_tl):
    predictor = PhononPredictor.from_pretrained(structure=True)
    featurizer = PhononTLFeaturizer(predictor)
    table = phonon_tl[["composition", "structure"]][:2]
    predicted = predictor.predict(table, conditional=True)
    described = featurizer.transform(table)
    assert np.array_equal(described, predicted[list(PREDICTED)].to_numpy(dtype=float))
    assert np.isfinite(described).all()
    with pytest.raises(
        CompositionError, match=r"^expected a Structure, which this predictor needs"
    ):
        featurizer.featurize("GaN")
    with pytest.warns(FeaturizationWarning, match="row 1: expected a Structure, which this"):
        rows = featurizer.transform([phonon_tl["structure"].iloc[0], "GaN"])
    assert np.isnan(rows).all(axis=1).tolist() == [False, True]


@pytest.mark.parametrize("by_entry", [True, False])
def test_beside_other_featurizers(featurizer, by_entry):
    both = MultipleFeaturizer(
        [LatticeDynamicsDescriptors(), featurizer], iterate_over_entries=by_entry
    )
    frame = pd.DataFrame({"composition": ["GaN", "InN"]})
    described = both.featurize_dataframe(frame, "composition", pbar=False)
    assert described[featurizer.feature_labels()].notna().all(axis=None)


def test_only_compounds_with_a_gap_have_one_where_asked(small_predictor):
    plain = PhononTLFeaturizer(small_predictor, conditional=False)
    has, has_not = plain.featurize_many(["BAs", "SrTiO3"], pbar=False)
    place = PREDICTED.index("phonon_bandgap")
    assert has[place] > 0
    assert np.isnan(has_not[place])


def test_errors_are_those_of_other_featurizers(featurizer):
    with pytest.raises(UnknownElementError, match="row 1: "):
        featurizer.featurize_many(["GaN", "Cm"], pbar=False)
    with pytest.warns(FeaturizationWarning, match="1 of 2 rows"):
        rows = featurizer.featurize_many(
            ["GaN", "Cm"], ignore_errors=True, return_errors=True, pbar=False
        )
    assert "got Cm" in rows[1][-1]
    assert featurizer.featurize_many([], pbar=False) == []


@pytest.fixture
def calls(monkeypatch):
    """Rows of each call of the predictor."""
    rows = []
    original = PhononPredictor.predict_features

    def counting(self, X, **options):
        rows.append(len(X))
        return original(self, X, **options)

    monkeypatch.setattr(PhononPredictor, "predict_features", counting)
    return rows


@pytest.mark.parametrize("pbar", [True, False])
@pytest.mark.parametrize("columns", [["composition"], ["composition", "formula", "structure"]])
def test_row_by_row_a_table_is_predicted_at_once(small_predictor, phonon_tl, calls, columns, pbar):
    table = phonon_tl[columns][:30]
    both = MultipleFeaturizer([LatticeDynamicsDescriptors(), PhononTLFeaturizer(small_predictor)])
    both.set_n_jobs(1)
    found = both.featurize_dataframe(table, "composition", pbar=pbar)[
        PhononTLFeaturizer(small_predictor).feature_labels()
    ]
    assert calls == [30]
    expected = PhononTLFeaturizer(small_predictor).featurize_array(table["composition"])
    assert np.array_equal(found.to_numpy(), expected)


def test_a_table_that_changed_is_predicted_anew(small_predictor):
    entries = [{"Ga": 1, "N": 1}, {"In": 1, "N": 1}, {"Na": 1, "Cl": 1}]
    featurizer = PhononTLFeaturizer(small_predictor)
    both = MultipleFeaturizer([featurizer])
    both.set_n_jobs(1)
    table = pd.DataFrame({"composition": entries})
    first = both.featurize_dataframe(table, "composition", pbar=False)
    entries[1]["In"] = 2
    second = both.featurize_dataframe(table, "composition", pbar=False)
    speed = "phonon_tl speed_of_sound"
    assert (first[speed] == second[speed]).tolist() == [True, False, True]
    assert second[speed][1] == featurizer.featurize({"In": 2, "N": 1})[PREDICTED.index(speed[10:])]


def test_row_by_row_a_bad_row_is_told(small_predictor):
    table = pd.DataFrame({"composition": ["GaN", "Cm", "InN"]})
    both = MultipleFeaturizer([PhononTLFeaturizer(small_predictor)])
    both.set_n_jobs(1)
    with pytest.raises(UnknownElementError, match="got Cm"):
        both.featurize_dataframe(table, "composition", pbar=False)
    rows = both.featurize_dataframe(
        table, "composition", ignore_errors=True, return_errors=True, pbar=False
    )
    assert rows["phonon_tl heat_capacity"].notna().tolist() == [True, False, True]
    assert "got Cm" in rows["PhononTLFeaturizer Exceptions"][1]
    assert np.isnan(rows["PhononTLFeaturizer Exceptions"][0])


def test_the_default_predictor_is_loaded_once_and_pickled_by_name(monkeypatch):
    module._shipped_predictor.cache_clear()
    loaded = []
    original = PhononPredictor.from_pretrained
    monkeypatch.setattr(
        PhononPredictor, "from_pretrained", lambda **_: loaded.append(1) or original()
    )
    expected = PhononTLFeaturizer().featurize("GaN")
    pipeline = make_pipeline(PhononTLFeaturizer(), StandardScaler()).fit(["GaN", "InN", "NaCl"])
    content = pickle.dumps(pipeline)
    assert len(content) < 3000
    restored = pickle.loads(content)  # noqa: S301 - made here
    assert restored[0].featurize("GaN") == expected
    assert loaded == [1]


def test_a_pickle_made_with_another_model_is_refused():
    state = PhononTLFeaturizer().__getstate__()
    state["_pickled_with"] = state["_pickled_with"]._replace(sha256="0" * 64)
    featurizer = PhononTLFeaturizer()
    featurizer.__setstate__(state)
    with pytest.raises(ModelFormatError, match="install the version of matminer-phonon-tl that"):
        featurizer.featurize("GaN")
