"""Run the paper's experiments, as published and without the leak; tables, figures, a report."""

from importlib import import_module
from typing import Any

_MODULES = {"run": "experiments", "write_report": "experiments"}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
