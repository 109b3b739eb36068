"""The compact physics descriptors: values by hand, invariances, structure columns."""

import numpy as np
import pandas as pd
import pytest
import spglib
from pymatgen.core import Composition, Lattice, Structure
from sklearn.base import clone

from matminer_phonon_tl.exceptions import CompositionError, FeaturizationWarning
from matminer_phonon_tl.featurizers import LatticeDynamicsDescriptors
from matminer_phonon_tl.featurizers.bond_valence_model import BOND_VALENCE_COLUMNS
from matminer_phonon_tl.featurizers.lattice_dynamics import (
    COMPOSITION_COLUMNS,
    GEOMETRY_COLUMNS,
    STRUCTURE_COLUMNS,
    SYMPREC,
    at_standard_bonds,
    describe_geometry,
    describe_structures,
)


@pytest.fixture
def zincblende_bas():
    return Structure.from_spacegroup(
        "F-43m", Lattice.cubic(4.777), ["B", "As"], [[0, 0, 0], [0.25, 0.25, 0.25]]
    ).get_primitive_structure()


def described(value, **options):
    featurizer = LatticeDynamicsDescriptors(**options)
    return dict(zip(featurizer.feature_labels(), featurizer.featurize(value), strict=True))


def test_columns_of_a_binary_by_hand():
    row = described("BAs")
    boron, arsenic = 10.81, 74.921595
    assert row["log_mass_ratio"] == pytest.approx(np.log(arsenic / boron), rel=1e-4)
    assert row["log_lightest_mass"] == pytest.approx(np.log(boron), rel=1e-4)
    assert row["log_heaviest_mass"] == pytest.approx(np.log(arsenic), rel=1e-4)
    assert row["log_mean_mass"] == pytest.approx(np.log((arsenic + boron) / 2), rel=1e-4)
    assert row["signed_electronegativity"] == pytest.approx(2.04 - 2.18)
    assert row["electronegativity_difference"] == pytest.approx(2.18 - 2.04)
    assert row["radius_sum"] == 84 + 119
    assert row["light_fraction"] == row["heavy_fraction"] == 0.5
    assert row["log_cell_size"] == pytest.approx(np.log(2))
    assert row["n_elements"] == 2
    # Of two elements, the second heaviest is the lightest.
    assert row["log_second_mass_ratio"] == row["log_heavy_atoms"] == row["log_light_atoms"] == 0


def test_a_third_element_stands_between():
    row = described("Ba2MgWO6")
    assert row["log_second_mass_ratio"] == pytest.approx(np.log(137.327 / 15.999), rel=1e-4)
    assert row["log_mass_ratio"] == pytest.approx(np.log(183.84 / 15.999), rel=1e-4)
    assert row["light_fraction"] == pytest.approx(0.6)
    assert row["log_light_atoms"] == pytest.approx(np.log(6))


def test_only_cell_columns_know_the_size_of_the_cell():
    small, large = described("Fe2O3"), described("Fe4O6")
    differing = {name for name in small if not np.isclose(small[name], large[name], rtol=1e-12)}
    assert differing == {"log_cell_size", "log_heavy_atoms", "log_light_atoms"}
    assert large["log_cell_size"] - small["log_cell_size"] == pytest.approx(np.log(2))


def test_oxidation_states_and_order_do_not_matter():
    bare = described("Fe3O4")
    for other in ({"Fe2+": 1, "Fe3+": 2, "O2-": 4}, {"O": 4, "Fe": 3}):
        assert described(other) == pytest.approx(bare)


def test_vectorised_equals_row_by_row(phonon_tl):
    compositions = phonon_tl["composition"][:300]
    featurizer = LatticeDynamicsDescriptors()
    array = featurizer.featurize_array(compositions)
    assert np.array_equal(array, [featurizer.featurize(c) for c in compositions])
    assert np.isfinite(array).all()
    assert featurizer.featurize_array([]).shape == (0, len(COMPOSITION_COLUMNS))


