"""The card of a model file says what the file says, and those of the shipped models lie beside."""

import shutil
from importlib.resources import files

import pytest
import yaml

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models import (
    PhononGapClassifier,
    PhononPipe,
    PhononPredictor,
    PhononRegressor,
    model_card,
    save_model,
)
from matminer_phonon_tl.models.serialization import read_document
from matminer_phonon_tl.models.shipped import SHIPPED, load_predictor, model_file

PRETRAINED = files("matminer_phonon_tl.models") / "pretrained"
TO_WRITE_THEM = (
    "for file in matminer_phonon_tl/models/pretrained/*.json.gz; do phonon-tl info --card $file > "
    "${file%.json.gz}.md; done"
)


def read(card):
    """Return the metadata and the text of a card."""
    start, header, text = card.split("---\n", 2)
    assert start == ""
    return yaml.safe_load(header), text


def table_below(text, heading):
    """Return the first table of a section as a dict of its first column to the others."""
    section = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in rows}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_cards_beside_the_shipped_models_are_theirs(name):
    beside = PRETRAINED / f"{name.removesuffix('.json.gz')}.md"
    assert beside.read_text(encoding="utf-8") == model_card(name), f"write them: {TO_WRITE_THEM}"


@pytest.mark.parametrize("name", SHIPPED)
def test_the_metadata_hold_every_score_with_its_protocol(name):
    metadata, text = read(model_card(name))
    assert metadata["library_name"] == "matminer-phonon-tl"
    assert metadata["license"] == "bsd-3-clause"
    predictor = load_predictor(name)
    is_more = name.startswith("more")
    assert metadata["datasets"] == ["phonon_tl", "phonondb_kyoto"][is_more:]
    assert "tabular-regression" in metadata["tags"]
    assert ("tabular-classification" in metadata["tags"]) == (predictor.classifier_ is not None)
    (model,) = metadata["model-index"]
    assert len(model["results"]) == len(predictor.card_["scores"])
    shown = table_below(text, "Scores")
    for result, score in zip(model["results"], predictor.card_["scores"], strict=True):
        label = result["task"]["name"]
        assert label == score["target"]
        assert result["dataset"]["args"] == {"rows": score["rows"], "protocol": score["protocol"]}
        assert f"\nProtocol {score['protocol']}:\n" in text
        found = {metric["type"]: metric["value"] for metric in result["metrics"]}
        assert found == {k: v for k, v in score.items() if k not in ("target", "protocol", "rows")}
        assert [cell for cell in shown[label] if cell] == [
            str(value) for key, value in score.items() if key not in ("target", "protocol")
        ]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_text_says_what_is_predicted_and_how_it_was_trained(name):
    predictor = load_predictor(name)
    _, text = read(model_card(name))
    models = dict(predictor.regressors_)
    if predictor.classifier_ is not None:
        models = {"has_phonon_bandgap": predictor.classifier_, **models}
    predicted = table_below(text, "What it predicts")
    assert list(predicted)[2:] == list(models)
    for label, unit in predictor.units.items():
        assert predicted[label][0] == unit
        assert predicted[label][1]  # what it is
    trained = table_below(text, "How it was trained")
    for label, model in models.items():
        kind, rows, parameters = trained[label]
        assert kind == type(model).__name__
        assert rows == str(model.training_data_["rows"])
        assert f"descriptors {model.descriptors}," in parameters
    with model_file(name) as path:
        assert f"| **sha256** | {read_document(path)['sha256']} |" in text
    assert predictor.card_["citation"] in text.split("## Citation")[1]
    assert "semiconductors alone" in text.split("## Limits")[1]


@pytest.mark.parametrize("name", SHIPPED)
def test_its_lines_of_python_run(name, phonon_tl):
    code = model_card(name).split("```python\n")[1].split("```")[0]
    names = {"structure": phonon_tl["structure"][0]}
    exec(code, names)  # noqa: S102
    assert names["table"]["error"].isna().all()
    assert names["predictor"].shipped_as_.name == name


def test_a_copy_of_a_shipped_model_is_known_by_its_content(tmp_path):
    copy = tmp_path / "mine.json.gz"
    shutil.copy(PRETRAINED / "predictor.json.gz", copy)
    metadata, text = read(model_card(copy))
    assert metadata["license"] == "bsd-3-clause"
    assert metadata["model-index"][0]["name"] == "mine"
    assert 'load_model("mine.json.gz")' in text


def test_a_model_of_ones_own_states_no_license_and_no_data_of_ours(tmp_path, phonon_tl):
    df = phonon_tl[:60].assign(kappa=range(60))
    model = PhononPredictor(
        labels={"kappa": "W/m/K"},
        regressors={"kappa": PhononRegressor(members=("gp15",), random_state=0)},
    ).fit(df, progress=False)
    model.card_ = {"scores": [], "units": model.units, "left_out": ["2 rows are left out"]}
    path = tmp_path / "kappa.json"
    save_model(model, path)
    metadata, text = read(model_card(path))
    assert not {"license", "datasets", "model-index"} & metadata.keys()
    assert "tabular-classification" not in metadata["tags"]
    assert table_below(text, "What it predicts")["kappa"] == ["W/m/K", ""]
    assert table_below(text, "How it was trained")["kappa"][:2] == ["PhononRegressor", "60"]
    assert "| **left out** | 2 rows are left out |" in text
    assert "\nThe file holds none.\n" in text
    assert "does not state a license" in text
    assert "semiconductors alone" not in text
    assert "`in_domain` is false" in text


def test_single_models_and_pipes_name_what_they_know(tmp_path, phonon_tl):
    gapped = phonon_tl[phonon_tl["has_phonon_bandgap"]][:40]
    regressor = PhononRegressor(target="phonon_bandgap", members=("gp15",), intervals=False)
    pipe = PhononPipe(model=regressor).fit(gapped, "speed_of_sound")
    unfitted = PhononGapClassifier(cv=7)
    cases = (
        (regressor.fit(gapped, gapped["phonon_bandgap"]), "phonon_bandgap", "40"),
        (pipe, "speed_of_sound", "40"),
        (unfitted, "has_phonon_bandgap", "not stated"),
    )
    for model, label, rows in cases:
        save_model(model, tmp_path / "model.json.gz")
        _, text = read(model_card(tmp_path / "model.json.gz"))
        assert list(table_below(text, "What it predicts"))[2:] == [label]
        assert table_below(text, "How it was trained")[label][1] == rows
        assert "PhononPredictor` does." in text
        assert "in_domain" not in text


def test_what_a_strangers_file_holds_is_no_markup(tmp_path):
    model = PhononGapClassifier()
    evil = "</td><script>x</script> | `a`\n---\nlicense: mit \x1b[2J"
    model.card_ = {
        "scores": [{"target": evil, "protocol": evil, "mae": 1.5, evil: 2.0}, 3, {"target": "x"}],
        "citation": evil,
        "units": [evil],
        "training_data": evil,
    }
    save_model(model, tmp_path / "model.json")
    card = model_card(tmp_path / "model.json")
    metadata, text = read(card)
    assert "license" not in metadata
    (result,) = metadata["model-index"][0]["results"]
    assert result["task"]["name"] == evil
    assert result["metrics"][0]["value"] == 1.5
    assert "<script" not in text
    assert "\x1b" not in card
    assert "\nlicense" not in text
    scores = text.split("## Scores")[1].split("## Limits")[0]
    rows = [line for line in scores.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {4}


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "model.json"
    path.write_text("{}")
    with pytest.raises(ModelFormatError, match=r"expected a model with params"):
        model_card(path)
