"""Fitting transfer models: source networks first, then all folds' members as one stack."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from matminer_phonon_tl.models.materials import DescriptorInput
from matminer_phonon_tl.models.source_tasks import SourceData
from matminer_phonon_tl.models.target_transform import check_transform, transform_target
from matminer_phonon_tl.networks._network import TrainedNetwork
from matminer_phonon_tl.networks._source_networks import source_networks
from matminer_phonon_tl.networks._stack_jobs import network_seeds
from matminer_phonon_tl.networks._transfer_settings import layer_numbers, member_widths, seed_of
from matminer_phonon_tl.networks.stacked_mlp import train_folds


def fit_together(
    estimators: Sequence[Any],
    given: DescriptorInput,
    y: np.ndarray,
    folds: Sequence[np.ndarray],
    sources: Sequence[SourceData | None],
    seeds: Sequence[int] | None = None,
) -> None:
    """Fit estimators with equal parameters, each to its fold.

    Parameters
    ----------
    estimators : sequence of TransferMLPRegressor
        One for each fold; their fitted attributes are set.
    given : DescriptorInput
        All rows.
    y : ndarray of shape (n_samples,)
        Labels of all rows.
    folds : sequence of ndarray of int
        Row numbers each estimator is fitted to.
    sources : sequence of SourceData or None
        What each starts from.
    seeds : sequence of int, optional
        One for each fold's training on the target, in place of the estimators' own.
    """
    model = estimators[0]
    widths = member_widths(model.hidden_layer_sizes)
    learned = transform_target(check_transform(model.target_transform), y, given.compositions)
    n_members, n_folds = len(widths), len(folds)
    layers = layer_numbers("transfer_layers", model.transfer_layers, len(widths[0]))
    frozen = layer_numbers("frozen_layers", model.frozen_layers, len(widths[0]))
    # two seeds for each member: its source network's, and its own
    own = network_seeds(seed_of(model.random_state), 2 * n_members)
    if seeds is None:
        tuning = own[1::2] * n_folds
    elif len(seeds) != n_folds:
        raise ValueError(
            f"expected a seed for each of {n_folds} folds, got {len(seeds)}: pass as many, or None"
        )
    else:
        tuning = [seed for fold_seed in seeds for seed in network_seeds(fold_seed, n_members)]
    initial = starting_networks(model, sources, widths, own[::2]) if layers else []
    stack = train_folds(
        given.matrix,
        learned,
        [fold for fold in folds for _ in widths],
        widths * n_folds,
        model.epochs,
        tuning,
        learning_rate=model.learning_rate,
        initial=initial or None,
        transfer_layers=layers,
        transfer_batch_norm=model.transfer_batch_norm,
        transfer_scaler=model.transfer_batch_norm and bool(initial),
        frozen_layers=frozen,
        progress=bool(model.verbose),
        **common_settings(model),
    )
    for number, estimator in enumerate(estimators):
        members = slice(number * n_members, (number + 1) * n_members)
        source = sources[number]
        estimator.networks_ = stack.networks[members]
        estimator.source_networks_ = tuple(initial[members])
        estimator.loss_curves_ = stack.loss_curves[members]
        estimator.source_record_ = None if source is None else source.record()


def starting_networks(
    model: Any,
    sources: Sequence[SourceData | None],
    widths: list[tuple[int, ...]],
    seeds: list[int],
) -> list[TrainedNetwork]:
    """Return the source network that each fold's members start from; none without source."""
    given = [source for source in sources if source is not None]
    if not given:
        return []
    if len(given) < len(sources):
        raise ValueError(
            "expected a source for every fold or for none, got None for some: fit the folds "
            "without source in a call of their own"
        )
    settings = {
        "epochs": model.source_epochs,
        "learning_rate": model.source_learning_rate,
        **common_settings(model),
    }
    return source_networks(
        [source for source in given for _ in widths],
        widths * len(given),
        seeds * len(given),
        settings,
        progress=bool(model.verbose),
    )


def common_settings(model: Any) -> dict[str, Any]:
    """Return the settings that source and target share."""
    names = ("weight_decay", "dropout", "batch_size", "device")
    return {name: getattr(model, name) for name in names}
