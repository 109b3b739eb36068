"""Phonon bands in THz and 1/Angstrom, read from any common form of document."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import DataWarning, PhononDocumentError
from matminer_phonon_tl.phonons.documents import doubt_of_lengths, finite_array, one_structure
from matminer_phonon_tl.phonons.frequencies import establish_unit, unit_in_thz

if TYPE_CHECKING:
    from pymatgen.core import Structure

_VOLUME_PER_ATOM = (2.0, 400.0)  # Angstrom^3: diamond has 5.7, solid caesium 117
_SYMPREC = 0.01
_JUMP = 3.0


@dataclass(frozen=True, eq=False)
class PhononBands:
    """Phonon bands in fixed units."""

    frequencies: NDArray[np.float64]
    """THz, ascending at each wave vector; imaginary ones negative; shape (n_branches, n_q)."""
    q_fractional: NDArray[np.float64]
    """Wave vectors in units of the reciprocal lattice vectors; shape (n_q, 3)."""
    reciprocal_matrix: NDArray[np.float64]
    """Reciprocal lattice vectors as rows, 1/Angstrom, including the factor 2 pi; shape (3, 3)."""
    labels: dict[str, NDArray[np.float64]]
    """Wave vector of each special point that has a name, shape (3,)."""
    structure: "Structure | None"
    """The crystal."""
    from_force_constants: bool = False
    """Whether they are interpolated by the force constants of a finite supercell."""
    document_unit: str = "THz"
    """Unit of the frequencies in the document that was read."""

    @property
    def q_cartesian(self) -> NDArray[np.float64]:
        """Wave vectors in 1/Angstrom, including the factor 2 pi, shape (n_q, 3)."""
        return self.q_fractional @ self.reciprocal_matrix

    @property
    def gamma_indices(self) -> NDArray[np.intp]:
        """Positions of the zone centre (or a copy of it) among the wave vectors."""
        return np.flatnonzero(np.all(np.abs(self._offset) < 1e-6, axis=1))

    @property
    def distance_to_gamma(self) -> NDArray[np.float64]:
        """Distance of each wave vector to the nearest zone centre, 1/Angstrom."""
        return np.asarray(np.linalg.norm(self._offset @ self.reciprocal_matrix, axis=1))

    @property
    def _offset(self) -> NDArray[np.float64]:
        return self.q_fractional - np.round(self.q_fractional)

    @property
    def jumps(self) -> NDArray[np.bool_]:
        """Whether the path jumps ("X | Gamma") between a wave vector and the next one.

        A jump is three times as long as the steps before and after it. Segments of equal numbers of
        points have steps of their own each, so that no one length holds for a document.
        """
        steps = np.linalg.norm(np.diff(self.q_cartesian, axis=0), axis=1)
        moved = np.flatnonzero(steps > 1e-9)  # a corner may stand twice in a document
        lengths = np.concatenate([[0.0], steps[moved], [0.0]])
        beside = np.maximum(lengths[:-2], lengths[2:])
        jumps = np.zeros(len(steps), dtype=bool)
        jumps[moved] = (beside > 0) & (lengths[1:-1] > _JUMP * beside)
        return jumps

    def label_of(self, q: NDArray[np.float64]) -> str | None:
        """Return the name of a special point, if it has one."""
        for name, point in self.labels.items():
            if np.allclose(point, q, atol=1e-4):
                return name.lstrip("\\")
        return None


def read_bands(
    bs: Any, *, unit: str | None = None, structure: "Structure | None" = None
) -> PhononBands:
    """Read and check a phonon band structure: bands in THz.

    The document's frequencies have the shape (n_branches, n_q). ``unit`` is their unit, established
    from the content if not given; ``structure`` is the crystal, for a document without one. Raises
    PhononDocumentError where the document is corrupt or incomplete, UnitError where its unit cannot
    be established.

    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> read_bands(diatomic_chain()).frequencies.shape
    (6, 41)
    """
    fields = _band_fields(bs)
    structure = one_structure(fields["structure"], structure)
    frequencies = finite_array(fields["bands"], "frequencies", 2)
    q = finite_array(fields["qpoints"], "wave vectors", 2)
    _check_shapes(frequencies, q, structure)
    if structure is not None and (doubt := doubt_of_lengths(structure)):
        warnings.warn(
            f"{doubt}: check that the lengths of this document are in Angstrom, not in bohr, else "
            "speeds of sound are wrong",
            DataWarning,
            stacklevel=2,
        )
    frequencies = np.sort(frequencies, axis=0)
    reciprocal = _reciprocal_matrix(fields["lattice_rec"], structure, len(frequencies) // 3)
    established = establish_unit(
        float(frequencies.max()),
        unit=unit,
        structure=structure,
        document="phonon band structure",
    )
    return PhononBands(
        frequencies=frequencies * unit_in_thz(established),
        q_fractional=q,
        reciprocal_matrix=reciprocal,
        labels=_labels(fields["labels_dict"]),
        structure=structure,
        document_unit=established,
    )


def joined_bands(first: PhononBands, *others: PhononBands) -> PhononBands:
    """Join the bands of one primitive cell at several sets of wave vectors, in the order given."""
    every = (first, *others)
    return replace(
        first,
        frequencies=np.concatenate([bands.frequencies for bands in every], axis=1),
        q_fractional=np.concatenate([bands.q_fractional for bands in every]),
    )


def is_primitive(structure: "Structure") -> tuple[bool, int]:
    """Return whether a cell is primitive, and the number of atoms of the primitive cell.

    Symmetry is searched with a tolerance of 0.01 Angstrom.

    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> is_primitive(diatomic_chain().structure)
    (True, 2)
    """
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    primitive = SpacegroupAnalyzer(structure, symprec=_SYMPREC).find_primitive()
    n_primitive = len(structure) if primitive is None else len(primitive)
    return n_primitive == len(structure), n_primitive


def _band_fields(bs: Any) -> dict[str, Any]:
    """Return the parts of a band structure document under one set of names."""
    if hasattr(bs, "to_pmg"):
        bs = bs.to_pmg
    if isinstance(bs, Mapping):
        bands = bs.get("bands", bs.get("frequencies"))
        lattice = bs.get("lattice_rec", bs.get("reciprocal_lattice"))
        if isinstance(lattice, Mapping):
            lattice = lattice.get("matrix")
        found = {"bands": bands, "qpoints": bs.get("qpoints"), "lattice_rec": lattice}
        if missing := [name for name, value in found.items() if value is None]:
            raise PhononDocumentError(
                f"expected a band structure with bands, qpoints and lattice_rec, got a document "
                f"without {', '.join(missing)}; it is truncated or of another kind"
            )
        found["labels_dict"] = bs.get("labels_dict") or {}
        found["structure"] = bs.get("structure")
        return found
    if not all(hasattr(bs, name) for name in ("bands", "qpoints", "lattice_rec")):
        raise PhononDocumentError(
            "expected a pymatgen PhononBandStructure, its dictionary or an emmet PhononBS, got "
            f"{type(bs).__name__}; convert it first"
        )
    return {
        "bands": bs.bands,
        "qpoints": [q.frac_coords for q in bs.qpoints],
        "lattice_rec": bs.lattice_rec.matrix,
        "labels_dict": {name: q.frac_coords for name, q in (bs.labels_dict or {}).items()},
        "structure": getattr(bs, "structure", None),
    }


def _labels(given: Any) -> dict[str, NDArray[np.float64]]:
    """Return the wave vectors that have names."""
    if not isinstance(given, Mapping):
        raise PhononDocumentError(
            f"expected labels_dict as names with wave vectors, got {type(given).__name__}; "
            "the document is corrupt"
        )
    labels = {str(name): finite_array(q, "wave vectors with names", 1) for name, q in given.items()}
    if any(q.shape != (3,) for q in labels.values()):
        raise PhononDocumentError(
            "expected three components of each wave vector with a name, got another number; "
            "the document is corrupt"
        )
    return labels


def _check_shapes(
    frequencies: NDArray[np.float64], q: NDArray[np.float64], structure: "Structure | None"
) -> None:
    """Raise unless there are three branches an atom and one column a wave vector."""
    n_branches, n_q = frequencies.shape
    if q.shape != (n_q, 3):
        hint = (
            "transpose the frequencies to (n_branches, n_q)"
            if len(q) == n_branches
            else "the document is truncated"
        )
        raise PhononDocumentError(
            f"expected one column of frequencies for each wave vector, got frequencies of shape "
            f"{frequencies.shape} and wave vectors of shape {q.shape}; {hint}"
        )
    expected = 3 * len(structure) if structure is not None else None
    if n_branches % 3 or (expected is not None and n_branches != expected):
        wanted = f"{expected} branches ({structure.formula})" if structure else "3 per atom"
        raise PhononDocumentError(
            f"expected {wanted}, got {n_branches} branches; the document is truncated or the "
            "structure is not its cell"
        )


def _reciprocal_matrix(
    lattice_rec: Any, structure: "Structure | None", n_atoms: int
) -> NDArray[np.float64]:
    """Return the reciprocal lattice with its 2 pi, which documents may have left out."""
    matrix = finite_array(lattice_rec, "reciprocal lattice vectors", 2)
    volume = abs(np.linalg.det(matrix)) if matrix.shape == (3, 3) else 0.0
    if volume == 0.0:
        raise PhononDocumentError(
            "expected three independent reciprocal lattice vectors, got a matrix of shape "
            f"{matrix.shape} and determinant {volume:.3g}; the document is corrupt"
        )
    two_pi = 2.0 * np.pi
    if structure is not None:
        unity = matrix @ structure.lattice.matrix.T
        for factor in (two_pi, 1.0):
            if np.allclose(unity, factor * np.eye(3), atol=0.02 * factor):
                return np.asarray(structure.lattice.reciprocal_lattice.matrix)
        raise PhononDocumentError(
            "expected the reciprocal lattice of the document's structure, got vectors that are "
            "not reciprocal to it; the bands belong to another cell"
        )
    low, high = _VOLUME_PER_ATOM
    for factor in (1.0, two_pi):
        if low <= two_pi**3 / (volume * factor**3) / n_atoms <= high:
            return matrix * factor
    raise PhononDocumentError(
        "expected reciprocal lattice vectors in 1/Angstrom, got a cell of "
        f"{two_pi**3 / volume / n_atoms:.3g} cubic Angstrom an atom; convert them, or pass the "
        "structure"
    )
