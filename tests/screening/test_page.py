"""The ranking page in a real browser, and as the text that it is."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pymatgen.core import Composition

from matminer_phonon_tl.screening import page as module
from matminer_phonon_tl.screening import screen
from matminer_phonon_tl.screening.columns import marked
from matminer_phonon_tl.screening.page import RankingPage
from matminer_phonon_tl.screening.ranking import Ranking

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
HOSTILE = '</script><img src=x onerror="document.title=1">'
needs_browser = pytest.mark.skipif(not BROWSER, reason="no Chromium is installed here")


@pytest.fixture(scope="module")
def result(pretrained, phonon_tl, tmp_path_factory):
    """Return a page of the dataset's materials, made as the command makes it."""
    folder = tmp_path_factory.mktemp("page")
    frame = pd.DataFrame({"formula": [*phonon_tl["formula"][:250], HOSTILE]})
    frame["number"] = 1_000_000 + frame.index
    screen(
        frame, folder / "out.csv", predictor=pretrained, conditional=True, html=folder / "out.html"
    )
    return folder / "out.html", pd.read_csv(folder / "out.csv")


@pytest.fixture(scope="module")
def by_speed(pretrained, phonon_tl, tmp_path_factory):
    """Return a page that is ranked by the speed of sound, of structures, and what it shows."""
    folder = tmp_path_factory.mktemp("page")
    frame = phonon_tl[["material_id", "structure"]][:12]
    screen(
        frame, folder / "out.csv", predictor=pretrained, top=10, by="speed_of_sound",
        html=folder / "out.html",
    )  # fmt: skip
    return folder / "out.html", pd.read_csv(folder / "out.csv")


# What a person does, and what the page then shows.
ACTIONS = """
<script>
const shown = {};
const cells = (name) => {
  const place = [...document.querySelectorAll("th button")].findIndex(
    (button) => button.textContent === name.replaceAll("_", " "));
  return [...document.querySelectorAll("tbody tr")].map((row) => row.cells[place].textContent);
};
const click = (name) => [...document.querySelectorAll("th button")].find(
  (button) => button.textContent === name.replaceAll("_", " ")).click();
const type = (text) => {
  const filter = document.getElementById("filter");
  filter.value = text;
  filter.dispatchEvent(new Event("input"));
};
shown.rows = cells("formula").length;
shown.numbers = cells("number");
shown.unsorted = cells("phonon_bandgap").slice(0, 5);
click("speed_of_sound");
shown.descending = cells("speed_of_sound");
shown.marked = document.querySelectorAll("th[aria-sort=descending]").length;
click("speed_of_sound");
shown.ascending = cells("speed_of_sound");
type("speed_of_sound > 8");
shown.above = cells("speed_of_sound");
type("oNc");
shown.text = cells("formula");
type("no such text at all");
shown.none = cells("formula");
shown.count = document.getElementById("count").textContent;
type("");
document.title = "done";
document.body.insertAdjacentHTML("beforeend", "<pre id=shown></pre>");
document.getElementById("shown").textContent = JSON.stringify(shown);
</script>
"""


# What a reader sees first, and in which colours.
LOOK = """
<script>
const shown = {width: innerWidth, scrolls: document.documentElement.scrollWidth > innerWidth};
shown.headings = [...document.querySelectorAll("th")].map((cell) => cell.textContent);
shown.first = [...document.querySelectorAll("tbody tr:first-child td")].map(
  (cell) => cell.textContent);
shown.ends = [...document.querySelectorAll("tbody tr:first-child td")].map(
  (cell) => cell.getBoundingClientRect().right);
shown.unlike = [...document.querySelectorAll("tr.unlike")].map((row) => row.cells[0].textContent);
const style = (name) => getComputedStyle(document.querySelector(name));
shown.ground = style("body").backgroundColor;
shown.words = style("svg.panel text").fill;
shown.points = style("svg.panel use[style*=predicted]").fill;
parent.document.body.insertAdjacentHTML("beforeend", "<pre id=shown></pre>");
parent.document.getElementById("shown").textContent = JSON.stringify(shown);
</script>
"""
# Chromium's own window is never narrower than 500 px.
PHONE = """<!doctype html><meta name="color-scheme" content="light dark">
<iframe style="width: 400px; height: 2000px; border: 0" srcdoc="{}"></iframe>"""
SCHEMES = {"dark": 0, "light": 1}


