"""All phonon properties of a crystal at once, from its force constants."""

from dataclasses import dataclass
from typing import Any

from matminer_phonon_tl.phonons.bands import joined_bands
from matminer_phonon_tl.phonons.debye import debye_temperature_of
from matminer_phonon_tl.phonons.force_constants import (
    require_force_constants,
)
from matminer_phonon_tl.phonons.frequencies import warn_of_highest
from matminer_phonon_tl.phonons.gap import SpectralGap, acoustic_optical_edges_of, largest_gap_of
from matminer_phonon_tl.phonons.heat_capacity import heat_capacity_of_mesh
from matminer_phonon_tl.phonons.sound import DirectionalSpeeds, directional_speeds_of, warn_of_speed
from matminer_phonon_tl.phonons.stability import ImaginaryModes, imaginary_modes_of
from matminer_phonon_tl.units import THZ_TO_CM1

LOWEST_OPTICAL = 10.0
"""cm-1. Below it an optical branch may lie among the acoustic ones where their slopes are taken."""


@dataclass(frozen=True)
class PhononProperties:
    """Phonon properties of a crystal.

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
        one atom in the cell.
    largest_gap : SpectralGap
        Widest range without phonons.
    speeds : DirectionalSpeeds
        Speeds of sound, km/s; NaN as in :func:`~matminer_phonon_tl.phonons.directional_speeds`, and
        where an optical branch comes below :data:`LOWEST_OPTICAL`.
    debye_temperature : float
        K, from the speeds of sound.
    heat_capacity_per_cell : float
        At 300 K, J/mol/K per mole of primitive cells; NaN for an unstable crystal.
    imaginary : ImaginaryModes
        Lowest frequencies next to Gamma and elsewhere.
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

    @property
    def acoustic_optical_gap(self) -> float:
        """Lowest optical less highest acoustic frequency, cm-1; negative where they overlap."""
        return self.optical_bottom - self.acoustic_top


def phonon_properties(source: Any, *, mesh_length: float | None = None) -> PhononProperties:
    """Compute the phonon properties of a crystal from its force constants.

    Frequencies are those on a mesh of the whole zone and next to Gamma in the directions of the
    speeds of sound, where the longitudinal optical branches of polar crystals are highest.

    Parameters
    ----------
    source : phonopy.Phonopy, ForceConstantPhonons or dict
        Force constants; of a dictionary as matcalc's ``PhononCalc`` returns, its ``phonon``.
    mesh_length : float, optional
        Angstrom, see :meth:`ForceConstantPhonons.mesh`.

    Returns
    -------
    PhononProperties
        Frequencies in cm-1, speeds in km/s.

    Raises
    ------
    PhononDocumentError
        There are no force constants.
    """
    phonons = require_force_constants(source)
    mesh = phonons.mesh(mesh_length)
    speeds, around_gamma = directional_speeds_of(phonons)
    everywhere = joined_bands(mesh.bands, around_gamma)
    imaginary = imaginary_modes_of(everywhere)
    highest = float(everywhere.frequencies.max())
    warn_of_highest(highest, "crystal")
    warn_of_speed(speeds.mean)
    edges = acoustic_optical_edges_of(everywhere, require_primitive=False, allow_imaginary=True)
    if edges.optical_bottom < LOWEST_OPTICAL:
        speeds = DirectionalSpeeds(*[float("nan")] * len(speeds))
    return PhononProperties(
        is_stable=not imaginary.unstable,
        lowest_frequency=THZ_TO_CM1 * imaginary.lowest_away_from_translations,
        max_frequency=THZ_TO_CM1 * highest,
        acoustic_top=edges.acoustic_top,
        optical_bottom=edges.optical_bottom,
        largest_gap=largest_gap_of(everywhere, allow_imaginary=True),
        speeds=speeds,
        debye_temperature=debye_temperature_of(speeds.debye, phonons.structure),
        heat_capacity_per_cell=(
            float("nan") if imaginary.unstable else float(heat_capacity_of_mesh(mesh, 300.0))
        ),
        imaginary=imaginary,
    )
