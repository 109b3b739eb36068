"""Every script in examples/ runs as it stands, and says in one line what it is for."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MADE = {
    "compare_two_models": ["ridge.json"],
    "derive_from_a_document": ["bands.png"],
    "featurize_with_matminer": ["descriptors.csv"],
    "probe_your_splitter": [],
    "screen_and_rank": ["hits.csv", "hits.html"],
    "train_and_share_a_classifier": ["gap_classifier.json.gz"],
    "transfer_from_your_own_source": [],
    "write_a_new_property": [],
}
"""The files that each leaves in the folder it is run in."""


def test_all_are_known():
    assert [path.stem for path in EXAMPLES] == sorted(MADE)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_purpose_is_one_line_and_the_script_is_short(path):
    text = path.read_text(encoding="utf-8")
    purpose = ast.get_docstring(ast.parse(text))
    assert purpose
    assert "\n" not in purpose
    assert len(text.splitlines()) < 40


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path):
    result = subprocess.run(
        [sys.executable, path],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()
    for name in MADE[path.stem]:
        assert (tmp_path / name).stat().st_size > 0
