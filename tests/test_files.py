"""Files appear whole, and digests are the usual ones."""

import hashlib

import numpy as np
import pytest

from matminer_phonon_tl.files import (
    data_hash,
    file_hash,
    library_versions,
    replacing,
    sha256_of,
    write_atomically,
)


def test_a_file_appears_once_it_is_whole(tmp_path):
    path, growing = tmp_path / "a.txt", tmp_path / "growing"
    growing.mkdir()
    with replacing(path, growing) as file:
        file.write(b"new")
        assert not path.exists()
        assert len(list(growing.iterdir())) == 1
    assert path.read_bytes() == b"new"
    assert not list(growing.iterdir())
    assert path.stat().st_mode & 0o600 == 0o600


def test_an_error_leaves_the_older_file(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")
    with pytest.raises(TypeError), replacing(path) as file:
        file.write("text")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_digests(tmp_path):
    write_atomically(tmp_path / "a.txt", b"abc")
    expected = hashlib.sha256(b"abc").hexdigest()
    assert file_hash(tmp_path / "a.txt") == sha256_of(b"abc") == sha256_of("abc") == expected
    one = np.arange(4.0)
    assert data_hash(one) == data_hash(one[::-1][::-1]) != data_hash(one.reshape(2, 2))
    assert data_hash(one, "x") != data_hash(one, "y")


def test_versions_without_importing():
    versions = library_versions()
    assert versions["numpy"] == np.__version__
    assert "matminer-phonon-tl" in versions
