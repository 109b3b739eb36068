"""Compressed files are told by their content, and never unpack to more than a limit."""

import bz2
import gzip
import lzma

import pytest

from matminer_phonon_tl.exceptions import UnpackingError
from matminer_phonon_tl.unpacking import open_unpacked

CONTENT = bytes(range(256)) * 4_000  # a megabyte, more than one block
PACKERS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda content: lzma.compress(content, format=lzma.FORMAT_ALONE),
    "nothing": bytes,
}
MULTIPLE = ("gzip", "bzip2", "xz")


@pytest.mark.parametrize("kind", PACKERS)
def test_content(tmp_path, kind):
    path = tmp_path / "a_name_without_ending"
    path.write_bytes(PACKERS[kind](CONTENT))
    with open_unpacked(path, len(CONTENT)) as file:
        assert file.read() == CONTENT


@pytest.mark.parametrize("kind", MULTIPLE)
def test_parts_one_behind_the_other(tmp_path, kind):
    """As pbzip2, pigz and ``cat a.gz b.gz`` leave them; with zeros at the end, as on tapes."""
    (tmp_path / "x").write_bytes(2 * PACKERS[kind](CONTENT) + bytes(512))
    with open_unpacked(tmp_path / "x", 2 * len(CONTENT)) as file:
        assert file.read() == 2 * CONTENT


@pytest.mark.parametrize("kind", PACKERS)
def test_more_than_the_limit(tmp_path, kind):
    (tmp_path / "x").write_bytes(PACKERS[kind](CONTENT))
    with (
        pytest.raises(UnpackingError, match=r"expected at most 0 MB in x, .*got more; don't trust"),
        open_unpacked(tmp_path / "x", 200_000) as file,
    ):
        file.read()


@pytest.mark.parametrize("kind", [kind for kind in PACKERS if kind != "nothing"])
@pytest.mark.parametrize("cut", [0.1, 0.5, 0.98])
def test_cut_short(tmp_path, kind, cut):
    packed = PACKERS[kind](CONTENT)
    (tmp_path / "x").write_bytes(packed[: int(cut * len(packed))])
    with (
        open_unpacked(tmp_path / "x", len(CONTENT)) as file,
        pytest.raises(UnpackingError, match="expected x to be whole, but unpacking it failed"),
    ):
        file.read()


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_damaged(tmp_path, kind):
    packed = bytearray(PACKERS[kind](CONTENT))
    packed[len(packed) // 2] ^= 0xFF
    (tmp_path / "x").write_bytes(packed)
    with (
        open_unpacked(tmp_path / "x", len(CONTENT)) as file,
        pytest.raises(UnpackingError, match="damaged: get it again"),
    ):
        file.read()
