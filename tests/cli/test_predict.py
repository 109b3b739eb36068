"""``phonon-tl predict`` with files, and with options."""

import json
import subprocess
import sys

import pytest
from pymatgen.core import Lattice, Structure

from matminer_phonon_tl import cli


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["phonon-tl", "predict", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return run


@pytest.fixture
def files(tmp_path):
    """A conventional cell as CIF, the primitive one as POSCAR."""
    structure = Structure.from_spacegroup(
        "F-43m", Lattice.cubic(4.98), ["In", "N"], [[0] * 3, [0.25] * 3]
    )
    structure.to(str(tmp_path / "InN.cif"))
    structure.get_primitive_structure().to(str(tmp_path / "POSCAR"), fmt="poscar")
    return str(tmp_path / "InN.cif"), str(tmp_path / "POSCAR")


def test_files_of_one_crystal_agree(run, files):
    code, out, _ = run("--json", *files)
    assert code == 0
    cif, poscar = json.loads(out)
    assert cif["formula"] == "InN.cif (In1N1)"
    assert poscar["formula"] == "POSCAR (In1N1)"
    assert cif["phonon_bandgap"] == pytest.approx(poscar["phonon_bandgap"], rel=1e-4)


def test_structures_alone_are_asked_of_the_models_that_know_them(run, files):
    assert "the models that know structures" in run(*files)[1]
    _, out, _ = run("--composition", *files)
    assert "the models that know structures" not in out


def test_a_structure_beside_a_formula_is_said_not_to_be_used(run, files, tmp_path):
    note = "its structure was not used, since not all are structures: ask for it alone"
    _, mixed, _ = run("--json", files[0], "InN")
    of_file, of_formula = json.loads(mixed)
    assert of_file["speed_of_sound"] == pytest.approx(of_formula["speed_of_sound"])
    assert (of_file["note"], of_formula["note"]) == (note, "")
    _, out, _ = run(files[0], "InN")
    assert f"InN.cif (In1N1): {note}." in " ".join(out.split())
    for asked in (["--composition", files[0], "InN"], list(files), [files[0], "nosuch.cif"]):
        assert "was not used" not in run(*asked)[1]
    (tmp_path / "broken.cif").write_text("data_")
    _, out, _ = run(str(tmp_path / "broken.cif"), "InN")
    assert "was not used" not in out


def test_nothing_is_said_of_predictions_where_there_are_none(run):
    code, out, err = run("nosuch.cif")
    assert code == 1
    assert out.split() == [
        "formula", "has", "gap", "gap,", "cm-1", "mean", "sound,", "km/s", "Cv,", "J/mol/K",
        "similarity", "\u2500" * 73, "nosuch.cif", "error",
    ]  # fmt: skip
    assert "found none of that name" in err


def test_a_bad_file_is_one_rows_error(run, tmp_path):
    (tmp_path / "broken.cif").write_text("data_\nnothing")
    code, out, err = run("--json", "GaN", str(tmp_path / "broken.cif"), "missing.cif")
    assert code == 1
    good, broken, missing = json.loads(out)
    assert good["error"] is None
    assert "expected a structure file that can be read" in broken["error"]
    assert "found none of that name" in missing["error"]
    assert len(err.strip().splitlines()) == 2


def test_options_reach_the_predictor(run):
    _, plain, _ = run("--json", "NaCl", "InN")
    _, other, _ = run("--json", "--conditional", "--level", "0.5", "NaCl", "InN")
    narrow, wide = json.loads(other)[1], json.loads(plain)[1]
    assert narrow["phonon_bandgap_upper"] < wide["phonon_bandgap_upper"]
    assert json.loads(other)[0]["phonon_bandgap"] is not None
    _, doubled, _ = run("--json", "--n-formula-units", "2", "InN")
    assert json.loads(doubled)[0]["formula"] == "In2N2"
    code, _, err = run("--level", "2", "InN")
    assert code == 2
    assert "expected a level between 0 and 1" in err


def test_other_known_cells_are_pointed_out(run):
    assert "GaN: trained on this formula in cells of 2 atoms" in run("GaN")[1]


def test_predicting_waits_for_nothing_it_does_not_need():
    """And what was put off is there for whoever asks, however it is imported."""
    code = """
import sys
from matminer_phonon_tl import cli
sys.argv = ["phonon-tl", "predict", "GaN"]
try:
    cli.main()
except SystemExit as ended:
    assert not ended.code
for name in ("torch", "scipy.stats._stats_py", "matplotlib.pyplot", "plotly.express"):
    assert name not in sys.modules, name
import scipy.stats
from scipy.stats import rankdata
from sklearn.utils import fixes
import scipy.stats.distributions
assert scipy.stats.norm.cdf(0) == 0.5 and rankdata([2, 1]).tolist() == [2, 1]
assert fixes.scipy.stats.mode is sys.modules["scipy.stats"].mode
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
