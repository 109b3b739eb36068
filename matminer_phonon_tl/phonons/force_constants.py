"""Phonons at any wave vector, from the force constants that phonopy holds."""

import warnings
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import DataWarning, PhononDocumentError
from matminer_phonon_tl.phonons.bands import PhononBands
from matminer_phonon_tl.phonons.density import PhononDensity
from matminer_phonon_tl.phonons.documents import doubt_of_lengths

if TYPE_CHECKING:
    from pymatgen.core import Structure

FINE_MESH, COARSE_MESH = 45.0, 36.0
"""Angstrom. A mesh divides each reciprocal lattice vector so that its wave vectors lie as far apart
as those of a crystal of this edge length: the fine one in cells of up to 8 atoms, the coarse one in
larger cells, whose branches are flatter."""

_FEW_ATOMS = 8

_LEAST_DIVISIONS = 4
_DENSITY_POINTS = 500
_SAME_DIRECTION = 1e-8  # 1 - cos of the angle between two directions
_LEBEDEV_ORDER = 17  # 110 points on the sphere, 55 on half of it
_SMALLEST_WAVE_VECTOR = 0.03
"""Length of the shortest wave vectors next to Gamma, in units of half the shortest reciprocal
lattice vector."""


@dataclass(frozen=True, eq=False)
class PhononMesh:
    """Phonons on a mesh of wave vectors that holds Gamma and the zone boundary."""

    bands: PhononBands
    """Frequencies (THz) at the wave vectors that symmetry leaves different."""
    weights: NDArray[np.float64]
    """Share of the zone that each of them stands for; their sum is 1; shape (n_q,)."""


