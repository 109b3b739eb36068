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

from matminer_phonon_tl.models._network import BATCH_NORM_EPS
from matminer_phonon_tl.models._stack_jobs import Job, StackSettings

BATCH_NORM_MOMENTUM = 0.1
# A linear congruential generator for each unit and row. Its high bits decide what is dropped; they
# are good enough for that, and one multiply-add is the least a CPU can do for a random number.
_LCG_MULTIPLIER = 1664525
_LCG_INCREMENT = 1013904223


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
        self._build_buffers(n_features, n_outputs)
        self._seed_dropout()

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
        self.running: dict[str, torch.Tensor] = {
            f"hidden_{i}_running_{kind}": torch.zeros(
                (n_networks, 1, width), dtype=self.dtype, device=self.device
            )
            for i, width in enumerate(self.widths)
            for kind in ("mean", "var")
        }
        for name, target in {**self.parameters, **self.running}.items():
            padded = np.zeros(target.shape)
            for k, own in enumerate(arrays):
                value = own[name]
                padded[k][tuple(slice(n) for n in np.atleast_2d(value).shape)] = value
            target.copy_(torch.from_numpy(padded))

    def _build_buffers(self, n_features: int, n_outputs: int) -> None:
        def empty(*shape: int) -> torch.Tensor:
            return torch.zeros(shape, dtype=self.dtype, device=self.device)

        n_networks, n_batch = len(self.jobs), self.n_batch
        self.inputs = empty(n_networks, n_batch, n_features)
        self.linear = [empty(n_networks, n_batch, width) for width in self.widths]
        self.hidden = [empty(n_networks, n_batch, width) for width in self.widths]
        self.scratch = [empty(n_networks, n_batch, width) for width in self.widths]
        self.back = [empty(n_networks, n_batch, width) for width in self.widths]
        # mean, variance, 1/deviation, factor, shift, and two sums of the backward pass
        self.moments = [[empty(n_networks, 1, width) for _ in range(7)] for width in self.widths]
        self.output = empty(n_networks, n_batch, n_outputs)
        self.squares = empty(n_networks, n_batch, n_outputs)

    def _seed_dropout(self) -> None:
        """Start every unit's and row's random numbers from the network's own seed."""
        self.dropped_below = -(2**31) + round(self.settings.dropout * 2**32)
        self.random: list[torch.Tensor] = []
        if not self.settings.dropout:
            return
        streams = [job.generators()[1] for job in self.jobs]
        for i, width in enumerate(self.widths):
            state = np.zeros((len(self.jobs), self.n_batch, width), dtype=np.int32)
            for k, (job, stream) in enumerate(zip(self.jobs, streams, strict=True)):
                own = (max(job.batch_sizes), job.widths[i])
                draws = stream.integers(-(2**31), 2**31, size=own, dtype=np.int32)
                state[k, : own[0], : own[1]] = draws
            self.random.append(torch.from_numpy(state).to(self.device))

    def step(
        self,
        inputs: torch.Tensor,
        labels: torch.Tensor,
        weights: torch.Tensor,
        n_rows: torch.Tensor,
        valid: torch.Tensor | None,
        loss: torch.Tensor,
    ) -> None:
        """Compute the loss of one batch and the gradients of all parameters.

        Parameters
        ----------
        inputs : Tensor of shape (K, B, n_features)
            Scaled descriptors; a row that only pads is 0.
        labels : Tensor of shape (K, B, n_outputs)
            Scaled labels, 0 where unknown or padded.
        weights : Tensor of shape (K, B, n_outputs)
            1 over the number of known labels of the network's batch, 0 where unknown or padded.
        n_rows : Tensor of shape (K, 1, 1)
            Rows of the batch without padding.
        valid : Tensor of shape (K, B, 1) or None
            1 for a row and 0 for padding; None where nothing is padded.
        loss : Tensor of shape (K,)
            The batch's mean squared errors are added here.
        """
        n_batch = inputs.shape[1]
        hidden = inputs
        for i in range(self.n_hidden):
            hidden = self._forward_layer(i, hidden, n_rows, valid)
        output = self.output[:, :n_batch]
        torch.baddbmm(
            self.parameters["output_bias"],
            hidden,
            self.parameters["output_weights"],
            out=output,
        )
        output.sub_(labels)
        squares = self.squares[:, :n_batch]
        torch.mul(output, output, out=squares)
        squares.mul_(weights)
        loss.add_(squares.sum((1, 2)))
        output.mul_(weights).mul_(2.0)

        torch.bmm(hidden.mT, output, out=self.gradients["output_weights"])
        torch.sum(output, 1, keepdim=True, out=self.gradients["output_bias"])
        back = self.back[-1][:, :n_batch]
        torch.bmm(output, self.parameters["output_weights"].mT, out=back)
        for i in reversed(range(self.n_hidden)):
            self._backward_layer(i, inputs, n_batch, n_rows)

    def _forward_layer(
        self, i: int, below: torch.Tensor, n_rows: torch.Tensor, valid: torch.Tensor | None
    ) -> torch.Tensor:
        n_batch = below.shape[1]
        linear, hidden = self.linear[i][:, :n_batch], self.hidden[i][:, :n_batch]
        scratch = self.scratch[i][:, :n_batch]
        mean, var, inverse, factor, shift, _, _ = self.moments[i]
        torch.bmm(below, self.parameters[f"hidden_{i}_weights"], out=linear)
        # Padding adds nothing to either sum: its linear map is 0, for there is no bias.
        torch.sum(linear, 1, keepdim=True, out=mean)
        mean.div_(n_rows)
        torch.mul(linear, linear, out=scratch)
        torch.sum(scratch, 1, keepdim=True, out=var)
        var.div_(n_rows).addcmul_(mean, mean, value=-1.0).clamp_min_(0.0)

        self.running[f"hidden_{i}_running_mean"].lerp_(mean, BATCH_NORM_MOMENTUM)
        torch.mul(var, n_rows / (n_rows - 1), out=shift)
        self.running[f"hidden_{i}_running_var"].lerp_(shift, BATCH_NORM_MOMENTUM)

        torch.add(var, BATCH_NORM_EPS, out=inverse)
        inverse.rsqrt_()
        # Dropout's 1 / (1 - p) commutes with ReLU and costs nothing here.
        keep = 1.0 / (1.0 - self.settings.dropout)
        torch.mul(self.parameters[f"hidden_{i}_gamma"], inverse, out=factor)
        factor.mul_(keep)
        torch.mul(self.parameters[f"hidden_{i}_beta"], keep, out=shift)
        shift.addcmul_(mean, factor, value=-1.0)
        torch.addcmul(shift, linear, factor, out=hidden)
        hidden.relu_()
        if self.random:
            state = self.random[i][:, :n_batch]
            state.mul_(_LCG_MULTIPLIER).add_(_LCG_INCREMENT)
            torch.ge(state, self.dropped_below, out=scratch)
            hidden.mul_(scratch)
        if valid is not None:
            hidden.mul_(valid)
        return hidden

    def _backward_layer(
        self, i: int, inputs: torch.Tensor, n_batch: int, n_rows: torch.Tensor
    ) -> None:
        """From the gradient of a layer's output to its parameters' and the layer below's.

        With y = factor * z + shift the gradient of the linear map's output z is
        factor * (dy - mean(dy) - x * mean(dy x)), x the normalised z; written as a sum of dy, z and a
        constant, each times a number per unit, it takes two passes over the rows.
        """
        linear, scratch = self.linear[i][:, :n_batch], self.scratch[i][:, :n_batch]
        back = self.back[i][:, :n_batch]
        mean, slope, inverse, factor, constant, total, product = self.moments[i]
        # Positive only where ReLU was open and the unit was kept, so one comparison undoes both.
        torch.ops.aten.threshold_backward.grad_input(
            back, self.hidden[i][:, :n_batch], 0.0, grad_input=back
        )
        torch.sum(back, 1, keepdim=True, out=total)
        torch.mul(back, linear, out=scratch)
        torch.sum(scratch, 1, keepdim=True, out=product)
        product.addcmul_(mean, total, value=-1.0).mul_(inverse)
        keep = 1.0 / (1.0 - self.settings.dropout)
        torch.mul(total, keep, out=self.gradients[f"hidden_{i}_beta"])
        torch.mul(product, keep, out=self.gradients[f"hidden_{i}_gamma"])

        torch.mul(product, factor, out=slope)
        slope.mul_(inverse).div_(n_rows).neg_()
        torch.mul(total, factor, out=constant)
        constant.div_(n_rows).neg_().addcmul_(slope, mean, value=-1.0)
        torch.addcmul(constant, linear, slope, out=scratch)
        scratch.addcmul_(back, factor)
        name = f"hidden_{i}_weights"
        if name in self.gradients:
            below = inputs if i == 0 else self.hidden[i - 1][:, :n_batch]
            torch.bmm(below.mT, scratch, out=self.gradients[name])
        if i > 0:
            torch.bmm(scratch, self.parameters[name].mT, out=self.back[i - 1][:, :n_batch])

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
