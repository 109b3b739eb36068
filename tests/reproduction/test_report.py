"""The report in a real browser, and as the text that it is."""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from matminer_phonon_tl.reproduction import experiments as paper
from matminer_phonon_tl.reproduction.experiments import Job
from matminer_phonon_tl.reproduction.figures import make_figures
from matminer_phonon_tl.reproduction.other_experiments import run_labels
from matminer_phonon_tl.reproduction.paper import III_V, TARGETS
from matminer_phonon_tl.reproduction.tables import make_tables

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


def record(experiment, target, model, protocol, architecture, carry, rows="gapped", layers=None):
    seed = [len(experiment), len(target), len(model), len(protocol), architecture, len(carry or "")]
    random = np.random.default_rng(seed)
    return {
        "experiment": experiment, "target": target, "model": model, "protocol": protocol,
        "carry": carry, "architecture": [160, 80, architecture], "n_repeats": 3,
        "mae_averaged": random.uniform(5, 25), "r2_averaged": 0.8, "rmse_averaged": 30.0,
        "mae_rounds": random.uniform(5, 25, 3).tolist(), "r2_rounds": [0.7, 0.8, 0.9],
        "averaged": random.uniform(0, 300, 1245 if rows == "all" else 124).tolist(),
        "rows": rows, "layers": layers,
    }  # fmt: skip


def records():
    both = (("published", "all"), ("leak_free", None))
    made = [
        record("transfer", target, model, protocol, architecture, carry)
        for target in TARGETS
        for model in ("TL", "non-TL")
        for protocol, carry in both
        for architecture in (10, 20)
    ]
    made += [
        record("transfer", "phonon_bandgap", "TL", "published", 10, carry)
        for carry in ("none", "fit_on_all")
    ]
    for protocol, carry in both:
        for experiment, model, layers in (
            ("holdout_60_40", "TL", None),
            ("holdout_60_40", "non-TL", None),
            ("structure_descriptors", "TL", None),
            ("layers_transferred", "TL, first transferred", "first"),
            ("layers_frozen", "TL, all three frozen", "all three"),
        ):
            made.append(
                record(experiment, "phonon_bandgap", model, protocol, 10, carry, layers=layers)
            )
        made.append(record("source", "bandgap", "source", protocol, 10, carry, "all"))
        made += [
            record("full_data", target, "full data", protocol, 10, carry, "all")
            for target in TARGETS[1:]
        ]
    return made


def probe(protocol):
    return {
        "leak_probe": {"protocol": protocol, "leaks": protocol == "published", "verdict": "",
                       "p_value": 0.5, "alpha": 0.01, "associations": [0.1, 0.2, 0.3, 0.1, 0.0],
                       "skills": [0.0] * 5}
    }  # fmt: skip


def classifier(protocol):
    random = np.random.default_rng(0)
    return {
        "scores": [],
        "classifier": {
            "protocol": protocol, "truth": [0, 1] * 20,
            "probability": random.uniform(size=40).tolist(), "formula": ["X"] * 40,
            "material_id": ["<b>"] * 40, "importances": {"a": 0.2, "b": 0.1},
        },
        "gap_probability": dict.fromkeys(III_V, 0.5),
    }  # fmt: skip


def compounds():
    return {
        "iii_v": [
            {"target": target, "protocol": "leak_free", "compound": compound,
             "predictions": [1.0, 2.0]}
            for target in TARGETS
            for compound in III_V
        ]
    }  # fmt: skip


JOBS_OF_THE_PAGE = [
    Job("transfer", "records", 1.0, lambda: {"records": records()}),
    Job("transfer", "probe-published", 1.0, lambda: probe("published")),
    Job("transfer", "probe-leak_free", 1.0, lambda: probe("leak_free")),
    Job("classifier", "leak_free", 1.0, lambda: classifier("leak_free")),
    Job("classifier", "labels", 1.0, run_labels),
    Job("iii_v", "TL", 1.0, compounds),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper, "plan", lambda *_: JOBS_OF_THE_PAGE)
        paper.run(folder, scale="quick")
    return folder / "report.html"


def browse(page, width):
    return subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         "--virtual-time-budget=8000", f"--window-size={width},900", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip


