"""What is understood as a composition, what is refused, and in which words."""

import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Species, Structure

from matminer_phonon_tl.composition_array import flatten
from matminer_phonon_tl.compositions import (
    as_composition,
    as_compositions,
)
from matminer_phonon_tl.exceptions import CompositionError, UnknownElementError
from matminer_phonon_tl.formulas import SYMBOLS, read_plain_formulas

ATOMIC_NUMBER = {"H": 1, "O": 8, "Fe": 26, "In": 49, "N": 7, "Ga": 31}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("InN", {"In": 1, "N": 1}),
        ("In2N2", {"In": 2, "N": 2}),
        (" Na Cl ", {"Na": 1, "Cl": 1}),
        ("Ca(OH)2", {"Ca": 1, "O": 2, "H": 2}),
        ("[Fe(CN)6]2", {"Fe": 2, "C": 12, "N": 12}),
        ("Li0.5CoO2", {"Li": 0.5, "Co": 1, "O": 2}),
        ("La1.8Sr.2CuO4", {"La": 1.8, "Sr": 0.2, "Cu": 1, "O": 4}),
        ("CH3CH2OH", {"C": 2, "H": 6, "O": 1}),
        ({"Ga": 1, "N": 1.0}, {"Ga": 1, "N": 1}),
        ({"Na+": 1, "Cl-": 1}, {"Na+": 1, "Cl-": 1}),
        (Composition("Fe4O6"), {"Fe": 4, "O": 6}),
        (Composition("Fe2O3").as_dict() | {"@class": "Composition"}, {"Fe": 2, "O": 3}),
        (Structure(Lattice.cubic(3), ["Cs", "Cl"], [[0, 0, 0], [0.5] * 3]), {"Cs": 1, "Cl": 1}),
    ],
)
def test_reads_amounts_as_written(value, expected):
    assert as_composition(value).as_dict() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "error", "sentence"),
    [
        ("", CompositionError, "got '': it is empty"),
        ("   ", CompositionError, "it is empty"),
        ("nan", CompositionError, "only element symbols, amounts and brackets may stand"),
        ("NaCl*", CompositionError, "only element symbols, amounts and brackets may stand"),
        ("Fe2+", CompositionError, "only element symbols, amounts and brackets may stand"),
        ("Na1e3", CompositionError, "only element symbols, amounts and brackets may stand"),
        ("\u039daCl", CompositionError, "only element symbols, amounts and brackets may stand"),
        ("H2O)", CompositionError, "got 'H2O)': its brackets do not match"),
        ("(NaCl]", CompositionError, "its brackets do not match"),
        ("1Na", CompositionError, "it cannot be read as one"),
        ("()", CompositionError, "it cannot be read as one"),
        ("CaSO4.2H2O", CompositionError, "write an adduct such as a hydrate with brackets"),
        ("Al2O3.2SiO2", CompositionError, "write an adduct such as a hydrate with brackets"),
        ("In0N", CompositionError, "an amount of In above 0 and at most 1e+06, got 0"),
        ("InN0.0", CompositionError, "an amount of N above 0 and at most 1e+06, got 0"),
        ("In0.000000001N", CompositionError, "an amount of In above 0"),
        ({"In": 1, "N": 0}, CompositionError, "an amount of N above 0"),
        ({"InN": 1}, CompositionError, "expected element symbols as keys, got 'InN'"),
        ({"In2": 1}, CompositionError, "expected element symbols as keys, got 'In2'"),
        ("A" * 501, CompositionError, "it has 501 characters, more than 500"),
        ("Fe0", CompositionError, "expected at least one element"),
        ("Na1000001", CompositionError, "an amount of Na above 0 and at most 1e+06, got 1e+06"),
        ("Qq", UnknownElementError, "expected chemical elements, got 'Qq'"),
        ("D2O", UnknownElementError, "got the isotope 'D' (deuterium)"),
        (Composition({"D": 2, "O": 1}), UnknownElementError, "got the isotope 'D' (deuterium)"),
        (Composition({Species("D", 1): 2, "O": 1}), UnknownElementError, "got the isotope 'D'"),
        ({"T+": 2, "O2-": 1}, UnknownElementError, "got the isotope 'T' (tritium)"),
        (Composition({"X": 1}), UnknownElementError, "expected chemical elements, got 'X'"),
        ({}, CompositionError, "expected at least one element, got the empty composition {}"),
        (Composition(), CompositionError, "expected at least one element"),
        ({"Na": 1, "Cl": float("nan")}, CompositionError, "an amount of Cl above 0"),
        ({"Na": -1}, CompositionError, "an amount of Na above 0 and at most 1e+06, got -1"),
        ({"Na": "x"}, CompositionError, "expected a number of Na atoms, got 'x'"),
        ({"Na": True}, CompositionError, "expected a number of Na atoms, got True"),
        ({1: 2}, CompositionError, "expected element symbols as keys, got 1"),
        ({"Qq": 1}, UnknownElementError, "expected chemical elements, got 'Qq'"),
        (None, CompositionError, "expected a Composition, a Structure, a formula or a dict"),
        (float("nan"), CompositionError, "got nan (float)"),
        (b"NaCl", CompositionError, "(bytes)"),
    ],
)
def test_refuses_with_one_sentence(value, error, sentence):
    with pytest.raises(error) as caught:
        flatten([as_composition(value)], lambda symbol: ATOMIC_NUMBER.get(symbol, 0))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["1" * 400 + "!", "Na" + "1." * 200 + "!", {"Na" + "1" * 100_000: 1}]
)
def test_long_rows_of_digits_are_refused_at_once(value):
    started = time.monotonic()
    with pytest.raises(CompositionError):
        as_composition(value)
    assert time.monotonic() - started < 5


