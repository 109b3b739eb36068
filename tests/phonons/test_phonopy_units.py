"""Units in phonopy's files: of the code that they name, or whose units they state.

The right values are those of the same crystal in VASP's units, saved with nothing left out.
"""

import numpy as np
import pytest
import yaml

phonopy = pytest.importorskip("phonopy", reason="the extra phonopy is not installed")

from phonopy.interface.calculator import get_calculator_physical_units  # noqa: E402

from matminer_phonon_tl.exceptions import DataWarning, PhononDocumentError  # noqa: E402
from matminer_phonon_tl.phonons import phonon_properties, zincblende_springs  # noqa: E402
from matminer_phonon_tl.phonons.phonopy_units import find_calculator  # noqa: E402

CODES = ["qe", "abinit", "wien2k", "cp2k", "elk"]


@pytest.fixture(scope="module")
def expected():
    return phonon_properties(zincblende_springs(supercell=2))


@pytest.fixture(scope="module")
def in_units_of():
    """The same crystal in the units of a code."""

    def make(code):
        known = zincblende_springs(supercell=2)
        cell = known.unitcell.copy()
        cell.cell = cell.cell / get_calculator_physical_units(code).distance_to_A
        phonon = phonopy.Phonopy(
            cell, known.supercell_matrix, primitive_matrix=np.eye(3), calculator=code
        )
        units = known.unit_conversion_factor / phonon.unit_conversion_factor
        phonon.force_constants = known.force_constants * units**2
        return phonon

    return make


@pytest.fixture
def saved(in_units_of, tmp_path):
    """Save the crystal of a code as phonopy.yaml, changed."""

    def save(code, change, **settings):
        path = tmp_path / "phonopy.yaml"
        in_units_of(code).save(path, settings={"force_constants": True, **settings})
        document = yaml.safe_load(path.read_text())
        change(document)
        path.write_text(yaml.safe_dump(document))
        return path

    return save


def unnamed(document):
    document.pop("calculator", None)
    document["phonopy"].pop("calculator", None)


def assert_same(found, expected):
    assert found.structure.volume == pytest.approx(expected.structure.volume, rel=1e-5)
    assert found.speeds.mean == pytest.approx(expected.speeds.mean, rel=1e-4)
    assert found.heat_capacity_per_cell == pytest.approx(expected.heat_capacity_per_cell, rel=1e-5)


@pytest.mark.parametrize("code", CODES)
def test_units_without_the_name_of_a_code(saved, expected, code):
    """phonopy 3 took such a file for VASP's, in bohr and all; phonopy 4 refuses it."""
    found = phonon_properties(saved(code, unnamed))
    assert_same(found, expected)
    units = get_calculator_physical_units(code)
    # no code is named that the file does not name
    assert found.units == f"lengths in {units.length_unit}, forces in {units.force_unit}"


def test_units_as_older_versions_spell_them(saved, expected):
    """Of phonopy 2's own phonopy_disp.yaml for CP2K, which phonopy 4 does not read."""

    def spell(document):
        document["physical_unit"] = {
            "atomic_mass": "AMU",
            "length": "Angstrom",
            "force_constants": "hartree/Angstrom.au",
        }

    assert_same(phonon_properties(saved("cp2k", spell)), expected)


def test_the_factor_tells_which_code_in_bohr_it_is(saved, expected):
    def length_alone(document):
        unnamed(document)
        document["physical_unit"] = {"atomic_mass": "AMU", "length": "au"}
        # phonopy's factor from (Ry/bohr^2/u)^(1/2) to THz
        document["phonopy"]["frequency_unit_conversion_factor"] = 108.970772

    assert_same(phonon_properties(saved("qe", length_alone)), expected)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"length": "au"}, "length in au, which several have"),
        (
            {"length": "au", "force_constants": "eV/angstrom^2"},
            r"length in au, force_constants in ev/angstrom\^2, which none has",
        ),
    ],
)
def test_units_that_tell_no_code_are_refused(saved, change, what):
    def without_name(document):
        unnamed(document)
        document["phonopy"].pop("frequency_unit_conversion_factor", None)
        document["physical_unit"] = change

    with pytest.raises(PhononDocumentError, match=what):
        phonon_properties(saved("qe", without_name))


def test_units_that_are_not_those_of_the_code_named_are_refused(saved):
    def contradict(document):
        document["physical_unit"]["length"] = "angstrom"

    with pytest.raises(PhononDocumentError, match=r"length in angstrom, .*which qe has not"):
        phonon_properties(saved("qe", contradict))


def test_a_length_that_nobody_uses_is_refused(saved, in_units_of, tmp_path):
    def without_forces(document):
        document["physical_unit"]["length"] = "nm"

    saved("vasp", without_forces, force_constants=False)
    write_bands(in_units_of("vasp"), tmp_path)
    with pytest.raises(
        PhononDocumentError, match=r"angstrom or au \(bohr\) in band.yaml, got 'nm'"
    ):
        phonon_properties(tmp_path)


def write_bands(phonon, folder):
    phonon.run_band_structure([np.linspace([0.5, 0, 0.5], [0, 0, 0], 21)])
    phonon.write_yaml_band_structure(filename=folder / "band.yaml")


@pytest.mark.parametrize("code", CODES)
def test_bands_beside_settings_of_before_the_forces(in_units_of, expected, tmp_path, code):
    """phonopy_disp.yaml has VASP's factor, whatever the code: bands were 0.22 to 9.9 times off."""
    phonon = in_units_of(code)
    write_bands(phonon, tmp_path)
    path = tmp_path / "phonopy_disp.yaml"
    phonon.save(path, settings={"force_constants": False})
    document = yaml.safe_load(path.read_text())
    document["phonopy"]["frequency_unit_conversion_factor"] = 15.633302
    path.write_text(yaml.safe_dump(document))
    found = phonon_properties(tmp_path)
    assert found.units == "THz"
    assert found.acoustic_top == pytest.approx(expected.acoustic_top, rel=5e-3)


@pytest.mark.parametrize("code", CODES)
def test_bands_beside_settings_without_the_name_of_a_code(saved, in_units_of, expected, code):
    """The factor was taken for a user's own, over VASP's: frequencies were 0.1 to 4.5 times off."""
    path = saved(code, unnamed, force_constants=False)
    write_bands(in_units_of(code), path.parent)
    assert phonon_properties(path.parent).acoustic_top == pytest.approx(
        expected.acoustic_top, rel=5e-3
    )


@pytest.mark.parametrize(
    ("code", "calculator", "what"),
    [
        ("qe", None, r"no two atoms of GaN .* that angstrom is its unit"),
        (None, "qe", r"atoms of GaN are nearer .* that au is its unit"),
    ],
)
def test_cells_in_another_unit_than_the_codes_are_said(in_units_of, code, calculator, what):
    """A Phonopy made without its calculator takes bohr for Angstrom."""
    made = in_units_of(code)
    phonon = phonopy.Phonopy(
        made.unitcell, made.supercell_matrix, primitive_matrix=np.eye(3), calculator=calculator
    )
    phonon.force_constants = made.force_constants
    with pytest.warns(DataWarning, match=what):
        phonon_properties(phonon)


def test_nothing_stated_is_nothing_found():
    assert find_calculator({}, name="phonopy.yaml") is None
    own = {"phonopy": {"frequency_unit_conversion_factor": 521.471}}  # cm-1
    assert find_calculator(own, name="phonopy.yaml") is None
