"""Models that predict phonon properties from composition, and their JSON files."""

from importlib import import_module
from typing import Any

_MODULES = {
    "PhononGapClassifier": "gap_classifier",
    "PhononPipe": "pipe",
    "PhononPredictor": "predictor",
    "PhononRegressor": "phonon_regressor",
    "PhononTLFeaturizer": "prediction_featurizer",
    "TransferMLPRegressor": "transfer",
    "explain": "explanation",
    "load_model": "serialization",
    "make_regressor": "regressor_choice",
    "save_model": "serialization",
}

__all__ = [
    "PhononGapClassifier",
    "PhononPipe",
    "PhononPredictor",
    "PhononRegressor",
    "PhononTLFeaturizer",
    "TransferMLPRegressor",
    "explain",
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
