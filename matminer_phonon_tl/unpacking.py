"""Unpack files that a stranger may have made: by their content, and never more than a limit."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from matminer_phonon_tl.exceptions import UnpackingError

_BLOCK = 2**18
_XZ_MEMORY = 256 * 2**20


class _Deflate:
    """zlib's decompressor with the methods of bz2's and lzma's."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)  # gzip

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def _lzma() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


_KINDS: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    (b"\x1f\x8b", _Deflate),
    (b"BZh", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", _lzma),
    (b"\x5d\x00\x00", _lzma),
)
"""First bytes of compressed files: gzip, bzip2, xz, lzma."""


class _Unpacked(RawIOBase):
    """What a compressed file holds, as a stream that ends with an error at a limit."""

    def __init__(self, file: BinaryIO, make: Callable[[], Any], limit: int, name: str) -> None:
        self._file, self._make, self._limit, self._name = file, make, limit, name
        self._decompressor = make()
        self._rest = b""
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            content = self._read(len(buffer))
        except (lzma.LZMAError, zlib.error, OSError, EOFError) as error:
            raise UnpackingError(
                f"expected {self._name} to be whole, but unpacking it failed ({error}); it is cut "
                "short or damaged: get it again"
            ) from error
        self._size += len(content)
        if self._size > self._limit:
            raise UnpackingError(
                f"expected at most {self._limit / 2**20:.0f} MB in {self._name}, unpacked, got "
                "more; don't trust it, or unpack it yourself"
            )
        buffer[: len(content)] = content
        return len(content)

    def _read(self, size: int) -> bytes:
        """Return some of the content, nothing at its end."""
        while True:
            if self._decompressor.eof:
                # several parts may stand one behind the other, and zeros at the end
                self._rest = self._decompressor.unused_data or self._file.read(_BLOCK)
                if not self._rest.strip(b"\0"):
                    return b""
                self._decompressor = self._make()
            elif self._decompressor.needs_input and not self._rest:
                self._rest = self._file.read(_BLOCK)
                if not self._rest:
                    raise EOFError("it ends too early")
            data, self._rest = self._rest, b""
            if content := self._decompressor.decompress(data, size):
                return content

    def close(self) -> None:
        self._file.close()
        super().close()


def open_unpacked(path: Path, limit: int) -> BufferedReader:
    """Open a file for reading, unpacked if its first bytes are those of gzip, bzip2, xz or lzma.

    Raises UnpackingError where the file is larger than ``limit`` bytes; so does reading it where it
    is damaged or grows beyond the limit.

    >>> import gzip, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "FORCE_SETS.gz"
    >>> _ = path.write_bytes(gzip.compress(b"64"))
    >>> open_unpacked(path, 100).read()
    b'64'
    """
    if path.stat().st_size > limit:
        raise UnpackingError(
            f"expected at most {limit / 2**20:.0f} MB in {path.name}, got more; don't trust it"
        )
    return unpacked(path.open("rb"), limit, path.name)


def unpacked(file: BufferedReader, limit: int, name: str) -> BufferedReader:
    """Return what reads an open file as :func:`open_unpacked` does; ``name`` is for errors."""
    start = file.peek(6)
    for magic, make in _KINDS:
        if start.startswith(magic):
            return BufferedReader(_Unpacked(file, make, limit, name), _BLOCK)
    return file
