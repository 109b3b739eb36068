"""``phonon-tl reproduce`` as a person runs it."""

import json
import sys

import pytest

from matminer_phonon_tl import cli
from matminer_phonon_tl.reproduction import experiments as paper
from matminer_phonon_tl.reproduction.experiments import Job

SCORE = {
    "experiment": "transfer", "target": "phonon_bandgap", "model": "TL", "protocol": "published",
    "mae": 8.4, "r2": None, "mae_std": None, "n_architectures": 1, "n_repeats": 1,
}  # fmt: skip


@pytest.fixture
def run(monkeypatch, capsys):
    jobs = [Job("transfer", "a", 90.0, lambda: {"scores": [dict(SCORE)]})]
    monkeypatch.setattr(paper, "plan", lambda *_: jobs)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["phonon-tl", "reproduce", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


def test_it_says_the_cost_first_and_the_scores_last(run, tmp_path):
    code, out, _ = run(
        "--scale", "quick", "--experiment", "transfer", "--out", str(tmp_path / "new")
    )
    assert code == 0
    first, score, last = out.splitlines()
    assert first.startswith("1 parts, about ")
    assert "--resume" in first
    assert score == "transfer: phonon_bandgap, TL [published] mae 8.4"
    assert last.endswith("new")
    assert (tmp_path / "new" / "report.html").exists()


def test_json_is_scores_json(run, tmp_path):
    code, out, _ = run("--scale", "quick", "--json", "--out", str(tmp_path))
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "scores.json").read_text())


def test_a_second_run_needs_resume(run, tmp_path):
    run("--scale", "quick", "--out", str(tmp_path))
    code, _, err = run("--scale", "quick", "--out", str(tmp_path))
    assert code == 2
    assert err.count("\n") == 1
    assert "pass resume (--resume) to go on with them" in err
    assert run("--scale", "quick", "--resume", "--out", str(tmp_path))[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--experiment", "tabel"], "got tabel"),
        (["--seed", "-1"], "expected a whole number of 0 or more as random_state, got -1"),
        (["--device", "gpu"], "such as \"cpu\", got 'gpu' ("),
        (["--device", "cuda:99"], "such as \"cpu\", got 'cuda:99' ("),
    ],
)
def test_wrong_usage_is_one_line_before_anything_is_done(run, tmp_path, arguments, message):
    code, out, err = run(*arguments, "--out", str(tmp_path / "new"))
    assert (code, out) == (2, "")
    assert err.startswith("phonon-tl: expected ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "new").exists()


def test_an_unknown_scale_is_wrong_usage(run, tmp_path):
    code, _, err = run("--scale", "huge", "--out", str(tmp_path))
    assert code == 2
    assert "huge" in err


def test_the_report_is_written_again_from_what_is_finished(run, tmp_path, monkeypatch, capsys):
    run("--scale", "quick", "--out", str(tmp_path))
    scores = (tmp_path / "scores.json").read_bytes()
    for name in ("scores.json", "report.html"):
        (tmp_path / name).unlink()

    def report(*arguments):
        monkeypatch.setattr(sys, "argv", ["phonon-tl", "report", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr()

    assert report(str(tmp_path))[0] == 0
    assert (tmp_path / "scores.json").read_bytes() == scores
    assert (tmp_path / "report.html").exists()
    code, captured = report(str(tmp_path / "nothing"))
    assert code == 2
    assert "which has no parts/settings.json: check the path" in captured.err
    (tmp_path / "parts" / "settings.json").write_text('{"scale": 3}')
    code, captured = report(str(tmp_path))
    assert code == 2
    assert captured.err.count("\n") == 1
    assert "expected the settings of a run in" in captured.err
