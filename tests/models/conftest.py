"""Small fitted models, made once."""

import pytest

from matminer_phonon_tl.models import PhononGapClassifier, PhononPredictor, TransferMLPRegressor

SMALL_FOREST = {"n_estimators": [25], "max_depth": [8]}


@pytest.fixture(scope="session")
def train(phonon_tl):
    return phonon_tl[phonon_tl["paper_split"] == "train"]


@pytest.fixture(scope="session")
def test(phonon_tl):
    return phonon_tl[phonon_tl["paper_split"] == "test"]


@pytest.fixture(scope="session")
def small_classifier(train):
    classifier = PhononGapClassifier(param_grid=SMALL_FOREST, random_state=0)
    return classifier.fit(train, train["has_phonon_bandgap"])


@pytest.fixture(scope="session")
def small_predictor(phonon_tl):
    regressor = TransferMLPRegressor(
        hidden_layer_sizes=[(20, 10, 5), (16, 8, 4)], epochs=20, source_epochs=5, random_state=0
    )
    targets = ("phonon_bandgap", "speed_of_sound", "heat_capacity")
    return PhononPredictor(
        classifier=PhononGapClassifier(param_grid=SMALL_FOREST, random_state=0),
        regressors=dict.fromkeys(targets, regressor),
    ).fit(phonon_tl, progress=False)
