"""How the commands write what they found."""

import pytest

from matminer_phonon_tl.cli.output import write_interval


@pytest.mark.parametrize(
    ("values", "decimals", "written"),
    [
        ((37.14, 36.98, 37.21), 1, "37.1 [37.0, 37.2]"),
        ((37.14, 37.131, 37.149), 1, "37.14 [37.13, 37.15]"),  # else both ends are 37.1
        ((24.94, 24.94, 24.94), 1, "24.9 [24.9, 24.9]"),
        ((31.2, 0.0, 61.7), 0, "31 [0, 62]"),
        ((0.0, 0.0, 1e-30), 1, "0.0 [0.0, 0.0]"),  # as at 0 K
        ((24.94, 24.94, 24.94 + 1e-12), None, "24.94 [24.94, 24.94]"),
        ((1034.5, 1034.4, 1034.6), None, "1034.5 [1034.4, 1034.6]"),
        ((0.00123456, 0.001, 0.002), None, "0.001235 [0.001, 0.002]"),
        ((-1.5, -2.0, -1.0), None, "-1.5 [-2, -1]"),
    ],
)
def test_the_ends_of_an_interval_tell_its_width(values, decimals, written):
    assert write_interval(values, decimals) == written