def test_structure_columns_of_zincblende(zincblende_bas):
    row = described(zincblende_bas, use_structure=True)
    assert row["volume_per_atom"] == pytest.approx(4.777**3 / 8)
    assert row["bond_length"] == pytest.approx(4.777 * np.sqrt(3) / 4)
    assert row["bond_length_spread"] == pytest.approx(0, abs=1e-9)
    assert row["coordination"] == 4
    assert row["heavy_heavy_distance"] == pytest.approx(4.777 / np.sqrt(2))
    assert row["space_group"] == 216
    assert row["density"] == pytest.approx(zincblende_bas.density)


def test_structure_columns_follow_the_lattice_not_its_description(zincblende_bas):
    row = described(zincblende_bas, use_structure=True)
    conventional = zincblende_bas.to_conventional()
    # Branches are counted, so a larger cell has others; masses and distances are the same.
    by_branch = {name for name in STRUCTURE_COLUMNS if name.startswith("spring_")}
    turned = zincblende_bas.copy()
    turned.lattice = Lattice.from_parameters(*zincblende_bas.lattice.parameters)
    shifted = zincblende_bas.copy().translate_sites([0, 1], [0.1, 0.2, 0.3])
    for other in (conventional, turned, shifted):
        again = described(other, use_structure=True)
        for name in STRUCTURE_COLUMNS:
            if other is conventional and name in by_branch:
                continue
            assert again[name] == pytest.approx(row[name], abs=1e-6), name


def test_an_isolated_heavy_atom_has_a_far_neighbour():
    lone = Structure(Lattice.cubic(30), ["He"], [[0, 0, 0]])
    row = described(lone, use_structure=True)
    assert row["bond_length"] == row["heavy_heavy_distance"] == pytest.approx(30)
    assert row["coordination"] == 6


@pytest.mark.parametrize("springs", ["covalent", "bond_valence"])
def test_at_standard_bonds_the_volume_does_not_matter(phonon_tl, springs):
    options = {"use_structure": True, "springs": springs}
    for structure in phonon_tl["structure"][::150]:
        larger = structure.copy().scale_lattice(1.06 * structure.volume)
        free = [described(one, **options, standard_bonds=True) for one in (structure, larger)]
        assert free[1] == pytest.approx(free[0], rel=1e-5, abs=1e-7)
        bound = [described(one, **options) for one in (structure, larger)]
        assert bound[1] != pytest.approx(bound[0], rel=1e-3, abs=1e-3)
        assert free[0].keys() - bound[0].keys() == {f"standard_{n}" for n in list(bound[0])[16:]}


def test_standard_bonds_are_as_long_as_covalent_radii(zincblende_bas):
    scaled = at_standard_bonds(zincblende_bas)
    assert scaled.get_distance(0, 1) == pytest.approx(0.84 + 1.19)
    assert zincblende_bas.lattice.a == pytest.approx(4.777 / np.sqrt(2))
    # Two H at 0.8 and a lone Kr at 4 Angstrom from its image: the mean of three atoms' bonds.
    molecule = Structure(
        Lattice.orthorhombic(4, 30, 30),
        ["H", "H", "Kr"],
        [[0, 0, 0], [0.2, 0, 0], [0, 0.5, 0.5]],
    )
    mean = np.mean([0.8 / 0.62, 0.8 / 0.62, 4 / 2.32])
    assert at_standard_bonds(molecule).lattice.a == pytest.approx(4 / mean)


def test_wants_structures_when_told_so(zincblende_bas):
    featurizer = LatticeDynamicsDescriptors(use_structure=True)
    with pytest.raises(CompositionError, match=r"^row 1: expected a Structure because"):
        featurizer.featurize_array([zincblende_bas, "GaN"])
    with pytest.warns(FeaturizationWarning, match="2 of 3 rows"):
        array = featurizer.featurize_array([zincblende_bas, "GaN", "Cm"], ignore_errors=True)
    assert np.isnan(array).all(axis=1).tolist() == [False, True, True]


def test_atoms_on_one_another_are_an_error_of_their_row(zincblende_bas):
    collapsed = Structure(Lattice.cubic(4), ["In", "N"], [[0, 0, 0], [0, 0, 0]])
    featurizer = LatticeDynamicsDescriptors(use_structure=True)
    with pytest.raises(CompositionError, match=r"^row 1: .*two atoms are nearer than 0.3"):
        featurizer.featurize_array([zincblende_bas, collapsed])
    with pytest.warns(FeaturizationWarning, match="1 of 2 rows"):
        array = featurizer.featurize_array([zincblende_bas, collapsed], ignore_errors=True)
    assert np.isnan(array).all(axis=1).tolist() == [False, True]


