"""The unit of the frequencies in a phonon document: stated, established or refused, never guessed.

Phonon documents of the same class come in THz, eV or cm-1, depending on their age and origin.
"""

import math
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

from scipy import constants

from matminer_phonon_tl.exceptions import DataWarning, UnitError
from matminer_phonon_tl.units import FREQUENCY_UNITS_IN_THZ

if TYPE_CHECKING:
    from pymatgen.core import Structure

_CANONICAL = {
    "thz": "THz",
    "ev": "eV",
    "mev": "meV",
    "cm-1": "cm-1",
    "cm^-1": "cm-1",
    "1/cm": "cm-1",
}

INFERRED_UNITS = ("THz", "eV", "cm-1")
"""Units that documents are known to come in. meV is understood when it is stated; it is never
inferred, because its figures are those of THz within a factor of four."""

HIGHEST_KNOWN_FREQUENCY = 135.0
"""THz. The stretching mode of H2 (4401 cm-1), the highest of any material, is 132 THz."""

PLAUSIBLE_HIGHEST = (1.0, 150.0)
"""THz. Between which the highest frequency of any crystal lies: 1.0 in Cs, 132 in H2."""

STIFFEST_BOND = 2300.0
"""N/m. The force constant of N2 (2294 N/m), the stiffest chemical bond."""

SOFTEST_CRYSTAL = 10.0
"""THz sqrt(u). Highest frequency times sqrt(lightest mass): 12 in Cs, 14 in K, 139 in diamond."""

SOFTEST_RARE_GAS = 5.0
"""THz sqrt(u). The same with a rare gas in the crystal: 7 in solid Ne, 13 in Ar."""

_HEAVIEST_MASS = 260.0
_LIGHTEST_MASS = 1.0
_DENSITY_RATIO_TOLERANCE = 0.03


def canonical_unit(unit: str) -> str:
    """Return the package's spelling of a frequency unit, or raise UnitError.

    The case does not matter; ``cm^-1`` and ``1/cm`` mean ``cm-1``.

    >>> canonical_unit("thz")
    'THz'
    """
    try:
        return _CANONICAL[unit.strip().lower()]
    except (AttributeError, KeyError):
        raise UnitError(
            f"expected a frequency unit out of THz, eV, meV and cm-1, got {unit!r}; "
            "convert the frequencies to one of these first"
        ) from None


def unit_in_thz(unit: str) -> float:
    """Return how many THz one ``unit`` is; UnitError where :func:`canonical_unit` does not know it.

    >>> round(unit_in_thz("eV"), 2)
    241.8
    """
    return FREQUENCY_UNITS_IN_THZ[canonical_unit(unit).lower()]


def highest_frequency_bounds(
    masses: Iterable[float] | None = None, *, rare_gas: bool = True
) -> tuple[float, float]:
    r"""Between which frequencies the highest phonon of a crystal can lie.

    No mode can be stiffer than the stiffest chemical bond between two of the lightest atoms,

    .. math:: f_{max} \le \frac{1}{2\pi}\sqrt{2 k_{N_2} / m_{min}},

    nor than the stretching of H2; and no solid is softer than
    :math:`f_{max} \ge 10\,\mathrm{THz} \sqrt{\mathrm{u} / m_{min}}`, or half of that with a
    rare gas in it, which leaves the softest ones, Cs and Ne, a margin of 1.2 and 1.4. The bounds
    are generous on purpose: they are there to tell units apart that differ by factors of 33 and
    242. All 1265 materials of the Matbench phonon set lie within them; the softest has 17.

    Parameters
    ----------
    masses : iterable of float, optional
        Atomic masses, u. Without them the bounds hold for any material.
    rare_gas : bool, default True
        Whether the crystal may hold a rare gas.

    Returns
    -------
    tuple of float
        Lower and upper bound, THz.

    Examples
    --------
    >>> low, high = highest_frequency_bounds([85.47, 126.90], rare_gas=False)
    >>> f"{low:.2f} {high:.1f}"  # RbI, whose top mode is at 2.9 THz
    '1.08 28.7'
    """
    masses = list(masses) if masses is not None else []
    lightest = min(masses) if masses else _LIGHTEST_MASS
    softest_mass = lightest if masses else _HEAVIEST_MASS
    stiff = math.sqrt(2.0 * STIFFEST_BOND / (lightest * constants.atomic_mass)) / (2.0 * math.pi)
    high = min(HIGHEST_KNOWN_FREQUENCY, stiff / constants.tera)
    softest = SOFTEST_RARE_GAS if rare_gas else SOFTEST_CRYSTAL
    return softest / math.sqrt(softest_mass), high


def warn_of_highest(in_thz: float, document: str) -> None:
    """Warn of a highest frequency, THz, that no crystal has, whoever stated the unit."""
    low, high = PLAUSIBLE_HIGHEST
    if not low <= in_thz <= high:
        warnings.warn(
            f"the highest frequency of this {document} is {in_thz:.4g} THz, and no crystal's lies "
            f"outside {low:g} to {high:g} THz: check the unit and the phonons",
            DataWarning,
            stacklevel=3,
        )


