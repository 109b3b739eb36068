"""Heat capacity of the harmonic crystal."""

from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matminer_phonon_tl.exceptions import PhononDocumentError
from matminer_phonon_tl.phonons.calculation import PhononCalculation
from matminer_phonon_tl.phonons.density import PhononDensity
from matminer_phonon_tl.phonons.force_constants import PhononMesh
from matminer_phonon_tl.phonons.reading import calculation_of
from matminer_phonon_tl.phonons.stability import require_real_states, require_stable
from matminer_phonon_tl.units import MOLAR_GAS_CONSTANT, THZ_TO_KELVIN

if TYPE_CHECKING:
    from pymatgen.core import Structure

_DEBYE_GRID = (np.arange(200) + 0.5) / 200
_NEAR = 1.8
"""Wave vectors up to so many times the shortest one tell the speeds at the zone centre."""
Amount = Literal["formula_unit", "atom", "cell"]


@overload
def heat_capacity(
    dos: Any,
    structure: "Structure | None" = ...,
    temperature: float = ...,
    *,
    per: Amount = ...,
    unit: str | None = ...,
) -> float: ...


@overload
def heat_capacity(
    dos: Any,
    structure: "Structure | None",
    temperature: "NDArray[np.float64] | list[float]",
    *,
    per: Amount = ...,
    unit: str | None = ...,
) -> NDArray[np.float64]: ...


def heat_capacity(
    dos: Any,
    structure: "Structure | None" = None,
    temperature: ArrayLike = 300.0,
    *,
    per: Amount = "formula_unit",
    unit: str | None = None,
) -> "float | NDArray[np.float64]":
    r"""Heat capacity at constant volume, J/mol/K.

    .. math:: C_V = R \int g(f) \left(\frac{x}{\sinh x}\right)^2 df,
        \qquad x = \frac{h f}{2 k_B T}

    with the density of states normalised to three modes an atom, so that it tends to 3R an atom
    at high temperature whatever the document's own norm. The integrand is even in :math:`f` and 1
    at :math:`f = 0`, so that the tail which smearing leaves below zero counts for what it is, the
    soft end of the acoustic branches. From force constants the same is summed over the modes of a
    mesh, which loses no sharp peak as a coarse density does.

    Parameters
    ----------
    dos : PhononDos, CompletePhononDos, dict, emmet.core.phonon.PhononDOS or phonopy.Phonopy
        Phonon density of states, or force constants.
    structure : pymatgen.core.Structure, optional
        The crystal, for a document without one.
    temperature : float or array_like, default 300
        Temperature, K. At 0 K the heat capacity is 0.
    per : {"formula_unit", "atom", "cell"}, default "formula_unit"
        A mole of what: reduced formula units (RbI, Fe2O3), atoms, or cells. For atoms
        and cells no structure is needed.
    unit : str, optional
        Unit of the document's frequencies; established from the content if not given.

    Returns
    -------
    float or ndarray
        Heat capacity, J/mol/K, of the shape of ``temperature``.

    Raises
    ------
    PhononDocumentError
        The document is corrupt, or lacks the structure that formula units take.
    UnitError
        The unit cannot be established.
    UnstableStructureError
        More than 0.2 % of the states are imaginary, or a mode of the force constants lies below
        -0.3 THz.
    ValueError
        The temperature is negative or no number, or ``per`` is unknown.

    References
    ----------
    A. Togo and I. Tanaka, Scr. Mater. 108, 1 (2015), doi:10.1016/j.scriptamat.2015.07.021.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import debye_dos
    >>> dos = debye_dos(cutoff=10.0)
    >>> round(heat_capacity(dos, temperature=300.0, per="atom", unit="THz"), 4)
    22.0219
    >>> heat_capacity(dos, None, [0.0, 3000.0], per="atom", unit="THz").round(2).tolist()
    [0.0, 24.91]
    """
    temperatures = checked_temperatures(temperature)
    calculation = calculation_of(dos, unit=unit, structure=structure, document="density")
    values = heat_capacity_of(calculation, temperatures.ravel(), per=per)
    return float(values[0]) if temperatures.ndim == 0 else values.reshape(temperatures.shape)


def checked_temperatures(temperature: ArrayLike) -> NDArray[np.float64]:
    """Return temperatures in kelvin as an array of their shape, or raise ValueError."""
    try:
        temperatures = np.asarray(temperature, dtype=float)
    except (TypeError, ValueError):
        temperatures = np.array(np.nan)
    if not temperatures.size or not (np.isfinite(temperatures) & (temperatures >= 0.0)).all():
        raise ValueError(
            f"expected a temperature of at least 0 K, got {temperature!r}; pass it in kelvin"
        )
    return temperatures


