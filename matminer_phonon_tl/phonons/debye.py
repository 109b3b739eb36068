"""Debye temperature of the speeds of sound."""

from typing import TYPE_CHECKING, Any

import numpy as np

from matminer_phonon_tl.phonons.reading import calculation_of
from matminer_phonon_tl.phonons.sound import directional_speeds_of
from matminer_phonon_tl.units import KM_PER_S_PER_ANGSTROM_TO_KELVIN

if TYPE_CHECKING:
    from pymatgen.core import Structure


def debye_temperature(source: Any) -> float:
    r"""Debye temperature of the speeds of sound, K.

    .. math:: \Theta_D = \frac{\hbar}{k_B} \left(6 \pi^2 \frac{N}{V}\right)^{1/3} v_D

    with the Debye mean :math:`v_D` of the speeds of sound (the mean of :math:`v^{-3}` over
    branches and directions, to the power -1/3) and :math:`N/V` atoms per volume. It is the
    temperature that decides the heat capacity near 0 K.

    Parameters
    ----------
    source : phonopy.Phonopy, ForceConstantPhonons or dict
        Force constants; of a dictionary as matcalc's ``PhononCalc`` returns, its ``phonon``.

    Returns
    -------
    float
        Temperature, K; NaN where the crystal does not resist a shear in some direction, or is
        elastically unstable.

    Raises
    ------
    PhononDocumentError
        There are no force constants.

    References
    ----------
    O. L. Anderson, J. Phys. Chem. Solids 24, 909 (1963), doi:10.1016/0022-3697(63)90067-2.

    Examples
    --------
    >>> debye_temperature(phonopy.load("phonopy_params.yaml"))  # doctest: +SKIP
    645.2
    """
    phonons = calculation_of(source).require_force_constants()
    return debye_temperature_of(directional_speeds_of(phonons)[0].debye, phonons.structure)


def debye_temperature_of(speed: float, structure: "Structure") -> float:
    """Return the Debye temperature, K, of a crystal whose Debye mean speed of sound is known, km/s.

    A speed of 2.61 km/s in the lattice of copper:

    >>> from pymatgen.core import Lattice, Structure
    >>> copper = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.615), ["Cu"], [[0, 0, 0]])
    >>> round(debye_temperature_of(2.61, copper))
    341
    """
    per_volume = len(structure) / structure.volume
    return float(KM_PER_S_PER_ANGSTROM_TO_KELVIN * (6.0 * np.pi**2 * per_volume) ** (1 / 3) * speed)
