"""All phonon properties of a crystal at once."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matminer_phonon_tl.exceptions import PhononDocumentError, PhononTLError
from matminer_phonon_tl.phonons.bands import PhononBands, is_primitive, joined_bands
from matminer_phonon_tl.phonons.calculation import PhononCalculation
from matminer_phonon_tl.phonons.debye import debye_temperature_of
from matminer_phonon_tl.phonons.force_constants import ForceConstantPhonons
from matminer_phonon_tl.phonons.frequencies import warn_of_highest
from matminer_phonon_tl.phonons.gap import SpectralGap, acoustic_optical_edges, largest_gap
from matminer_phonon_tl.phonons.heat_capacity import (
    checked_temperatures,
    formula_units,
    heat_capacity_of,
    heat_capacity_of_mesh,
)
from matminer_phonon_tl.phonons.reading import calculation_of
from matminer_phonon_tl.phonons.sound import (
    DirectionalSpeeds,
    directional_speeds_of,
    sound_velocities_of,
    warn_of_speed,
)
from matminer_phonon_tl.phonons.stability import ImaginaryModes, imaginary_modes
from matminer_phonon_tl.units import THZ_TO_CM1

if TYPE_CHECKING:
    from pymatgen.core import Structure

LOWEST_OPTICAL = 10.0
"""cm-1. Below it an optical branch may lie among the acoustic ones where their slopes are taken."""

ROOM_TEMPERATURE = 300.0
"""K. That of the datasets' heat capacities."""

_SHOWN = {
    **dict.fromkeys(("lowest_frequency", "max_frequency"), ("cm-1", 1)),
    **dict.fromkeys(("acoustic_top", "optical_bottom", "acoustic_optical_gap"), ("cm-1", 1)),
    "largest_gap": ("cm-1", 1),
    **dict.fromkeys(("speed_of_sound", "speed_longitudinal", "speed_transverse"), ("km/s", 2)),
    "debye_temperature": ("K", 0),
    **dict.fromkeys(("heat_capacity", "heat_capacity_per_atom"), ("J/mol/K", 2)),
}
"""Unit of each number that a notebook shows, and its digits after the point."""
_NAN = float("nan")
_NO_SPEEDS = DirectionalSpeeds(_NAN, _NAN, _NAN, _NAN)
_NO_GAP = SpectralGap(_NAN, _NAN, _NAN, 0)


