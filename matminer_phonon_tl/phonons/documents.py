"""Reads phonon documents of any common form into arrays in THz and reciprocal Angstrom.

Accepted are pymatgen's phonon classes, their dictionaries (as the Materials Project stores them,
old ones too, whose structures name classes that need not be installed) and emmet's ``PhononBS``
and ``PhononDOS``. Everything is checked here once, so that the properties need not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import PhononDocumentError
from matminer_phonon_tl.phonons.frequencies import establish_unit, unit_in_thz

if TYPE_CHECKING:
    from pymatgen.core import Structure

_DOS_NORM_TOLERANCE = 0.05
_NEGATIVE_DENSITY_TOLERANCE = 1e-3
_VOLUME_PER_ATOM = (2.0, 400.0)  # Angstrom^3: diamond has 5.7, solid caesium 117
_SYMPREC = 0.01
_JUMP = 3.0


@dataclass(frozen=True, eq=False)
class PhononBands:
    """Phonon bands in fixed units.

    Attributes
    ----------
    frequencies : ndarray of shape (n_branches, n_q)
        THz, ascending at each wave vector; imaginary ones negative.
    q_fractional : ndarray of shape (n_q, 3)
        Wave vectors in units of the reciprocal lattice vectors.
    q_cartesian : ndarray of shape (n_q, 3)
        The same in 1/Angstrom, including the factor 2 pi.
    reciprocal_matrix : ndarray of shape (3, 3)
        Reciprocal lattice vectors as rows, 1/Angstrom, including the factor 2 pi.
    labels : dict of str to ndarray of shape (3,)
        Names of special points.
    structure : pymatgen.core.Structure or None
        The crystal.
    """

    frequencies: NDArray[np.float64]
    q_fractional: NDArray[np.float64]
    q_cartesian: NDArray[np.float64]
    reciprocal_matrix: NDArray[np.float64]
    labels: dict[str, NDArray[np.float64]]
    structure: "Structure | None"

    @property
    def gamma_indices(self) -> NDArray[np.intp]:
        """Positions of the zone centre (or a copy of it) among the wave vectors."""
        offset = self.q_fractional - np.round(self.q_fractional)
        return np.flatnonzero(np.all(np.abs(offset) < 1e-6, axis=1))

    @property
    def longest_step(self) -> float:
        """Distance of neighbours in the document above which the path jumps, 1/Angstrom."""
        steps = np.linalg.norm(np.diff(self.q_cartesian, axis=0), axis=1)
        steps = steps[steps > 1e-9]
        return _JUMP * float(np.median(steps)) if steps.size else 0.0

    def label_of(self, q: NDArray[np.float64]) -> str | None:
        """Return the name of a special point, if it has one."""
        for name, point in self.labels.items():
            if np.allclose(point, q, atol=1e-4):
                return name.lstrip("\\")
        return None


@dataclass(frozen=True, eq=False)
class PhononDensity:
    """A phonon density of states in fixed units, normalised to three modes an atom.

    Attributes
    ----------
    frequencies : ndarray of shape (n,)
        THz, ascending.
    densities : ndarray of shape (n,)
        States per THz and cell; their integral is ``3 * n_atoms``.
    n_atoms : int
        Atoms in the cell.
    structure : pymatgen.core.Structure or None
        The crystal.
    imaginary_fraction : float
        Share of the states at negative (imaginary) frequencies.
    """

    frequencies: NDArray[np.float64]
    densities: NDArray[np.float64]
    n_atoms: int
    structure: "Structure | None"
    imaginary_fraction: float


def read_bands(
    bs: Any, *, unit: str | None = None, structure: "Structure | None" = None
) -> PhononBands:
    """Read and check a phonon band structure.

    Parameters
    ----------
    bs : PhononBandStructure, dict or emmet.core.phonon.PhononBS
        The band structure; frequencies of shape (n_branches, n_q).
    unit : str, optional
        Unit of the frequencies, see
        :func:`~matminer_phonon_tl.phonons.frequencies.establish_unit`.
    structure : pymatgen.core.Structure, optional
        The crystal, for a document without one.

    Returns
    -------
    PhononBands
        The bands in THz.

    Raises
    ------
    PhononDocumentError
        The document is corrupt or incomplete.
    UnitError
        Its unit cannot be established.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> read_bands(diatomic_chain()).frequencies.shape
    (6, 41)
    """
    fields = _band_fields(bs)
    structure = _one_structure(fields["structure"], structure)
    frequencies = _finite(fields["bands"], "frequencies", 2)
    q = _finite(fields["qpoints"], "wave vectors", 2)
    _check_shapes(frequencies, q, structure)
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
        q_cartesian=q @ reciprocal,
        reciprocal_matrix=reciprocal,
        labels={str(k): np.asarray(v, dtype=float) for k, v in fields["labels_dict"].items()},
        structure=structure,
    )


def read_dos(
    dos: Any, *, unit: str | None = None, structure: "Structure | None" = None
) -> PhononDensity:
    """Read, check and normalise a phonon density of states.

    Parameters
    ----------
    dos : PhononDos, CompletePhononDos, dict or emmet.core.phonon.PhononDOS
        The density of states.
    unit : str, optional
        Unit of the frequencies, see
        :func:`~matminer_phonon_tl.phonons.frequencies.establish_unit`.
    structure : pymatgen.core.Structure, optional
        The crystal, for a document without one. Without any, the number of atoms is a third of
        the integral.

    Returns
    -------
    PhononDensity
        The density in states per THz.

    Raises
    ------
    PhononDocumentError
        The document is corrupt, or its integral is not three states an atom.
    UnitError
        Its unit cannot be established.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import debye_dos
    >>> read_dos(debye_dos(n_atoms=2)).n_atoms
    2
    """
    fields = _dos_fields(dos)
    structure = _one_structure(fields["structure"], structure)
    frequencies = _finite(fields["frequencies"], "frequencies", 1)
    densities = _finite(fields["densities"], "densities", 1)
    _check_grid(frequencies, densities)
    integral = float(np.trapezoid(densities, frequencies))
    if integral <= 0.0:
        raise PhononDocumentError(
            f"expected a density of states with a positive integral, got {integral:.4g}; "
            "the document holds no states"
        )
    established = establish_unit(
        _highest_occupied(frequencies, densities),
        unit=unit,
        known_unit=fields["known_unit"],
        structure=structure,
        dos_integral=integral,
        document="phonon density of states",
    )
    n_atoms = _atoms_of_integral(integral, established, structure)
    # The trapezoids of the scaled arrays integrate to 3N exactly, whatever unit the density had.
    scale = unit_in_thz(established)
    densities = densities * (3.0 * n_atoms / (integral * scale))
    frequencies = frequencies * scale
    return PhononDensity(
        frequencies=frequencies,
        densities=densities,
        n_atoms=n_atoms,
        structure=structure,
        imaginary_fraction=_negative_share(frequencies, densities) / (3.0 * n_atoms),
    )


def is_primitive(structure: "Structure") -> tuple[bool, int]:
    """Return whether a cell is primitive, and the number of atoms of the primitive cell.

    Parameters
    ----------
    structure : pymatgen.core.Structure
        The cell; symmetry is searched with a tolerance of 0.01 Angstrom.

    Returns
    -------
    tuple of bool and int
        Whether it is, and the primitive cell's number of atoms.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> is_primitive(diatomic_chain().structure)
    (True, 2)
    """
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer  # noqa: PLC0415 - costs a second

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


def _dos_fields(dos: Any) -> dict[str, Any]:
    """Return the parts of a density of states document under one set of names."""
    # emmet's schema defines the field: "The phonon frequencies in THz."
    known_unit = "THz" if hasattr(dos, "to_pmg") else None
    is_mapping = isinstance(dos, Mapping)
    get = dos.get if is_mapping else lambda name: getattr(dos, name, None)
    found = {name: get(name) for name in ("frequencies", "densities", "structure")}
    if found["frequencies"] is None or found["densities"] is None:
        missing = [name for name in ("frequencies", "densities") if found[name] is None]
        what = "a document" if is_mapping else type(dos).__name__
        raise PhononDocumentError(
            "expected a pymatgen PhononDos, its dictionary or an emmet PhononDOS, got "
            f"{what} without {' and '.join(missing)}; convert it first"
        )
    return {**found, "known_unit": known_unit}


def _one_structure(own: Any, given: "Structure | None") -> "Structure | None":
    """Return the document's structure, or the caller's where it has none."""
    from pymatgen.core import Structure  # noqa: PLC0415 - costs a second

    if isinstance(own, Mapping):
        try:
            # from_dict ignores @module, so documents that name abipy's class can be read
            own = Structure.from_dict(dict(own))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PhononDocumentError(
                f"expected a pymatgen structure in the document, got one that cannot be read "
                f"({type(error).__name__}: {error}); pass a document with a valid structure"
            ) from error
    if given is not None and own is not None and given.composition != own.composition:
        raise PhononDocumentError(
            f"expected the structure of the document ({own.formula}), got {given.formula}; "
            "pass the cell that the phonons were computed in"
        )
    return own if own is not None else given


def _finite(values: Any, name: str, ndim: int) -> NDArray[np.float64]:
    """Return ``values`` as finite numbers of ``ndim`` dimensions."""
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
    matrix = _finite(lattice_rec, "reciprocal lattice vectors", 2)
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


def _check_grid(frequencies: NDArray[np.float64], densities: NDArray[np.float64]) -> None:
    """Raise unless the grid ascends and the densities belong to it and are not negative."""
    if frequencies.shape != densities.shape or len(frequencies) < 2:
        raise PhononDocumentError(
            f"expected as many densities as frequencies and at least two, got {len(densities)} "
            f"and {len(frequencies)}; the document is truncated"
        )
    if not (np.diff(frequencies) > 0.0).all():
        raise PhononDocumentError(
            "expected ascending frequencies of the density of states, got some that do not "
            "ascend; sort the document by frequency"
        )
    if densities.min() < -_NEGATIVE_DENSITY_TOLERANCE * densities.max():
        raise PhononDocumentError(
            f"expected a density of states that is nowhere negative, got {densities.min():.3g} "
            f"at {frequencies[densities.argmin()]:.4g}; the document is corrupt"
        )


def _highest_occupied(frequencies: NDArray[np.float64], densities: NDArray[np.float64]) -> float:
    """Return the highest frequency with states, as grids go on beyond it."""
    return float(frequencies[np.flatnonzero(densities > 1e-3 * densities.max())[-1]])


def _atoms_of_integral(integral: float, unit: str, structure: "Structure | None") -> int:
    """Return the number of atoms, checking the integral against three states an atom."""
    if structure is None:
        n_atoms = max(1, round(integral / 3.0))
        if abs(integral / 3.0 - n_atoms) > _DOS_NORM_TOLERANCE:
            raise PhononDocumentError(
                f"expected a density of states that integrates to 3 states an atom, got "
                f"{integral:.4g}; pass the structure, or scale the densities"
            )
        return n_atoms
    expected = 3.0 * len(structure)
    for density_unit in (unit, "THz", "eV", "cm-1"):
        states = integral * unit_in_thz(unit) / unit_in_thz(density_unit)
        if abs(states / expected - 1.0) <= _DOS_NORM_TOLERANCE:
            return len(structure)
    raise PhononDocumentError(
        f"expected a density of states that integrates to {expected:.0f} states (3 for each atom "
        f"of {structure.formula}), got {integral:.4g}; scale the densities, or pass the cell "
        "they were computed in"
    )


def _negative_share(frequencies: NDArray[np.float64], densities: NDArray[np.float64]) -> float:
    """Return the number of states below zero."""
    if frequencies[0] >= 0.0:
        return 0.0
    at_zero = float(np.interp(0.0, frequencies, densities))
    below = frequencies < 0.0
    return float(
        np.trapezoid(np.append(densities[below], at_zero), np.append(frequencies[below], 0.0))
    )
