"""The bond-valence model: what any lattice of charges must do, and what it knows of real gaps."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from sklearn.metrics import roc_auc_score

from matminer_phonon_tl.featurizers.bond_valence_model import (
    BOND_VALENCE_COLUMNS,
    bond_valence,
    bond_valence_frequencies,
    describe_bond_valence_model,
    element_parameters,
)
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.featurizers.spring_model import Q_POINTS

GAMMA = int(np.flatnonzero((Q_POINTS == 0).all(axis=1))[0])


def columns(structure):
    return dict(zip(BOND_VALENCE_COLUMNS, describe_bond_valence_model(structure), strict=True))


@pytest.fixture
def salt():
    """Rock salt, two atoms."""
    a = 5.64
    lattice = Lattice([[0, a / 2, a / 2], [a / 2, 0, a / 2], [a / 2, a / 2, 0]])
    return Structure(lattice, ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])


@pytest.fixture
def quartz_like():
    """Low symmetry and five atoms: nothing cancels by accident."""
    return Structure(
        Lattice.from_parameters(4.1, 4.9, 5.6, 83, 97, 104),
        ["Ca", "C", "O", "O", "O"],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.65, 0.7, 0.5], [0.3, 0.5, 0.35], [0.6, 0.3, 0.65]],
    )


def test_where_ewalds_sum_is_split_does_not_matter(quartz_like):
    first, second = (bond_valence_frequencies(quartz_like, splitting=s) for s in (0.35, 0.5))
    assert first.shape == (len(Q_POINTS), 15)
    np.testing.assert_allclose(first, second, atol=2e-4 * first.max())
    # The charges do: this is no test of springs alone.
    alone = bond_valence_frequencies(quartz_like, coulomb=0)
    assert np.abs(alone - first).max() > 0.01 * first.max()


def test_three_zeros_at_gamma(quartz_like):
    frequencies = bond_valence_frequencies(quartz_like)
    assert frequencies[GAMMA, :3] == pytest.approx(0, abs=1e-6)
    assert frequencies[GAMMA, 3] > 0.01 * frequencies.max()


def test_charges_soften_transverse_optical_branches(salt):
    """In rock salt by 4 pi / 3 V times the squared charge, over the reduced mass (Born, Huang)."""
    springs, charged = (bond_valence_frequencies(salt, coulomb=c)[GAMMA, 3:] for c in (0.0, 0.2))
    assert np.ptp(springs) < 1e-6
    masses = np.array([22.98976928, 35.45])
    lost = (springs[0] ** 2 - charged[0] ** 2) * masses.prod() / masses.sum()
    # Charge of six bonds, each of the valence that its length gives.
    table = ElementTable.shipped()
    (r1, c1), (r2, c2) = (element_parameters()[table.index_of(s)] for s in ("Na", "Cl"))
    second = 5.64 * np.sqrt(3) / 2  # eight more, along the body diagonals
    valence = 6 * bond_valence(r1, r2, c1, c2, 2.82) + 8 * bond_valence(r1, r2, c1, c2, second)
    charge = valence * (1 - np.exp(-((3.16 - 0.93) ** 2) / 4))
    expected = 0.2 * 4 * np.pi / (3 * salt.volume) * charge**2
    assert lost == pytest.approx(expected, rel=0.02)


def test_bond_valences_of_known_compounds():
    """Six bonds of NaCl and MgO make up the valences one and two, as the rule says of all salts."""
    table = ElementTable.shipped()
    for cation, anion, length, valence in (("Na", "Cl", 2.82, 1), ("Mg", "O", 2.106, 2)):
        (r1, c1), (r2, c2) = (element_parameters()[table.index_of(s)] for s in (cation, anion))
        assert 6 * bond_valence(r1, r2, c1, c2, length) == pytest.approx(valence, rel=0.2)


def test_elements_without_parameters_get_plausible_ones():
    parameters = element_parameters()
    assert np.isfinite(parameters).all()
    table = ElementTable.shipped()
    for symbol in ("Pt", "Au", "Os", "Tc"):
        radius, softness = parameters[table.row_of[symbol]]
        assert 0.9 < radius < 1.6
        assert 1 < softness < 2.5


def test_rotation_and_translation_change_nothing(quartz_like):
    turned = Structure(
        Lattice(quartz_like.lattice.matrix @ np.linalg.qr(np.arange(9.0).reshape(3, 3) ** 2)[0]),
        quartz_like.species,
        np.add(quartz_like.frac_coords, [0.1, 0.2, 0.3]),
    )
    expected = bond_valence_frequencies(quartz_like)
    np.testing.assert_allclose(bond_valence_frequencies(turned), expected, atol=1e-5)


def test_a_supercell_folds_the_same_branches_in(salt):
    doubled = salt.make_supercell([2, 1, 1], in_place=False)
    once = bond_valence_frequencies(salt)
    # The doubled cell's Gamma holds the cell's own Gamma and the middle of one face.
    face = int(np.flatnonzero((Q_POINTS == [0.5, 0, 0]).all(axis=1))[0])
    expected = np.sort(np.concatenate([once[GAMMA], once[face]]))
    # At Gamma proper the field of longitudinal waves is left out, in both.
    actual = bond_valence_frequencies(doubled)[GAMMA]
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_odd_cells_are_described_all_the_same():
    one = columns(Structure(Lattice.cubic(2.5), ["Fe"], [[0, 0, 0]]))
    assert one["bond_valence_gap"] == one["bond_valence_log_ratio"] == 0
    apart = columns(Structure(Lattice.cubic(30), ["He", "He"], [[0, 0, 0], [0.5] * 3]))
    mixed = columns(
        Structure(Lattice.cubic(4.2), [{"Na": 0.5, "K": 0.5}, "Cl"], [[0] * 3, [0.5] * 3])
    )
    for row in (one, apart, mixed):
        assert np.isfinite(list(row.values())).all()


def test_knows_gaps_it_was_never_told_of(phonon_tl):
    """Better than springs of covalent radii, which tests/featurizers/test_spring_model.py asks."""
    part = phonon_tl[::8]
    guess = [columns(structure)["bond_valence_gap"] for structure in part["structure"]]
    assert roc_auc_score(part["has_phonon_bandgap"], guess) > 0.9


def test_a_cell_too_small_for_any_wave_is_described():
    """At Gamma no reciprocal vector is short enough to count; the sum over waves is empty."""
    row = columns(Structure(Lattice.cubic(2.0), ["Fe"], [[0, 0, 0]]))
    assert np.isfinite(list(row.values())).all()


def test_a_vacuum_is_refused_before_it_takes_all_memory():
    molecule = Structure(Lattice.cubic(1000), ["H", "H"], [[0, 0, 0], [7.4e-4, 0, 0]])
    with pytest.raises(ValueError, match=r"too large \(1000 x 1000 x 1000 Angstrom\): give"):
        describe_bond_valence_model(molecule)
