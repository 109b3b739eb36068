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
