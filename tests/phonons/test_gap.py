"""Gaps: closed forms, cells, shapes of bands, real documents."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from pymatgen.core import Lattice
from pymatgen.phonon.bandstructure import PhononBandStructure
from scipy import constants

from matminer_phonon_tl.exceptions import (
    NonPrimitiveCellError,
    PhononDocumentError,
    UnstableStructureError,
)
from matminer_phonon_tl.phonons import (
    SpectralGap,
    acoustic_optical_gap,
    diatomic_chain,
    largest_gap,
)
from matminer_phonon_tl.phonons.bands import read_bands
from matminer_phonon_tl.units import THZ_TO_CM1


def edge(spring, mass):
    """Return sqrt(2 K / m) as a wavenumber, cm-1."""
    omega = np.sqrt(2.0 * spring / (mass * constants.atomic_mass))
    return omega / (2.0 * np.pi * constants.c * 100.0)


def bands_of(frequencies):
    """Return a band structure with the given frequencies, THz, along one line."""
    n_q = np.shape(frequencies)[1]
    q = [[x, 0.0, 0.0] for x in np.linspace(0.0, 0.5, n_q)]
    return PhononBandStructure(q, frequencies, Lattice.cubic(4.0).reciprocal_lattice)


@pytest.mark.parametrize("species", [("Ga", "N"), ("N", "Ga"), ("Rb", "I"), ("Al", "As")])
@pytest.mark.parametrize("spring", [20.0, 60.0])
def test_chain_has_its_closed_form(species, spring):
    chain = diatomic_chain(species, springs=(spring,) * 3)
    masses = sorted(float(site.specie.atomic_mass) for site in chain.structure)
    low, high = edge(spring, masses[1]), edge(spring, masses[0])
    assert acoustic_optical_gap(chain) == pytest.approx(high - low, rel=1e-12)
    assert acoustic_optical_gap(chain, signed=True) == pytest.approx(high - low, rel=1e-12)
    found = largest_gap(chain)
    assert found == pytest.approx(SpectralGap(high - low, low, high, 3), rel=1e-12)


def test_equal_masses_close_the_gap():
    chain = diatomic_chain(("Si", "Si"), springs=(60.0,) * 3)
    # the two atoms are the same, so this cell is twice the primitive one
    with pytest.raises(NonPrimitiveCellError, match=r"primitive cell \(1 atoms\), got a cell of 2"):
        acoustic_optical_gap(chain)
    assert acoustic_optical_gap(chain, require_primitive=False) == pytest.approx(0.0, abs=1e-9)


def test_overlap_is_zero_and_signed_on_request():
    frequencies = np.array([[1.0, 2], [1, 3], [1, 5], [4, 5.5], [6, 6], [7, 7]])
    gap = acoustic_optical_gap(bands_of(frequencies), unit="THz")
    assert gap == 0.0
    assert isinstance(gap, float)
    signed = acoustic_optical_gap(bands_of(frequencies), unit="THz", signed=True)
    assert signed == pytest.approx(-1.0 * THZ_TO_CM1)


def test_supercell_changes_the_branch_count_but_not_the_spectrum(chain):
    """Folding keeps every frequency, so the largest gap stays, between other branches."""
    half = (chain.nb_qpoints - 1) // 2
    # in the doubled cell, the zone ends at half of the chain's, and the rest folds back
    folded = np.concatenate([chain.bands[:, : half + 1], chain.bands[:, : half - 1 : -1]])
    doubled = PhononBandStructure(
        [[2.0 * q.frac_coords[0], 0, 0] for q in chain.qpoints[: half + 1]],
        folded,
        (chain.structure * [2, 1, 1]).lattice.reciprocal_lattice,
        structure=chain.structure * [2, 1, 1],
    )
    wide, before = largest_gap(doubled), largest_gap(chain)
    assert wide[:3] == pytest.approx(before[:3], rel=1e-12)
    assert (before.lower_branch, wide.lower_branch) == (3, 6)
    with pytest.raises(NonPrimitiveCellError, match=r"\(2 atoms\), got a cell of 4 atoms, where"):
        acoustic_optical_gap(doubled)
    assert acoustic_optical_gap(doubled, require_primitive=False) == 0.0


def test_one_atom_has_no_optical_branches():
    one = bands_of(np.ones((3, 4)))
    assert acoustic_optical_gap(one, unit="THz") == 0.0
    with pytest.raises(PhononDocumentError, match="at least 2 atoms in the cell for a signed gap"):
        acoustic_optical_gap(one, unit="THz", signed=True)
    assert largest_gap(one, unit="THz").width == 0.0


def test_no_gap_has_no_edges():
    gap = largest_gap(bands_of(np.linspace([1.0] * 6, [2.0] * 6, 4).T), unit="THz")
    assert (gap.width, gap.lower_branch) == (0.0, 0)
    assert np.isnan([gap.lower_edge, gap.upper_edge]).all()


SHAPES = st.tuples(st.integers(1, 6).map(lambda n: 3 * n), st.integers(1, 12))


@pytest.mark.filterwarnings("ignore::matminer_phonon_tl.exceptions.DataWarning")
@given(npst.arrays(float, SHAPES, elements=st.floats(0.5, 100.0)))
@settings(max_examples=80, deadline=None)
def test_any_bands(frequencies):
    """The largest gap is at least the acoustic-optical one, and each is what it says."""
    bs = bands_of(frequencies)
    acoustic = acoustic_optical_gap(bs, unit="THz")
    largest = largest_gap(bs, unit="THz")
    assert 0.0 <= acoustic <= largest.width * (1.0 + 1e-12)
    if largest.width > 0.0:
        spectrum = frequencies * THZ_TO_CM1
        margin = 1e-9 * largest.upper_edge
        inside = (spectrum > largest.lower_edge + margin) & (spectrum < largest.upper_edge - margin)
        assert not inside.any()
        assert largest.upper_edge - largest.lower_edge == pytest.approx(largest.width)


@pytest.mark.filterwarnings("ignore::matminer_phonon_tl.exceptions.DataWarning")
@given(
    npst.arrays(float, (6, 8), elements=st.floats(0.5, 100.0)),
    st.randoms(use_true_random=False),
)
@settings(max_examples=30, deadline=None)
def test_order_of_branches_and_wave_vectors_is_no_matter(frequencies, random):
    order = list(range(6))
    columns = list(range(8))
    random.shuffle(order)
    random.shuffle(columns)
    before = acoustic_optical_gap(bands_of(frequencies), unit="THz", signed=True)
    after = acoustic_optical_gap(bands_of(frequencies[order][:, columns]), unit="THz", signed=True)
    assert after == before


def test_real_documents(RbI, NaCl, BaTiO3):
    for bs, _ in (RbI, NaCl):
        assert acoustic_optical_gap(bs) == 0.0
        assert acoustic_optical_gap(bs, signed=True) < 0.0
    for function in (acoustic_optical_gap, largest_gap):
        with pytest.raises(
            UnstableStructureError, match=r"for a phonon gap, got .* down to -3.46 THz at q = \(0"
        ):
            function(BaTiO3[0])
    assert acoustic_optical_gap(BaTiO3[0], allow_imaginary=True) == 0.0


def test_imaginary_modes_are_refused_unless_allowed(chain):
    chain.bands[0, 40] = -0.7
    with pytest.raises(UnstableStructureError, match=r"phonon gap, got .* down to -0.7 THz"):
        acoustic_optical_gap(chain)
    with pytest.raises(UnstableStructureError, match="for a phonon gap"):
        acoustic_optical_gap(read_bands(chain))
    assert acoustic_optical_gap(chain, allow_imaginary=True) > 0