def heat_capacity_of(
    calculation: PhononCalculation, temperatures: NDArray[np.float64], *, per: Amount
) -> NDArray[np.float64]:
    """As :func:`heat_capacity`, of a calculation that has been read."""
    if calculation.mesh is not None:
        require_stable(calculation.zone, "a heat capacity")
        bands = calculation.mesh.bands
        n_atoms = len(bands.frequencies) // 3
        moles = _amount(n_atoms, bands.structure or calculation.structure, per)
        return heat_capacity_of_mesh(calculation.mesh, temperatures) / moles
    if calculation.density is None:
        raise PhononDocumentError(
            f"expected a density of states, a mesh or force constants for a heat capacity, got "
            f"{calculation.source}; pass one of these"
        )
    require_real_states(calculation.density, "a heat capacity")
    moles = _amount(calculation.density.n_atoms, calculation.density.structure, per)
    return np.array([_per_cell(calculation.density, t) for t in temperatures]) / moles


def heat_capacity_of_mesh(
    mesh: PhononMesh, temperature: "float | NDArray[np.float64]"
) -> NDArray[np.float64]:
    """Heat capacity of a mole of cells of a stable crystal, from a mesh, J/mol/K.

    Its shape is that of ``temperature``, K, above 0. It is summed over the modes. The acoustic ones
    of the zone centre have no frequency there: they stand for the waves of its share of the zone,
    and get these waves' mean by Debye's model; else a few kelvin would give a multiple of the
    truth.
    """
    temperature = np.asarray(temperature, dtype=float)
    modes = np.array([_einstein(mesh.bands.frequencies, t).sum(axis=0) for t in temperature.flat])
    found = _acoustic_at_centre(mesh)
    if found is not None:
        centre, cutoff = found
        optical = mesh.bands.frequencies[3:, centre]
        acoustic = cutoff * _DEBYE_GRID**2
        for row, t in zip(modes, temperature.flat, strict=True):
            # Points lie densest at low frequencies, which alone count near 0 K.
            waves = 6.0 * (_DEBYE_GRID**5 * _einstein(acoustic, t)).mean()
            row[centre] = _einstein(optical, t).sum() + 3.0 * waves
    return MOLAR_GAS_CONSTANT * (modes @ mesh.weights).reshape(temperature.shape)


def _acoustic_at_centre(mesh: PhononMesh) -> tuple[int, float] | None:
    """Find the zone centre, and the cutoff (THz) of the acoustic waves in its share of the zone.

    Their speed is the Debye mean over the wave vectors nearest to it. None where a mesh lacks the
    centre, or where a wave next to it is imaginary.
    """
    bands = mesh.bands
    if len(bands.gamma_indices) != 1:
        return None
    centre = int(bands.gamma_indices[0])
    length = bands.distance_to_gamma
    others = np.delete(length, centre)
    if not len(others):
        return None
    near = np.flatnonzero((length > 0) & (length <= _NEAR * others.min()))
    slopes = bands.frequencies[:3, near] / length[near]
    if (slopes <= 0).any():
        return None
    weights = np.broadcast_to(mesh.weights[near], slopes.shape)
    slope = np.average(slopes**-3.0, weights=weights) ** (-1 / 3)
    share = mesh.weights[centre] * abs(np.linalg.det(bands.reciprocal_matrix))
    return centre, float(slope * (3.0 * share / (4.0 * np.pi)) ** (1 / 3))


def _amount(n_atoms: int, structure: "Structure | None", per: str) -> float:
    """Return how many of ``per`` a cell holds."""
    if per == "cell":
        return 1.0
    if per == "atom":
        return float(n_atoms)
    if per != "formula_unit":
        raise ValueError(f"expected per= formula_unit, atom or cell, got {per!r}; use one of these")
    if structure is None:
        raise PhononDocumentError(
            "expected a structure, which tells the formula unit, got a density of states without "
            'one; pass structure=, or ask per="atom"'
        )
    return formula_units(structure)


def formula_units(structure: "Structure") -> float:
    """Return how many reduced formula units a cell holds."""
    composition = structure.composition
    return float(composition.num_atoms / composition.reduced_composition.num_atoms)


def _per_cell(density: PhononDensity, temperature: float) -> float:
    """Return the heat capacity of a mole of cells."""
    weight = _einstein(density.frequencies, temperature)
    integral = np.trapezoid(density.densities * weight, density.frequencies)
    return float(MOLAR_GAS_CONSTANT * integral)


def _einstein(frequencies: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return the heat capacity of modes of these frequencies (THz), in units of k_B."""
    if temperature == 0.0:
        return np.zeros_like(frequencies)
    x = THZ_TO_KELVIN * np.abs(frequencies) / (2.0 * temperature)
    weight = np.ones_like(x)
    # sinh overflows at 710, where the weight has long been 0 to double precision; below 1e-8 it
    # is 1 and 0/0 is near
    weight[x > 350.0] = 0.0
    regular = (x > 1e-8) & (x <= 350.0)
    weight[regular] = (x[regular] / np.sinh(x[regular])) ** 2
    return weight
