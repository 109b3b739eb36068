"""Fixtures for all tests."""

import os
import sys
from pathlib import Path

import pytest

CASES = {"tests": 100, "fuzz": 1_500}
"""Cases of each hypothesis test that sets no number; ``pytest -m fuzz --hypothesis-profile=fuzz``
goes through 20 000 of whatever a user or a stranger may hand in."""

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # an environment without extras, where some of the tests run
    pass
else:
    for name, cases in CASES.items():
        settings.register_profile(
            name,
            max_examples=cases,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=name == "tests",  # the same cases each time; exploring is for "fuzz"
        )
    settings.load_profile("tests")


@pytest.fixture(scope="session")
def test_data():
    """Return the folder of real documents, which are for tests only and not in the repository."""
    folder = os.environ.get("PHONON_TL_TEST_DATA")
    if not folder:
        pytest.skip("PHONON_TL_TEST_DATA is not set: it names the folder of real documents")
    return Path(folder)


@pytest.fixture(scope="session")
def count_entries():
    """Return how to count a checkpoint's entries from outside, while a process has it locked.

    In SQLite's log, each frame is a page after 24 bytes, of which the second four are not zero
    where a transaction ends. The first transaction makes the tables.
    """

    def count(path):
        log = path.with_name(f"{path.name}-wal")
        content = log.read_bytes() if log.exists() else b""
        page = int.from_bytes(content[8:12], "big")
        if not page:
            return 0
        frames = range(32, len(content) - page - 23, page + 24)
        return sum(any(content[frame + 4 : frame + 8]) for frame in frames) - 1

    return count


@pytest.fixture(scope="session")
def phonon_tl():
    """Return the shipped dataset; tests must not change it."""
    from matminer_phonon_tl import load_phonon_tl

    return load_phonon_tl()


@pytest.fixture(scope="session")
def cluster():
    """A Dask client of two worker processes."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as workers,
        distributed.Client(workers) as client,
    ):
        yield client


@pytest.fixture
def run_cli(monkeypatch, capsys):
    """Return how to run ``phonon-tl`` in this process: exit code, output and errors."""
    from matminer_phonon_tl import cli

    def run(*arguments, columns="80"):
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setattr(sys, "argv", ["phonon-tl", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run
