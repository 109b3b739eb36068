"""Predict held-out rows with transfer networks: without leakage, or in the published order."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from tqdm.auto import tqdm

from matminer_phonon_tl.evaluation.splits import Split
from matminer_phonon_tl.models.materials import DescriptorInput, read_input
from matminer_phonon_tl.models.target_transform import check_transform, transform_target
from matminer_phonon_tl.networks.engine import train_folds
from matminer_phonon_tl.networks.jobs import column_scaler, network_seeds
from matminer_phonon_tl.networks.network import TrainedNetwork
from matminer_phonon_tl.networks.settings import member_widths
from matminer_phonon_tl.networks.transfer import (
    TransferMLPRegressor,
    integer_seed,
    predict_target,
)

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
    """Predict every tested row with networks that have seen only the training rows of its split.

    `sources` is the source of all splits, or a list with one for each. The networks of each split
    draw a new seed from `random_state`. The result has shape (n_members, n_rounds, n_rows), NaN
    where a row was not tested.
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
    given, _ = read_input(model, X, y, fitting=True)
    out = _empty(len(fitted[0].networks_), splits, len(y))
    for split, trained in zip(splits, fitted, strict=True):
        out[:, split.round, split.test] = _predict(model, trained.networks_, given, split.test)
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

    Descriptors are scaled by all rows, and labels are not scaled. Before every fifth round the
    networks are fitted to all rows, then to the training rows of each split in turn. Each fit
    starts from the transferred hidden weights that the previous fit left. BatchNorm, the output
    layer and hidden layers that are not transferred are new. Without source every fit starts anew
    and nothing is carried over.

    The fits of a chain are sequential. Chains of different members and labelings (the labels, or
    several permutations of them) do not influence each other and are trained as one stack.

    `carry` says where the initial weights of a fit come from: from the previous fit ("all"), as in
    the script; from the last fit on all rows ("fit_on_all"); or from the source networks ("none").
    The last two show which part of the leak comes from where.

    The result has shape (n_labelings, n_members, n_rounds, n_rows), NaN where a row was not tested.

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
    given, _ = read_input(model, X, labelings[0], fitting=True)
    transform = check_transform(model.target_transform)
    learned = np.stack([transform_target(transform, y, given.compositions) for y in labelings])
    widths = member_widths(model.hidden_layer_sizes)
    chains = [(labeling, member) for labeling in range(len(labelings)) for member in widths]
    settings = replace(model.training_settings(), scale_labels=False)
    steps = _published_steps(splits, len(given.matrix))
    seeds = np.array(network_seeds(random_state, len(steps) * len(chains))).reshape(len(steps), -1)
    task = model.read_source(given, source)
    networks: Sequence[TrainedNetwork] = len(labelings) * model.starting_networks(
        [task], integer_seed(model.random_state)
    )
    scaler = column_scaler(given.matrix)
    out = _empty(len(chains), splits, len(given.matrix))

    def train(
        numbers: Sequence[int], initial: Sequence[TrainedNetwork]
    ) -> Sequence[TrainedNetwork]:
        labels = [learned[labeling] for _ in numbers for labeling, _ in chains]
        return train_folds(
            given.matrix,
            np.stack(labels)[:, :, None],
            [steps[number][0] for number in numbers for _ in chains],
            [member for _ in numbers for _, member in chains],
            settings,
            seeds[list(numbers)].ravel().tolist(),
            initial=list(initial) * len(numbers) or None,
            input_scaler=scaler,
            progress=progress and len(numbers) > len(splits) // 2,
        ).networks

    batches = _fits_together(steps, carry if networks else "none")
    current = networks
    bar = tqdm(batches, desc="published order of fits", disable=None if progress else True)
    for numbers in bar:
        on_all_rows = steps[numbers[0]][1] is None
        initial = networks if on_all_rows and carry == "fit_on_all" else current
        fitted = train(numbers, initial)
        for position, number in enumerate(numbers):
            split = steps[number][1]
            if split is not None:
                members = fitted[position * len(chains) : (position + 1) * len(chains)]
                out[:, split.round, split.test] = _predict(model, members, given, split.test)
        if networks and (carry == "all" or (carry == "fit_on_all" and on_all_rows)):
            current = fitted
    return out.reshape(len(labelings), len(widths), *out.shape[1:])


def _published_steps(
    splits: Sequence[Split], n_rows: int
) -> list[tuple[NDArray[np.intp], Split | None]]:
    """Return the rows of each fit and the split that tests it; None for a fit on all rows."""
    steps: list[tuple[NDArray[np.intp], Split | None]] = []
    last = -1
    for split in splits:
        if split.round != last and split.round % ROUNDS_PER_FIT_ON_ALL == 0:
            steps.append((np.arange(n_rows), None))
        last = split.round
        steps.append((split.train, split))
    return steps


def _fits_together(steps: Sequence[tuple[Any, Split | None]], carry: str) -> list[list[int]]:
    """Group the numbers of fits that do not depend on each other.

    >>> fits = [(0, None), (0, "a split"), (0, "another")]
    >>> [_fits_together(fits, carry) for carry in ("all", "fit_on_all", "none")]
    [[[0], [1], [2]], [[0], [1, 2]], [[1, 2]]]
    """
    if carry == "all":
        return [[number] for number in range(len(steps))]
    if carry == "none":
        # no other fit would use those on all rows
        return [[number for number, (_, split) in enumerate(steps) if split is not None]]
    batches: list[list[int]] = []
    for number, (_, split) in enumerate(steps):
        if split is None:
            batches += [[number], []]
        else:
            batches[-1].append(number)
    return batches


def _predict(
    model: TransferMLPRegressor,
    networks: Sequence[TrainedNetwork],
    given: DescriptorInput,
    rows: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Predict some rows with each network."""
    compositions = given.compositions and [given.compositions[row] for row in rows]
    return predict_target(networks, given.matrix[rows], compositions, model.target_transform)


def _empty(n_members: int, splits: Sequence[Split], n_rows: int) -> NDArray[np.float64]:
    return np.full((n_members, max(split.round for split in splits) + 1, n_rows), np.nan)
