"""Frequencies and speeds that no crystal has are not handed on without a word."""

import warnings

import numpy as np
import pytest

from matminer_phonon_tl.exceptions import DataWarning, UnitError
from matminer_phonon_tl.phonons import diatomic_chain, phonon_properties, speed_of_sound
from matminer_phonon_tl.phonons.frequencies import establish_unit
from matminer_phonon_tl.phonons.model_crystals import zincblende_springs


# 3 meV are 0.73 THz, 20 cm-1 are 0.60 THz.
@pytest.mark.parametrize(("highest", "unit"), [(0.8, "THz"), (3.0, "meV"), (20.0, "cm-1")])
def test_a_highest_frequency_below_that_of_any_crystal_warns(highest, unit):
    with pytest.warns(DataWarning, match="lies outside 1 to 150 THz"):
        assert establish_unit(highest, unit=unit) == unit


def test_where_another_unit_would_make_sense_it_is_refused():
    with pytest.raises(UnitError, match=r"contradicts the content.*while eV would not"):
        establish_unit(0.02, unit="THz")  # 0.02 eV are 4.8 THz


def test_a_highest_frequency_above_that_of_any_crystal_warns():
    with pytest.warns(DataWarning, match=r"is 1e\+05 THz"):
        establish_unit(1e5, unit="THz")


@pytest.mark.parametrize(("highest", "unit"), [(1.04, "THz"), (132.0, "THz"), (500.0, "cm-1")])
def test_those_of_crystals_pass(highest, unit):
    """Cs has 1.04 THz at most, the stretching of H2 is 4401 cm-1."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert establish_unit(highest, unit=unit) == unit


# Frequencies are right and lengths are not: nm or pm in place of Angstrom. The speed goes with the
# length; 5.727 km/s is the chain's own, see speed_of_sound.
@pytest.mark.parametrize(("factor", "warned"), [(1.0, False), (0.01, True), (10.0, True)])
def test_a_speed_that_no_crystal_has_warns_also_where_the_unit_is_stated(factor, warned):
    chain = diatomic_chain(cell=(4.0 * factor, 3.5, 3.5))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        speed = speed_of_sound(chain, unit="THz")
    assert speed == pytest.approx(5.727 * factor, rel=1e-3)
    said = [str(w.message) for w in caught]
    assert sum("the mean speed of sound is" in sentence for sentence in said) == warned
    # No bond is that long or short either, and none is 20 Angstrom from the next.
    assert len(said) == 2 * warned + (factor > 1)
    assert sum("check that the lengths of this document are in" in one for one in said) == warned


def salt(factor):
    """NaCl of springs, 3.2 km/s and 5 THz, times a factor (experiment: 3.1 km/s and 8 THz)."""
    chain = diatomic_chain(("Na", "Cl"), springs=(4.0, 4.0, 13.0), cell=(5.64, 2.86, 2.86))
    chain.bands = chain.bands * factor
    return chain


@pytest.mark.parametrize("factor", [4.135667696, 2.0 * np.pi])  # meV; rad/ps
def test_bands_in_another_unit_make_the_crystal_too_stiff(factor):
    """In meV NaCl has 13 km/s and 31 THz, which other crystals have, but none of its volume."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        speed = phonon_properties(salt(1.0)).speeds.mean
    with pytest.warns(DataWarning, match=r"NaCl would be stiffer with it than any crystal") as said:
        assert phonon_properties(salt(factor)).speeds.mean == pytest.approx(factor * speed)
    assert len(said) == 1


def test_force_constants_in_another_unit_warn():
    """Ry/bohr^2 taken for eV/A^2 are 48.6 times too large; a million times shows the rule."""
    crystal = zincblende_springs()
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        phonon_properties(crystal)
    crystal.force_constants = crystal.force_constants * 1e3
    with pytest.warns(DataWarning) as caught:
        phonon_properties(crystal)
    said = " ".join(str(warning.message) for warning in caught)
    assert "the highest frequency of this crystal is" in said
    assert "the mean speed of sound is" in said
