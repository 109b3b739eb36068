"""Figures of the phonon density of states: last peak, mean frequency, Debye temperature."""

from typing import TYPE_CHECKING, Any

import numpy as np

from matminer_phonon_tl.exceptions import PhononDocumentError
from matminer_phonon_tl.phonons.density import PhononDensity, read_dos
from matminer_phonon_tl.phonons.stability import require_real_states
from matminer_phonon_tl.units import THZ_TO_CM1, THZ_TO_KELVIN

if TYPE_CHECKING:
    from pymatgen.core import Structure

_PEAK_PROMINENCE = 0.01


def last_dos_peak(
    dos: Any, *, unit: str | None = None, structure: "Structure | None" = None
) -> float:
    """Frequency of the highest peak (in frequency) of the density of states, cm-1.

    It is the target of the Matbench task ``matbench_phonons``. A local maximum is a peak if it
    stands out by at least 1 % of the largest density, so that ripples of smearing are none; its
    position is refined by the parabola through its three points.

    Parameters
    ----------
    dos : PhononDos, CompletePhononDos, dict or emmet.core.phonon.PhononDOS
        Phonon density of states.
    unit : str, optional
        Unit of the document's frequencies; established from the content if not given.
    structure : pymatgen.core.Structure, optional
        The crystal, for a document without one.

    Returns
    -------
    float
        Frequency, cm-1.

    Raises
    ------
    PhononDocumentError
        The document is corrupt.
    UnitError
        The unit cannot be established.

    References
    ----------
    A. Dunn et al., npj Comput. Mater. 6, 138 (2020), doi:10.1038/s41524-020-00406-3.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import debye_dos
    >>> round(last_dos_peak(debye_dos(cutoff=10.0), unit="THz"), 2)  # its edge
    333.56
    """
    from scipy.signal import find_peaks

    density = read_dos(dos, unit=unit, structure=structure)
    # padded with zeros, a density that is cut off at its maximum has its peak there
    padded = np.concatenate([[0.0], density.densities, [0.0]])
    peaks, _ = find_peaks(padded, prominence=_PEAK_PROMINENCE * padded.max())
    return THZ_TO_CM1 * _refined(density, int(peaks[-1]) - 1)


def mean_frequency(
    dos: Any, *, unit: str | None = None, structure: "Structure | None" = None
) -> float:
    r"""Mean phonon frequency, cm-1.

    .. math:: \langle f \rangle = \frac{1}{3N} \int g(f)\,|f|\,df

    Parameters
    ----------
    dos : PhononDos, CompletePhononDos, dict or emmet.core.phonon.PhononDOS
        Phonon density of states.
    unit : str, optional
        Unit of the document's frequencies; established from the content if not given.
    structure : pymatgen.core.Structure, optional
        The crystal, for a document without one.

    Returns
    -------
    float
        Frequency, cm-1; half of it times h is the zero-point energy of a mode.

    Raises
    ------
    PhononDocumentError
        The document is corrupt.
    UnitError
        The unit cannot be established.
    UnstableStructureError
        More than 0.2 % of the states are imaginary.

    References
    ----------
    A. Togo and I. Tanaka, Scr. Mater. 108, 1 (2015), doi:10.1016/j.scriptamat.2015.07.021.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import debye_dos
    >>> round(mean_frequency(debye_dos(cutoff=10.0), unit="THz"), 2)  # 3/4 of the cutoff
    250.17
    """
    density = read_dos(dos, unit=unit, structure=structure)
    require_real_states(density, "a mean frequency")
    return THZ_TO_CM1 * _moment(density, 1)


def debye_temperature(
    dos: Any, *, unit: str | None = None, structure: "Structure | None" = None
) -> float:
    r"""Debye temperature from the second moment of the density of states, K.

    .. math:: \Theta_D = \frac{h}{k_B}\sqrt{\frac{5}{3}\langle f^2 \rangle}

    This is the cutoff of the Debye density with the same mean square frequency, the one that
    decides the heat capacity at and above room temperature. It takes all branches, optical
    ones too, so it lies above the Debye temperature of the speed of sound.

    Parameters
    ----------
    dos : PhononDos, CompletePhononDos, dict or emmet.core.phonon.PhononDOS
        Phonon density of states.
    unit : str, optional
        Unit of the document's frequencies; established from the content if not given.
    structure : pymatgen.core.Structure, optional
        The crystal, for a document without one.

    Returns
    -------
    float
        Temperature, K.

    Raises
    ------
    PhononDocumentError
        The document is corrupt.
    UnitError
        The unit cannot be established.
    UnstableStructureError
        More than 0.2 % of the states are imaginary.

    References
    ----------
    P. Debye, Ann. Phys. 344, 789 (1912), doi:10.1002/andp.19123441404.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import debye_dos
    >>> round(debye_temperature(debye_dos(cutoff=10.0), unit="THz"), 1)  # h * 10 THz / k_B
    479.9
    """
    density = read_dos(dos, unit=unit, structure=structure)
    require_real_states(density, "a Debye temperature")
    return THZ_TO_KELVIN * float(np.sqrt(5.0 / 3.0 * _moment(density, 2)))


def _moment(density: PhononDensity, power: int) -> float:
    """Return the mean of a power of the frequency, THz**power."""
    weighted = density.densities * np.abs(density.frequencies) ** power
    return float(np.trapezoid(weighted, density.frequencies)) / (3.0 * density.n_atoms)


def _refined(density: PhononDensity, index: int) -> float:
    """Return the vertex of the parabola through a peak's three points, THz."""
    if index <= 0:
        raise PhononDocumentError(
            "expected a peak above the lowest frequency of the density of states, got none; "
            "the document is truncated"
        )
    frequencies, densities = density.frequencies, density.densities
    if index >= len(frequencies) - 1:
        return float(frequencies[-1])
    # Divided differences, which are exactly zero on a plateau; a fit is so to round-off only.
    before, after = np.diff(frequencies[index - 1 : index + 2])
    rise, fall = np.diff(densities[index - 1 : index + 2]) / (before, after)
    curvature = (fall - rise) / (before + after)
    slope = (rise * after + fall * before) / (before + after)
    if curvature >= 0.0:  # a plateau of equal densities
        return float(frequencies[index])
    return float(frequencies[index] - slope / (2.0 * curvature))
