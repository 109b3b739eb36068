"""What computes the chunks: threads of this process, or a Dask cluster."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pyarrow as pa
from threadpoolctl import threadpool_limits

from matminer_phonon_tl.screening.predicting import RowPredictor

Submit = Callable[[list[Any]], Any]
"""Starts the prediction of formulas and returns a future of their table."""


def engine(
    predict: RowPredictor, *, client: Any, n_jobs: int | None
) -> AbstractContextManager[tuple[Submit, Callable[[], int]]]:
    """Choose what computes.

    Parameters
    ----------
    predict : RowPredictor
    client : dask.distributed.Client, address of a scheduler, or None
    n_jobs : int or None
        Threads, where there is no client.

    Returns
    -------
    context manager of (submit, window)
        What starts a chunk, and what tells how many are to be under way at a time.
    """
    if client is not None:
        from matminer_phonon_tl.screening.cluster import workers

        return workers(predict, client)
    return threads(predict, n_jobs or available_cores())


@contextmanager
def threads(predict: RowPredictor, n_jobs: int) -> Iterator[tuple[Submit, Callable[[], int]]]:
    """Predict in threads of this process, a chunk each.

    NumPy lets go of Python's lock where the time is spent. Its own threads are switched off
    meanwhile: chunks side by side keep the cores busier than one chunk on all of them.
    """
    pool = ThreadPoolExecutor(n_jobs)
    with threadpool_limits(limits=1):
        try:
            yield (lambda formulas: pool.submit(predict, formulas)), (lambda: n_jobs + 1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def in_order(
    items: Iterator[tuple[Any, list[Any] | None]], submit: Submit, window: Callable[[], int]
) -> Iterator[tuple[Any, pa.Table | None]]:
    """Compute items side by side, and yield them in order.

    Parameters
    ----------
    items : iterator of (item, formulas)
        What has None for formulas is passed on as it is.
    submit : callable
    window : callable
        Tells how many items may be under way at a time; no more are read ahead.
    """
    waiting: deque[tuple[Any, Any]] = deque()
    for item, formulas in items:
        waiting.append((item, None if formulas is None else submit(formulas)))
        # What is done is passed on at once, so that it is kept whatever happens to the others.
        while waiting and (_is_done(waiting[0][1]) or len(waiting) >= window()):
            yield _result(*waiting.popleft())
    while waiting:
        yield _result(*waiting.popleft())


def _is_done(future: Any) -> bool:
    return future is None or future.done()


def _result(item: Any, future: Any) -> tuple[Any, pa.Table | None]:
    return item, None if future is None else future.result()


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
