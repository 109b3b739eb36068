"""Speed of sound: the slopes of the acoustic branches at the zone centre."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import constants

from matminer_phonon_tl.exceptions import DataWarning, PhononDocumentError, UnstableStructureError
from matminer_phonon_tl.phonons.bands import PhononBands
from matminer_phonon_tl.phonons.calculation import PhononCalculation
from matminer_phonon_tl.phonons.documents import empty_width
from matminer_phonon_tl.phonons.force_constants import ForceConstantPhonons, hemisphere
from matminer_phonon_tl.phonons.reading import calculation_of
from matminer_phonon_tl.phonons.stability import require_stable
from matminer_phonon_tl.units import THZ_ANGSTROM_TO_KM_PER_S

if TYPE_CHECKING:
    from pymatgen.core import Structure

_WINDOW = 0.2
_MIN_POINTS = 4
_OPTICAL_MARGIN = 0.9
_NEAR = 0.1  # of a segment; there the sine of a chain is 0.4 % below its tangent
_COLLINEAR = 1e-4
PLAUSIBLE_SPEEDS = (0.3, 25.0)
"""km/s. No crystal has a mean speed of sound outside; the shipped sets hold 0.7 to 14."""
PLAUSIBLE_STIFFNESS = (0.01, 8.0)
r"""Between which :func:`relative_stiffness` lies: 0.06 (AsF5) to 6.5 (PtO2) in the stable crystals
of the Kyoto set, with a median of 0.97."""
_COULOMB = 1e31 * constants.e**2 / (4.0 * np.pi * constants.epsilon_0)
"""e^2 / (4 pi epsilon_0), GPa Angstrom^4."""
_VACUUM = 8.0
"""Angstrom. No crystal's widest gap between layers, of one atom's plane to the next, comes near."""
_SLOWEST = 0.3  # km/s; slower waves are noise, and imaginary ones of this size too
_PRINTED = 1e-4  # twice what four digits leave open of each component of two wave vectors


class SoundVelocity(NamedTuple):
    """Speed of one acoustic branch along one direction.

    Attributes
    ----------
    label : str
        The path segment, from Gamma to the name (or the coordinates) of its other end.
    direction : tuple of three floats
        Cartesian unit vector of the wave vectors.
    branch : int
        1, 2 or 3, from the lowest acoustic branch up.
    speed : float
        km/s.
    n_points : int
        Wave vectors beyond Gamma that the fit used.
    """

    label: str
    direction: tuple[float, float, float]
    branch: int
    speed: float
    n_points: int


class DirectionalSpeeds(NamedTuple):
    """Speeds of sound averaged over all directions.

    Attributes
    ----------
    mean : float
        Mean over the three waves and all directions, km/s.
    longitudinal : float
        Mean over directions of the fastest wave, km/s; in an isotropic crystal, the longitudinal
        one.
    transverse : float
        Mean over directions of the two slower waves, km/s.
    debye : float
        The mean of :math:`v^{-3}` over waves and directions, to the power -1/3, km/s.
    """

    mean: float
    longitudinal: float
    transverse: float
    debye: float


@dataclass(frozen=True, eq=False)
class GammaSegment:
    """The wave vectors of a straight path that starts at Gamma, which is the first of them."""

    indices: list[int]  # of the document's wave vectors

    label: str
    direction: NDArray[np.float64]
    distance: NDArray[np.float64]  # 1/Angstrom, from Gamma on
    acoustic: NDArray[np.float64]  # THz, shape (3, n)
    lowest_optical: NDArray[np.float64] | None  # THz, shape (n,)


def speed_of_sound(
    bs: Any, *, unit: str | None = None, structure: "Structure | None" = None
) -> float:
    r"""Mean speed of sound, km/s.

    From force constants, the mean over the three acoustic branches and over all directions, see
    :func:`directional_speeds`. From bands, which hold a few directions only,

    .. math:: v = \frac{1}{3 n_s}\sum_{s=1}^{n_s}\sum_{j=1}^{3}
        \left.\frac{d\omega_j}{dq_s}\right|_{q=0}

    over the three acoustic branches and over the :math:`n_s` path segments of the document that
    touch Gamma, each with the same weight. The slopes are those of :func:`sound_velocities`. That
    is less than a mean over all directions, from which it differs in anisotropic crystals.

    Parameters
    ----------
    bs : phonopy.Phonopy, PhononBandStructure, dict or emmet.core.phonon.PhononBS
        Force constants, or a phonon band structure along lines.
    unit : str, optional
        Unit of the document's frequencies; established from the content if not given.
    structure : pymatgen.core.Structure, optional
        The crystal, for a document without one.

    Returns
    -------
    float
        Speed of sound, km/s.

    Raises
    ------
    PhononDocumentError
        The document is corrupt, or no segment touches Gamma.
    UnitError
        The unit cannot be established.
    UnstableStructureError
        There are imaginary modes.

    Warns
    -----
    DataWarning
        The speed lies outside :data:`PLAUSIBLE_SPEEDS`, or the crystal would be stiffer or softer
        with it than any of its volume (:func:`relative_stiffness`), also where a unit was stated.

    References
    ----------
    Z. Liu, M. Jiang and T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356. Their
    average over directions is not documented; this one is 2.2 % above theirs for RbI.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> round(speed_of_sound(diatomic_chain()), 3)
    5.727
    """
    calculation = calculation_of(bs, unit=unit, structure=structure)
    if calculation.force_constants is None:
        bands = _lines(calculation)
        mean = float(np.mean([velocity.speed for velocity in sound_velocities_of(bands)]))
        warn_of_speed(mean, bands.structure)
        return mean
    require_stable(calculation.zone, "a speed of sound")
    mean = directional_speeds_of(calculation.force_constants)[0].mean
    if np.isnan(mean):
        raise UnstableStructureError(
            "expected waves that travel in every direction, got one whose squared speed is below "
            "zero; the crystal is elastically unstable, or its supercell is too small to tell"
        )
    warn_of_speed(mean, calculation.force_constants.structure)
    return mean


def warn_of_speed(mean: float, structure: "Structure | None") -> None:
    """Warn of a mean speed of sound, km/s, that no crystal has, or none so light and dense.

    Warn too where it is of a layer in vacuum.
    """
    if np.isnan(mean):
        return
    if structure is not None and (width := empty_width(structure)) > _VACUUM:
        warnings.warn(
            f"{structure.reduced_formula} has {width:.1f} Angstrom without atoms across its cell, "
            "as a layer or a molecule in vacuum: a mean speed of sound and a Debye temperature, "
            "which take it for a crystal, say little of it; sound_velocities gives the speed of "
            "each wave along the lines of a band structure",
            DataWarning,
            stacklevel=3,
        )
    low, high = PLAUSIBLE_SPEEDS
    if mean < low or mean > high:
        what = f"no crystal's lies outside {low:g} to {high:g} km/s"
    elif structure is not None:
        low, high = PLAUSIBLE_STIFFNESS
        stiffness = relative_stiffness(mean, structure)
        if low <= stiffness <= high:
            return
        what = (
            f"{structure.reduced_formula} would be {'softer' if stiffness < low else 'stiffer'} "
            f"with it than any crystal of its volume ({stiffness:.3g} e^2/V^(4/3), "
            f"expected {low:g} to {high:g})"
        )
    else:
        return
    warnings.warn(
        f"the mean speed of sound is {mean:.4g} km/s, and {what}: check the units of frequencies "
        "and lengths",
        DataWarning,
        stacklevel=3,
    )


def relative_stiffness(speed: float, structure: "Structure") -> float:
    r"""How stiff a crystal is for its volume, as its mean speed of sound has it.

    .. math:: \rho v^2 V^{4/3} / (e^2 / 4 \pi \varepsilon_0)

    with the density :math:`\rho` and the volume of an atom :math:`V`: the elastic modulus in units
    of the energy density of two elementary charges an atom's width apart, which is near 1 in most
    crystals, soft or hard, and shows a wrong unit.

    Parameters
    ----------
    speed : float
        Mean speed of sound, km/s.
    structure : pymatgen.core.Structure

    References
    ----------
    J. J. Gilman, Electronic Basis of the Strength of Materials (Cambridge, 2003) (moduli and
    :math:`e^2 / r^4`).

    Examples
    --------
    >>> from pymatgen.core import Structure
    >>> salt = Structure.from_spacegroup(
    ...     "Fm-3m", [[5.69, 0, 0], [0, 5.69, 0], [0, 0, 5.69]], ["Na", "Cl"],
    ...     [[0, 0, 0], [0.5, 0.5, 0.5]])
    >>> round(relative_stiffness(3.15, salt), 2)
    0.59
    """
    density = float(structure.density)  # g/cm3, so that density v^2 is in GPa
    per_atom = structure.volume / len(structure)
    return density * speed**2 * per_atom ** (4.0 / 3.0) / _COULOMB


def sound_velocities(
    bs: Any, *, unit: str | None = None, structure: "Structure | None" = None
) -> list[SoundVelocity]:
    r"""Speed of sound of each acoustic branch along each path segment that touches Gamma.

    The squared frequencies, which are what a lattice dynamics calculation yields, are fitted by

    .. math:: \mathrm{sgn}(\omega)\,\omega^2 = c + v^2 q^2 + b q^4

    with equal weights over the first fifth of the segment, at least four wave vectors beyond Gamma.
    The constant takes up a broken acoustic sum rule, which shifts all of them alike; and an error
    of the same size weighs the less in the square the smaller the frequency is, so that the noisy
    first points don't decide the slope. The fit ends before a branch comes near the lowest optical
    one. With two points beyond Gamma :math:`c` is 0, with one the speed is :math:`\omega/q`. A
    branch that rises although its fit has a negative :math:`v^2`, as the flexural one of a layer
    (:math:`\omega \propto q^2`), has speed 0.

    Parameters
    ----------
    bs : PhononBandStructure, dict or emmet.core.phonon.PhononBS
        Phonon band structure along lines.
    unit, structure
        As for :func:`speed_of_sound`.

    Returns
    -------
    list of SoundVelocity
        Three for each segment, in the document's order; ``pandas.DataFrame`` takes the list.

    Raises
    ------
    PhononDocumentError, UnitError, UnstableStructureError
        As :func:`speed_of_sound`.

    References
    ----------
    X. Gonze and C. Lee, Phys. Rev. B 55, 10355 (1997), doi:10.1103/PhysRevB.55.10355 (sum rule).

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> for velocity in sound_velocities(diatomic_chain()):
    ...     print(velocity.label, velocity.branch, round(velocity.speed, 2))
    Gamma-X 1 4.8
    Gamma-X 2 4.8
    Gamma-X 3 7.59
    """
    return sound_velocities_of(_lines(calculation_of(bs, unit=unit, structure=structure)))


def _lines(calculation: PhononCalculation) -> PhononBands:
    """Return the bands along lines that a calculation holds, or raise."""
    if calculation.bands is None:
        raise PhononDocumentError(
            f"expected a phonon band structure along lines, got {calculation.source}; pass the "
            "bands, or ask speed_of_sound and directional_speeds of force constants"
        )
    return calculation.bands


def sound_velocities_of(bands: PhononBands) -> list[SoundVelocity]:
    """As :func:`sound_velocities`, of bands that have been read."""
    require_stable(bands, "a speed of sound")
    segments = list(gamma_segments(bands))
    found = [
        SoundVelocity(
            label=segment.label,
            direction=tuple(segment.direction.tolist()),
            branch=branch + 1,
            speed=_speed(segment, branch, n_points),
            n_points=n_points,
        )
        for segment in segments
        for n_points in [_window(segment)]
        for branch in range(3)
    ]
    if not found:
        raise PhononDocumentError(
            f"expected a path with a segment that touches Gamma, got {len(bands.q_fractional)} "
            "wave vectors without one; compute the bands along a path that starts there"
        )
    if coarse := [segment.label for segment in segments if _is_coarse(segment)]:
        warnings.warn(
            f"the speeds of sound along {len(coarse)} of {len(segments)} lines, {coarse[0]} for "
            "instance, are the frequency over the wave vector of one point far from Gamma, which "
            "is most often too low: compute the bands at more points on each line, such as 51",
            DataWarning,
            stacklevel=3,
        )
    return found


def directional_speeds(source: Any) -> DirectionalSpeeds:
    r"""Speeds of sound averaged over all directions, from force constants, km/s.

    .. math:: v = \frac{1}{4\pi}\int \frac{1}{3}\sum_{j=1}^{3}
        \left.\frac{d\omega_j}{dq}\right|_{q=0} d\Omega

    by Lebedev's quadrature of 110 points. The slope of each branch along each direction is that of
    :math:`\omega^2 = c + v^2 q^2 + b q^4` through three wave vectors next to Gamma; the constant
    takes up a broken acoustic sum rule. In a polar crystal the waves carry their macroscopic
    electric field, as those of an insulator do.

    The three lowest branches are taken for the acoustic ones. Where an optical branch comes down
    among them next to Gamma, below about 10 cm-1, the speeds mean nothing.

    Parameters
    ----------
    source : phonopy.Phonopy, ForceConstantPhonons or dict
        Force constants; of a dictionary as matcalc's ``PhononCalc`` returns, its ``phonon``.

    Returns
    -------
    DirectionalSpeeds
        Mean, longitudinal, transverse and Debye mean, km/s. All are NaN where a squared speed is
        below -(0.3 km/s)^2 in some direction: the crystal is elastically unstable, or its force
        constants are too inaccurate to tell (in small supercells they break the rotational sum
        rule). A squared speed between that and 0, as noise makes that of a very slow wave, counts
        as 0, and the Debye mean, which would be 0, is NaN.

    Raises
    ------
    PhononDocumentError
        There are no force constants.

    References
    ----------
    V. I. Lebedev and D. N. Laikov, Dokl. Math. 59, 477 (1999) (quadrature);
    O. L. Anderson, J. Phys. Chem. Solids 24, 909 (1963), doi:10.1016/0022-3697(63)90067-2 (Debye
    mean).
    """
    phonons = calculation_of(source).require_force_constants()
    return directional_speeds_of(phonons)[0]


def directional_speeds_of(phonons: ForceConstantPhonons) -> tuple[DirectionalSpeeds, PhononBands]:
    """As :func:`directional_speeds`, with the bands at the wave vectors that were computed."""
    directions, weights = hemisphere()
    distinct, orbit = np.unique(phonons.orbits(directions), return_inverse=True)
    weights = np.asarray(np.bincount(orbit, weights), dtype=np.float64)
    speeds, bands = _waves(phonons, directions[distinct])
    averages = DirectionalSpeeds(
        mean=float(weights @ speeds.mean(axis=1)),
        longitudinal=float(weights @ speeds[:, 2]),
        transverse=float(weights @ speeds[:, :2].mean(axis=1)),
        debye=(
            float((weights @ (speeds**-3.0).mean(axis=1)) ** (-1.0 / 3.0))
            if speeds.min() > 0.0
            else float("nan")
        ),
    )
    return averages, bands


def directional_waves(
    phonons: ForceConstantPhonons, directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Speeds of the three acoustic waves along Cartesian unit vectors, km/s.

    Shape (n_directions, 3), ascending along each direction; NaN as in :func:`directional_speeds`.
    """
    return _waves(phonons, directions)[0]


