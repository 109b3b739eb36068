"""Commands as people type them, and the shipped models, loaded once."""

from functools import cache

import pytest

from matminer_phonon_tl.models import PhononPredictor


@pytest.fixture(scope="session")
def load_shipped():
    """``PhononPredictor.from_pretrained``, which loads each file once."""
    load = PhononPredictor.from_pretrained
    return cache(lambda *, structure=False, more=False: load(structure=structure, more=more))


@pytest.fixture
def command(run_cli, monkeypatch, tmp_path, load_shipped):
    """Run ``phonon-tl`` in ``tmp_path``: its exit code, and what it prints."""
    monkeypatch.setattr(PhononPredictor, "from_pretrained", load_shipped)
    monkeypatch.chdir(tmp_path)
    return run_cli
