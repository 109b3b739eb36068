"""One phonon calculation as it was read: force constants, bands along lines, a mesh, a density."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from matminer_phonon_tl.exceptions import PhononDocumentError, PhononTLError
from matminer_phonon_tl.phonons.bands import PhononBands, joined_bands, read_bands
from matminer_phonon_tl.phonons.density import PhononDensity, read_dos, warn_of_other_bands
from matminer_phonon_tl.phonons.force_constants import (
    ForceConstantPhonons,
    PhononMesh,
    hemisphere,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(eq=False)
class PhononCalculation:
    """What is known of the phonons of one crystal.

    Documents are read and checked when they are first asked for, so that a corrupt density does not
    stand in the way of a gap.
    """

    force_constants: ForceConstantPhonons | None = None
    """Phonons at any wave vector; where there are any, nothing else is asked."""
    bands_document: Any = None
    """Bands along lines: PhononBands, PhononBandStructure, dict, emmet.core.phonon.PhononBS or
    None."""
    mesh_document: PhononMesh | None = None
    """Bands on a mesh of the whole zone."""
    dos_document: Any = None
    """Density of states: PhononDos, dict, emmet.core.phonon.PhononDOS or None."""
    unit: str | None = None
    """Unit of the documents' frequencies, where it is stated."""
    given_structure: "Structure | None" = None
    """The crystal, for documents without one."""
    name: str = ""
    """What to call the calculation."""
    material_id: str | None = None
    """The material's id, where the document has one."""
    source: str = ""
    """What the phonons are read from: files, or the kind of object."""
    units: str = ""
    """Units of the source, where its format states them."""
    files: tuple[str, ...] = ()
    """Names of the files in the folder that was read."""

    @cached_property
    def bands(self) -> PhononBands | None:
        """Bands along lines, THz."""
        if self.bands_document is None or isinstance(self.bands_document, PhononBands):
            return self.bands_document
        return read_bands(self.bands_document, unit=self.unit, structure=self.given_structure)

    @cached_property
    def density(self) -> PhononDensity | None:
        """Density of states, states per THz."""
        if self.dos_document is None:
            return None
        structure = self.given_structure
        if structure is None and self.bands_document is not None and self.bands is not None:
            structure = self.bands.structure
        found = read_dos(self.dos_document, unit=self.unit, structure=structure)
        if self.bands_document is not None:
            with suppress(PhononTLError):  # what is wrong with the bands, they say themselves
                warn_of_other_bands(found, float(np.max(self.zone.frequencies)))
        return found

    @cached_property
    def mesh(self) -> PhononMesh | None:
        """Phonons on a mesh of the whole zone, computed or read."""
        return self.force_constants.mesh() if self.force_constants else self.mesh_document

    @cached_property
    def structure(self) -> "Structure | None":
        """The crystal in the cell of the phonons."""
        if self.force_constants is not None:
            return self.force_constants.structure
        if self.given_structure is not None:
            return self.given_structure
        if self.mesh is not None:
            return self.mesh.bands.structure
        found = self.bands if self.bands_document is not None else self.density
        return None if found is None else found.structure

    @cached_property
    def zone(self) -> PhononBands:
        """All bands that are known.

        From force constants, those on a mesh and next to Gamma in the directions of
        :func:`~matminer_phonon_tl.phonons.force_constants.hemisphere`, where the longitudinal
        branches of polar crystals are highest.
        """
        if self.force_constants is not None:
            directions, _ = hemisphere()
            distinct = directions[np.unique(self.force_constants.orbits(directions))]
            around_gamma, _ = self.force_constants.around_gamma(distinct)
            return joined_bands(self.force_constants.mesh().bands, around_gamma)
        mesh = None if self.mesh is None else self.mesh.bands
        parts = [part for part in (mesh, self.bands) if part is not None]
        if not parts:
            raise PhononDocumentError(
                "expected force constants or a phonon band structure, got a density of states "
                "alone; pass the bands"
            )
        return joined_bands(*parts)

    def require_force_constants(self) -> ForceConstantPhonons:
        """Return the force constants, or raise PhononDocumentError."""
        if self.force_constants is None:
            raise PhononDocumentError(
                f"expected force constants, got {self.source}, which holds none; pass a "
                "phonopy.Phonopy, or the folder of a phonopy calculation with its forces"
            )
        return self.force_constants

    def require_structure(self) -> "Structure":
        """Return the crystal in the cell of the phonons, or raise PhononDocumentError."""
        if self.structure is None:
            raise PhononDocumentError(
                f"expected a structure in {self.source}, found none; pass structure="
            )
        return self.structure
