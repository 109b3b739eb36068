"""A phonon density of states in THz, normalised, read from any common form of document."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import DataWarning, PhononDocumentError
from matminer_phonon_tl.phonons.documents import finite_array, one_structure
from matminer_phonon_tl.phonons.frequencies import establish_unit, unit_in_thz

if TYPE_CHECKING:
    from pymatgen.core import Structure

_DOS_NORM_TOLERANCE = 0.05
_SAME_TOP = 1.25  # times; a density without the field of polar modes ends 15 % below the bands
_NEGATIVE_DENSITY_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class PhononDensity:
    """A phonon density of states in fixed units, normalised to three modes an atom."""

    frequencies: NDArray[np.float64]
    """THz, ascending; shape (n,)."""
    densities: NDArray[np.float64]
    """States per THz and cell; their integral is ``3 * n_atoms``; shape (n,)."""
    n_atoms: int
    """Atoms in the cell."""
    structure: "Structure | None"
    """The crystal."""
    imaginary_fraction: float
    """Share of the states at negative (imaginary) frequencies."""
    document_unit: str = "THz"
    """Unit of the frequencies in the document that was read."""


def read_dos(
    dos: Any, *, unit: str | None = None, structure: "Structure | None" = None
) -> PhononDensity:
    """Read and check a phonon density of states, and normalise it to three states an atom.

    ``unit`` is the unit of its frequencies, established from the content if not given;
    ``structure`` is the crystal, for a document without one. Without any, the number of atoms is a
    third of the integral. Raises PhononDocumentError where the document is corrupt or its integral
    is not three states an atom, UnitError where its unit cannot be established.

    >>> from matminer_phonon_tl.phonons import debye_dos
    >>> read_dos(debye_dos(n_atoms=2)).n_atoms
    2
    """
    fields = _dos_fields(dos)
    structure = one_structure(fields["structure"], structure)
    frequencies = finite_array(fields["frequencies"], "frequencies", 1)
    densities = finite_array(fields["densities"], "densities", 1)
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
        document_unit=established,
    )


def warn_of_other_bands(density: PhononDensity, highest: float) -> None:
    """Warn where bands up to ``highest``, THz, are not of the crystal or the unit of a density."""
    top = _highest_occupied(density.frequencies, density.densities)
    if not 1.0 / _SAME_TOP < top / highest < _SAME_TOP:
        warnings.warn(
            f"the density of states reaches to {top:.4g} THz and the bands to {highest:.4g}, as "
            "those of two crystals or units do: the heat capacity is that of the density; compute "
            "both anew, or give one of them",
            DataWarning,
            stacklevel=2,
        )


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