def test_contract_of_a_featurizer():
    featurizer = LatticeDynamicsDescriptors(use_structure=True)
    params = {"use_structure": True, "springs": "covalent", "standard_bonds": False}
    assert clone(featurizer).get_params() == params
    assert len(featurizer.feature_labels()) == len(COMPOSITION_COLUMNS) + len(STRUCTURE_COLUMNS)
    assert featurizer.citations()
    assert featurizer.implementors()
    assert LatticeDynamicsDescriptors().precheck(Composition("Cm")) is False


def test_other_springs_change_their_own_columns_only(zincblende_bas):
    covalent = described(zincblende_bas, use_structure=True)
    charged = described(zincblende_bas, use_structure=True, springs="bond_valence")
    shared = covalent.keys() & charged.keys()
    assert set(shared) == {*COMPOSITION_COLUMNS, *GEOMETRY_COLUMNS}
    assert all(charged[name] == covalent[name] for name in shared)
    assert list(charged)[len(shared) :] == list(BOND_VALENCE_COLUMNS)
    assert charged["bond_valence_gap"] > 0.1  # BAs has a wide gap
    assert len(described("BAs", springs="bond_valence")) == len(COMPOSITION_COLUMNS)
    with pytest.raises(ValueError, match=r"expected springs to be one of .* got 'rubber'"):
        LatticeDynamicsDescriptors(use_structure=True, springs="rubber").feature_labels()


def test_structures_are_read_from_their_column(zincblende_bas):
    """Compositions beside them are not what was asked for."""
    featurizer = LatticeDynamicsDescriptors(use_structure=True)
    frame = pd.DataFrame({"composition": [Composition("BAs")], "structure": [zincblende_bas]})
    expected = [featurizer.featurize(zincblende_bas)]
    assert np.array_equal(featurizer.transform(frame), expected)
    assert np.array_equal(featurizer.featurize_array(frame), expected)
    assert featurizer.featurize_many(frame, pbar=False) == expected
    renamed = frame[["structure"]].rename(columns={"structure": "relaxed"})
    assert np.array_equal(featurizer.transform(renamed), expected)
    with pytest.raises(CompositionError, match=r"a column 'structure', got the columns \['f"):
        featurizer.transform(pd.DataFrame({"formula": ["BAs"], "bandgap": [1.0]}))


def test_density_and_space_group_are_pymatgens(phonon_tl):
    structures = phonon_tl["structure"][::40].tolist()
    structures.append(
        Structure(Lattice.cubic(4.2), [{"Na": 0.5, "K": 0.5}, "Cl"], [[0] * 3, [0.5] * 3])
    )
    structures.append(Structure(Lattice.cubic(4.0), ["Fe2+", "Fe3+"], [[0] * 3, [0.5] * 3]))
    for structure in structures:
        row = dict(zip(GEOMETRY_COLUMNS, describe_geometry(structure), strict=True))
        assert row["density"] == pytest.approx(structure.density, rel=1e-14)
        assert row["space_group"] == structure.get_space_group_info(symprec=SYMPREC)[1]


def test_a_crystal_without_a_symmetry_is_named(zincblende_bas, monkeypatch):
    monkeypatch.setattr(spglib, "get_symmetry_dataset", lambda *_: None)
    _, errors = describe_structures([zincblende_bas])
    assert str(errors[0]) == (
        "row 0: expected a structure with a lattice to vibrate, got BAs, of which the symmetry "
        "cannot be determined: check the sites"
    )


@pytest.mark.parametrize(
    ("structure", "wrong"),
    [
        (Structure(Lattice.cubic(0.001), ["Si"], [[0, 0, 0]]), "two atoms are nearer than 0.3"),
        (Structure(Lattice.cubic(500), ["H", "He"], [[0, 0, 0], [0.5] * 3]), "cell is too large"),
    ],
)
def test_cells_that_would_take_all_memory_are_refused(structure, wrong):
    _, errors = describe_structures([structure])
    assert wrong in str(errors[0])
