"""Doing the paper's jobs: one after the other here, or spread over a Dask cluster."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from matminer_phonon_tl.reproduction._paper_plan import Job


def finished_jobs(jobs: Sequence[Job], client: Any = None) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Yield jobs and what they return, in the order in which they end.

    Parameters
    ----------
    jobs : sequence of Job
        None waits for another.
    client : dask.distributed.Client, optional
        Cluster to run on.

    Yields
    ------
    tuple of Job and dict
    """
    # the longest first, so that no worker is left with a long one at the end
    ordered = sorted(jobs, key=lambda job: -job.cost)
    if client is None:
        for job in ordered:
            yield job, _timed(job.work)
        return
    from distributed import as_completed

    futures = {client.submit(_timed, job.work, pure=False): job for job in ordered}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        # where the caller stops early, nobody waits for the rest
        client.cancel(list(futures))


def _timed(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    started = time.perf_counter()
    content = work()
    return content | {"seconds": time.perf_counter() - started}
