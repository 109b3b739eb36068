"""Train a chunk of networks as one stack: its batches, its layers and the training loop, on torch.

Three things make it fast. The training rows of each network are gathered beforehand, so every
matrix product and every BatchNorm sum is dense and batched, and nothing is computed for rows
outside a fold. Every result goes into an existing buffer. And there is no graph: the backward pass
is written out by hand and has no input gradient in the first layer.

Shapes: K networks, B rows of a batch, H units of a layer of the widest network. Narrower networks
are padded with zeros, which stay exactly zero: a padded unit has weight and beta 0, and hence
activation, gradient and weight decay 0.
"""

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from matminer_phonon_tl.exceptions import TrainingError
from matminer_phonon_tl.networks.jobs import Job
from matminer_phonon_tl.networks.network import BATCH_NORM_EPS, TrainedNetwork
from matminer_phonon_tl.networks.settings import TrainingSettings

EPOCHS_BETWEEN_CHECKS = 25
BATCH_NORM_MOMENTUM = 0.1
_ROWS_PER_BLOCK = 8192  # rows that are scaled in double precision at a time
# For dropout, each unit of each row has a linear congruential generator: one multiply-add, the
# cheapest random number there is. Its high bits, which decide what is dropped, are good enough.
_LCG_MULTIPLIER = 1664525
_LCG_INCREMENT = 1013904223
_NEGATIVE_FLOATS = 0x7F800001  # bit patterns of float32 from minus infinity to minus zero


def dropout_threshold(probability: float) -> float:
    """Return the float32 that random bits, read as float32, do not exceed with `probability`.

    Random integers are compared as if their bits were floats, because comparing floats and setting
    to zero is a single vectorised operation (ReLU's derivative). The 0.4 % of bit patterns that are
    NaN count as kept, and the threshold allows for them.

    >>> bits = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint32)
    >>> round(float((bits.view(np.float32) <= dropout_threshold(0.1)).mean()), 2)
    0.1
    """
    n_dropped = round(probability * 2**32)
    magnitude = np.array([abs(_NEGATIVE_FLOATS - n_dropped)], dtype=np.int32)
    size = float(magnitude.view(np.float32)[0])
    return -size if n_dropped <= _NEGATIVE_FLOATS else size


class Batch(NamedTuple):
    """One batch of each of K networks, padded to the B rows of the largest."""

    inputs: torch.Tensor
    """Scaled descriptors, 0 in padding rows; shape (K, B, n_features)."""
    labels: torch.Tensor
    """Scaled labels, 0 where unknown or padded; shape (K, B, n_outputs)."""
    weights: torch.Tensor
    """1 over the number of known labels of the network's batch, 0 where unknown or padded; shape
    (K, B, n_outputs)."""
    per_row: torch.Tensor
    """1 over the number of rows without padding; shape (K, 1, 1)."""
    unbias: torch.Tensor
    """n / (n - 1), which makes a variance over n rows unbiased; shape (K, 1, 1)."""
    valid: torch.Tensor | None
    """1 for a row and 0 for padding; None where nothing is padded; shape (K, B, 1)."""


