"""Cut a stack into chunks that fit the cache, or the memory allowed, and pad little."""

import math
from collections.abc import Sequence

from matminer_phonon_tl.networks._stack_checks import StackSettings
from matminer_phonon_tl.networks._stack_jobs import Job

# Few enough that a thread's networks stay in the cache, many enough that the cost of calling small
# operations does not count; anything from 13 to 38 measured the same for the paper's size. A GPU
# wants as many as its memory holds.
CPU_NETWORKS_PER_CHUNK = 20
# A narrow network next to a wide one is padded; on a CPU that is wasted time, and a new chunk is
# cheaper. On a GPU the opposite holds.
CPU_LARGEST_PADDING = 1.15


def flops_per_row(n_features: int, widths: Sequence[int], n_outputs: int) -> int:
    """Floating-point operations one row needs in one training step.

    Two per weight in the forward pass, two for the weight gradient and two for the input gradient,
    which the first layer does not need. BatchNorm, dropout and the optimiser are not counted.

    Examples
    --------
    >>> flops_per_row(290, (160, 80, 30), 1)
    276980
    """
    inputs = (n_features, *widths)
    later = sum(a * b for a, b in zip(inputs[1:], (*widths[1:], n_outputs), strict=True))
    return 4 * n_features * widths[0] + 6 * later


def bytes_per_network(
    n_features: int, widths: Sequence[int], n_outputs: int, n_batch: int, n_rows: int, size: int
) -> int:
    """Memory one network takes in training: four times its parameters, and its activations.

    Parameters
    ----------
    n_features, n_outputs : int
        Columns in and out.
    widths : sequence of int
        Hidden layers.
    n_batch, n_rows : int
        Rows of its largest batch, and all its training rows.
    size : int
        Bytes of one number.

    Returns
    -------
    int
        Bytes.
    """
    inputs = (n_features, *widths)
    outputs = (*widths, n_outputs)
    n_parameters = sum(a * b for a, b in zip(inputs, outputs, strict=True)) + 3 * sum(outputs)
    activations = n_batch * (2 * n_features + 5 * sum(widths) + 4 * n_outputs)
    return size * (4 * n_parameters + activations + n_rows * (n_features + 2 * n_outputs))


def plan_chunks(
    jobs: Sequence[Job],
    n_features: int,
    settings: StackSettings,
    n_threads: int,
    memory_limit: int,
) -> list[list[Job]]:
    """Sort networks so that neighbours are alike, and cut them into chunks.

    Parameters
    ----------
    jobs : sequence of Job
        The networks.
    n_features : int
        Columns of X.
    settings : StackSettings
        Common settings.
    n_threads : int
        Chunks that are trained at the same time.
    memory_limit : int
        Bytes that all of them may take together; a chunk holds at least one network all the same.

    Returns
    -------
    list of list of Job
        Chunks. The networks of one have the same number of batches; the most expensive chunks come
        first, so that the threads finish together.
    """
    on_cpu = settings.device.startswith("cpu")
    itemsize = 4 if settings.dtype == "float32" else 8
    n_outputs = jobs[0].labels.shape[1]
    ordered = sorted(
        jobs,
        key=lambda job: (len(job.batch_sizes), job.widths, job.rows.size, job.inputs_key),
        reverse=True,
    )
    most = max(1, math.ceil(len(jobs) / n_threads))
    if on_cpu:
        # as many chunks for each thread as for the next
        rounds = math.ceil(most / CPU_NETWORKS_PER_CHUNK)
        most = math.ceil(len(jobs) / (rounds * n_threads))
    chunks: list[list[Job]] = []
    for job in ordered:
        if chunks and _fits(chunks[-1], job, most, n_features, n_outputs, on_cpu):
            together = [*chunks[-1], job]
            needed = sum(
                bytes_per_network(
                    n_features,
                    [max(other.widths[i] for other in together) for i in range(len(job.widths))],
                    n_outputs,
                    max(other.batch_sizes[0] for other in together),
                    other.rows.size,
                    itemsize,
                )
                for other in together
            )
            if needed * n_threads <= memory_limit:
                chunks[-1].append(job)
                continue
        chunks.append([job])
    chunks.sort(key=lambda chunk: -sum(_cost(job, n_features) for job in chunk))
    return chunks


def _cost(job: Job, n_features: int) -> int:
    return job.rows.size * flops_per_row(n_features, job.widths, job.labels.shape[1])


def _fits(
    chunk: Sequence[Job], job: Job, most: int, n_features: int, n_outputs: int, on_cpu: bool
) -> bool:
    """Whether the network may join the chunk, memory aside."""
    if len(chunk) >= most or len(chunk[0].batch_sizes) != len(job.batch_sizes):
        return False
    if not on_cpu:
        return True
    together = [*chunk, job]
    widths = [max(other.widths[i] for other in together) for i in range(len(job.widths))]
    rows = max(other.rows.size for other in together)
    padded = len(together) * rows * flops_per_row(n_features, widths, n_outputs)
    needed = sum(_cost(other, n_features) for other in together)
    return padded <= CPU_LARGEST_PADDING * needed
