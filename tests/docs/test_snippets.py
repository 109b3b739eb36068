"""Every command and snippet of README.md and docs/ runs.

Blocks of a page run in order, in one namespace and one temporary folder. A block that cannot run
here has ``<!-- not run here: REASON -->`` on the line above it, or stands in ``ELSEWHERE``; it is
read all the same: Python must compile, and scripts, commands, options and extras must exist.
A block of ``text`` right after one that runs is what that prints, and must be true.
"""

import configparser
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import typer

from matminer_phonon_tl.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts),
]
FENCE = re.compile(
    r"^(?:<!-- not run here: (?P<reason>.*?) -->\n)?"
    r"(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<code>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
SHOWN = re.compile(r"\n\n```text\n(?P<output>.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = {"", "sh", "bash"}
NO_COMMANDS = {"text", "json", "bibtex"}

ELSEWHERE = {
    "docs/accuracy.md": {
        "python benchmarks/bulk_accuracy.py": "takes an hour and more",
    },
    "docs/performance.md": {
        "python=$(benchmarks/make_xenonpy_environment.sh": (
            "makes an environment from the network; .ci/run makes it for the tests"
        ),
        "python benchmarks/loading.py": "measures for minutes, and means nothing on a busy machine",
        **dict.fromkeys(
            (
                "python benchmarks/structures.py",
                "python benchmarks/matminer_rows.py",
                "python benchmarks/cold_start.py",
            ),
            "measures for minutes, beside an older tree",
        ),
        "python benchmarks/screening.py": "needs Matbench's formulas",
        "pip install skorch": "measures for minutes, and means nothing on a busy machine",
        "from matminer.datasets import load_dataset\n\ngaps": "downloads Matbench's band gaps",
        "python benchmarks/transfer_accuracy.py": "takes an hour and more",
        "python benchmarks/transfer_kyoto.py": (
            "draws the page's figure again; tests/benchmarks/test_transfer_kyoto.py holds its table"
        ),
        "from matminer_phonon_tl import load_phonon_tl\nfrom matminer_phonon_tl.evaluation import "
        "cross_validate": "trains seventy-five networks, twenty seconds of two cores",
    },
    "docs/reliability.md": {
        "python -m pytest -m fuzz": "runs for minutes; .ci/run does it",
        "python -m pytest -n auto": "runs all tests for minutes; .ci/run does it",
        "pip install atheris": "fuzzes for ten minutes, and atheris is no requirement",
    },
    "docs/screening.md": {
        'pip install -c constraints.txt ".[dask]"': (
            "needs a scheduler at that address; tests/screening/test_cluster.py runs one"
        ),
        "from dask.distributed import Client\nfrom dask_jobqueue": "needs a SLURM cluster",
        "from dask_kubernetes.operator import KubeCluster": ("needs a Kubernetes cluster"),
        "python benchmarks/screening.py": ("needs Matbench's formulas, and measures for minutes"),
    },
}
"""Reasons of blocks, by how they begin, on pages that carry no such comments."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    code: str
    reason: str | None
    shown: str | None = None

    @property
    def where(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def read_blocks(page):
    text = page.read_text(encoding="utf-8")
    elsewhere = ELSEWHERE.get(str(page.relative_to(ROOT)), {})
    blocks = []
    for match in FENCE.finditer(text):
        language = match["info"].strip()
        if language.startswith("{") or language in NO_COMMANDS:
            continue
        line = text[: match.start("code")].count("\n") + 1
        code = match["code"]
        listed = [why for start, why in elsewhere.items() if code.startswith(start)]
        reason = match["reason"] or next(iter(listed), None)
        shown = SHOWN.match(text, match.end())
        blocks.append(Block(page, line, language, code, reason, shown and shown["output"]))
    return blocks


BLOCKS = [block for page in PAGES for block in read_blocks(page)]
TO_RUN = [page for page in PAGES if any(b.page == page and b.reason is None for b in BLOCKS)]
NOT_RUN = [block for block in BLOCKS if block.reason is not None]


def test_every_block_is_of_a_kind_that_can_run():
    for block in BLOCKS:
        assert block.language in SHELL | {"python"}, f"{block.where}: {block.language}"


def test_what_is_not_run_says_why():
    for block in NOT_RUN:
        print(f"{block.where}: {block.reason}")  # noqa: T201 (the list, with pytest -s)
        assert len(block.reason.split()) >= 3, f"{block.where} needs a reason"
    marks = sum(page.read_text(encoding="utf-8").count("<!-- not run") for page in PAGES)
    known = sum(len(lines) for lines in ELSEWHERE.values())
    assert len(NOT_RUN) == marks + known, "a mark or an entry of ELSEWHERE belongs to no block"


@pytest.mark.parametrize("block", NOT_RUN, ids=lambda block: block.where)
def test_what_is_not_run_could_be(block):
    if block.language == "python":
        compile(block.code, block.where, "exec")
        return
    subprocess.run(["bash", "-n", "-c", block.code], check=True)
    for line in block.code.replace("\\\n", " ").splitlines():
        check_command(line)


def check_command(line):
    """Scripts, commands, options and extras that a line names exist."""
    words = shlex.split(line, comments=True)
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    if words[:1] == ["python"] and words[1] != "-m":
        source = (ROOT / words[1]).read_text(encoding="utf-8")
        unknown = {option for option in options if f'"{option}"' not in source}
        assert not unknown, f"{words[1]} has no {unknown}"
    if words and words[0].endswith("phonon-tl"):
        command = typer.main.get_command(app).commands[words[1]]
        unknown = options - {name for own in command.params for name in own.opts}
        assert not unknown, f"phonon-tl {words[1]} has no {unknown}"
    extras = configparser.ConfigParser()
    extras.read(ROOT / "setup.cfg")
    for extra in re.findall(r"matminer-phonon-tl\[(\w+)\]", line):
        assert extra in extras["options.extras_require"]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """Return an empty folder to work in, with the commands of this checkout."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, start in (("python", ""), ("phonon-tl", "-m matminer_phonon_tl.cli")):
        file = commands / name
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {start} "$@"\n')
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "80")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("page", TO_RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page, workplace):
    prepare(page, workplace)
    namespace = {"__name__": "__main__"}
    for block in read_blocks(page):
        if block.reason is not None:
            continue
        if block.language == "python":
            # Empty lines before it, so that an error names the line of the page.
            code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(code, namespace)  # noqa: S102 (the repository's own pages)
            output = printed.getvalue()
        else:
            output = run_shell(block)
        if block.shown is not None:
            assert lines(output) == lines(block.shown), f"{block.where} prints\n{output}"


def lines(text):
    """Lines without blanks at their ends, and without blank lines around them."""
    return [line.rstrip() for line in text.strip("\n").splitlines() if line.strip()]


def run_shell(block):
    result = subprocess.run(
        ["timeout", "120", "bash", "-e", "-c", block.code],
        capture_output=True,
        text=True,
        check=False,
    )
    print(result.stdout)  # noqa: T201 (shown where the page fails)
    assert result.returncode == 0, f"{block.where}: {result.stderr}"
    return result.stdout


def prepare(page, folder):
    """Make what a page takes for granted."""
    if page.name == "screening.md":
        formulas = ["BAs", "GaN", "BeO", "NaCl", "LiH", "nonsense"]
        table = pd.DataFrame({"formula": formulas, "mine": range(len(formulas))})
        table.to_csv(folder / "candidates.csv.gz", index=False)