class StackBatches:
    """The training rows of a chunk, scaled for each network, and the batches of an epoch.

    Only training rows are read. Held-out rows cannot reach a network, not even through the rounding
    of a shared scaler.
    """

    def __init__(
        self, jobs: Sequence[Job], X: np.ndarray, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.jobs, self.device, self.dtype = jobs, device, dtype
        self.n_batches = len(jobs[0].batch_sizes)
        self.orders = [job.generators()[2] for job in jobs]
        self._pool_inputs(X)
        self._pool_labels()
        self._lay_out()
        self.fixed: Batch | None = None
        if self.n_batches == 1:  # gathered once; the pool is not needed again
            self.fixed = self._gather(self._row_order(shuffled=False), 0)
            del self.inputs

    def _pool_inputs(self, X: np.ndarray) -> None:
        """Scale each distinct set of training rows once; a last row of zeros serves as padding."""
        distinct = {job.inputs_key: job for job in self.jobs}
        size = sum(job.rows.size for job in distinct.values())
        self.inputs = torch.zeros((size + 1, X.shape[1]), dtype=self.dtype, device=self.device)
        starts: dict[bytes, int] = {}
        start = 0
        for key, job in distinct.items():
            starts[key] = start
            used = job.x_scale != 0
            inverse = np.divide(1.0, job.x_scale, out=np.zeros(X.shape[1]), where=used)
            for first in range(0, job.rows.size, _ROWS_PER_BLOCK):
                rows = job.rows[first : first + _ROWS_PER_BLOCK]
                scaled = torch.from_numpy((X[rows] - job.x_mean) * inverse)
                self.inputs[start + first : start + first + rows.size].copy_(scaled)
            start += job.rows.size
        self.starts = torch.tensor(
            [[starts[job.inputs_key]] for job in self.jobs], device=self.device
        )
        self.padding_row = size

    def _pool_labels(self) -> None:
        """Scale the labels of all networks into one table; unknown labels are 0 with weight 0."""
        self.stride = max(job.rows.size for job in self.jobs) + 1
        shape = (len(self.jobs), self.stride, self.jobs[0].labels.shape[1])
        labels, known = np.zeros(shape), np.zeros(shape)
        for k, job in enumerate(self.jobs):
            is_known = ~np.isnan(job.labels)
            scaled = (job.labels - job.y_mean) / job.y_scale
            labels[k, : job.rows.size] = np.where(is_known, scaled, 0.0)
            known[k, : job.rows.size] = is_known
        self.labels = torch.from_numpy(labels).to(self.device, self.dtype).flatten(0, 1)
        self.known = torch.from_numpy(known).to(self.device, self.dtype).flatten(0, 1)

    def _lay_out(self) -> None:
        """Find the places in a network's row order that make up each batch, padding included."""
        sizes = np.array([job.batch_sizes for job in self.jobs])
        ends = sizes.cumsum(axis=1)
        places = (ends - sizes)[:, :, None] + np.arange(sizes.max())
        places = np.where(places < ends[:, :, None], places, self.stride - 1)
        # one tensor for each batch, on the device: a step then needs nothing from the CPU
        self.places = [
            torch.from_numpy(places[:, number, : column.max()].copy()).to(self.device)
            for number, column in enumerate(sizes.T)
        ]
        self.table_starts = self.stride * torch.arange(len(self.jobs), device=self.device)[:, None]
        self.per_row = self._per_network(1.0 / sizes)
        self.unbias = self._per_network(sizes / (sizes - 1.0))
        self.valid: list[torch.Tensor | None] = []
        for column in sizes.T:
            mask = np.arange(column.max())[None, :, None] < column[:, None, None]
            valid = torch.from_numpy(mask).to(self.device, self.dtype)
            self.valid.append(None if mask.all() else valid)

    def _per_network(self, numbers: np.ndarray) -> list[torch.Tensor]:
        """Return a tensor of shape (K, 1, 1) for each batch."""
        return [
            torch.from_numpy(column.copy()).to(self.device, self.dtype).view(-1, 1, 1)
            for column in numbers.T
        ]

    def _row_order(self, *, shuffled: bool) -> torch.Tensor:
        """Return each network's training rows in the order of an epoch; the last number pads."""
        order = np.full((len(self.jobs), self.stride), self.stride - 1)
        for k, (job, stream) in enumerate(zip(self.jobs, self.orders, strict=True)):
            n_rows = job.rows.size
            order[k, :n_rows] = stream.permutation(n_rows) if shuffled else np.arange(n_rows)
        return torch.from_numpy(order).to(self.device)

    def _gather(self, order: torch.Tensor, number: int) -> Batch:
        """Return a batch, given each network's row order and the number of the batch."""
        chosen = order.gather(1, self.places[number])
        rows = torch.where(chosen == self.stride - 1, self.padding_row, self.starts + chosen)
        table_rows = (self.table_starts + chosen).flatten()
        shape = (*chosen.shape, -1)
        known = self.known.index_select(0, table_rows).view(shape)
        return Batch(
            inputs=self.inputs.index_select(0, rows.flatten()).view(shape),
            labels=self.labels.index_select(0, table_rows).view(shape),
            weights=known / known.sum((1, 2), keepdim=True).clamp_min(1.0),
            per_row=self.per_row[number],
            unbias=self.unbias[number],
            valid=self.valid[number],
        )

    def epoch(self) -> Iterator[Batch]:
        """Yield the batches of one epoch, newly shuffled unless there is only one."""
        if self.fixed is not None:
            yield self.fixed
            return
        order = self._row_order(shuffled=True)
        for number in range(self.n_batches):
            yield self._gather(order, number)


class StackedLayers:
    """Parameters, gradients and buffers of K networks, and one training step."""

    def __init__(
        self,
        jobs: Sequence[Job],
        arrays: Sequence[dict[str, np.ndarray]],
        n_features: int,
        n_outputs: int,
        settings: TrainingSettings,
    ) -> None:
        self.jobs = jobs
        self.n_hidden = len(jobs[0].widths)
        self.widths = [max(job.widths[i] for job in jobs) for i in range(self.n_hidden)]
        self.settings = settings
        self.device = torch.device(settings.device)
        self.dtype = getattr(torch, settings.dtype)
        self.n_batch = max(max(job.batch_sizes) for job in jobs)
        self._build_parameters(arrays, n_features, n_outputs)
        self._build_buffers(n_outputs)
        self._seed_dropout()
        # Dropout's 1 / (1 - p) is applied where the layer above multiplies.
        self.gain = 1.0 / (1.0 - settings.dropout)
        self.both_moments = self.moments.unbind(0)
        self.transposed = {
            name: tensor.mT for name, tensor in self.parameters.items() if "weights" in name
        }

    def _build_parameters(
        self, arrays: Sequence[dict[str, np.ndarray]], n_features: int, n_outputs: int
    ) -> None:
        """Lay all trained parameters out in one flat tensor, so that Adam is one fused call."""
        n_networks = len(self.jobs)
        inputs = [n_features, *self.widths]
        shapes: dict[str, tuple[int, int, int]] = {}
        for i, width in enumerate(self.widths):
            shapes[f"hidden_{i}_weights"] = (n_networks, inputs[i], width)
            shapes[f"hidden_{i}_gamma"] = (n_networks, 1, width)
            shapes[f"hidden_{i}_beta"] = (n_networks, 1, width)
        shapes["output_weights"] = (n_networks, inputs[-1], n_outputs)
        shapes["output_bias"] = (n_networks, 1, n_outputs)
        frozen_layers = self.settings.layer_numbers("frozen_layers", self.n_hidden)
        frozen = {f"hidden_{i}_weights" for i in frozen_layers}
        trained = [name for name in shapes if name not in frozen]
        size = sum(int(np.prod(shapes[name])) for name in trained)
        self.flat = torch.zeros(size, dtype=self.dtype, device=self.device)
        self.flat.grad = torch.zeros_like(self.flat)
        self.parameters: dict[str, torch.Tensor] = {}
        self.gradients: dict[str, torch.Tensor] = {}
        start = 0
        for name in trained:
            end = start + int(np.prod(shapes[name]))
            self.parameters[name] = self.flat[start:end].view(shapes[name])
            self.gradients[name] = self.flat.grad[start:end].view(shapes[name])
            start = end
        for name in frozen:
            self.parameters[name] = torch.zeros(shapes[name], dtype=self.dtype, device=self.device)
        self.running_mean, self.running_var = torch.zeros(
            (2, n_networks, 1, sum(self.widths)), dtype=self.dtype, device=self.device
        )
        self.running: dict[str, torch.Tensor] = {}
        for kind, whole in (("mean", self.running_mean), ("var", self.running_var)):
            for i, part in enumerate(whole.split(self.widths, dim=2)):
                self.running[f"hidden_{i}_running_{kind}"] = part
        for name, target in {**self.parameters, **self.running}.items():
            padded = np.zeros(target.shape)
            for k, network in enumerate(arrays):
                value = network[name]
                padded[k][tuple(slice(n) for n in np.atleast_2d(value).shape)] = value
            target.copy_(torch.from_numpy(padded))

    def _build_buffers(self, n_outputs: int) -> None:
        n_networks = len(self.jobs)

        def empty(*shape: int) -> torch.Tensor:
            return torch.zeros(shape, dtype=self.dtype, device=self.device)

        def activations() -> list[torch.Tensor]:
            return [empty(n_networks, self.n_batch, width) for width in self.widths]

        self.buffers = {name: activations() for name in ("linear", "hidden", "scratch", "back")}
        self.buffers["output"] = [empty(n_networks, self.n_batch, n_outputs) for _ in range(2)]
        # Mean and variance of all layers lie side by side, so that their moving averages are three
        # operations a step.
        self.moments = empty(2, n_networks, 1, sum(self.widths))
        self.layer_moments = [
            (part, part[0], part[1]) for part in self.moments.split(self.widths, dim=3)
        ]
        self.per_unit = [[empty(n_networks, 1, width) for _ in range(5)] for width in self.widths]
        self._views: dict[int, dict[str, list[torch.Tensor]]] = {}

    def _rows(self, n_batch: int) -> dict[str, list[torch.Tensor]]:
        """Return the buffers' first rows; kept, as a view costs as much as a small sum."""
        if n_batch not in self._views:
            views = {
                name: [buffer[:, :n_batch] for buffer in buffers]
                for name, buffers in self.buffers.items()
            }
            views["transposed"] = [buffer.mT for buffer in views["hidden"]]
            views["random_bits"] = [state.view(torch.float32) for state in views["random"]]
            self._views[n_batch] = views
        return self._views[n_batch]

    def _seed_dropout(self) -> None:
        """Start the random numbers of every unit and row from the seed of their network."""
        self.buffers["random"] = []
        if not self.settings.dropout:
            return
        self.threshold = dropout_threshold(self.settings.dropout)
        self.increment = torch.tensor(_LCG_INCREMENT, dtype=torch.int32, device=self.device)
        streams = [job.generators()[1] for job in self.jobs]
        for i, width in enumerate(self.widths):
            state = np.zeros((len(self.jobs), self.n_batch, width), dtype=np.int32)
            for k, (job, stream) in enumerate(zip(self.jobs, streams, strict=True)):
                shape = (max(job.batch_sizes), job.widths[i])
                draws = stream.integers(-(2**31), 2**31, size=shape, dtype=np.int32)
                state[k, : shape[0], : shape[1]] = draws
            self.buffers["random"].append(torch.from_numpy(state).to(self.device))

    def step(self, batch: Batch, loss: torch.Tensor) -> None:
        """Add a batch's mean squared errors to `loss`, shape (K,), and compute all gradients."""
        rows = self._rows(batch.inputs.shape[1])
        below = batch.inputs
        for i in range(self.n_hidden):
            below = self._forward_layer(i, below, batch, rows)
        mean, var = self.both_moments
        self.running_mean.lerp_(mean, BATCH_NORM_MOMENTUM)
        self.running_var.mul_(1.0 - BATCH_NORM_MOMENTUM)
        self.running_var.addcmul_(var, batch.unbias, value=BATCH_NORM_MOMENTUM)

        output, slope = rows["output"]
        torch.baddbmm(
            self.parameters["output_bias"],
            below,
            self.parameters["output_weights"],
            alpha=self.gain,
            out=output,
        )
        output.sub_(batch.labels)
        torch.mul(output, batch.weights, out=slope)
        loss.add_(output.mul_(slope).sum((1, 2)))
        slope.mul_(2.0)

        _product(self.gradients["output_weights"], rows["transposed"][-1], slope, self.gain)
        torch.sum(slope, 1, keepdim=True, out=self.gradients["output_bias"])
        _product(rows["back"][-1], slope, self.transposed["output_weights"], self.gain)
        for i in reversed(range(self.n_hidden)):
            self._backward_layer(i, batch, rows)

    def _forward_layer(
        self, i: int, below: torch.Tensor, batch: Batch, rows: dict[str, list[torch.Tensor]]
    ) -> torch.Tensor:
        linear, hidden, scratch = (rows[name][i] for name in ("linear", "hidden", "scratch"))
        moments, mean, var = self.layer_moments[i]
        inverse, factor, shift = self.per_unit[i][:3]
        _product(linear, below, self.parameters[f"hidden_{i}_weights"], self.gain if i else 1.0)
        # Padding adds nothing to either sum: its linear map is 0, for there is no bias.
        torch.sum(linear, 1, keepdim=True, out=mean)
        torch.mul(linear, linear, out=scratch)
        torch.sum(scratch, 1, keepdim=True, out=var)
        moments.mul_(batch.per_row)
        var.addcmul_(mean, mean, value=-1.0).clamp_min_(0.0)
        torch.add(var, BATCH_NORM_EPS, out=inverse)
        inverse.rsqrt_()
        torch.mul(self.parameters[f"hidden_{i}_gamma"], inverse, out=factor)
        torch.addcmul(self.parameters[f"hidden_{i}_beta"], mean, factor, value=-1.0, out=shift)
        torch.addcmul(shift, linear, factor, out=hidden)
        hidden.relu_()
        if rows["random"]:
            # All rows advance, also those that this batch lacks: a network's random numbers must
            # not depend on the batches of its neighbours.
            state = self.buffers["random"][i]
            torch.add(self.increment, state, alpha=_LCG_MULTIPLIER, out=state)
            bits = rows["random_bits"][i]
            _zero_where_not_above(hidden, bits.to(self.dtype), self.threshold)
        if batch.valid is not None:
            hidden.mul_(batch.valid)
        return hidden

    def _backward_layer(self, i: int, batch: Batch, rows: dict[str, list[torch.Tensor]]) -> None:
        """Compute the gradients of a layer's parameters and inputs from the gradient of its output.

        With y = factor * z + shift, where z is the output of the linear map and x the normalised z,
        the gradient of z is factor * (dy - mean(dy) - x * mean(dy * x)). Written as a sum of dy, z
        and a constant, each times a number per unit, it takes two passes over the rows.
        """
        linear, scratch, back = (rows[name][i] for name in ("linear", "scratch", "back"))
        mean = self.layer_moments[i][1]
        inverse, factor, constant, slope, quotient = self.per_unit[i]
        d_gamma = self.gradients[f"hidden_{i}_gamma"]
        d_beta = self.gradients[f"hidden_{i}_beta"]
        # Above 0 only where ReLU was open and the unit was kept: one comparison undoes both.
        _zero_where_not_above(back, rows["hidden"][i], 0.0)
        torch.sum(back, 1, keepdim=True, out=d_beta)
        torch.mul(back, linear, out=scratch)
        torch.sum(scratch, 1, keepdim=True, out=d_gamma)
        d_gamma.addcmul_(mean, d_beta, value=-1.0).mul_(inverse)

        torch.mul(factor, batch.per_row, out=quotient)
        torch.mul(d_gamma, inverse, out=slope)
        slope.mul_(quotient)
        torch.mul(slope, mean, out=constant)
        constant.addcmul_(d_beta, quotient, value=-1.0)
        torch.addcmul(constant, linear, slope, value=-1.0, out=scratch)
        scratch.addcmul_(back, factor)
        name = f"hidden_{i}_weights"
        gain = self.gain if i else 1.0
        if name in self.gradients:
            below = rows["transposed"][i - 1] if i else batch.inputs.mT
            _product(self.gradients[name], below, scratch, gain)
        if i:
            _product(rows["back"][i - 1], scratch, self.transposed[name], gain)

    def arrays(self) -> list[dict[str, np.ndarray]]:
        """Copy the networks' weights out, without padding, named as in `TrainedNetwork.state`."""
        everything = {
            name: tensor.detach().cpu().numpy()
            for name, tensor in {**self.parameters, **self.running}.items()
        }
        result = []
        for k, job in enumerate(self.jobs):
            inputs = (everything["hidden_0_weights"].shape[1], *job.widths)
            arrays: dict[str, np.ndarray] = {}
            for name, stacked in everything.items():
                layer = name.split("_")[1]
                if name == "output_weights":
                    array = stacked[k, : inputs[-1]]
                elif name == "output_bias":
                    array = stacked[k, 0]
                elif name.endswith("_weights"):
                    array = stacked[k, : inputs[int(layer)], : job.widths[int(layer)]]
                else:
                    array = stacked[k, 0, : job.widths[int(layer)]]
                arrays[name] = array.copy()
            result.append(arrays)
        return result


def initial_arrays(
    job: Job, n_features: int, n_outputs: int, settings: TrainingSettings
) -> dict[str, np.ndarray]:
    """Return the weights that a network starts from: random as torch draws them, or transferred.

    Every array is drawn, whether or not it is replaced, so that the new weights do not depend on
    which ones are transferred.
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
        source = job.initial.get_state()
        kinds = ["weights"]
        if settings.transfer_batch_norm:
            kinds += ["gamma", "beta", "running_mean", "running_var"]
        for i in settings.layer_numbers("transfer_layers", len(job.widths)):
            for kind in kinds:
                arrays[f"hidden_{i}_{kind}"] = source[f"hidden_{i}_{kind}"]
    return arrays


def train_chunk(
    jobs: Sequence[Job],
    X: np.ndarray,
    settings: TrainingSettings,
    stop: threading.Event,
    progress: "queue.SimpleQueue[Any]",
) -> list[tuple[TrainedNetwork, np.ndarray]] | None:
    """Train one chunk; return each network with its loss curve, or None if `stop` was set.

    `progress` receives numbers of epochs done, summed over the networks. TrainingError names a
    network whose loss or weights are no longer finite.
    """
    n_outputs = jobs[0].labels.shape[1]
    arrays = [initial_arrays(job, X.shape[1], n_outputs, settings) for job in jobs]
    layers = StackedLayers(jobs, arrays, X.shape[1], n_outputs, settings)
    batches = StackBatches(jobs, X, layers.device, layers.dtype)
    optimiser = torch.optim.Adam(
        [layers.flat], lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
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
    for k, (job, weights) in enumerate(zip(jobs, layers.arrays(), strict=True)):
        if not all(np.isfinite(array).all() for array in weights.values()):
            raise _diverged(job, settings.epochs)
        scalers = {name: getattr(job, name) for name in ("x_mean", "x_scale", "y_mean", "y_scale")}
        network = TrainedNetwork.from_arrays({**weights, **scalers}, len(job.widths))
        trained.append((network, curves[:, k].copy()))
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


def _product(out: torch.Tensor, left: torch.Tensor, right: torch.Tensor, factor: float) -> None:
    """Compute a batched matrix product times a number, which costs nothing extra here."""
    out.baddbmm_(left, right, beta=0, alpha=factor)


def _zero_where_not_above(values: torch.Tensor, test: torch.Tensor, threshold: float) -> None:
    """Set values to 0 in place wherever `test` is at most `threshold`; NaN counts as above."""
    # ReLU's derivative is the only operation of torch that compares and clears in a single pass.
    torch.ops.aten.threshold_backward.grad_input(values, test, threshold, grad_input=values)
