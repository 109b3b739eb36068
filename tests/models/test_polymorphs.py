"""Intervals of a formula hold the labels of all its polymorphs that were trained on."""

import json

import numpy as np
import pytest
from pymatgen.core import Composition

from matminer_phonon_tl.datasets import load_training_set
from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models import PhononPredictor, PhononRegressor, make_regressor
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.polymorphs import PolymorphLabels


@pytest.mark.parametrize("target", ["heat_capacity", "speed_of_sound"])
def test_shipped_intervals_hold_every_polymorph_of_a_formula(target):
    known = load_training_set().dropna(subset=[target])
    known = known[known["formula"].duplicated(keep=False)]
    assert len(known) > 500
    model = PhononPredictor.from_pretrained().regressors_[target]
    mean, lower, upper = model.predict_interval(known["composition"])
    labels = known[target].to_numpy()
    assert ((lower <= labels) & (labels <= upper)).all()
    assert ((lower <= mean) & (mean <= upper)).all()


def test_only_formulas_of_several_materials_are_widened():
    materials = Materials.of(["GaN", "Ga2N2", "InN", "AlN", "Ga1N2"])
    labels = np.array([1.0, 4.0, 2.0, 2.0, 9.0])
    known = PolymorphLabels.fit(materials, labels, by_cell=False)
    charged = Composition({"Ga+": 0.5, "Ga3+": 0.5, "N": 1})
    asked = Materials.of(["N3Ga3", "InN", "NaCl", "GaN", charged])
    lower, upper = known.widen(asked, np.array([2.0, 2.0, 2.0, 0.5, 2.0]), np.full(5, 3.0))
    assert lower.tolist() == [1, 2, 2, 0.5, 1]
    assert upper.tolist() == [4, 3, 3, 4, 4]


def test_a_label_of_the_cell_is_that_of_cells_of_its_size():
    materials = Materials.of(["GaN", "GaN", "Ga2N2", "InN"])
    known = PolymorphLabels.fit(materials, np.array([1.0, 4.0, 9.0, 9.0]), by_cell=True)
    lower, upper = known.widen(Materials.of(["GaN", "Ga2N2"]), np.full(2, 2.0), np.full(2, 3.0))
    assert lower.tolist() == [1, 2]
    assert upper.tolist() == [4, 3]


def test_a_structure_is_one_polymorph(phonon_tl):
    small = phonon_tl[phonon_tl["structure"].map(len) == 2][:40]
    model = PhononRegressor(use_structure=True, intervals=False)
    assert model.fit(small, small["heat_capacity"]).polymorphs_ is None


def test_round_trip_and_hostile_files(phonon_tl):
    part = phonon_tl[phonon_tl["formula"].duplicated(keep=False)][:60]
    model = make_regressor("heat_capacity", random_state=0).fit(part, part["heat_capacity"])
    document = json.loads(json.dumps(model.as_dict()))
    again = PhononRegressor.from_dict(document)
    for one, other in zip(model.predict_interval(part), again.predict_interval(part), strict=True):
        assert np.array_equal(one, other)
    state = model.polymorphs_.get_state()
    wrong = {**state, "least": state["most"] + 1}
    with pytest.raises(ModelFormatError, match="labels of polymorphs with the least one first"):
        PolymorphLabels.from_state(wrong, by_cell=False)
    with pytest.raises(ModelFormatError, match="labels of polymorphs"):
        PolymorphLabels.from_state({**state, "most": state["most"][1:]}, by_cell=False)
