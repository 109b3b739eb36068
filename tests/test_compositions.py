"""What is read as a composition, what is refused in which words, and that many are read as one."""

import pickle
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Species, Structure

from matminer_phonon_tl import compositions
from matminer_phonon_tl.compositions import (
    CompositionArray,
    as_composition,
    as_compositions,
    flatten,
    flatten_valid,
    read_plain_formulas,
)
from matminer_phonon_tl.exceptions import (
    CompositionError,
    FeaturizationWarning,
    UnknownElementError,
)
from matminer_phonon_tl.featurizers import LatticeDynamicsDescriptors, XenonPyDescriptors
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.formulas import SYMBOLS, read_formula

CSCL = Structure(Lattice.cubic(4.1), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
VALUES = ["In2N2", "Ca(OH)2", Composition("BAs"), " GaN ", {"Li": 0.5, "O": 1}, CSCL, "CH3CH2OH"]
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
        ("Fe\u2082O\u2083", {"Fe": 2, "O": 3}),
        ("Al\u2080.\u2085Ga0.5N\u2081\u2082", {"Al": 0.5, "Ga": 0.5, "N": 12}),
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


def number_of(symbol):
    return Composition(symbol).elements[0].Z


def test_values_of_every_kind_are_read_in_their_order():
    array = CompositionArray.read(VALUES)
    assert list(array) == [as_composition(value) for value in VALUES]
    assert array[2] is VALUES[2]  # an object is returned as it came
    assert array[0] is array[0]  # one that had to be made is made once
    flat = array.flat(number_of)
    assert flat.counts.tolist() == [2, 3, 2, 2, 2, 2, 3]
    assert flat.elements.tolist() == [49, 7, 20, 8, 1, 5, 33, 31, 7, 3, 8, 55, 17, 6, 1, 8]
    assert flat.amounts.tolist() == [2, 2, 1, 2, 2, 1, 1, 1, 1, 0.5, 1, 1, 1, 2, 6, 1]


def test_is_a_sequence():
    array = CompositionArray.read(VALUES)
    assert len(array) == len(VALUES)
    assert array[-1] == Composition("CH3CH2OH")
    assert list(array[1:6:2]) == [as_composition(value) for value in VALUES[1:6:2]]
    with pytest.raises(IndexError):
        array[7]
    assert len(CompositionArray.read([])) == 0
    assert CompositionArray.read(array) is array


def test_some_rows_are_those_rows():
    array = CompositionArray.read(VALUES)
    some = array.take(np.array([6, 2, 0, 0]))
    assert some[1] is VALUES[2]
    assert list(some) == [array[6], array[2], array[0], array[0]]
    assert flatten(some, number_of).counts.tolist() == [3, 2, 2, 2]
    assert len(array.take(np.array([], dtype=np.intp))) == 0


def test_what_was_read_is_neither_read_nor_flattened_again(monkeypatch):
    featurizers = (XenonPyDescriptors(), LatticeDynamicsDescriptors())
    expected = [featurizer.featurize_array(VALUES) for featurizer in featurizers]
    array = CompositionArray.read(VALUES)
    asked = []
    index_of = ElementTable.index_of
    monkeypatch.setattr(
        ElementTable,
        "index_of",
        lambda table, symbol: asked.append(symbol) or index_of(table, symbol),
    )
    for reader in ("as_composition", "composition_values", "read_plain_formulas", "_entries_of"):
        monkeypatch.setattr(compositions, reader, None)
    for featurizer, features in zip(featurizers, expected, strict=True):
        assert np.array_equal(featurizer.featurize_array(array), features)
        assert np.array_equal(featurizer.transform(array), features)
    assert len(asked) == len(set(asked)) > 0  # each element is looked up once for all of them


def test_a_copy_in_another_process_holds_the_same():
    array = CompositionArray.read(VALUES)
    with pytest.warns(FeaturizationWarning, match="^Cm has no complete row"):
        XenonPyDescriptors(impute_nan=True).featurize_array(CompositionArray.read(["Cm"]))
    XenonPyDescriptors(impute_nan=True).featurize_array(array)  # leaves a flat form behind
    same = pickle.loads(pickle.dumps(array))  # noqa: S301 - made here
    assert list(same) == list(array)


def test_a_part_and_the_whole_do_not_share_what_they_make():
    formulas = ["InN", "GaAs", "AlN"]  # of which no object is known yet
    whole = CompositionArray.read(formulas)
    part = whole.take(np.array([2, 1]))
    assert [part[0], whole[0], part[1]] == [Composition(f) for f in ("AlN", "InN", "GaAs")]
    assert list(whole) == [Composition(formula) for formula in formulas]
    assert list(whole[1:]) == list(whole)[1:]


def test_the_first_bad_row_is_named():
    with pytest.raises(CompositionError, match=r"^row 1: .*its brackets do not match"):
        CompositionArray.read(["InN", "H2O)", "Qq"])


def test_flattens_with_oxidation_states_merged_by_element():
    flat = flatten([Composition("Fe2O3"), Composition({"Fe2+": 1, "Fe3+": 2})], ATOMIC_NUMBER.get)
    assert flat.counts.tolist() == [2, 2]
    assert flat.elements.tolist() == [26, 8, 26, 26]
    assert flat.amounts.tolist() == [2, 3, 1, 2]
    counts, elements, amounts = flat.merged()
    assert (counts.tolist(), elements.tolist(), amounts.tolist()) == (
        [2, 1], [8, 26, 26], [3, 2, 3],
    )  # fmt: skip
    assert [len(part) for part in flatten([], ATOMIC_NUMBER.get).merged()] == [0, 0, 0]


def test_finds_every_bad_row_and_keeps_the_good():
    def index_of(symbol):
        if symbol == "H":
            raise UnknownElementError("no hydrogen here")
        return ATOMIC_NUMBER[symbol]

    negative = Composition({"In": -1}, allow_negative=True)
    flat, rows, errors = flatten_valid(["GaN", "H2O", "(", negative, "InN"], index_of)
    assert rows.tolist() == [0, 4]
    assert flat.elements.tolist() == [31, 7, 49, 7]
    assert list(errors) == [1, 2, 3]
    assert str(errors[1]) == "row 1: no hydrogen here"
    assert "an amount of In above 0" in str(errors[3])


def test_rows_of_one_bad_element_all_say_so():
    table = {"Ga": 0, "N": 1}

    def index_of(symbol):
        if symbol not in table:
            raise UnknownElementError(f"no {symbol} here")
        return table[symbol]

    flat, rows, errors = flatten_valid(["GaN", "InN", "NH3", "InH"], index_of, first_row=10)
    assert rows.tolist() == [0]
    assert flat.elements.tolist() == [0, 1]
    assert {row: str(error) for row, error in errors.items()} == {
        11: "row 11: no In here",
        12: "row 12: no H here",
        13: "row 13: no In here",
    }
    with pytest.raises(UnknownElementError, match=r"^row 1: no In here"):
        flatten(CompositionArray.read(["GaN", "InN"]), index_of)


def test_a_table_is_asked_once():
    asked = []

    def index_of(symbol):
        asked.append(symbol)
        return ATOMIC_NUMBER[symbol]

    array = CompositionArray.read(["GaN", "InN", "GaN"])
    first = array.flat(index_of)
    assert array.flat(index_of) is first
    assert asked == ["N", "Ga", "In"]
    assert array.flat(number_of).elements.tolist() == first.elements.tolist()


def test_an_isotope_is_refused_in_a_table_as_it_is_in_a_formula():
    with pytest.raises(UnknownElementError, match=r"^row 1: .*isotope 'D'"):
        as_compositions([Composition("H2O"), Composition({"D": 2, "O": 1})])


PIECES = st.tuples(
    st.sampled_from([*SYMBOLS[:20], "D", "Qq"]), st.sampled_from(["", "2", "0", "12"])
)
FORMULAS = st.lists(PIECES, max_size=4).map(lambda pieces: "".join(map("".join, pieces)))


@given(st.lists(FORMULAS | st.text(max_size=8)))
def test_many_formulas_are_read_as_each_alone_is(formulas):
    array, rows, errors = CompositionArray.read_valid(formulas)
    good, refused = {}, {}
    for row, formula in enumerate(formulas):
        try:
            good[row] = as_composition(formula)
        except CompositionError as error:
            refused[row] = type(error), f"row {row}: {error}"
    assert {row: (type(error), str(error)) for row, error in errors.items()} == refused
    assert rows.tolist() == list(good)
    assert [dict(c.items()) for c in array] == [dict(c.items()) for c in good.values()]
    alone = flatten(list(good.values()), number_of)
    for together, one_by_one in zip(array.flat(number_of), alone, strict=True):
        assert together.tolist() == one_by_one.tolist()


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


@pytest.mark.parametrize(
    "formula",
    [
        *("MgCl2.6H2O", "NiCl2.6H2O", "NiCl2.6(H2O)", "CuSO4.5H2O", "CaCl2.8NH3", "KBr2.5C2H6O"),
        *("NaBr.2H2O", "CaO.2H2O", "BaO.6Fe2O3", "MgCl2.6 H2O", "MgCl2. 6H2O", "NaBr 2H2O"),
        # Pyridine, dimethylformamide, dimethyl sulfoxide, tetrahydrofuran, acetonitrile, urea.
        *("CoCl2.2C5H5N", "MgCl2.6C3H7NO", "PbI2.2C2H6OS", "PbI2.2(CH3)2SO", "ZrCl4.2C4H8O"),
        *(
            "NaI 0.5C3H6O",
            "LiCl.2C2H3N",
            "CdCl2.2CO(NH2)2",
            "CrCl3.6OH2",
            "CrCl3.6(OH2)",
            "CaCl\u2082.6H\u2082O",
        ),
    ],
)
def test_adducts_with_a_full_stop_are_refused(formula):
    """Not read as Mg Cl2.6 H2 O."""
    with pytest.raises(CompositionError, match="a dot is a decimal point here and a space nothing"):
        read_formula(formula)
    _, _, refused = CompositionArray.read_valid([formula])
    assert "a dot is a decimal point here" in refused[0].reason


@pytest.mark.parametrize(
    ("formula", "written"),
    [
        ("NiCl2\u00b76H2O", "NiCl2(H2O)6"),
        ("CaSO4 \u2022 0.5H2O", "CaSO4(H2O)0.5"),
        ("2NaCl\u22c5H2O", "(NaCl)2H2O"),
        ("CaSO4\u00b7CaCl2\u00b7H2O", "CaSO4CaCl2H2O"),
        ("CaCl\u2082\u00b76H\u2082O", "CaCl2(H2O)6"),
    ],
)
def test_adducts_with_a_middle_dot_are_read(formula, written):
    assert read_formula(formula) == Composition(written)
    assert CompositionArray.read([formula])[0] == Composition(written)


@pytest.mark.parametrize(
    ("formula", "carbon"),
    [
        ("Sn0.5 Pb0.5 H6 C1 I3 N1", 1),  # as pymatgen writes CH3NH3Pb0.5Sn0.5I3
        ("Cs0.1(CH3NH3)0.9PbI3", 0.9),
        ("K0.5Na0.5HCO3", 1),
        ("Na1.5 H1 C1 O3", 1),
        ("Na0.5Na0.5Cl", 0),
    ],
)
def test_a_dot_after_zero_or_before_no_solvent_is_a_decimal_point(formula, carbon):
    """They look like adducts of organic molecules, and are none."""
    assert as_composition(formula)["C"] == pytest.approx(carbon)


@pytest.mark.parametrize("formula", ["NaCl\u00b7", "\u00b7H2O", "NaCl\u00b7\u00b7H2O"])
def test_middle_dots_that_join_nothing_are_refused(formula):
    with pytest.raises(CompositionError, match="only element symbols, amounts and brackets"):
        read_formula(formula)


@pytest.mark.parametrize("formula", ["Fe(III)2O3", "Ti(IV)O2", "W( VI )O3", "V(V)2O5", "Cu(I)2O"])
def test_oxidation_states_are_no_elements(formula):
    """Fe(III)2O3 is not FeI6O3."""
    with pytest.raises(CompositionError, match="so leave oxidation states out"):
        read_formula(formula)
    _, _, refused = CompositionArray.read_valid([formula])
    assert "so leave oxidation states out" in refused[0].reason


@pytest.mark.parametrize(
    "formula",
    [
        "Gd0.9Sc0.1Ni2",
        "Li0.5HF2",
        "Na0.5CoO2",
        "Li.5CoO2",
        "VI3",
        "(VO)2P2O7",
        "Al 2O3",
        "Fe 2 O 3",
        "Ti0.5CHf2",
        "C0.5H3N0.5Cs0.5PbI3",
    ],
)
def test_decimal_amounts_of_other_formulas_stay(formula):
    assert read_formula(formula) == Composition(formula)
