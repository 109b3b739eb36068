import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from matminer_phonon_tl import XenonPyDescriptors
from matminer_phonon_tl.evaluation import (
    CrossValidationResult,
    LeaveOneElementOut,
    cross_validate,
)
from matminer_phonon_tl.exceptions import ModelFormatError
from tests.evaluation.watcher import Watcher


@pytest.fixture
def watcher():
    Watcher.seen = []
    return Watcher()


def test_predictions_are_those_of_a_plain_loop(linear_data, ridge):
    X, y = linear_data
    result = cross_validate(ridge, X, y, n_splits=4, n_repeats=2)
    expected = np.empty((2, len(y)))
    for split in result.splits:
        model = make_pipeline(StandardScaler(), Ridge(1.0)).fit(X[split.train], y[split.train])
        expected[split.round, split.test] = model.predict(X[split.test])
    assert np.array_equal(result.predictions, expected)
    assert result.protocol == "leak_free"
    assert result.mae.mean < 0.5 < result.r2.mean


def test_no_label_of_the_phonons_reaches_an_estimator(gapped, watcher):
    cross_validate(watcher, gapped, "speed_of_sound", n_splits=2, n_repeats=1)
    for X, _, _ in Watcher.seen:
        assert {"composition", "structure", "bandgap"} <= set(X.columns)
        assert not {"speed_of_sound", "phonon_bandgap", "heat_capacity_per_atom"} & set(X.columns)
    Watcher.seen = []
    columns = ["composition", "heat_capacity"]
    cross_validate(watcher, gapped, "speed_of_sound", "strict", 2, 1, features=columns)
    assert list(Watcher.seen[0][0].columns) == columns
    message = "expected features to be columns .* got the target among them"
    with pytest.raises(ValueError, match=message):
        cross_validate(watcher, gapped, "speed_of_sound", features=["speed_of_sound"])


def test_processes_give_the_same(linear_data, ridge):
    X, y = linear_data
    one, two = (cross_validate(ridge, X, y, n_repeats=1, n_jobs=n) for n in (1, 2))
    assert np.array_equal(one.predictions, two.predictions)


def test_a_dask_cluster_gives_the_same(gapped, cluster):
    """Two worker processes; the folds' materials, structures included, travel there."""
    model = make_pipeline(XenonPyDescriptors(), StandardScaler(), Ridge(10.0))
    options = {"n_repeats": 2, "groups": "formula"}
    remote = cross_validate(model, gapped, "speed_of_sound", client=cluster, **options)
    here = cross_validate(model, gapped, "speed_of_sound", **options)
    assert np.allclose(remote.predictions, here.predictions, rtol=1e-9)
    assert remote.as_dict()["splits"] == here.as_dict()["splits"]


@pytest.mark.parametrize("protocol", ["leak_free", "strict", "published"])
def test_networks_are_trained_on_the_cluster_too(gapped, network, cluster, protocol, monkeypatch):
    here = cross_validate(network, gapped, "phonon_bandgap", protocol, n_repeats=1)
    # a stack that were trained in this process after all would be seen
    monkeypatch.setattr("matminer_phonon_tl.networks.stack.train_chunk", None)
    remote = cross_validate(
        network, gapped, "phonon_bandgap", protocol, n_repeats=1, client=cluster
    )
    # training amplifies the round-off of differently ordered sums
    assert np.corrcoef(remote.predictions[0], here.predictions[0])[0, 1] > 0.999
    assert remote.protocol == protocol


def test_an_error_on_the_cluster_is_told_here(linear_data, cluster):
    X, y = linear_data
    with pytest.raises(ValueError, match="alpha"):
        cross_validate(Ridge(alpha=-1.0), X, y, n_repeats=1, client=cluster)


def test_networks_are_trained_on_their_folds_only(gapped, network):
    y = gapped["phonon_bandgap"].to_numpy()
    first = cross_validate(network, gapped, "phonon_bandgap", n_repeats=1)
    split = first.splits[2]
    changed = y.copy()
    changed[split.test] = 1e3
    second = cross_validate(
        network, gapped, changed, splitter=[(s.train, s.test) for s in first.splits]
    )
    assert np.array_equal(first.predictions[0, split.test], second.predictions[0, split.test])
    other = first.splits[1]
    assert not np.array_equal(first.predictions[0, other.test], second.predictions[0, other.test])


def test_networks_keep_their_source_weights_and_parameters(gapped, network):
    before = repr(network.get_params())
    a, b = (cross_validate(network, gapped, "bandgap", n_repeats=1) for _ in range(2))
    assert np.array_equal(a.predictions, b.predictions)
    assert repr(network.get_params()) == before
    assert not hasattr(network, "networks_")


