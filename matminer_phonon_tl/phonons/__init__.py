"""Phonon properties computed from band structures and densities of states.

One property a file; each function takes a path, a ``phonopy.Phonopy``, what matcalc's
``PhononCalc`` returns, pymatgen's phonon classes, their dictionaries or emmet's types, and returns
a number in the unit that its docstring states.
"""

from typing import Any

from matminer_phonon_tl.phonons.debye import debye_temperature
from matminer_phonon_tl.phonons.estimates import heat_capacity_at, slack_conductivity
from matminer_phonon_tl.phonons.frequencies import establish_unit
from matminer_phonon_tl.phonons.gap import (
    AcousticOpticalEdges,
    SpectralGap,
    acoustic_optical_edges,
    acoustic_optical_gap,
    largest_gap,
)
from matminer_phonon_tl.phonons.heat_capacity import heat_capacity
from matminer_phonon_tl.phonons.model_crystals import (
    debye_dos,
    diatomic_chain,
    zincblende_springs,
)
from matminer_phonon_tl.phonons.properties import PhononProperties, phonon_properties
from matminer_phonon_tl.phonons.reading import FoundCalculation, find_calculations
from matminer_phonon_tl.phonons.sound import (
    DirectionalSpeeds,
    SoundVelocity,
    directional_speeds,
    sound_velocities,
    speed_of_sound,
)
from matminer_phonon_tl.phonons.stability import (
    ImaginaryModes,
    has_imaginary_modes,
    imaginary_modes,
)

__all__ = [
    "AcousticOpticalEdges",
    "DirectionalSpeeds",
    "FoundCalculation",
    "ImaginaryModes",
    "PhononBandFeaturizer",
    "PhononDOSFeaturizer",
    "PhononProperties",
    "SoundVelocity",
    "SpectralGap",
    "acoustic_optical_edges",
    "acoustic_optical_gap",
    "debye_dos",
    "debye_temperature",
    "diatomic_chain",
    "directional_speeds",
    "establish_unit",
    "find_calculations",
    "has_imaginary_modes",
    "heat_capacity",
    "heat_capacity_at",
    "imaginary_modes",
    "largest_gap",
    "phonon_properties",
    "slack_conductivity",
    "sound_velocities",
    "speed_of_sound",
    "zincblende_springs",
]


def __getattr__(name: str) -> Any:
    """Import the featurizers when they are first asked for: matminer's base class costs 2 s."""
    if name in {"PhononBandFeaturizer", "PhononDOSFeaturizer"}:
        from matminer_phonon_tl.phonons import featurizers

        return getattr(featurizers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
