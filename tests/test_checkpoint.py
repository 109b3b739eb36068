"""The checkpoint survives what a killed process leaves behind, and refuses what is not its own."""

import shutil
import sqlite3

import pytest

from matminer_phonon_tl.checkpoint import Checkpoint
from matminer_phonon_tl.exceptions import DatasetIntegrityError

BUILD = {"source": "petretto", "path": "/data"}
OTHER = {**BUILD, "path": "/other"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "out" / "build.checkpoint.sqlite3"
    with Checkpoint(path, BUILD) as checkpoint:
        checkpoint.add({"key": "a", "row": {"x": 1}})
        checkpoint.add({"key": "b", "reason": "imaginary modes", "message": "no"})
    return path


def test_goes_on(path):
    with Checkpoint(path, BUILD) as checkpoint:
        assert checkpoint.keys == {"a", "b"}
        checkpoint.add({"key": "c", "row": {}})
        assert [line["key"] for line in checkpoint.lines()] == ["a", "b", "c"]


def kill(path, fingerprint, *keys):
    """Leave behind what a process that is killed after these entries leaves."""
    files = path, path.with_name(f"{path.name}-wal")
    with Checkpoint(path, fingerprint) as checkpoint:
        for key in keys:
            checkpoint.add({"key": key, "row": {}})
        for file in files:
            shutil.copy(file, f"{file}.left")
    for file in files:
        shutil.move(f"{file}.left", file)
    return files[1]


@pytest.mark.parametrize("cut", [1, 5, 30, 4000, 5000])
def test_unfinished_last_entry_is_cut_off(path, cut):
    path.unlink()
    log = kill(path, BUILD, "a", "b")
    log.write_bytes(log.read_bytes()[:-cut])
    with Checkpoint(path, BUILD) as checkpoint:
        assert checkpoint.keys == {"a"}
        checkpoint.add({"key": "b", "row": {}})
    with Checkpoint(path, BUILD) as checkpoint:
        assert [line["key"] for line in checkpoint.lines()] == ["a", "b"]


def test_killed_process_loses_nothing_that_was_added(path):
    kill(path, BUILD, "c", "d")
    with Checkpoint(path, BUILD) as checkpoint:
        assert [line["key"] for line in checkpoint.lines()] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("cut", [0, 1, 5000])
def test_killed_before_anything_was_finished(path, cut):
    path.unlink()
    log = kill(path, BUILD)
    log.write_bytes(log.read_bytes()[: -cut or None])
    with Checkpoint(path, BUILD) as checkpoint:
        assert checkpoint.keys == set()
    path.write_bytes(b"")
    with Checkpoint(path, BUILD) as checkpoint:
        assert checkpoint.keys == set()


def test_an_entry_may_have_content_and_be_replaced(path):
    with Checkpoint(path, BUILD) as checkpoint:
        checkpoint.add({"key": "c"}, b"old")
        checkpoint.add({"key": "d"}, b"\x00" * 100_000)
        checkpoint.add({"key": "c", "made": "anew"}, b"new")
    with Checkpoint(path, BUILD) as checkpoint:
        assert checkpoint.content("c") == b"new"
        assert checkpoint.content("d") == b"\x00" * 100_000
        assert list(checkpoint.lines())[2:] == [{"key": "c", "made": "anew"}, {"key": "d"}]
        checkpoint.remove()
    assert list(path.parent.iterdir()) == []


def test_another_build(path):
    with (
        pytest.raises(DatasetIntegrityError) as refused,
        Checkpoint(path, OTHER),
    ):
        pass
    assert str(refused.value) == (
        f"expected {path} to be the checkpoint of this run, got one that differs in path; choose "
        "another output, or delete the file build.checkpoint.sqlite3 to start anew"
    )


@pytest.mark.parametrize("cut", [None, 1])
def test_another_build_that_finished_nothing_is_written_over(path, cut):
    path.unlink()
    if cut is None:
        kill(path, BUILD)
    else:
        log = kill(path, BUILD, "a")
        log.write_bytes(log.read_bytes()[:-cut])
    with Checkpoint(path, OTHER) as checkpoint:
        assert checkpoint.keys == set()
        checkpoint.add({"key": "x", "row": {}})
    with Checkpoint(path, OTHER) as checkpoint:
        assert checkpoint.keys == {"x"}


def test_another_build_that_is_running_is_left_alone(path):
    path.unlink()
    with Checkpoint(path, BUILD) as checkpoint:
        with (
            pytest.raises(DatasetIntegrityError, match="in use by another one; wait"),
            Checkpoint(path, OTHER),
        ):
            pass
        checkpoint.add({"key": "a"})
    with Checkpoint(path, BUILD) as checkpoint:
        assert checkpoint.keys == {"a"}


@pytest.mark.parametrize("line", ["nonsense", "[]", None])
def test_damaged_line(path, line):
    base = sqlite3.connect(path)
    base.execute("UPDATE entries SET line = ? WHERE key = 'b'", (line,))
    base.commit()
    base.close()
    with (
        Checkpoint(path, BUILD) as checkpoint,
        pytest.raises(DatasetIntegrityError, match=r"got a line that .* delete the file"),
    ):
        list(checkpoint.lines())


@pytest.mark.parametrize("content", [b"thesis " * 200, b"SQLite format 3\x00" + b"\xff" * 4080])
def test_what_is_no_checkpoint_is_refused_and_left_as_it_is(path, content):
    path.write_bytes(content)
    with (
        pytest.raises(DatasetIntegrityError, match=r"to be a checkpoint, got .* delete the file"),
        Checkpoint(path, BUILD),
    ):
        pass
    assert path.read_bytes() == content


def test_another_sqlite_file_is_refused_and_left_as_it_is(path):
    path.unlink()
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE entries (thesis TEXT)")
    base.close()
    content = path.read_bytes()
    with (
        pytest.raises(DatasetIntegrityError, match=r"got another SQLite file; choose another"),
        Checkpoint(path, BUILD),
    ):
        pass
    assert path.read_bytes() == content


def test_two_builds_at_once(path):
    with (
        Checkpoint(path, BUILD),
        pytest.raises(DatasetIntegrityError, match="in use by another one; wait"),
        Checkpoint(path, BUILD),
    ):
        pass
