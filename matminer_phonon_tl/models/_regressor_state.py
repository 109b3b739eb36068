"""The fitted state of a `PhononRegressor` as plain values and arrays, and back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.featurizers.analogues import ANALOGUE_COLUMNS, AnalogueDescriptors
from matminer_phonon_tl.models._descriptors import descriptor_labels
from matminer_phonon_tl.models._scaling import Scaling
from matminer_phonon_tl.models.kernel_machine import KernelMachine

_LIBRARY = {"counts": np.int32, "lattices": np.float64, "elements": np.int16,
            "coordinates": np.float64}  # fmt: skip
_MOST = 100
"""Of relatives, and of sites in a cell: more would only cost time and memory."""


def write_state(model: Any) -> dict[str, Any]:
    """Return everything a fitted model needs to predict as it does."""
    scaling, relatives = model.scaling_, model.relatives_
    return {
        "center": scaling.center,
        "scale": scaling.scale,
        "offset": scaling.offset,
        "unit": scaling.unit,
        "least_std": model.least_std_,
        "descriptors": model.training_descriptors_.astype(np.float32),
        "machines": [machine.get_state() for machine in model.machines_],
        "scores": model.scores_,
        "relatives": None
        if relatives is None
        else {**relatives.get_params(), "library": relatives.get_library()},
        "training_data": model.training_data_,
    }


def read_state(model: Any, state: dict[str, Any]) -> Any:
    """Take on a state, after checking all of it against the model's parameters.

    Raises
    ------
    ModelFormatError
        If something is missing, of the wrong kind or shape, or not finite.
    """
    model._check_options()  # noqa: SLF001 (its own state)
    labels = descriptor_labels(model.descriptors, use_structure=bool(model.use_structure))
    n_features = len(labels) + (len(ANALOGUE_COLUMNS) if model.analogues else 0)
    scaling = _read_scaling(state, n_features)
    scores = _vector(state, "scores", len(state["scores"]))
    ordered = not len(scores) or (scores[0] >= 0 and (np.diff(scores) >= 0).all())
    if not ordered or bool(len(scores)) != bool(model.intervals):
        raise ModelFormatError("expected ascending scores, and none without intervals")
    if not isinstance(state["training_data"], dict):
        raise ModelFormatError("expected a record of the training data")
    D = state["descriptors"]
    is_matrix = isinstance(D, np.ndarray) and D.ndim == 2 and D.dtype == np.float32
    if not is_matrix or D.shape[1] != n_features or not len(D):
        raise ModelFormatError(f"expected training descriptors of {n_features} columns")
    D = D.astype(np.float64)
    with np.errstate(over="ignore"):
        points = scaling.points(D)
    if not np.isfinite(points).all():
        raise ModelFormatError("expected standardised descriptors to be finite")
    machines = [KernelMachine.from_state(each, points) for each in state["machines"]]
    if len(machines) != len(model.members):
        raise ModelFormatError(f"expected {len(model.members)} machines, got {len(machines)}")
    for name, machine in zip(model.members, machines, strict=True):
        if (machine.noise is None) != (name == "svm"):
            raise ModelFormatError(f"expected the machine {name} to be of its kind")
    model.relatives_ = _read_relatives(state["relatives"], wanted=bool(model.analogues))
    model.scaling_ = scaling
    model.least_std_ = state["least_std"]
    model.training_descriptors_ = D
    model.scores_ = scores
    model.machines_ = machines
    model.training_data_ = state["training_data"]
    model.n_features_in_ = n_features
    return model


def _read_scaling(state: dict[str, Any], n_features: int) -> Scaling:
    center = _vector(state, "center", n_features)
    scale = _vector(state, "scale", n_features)
    scalars = (state["offset"], state["unit"], state["least_std"])
    are_numbers = all(type(value) is float for value in scalars)
    if not are_numbers or min(scalars[1:]) <= 0 or not (scale > 0).all():
        raise ModelFormatError("expected a scaler of finite numbers, its units above zero")
    return Scaling(center, scale, *scalars[:2])


def _read_relatives(relatives: Any, *, wanted: bool) -> AnalogueDescriptors | None:
    if (relatives is not None) != wanted:
        raise ModelFormatError("expected relatives' structures just where analogues=True")
    if relatives is None:
        return None
    library = relatives["library"]
    counts = {name: relatives[name] for name in ("n_analogues", "max_sites")}
    if not all(type(count) is int and 0 < count <= _MOST for count in counts.values()):
        raise ModelFormatError(f"expected numbers of relatives and sites up to {_MOST}")
    for name, dtype in _LIBRARY.items():
        array = library[name]
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            raise ModelFormatError(f"expected {name} of the relatives as an array of {dtype}")
    try:
        return AnalogueDescriptors.from_library(library, **counts)
    except ValueError as error:
        raise ModelFormatError(str(error)) from error


def _vector(state: dict[str, Any], name: str, length: int) -> NDArray[np.float64]:
    vector = state[name]
    if (
        not isinstance(vector, np.ndarray)
        or vector.shape != (length,)
        or vector.dtype != np.float64
    ):
        raise ModelFormatError(f"expected {name} as a vector of {length} numbers")
    return vector
