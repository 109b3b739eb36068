"""Every unit conversion of the package, derived from the CODATA values in ``scipy.constants``.

A frequency is a *linear* frequency throughout (f, not omega = 2 pi f), as phonon codes print it.

Examples
--------
>>> round(THZ_TO_CM1, 5)
33.35641
>>> round(MOLAR_GAS_CONSTANT, 4)
8.3145
"""

from scipy import constants

THZ_TO_HZ = constants.tera
"""1 THz in Hz."""
THZ_TO_CM1 = constants.tera / (constants.c * 100.0)
"""Wavenumber of 1 THz, cm-1: f / c."""
EV_TO_THZ = constants.e / constants.h / constants.tera
"""Frequency of a 1 eV quantum, THz: E / h."""
CM1_TO_THZ = 1.0 / THZ_TO_CM1
"""Frequency of a wavenumber of 1 cm-1, THz."""

FREQUENCY_UNITS_IN_THZ = {"thz": 1.0, "ev": EV_TO_THZ, "mev": EV_TO_THZ / 1e3, "cm-1": CM1_TO_THZ}
"""Size of each unit in THz, by its lower-case name."""

THZ_ANGSTROM_TO_KM_PER_S = 2.0 * constants.pi * constants.tera * constants.angstrom / constants.kilo
"""Group velocity of a slope df/d|q| of 1 THz Angstrom, km/s, for q that includes the 2 pi
(pymatgen's reciprocal lattice): v = d omega / dq = 2 pi df/dq."""

THZ_TO_KELVIN = constants.h * constants.tera / constants.k
"""Temperature h f / k_B of a frequency of 1 THz, K."""

BOHR_ANGSTROM = constants.physical_constants["Bohr radius"][0] / constants.angstrom
"""1 bohr in Angstrom."""

COULOMB_EV_ANGSTROM = constants.e / (4.0 * constants.pi * constants.epsilon_0 * constants.angstrom)
"""Energy of two elementary charges 1 Angstrom apart, eV."""

KM_PER_S_PER_ANGSTROM_TO_KELVIN = constants.hbar * constants.kilo / constants.angstrom / constants.k
"""Temperature hbar v q / k_B of a speed of 1 km/s and a wave vector of 1/Angstrom, K."""

MOLAR_GAS_CONSTANT = constants.R
"""J mol-1 K-1."""
