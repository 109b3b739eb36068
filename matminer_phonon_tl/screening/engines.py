"""Compute chunks side by side, in threads or processes, and hand them back in order."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyarrow as pa

from matminer_phonon_tl.blas import one_blas_thread
from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.models import PhononPredictor, ShippedPredictors
from matminer_phonon_tl.models.shipped import is_structure
from matminer_phonon_tl.screening.row_predictor import RowPredictor

WORTH_A_PROCESS = 100
"""Structures that are predicted here before processes are started for more."""
_LOOKED_AT = 20
"""Rows of a chunk that tell whether it holds structures."""


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


@contextmanager
def threads_and_processes(predict: RowPredictor, n_jobs: int) -> Iterator[Engine]:
    """Predict formulas in threads, and structures in processes once there are many.

    Reading and describing a structure is Python's work, of which one thread runs at a time; but a
    process first loads the models, which takes as long as :data:`WORTH_A_PROCESS` structures. A
    predictor of a class that no file may name stays in this process.
    """
    may_leave = n_jobs > 1 and type(predict.predictor) in (PhononPredictor, ShippedPredictors)
    with threads(predict, n_jobs) as in_threads, _processes(predict, n_jobs) as submit_away:
        n_structures = 0

        def submit(formulas: list[Any]) -> Any:
            nonlocal n_structures
            holds_structures = any(map(is_structure, formulas[:_LOOKED_AT]))
            worth_it = n_structures >= WORTH_A_PROCESS
            n_structures += len(formulas) if holds_structures else 0
            if holds_structures and worth_it and may_leave:
                return submit_away(formulas)
            return in_threads.submit(formulas)

        yield Engine(submit, lambda: 2 * n_jobs)


@contextmanager
def _processes(predict: RowPredictor, n_jobs: int) -> Iterator[Callable[[list[Any]], Any]]:
    """Give how to submit a chunk to a pool of processes, which starts with the first of them."""
    pool: Any = None

    def submit(formulas: list[Any]) -> _InProcess:
        nonlocal pool
        if pool is None:
            # joblib's: unlike the standard library's it does not run the caller's script again.
            from joblib.externals.loky import ProcessPoolExecutor

            given = (predict.document, predict.settings)
            pool = ProcessPoolExecutor(n_jobs, initializer=_load, initargs=given)
        try:
            return _InProcess(pool.submit(_predict_here, formulas))
        except BrokenExecutor as error:
            raise _ended(error) from error

    try:
        yield submit
    finally:
        if pool is not None:
            pool.shutdown(wait=True, kill_workers=True)


class _InProcess:
    """A future whose failure is one sentence where the process died."""

    def __init__(self, future: "Future[pa.Table]") -> None:
        self.future = future

    def done(self) -> bool:
        return self.future.done()

    def result(self) -> pa.Table:
        try:
            return self.future.result()
        except BrokenExecutor as error:
            raise _ended(error) from error


_here: dict[str, RowPredictor] = {}
"""What this process predicts with, where it is one of a pool."""


def _load(document: dict[str, Any], settings: Any) -> None:
    _here["predict"] = RowPredictor.from_document(document, settings)


def _predict_here(formulas: list[Any]) -> pa.Table:
    return _here["predict"](formulas)


def _ended(error: Exception) -> ScreeningError:
    return ScreeningError(
        f"expected every process to finish its chunks, but one ended ({type(error).__name__}), "
        "perhaps for lack of memory: take fewer --jobs; what is finished is kept, and --resume "
        "goes on with it"
    )


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
