"""The chunks of a screening on a Dask cluster.

Only predictions happen there: reading, writing and the manifest stay with the process that was
started, so that everything else is the same with a cluster and without one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from matminer_phonon_tl.exceptions import MissingExtraError, ScreeningError
from matminer_phonon_tl.models.serialization import decode_model
from matminer_phonon_tl.screening.engines import Submit
from matminer_phonon_tl.screening.predicting import RowPredictor

PLUGIN = "matminer-phonon-tl-screening"
WAIT_S = 15
"""For a scheduler to answer."""


@contextmanager
def workers(predict: RowPredictor, client: Any) -> Iterator[tuple[Submit, int]]:
    """Predict on a cluster's workers.

    Every worker, also one that joins or is restarted later, builds the model once, from the JSON
    that a model file holds. A chunk whose worker dies is computed again by another.

    Parameters
    ----------
    predict : RowPredictor
    client : dask.distributed.Client, or the address of a scheduler
    """
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise MissingExtraError(
            "expected dask.distributed for a cluster, but importing it failed "
            f"({error}): pip install 'matminer-phonon-tl[dask]'"
        ) from error
    owned = None
    if isinstance(client, str):
        client = owned = _connect(Client, client)
    plugin = _plugin(predict)
    client.register_plugin(plugin, name=plugin.name)
    n_threads = sum(client.nthreads().values()) or 1

    def submit(formulas: list[Any]) -> Any:
        # Not pure: a chunk counts for itself, and its key must not grow with its content.
        return _Future(
            client.submit(predict_on_worker, formulas, plugin.name, pure=False), KilledWorker
        )

    try:
        yield submit, 2 * n_threads + 1
    finally:
        client.unregister_worker_plugin(plugin.name)
        if owned is not None:
            owned.close()


def predict_on_worker(formulas: list[Any], plugin: str) -> pa.Table:
    """Predict with the model that the worker has built."""
    from distributed import get_worker

    model: Any = get_worker().plugins[plugin]
    return model.predict(formulas)


class _Future:
    """A future whose failure is one sentence."""

    def __init__(self, future: Any, killed: type[Exception]) -> None:
        self.future = future
        self.killed = killed

    def result(self) -> pa.Table:
        try:
            return self.future.result()
        except self.killed as error:
            raise ScreeningError(
                "expected the cluster to finish every chunk, but one of them ended several workers "
                "in a row: give them more memory or take a smaller --chunk-rows; --resume goes on"
            ) from error
        except (OSError, RuntimeError) as error:
            raise ScreeningError(_lost(error)) from error
        finally:
            self.future.release()


def _connect(client_class: Any, address: str) -> Any:
    try:
        return client_class(address, timeout=WAIT_S, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ScreeningError(
            f"expected a Dask scheduler at {address!r}, but connecting failed: {reason}"
        ) from error


def _lost(error: BaseException) -> str:
    return (
        f"expected the cluster to answer, but the connection was lost ({type(error).__name__}); "
        "what is finished is kept, and --resume goes on with it"
    )


def _plugin(predict: RowPredictor) -> Any:
    from distributed import WorkerPlugin

    class Model(WorkerPlugin):
        """Builds the model when a worker starts."""

        def __init__(self, document: dict[str, Any], options: dict[str, Any]) -> None:
            self.name = PLUGIN
            self.document = document
            self.options = options

        def setup(self, worker: Any) -> None:  # noqa: ARG002
            self.predict = RowPredictor(decode_model(self.document), **self.options)

    return Model(predict.predictor.as_dict(), predict.options)