NOT_PLAIN = ["CH3CH2OH", "Fe0O", "D2O", "Na9999999", "Ca(OH)2", "Na\u0663", "", "C" * 501]


@pytest.mark.parametrize("text", ["InN", "In2N2", "H2O", "Na999999", *NOT_PLAIN])
def test_plain_formulas_are_read_as_pymatgen_reads_them(text):
    """The quick way gives the same elements and amounts, in the same order, or none."""
    is_plain, flat = read_plain_formulas(["GaN", text, "InN"])
    read = [SYMBOLS[place] for place in flat.elements[2:-2]]
    if text in NOT_PLAIN:
        assert is_plain.tolist() == [True, False, True]
        assert read == []
    else:
        expected = Composition(text)
        assert is_plain.all()
        assert read == [element.symbol for element in expected]
        assert flat.amounts[2:-2].tolist() == list(expected.values())


def test_error_names_the_row():
    with pytest.raises(CompositionError, match=r"^row 2: .*its brackets do not match"):
        as_compositions(["GaN", "InN", "H2O)"])


def test_reads_every_form_of_table():
    expected = [Composition("GaN"), Composition("Fe2O3")]
    formulas = ["GaN", "Fe2O3"]
    assert as_compositions(formulas) == expected
    assert as_compositions(pd.Series(formulas, index=[7, 7])) == expected
    assert as_compositions(pd.DataFrame({"composition": expected, "formula": "x"})) == expected
    assert as_compositions(pd.DataFrame({"formula": formulas})) == expected
    assert as_compositions(np.array(formulas)) == expected


@pytest.mark.parametrize("single", ["GaN", {"Ga": 1}, None, 5])
def test_a_single_value_is_no_table(single):
    with pytest.raises(CompositionError, match="put a single one into a list"):
        as_compositions(single)


def test_a_frame_without_compositions_says_what_it_has():
    twice = pd.DataFrame([["GaN", "InN"]], columns=["formula", "formula"])
    with pytest.raises(CompositionError, match="expected one column 'formula', got 2"):
        as_compositions(twice)
    with pytest.raises(CompositionError, match=r"got the columns \['bandgap'\]"):
        as_compositions(pd.DataFrame({"bandgap": [1.0]}))


@pytest.mark.fuzz
@given(st.text(max_size=30))
def test_any_text_is_a_composition_or_refused(text):
    try:
        composition = as_composition(text)
    except CompositionError:
        return
    assert composition.num_atoms > 0


@pytest.mark.fuzz
@given(st.recursive(st.none() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_any_value_is_a_composition_or_refused(value):
    try:
        composition = as_composition(value)
    except CompositionError:
        return
    assert composition.num_atoms > 0
