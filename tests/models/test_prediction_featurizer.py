"""Predictions as matminer features."""

import numpy as np
import pandas as pd
import pytest
from matminer.featurizers.base import MultipleFeaturizer
from pymatgen.core import Lattice, Structure

from matminer_phonon_tl.exceptions import (
    CompositionError,
    FeaturizationWarning,
    UnknownElementError,
)
from matminer_phonon_tl.featurizers import LatticeDynamicsDescriptors
from matminer_phonon_tl.models import PhononPredictor, PhononTLFeaturizer
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
