"""Imaginary phonon modes: real instabilities against noise at the zone centre and smearing."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from matminer_phonon_tl.exceptions import UnstableStructureError
from matminer_phonon_tl.phonons.bands import PhononBands
from matminer_phonon_tl.phonons.density import PhononDensity
from matminer_phonon_tl.phonons.reading import calculation_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

GAMMA_TOLERANCE = 0.1
"""THz. How far below zero the acoustic branches may dip next to Gamma."""

ZONE_TOLERANCE = 0.02
"""THz. How far below zero any branch may lie elsewhere: rounding and interpolation noise."""

FORCE_CONSTANT_TOLERANCE = 0.3
"""THz. How far below zero a branch may lie that force constants of a finite supercell interpolate:
they break the rotational sum rule, which bends the acoustic branches down near Gamma."""

GAMMA_RADIUS = 0.1
"""What counts as next to Gamma, in units of half the shortest reciprocal lattice vector."""

IMAGINARY_FRACTION = 0.002
"""Share of the states at imaginary frequencies above which a structure counts as unstable. The
smearing of a stable crystal's density leaves less than 1e-4 there."""


class ImaginaryModes(NamedTuple):
    """The lowest frequencies of a phonon band structure.

    Attributes
    ----------
    unstable : bool
        Whether they are a real instability.
    lowest_near_gamma : float
        Lowest frequency next to Gamma, THz; NaN if the document has no such wave vector.
    lowest_elsewhere : float
        Lowest frequency in the rest of the zone, THz; NaN if the document has none.
    wave_vector : tuple of three floats
        Where the lowest frequency of all lies, in reciprocal lattice vectors.
    lowest_optical_near_gamma : float
        Lowest frequency of the fourth branch next to Gamma, THz; NaN if there is none.
    """

    unstable: bool
    lowest_near_gamma: float
    lowest_elsewhere: float
    wave_vector: tuple[float, float, float]
    lowest_optical_near_gamma: float = float("nan")

    @property
    def lowest_away_from_translations(self) -> float:
        """Lowest frequency but for the acoustic branches next to Gamma, which are near zero, THz.

        An instability of these branches counts all the same.
        """
        found = [self.lowest_elsewhere, self.lowest_optical_near_gamma]
        if self.unstable:
            found.append(self.lowest_near_gamma)
        return float(np.nanmin(found))


