"""Formulas that the package writes are formulas that it reads."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition
from sklearn.dummy import DummyRegressor

from matminer_phonon_tl.evaluation import compare, cross_validate
from matminer_phonon_tl.formulas import SYMBOLS, read_formula, write_formula
from matminer_phonon_tl.models import PhononPredictor
from matminer_phonon_tl.screening import screen

ELEMENTS = [symbol for symbol in SYMBOLS if symbol != "D"]
AMOUNTS = st.one_of(
    st.integers(1, 1_000_000), st.floats(1e-6, 1e6), st.sampled_from([1e-6, 9e-5, 1 / 3, 0.1, 2.5])
)


@given(st.dictionaries(st.sampled_from(ELEMENTS), AMOUNTS, min_size=1, max_size=6))
def test_every_composition_comes_back(amounts):
    composition = Composition(amounts)
    again = read_formula(write_formula(composition))
    assert set(again) == set(composition)
    for element, amount in composition.items():
        assert again[element] == pytest.approx(amount, abs=1e-8)


@pytest.mark.parametrize(
    ("amounts", "written"),
    [
        ({"Fe": 9e-5, "Ni": 0.99991}, "Fe0.00009Ni0.99991"),  # was Fe9e-05Ni0.99991
        ({"In": 1, "N": 1}, "InN"),
        ({"Be": 2, "C": 1}, "Be2C"),
        ({"Na": 1, "N": 1}, "Na1N1"),  # NaN is a missing value to readers of tables
        ({"Fe2+": 1, "Fe3+": 2, "O2-": 4}, "Fe3O4"),
        # An amount before a solvent is refused, for an adduct may be meant: whole amounts first.
        ({"Li": 0.5, "H": 2, "O": 2}, "H2O2Li0.5"),
        ({"Fe": 1.5, "H": 2, "C": 1, "O": 3}, "H2CO3Fe1.5"),
        ({"Li": 0.5, "H": 2, "C": 1, "O": 3}, "Li0.5H2CO3"),  # "Li0" is no compound
    ],
)
def test_how_they_are_written(amounts, written):
    assert write_formula(Composition(amounts)) == written


def test_what_predict_and_screen_write_can_be_predicted_again(command, tmp_path):
    steel = {"Fe": 0.99991, "C": 9e-5}
    predictor = PhononPredictor.from_pretrained()
    (formula,) = predictor.predict([steel, Composition(steel)])["formula"].unique()
    assert read_formula(formula) == Composition(steel)
    screen([{"composition": Composition(steel)}], tmp_path / "one.csv", predictor=predictor)
    assert screen(tmp_path / "one.csv", tmp_path / "two.csv", predictor=predictor).failed == 0
    code, out, _ = command("predict", "--json", formula)
    assert code == 0
    assert json.loads(out)[0]["formula"] == formula


def test_a_cross_validation_names_its_rows_by_formulas_that_are_read(phonon_tl):
    """Drawing groups of Fe9e-05Ni0.99991 ended a comparison."""
    steel = Composition({"Fe": 9e-5, "Ni": 0.99991})
    compositions = [steel, *phonon_tl["composition"][:19]]
    results = [
        cross_validate(DummyRegressor(strategy=strategy), compositions, np.arange(20.0))
        for strategy in ("mean", "median")
    ]
    assert [read_formula(formula) for formula in results[0].formulas] == compositions
    compare(*results)
