"""Units are stated, established or refused."""

import csv
import gzip
from types import SimpleNamespace

import numpy as np
import pytest
from pymatgen.core import Composition, Structure

from matminer_phonon_tl.exceptions import PhononDocumentError, UnitError
from matminer_phonon_tl.phonons.density import read_dos
from matminer_phonon_tl.phonons.frequencies import (
    STIFFEST_BOND,
    canonical_unit,
    establish_unit,
    highest_frequency_bounds,
    unit_in_thz,
)


def test_bounds_of_the_highest_frequency():
    """Cs and solid Ne, the softest; H2, the stiffest; RbI between, by its lighter atom."""
    assert highest_frequency_bounds([132.905], rare_gas=False)[0] == pytest.approx(0.8674, rel=1e-3)
    assert highest_frequency_bounds([20.18], rare_gas=True)[0] == pytest.approx(1.1130, rel=1e-3)
    assert highest_frequency_bounds([1.008], rare_gas=False)[1] == 135.0
    stiffest = np.sqrt(2 * STIFFEST_BOND / (14.007 * 1.66053907e-27)) / (2 * np.pi) / 1e12
    assert highest_frequency_bounds([14.007], rare_gas=False)[1] == pytest.approx(stiffest)


@pytest.mark.parametrize(
    ("given", "expected"), [("THz", "THz"), ("EV", "eV"), ("cm^-1", "cm-1"), (" 1/cm ", "cm-1")]
)
def test_spellings(given, expected):
    assert canonical_unit(given) == expected


@pytest.mark.parametrize("given", ["Hz", "", None, 3])
def test_unknown_unit(given):
    with pytest.raises(UnitError, match=r"out of THz, eV, meV and cm-1, got .*; convert"):
        canonical_unit(given)


def test_conversions_agree_with_a_known_line():
    # 1 eV = 241.798924 THz = 8065.54394 cm-1 (CODATA 2018)
    assert unit_in_thz("eV") == pytest.approx(241.79892421, rel=1e-9)
    assert unit_in_thz("eV") / unit_in_thz("cm-1") == pytest.approx(8065.543937, rel=1e-9)


@pytest.mark.parametrize(
    ("material", "masses", "highest"),
    [
        ("H2", [1.008], 131.9),
        ("N2", [14.007], 69.9),
        ("diamond", [12.011], 40.0),
        ("Cs", [132.9], 1.0),
        ("solid Ne", [20.18], 1.6),
        ("solid Xe", [131.3], 1.5),
        ("RbI", [85.47, 126.9], 2.9),
        ("CsI", [132.9, 126.9], 2.7),
        ("MgO", [24.3, 16.0], 21.5),
    ],
)
def test_known_materials_are_within_the_bounds(material, masses, highest):
    low, high = highest_frequency_bounds(masses, rare_gas=material.startswith("solid"))
    assert low < highest < high, material


@pytest.mark.parametrize("unit", ["THz", "eV", "cm-1"])
def test_each_unit_is_inferred_for_rbi(rbi_structure, unit):
    assert establish_unit(2.9 / unit_in_thz(unit), structure=rbi_structure) == unit


@pytest.mark.parametrize("value", [12.0, 60.0, 130.0])
def test_ambiguous_frequency_names_both_candidates(value):
    with pytest.raises(
        UnitError, match=r'physical both in THz and in cm-1 .*pass unit="THz" or unit="cm-1", or'
    ):
        establish_unit(value)


