"""What is offered to matminer works in a copy of it, and gives what this package gives."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Composition

from matminer_phonon_tl.featurizers import XenonPyDescriptors

ROOT = Path(__file__).parents[2]
OFFER = ROOT / "docs" / "upstream"


def test_the_check_passes(tmp_path):
    result = subprocess.run(
        [sys.executable, OFFER / "check.py"], cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "read: (1245, 16)" in result.stdout
    assert "Ran 4 tests" in result.stderr


def test_the_offered_featurizer_gives_the_same(tmp_path, monkeypatch, phonon_tl):
    table = ROOT / "matminer_phonon_tl" / "featurizers" / "element_table.csv"
    (tmp_path / "data_files").mkdir()
    (tmp_path / "data_files" / "xenonpy_elements.csv").write_bytes(table.read_bytes())
    monkeypatch.setattr("matminer.utils.data.module_dir", str(tmp_path))
    spec = importlib.util.spec_from_file_location("offered", OFFER / "xenonpy.py")
    offered = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(offered)
    theirs, ours = offered.XenonPyElementProperty(impute_nan=False), XenonPyDescriptors()
    assert theirs.feature_labels() == ours.feature_labels()
    for composition in phonon_tl["composition"][::60]:
        np.testing.assert_allclose(
            theirs.featurize(composition), ours.featurize(composition), rtol=1e-9, atol=1e-9
        )
    assert np.isnan(theirs.featurize(Composition("CmO2"))).all()


@pytest.mark.parametrize("file", ["xenonpy.py", "test_xenonpy.py", "test_phonon_tl.py"])
def test_the_offer_does_not_need_this_package(file):
    assert "matminer_phonon_tl" not in (OFFER / file).read_text(encoding="utf-8")


LIST = """\
# Add-ons

## Add-ons for Analysis

* [one](http://example.org/one): Does one thing.

## External Tools

Tell us of yours.

* [two](https://example.org/two): Does two things. By its maker.
* [three](https://example.org/three): Does three.
{after}"""


def offer(*arguments):
    return subprocess.run(
        [sys.executable, OFFER / "pymatgen_addons.py", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("after", ["", "\n## Another\n\n* [four](https://example.org/4): Four.\n"])
def test_our_entry_comes_last_on_pymatgens_list(tmp_path, after):
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "addons.md"
    page.write_text(LIST.format(after=after))
    change = offer(tmp_path, "https://example.org/ours")
    assert change.returncode == 0, change.stderr
    added = [line for line in change.stdout.splitlines() if line[:1] == "+" and line[:3] != "+++"]
    assert len(added) == 1
    assert added[0].startswith("+* [matminer-phonon-tl](https://example.org/ours): Predicts ")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "apply"], cwd=tmp_path, input=change.stdout, text=True, check=True)
    lines = page.read_text().splitlines()
    place = lines.index(added[0][1:])
    assert lines[place - 1].startswith("* [three]")
    assert lines[place + 1 :] == after.splitlines()
    again = offer(tmp_path, "https://example.org/ours")
    assert again.stderr == (
        "expected docs/addons.md without matminer-phonon-tl, but it is there already\n"
    )
    assert again.returncode == 1


@pytest.mark.parametrize(
    ("page", "address", "sentence"),
    [
        (None, "https://example.org", "expected a checkout of pymatgen with docs/addons.md, got "),
        (LIST, "example.org", "expected an address that starts with https://, got 'example.org'"),
        ("# Add-ons\n", "https://example.org", "expected the section '## External Tools'"),
        (LIST.replace("): Does t", ") does t"), "https://example.org", "expected the section"),
    ],
)
def test_a_list_of_another_form_is_left_alone(tmp_path, page, address, sentence):
    (tmp_path / "docs").mkdir()
    if page is not None:
        (tmp_path / "docs" / "addons.md").write_text(page.format(after="") if page else page)
    result = offer(tmp_path, address)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1
