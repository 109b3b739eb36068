"""Finished entries of a long run, on disk, so that a killed run goes on where it was."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from matminer_phonon_tl.exceptions import DatasetIntegrityError


class Checkpoint:
    """Keep finished entries in a file of JSON lines, whose first line says what run they are of.

    Each line is flushed to the disk before the next entry counts. A killed process can leave at
    most its last line unfinished; the next start cuts it off and does its entry anew. A second
    process that opens the file while the first one has it is refused.

    Parameters
    ----------
    path : Path
        The file.
    fingerprint : dict
        What makes the entries those of this run, JSON-compatible. A file of another run is
        refused, unless that run has not finished a single entry: then its file is overwritten.

    Attributes
    ----------
    keys : set of str
        Names of the finished entries.

    Raises
    ------
    DatasetIntegrityError
        On entering: the file is of another run, in use, or damaged.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "build.jsonl"
    >>> with Checkpoint(path, {"source": "phonopy"}) as checkpoint:
    ...     checkpoint.add({"key": "RbI", "skipped": "imaginary modes"})
    >>> with Checkpoint(path, {"source": "phonopy"}) as again:
    ...     again.keys
    {'RbI'}
    """

    def __init__(self, path: Path, fingerprint: dict[str, Any]) -> None:
        self.path = path
        self.fingerprint = json.loads(json.dumps(fingerprint))
        self.keys: set[str] = set()

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab+")
        self._lock()
        end = self._read_back()
        self._file.truncate(end)
        self._file.seek(end)
        if end == 0:
            self.add({"fingerprint": self.fingerprint})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, line: dict[str, Any]) -> None:
        """Write an entry and flush it to the disk.

        Parameters
        ----------
        line : dict
            JSON-compatible; its ``key`` is the entry's name.
        """
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        if "key" in line:
            self.keys.add(line["key"])

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the finished entries as they were added."""
        with self.path.open("rb") as file:
            next(file, None)
            for line in file:
                yield json.loads(line)

    def _lock(self) -> None:
        """Keep a second process from writing into the same file."""
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when a process dies
        except OSError as error:
            self._file.close()
            raise DatasetIntegrityError(
                f"expected {self.path} for this run alone, found it in use by another one; "
                "wait for that, or choose another output"
            ) from error

    def _read_back(self) -> int:
        """Collect the keys of the finished entries; return where the last complete line ends."""
        self._file.seek(0)
        end = 0
        fingerprint: Any = None
        for number, line in enumerate(self._file):
            if not line.endswith(b"\n"):
                break
            try:
                content = json.loads(line)
                found = content["fingerprint"] if number == 0 else content["key"]
            except (ValueError, KeyError, TypeError) as error:
                raise DatasetIntegrityError(
                    f"expected line {number + 1} of {self.path} to be a finished entry, got "
                    f"something else ({type(error).__name__}); delete the file to start anew"
                ) from error
            if number == 0:
                fingerprint = found
            else:
                self._check(fingerprint)
                self.keys.add(found)
            end += len(line)
        # Without a finished entry there is nothing to lose, whatever run it was.
        return end if self.keys or fingerprint == self.fingerprint else 0

    def _check(self, found: dict[str, Any]) -> None:
        """Raise if the file is of another run."""
        if found == self.fingerprint:
            return
        self._file.close()
        changed = sorted(
            name
            for name in {*found, *self.fingerprint}
            if found.get(name) != self.fingerprint.get(name)
        )
        raise DatasetIntegrityError(
            f"expected {self.path} to be the checkpoint of this run, got one that differs in "
            f"{', '.join(changed)}; choose another output, or delete the file {self.path.name} to "
            "start anew"
        )
