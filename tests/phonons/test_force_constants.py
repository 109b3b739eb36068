"""Phonons from force constants, held against closed forms of a crystal of springs."""

import numpy as np
import pytest
from scipy import constants
from scipy.integrate import lebedev_rule

phonopy = pytest.importorskip("phonopy", reason="the extra phonopy is not installed")

from phonopy.structure.atoms import PhonopyAtoms  # noqa: E402

from matminer_phonon_tl.exceptions import (  # noqa: E402
    PhononDocumentError,
    UnstableStructureError,
)
from matminer_phonon_tl.phonons import (  # noqa: E402
    acoustic_optical_gap,
    debye_temperature,
    directional_speeds,
    heat_capacity,
    phonon_properties,
    speed_of_sound,
)
from matminer_phonon_tl.phonons.force_constants import ForceConstantPhonons  # noqa: E402

EDGE, MASS = 3.0, 40.0
SPRINGS = {1: 3.0, 2: 1.2}  # eV/Angstrom^2, by the squared distance in lattice constants


def spring_crystal(edges=(EDGE, EDGE, EDGE), supercell=4, shift=0.0, springs=SPRINGS):
    """Simple cubic atoms joined by central springs to first and second neighbours.

    ``shift`` breaks the acoustic sum rule: it is added to each atom's force on itself.
    """
    unit = PhonopyAtoms(
        symbols=["Ar"], cell=np.diag(edges), scaled_positions=[[0, 0, 0]], masses=[MASS]
    )
    phonon = phonopy.Phonopy(unit, np.eye(3, dtype=int) * supercell, primitive_matrix=np.eye(3))
    n = np.rint(phonon.supercell.scaled_positions * supercell).astype(int)
    force_constants = np.zeros((len(n), len(n), 3, 3))
    for i in range(len(n)):
        offset = (n - n[i] + supercell // 2) % supercell - supercell // 2
        for j in range(len(n)):
            constant = springs.get(int(offset[j] @ offset[j]))
            if constant:
                bond = offset[j] * np.array(edges)
                bond = bond / np.linalg.norm(bond)
                force_constants[i, j] -= constant * np.outer(bond, bond)
                force_constants[i, i] += constant * np.outer(bond, bond)
        force_constants[i, i] += shift * np.eye(3)
    phonon.force_constants = force_constants
    return phonon


def christoffel_speeds(direction, edges=(EDGE, EDGE, EDGE), springs=SPRINGS):
    """The three speeds along a direction from the long-wave limit of the lattice sum, km/s."""
    matrix = np.zeros((3, 3))
    for cell in np.ndindex(3, 3, 3):
        offset = np.array(cell) - 1
        constant = springs.get(int(offset @ offset))
        if constant:
            bond = offset * np.array(edges)
            unit = bond / np.linalg.norm(bond)
            matrix += constant / 2 * (bond @ direction) ** 2 * np.outer(unit, unit)
    squares = np.linalg.eigvalsh(matrix) * constants.e / (MASS * constants.atomic_mass)
    return np.sqrt(squares) / 1e3


def averages(**crystal):
    """Mean, longitudinal, transverse and Debye mean over 302 directions."""
    points, weights = lebedev_rule(29)
    weights = weights / weights.sum()
    speeds = np.array([christoffel_speeds(direction, **crystal) for direction in points.T])
    return (
        weights @ speeds.mean(axis=1),
        weights @ speeds[:, 2],
        weights @ speeds[:, :2].mean(axis=1),
        (weights @ (speeds**-3).mean(axis=1)) ** (-1 / 3),
    )


@pytest.mark.parametrize("edges", [(3.0, 3.0, 3.0), (3.0, 3.0, 4.5), (2.5, 3.0, 4.5)])
def test_speeds_are_those_of_the_lattice_sum(edges):
    """Also where the cell is not cubic, which is where the paper's labels went wrong."""
    found = directional_speeds(spring_crystal(edges))
    assert found == pytest.approx(averages(edges=edges), rel=2e-4)
    assert speed_of_sound(spring_crystal(edges)) == found.mean


def test_speeds_withstand_a_broken_sum_rule():
    """By 0.05 THz at Gamma, up or down."""
    force = (2 * np.pi * 0.05e12) ** 2 * MASS * constants.atomic_mass / constants.e * 1e-20
    for shift in (force, -force):
        phonon = spring_crystal(shift=shift)
        gamma = ForceConstantPhonons(phonon).at(np.zeros((1, 3))).frequencies
        assert gamma[:, 0] == pytest.approx(np.sign(shift) * 0.05, rel=1e-3)
        assert directional_speeds(phonon) == pytest.approx(averages(), rel=5e-4)


def test_speeds_of_an_elastically_unstable_crystal_are_missing():
    assert np.isnan(directional_speeds(spring_crystal(springs={1: 3.0, 2: -1.2}))).all()


def test_a_wave_without_stiffness_has_speed_0_and_no_debye_mean():
    """Springs to first neighbours alone: no resistance to shear."""
    found = directional_speeds(spring_crystal(springs={1: 3.0}))
    assert np.isfinite([found.mean, found.longitudinal, found.transverse]).all()
    assert np.isnan(found.debye)
    assert np.isnan(debye_temperature(spring_crystal(springs={1: 3.0})))


def test_debye_temperature_is_that_of_the_debye_mean():
    per_volume = 1 / (EDGE * constants.angstrom) ** 3
    expected = constants.hbar / constants.k * (6 * np.pi**2 * per_volume) ** (1 / 3)
    assert debye_temperature(spring_crystal()) == pytest.approx(
        expected * 1e3 * averages()[3], rel=2e-4
    )


def test_mesh_is_even_alike_along_equivalent_axes_and_of_weight_1(zincblende):
    phonons = ForceConstantPhonons(zincblende)
    divisions = phonons._divisions(45.0)
    assert len(set(divisions)) == 1
    assert divisions[0] % 2 == 0
    assert phonons.mesh().weights.sum() == pytest.approx(1.0)
    assert ForceConstantPhonons(spring_crystal((2.5, 3.0, 4.5)))._divisions(30.0) == [12, 10, 8]


def test_mesh_frequencies_are_the_springs():
    """Along [100], M omega^2 = 2 (K1 + 4 K2 / 2) (1 - cos qa) for the longitudinal branch."""
    q = np.array([[0.0, 0, 0], [0.25, 0, 0], [0.5, 0, 0]])
    found = ForceConstantPhonons(spring_crystal()).at(q).frequencies[2]
    stiffness = 2 * (SPRINGS[1] + 2 * SPRINGS[2]) * (1 - np.cos(2 * np.pi * q[:, 0]))
    omega = np.sqrt(stiffness * constants.e * 1e20 / (MASS * constants.atomic_mass))
    assert found == pytest.approx(omega / (2 * np.pi) / 1e12, abs=1e-5)


def test_properties_of_springs(zincblende):
    """The gap of GaN by springs, from the mesh, is the gap from its bands along lines."""
    found = phonon_properties(zincblende)
    assert found.is_stable
    assert found.acoustic_optical_gap == pytest.approx(
        found.optical_bottom - found.acoustic_top, abs=1e-9
    )
    assert found.largest_gap.width == pytest.approx(found.acoustic_optical_gap, abs=1e-9)
    assert found.largest_gap.lower_branch == 3
    assert found.acoustic_optical_gap == pytest.approx(acoustic_optical_gap(zincblende), abs=1e-9)
    assert found.speeds == directional_speeds(zincblende)
    assert found.heat_capacity_per_cell == heat_capacity(zincblende, per="cell")
    assert phonon_properties({"phonon": zincblende}) == found  # what matcalc returns


def test_properties_of_an_unstable_crystal():
    found = phonon_properties(spring_crystal(springs={1: 3.0, 2: -1.2}))
    assert not found.is_stable
    assert found.lowest_frequency < -30.0
    assert np.isnan(found.heat_capacity_per_cell)
    assert np.isnan(found.optical_bottom)  # one atom has no optical branch


def test_heat_capacity_of_the_mesh(zincblende):
    """Tends to 3R an atom, and is the density of states' to the latter's own accuracy."""
    assert heat_capacity(zincblende, temperature=1e5, per="atom") == pytest.approx(
        24.9434, abs=2e-4
    )
    temperatures = [0.0, 300.0, 1000.0]
    many = heat_capacity(zincblende, None, temperatures, per="formula_unit")
    assert many[0] == 0.0
    assert many[1] == pytest.approx(2 * heat_capacity(zincblende, per="atom"))
    zincblende.run_mesh(45.0)
    zincblende.run_total_dos(freq_pitch=0.02)
    total = zincblende.total_dos
    dos = {"frequencies": total.frequency_points, "densities": total.dos}
    from_dos = heat_capacity(dos, per="atom", unit="THz", temperature=300.0)
    assert heat_capacity(zincblende, per="atom") == pytest.approx(from_dos, rel=2e-3)


def test_what_has_no_force_constants_is_refused(chain):
    bare = phonopy.Phonopy(
        PhonopyAtoms(symbols=["Ar"], cell=np.eye(3) * 3, scaled_positions=[[0, 0, 0]]),
        np.eye(3, dtype=int),
    )
    with pytest.raises(PhononDocumentError, match="with force constants, got one without; call"):
        phonon_properties(bare)
    for function in (directional_speeds, debye_temperature):
        with pytest.raises(PhononDocumentError, match="got PhononBandStructureSymmLine, which"):
            function(chain)
    with pytest.raises(PhononDocumentError, match="got a document without qpoints, lattice_rec"):
        phonon_properties({"bands": 1})


def test_lengths_in_bohr():
    """A calculation by Quantum ESPRESSO, whose cell phonopy keeps in bohr."""
    from phonopy.interface.calculator import get_calculator_physical_units

    units = get_calculator_physical_units("qe")
    bohr = units.distance_to_A
    expected = phonon_properties(spring_crystal())
    phonon = spring_crystal()
    cell = phonon.unitcell.copy()
    cell.cell = cell.cell / bohr
    converted = phonopy.Phonopy(
        cell, phonon.supercell_matrix, primitive_matrix=np.eye(3), calculator="qe"
    )
    per_square = units.energy_to_eV / bohr**2
    converted.force_constants = phonon.force_constants / per_square
    found = phonon_properties(converted)
    assert found.max_frequency == pytest.approx(expected.max_frequency, rel=1e-5)
    assert found.speeds == pytest.approx(expected.speeds, rel=1e-5)
    assert found.debye_temperature == pytest.approx(expected.debye_temperature, rel=1e-5)
    assert ForceConstantPhonons(converted).structure.volume == pytest.approx(EDGE**3)


def test_a_sheared_cell_is_the_same_crystal():
    """Its reciprocal lattice vectors are others, and no property changes."""
    phonon = spring_crystal()
    sheared = phonopy.Phonopy(
        phonon.unitcell,
        phonon.supercell_matrix,
        primitive_matrix=np.array([[1.0, 0, 0], [0, 1, 0], [1, 0, 1]]).T,
    )
    sheared.force_constants = phonon.force_constants
    found, expected = phonon_properties(sheared), phonon_properties(phonon)
    assert found.speeds == pytest.approx(expected.speeds, rel=1e-4)
    assert found.max_frequency == pytest.approx(expected.max_frequency, rel=1e-9)
    assert found.heat_capacity_per_cell == pytest.approx(expected.heat_capacity_per_cell, rel=1e-5)


def test_an_instability_at_the_zone_boundary_refuses_every_property():
    """Next to Gamma nothing is wrong: the speed would be 7 km/s."""
    phonon = spring_crystal(springs={1: -0.9, 2: 0.3, 4: 2.0}, supercell=5)
    assert phonon_properties(phonon).lowest_frequency < -100.0
    for function in (speed_of_sound, heat_capacity, acoustic_optical_gap):
        with pytest.raises(UnstableStructureError, match="imaginary modes down to"):
            function(phonon)


def test_a_speed_that_cannot_be_told_is_an_error():
    phonon = spring_crystal(springs={1: 3.0, 2: -0.01})
    assert np.isnan(directional_speeds(phonon).mean)
    with pytest.raises(UnstableStructureError):
        speed_of_sound(phonon)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_force_constants_that_are_no_numbers(bad):
    phonon = spring_crystal()
    phonon.force_constants[0, 1, 0, 0] = bad
    with pytest.raises(PhononDocumentError, match="expected finite force constants"):
        phonon_properties(phonon)


@pytest.mark.parametrize("length", [0.0, -3.0, np.nan, np.inf])
def test_a_mesh_needs_a_length(length):
    with pytest.raises(ValueError, match="expected a length above 0 Angstrom"):
        ForceConstantPhonons(spring_crystal()).mesh(length)


def test_an_optical_branch_among_the_acoustic_ones_leaves_no_speeds():
    """Two atoms on almost nothing but each other's lattice: three branches near 0.2 THz."""
    phonon = spring_crystal(supercell=4)
    unit = PhonopyAtoms(
        symbols=["Ar", "Kr"],
        cell=np.eye(3) * EDGE,
        scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]],
        masses=[MASS, MASS],
    )
    double = phonopy.Phonopy(unit, np.eye(3, dtype=int) * 4, primitive_matrix=np.eye(3))
    n = len(phonon.supercell)
    both = np.zeros((2 * n, 2 * n, 3, 3))
    both[:n, :n] = both[n:, n:] = phonon.force_constants
    squared = (2 * np.pi * 0.2e12) ** 2 * MASS / 2 * constants.atomic_mass / constants.e * 1e-20
    atoms = np.arange(n)
    for first, second, sign in ((0, 0, 1), (n, n, 1), (0, n, -1), (n, 0, -1)):
        both[atoms + first, atoms + second] += sign * squared * np.eye(3)
    double.force_constants = both
    found = phonon_properties(double)
    assert found.optical_bottom == pytest.approx(6.67, abs=0.1)
    assert found.is_stable
    assert np.isnan(found.speeds).all()
    assert np.isnan(found.debye_temperature)
