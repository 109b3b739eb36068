"""Which cell a formula, a composition or a structure stands for."""

import numpy as np
import pytest
from pymatgen.core import Composition, Lattice, Structure

from matminer_phonon_tl.exceptions import CompositionError
from matminer_phonon_tl.models.cells import (
    SAME_SITE,
    KnownCells,
    check_formula_units,
    read_cell,
)


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
    known = KnownCells.fit([Composition(f) for f in ("Ga2N2", "GaN", "ZnS", "Li0.5CoO2")])
    asked = [Composition(f) for f in ("Ga4N4", "Ga2N2", "NGa", "ZnS", "LiCo2O4", "InP")]
    found = known.look_up(asked)
    assert [cell.others for cell in found] == [[2, 4], [2], [4], [], [], []]
    assert [cell.n_atoms in cell.trained for cell in found] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]
    assert known.look_up([]) == []


def test_a_cell_that_is_plainly_primitive_is_what_pymatgen_finds(phonon_tl):
    """With translations that are exact, nearly so, or broken by more than the tolerance."""
    rng = np.random.default_rng(0)
    spared = 0
    for number, structure in enumerate(phonon_tl["structure"][::60]):
        doubled = structure.make_supercell([1, 1, 2], in_place=False)
        for cell in (structure, doubled, doubled.copy()):
            if cell is not structure and cell is not doubled:
                cell.perturb([0.004, 0.009, 0.012, 0.03][number % 4], seed=rng)
            expected = cell.get_primitive_structure(tolerance=SAME_SITE)
            found = read_cell(cell)
            spared += found is cell
            assert np.array_equal(found.lattice.matrix, expected.lattice.matrix)
            assert np.array_equal(found.frac_coords, expected.frac_coords)
            assert found.species == expected.species
    assert spared > 20