class ForceConstantPhonons:
    """Harmonic phonons of a crystal whose force constants are known.

    Parameters
    ----------
    phonon : phonopy.Phonopy
        With force constants; where the crystal is polar, with Born charges too. Without them its
        longitudinal optical branches lie too low.

    Raises
    ------
    PhononDocumentError
        There are no force constants, or some number is not finite.

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
        charges = phonon.nac_params or {}
        numbers = [phonon.force_constants, phonon.primitive.cell, phonon.primitive.scaled_positions]
        numbers += [charges[name] for name in ("born", "dielectric") if name in charges]
        if not all(np.isfinite(array).all() for array in numbers):
            raise PhononDocumentError(
                "expected finite force constants, Born charges and cell, got NaN or infinity; the "
                "calculation is corrupt"
            )
        self.phonon = phonon
        self._meshes: dict[float, PhononMesh] = {}

    @cached_property
    def structure(self) -> "Structure":
        """The primitive cell, whose wave vectors are meant everywhere.

        Warns where the distances between its atoms are those of no crystal.
        """
        from pymatgen.core import Structure

        cell = self.phonon.primitive
        structure = Structure(self._lattice, cell.symbols, cell.scaled_positions)
        if doubt := doubt_of_lengths(structure):
            warnings.warn(
                f"{doubt}: check the cell, and that {self._units.length_unit} is its unit of "
                "length, else speeds of sound are wrong; phonopy takes the unit from the name of "
                "the force calculator (calculator='qe')",
                DataWarning,
                stacklevel=2,
            )
        return structure

    @cached_property
    def reciprocal_matrix(self) -> NDArray[np.float64]:
        """Reciprocal lattice vectors as rows, 1/Angstrom, including the factor 2 pi."""
        return np.asarray(2.0 * np.pi * np.linalg.inv(self._lattice).T, dtype=np.float64)

    @cached_property
    def _lattice(self) -> NDArray[np.float64]:
        """Lattice vectors of the primitive cell in Angstrom, whatever the force calculator uses."""
        return np.asarray(self.phonon.primitive.cell) * self._units.distance_to_A

    @cached_property
    def _units(self) -> Any:
        """Units of the force calculator: lengths, and the factor that gives THz."""
        from phonopy.interface.calculator import get_calculator_physical_units

        return get_calculator_physical_units(self.phonon.calculator)

    @property
    def _to_thz(self) -> float:
        """What makes THz of phonopy's frequencies, whose factor may give another unit."""
        return float(self._units.factor / self.phonon.unit_conversion_factor)

    def at(self, q_fractional: NDArray[np.float64]) -> PhononBands:
        """Compute the phonons at wave vectors in units of the primitive reciprocal lattice."""
        self.phonon.run_qpoints(q_fractional)
        frequencies = np.asarray(self.phonon.qpoints.frequencies)
        return self._bands(q_fractional, frequencies)

    def mesh(self, length: float | None = None) -> PhononMesh:
        """Compute the phonons on a mesh centred at Gamma, of an even number of divisions.

        Doubling ``length``, Angstrom, makes the mesh twice as fine along each axis. Default:
        :data:`FINE_MESH` for up to 8 atoms in the primitive cell, :data:`COARSE_MESH` beyond.
        """
        if length is not None and not 0.0 < length < np.inf:
            raise ValueError(f"expected a length above 0 Angstrom, got {length!r}; pass it so")
        if length is None:
            length = FINE_MESH if len(self.phonon.primitive) <= _FEW_ATOMS else COARSE_MESH
        if length not in self._meshes:
            self.phonon.run_mesh(self._divisions(length), is_gamma_center=True)
            mesh = self.phonon.mesh
            weights = np.asarray(mesh.weights, dtype=float)
            bands = self._bands(np.asarray(mesh.qpoints), np.asarray(mesh.frequencies))
            self._meshes[length] = PhononMesh(bands, weights / weights.sum())
        return self._meshes[length]

    def density(self) -> PhononDensity:
        """Compute the density of states of the default mesh by the tetrahedron method."""
        self.mesh()
        factor = self._to_thz
        highest = float(np.max(self.phonon.mesh.frequencies))
        self.phonon.run_total_dos(freq_pitch=max(highest, 1e-3) / _DENSITY_POINTS)
        total = self.phonon.total_dos
        grid = np.asarray(total.frequency_points) * factor
        states = np.asarray(total.dos) / factor
        below = float(np.trapezoid(np.where(grid < 0.0, states, 0.0), grid))
        return PhononDensity(
            frequencies=grid,
            densities=states,
            n_atoms=len(self.structure),
            structure=self.structure,
            imaginary_fraction=below / (3.0 * len(self.structure)),
        )

    def around_gamma(
        self, directions: NDArray[np.float64], n_lengths: int = 1
    ) -> tuple[PhononBands, NDArray[np.float64]]:
        """Compute the phonons next to Gamma, where polar branches depend on the direction.

        ``n_lengths`` wave vectors lie at equal steps along each of ``directions``, Cartesian unit
        vectors of shape (n_directions, 3). Returns the bands, the shortest wave vector first along
        each direction, and the lengths of shape (n_lengths,), 1/Angstrom.
        """
        shortest = np.linalg.norm(self.reciprocal_matrix, axis=1).min()
        lengths = _SMALLEST_WAVE_VECTOR * shortest / 2.0 * np.arange(1, n_lengths + 1)
        cartesian = (directions[:, None, :] * lengths[None, :, None]).reshape(-1, 3)
        return self.at(cartesian @ np.linalg.inv(self.reciprocal_matrix)), lengths

    def orbits(self, directions: NDArray[np.float64]) -> NDArray[np.intp]:
        """Tell which directions, Cartesian unit vectors, symmetry makes equal.

        Returns for each the index of the first that is equal to it by an operation of the point
        group or by inversion.
        """
        lattice = self._lattice.T  # columns
        rotations = np.asarray(self.phonon.primitive_symmetry.pointgroup_operations)
        cartesian = lattice @ rotations @ np.linalg.inv(lattice)
        images = np.einsum("rij,dj->rdi", cartesian, directions)
        overlap = np.abs(np.einsum("rdi,ei->rde", images, directions)).max(axis=0)
        return np.argmax(overlap > 1.0 - _SAME_DIRECTION, axis=1)

    def _bands(
        self, q_fractional: NDArray[np.float64], frequencies: NDArray[np.float64]
    ) -> PhononBands:
        return PhononBands(
            frequencies=np.sort(frequencies, axis=1).T * self._to_thz,
            q_fractional=q_fractional,
            reciprocal_matrix=self.reciprocal_matrix,
            labels={},
            structure=self.structure,
            from_force_constants=True,
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


@cache
def hemisphere() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return directions over which a mean is taken, by Lebedev's quadrature, and weights.

    Unit vectors of shape (55, 3), one of each opposite pair of the 110 points; the weights' sum is
    1.
    """
    from scipy.integrate import lebedev_rule

    points, weights = lebedev_rule(_LEBEDEV_ORDER)
    directions = points.T
    first = directions[:, 2] + 1e-3 * directions[:, 1] + 1e-6 * directions[:, 0] > 0.0
    return directions[first], weights[first] / weights[first].sum()
