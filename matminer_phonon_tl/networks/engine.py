"""Train many small networks at once, as the paper's protocol needs a hundred thousand of them.

The networks are multilayer perceptrons of the paper's form (Liu et al. 2020): three times Linear -
BatchNorm - ReLU - Dropout, then Linear, trained with Adam on the mean squared error.

References
----------
Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.
D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, arXiv:1412.6980 (2014).
S. Ioffe, C. Szegedy, Batch normalization, arXiv:1502.03167 (2015).
"""

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from matminer_phonon_tl.exceptions import MissingExtraError
from matminer_phonon_tl.networks.jobs import Job, make_jobs, plan_chunks
from matminer_phonon_tl.networks.network import TrainedNetwork, predict_all
from matminer_phonon_tl.networks.settings import TrainingSettings

_DEFAULT_SETTINGS = TrainingSettings()


@dataclass(frozen=True, eq=False)
class TrainedStack:
    """Networks that were trained together. Predicting needs numpy only.

    Attributes
    ----------
    networks : tuple of TrainedNetwork
        One for each fold, in the order of the folds.
    seeds : tuple of int
        The seed of each network: ``train_folds(..., folds=[folds[i]], random_state=[seeds[i]])``
        trains network i alone.
    loss_curves : ndarray of shape (n_networks, epochs)
        Mean squared error in every epoch, with dropout active, in units of the labels' variance
        over the training rows.
    """

    networks: tuple[TrainedNetwork, ...]
    seeds: tuple[int, ...]
    loss_curves: np.ndarray

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict in the labels' unit, shape (n_networks, n_samples, n_outputs)."""
        return predict_all(self.networks, X)


def train_folds(
    X: np.ndarray,
    y: np.ndarray,
    folds: Sequence[np.ndarray],
    hidden_layer_sizes: tuple[int, ...] | Sequence[tuple[int, ...]] = (160, 80, 30),
    settings: TrainingSettings = _DEFAULT_SETTINGS,
    random_state: int | Sequence[int] | None = 0,
    *,
    initial: TrainedNetwork | Sequence[TrainedNetwork] | None = None,
    input_scaler: tuple[np.ndarray, np.ndarray] | None = None,
    n_threads: int | None = None,
    memory_limit: int = 2**30,
    progress: bool = False,
) -> TrainedStack:
    """Train one network for each fold, all of them together.

    A network sees only the rows of its fold: scalers, BatchNorm and loss are computed from those
    rows, so that no value in any other row can change a bit of its weights. Nor do networks
    influence each other: each draws from its private random stream, and trained alone with the same
    seed it is the same network (up to the order of floating-point sums).

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Unscaled descriptors. Rows that are in no fold may hold NaN.
    y : ndarray of shape (n_samples,), (n_samples, n_outputs) or (n_folds, n_samples, n_outputs)
        Labels, in any unit; NaN where a label of a multi-output row is missing. With three
        dimensions every fold has separate labels.
    folds : sequence of ndarray of int
        Row numbers that each network is trained on.
    hidden_layer_sizes : tuple of int, or sequence of tuples
        Widths of the hidden layers, for all networks or for each.
    settings : TrainingSettings
        How the networks are trained.
    random_state : int, sequence of int, or None
        Seed of the stack, or of each network.
    initial : TrainedNetwork, sequence of them, or None
        Networks whose hidden layers are copied (``settings.transfer_layers``), for all folds or for
        each. The output layer is always new. The originals are never changed.
    input_scaler : tuple of two ndarray of shape (n_features,), or None
        Mean and standard deviation to scale descriptors by, in place of the fold's. A
        scaler made from held-out rows leaks them; use it to reproduce an evaluation that does so.
    n_threads : int or None
        Threads on a CPU; None takes torch's setting.
    memory_limit : int
        Bytes that the networks in training may take at a time; the others wait.
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
    MissingExtraError
        If torch is not installed.
    ValueError
        If an argument is out of its range.

    Warns
    -----
    TrainingWarning
        If the labels of a fold are all the same.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 5))
    >>> folds = [np.arange(0, 40), np.arange(20, 60)]
    >>> y = X @ [1.0, 2.0, 0.0, 0.0, 1.0]
    >>> stack = train_folds(X, y, folds, (16, 8, 4), TrainingSettings(epochs=50))
    >>> stack.predict(X).shape
    (2, 60, 1)
    """
    X, jobs = make_jobs(
        X,
        y,
        folds,
        hidden_layer_sizes,
        settings,
        random_state,
        initial=initial,
        input_scaler=input_scaler,
    )
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError(
            f"expected torch for training networks, but importing it failed ({error}): "
            "pip install torch"
        ) from error
    check_device(settings.device)
    if n_threads is None:
        n_threads = torch.get_num_threads()
    if not settings.device.startswith("cpu"):
        n_threads = 1
    chunks = plan_chunks(jobs, X.shape[1], settings, n_threads, memory_limit)
    trained = _ChunkRun(chunks, X, settings).run(n_threads, progress=progress)
    return TrainedStack(
        networks=tuple(trained[job.index][0] for job in jobs),
        seeds=tuple(job.seed for job in jobs),
        loss_curves=np.stack([trained[job.index][1] for job in jobs]),
    )


