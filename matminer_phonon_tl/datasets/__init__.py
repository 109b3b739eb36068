"""The datasets phonon_tl and phonondb_kyoto, their loaders, and the builder of more."""

from importlib import import_module
from typing import Any

from matminer_phonon_tl.datasets.load import (
    dataset_metadata,
    load_dataset,
    load_phonon_tl,
    load_phonondb_kyoto,
)
from matminer_phonon_tl.datasets.training_set import load_training_set

__all__ = [
    "BuildReport",
    "PhononDatasetBuilder",
    "compare_with_shipped",
    "dataset_metadata",
    "load_dataset",
    "load_phonon_tl",
    "load_phonondb_kyoto",
    "load_training_set",
]

_BUILDER = {"BuildReport", "PhononDatasetBuilder", "compare_with_shipped"}


def __getattr__(name: str) -> Any:
    # loading takes nothing of what building does
    if name in _BUILDER:
        return getattr(import_module(f"{__name__}.builder"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
