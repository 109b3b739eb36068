"""Keep linear algebra on one thread where matrices are small and many.

NumPy's and SciPy's libraries split each product among threads of their own. Where there are
thousands of small ones, the threads wait for each other longer than they compute, and on a machine
that does other work too, ten times as long. How a product is split can also change its last bit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import Any

_TURN = RLock()
"""Held by the thread that has set the limit, which holds for the whole process."""


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS and LAPACK use one thread in the block, whatever thread calls them.

    May be entered again inside. A thread that enters while another is inside leaves the number as
    it is, so that the number from before comes back once the first has left.

    >>> import numpy as np
    >>> with one_blas_thread():
    ...     _ = np.linalg.eigvalsh(np.ones((1000, 3, 3)))
    """
    if not _TURN.acquire(blocking=False):
        yield
        return
    try:
        with _libraries().limit(limits=1, user_api="blas"):
            yield
    finally:
        _TURN.release()


@cache
def _libraries() -> Any:
    """Return the libraries found in the process; looking for them takes a millisecond."""
    import numpy as np  # noqa: F401 (loads NumPy's)
    import scipy.linalg  # noqa: F401 (loads SciPy's)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