def establish_unit(
    max_frequency: float,
    *,
    unit: str | None = None,
    known_unit: str | None = None,
    structure: "Structure | None" = None,
    dos_integral: float | None = None,
    n_atoms: int | None = None,
    document: str = "phonon document",
) -> str:
    r"""Establish in which unit a document gives its frequencies.

    In this order: the caller's word (``unit``); a field whose definition fixes the unit
    (``known_unit``); the integral of the density of states, which is :math:`3N` in the unit its
    density is counted in, so that any other value that is :math:`3N` times the ratio of two units
    names both, as long as the bounds admit that unit; and the physical bounds of
    :func:`highest_frequency_bounds`, if they admit one unit only. A stated unit that puts the
    highest frequency outside the bounds while another one would not is an error too.

    Parameters
    ----------
    max_frequency : float
        Highest frequency in the document, in the document's own unit.
    unit : str, optional
        The unit as stated by the caller.
    known_unit : str, optional
        The unit that the definition of the document's field fixes.
    structure : pymatgen.core.Structure, optional
        The crystal, whose lightest atom narrows the bounds.
    dos_integral : float, optional
        Integral of the density of states over the frequency, both as they stand.
    n_atoms : int, optional
        Number of atoms in the cell; that of ``structure`` if not given.
    document : str, default "phonon document"
        What to call the document in an error.

    Returns
    -------
    str
        ``"THz"``, ``"eV"``, ``"meV"`` or ``"cm-1"``.

    Raises
    ------
    UnitError
        The unit cannot be established, or a stated one contradicts the content.

    Warns
    -----
    DataWarning
        The highest frequency lies outside :data:`PLAUSIBLE_HIGHEST`, also where a unit was stated.

    Examples
    --------
    >>> from pymatgen.core import Structure
    >>> rbi = Structure.from_spacegroup("Pm-3m", [[4.35, 0, 0], [0, 4.35, 0], [0, 0, 4.35]],
    ...                                 ["Rb", "I"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    >>> establish_unit(2.9, structure=rbi), establish_unit(96.8, structure=rbi)
    ('THz', 'cm-1')
    >>> establish_unit(60.0)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    matminer_phonon_tl.exceptions.UnitError: expected frequencies of one possible unit in ...
    """
    masses = None
    if structure is not None:
        masses = [float(mass) for e in structure.composition.elements if (mass := e.atomic_mass)]
        n_atoms = n_atoms or len(structure)
    # without a structure it may be anything
    rare_gas = structure is None or any(e.is_noble_gas for e in structure.composition.elements)
    low, high = highest_frequency_bounds(masses, rare_gas=rare_gas)
    candidates = [u for u in INFERRED_UNITS if low <= max_frequency * unit_in_thz(u) <= high]

    named = None
    if dos_integral is not None and n_atoms:
        named = _unit_named_by_integral(dos_integral / (3.0 * n_atoms))
    stated, origin = (known_unit, "the document's field says") if unit is None else (unit, "unit")
    if stated is not None:
        established = canonical_unit(stated)
        _check_stated(established, origin, candidates, max_frequency, (low, high))
    # a density normalised to 1 names a unit by chance: 1/33 of 11 atoms is THz in cm-1
    elif named in candidates:
        established = named
    elif len(candidates) == 1:
        established = candidates[0]
    else:
        hint = "" if structure is not None else ", or the structure"
        raise _ambiguity(candidates, max_frequency, (low, high), document, hint)
    warn_of_highest(max_frequency * unit_in_thz(established), document)
    return established


def _check_stated(
    unit: str,
    origin: str,
    candidates: list[str],
    max_frequency: float,
    bounds: tuple[float, float],
) -> None:
    """Refuse the stated unit if only another one is physical."""
    low, high = bounds
    in_thz = max_frequency * unit_in_thz(unit)
    if low <= in_thz <= high:
        return
    if not candidates:  # a model crystal may be softer or stiffer than anything real
        warnings.warn(
            f"the highest frequency is {in_thz:.4g} THz by {origin}={unit!r}, outside the physical "
            f"{low:.2f} to {high:.0f} THz of such light atoms: check the unit",
            DataWarning,
            stacklevel=3,
        )
        return
    raise UnitError(
        f"{origin}={unit!r} contradicts the content: it puts the highest frequency at "
        f"{in_thz:.4g} THz, outside the physical {low:.2f} to {high:.0f} THz, while "
        f"{' or '.join(candidates)} would not; pass the unit the frequencies are in"
    )


def _unit_named_by_integral(ratio: float) -> str | None:
    """Return the frequency unit that a DOS integral of ``ratio`` times 3N names, if any."""
    for frequency_unit in INFERRED_UNITS:
        for density_unit in INFERRED_UNITS:
            if frequency_unit == density_unit:
                continue
            expected = unit_in_thz(density_unit) / unit_in_thz(frequency_unit)
            if abs(ratio / expected - 1.0) < _DENSITY_RATIO_TOLERANCE:
                return frequency_unit
    return None


def _ambiguity(
    candidates: list[str],
    max_frequency: float,
    bounds: tuple[float, float],
    document: str,
    hint: str,
) -> UnitError:
    """Return the error that names what the unit could be."""
    head = f"expected frequencies of one possible unit in this {document}, got as the highest "
    if not candidates:
        low, high = bounds
        return UnitError(
            f"{head}{max_frequency:.6g}, which is physical neither in THz nor in eV nor in cm-1 "
            f"(expected {low:.2f} to {high:.0f} THz); check the frequencies, or pass unit= if "
            "they are meant so"
        )
    first, second = candidates[:2]
    in_thz = [max_frequency * unit_in_thz(u) for u in (first, second)]
    as_other = in_thz[0] / unit_in_thz(second)
    return UnitError(
        f"{head}{max_frequency:.6g}, which is physical both in {first} and in {second} "
        f"({max_frequency:.4g} {first} is {as_other:.4g} {second}, {max_frequency:.4g} {second} "
        f'is {in_thz[1]:.2g} {first}); pass unit="{first}" or unit="{second}"{hint}'
    )
