"""What the shipped predictors add: Debye temperature, largest gap, and what follows from them."""

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition, Structure

import matminer_phonon_tl.models.predictor as predictor_module
from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models import PhononPredictor, ShippedPredictors
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.shipped import (
    CONDUCTIVITY,
    MORE_UNITS,
    PER_GRAM,
    estimate_heat_capacities,
)
from matminer_phonon_tl.phonons import heat_capacity_at, slack_conductivity
from matminer_phonon_tl.phonons.estimates import heat_capacity_spread

FORMULAS = ["GaN", "Mg2O2", "SnSe"]


@pytest.fixture(scope="module")
def predictors():
    return ShippedPredictors(more=True, temperatures=[100, 300])


@pytest.fixture(scope="module")
def frame(predictors):
    return predictors.predict(FORMULAS, warn=False)


@pytest.fixture(scope="module")
def rock_salt():
    return Structure.from_spacegroup(
        "Fm-3m", np.eye(3) * 4.21, ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )


def test_the_three_properties_are_as_without(frame):
    plain = ShippedPredictors().predict(FORMULAS, warn=False)
    same = [name for name in plain.columns if name != "note"]
    pd.testing.assert_frame_equal(frame[same], plain[same])


def test_what_is_unlike_the_training_compounds_of_more_says_so(predictors):
    """BN has a speed of sound in phonon_tl, and is not in phonondb_kyoto."""
    found = predictors.predict(["BN", "GaN"], warn=False)
    assert found["in_domain"].tolist() == [True, True]
    unlike = found["note"].str.contains("unlike the training compounds of Debye temperature")
    assert unlike.tolist() == [True, False]
    assert found["more_in_domain"].tolist() == [False, True]
    assert predictors.predict(["Xx", "GaN"], warn=False)["more_in_domain"].isna().tolist() == [
        True,
        False,
    ]
    alone = PhononPredictor.from_pretrained(more=True).predict(["BN", "GaN"], warn=False)
    assert alone["in_domain"].tolist() == [False, True]


def test_new_columns_stand_together_and_have_units(frame, predictors):
    names = frame.columns.tolist()
    assert names[names.index("heat_capacity_per_atom") + 1 :][:4] == [
        "debye_temperature",
        "debye_temperature_lower",
        "debye_temperature_upper",
        "debye_temperature_std",
    ]
    last = names.index("training_similarity")
    assert names[last - 2 : last] == ["heat_capacity_300K_upper", "more_in_domain"]
    assert frame.attrs["units"].items() >= MORE_UNITS.items()
    assert frame.attrs["units"]["heat_capacity_100K"].startswith("J/mol/K")
    assert predictors.units.keys() <= frame.attrs["units"].keys()


def test_what_is_learnt_is_what_the_files_predict(frame):
    alone = PhononPredictor.from_pretrained(more=True).predict(FORMULAS, warn=False)
    for name in ("debye_temperature_lower", "largest_gap", "largest_gap_std"):
        np.testing.assert_array_equal(frame[name], alone[name])


def test_a_gram_is_the_weight_of_the_formula_as_written(frame):
    weights = [Composition(formula).weight for formula in FORMULAS]
    for end in ("", "_lower", "_upper"):
        # XenonPy's table of elements and pymatgen's differ in the fifth digit.
        np.testing.assert_allclose(
            frame[f"{PER_GRAM}{end}"], frame[f"heat_capacity{end}"] / weights, rtol=1e-4
        )


def test_curves_go_through_300_kelvin_and_are_ordered(frame):
    for end in ("", "_lower", "_upper"):
        np.testing.assert_allclose(
            frame[f"heat_capacity_300K{end}"], frame[f"heat_capacity{end}"], rtol=1e-6
        )
    assert (frame["heat_capacity_100K_lower"] < frame["heat_capacity_100K"]).all()
    assert (frame["heat_capacity_100K"] < frame["heat_capacity_100K_upper"]).all()
    n_atoms = np.array([2, 4, 2])
    by_hand = heat_capacity_at(
        [100], frame["heat_capacity_per_atom"], frame["debye_temperature"], n_atoms
    )
    np.testing.assert_allclose(frame["heat_capacity_100K"], by_hand[:, 0] * n_atoms)


