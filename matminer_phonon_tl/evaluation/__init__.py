"""Evaluation that cannot leak, says its protocol with every score, and shows what leaks."""

from importlib import import_module
from typing import Any

_MODULES = {
    "CrossValidationResult": "result",
    "ElementKFold": "splits",
    "LeakageReport": "leakage",
    "LearningCurve": "learning_curves",
    "LeaveOneElementOut": "splits",
    "PairedComparison": "comparison",
    "Score": "scores",
    "compare": "comparison",
    "cross_validate": "protocols",
    "leakage_probe": "leakage",
    "learning_curve": "learning_curves",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
