"""The other backend: XenonPy itself, in the environment that it needs."""

import os
import subprocess
from pathlib import Path

import pytest

from matminer_phonon_tl.exceptions import (
    MissingExtraError,
)
from matminer_phonon_tl.featurizers import XenonPyDescriptors


def test_unknown_backend():
    with pytest.raises(ValueError, match="expected backend 'native' or 'xenonpy', got 'fast'"):
        XenonPyDescriptors(backend="fast").featurize("GaN")


def test_missing_xenonpy_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xenonpy.descriptor", None)
    with pytest.raises(MissingExtraError, match=r"make_xenonpy_environment\.sh"):
        XenonPyDescriptors(backend="xenonpy").featurize("GaN")


CONFORMANCE = """
import numpy as np
from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.featurizers import XenonPyDescriptors, load_element_table
from matminer_phonon_tl.featurizers.element_table import ElementTable
compositions = load_phonon_tl()["composition"].tolist()
compositions += [{s: 0.7, "O": 1.3} for s in load_element_table().index] + ["Li0.5CoO2", "Cu"]
ours = XenonPyDescriptors().featurize_array(compositions)
theirs = XenonPyDescriptors(backend="xenonpy").featurize_array(compositions)
scale = np.abs(load_element_table().to_numpy()).max(axis=0)
scales = np.concatenate([scale, scale, scale**2, scale, scale])
print(len(compositions), (np.abs(ours - theirs) / np.maximum(np.abs(theirs), scales)).max())
"""


def test_xenonpy_itself_agrees():
    """All 1245 compositions, every element of the table and fractional amounts."""
    python = os.environ.get("PHONON_TL_XENONPY_PYTHON")
    if not python:
        pytest.skip(
            "PHONON_TL_XENONPY_PYTHON is not set: it names the interpreter that "
            "benchmarks/make_xenonpy_environment.sh makes"
        )
    result = subprocess.run(
        [python, "-c", CONFORMANCE],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    n_compared, worst = result.stdout.split()
    assert n_compared == "1341"
    assert float(worst) < 1e-12
