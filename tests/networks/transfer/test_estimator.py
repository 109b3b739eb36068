"""An estimator as scikit-learn knows them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from matminer_phonon_tl.networks import source_networks
from matminer_phonon_tl.networks.transfer import TransferMLPRegressor
from tests.networks.transfer.cases import QUICK


@parametrize_with_checks([TransferMLPRegressor((16, 8, 8), source=None, epochs=60, dropout=0.0)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


class TestScikitLearn:
    def test_clone_keeps_the_source(self, small_source):
        model = TransferMLPRegressor(source=small_source, hidden_layer_sizes=[(8, 4, 2)] * 2)
        twin = clone(model)
        pd.testing.assert_frame_equal(twin.source, small_source)
        assert twin.get_params()["hidden_layer_sizes"] == [(8, 4, 2)] * 2

    def test_pipeline(self, matrices):
        X, y, *_ = matrices
        model = make_pipeline(MinMaxScaler(), TransferMLPRegressor(**QUICK, source=None))
        assert model.fit(X, y).predict(X).shape == (50,)

    def test_grid_search(self, gapped, small_source):
        search = GridSearchCV(
            TransferMLPRegressor(**QUICK, source=small_source),
            {"learning_rate": np.array([0.01, 0.002]), "epochs": np.array([3, 5])},
            cv=2,
            scoring="neg_mean_absolute_error",
        ).fit(gapped, gapped["heat_capacity"])
        assert set(search.best_params_) == {"learning_rate", "epochs"}
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    def test_deterministic(self, gapped, small_source):
        y = gapped["heat_capacity"]
        source_networks.SOURCE_CACHE.clear()
        one = TransferMLPRegressor(**QUICK, source=small_source).fit(gapped, y).predict(gapped)
        source_networks.SOURCE_CACHE.clear()
        two = TransferMLPRegressor(**QUICK, source=small_source).fit(gapped, y).predict(gapped)
        np.testing.assert_array_equal(one, two)
        random = [
            TransferMLPRegressor(**QUICK, source=None, random_state=None)
            .fit(gapped, y)
            .predict(gapped)
            for _ in range(2)
        ]
        assert not np.array_equal(*random)

    @pytest.mark.parametrize("target", [None, "phonon_bandgap", "speed_of_sound", "heat_capacity"])
    def test_recommended(self, target, gapped):
        model = TransferMLPRegressor.recommended(
            target, epochs=3, source_epochs=2, hidden_layer_sizes=(8, 4, 4)
        )
        assert clone(model).get_params() == model.get_params()
        assert model.epochs == 3
        y = gapped[target or "speed_of_sound"]
        assert np.isfinite(model.fit(gapped, y).predict(gapped)).all()

    def test_recommended_for_an_unknown_target(self):
        with pytest.raises(ValueError, match=r"expected a target among None, .*, got 'x'"):
            TransferMLPRegressor.recommended("x")
