"""Where the builder's phonon documents come from, one source a file."""

from importlib import import_module
from typing import Any

from matminer_phonon_tl.datasets.sources.base import (
    PhononRecord,
    PhononSource,
    SkippedEntryError,
    SourceUnavailableError,
)

__all__ = [
    "MaterialsProjectSource",
    "PetrettoSource",
    "PhononRecord",
    "PhononSource",
    "PhonopySource",
    "SkippedEntryError",
    "SourceUnavailableError",
]

_HOME = {
    "MaterialsProjectSource": "materials_project",
    "PetrettoSource": "petretto",
    "PhonopySource": "phonopy",
}


def __getattr__(name: str) -> Any:
    """Import a source when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
