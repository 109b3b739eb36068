import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from matminer_phonon_tl.exceptions import DatasetIntegrityError
from matminer_phonon_tl.reproduction import experiments as paper
from matminer_phonon_tl.reproduction.experiments import Job
from matminer_phonon_tl.reproduction.paper import (
    FULL,
    III_V,
    PUBLISHED,
    QUICK,
    TARGETS,
    draw_architectures,
)
from matminer_phonon_tl.reproduction.tables import summarise

SCORE_KEYS = {
    "experiment", "target", "model", "protocol", "mae", "r2", "mae_std", "n_architectures",
    "n_repeats",
}  # fmt: skip
TINY = paper.Scale("tiny", 2, 2, 1, 1, 1, 5)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The paper's code path with networks that are trained for a moment."""
    from matminer_phonon_tl.networks.transfer import TransferMLPRegressor
    from matminer_phonon_tl.reproduction import network_sweep

    plan = paper.plan

    def short(hidden_layer_sizes, **options):
        return TransferMLPRegressor(
            hidden_layer_sizes, **{**options, "epochs": 3, "source_epochs": 3}
        )

    def fast(*arguments):
        slow = ("probe", "published", "leak_free")
        return [job for job in plan(*arguments) if not job.name.startswith(slow)]

    folder = tmp_path_factory.mktemp("paper")
    chosen = ["transfer", "holdout_60_40", "layers_frozen", "classifier", "iii_v"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_sweep, "TransferMLPRegressor", short)
        patch.setattr(
            paper, "draw_architectures", lambda number, _: [(10, 6, 4), (9, 6, 4)][:number]
        )
        patch.setattr(paper, "plan", fast)
        path = paper.run(folder, scale=TINY, experiments=chosen)
    return folder, json.loads(path.read_text())


def test_scores_have_the_schema(finished):
    _, document = finished
    for score in document["scores"]:
        assert score.keys() >= SCORE_KEYS
        assert score["experiment"] in paper.EXPERIMENTS
        assert score["protocol"] in ("published", "leak_free")
    transfer = [score for score in document["scores"] if score["experiment"] == "transfer"]
    assert {(score["target"], score["model"], score["protocol"]) for score in transfer} == {
        (target, model, protocol)
        for target in TARGETS
        for model in ("TL", "non-TL")
        for protocol in ("published", "leak_free")
    }
    assert all(score["n_architectures"] == 2 and score["n_repeats"] == 2 for score in transfer)
    assert len(document["methods"]["data_sha256"]) == 64


def test_the_papers_figures_stand_beside_ours(finished):
    _, document = finished
    (score,) = [
        score
        for score in document["scores"]
        if (score["experiment"], score["target"], score["model"], score["protocol"])
        == ("transfer", "phonon_bandgap", "TL", "published")
    ]
    assert score["published_figure"] == {"mae": 8.458, "r2": 0.960}
    assert "selection on the test score" in score["best"]["selection"]
    assert score["best"]["mae"] <= score["mae"]


def test_tables_and_figures_are_written(finished):
    folder, _ = finished
    boxes = pd.read_csv(folder / "architectures.csv")
    assert set(boxes["carry"].dropna()) == {"all", "fit_on_all", "none"}
    compounds = pd.read_csv(folder / "iii_v.csv")
    assert set(compounds["compound"]) == set(III_V)
    measured = pd.read_csv(folder / "derived_against_measured.csv").set_index("target")
    assert measured.loc["heat_capacity"].iloc[0]["derived"] == pytest.approx(6.297, abs=1e-3)
    assert len(measured.loc["speed_of_sound"]) == 9
    names = {path.stem for path in (folder / "figures").iterdir()}
    assert names == {
        "architectures", "transfer_changes", "leak_by_round", "holdout_60_40", "layers",
        "parity_gap", "parity_sound_and_heat_capacity", "labels", "iii_v",
        "derived_against_measured",
    }  # fmt: skip
    for name in names:
        assert (folder / "figures" / f"{name}.png").stat().st_size > 5000
        assert (folder / "figures" / f"{name}.svg").read_text().startswith("<?xml")


def test_transfer_is_compared_with_an_interval(finished):
    folder, _ = finished
    comparisons = pd.read_csv(folder / "comparisons.csv")
    assert (comparisons["lower"] < comparisons["difference"]).all()
    assert (comparisons["difference"] < comparisons["upper"]).all()
    assert np.allclose(comparisons["difference"], comparisons["mae_tl"] - comparisons["mae_non_tl"])
    holdout = comparisons[comparisons["experiment"] == "holdout_60_40"]
    assert set(holdout["protocol"]) == {"published", "leak_free"}
    assert holdout["better_in"].str.fullmatch(r"\d+ of 15 splits").all()
    assert set(holdout["method"]) == {"corrected resampled t"}


def test_every_experiment_is_planned_under_both_protocols():
    for scale in (QUICK, FULL):
        jobs = list(paper.plan(scale))
        assert {job.experiment for job in jobs} == set(paper.EXPERIMENTS)
        for name in paper.EXPERIMENTS:
            names = [job.name for job in jobs if job.experiment == name]
            assert any("published" in name for name in names)
            assert any("leak_free" in name for name in names)
        assert len({(job.experiment, job.name) for job in jobs}) == len(jobs)


