"""What `TransferMLPRegressor`'s parameters mean."""

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from sklearn.utils import check_random_state

_NAMED_LAYERS = {"first": 0, "second": 1, "third": 2}


def member_widths(hidden_layer_sizes: Any) -> list[tuple[int, ...]]:
    """Return the hidden layers of each member: one for a tuple, several for a list of tuples.

    Examples
    --------
    >>> member_widths((160, 80, 30)), member_widths([(16, 8, 4), [12, 6, 3]])
    ([(160, 80, 30)], [(16, 8, 4), (12, 6, 3)])
    """
    if isinstance(hidden_layer_sizes, (tuple, list)) and hidden_layer_sizes:
        if all(isinstance(size, Integral) for size in hidden_layer_sizes):
            hidden_layer_sizes = [hidden_layer_sizes]
        if all(isinstance(own, (tuple, list)) and own for own in hidden_layer_sizes):
            return [tuple(own) for own in hidden_layer_sizes]
    raise ValueError(
        "expected hidden_layer_sizes to be a tuple of positive integers such as (160, 80, 30), or "
        f"a list of such tuples, got {hidden_layer_sizes!r}"
    )


def layer_numbers(name: str, layers: str | Sequence[int] | None, n_hidden: int) -> tuple[int, ...]:
    """Return the numbers of hidden layers.

    Examples
    --------
    >>> layer_numbers("transfer_layers", "all", 3), layer_numbers("frozen_layers", None, 3)
    ((0, 1, 2), ())
    """
    if layers is None or (isinstance(layers, str) and layers == "none"):
        return ()
    if isinstance(layers, str) and layers == "all":
        return tuple(range(n_hidden))
    if isinstance(layers, str) and _NAMED_LAYERS.get(layers, n_hidden) < n_hidden:
        return (_NAMED_LAYERS[layers],)
    if isinstance(layers, (tuple, list)) and all(
        isinstance(layer, Integral) and 0 <= int(layer) < n_hidden for layer in layers
    ):
        return tuple(sorted({int(layer) for layer in layers}))
    raise ValueError(
        f'expected {name} to be "all", "first", "second", "third", "none" or a tuple of numbers '
        f"from 0 to {n_hidden - 1}, got {layers!r}"
    )


def seed_of(random_state: Any) -> int | None:
    """Return a seed: an integer as it is, a generator's next one, None for None."""
    if random_state is None:
        return None
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))


RECOMMENDED: dict[str | None, dict[str, Any]] = {
    None: {"source": "multitask", "learning_rate": 0.0005, "transfer_batch_norm": True},
    "heat_capacity": {
        "source": "multitask",
        "learning_rate": 0.0005,
        "transfer_batch_norm": True,
        "target_transform": "per_atom",
    },
    "speed_of_sound": {
        "source": "multitask",
        "learning_rate": 0.0005,
        "transfer_batch_norm": True,
    },
    # no source helped the gap by more than the spread over repeats; the descriptors did
    "phonon_bandgap": {
        "source": None,
        "descriptors": "lattice_dynamics",
        "target_transform": "sqrt",
    },
}


def recommended_settings(target: str | None) -> dict[str, Any]:
    """Return the settings that measured best without leakage; see docs/performance.md."""
    if target not in RECOMMENDED:
        known = ", ".join(repr(name) for name in RECOMMENDED)
        raise ValueError(f"expected a target among {known}, got {target!r}")
    return dict(RECOMMENDED[target])