def test_a_structure_that_does_not_help_is_not_asked_for():
    """A cyanide is settled by being no rare gas; hydrogen in xenon could be anything."""
    cyanide = Structure(4.0 * np.eye(3), ["C", "N"], [[0, 0, 0], [0.3, 0, 0]])
    assert establish_unit(60.0, structure=cyanide) == "THz"
    assert establish_unit(2000.0, structure=cyanide) == "cm-1"
    xenon = Structure(4.0 * np.eye(3), ["Ne", "Xe"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(UnitError, match=r'unit="cm-1"$'):
        establish_unit(50.0, structure=xenon)


def test_matbench_materials_are_never_mistaken(test_data):
    """1265 real materials in each unit: always one unit, and the right one."""
    with gzip.open(test_data / "matbench" / "matbench_phonons.csv.gz", "rt") as file:
        materials = [
            (Composition(row["formula"]), float(row["last_phdos_peak_cm-1"]))
            for row in csv.DictReader(file)
        ]
    assert len(materials) == 1265
    for composition, peak in materials:
        crystal = SimpleNamespace(composition=composition)
        for unit in ("THz", "eV", "cm-1"):
            value = peak * unit_in_thz("cm-1") / unit_in_thz(unit)
            assert establish_unit(value, structure=crystal, n_atoms=1) == unit, composition


def test_nothing_physical():
    with pytest.raises(UnitError, match="physical neither in THz nor in eV nor in cm-1"):
        establish_unit(1e6)


def test_stated_unit_settles_what_is_ambiguous():
    assert establish_unit(60.0, unit="THz") == "THz"
    assert establish_unit(60.0, unit="cm-1") == "cm-1"
    assert establish_unit(60.0, known_unit="cm-1") == "cm-1"
    assert establish_unit(12.0, unit="meV") == "meV"


def test_stated_unit_that_contradicts_the_content(rbi_structure):
    with pytest.raises(
        UnitError, match=r"unit='THz' contradicts the content.* while cm-1 would not; pass"
    ):
        establish_unit(96.8, unit="THz", structure=rbi_structure)
    with pytest.raises(UnitError, match="the document's field says='eV' contradicts"):
        establish_unit(2.9, known_unit="eV", structure=rbi_structure)


def test_a_model_crystal_beyond_all_bounds_keeps_its_stated_unit():
    assert establish_unit(1e6, unit="THz") == "THz"


def test_dos_integral_names_the_unit():
    # frequencies in cm-1 while the density is still counted in states per THz
    ratio = unit_in_thz("THz") / unit_in_thz("cm-1")
    assert establish_unit(60.0, dos_integral=6.0 * ratio, n_atoms=2) == "cm-1"
    # and a density that agrees with its own grid says nothing about the unit of the grid
    with pytest.raises(UnitError, match="expected frequencies of one possible unit"):
        establish_unit(60.0, dos_integral=6.0, n_atoms=2)


def test_a_norm_of_one_names_no_unit_by_chance():
    """1/33, of 11 atoms, is within 3 % of one THz in cm-1."""
    silicon = Structure(7.0 * np.eye(3), ["Si"] * 11, np.linspace(0, 0.9, 33).reshape(11, 3))
    assert establish_unit(500.0, dos_integral=1.0, structure=silicon) == "cm-1"
    frequencies = np.linspace(0.0, 500.0, 501)
    densities = frequencies**2 / np.trapezoid(frequencies**2, frequencies)
    with pytest.raises(PhononDocumentError, match=r"integrates to 33 states .* got 1; scale the"):
        read_dos({"frequencies": frequencies, "densities": densities}, structure=silicon)


def test_bounds_are_those_of_the_stiffest_bond_and_the_softest_crystal():
    """For two equal light masses m, omega^2 = 2k/m; RbI by hand."""
    low, high = highest_frequency_bounds([85.47, 126.90], rare_gas=False)
    omega = np.sqrt(2 * STIFFEST_BOND / (85.47 * 1.66053907e-27))
    assert high == pytest.approx(omega / (2 * np.pi) / 1e12, rel=1e-6)
    assert low == pytest.approx(10.0 / np.sqrt(85.47), rel=1e-6)


def test_what_is_ambiguous_is_told_in_both_units():
    with pytest.raises(UnitError, match=r"\(60 THz is 2001 cm-1, 60 cm-1 is 1.8 THz\)"):
        establish_unit(60.0)
