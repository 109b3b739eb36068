"""Many compositions read at once are those that are read one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure

from matminer_phonon_tl.composition_array import CompositionArray, flatten, flatten_valid
from matminer_phonon_tl.compositions import as_composition
from matminer_phonon_tl.exceptions import CompositionError, UnknownElementError
from matminer_phonon_tl.formulas import SYMBOLS

ATOMIC_NUMBER = {"H": 1, "O": 8, "Fe": 26, "In": 49, "N": 7, "Ga": 31}
CSCL = Structure(Lattice.cubic(4.1), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
VALUES = ["In2N2", "Ca(OH)2", Composition("BAs"), " GaN ", {"Li": 0.5, "O": 1}, CSCL, "CH3CH2OH"]


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
    with pytest.raises(UnknownElementError, match="no In here"):
        flatten(CompositionArray.read(["GaN", "InN"]), index_of)


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