def browse(path, *options, width=1200):
    return subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         "--virtual-time-budget=8000", f"--window-size={width},2400", *options, path.as_uri()],
        capture_output=True, text=True, check=True, timeout=180,
    )  # fmt: skip


def act(path, script, folder, *options, frame="{}"):
    """Run a script in the page, and return what it shows."""
    acted = folder / "acted.html"
    text = path.read_text().replace("</body>", f"{script}</body>")
    acted.write_text(frame.format(html.escape(text) if frame != "{}" else text))
    browser = browse(acted, "--dump-dom", *options)
    assert "CONSOLE" not in browser.stderr
    text = re.search(r'<pre id="shown">(.*?)</pre>', browser.stdout, re.DOTALL)[1]
    return json.loads(html.unescape(text)), browser.stdout


@needs_browser
def test_sorts_and_filters_in_a_browser(result, tmp_path):
    path, frame = result
    shown, page = act(path, ACTIONS, tmp_path)
    assert "<title>done</title>" in page  # nothing in a formula ran
    assert len(re.findall(r'<svg class="panel"', page)) == 1
    assert "1000000" in shown["numbers"]  # as it was given, not rounded
    good = frame[frame["error"].isna()]
    assert shown["rows"] == len(frame)
    best = good["phonon_bandgap"].nlargest(5)
    np.testing.assert_allclose([float(gap) for gap in shown["unsorted"]], best, rtol=1e-3)
    numbers = [float(speed) for speed in shown["descending"] if speed]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == len(good)
    assert shown["descending"][-1] == ""  # missing comes last, both ways
    assert [float(speed) for speed in shown["ascending"] if speed] == numbers[::-1]
    assert shown["ascending"][-1] == ""
    assert shown["marked"] == 1
    assert len(shown["above"]) == (good["speed_of_sound"] > 8).sum() > 0
    assert shown["none"] == []
    assert shown["count"] == f"0 of {len(frame)} rows"
    assert all("onc" in formula.lower() or "script" in formula for formula in shown["text"])


@needs_browser
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_phone_shows_formula_ranked_value_and_interval(by_speed, tmp_path, scheme):
    path, frame = by_speed
    option = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    shown, _ = act(path, LOOK, tmp_path, option, frame=PHONE)
    assert shown["width"] == 400
    assert not shown["scrolls"]  # the table does, the page does not
    speed = "speed of soundkm/s, mean of the three acoustic waves"
    assert shown["headings"][:4] == ["formula", speed, "interval", "material id"]
    best = frame.iloc[0]
    assert shown["first"][0] == best["formula"]
    ends = (best["speed_of_sound_lower"], best["speed_of_sound_upper"])
    found = [float(part) for text in shown["first"][1:3] for part in text.split("\u2013")]
    np.testing.assert_allclose(found, [best["speed_of_sound"], *ends], rtol=1e-3)
    assert shown["ends"][2] < 400
    assert shown["unlike"] == frame["formula"][~frame["in_domain"]].tolist()
    assert (shown["ground"], shown["words"], shown["points"]) == {
        "light": ("rgb(255, 255, 255)", "rgb(27, 27, 27)", "rgb(11, 83, 148)"),
        "dark": ("rgb(22, 22, 22)", "rgb(228, 228, 228)", "rgb(127, 184, 240)"),
    }[scheme]


INTERVALS = """
<script>
document.body.insertAdjacentHTML("beforeend", "<pre id=shown></pre>");
document.getElementById("shown").textContent = JSON.stringify(
  [...document.querySelectorAll("tbody tr td:nth-child(3)")].map((cell) => cell.textContent));
</script>
"""


@needs_browser
def test_the_ends_of_a_narrow_interval_tell_its_width(tmp_path):
    names = ["formula", *(f"heat_capacity{part}" for part in ("", "_lower", "_upper"))]
    kinds = [pa.string(), *[pa.float64()] * 3]
    fields = zip(names, kinds, strict=True)
    schema = pa.schema([marked(pa.field(*field), field[0]) for field in fields])
    page = RankingPage(tmp_path / "x.html", Ranking("heat_capacity"), {})
    page.add(pa.table([["A", "B"], [24.9401, 2.5], [24.93971, 1.0], [24.94049, 4.0]], schema))
    page.write(2)
    shown, _ = act(tmp_path / "x.html", INTERVALS, tmp_path)
    assert shown == ["24.9397 \u2013 24.9405", "1 \u2013 4"]


