"""Speed of sound: closed form, phonopy's group velocities, noise, invariances, real documents."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.phonon.bandstructure import PhononBandStructureSymmLine
from scipy import constants
from scipy.spatial.transform import Rotation

from matminer_phonon_tl.exceptions import PhononDocumentError, UnstableStructureError
from matminer_phonon_tl.phonons import diatomic_chain, sound_velocities, speed_of_sound
from matminer_phonon_tl.phonons.sound import warn_of_speed
from matminer_phonon_tl.units import THZ_TO_CM1


def closed_form(chain, spring):
    """Return a sqrt(K / 2 (m1 + m2)), km/s."""
    mass = sum(float(site.specie.atomic_mass) for site in chain.structure) * constants.atomic_mass
    return chain.structure.lattice.a * 1e-10 * np.sqrt(spring / (2.0 * mass)) / 1e3


def line(q, frequencies, lattice, structure=None):
    return PhononBandStructureSymmLine(
        q, frequencies, lattice.reciprocal_lattice, structure=structure
    )


@pytest.mark.parametrize(("n_q", "n_points"), [(11, 4), (21, 4), (26, 5), (41, 8)])
def test_fits_a_fifth_of_the_segment_and_at_least_four_points(n_q, n_points):
    heavy_light = diatomic_chain(("H", "U"), n_q=n_q)  # far from its optical branches
    assert {v.n_points for v in sound_velocities(heavy_light)} == {n_points}


@pytest.mark.parametrize("species", [("Ga", "N"), ("Rb", "I"), ("Al", "As")])
@pytest.mark.parametrize("n_q", [11, 14, 41, 201])
def test_chain_has_its_closed_form(species, n_q):
    chain = diatomic_chain(species, springs=(30.0, 50.0, 80.0), n_q=n_q)
    velocities = sound_velocities(chain)
    assert [v.branch for v in velocities] == [1, 2, 3]
    for velocity, spring in zip(velocities, (30.0, 50.0, 80.0), strict=True):
        assert velocity.speed == pytest.approx(closed_form(chain, spring), rel=2e-3)
        assert velocity.label == "Gamma-X"
        assert velocity.direction == pytest.approx((1.0, 0.0, 0.0))
    assert speed_of_sound(chain) == pytest.approx(np.mean([v.speed for v in velocities]))


@pytest.fixture(scope="module")
def zincblende_path(zincblende):
    """Bands of the zincblende model along three directions and back, and its phonopy object."""
    ends = {"X": [0.5, 0.0, 0.5], "K": [0.375, 0.375, 0.75], "L": [0.5, 0.5, 0.5]}
    paths = [np.linspace([0, 0, 0], end, 26) for end in ends.values()]
    zincblende.run_band_structure(paths)
    primitive = zincblende.primitive
    structure = Structure(primitive.cell, primitive.symbols, primitive.scaled_positions)
    bs = PhononBandStructureSymmLine(
        np.concatenate(paths),
        np.concatenate(zincblende.band_structure.frequencies).T,
        structure.lattice.reciprocal_lattice,
        labels_dict={r"\Gamma": [0, 0, 0], **ends},
        structure=structure,
    )
    return zincblende, bs, ends


def test_agrees_with_phonopy_group_velocities_to_one_percent(zincblende_path):
    phonon, bs, ends = zincblende_path
    velocities = {(v.label, v.branch): v.speed for v in sound_velocities(bs)}
    assert len(velocities) == 9
    for name, end in ends.items():
        # at Gamma itself the branches are degenerate and phonopy's velocities have no direction
        q = 1e-3 * np.asarray(end)
        phonon.run_qpoints([q], with_group_velocities=True)
        along = q @ np.linalg.inv(phonon.primitive.cell).T
        along /= np.linalg.norm(along)
        # phonopy counts q without 2 pi: THz Angstrom is 0.1 km/s
        expected = 0.1 * phonon.qpoints.group_velocities[0][:3] @ along
        found = [velocities[f"Gamma-{name}", branch] for branch in (1, 2, 3)]
        np.testing.assert_allclose(found, np.sort(expected), rtol=2e-3)


def test_rotating_the_crystal_changes_nothing_but_the_directions(zincblende_path):
    _, bs, _ = zincblende_path
    rotation = Rotation.from_euler("xyz", [20.0, 50.0, -75.0], degrees=True).as_matrix()
    lattice = Lattice(bs.structure.lattice.matrix @ rotation.T)
    structure = Structure(lattice, bs.structure.species, bs.structure.frac_coords)
    q = [point.frac_coords for point in bs.qpoints]
    before, after = sound_velocities(bs), sound_velocities(line(q, bs.bands, lattice, structure))
    np.testing.assert_allclose([v.speed for v in after], [v.speed for v in before], rtol=1e-10)
    np.testing.assert_allclose(
        [v.direction for v in after],
        np.array([v.direction for v in before]) @ rotation.T,
        atol=1e-10,
    )


def test_supercell_changes_nothing(chain):
    """Twice the cell is half the zone and half the reciprocal vector: the same slope."""
    half = (chain.nb_qpoints - 1) // 2
    folded = np.concatenate([chain.bands[:, : half + 1], chain.bands[:, : half - 1 : -1]])
    doubled = chain.structure * [2, 1, 1]
    q = [2.0 * point.frac_coords for point in chain.qpoints[: half + 1]]
    assert speed_of_sound(line(q, folded, doubled.lattice, doubled)) == pytest.approx(
        speed_of_sound(chain), rel=2e-3
    )


def test_unit_and_direction_of_the_path_are_no_matter(chain):
    q = [point.frac_coords for point in chain.qpoints]
    lattice = chain.structure.lattice
    backwards = line(q[::-1], chain.bands[:, ::-1], lattice, chain.structure)
    in_cm1 = line(q, THZ_TO_CM1 * chain.bands, lattice, chain.structure)
    assert speed_of_sound(backwards) == pytest.approx(speed_of_sound(chain), rel=1e-12)
    assert speed_of_sound(in_cm1) == pytest.approx(speed_of_sound(chain), rel=1e-12)


@pytest.mark.filterwarnings("ignore::matminer_phonon_tl.exceptions.DataWarning")
@given(st.floats(0.3, 4.0), st.floats(0.5, 3.0), st.integers(6, 60))
@settings(max_examples=25, deadline=None)
def test_scaling(stiffness, size, n_q):
    """Frequencies times a make speeds times a, and so does the length of the cell."""
    small = diatomic_chain(springs=(60.0,) * 3, n_q=n_q)
    large = diatomic_chain(springs=(60.0 * stiffness**2,) * 3, cell=(4.0 * size, 3.5, 3.5), n_q=n_q)
    found, expected = speed_of_sound(large, unit="THz"), speed_of_sound(small, unit="THz")
    assert found == pytest.approx(stiffness * size * expected, rel=1e-9)


def test_every_segment_counts_on_both_sides_of_gamma(chain):
    q = [point.frac_coords for point in chain.qpoints]
    there_and_back = [*(-x for x in q[:0:-1]), *q]
    bands = np.concatenate([chain.bands[:, :0:-1], chain.bands], axis=1)
    velocities = sound_velocities(
        line(there_and_back, bands, chain.structure.lattice, chain.structure)
    )
    assert len(velocities) == 6
    assert velocities[0].direction == pytest.approx((-1.0, 0.0, 0.0))
    assert velocities[0].label == "Gamma-(-0.5, 0, 0)"


def test_a_broken_sum_rule_does_not_change_the_slope(chain):
    """A shift of the squares, as in NaCl: imaginary at Gamma, wrong slopes in the first points."""
    shifted = chain.bands**2 - 0.05**2
    frequencies = np.sign(shifted) * np.sqrt(np.abs(shifted))
    assert frequencies[0, 0] == pytest.approx(-0.05)
    q = [point.frac_coords for point in chain.qpoints]
    noisy = line(q, frequencies, chain.structure.lattice, chain.structure)
    assert speed_of_sound(noisy) == pytest.approx(speed_of_sound(chain), rel=1e-6)


def test_noise_in_the_first_points_does_not_decide():
    chain = diatomic_chain(springs=(60.0,) * 3, n_q=51)
    q = [point.frac_coords for point in chain.qpoints]
    expected = speed_of_sound(chain)
    random = np.random.default_rng(0)
    worst_fit, worst_difference = 0.0, 0.0
    for _ in range(30):
        frequencies = chain.bands.copy()
        frequencies[:3, :3] += random.uniform(-0.03, 0.03, (3, 3))
        noisy = line(q, frequencies, chain.structure.lattice, chain.structure)
        worst_fit = max(worst_fit, abs(speed_of_sound(noisy) / expected - 1.0))
        slope = (frequencies[:3, 1] - frequencies[:3, 0]).mean() / chain.bands[:3, 1].mean()
        worst_difference = max(worst_difference, abs(slope - 1.0))
    assert worst_fit < 0.01
    assert worst_difference > 0.05  # what a difference quotient makes of the same documents


def test_fit_ends_before_an_optical_branch_is_met():
    """A soft optical branch crosses: sorted, the third branch is no longer acoustic above it."""
    chain = diatomic_chain(springs=(60.0,) * 3)
    expected = sound_velocities(chain)
    frequencies = chain.bands.copy()
    frequencies[3] = 1.5  # flat, below the acoustic branches' top
    crossing = np.sort(frequencies, axis=0)
    q = [point.frac_coords for point in chain.qpoints]
    velocities = sound_velocities(line(q, crossing, chain.structure.lattice, chain.structure))
    assert velocities[2].n_points < expected[2].n_points
    assert velocities[2].speed == pytest.approx(expected[2].speed, rel=0.01)


def test_two_points_and_one_point_beyond_gamma():
    chain = diatomic_chain(springs=(60.0,) * 3, n_q=41)
    expected = closed_form(chain, 60.0)
    q = [point.frac_coords for point in chain.qpoints]
    for n_points in (1, 2, 3):
        short = line(
            q[: n_points + 1],
            chain.bands[:, : n_points + 1],
            chain.structure.lattice,
            chain.structure,
        )
        assert sound_velocities(short)[0].n_points == n_points
        assert speed_of_sound(short) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("n_points", [1, 2])
def test_noise_at_gamma_does_not_count_where_points_are_few(n_points):
    chain = diatomic_chain(springs=(60.0,) * 3, n_q=41)
    q = [point.frac_coords for point in chain.qpoints[: n_points + 1]]
    frequencies = chain.bands[:, : n_points + 1].copy()
    clean = speed_of_sound(line(q, frequencies, chain.structure.lattice, chain.structure))
    frequencies[:3, 0] = 0.05
    noisy = speed_of_sound(line(q, frequencies, chain.structure.lattice, chain.structure))
    assert noisy == pytest.approx(clean, rel=1e-9)


def test_flexural_branch_has_no_negative_square(chain):
    """The out-of-plane branch of a layer rises as q squared."""
    frequencies = chain.bands.copy()
    x = np.linspace(0.0, 1.0, frequencies.shape[1])
    frequencies[0] = 0.5 * x**2 * (1.0 + x)
    q = [point.frac_coords for point in chain.qpoints]
    velocities = sound_velocities(line(q, frequencies, chain.structure.lattice, chain.structure))
    assert velocities[0].speed == 0.0
    assert velocities[1].speed > 5.0


def test_falling_branch_is_refused(chain):
    frequencies = chain.bands.copy()
    frequencies[0] = -0.015 * np.sin(np.linspace(0.0, np.pi, frequencies.shape[1]))
    q = [point.frac_coords for point in chain.qpoints]
    with pytest.raises(
        UnstableStructureError, match=r"rise from Gamma, got branch 1 falling along Gamma-\(0.5"
    ):
        speed_of_sound(line(q, frequencies, chain.structure.lattice, chain.structure))


def test_jump_of_the_path_is_no_segment(chain):
    """In "Gamma-X | Gamma-X" the second Gamma follows X, a whole half zone away."""
    q = [point.frac_coords for point in chain.qpoints]
    twice = line(
        [*q, *q],
        np.concatenate([chain.bands, chain.bands], axis=1),
        chain.structure.lattice,
        chain.structure,
    )
    assert len(sound_velocities(twice)) == 6
    assert speed_of_sound(twice) == pytest.approx(speed_of_sound(chain), rel=1e-12)


@pytest.mark.parametrize("corners", ["once", "twice"])
@pytest.mark.parametrize("a", [4, 11, 13, 40])
def test_equal_numbers_of_points_on_unequal_segments(a, corners):
    """In a flat or long cell, Gamma-Z has steps several times as long as most of the path."""
    structure = Structure(Lattice.tetragonal(a, 4), ["Tl"], [[0, 0, 0]])
    points = {"Gamma": [0, 0, 0], "X": [0, 0.5, 0], "M": [0.5, 0.5, 0],
              "Z": [0, 0, 0.5], "R": [0, 0.5, 0.5], "A": [0.5, 0.5, 0.5]}  # fmt: skip
    path = ["Gamma", "X", "M", "Gamma", "Z", "R", "A", "Z"]
    q = np.concatenate([np.linspace(points[i], points[j], 51) for i, j in pairwise(path)])
    if corners == "once":  # where X is passed, M lies farther from Gamma, but on another line
        q = np.delete(q, np.arange(51, len(q), 51), axis=0)
    k = q @ structure.lattice.reciprocal_lattice.matrix
    # 1 km/s in the plane and 4 km/s along c, in all three branches.
    frequency = np.sqrt(k[:, 0] ** 2 + k[:, 1] ** 2 + 16 * k[:, 2] ** 2) / (2 * np.pi) * 10
    bands = {
        "bands": [frequency] * 3,
        "qpoints": q,
        "lattice_rec": structure.lattice.reciprocal_lattice.matrix,
        "structure": structure,
        "labels_dict": points,
    }
    found = {v.label: v.speed for v in sound_velocities(bands, unit="THz")}
    assert found == pytest.approx({"Gamma-X": 1.0, "Gamma-M": 1.0, "Gamma-Z": 4.0}, rel=1e-3)
    assert speed_of_sound(bands, unit="THz") == pytest.approx(2.0, rel=1e-3)


def test_a_jump_along_the_line_is_none_of_its_steps():
    """From Gamma straight to a far point that the path goes on from: no slope at Gamma."""
    structure = Structure(Lattice.cubic(4), ["Tl"], [[0, 0, 0]])
    q = np.zeros((42, 3))
    q[1:21, 0] = np.linspace(0.3, 0.5, 20)  # after a jump, on the same line
    q[21:, 1] = np.linspace(0, 0.5, 21)
    bands = line(q, np.array([5 * np.linalg.norm(q, axis=1)] * 3), structure.lattice, structure)
    assert {v.label for v in sound_velocities(bands)} == {"Gamma-(0, 0.5, 0)"}


def test_path_that_never_touches_gamma(chain):
    q = [point.frac_coords for point in chain.qpoints]
    off = line(q[5:], chain.bands[:, 5:], chain.structure.lattice, chain.structure)
    with pytest.raises(PhononDocumentError, match="segment that touches Gamma, got 36 wave vect"):
        speed_of_sound(off)


def test_rbi_is_within_2_5_percent_of_the_papers_table(RbI):
    assert speed_of_sound(RbI[0]) == pytest.approx(1.6608578838779644, rel=0.025)
    assert [v.label for v in sound_velocities(RbI[0])[::3]] == ["Gamma-X", "Gamma-M", "Gamma-R"]


def test_nacl_directions_that_symmetry_makes_equal(NaCl):
    """Gamma-X and Gamma-Z are both <111>; the table's 3.225 is of another calculation."""
    x, y, z = np.reshape([v.speed for v in sound_velocities(NaCl[0])], (3, 3))
    np.testing.assert_allclose(x, z, rtol=1e-6)
    assert y[0] == pytest.approx(y[1], rel=1e-6)  # transverse along <100>
    assert speed_of_sound(NaCl[0]) == pytest.approx(3.2253881331517427, rel=0.03)


