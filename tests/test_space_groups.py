"""Settings of space groups by what files call them, against pymatgen and International Tables."""

import numpy as np
import pytest
from pymatgen.core import Lattice
from pymatgen.symmetry.groups import SpaceGroup

from matminer_phonon_tl.space_groups import HALL, find_settings, operations_of

CUBE = np.eye(3) * 4.0
BOX = np.diag([4.0, 5.0, 6.0])
SHEARED = Lattice.monoclinic(4, 5, 6, 103).matrix
HEXAGONAL = Lattice.hexagonal(4, 10).matrix
RHOMBOHEDRAL = Lattice.rhombohedral(5, 58).matrix


def names_of(*names):
    return [HALL + name[1:] if name[0] == "=" else name for name in names]


@pytest.mark.parametrize(
    ("names", "cell", "expected"),
    [
        (["F m -3 m"], CUBE, {523}),
        (["Fm3m"], CUBE, {523}),  # as before 1983
        (["F m -3 m"], BOX, set()),
        (["F -4 3 q"], CUBE, None),
        (["F -4 3 q", "216"], CUBE, None),
        (["F -4 3 q", "=F -4 2 3"], CUBE, {512}),  # a Hall symbol leaves nothing open
        (["F d -3 m", "0", "=F 4"], CUBE, {525, 526}),
        (["F d -3 m"], CUBE, {525, 526}),
        (["F d -3 m :2"], CUBE, {526}),
        (["F d -3 m Z"], CUBE, {526}),  # as ICSD writes it
        (["F d -3 m", "=-F 4vw 2vw 3"], CUBE, {526}),
        (["R -3 m"], HEXAGONAL, {458}),
        (["R -3 m"], RHOMBOHEDRAL, {459}),
        (["R -3 m :H"], RHOMBOHEDRAL, set()),
        (["P 21/c"], SHEARED, {81}),
        (["P 1 21/n 1", "14"], SHEARED, {82}),
        (["14"], SHEARED, {81, 82, 83}),
        (["P b n m", "62"], BOX, {294}),
        (["C m c a"], BOX, {304}),  # C m c e since 1992
        (["P 63 m c"], HEXAGONAL, {480}),
        (["=P 42"], Lattice.tetragonal(4, 5).matrix, {366}),  # as Hall symbol it is P 4 2 2
        (["P 42"], Lattice.tetragonal(4, 5).matrix, {351}),
        (["P n m a", "225"], BOX, set()),
    ],
)
def test_settings_by_name_and_cell(names, cell, expected):
    """Places in the list of Hall symbols (S. R. Hall, Acta Cryst. A37, 517 (1981))."""
    found = find_settings(names_of(*names), cell)
    assert (found if found is None else set(found)) == expected


@pytest.mark.parametrize(
    ("setting", "name"),
    [(523, "Fm-3m"), (294, "Pbnm"), (458, "R-3mH"), (81, "P2_1/c"), (480, "P6_3mc")],
)
def test_operations_are_those_of_pymatgen(setting, name):
    def key(operation):
        shift = np.round(operation.translation_vector % 1, 3) % 1
        return tuple(np.round(operation.rotation_matrix.ravel()).tolist()), tuple(shift.tolist())

    known = {key(operation) for operation in SpaceGroup(name).symmetry_ops}
    assert {key(operation) for operation in operations_of(setting)} == known
