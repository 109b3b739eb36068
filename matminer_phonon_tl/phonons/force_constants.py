"""Phonons at any wave vector, from the force constants that phonopy holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import PhononDocumentError
from matminer_phonon_tl.phonons.bands import PhononBands

if TYPE_CHECKING:
    from pymatgen.core import Structure

MESH_LENGTH = 45.0
"""Angstrom. A mesh divides each reciprocal lattice vector so that its wave vectors lie as far apart
as those of a crystal of this edge length."""

_LEAST_DIVISIONS = 4
_SMALLEST_WAVE_VECTOR = 0.03
"""Length of the shortest wave vectors next to Gamma, in units of half the shortest reciprocal
lattice vector."""


@dataclass(frozen=True, eq=False)
class PhononMesh:
    """Phonons on a mesh of wave vectors that holds Gamma and the zone boundary.

    Attributes
    ----------
    bands : PhononBands
        Frequencies (THz) at the wave vectors that symmetry leaves different.
    weights : ndarray of shape (n_q,)
        Share of the zone that each of them stands for; their sum is 1.
    """

    bands: PhononBands
    weights: NDArray[np.float64]


class ForceConstantPhonons:
    """Harmonic phonons of a crystal whose force constants are known.

    Parameters
    ----------
    phonon : phonopy.Phonopy
        With force constants; with Born charges too where the crystal is polar, or the
        longitudinal optical branches lie too low.

    Raises
    ------
    PhononDocumentError
        There are no force constants.

    References
    ----------
    A. Togo and I. Tanaka, Scr. Mater. 108, 1 (2015), doi:10.1016/j.scriptamat.2015.07.021;
    X. Gonze and C. Lee, Phys. Rev. B 55, 10355 (1997), doi:10.1103/PhysRevB.55.10355 (polar
    crystals).
    """

    def __init__(self, phonon: Any) -> None:
        if phonon.force_constants is None:
            raise PhononDocumentError(
                "expected a phonopy calculation with force constants, got one without; call "
                "its produce_force_constants() first"
            )
        self.phonon = phonon

    @cached_property
    def structure(self) -> "Structure":
        """The primitive cell, whose wave vectors are meant everywhere."""
        from pymatgen.core import Structure

        cell = self.phonon.primitive
        return Structure(cell.cell, cell.symbols, cell.scaled_positions)

    @cached_property
    def reciprocal_matrix(self) -> NDArray[np.float64]:
        """Reciprocal lattice vectors as rows, 1/Angstrom, including the factor 2 pi."""
        return 2.0 * np.pi * np.linalg.inv(self.phonon.primitive.cell).T

    def at(self, q_fractional: NDArray[np.float64]) -> PhononBands:
        """Compute the phonons at wave vectors.

        Parameters
        ----------
        q_fractional : ndarray of shape (n_q, 3)
            In units of the reciprocal lattice vectors of the primitive cell.

        Returns
        -------
        PhononBands
            Frequencies in THz.
        """
        self.phonon.run_qpoints(q_fractional)
        frequencies = np.asarray(self.phonon.get_qpoints_dict()["frequencies"])
        return self._bands(q_fractional, frequencies)

    def mesh(self, length: float = MESH_LENGTH) -> PhononMesh:
        """Compute the phonons on a mesh centred at Gamma, of an even number of divisions.

        Parameters
        ----------
        length : float, default 45
            Angstrom; twice as long a one gives a mesh twice as fine along each axis.

        Returns
        -------
        PhononMesh
            Frequencies and weights.
        """
        self.phonon.run_mesh(self._divisions(length), is_gamma_center=True)
        mesh = self.phonon.get_mesh_dict()
        weights = np.asarray(mesh["weights"], dtype=float)
        bands = self._bands(np.asarray(mesh["qpoints"]), np.asarray(mesh["frequencies"]))
        return PhononMesh(bands, weights / weights.sum())

    def around_gamma(
        self, directions: NDArray[np.float64], n_lengths: int = 1
    ) -> tuple[PhononBands, NDArray[np.float64]]:
        """Compute the phonons next to Gamma, where polar branches depend on the direction.

        Parameters
        ----------
        directions : ndarray of shape (n_directions, 3)
            Cartesian unit vectors.
        n_lengths : int, default 1
            Wave vectors along each direction, at equal steps from Gamma.

        Returns
        -------
        PhononBands
            Wave vectors in the order of the directions, the shortest first along each.
        ndarray of shape (n_lengths,)
            Lengths of the wave vectors along each direction, 1/Angstrom.
        """
        shortest = np.linalg.norm(self.reciprocal_matrix, axis=1).min()
        lengths = _SMALLEST_WAVE_VECTOR * shortest / 2.0 * np.arange(1, n_lengths + 1)
        cartesian = (directions[:, None, :] * lengths[None, :, None]).reshape(-1, 3)
        return self.at(cartesian @ np.linalg.inv(self.reciprocal_matrix)), lengths

    def _bands(
        self, q_fractional: NDArray[np.float64], frequencies: NDArray[np.float64]
    ) -> PhononBands:
        return PhononBands(
            frequencies=np.sort(frequencies, axis=1).T,
            q_fractional=q_fractional,
            q_cartesian=q_fractional @ self.reciprocal_matrix,
            reciprocal_matrix=self.reciprocal_matrix,
            labels={},
            structure=self.structure,
        )

    def _divisions(self, length: float) -> list[int]:
        """Return into how many parts each reciprocal lattice vector is divided.

        The numbers are even, so that the zone boundary is met, and alike where a symmetry
        operation turns one vector into another.
        """
        sizes = np.linalg.norm(self.reciprocal_matrix, axis=1) * length / (2.0 * np.pi)
        divisions = np.maximum(_LEAST_DIVISIONS, 2 * np.ceil(sizes / 2.0).astype(int))
        rotations = np.asarray(self.phonon.primitive_symmetry.pointgroup_operations)
        mixed = np.any(rotations != 0, axis=0)
        mixed |= mixed.T
        for _ in range(2):  # a chain of three vectors takes two steps
            divisions = np.array([divisions[row].max() for row in mixed])
        return [int(n) for n in divisions]


def force_constant_phonons(source: Any) -> ForceConstantPhonons | None:
    """Return the phonons of a source that holds force constants, or None for any other.

    Parameters
    ----------
    source : object
        A ``phonopy.Phonopy``, the dictionary that matcalc's ``PhononCalc`` returns, which has
        one under ``phonon``, or anything else.

    Returns
    -------
    ForceConstantPhonons or None
        The phonons, if there are any.
    """
    if isinstance(source, ForceConstantPhonons):
        return source
    if isinstance(source, Mapping):
        source = source.get("phonon")
    if hasattr(source, "force_constants") and hasattr(source, "run_qpoints"):
        return ForceConstantPhonons(source)
    return None
