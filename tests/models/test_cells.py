"""Which cell a formula, a composition or a structure stands for."""

import tracemalloc

import numpy as np
import pytest
from pymatgen.core import Composition, Lattice, Structure

from matminer_phonon_tl.exceptions import CompositionError, ModelFormatError
from matminer_phonon_tl.models.cells import KnownCell, KnownCells, check_formula_units, read_cell


def test_a_structure_stands_for_its_primitive_cell():
    conventional = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0] * 3, [0.5] * 3]
    )
    assert len(conventional) == 8
    assert len(read_cell(conventional)) == 2


def test_the_shipped_cells_are_primitive_ones(phonon_tl):
    assert [len(read_cell(s)) for s in phonon_tl["structure"]] == phonon_tl["nsites"].tolist()


def test_a_small_distortion_makes_a_cell_of_its_own():
    doubled = Structure(Lattice.cubic(3.9), ["Sr", "O"], [[0] * 3, [0.5] * 3]) * (2, 1, 1)
    assert len(read_cell(doubled)) == 2
    doubled.translate_sites([2], [0, 0, 0.02], frac_coords=True)  # of an oxygen, by 0.08 Angstrom
    assert len(read_cell(doubled)) == 4


def test_a_supercell_takes_little_memory():
    """All translations of all sites at once took 1 GB here, and 3 GB where there are 512 atoms."""
    supercell = Structure(Lattice.cubic(3.35), ["Po"], [[0] * 3]) * (7, 7, 7)
    supercell.perturb(0.05)
    tracemalloc.start()
    assert read_cell(supercell) is supercell
    assert tracemalloc.get_traced_memory()[1] < 2**27
    tracemalloc.stop()


def test_formulas_are_taken_as_written_or_counted():
    assert read_cell("In2N2") == "In2N2"
    assert read_cell("In2N2", 1) == Composition("InN")
    assert read_cell("Na2O2", 2) == Composition("Na4O4")  # pymatgen keeps peroxides whole
    with pytest.raises(CompositionError, match="expected a Structure, which this predictor needs"):
        read_cell("InN", needs_structure=True)


@pytest.mark.parametrize("units", [0, -1, 1.5, True, [1, 2, 3], "two", 10**6])
def test_odd_numbers_of_formula_units_are_refused(units):
    with pytest.raises(ValueError, match="expected n_formula_units as a whole number"):
        check_formula_units(units, 2)


def test_units_for_all_rows_or_each():
    assert check_formula_units(None, 2) == [None, None]
    assert check_formula_units(2, 2) == [2, 2]
    assert check_formula_units([1, 4], 2) == [1, 4]


def test_cells_of_a_formula_are_known_whatever_their_size():
    trained = [Composition(f) for f in ("Ga2N2", "GaN", "GaN", "ZnS", "Li0.5CoO2")]
    known = KnownCells.fit(trained, [186, 225, 216, float("nan"), "R-3m"])
    asked = [Composition(f) for f in ("Ga4N4", "Ga2N2", "NGa", "ZnS", "LiCo2O4", "InP")]
    found = known.look_up(asked)
    assert [(cell.n_atoms, cell.others) for cell in found[:4]] == [
        (8, [2, 4]), (4, [2]), (2, [4]), (2, []),
    ]  # fmt: skip
    assert [cell.trained for cell in found[2:]] == [{2: [216, 225], 4: [186]}, {2: []}, {}, {}]
    assert found[0].words() == (
        "trained on this formula in cells of 2 atoms (space groups 216, 225) and 4 atoms "
        "(space group 186), not of 8"
    )
    assert found[3].words() == "trained on this formula in a cell of 2 atoms"
    assert found[5].words() == ""
    assert known.look_up([]) == []
    # Any training table will do, also one without space groups.
    assert KnownCells.fit(trained).look_up(asked)[1].trained == {2: [], 4: []}


@pytest.mark.parametrize(
    "written",
    [{"Fe2+": 1, "Fe3+": 2, "O2-": 4}, {"Fe": 0.1 + 0.2 + 2.7, "O": 4}, {"O": 8, "Fe": 6}],
)
def test_one_formula_is_the_same_however_it_is_written(written):
    found = KnownCells.fit(["Fe3O4", "O2"]).look_up([Composition(written)])
    assert list(found[0].trained) == [7]


def test_state_is_checked():
    known = KnownCells.fit([Composition("GaN"), Composition("Al2O3")], [216, 167])
    state = known.get_state()
    asked = [Composition("Ga2N2")]
    assert KnownCells.from_state(state).look_up(asked) == [KnownCell(4, {2: [216]})]
    for name, value in (
        ("counts", np.array([3, 2], np.int32)),
        ("counts", np.array([2.0, 2.0])),
        ("elements", np.array([1, 2, 3, 999], np.int16)),
        ("amounts", np.array([1.0, 1.0, -2.0, 3.0])),
        ("space_groups", np.array([216, 231], np.int16)),
        ("space_groups", np.array([216], np.int16)),
    ):
        with pytest.raises(ModelFormatError, match="expected training cells"):
            KnownCells.from_state({**state, name: value})
