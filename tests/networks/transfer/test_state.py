"""A fitted regressor as plain values: exact, checked, needing no torch."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from matminer_phonon_tl.exceptions import (
    ModelFormatError,
    TrainingError,
)
from matminer_phonon_tl.models import load_model, save_model
from matminer_phonon_tl.networks.transfer import TransferMLPRegressor
from tests.networks.transfer.cases import QUICK


class TestState:
    @pytest.fixture(scope="class")
    @staticmethod
    def model(gapped, small_source):
        return TransferMLPRegressor(
            [(16, 8, 4), (12, 6, 4)],
            epochs=10,
            source_epochs=3,
            source=small_source,
            target_transform="per_atom",
        ).fit(gapped, gapped["heat_capacity"])

    def test_round_trip_predicts_bit_for_bit(self, model, gapped, tmp_path):
        save_model(model, tmp_path / "model.json.gz")
        loaded = load_model(tmp_path / "model.json.gz")
        for one, other in zip(
            loaded.predict(gapped, return_std=True),
            model.predict(gapped, return_std=True),
            strict=True,
        ):
            np.testing.assert_array_equal(one, other)
        for one, other in zip(loaded.source_networks_, model.source_networks_, strict=True):
            for name, array in one.get_state().items():
                np.testing.assert_array_equal(array, other.get_state()[name])
        np.testing.assert_array_equal(loaded.loss_curves_, model.loss_curves_)
        assert loaded.source_record_ == model.source_record_

    def test_loaded_model_needs_its_source_to_fit_again(self, model, gapped, small_source):
        loaded = TransferMLPRegressor.from_dict(json.loads(json.dumps(model.as_dict())))
        assert loaded.source == model.source_record_
        y = gapped["heat_capacity"]
        with pytest.raises(TrainingError, match="expected the source data in order to fit again"):
            loaded.fit(gapped, y)
        refitted = loaded.fit(gapped, y, source=small_source)
        np.testing.assert_array_equal(refitted.predict(gapped), model.predict(gapped))

    def test_a_generator_stays_behind(self, tmp_path):
        model = TransferMLPRegressor(**QUICK, source=None)
        model.set_params(random_state=np.random.RandomState(3)).fit(["NaCl", "KBr"], [1.0, 2.0])
        save_model(model, tmp_path / "model.json")
        loaded = load_model(tmp_path / "model.json")
        assert loaded.random_state is None
        np.testing.assert_array_equal(loaded.predict(["LiF"]), model.predict(["LiF"]))

    def test_unfitted_round_trip(self):
        model = TransferMLPRegressor.recommended()
        loaded = TransferMLPRegressor.from_dict(json.loads(json.dumps(model.as_dict())))
        assert loaded.get_params() == model.get_params()

    def test_feature_names(self, matrices):
        X, y, *_ = matrices
        frame = pd.DataFrame(X, columns=list("abcdef"))
        model = TransferMLPRegressor(**QUICK, source=None).fit(frame, y)
        loaded = TransferMLPRegressor.from_dict(json.loads(json.dumps(model.as_dict())))
        np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))
        with pytest.raises(ValueError, match="feature names"):
            loaded.predict(frame[list("fedcba")])

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda s: s.pop("networks"), "expected a transfer model with the fields"),
            (lambda s: s.update(extra=1), "expected a transfer model with the fields"),
            (lambda s: s.update(format=2), "expected a transfer model with the fields"),
            (lambda s: s.update(n_features=0), "expected one feature or more, .* got 0"),
            (
                lambda s: s.update(n_features=289),
                "x_mean as a vector of 289 float64, .* got float64 of shape",
            ),
            (
                lambda s: s.update(feature_names=["a"]),
                "as many names or none, got 290 features and 1",
            ),
            (
                lambda s: s["networks"].pop(),
                "expected 2 networks and loss curves, .* got 1, 2 and 2",
            ),
            (
                lambda s: s.update(networks="x"),
                "a transfer model with networks as a list, .* got str",
            ),
            (
                lambda s: s["networks"].__setitem__(0, 3),
                r"networks\[0\] with the fields .* got int",
            ),
            (
                lambda s: s["networks"][0].pop("output_bias"),
                r"expected networks\[0\] with the fields .*output_bias",
            ),
            (
                lambda s: s["networks"][1].update(more=np.ones(2)),
                r"expected networks\[1\] with the fields .* got .*'more'",
            ),
            (
                lambda s: s["networks"][0].update(x_mean=[1.0]),
                "x_mean as a vector of 290 float64, .* got list",
            ),
            (
                lambda s: s["networks"][0].update(x_mean=np.ones(290, dtype=int)),
                "x_mean as a vector of 290 float64, .* got int64",
            ),
            (
                lambda s: s["networks"][0]["hidden_1_weights"].__setitem__((0, 0), np.nan),
                r"networks\[0\] with 16 hidden_1_weights of 8 columns .*, all of it finite",
            ),
            (
                lambda s: s["source_networks"][1]["hidden_0_gamma"].__setitem__(0, np.inf),
                r"source_networks\[1\] with hidden_0_gamma as .*, all of it finite",
            ),
            (
                lambda s: s.update(loss_curves=np.full((2, 5), np.nan, dtype=np.float32)),
                "2 loss_curves of 5 columns of float32, all of it finite",
            ),
            (
                lambda s: s["networks"][0].update(hidden_2_weights=np.ones((8, 5))),
                r"8 hidden_2_weights of 4 columns of float32, .* got float.* \(8, 5\)",
            ),
            (
                lambda s: s["networks"][0].update(
                    hidden_0_running_var=-np.ones(16, dtype=np.float32)
                ),
                "expected positive numbers in .*hidden_0_running_var",
            ),
            (
                lambda s: s["networks"][0].update(y_scale=np.zeros(1)),
                "expected positive numbers in .*y_scale",
            ),
            (
                lambda s: s.update(loss_curves=np.ones((3, 5), dtype=np.float32)),
                "2 networks and loss curves, .* got 2, 3 and 2",
            ),
            (lambda s: s.update(source_record="x"), "source_record as a dict, .* got str"),
        ],
    )
    def test_bad_states_are_refused(self, model, change, words):
        state = model.get_state()
        change(state)
        with pytest.raises(ModelFormatError, match=words):
            TransferMLPRegressor.from_state(state, **model.get_params())

    def test_state_that_does_not_fit_the_parameters(self, model):
        state = model.get_state()
        other = TransferMLPRegressor([(16, 8, 4), (12, 6, 5)])
        with pytest.raises(ModelFormatError, match=r"networks\[1\] with 5 output_weights"):
            TransferMLPRegressor.from_state(state, **other.get_params())
        with pytest.raises(ModelFormatError, match="expected hidden_layer_sizes to be a tuple"):
            TransferMLPRegressor.from_state(state, hidden_layer_sizes="x")


def test_neither_importing_nor_predicting_needs_torch(gapped, tmp_path):
    model = TransferMLPRegressor(**QUICK, source=None).fit(gapped, gapped["heat_capacity"])
    save_model(model, tmp_path / "model.json")
    code = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'torch':\n"
        "            raise ImportError('torch is not installed here')\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        "from matminer_phonon_tl.models import TransferMLPRegressor, load_model\n"
        f"model = load_model({str(tmp_path / 'model.json')!r})\n"
        "print(model.predict(['NaCl'])[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(model.predict(["NaCl"])[0], rel=1e-12)