def test_conductivity_is_slacks_and_its_interval_holds_a_factor(frame):
    mass = np.array([Composition(formula).weight for formula in FORMULAS]) / [2, 4, 2]
    by_hand = slack_conductivity(
        frame["debye_temperature"], frame["speed_of_sound"], mass, [2, 4, 2]
    )
    np.testing.assert_allclose(frame[CONDUCTIVITY], by_hand, rtol=1e-4)
    factor = frame[f"{CONDUCTIVITY}_upper"] / frame[CONDUCTIVITY]
    np.testing.assert_allclose(frame[CONDUCTIVITY] / frame[f"{CONDUCTIVITY}_lower"], factor)
    assert factor.between(np.exp(1.64), 30).all()
    narrow = ShippedPredictors(more=True).predict(FORMULAS, level=0.5, warn=False)
    assert (narrow[f"{CONDUCTIVITY}_upper"] < frame[f"{CONDUCTIVITY}_upper"]).all()


def test_rows_that_fail_are_missing_and_hurt_no_other(predictors, frame):
    values = pd.Series(["Xx", "GaN", None], index=["a", "b", "c"])
    found = predictors.predict(values, warn=False)
    assert found.index.tolist() == ["a", "b", "c"]
    assert found["debye_temperature"].isna().tolist() == [True, False, True]
    assert found[CONDUCTIVITY]["b"] == frame[CONDUCTIVITY][0]
    assert found["in_domain"].isna().tolist() == [True, False, True]
    nothing = predictors.predict(["Xx"])
    assert nothing.columns.tolist() == frame.columns.tolist()
    assert predictors.predict([]).columns.tolist() == frame.columns.tolist()


def test_structures_are_asked_of_the_models_that_know_them(predictors, rock_salt):
    found = predictors.predict(["MgO", rock_salt], warn=False)
    assert found["based_on"].tolist() == ["composition", "structure"]
    assert found["debye_temperature"][0] != found["debye_temperature"][1]
    alone = PhononPredictor.from_pretrained(structure=True, more=True).predict([rock_salt])
    assert found["debye_temperature"][1] == alone["debye_temperature"][0]
    without = ShippedPredictors(more=True, structures=False).predict(["MgO", rock_salt], warn=False)
    assert without["based_on"].tolist() == ["composition"] * 2
    assert without["debye_temperature"][0] == without["debye_temperature"][1]


def test_each_material_is_read_once(predictors, monkeypatch):
    read, count = predictor_module.read_cell, []
    monkeypatch.setattr(
        predictor_module, "read_cell", lambda *args, **kw: count.append(1) or read(*args, **kw)
    )
    described = []
    matrix = Materials.matrix
    monkeypatch.setattr(
        Materials, "matrix", lambda self, *a, **kw: described.append(self) or matrix(self, *a, **kw)
    )
    predictors.predict(["GaN"], warn=False)
    assert len(count) == 1
    assert len({id(one) for one in described if len(one) == 1}) <= 2  # its larger cells are others


@pytest.mark.parametrize("wrong", ["a", [-1.0], ["a"], [float("nan")]])
def test_what_is_no_temperature_is_refused(wrong):
    with pytest.raises(ValueError, match="expected a temperature of at least 0 K"):
        ShippedPredictors(temperatures=wrong)


def test_temperatures_of_one_name_are_refused():
    with pytest.raises(ValueError, match="differ in their first six digits"):
        ShippedPredictors(temperatures=[100.1231, 100.1233])
    assert ShippedPredictors(temperatures=300).temperatures == [300.0]


def test_it_says_what_it_is(predictors):
    assert "more=True, temperatures=[100.0, 300.0]" in repr(predictors)
    assert "debye_temperature (K)" in repr(predictors)


def test_they_travel_to_a_cluster(predictors, frame):
    document = predictors.as_dict()
    there = ShippedPredictors.from_dict(document)
    pd.testing.assert_frame_equal(there.predict(FORMULAS, warn=False), frame)
    with pytest.raises(ModelFormatError, match="expected the shipped predictors of the same"):
        ShippedPredictors.from_dict({**document, "files": {}})


def test_a_curves_lower_end_is_that_of_the_hardest_crystal():
    """The lower heat capacity at 300 K goes with the upper Debye temperature."""
    heat, theta, n = np.array([[20.0], [19.0], [21.0]]), np.array([[400.0], [300.0], [550.0]]), [4]
    found = estimate_heat_capacities([100.0], heat, theta, np.array(n), 0.9)[:, 0, 0]
    value, lower, upper = (
        heat_capacity_at([100.0], [c], [t], n)[0, 0]
        for c, t in ((20.0, 400.0), (19.0, 550.0), (21.0, 300.0))
    )
    of_model = 1.6449 * heat_capacity_spread([100.0])[0]
    assert found[0] == pytest.approx(value)
    for end, there in ((found[1], lower), (found[2], upper)):
        together = np.hypot(np.log(there / value), of_model)
        assert abs(np.log(end / value)) == pytest.approx(together, rel=1e-4)
