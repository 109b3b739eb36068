"""Models that predict phonon properties from composition, and their JSON files."""

from importlib import import_module
from typing import Any

_MODULES = {
    "PhononGapClassifier": "gap_classifier",
    "PhononPredictor": "predictor",
    "PhononRegressor": "phonon_regressor",
    "TransferMLPRegressor": "transfer",
    "load_model": "serialization",
    "make_regressor": "phonon_regressor",
    "save_model": "serialization",
}

__all__ = [
    "PhononGapClassifier",
    "PhononPredictor",
    "PhononRegressor",
    "TransferMLPRegressor",
    "load_model",
    "make_regressor",
    "save_model",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
