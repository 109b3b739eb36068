"""The loop over the chunks of an input."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.chunks import Chunk
from matminer_phonon_tl.screening.engines import Engine, in_order
from matminer_phonon_tl.screening.layout import Layout
from matminer_phonon_tl.screening.ranking import Ranking
from matminer_phonon_tl.screening.sources import Source
from matminer_phonon_tl.screening.store import ChunkStore
from matminer_phonon_tl.screening.where import Where


class Run:
    """Reads, predicts and keeps chunk after chunk.

    Parameters
    ----------
    source : Source
    predicted_names : sequence of str
        The predictor's columns.
    columns, where, ranked_by
        See :meth:`Layout.plan`.

    Attributes
    ----------
    rows, failed, resumed : int
        Counted so far: all rows, those with an error, those of an earlier run.
    """

    def __init__(
        self,
        source: Source,
        predicted_names: Sequence[str],
        *,
        columns: Sequence[str] | None,
        where: Where | None,
        ranked_by: Ranking | None,
    ) -> None:
        self.source = source
        self.predicted_names = predicted_names
        self.wanted: dict[str, Any] = {"columns": columns, "where": where, "ranked_by": ranked_by}
        self.layout: Layout | None = None
        self.rows = self.failed = self.resumed = 0

    def to_tables(self, engine: Engine, bar: Any) -> Iterator[pa.Table]:
        """Yield the output's rows, chunk by chunk."""
        items = ((chunk, chunk.formulas) for chunk in self._chunks())
        for chunk, predicted in in_order(items, engine):
            table, counts = self._layout().rows(chunk, predicted)
            self._count(counts, bar)
            yield table

    def to_store(self, engine: Engine, bar: Any, store: ChunkStore) -> None:
        """Finish every chunk that the store does not hold yet."""

        def items() -> Iterator[tuple[Any, list[Any] | None]]:
            for number, chunk in enumerate(self._chunks()):
                sha256 = chunk.sha256()
                done = store.finished(number, sha256)
                yield (number, chunk, sha256, done), None if done else chunk.formulas

        number = -1
        for (number, chunk, sha256, done), predicted in in_order(items(), engine):
            if done is not None:
                self.resumed += done["rows"]
                self._count(done, bar)
                continue
            table, counts = self._layout().rows(chunk, predicted)
            store.add(number, sha256, table, counts)
            self._count(counts, bar)
        store.check_length(number + 1)

    def _chunks(self) -> Iterator[Chunk]:
        for chunk in self.source.chunks():
            if self.layout is None:
                self.layout = Layout.plan(
                    chunk.table.column_names, self.predicted_names, **self.wanted
                )
            yield chunk
        if self.layout is None:
            raise ScreeningError(f"expected rows in {self.source.name}, got none")

    def _layout(self) -> Layout:
        if self.layout is None:
            raise ScreeningError(f"expected rows in {self.source.name}, got none")
        return self.layout

    def _count(self, counts: dict[str, Any], bar: Any) -> None:
        self.rows += counts["rows"]
        self.failed += counts["failed"]
        bar.update(counts["rows"])