def test_the_quick_run_is_minutes_and_the_full_one_days():
    quick, full = (paper.estimate_minutes(list(paper.plan(scale))) for scale in (QUICK, FULL))
    assert quick < 8
    assert full > 1000


def test_structure_descriptors_stand_beside_those_of_the_composition(phonon_tl, monkeypatch):
    from matminer_phonon_tl.networks.transfer import TransferMLPRegressor
    from matminer_phonon_tl.reproduction import network_sweep

    few = phonon_tl[phonon_tl["has_phonon_bandgap"]].iloc[:12]
    monkeypatch.setattr(network_sweep, "paper_frame", lambda _: few)
    network_sweep.structure_matrix.cache_clear()
    task = network_sweep.NetworkTask(
        "structure_descriptors", "TL", "leak_free", ("phonon_bandgap",), ((6, 5, 4),), 0, 1,
        structure=True,
    )  # fmt: skip
    X, source = network_sweep._inputs(task, few, TransferMLPRegressor())
    network_sweep.structure_matrix.cache_clear()
    assert X.shape[0] == 12
    assert X.shape[1] > 290
    assert source[0].shape == X.shape
    assert source[1].tolist() == few["bandgap"].tolist()


def test_architectures_are_the_papers_grid():
    drawn = draw_architectures(250)
    assert [len({widths[layer] for widths in drawn}) for layer in range(3)] == [10, 5, 5]
    assert all(110 <= a <= 210 and 55 <= b <= 100 and 10 <= c <= 50 for a, b, c in drawn)
    with pytest.raises(ValueError, match="expected from 1 to 250 architectures, got 251"):
        draw_architectures(251)


def test_published_figures_are_those_of_table_1():
    assert PUBLISHED["transfer", "heat_capacity", "TL"]["mae"] == 2.739
    assert PUBLISHED["full_data", "speed_of_sound", "full data"]["r2"] == 0.870


def test_a_holdout_is_scored_by_its_splits():
    record = {
        "experiment": "holdout_60_40", "target": "phonon_bandgap", "model": "TL",
        "protocol": "leak_free", "architecture": [1], "n_repeats": 2, "mae_averaged": 1.0,
        "r2_averaged": 0.9, "mae_rounds": [2.0, 4.0], "r2_rounds": [0.5, 0.7], "averaged": [1.0],
        "carry": None, "rows": "gapped", "layers": None,
    }  # fmt: skip
    (score,) = summarise([record])
    assert (score["mae"], score["mae_of"]) == (3.0, "rounds")
    assert score["r2"] == pytest.approx(0.6)
    assert score["mae_std_over"] == "rounds"


def test_a_folder_with_results_is_not_overwritten(tmp_path, monkeypatch):
    jobs = [Job("transfer", "a", 1.0, lambda: {"n": 1}), Job("transfer", "b", 1.0, dict)]
    monkeypatch.setattr(paper, "plan", lambda *_: jobs)
    paper.run(tmp_path, scale="quick")
    with pytest.raises(FileExistsError, match=r"without earlier results.* pass resume"):
        paper.run(tmp_path, scale="quick")
    with pytest.raises(DatasetIntegrityError, match="expected results of the same settings"):
        paper.run(tmp_path, scale="quick", resume=True, random_state=1)
    paper.run(tmp_path, scale="quick", resume=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"experiments": ["tabel"]}, "expected experiments among source, .*, got tabel"),
        ({"scale": "huge"}, "expected a scale among full, mid, quick, got 'huge'"),
        ({"random_state": "a"}, "expected a whole number of 0 or more as random_state, got 'a'"),
        ({"client": 3}, "expected a dask.distributed.Client as client, got 3"),
    ],
)
def test_unknown_options_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        paper.run(tmp_path, **options)


KILLED = """
import sys, time
from pathlib import Path
from matminer_phonon_tl.reproduction import experiments as paper
from matminer_phonon_tl.reproduction.experiments import Job
folder = Path(sys.argv[1])
def work(number):
    with (folder / "log").open("a") as log:
        log.write(f"{number}\\n")
    if number == 2 and not (folder / "again").exists():
        time.sleep(60)
    return {"number": number}
jobs = [Job("transfer", str(n), 1.0, lambda n=n: work(n)) for n in range(4)]
paper.plan = lambda *_: jobs
paper.run(folder, scale="quick", resume=True)
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    """A real SIGKILL in the middle of the third part."""
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    log = tmp_path / "log"
    while time.monotonic() < deadline and not (log.exists() and "2" in log.read_text()):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(list((tmp_path / "parts").glob("*--*.json"))) == 2
    assert not (tmp_path / "scores.json").exists()
    (tmp_path / "again").touch()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert log.read_text().split() == ["0", "1", "2", "2", "3"]
    assert (tmp_path / "scores.json").exists()
    assert not list((tmp_path / "parts").glob(".*"))
