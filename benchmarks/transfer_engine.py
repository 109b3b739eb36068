"""The stacked engine against skorch, and against the machine's own matrix product.

    pip install skorch
    python benchmarks/transfer_engine.py [--rounds 5] [--networks 75] [--epochs 500]

Everything is timed warm and in turn within one run, and medians are reported: the speed of a shared
machine drifts, ratios within one run do not. A fit is the paper's: 124 materials x 290 descriptors,
five-fold, layers of 160-80-30, full batches, Adam. Only the floating-point operations that training
needs are counted: training rows of the fold, forward, weight gradients, and input gradients from
the second layer on; BatchNorm, dropout and optimiser count as nothing. skorch is timed as it comes,
on all threads, and with a single one: such small networks gain nothing from a second thread, and
lose much where another process wants it.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.model_selection import KFold

from matminer_phonon_tl.datasets import load_phonon_tl
from matminer_phonon_tl.featurizers import XenonPyDescriptors
from matminer_phonon_tl.networks import TrainingSettings, train_folds
from matminer_phonon_tl.networks.jobs import flops_per_row

WIDTHS = (160, 80, 30)


def paper_data() -> tuple[np.ndarray, np.ndarray]:
    """Return descriptors and gaps (cm-1) of the 124 materials."""
    frame = load_phonon_tl(gapped_only=True)
    X = XenonPyDescriptors().featurize_array(frame["composition"].tolist())
    return X, frame["phonon_bandgap"].to_numpy()


def seconds(function: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def sgemm_rate() -> float:
    """Return the machine's rate at a large single-precision matrix product, flop/s, all threads."""
    n, repeats = 2048, 3
    left, out = torch.randn(n, n), torch.empty(n, n)
    taken = seconds(lambda: [torch.mm(left, left, out=out) for _ in range(repeats)])
    return repeats * 2 * n**3 / taken


def skorch_fit(
    X: np.ndarray, y: np.ndarray, fold: np.ndarray, epochs: int, n_threads: int | None = None
) -> None:
    """Train one network the ordinary way."""
    from skorch import NeuralNetRegressor

    parts: list[torch.nn.Module] = []
    for below, above in zip((X.shape[1], *WIDTHS), WIDTHS, strict=False):
        parts += [
            torch.nn.Linear(below, above),
            torch.nn.BatchNorm1d(above),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.1),
        ]
    network = NeuralNetRegressor(
        torch.nn.Sequential(*parts, torch.nn.Linear(WIDTHS[-1], 1)),
        max_epochs=epochs,
        lr=0.01,
        optimizer=torch.optim.Adam,
        optimizer__weight_decay=1e-4,
        batch_size=-1,
        train_split=None,
        verbose=0,
    )
    rows = X[fold]
    scaled = (rows - rows.mean(0)) / np.where(rows.std(0) > 0, rows.std(0), 1.0)
    labels = (y[fold] - y[fold].mean()) / y[fold].std()
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads or before)
    try:
        network.fit(scaled.astype(np.float32), labels.astype(np.float32)[:, None])
    finally:
        torch.set_num_threads(before)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--networks", type=int, default=75)
    parser.add_argument("--epochs", type=int, default=500)
    arguments = parser.parse_args()
    X, y = paper_data()
    folds = [
        train
        for repeat in range(-(-arguments.networks // 5))
        for train, _ in KFold(5, shuffle=True, random_state=repeat).split(X)
    ][: arguments.networks]
    n_rows = np.mean([fold.size for fold in folds])
    needed = arguments.epochs * n_rows * flops_per_row(X.shape[1], WIDTHS, 1)

    def stack() -> None:
        train_folds(X, y, folds, WIDTHS, TrainingSettings(epochs=arguments.epochs))

    print(
        f"{arguments.networks} networks {WIDTHS}, {X.shape[0]} x {X.shape[1]}, "
        f"{arguments.epochs} epochs, {needed / 1e9:.2f} needed Gflop per fit, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )
    train_folds(X, y, folds, WIDTHS, TrainingSettings(epochs=5))
    skorch_fit(X, y, folds[0], 5)
    sgemm_rate()
    rows = []
    for number in range(arguments.rounds):
        before = sgemm_rate()
        ours = seconds(stack) / arguments.networks
        between = sgemm_rate()
        single = seconds(lambda: skorch_fit(X, y, folds[0], arguments.epochs, 1))
        default = seconds(lambda: skorch_fit(X, y, folds[0], arguments.epochs))
        machine = (before + between) / 2
        rate = needed / ours
        rows.append(
            (ours, default, single, default / ours, single / ours, rate / machine, machine / 1e9)
        )
        print(f"round {number}: {describe(rows[-1])}", flush=True)
    print(f"medians: {describe([statistics.median(c) for c in zip(*rows, strict=True)])}")


def describe(row: Sequence[float]) -> str:
    """Return one line of results."""
    ours, default, single, ratio, single_ratio, fraction, machine = row
    return (
        f"{ours:.3f} s per fit; skorch {default:.2f} s ({ratio:.1f} times), on one thread "
        f"{single:.2f} s ({single_ratio:.1f} times); {fraction:.0%} of {machine:.0f} Gflop/s sgemm"
    )


if __name__ == "__main__":
    main()
