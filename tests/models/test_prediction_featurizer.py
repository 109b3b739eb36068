"""Predictions as matminer features."""

import numpy as np
import pandas as pd
import pytest
from matminer.featurizers.base import MultipleFeaturizer

from matminer_phonon_tl.exceptions import FeaturizationWarning, UnknownElementError
from matminer_phonon_tl.featurizers import LatticeDynamicsDescriptors
from matminer_phonon_tl.models import PhononTLFeaturizer
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