def _waves(
    phonons: ForceConstantPhonons, directions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], PhononBands]:
    """Return the speeds along directions, and the bands that they come from."""
    bands, lengths = phonons.around_gamma(directions, n_lengths=3)
    acoustic = bands.frequencies[:3].T.reshape(len(directions), 3, 3)  # direction, length, branch
    powers = np.stack([np.ones_like(lengths), lengths**2, lengths**4], axis=1)
    squares = np.sign(acoustic) * acoustic**2
    slopes = np.einsum("l,dlb->db", np.linalg.inv(powers)[1], squares)
    squared_speeds = slopes * THZ_ANGSTROM_TO_KM_PER_S**2
    if squared_speeds.min() < -(_SLOWEST**2):
        return np.full((len(directions), 3), np.nan), bands
    return np.sort(np.sqrt(np.maximum(squared_speeds, 0.0)), axis=1), bands


def gamma_segments(bands: PhononBands) -> Iterator[GammaSegment]:
    """Yield each straight run of wave vectors away from Gamma, both ways along the document.

    By geometry and not by labels, which old documents lack or give to one end only.
    """
    jumps, q_cartesian = bands.jumps, bands.q_cartesian
    rounding = _PRINTED * np.linalg.norm(bands.reciprocal_matrix, axis=1).sum()
    for gamma in bands.gamma_indices:
        offsets = q_cartesian - q_cartesian[gamma]
        for outwards in (-1, 1):
            run = _run_from(int(gamma), offsets, jumps, outwards, rounding)
            if len(run) == 1:
                continue
            end = bands.q_fractional[run[-1]] + 0.0  # no "-0" in a label
            label = bands.label_of(end) or "(" + ", ".join(f"{x:.3g}" for x in end) + ")"
            distance = np.linalg.norm(offsets[run], axis=1)
            even = np.linspace(0.0, distance[-1], len(run))
            if np.abs(distance - even).max() <= rounding:  # as they were before they were printed
                distance = even
            yield GammaSegment(
                indices=run,
                label=f"Gamma-{label}",
                direction=offsets[run[-1]] / distance[-1],
                distance=distance,
                acoustic=bands.frequencies[:3, run],
                lowest_optical=bands.frequencies[3, run] if len(bands.frequencies) > 3 else None,
            )


