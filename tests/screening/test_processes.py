"""Structures are predicted in processes: the same rows, and one sentence where a process dies."""

import os
import signal
import subprocess
import sys

import pandas as pd
import pytest

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.models import PhononPredictor, ShippedPredictors
from matminer_phonon_tl.screening import engines, screen
from matminer_phonon_tl.screening.engines import threads_and_processes
from matminer_phonon_tl.screening.row_predictor import RowPredictor
from matminer_phonon_tl.screening.settings import ScreeningSettings

psutil = pytest.importorskip("psutil")


def children():
    """Return the processes of the pool: joblib has another one that looks after its resources."""
    found = psutil.Process().children(recursive=True)
    return [each for each in found if "popen_loky" in " ".join(each.cmdline())]


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    monkeypatch.setattr(engines, "WORTH_A_PROCESS", 2)


@pytest.fixture
def folder(phonon_tl, tmp_path):
    path = tmp_path / "crystals"
    path.mkdir()
    for name, structure in zip(phonon_tl["material_id"][:12], phonon_tl["structure"], strict=False):
        structure.to(filename=str(path / f"{name}.cif"))
    return path


@pytest.fixture
def predict():
    return RowPredictor(ShippedPredictors(), ScreeningSettings())


def test_the_rows_are_the_same_to_the_last_bit(folder, tmp_path):
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    screen(folder, one, chunk_rows=4, n_jobs=1)
    screen(folder, two, chunk_rows=4, n_jobs=2)
    assert one.read_bytes() == two.read_bytes()
    assert len(pd.read_csv(two)) == 12


def test_the_first_chunk_needs_no_process_and_formulas_never_do(predict, phonon_tl):
    structures = phonon_tl["structure"][:2].tolist()
    with threads_and_processes(predict, 2) as engine:
        engine.submit(structures).result()
        for _ in range(3):
            engine.submit(["GaN", "MgO"]).result()
        assert children() == []
        away = engine.submit(structures).result()
        assert 1 <= len(children()) <= 2
    assert children() == []
    assert away.equals(predict(structures))


def test_a_predictor_of_ones_own_is_taken_along(phonon_tl):
    shipped = PhononPredictor.from_pretrained(structure=True)
    predict = RowPredictor(shipped, ScreeningSettings(level=0.5))
    structures = phonon_tl["structure"][:2].tolist()
    with threads_and_processes(predict, 2) as engine:
        tables = [engine.submit(structures).result() for _ in range(2)]
    assert tables[0].equals(tables[1])


def test_a_class_of_ones_own_stays_here(phonon_tl):
    class Mine(PhononPredictor):
        pass

    mine = PhononPredictor.from_pretrained(structure=True)
    mine.__class__ = Mine
    structures = phonon_tl["structure"][:2].tolist()
    with threads_and_processes(RowPredictor(mine, ScreeningSettings()), 2) as engine:
        for _ in range(3):
            engine.submit(structures).result()
        assert children() == []


def test_a_process_that_dies_is_one_sentence(predict, phonon_tl):
    structures = phonon_tl["structure"][:2].tolist()
    with threads_and_processes(predict, 2) as engine:
        for _ in range(2):
            engine.submit(structures).result()
        for process in children():
            os.kill(process.pid, signal.SIGKILL)

        def go_on():
            for _ in range(20):  # the pool may need a moment to see it
                engine.submit(structures).result()

        with pytest.raises(ScreeningError, match="expected every process to finish its chunks"):
            go_on()


def test_a_script_without_a_guard_runs_once(folder, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from matminer_phonon_tl.screening import screen\n"
        "print('started')\n"
        "from matminer_phonon_tl.screening import engines\n"
        "engines.WORTH_A_PROCESS = 2\n"
        f"screen({str(folder)!r}, 'out.csv', chunk_rows=4, n_jobs=2)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("started") == 1
    assert len(pd.read_csv(tmp_path / "out.csv")) == 12
