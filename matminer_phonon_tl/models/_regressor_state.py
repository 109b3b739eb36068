"""The fitted state of a `PhononRegressor` as plain values and arrays, and back."""

from typing import Any

import numpy as np

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.featurizers.analogues import ANALOGUE_COLUMNS, AnalogueDescriptors
from matminer_phonon_tl.models._descriptors import descriptor_labels
from matminer_phonon_tl.models._kernel_ensemble import KernelEnsemble, read_vector

_LIBRARY = {"counts": np.int32, "lattices": np.float64, "elements": np.int16,
            "coordinates": np.float64}  # fmt: skip
_MOST = 100
"""Of relatives, and of sites in a cell: more would only cost time and memory."""


def write_state(model: Any) -> dict[str, Any]:
    """Return everything a fitted model needs to predict as it does."""
    relatives = model.relatives_
    return {
        **model.ensemble_.get_state(),
        "non_negative": model.non_negative_,
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
    transform = model._check_options()  # noqa: SLF001 (its own state)
    labels = descriptor_labels(model.descriptors, use_structure=bool(model.use_structure))
    n_features = len(labels) + (len(ANALOGUE_COLUMNS) if model.analogues else 0)
    scores = read_vector(state, "scores", len(state["scores"]))
    ordered = not len(scores) or (scores[0] >= 0 and (np.diff(scores) >= 0).all())
    if not ordered or bool(len(scores)) != bool(model.intervals):
        raise ModelFormatError("expected ascending scores, and none without intervals")
    if not isinstance(state["non_negative"], bool):
        raise ModelFormatError("expected non_negative as true or false")
    if not isinstance(state["training_data"], dict):
        raise ModelFormatError("expected a record of the training data")
    ensemble = KernelEnsemble.from_state(state, model.members, transform, n_features)
    model.relatives_ = _read_relatives(state["relatives"], wanted=bool(model.analogues))
    model.ensemble_ = ensemble
    model.non_negative_ = state["non_negative"]
    model.scores_ = scores
    model.training_data_ = state["training_data"]
    model.n_features_in_ = n_features
    return model


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
