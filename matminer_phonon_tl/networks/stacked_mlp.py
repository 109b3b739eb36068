"""Many small networks trained at once: the paper's protocol is a hundred thousand of them.

The networks are multilayer perceptrons of the paper's form (Liu et al. 2020): three times Linear -
BatchNorm - ReLU - Dropout, then Linear, trained with Adam on the mean squared error.

References
----------
Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.
D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, arXiv:1412.6980 (2014).
S. Ioffe, C. Szegedy, Batch normalization, arXiv:1502.03167 (2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from matminer_phonon_tl.exceptions import MissingExtraError
from matminer_phonon_tl.networks._network import TrainedNetwork, predict_all
from matminer_phonon_tl.networks._stack_checks import make_settings
from matminer_phonon_tl.networks._stack_jobs import make_jobs
from matminer_phonon_tl.networks._stack_plan import plan_chunks

__all__ = ["TrainedNetwork", "TrainedStack", "TrainingInterrupted", "train_folds"]


@dataclass(frozen=True, eq=False)
class TrainedStack:
    """Networks that were trained together. Predicting needs numpy only.

    Attributes
    ----------
    networks : tuple of TrainedNetwork or None
        One for each fold, in the order of the folds; None where training was interrupted before
        the network was finished.
    seeds : tuple of int
        Each network's own seed: ``train_folds(..., folds=[folds[i]], random_state=[seeds[i]])``
        trains network i alone.
    loss_curves : ndarray of shape (n_networks, epochs)
        Mean squared error in every epoch, dropout active, in units of the labels' variance over the
        training rows; NaN where training was interrupted.
    """

    networks: tuple[TrainedNetwork | None, ...]
    seeds: tuple[int, ...]
    loss_curves: np.ndarray

    @property
    def finished(self) -> tuple[int, ...]:
        """Numbers of the networks that were trained to the end."""
        return tuple(i for i, network in enumerate(self.networks) if network is not None)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict with every network, in the units of the labels.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Unscaled descriptors.

        Returns
        -------
        ndarray of shape (n_networks, n_samples, n_outputs)
            Predictions; NaN for networks that training did not finish.
        """
        done = self.finished
        if not done:
            raise ValueError(
                "expected at least one finished network to predict with, got none: train again"
            )
        predictions = predict_all([n for n in self.networks if n is not None], X)
        out = np.full((len(self.networks), *predictions.shape[1:]), np.nan)
        out[list(done)] = predictions
        return out


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during training; what was finished by then is in `partial`.

    Attributes
    ----------
    partial : TrainedStack
        The networks of all finished chunks.
    """

    def __init__(self, partial: TrainedStack) -> None:
        super().__init__(
            f"Training was interrupted with {len(partial.finished)} of {len(partial.networks)} "
            "networks finished: they are in this exception's attribute 'partial'"
        )
        self.partial = partial


def train_folds(
    X: np.ndarray,
    y: np.ndarray,
    folds: Sequence[np.ndarray],
    hidden_layer_sizes: tuple[int, ...] | Sequence[tuple[int, ...]] = (160, 80, 30),
    epochs: int = 500,
    random_state: int | Sequence[int] | None = 0,
    *,
    learning_rate: float = 0.01,
    weight_decay: float = 1e-4,
    dropout: float = 0.1,
    batch_size: int | None = None,
    initial: TrainedNetwork | Sequence[TrainedNetwork] | None = None,
    transfer_layers: Sequence[int] | None = None,
    transfer_batch_norm: bool = False,
    transfer_scaler: bool = False,
    input_scaler: tuple[np.ndarray, np.ndarray] | None = None,
    scale_labels: bool = True,
    frozen_layers: Sequence[int] = (),
    dtype: Literal["float32", "float64"] = "float32",
    device: str = "cpu",
    n_threads: int | None = None,
    memory_limit: int = 2**30,
    progress: bool = False,
) -> TrainedStack:
    """Train one network for each fold, all of them together.

    A network sees the rows of its fold and nothing else: scalers, BatchNorm and loss are computed
    from those rows, so that no value in any other row can change a bit of its weights. It does not
    see its neighbours either: it draws from a random stream of its own, and trained alone with the
    same seed it is the same network (up to the order of floating-point sums).

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Descriptors, unscaled. Only rows that some fold names have to be finite.
    y : ndarray of shape (n_samples,), (n_samples, n_outputs) or (n_folds, n_samples, n_outputs)
        Labels, in any unit; NaN where a label of a multi-output row is missing. Three dimensions
        give every fold labels of its own.
    folds : sequence of ndarray of int
        Row numbers each network is trained on.
    hidden_layer_sizes : tuple of int, or sequence of tuples
        Widths of the hidden layers, for all networks or for each.
    epochs : int
        Passes over the training rows.
    random_state : int, sequence of int, or None
        Seed of the stack, or of each network.
    learning_rate : float
        Adam's step size.
    weight_decay : float
        Factor of the squared weights' gradient (as in Adam, not decoupled as in AdamW).
    dropout : float
        Probability that a hidden unit is dropped, 0 <= p < 1.
    batch_size : int or None
        Largest number of rows in a batch; None takes all rows at once. Batches are as equal as
        can be, so that none is left with too few rows for BatchNorm.
    initial : TrainedNetwork, sequence of them, or None
        Networks whose hidden layers are copied, for all folds or for each; the output layer is
        always new. The originals are never changed.
    transfer_layers : sequence of int, or None
        Which hidden layers are copied from `initial`, counted from 0; None means all.
    transfer_batch_norm : bool
        Whether the copied layers' BatchNorm (scale, shift, moving averages) is copied too.
    transfer_scaler : bool
        Whether descriptors are scaled as `initial` scales them rather than by the fold's own rows.
    input_scaler : tuple of two ndarray of shape (n_features,), or None
        Mean and standard deviation to scale descriptors by, in place of the fold's own. Made from
        held-out rows too, it leaks them: that is what it is for, to reproduce an evaluation that
        does.
    scale_labels : bool
        Whether the network learns labels scaled by their mean and deviation in the fold. The
        published script learns them in their own unit: of labels in the hundreds the loss is so
        large that weight decay hardly counts, and transferred weights are kept rather than eroded.
        Loss curves are then in the squared unit.
    frozen_layers : sequence of int
        Hidden layers whose linear weights are not trained; their BatchNorm is.
    dtype : {"float32", "float64"}
        Precision of the training.
    device : str
        A torch device: "cpu", "cuda", "cuda:1".
    n_threads : int or None
        Threads on a CPU; None takes torch's setting.
    memory_limit : int
        Bytes that the networks in training may take at a time; more of them wait their turn.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    TrainedStack
        The networks, in the order of the folds.

    Raises
    ------
    TrainingError
        If the data cannot be trained on, or a network diverges; the message names it.
    TrainingInterrupted
        On Ctrl-C, with the finished networks in ``.partial``. It is a KeyboardInterrupt.
    MissingExtraError
        If torch is not installed.
    ValueError
        If a setting is out of its range.

    Warns
    -----
    TrainingWarning
        If the labels of a fold are all the same.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 5))
    >>> folds = [np.arange(0, 40), np.arange(20, 60)]
    >>> stack = train_folds(X, X @ [1.0, 2.0, 0.0, 0.0, 1.0], folds, (16, 8, 4), epochs=50)
    >>> stack.predict(X).shape
    (2, 60, 1)
    """
    settings = make_settings(
        epochs=epochs,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        dropout=dropout,
        batch_size=batch_size,
        transfer_batch_norm=transfer_batch_norm,
        dtype=dtype,
        device=device,
    )
    X, jobs, settings = make_jobs(
        X,
        y,
        folds,
        hidden_layer_sizes,
        random_state,
        settings,
        initial=initial,
        transfer_layers=transfer_layers,
        transfer_scaler=transfer_scaler,
        fixed_scaler=input_scaler,
        scale_labels=scale_labels,
        frozen_layers=frozen_layers,
    )

    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(
            f"expected torch for training networks, but importing it failed ({error}): "
            "pip install torch"
        ) from error

    from matminer_phonon_tl.networks._stack_runner import StackRun, check_device

    check_device(device)
    if n_threads is None:
        n_threads = torch.get_num_threads()
    if not device.startswith("cpu"):
        n_threads = 1
    chunks = plan_chunks(jobs, X.shape[1], settings, n_threads, memory_limit)
    run = StackRun(chunks, X, settings, n_threads, progress=progress)
    try:
        run.run()
    except KeyboardInterrupt as interrupt:
        partial = _collect(run.results, [job.seed for job in jobs], epochs)
        raise TrainingInterrupted(partial) from interrupt
    return _collect(run.results, [job.seed for job in jobs], epochs)


def _collect(results: dict[int, Any], seeds: list[int], epochs: int) -> TrainedStack:
    """Put what was trained into the order of the folds."""
    curves = np.full((len(seeds), epochs), np.nan)
    for index, trained in results.items():
        curves[index] = trained.loss_curve
    networks = tuple(
        results[index].network if index in results else None for index in range(len(seeds))
    )
    return TrainedStack(networks, tuple(seeds), curves)
