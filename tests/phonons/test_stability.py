"""Noise at Gamma is told from instabilities."""

import numpy as np
import pytest

from matminer_phonon_tl.exceptions import UnstableStructureError
from matminer_phonon_tl.phonons import has_imaginary_modes, imaginary_modes
from matminer_phonon_tl.phonons.bands import read_bands
from matminer_phonon_tl.phonons.stability import require_stable
from matminer_phonon_tl.units import THZ_TO_CM1


def with_frequency(chain, branch, index, value):
    chain.bands[branch, index] = value
    return chain


def test_stable(chain):
    assert has_imaginary_modes(chain) is False


@pytest.mark.parametrize(
    ("index", "value", "unstable"),
    [
        (0, -0.04, False),  # NaCl's sum rule
        (0, -0.09, False),
        (0, -0.11, True),
        (2, -0.04, False),  # 5 % of the way to the zone boundary: still next to Gamma
        (10, -0.015, False),  # rounding
        (10, -0.04, True),  # what passes at Gamma does not further out
        (40, -0.5, True),
    ],
)
def test_rule(chain, index, value, unstable):
    assert has_imaginary_modes(with_frequency(chain, 0, index, value)) is unstable


def test_only_translations_may_break_the_sum_rule(chain):
    chain.bands[:3, 0] = -0.05
    assert not has_imaginary_modes(chain)
    chain.bands[3, 0] = -0.05
    assert has_imaginary_modes(chain)


def test_tolerances(chain):
    with_frequency(chain, 0, 0, -0.3)
    assert not has_imaginary_modes(chain, tolerance=0.5)
    with_frequency(chain, 0, 30, -0.3)
    assert has_imaginary_modes(chain, tolerance=0.5)
    assert not has_imaginary_modes(chain, tolerance=0.5, zone_tolerance=0.5)


def test_the_zone_is_never_judged_more_mildly_than_gamma(chain):
    with_frequency(chain, 0, 30, -0.3)
    assert has_imaginary_modes(chain, tolerance=0.1, zone_tolerance=0.5)


def test_report_names_the_place(chain):
    found = imaginary_modes(with_frequency(chain, 0, 40, -0.7))
    assert found.unstable
    assert found.lowest_elsewhere == pytest.approx(-0.7)
    assert found.lowest_near_gamma == 0.0
    assert found.wave_vector == pytest.approx((0.5, 0.0, 0.0))


def test_only_a_stable_structure_will_do(chain):
    require_stable(read_bands(chain), "a gap")
    bands = read_bands(with_frequency(chain, 0, 40, -0.7))
    with pytest.raises(UnstableStructureError, match=r"for a gap, got .* down to -0.7 THz at q"):
        require_stable(bands, "a gap")


def test_tolerance_is_in_thz_whatever_the_document(chain):
    with_frequency(chain, 0, 0, -0.04)
    chain.bands = chain.bands * THZ_TO_CM1
    assert not has_imaginary_modes(chain)


def test_real_documents(RbI, NaCl, BaTiO3):
    assert not has_imaginary_modes(RbI[0])
    assert not has_imaginary_modes(NaCl[0])
    assert imaginary_modes(NaCl[0]).lowest_near_gamma == pytest.approx(-0.0370089502)
    assert has_imaginary_modes(BaTiO3[0])
    assert imaginary_modes(BaTiO3[0]).lowest_elsewhere < -3.0


def test_document_without_gamma(chain):
    document = chain.as_dict()
    document["qpoints"] = document["qpoints"][5:]
    document["bands"] = np.array(document["bands"])[:, 5:].tolist()
    found = imaginary_modes(document)
    assert np.isnan(found.lowest_near_gamma)
    assert not found.unstable
