"""Batches of scaled rows for a chunk of networks, each with rows and an order of its own."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from matminer_phonon_tl.networks._stack_jobs import Job

_ROWS_PER_BLOCK = 8192  # rows that are scaled in double precision at a time


class Batch(NamedTuple):
    """One batch of each of K networks, padded to the B rows of the largest.

    Attributes
    ----------
    inputs : Tensor of shape (K, B, n_features)
        Scaled descriptors; a row that only pads is 0.
    labels : Tensor of shape (K, B, n_outputs)
        Scaled labels, 0 where unknown or padded.
    weights : Tensor of shape (K, B, n_outputs)
        1 over the number of known labels of the network's batch, 0 where unknown or padded.
    per_row : Tensor of shape (K, 1, 1)
        1 over the number of rows without padding.
    unbias : Tensor of shape (K, 1, 1)
        n / (n - 1), which makes a variance over n rows unbiased.
    valid : Tensor of shape (K, B, 1) or None
        1 for a row and 0 for padding; None where nothing is padded.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    per_row: torch.Tensor
    unbias: torch.Tensor
    valid: torch.Tensor | None


class StackBatches:
    """The training rows of a chunk, scaled network by network, and the batches of an epoch.

    Only training rows are ever read: held-out rows cannot reach a network, not even through the
    rounding of a scaler that is shared.

    Parameters
    ----------
    jobs : sequence of Job
        Networks with the same number of batches.
    X : ndarray of shape (n_samples, n_features)
        Unscaled descriptors.
    device : torch.device
        Where the batches are wanted.
    dtype : torch.dtype
        Floating-point type of the training.
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
        if self.n_batches == 1:  # the full batch is gathered once, and the pool not needed again
            self.fixed = self._gather(self._own_rows(shuffled=False), 0)
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
        """Scaled labels of all networks in one table; unknown ones are 0 and weigh nothing."""
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
        """Work out which places of a network's order make up each batch, and which of them pad."""
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
        """One tensor of shape (K, 1, 1) for each batch."""
        return [
            torch.from_numpy(column.copy()).to(self.device, self.dtype).view(-1, 1, 1)
            for column in numbers.T
        ]

    def _own_rows(self, *, shuffled: bool) -> torch.Tensor:
        """Rows in training order, numbered within each network's own; the last number pads."""
        order = np.full((len(self.jobs), self.stride), self.stride - 1)
        for k, (job, stream) in enumerate(zip(self.jobs, self.orders, strict=True)):
            own = stream.permutation(job.rows.size) if shuffled else np.arange(job.rows.size)
            order[k, : job.rows.size] = own
        return torch.from_numpy(order).to(self.device)

    def _gather(self, order: torch.Tensor, number: int) -> Batch:
        own = order.gather(1, self.places[number])
        rows = torch.where(own == self.stride - 1, self.padding_row, self.starts + own)
        table_rows = (self.table_starts + own).flatten()
        shape = (*own.shape, -1)
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
        """Yield the batches of one epoch, newly shuffled unless there is only one.

        Yields
        ------
        Batch
            Inputs, labels and weights of every network.
        """
        if self.fixed is not None:
            yield self.fixed
            return
        order = self._own_rows(shuffled=True)
        for number in range(self.n_batches):
            yield self._gather(order, number)
