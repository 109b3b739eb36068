"""Heat capacity: limits, closed forms, norms, real documents."""

from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.phonon.dos import PhononDos
from scipy.integrate import quad

from matminer_phonon_tl.exceptions import PhononDocumentError, UnstableStructureError
from matminer_phonon_tl.phonons import debye_dos, debye_temperature, heat_capacity
from matminer_phonon_tl.units import MOLAR_GAS_CONSTANT as R
from matminer_phonon_tl.units import THZ_TO_CM1, THZ_TO_KELVIN

ROOT = Path(__file__).parents[2]


def debye_law(temperature, cutoff):
    """Return Debye's heat capacity per atom, J/mol/K, by quadrature."""
    x = THZ_TO_KELVIN * cutoff / temperature
    integral, _ = quad(lambda t: t**4 * np.exp(t) / np.expm1(t) ** 2, 0.0, x)
    return 9.0 * R * integral / x**3


@pytest.mark.parametrize("temperature", [20.0, 100.0, 300.0, 2000.0])
def test_debye_solid(debye, temperature):
    assert heat_capacity(debye, None, temperature, per="atom", unit="THz") == pytest.approx(
        debye_law(temperature, 10.0), rel=1e-4
    )


def test_dulong_petit(debye):
    assert heat_capacity(debye, None, 1e6, per="atom", unit="THz") == pytest.approx(
        3.0 * R, rel=1e-6
    )


def test_t_cubed(debye):
    """12 pi^4 / 5 R (T / Theta)^3; doubling the temperature makes eight times as much."""
    low, high = heat_capacity(debye, None, [4.0, 8.0], per="atom", unit="THz")
    theta = THZ_TO_KELVIN * 10.0
    assert high == pytest.approx(2.4 * np.pi**4 * R * (8.0 / theta) ** 3, rel=1e-3)
    assert high / low == pytest.approx(8.0, rel=1e-3)


def test_absolute_zero_and_next_to_it(debye):
    values = heat_capacity(
        debye, None, np.array([[0.0, 1e-6], [1e-3, 0.1]]), per="atom", unit="THz"
    )
    assert values.shape == (2, 2)
    assert values[0, 0] == 0.0
    assert np.isfinite(values).all()
    assert (np.diff(values.ravel()) >= 0.0).all()


def test_exactly_zero_frequency_on_the_grid(debye):
    assert debye.frequencies[0] == 0.0
    assert np.isfinite(heat_capacity(debye, per="atom", unit="THz"))


def test_scalar_in_scalar_out(debye):
    assert isinstance(heat_capacity(debye, per="atom", unit="THz"), float)
    assert heat_capacity(debye, None, [300.0], per="atom", unit="THz").shape == (1,)


@pytest.mark.parametrize("temperature", [-1.0, float("nan"), float("inf"), [300.0, -5.0]])
def test_impossible_temperature(debye, temperature):
    with pytest.raises(ValueError, match=r"at least 0 K, got .*; pass it in kelvin"):
        heat_capacity(debye, None, temperature, per="atom", unit="THz")


def test_document_norm_and_unit_do_not_matter(debye):
    expected = heat_capacity(debye, per="atom", unit="THz")
    scaled = PhononDos(debye.frequencies * THZ_TO_CM1, debye.densities / THZ_TO_CM1 * 1.01)
    assert heat_capacity(scaled, per="atom", unit="cm-1") == pytest.approx(expected, rel=1e-12)


def test_amounts():
    fe4o6 = Structure(
        5.0 * np.eye(3), ["Fe"] * 4 + ["O"] * 6, np.random.default_rng(0).random((10, 3))
    )
    dos = debye_dos(n_atoms=10)
    cell = heat_capacity(dos, fe4o6, per="cell")
    assert heat_capacity(dos, fe4o6) == pytest.approx(cell / 2.0)  # two Fe2O3
    assert heat_capacity(dos, fe4o6, per="atom") == pytest.approx(cell / 10.0)


