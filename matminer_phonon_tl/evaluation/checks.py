"""Checks of options that several functions share."""

from inspect import isclass
from numbers import Integral
from typing import Any


def check_whole(name: str, value: Any, least: int) -> None:
    """Raise ValueError unless the value is a whole number of at least `least`.

    >>> check_whole("n_splits", 2.5, 2)
    Traceback (most recent call last):
    ValueError: expected a whole number of 2 or more as n_splits, got 2.5
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"expected a whole number of {least} or more as {name}, got {value!r}")


def check_share(name: str, value: Any) -> None:
    """Raise ValueError unless the value lies between 0 and 1."""
    if not isinstance(value, (int, float)) or not 0 < value < 1:
        raise ValueError(f"expected a number between 0 and 1 as {name}, got {value!r}")


def check_estimator(estimator: Any) -> None:
    """Raise ValueError unless the estimator can be cloned, fitted and asked to predict."""
    needed = ("fit", "predict", "get_params")
    if isclass(estimator) or not all(hasattr(estimator, name) for name in needed):
        what = f"the class {estimator.__name__}" if isclass(estimator) else repr(estimator)
        raise ValueError(
            f"expected a scikit-learn estimator, such as Ridge(), got {what}: pass an instance "
            "with fit and predict"
        )


def check_client(client: Any) -> None:
    """Raise ValueError unless the client is None or can submit tasks."""
    if client is not None and not hasattr(client, "submit"):
        raise ValueError(
            f"expected a dask.distributed.Client as client, got {client!r}: pass Client(address)"
        )
