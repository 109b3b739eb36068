"""Files that are written whole or not at all, digests of their content, and library versions."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from matminer_phonon_tl._version import __version__


@contextmanager
def replacing(path: Path, folder: Path | None = None) -> Iterator[BinaryIO]:
    r"""Open a file for writing that appears under its name once it is whole.

    After an error, or a crash, an older file of that name is as it was. It grows in ``folder``, on
    the same file system; default: that of ``path``.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "scores.csv"
    >>> with replacing(path) as file:
    ...     _ = file.write(b"mae\n")
    >>> path.read_text()
    'mae\n'
    """
    handle, name = tempfile.mkstemp(dir=folder or path.parent, prefix=f".{path.name}.")
    growing = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp's files are private; this one shall be as readable as any other new file.
        umask = os.umask(0)
        os.umask(umask)
        growing.chmod(0o666 & ~umask)
        growing.replace(path)
    except BaseException:
        growing.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; see :func:`replacing`."""
    with replacing(path) as file:
        file.write(content)


def file_hash(path: Path) -> str:
    """Return the sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(content: bytes | str) -> str:
    """Return the sha256 of bytes, or of a text in UTF-8, in hex."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def data_hash(*parts: Any) -> str:
    """Return the sha256 of training data: arrays by their bytes, anything else by its repr."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


def library_versions() -> dict[str, str]:
    """Return the versions of what a result may depend on, without importing any of it."""
    versions = {"matminer-phonon-tl": __version__}
    for name in ("numpy", "scikit-learn", "imbalanced-learn", "torch", "matminer", "pymatgen"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
