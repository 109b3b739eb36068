"""The transfer benchmark keeps tested formulas out of its source, and resumes where it was."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "transfer_kyoto.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="the benchmarks are in the repository")


@pytest.fixture(scope="module")
def benchmark():
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("transfer_kyoto", SCRIPT)
    sys.modules["transfer_kyoto"] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules["transfer_kyoto"]


@pytest.fixture
def trial(benchmark):
    return benchmark.Trial(
        target="phonon_bandgap", descriptors="lattice_dynamics", learning_rate=0.01, rounds=1
    )


def test_no_source_holds_a_tested_formula(benchmark, trial, phonon_tl):
    gapped = phonon_tl[phonon_tl["has_phonon_bandgap"]]
    formulas, atoms = benchmark.source_materials()
    splits = benchmark.folds(gapped, gapped[trial.target].to_numpy(), trial)
    lost = 0
    for number, split in enumerate(splits):
        tested = {c.reduced_formula for c in gapped["composition"].iloc[split.test]}
        some, every, small = (
            benchmark.rows_of_source(gapped, split, replace(trial, **change), number)
            for change in (
                {"source_rows": 100},
                {"source_rows": -1},
                {"source_rows": -1, "largest_cell": 12},
            )
        )
        assert len(some) == 100
        assert set(some) < set(every)
        assert not tested & set(formulas[every])
        assert set(small) == {row for row in every if atoms[row] <= 12}
        lost += len(formulas) - len(every)
    assert lost == np.isin(formulas, [c.reduced_formula for c in gapped["composition"]]).sum() > 0


def test_smaller_training_sides_lie_within_larger_ones(benchmark, trial, phonon_tl):
    gapped = phonon_tl[phonon_tl["has_phonon_bandgap"]]
    truth = gapped[trial.target].to_numpy()
    sizes = [benchmark.folds(gapped, truth, replace(trial, target_share=s)) for s in (0.25, 0.5, 1)]
    for quarter, half, whole in zip(*sizes, strict=True):
        assert set(quarter.train) < set(half.train) < set(whole.train)
        assert np.array_equal(quarter.test, whole.test)
        assert [len(quarter.train), len(half.train)] == pytest.approx([25, 50], abs=1)


def test_a_killed_run_goes_on_where_it_was(benchmark, trial, tmp_path, monkeypatch):
    path = tmp_path / "scores.jsonl"
    ran = []

    def evaluate(trial):
        ran.append(trial.source_rows)
        if trial.source_rows == 400:
            raise KeyboardInterrupt
        return np.arange(5.0) + trial.source_rows

    monkeypatch.setattr(benchmark, "evaluate", evaluate)
    first = benchmark.Scores(path)
    first.of(replace(trial, source_rows=100))
    with pytest.raises(KeyboardInterrupt):
        first.of(replace(trial, source_rows=400))
    other_data = {
        **json.loads(path.read_text()),
        "data": {"phonon_tl": "another"},
        "mae": [9.0] * 5,
    }
    path.write_text(f"{path.read_text()}{json.dumps(other_data)}\n", encoding="utf-8")
    second = benchmark.Scores(path)
    assert second.of(replace(trial, source_rows=100)).tolist() == [100, 101, 102, 103, 104]
    second.of(trial)
    assert ran == [100, 400, 0]
    assert len(path.read_text().splitlines()) == 3


def test_the_same_splits_are_compared_but_for_hopeless_ones(
    benchmark, trial, tmp_path, monkeypatch
):
    errors = {0: np.arange(75.0), -1: np.arange(25.0) + 2.0}
    errors[-1][0] = 1e6
    monkeypatch.setattr(benchmark, "evaluate", lambda trial: errors[trial.source_rows])
    scores = benchmark.Scores(tmp_path / "scores.jsonl")
    found = benchmark.compare(scores, replace(trial, source_rows=-1), trial)
    assert found["splits"] == 24
    assert (found["tl"], found["non_tl"]) == (14.5, 12.5)
    assert found["difference"] == found["low"] == found["high"] == 2.0


def test_the_page_shows_the_table_that_the_scores_give(benchmark, monkeypatch, capsys):
    """Every trial stands in the committed file, and docs/performance.md has what it prints."""
    monkeypatch.setattr(benchmark, "evaluate", lambda trial: pytest.skip(f"not run yet: {trial}"))
    table = benchmark.compute(benchmark.Scores(SCRIPT.with_suffix(".jsonl")))
    benchmark.print_table(table)
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() in page
    left, right = benchmark.draw(table).axes
    assert left.get_xlabel().startswith("rows of the source")
    assert len(left.get_legend_handles_labels()[0]) == len(benchmark.CURVES)
    assert right.get_xscale() == "log"
