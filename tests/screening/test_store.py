"""Chunks on disk: counted once whole, known again, and nobody else's."""

import sqlite3

import pyarrow as pa
import pytest

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.store import ChunkStore

IDENTITY = {"input": "abc", "model": "def"}
COUNTS = {"rows": 2, "failed": 0, "kept": 2}


@pytest.fixture
def output(tmp_path):
    output = tmp_path / "x.parquet"
    with ChunkStore(output, IDENTITY, resume=False) as store:
        for number in (1, 0):
            store.add(number, f"in{number}", pa.table({"x": [number, number]}), COUNTS)
    return output


def test_goes_on_with_what_is_there(output):
    with ChunkStore(output, IDENTITY, resume=True) as store:
        assert store.finished(0, "in0")["rows"] == 2
        assert store.finished(2, "in2") is None
        store.add(2, "in2", pa.table({"x": [2.5, None]}), COUNTS)
        values = [value for table in store.tables() for value in table["x"].to_pylist()]
        assert values == [0, 0, 1, 1, 2.5, None]
        store.check_length(3)
        store.remove()
    assert list(output.parent.iterdir()) == []


def test_without_resume_nothing_is_overwritten(output):
    with (
        pytest.raises(ScreeningError, match="found one of 2 chunks: go on with it with --resume"),
        ChunkStore(output, IDENTITY, resume=False),
    ):
        pass


def test_another_model_or_input_is_refused_with_the_reason(output):
    with (
        pytest.raises(ScreeningError, match="got one that differs in model; choose another"),
        ChunkStore(output, {**IDENTITY, "model": "x"}, resume=True),
    ):
        pass
    with ChunkStore(output, IDENTITY, resume=True) as store:
        with pytest.raises(ScreeningError, match="got one that differs in chunk 1: give that"):
            store.finished(1, "other rows")
        with pytest.raises(ScreeningError, match="got one that ends in chunk 1: give that input"):
            store.check_length(1)


def test_a_damaged_chunk_is_made_anew(output, caplog):
    base = sqlite3.connect(output.parent / "x.parquet.parts" / "chunks.sqlite3")
    base.execute("UPDATE entries SET content = ? WHERE key = '0'", (b"PAR1",))
    base.execute("UPDATE entries SET content = NULL WHERE key = '1'")
    base.commit()
    base.close()
    with ChunkStore(output, IDENTITY, resume=True) as store:
        assert store.finished(0, "in0") is None
        assert store.finished(1, "in1") is None
        assert "chunk 0 in" in caplog.text
        assert "x.parquet.parts is damaged and is made anew" in caplog.text
        store.add(0, "in0", pa.table({"x": [7, 7]}), COUNTS)
        assert store.finished(0, "in0")["sha256"]


def test_two_at_once_are_refused(output):
    with (
        ChunkStore(output, IDENTITY, resume=True),
        pytest.raises(ScreeningError, match="for this run alone, found it in use by another one"),
        ChunkStore(output, IDENTITY, resume=True),
    ):
        pass


def test_types_that_differ_from_chunk_to_chunk(tmp_path):
    with ChunkStore(tmp_path / "y.csv", IDENTITY, resume=False) as store:
        for number, values in enumerate(([1, 2], ["a", None], [None, None], [True, False])):
            store.add(number, "", pa.table({"x": values, "y": [1, 2]}), COUNTS)
        whole = pa.concat_tables(store.tables())
    assert whole["x"].to_pylist() == ["1", "2", "a", None, None, None, "true", "false"]
    assert whole.schema.field("y").type == pa.int64()


def test_numbers_that_no_one_type_holds(tmp_path):
    """The nearest float; and of nested values, their JSON."""
    with ChunkStore(tmp_path / "y.csv", IDENTITY, resume=False) as store:
        for number, (x, y) in enumerate(((2**53 + 1, [1]), (0.5, ["a"]))):
            store.add(number, "", pa.table({"x": [x], "y": [y]}), COUNTS)
        whole = pa.concat_tables(store.tables())
    assert whole["x"].to_pylist() == [2.0**53, 0.5]
    assert whole["y"].to_pylist() == ["[1]", '["a"]']


def test_what_was_left_of_a_removal_goes_at_the_next_start(tmp_path):
    left = tmp_path / ".y.csv.parts.12345"
    left.mkdir()
    (left / "chunk-000000.parquet").touch()
    with ChunkStore(tmp_path / "y.csv", IDENTITY, resume=False):
        assert not left.exists()


@pytest.mark.parametrize("make", ["file", "folder"])
def test_what_is_somebody_elses_stays(tmp_path, make):
    own = tmp_path / "y.csv.parts"
    if make == "folder":
        own.mkdir()
        own = own / "thesis.tex"
    own.write_text("precious")
    with (
        pytest.raises(ScreeningError, match="to be free for unfinished work, found something else"),
        ChunkStore(tmp_path / "y.csv", IDENTITY, resume=False),
    ):
        pass
    assert own.read_text() == "precious"


def test_a_run_that_has_done_nothing_leaves_nothing(tmp_path):
    """So that another try may have other options."""
    with ChunkStore(tmp_path / "y.csv", IDENTITY, resume=False) as store:
        assert store.folder.is_dir()
    assert not store.folder.exists()
    with ChunkStore(tmp_path / "y.csv", {"model": "other"}, resume=False) as store:
        store.add(0, "in0", pa.table({"x": [1]}), COUNTS)
    assert store.folder.is_dir()
