"""Transforms undo themselves, and know the physics they are named after."""

import numpy as np
import pytest
from pymatgen.core import Composition

from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.target_transform import (
    TARGET_TRANSFORMS,
    inverse_transform,
    label_bounds,
    transform_target,
)

R = 8.314462618


@pytest.mark.parametrize("name", TARGET_TRANSFORMS)
def test_there_and_back(name, phonon_tl):
    y = phonon_tl["heat_capacity"].to_numpy()
    compositions = phonon_tl["composition"].tolist()
    learnt = transform_target(name, y, compositions)
    np.testing.assert_allclose(inverse_transform(name, learnt, compositions), y, rtol=1e-11)


def test_einsteins_crystal():
    """x = 1: C = 3R e / (e - 1)^2; and whatever is predicted, 0 < C <= 3R an atom."""
    asked = [Composition("NaCl")] * 4
    exact = 2 * 3 * R * np.e / (np.e - 1) ** 2
    assert transform_target("einstein", np.array([exact]), asked[:1])[0] == pytest.approx(1.0)
    wild = inverse_transform("einstein", np.array([-9.0, 1e-12, 40.0, 0.5]), asked)
    assert ((wild > 0) & (wild <= 2 * 3 * R)).all()
    assert wild[0] == pytest.approx(2 * 3 * R, rel=1e-6)
    least, most = label_bounds("einstein", asked, non_negative=False)
    assert most == pytest.approx(6 * R)
    assert (least == 0).all()


@pytest.mark.parametrize("name", TARGET_TRANSFORMS)
def test_only_plain_labels_can_be_negative(name):
    asked = [Composition("NaCl")]
    least, _ = label_bounds(name, asked, non_negative=False)
    assert least == (-np.inf if name in ("none", "per_atom") else 0.0)
    assert label_bounds(name, asked, non_negative=True)[0] == 0.0


def test_stiffness_takes_the_mass_out():
    """The same springs under four times the mass: half the speed, the same number learnt."""
    light, heavy = Composition({"Be": 1}), Composition({"Kr": 1})
    ratio = np.sqrt(heavy.weight / light.weight)
    learnt = transform_target("log_stiffness", np.array([8.0, 8.0 / ratio]), [light, heavy])
    assert learnt[0] == pytest.approx(learnt[1], abs=1e-4)


@pytest.mark.parametrize(
    "formula", ["Na2O2", "NaO", "O2", "H2O", "Li0.5CoO2", "Fe4O6", "Na4O4", "N4", "KO2", "Cs1I1"]
)
def test_formula_units_are_pymatgens(formula):
    composition = Composition(formula)
    assert (
        Materials.of([composition]).atoms_per_formula_unit[0]
        == composition.reduced_composition.num_atoms
    )


def test_what_is_outside_is_refused():
    one = [Composition("NaCl")]
    with pytest.raises(ValueError, match=r"between 0 and 3R a mole of atoms .* got 60 in row 0"):
        transform_target("einstein", np.array([60.0]), one)
    with pytest.raises(ValueError, match="expected labels above 0"):
        transform_target("log_stiffness", np.array([0.0]), one)
    with pytest.raises(ValueError, match="expected compositions with"):
        transform_target("einstein", np.array([40.0]), None)
