"""Commands as people type them, and the shipped models, loaded once."""

import sys
from functools import cache

import pytest

from matminer_phonon_tl import cli
from matminer_phonon_tl.models import PhononPredictor


@pytest.fixture(scope="session")
def load_shipped():
    """``PhononPredictor.from_pretrained``, which loads each file once."""
    load = PhononPredictor.from_pretrained
    return cache(lambda *, structure=False, more=False: load(structure=structure, more=more))


@pytest.fixture
def command(monkeypatch, capsys, tmp_path, load_shipped):
    """Run ``phonon-tl`` in ``tmp_path``: its exit code, and what it prints."""
    monkeypatch.setattr(PhononPredictor, "from_pretrained", load_shipped)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["phonon-tl", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run
