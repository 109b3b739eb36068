"""``phonon-tl properties`` as a person runs it."""

import csv
import gzip
import json
import re
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from matminer_phonon_tl.cli.properties import parse_temperatures
from matminer_phonon_tl.phonons import debye_dos, diatomic_chain, phonon_properties

ROOT = Path(__file__).parents[2]
GAN = ROOT / "tests" / "files" / "GaN_springs"


@pytest.fixture
def run(run_cli):
    return partial(run_cli, "properties")


@pytest.fixture
def chain(tmp_path):
    """Bands of a model crystal whose gap, 210.41 cm-1, has a closed form."""
    path = tmp_path / "chain.json"
    path.write_text(json.dumps(diatomic_chain(springs=(60.0, 60.0, 60.0)).as_dict()))
    return path


def test_one_calculation_is_a_list(run, chain):
    code, out, err = run(chain)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == str(chain)
    assert "  gap                 210.4 cm-1: acoustic up to 170.9, optical from 381.3\n" in out
    assert "  speed of sound      5.88 km/s, mean over the path" in out
    assert "  units               THz (inferred)\n" in out
    assert max(map(len, out.splitlines()[1:])) <= 80  # the first is the path


def test_several_are_a_table_where_it_fits(run, chain):
    code, out, _ = run(chain, chain, columns="200")
    assert code == 0
    rows = [line for line in out.splitlines() if line.strip().startswith(str(chain))]
    assert len(rows) == 2
    assert rows[0].split()[1:4] == ["GaN", "yes", "210.4"]
    assert "Debye, K" in out
    assert out.count("Debye temperature: it takes force constants.") == 1
    _, narrow, _ = run(chain, chain, columns="60")
    assert narrow.count("  Debye temperature   -\n") == 2
    assert max(map(len, narrow.splitlines()[1:14])) <= 60


def test_what_fails_does_not_lose_the_others(run, chain, tmp_path):
    (tmp_path / "broken.json").write_text("{")
    code, out, err = run(tmp_path / "nowhere", tmp_path / "broken.json", chain)
    assert code == 1
    assert "210.4 cm-1" in out
    lines = err.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("found none; check the path")
    assert lines[1].startswith(f"{tmp_path / 'broken.json'}: expected JSON in broken.json")


def test_whatever_is_raised_is_one_line(run, chain, monkeypatch):
    from matminer_phonon_tl import phonons

    def fail(*_, **__):
        raise KeyError("odd\nthing")

    monkeypatch.setattr(phonons, "phonon_properties", fail)
    code, _, err = run(chain)
    assert code == 1
    assert err == (
        f"{chain}: expected a phonon calculation that can be read, but that failed (KeyError: "
        "'odd\\nthing'); check the file\n"
    )


def test_a_folder_with_a_broken_file(run, chain, tmp_path):
    assert chain.parent == tmp_path
    (tmp_path / "broken.json").write_text("{")
    code, out, err = run(tmp_path)
    assert code == 1
    assert "210.4 cm-1" in out
    assert err.startswith(f"{tmp_path}/broken.json: expected JSON")


def test_json(run, chain, tmp_path):
    code, out, _ = run(chain, tmp_path / "nowhere", "--json")
    assert code == 1
    good, bad = json.loads(out)
    assert good["acoustic_optical_gap"] == pytest.approx(210.413, abs=1e-3)
    assert good["debye_temperature"] is None
    assert good["error"] is None
    assert bad == {"path": str(tmp_path / "nowhere"), "error": bad["error"]}


def test_a_curve(run, tmp_path):
    (tmp_path / "dos.json").write_text(json.dumps(debye_dos(10.0).as_dict()))
    arguments = (tmp_path / "dos.json", "--unit", "THz", "--temperature", "100:300:100")
    code, out, _ = run(*arguments)
    assert code == 0
    assert "per mole of reduced formula units" in out
    document = json.loads(run(*arguments, "--json")[1])[0]
    assert document["temperatures"] == [100.0, 200.0, 300.0]


