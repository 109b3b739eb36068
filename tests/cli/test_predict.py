"""``phonon-tl predict`` with files, and with options."""

import json
import re
import subprocess
import sys
from functools import partial

import pytest
from pymatgen.core import Lattice, Structure


@pytest.fixture
def run(run_cli):
    return partial(run_cli, "predict")


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
    assert [cif["formula"], poscar["formula"]] == ["InN", "InN"]
    assert [cif["file"], poscar["file"]] == list(files)
    assert cif["phonon_bandgap"] == pytest.approx(poscar["phonon_bandgap"], rel=1e-4)


def test_structures_alone_are_asked_of_the_models_that_know_them(run, files):
    assert "the models that know structures" in run(*files)[1]
    _, out, _ = run("--composition", *files)
    assert "the models that know structures" not in out


def test_structures_beside_formulas_are_asked_of_their_own_models(run, files):
    _, mixed, _ = run("--json", files[0], "InN")
    _, alone, _ = run("--json", files[0])
    of_file, of_formula = json.loads(mixed)
    assert of_file == json.loads(alone)[0]
    assert of_formula == json.loads(run("--json", "InN")[1])[0]
    _, out, _ = run(files[0], "InN")
    assert (
        "Structures were asked of the models that know structures, formulas of those"
        in " ".join(out.split())
    )


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
    said = " ".join(run("GaN")[1].split())
    assert "GaN: trained on this formula in cells of 2 atoms" in said


def test_calculated_values_stand_beside_the_prediction(run):
    _, out, _ = run("SnSe", "InN", columns="100")
    lines = [line.split() for line in out.splitlines() if line.startswith("mp-")]
    assert [line[:3] for line in lines] == [
        ["mp-691", "Sn4Se4", "Pnma"], ["mp-2693", "SnSe", "Fm-3m"],
        ["mp-8936", "Sn2Se2", "Fm-3m"],
    ]  # fmt: skip
    assert lines[0][4:] == ["none", "/", "-", "2.27", "/", "-", "48.7", "/", "-"]
    narrow = run("SnSe", columns="60")[1]
    assert "mp-691 Sn4Se4, Pnma (62): gap none/-, mean sound 2.27/-, Cv" in narrow
    assert max(map(len, narrow.splitlines())) <= 60
    _, out, _ = run("--json", "Sn2Se2", "InN", "--n-formula-units", "2")
    twice, unknown = json.loads(out)
    assert unknown["known"] == []
    assert [each["material_id"] for each in twice["known"]] == ["mp-691", "mp-2693", "mp-8936"]
    stable = twice["known"][0]
    assert stable["space_group"] == 62
    assert stable["heat_capacity"] == pytest.approx(4 * stable["heat_capacity_per_atom"])


def test_unstable_polymorphs_are_counted(run):
    _, out, _ = run("SiO2")
    assert "SiO2: 53 polymorphs have imaginary modes in phonondb_kyoto" in " ".join(out.split())
    _, as_json, _ = run("--json", "SiO2")
    known = json.loads(as_json)[0]["known"]
    stable = {each["material_id"] for each in known if each["is_stable"]}
    assert len({each["material_id"] for each in known} - stable) == 53
    assert sum(line.startswith("mp-") for line in out.splitlines()) == len(stable)


def test_a_metal_of_the_sets_is_named(run):
    assert "NbZn3: a metal by its calculated electronic band gap (mp-953);" in run("NbZn3")[1]
    known = json.loads(run("NbZn3", "GaN", "--json")[1])
    assert [each["bandgap"] for each in known[0]["known"]] == [0.0]
    assert all(each["bandgap"] != 0 for each in known[1]["known"])
    assert "a metal" not in run("GaN")[1]


def test_a_heat_capacity_is_given_per_atom_too(run):
    assert re.search(r"37\.1 \[\d\d\.\d, \d\d\.\d\].*18\.6 per atom", run("GaN")[1], re.DOTALL)
    assert re.search(r"12\d\d\.\d \[12\d\d\.\d, 13\d\d\.\d\]", run("Ba8Ga16Ge30")[1])


def test_a_table_moves_together_before_it_becomes_a_list(run):
    wide, narrow, narrower = (run("InN", "GaSb", columns=n)[1] for n in ("90", "80", "79"))
    assert "similarity" in wide.splitlines()[0]
    assert "similarity" in narrow.splitlines()[0]
    assert narrower.splitlines()[0] == "InN"


def words_of(path):
    """Return the words of a figure, in the order in which they are drawn."""
    return re.findall(r"<text[^>]*>([^<]+)</text>", path.read_text())


def test_a_property_is_drawn_ranked(run, files, tmp_path):
    path = tmp_path / "speeds.svg"
    code, out, err = run("GaN", "InSb", "BN", "Qq", files[0], "--plot", str(path), "--level", "0.8",
                         "--by", "speed_of_sound")  # fmt: skip
    assert code == 1  # Qq
    assert out.splitlines()[-1] == f"written to {path}"
    assert err.count("\n") == 1
    words = words_of(path)
    shown = [
        word for word in words if word in ("BN", "GaN", "InN, F-43m (216), InN.cif", "InSb", "Qq")
    ]
    assert shown == ["BN", "GaN", "InN, F-43m (216), InN.cif", "InSb"]
    assert "4 compounds" in words
    assert "speed of sound, km/s, mean of the three acoustic waves" in words
    assert "predicted, 80 % interval" in words
    assert "predicted, 80 % interval, unlike the training compounds" in words
    assert "calculated, each stable polymorph of the formula" in words


