"""From finished rows to what was asked for: all of them or the best, a file, a page."""

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from matminer_phonon_tl.exceptions import DataWarning, ScreeningError
from matminer_phonon_tl.screening.outputs import CsvSink, OutputFile, ParquetSink
from matminer_phonon_tl.screening.page import RankingPage
from matminer_phonon_tl.screening.ranking import TopRows


@dataclass
class Delivery:
    """Where the rows go.

    Parameters
    ----------
    output : Path or None
        None for standard output.
    kind : {"parquet", "csv"}
    about : mapping
        What made the result, for the metadata and the page.
    top : TopRows or None
        Only the best rows are written.
    page : RankingPage or None
        Sees every row that is written.
    """

    output: Path | None
    kind: str
    about: Mapping[str, Any]
    top: TopRows | None = None
    page: RankingPage | None = None
    written: int = field(default=0, init=False)

    def deliver(self, tables: Iterable[pa.Table], temporary: Path | None = None) -> None:
        """Write the rows of tables of one schema.

        Parameters
        ----------
        tables : iterable of pyarrow.Table
        temporary : Path, optional
            Folder, on the output's file system, in which the output grows.
        """
        with self._file(temporary) as file:
            sink: ParquetSink | CsvSink = (
                ParquetSink(file, self.about) if self.kind == "parquet" else CsvSink(file)
            )
            try:
                for table in self._ranked(tables):
                    sink.add(table)
                    self.written += table.num_rows
                    if self.page is not None:
                        self.page.add(table)
                sink.close()
            except BaseException:
                sink.abandon()
                raise
        if self.top is not None and self.top.is_blind:
            self._warn_of_blind_ranking(self.top)
        if self.page is not None:
            self.page.write()

    def _warn_of_blind_ranking(self, top: TopRows) -> None:
        warnings.warn(
            f"not one value of the column {top.ranking.by!r} is a number, so that the rows written "
            "are the input's first: rank by another column",
            DataWarning,
            stacklevel=2,
        )

    def _ranked(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        if self.top is None:
            yield from tables
            return
        for table in tables:
            self.top.add(table)
        if self.top.table is not None:
            yield self.top.table

    @contextmanager
    def _file(self, temporary: Path | None) -> Iterator[BinaryIO]:
        if self.output is None:
            if sys.stdout is None:
                raise ScreeningError("expected standard output to write to, which is closed")
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        with OutputFile(self.output, temporary or self.output.parent) as file:
            yield file
