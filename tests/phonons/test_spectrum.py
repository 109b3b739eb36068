"""Last peak, mean frequency and Debye temperature of densities that have them in closed form."""

import numpy as np
import pytest
from pymatgen.phonon.dos import PhononDos

from matminer_phonon_tl.exceptions import PhononDocumentError, UnstableStructureError
from matminer_phonon_tl.phonons import (
    debye_dos,
    debye_temperature,
    last_dos_peak,
    mean_frequency,
)
from matminer_phonon_tl.units import THZ_TO_CM1, THZ_TO_KELVIN


def gaussians(*lines, width=0.2, n_atoms=1):
    """Return a density with lines of (frequency, weight)."""
    grid = np.linspace(0.0, 20.0, 1501)
    density = sum(w * np.exp(-0.5 * ((grid - f) / width) ** 2) for f, w in lines)
    return PhononDos(grid, 3.0 * n_atoms * density / np.trapezoid(density, grid))


def test_last_peak_is_that_of_the_highest_line():
    dos = gaussians((5.0, 2.0), (11.003, 0.5))
    # between two points of the grid, which is 0.0133 THz wide
    assert last_dos_peak(dos, unit="THz") == pytest.approx(11.003 * THZ_TO_CM1, abs=0.02)


def test_ripples_are_no_peak():
    dos = gaussians((5.0, 1.0), (15.0, 0.005))
    assert last_dos_peak(dos, unit="THz") == pytest.approx(5.0 * THZ_TO_CM1, abs=0.02)


@pytest.mark.parametrize("n_points", [2000, 2001])
def test_density_cut_off_at_its_maximum(n_points):
    dos = debye_dos(n_points=n_points)
    assert last_dos_peak(dos, unit="THz") == pytest.approx(10.0 * THZ_TO_CM1)


def test_a_flat_peak_is_refined_too():
    frequencies = np.arange(0.0, 6.0)
    dos = PhononDos(frequencies, 1.0 - 0.02 * (frequencies - 2.3) ** 2)
    dos.densities *= 3.0 / np.trapezoid(dos.densities, frequencies)
    assert last_dos_peak(dos, unit="THz") == pytest.approx(2.3 * THZ_TO_CM1)


def test_plateau():
    dos = PhononDos([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 1.0, 1.0, 0.0])
    assert last_dos_peak(dos, unit="THz") == pytest.approx(2.0 * THZ_TO_CM1)


def test_no_peak_above_the_lowest_frequency():
    dos = PhononDos([1.0, 2.0, 3.0], [3.0, 1.5, 0.0])
    with pytest.raises(PhononDocumentError, match="expected a peak above the lowest frequency"):
        last_dos_peak(dos, unit="THz")


def test_moments_of_one_line():
    dos = gaussians((8.0, 1.0), width=0.02)
    assert mean_frequency(dos, unit="THz") == pytest.approx(8.0 * THZ_TO_CM1, rel=1e-4)
    einstein = np.sqrt(5.0 / 3.0) * 8.0 * THZ_TO_KELVIN
    assert debye_temperature(dos, unit="THz") == pytest.approx(einstein, rel=1e-4)


def test_moments_of_debye(debye):
    assert mean_frequency(debye, unit="THz") == pytest.approx(7.5 * THZ_TO_CM1, rel=1e-5)
    assert debye_temperature(debye, unit="THz") == pytest.approx(10 * THZ_TO_KELVIN, rel=1e-5)


def test_unstable(BaTiO3):
    for function in (mean_frequency, debye_temperature):
        with pytest.raises(UnstableStructureError, match="stable structure for a"):
            function(BaTiO3[1])


def test_rbi_last_peak_is_matbenchs(RbI):
    # matbench_phonons has two RbI, 69.5858 and 74.5858, on a grid of 1 cm-1
    assert last_dos_peak(RbI[1]) == pytest.approx(69.5858, abs=1.0)