def test_batio3_is_refused(BaTiO3):
    with pytest.raises(UnstableStructureError, match="stable structure for a speed of sound"):
        speed_of_sound(BaTiO3[0])


@pytest.mark.parametrize(
    "end", [[1 / 3, 1 / 3, 0.0], [1 / 3, 1 / 3, 0.5], [0.5, 0.0, 0.5], [-1 / 3, 2 / 3, 0.0]]
)
@pytest.mark.parametrize("n_q", [31, 101, 201])
def test_wave_vectors_printed_with_four_digits(end, n_q):
    """Rounding bends the first steps of a path; it is one segment all the same.

    An isotropic crystal of 4 km/s whose branches all bend alike, in a hexagonal cell, with a sum
    rule broken by 0.05 THz.
    """
    lattice = Lattice.hexagonal(3.2, 5.2)
    q = np.linspace([0.0, 0.0, 0.0], end, n_q)
    distance = np.linalg.norm(q @ lattice.reciprocal_lattice.matrix, axis=1)
    squares = (4.0 / (2 * np.pi) * 10 * distance) ** 2 * (1 - 0.1 * distance**2) + 0.05**2
    optical = np.full((3, n_q), 40.0)
    frequencies = np.concatenate([np.tile(np.sqrt(squares), (3, 1)), optical])
    velocities = sound_velocities(line(np.round(q, 4), frequencies, lattice), unit="THz")
    assert [v.n_points for v in velocities] == [n_q // 5] * 3
    assert [v.speed for v in velocities] == pytest.approx([4.0] * 3, rel=2e-3)


@pytest.mark.parametrize(("height", "said"), [(3.35, False), (7.0, False), (15.0, True)])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_a_layer_in_vacuum_is_said(height, said, shift):
    """Of graphene's bands in a cell of 15 Angstrom, 10.2 km/s came without a word.

    That is a mean of 0 for the flexural wave with those in the plane; no direction across counts.
    """
    graphene = Structure(
        Lattice.hexagonal(2.46, height), ["C", "C"], [[0, 0, shift], [1 / 3, 2 / 3, shift]]
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_speed(10.2, graphene)
        warn_of_speed(float("nan"), graphene)
    about = [str(each.message) for each in caught if "without atoms" in str(each.message)]
    assert len(about) == said
    assert all("C has 15.0 Angstrom without atoms across its cell" in each for each in about)


@pytest.mark.parametrize(("n_q", "said"), [(2, True), (5, False), (41, False)])
def test_speeds_of_one_point_far_from_gamma_are_said(n_q, said):
    """Of two points on each line of NaCl came 1.97 km/s, of 51 points 3.15, phonopy's slope."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        speed = speed_of_sound(diatomic_chain(n_q=n_q))
    about = [
        str(each.message) for each in caught if "1 of 1 lines, Gamma-X for" in str(each.message)
    ]
    assert len(about) == said
    expected = speed_of_sound(diatomic_chain(n_q=201))
    assert speed == pytest.approx(expected, rel=0.01) or said
