"""Settings of a training, checked once and used by estimator, engine and evaluation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal

MIN_BATCH_ROWS = 2  # BatchNorm has no variance of a single row
_NAMED_LAYERS = {"first": 0, "second": 1, "third": 2}

Layers = str | Sequence[int] | None
"""Hidden layers: "all", "first", "second", "third", "none", numbers counted from 0, or None."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How networks are trained; all networks of one call share these settings.

    Parameters
    ----------
    epochs : int
        Passes over the training rows.
    learning_rate : float
        Adam's step size.
    weight_decay : float
        Factor of the squared weights' gradient (as in Adam, not decoupled as in AdamW).
    dropout : float
        Probability that a hidden unit is dropped, from 0 to below 0.99.
    batch_size : int or None
        Largest number of rows in a batch; None takes all rows at once. The batches of an epoch
        differ by at most one row, so that none is too small for BatchNorm.
    transfer_layers : {"all", "first", "second", "third", "none"}, tuple of int, or None
        Hidden layers whose weights are copied from the initial network, counted from 0.
    frozen_layers : {"all", "first", "second", "third", "none"}, tuple of int, or None
        Hidden layers whose linear weights are not trained; their BatchNorm is.
    transfer_batch_norm : bool
        Whether the BatchNorm of the copied layers (scale, shift, moving averages) is copied too.
    transfer_scaler : bool
        Whether descriptors are scaled as in the initial network instead of by the fold's rows.
    scale_labels : bool
        Whether the network learns labels scaled by their mean and standard deviation in the fold.
        The published script learns unscaled labels. Their loss is so large that weight decay hardly
        counts, so transferred weights are kept. Loss curves are then in the squared unit.
    dtype : {"float32", "float64"}
        Precision of the training.
    device : str
        A torch device: "cpu", "cuda", "cuda:1".

    Raises
    ------
    ValueError
        If a setting is out of its range. Whether a layer or the device exists is checked when the
        training starts.

    Examples
    --------
    >>> TrainingSettings(epochs=300).learning_rate
    0.01
    """

    epochs: int = 500
    learning_rate: float = 0.01
    weight_decay: float = 1e-4
    dropout: float = 0.1
    batch_size: int | None = None
    transfer_layers: Layers = "all"
    frozen_layers: Layers = None
    transfer_batch_norm: bool = False
    transfer_scaler: bool = False
    scale_labels: bool = True
    dtype: Literal["float32", "float64"] = "float32"
    device: str = "cpu"

    def __post_init__(self) -> None:
        _check_number("epochs", self.epochs, Integral, 1)
        if self.batch_size is not None:
            _check_number("batch_size", self.batch_size, Integral, MIN_BATCH_ROWS)
        _check_number("learning_rate", self.learning_rate, Real, 0, open_below=True)
        _check_number("weight_decay", self.weight_decay, Real, 0)
        _check_number("dropout", self.dropout, Real, 0, below=0.99)
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f'expected dtype "float32" or "float64", got {self.dtype!r}')
        # A grid search passes numpy's numbers, which JSON does not know.
        for names, kind in (
            (("epochs", "batch_size"), int),
            (("learning_rate", "weight_decay", "dropout"), float),
            (("transfer_batch_norm", "transfer_scaler", "scale_labels"), bool),
        ):
            for name in names:
                value = getattr(self, name)
                object.__setattr__(self, name, None if value is None else kind(value))

    def layer_numbers(
        self, name: Literal["transfer_layers", "frozen_layers"], n_hidden: int
    ) -> tuple[int, ...]:
        """Return the numbers of the layers that a setting names, ascending, or raise ValueError.

        Examples
        --------
        >>> settings = TrainingSettings(transfer_layers="all", frozen_layers=(1, 0))
        >>> [settings.layer_numbers(name, 3) for name in ("transfer_layers", "frozen_layers")]
        [(0, 1, 2), (0, 1)]
        """
        layers = getattr(self, name)
        if layers is None or (isinstance(layers, str) and layers == "none"):
            return ()
        if isinstance(layers, str) and layers == "all":
            return tuple(range(n_hidden))
        if isinstance(layers, str) and _NAMED_LAYERS.get(layers, n_hidden) < n_hidden:
            return (_NAMED_LAYERS[layers],)
        if isinstance(layers, tuple | list) and all(
            isinstance(layer, Integral) and 0 <= int(layer) < n_hidden for layer in layers
        ):
            return tuple(sorted({int(layer) for layer in layers}))
        raise ValueError(
            f'expected {name} to be "all", "first", "second", "third", "none" or a tuple of '
            f"numbers of hidden layers, 0 to {n_hidden - 1}, got {layers!r}"
        )


def member_widths(hidden_layer_sizes: Any) -> list[tuple[int, ...]]:
    """Return the hidden layer widths of each network, one for each tuple, or raise ValueError.

    >>> member_widths((160, 80, 30)), member_widths([(16, 8, 4), [12, 6, 3]])
    ([(160, 80, 30)], [(16, 8, 4), (12, 6, 3)])
    """
    sizes = hidden_layer_sizes
    if isinstance(sizes, tuple | list) and sizes:
        if all(isinstance(width, Integral) for width in sizes):
            sizes = [sizes]
        if all(isinstance(widths, tuple | list) and widths for widths in sizes) and all(
            isinstance(width, Integral) and int(width) > 0 for widths in sizes for width in widths
        ):
            return [tuple(int(width) for width in widths) for widths in sizes]
    raise ValueError(
        "expected hidden_layer_sizes to be a tuple of positive integers such as (160, 80, 30), or "
        f"a list of such tuples, got {hidden_layer_sizes!r}"
    )


def _check_number(
    name: str,
    value: Any,
    kind: type[Integral] | type[Real],
    least: float,
    *,
    below: float = math.inf,
    open_below: bool = False,
) -> None:
    if (
        isinstance(value, bool)
        or not isinstance(value, kind)
        or not least <= float(value) < below
        or (open_below and float(value) == least)
    ):
        what = "an integer" if kind is Integral else "a finite number"
        bound = f"above {least}" if open_below else f"of at least {least}"
        top = "" if below == math.inf else f" and below {below}"
        raise ValueError(f"expected {name} to be {what} {bound}{top}, got {value!r}")
