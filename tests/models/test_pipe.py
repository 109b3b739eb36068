"""Tables in, tables out: a pipe that learns any column."""

import numpy as np
import pandas as pd
import pytest

from matminer_phonon_tl.exceptions import ModelFormatError, TrainingError
from matminer_phonon_tl.featurizers import LatticeDynamicsDescriptors
from matminer_phonon_tl.models import (
    PhononGapClassifier,
    PhononPipe,
    PhononRegressor,
    load_model,
)


@pytest.fixture(scope="module")
def gapped(phonon_tl):
    return phonon_tl[phonon_tl["has_phonon_bandgap"]].reset_index(drop=True)


@pytest.fixture(scope="module")
def pipe(gapped):
    return PhononPipe(model=PhononRegressor(intervals=False)).fit(gapped[:100], "phonon_bandgap")


def test_a_column_is_added_and_nothing_else_changed(pipe, gapped):
    asked = gapped[100:].drop(columns="phonon_bandgap")
    predicted = pipe.predict(asked)
    assert list(predicted.columns) == [*asked.columns, "phonon_bandgap predicted"]
    assert predicted.index.equals(asked.index)
    error = np.abs(predicted["phonon_bandgap predicted"] - gapped["phonon_bandgap"][100:])
    assert error.mean() < 40
    assert "phonon_bandgap predicted" not in asked


def test_transform_gives_what_the_model_sees(pipe, gapped):
    table = pipe.transform(gapped[:10], "heat_capacity")
    assert list(table.columns) == [
        *LatticeDynamicsDescriptors().feature_labels(), "heat_capacity",
    ]  # fmt: skip
    assert table["heat_capacity"].equals(gapped["heat_capacity"][:10])


def test_the_models_are_those_that_measured_best(gapped, phonon_tl):
    part = phonon_tl[:300]
    answers = PhononPipe().fit(part, "has_phonon_bandgap")
    assert isinstance(answers.model_, PhononGapClassifier)
    assert answers.predict(part[:3])["has_phonon_bandgap predicted"].dtype == bool
    heat = PhononPipe().fit(gapped, "heat_capacity")
    assert heat.model_.target_transform == "einstein"
    other = PhononPipe().fit(gapped, "volume")
    error = np.abs(other.predict(gapped)["volume predicted"] - gapped["volume"])
    assert error.mean() < 0.1 * gapped["volume"].mean()


def test_it_travels_as_json(pipe, gapped, tmp_path):
    pipe.save(tmp_path / "pipe.json")
    restored = PhononPipe.load(tmp_path / "pipe.json")
    assert restored.target_ == "phonon_bandgap"
    pd.testing.assert_frame_equal(restored.predict(gapped), pipe.predict(gapped))
    assert isinstance(load_model(tmp_path / "pipe.json"), PhononPipe)
    for state in ({"model": 1, "target": "x"}, {"model": pipe.model_, "target": 3}):
        with pytest.raises(ModelFormatError):
            PhononPipe.from_state(state, **pipe.get_params(deep=False))


def test_bad_input_is_one_sentence(pipe, gapped):
    with pytest.raises(TrainingError, match="expected a column 'gap' to learn"):
        PhononPipe().fit(gapped, "gap")
    with pytest.raises(TrainingError, match="expected a DataFrame with compositions, got list"):
        pipe.predict(["GaN"])
    with pytest.raises(ValueError, match="not fitted yet"):
        PhononPipe().predict(gapped)
    with pytest.raises(ValueError, match="expected a DataFrame with a column 'composition'"):
        pipe.predict(gapped[["volume"]])