def test_the_gap_is_drawn_where_nothing_else_is_asked_for_and_json_stays_json(run, tmp_path):
    path = tmp_path / "gaps.svg"
    code, out, _ = run("InSb", "BAs", "--plot", str(path), "--json")
    assert code == 0
    assert len(json.loads(out)) == 2
    words = words_of(path)
    assert words.index("BAs") < words.index("InSb")
    assert "phonon bandgap, cm\u207b\u00b9" in words
    assert words.count("no gap") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--plot", "x.jpg"], "expected --plot as a .png, .svg or .pdf file in a folder that"),
        (["--plot", "no/x.png"], "expected --plot as a .png, .svg or .pdf file in a folder that"),
        (["--plot", "x.png", "--by", "note"], "a property that is predicted (phonon_bandgap, "),
        (["--plot", "x.png", "--by", "sped_of_sound"], "(did you mean 'speed_of_sound'?)"),
        (["--by", "speed_of_sound"], "expected --plot FILE with --by, got none"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said_before_anything_is_predicted(
    run, tmp_path, monkeypatch, arguments, sentence
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "matminer_phonon_tl.models.shipped.ShippedPredictors.predict_rows",
        lambda *_, **__: pytest.fail("predicted"),
    )
    code, out, err = run("InN", *arguments)
    assert code == 2
    assert out == ""
    assert sentence in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_was_predicted_nothing_is_drawn(run, tmp_path):
    path = tmp_path / "x.png"
    code, _, err = run("Qq", "--plot", str(path))
    assert code == 1
    assert err.splitlines()[1] == f"phonon-tl: expected a compound to draw, got none: no {path}"
    assert not path.exists()


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
for name in ("torch", "scipy.stats._stats_py", "matplotlib", "plotly"):
    assert name not in sys.modules, name
import scipy.stats
from scipy.stats import rankdata
from sklearn.utils import fixes
import scipy.stats.distributions
assert scipy.stats.norm.cdf(0) == 0.5 and rankdata([2, 1]).tolist() == [2, 1]
assert fixes.scipy.stats.mode is sys.modules["scipy.stats"].mode
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_more_properties_and_a_curve(run):
    code, out, err = run("Mg2Si", "--more", "--temperature", "100", "--json")
    assert code == 0, err
    (record,) = json.loads(out)
    assert 300 < record["debye_temperature"] < 700
    assert record["heat_capacity_100K_lower"] < record["heat_capacity_100K"]
    assert record["heat_capacity_per_gram"] == pytest.approx(record["heat_capacity"] / 76.7, 1e-3)
    code, out, _ = run("Mg2Si", "--more", "--temperature", "100")
    for heading in ("Debye temperature, K", "largest gap, cm-1", "Cv per gram, J/g/K"):
        assert heading in out
    assert re.search(r"conductivity, W/m/K +\d[\d.]* \[", out)
    assert re.search(r"Cv at 100 K, J/mol/K +\d+\.\d \[", out)
    assert "Slack's formula" in out
    _, plain, _ = run("Mg2Si")
    assert "Slack" not in plain
    assert "Debye" not in plain


@pytest.mark.parametrize("option", [("--more",), ("--temperature", "100")])
def test_more_is_of_the_shipped_predictors(run, option):
    code, out, err = run("GaN", "--model", "predictor.json.gz", *option)
    assert code == 2
    assert not out
    assert f"expected {option[0]} without --model" in " ".join(err.split())


def test_a_model_that_is_none_is_answered_with_those_that_ship(run):
    code, _, err = run("GaN", "--model", "nope")
    assert code == 2
    assert "predictor_structure.json.gz, more_properties.json.gz" in err
    assert "found no nope" in err


def test_formula_units_do_not_count_for_structures(run, files):
    _, _, err = run(files[0], "--n-formula-units", "2")
    assert "--n-formula-units counts for formulas" in err
    assert "--n-formula-units" not in run("GaN", "--n-formula-units", "2")[2]


def test_temperatures_that_are_none_are_refused(run):
    code, out, err = run("GaN", "--temperature", "cold")
    assert code != 0
    assert not out
    assert "expected --temperature as 300" in err


def test_a_rare_gas_brings_no_warning_of_another_library():
    code = "import sys; sys.argv[1:] = ['predict', 'HeF']; import matminer_phonon_tl.cli as cli; "
    code += "cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "HeF" in done.stdout
    assert not done.stderr


def test_what_is_unlike_the_compounds_of_more_is_drawn_grey(run, tmp_path, monkeypatch):
    """BN has a speed of sound in phonon_tl, and is not in phonondb_kyoto."""
    from matminer_phonon_tl import figures

    drawn = {}

    def watched(frame, by, **options):
        drawn[by] = frame["in_domain"].tolist()
        return plot_ranking(frame, by, **options)

    plot_ranking = figures.plot_ranking
    monkeypatch.setattr(figures, "plot_ranking", watched)
    for by in ("debye_temperature", "speed_of_sound"):
        run("BN", "GaN", "--more", "--plot", tmp_path / "x.png", "--by", by)
    assert drawn == {"debye_temperature": [False, True], "speed_of_sound": [True, True]}