def test_holdout_and_leave_one_element_out(gapped):
    model = make_pipeline(XenonPyDescriptors(), StandardScaler(), Ridge(10.0))
    holdout = cross_validate(
        model, gapped, "speed_of_sound", splitter=ShuffleSplit(3, test_size=0.4, random_state=0)
    )
    assert holdout.n_rounds == 3
    assert np.isnan(holdout.predictions).sum() == 3 * 74
    unseen = cross_validate(model, gapped, "speed_of_sound", splitter=LeaveOneElementOut(15))
    names = [split.name for split in unseen.splits]
    assert len(names) == unseen.n_rounds == len(unseen.mae.per_round)
    assert "Li" in names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"protocol": "clean"},
            "expected protocol to be one of 'leak_free', 'strict', 'published'",
        ),
        ({"protocol": "published"}, "expected a TransferMLPRegressor with protocol='published'"),
        ({"target": "colour"}, "expected a DataFrame with the target's column 'colour', got the"),
        ({"target": [1.0, 2.0]}, r"expected a label for each of 124 rows, got shape \(2,\)"),
        ({"target": "formula"}, "expected numbers in 'formula'"),
        ({"features": ["weight"]}, "got no column 'weight': choose others"),
        ({"groups": "element", "splitter": KFold(2)}, "expected groups='element' without a split"),
        ({"n_splits": 2.5}, "expected a whole number of 2 or more as n_splits, got 2.5"),
        ({"n_repeats": None}, "expected a whole number of 1 or more as n_repeats, got None"),
        ({"random_state": "a"}, "expected a whole number of 0 or more as random_state, got 'a'"),
        ({"client": "tcp://x"}, "expected a dask.distributed.Client as client, got 'tcp://x'"),
    ],
)
def test_what_cannot_be_done_is_said(gapped, options, message):
    with pytest.raises(ValueError, match=message):
        cross_validate(DummyRegressor(), gapped, **{"target": "bandgap", **options})


@pytest.mark.parametrize(
    ("estimator", "what"), [(Ridge, "the class Ridge"), (None, "None"), ("ridge", "'ridge'")]
)
def test_an_estimator_is_an_instance(linear_data, estimator, what):
    with pytest.raises(ValueError, match=f"expected a scikit-learn estimator.* got {what}: pass"):
        cross_validate(estimator, *linear_data)


def test_materials_are_rows(linear_data):
    with pytest.raises(
        ValueError, match="expected a DataFrame, compositions or a matrix, got None"
    ):
        cross_validate(Ridge(), None, linear_data[1])


def test_missing_and_infinite_labels_are_named(linear_data):
    X, y = linear_data
    for value, message in ((np.nan, "got none in row 3"), (np.inf, "got inf in row 3")):
        bad = y.copy()
        bad[3] = value
        with pytest.raises(ValueError, match=message):
            cross_validate(Ridge(), X, bad)


def test_a_prediction_that_is_no_number_is_named(linear_data):
    X, y = linear_data
    y = y.copy()
    y[7] = 1e300

    class Broken(Ridge):
        def predict(self, X):
            return np.full(len(X), np.nan)

    with pytest.raises(ValueError, match=r"expected finite predictions, got nan for row .* fold 0"):
        cross_validate(Broken(), X, y, n_repeats=1)


def test_published_knows_no_groups(gapped, network):
    with pytest.raises(ValueError, match="expected groups=None with protocol='published'"):
        cross_validate(network, gapped, "bandgap", "published", groups="formula")


def test_the_result_is_frozen_and_goes_through_json(gapped, tmp_path):
    model = make_pipeline(XenonPyDescriptors(), StandardScaler(), Ridge())
    result = cross_validate(model, gapped, "speed_of_sound", n_splits=3, n_repeats=2)
    with pytest.raises(ValueError, match="read-only"):
        result.predictions[0, 0] = 0.0
    result.save(tmp_path / "result.json")
    loaded = CrossValidationResult.load(tmp_path / "result.json")
    assert np.array_equal(loaded.predictions, result.predictions)
    assert loaded.as_dict() == result.as_dict()
    assert json.loads((tmp_path / "result.json").read_text())["protocol_meaning"]
    assert loaded.versions["numpy"]
    assert len(loaded.data_sha256) == 64
    with pytest.raises(ModelFormatError, match="expected a result of schema version 1, got 7"):
        CrossValidationResult.from_dict({**result.as_dict(), "schema_version": 7})
    with pytest.raises(ModelFormatError, match="expected a cross-validation's result, got list"):
        CrossValidationResult.from_dict([1])
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ModelFormatError, match=r"result in .*broken\.json, got no JSON"):
        CrossValidationResult.load(tmp_path / "broken.json")
    with pytest.raises(ModelFormatError, match="expected a cross-validation's result, got some"):
        CrossValidationResult.from_dict({"schema_version": 1})


def test_frame_and_text_name_the_protocol(gapped):
    result = cross_validate(DummyRegressor(), gapped, "phonon_bandgap", n_repeats=2)
    frame = result.to_frame()
    assert frame.shape == (248, 7)
    assert set(frame["protocol"]) == {"leak_free"}
    first = frame.iloc[0]
    assert first["row"] in set(gapped["material_id"])
    assert "phonon_bandgap, cm-1 [leak_free, 2 rounds]: mae" in str(result)
    assert isinstance(frame, pd.DataFrame)


def test_a_drawn_seed_is_told(linear_data):
    X, y = linear_data
    drawn = cross_validate(Ridge(), X, y, n_repeats=1, random_state=None)
    seed = drawn.settings["random_state"]
    again = cross_validate(Ridge(), X, y, n_repeats=1, random_state=seed)
    assert np.array_equal(drawn.predictions, again.predictions)


def test_evaluation_is_imported_without_torch():
    code = (
        "import sys; from matminer_phonon_tl.evaluation import cross_validate, leakage_probe; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_members_of_an_ensemble_are_averaged_round_by_round(gapped, network):
    network.set_params(hidden_layer_sizes=[(8, 4, 4), (6, 4, 4)], source=None)
    both = cross_validate(network, gapped, "bandgap", n_repeats=3)
    assert both.predictions.shape == (3, len(gapped))
    assert not np.array_equal(*both.predictions[:2])
    assert both.settings["n_splits"] == 5
    split = [(s.train, s.test) for s in both.splits if s.round == 0]
    assert cross_validate(network, gapped, "bandgap", splitter=split).settings["n_splits"] is None
