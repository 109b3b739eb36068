"""``phonon-tl screen`` as a person runs it, in processes of its own."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import fields
from inspect import signature

import numpy as np
import pandas as pd
import pytest

from matminer_phonon_tl import screening
from matminer_phonon_tl.cli.screen import screen
from matminer_phonon_tl.screening.settings import ScreeningSettings

COMMAND = [sys.executable, "-m", "matminer_phonon_tl.cli", "screen"]


def run(*arguments, cwd, stdin="", **options):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd, input=stdin, capture_output=True, text=True, check=False, **options,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path, phonon_tl):
    """Return a folder with 600 distinct formulas, some of them twice, and some that are none."""
    formulas = phonon_tl["formula"].drop_duplicates().tolist()[:600]
    formulas[100] = formulas[500] = "Qq"
    formulas[250:260] = formulas[:10]
    frame = pd.DataFrame({"id": range(600), "formula": formulas})
    frame.to_csv(tmp_path / "in.csv", index=False)
    return tmp_path


def test_options_and_defaults_are_those_of_the_settings():
    command = {name: each.default for name, each in signature(screen).parameters.items()}
    command["n_jobs"] = command.pop("jobs")
    settings = {each.name: each.default for each in fields(ScreeningSettings)}
    assert {name: command[name] for name in settings} == settings
    function = signature(screening.screen).parameters
    assert {name: function[name].default for name in settings} == settings


def test_from_standard_input_to_standard_output(tmp_path):
    result = run(
        "-", "-", "--columns", "formula,has_phonon_bandgap,error",
        cwd=tmp_path, stdin="formula\nInN\nQq\n=1+1\n",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[:2] == ["formula,has_phonon_bandgap,error", "InN,True,"]
    assert lines[2].startswith("Qq,,\"expected chemical elements, got 'Qq'")
    assert lines[3].startswith("'=1+1,,")
    assert result.stderr.count("\n") == 1
    assert "3 rows screened" in result.stderr
    assert "2 of them with an error" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_warnings_are_one_line(tmp_path):
    lines = '{"formula": "InN"}\n' * 2 + '{"formula": "BAs", "x": 1}\n'
    result = run("-", "-", "--chunk-rows", 2, "--columns", "formula", cwd=tmp_path, stdin=lines)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "formula\nInN\nInN\nBAs\n"
    assert "'x' (row 2) came later and are left out" in result.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no.csv", "out.csv"], "expected an input file, found none at no.csv"),
        (["in.csv", "out.xls"], "expected an output named .parquet, .csv, .csv.gz or .xlsx"),
        (["in.csv", "no/out.csv"], "expected the output in a folder that exists"),
        (["in.csv", "out.csv", "--formula", "name"], "expected a column 'name' in in.csv"),
        (["in.csv", "out.csv", "--where", "import os"], "expected 'and', 'or' or the end"),
        (["in.csv", "out.csv", "--model", "in.csv"], "in.csv: expected JSON"),
        (["in.csv", "/proc/out.csv"], "expected to be able to write /proc/out.csv"),
        (["in.csv", "out.csv", "--html", "no/x.html"], "expected the page in a folder that exists"),
        (["in.csv", "out.csv", "--plot", "x.jpg"], "expected --plot as a .png, .svg or .pdf file"),
        (["in.csv", "out.csv", "--plot", "x.svg", "--html", "x.svg"], "page and figure in two"),
        (["in.csv", "out.csv", "--plot", "x.svg", "--by", "formula"], "expected --top with --by"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(folder, arguments, sentence):
    result = run(*arguments, cwd=folder)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr
    assert not (folder / "out.csv").exists()


@pytest.mark.parametrize(("limit", "reason"), [(400_000, "File too large"), (150_000, "disk")])
def test_a_disk_that_is_full_keeps_what_is_finished(folder, limit, reason):
    """A limit on the size of files stands in for the disk: all chunks fit in it, or a few."""
    frame = pd.read_csv(folder / "in.csv")
    frame.assign(note="much of the CSV, little of Parquet " * 30).to_csv(folder / "in.csv")

    def set_limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    result = run("in.csv", "out.csv", "--chunk-rows", 100, cwd=folder, preexec_fn=set_limit)
    assert result.returncode == 2
    sentence = f"expected to be able to write out.csv, but that failed: {reason}"
    assert sentence in result.stderr
    assert "--resume goes on with it" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (folder / "out.csv").exists()
    result = run("in.csv", "out.csv", "--chunk-rows", 100, "--resume", cwd=folder)
    assert result.returncode == 0
    resumed = 600 if limit == 400_000 else 300
    assert f"{resumed} of them by the run before this" in result.stderr
    assert len(pd.read_csv(folder / "out.csv")) == 600


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_standard_output_that_is_full(folder):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        result = subprocess.run(
            [*COMMAND, "in.csv", "-"], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert result.returncode == 2
    assert (
        "expected to be able to write standard output, but that failed: No space" in result.stderr
    )
    assert "Traceback" not in result.stderr


def test_a_reader_that_goes_away(folder):
    piped = f"{' '.join(COMMAND)} in.csv - --chunk-rows 50 | head -1"
    result = subprocess.run(
        ["bash", "-c", piped], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.stdout.startswith("id,formula,has_phonon_bandgap")
    assert "Traceback" not in result.stderr


@pytest.fixture
def wait_for_chunks(count_entries):
    def wait_for_chunks(folder, process, n_chunks):
        while process.poll() is None:
            if count_entries(folder / "out.parquet.parts" / "chunks.sqlite3") >= n_chunks:
                return
            time.sleep(0.01)
        pytest.fail(process.communicate()[1].decode())

    return wait_for_chunks


@pytest.fixture
def start(folder):
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_two_processes_with_the_same_output(folder, start, wait_for_chunks):
    first = start("-", "out.parquet", "--chunk-rows", 5)
    first.stdin.write(b"formula\n" + b"InN\n" * 30)
    first.stdin.flush()
    wait_for_chunks(folder, first, 1)
    second = run("in.csv", "out.parquet", "--resume", cwd=folder)
    assert second.returncode == 2
    assert "for this run alone, found it in use by another one; wait" in second.stderr
    assert second.stderr.count("\n") == 1
    first.communicate()
    assert first.returncode == 0
    assert len(pd.read_parquet(folder / "out.parquet")) == 30


@pytest.mark.slow
def test_killed_at_any_moment_no_row_is_lost_doubled_or_changed(folder, start, wait_for_chunks):
    """Kill -9 at random moments, from before the first chunk to the writing of the output."""
    options = ("--chunk-rows", 7)
    assert run("in.csv", "whole.parquet", *options, cwd=folder).returncode == 0
    whole = pd.read_parquet(folder / "whole.parquet")
    seed = int(np.random.SeedSequence().generate_state(1)[0])
    moments = np.random.default_rng(seed)
    n_chunks = -(-600 // 7)
    killed = 0
    for low in (0, 5, 20, 50, 80):
        process = start("in.csv", "out.parquet", "--resume", *options)
        wait_for_chunks(folder, process, min(low + int(moments.integers(10)), n_chunks - 1))
        time.sleep(moments.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed >= 4, f"seed {seed}"
    if not (folder / "out.parquet").exists():
        result = run("in.csv", "out.parquet", "--resume", *options, cwd=folder)
        assert result.returncode == 0, (seed, result.stderr)
        assert "by the run before this" in result.stderr
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "out.parquet"), whole, check_exact=True)
    assert len(whole) == 600
    assert whole["id"].tolist() == [str(n) for n in range(600)]
    assert sorted(path.name for path in folder.iterdir()) == [
        "in.csv",
        "out.parquet",
        "whole.parquet",
    ]


def test_help_is_readable_on_a_narrow_terminal(tmp_path):
    result = run("--help", cwd=tmp_path, env=os.environ | {"COLUMNS": "60"})
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines())) <= 60
    assert "\u2026" not in result.stdout


def test_the_result_says_what_made_it(folder):
    import pyarrow.parquet as pq

    result = run(
        "in.csv", "out.parquet", "--top", 3, "--by", "speed_of_sound", "--plot", "x.png", cwd=folder
    )
    assert result.returncode == 0
    assert (folder / "x.png").read_bytes().startswith(b"\x89PNG")
    frame = pd.read_parquet(folder / "out.parquet")
    assert frame["speed_of_sound"].is_monotonic_decreasing
    assert len(frame) == 3
    metadata = json.loads(pq.read_schema(folder / "out.parquet").metadata[b"matminer-phonon-tl"])
    assert metadata["input"] == "in.csv"
