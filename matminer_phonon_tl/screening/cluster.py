"""Predict the chunks of a screening on a Dask cluster.

Only predictions happen there. Reading, writing and the manifest stay with the process that was
started, so that all else is the same with a cluster and without one.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from uuid import uuid4

import pyarrow as pa

from matminer_phonon_tl._version import __version__
from matminer_phonon_tl.exceptions import MissingExtraError, ScreeningError, way_to_install
from matminer_phonon_tl.screening.engines import Engine
from matminer_phonon_tl.screening.row_predictor import RowPredictor
from matminer_phonon_tl.screening.settings import ScreeningSettings

WAIT_S = 15
"""Seconds in which a scheduler must answer."""
LOOK_S = 60
"""Seconds between two looks at whether there are workers."""

_log = logging.getLogger(__name__)


@contextmanager
def workers(predict: RowPredictor, client: Any) -> Iterator[Engine]:
    """Predict on the workers of a Dask client, or of a scheduler's address.

    Every worker, also one that joins or restarts later, builds the model once, from the JSON of a
    model file. A chunk whose worker dies is computed again by another.
    """
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise MissingExtraError(
            "expected dask.distributed for a cluster, but importing it failed "
            f"({error}): {way_to_install('dask')}"
        ) from error
    with ExitStack() as stack:
        if isinstance(client, str):
            client = stack.enter_context(_connect(Client, client))
        plugin = _plugin(predict)
        # Also where it could not be set up, so that no later worker meets it.
        stack.callback(_forget, client, plugin.name)
        _build_model(client, plugin)

        def submit(formulas: list[Any]) -> Any:
            # Not pure, because Dask would hash a chunk's whole content for its key.
            with _answering():
                future = client.submit(predict_on_worker, formulas, plugin.name, pure=False)
            return _Future(client, future, KilledWorker)

        def window() -> int:
            # Asked each time: workers of a batch system join while the screening runs.
            with _answering():
                return 2 * sum(client.nthreads().values()) + 1

        yield Engine(submit, window)


def predict_on_worker(formulas: list[Any], plugin: str) -> pa.Table:
    """Predict with the model that the worker has built."""
    from distributed import get_worker

    model: Any = get_worker().plugins[plugin]
    return model.predict(formulas)


class _Future:
    """Wrap a Dask future so that its failure is one sentence."""

    def __init__(self, client: Any, future: Any, killed: type[Exception]) -> None:
        self.client = client
        self.future = future
        self.killed = killed

    def done(self) -> bool:
        return bool(self.future.done())

    def result(self) -> pa.Table:
        try:
            with _answering():
                self._wait()
                return self.future.result()
        except self.killed as error:
            raise ScreeningError(
                "expected the cluster to finish every chunk, but one of them ended several workers "
                "in a row: give them more memory or take a smaller --chunk-rows; --resume goes on"
            ) from error
        finally:
            self.future.release()

    def _wait(self) -> None:
        """Wait for the result, and say so where there is no worker left to compute it."""
        from distributed import wait

        while not self.future.done():
            try:
                wait(self.future, timeout=LOOK_S)
            except TimeoutError:
                warn_without_workers(self.client)


def _connect(client_class: Any, address: str) -> Any:
    try:
        return client_class(address, timeout=WAIT_S, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ScreeningError(
            f"expected a Dask scheduler at {address!r}, but connecting failed: {reason}"
        ) from error


def _build_model(client: Any, plugin: Any) -> None:
    try:
        client.register_plugin(plugin, name=plugin.name)
    except Exception as error:  # whatever another environment may raise
        raise ScreeningError(
            f"expected matminer-phonon-tl {__version__} on every worker, but one of them could not "
            f"build the model ({type(error).__name__}: {error}): install it there"
        ) from error
    warn_without_workers(client)


def warn_without_workers(client: Any) -> None:
    """Log that the screening waits where the cluster has no worker yet."""
    if not client.nthreads():
        _log.warning("%s has no worker: waiting for one", client.scheduler.address)


def _forget(client: Any, plugin: str) -> None:
    # Fails where the cluster is gone or the model was never built; both are reported elsewhere.
    with suppress(Exception):
        client.unregister_worker_plugin(plugin)


@contextmanager
def _answering() -> Iterator[None]:
    """Say in one sentence that the cluster is gone."""
    try:
        yield
    except (OSError, RuntimeError, CancelledError) as error:
        raise ScreeningError(
            "expected the cluster to answer, but the connection was lost "
            f"({type(error).__name__}); what is finished is kept, and --resume goes on with it"
        ) from error


def _plugin(predict: RowPredictor) -> Any:
    from distributed import WorkerPlugin

    class Model(WorkerPlugin):
        """Builds the model when a worker starts."""

        def __init__(self, document: dict[str, Any], settings: ScreeningSettings) -> None:
            # A name for this run only, because others screen on the same cluster with other models.
            self.name = f"matminer-phonon-tl-screening-{uuid4().hex}"
            self.version = __version__
            self.document = document
            self.settings = settings

        def setup(self, worker: Any) -> None:  # noqa: ARG002
            from matminer_phonon_tl import __version__ as found

            if found != self.version:
                raise ImportError(f"version {found}")
            self.predict = RowPredictor.from_document(self.document, self.settings)

    return Model(predict.document, predict.settings)
