"""Heat capacity at other temperatures and Slack's conductivity, against closed forms."""

import numpy as np
import pytest
from pymatgen.core import Composition

from matminer_phonon_tl.phonons import (
    debye_dos,
    heat_capacity,
    heat_capacity_at,
    slack_conductivity,
)
from matminer_phonon_tl.units import MOLAR_GAS_CONSTANT


class TestHeatCapacityAt:
    def test_at_300_kelvin_it_is_the_known_one(self):
        known = np.array([24.9, 20.0, 12.0, 3.0])  # lead to diamond
        theta, n = np.array([90.0, 400.0, 1200.0, 2200.0]), np.array([1, 5, 40, 2])
        found = heat_capacity_at([300.0], known, theta, n)
        np.testing.assert_allclose(found[:, 0], known, rtol=1e-6)

    @pytest.mark.parametrize(("known", "theta"), [(24.5, 3000.0), (1.0, 100.0)])
    def test_contradicting_numbers_still_give_the_known_one(self, known, theta):
        assert heat_capacity_at([300], [known], [theta], [4])[0, 0] == pytest.approx(known)

    def test_one_atom_is_a_debye_crystal(self):
        """The density of states of the Debye crystal that has the same value at 300 K."""
        cutoff = 6.0  # THz
        density = debye_dos(cutoff, n_points=4001)
        kelvin = [20.0, 80.0, 300.0, 900.0]
        truth = heat_capacity(density, temperature=kelvin, per="atom")
        found = heat_capacity_at(kelvin, [truth[2]], [250.0], [1])
        np.testing.assert_allclose(found[0], truth, rtol=0.01)

    def test_near_zero_it_is_debyes_law(self):
        """12 pi^4 / 5 R (T / theta)^3 an atom, from the Debye temperature alone."""
        for kelvin in (2.0, 5.0):
            law = 12 * np.pi**4 / 5 * MOLAR_GAS_CONSTANT * (kelvin / 500) ** 3
            found = heat_capacity_at([kelvin], [20.0], [500.0], [2])[0, 0]
            assert found == pytest.approx(law, rel=1e-4)

    def test_limits_and_missing(self):
        found = heat_capacity_at([0, 1e5], [20.0, np.nan], [500.0, 500.0], [2, 2])
        assert found[0] == pytest.approx([0, 3 * MOLAR_GAS_CONSTANT], abs=1e-3)
        assert np.isnan(found[1]).all()
        assert np.all(np.diff(heat_capacity_at(np.arange(1, 1000, 50), [20], [300], [6])[0]) > 0)

    @pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
    def test_what_is_no_temperature_is_refused(self, wrong):
        with pytest.raises(ValueError, match="expected temperatures of 0 K or more"):
            heat_capacity_at([100.0, wrong], [20], [300], [2])

    @pytest.mark.parametrize(
        ("known", "theta", "n", "sentence"),
        [
            (-3, 300, 2, "heat capacities between 0 and 24.94 J/mol/K an atom, got -3"),
            (30, 300, 2, "heat capacities between 0 and 24.94 J/mol/K an atom, got 30"),
            (20, -1, 2, "Debye temperatures above 0 K, got -1"),
            (20, 300, 0, "atoms in the primitive cell above 0, got 0"),
        ],
    )
    def test_what_no_crystal_has_is_refused(self, known, theta, n, sentence):
        with pytest.raises(ValueError, match=f"expected {sentence}"):
            heat_capacity_at([100.0], [20, known], [300, theta], [2, n])


class TestSlackConductivity:
    def test_silicon_by_hand(self):
        """Theta 645 K, 20.02 A3 an atom, gamma 1.06: 129 W/m/K by Slack's formula."""
        volume = 20.02
        speed = 645 / (76.38233 * (6 * np.pi**2 / volume) ** (1 / 3))  # Debye mean, km/s
        found = slack_conductivity(645, speed / 0.836, 28.085, 2, gruneisen=1.06)
        a = 2.43e-6 / (1 - 0.514 / 1.06 + 0.228 / 1.06**2)
        by_hand = a * 28.085 * 645**3 * volume ** (1 / 3) / (1.06**2 * 2 ** (2 / 3) * 300)
        assert float(found) == pytest.approx(by_hand, rel=1e-3)
        assert by_hand == pytest.approx(129, abs=2)

    def test_it_falls_with_temperature_and_with_atoms(self):
        mass = Composition("GaN").weight / 2
        one = slack_conductivity([500, 500], [5.0, 5.0], mass, [2, 16])
        assert one[0] == pytest.approx(4 * one[1])
        hot = slack_conductivity(500, 5.0, mass, 2, temperature=600)
        assert float(hot) == pytest.approx(one[0] / 2)

    def test_what_no_crystal_has_is_refused_and_what_is_missing_is_not(self):
        assert np.isnan(slack_conductivity(np.nan, 5.0, 20.0, 2))
        for wrong in ((0, 5, 20, 2), (300, -5, 20, 2), (300, 5, 0, 2), (300, 5, 20, 0)):
            with pytest.raises(ValueError, match=r"expected .* above 0"):
                slack_conductivity(*wrong)
