"""Properties estimated from other properties: heat capacity at any temperature, conductivity.

Both are formulas of a few numbers that are known (or predicted) of a crystal, for where there are
no phonons to compute them from. How rough they are, ``benchmarks/estimates.py`` measures.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import exprel

from matminer_phonon_tl.units import KM_PER_S_PER_ANGSTROM_TO_KELVIN, MOLAR_GAS_CONSTANT

DEBYE_OVER_MEAN = 0.836
"""Debye mean of the speeds of sound over their plain mean: median of the stable crystals of
``phonondb_kyoto``, half of which have 0.78 to 0.87."""
GRUNEISEN = 1.1
"""Grueneisen parameter for which the geometric mean of measured over estimated conductivities is 1
within 20 %, over the crystals of ``benchmarks/estimates.py``."""
_GRID = (np.arange(200) + 0.5) / 200
_STEPS = 60
_WIDEST = 8.0
"""Largest logarithm of the highest over the lowest optical frequency."""


def heat_capacity_at(
    temperature: ArrayLike, at_300: ArrayLike, debye_temperature: ArrayLike, n_atoms: ArrayLike
) -> NDArray[np.float64]:
    r"""Heat capacity at other temperatures than 300 K, from two numbers of a crystal.

    Three acoustic modes have Debye's density of states up to the frequency

    .. math:: \omega_a = \frac{k_B \Theta_D}{\hbar}\, n^{-1/3},

    with n atoms in the primitive cell. The 3n - 3 optical modes lie evenly over the logarithm of
    frequency, from there to the one highest frequency that gives the known value at 300 K. Where no
    highest frequency gives it, all frequencies are scaled.

    Parameters
    ----------
    temperature : array_like of shape (n_temperatures,)
        K, 0 or more.
    at_300 : array_like of shape (n_crystals,)
        Heat capacity at 300 K, J/mol/K per mole of atoms: from 0 to 3R.
    debye_temperature : array_like of shape (n_crystals,)
        Debye temperature of the speeds of sound, K, as :func:`debye_temperature` computes it.
    n_atoms : array_like of shape (n_crystals,)
        Atoms in the primitive cell.

    Returns
    -------
    ndarray of shape (n_crystals, n_temperatures)
        J/mol/K per mole of atoms; NaN where a number is missing.

    Raises
    ------
    ValueError
        If a temperature is below 0 or not finite, or a property is one that no crystal has.

    Examples
    --------
    Silicon at 200 K, where it has 15.6:

    >>> heat_capacity_at([200], [19.8], [640], [2]).round(1).tolist()
    [[15.3]]
    """
    kelvin = np.atleast_1d(np.asarray(temperature, dtype=float))
    if not np.isfinite(kelvin).all() or (kelvin < 0).any():
        raise ValueError(f"expected temperatures of 0 K or more, got {kelvin.tolist()}")
    known, theta, n = (
        np.atleast_1d(np.asarray(values, dtype=float))[:, None]
        for values in (at_300, debye_temperature, n_atoms)
    )
    _refuse_outside(known, "heat capacities", 0.0, 3.0 * MOLAR_GAS_CONSTANT, "J/mol/K an atom")
    _refuse_outside(theta, "Debye temperatures", 0.0, np.inf, "K")
    _refuse_outside(n, "atoms in the primitive cell", np.finfo(float).tiny, np.inf, "")
    acoustic = theta * np.maximum(n, 1.0) ** (-1 / 3)
    # One number u: the optical modes widen from 0 to the widest, and all modes scale beyond.
    low, high = np.full(known.shape, -_WIDEST), np.full(known.shape, 2 * _WIDEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        too_soft = _heat_capacity(np.array([300.0]), acoustic, n, middle) > known
        low, high = np.where(too_soft, middle, low), np.where(too_soft, high, middle)
    found = _heat_capacity(kelvin, acoustic, n, (low + high) / 2)
    return np.where(np.isfinite(known + theta + n), found, np.nan)


def heat_capacity_spread(temperature: ArrayLike) -> NDArray[np.float64]:
    """Standard deviation of the logarithm of what :func:`heat_capacity_at` gives, at K.

    The error of the model alone, where what it is given is right: 0 at 300 K, 9 % at 100 K; below
    50 K as at 50 K.
    """
    ratio = np.log(300.0 / np.maximum(np.asarray(temperature, dtype=float), 50.0))
    return np.where(ratio > 0, 0.07 * ratio**2, np.minimum(-0.015 * ratio, 0.007))


def slack_conductivity(
    debye_temperature: ArrayLike,
    speed_of_sound: ArrayLike,
    mean_mass: ArrayLike,
    n_atoms: ArrayLike,
    *,
    temperature: float = 300.0,
    gruneisen: float = GRUNEISEN,
) -> NDArray[np.float64]:
    r"""Lattice thermal conductivity by Slack's formula: its order of magnitude, no more.

    .. math:: \kappa = A \frac{\bar M \Theta_D^3 \delta}{\gamma^2 n^{2/3} T}, \qquad
        A = \frac{2.43 \cdot 10^{-6}}{1 - 0.514/\gamma + 0.228/\gamma^2}

    where the edge :math:`\delta` of the cube that one atom fills follows from Debye temperature
    and speed of sound. Acoustic phonons alone carry the heat here, and scatter at each other alone,
    with one Grueneisen parameter :math:`\gamma` for all crystals, which in truth is about 0.7 in
    zincblende and 1.5 in rock salt.

    Parameters
    ----------
    debye_temperature : array_like
        Of the speeds of sound, K.
    speed_of_sound : array_like
        Mean of the three acoustic waves, km/s.
    mean_mass : array_like
        Mean atomic mass, u.
    n_atoms : array_like
        Atoms in the primitive cell.
    temperature : float
        K; the formula is for temperatures about the Debye temperature and above.
    gruneisen : float
        Grueneisen parameter.

    Returns
    -------
    ndarray
        W/m/K; NaN where a number is missing.

    Raises
    ------
    ValueError
        If a number is not above 0.

    References
    ----------
    G. A. Slack, Solid State Physics 34, 1 (1979), doi:10.1016/S0081-1947(08)60359-8;
    D. T. Morelli, G. A. Slack, in High Thermal Conductivity Materials (Springer, 2006),
    doi:10.1007/0-387-25100-6_2.

    Examples
    --------
    Silicon, which has 150:

    >>> 50 < float(slack_conductivity(640, 6.6, 28.085, 2)) < 300
    True
    """
    theta = np.asarray(debye_temperature, dtype=float)
    for values, what, unit in (
        (theta, "Debye temperatures", "K"),
        (speed_of_sound, "speeds of sound", "km/s"),
        (mean_mass, "mean masses", "u"),
        (n_atoms, "atoms in the primitive cell", ""),
        (temperature, "temperatures", "K"),
        (gruneisen, "Grueneisen parameters", ""),
    ):
        _refuse_outside(np.asarray(values, float), what, np.finfo(float).tiny, np.inf, unit)
    speed = DEBYE_OVER_MEAN * np.asarray(speed_of_sound, dtype=float)
    edge = KM_PER_S_PER_ANGSTROM_TO_KELVIN * (6.0 * np.pi**2) ** (1 / 3) * speed / theta
    factor = 2.43e-6 / (1.0 - 0.514 / gruneisen + 0.228 / gruneisen**2)
    mass, n = np.asarray(mean_mass, dtype=float), np.asarray(n_atoms, dtype=float)
    return np.asarray(factor * mass * theta**3 * edge / (gruneisen**2 * n ** (2 / 3) * temperature))


def _refuse_outside(
    values: NDArray[np.float64], what: str, least: float, most: float, unit: str
) -> None:
    """Refuse numbers that cannot be meant; what is missing passes."""
    bad = (values < least) | (values > most * (1.0 + 1e-9))
    if bad.any():
        bounds = f"between 0 and {most:.2f}" if np.isfinite(most) else "above 0"
        raise ValueError(
            f"expected {what} {' '.join(filter(None, [bounds, unit]))}, got {values[bad].flat[0]:g}"
        )


def _heat_capacity(
    kelvin: NDArray[np.float64],
    acoustic: NDArray[np.float64],
    n: NDArray[np.float64],
    u: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Sum the modes of the model, per mole of atoms; shape (n_crystals, n_temperatures)."""
    scale = np.exp(np.minimum(u, 0.0) + np.maximum(u - _WIDEST, 0.0))
    width = np.clip(u, 0.0, _WIDEST)
    bottom = acoustic * scale
    total = np.zeros(np.broadcast_shapes(acoustic.shape, kelvin.shape))
    for place in _GRID:
        # Points lie densest at low frequencies, which alone count near 0 K.
        total += 6.0 * place**5 * _einstein(bottom * place**2, kelvin)
        total += np.maximum(n - 1.0, 0.0) * _einstein(bottom * np.exp(width * place), kelvin)
    return total / len(_GRID) / np.maximum(n, 1.0)


def _einstein(theta: NDArray[np.float64], kelvin: NDArray[np.float64]) -> NDArray[np.float64]:
    """Heat capacity of one mole of oscillators in each direction, J/mol/K."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        x = np.minimum(theta / kelvin, 500.0)
    return 3.0 * MOLAR_GAS_CONSTANT * np.exp(-x) / exprel(-x) ** 2
