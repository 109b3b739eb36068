"""Keep finished chunks on disk, so that a run stopped at any moment goes on where it was."""

import glob
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from matminer_phonon_tl.checkpoint import Checkpoint
from matminer_phonon_tl.exceptions import DatasetIntegrityError, ScreeningError
from matminer_phonon_tl.files import sha256_of
from matminer_phonon_tl.screening.columns import cast, unified

CHUNKS = "chunks.sqlite3"

_log = logging.getLogger(__name__)


class ChunkStore:
    """Keep the finished chunks of an output in a checkpoint, in a folder beside it.

    A chunk is kept as Parquet, with the hash of its rows in the input and of itself. The output
    grows in this folder too, so that whatever a killed process leaves is found at the next start.

    Parameters
    ----------
    output : Path
        The output; the folder has its name with ``.parts``.
    identity : dict
        Input, model, options and version. A folder of chunks made with others is refused.
    resume : bool
        Go on with the chunks that are there. Otherwise they are refused, and not overwritten.
    """

    def __init__(self, output: Path, identity: dict[str, Any], *, resume: bool) -> None:
        self.folder = output.with_name(f"{output.name}.parts")
        self.resume = resume
        self._checkpoint = Checkpoint(self.folder / CHUNKS, identity)
        self._lines: dict[int, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        for left in self.folder.parent.glob(f".{glob.escape(self.folder.name)}.*"):
            shutil.rmtree(left, ignore_errors=True)  # of a process that was killed in remove()
        if self.folder.exists() and not (self.folder / CHUNKS).is_file():
            self._refuse_foreign()
        try:
            self._checkpoint.__enter__()
        except DatasetIntegrityError as error:
            raise ScreeningError(str(error)) from error
        self._lines = {int(line["key"]): line for line in self._checkpoint.lines()}
        if self._lines and not self.resume:
            self._checkpoint.__exit__()
            raise ScreeningError(
                f"expected no unfinished run in {self.folder}, found one of {len(self._lines)} "
                "chunks: go on with it with --resume, or delete the folder"
            )
        return self

    def __exit__(self, *error: object) -> None:
        self._checkpoint.__exit__(*error)
        if not self._lines:
            # Nothing is done yet, so that another try may have other options.
            self._checkpoint.remove()
            with suppress(OSError):
                self.folder.rmdir()

    def finished(self, number: int, input_sha256: str) -> dict[str, Any] | None:
        """Return the facts of a finished chunk; None where the chunk is still to do.

        ``input_sha256`` is of the chunk's rows as they are in the input now. Raises ScreeningError
        where other rows stood there when the chunk was done.
        """
        line = self._lines.get(number)
        if line is None:
            return None
        if line["input_sha256"] != input_sha256:
            raise ScreeningError(
                f"expected the input that {self.folder} was made of, got one that differs in chunk "
                f"{number}: give that input, choose another output, or delete the folder"
            )
        if sha256_of(self._checkpoint.content(line["key"])) != line["sha256"]:
            _log.warning("chunk %d in %s is damaged and is made anew", number, self.folder)
            return None
        return line

    def add(
        self, number: int, input_sha256: str, table: pa.Table, counts: dict[str, int]
    ) -> dict[str, Any]:
        """Write a chunk of the output; ``counts`` are added up when a run goes on."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        content = sink.getvalue().to_pybytes()
        line = {
            "key": str(number),
            "input_sha256": input_sha256,
            "sha256": sha256_of(content),
            **counts,
        }
        self._checkpoint.add(line, content)
        self._lines[number] = line
        return line

    def tables(self) -> Iterator[pa.Table]:
        """Yield the finished chunks in order, of one schema."""
        numbers = sorted(self._lines)
        # Of JSON, a column's type can differ from chunk to chunk.
        schemas = (pq.read_schema(self._content(number)) for number in numbers)
        schema = reduce(unified, schemas, pa.schema([]))
        for number in numbers:
            yield cast(pq.read_table(self._content(number)), schema)

    def check_length(self, n_chunks: int) -> None:
        """Refuse an input that ends before the chunks that were made of it."""
        if self._lines and max(self._lines) >= n_chunks:
            raise ScreeningError(
                f"expected the input that {self.folder} was made of, got one that ends in chunk "
                f"{n_chunks}: give that input, choose another output, or delete the folder"
            )

    def remove(self) -> None:
        """Delete the chunks, once the output is in its place."""
        self._checkpoint.__exit__()
        # Renamed first, in one step, so that nobody finds half of them.
        doomed = self.folder.with_name(f".{self.folder.name}.{os.getpid()}")
        self.folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)  # what is left goes at the next start

    def _refuse_foreign(self) -> None:
        """Raise where something else is under the folder's name, which would be deleted with it."""
        if not self.folder.is_dir() or any(self.folder.iterdir()):
            raise ScreeningError(
                f"expected {self.folder} to be free for unfinished work, found something else "
                "there: choose another output, or move it away"
            )

    def _content(self, number: int) -> pa.BufferReader:
        return pa.BufferReader(self._checkpoint.content(self._lines[number]["key"]))
