"""The fitted state of a `TransferMLPRegressor` as plain values and arrays, and back."""

from typing import Any

import numpy as np

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.networks._network import TrainedNetwork
from matminer_phonon_tl.networks._transfer_settings import member_widths

_STATE_FORMAT = 1
_KEYS = {
    "format",
    "n_features",
    "feature_names",
    "networks",
    "source_networks",
    "loss_curves",
    "source_record",
}


def write_state(model: Any) -> dict[str, Any]:
    """Return everything a fitted model needs to predict bit for bit as it does.

    Returns
    -------
    dict
        Plain values, lists, dicts and numpy arrays.
    """
    names = getattr(model, "feature_names_in_", None)
    return {
        "format": _STATE_FORMAT,
        "n_features": int(model.n_features_in_),
        "feature_names": None if names is None else [str(name) for name in names],
        "networks": [network.state() for network in model.networks_],
        "source_networks": [network.state() for network in model.source_networks_],
        "loss_curves": np.array(model.loss_curves_),
        "source_record": model.source_record_,
    }


def read_state(model: Any, state: dict[str, Any]) -> Any:
    """Take on a state, after checking all of it against the model's parameters.

    Raises
    ------
    ModelFormatError
        If something is missing, of the wrong kind or shape, or not finite.
    """
    if not isinstance(state, dict) or set(state) != _KEYS:
        got = sorted(state) if isinstance(state, dict) else type(state).__name__
        raise ModelFormatError(f"expected a state with the keys {sorted(_KEYS)}, got {got}")
    if state["format"] != _STATE_FORMAT:
        raise ModelFormatError(
            f"expected state format {_STATE_FORMAT}, got {state['format']!r}: load it with the "
            "version of this package that wrote it"
        )
    n_features = state["n_features"]
    if type(n_features) is not int or n_features < 1:
        raise ModelFormatError(f"expected a positive number of features, got {n_features!r}")
    names = state["feature_names"]
    if names is not None and (
        not isinstance(names, list)
        or len(names) != n_features
        or not all(isinstance(name, str) for name in names)
    ):
        raise ModelFormatError(f"expected {n_features} feature names or none, got {names!r}")
    try:
        widths = member_widths(model.hidden_layer_sizes)
    except ValueError as error:
        raise ModelFormatError(str(error)) from error
    networks = _read_networks("networks", state["networks"], widths, n_features)
    has_source = bool(state["source_networks"])
    sources = _read_networks(
        "source_networks", state["source_networks"], widths if has_source else [], n_features
    )
    if any(network.n_outputs != 1 for network in networks):
        raise ModelFormatError("expected networks with one output, got several")
    curves = _array("loss_curves", state["loss_curves"], 2)
    if curves.shape[0] != len(widths):
        raise ModelFormatError(
            f"expected {len(widths)} loss curves, got an array of shape {curves.shape}"
        )
    record = state["source_record"]
    if not isinstance(record, (dict, type(None))):
        raise ModelFormatError(f"expected a record of the source, got {type(record).__name__}")
    model.n_features_in_ = n_features
    if names is not None:
        model.feature_names_in_ = np.array(names, dtype=object)
    model.networks_ = networks
    model.source_networks_ = sources
    model.loss_curves_ = curves
    model.source_record_ = record
    return model


def _array(name: str, value: Any, n_dimensions: int) -> np.ndarray:
    if (
        not isinstance(value, np.ndarray)
        or value.dtype not in (np.float32, np.float64)
        or value.ndim != n_dimensions
    ):
        got = (
            f"{value.dtype} of shape {value.shape}"
            if isinstance(value, np.ndarray)
            else type(value).__name__
        )
        raise ModelFormatError(
            f"expected {name} to be a {n_dimensions}-dimensional array of floats, got {got}"
        )
    if not np.isfinite(value).all():
        raise ModelFormatError(f"expected finite numbers in {name}, got NaN or infinity")
    return value


def _read_networks(
    name: str, states: Any, widths: list[tuple[int, ...]], n_features: int
) -> tuple[TrainedNetwork, ...]:
    if not isinstance(states, list) or len(states) != len(widths):
        got = f"{len(states)}" if isinstance(states, list) else type(states).__name__
        raise ModelFormatError(f"expected {len(widths)} {name}, got {got}")
    return tuple(
        _read_network(f"{name}[{number}]", own, widths[number], n_features)
        for number, own in enumerate(states)
    )


def _read_network(
    name: str, state: Any, widths: tuple[int, ...], n_features: int
) -> TrainedNetwork:
    if not isinstance(state, dict):
        raise ModelFormatError(f"expected arrays in {name}, got {type(state).__name__}")
    bias = state.get("output_bias")
    n_outputs = bias.shape[0] if isinstance(bias, np.ndarray) and bias.ndim == 1 else 1
    shapes: dict[str, tuple[int, ...]] = {
        "output_weights": (widths[-1], n_outputs),
        "output_bias": (n_outputs,),
        "x_mean": (n_features,),
        "x_scale": (n_features,),
        "y_mean": (n_outputs,),
        "y_scale": (n_outputs,),
    }
    for layer, (above, below) in enumerate(zip(widths, (n_features, *widths), strict=False)):
        shapes[f"hidden_{layer}_weights"] = (below, above)
        for kind in ("gamma", "beta", "running_mean", "running_var"):
            shapes[f"hidden_{layer}_{kind}"] = (above,)
    if set(state) != set(shapes):
        different = sorted(map(str, set(state) ^ set(shapes)))
        raise ModelFormatError(
            f"expected the arrays of a network of {len(widths)} hidden layers in {name}: "
            f"missing or unknown: {', '.join(different)}"
        )
    for key, shape in shapes.items():
        array = _array(f"{name}.{key}", state[key], len(shape))
        if array.shape != shape:
            raise ModelFormatError(
                f"expected {name}.{key} of shape {shape}, got {array.shape}: the file does not fit "
                "its own hidden_layer_sizes"
            )
        least = {"x_scale": 0.0, "y_scale": np.finfo(float).tiny}.get(key, -np.inf)
        if (array < (0.0 if key.endswith("running_var") else least)).any():
            raise ModelFormatError(f"expected positive numbers in {name}.{key}")
    return TrainedNetwork.from_state(state, len(widths))
