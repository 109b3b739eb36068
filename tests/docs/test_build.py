"""The site builds without a warning, says something on every page, and needs no network."""

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONS = ("-W", "--keep-going", "-q", "-b", "html")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site once for all tests here."""
    for name in ("sphinx", "myst_nb", "numpydoc", "furo", "sphinx_copybutton"):
        pytest.importorskip(name, reason="the extra docs is not installed")
    folder = tmp_path_factory.mktemp("site")
    result = subprocess.run(
        [sys.executable, "-m", "sphinx", *OPTIONS, ROOT / "docs", folder],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return folder


def text_of(page):
    """Return what a reader sees of a page's article."""
    article = page.read_text(encoding="utf-8").split("<article", 1)[1].split("</article>", 1)[0]
    return unescape(re.sub(r"<[^>]+>", "", article))


def pages(site):
    return [p for p in site.rglob("*.html") if p.name not in ("genindex.html", "search.html")]


def test_no_page_is_empty(site):
    for page in pages(site):
        assert len(text_of(page).split()) > 30, page.name


def test_pages_load_nothing_from_elsewhere(site):
    for page in pages(site):
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(
            r'<(?:script|img|link|iframe)\b[^>]*?(?:src|href)="(https?://[^"]+)', html
        )
        assert not loaded, f"{page.name}: {loaded}"


def test_nothing_tells_where_it_was_built(site):
    for page in pages(site):
        assert str(ROOT) not in page.read_text(encoding="utf-8"), page.name
        assert "site-packages" not in text_of(page), page.name


def test_no_mark_was_left_and_no_markup_shows(site):
    for page in pages(site):
        text = text_of(page)
        for sign in ("<!-- generated", ":func:`", ":class:`", ":meth:`", ":math:`", ".. math::"):
            assert sign not in text, f"{page.name} shows {sign}"


def test_every_public_name_has_an_entry(site):
    import importlib

    for page in sorted((ROOT / "docs" / "reference").glob("*.md")):
        for module in re.findall(r"generated: reference (\S+) -->", page.read_text("utf-8")):
            html = (site / "reference" / f"{page.stem}.html").read_text("utf-8")
            for name in getattr(importlib.import_module(module), "__all__", ()):
                assert f'id="{module}.{name}"' in html


def test_nothing_is_described_twice(site):
    for page in (site / "reference").glob("*.html"):
        html = page.read_text(encoding="utf-8")
        entries = re.findall(r'<dt class="sig[^>]* id="([^"]+)"', html)
        assert len(entries) == len(set(entries)), page.name
        for entry in html.split('<dl class="py class">')[1:]:
            listed = entry.split('<dl class="py', 1)[0]
            in_full = set(
                re.findall(r'<dl class="py (?:property|attribute)">\s*<dt[^>]*\.(\w+)"', entry)
            )
            twice = in_full & set(re.findall(r"<dt><strong>(\w+)</strong>", listed))
            assert not twice, f"{page.name}: {twice}"


def test_every_command_is_described(site):
    import typer

    from matminer_phonon_tl.cli import app

    text = text_of(site / "reference" / "command_line.html")
    for name, command in typer.main.get_command(app).commands.items():
        assert f"phonon-tl {name}" in text
        for parameter in command.params:
            assert all(option in text for option in parameter.opts if option.startswith("--"))


def test_the_tutorial_has_its_figures(site):
    html = (site / "tutorial.html").read_text(encoding="utf-8")
    assert html.count("<img") >= 3
    assert "Traceback" not in html
    assert "Warning" not in html


def test_the_tutorial_is_offered_as_a_notebook_that_ran(site):
    nbformat = pytest.importorskip("nbformat")
    assert '<a href="tutorial.ipynb" download>' in (site / "tutorial.html").read_text("utf-8")
    notebook = nbformat.read(site / "tutorial.ipynb", as_version=4)
    nbformat.validate(notebook)
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    wanted = re.findall(r"^```\{code-cell\} ipython3\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL)
    assert [cell.source for cell in code] == wanted
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 3
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "## 7. Share" in text
    assert "Download this page" not in text
    assert not re.findall(r"\]\((?!https?:)[^)]*\)", text), "a link to a page that is not there"
    assert "()" not in re.sub(r"`[^`]*`", "", text)
