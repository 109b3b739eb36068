"""The command as a person runs it: what it prints, where, and how it ends."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise

import pandas as pd
import pytest

import matminer_phonon_tl
from matminer_phonon_tl import cli
from matminer_phonon_tl.models import (
    PhononGapClassifier,
    PhononPredictor,
    PhononRegressor,
    model_card,
)

COMMAND = [sys.executable, "-m", "matminer_phonon_tl.cli"]


def run_process(*arguments, **environment):
    return subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def small_predictor():
    return PhononPredictor.from_pretrained()


@pytest.fixture
def run(small_predictor, monkeypatch, capsys):
    """Run the command in this process, with models that are loaded once."""
    monkeypatch.setattr(PhononPredictor, "from_pretrained", lambda **_: small_predictor)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["phonon-tl", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


def test_predict_prints_a_row_for_each_formula(run):
    code, out, err = run("predict", "InN", "Fe2O3")
    assert code == 0
    assert err == ""
    rows = [line for line in out.splitlines() if line.split()[:1] in (["InN"], ["Fe2O3"])]
    assert [row.split()[:2] for row in rows] == [["InN", "yes"], ["Fe2O3", "no"]]
    assert rows[0].count("[") == 3
    assert "trained on compounds that have one" in " ".join(out.split())


def test_predict_as_json(run):
    code, out, err = run("predict", "InN", "Fe2O3", "Qq", "--json")
    assert code == 1
    records = json.loads(out)
    assert [record["formula"] for record in records] == ["InN", "Fe2O3", "Qq"]
    assert set(records[0]) >= {
        "formula", "has_phonon_bandgap", "has_gap_probability", "phonon_bandgap",
        "speed_of_sound", "heat_capacity", "error",
    }  # fmt: skip
    assert records[0]["has_phonon_bandgap"] is True
    assert records[0]["error"] is None
    assert records[1]["has_phonon_bandgap"] is False
    assert records[1]["phonon_bandgap"] is None
    assert records[1]["speed_of_sound"] > 0
    assert records[2]["speed_of_sound"] is None
    assert "which is none" in records[2]["error"]
    assert err == "'Qq': expected chemical elements, got 'Qq' in 'Qq', which is none\n"


def test_a_bad_formula_is_a_row_and_exit_code_1(run):
    code, out, err = run("predict", "H2O)", "InN", "")
    assert code == 1
    assert out.count("error") == 2
    assert "InN" in out
    assert err.splitlines() == [
        (
            "'H2O)': expected a chemical formula such as 'GaN' or 'Ca(OH)2', got 'H2O)': its "
            "brackets do not match"
        ),
        "'': expected a chemical formula such as 'GaN' or 'Ca(OH)2', got '': it is empty",
    ]


@pytest.mark.parametrize(
    "arguments",
    [["predict"], ["predict", "--jsno", "InN"], ["prdict"], ["info", "a", "b"]],
)
def test_wrong_usage_is_exit_code_2(arguments):
    result = run_process(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Usage:" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [[], ["predict"], ["properties"], ["info"]])
def test_help(command):
    result = run_process(*command, "--help")
    assert result.returncode == 0
    assert "Usage: " in result.stdout


@pytest.mark.parametrize("width", [50, 80])
@pytest.mark.parametrize(
    "command", ["predict", "properties", "screen", "train", "build-dataset", "reproduce"]
)
def test_paragraphs_of_the_help_are_filled(run, monkeypatch, command, width):
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = run(command, "--help")
    prose = out[: out.index("\u256d")].splitlines()  # up to the first box
    for line, following in pairwise(line.strip() for line in prose if "Usage" not in line):
        # the next word would not have fitted, a blank line around the text allowed for
        if line and following and not following.startswith(("[", "{")):
            assert len(line) + 1 + len(following.split()[0]) > width - 2, line


def test_version_and_info():
    assert run_process("--version").stdout == f"{matminer_phonon_tl.__version__}\n"
    info = json.loads(run_process("info", "--json").stdout)
    assert info["datasets"]["phonon_tl"].startswith("1245 rows, sha256 ")
    assert info["versions"]["matminer-phonon-tl"] == matminer_phonon_tl.__version__


def test_a_formula_cannot_steer_the_table(run):
    code, out, _ = run("predict", "[red]InN")
    assert code == 1
    assert "[red]InN" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "/no/such/folder/x.json"], "in a folder that exists"),
        (["--out", "model.pkl"], "a .json or .json.gz file"),
        (["--out", "x.json", "--seed", "-1"], "greater than or equal to 0"),
    ],
)
def test_train_refuses_before_it_trains(arguments, sentence):
    result = run_process("train", *arguments, COLUMNS="200")
    assert result.returncode == 2
    assert sentence in " ".join(result.stderr.split())


def test_info_prints_a_model_files_card(run, tmp_path):
    path = tmp_path / "model.json.gz"
    PhononGapClassifier(cv=7).save(path)
    code, out, _ = run("info", str(path))
    assert code == 0
    assert "model: PhononGapClassifier" in out
    assert "cv 7" in out
    code, out, _ = run("info", str(path), "--json")
    assert json.loads(out)["parameters"]["cv"] == 7


def test_info_knows_the_models_that_ship(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("info")
    assert code == 0
    assert re.search(r"^models:\n  predictor\.json\.gz +for compositions\n", out, re.MULTILINE)
    assert re.search(r"^  phonon_tl +1245 rows, sha256 [0-9a-f]{64}\n", out, re.MULTILINE)
    code, out, _ = run("info", "predictor.json.gz")
    assert code == 0
    assert "model: PhononPredictor\n" in out
    assert out.count("\n  scores, leak_free: 5 folds grouped by formula") == 1
    assert "\n    phonon_bandgap: rows 124, mae " in out
    assert max(map(len, out.splitlines())) < 200
    # what lies in the folder is meant first
    PhononGapClassifier(cv=7).save("predictor.json.gz")
    assert "model: PhononGapClassifier\n" in run("info", "predictor.json.gz")[1]


def test_info_prints_a_card_to_send_along(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PhononGapClassifier(cv=7).save("model.json")
    for given, name in (
        ((), "predictor.json.gz"),
        (("predictor_structure.json.gz",), "predictor_structure.json.gz"),
        (("model.json",), "model.json"),
    ):
        code, out, err = run("info", "--card", *given)
        assert (code, err) == (0, "")
        assert out == model_card(name)
    code, out, err = run("info", "--card", "--json")
    assert (code, out) == (2, "")
    assert "expected --card or --json, got both: a card is Markdown" in err
    code, out, err = run("info", "--card", "nosuch.json")
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_a_card_cannot_steer_the_terminal(run, tmp_path):
    classifier = PhononGapClassifier()
    classifier.card_ = {"scores": [{"\x1b[31m": 1}, 3], "\x1b[2J": "x"}
    classifier.save(tmp_path / "model.json")
    code, out, _ = run("info", str(tmp_path / "model.json"))
    assert code == 0
    assert "\x1b" not in out
    assert "  score: 3\n" in out


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "found none"), (b"{}", "expected a model"), (b"\x1f\x8b", "unpacking it failed")],
)
def test_a_file_that_is_no_model_is_one_line_and_exit_code_2(run, tmp_path, content, sentence):
    path = tmp_path / "model.json"
    if content is not None:
        path.write_bytes(content)
    code, out, err = run("info", str(path))
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert sentence in err
    assert str(path) in err


@pytest.mark.parametrize("width", [40, 50, 77, 84])
def test_a_narrow_terminal_breaks_no_word_and_loses_nothing(run, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, _ = run("predict", "GaN", "Qq")
    assert code == 1
    assert max(map(len, out.splitlines())) <= width
    table = out[: out.index("In round brackets")]
    assert "\u2026" not in table
    words = [word for line in table.splitlines() for word in line.split()]
    for word in ("GaN", "Qq", "error", "yes", "gap,", "cm-1", "km/s", "J/mol/K", "similarity"):
        assert word in words
    if width < 78:
        assert sum(line.count("]") == 1 for line in table.splitlines()) == 3
    else:
        assert "formula" in words
        assert any(line.split()[:1] == ["GaN"] and line.count("]") == 3 for line in out.split("\n"))


def test_what_is_unlike_the_training_compounds_is_named(run):
    code, out, _ = run("predict", "PuO2", "Fe", "GaN")
    assert code == 0
    assert "PuO2: Pu occurs in no training compound, so its row is a guess.\n" in out
    assert "\nFe: unlike the training compounds, so its intervals may not hold.\n" in out
    assert out.count("unlike the training") == 1


def test_train_writes_what_predict_reads(monkeypatch, tmp_path, capsys):
    from matminer_phonon_tl.evaluation import training

    df = matminer_phonon_tl.load_phonon_tl()
    part = pd.concat([df[df["has_phonon_bandgap"]][:60], df[~df["has_phonon_bandgap"]][:60]])
    monkeypatch.setattr("matminer_phonon_tl.datasets.load_training_set", lambda: part)
    # Smaller models: what is trained is tested elsewhere, here the way from table to file.
    small = {"intervals": True, "cv": 2, "random_state": 0}
    monkeypatch.setattr(
        "matminer_phonon_tl.models.predictor.regressor_of",
        lambda *_, **__: PhononRegressor(**small),
    )
    path = tmp_path / "predictor.json.gz"
    monkeypatch.setattr(sys, "argv", ["phonon-tl", "train", "--out", str(path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all("protocol leak_free" in line for line in lines)
    scores = PhononPredictor.load(path).card_["scores"]
    assert [score["target"] for score in scores] == ["has_phonon_bandgap", *training.TARGETS]
    assert scores[0]["rows"] == 120
    assert scores[1]["rows"] == 60


def test_a_reader_that_goes_away_is_no_error():
    piped = f"{' '.join(COMMAND)} info | true"
    result = subprocess.run(["bash", "-c", piped], capture_output=True, text=True, check=False)
    assert "Traceback" not in result.stderr


def test_the_papers_four_compounds():
    """Ask what ships, in a process of its own, about compounds in no training set."""
    result = run_process("predict", "InN", "GaSb", "InAs", "InSb", "--json")
    assert result.returncode == 0, result.stderr
    records = {record["formula"]: record for record in json.loads(result.stdout)}
    assert list(records) == ["InN", "GaSb", "InAs", "InSb"]
    for formula in ("InN", "GaSb", "InAs"):
        assert records[formula]["has_phonon_bandgap"] is True
        assert records[formula]["phonon_bandgap"] > 0
    # Within a third of the measured values (Table 2 of the paper).
    for formula, sound, cv in (
        ("InN", 3.80, 41.73), ("GaSb", 3.17, 47.87), ("InAs", 3.03, 47.43), ("InSb", 2.66, 47.32),
    ):  # fmt: skip
        assert records[formula]["speed_of_sound"] == pytest.approx(sound, rel=1 / 3)
        assert records[formula]["heat_capacity"] == pytest.approx(cv, rel=1 / 3)
    assert records["InN"]["phonon_bandgap"] == pytest.approx(215.0, rel=1 / 3)
    assert result.stderr == ""


def test_a_file_that_is_not_there_is_one_sentence(run, tmp_path):
    code, out, err = run("info", str(tmp_path / "model.json"))
    assert (code, out) == (2, "")
    assert err == f"phonon-tl: expected a file {tmp_path}/model.json, found none: check the path\n"
    _, _, err = run("info", str(tmp_path / "nosuch" / "model.json"))
    assert err == f"phonon-tl: expected a folder {tmp_path}/nosuch, found none: check the path\n"


def test_only_a_check_of_our_own_is_one_line(run, monkeypatch):
    code, out, err = run("predict", "InN", "--level", "2")
    assert (code, out) == (2, "")
    assert err == "phonon-tl: expected a level between 0 and 1, got 2.0\n"

    def bug(*_, **__):
        raise ValueError("expected 2 values to unpack")  # as of a library, not of this package

    monkeypatch.setattr(PhononPredictor, "predict_rows", bug)
    with pytest.raises(ValueError, match="to unpack"):
        run("predict", "InN")


def test_a_scheduler_that_does_not_answer_is_one_sentence(run, tmp_path, monkeypatch):
    monkeypatch.setattr("matminer_phonon_tl.screening.cluster.WAIT_S", 1)
    (tmp_path / "in.csv").write_text("formula\nInN\n")
    arguments = [str(tmp_path / "in.csv"), str(tmp_path / "out.csv")]
    code, out, err = run("screen", *arguments, "--scheduler", "tcp://127.0.0.1:9")
    assert (code, out) == (2, "")
    assert "expected a Dask scheduler at 'tcp://127.0.0.1:9', but connecting failed" in err
    assert not (tmp_path / "out.csv").exists()
