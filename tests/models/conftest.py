"""Small fitted models, made once."""

import pandas as pd
import pytest

from matminer_phonon_tl.models import PhononGapClassifier, PhononPredictor, PhononRegressor
from matminer_phonon_tl.models.predictor import TARGETS

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
    regressor = PhononRegressor(random_state=0)
    part = pd.concat(
        [
            phonon_tl[phonon_tl["has_phonon_bandgap"]],
            phonon_tl[~phonon_tl["has_phonon_bandgap"]][:200],
        ]
    )
    return PhononPredictor(
        classifier=PhononGapClassifier(param_grid=SMALL_FOREST, random_state=0),
        regressors=dict.fromkeys(TARGETS, regressor),
    ).fit(part, progress=False)
