import numpy as np
import pytest

from matminer_phonon_tl.reproduction.measured import CUBIC, CubicCrystal, derived_against_measured


def test_an_isotropic_crystal_has_two_speeds_in_every_direction():
    crystal = CubicCrystal(225, c11=100.0, c12=40.0, c44=30.0, density=4.0, source="")
    for direction in ((1, 0, 0), (1, 1, 0), (1, 2, 3)):
        assert crystal.speeds(direction) == pytest.approx([7.5**0.5, 7.5**0.5, 5.0])
    assert crystal.mean_speed == pytest.approx((2 * 7.5**0.5 + 5.0) / 3)


def test_speeds_along_110_are_those_of_the_textbook():
    silicon = CUBIC["Si"]
    expected = [
        (silicon.c11 - silicon.c12) / 2,
        silicon.c44,
        (silicon.c11 + silicon.c12 + 2 * silicon.c44) / 2,
    ]
    assert silicon.speeds((1, 1, 0)) == pytest.approx(np.sqrt(np.array(expected) / silicon.density))


def test_diamonds_measured_speeds_are_those_that_the_paper_cites():
    transverse, _, longitudinal = CUBIC["C"].speeds((1, 0, 0))
    assert longitudinal == pytest.approx(17.52, abs=0.02)
    assert transverse == pytest.approx(12.82, abs=0.02)


def test_the_dataset_agrees_with_experiment(phonon_tl):
    rows = derived_against_measured(phonon_tl)
    by_target = {}
    for row in rows:
        by_target.setdefault(row["target"], []).append(row["derived"] / row["measured"] - 1)
        assert row["source"]
    assert len(by_target["heat_capacity"]) == 14
    assert len(by_target["speed_of_sound"]) == 9
    # constant pressure against constant volume
    assert max(map(abs, by_target["heat_capacity"])) < 0.065
    assert max(map(abs, by_target["speed_of_sound"])) < 0.035
    assert {row["material_id"] for row in rows} >= {"mp-66", "mp-149", "mp-2534"}
