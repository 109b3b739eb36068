"""The checkpoint survives what a killed process leaves behind, and refuses what is not its own."""

import json

import pytest

from matminer_phonon_tl.checkpoint import Checkpoint
from matminer_phonon_tl.exceptions import DatasetIntegrityError

BUILD = {"source": "petretto", "path": "/data"}
OTHER = {**BUILD, "path": "/other"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "out" / "build.checkpoint.jsonl"
    with Checkpoint(path, BUILD) as checkpoint:
        checkpoint.add({"key": "a", "row": {"x": 1}})
        checkpoint.add({"key": "b", "reason": "imaginary modes", "message": "no"})
    return path


def test_goes_on(path):
    with Checkpoint(path, BUILD) as checkpoint:
        assert checkpoint.keys == {"a", "b"}
        checkpoint.add({"key": "c", "row": {}})
        assert [line["key"] for line in checkpoint.lines()] == ["a", "b", "c"]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_unfinished_last_line_is_cut_off(path, cut):
    path.write_bytes(path.read_bytes()[:-cut])
    with Checkpoint(path, BUILD) as checkpoint:
        assert checkpoint.keys == {"a"}
        checkpoint.add({"key": "b", "row": {}})
    lines = path.read_text().splitlines()
    assert [json.loads(line).get("key") for line in lines] == [None, "a", "b"]


def test_killed_before_the_first_line_was_whole(path):
    path.write_bytes(b'{"finger')
    with Checkpoint(path, BUILD) as checkpoint:
        assert checkpoint.keys == set()
    assert json.loads(path.read_text()) == {"fingerprint": BUILD}


def test_another_build(path):
    with (
        pytest.raises(DatasetIntegrityError) as refused,
        Checkpoint(path, OTHER),
    ):
        pass
    assert str(refused.value) == (
        f"expected {path} to be the checkpoint of this run, got one that differs in path; choose "
        "another output, or delete the file build.checkpoint.jsonl to start anew"
    )


@pytest.mark.parametrize("rest", [b"", b'{"key": "a", "ro'])
def test_another_build_that_finished_nothing_is_written_over(path, rest):
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0] + rest)
    with Checkpoint(path, OTHER) as checkpoint:
        assert checkpoint.keys == set()
        checkpoint.add({"key": "x", "row": {}})
    with Checkpoint(path, OTHER) as checkpoint:
        assert checkpoint.keys == {"x"}


def test_another_build_that_is_running_is_left_alone(path):
    pytest.importorskip("fcntl", reason="no file locks on this system")
    path.unlink()
    with (
        Checkpoint(path, BUILD),
        pytest.raises(DatasetIntegrityError, match="in use by another one; wait"),
        Checkpoint(path, OTHER),
    ):
        pass
    assert json.loads(path.read_text()) == {"fingerprint": BUILD}


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"no": "key"}'])
def test_damaged_line(path, line):
    path.write_text(path.read_text() + line + "\n")
    with (
        pytest.raises(DatasetIntegrityError, match=r"expected line 4 of .* delete the file"),
        Checkpoint(path, BUILD),
    ):
        pass


def test_two_builds_at_once(path):
    pytest.importorskip("fcntl", reason="no file locks on this system")
    with (
        Checkpoint(path, BUILD),
        pytest.raises(DatasetIntegrityError, match="in use by another one; wait"),
        Checkpoint(path, BUILD),
    ):
        pass
