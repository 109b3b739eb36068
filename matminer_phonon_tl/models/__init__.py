"""Models that predict phonon properties from composition, and their JSON files."""

from importlib import import_module
from typing import Any

_MODULES = {
    "PhononGapClassifier": "models.gap_classifier",
    "PhononPipe": "models.pipe",
    "PhononPredictor": "models.predictor",
    "PhononRegressor": "models.phonon_regressor",
    "PhononTLFeaturizer": "models.prediction_featurizer",
    "ShippedPredictors": "models.shipped",
    "TransferMLPRegressor": "networks.transfer",
    "calculated_values": "models.known_values",
    "explain": "models.explanation",
    "load_model": "models.serialization",
    "make_regressor": "models.regressor_choice",
    "model_card": "models.cards",
    "save_model": "models.serialization",
}

__all__ = [
    "PhononGapClassifier",
    "PhononPipe",
    "PhononPredictor",
    "PhononRegressor",
    "PhononTLFeaturizer",
    "ShippedPredictors",
    "TransferMLPRegressor",
    "calculated_values",
    "explain",
    "load_model",
    "make_regressor",
    "model_card",
    "save_model",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"matminer_phonon_tl.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
