"""Source networks, trained once in a process and then shared by all fits that start from them."""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from matminer_phonon_tl.models.source_tasks import SourceData
from matminer_phonon_tl.networks._network import TrainedNetwork
from matminer_phonon_tl.networks.stacked_mlp import train_folds

_CACHED_NETWORKS = 1024  # a quarter of a megabyte each in the paper's size
_BYTES_AT_A_TIME = 2**28  # of descriptors, where many different sources are trained together


class SourceCache:
    """Trained source networks by key, the least recently used forgotten first.

    Networks are never changed after training, so they can be shared: fine-tuning starts from
    copies.

    Parameters
    ----------
    size : int
        Networks kept.
    """

    def __init__(self, size: int = _CACHED_NETWORKS) -> None:
        self._size = size
        self._networks: OrderedDict[str, TrainedNetwork] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._networks)

    def clear(self) -> None:
        """Forget all networks."""
        with self._lock:
            self._networks.clear()

    def get(self, key: str) -> TrainedNetwork | None:
        """Return a network, or None if it is not (or no longer) there."""
        with self._lock:
            if key in self._networks:
                self._networks.move_to_end(key)
            return self._networks.get(key)

    def put(self, key: str, network: TrainedNetwork) -> None:
        """Keep a network."""
        with self._lock:
            self._networks[key] = network
            while len(self._networks) > self._size:
                self._networks.popitem(last=False)


SOURCE_CACHE = SourceCache()


def source_networks(
    sources: Sequence[SourceData],
    widths: Sequence[tuple[int, ...]],
    seeds: Sequence[int],
    settings: dict[str, Any],
    *,
    progress: bool = False,
    cache: SourceCache = SOURCE_CACHE,
) -> list[TrainedNetwork]:
    """Return trained source networks, training together those that are not in the cache.

    Parameters
    ----------
    sources : sequence of SourceData
        What each network is trained on.
    widths : sequence of tuple of int
        Hidden layers of each.
    seeds : sequence of int
        Seed of each.
    settings : dict
        Keyword arguments of `train_folds` on which the weights depend; plain JSON values.
    progress : bool
        Whether to show a progress bar.
    cache : SourceCache
        Where trained networks are kept.

    Returns
    -------
    list of TrainedNetwork
        In the order of the arguments.
    """
    keys = [
        _key(source, own, seed, settings)
        for source, own, seed in zip(sources, widths, seeds, strict=True)
    ]
    found = {key: network for key in set(keys) if (network := cache.get(key)) is not None}
    missing = {key: i for i, key in enumerate(keys) if key not in found}
    for batch in _in_batches(list(missing.values()), sources):
        distinct = {sources[i].sha256: sources[i] for i in batch}
        ends = np.cumsum([source.X.shape[0] for source in distinct.values()])
        rows = {
            sha256: np.arange(end - source.X.shape[0], end)
            for (sha256, source), end in zip(distinct.items(), ends, strict=True)
        }
        stack = train_folds(
            np.concatenate([source.X for source in distinct.values()]),
            np.concatenate([source.Y for source in distinct.values()]),
            [rows[sources[i].sha256] for i in batch],
            [widths[i] for i in batch],
            random_state=[seeds[i] for i in batch],
            progress=progress,
            **settings,
        )
        for i, network in zip(batch, stack.networks, strict=True):
            if network is not None:
                found[keys[i]] = network
                cache.put(keys[i], network)
    return [found[key] for key in keys]


def _in_batches(missing: list[int], sources: Sequence[SourceData]) -> Iterator[list[int]]:
    """Group networks whose sources have the same tasks and fit into memory together."""
    batch: list[int] = []
    seen: dict[str, int] = {}
    for i in sorted(missing, key=lambda i: (sources[i].Y.shape[1], sources[i].sha256)):
        source = sources[i]
        size = sum(seen.values()) + (0 if source.sha256 in seen else source.X.nbytes)
        other_tasks = batch and sources[batch[0]].Y.shape[1] != source.Y.shape[1]
        if batch and (other_tasks or (source.sha256 not in seen and size > _BYTES_AT_A_TIME)):
            yield batch
            batch, seen = [], {}
        batch.append(i)
        seen[source.sha256] = source.X.nbytes
    if batch:
        yield batch


def _key(source: SourceData, widths: tuple[int, ...], seed: int, settings: dict[str, Any]) -> str:
    # a grid search sets numpy's numbers, which json does not know
    text = json.dumps(
        [source.sha256, [int(width) for width in widths], seed, settings],
        sort_keys=True,
        default=lambda number: number.item(),
    )
    return hashlib.sha256(text.encode()).hexdigest()
