"""Symmetry operations of a crystal of which only the name of its space group is known."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core.operations import SymmOp

HALL = "hall:"
"""Stands before a Hall symbol: "P 42" is another group as one than as a Hermann-Mauguin symbol."""

_SETTINGS = range(1, 531)
"""Hall numbers: each space group with each of its settings, axes and origins."""
_MONOCLINIC = range(3, 16)
_CUBIC_WITH_CENTRE = {*range(200, 207), *range(221, 231)}
"""Their symbols had 3 in place of -3 until 1983."""
_SUFFIXES = {"1": "s", "2": "z", "H": "h", "R": "r"}
"""What ICSD writes behind a name for an origin or for the axes of a rhombohedral crystal."""
_ROUNDING = 2e-3
"""Share of the cell's squared lengths by which rounded cell parameters may break the symmetry."""


def find_settings(names: Iterable[str], lattice: NDArray[np.float64]) -> list[int] | None:
    """Find the settings of space groups that fit all the names and a cell.

    Parameters
    ----------
    names : iterable of str
        Each a Hermann-Mauguin symbol (full or short, with or without its setting), the number of a
        group, or a Hall symbol after :data:`HALL`.
    lattice : array, shape (3, 3)
        Vectors of the cell, Angstrom, one a row.

    Returns
    -------
    list of int or None
        Hall numbers as spglib takes them; None where no symbol is known, or no number.

    Examples
    --------
    >>> cell = np.diag([3.0, 4.0, 5.0])
    >>> find_settings(["P n m a", "62"], cell), find_settings(["F m -3 m"], cell)
    ([292], [])
    """
    known = {name: _settings_by_name().get(_plain(name)) for name in names}
    symbols = [found for name, found in known.items() if not name.strip().isdigit()]
    if not any(symbols or known.values()):
        return None
    settings = set(_SETTINGS).intersection(*filter(None, known.values()))
    metric = lattice @ lattice.T
    return [setting for setting in sorted(settings) if _fits(metric, setting)]


def operations_of(setting: int) -> list[SymmOp]:
    """Return the operations of a setting, on fractional coordinates.

    >>> [operation.as_xyz_str() for operation in operations_of(2)]
    ['x, y, z', '-x, -y, -z']
    """
    return [
        SymmOp.from_rotation_and_translation(rotation, shift)
        for rotation, shift in zip(*_operations(setting), strict=True)
    ]


def _operations(setting: int) -> tuple[NDArray[np.intc], NDArray[np.float64]]:
    import spglib

    found: Any = spglib.get_symmetry_from_database(setting)
    return found["rotations"], found["translations"]


def _fits(metric: NDArray[np.float64], setting: int) -> bool:
    rotated = [rotation.T @ metric @ rotation for rotation in _operations(setting)[0]]
    return bool(np.allclose(rotated, metric, rtol=0, atol=_ROUNDING * np.trace(metric)))


def _plain(name: str) -> str:
    return "".join(name.split()).replace("_", "").lower()


@cache
def _settings_by_name() -> Mapping[str, set[int]]:
    import spglib

    found: dict[str, set[int]] = defaultdict(set)
    for setting in _SETTINGS:
        kind: Any = spglib.get_spacegroup_type(setting)
        full, short = kind.international_full, kind.international
        if kind.number in _MONOCLINIC:  # spglib's short symbol is that of the first setting
            short = " ".join(part for part in full.split() if part != "1")
        names = {full, short, *_with_old_letters(full), *_with_old_letters(short)}
        if kind.number in _CUBIC_WITH_CENTRE:
            names |= {name.replace("-3", "3") for name in names}
        for name in map(_plain, names):
            found[name].add(setting)
            if kind.choice:
                found[f"{name}:{kind.choice.lower()}"].add(setting)
                found[name + _SUFFIXES.get(kind.choice, "")].add(setting)
        found[HALL + _plain(kind.hall_symbol)].add(setting)
        found[str(kind.number)].add(setting)
    return dict(found)


def _with_old_letters(name: str) -> Iterator[str]:
    """Yield a symbol with what stood in place of e until 1992: Cmca, Cmcb for Cmce."""
    parts = name.split()
    for place, part in enumerate(parts):
        if "e" in part:
            for letter in {"a", "b", "c"} - {"abc"[place - 1]}:
                yield " ".join([*parts[:place], part.replace("e", letter), *parts[place + 1 :]])
