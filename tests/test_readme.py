"""What README.md tells a newcomer to do works."""

import re
import subprocess
import sys
from pathlib import Path

from matminer_phonon_tl.cli.output import write_interval
from matminer_phonon_tl.cli.predict import SHORT
from matminer_phonon_tl.models import PhononPredictor

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PARTS = ("", "_lower", "_upper")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def test_the_first_block_holds_two_lines_that_stand_alone():
    language, block = BLOCKS[0]
    first, second = block.strip().splitlines()
    assert language == "sh"
    assert first.endswith("phonon-tl predict InN GaSb InAs InSb")
    assert '".[test]"' in second
    assert second.endswith("python -m pytest -n auto --dist loadfile")
    # Each makes the environment it uses, so that it works in a shell of its own.
    assert all(line.startswith("python3 -m venv .venv &&") for line in (first, second))


def test_the_ten_lines_run(tmp_path):
    (code,) = [block for language, block in BLOCKS if language == "python"]
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.rstrip().endswith("]")
    assert (tmp_path / "gap.json.gz").exists()


def test_the_table_shows_what_ships():
    frame = PhononPredictor.from_pretrained().predict(["InN", "GaSb", "InAs", "InSb"])
    for row in frame.to_dict("records"):
        (line,) = re.findall(rf"^\| {row['formula']} \|.*$", README, re.MULTILINE)
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        expected = [
            write_interval([row[f"{name}{part}"] for part in PARTS], SHORT[name][1])
            for name in ("phonon_bandgap", "speed_of_sound", "heat_capacity")
        ]
        if not row["has_phonon_bandgap"]:
            expected[0] = "none"
        assert cells[1::3] == expected, row["formula"]


def test_every_link_into_the_repository_leads_somewhere():
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("datasets/*.md")]:
        # of blocks of text, a link is the reader's own
        prose = re.sub(
            r"^```text\n.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        for target in re.findall(r"\]\(([^)#:]+)\)", prose):
            assert (page.parent / target).exists(), f"{target} in {page.name}"