@dataclass(frozen=True)
class PhononProperties:
    """Phonon properties of a crystal; what a source does not tell is NaN, and a note says why.

    Attributes
    ----------
    is_stable : bool
        Whether there is no imaginary mode, by the rule of
        :func:`~matminer_phonon_tl.phonons.imaginary_modes`.
    lowest_frequency : float
        cm-1; negative if imaginary. Next to Gamma the acoustic branches are left out, where they
        are zero but for noise.
    max_frequency : float
        cm-1.
    acoustic_top, optical_bottom : float
        Highest frequency of branch 3 and lowest of branch 4, cm-1; ``optical_bottom`` is NaN for
        one atom in the cell, and both are in a cell that is not primitive.
    largest_gap : SpectralGap
        Widest range without phonons.
    speeds : DirectionalSpeeds
        Speeds of sound, km/s; NaN as in :func:`~matminer_phonon_tl.phonons.directional_speeds`, and
        where an optical branch comes below :data:`LOWEST_OPTICAL`.
    debye_temperature : float
        K, from the speeds of sound; of force constants only.
    heat_capacity_per_cell : float
        At 300 K, J/mol/K per mole of primitive cells; NaN for an unstable crystal.
    imaginary : ImaginaryModes
        Lowest frequencies next to Gamma and elsewhere; NaN where only a density is known.
    speeds_over : {"all directions", "path", ""}
        What the speeds are means over: all directions, or the lines of a band structure that touch
        Gamma.
    temperatures : tuple of float
        K, as they were asked for.
    heat_capacities : tuple of float
        At these temperatures, J/mol/K per mole of reduced formula units.
    structure : pymatgen.core.Structure or None
        The crystal.
    source, units : str
        What was read, and the units that it came in, stated or inferred.
    notes : tuple of str
        Why something is missing, a sentence each.
    """

    is_stable: bool
    lowest_frequency: float
    max_frequency: float
    acoustic_top: float
    optical_bottom: float
    largest_gap: SpectralGap
    speeds: DirectionalSpeeds
    debye_temperature: float
    heat_capacity_per_cell: float
    imaginary: ImaginaryModes
    speeds_over: str = ""
    temperatures: tuple[float, ...] = ()
    heat_capacities: tuple[float, ...] = ()
    structure: "Structure | None" = field(default=None, compare=False)
    source: str = field(default="", compare=False)
    units: str = field(default="", compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def acoustic_optical_gap(self) -> float:
        """Lowest optical less highest acoustic frequency, cm-1; negative where they overlap."""
        return self.optical_bottom - self.acoustic_top

    def _repr_html_(self) -> str:
        """Show in a notebook a table of what is known, with units."""
        row = self.as_dict()
        crystal = row["formula"] or "a crystal"
        shown = [("stable", "yes" if self.is_stable else "no, there are imaginary modes", "")]
        shown += [
            (name.replace("_", " "), f"{row[name]:.{digits}f}", unit)
            for name, (unit, digits) in _SHOWN.items()
            if row[name] is not None
        ]
        shown += [(name, row[name] or "", "") for name in ("source", "units", "notes")]
        cells = (
            f'<tr><th style="text-align: left">{escape(name)}</th>'
            f"<td>{escape(value)} {unit}</td></tr>"
            for name, value, unit in shown
            if value
        )
        return (
            f"<table><caption>Phonon properties of {escape(crystal)}</caption><tbody>"
            f"{''.join(cells)}</tbody></table>"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the properties as a row of a table, without what has no number.

        Returns
        -------
        dict
            Columns named as those of ``phonondb_kyoto``, of plain numbers and strings; None where a
            property is missing, and lists of ``temperatures`` and ``heat_capacities``.
        """
        crystal = self.structure
        n_atoms = _NAN if crystal is None else len(crystal)
        per_cell = _NAN if crystal is None else formula_units(crystal)
        row = {
            "formula": None if crystal is None else crystal.composition.reduced_formula,
            "nsites": None if crystal is None else len(crystal),
            "volume": None if crystal is None else float(crystal.volume),
            "is_stable": self.is_stable,
            "lowest_frequency": self.lowest_frequency,
            "max_frequency": self.max_frequency,
            "acoustic_top": self.acoustic_top,
            "optical_bottom": self.optical_bottom,
            "acoustic_optical_gap": self.acoustic_optical_gap,
            "largest_gap": self.largest_gap.width,
            "largest_gap_lower_edge": self.largest_gap.lower_edge,
            "largest_gap_upper_edge": self.largest_gap.upper_edge,
            "largest_gap_branch": self.largest_gap.lower_branch or None,
            "speed_of_sound": self.speeds.mean,
            "speed_longitudinal": self.speeds.longitudinal,
            "speed_transverse": self.speeds.transverse,
            "speed_debye": self.speeds.debye,
            "speeds_over": self.speeds_over or None,
            "debye_temperature": self.debye_temperature,
            "heat_capacity": self.heat_capacity_per_cell / per_cell,
            "heat_capacity_per_atom": self.heat_capacity_per_cell / n_atoms,
            "temperatures": list(self.temperatures),
            "heat_capacities": [None if math.isnan(c) else c for c in self.heat_capacities],
            "source": self.source,
            "units": self.units,
            "notes": " ".join(self.notes) or None,
        }
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in row.items()
        }


def phonon_properties(
    source: Any,
    *,
    temperature: ArrayLike = ROOM_TEMPERATURE,
    unit: str | None = None,
    structure: "Structure | None" = None,
    mesh_length: float | None = None,
) -> PhononProperties:
    """Compute the phonon properties of a crystal from whatever holds its phonons.

    From force constants, frequencies are those on a mesh of the whole zone and next to Gamma in
    the directions of the speeds of sound, where the longitudinal optical branches of polar crystals
    are highest. Bands and densities tell less: what they do not, is NaN, and ``notes`` says why.

    Parameters
    ----------
    source : path, phonopy.Phonopy, dict, PhononBandStructure, PhononDos, or an emmet document
        A path that holds one calculation (see
        :func:`~matminer_phonon_tl.phonons.find_calculations`); a phonopy object; what matcalc's
        ``PhononCalc`` returns; a band structure or a density of states, or a document of both.
    temperature : float or array_like, default 300
        K, of ``heat_capacities``.
    unit : str, optional
        Unit of a document's frequencies; established from the content if not given.
    structure : pymatgen.core.Structure, optional
        The crystal, for a document without one.
    mesh_length : float, optional
        Angstrom, see :meth:`ForceConstantPhonons.mesh`.

    Returns
    -------
    PhononProperties
        Frequencies in cm-1, speeds in km/s.

    Raises
    ------
    PhononDocumentError
        Nothing can be read, or it is corrupt.
    UnitError
        The unit cannot be established.
    MissingExtraError
        phonopy is needed and not installed.

    References
    ----------
    A. Togo and I. Tanaka, Scr. Mater. 108, 1 (2015), doi:10.1016/j.scriptamat.2015.07.021.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> found = phonon_properties(diatomic_chain(springs=(60.0, 60.0, 60.0)))
    >>> round(found.acoustic_optical_gap, 1), round(found.speeds.mean, 2), found.units
    (210.4, 5.88, 'THz (inferred)')
    """
    temperatures = checked_temperatures(temperature).ravel()
    calculation = calculation_of(source, unit=unit, structure=structure)
    if calculation.force_constants is not None:
        return _of_force_constants(
            calculation, calculation.force_constants, temperatures, mesh_length
        )
    return _of_documents(calculation, temperatures)


def _of_force_constants(
    calculation: PhononCalculation,
    phonons: ForceConstantPhonons,
    temperatures: NDArray[np.float64],
    mesh_length: float | None,
) -> PhononProperties:
    mesh = phonons.mesh(mesh_length)
    speeds, around_gamma = directional_speeds_of(phonons)
    everywhere = joined_bands(mesh.bands, around_gamma)
    imaginary = imaginary_modes(everywhere)
    highest = float(everywhere.frequencies.max())
    warn_of_highest(highest, "crystal")
    warn_of_speed(speeds.mean, phonons.structure)
    edges = acoustic_optical_edges(everywhere, require_primitive=False, allow_imaginary=True)
    notes = []
    if edges.optical_bottom < LOWEST_OPTICAL:
        speeds = _NO_SPEEDS
        notes.append(
            f"speeds of sound: an optical branch comes down to {edges.optical_bottom:.1f} cm-1, "
            "among the acoustic ones."
        )
    elif math.isnan(speeds.mean):
        notes.append(
            "speeds of sound: a squared speed is below zero; the crystal is elastically unstable, "
            "or its supercell is too small to tell."
        )
    per_cell, capacities = _NAN, np.full(len(temperatures), _NAN)
    if imaginary.unstable:
        notes.append("heat capacity: there are imaginary modes.")
    else:
        per_cell = float(heat_capacity_of_mesh(mesh, ROOM_TEMPERATURE))
        capacities = heat_capacity_of_mesh(mesh, temperatures) / formula_units(phonons.structure)
    acoustic_top, optical_bottom = _edges(everywhere, edges, notes)
    return PhononProperties(
        is_stable=not imaginary.unstable,
        lowest_frequency=THZ_TO_CM1 * imaginary.lowest_away_from_translations,
        max_frequency=THZ_TO_CM1 * highest,
        acoustic_top=acoustic_top,
        optical_bottom=optical_bottom,
        largest_gap=largest_gap(everywhere, allow_imaginary=True),
        speeds=speeds,
        debye_temperature=debye_temperature_of(speeds.debye, phonons.structure),
        heat_capacity_per_cell=per_cell,
        imaginary=imaginary,
        speeds_over="" if math.isnan(speeds.mean) else "all directions",
        temperatures=tuple(temperatures.tolist()),
        heat_capacities=tuple(capacities.tolist()),
        structure=phonons.structure,
        source=calculation.source,
        units=calculation.units,
        notes=tuple(notes),
    )


def _of_documents(
    calculation: PhononCalculation, temperatures: NDArray[np.float64]
) -> PhononProperties:
    """Compute what bands, a mesh or a density tell."""
    notes: list[str] = []
    has_bands = calculation.bands_document is not None or calculation.mesh is not None
    everywhere = calculation.zone if has_bands else None
    capacities = np.full(1 + len(temperatures), _NAN)
    if calculation.mesh is None and calculation.dos_document is None:
        notes.append("heat capacity: it takes a density of states, a mesh or force constants.")
    else:
        every = np.array([ROOM_TEMPERATURE, *temperatures])
        found = _attempt(
            "heat capacity", lambda: heat_capacity_of(calculation, every, per="cell"), notes
        )
        capacities = capacities if found is None else found
    crystal = calculation.structure
    per_cell = _NAN if crystal is None else formula_units(crystal)
    units = calculation.units or _units(calculation, everywhere)
    common: dict[str, Any] = {
        "heat_capacity_per_cell": float(capacities[0]),
        "debye_temperature": _NAN,
        "temperatures": tuple(temperatures.tolist()),
        "heat_capacities": tuple((capacities[1:] / per_cell).tolist()),
        "structure": crystal,
        "source": calculation.source,
        "units": units,
    }
    if everywhere is None:
        return _of_density(calculation, common, notes)
    imaginary = imaginary_modes(everywhere)
    edges = acoustic_optical_edges(everywhere, require_primitive=False, allow_imaginary=True)
    speeds = _NO_SPEEDS
    if calculation.bands is None:
        notes.append("speeds of sound: a mesh holds no line from Gamma.")
    else:
        lines = calculation.bands
        speeds = _attempt("speeds of sound", lambda: _speeds_of_path(lines), notes) or speeds
        warn_of_speed(speeds.mean, crystal)
    notes.append("Debye temperature: it takes force constants.")
    acoustic_top, optical_bottom = _edges(everywhere, edges, notes)
    return PhononProperties(
        is_stable=not imaginary.unstable,
        lowest_frequency=THZ_TO_CM1 * imaginary.lowest_away_from_translations,
        max_frequency=THZ_TO_CM1 * float(everywhere.frequencies.max()),
        acoustic_top=acoustic_top,
        optical_bottom=optical_bottom,
        largest_gap=largest_gap(everywhere, allow_imaginary=True),
        speeds=speeds,
        imaginary=imaginary,
        speeds_over="" if math.isnan(speeds.mean) else "path",
        notes=tuple(notes),
        **common,
    )


def _of_density(
    calculation: PhononCalculation, common: dict[str, Any], notes: list[str]
) -> PhononProperties:
    """Tell what a density of states alone tells."""
    density = calculation.density
    if density is None:
        raise PhononDocumentError(
            f"expected force constants, bands or a density of states, got {calculation.source}; "
            "pass one of these"
        )
    notes.append("gap, speeds of sound, Debye temperature: a density of states does not hold them.")
    occupied = density.frequencies[density.densities > 1e-3 * density.densities.max()]
    is_stable = not math.isnan(common["heat_capacity_per_cell"])
    return PhononProperties(
        is_stable=is_stable,
        lowest_frequency=THZ_TO_CM1 * float(occupied.min()),
        max_frequency=THZ_TO_CM1 * float(occupied.max()),
        acoustic_top=_NAN,
        optical_bottom=_NAN,
        largest_gap=_NO_GAP,
        speeds=_NO_SPEEDS,
        imaginary=ImaginaryModes(not is_stable, _NAN, _NAN, (_NAN, _NAN, _NAN)),
        notes=tuple(notes),
        **common,
    )


def _edges(bands: PhononBands, edges: tuple[float, float], notes: list[str]) -> tuple[float, float]:
    """Return the edges of the gap, NaN in a cell whose branches cannot be counted."""
    if bands.structure is None:
        notes.append("gap: without a structure it cannot be checked that the cell is primitive.")
        return edges
    primitive, n_primitive = is_primitive(bands.structure)
    if primitive:
        return edges
    notes.append(
        f"acoustic-optical gap: the cell has {len(bands.structure)} atoms and the primitive one "
        f"{n_primitive}, so folded acoustic branches would count as optical; compute the phonons "
        "in the primitive cell."
    )
    return _NAN, _NAN


def _speeds_of_path(bands: PhononBands) -> DirectionalSpeeds:
    """Return means over the lines from Gamma, each with the same weight."""
    speeds = np.array([velocity.speed for velocity in sound_velocities_of(bands)]).reshape(-1, 3)
    return DirectionalSpeeds(
        mean=float(speeds.mean()),
        longitudinal=float(speeds[:, 2].mean()),
        transverse=float(speeds[:, :2].mean()),
        debye=_NAN,
    )


def _attempt(what: str, compute: Callable[[], Any], notes: list[str]) -> Any:
    """Return a property, or None with a note that says why there is none."""
    try:
        return compute()
    except PhononTLError as error:
        notes.append(f"{what}: {error}.")
        return None


def _units(calculation: PhononCalculation, bands: PhononBands | None) -> str:
    """Return the unit of a document's frequencies, and how it is known."""
    read = bands if bands is not None else calculation.density
    unit = "THz" if read is None else read.document_unit
    return f"{unit} ({'inferred' if calculation.unit is None else 'as given'})"
