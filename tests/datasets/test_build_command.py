"""``phonon-tl build-dataset`` as a person runs it."""

import json
import subprocess
import sys

import pytest

from matminer_phonon_tl.datasets import load_dataset
from matminer_phonon_tl.datasets.sources import make_source


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "matminer_phonon_tl.cli", "build-dataset", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_build_and_compare(archive, tmp_path):
    output = tmp_path / "own.json.gz"
    run = command("petretto", output, "--path", archive, "--compare")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"3 rows in {output}; skipped: 1 imaginary modes, 1 corrupt")
    assert "speed_of_sound" in run.stdout
    assert "only in frame: 3" in run.stdout
    assert load_dataset(path=output)["material_id"].tolist() == ["mp-1", "mp-2", "mp-3"]


def test_json(archive, tmp_path):
    run = command("petretto", tmp_path / "a.json.gz", "--path", archive, "--compare", "--json")
    content = json.loads(run.stdout)
    assert content["rows"] == 3
    assert content["skipped"]["imaginary modes"] == 1
    assert content["compared"]["only_in_frame"] == 3
    assert content["compared"]["columns"][0]["column"] == "phonon_bandgap"


def test_errors_are_one_line(tmp_path):
    run = command("petretto", tmp_path / "a.json.gz", "--path", tmp_path / "nowhere")
    assert run.returncode == 2
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert line.startswith("phonon-tl: expected a folder or a tar archive of Petretto's")


def test_a_build_without_a_row_is_no_success(tmp_path):
    (tmp_path / "calculations" / "GaN").mkdir(parents=True)
    output = tmp_path / "a.json.gz"
    for options in ((), ("--json", "--compare")):
        run = command("phonopy", output, "--path", tmp_path / "calculations", *options)
        assert run.returncode == 1
        assert run.stderr == (
            "phonon-tl: expected an entry that gives a row, got none: "
            f"{tmp_path}/a.skipped.csv says why, if there were any\n"
        )
    assert json.loads(run.stdout)["skipped"] == {"no calculation": 1}


def test_a_wrong_path_does_not_stand_in_the_way_of_the_right_one(archive, tmp_path):
    output = tmp_path / "a.json.gz"
    assert command("petretto", output, "--path", tmp_path / "nowhere").returncode == 2
    run = command("petretto", output, "--path", archive)
    assert run.returncode == 0, run.stderr


def test_wrong_usage(tmp_path):
    run = command("petretto", tmp_path / "a.json.gz")
    assert run.returncode == 2
    assert run.stderr.startswith("phonon-tl: expected ")
    assert "pass --path FOLDER" in run.stderr
    assert command("nonsense", tmp_path / "a.json.gz").returncode == 2
    assert command("--help").returncode == 0


def test_sources_by_name(tmp_path):
    (tmp_path / "ids.txt").write_text("mp-149\nmp-13\n")
    assert make_source("materials_project", tmp_path / "ids.txt").count() == 2
    assert make_source("materials_project").count() is None
    assert make_source("petretto", tmp_path, use_flags=True).use_flags
    assert make_source("phonopy", tmp_path).name == "phonopy"
    with pytest.raises(ValueError, match="a source out of kyoto, materials_project, petretto and"):
        make_source("oqmd", tmp_path)
    with pytest.raises(ValueError, match="expected use_flags with petretto only, got it with phon"):
        make_source("phonopy", tmp_path, use_flags=True)
