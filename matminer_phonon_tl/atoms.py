"""Crystals as ASE and phonopy hold them, read as pymatgen's; neither library is imported here."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element, Lattice, Structure

from matminer_phonon_tl.exceptions import CompositionError, UnknownElementError

_CLASSES = {"ase.atoms": "Atoms", "phonopy.structure.atoms": "PhonopyAtoms"}
_MOST = 118
"""Largest atomic number."""
_FLAT = 1e-6
"""Share of a box's volume below which its three vectors lie in a plane."""


def is_atoms(value: Any) -> bool:
    """Tell whether a value is an ``Atoms`` of ASE or a ``PhonopyAtoms``, or of a class made of one.

    Whoever has such an object has imported its class, so that nothing else is taken for one.

    >>> is_atoms("InN")
    False
    """
    return isinstance(value, tuple(_imported_classes()))


def with_structures(values: list[Any]) -> list[Any]:
    """Return values with a Structure in place of each crystal of ASE and phonopy.

    One that cannot be read stays as it is, for :func:`structure_of_atoms` to say why.
    """
    classes = tuple(_imported_classes())
    if not classes or not any(isinstance(value, classes) for value in values):
        return values
    return [_structure_or(value) if isinstance(value, classes) else value for value in values]


def structure_of_atoms(atoms: Any) -> Structure:
    """Read a crystal of ASE or phonopy that is periodic in all three directions.

    Constraints, charges, masses and velocities are not looked at, and no calculator is started. The
    site property ``magmom`` holds magnetic moments, Bohr magnetons, where there are any: those that
    an ASE calculator has computed already, failing them the initial ones. Raises CompositionError
    or UnknownElementError where it is no crystal of chemical elements.
    """
    what = f"{type(atoms).__name__} of {len(atoms)} atoms"
    if not len(atoms):
        raise CompositionError(f"expected at least one atom, got {type(atoms).__name__} with none")
    matrix = np.array(atoms.cell[:], dtype=np.float64)
    positions = np.array(atoms.positions, dtype=np.float64)
    if not (np.isfinite(matrix).all() and np.isfinite(positions).all()):
        raise CompositionError(
            f"expected finite positions and cell vectors, got {what} with NaN or infinity: correct "
            "them"
        )
    if abs(np.linalg.det(matrix)) <= _FLAT * np.prod(np.linalg.norm(matrix, axis=1)):
        raise CompositionError(
            f"expected a crystal, got {what} without three cell vectors that span a volume: set "
            "cell and pbc if it is one, or give the formula; the models do not know molecules and "
            "layers"
        )
    pbc = [bool(periodic) for periodic in getattr(atoms, "pbc", (True, True, True))]
    if not all(pbc):
        raise CompositionError(
            f"expected a crystal, periodic in all three directions, got {what} with pbc {pbc}: set "
            "pbc = True if it is one, or give the formula; the models do not know molecules and "
            "layers"
        )
    if _has_mixed_sites(atoms):
        raise CompositionError(
            f"expected one whole atom a site, got {what} with sites that are partly occupied or "
            "shared: give a pymatgen Structure, such as of the CIF"
        )
    structure = Structure(
        Lattice(matrix), _symbols(atoms.numbers, what), positions, coords_are_cartesian=True
    )
    moments = _moments(atoms)
    if moments is not None:
        structure.add_site_property("magmom", moments.tolist())
    return structure


def _imported_classes() -> Iterator[type]:
    for module, name in _CLASSES.items():
        found = getattr(sys.modules.get(module), name, None)
        if isinstance(found, type):
            yield found


def _structure_or(atoms: Any) -> Any:
    try:
        return structure_of_atoms(atoms)
    except CompositionError:
        return atoms


def _symbols(numbers: NDArray[np.integer], what: str) -> list[str]:
    for number in numbers.tolist():
        if not 1 <= number <= _MOST:
            symbol = "X" if number == 0 else str(number)
            raise UnknownElementError(
                f"expected chemical elements, got {what} with the atomic number {number}"
                f"{' (X)' if number == 0 else ''}: put an element there, or take it out",
                symbol=symbol,
            )
    symbol_of = {number: Element.from_Z(number).symbol for number in set(numbers.tolist())}
    return [symbol_of[number] for number in numbers.tolist()]


def _has_mixed_sites(atoms: Any) -> bool:
    """Whether a site holds less than one atom, or several elements.

    phonopy says so itself; ASE's reader of CIF keeps the first element and notes the rest.
    """
    info = getattr(atoms, "info", None)
    noted = info.get("occupancy") if isinstance(info, Mapping) else None
    sites = noted.values() if isinstance(noted, Mapping) else ()
    return bool(getattr(atoms, "is_site_mixture", False)) or any(
        list(site.values()) != [1] for site in sites if isinstance(site, Mapping)
    )


def _moments(atoms: Any) -> NDArray[np.float64] | None:
    """Magnetic moments, one number or vector a site; None where there are none."""
    known = getattr(atoms, "magnetic_moments", None)  # phonopy
    if isinstance(getattr(atoms, "arrays", None), Mapping):  # ASE
        results = getattr(atoms.calc, "results", None)
        known = results.get("magmoms") if isinstance(results, Mapping) else None
        if known is None:
            known = atoms.arrays.get("initial_magmoms")
    if known is None:
        return None
    moments = np.asarray(known, dtype=np.float64)
    return moments if len(moments) == len(atoms) else None
