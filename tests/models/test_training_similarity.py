"""How near a compound is to the training materials."""

import numpy as np
import pytest
from pymatgen.core import Composition

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models.training_similarity import TrainingSimilarity


@pytest.fixture(scope="module")
def similarity(phonon_tl):
    return TrainingSimilarity.fit(phonon_tl["composition"].tolist())


def test_training_materials_are_as_near_as_can_be(similarity, phonon_tl):
    assert (similarity.rank(phonon_tl["composition"].tolist()) == 1).all()


def test_the_farther_the_lower(similarity):
    near, far, farther = similarity.rank(
        [Composition("GaAs"), Composition("UO2"), Composition({"H": 1, "Pu": 50})]
    )
    assert 1 >= near > far > farther >= 0


def test_the_rank_is_the_share_of_materials_that_lie_farther(similarity):
    """A tenth of the training materials are farther from their neighbour than its ninth decile."""
    nearest = similarity.neighbour_distances
    assert np.isfinite(nearest).all()
    below = np.searchsorted(nearest, np.quantile(nearest, 0.9), side="left")
    assert 1 - below / len(nearest) == pytest.approx(0.1, abs=0.01)


def test_names_elements_never_seen(similarity):
    assert similarity.unseen_elements(["GaAs", "UPuO2"]) == [[], ["Pu", "U"]]


def test_round_trip_is_exact(similarity):
    restored = TrainingSimilarity.from_state(similarity.get_state())
    asked = [Composition("GaAs"), Composition("UO2")]
    assert np.array_equal(restored.rank(asked), similarity.rank(asked))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("descriptors", np.zeros((5, 3))),
        ("descriptors", [1.0]),
        ("elements", np.array([1.0])),
        ("elements", np.array([300], dtype=np.int16)),
    ],
)
def test_damage_is_refused(similarity, name, value):
    with pytest.raises(ModelFormatError, match=r"^expected "):
        TrainingSimilarity.from_state({**similarity.get_state(), name: value})
