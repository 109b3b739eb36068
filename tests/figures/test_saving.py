"""Figures as files and as parts of a page."""

import re

import pytest
from matplotlib.figure import Figure

from matminer_phonon_tl.figures import check_figure_path, page_svg, save_figure


@pytest.fixture
def figure():
    figure = Figure(figsize=(2, 2))
    figure.subplots().plot([1, 2], color="#123456", label="\u4e2d")
    figure.axes[0].set_title("\u4e2d a name")
    return figure


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"),
                                               ("pdf", b"%PDF")])  # fmt: skip
def test_the_ending_says_the_format_and_the_file_is_always_the_same(
    figure, tmp_path, ending, start
):
    paths = [tmp_path / f"{n}.{ending}" for n in range(2)]
    for path in paths:
        check_figure_path(path)
        save_figure(figure, path)
    one, other = (path.read_bytes() for path in paths)
    assert one.startswith(start)
    assert one == other
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["x.jpg", "x", "no/x.png", "folder.png", "x.PNG"])
def test_other_names_are_refused(tmp_path, name):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ValueError, match=r"expected --plot as a .png, .svg or .pdf file in a f"):
        check_figure_path(tmp_path / name)


def test_in_a_page_it_wears_the_page_s_colours_and_its_ids_are_its_own(figure):
    text = page_svg(figure, "speeds", {"#123456": "var(--line)"})
    assert text.startswith('<svg class="panel"')
    assert "var(--line)" in text
    assert "#123456" not in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert ids
    assert all(each.startswith("speeds-") for each in ids)
    assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text)) <= set(ids)
    assert "<style" not in text
    assert "<metadata" not in text
    assert re.search(r"<text[^>]*>\u4e2d a name</text>", text)
