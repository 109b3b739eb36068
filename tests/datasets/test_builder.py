"""A build loses and doubles no row, whatever is in its source and whoever kills it."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from matminer.utils.io import load_dataframe_from_json

from matminer_phonon_tl.datasets import load_dataset
from matminer_phonon_tl.datasets.builder import (
    PhononDatasetBuilder,
    compare_with_shipped,
    process_entry,
)
from matminer_phonon_tl.datasets.rows import COLUMNS
from matminer_phonon_tl.datasets.sources import PetrettoSource
from matminer_phonon_tl.datasets.sources.base import Entry, SkippedEntryError
from matminer_phonon_tl.exceptions import (
    DatasetIntegrityError,
    MissingExtraError,
    PhononDocumentError,
)


def build(archive, output, **options):
    return PhononDatasetBuilder(PetrettoSource(archive), output, pbar=False, **options).build()


@pytest.fixture
def output(tmp_path):
    return tmp_path / "new" / "own.json.gz"


def test_every_entry_is_a_row_or_a_line_of_skipped_csv(archive, output):
    report = build(archive, output)
    assert report.n_rows == 3
    assert report.n_resumed == 0
    assert report.skipped == {
        "imaginary modes": 1,
        "corrupt or incomplete document": 1,
        "duplicate": 1,
    }
    with report.skipped_csv.open() as file:
        lines = list(csv.DictReader(file))
    assert {line["entry"]: line["reason"] for line in lines} == {
        "mp-4.json": "imaginary modes",
        "mp-5.json": "corrupt or incomplete document",
        "mp-6.json": "duplicate",
    }
    assert "down to -2.4 THz" in lines[0]["message"]
    assert lines[2]["message"] == "expected one document of mp-1, got mp-1.json before"
    assert str(report) == (
        f"3 rows in {output}; skipped: 1 imaginary modes, 1 corrupt or incomplete document, "
        "1 duplicate"
    )
    assert sorted(p.name for p in output.parent.iterdir()) == [
        "own.json.gz",
        "own.metadata.json",
        "own.skipped.csv",
    ]


def test_our_loader_and_matminers_read_it(archive, output):
    build(archive, output)
    frame = load_dataset("own", path=output)
    assert list(frame.columns) == list(COLUMNS)
    shipped = load_dataset("phonon_tl")
    assert list(frame.columns[: len(shipped.columns)]) == list(shipped.columns)
    assert frame["formula"].tolist() == ["GaN", "RbI", "AlAs"]
    assert frame["source"].unique().tolist() == ["petretto"]
    assert frame["source_id"].tolist() == ["mp-1.json", "mp-2.json", "mp-3.json"]
    assert frame["code_version"].notna().all()
    assert frame["structure"][0].composition == frame["composition"][0]
    assert frame["has_phonon_bandgap"].map(type).eq(bool).all()
    theirs = load_dataframe_from_json(str(output), pbar=False)
    assert theirs["phonon_bandgap"].tolist() == frame["phonon_bandgap"].tolist()
    assert theirs["structure"][1] == frame["structure"][1]


def test_altered_output_is_noticed(archive, output):
    build(archive, output)
    output.write_bytes(output.read_bytes()[:-9])
    with pytest.raises(DatasetIntegrityError, match="sha256"):
        load_dataset("own", path=output)


def test_parallel_is_the_same_file(archive, output, tmp_path):
    build(archive, output)
    other = tmp_path / "parallel.json.gz"
    build(archive, other, n_jobs=2)
    assert other.read_bytes() == output.read_bytes()
    assert output.read_bytes()[4:8] == bytes(4)  # gzip's time stamp


def test_empty_source_gives_an_empty_dataset(tmp_path, output):
    (tmp_path / "empty").mkdir()
    assert build(tmp_path / "empty", output).n_rows == 0
    assert len(load_dataset("own", path=output)) == 0


class Interrupted(PetrettoSource):
    """Ends like a process that is stopped, at a given entry."""

    def read(self, entry):
        if entry.key == "mp-3.json":
            raise KeyboardInterrupt
        return super().read(entry)


class Counting(PetrettoSource):
    """Remembers what it was asked to read."""

    def __init__(self, path):
        super().__init__(path)
        self.read_keys = []

    def read(self, entry):
        self.read_keys.append(entry.key)
        return super().read(entry)


def test_interrupted_build_goes_on(archive, output, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        PhononDatasetBuilder(Interrupted(archive), output, pbar=False).build()
    assert not output.exists()
    second = Counting(archive)
    report = PhononDatasetBuilder(second, output, pbar=False).build()
    assert (report.n_rows, report.n_resumed) == (3, 2)
    assert second.read_keys == ["mp-3.json", "mp-4.json", "mp-5.json", "mp-6.json"]
    build(archive, tmp_path / "at_once.json.gz")
    assert (tmp_path / "at_once.json.gz").read_bytes() == output.read_bytes()


CHILD = """
import sys, time
from matminer_phonon_tl.datasets.builder import PhononDatasetBuilder
from matminer_phonon_tl.datasets.sources import PetrettoSource

class Slow(PetrettoSource):
    def read(self, entry):
        time.sleep(0.05)
        return super().read(entry)