@needs_browser
@pytest.mark.parametrize("width", [1200, 400])
def test_a_screenshot_has_a_figure_and_a_table(result, tmp_path, width):
    from PIL import Image

    image = tmp_path / "page.png"
    browser = browse(result[0], f"--screenshot={image}", width=width)
    assert "CONSOLE" not in browser.stderr
    with Image.open(image) as opened:
        assert opened.size[0] == width
        colours = opened.convert("RGB").getcolors(maxcolors=2**24)
    assert len(colours) > 100  # not a blank page


def test_what_was_ranked_is_drawn_and_structures_are_named(by_speed):
    path, frame = by_speed
    text = path.read_text()
    assert "<h2>Ranked by speed of sound, highest first</h2>" in text
    assert "The highest 10 of 12 rows of a DataFrame" in text
    assert re.search(
        r"<text[^>]*>speed of sound, km/s, mean of the three acoustic waves</text>", text
    )
    drawn = re.findall(r"<text[^>]*>([A-Z][A-Za-z0-9()]*), \S+ \(\d+\)</text>", text)
    assert drawn == [Composition(formula).reduced_formula for formula in frame["formula"]]
    assert drawn != frame["formula"].tolist()  # which are of whole cells
    rows = content_of(text)
    shown = [names[0] for names in rows["shown"]]
    assert shown[:5] == [
        *("formula", "speed_of_sound", "speed_of_sound_lower", "material_id", "structure")
    ]
    place = rows["columns"].index("structure")
    structures = [row[place] for row in rows["rows"]]
    assert all(re.fullmatch(r"[A-Za-z0-9]+, \S+ \(\d+\)", text) for text in structures)


def content_of(text):
    return json.loads(re.search(r'id="rows">(.*?)</script>', text)[1])


def test_the_page_is_small(result, tmp_path):
    assert result[0].stat().st_size < 300_000
    page = RankingPage(tmp_path / "x.html", Ranking("gap"), {"input": "x"})
    names = [f"text{n}" for n in range(40)]
    row = {"gap": 1.5, **{name: f"<{name}>" * 1000 for name in names}}
    page.add(pa.Table.from_pylist([row] * module.TABLE_ROWS))
    page.write(module.TABLE_ROWS)
    text = (tmp_path / "x.html").read_text()
    n_shown = int(re.search(r"<h2>The first (\d+) by gap</h2>", text)[1])
    assert 10 < n_shown == len(content_of(text)["rows"])
    assert 500_000 < len(text) < 1_000_000


def test_the_page_needs_no_network_and_nothing_in_it_escapes(result):
    text = result[0].read_text()
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(?!data:)', text)
    assert HOSTILE not in text
    assert "model_sha256" in text


def test_only_the_first_thousand(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TABLE_ROWS", 3)
    page = RankingPage(tmp_path / "x.html", Ranking("phonon_bandgap", ascending=True), {})
    fields = [("formula", pa.string()), ("phonon_bandgap", pa.float64()), ("gap", pa.string())]
    schema = pa.schema([marked(pa.field(*field), field[0]) for field in fields])
    for start in (0, 10):
        values = [float(n) for n in range(start, start + 10)]
        gaps = [f"{value}" for value in range(start, start + 10)]  # as a CSV file has them
        page.add(pa.table([["NaCl"] * 10, values, gaps], schema=schema))
    page.write(20)
    content = content_of((tmp_path / "x.html").read_text())
    assert content["rows"] == [["NaCl", 0, 0], ["NaCl", 1, 1], ["NaCl", 2, 2]]
    assert page.elements == {"Na": 20, "Cl": 20}


def test_a_page_of_nothing_that_was_predicted(tmp_path, quick):
    screen(["Qq", "H2O)"], tmp_path / "x.csv", predictor=quick, html=tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text()
    assert "<svg" not in text
    assert "<h2>Elements" not in text
    assert len(content_of(text)["rows"]) == 2