def test_supercell_changes_the_cell_but_not_the_formula_unit(rbi_structure):
    one, eight = debye_dos(3.0, n_atoms=2), debye_dos(3.0, n_atoms=16)
    large = rbi_structure * [2, 2, 2]
    assert heat_capacity(eight, large) == pytest.approx(heat_capacity(one, rbi_structure))
    assert heat_capacity(eight, large, per="cell") == pytest.approx(
        8.0 * heat_capacity(one, rbi_structure, per="cell")
    )


def test_without_a_temperature_it_is_300_kelvin(debye):
    default = heat_capacity(debye, per="atom", unit="THz")
    assert default == heat_capacity(debye, None, 300.0, per="atom", unit="THz")
    assert default != heat_capacity(debye, None, 299.0, per="atom", unit="THz")


def test_formula_unit_takes_a_structure(debye):
    with pytest.raises(PhononDocumentError, match=r'tells the formula unit.*ask per="atom"'):
        heat_capacity(debye, unit="THz")
    for per in ("mole", "Atom", "", "units"):
        with pytest.raises(ValueError, match=f"per= formula_unit, atom or cell, got '{per}'"):
            heat_capacity(debye, unit="THz", per=per)


def smeared(cutoff, sigma):
    """Return Debye's density broadened by a Gaussian, on a grid that goes below zero."""
    grid = np.arange(-6.0 * sigma, cutoff + 6.0 * sigma, sigma / 4.0)
    fine = np.linspace(0.0, cutoff, 4001)
    weight = np.exp(-0.5 * ((grid[:, None] - fine) / sigma) ** 2)
    return PhononDos(
        grid,
        np.trapezoid(weight * fine**2, fine, axis=1)
        * 9.0
        / cutoff**3
        / (sigma * np.sqrt(2 * np.pi)),
    )


def test_tail_of_smearing_counts(debye):
    dos = smeared(10.0, 0.1)
    assert dos.densities[dos.frequencies < 0.0].sum() > 0.0
    assert heat_capacity(dos, per="atom", unit="THz") == pytest.approx(
        heat_capacity(debye, per="atom", unit="THz"), rel=1e-4
    )
    # nothing of the 3N states is lost, so the limit is exact
    assert heat_capacity(dos, None, 1e6, per="atom", unit="THz") == pytest.approx(3 * R, rel=1e-6)


def test_imaginary_states_are_refused(debye):
    dos = PhononDos(debye.frequencies - 2.0, debye.densities)
    with pytest.raises(UnstableStructureError, match=r"got a density with 0.80% of its states at"):
        heat_capacity(dos, per="atom", unit="THz")


def test_rbi_is_the_papers(RbI):
    assert heat_capacity(RbI[1]) == pytest.approx(49.56971475050199, rel=1e-4)
    assert heat_capacity(RbI[1], per="atom") == pytest.approx(49.56971475050199 / 2.0, rel=1e-4)


def test_nacl_is_near_the_papers(NaCl):
    assert heat_capacity(NaCl[1]) == pytest.approx(47.84406643864794, rel=0.01)


def test_pymatgen_agrees(NaCl):
    dos = PhononDos(NaCl[1]["frequencies"], NaCl[1]["densities"])
    structure = Structure.from_dict(NaCl[1]["structure"])
    for temperature in (50.0, 300.0, 1000.0):
        assert heat_capacity(dos, structure, temperature) == pytest.approx(
            dos.cv(temperature, structure=structure), rel=2e-4
        )


def test_batio3_is_refused(BaTiO3):
    with pytest.raises(UnstableStructureError, match=r"1\.32% of its states at imaginary"):
        heat_capacity(BaTiO3[1])


def test_near_zero_kelvin_a_mesh_gives_debyes_law():
    """12 pi^4 / 5 R (T / theta)^3 an atom; the zone centre's own modes would give 60 times it."""
    pytest.importorskip("phonopy")
    path = ROOT / "tests/files/GaN_springs"
    theta = debye_temperature(path)
    for kelvin in (0.5, 1.0, 2.0, 5.0):
        law = 12 * np.pi**4 / 5 * R * (kelvin / theta) ** 3
        assert heat_capacity(path, temperature=kelvin, per="atom") == pytest.approx(law, rel=0.1)
    assert heat_capacity(path, temperature=0.0) == 0.0
