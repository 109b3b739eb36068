"""Evaluating transfer networks as stacks: all folds at once, or the published chain of fits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from tqdm.auto import tqdm

from matminer_phonon_tl.evaluation.splits import Split
from matminer_phonon_tl.models.materials import DescriptorInput, read_input
from matminer_phonon_tl.models.source_tasks import resolve_source
from matminer_phonon_tl.models.target_transform import (
    check_transform,
    inverse_transform,
    transform_target,
)
from matminer_phonon_tl.networks._network import TrainedNetwork, predict_all
from matminer_phonon_tl.networks._stack_jobs import input_scaler, network_seeds
from matminer_phonon_tl.networks._transfer_fit import common_settings, starting_networks
from matminer_phonon_tl.networks._transfer_settings import layer_numbers, member_widths
from matminer_phonon_tl.networks.stacked_mlp import train_folds

ROUNDS_PER_FIT_ON_ALL = 5
"""The published script fits on all rows, then runs five rounds, and does so three times."""


def clean_predictions(
    estimator: Any,
    X: Any,
    y: NDArray[np.float64],
    splits: Sequence[Split],
    sources: Any,
    random_state: int,
    *,
    progress: bool = False,
) -> NDArray[np.float64]:
    """Predict every tested row by networks that have seen the training side only.

    Parameters
    ----------
    estimator : TransferMLPRegressor
        Not fitted.
    X : DataFrame, list of compositions, or ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    splits : sequence of Split
    sources : source of all splits, or a list with one for each
    random_state : int
        Each split's networks draw a seed of their own from it.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    ndarray of shape (n_members, n_rounds, n_rows)
        NaN where a row was not tested.
    """
    model = clone(estimator)
    model.set_params(verbose=model.verbose or progress)
    fitted = model.fit_folds(
        X,
        y,
        [split.train for split in splits],
        source=sources,
        seeds=network_seeds(random_state, len(splits)),
    )
    given = _describe(model, X, y)
    transform = check_transform(model.target_transform)
    out = _empty(len(fitted[0].networks_), splits, len(y))
    for split, own in zip(splits, fitted, strict=True):
        predicted = predict_all(own.networks_, given.matrix[split.test])[:, :, 0]
        out[:, split.round, split.test] = inverse_transform(
            transform, predicted, _take(given, split.test)
        )
    return out


def published_predictions(
    estimator: Any,
    X: Any,
    labelings: NDArray[np.float64],
    splits: Sequence[Split],
    source: Any,
    random_state: int,
    *,
    carry: str = "all",
    progress: bool = False,
) -> NDArray[np.float64]:
    """Predict in the published script's order, in which test labels reach the model.

    Descriptors are scaled by all rows and labels not at all. Before every fifth round the networks
    are fitted to all rows, then to the training side of each split in turn. Each fit starts from
    the transferred hidden weights that the fit before it left; BatchNorm, the output layer and
    hidden layers that are not transferred are new. Without source every fit starts anew and nothing
    is carried.

    The chain is sequential in its fits, but chains of different members and labelings do not touch
    each other and are trained as one stack.

    Parameters
    ----------
    estimator : TransferMLPRegressor
        Not fitted.
    X : DataFrame, list of compositions, or ndarray of shape (n_rows, n_features)
    labelings : ndarray of shape (n_labelings, n_rows)
        The labels, or several permutations of them.
    splits : sequence of Split
        In the order of the fits.
    source : str, DataFrame, tuple or None
    random_state : int
    carry : {"all", "fit_on_all", "none"}
        What a fit starts from: what the fit before it left, as in the script; what the last fit on
        all rows left; or the source's own weights. The latter two take the leak apart.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    ndarray of shape (n_labelings, n_members, n_rounds, n_rows)
        NaN where a row was not tested.

    References
    ----------
    Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.
    """
    model = clone(estimator)
    if model.transfer_batch_norm:
        raise ValueError(
            "expected transfer_batch_norm=False with protocol='published', got True: the published "
            "script renews BatchNorm at every fit"
        )
    given = _describe(model, X, labelings[0])
    transform = check_transform(model.target_transform)
    learned = np.stack([transform_target(transform, y, given.compositions) for y in labelings])
    widths = member_widths(model.hidden_layer_sizes)
    carried = layer_numbers("transfer_layers", model.transfer_layers, len(widths[0]))
    resolved = resolve_source(
        source,
        given.matrix.shape[1],
        has_compositions=given.compositions is not None,
        descriptors=model.descriptors,
    )
    chains = [(labeling, member) for labeling in range(len(labelings)) for member in widths]
    settings = {
        "learning_rate": model.learning_rate,
        "input_scaler": input_scaler(given.matrix),
        "scale_labels": False,
        "transfer_layers": carried,
        "frozen_layers": layer_numbers("frozen_layers", model.frozen_layers, len(widths[0])),
        **common_settings(model),
    }
    steps = _published_steps(splits, len(given.matrix))
    seeds = np.array(network_seeds(random_state, len(steps) * len(chains))).reshape(len(steps), -1)
    own_seeds = network_seeds(model.random_state, 2 * len(widths))[::2]
    networks: Sequence[TrainedNetwork | None] = (
        starting_networks(model, [resolved], widths, own_seeds) * len(labelings) if carried else []
    )
    out = _empty(len(chains), splits, len(given.matrix))

    def predict(fitted: Sequence[TrainedNetwork | None], split: Split) -> None:
        predicted = predict_all([n for n in fitted if n is not None], given.matrix[split.test])
        out[:, split.round, split.test] = inverse_transform(
            transform, predicted[:, :, 0], _take(given, split.test)
        )

    def train(numbers: Sequence[int], initial: Any) -> Sequence[TrainedNetwork | None]:
        labels = [learned[labeling] for _ in numbers for labeling, _ in chains]
        return train_folds(
            given.matrix,
            np.stack(labels)[:, :, None],
            [steps[number][0] for number in numbers for _ in chains],
            [member for _ in numbers for _, member in chains],
            model.epochs,
            seeds[list(numbers)].ravel().tolist(),
            initial=initial,
            progress=progress and len(numbers) > len(splits) // 2,
            **settings,
        ).networks

    batches = _fits_together(steps, carry if networks else "none")
    current = networks
    bar = tqdm(batches, desc="published order of fits", disable=None if progress else True)
    for numbers in bar:
        on_all_rows = steps[numbers[0]][1] is None
        initial = networks if on_all_rows and carry == "fit_on_all" else current
        fitted = train(numbers, list(initial) * len(numbers) or None)
        for position, number in enumerate(numbers):
            split = steps[number][1]
            if split is not None:
                predict(fitted[position * len(chains) : (position + 1) * len(chains)], split)
        if networks and (carry == "all" or (carry == "fit_on_all" and on_all_rows)):
            current = fitted
    return out.reshape(len(labelings), len(widths), *out.shape[1:])


def _published_steps(
    splits: Sequence[Split], n_rows: int
) -> list[tuple[NDArray[np.intp], Split | None]]:
    """Rows of each fit, and the split it is tested by; None for a fit on all rows."""
    steps: list[tuple[NDArray[np.intp], Split | None]] = []
    last = -1
    for split in splits:
        if split.round != last and split.round % ROUNDS_PER_FIT_ON_ALL == 0:
            steps.append((np.arange(n_rows), None))
        last = split.round
        steps.append((split.train, split))
    return steps


def _fits_together(steps: Sequence[tuple[Any, Split | None]], carry: str) -> list[list[int]]:
    """Group the numbers of fits that do not wait for each other.

    Examples
    --------
    >>> fits = [(0, None), (0, "a split"), (0, "another")]
    >>> [_fits_together(fits, carry) for carry in ("all", "fit_on_all", "none")]
    [[[0], [1], [2]], [[0], [1, 2]], [[1, 2]]]
    """
    if carry == "all":
        return [[number] for number in range(len(steps))]
    if carry == "none":
        # fits on all rows would serve nobody
        return [[number for number, (_, split) in enumerate(steps) if split is not None]]
    batches: list[list[int]] = []
    for number, (_, split) in enumerate(steps):
        if split is None:
            batches += [[number], []]
        else:
            batches[-1].append(number)
    return batches


def _describe(model: Any, X: Any, y: NDArray[np.float64]) -> DescriptorInput:
    given, _ = read_input(model, X, y, fitting=True)
    return given


def _take(given: DescriptorInput, rows: NDArray[np.intp]) -> Any:
    return None if given.compositions is None else [given.compositions[row] for row in rows]


def _empty(n_members: int, splits: Sequence[Split], n_rows: int) -> NDArray[np.float64]:
    return np.full((n_members, max(split.round for split in splits) + 1, n_rows), np.nan)