def imaginary_modes(
    bs: Any,
    *,
    tolerance: float | None = None,
    zone_tolerance: float | None = None,
    unit: str | None = None,
    structure: "Structure | None" = None,
) -> ImaginaryModes:
    r"""Lowest frequencies next to Gamma and elsewhere, and whether they mean an instability.

    Imaginary frequencies are given as negative ones. Where the acoustic sum rule is broken by
    the finite accuracy of a calculation, the squares of the acoustic frequencies are shifted by a
    constant, :math:`\omega^2 = v^2 q^2 - \delta^2`, so that they turn negative next to Gamma,
    for :math:`q < \delta/v`, and nowhere else. So the three acoustic branches are allowed to dip
    to ``-tolerance`` where :math:`|q|` is below a tenth of half the shortest reciprocal
    lattice vector; any mode below ``-zone_tolerance`` further out, and any mode below
    ``-tolerance`` anywhere, is an instability, and so is a fourth negative branch next to Gamma.

    Force constants of a finite supercell are less accurate between its wave vectors. Any of their
    branches may lie down to 0.3 THz below zero anywhere, unless tolerances are passed.

    Parameters
    ----------
    bs : PhononBandStructure, dict, emmet.core.phonon.PhononBS or phonopy.Phonopy
        Phonon band structure; or force constants, whose bands over the whole zone are computed.
    tolerance : float, optional
        Tolerance next to Gamma, THz; default 0.1, or 0.3 for force constants.
    zone_tolerance : float, optional
        Tolerance in the rest of the zone, THz, never more than ``tolerance``; default 0.02, or 0.3
        for force constants.
    unit : str, optional
        Unit of the document's frequencies; established from the content if not given.
    structure : pymatgen.core.Structure, optional
        The crystal, for a document without one.

    Returns
    -------
    ImaginaryModes
        Verdict, lowest frequencies in THz and where they are.

    Raises
    ------
    PhononDocumentError
        The document is corrupt.
    UnitError
        The unit cannot be established.

    References
    ----------
    X. Gonze and C. Lee, Phys. Rev. B 55, 10355 (1997), doi:10.1103/PhysRevB.55.10355 (sum rule);
    G. Petretto et al., Sci. Data 5, 180065 (2018), doi:10.1038/sdata.2018.65.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> imaginary_modes(diatomic_chain()).unstable
    False
    """
    bands = calculation_of(bs, unit=unit, structure=structure).zone
    defaults = (GAMMA_TOLERANCE, ZONE_TOLERANCE)
    if bands.from_force_constants:
        defaults = (FORCE_CONSTANT_TOLERANCE, FORCE_CONSTANT_TOLERANCE)
    tolerance = defaults[0] if tolerance is None else tolerance
    zone_tolerance = defaults[1] if zone_tolerance is None else zone_tolerance
    shortest = np.linalg.norm(bands.reciprocal_matrix, axis=1).min()
    near = bands.distance_to_gamma <= GAMMA_RADIUS * shortest / 2.0
    near[bands.gamma_indices] = True

    lowest = bands.frequencies[0]
    worst = int(np.argmin(lowest))
    near_gamma = float(lowest[near].min()) if near.any() else float("nan")
    elsewhere = float(lowest[~near].min()) if (~near).any() else float("nan")
    zone_tolerance = min(zone_tolerance, tolerance)
    # a sum rule can only be broken for the three translations
    optical = bands.frequencies[3:4, near]
    unstable = (
        near_gamma < -tolerance
        or elsewhere < -zone_tolerance
        or bool((optical < -zone_tolerance).any())
    )
    q = bands.q_fractional[worst]
    return ImaginaryModes(
        unstable=bool(unstable),
        lowest_near_gamma=near_gamma,
        lowest_elsewhere=elsewhere,
        wave_vector=(float(q[0]), float(q[1]), float(q[2])),
        lowest_optical_near_gamma=float(optical.min()) if optical.size else float("nan"),
    )


def has_imaginary_modes(
    bs: Any,
    *,
    tolerance: float | None = None,
    zone_tolerance: float | None = None,
    unit: str | None = None,
    structure: "Structure | None" = None,
) -> bool:
    """Whether a structure is dynamically unstable, by the rule of :func:`imaginary_modes`.

    Parameters
    ----------
    bs, tolerance, zone_tolerance, unit, structure
        As for :func:`imaginary_modes`.

    Returns
    -------
    bool
        True if it is unstable.

    Raises
    ------
    PhononDocumentError, UnitError
        As :func:`imaginary_modes`.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> chain = diatomic_chain()
    >>> chain.bands[0, -1] = -1.0  # a soft mode at the zone boundary
    >>> has_imaginary_modes(chain)
    True
    """
    return imaginary_modes(
        bs, tolerance=tolerance, zone_tolerance=zone_tolerance, unit=unit, structure=structure
    ).unstable


def require_stable(bands: PhononBands, what: str) -> None:
    """Raise UnstableStructureError where a crystal of these bands has imaginary modes.

    ``what`` is the property that was asked for, with its article.
    """
    found = imaginary_modes(bands)
    if found.unstable:
        q = ", ".join(f"{x:.3g}" for x in found.wave_vector)
        lowest = np.nanmin([found.lowest_near_gamma, found.lowest_elsewhere])
        raise UnstableStructureError(
            f"expected a dynamically stable structure for {what}, got imaginary modes down to "
            f"{lowest:.3g} THz at q = ({q}); drop the material, or relax it along that mode"
        )


def require_real_states(density: PhononDensity, what: str) -> None:
    """Raise UnstableStructureError where over 0.2 % of the states are imaginary."""
    if density.imaginary_fraction > IMAGINARY_FRACTION:
        raise UnstableStructureError(
            f"expected a dynamically stable structure for {what}, got a density with "
            f"{density.imaginary_fraction:.2%} of its states at imaginary frequencies (at most "
            f"{IMAGINARY_FRACTION:.1%} pass for smearing); drop the material, or relax it"
        )