print("go", flush=True)
PhononDatasetBuilder(Slow(sys.argv[1]), sys.argv[2], n_jobs=int(sys.argv[3]), pbar=False).build()
"""


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_killed_builds_lose_and_double_nothing(raw, tmp_path, n_jobs, count_entries):
    """A real SIGKILL, several times over, until the build gets through."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(24):
        document = raw(f"mp-{number}", spring=40.0 + number)
        (folder / f"mp-{number:02d}.json").write_text(json.dumps(document))
    output = tmp_path / "killed.json.gz"
    checkpoint = tmp_path / "killed.checkpoint.sqlite3"
    kills = 0
    for wanted in (5, 14, None):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), str(output), str(n_jobs)],
            start_new_session=True,
        )
        deadline = time.monotonic() + 60.0
        while wanted is not None and time.monotonic() < deadline:
            if count_entries(checkpoint) >= wanted:
                os.killpg(child.pid, signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.01)
        child.wait(timeout=60)
        if wanted is not None:
            assert child.returncode == -signal.SIGKILL
            assert not output.exists()
    assert kills == 2
    assert child.returncode == 0
    build(folder, tmp_path / "at_once.json.gz")
    assert output.read_bytes() == (tmp_path / "at_once.json.gz").read_bytes()
    assert load_dataset("killed", path=output)["material_id"].is_unique
    assert len(load_dataset("killed", path=output)) == 24


def test_name_and_jobs(archive, tmp_path):
    with pytest.raises(ValueError, match=r"expected an output named NAME\.json\.gz, got 'a.csv'"):
        build(archive, tmp_path / "a.csv")
    with pytest.raises(ValueError, match="n_jobs of at least 1, or -1 for all cores, got 0"):
        build(archive, tmp_path / "a.json.gz", n_jobs=0)


class Odd(PetrettoSource):
    """Fails in ways that no source should."""

    def __init__(self, error):
        super().__init__("x")
        self.error = error

    def read(self, entry):  # noqa: ARG002 - the source's interface
        raise self.error


class Waiting(PetrettoSource):
    """A source that waits, as for a server, and counts how many wait at a time."""

    workers = "threads"
    max_jobs = 2
    active = most_active = 0
    lock = threading.Lock()

    def read(self, entry):
        with self.lock:
            self.active += 1
            self.most_active = max(self.most_active, self.active)
        time.sleep(0.05)
        with self.lock:
            self.active -= 1
        return super().read(entry)


def test_a_source_may_allow_fewer_jobs(archive, output, tmp_path):
    source = Waiting(archive)
    PhononDatasetBuilder(source, output, n_jobs=6, pbar=False).build()
    assert source.most_active == 2
    build(archive, tmp_path / "at_once.json.gz")
    assert output.read_bytes() == (tmp_path / "at_once.json.gz").read_bytes()


def test_supercell_is_counted_as_what_it_is(raw):
    # two equal atoms half a cell apart: the primitive cell holds one
    document = raw(species=("Si", "Si"))
    line = process_entry(PetrettoSource("x"), Entry("a.json", json.dumps(document).encode()))
    assert line["reason"] == "not the primitive cell"


def test_unexpected_errors_are_lines_too():
    line = process_entry(Odd(ZeroDivisionError("by\n zero")), Entry("mp-1", None))
    assert line == {"key": "mp-1", "reason": "unexpected ZeroDivisionError", "message": "by zero"}
    line = process_entry(Odd(SkippedEntryError("gone", "no forces")), Entry("mp-1", None))
    assert line["reason"] == "no forces"


def test_missing_package_ends_the_build():
    with pytest.raises(MissingExtraError):
        process_entry(Odd(MissingExtraError("phonopy")), Entry("mp-1", None))


def test_compare_with_shipped():
    shipped = load_dataset("phonon_tl")
    frame = shipped.head(20).copy()
    frame.loc[3, "speed_of_sound"] *= 1.1
    frame.loc[4, "has_phonon_bandgap"] = ~frame.loc[4, "has_phonon_bandgap"]
    frame.loc[5, "material_id"] = "own-1"
    table = compare_with_shipped(frame)
    assert table.attrs == {
        "only_in_frame": 1,
        "only_in_reference": 1226,
        "gap_judged_differently": 1,
    }
    assert table.loc["speed_of_sound", "materials"] == 19
    assert table.loc["speed_of_sound", "largest_relative"] == pytest.approx(0.1)
    assert table.loc["speed_of_sound", "material_of_largest"] == frame.material_id[3]
    assert table.loc["heat_capacity", "largest_difference"] == 0.0
    with pytest.raises(ValueError, match="in the dataset, got none named speed_of_sound; build"):
        compare_with_shipped(frame.drop(columns="speed_of_sound"))
    empty = compare_with_shipped(frame.head(0))
    assert empty["materials"].eq(0).all()


class Breaking(PetrettoSource):
    """Breaks off while its entries are listed, as a truncated archive does."""

    def entries(self):
        for number, entry in enumerate(super().entries()):
            if number == 5:
                raise PhononDocumentError("the archive is truncated")
            yield entry


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_source_that_breaks_off_ends_the_build_but_keeps_what_is_done(archive, output, n_jobs):
    with pytest.raises(PhononDocumentError, match="the archive is truncated"):
        PhononDatasetBuilder(Breaking(archive), output, n_jobs=n_jobs, pbar=False).build()
    assert not output.exists()
    report = build(archive, output)
    assert report.n_rows == 3
