"""Read files and folders of structures, chunk by chunk: a row for each structure."""

import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from matminer_phonon_tl.exceptions import (
    CompositionError,
    DataWarning,
    ScreeningError,
    UnpackingError,
)
from matminer_phonon_tl.screening.chunks import Chunk
from matminer_phonon_tl.screening.columns import clean_text
from matminer_phonon_tl.structures import (
    FORMATS,
    Entry,
    find_format,
    phonons_error,
    split_structures,
)
from matminer_phonon_tl.unpacking import open_unpacked

MAX_FILE = 256 * 2**20
"""Largest file of structures in a folder, unpacked, bytes."""
CHUNK_STRUCTURES = 200
"""Structures predicted together: each takes a hundred times as long as a formula."""


NO_LIMIT = 2**62
DAMAGED = (OSError, EOFError, UnpackingError)
"""What reading a damaged file raises."""

_HEAD = 2**14
_VOLUMES = re.compile(r"(CHG|AECCAR|LOCPOT|ELFCAR|PARCHG|XDATCAR).*", re.IGNORECASE)
"""Files that begin as POSCAR does, and that nobody means in a folder."""
_NAMED = 5
_Row = tuple[str, Entry, str | None]


def plain_name(path: Path) -> str:
    """Return a file's name without the ending of a packed file."""
    return re.sub(r"\.(gz|xz|bz2|lzma)$", "", path.name, flags=re.IGNORECASE)


def read_unpacked(path: Path, limit: int) -> bytes:
    """Read a file, packed or not; CompositionError where it is damaged or larger than the limit."""
    try:
        with open_unpacked(path, limit) as file:
            return file.read()
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise CompositionError(
            f"expected a structure file that can be read, but: {reason}"
        ) from error


def kind_of(path: Path) -> str | None:
    """Tell what kind of structure file this is, as :func:`find_format` names it."""
    try:
        with open_unpacked(path, NO_LIMIT) as file:
            begin = file.read(_HEAD)
    except DAMAGED:
        begin = b""
    return find_format(plain_name(path), begin)


def look_into(folder: Path) -> tuple[list[Path], str | None]:
    """Find the structure files of a folder and its subfolders, in the natural order of their names.

    Hidden files are not looked at. Returns also what says which files are none, if there are any.
    Raises ScreeningError where there is no structure file.
    """
    structures: list[Path] = []
    others: list[str] = []
    phonons = None
    for path in files_below(folder):
        kind = None if _VOLUMES.fullmatch(path.name) else kind_of(path)
        if kind not in (None, "phonons"):
            structures.append(path)
            continue
        others.append(str(path.relative_to(folder)))
        if kind == "phonons":
            phonons = path
    if not structures and phonons is not None:
        raise ScreeningError(phonons_error(str(phonons)).reason)
    if not structures:
        raise ScreeningError(
            f"expected structure files ({FORMATS}) or Parquet files in the folder {folder}, found "
            "none"
        )
    if not others:
        return structures, None
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    hint = "" if phonons is None else "; phonon-tl properties reads those that hold phonons"
    return structures, (
        f"passed over what is no structure file in {folder}: "
        f"{', '.join(others[:_NAMED])}{more}{hint}"
    )


def files_below(folder: Path) -> list[Path]:
    """List the files in a folder and its subfolders, in the natural order of their names."""
    found: list[Path] = []
    seen: set[Path] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        place = Path(parent).resolve()
        if place in seen:  # a link led here before
            folders.clear()
            continue
        seen.add(place)
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(
        (path for path in found if path.is_file()),
        key=lambda path: natural(str(path.relative_to(folder))),
    )


def natural(path: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts ``part.10`` after ``part.9``."""
    return [
        (0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part)
        for part in re.split(r"(\d+)", path)
        if part
    ]


def structure_chunks(
    paths: list[Path],
    chunk_rows: int,
    folder: Path | None = None,
    passed_over: str | None = None,
) -> Iterator[Chunk]:
    """Read structure files; one that cannot be read is a row with its error.

    The column ``file`` has the path in ``folder``, ``entry`` which of a file's structures it is,
    missing where the file has one. ``passed_over`` is warned of.
    """
    chunk_rows = min(chunk_rows, CHUNK_STRUCTURES)
    if passed_over:
        warnings.warn(passed_over, DataWarning, stacklevel=2)
    waiting: list[_Row] = []
    for path in paths:
        name = str(path.relative_to(folder)) if folder else path.name
        for entry, error in _entries(path):
            waiting.append((name, entry, error))
            if len(waiting) == chunk_rows:
                yield _chunk(waiting)
                waiting = []
    if waiting:
        yield _chunk(waiting)


def entry_chunks(entries: list[Entry], name: str, chunk_rows: int) -> Iterator[Chunk]:
    """Make chunks of structures that were found in one file."""
    rows: list[_Row] = [(name, entry, None) for entry in entries]
    chunk_rows = min(chunk_rows, CHUNK_STRUCTURES)
    for first in range(0, len(rows), chunk_rows):
        yield _chunk(rows[first : first + chunk_rows])


def _entries(path: Path) -> Iterator[tuple[Entry, str | None]]:
    try:
        for entry in split_structures(read_unpacked(path, MAX_FILE), plain_name(path)):
            yield entry, None
    except CompositionError as error:
        yield Entry(None, None), error.reason


def _chunk(rows: list[_Row]) -> Chunk:
    table = pa.table(
        {
            "file": pa.array([clean_text(name) for name, _, _ in rows], pa.string()),
            "entry": pa.array([entry.name for _, entry, _ in rows], pa.string()),
        }
    )
    errors = {row: error for row, (_, _, error) in enumerate(rows) if error is not None}
    return Chunk(table, [entry.value for _, entry, _ in rows], errors)