def test_the_unit_of_a_document_that_leaves_it_open(run, tmp_path):
    (tmp_path / "dos.json").write_text(json.dumps(debye_dos(12.0).as_dict()))
    code, _, err = run(tmp_path / "dos.json")
    assert code == 1
    assert 'pass unit="THz" or unit="cm-1"' in err
    code, out, _ = run(tmp_path / "dos.json", "--unit", "THz")
    assert code == 0
    assert "THz (as given)" in out


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables(run, chain, tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    code, out, _ = run(chain, "--out", path, "--temperature", "10,20")
    assert code == 0
    assert f"written to {path}\n" in out
    if ending == "csv":
        (row,) = csv.DictReader(path.read_text().splitlines())
        assert row["speed_of_sound [km/s, mean of the three acoustic waves]"] == "5.8758"
        assert row["heat_capacity_20K [J/mol/K]"] == ""
        assert row["notes"].startswith("heat capacity: it takes a density")


def test_a_curve_is_named_by_formula_and_by_path_where_that_is_needed(run, chain, test_data):
    salt = test_data / "raw_phonons" / "RbI_mp-23302_phonon_doc.json.gz"
    out = run(chain, salt, "--temperature", "100", columns="60")[1]
    assert re.search(r"T, K +GaN +RbI *\n", out)
    assert "GaN (chain)" in run(chain, chain, salt, "--temperature", "100", columns="80")[1]


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_a_table_has_a_column_for_each_temperature(run, tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    code, _, _ = run(GAN, "--out", path, "--temperature", "100:300:100")
    assert code == 0
    readers = {"csv": pd.read_csv, "parquet": pd.read_parquet, "xlsx": pd.read_excel}
    (row,) = readers[ending](path).to_dict("records")
    unit = "" if ending == "parquet" else " [J/mol/K]"
    found = [row[f"heat_capacity_{t}K{unit}"] for t in (100, 200, 300)]  # as predict names them
    assert found == pytest.approx([15.772, 27.496, 35.749], abs=2e-3)
    assert row[f"heat_capacity{unit}"] == pytest.approx(found[-1])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--out", "table.txt"], "expected a table named NAME.csv"),
        (["--plot", "figure.txt"], "expected --plot as a .png, .svg or .pdf file"),
        (["--temperature", "300:10:10"], "expected --temperature as 300, 100,200 or"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(run, arguments, sentence):
    code, out, err = run("nowhere", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"phonon-tl: {sentence}")
    assert "nowhere" not in err


@pytest.mark.parametrize(
    "text", ["", "x", "-3", "1:2", "1:2:0", "10:20:-1", "0:1e9:1e-9", "nan", "1:inf:1"]
)
def test_temperatures_that_are_none(text):
    with pytest.raises(ValueError, match=r"expected --temperature as 300, 100,200 or FIRST:LAST"):
        parse_temperatures(text)


def test_temperatures():
    assert parse_temperatures("10:1000:10") == [10.0 * n for n in range(1, 101)]
    assert parse_temperatures("100,200") == [100.0, 200.0]
    assert parse_temperatures(None) == parse_temperatures("300") == [300.0]


def test_figures(run, chain, tmp_path):
    code, out, _ = run(chain, "--plot", tmp_path / "one.svg")
    assert code == 0
    assert "acoustic-optical gap 210" in svg_text(tmp_path / "one.svg") or out
    other = tmp_path / "other" / "chain.json"
    other.parent.mkdir()
    other.write_text(chain.read_text())
    code, out, _ = run(chain, other, "--plot", tmp_path / "many.png")
    assert code == 0
    assert sorted(path.name for path in tmp_path.glob("many*")) == [
        "many-chain-2.png",
        "many-chain.png",
    ]
    assert f"written to {tmp_path}/many-chain-2.png" in out


def svg_text(path):
    return re.sub(r"<[^>]+>", " ", path.read_text())


def test_predictions_stand_beside(run, chain, tmp_path):
    code, out, _ = run(chain, "--predict")
    assert code == 0
    assert out.count("    predicted  ") == 3
    assert "with its 90 % interval" in " ".join(out.split())
    document = json.loads(run(chain, "--predict", "--json")[1])[0]["prediction"]
    assert document["speed_of_sound_lower"] < document["speed_of_sound"]
    run(chain, "--predict", "--out", tmp_path / "x.csv")
    (row,) = csv.DictReader((tmp_path / "x.csv").read_text().splitlines())
    assert float(
        row["predicted_speed_of_sound [km/s, mean of the three acoustic waves]"]
    ) == pytest.approx(document["speed_of_sound"], rel=1e-4)


def test_a_prediction_beside_ones_phonons_says_what_it_was_trained_on(run, tmp_path):
    pytest.importorskip("phonopy", reason="the extra phonopy is not installed")
    path = ROOT / "tests/files/GaN_springs"
    _, out, _ = run(path, "--predict")
    assert "GaN_springs, its prediction: trained on this formula" in " ".join(out.split())
    assert "trained on" not in run(path)[1]
    run(path, "--predict", "--out", tmp_path / "x.csv")
    (row,) = csv.DictReader((tmp_path / "x.csv").read_text().splitlines())
    assert row["predicted_note"].startswith("trained on this formula")


def test_force_constants_of_the_fixture_and_what_readme_shows_of_them(run, monkeypatch):
    pytest.importorskip("phonopy", reason="the extra phonopy is not installed")
    monkeypatch.chdir(ROOT)
    code, out, err = run("tests/files/GaN_springs")
    assert (code, err) == (0, "")
    readme = (ROOT / "README.md").read_text()
    shown = re.search(
        r"phonon-tl properties tests/files/GaN_springs.*?\n```\n\n```text\n(.*?)```",
        readme,
        re.DOTALL,
    )
    assert out == shown[1]


def test_the_fixture_is_the_model_crystal_with_charges():
    pytest.importorskip("phonopy", reason="the extra phonopy is not installed")
    import numpy as np
    from phonopy.interface.calculator import get_calculator_physical_units

    from matminer_phonon_tl.phonons import zincblende_springs

    phonon = zincblende_springs(supercell=2)
    phonon.nac_params = {
        "born": np.array([np.eye(3), -np.eye(3)]) * 1.3,
        "dielectric": 5.0 * np.eye(3),
        "factor": get_calculator_physical_units(None).nac_factor,
    }
    found, expected = phonon_properties(GAN), phonon_properties(phonon)
    assert found.speeds == pytest.approx(expected.speeds, rel=1e-5)
    assert found.max_frequency == pytest.approx(expected.max_frequency, rel=1e-6)


def test_documents_of_the_materials_project(run, test_data):
    path = test_data / "raw_phonons" / "RbI_mp-23302_phonon_doc.json.gz"
    code, out, _ = run(path)
    assert code == 0
    assert "  gap                 none: acoustic to 61.3 overlaps optical from 45.5 cm-1\n" in out
    table = run(path, path, columns="200")[1]
    assert table.count("none, overlap 15.8") == 2
    assert gzip.decompress(path.read_bytes())[:1] == b"{"