def _run_from(
    gamma: int,
    offsets: NDArray[np.float64],
    jumps: NDArray[np.bool_],
    outwards: int,
    rounding: float,
) -> list[int]:
    """Return Gamma and the wave vectors that follow it on a straight line."""
    line = [gamma]
    while 0 <= (index := line[-1] + outwards) < len(offsets):
        if jumps[min(line[-1], index)] or not _is_farther(offsets, line, index, rounding):
            break
        line.append(index)
    return line


def _is_farther(offsets: NDArray[np.float64], line: list[int], index: int, rounding: float) -> bool:
    """Return whether a wave vector lies farther out on the line than its last one."""
    distance = np.linalg.norm(offsets[index])
    if distance - np.linalg.norm(offsets[line[-1]]) <= 1e-9:
        return False
    along = offsets[index] / distance
    across = offsets[line] - np.outer(offsets[line] @ along, along)
    return bool(np.linalg.norm(across, axis=1).max() <= max(_COLLINEAR * distance, rounding))


def _is_coarse(segment: GammaSegment) -> bool:
    """Return whether one wave vector, and not near Gamma, tells the speeds."""
    return _window(segment) == 1 and bool(segment.distance[1] > _NEAR * segment.distance[-1])


def _window(segment: GammaSegment) -> int:
    """Return how many wave vectors beyond Gamma the fit may use."""
    n_beyond = len(segment.distance) - 1
    inside = int((segment.distance[1:] <= _WINDOW * segment.distance[-1] + 1e-9).sum())
    n_points = min(max(inside, _MIN_POINTS), n_beyond)
    if segment.lowest_optical is not None:
        # sorted branches swap where they cross, so what is above is not the acoustic one
        near = segment.acoustic[2, 1:] > _OPTICAL_MARGIN * segment.lowest_optical[1:]
        if near.any():
            n_points = min(n_points, max(1, int(np.argmax(near))))
    return n_points


