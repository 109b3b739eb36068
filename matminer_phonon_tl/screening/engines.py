"""Compute chunks side by side, in threads of this process, and hand them back in order."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa

from matminer_phonon_tl.blas import one_blas_thread


class Engine(NamedTuple):
    """Start the prediction of chunks, and say how many may be under way.

    Attributes
    ----------
    submit : callable
        Starts the prediction of formulas and returns a future of their table.
    window : callable
        Says how many chunks may be under way now.
    """

    submit: Callable[[list[Any]], Any]
    window: Callable[[], int]


@contextmanager
def threads(predict: Callable[[list[Any]], pa.Table], n_jobs: int) -> Iterator[Engine]:
    """Predict in threads of this process, one chunk in each.

    NumPy releases Python's lock where the time is spent. NumPy's own threads are switched off
    meanwhile, because chunks side by side keep the cores busier than one chunk on all of them.
    """
    pool = ThreadPoolExecutor(n_jobs)
    with one_blas_thread():
        try:
            yield Engine(lambda formulas: pool.submit(predict, formulas), lambda: n_jobs + 1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def in_order(
    items: Iterator[tuple[Any, list[Any] | None]], engine: Engine
) -> Iterator[tuple[Any, pa.Table | None]]:
    """Compute items side by side, and yield them in order.

    Parameters
    ----------
    items : iterator of (item, formulas)
        An item with None for formulas is passed on as it is.
    engine : Engine
        No more items are read ahead than its window allows.
    """
    waiting: deque[tuple[Any, Any]] = deque()
    for item, formulas in items:
        waiting.append((item, None if formulas is None else engine.submit(formulas)))
        # A finished chunk is passed on at once, so that it is kept whatever happens to the others.
        while waiting and (_is_done(waiting[0][1]) or len(waiting) >= engine.window()):
            yield _result(*waiting.popleft())
    while waiting:
        yield _result(*waiting.popleft())


def _is_done(future: Any) -> bool:
    return future is None or future.done()


def _result(item: Any, future: Any) -> tuple[Any, pa.Table | None]:
    return item, None if future is None else future.result()


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
