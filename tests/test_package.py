"""What importing the package does and does not do."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import matminer_phonon_tl
from matminer_phonon_tl import datasets, featurizers, models

ROOT = Path(matminer_phonon_tl.__file__).parents[1]


def modules_after(code):
    ask = "; import sys; print(' '.join(sys.modules))"
    return subprocess.run(
        [sys.executable, "-c", code + ask], capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.parametrize(
    "code",
    [
        "import matminer_phonon_tl as m; m.load_phonon_tl()",
        "from matminer_phonon_tl.featurizers import XenonPyDescriptors as X; X().featurize('GaN')",
        "import matminer_phonon_tl.phonons",
        "from matminer_phonon_tl.models import PhononGapClassifier, PhononPredictor, load_model",
        "from matminer_phonon_tl.models import TransferMLPRegressor",
    ],
)
def test_torch_is_imported_only_where_it_trains(code):
    assert "torch" not in modules_after(code)


def test_importing_is_light():
    loaded = modules_after("import matminer_phonon_tl")
    for heavy in ("sklearn", "matplotlib.pyplot", "plotly", "imblearn", "matminer.featurizers"):
        assert heavy not in loaded


def test_public_names_resolve():
    for module in (matminer_phonon_tl, datasets, featurizers, models):
        for name in module.__all__:
            assert getattr(module, name) is not None
        assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="no attribute 'Phonon'"):
        _ = matminer_phonon_tl.Phonon
    with pytest.raises(AttributeError, match="no attribute 'Phonon'"):
        _ = models.Phonon


def test_version_is_written_in_one_place():
    assert version("matminer-phonon-tl") == matminer_phonon_tl.__version__


def test_nothing_in_the_package_pickles_or_evaluates():
    for path in (ROOT / "matminer_phonon_tl").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word in (
            "import pickle",
            "joblib.load",
            "joblib.dump",
            "torch.save",
            "torch.load",
            "eval(",
            "exec(",
        ):
            # Constants alone are read by literal_eval.
            assert word not in text.replace("literal_eval(", ""), f"{word} in {path}"
