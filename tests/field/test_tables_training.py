"""``phonon-tl train`` on somebody's table: what is learnt, what is left out, and why."""

import json

import numpy as np
import pandas as pd
import pytest

from matminer_phonon_tl.evaluation.training_table import TrainingTable, columns_of_numbers
from matminer_phonon_tl.exceptions import TrainingError, UnitError
from matminer_phonon_tl.models import PhononPredictor, PhononTLFeaturizer
from matminer_phonon_tl.models.predictor import training_rows


@pytest.fixture
def run(run_cli, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return run_cli


@pytest.fixture
def table(phonon_tl):
    """Sixty formulas with labels in units of somebody's choice: THz, m/s, and one of their own."""
    part = pd.concat(
        [
            phonon_tl[phonon_tl["has_phonon_bandgap"]][:30],
            phonon_tl[~phonon_tl["has_phonon_bandgap"]][:30],
        ]
    )
    return pd.DataFrame(
        {
            "formula": [c.formula.replace(" ", "") for c in part["composition"]],
            "phonon_bandgap": part["phonon_bandgap"].to_numpy()
            / 33.3564095,  # CODATA: 1 THz in cm-1
            "speed_of_sound": part["speed_of_sound"].to_numpy() * 1000,
            "mass": [c.weight / c.num_atoms for c in part["composition"]],
        }
    )


@pytest.fixture
def materials(phonon_tl):
    """The rows of which ``table`` was made."""
    gapped = phonon_tl["has_phonon_bandgap"]
    return pd.concat([phonon_tl[gapped][:30], phonon_tl[~gapped][:30]])


def test_labels_come_in_the_packages_units(table, materials):
    labels = {"phonon_bandgap": "THz", "speed_of_sound": "m/s", "mass": "u"}
    read = TrainingTable.read(table, labels)
    np.testing.assert_allclose(read.frame["phonon_bandgap"], materials["phonon_bandgap"], rtol=1e-7)
    np.testing.assert_allclose(read.frame["speed_of_sound"], materials["speed_of_sound"])
    assert read.frame["mass"].tolist() == table["mass"].tolist()
    # Whether there is a gap follows from the gap.
    assert read.frame["has_phonon_bandgap"].tolist() == [True] * 30 + [False] * 30
    assert read.units == {"phonon_bandgap": "cm-1", "speed_of_sound": "km/s", "mass": "u"}
    assert read.left_out.empty


@pytest.mark.parametrize("unit", ["cm-1", "cm^-1", "1/cm", "CM-1", "cm\u207b\u00b9"])
def test_a_unit_may_be_spelt_in_several_ways(table, unit):
    table["phonon_bandgap"] *= 33.3564095
    read = TrainingTable.read(table, {"phonon_bandgap": unit})
    assert read.frame["phonon_bandgap"].tolist() == table["phonon_bandgap"].tolist()


def test_each_row_that_is_left_out_says_why(table):
    table = table.astype(object)
    labels = {"phonon_bandgap": "THz", "mass": "u"}
    table.loc[0, "formula"] = "Qq2"
    table.loc[1, "formula"] = None
    table.loc[2, "mass"] = "n/a"
    table.loc[3, "mass"] = "3,5"
    table.loc[4, "mass"] = "12 u"
    table.loc[5, "mass"] = float("inf")
    table.loc[6, "mass"] = True
    table["has_phonon_bandgap"] = ["yes"] * 30 + [False] * 28 + ["maybe", "true"]
    read = TrainingTable.read(table, labels, unreadable={7: "expected 4 fields, got 3"})
    found = read.left_out[["row", "label", "reason"]].to_numpy().tolist()
    number = "a value that is no number"
    assert found == [
        [0, "", "a formula that cannot be read"],
        [1, "", "no formula"],
        [2, "mass", "no value"],
        [3, "mass", "a decimal comma in place of a point"],
        [4, "mass", number],
        [5, "mass", number],
        [6, "mass", number],
        [7, "", "a row that cannot be read"],
        [58, "has_phonon_bandgap", "an answer other than true or false"],
        [59, "phonon_bandgap", "a gap that contradicts has_phonon_bandgap"],
    ]
    assert read.left_out.set_index("row").loc[7, "detail"] == "expected 4 fields, got 3"
    assert len(read.frame) == 57
    assert read.frame["mass"].isna().sum() == 5
    assert f"mass: left out 3 rows with {number}" in read.summary()


@pytest.mark.parametrize(
    ("labels", "error", "sentence"),
    [
        ({"nosuch": "K"}, TrainingError, "expected a column 'nosuch' to learn, got the columns"),
        ({"mass": ""}, TrainingError, "give it as mass=UNIT, and mass=1 where it has none"),
        ({"speed_of_sound": "mph"}, UnitError, "as one of km/s, m/s, got 'mph'"),
        ({"phonon_bandgap": "K"}, UnitError, "as one of THz, eV, meV, cm-1, got 'K'"),
        ({"speed_of_sound": "km/s"}, TrainingError, "expected speeds of sound between 0.3 and 25"),
    ],
)
def test_a_label_that_cannot_be_meant_is_refused(table, labels, error, sentence):
    with pytest.raises(error, match=sentence):
        TrainingTable.read(table, labels)


def test_decimal_commas_are_named(table):
    """As spreadsheets of half of Europe write them: not "no number"."""
    table["mass"] = [f"{mass:.3f}".replace(".", ",") for mass in table["mass"]]
    read = TrainingTable.read(table, {"mass": "u", "speed_of_sound": "m/s"})
    assert "mass: left out 60 rows with a decimal comma in place of a point" in read.summary()


def test_without_a_label_the_columns_that_could_be_are_listed(run, table, tmp_path):
    table.assign(note="x", rough=["~3", *["4"] * 59]).to_csv(tmp_path / "t.csv", index=False)
    code, _, err = run("train", "t.csv", "--out", "m.json")
    assert code
    said = " ".join(err.replace("\u2502", " ").split())
    numbers = [name for name in table.columns if name != "formula"]
    assert f"such as --label {numbers[0]}=UNIT, got none" in said
    assert f"columns of numbers in t.csv are {', '.join([*numbers, 'rough'])}" in said
    table[["formula"]].to_csv(tmp_path / "t.csv", index=False)
    err = run("train", "t.csv", "--out", "m.json")[2]
    assert "expected a column of numbers to learn in t.csv, got none" in " ".join(
        err.replace("\u2502", " ").split()
    )


def test_columns_that_could_be_labels():
    """The index that pandas writes was offered as "--label =UNIT", decimal commas were not."""
    values = {"": [0, 1], "text": ["a", "b"], "comma": ["3,5", "4"], "point": ["3.5", None]}
    assert columns_of_numbers(pd.DataFrame(values)) == ["comma", "point"]


def test_a_wrong_label_has_the_nearest_column_beside(table):
    with pytest.raises(TrainingError, match=r"\(did you mean 'speed_of_sound'\?\): name one"):
        TrainingTable.read(table, {"speed_of_snd": "km/s"})


def test_a_label_given_twice_is_refused(run, table, tmp_path):
    """The last unit won without a word."""
    table.to_csv(tmp_path / "t.csv", index=False)
    labels = ("--label", "speed_of_sound=km/s", "--label", "speed_of_sound=m/s")
    code, _, err = run("train", "t.csv", *labels, "--out", "m.json")
    assert code
    assert "expected each --label once" in " ".join(err.split())


def test_seventeen_of_twenty_says_seventeen_gapped(table):
    """The first users' table had 17 rows with a gap: "expected 20, got 17" did not say of what."""
    read = TrainingTable.read(table[13:], {"phonon_bandgap": "THz"})
    with pytest.raises(
        TrainingError, match=r"at least 20 materials with a gap .* got 17 in 47 rows"
    ):
        training_rows(read.frame, "phonon_bandgap")
    with pytest.raises(TrainingError, match="at least 20 materials with a gap"):
        PhononPredictor(labels={"phonon_bandgap": "cm-1"}).fit(read.frame)


def test_space_groups_come_along(table):
    """Notes tell by them which polymorphs were trained on."""
    groups = list(range(1, len(table) + 1))
    read = TrainingTable.read(table.assign(space_group=groups), {"phonon_bandgap": "THz"})
    assert read.frame["space_group"].tolist() == [groups[row] for row in read.frame.index]
    assert "space_group" not in TrainingTable.read(table, {"phonon_bandgap": "THz"}).frame


def write(table, path):
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".jsonl":
        table.to_json(path, orient="records", lines=True)


@pytest.mark.parametrize("name", ["mine.csv", "mine.parquet", "mine.jsonl"])
def test_a_table_of_any_form_makes_a_model_that_predict_and_screen_take(run, table, tmp_path, name):
    table = table.rename(columns={"formula": "compound"})
    table.loc[3, "compound"] = "not a formula"
    write(table, tmp_path / name)
    options = ["--label", "mass=u", "--formula", "compound"]
    code, out, err = run("train", name, "--out", "model.json.gz", *options)
    assert code == 0
    assert "target mass, protocol leak_free" in out
    assert "every label: left out 1 row with a formula that cannot be read" in err
    listed = pd.read_csv(tmp_path / "model.left_out.csv")
    assert listed[["row", "material"]].to_numpy().tolist() == [[3, "not a formula"]]

    code, out, _ = run("predict", "--model", "model.json.gz", "GaAs", "--json")
    record = json.loads(out)[0]
    # The mean mass of Ga (69.723) and As (74.922), IUPAC's standard atomic weights.
    assert record["mass"] == pytest.approx((69.723 + 74.922) / 2, rel=0.1)
    assert record["mass_lower"] < record["mass"] < record["mass_upper"]
    assert "speed_of_sound" not in record
    _, out, _ = run("predict", "--model", "model.json.gz", "GaAs")
    assert "mass, u" in out
    assert "mean sound" not in out

    code, *_ = run("screen", name, "o.csv", "--model", "model.json.gz", "--formula", "compound")
    assert code == 0
    assert pd.read_csv(tmp_path / "o.csv")["mass_predicted"].notna().sum() == 59
    options = ["--model", "model.json.gz", "--formula", "compound", "--top", "3"]
    code, _, err = run("screen", name, "o.csv", *options)
    assert code == 2
    assert (
        "expected --top and --by, because this model predicts no phonon_bandgap to rank by" in err
    )
    features = PhononTLFeaturizer(PhononPredictor.load(tmp_path / "model.json.gz"))
    assert features.feature_labels() == ["phonon_tl mass", "phonon_tl training_similarity"]


def test_too_few_rows_say_what_was_left_out(run, table, tmp_path):
    table.loc[:45, "mass"] = np.nan
    table.to_csv(tmp_path / "mine.csv", index=False)
    code, _, err = run("train", "mine.csv", "--out", "model.json", "--label", "mass=u")
    assert code == 2
    assert "expected at least 20 materials with a value of mass, got 14 in 60 rows" in err
    assert "mass: left out 46 rows with no value" in err


def test_a_table_without_labels_is_refused(run, table, tmp_path):
    table.to_csv(tmp_path / "mine.csv", index=False)
    code, _, err = run("train", "mine.csv", "--out", "model.json")
    assert code == 2
    assert "expected --label for each column to learn" in " ".join(err.split())


# CODATA: 1 THz is 33.3564095 cm-1. The package's own columns were renamed to its unit, unconverted.
@pytest.mark.parametrize(
    ("label", "unit", "value", "learnt", "named"),
    [
        ("largest_gap", "THz", 5.0, 166.7820475, "cm-1"),
        ("largest_gap_lower_edge", "THz", 5.0, 166.7820475, "cm-1"),
        ("max_frequency", "THz", 5.0, 166.7820475, "cm-1"),
        ("speed_longitudinal", "m/s", 5000.0, 5.0, "km/s"),
        ("heat_capacity_per_atom", "cal/mol/K", 5.0, 20.92, "J/mol/K per mole of atoms"),
        ("debye_temperature", "K", 5.0, 5.0, "K"),
        ("bandgap", "meV", 5.0, 5.0, "meV"),
        ("volume", "nm^3", 5.0, 5.0, "nm^3"),
    ],
)
def test_a_label_has_the_unit_that_it_is_said_to_have(label, unit, value, learnt, named):
    read = TrainingTable.read(pd.DataFrame({"formula": ["GaN"], label: [value]}), {label: unit})
    assert read.frame[label].tolist() == pytest.approx([learnt])
    assert read.units == {label: named}


def test_a_unit_that_cannot_be_converted_is_refused():
    table = pd.DataFrame({"formula": ["GaN"], "debye_temperature": [50.0]})
    with pytest.raises(UnitError, match="unit of debye_temperature as one of K, got 'meV'"):
        TrainingTable.read(table, {"debye_temperature": "meV"})


PER_FORMULA = "J/mol/K per mole of reduced formula units"


# The heat capacity of two atoms is below Dulong and Petit's 6R = 49.89 J/mol/K.
@pytest.mark.parametrize(
    ("label", "unit", "value", "detail"),
    [
        ("speed_of_sound", "km/s", -4, "-4 km/s, expected above 0.3 and below 25"),
        ("speed_of_sound", "m/s", 5e6, "5000 km/s, expected above 0.3 and below 25"),
        ("heat_capacity", "J/mol/K", 0, f"0 {PER_FORMULA}, expected above 0 and below 49.89"),
        ("heat_capacity", "J/mol/K", 50, f"50 {PER_FORMULA}, expected above 0 and below 49.89"),
        ("debye_temperature", "K", -1, "-1 K, expected above 0"),
        ("largest_gap", "cm-1", -1, "-1 cm-1, expected above 0 and below 5003"),
        ("phonon_bandgap", "THz", 300, "10006.9 cm-1, expected above 0 and below 5003"),
    ],
)
def test_what_no_crystal_has_is_left_out(label, unit, value, detail):
    """One such row ended the training: "use another transform"."""
    usual = {"speed_of_sound": 4.0, "heat_capacity": 40.0, "debye_temperature": 300.0}
    usual = usual.get(label, 0.0) * {"m/s": 1000}.get(unit, 1)
    table = pd.DataFrame({"formula": ["GaN", "NaCl", "InN"], label: [usual, value, usual]})
    read = TrainingTable.read(table, {label: unit})
    assert read.frame[label].notna().tolist() == [True, False, True]
    found = read.left_out[["row", "label", "reason", "detail"]].to_numpy().tolist()
    assert found == [[1, label, "a value that no harmonic crystal has", detail]]
