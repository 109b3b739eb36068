"""Doing the paper's jobs: one after the other, in processes, or on a Dask cluster."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from joblib import Parallel, delayed

from matminer_phonon_tl.evaluation._paper_plan import Job


def finished_jobs(
    jobs: Sequence[Job], *, n_jobs: int = 1, client: Any = None
) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yield jobs and what they return, in the order in which they end.

    Parameters
    ----------
    jobs : sequence of Job
        None waits for another.
    n_jobs : int
        Processes, as joblib counts them; the cores are shared out among them.
    client : dask.distributed.Client, optional
        Cluster to run on instead.

    Yields
    ------
    tuple of Job and dict
    """
    # the longest first, so that no worker is left with a long one at the end
    ordered = sorted(jobs, key=lambda job: -job.cost)
    if client is None:
        results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
            delayed(_timed)(number, job.work) for number, job in enumerate(ordered)
        )
        for number, content in results:
            yield ordered[number], content
        return
    from distributed import as_completed

    futures = {client.submit(_timed, n, job.work, pure=False): n for n, job in enumerate(ordered)}
    try:
        for future in as_completed(futures):
            yield ordered[futures[future]], future.result()[1]
    finally:
        # where the caller stops early, nobody waits for the rest
        client.cancel(list(futures))


def _timed(number: int, work: Any) -> tuple[int, dict[str, Any]]:
    started = time.perf_counter()
    content = work()
    return number, content | {"seconds": time.perf_counter() - started}
