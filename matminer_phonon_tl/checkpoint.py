"""Finished entries of a long run, on disk, so that a run that was killed goes on where it was."""

import errno
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from matminer_phonon_tl.exceptions import DatasetIntegrityError

APPLICATION_ID = 0x70_68_74_6C
"""Marks an SQLite file as a checkpoint of this package."""
_SETTINGS = (
    "trusted_schema = OFF",  # nothing that a stranger's file defines is run
    "locking_mode = EXCLUSIVE",
    "synchronous = FULL",
)
_TABLES = {
    "run": "fingerprint TEXT",
    "entries": "number INTEGER PRIMARY KEY, key TEXT UNIQUE, line TEXT, content BLOB",
}


class Checkpoint:
    """An SQLite file with a line for each finished entry, and a note of what the run makes.

    An entry is on the disk before :meth:`add` returns. A process that is killed loses at most the
    entry it was working on. While a process has the file open, no other one can open it.

    Parameters
    ----------
    path : Path
        The file. SQLite keeps another one beside it, of the same name with ``-wal``.
    fingerprint : dict
        What is made, JSON-compatible. A file of another run is refused, unless that run has not
        finished a single entry: then its file is taken over.

    Attributes
    ----------
    keys : set of str
        Names of the finished entries.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "build.sqlite3"
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
        with self._in_one_sentence():
            self._base = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        try:
            with self._in_one_sentence():
                self._open()
        except BaseException:
            self._base.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._base.close()

    def add(self, line: dict[str, Any], content: bytes | None = None) -> None:
        """Write an entry, in place of an earlier one of its ``key``.

        ``content`` is what is too large for a line.
        """
        with self._in_one_sentence():
            self._base.execute(
                "INSERT INTO entries (key, line, content) VALUES (?, ?, ?) ON CONFLICT (key) "
                "DO UPDATE SET line = excluded.line, content = excluded.content",
                (line["key"], json.dumps(line), content),
            )
        self.keys.add(line["key"])

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield the lines of the finished entries, in the order in which they were added."""
        with self._in_one_sentence():
            for (line,) in self._base.execute("SELECT line FROM entries ORDER BY number"):
                yield self._decoded(line)

    def content(self, key: str) -> bytes:
        """Return the content of a finished entry."""
        with self._in_one_sentence():
            found = self._base.execute("SELECT content FROM entries WHERE key = ?", (key,))
            return bytes(found.fetchone()[0] or b"")

    def remove(self) -> None:
        """Delete the file, once it is needed no more."""
        self._base.close()
        self.path.unlink(missing_ok=True)
        self.path.with_name(f"{self.path.name}-wal").unlink(missing_ok=True)

    def _open(self) -> None:
        for setting in _SETTINGS:
            self._base.execute(f"PRAGMA {setting}")
        self._base.execute("BEGIN EXCLUSIVE")  # held until the file is closed
        is_new = self._base.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
        mark = self._base.execute("PRAGMA application_id").fetchone()
        if not is_new and mark != (APPLICATION_ID,):
            raise self._damaged("another SQLite file")
        self._base.execute("COMMIT")
        self._base.execute("PRAGMA journal_mode = WAL")  # one flush for each entry
        self._base.execute("BEGIN EXCLUSIVE")
        for table, columns in _TABLES.items():
            self._base.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        self._base.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self.keys = {key for (key,) in self._base.execute("SELECT key FROM entries")}
        known = self._base.execute("SELECT fingerprint FROM run").fetchone()
        if self.keys:
            self._check(self._decoded(known[0] if known else "{}"))
        elif known != (stated := json.dumps(self.fingerprint),):
            self._base.execute("DELETE FROM run")
            self._base.execute("INSERT INTO run VALUES (?)", (stated,))
        self._base.execute("COMMIT")

    def _check(self, found: dict[str, Any]) -> None:
        """Raise if the file is of another run."""
        changed = sorted(
            name
            for name in {*found, *self.fingerprint}
            if found.get(name) != self.fingerprint.get(name)
        )
        if changed:
            raise DatasetIntegrityError(
                f"expected {self.path} to be the checkpoint of this run, got one that differs in "
                f"{', '.join(changed)}; choose another output, or delete the file "
                f"{self.path.name} to start anew"
            )

    @contextmanager
    def _in_one_sentence(self) -> Iterator[None]:
        """Say what SQLite could not do."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the details
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise DatasetIntegrityError(
                    f"expected {self.path} for this run alone, found it in use by another one; "
                    "wait for that, or choose another output"
                ) from error
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
                raise self._damaged(f"something else ({error})") from error
            raise OSError(errno.EIO, str(error), str(self.path)) from error

    def _decoded(self, text: str) -> dict[str, Any]:
        try:
            line = json.loads(text)
        except (ValueError, TypeError) as error:
            raise self._damaged(f"a line that cannot be read ({error})") from error
        if not isinstance(line, dict):
            raise self._damaged(f"a line that is a {type(line).__name__}")
        return line

    def _damaged(self, found: str) -> DatasetIntegrityError:
        return DatasetIntegrityError(
            f"expected {self.path} to be a checkpoint, got {found}; choose another "
            f"output, or delete the file to start anew"
        )
