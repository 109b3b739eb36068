"""Phonon properties of semiconductors from composition: a plugin for matminer and pymatgen.

Importing the package makes ``matminer.datasets.load_dataset("phonon_tl")`` work. Models and
featurizers are imported when they are first used, and torch only when something is trained.
"""

from importlib import import_module
from typing import Any

from matminer_phonon_tl._version import __version__
from matminer_phonon_tl.datasets import load_dataset, load_phonon_tl, load_phonondb_kyoto
from matminer_phonon_tl.datasets.registry import register as _register

_LAZY = {
    "XenonPyDescriptors": "matminer_phonon_tl.featurizers",
    "PhononGapClassifier": "matminer_phonon_tl.models",
    "PhononPredictor": "matminer_phonon_tl.models",
    "TransferMLPRegressor": "matminer_phonon_tl.models",
    "phonon_properties": "matminer_phonon_tl.phonons",
}

__all__ = [
    "PhononGapClassifier",
    "PhononPredictor",
    "TransferMLPRegressor",
    "XenonPyDescriptors",
    "__version__",
    "load_dataset",
    "load_phonon_tl",
    "load_phonondb_kyoto",
    "phonon_properties",
]

_register()


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
