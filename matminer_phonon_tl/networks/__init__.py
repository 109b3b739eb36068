"""The paper's transfer networks, and the engine that trains many of them as one."""

from importlib import import_module
from typing import Any

_MODULES = {
    "TrainingSettings": "settings",
    "TransferMLPRegressor": "transfer",
    "train_folds": "engine",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    # torch is imported only where a network is asked for
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
