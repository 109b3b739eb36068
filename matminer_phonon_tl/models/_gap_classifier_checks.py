"""What a gap classifier refuses: options that do not exist, and states that no fit leaves."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models._calibration import Calibrator, check_threshold
from matminer_phonon_tl.models._descriptors import descriptor_labels
from matminer_phonon_tl.models.forest import Forest


def check_options(classifier: Any) -> None:
    """Refuse constructor arguments that mean nothing."""
    for name, allowed in (
        ("forest", ("random_forest", "extra_trees")),
        ("balance", ("smote", "class_weight")),
        ("protocol", ("leak_free", "published")),
        ("calibration", (None, "sigmoid", "isotonic")),
    ):
        if getattr(classifier, name) not in allowed:
            raise ValueError(
                f"expected {name} to be one of {allowed}, got {getattr(classifier, name)!r}"
            )
    descriptor_labels(classifier.descriptors, use_structure=bool(classifier.use_structure))
    check_threshold(classifier.threshold)
    if not isinstance(classifier.cv, Integral) or classifier.cv < 2:
        raise ValueError(f"expected cv to be a number of folds from 2 on, got {classifier.cv!r}")
    grid = classifier.param_grid
    if grid is not None and not (
        isinstance(grid, dict)
        and all(_is_list_like(values) and len(values) for values in grid.values())
    ):
        raise ValueError(
            "expected param_grid to be a dict of hyperparameter to a list, tuple, range or "
            f"vector of values, got {grid!r}"
        )


def plain_grid(grid: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return a grid whose arrays and ranges are lists, which JSON can hold; others as they are."""
    return {
        name: np.asarray(values).tolist() if isinstance(values, np.ndarray | range) else values
        for name, values in grid.items()
    }


def _is_list_like(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return values.ndim == 1
    return isinstance(values, list | tuple | range)


class CheckedState(NamedTuple):
    """What a file says of a fitted classifier, as far as a prediction depends on it."""

    forest: Forest
    importances: NDArray[np.float64]
    threshold: float
    calibrator: Calibrator | None
    training_data: dict[str, Any]

    @classmethod
    def of(cls, state: dict[str, Any], n_descriptors: int) -> Self:
        """Check a decoded state, or raise ModelFormatError."""
        forest = Forest.from_state(state["forest"])
        importances = state["impurity_importances"]
        is_vector = isinstance(importances, np.ndarray) and importances.shape == (n_descriptors,)
        if forest.n_features != n_descriptors or not is_vector:
            raise ModelFormatError(
                f"expected a forest of {n_descriptors} descriptors, got {forest.n_features}"
            )
        if importances.dtype != np.float64:
            raise ModelFormatError("expected importances as numbers")
        threshold = state["threshold"]
        if type(threshold) is not float or not 0 <= threshold <= 1:
            raise ModelFormatError("expected a threshold in 0-1")
        if not isinstance(state["training_data"], dict):
            raise ModelFormatError("expected a record of the training data")
        stored = state["calibrator"]
        calibrator = None if stored is None else Calibrator.from_state(stored)
        return cls(forest, importances, threshold, calibrator, state["training_data"])