def _speed(segment: GammaSegment, branch: int, n_points: int) -> float:
    """Return the slope of one branch at Gamma, km/s."""
    q = segment.distance[: n_points + 1]
    frequency = segment.acoustic[branch, : n_points + 1]
    squares = np.sign(frequency) * frequency**2
    if n_points == 1:
        square = squares[1] / q[1] ** 2
    elif n_points == 2:
        square = _leading(np.stack([q**2, q**4], axis=1), squares, 0)
    else:
        square = _leading(np.stack([np.ones_like(q), q**2, q**4], axis=1), squares, 1)
        if square < 0.0:
            # a flexural branch, whose q^4 leaves v^2 to the noise: hold it at Gamma
            square = _leading(np.stack([q**2, q**4], axis=1), squares, 0)
    if (frequency[1:] > 0.0).all():
        square = max(square, np.float64(0.0))
    if square < 0.0:
        raise UnstableStructureError(
            f"expected acoustic branches that rise from Gamma, got branch {branch + 1} falling "
            f"along {segment.label}; the structure is elastically unstable there, drop it"
        )
    return float(np.sqrt(square)) * THZ_ANGSTROM_TO_KM_PER_S


def _leading(powers: NDArray[np.float64], squares: NDArray[np.float64], column: int) -> np.float64:
    """Return one coefficient of the least-squares fit, its columns scaled to be comparable."""
    scale = powers.max(axis=0)
    coefficients, *_ = np.linalg.lstsq(powers / scale, squares, rcond=None)
    return coefficients[column] / scale[column]
