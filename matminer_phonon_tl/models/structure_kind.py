"""What kind of crystal a structure is, and what in it no model of bulk crystals can know."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.featurizers.lattice_dynamics import mean_bond
from matminer_phonon_tl.featurizers.spring_model import site_means

BOND = 1.35
"""Atoms within this many sums of their covalent radii (Cordero) are bonded."""
CONTACT = 1.4
"""Atoms within this many sums of their van der Waals radii (Alvarez) touch. One material of the two
shipped sets needs more than 1.3 to hang together, a MoSe2 relaxed without dispersion forces."""
PLAUSIBLE_BONDS = (0.7, 1.4)
"""Mean bonds, in sums of covalent radii, of crystals that the models may know: those of the two
shipped sets have 0.79 (UF6) to 1.36 (TlCl), but solid argon 1.88."""
STRONG_MOMENT = 0.5
"""Bohr magnetons on a site from which a crystal counts as strongly magnetic."""
MAY_BE_MAGNETIC = frozenset({"V", "Cr", "Mn", "Fe", "Co", "Ni", "U", "Np", "Pu"})
"""Elements whose open d or f shell often has a moment; as in the column of ``phonondb_kyoto``."""

_IN_VACUUM = {2: "a layer in vacuum", 1: "a chain in vacuum", 0: "a molecule in vacuum"}
_BULK_ONLY = "the models know bulk crystals, and the vacuum changes what they say"
_MOLECULAR = (
    "molecules or complex ions that no bonds connect: the models know little of such crystals"
)
_DISORDERED = "sites are partly occupied or shared: each is described by its average"
_NO_SPIN = "the models know nothing of spin"


class StructureKind(NamedTuple):
    """Kind of a crystal.

    Examples
    --------
    >>> from pymatgen.core import Lattice
    >>> layer = Structure(Lattice.hexagonal(2.5, 20), ["B", "N"], [[0] * 3, [1 / 3, 2 / 3, 0]])
    >>> structure_kind(layer).words()
    ['a layer in vacuum: the models know bulk crystals, and the vacuum changes what they say']
    """

    bonded: int
    """Number of directions in which bonds go on without end: 3 in most crystals, 2 in layered ones,
    1 in chains, 0 in molecules."""
    in_contact: int
    """The same of van der Waals contacts: less than 3 where there is vacuum."""
    is_molecular: bool
    """Whether it consists of molecules or complex ions; a lone metal ion makes it a salt."""
    is_ordered: bool
    moment: float | None
    """Largest magnetic moment on a site, Bohr magnetons; None where none are given."""
    bond: float
    """Mean over the atoms of the shortest distance in sums of covalent radii."""

    def words(self) -> list[str]:
        """Say what no model of ordered, unmagnetic bulk crystals can know; empty for those."""
        said = []
        if self.in_contact < 3:
            said.append(f"{_IN_VACUUM[self.in_contact]}: {_BULK_ONLY}")
        elif self.is_molecular:
            said.append(_MOLECULAR)
        if not self.is_ordered:
            said.append(_DISORDERED)
        if self.moment is not None and self.moment >= STRONG_MOMENT:
            said.append(f"magnetic (moments of up to {self.moment:.2g} Bohr magnetons): {_NO_SPIN}")
        is_likely = PLAUSIBLE_BONDS[0] <= self.bond <= PLAUSIBLE_BONDS[1]
        if self.in_contact == 3 and not self.is_molecular and not is_likely:
            said.append(
                f"bonds {self.bond:.2g} times as long as covalent radii say: relax the structure"
            )
        return said


def structure_kind(structure: Structure, bond: float | None = None) -> StructureKind:
    """Find what kind of crystal a structure of elements of the table is.

    The primitive cell is the fastest to look at; ``bond`` is its mean bond, where that is known.
    Radii: B. Cordero et al., Dalton Trans. 2832 (2008), doi:10.1039/b801115j; S. Alvarez, Dalton
    Trans. 42, 8617 (2013), doi:10.1039/c3dt50599e.
    Counting directions: P. M. Larsen et al., Phys. Rev. Mater. 3, 034003 (2019).
    """
    units = _connected(structure, BOND, "covalent_radius_cordero")
    bonded = max(unit.directions for unit in units)
    in_contact, is_molecular = 3, False
    if bonded < 3:
        touching = _connected(structure, CONTACT, "vdw_radius_alvarez")
        in_contact = max(unit.directions for unit in touching)
        is_molecular = bonded == 0 and not any(
            len(unit.sites) == 1 and structure[unit.sites[0]].species.elements[0].is_metal
            for unit in units
        )
    return StructureKind(
        bonded,
        in_contact,
        is_molecular,
        structure.is_ordered,
        _largest_moment(structure),
        round(mean_bond(structure) if bond is None else bond, 6),
    )


def may_be_magnetic(symbols: Iterable[str]) -> str:
    """Say that elements, one or more of :data:`MAY_BE_MAGNETIC`, may make a compound magnetic."""
    return f"may be magnetic ({', '.join(symbols)}): {_NO_SPIN}"


class _Unit(NamedTuple):
    """Sites that are connected, directly or by way of others."""

    sites: list[int]
    directions: int
    """In how many independent directions it goes on without end."""


def _connected(structure: Structure, factor: float, radius: str) -> list[_Unit]:
    """Group the sites of a cell by which are within some sums of their radii.

    A walk over neighbours gives each site a place, cell by cell. Where it meets a site again at
    another place, the difference is a lattice vector along which the unit goes on.
    """
    reach = (
        factor / 100 * site_means(structure, ElementTable.shipped().column(radius)[:, None])[:, 0]
    )
    site, other, image, distance = structure.get_neighbor_list(2 * reach.max())
    near = distance < reach[site] + reach[other]
    order = np.flatnonzero(near)[np.argsort(site[near], kind="stable")]
    first = np.searchsorted(site[order], np.arange(len(structure) + 1)).tolist()
    others = other[order].tolist()
    steps = list(map(tuple, image[order].astype(int).tolist()))
    units = []
    place: dict[int, tuple[int, int, int]] = {}
    for start in range(len(structure)):
        if start in place:
            continue
        place[start] = (0, 0, 0)
        sites, vectors = [start], set()
        for here in sites:  # grows while it is walked
            a, b, c = place[here]
            for edge in range(first[here], first[here + 1]):
                there, (i, j, k) = others[edge], steps[edge]
                found = (a + i, b + j, c + k)
                known = place.setdefault(there, found)
                if known is found:
                    sites.append(there)
                elif known != found:
                    vectors.add(tuple(np.subtract(found, known).tolist()))
        units.append(_Unit(sites, _rank(vectors)))
    return units


def _rank(vectors: set[tuple[int, ...]]) -> int:
    matrix: NDArray[np.int64] = np.array(sorted(vectors)).reshape(-1, 3)
    return int(np.linalg.matrix_rank(matrix)) if len(matrix) else 0


def _largest_moment(structure: Structure) -> float | None:
    """Return the largest moment among site properties and spins; vectors count by their length."""
    moments = [site.properties.get("magmom") for site in structure]
    moments += [getattr(kind, "spin", None) for site in structure for kind in site.species]
    sizes = [
        float(np.linalg.norm(np.asarray(getattr(moment, "moment", moment), dtype=np.float64)))
        for moment in moments
        if moment is not None
    ]
    return max(sizes, default=None)
