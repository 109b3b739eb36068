"""Train the networks of a plan chunk by chunk, on several threads, interruptibly.

On the CPU each thread trains chunks of its own with single-threaded kernels: a chunk of some twenty
networks stays in the cache, and no thread ever waits for another, as it would at every operation
if the threads shared one large stack.
"""

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from matminer_phonon_tl.exceptions import TrainingError
from matminer_phonon_tl.networks._network import TrainedNetwork
from matminer_phonon_tl.networks._stack_batches import StackBatches
from matminer_phonon_tl.networks._stack_checks import StackSettings
from matminer_phonon_tl.networks._stack_jobs import Job
from matminer_phonon_tl.networks._stacked_layers import StackedLayers

EPOCHS_BETWEEN_CHECKS = 25


@dataclass(frozen=True, eq=False)
class TrainedJob:
    """What training one network gives: the network and its mean loss in every epoch."""

    network: TrainedNetwork
    loss_curve: np.ndarray


def initial_arrays(
    job: Job, n_features: int, n_outputs: int, settings: StackSettings
) -> dict[str, np.ndarray]:
    """Weights a network starts from: torch's default for linear layers, or the initial network's.

    Every array is drawn whether or not it is replaced, so that what is new does not depend on what
    is transferred.
    """
    random = job.generators()[0]
    inputs = (n_features, *job.widths)
    arrays: dict[str, np.ndarray] = {}
    for i, width in enumerate(job.widths):
        bound = 1.0 / np.sqrt(inputs[i])
        arrays[f"hidden_{i}_weights"] = random.uniform(-bound, bound, (inputs[i], width))
        arrays[f"hidden_{i}_gamma"] = np.ones(width)
        arrays[f"hidden_{i}_beta"] = np.zeros(width)
        arrays[f"hidden_{i}_running_mean"] = np.zeros(width)
        arrays[f"hidden_{i}_running_var"] = np.ones(width)
    bound = 1.0 / np.sqrt(inputs[-1])
    arrays["output_weights"] = random.uniform(-bound, bound, (inputs[-1], n_outputs))
    arrays["output_bias"] = random.uniform(-bound, bound, n_outputs)
    if job.initial is not None:
        source = job.initial.state()
        kinds = ["weights"]
        if settings.transfer_batch_norm:
            kinds += ["gamma", "beta", "running_mean", "running_var"]
        for i in settings.transfer_layers:
            for kind in kinds:
                arrays[f"hidden_{i}_{kind}"] = source[f"hidden_{i}_{kind}"]
    return arrays


def train_chunk(
    jobs: Sequence[Job],
    X: np.ndarray,
    settings: StackSettings,
    stop: threading.Event,
    progress: "queue.SimpleQueue[Any]",
) -> list[TrainedJob] | None:
    """Train one chunk; None if it was stopped before its end.

    Raises
    ------
    TrainingError
        If a network's loss or weights are no longer finite.
    """
    n_outputs = jobs[0].labels.shape[1]
    arrays = [initial_arrays(job, X.shape[1], n_outputs, settings) for job in jobs]
    layers = StackedLayers(jobs, arrays, X.shape[1], n_outputs, settings)
    batches = StackBatches(jobs, X, layers.device, layers.dtype)
    optimiser = torch.optim.Adam(
        [layers.flat],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    losses = torch.zeros((settings.epochs, len(jobs)), dtype=layers.dtype, device=layers.device)
    reported = 0
    for epoch in range(settings.epochs):
        if stop.is_set():
            return None
        for batch in batches.epoch():
            layers.step(batch, losses[epoch])
            optimiser.step()
        done = epoch + 1
        if done % EPOCHS_BETWEEN_CHECKS == 0 or done == settings.epochs:
            _check_finite(jobs, losses[epoch], done)
            progress.put((done - reported) * len(jobs))
            reported = done
    curves = (losses / batches.n_batches).cpu().numpy()
    trained = []
    for k, (job, own) in enumerate(zip(jobs, layers.arrays(), strict=True)):
        if not all(np.isfinite(array).all() for array in own.values()):
            raise _diverged(job, settings.epochs)
        scalers = {name: getattr(job, name) for name in ("x_mean", "x_scale", "y_mean", "y_scale")}
        network = TrainedNetwork.from_state({**own, **scalers}, len(job.widths))
        trained.append(TrainedJob(network, curves[:, k].copy()))
    return trained


def _check_finite(jobs: Sequence[Job], loss: torch.Tensor, epoch: int) -> None:
    finite = torch.isfinite(loss).cpu().numpy()
    if not finite.all():
        raise _diverged(jobs[int(np.flatnonzero(~finite)[0])], epoch)


def _diverged(job: Job, epoch: int) -> TrainingError:
    return TrainingError(
        f"expected a finite loss, but {job.name} diverged by epoch {epoch}: lower learning_rate, "
        "or look for extreme values among its descriptors and labels"
    )


def check_device(name: str) -> None:
    """Raise ValueError if there is no such device."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        raise ValueError(
            f'expected a device that torch can use here, such as "cpu", got {name!r} '
            f"({str(error).splitlines()[0]}): choose another"
        ) from error


class StackRun:
    """Chunks on their way through the threads, and what has come back.

    Parameters
    ----------
    chunks : sequence of list of Job
        What to train.
    X : ndarray of shape (n_samples, n_features)
        Unscaled descriptors.
    settings : StackSettings
        Common settings.
    n_threads : int
        Threads to train on.
    progress : bool
        Whether to show a bar on stderr.
    """

    def __init__(
        self,
        chunks: Sequence[list[Job]],
        X: np.ndarray,
        settings: StackSettings,
        n_threads: int,
        *,
        progress: bool,
    ) -> None:
        self.X, self.settings, self.show = X, settings, progress
        self.n_threads = max(1, min(n_threads, len(chunks)))
        self.chunks = chunks
        self.results: dict[int, TrainedJob] = {}
        self._waiting: queue.SimpleQueue[list[Job]] = queue.SimpleQueue()
        for chunk in chunks:
            self._waiting.put(chunk)
        self._reports: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stop = threading.Event()

    def run(self) -> None:
        """Train everything; on an exception, Ctrl-C included, stop and keep what is finished."""
        n_networks = sum(len(chunk) for chunk in self.chunks)
        # torch keeps one thread count for threads to come; it is set for ours, and then restored.
        n_torch_threads = torch.get_num_threads()
        threads = [
            threading.Thread(target=self._work, name=f"stacked-mlp-{i}")
            for i in range(self.n_threads)
        ]
        try:
            with tqdm(
                total=n_networks * self.settings.epochs,
                disable=not self.show,
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

    def _work(self) -> None:
        try:
            torch.set_num_threads(1)
            while not self._stop.is_set():
                try:
                    chunk = self._waiting.get_nowait()
                except queue.Empty:
                    break
                trained = train_chunk(chunk, self.X, self.settings, self._stop, self._reports)
                if trained is not None:
                    self.results.update(
                        {job.index: done for job, done in zip(chunk, trained, strict=True)}
                    )
        except BaseException as error:  # noqa: BLE001 - handed to the thread that called run
            self._reports.put(error)
        else:
            self._reports.put(None)
