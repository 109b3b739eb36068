"""What reading band structures and densities of states has in common.

Accepted are pymatgen's phonon classes, their dictionaries (as the Materials Project stores them,
old ones too, whose structures name classes that need not be installed) and emmet's ``PhononBS``
and ``PhononDOS``. Everything is checked once, at reading, so that the properties need not.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import PhononDocumentError

if TYPE_CHECKING:
    from pymatgen.core import Structure

_FARTHEST = 1e3
"""Fractional coordinates, of atoms some cells away."""
_LONGEST_BOND = 1.4
"""Shortest distance in a crystal over the sum of covalent radii: at most 1.32 in the crystals of
the Kyoto database but for rare gases, and 1.9 times as much where bohr are taken for Angstrom."""
_SHORTEST_BOND = 0.55
"""The same distance is 0.64 at least in the crystals of both sets, and half as much where Angstrom
are taken for bohr."""
_MOST_PAIRS = 5e7
"""Pairs of atoms that are looked at for bonds; a document may hold any cell."""
_DENSEST, _THINNEST = 0.1, 1e5
"""Angstrom^3 an atom, beyond any crystal and any slab in vacuum."""


def one_structure(stored: Any, given: "Structure | None") -> "Structure | None":
    """Return the document's structure, an object or a dictionary, or the caller's.

    Raises PhononDocumentError where one cannot be read or is no crystal's, or the two are of
    different composition.
    """
    from pymatgen.core import Structure

    if isinstance(stored, Mapping):
        try:
            # from_dict ignores @module, so documents that name abipy's class can be read
            stored = Structure.from_dict(dict(stored))
        except Exception as error:  # whatever pymatgen trips over in a strange document
            raise PhononDocumentError(
                f"expected a pymatgen structure in the document, got one that cannot be read "
                f"({type(error).__name__}: {error}); pass a document with a valid structure"
            ) from error
    if stored is not None and not isinstance(stored, Structure):
        raise PhononDocumentError(
            f"expected a pymatgen structure in the document, got {type(stored).__name__}; "
            "pass a document with a valid structure"
        )
    for structure in (stored, given):
        if structure is not None:
            _check_cell(structure)
    if given is not None and stored is not None and given.composition != stored.composition:
        raise PhononDocumentError(
            f"expected the structure of the document ({stored.formula}), got {given.formula}; "
            "pass the cell that the phonons were computed in"
        )
    return stored if stored is not None else given


def _check_cell(structure: "Structure") -> None:
    """Refuse what no crystal is: libraries that look for symmetry crash on it."""
    lattice, coordinates = structure.lattice.matrix, structure.frac_coords
    if (
        not len(structure)
        or not np.isfinite(lattice).all()
        or not (np.abs(coordinates) < _FARTHEST).all()  # False for NaN too
        or not _DENSEST < structure.volume / len(structure) < _THINNEST
    ):
        raise PhononDocumentError(
            "expected the cell of a crystal in the document, got one with coordinates or a volume "
            "that none has; the document is corrupt"
        )


def doubt_of_lengths(structure: "Structure") -> str:
    """Say what is wrong with the distances between a crystal's atoms; empty where nothing is.

    Too far from each other, their lengths are probably in bohr; too near, they were in Angstrom and
    were taken for bohr. A crystal passes if it holds a rare gas or an element whose radius nobody
    knows, is disordered, or has a cell too large or too flat to look at. Radii: B. Cordero et al.,
    Dalton Trans. 2832 (2008), doi:10.1039/b801115j.
    """
    from pymatgen.analysis.molecule_structure_comparator import CovalentRadius

    if not structure.is_ordered:
        return ""
    elements = [site.specie for site in structure]
    radii = np.array([CovalentRadius.radius.get(element.symbol, np.nan) for element in elements])
    if np.isnan(radii).any() or any(element.is_noble_gas for element in elements):
        return ""
    reach = 2.0 * _LONGEST_BOND * radii.max()
    heights = 1.0 / np.linalg.norm(structure.lattice.inv_matrix, axis=0)
    images = np.prod(2.0 * np.ceil(reach / heights) + 1.0)
    if not images * len(structure) ** 2 <= _MOST_PAIRS:  # NaN too: a cell that no crystal has
        return ""
    first, second, _, distances = structure.get_neighbor_list(reach)
    nearest = np.min(distances / (radii[first] + radii[second]), initial=np.inf)
    formula = structure.reduced_formula
    if nearest > _LONGEST_BOND:
        return f"no two atoms of {formula} are as near to each other as bonds are long"
    if nearest < _SHORTEST_BOND:
        return f"atoms of {formula} are nearer to each other than in any crystal"
    return ""


def empty_width(structure: "Structure") -> float:
    """Return how wide the widest slab of a crystal is that has no atom and no end, Angstrom.

    It lies between two lattice planes, as the vacuum about a layer does.
    """
    heights = 1.0 / np.linalg.norm(structure.lattice.inv_matrix, axis=0)
    places = np.sort(structure.frac_coords % 1.0, axis=0)
    between = np.diff(places, axis=0, append=places[:1] + 1.0)
    return float((heights * between.max(axis=0)).max())


def finite_array(values: Any, name: str, ndim: int) -> NDArray[np.float64]:
    """Return a document's values, called ``name``, as an array of finite numbers, or raise."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise PhononDocumentError(
            f"expected {name} as a {ndim}-dimensional array of numbers, got something that is "
            f"none ({error}); the document is corrupt"
        ) from error
    if array.ndim != ndim or array.size == 0:
        raise PhononDocumentError(
            f"expected {name} as a {ndim}-dimensional array, got shape {array.shape}; "
            "the document is corrupt"
        )
    if not np.isfinite(array).all():
        raise PhononDocumentError(
            f"expected finite {name}, got {int((~np.isfinite(array)).sum())} that are NaN or "
            "infinite; the document is corrupt"
        )
    return array
