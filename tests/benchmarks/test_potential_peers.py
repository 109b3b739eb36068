"""The potentials' benchmark goes on where it was stopped, and nothing of a tested row is fitted."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition

from matminer_phonon_tl.evaluation.splits import Split

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.skipif(
    not BENCHMARKS.exists(), reason="the benchmarks are in the repository"
)
START = {"potential": "EMT", "versions": {"ase": "3"}, "supercell_edge": 12.0}


@pytest.fixture(scope="module")
def peers():
    """Return the script as a module."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import potential_peers
    finally:
        sys.path.remove(str(BENCHMARKS))
    return potential_peers


def test_a_run_goes_on_after_a_line_that_a_kill_cut(peers, tmp_path):
    path = tmp_path / "new" / "emt.jsonl"
    assert peers.resume(path, START) == []
    whole = path.read_text() + '{"material_id": "mp-1"}\n'
    path.write_text(whole + '{"material_id": "mp-')
    assert peers.resume(path, START) == ["mp-1"]
    assert path.read_text() == whole
    with pytest.raises(SystemExit, match=r"expected .* to begin with .*'4'.*, got .*'3'.*: go on"):
        peers.resume(path, {**START, "versions": {"ase": "4"}})


def test_a_file_cut_in_its_first_line_begins_anew(peers, tmp_path):
    path = tmp_path / "emt.jsonl"
    path.write_text('{"potential')
    assert peers.resume(path, START) == []
    assert json.loads(path.read_text()) == START


def test_the_line_ignores_an_outlier(peers):
    x = np.arange(6.0)
    y = 2.0 + 3.0 * x
    y[4] = 1000.0
    assert peers.least_absolute_line(x, y) == pytest.approx((2.0, 3.0))


def test_a_calibration_knows_no_tested_label(peers):
    table = pd.DataFrame({"composition": [Composition(name) for name in ["GaN", "AlN"] * 4]})
    x = np.array([-9.0, 1, 2, 3, 4, 5, 6, np.nan])
    phonons = pd.DataFrame({"acoustic-optical gap [cm-1]": x})
    split = Split(0, 0, np.array([1, 2, 3, 4]), np.array([0, 5, 6, 7]))
    y = np.array([0.0, 12, 14, 16, 18, 0, 0, 0])
    expected = [0.0, 20.0, 22.0, 15.0]  # no gap below 0; the median where nothing is known
    for change in (0.0, 1000.0):
        y[split.test] = change
        found = peers.calibrated("phonon_bandgap", table, phonons, y, [split])
        assert found[0, split.test] == pytest.approx(expected)


def test_the_heat_capacity_is_a_mole_of_formula_units(peers):
    table = pd.DataFrame({"composition": [Composition("Al2O3"), Composition("Ga2N2")]})
    phonons = pd.DataFrame({"heat capacity per atom at 300 K [J/mol/K]": [20.0, 10.0]})
    splits = [Split(number, 0, np.array([0]), np.array([1])) for number in range(2)]
    found = peers.raw("heat_capacity", table, phonons, splits)
    assert found.tolist() == [[100.0, 20.0]] * 2


def test_the_stored_figures_are_of_gapped_materials(peers, phonon_tl):
    gapped = phonon_tl[phonon_tl["has_phonon_bandgap"]]
    stored = sorted(peers.FOLDER.glob("*.jsonl"))
    assert stored
    assert {path.stem for path in stored} <= set(peers.POTENTIALS)
    for path in stored:
        start, phonons = peers.read(path, gapped)
        assert start["supercell_edge"] == peers.EDGE
        assert not phonons.index.duplicated().any()
        named = gapped.set_index("material_id").loc[phonons.index, "formula"]
        assert named.tolist() == phonons["formula"].tolist()
        known = phonons["signed acoustic-optical gap [cm-1]"]
        edges = [f"{edge} frequency [cm-1]" for edge in ("lowest optical", "highest acoustic")]
        assert known.to_numpy() == pytest.approx(
            phonons[edges[0]] - phonons[edges[1]], rel=1e-3, abs=1e-2
        )
