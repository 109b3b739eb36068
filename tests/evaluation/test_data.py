"""Materials are read and described once for all folds."""

import numpy as np
import pytest

from matminer_phonon_tl.evaluation import cross_validate, leakage_probe, learning_curve
from matminer_phonon_tl.exceptions import CompositionError
from matminer_phonon_tl.featurizers import LatticeDynamicsDescriptors, lattice_dynamics
from matminer_phonon_tl.models import PhononGapClassifier, PhononRegressor


@pytest.fixture
def described(monkeypatch):
    """Rows whose composition, and whose structure, was described."""
    rows = {"composition": 0, "structure": 0}
    whole, spring_model = (
        LatticeDynamicsDescriptors.featurize_array,
        lattice_dynamics.describe_spring_model,
    )

    def count_compositions(self, X, *args, **options):
        rows["composition"] += 0 if self.use_structure else len(X)
        return whole(self, X, *args, **options)

    def count_structures(*args, **options):
        rows["structure"] += 1
        return spring_model(*args, **options)

    monkeypatch.setattr(LatticeDynamicsDescriptors, "featurize_array", count_compositions)
    monkeypatch.setattr(lattice_dynamics, "describe_spring_model", count_structures)
    return rows


@pytest.fixture
def classifier():
    return PhononGapClassifier(
        descriptors="lattice_dynamics",
        use_structure=True,
        param_grid={"n_estimators": [5], "max_depth": [None]},
        cv=2,
        random_state=0,
    )


@pytest.fixture
def regressor():
    return PhononRegressor(use_structure=True, members=("gp15",), intervals=False)


@pytest.fixture
def some(phonon_tl):
    """30 materials with a gap and 30 without."""
    gap = phonon_tl["has_phonon_bandgap"].astype(bool)
    return phonon_tl.iloc[np.sort([*np.flatnonzero(gap)[:30], *np.flatnonzero(~gap)[:30]])]


def test_a_classifier_describes_each_material_once(some, classifier, described):
    cross_validate(classifier, some, "has_phonon_bandgap", n_splits=3, n_repeats=2)
    assert described == {"composition": 60, "structure": 60}


def test_permutations_and_fractions_share_one_description(some, regressor, described):
    leakage_probe(regressor, some, "speed_of_sound", n_permutations=5, n_repeats=1, n_splits=2)
    assert described == {"composition": 60, "structure": 60}
    learning_curve(regressor, some, "speed_of_sound", (0.8, 1.0), n_repeats=1)
    assert described == {"composition": 120, "structure": 120}


def test_sharing_changes_no_prediction(some, regressor):
    """A subclass gets the table itself, and describes it fold by fold."""

    class Plain(PhononRegressor):
        pass

    options = {"n_splits": 2, "n_repeats": 1}
    shared = cross_validate(regressor, some, "speed_of_sound", **options)
    plain = cross_validate(Plain(**regressor.get_params()), some, "speed_of_sound", **options)
    assert np.array_equal(shared.predictions, plain.predictions)
    assert shared.data_sha256 == plain.data_sha256
    elsewhere = cross_validate(regressor, some, "speed_of_sound", n_jobs=2, **options)
    assert np.array_equal(shared.predictions, elsewhere.predictions)


def test_columns_that_are_not_chosen_stay_hidden(some, regressor):
    with pytest.raises(CompositionError, match="expected a DataFrame with a column 'structure'"):
        cross_validate(regressor, some, "speed_of_sound", features=["composition"])