@pytest.mark.skipif(not BROWSER, reason="no Chromium is installed here")
@pytest.mark.parametrize("width", [1200, 400])
def test_every_figure_is_drawn_without_a_console_error(page, width):
    shown = browse(page, width)
    assert "CONSOLE" not in shown.stderr
    # a panel each: 2 x 3 scores, changes, 3 leaks, probe, 4 of 60/40 splits, 2 of layers,
    # 4 + 2 + 2 parities, 4 of the classifier, 3 of compounds, 4 of full data, 2 of structure,
    # 2 of the source, 6 of labels, 2 of measured properties
    drawn = re.findall(r'<svg class="panel"', shown.stdout)
    assert len(drawn) == 48
    assert shown.stdout.count("<svg") > len(drawn)


def test_the_page_needs_no_network(page):
    text = page.read_text()
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(?!data:)', text)
    assert "<script" not in text


def test_every_id_is_unique_and_every_reference_is_found(page):
    text = page.read_text()
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    used = re.findall(r'(?:url\(#|href="#)([^)"]+)', text)
    assert used
    assert set(used) <= set(ids)


def test_words_in_figures_are_text(page):
    text = page.read_text()
    assert re.search(r"<text[^>]*>DFPT phonon gap, cm⁻¹</text>", text)
    assert "currentColor" in text


def test_the_page_links_to_files_that_stand_beside_it(page):
    links = set(re.findall(r'<a href="([^"]+)"', page.read_text()))
    assert {"parity.csv", "classifier.csv", "figures/leak_probe.svg"} <= links
    for link in links:
        assert (page.parent / link).stat().st_size > 0, link


def test_the_points_of_parity_are_in_a_table(page):
    points = pd.read_csv(page.parent / "parity.csv")
    shown = points[
        (points["experiment"] == "transfer")
        & (points["target"] == "phonon_bandgap")
        & (points["model"] == "TL")
        & (points["protocol"] == "leak_free")
    ]
    assert len(shown) == 124
    assert len(set(shown["architecture"])) == 1
    assert shown["material_id"].is_unique
    chosen = [int(width) for width in shown["architecture"].iloc[0].split("-")]
    (record,) = [
        made
        for made in records()
        if (made["experiment"], made["target"], made["model"], made["protocol"])
        == ("transfer", "phonon_bandgap", "TL", "leak_free")
        and made["architecture"] == chosen
    ]
    assert shown["predicted"].tolist() == pytest.approx(record["averaged"])


@pytest.mark.parametrize(("carries", "n_lines"), [(("all",), 1), (("none", "all", None), 3)])
def test_the_key_names_the_lines_that_are_drawn(carries, n_lines):
    made = [
        record("transfer", "phonon_bandgap", "TL", "published" if carry else "leak_free", 10, carry)
        for carry in carries
    ]
    figure = make_figures(make_tables([{"records": made}]))["leak_by_round"]
    axes = figure.draw().axes[0]
    assert len(axes.lines) == len(figure.key) == n_lines
    assert {line.get_label() for line in axes.lines} == {mark.label for mark in figure.key}


def test_the_page_is_the_same_when_it_is_drawn_again(page):
    before = page.read_bytes()
    figure = (page.parent / "figures" / "layers.svg").read_bytes()
    assert b"<dc:date>" not in figure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper, "plan", lambda *_: JOBS_OF_THE_PAGE)
        paper.write_report(page.parent)
    assert page.read_bytes() == before
    assert (page.parent / "figures" / "layers.svg").read_bytes() == figure


def test_the_first_paragraph_says_how_large_the_run_was(page):
    first = re.search(r"<p>.*?</p>", page.read_text(), re.DOTALL)[0]
    assert (
        "This run's scale is <b>quick</b>: 2 architectures in 2 rounds for the transfer "
        "experiment, 1 architecture in 1 round elsewhere; the paper has 250 architectures in 15 "
        "rounds."
    ) in first


def test_the_page_says_what_matters(page):
    text = re.sub(r"<script.*?</script>", "", page.read_text(), flags=re.DOTALL)
    for words in (
        "lacks its output layer",
        "labels of tested materials reach the model",
        "best of 250 by its test score",
        "sha256 of the data",
        "InN's measured gap belongs to wurtzite",
        "Derived properties against experiment",
        "mp-66",
    ):
        assert words in text.replace("&#x27;", "'"), words
    assert "<b>" not in re.findall(r"<table.*?</table>", text, flags=re.DOTALL)[0]
