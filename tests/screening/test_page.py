"""The ranking page in a real browser, and as the text that it is."""

import json
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

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
    screen(
        frame, folder / "out.csv", predictor=pretrained, conditional=True, html=folder / "out.html"
    )
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


def browse(path, *options, width=1200):
    return subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         "--virtual-time-budget=8000", f"--window-size={width},2400", *options, path.as_uri()],
        capture_output=True, text=True, check=True, timeout=180,
    )  # fmt: skip


@needs_browser
def test_sorts_and_filters_in_a_browser(result, tmp_path):
    path, frame = result
    acted = tmp_path / "acted.html"
    acted.write_text(path.read_text().replace("</body>", f"{ACTIONS}</body>"))
    browser = browse(acted, "--dump-dom")
    assert "CONSOLE" not in browser.stderr
    assert "<title>done</title>" in browser.stdout  # nothing in a formula ran
    assert len(re.findall(r'class="plot-container', browser.stdout)) == 2
    text = re.search(r'<pre id="shown">(.*?)</pre>', browser.stdout, re.DOTALL)[1]
    shown = json.loads(text.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"))
    good = frame[frame["error"].isna()]
    assert shown["rows"] == len(frame)
    best = good["phonon_bandgap"].nlargest(5)
    np.testing.assert_allclose([float(gap) for gap in shown["unsorted"]], best, rtol=1e-4)
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
@pytest.mark.parametrize("width", [1200, 400])
def test_a_screenshot_has_figures_and_a_table(result, tmp_path, width):
    from PIL import Image

    image = tmp_path / "page.png"
    browser = browse(result[0], f"--screenshot={image}", width=width)
    assert "CONSOLE" not in browser.stderr
    with Image.open(image) as opened:
        assert opened.size[0] == width
        colours = opened.convert("RGB").getcolors(maxcolors=2**24)
    assert len(colours) > 100  # colour scales, not a blank page


def test_the_page_needs_no_network_and_nothing_in_it_escapes(result):
    text = result[0].read_text()
    assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(?!data:)', text)
    assert HOSTILE not in text
    assert "model_sha256" in text


def test_only_the_first_thousand_and_some_points(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TABLE_ROWS", 3)
    monkeypatch.setattr(module, "POINTS", 5)
    page = RankingPage(tmp_path / "x.html", Ranking("phonon_bandgap", ascending=True), {})
    fields = [("formula", pa.string()), ("phonon_bandgap", pa.float64()), ("gap", pa.string())]
    schema = pa.schema([marked(pa.field(*field), field[0]) for field in fields])
    for start in (0, 10):
        values = [float(n) for n in range(start, start + 10)]
        gaps = [f"{value}" for value in range(start, start + 10)]  # as a CSV file has them
        page.add(pa.table([["NaCl"] * 10, values, gaps], schema=schema))
    page.write()
    content = re.search(r'id="rows">(.*?)</script>', (tmp_path / "x.html").read_text())[1]
    assert json.loads(content)["rows"] == [["NaCl", 0, 0], ["NaCl", 1, 1], ["NaCl", 2, 2]]
    assert page.elements == {"Na": 20, "Cl": 20}
    assert page._some.table.num_rows == 5
