"""Forward and backward pass of many networks at once, written out by hand.

Three things make it fast. Each network's training rows are gathered beforehand, so every matrix
product and every BatchNorm sum is dense and batched, and nothing is computed for rows outside a
fold. Every result goes into a buffer that exists already. And there is no graph: the backward pass
is as long as the forward pass, and has no input gradient in the first layer.

Shapes: K networks, B rows of a batch, H units of a layer (the widest network's; narrower ones are
padded with zeros, which stay exactly zero: a padded unit has weight, beta and hence activation,
gradient and weight decay 0).
"""

from collections.abc import Sequence

import numpy as np
import torch

from matminer_phonon_tl.networks._network import BATCH_NORM_EPS
from matminer_phonon_tl.networks._stack_batches import Batch
from matminer_phonon_tl.networks._stack_checks import StackSettings
from matminer_phonon_tl.networks._stack_jobs import Job

BATCH_NORM_MOMENTUM = 0.1
# Each unit of each row has a linear congruential generator of its own for dropout. What is dropped
# hangs on its high bits, which are good enough for that, and one multiply-add is the least a
# processor can do for a random number.
_LCG_MULTIPLIER = 1664525
_LCG_INCREMENT = 1013904223
_NEGATIVE_FLOATS = 0x7F800001  # bit patterns of float32 from minus infinity to minus zero


def dropout_threshold(probability: float) -> float:
    """Return the float32 that a share `probability` of all bit patterns does not exceed.

    The random integers are compared as if their bits were floats, because comparing floats and
    setting to zero is a single vectorised operation (ReLU's derivative). NaN patterns, 0.4 % of
    all, compare as kept; they are allowed for.

    Examples
    --------
    >>> bits = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint32)
    >>> round(float((bits.view(np.float32) <= dropout_threshold(0.1)).mean()), 2)
    0.1
    """
    n_dropped = round(probability * 2**32)
    magnitude = np.array([abs(_NEGATIVE_FLOATS - n_dropped)], dtype=np.int32)
    size = float(magnitude.view(np.float32)[0])
    return -size if n_dropped <= _NEGATIVE_FLOATS else size


class StackedLayers:
    """Parameters, gradients and buffers of K networks, and one training step.

    Parameters
    ----------
    jobs : sequence of Job
        The networks.
    arrays : sequence of dict of str to ndarray
        Their initial weights, named as in `TrainedNetwork.state`.
    n_features, n_outputs : int
        Columns in and out.
    settings : StackSettings
        What they have in common.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        arrays: Sequence[dict[str, np.ndarray]],
        n_features: int,
        n_outputs: int,
        settings: StackSettings,
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
        frozen = {f"hidden_{i}_weights" for i in self.settings.frozen_layers}
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
            for k, own in enumerate(arrays):
                value = own[name]
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
        # Mean and variance of all layers lie side by side: their moving averages are then three
        # operations a step.
        self.moments = empty(2, n_networks, 1, sum(self.widths))
        self.layer_moments = [
            (part, part[0], part[1]) for part in self.moments.split(self.widths, dim=3)
        ]
        self.per_unit = [[empty(n_networks, 1, width) for _ in range(5)] for width in self.widths]
        self._views: dict[int, dict[str, list[torch.Tensor]]] = {}

    def _rows(self, n_batch: int) -> dict[str, list[torch.Tensor]]:
        """Return the buffers' first rows; kept, as making a view costs as much as a small sum."""
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
        """Start every unit's and row's random numbers from the network's own seed."""
        self.buffers["random"] = []
        if not self.settings.dropout:
            return
        self.threshold = dropout_threshold(self.settings.dropout)
        self.increment = torch.tensor(_LCG_INCREMENT, dtype=torch.int32, device=self.device)
        streams = [job.generators()[1] for job in self.jobs]
        for i, width in enumerate(self.widths):
            state = np.zeros((len(self.jobs), self.n_batch, width), dtype=np.int32)
            for k, (job, stream) in enumerate(zip(self.jobs, streams, strict=True)):
                own = (max(job.batch_sizes), job.widths[i])
                draws = stream.integers(-(2**31), 2**31, size=own, dtype=np.int32)
                state[k, : own[0], : own[1]] = draws
            self.buffers["random"].append(torch.from_numpy(state).to(self.device))

    def step(self, batch: Batch, loss: torch.Tensor) -> None:
        """Compute the loss of one batch and the gradients of all parameters.

        Parameters
        ----------
        batch : Batch
            Rows of every network.
        loss : Tensor of shape (K,)
            The batch's mean squared errors are added here.
        """
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
            # All rows, also those that only a larger batch has: a network's stream must not hang
            # on the batches of its neighbours.
            state = self.buffers["random"][i]
            torch.add(self.increment, state, alpha=_LCG_MULTIPLIER, out=state)
            bits = rows["random_bits"][i]
            _zero_where_not_above(hidden, bits.to(self.dtype), self.threshold)
        if batch.valid is not None:
            hidden.mul_(batch.valid)
        return hidden

    def _backward_layer(self, i: int, batch: Batch, rows: dict[str, list[torch.Tensor]]) -> None:
        """From the gradient of a layer's output to its parameters' and the layer below's.

        With y = factor * z + shift, z the linear map's output and x the normalised z, the gradient
        of z is factor * (dy - mean(dy) - x * mean(dy * x)). Written as a sum of dy, z and a
        constant, each times a number per unit, it takes two passes over the rows.
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
            own: dict[str, np.ndarray] = {}
            for name, stacked in everything.items():
                layer = name.split("_")[1]
                if name == "output_weights":
                    own[name] = stacked[k, : inputs[-1]].copy()
                elif name == "output_bias":
                    own[name] = stacked[k, 0].copy()
                elif name.endswith("_weights"):
                    own[name] = stacked[k, : inputs[int(layer)], : job.widths[int(layer)]].copy()
                else:
                    own[name] = stacked[k, 0, : job.widths[int(layer)]].copy()
            result.append(own)
        return result


def _product(out: torch.Tensor, left: torch.Tensor, right: torch.Tensor, factor: float) -> None:
    """Batched matrix product times a number, which costs nothing there."""
    out.baddbmm_(left, right, beta=0, alpha=factor)


def _zero_where_not_above(values: torch.Tensor, test: torch.Tensor, threshold: float) -> None:
    """Set values to 0 in place wherever `test` is at most `threshold`; NaN counts as above."""
    # ReLU's derivative is the only operation of torch that compares and clears in a single pass.
    torch.ops.aten.threshold_backward.grad_input(values, test, threshold, grad_input=values)
