"""The spring model: what any lattice must do, and what it knows of real gaps without a fit."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from sklearn.metrics import roc_auc_score

from matminer_phonon_tl.featurizers import spring_model
from matminer_phonon_tl.featurizers.element_table import ElementTable, load_element_table
from matminer_phonon_tl.featurizers.spring_model import (
    BENDING,
    DECAY,
    Q_POINTS,
    SPRING_COLUMNS,
    describe_spring_model,
    lattice_frequencies,
    spring_frequencies,
)


def zincblende(light, heavy, a=4.8):
    return Structure(
        Lattice([[0, a / 2, a / 2], [a / 2, 0, a / 2], [a / 2, a / 2, 0]]),
        [light, heavy],
        [[0, 0, 0], [0.25] * 3],
    )


def columns(structure):
    return dict(zip(SPRING_COLUMNS, describe_spring_model(structure), strict=True))


def test_three_zeros_at_gamma_and_none_elsewhere():
    frequencies = spring_frequencies(zincblende("B", "As"))
    assert frequencies.shape == (len(Q_POINTS), 6)
    (gamma,) = np.flatnonzero((Q_POINTS == 0).all(axis=1))
    assert frequencies[gamma, :3] == pytest.approx(0, abs=1e-6)
    assert frequencies[gamma, 3:].min() > 0.1
    assert np.delete(frequencies, gamma, axis=0).min() > 0.01


def test_optical_frequency_at_gamma_is_that_of_two_masses():
    """At Gamma the two sublattices swing against each other: w^2 = K (1/m + 1/M)."""
    (gamma,) = np.flatnonzero((Q_POINTS == 0).all(axis=1))
    squares = {}
    for light in ("B", "N"):  # small enough that only the first shell is joined
        frequencies = spring_frequencies(zincblende(light, "As"))
        assert np.ptp(frequencies[gamma, 3:]) < 1e-9  # isotropic by symmetry
        squares[light] = frequencies[gamma, 3] ** 2
    table = load_element_table()
    mass, radius = table["atomic_weight"], table["covalent_radius_cordero"] / 100
    distance = 4.8 * np.sqrt(3) / 4
    # Four bonds of one stiffness; like atoms move together and stretch nothing between them.
    for light, square in squares.items():
        stiffness = np.exp(-DECAY * (distance / (radius[light] + radius["As"]) - 1))
        along = (1 - BENDING) / 3 + BENDING  # mean over four tetrahedral directions
        expected = 4 * stiffness * along * (1 / mass[light] + 1 / mass["As"])
        assert square == pytest.approx(expected, rel=1e-6)


def test_heavier_by_four_is_slower_by_two(monkeypatch):
    before = spring_frequencies(zincblende("B", "As"))
    heavier = load_element_table()
    heavier["atomic_weight"] *= 4
    table = ElementTable(heavier)
    monkeypatch.setattr(ElementTable, "shipped", staticmethod(lambda: table))
    np.testing.assert_allclose(spring_frequencies(zincblende("B", "As")), before / 2, atol=1e-7)


def test_rotation_and_translation_change_nothing():
    structure = zincblende("Ga", "N")
    turned = Structure(
        Lattice.from_parameters(*structure.lattice.parameters),
        structure.species,
        np.add(structure.frac_coords, [0.1, 0.2, 0.3]),
    )
    np.testing.assert_allclose(spring_frequencies(turned), spring_frequencies(structure), atol=1e-6)


def test_a_supercell_folds_the_same_branches_in():
    structure = zincblende("B", "As")
    doubled = structure.make_supercell([2, 1, 1], in_place=False)
    assert spring_frequencies(doubled).max() == pytest.approx(
        spring_frequencies(structure).max(), rel=1e-6
    )
    # By branch index the gap is gone: branch 4 of the larger cell is acoustic still.
    assert columns(structure)["spring_gap"] > 0.1
    assert columns(doubled)["spring_gap"] < 0.01


def test_the_gap_opens_with_the_mass_ratio():
    gaps = [columns(zincblende(light, "As"))["spring_gap"] for light in ("Ga", "Al", "B")]
    assert gaps == sorted(gaps)
    assert gaps[-1] > gaps[0] + 0.1


def test_a_cell_of_one_atom_has_no_gap():
    row = columns(Structure(Lattice.cubic(2.5), ["Fe"], [[0, 0, 0]]))
    assert row["spring_gap"] == row["spring_log_ratio"] == 0
    assert np.isfinite(list(row.values())).all()


def test_an_atom_beyond_every_spring_is_described_all_the_same():
    row = columns(Structure(Lattice.cubic(30), ["He", "He"], [[0, 0, 0], [0.5] * 3]))
    # The logarithm of a frequency that is nothing but round-off would rule the whole column.
    assert np.abs(list(row.values())).max() < 20


def test_layers_that_no_spring_joins_have_no_logarithm_of_round_off():
    layer = Structure(Lattice.hexagonal(2.5, 30), ["B", "N"], [[0] * 3, [1 / 3, 2 / 3, 0]])
    stack = layer.copy()
    for site in layer:
        stack.append(site.specie, site.frac_coords + np.array([0, 0, 0.5]))
    row = columns(stack)
    assert row["spring_acoustic_top"] >= 1e-3
    assert abs(row["spring_log_ratio"]) <= -np.log(1e-3)


def test_knows_gaps_it_was_never_told_of(phonon_tl):
    """No figure of the dataset enters the model, and yet it ranks gaps well above chance."""
    part = phonon_tl[::4]
    guess = [columns(structure)["spring_gap"] for structure in part["structure"]]
    assert roc_auc_score(part["has_phonon_bandgap"], guess) > 0.85


def test_all_wave_vectors_together_are_each_alone():
    """Born and von Karman's matrix, bond by bond and point by point."""
    structure = Structure(
        Lattice.from_parameters(3.9, 4.4, 5.1, 81, 96, 103),
        ["Ga", "N", "O"],
        [[0, 0, 0], [0.31, 0.22, 0.4], [0.6, 0.7, 0.15]],
    )
    bonds = structure.get_neighbor_list(5.0)
    springs = np.array(
        [
            np.exp(-d) * (np.outer(v, v) + 0.1 * np.eye(3))
            for d, v in (
                (d, structure[j].coords + i @ structure.lattice.matrix - structure[c].coords)
                for c, j, i, d in zip(*bonds, strict=True)
            )
        ]
    )
    mass = np.array([70.0, 14.0, 16.0])
    expected = []
    for q in Q_POINTS:
        matrix = np.zeros((9, 9), dtype=complex)
        for centre, neighbour, image, spring in zip(*bonds[:3], springs, strict=True):
            a, b = slice(3 * centre, 3 * centre + 3), slice(3 * neighbour, 3 * neighbour + 3)
            matrix[a, a] += spring / mass[centre]
            phase = np.exp(2j * np.pi * (q @ image))
            matrix[a, b] -= phase * spring / np.sqrt(mass[centre] * mass[neighbour])
        expected.append(np.linalg.eigvalsh(matrix))
    found = lattice_frequencies(mass, bonds[:3], springs) ** 2
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=1e-13 * np.max(expected))


def test_large_cells_are_solved_in_parts(monkeypatch):
    structure = zincblende("Ga", "As")
    expected = spring_frequencies(structure)
    monkeypatch.setattr(spring_model, "_NUMBERS_AT_ONCE", 80)  # two matrices of six by six
    np.testing.assert_allclose(spring_frequencies(structure), expected, atol=1e-12)


def test_atoms_out_of_reach_do_not_move():
    structure = Structure(Lattice.cubic(30), ["He", "He"], [[0, 0, 0], [0.5] * 3])
    assert not spring_frequencies(structure).any()