def check_device(name: str) -> None:
    """Raise ValueError if torch cannot use a device."""
    import torch

    try:
        torch.empty(1, device=torch.device(name))
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        raise ValueError(
            f'expected a device that torch can use here, such as "cpu", got {name!r} '
            f"({str(error).splitlines()[0]}): choose another"
        ) from error


class _ChunkRun:
    """Train chunks on threads.

    On the CPU each thread trains whole chunks with single-threaded kernels. A chunk of some twenty
    networks stays in the cache, and no thread waits for another, as it would at every operation if
    the threads shared one large stack.
    """

    def __init__(
        self, chunks: Sequence[list[Job]], X: np.ndarray, settings: TrainingSettings
    ) -> None:
        self.chunks, self.X, self.settings = chunks, X, settings
        self.results: dict[int, tuple[TrainedNetwork, np.ndarray]] = {}
        self._waiting: queue.SimpleQueue[list[Job]] = queue.SimpleQueue()
        for chunk in chunks:
            self._waiting.put(chunk)
        self._reports: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stop = threading.Event()

    def run(
        self, n_threads: int, *, progress: bool
    ) -> dict[int, tuple[TrainedNetwork, np.ndarray]]:
        """Return each network and its loss curve by job number.

        On an exception, Ctrl-C included, all threads stop before it is passed on.
        """
        import torch

        n_networks = sum(len(chunk) for chunk in self.chunks)
        # Torch keeps one thread count for all new threads: it is set for these, and then restored.
        n_torch_threads = torch.get_num_threads()
        threads = [
            threading.Thread(target=self._work, name=f"train-folds-{i}")
            for i in range(max(1, min(n_threads, len(self.chunks))))
        ]
        try:
            with tqdm(
                total=n_networks * self.settings.epochs,
                disable=not progress,
                desc=f"training {n_networks} network{'s' * (n_networks != 1)}",
                unit="epoch",
            ) as bar:
                for thread in threads:
                    thread.start()
                running = len(threads)
                while running:
                    report = self._reports.get()
                    if isinstance(report, BaseException):
                        raise report
                    if report is None:
                        running -= 1
                    else:
                        bar.update(report)
        finally:
            self._stop.set()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            torch.set_num_threads(n_torch_threads)
        return self.results

    def _work(self) -> None:
        try:
            import torch

            from matminer_phonon_tl.networks.stack import train_chunk

            torch.set_num_threads(1)
            while not self._stop.is_set():
                try:
                    chunk = self._waiting.get_nowait()
                except queue.Empty:
                    break
                trained = train_chunk(chunk, self.X, self.settings, self._stop, self._reports)
                if trained is not None:
                    self.results.update(
                        {job.index: result for job, result in zip(chunk, trained, strict=True)}
                    )
        except BaseException as error:  # noqa: BLE001 - handed to the thread that called run
            self._reports.put(error)
        else:
            self._reports.put(None)
