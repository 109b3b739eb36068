"""The rows that are written are ranked where that is asked for, or it is refused."""

import re

import pandas as pd
import pytest

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening import screen


@pytest.mark.parametrize("html", [None, "page.html"])
@pytest.mark.parametrize(
    "options", [{"by": "x"}, {"ascending": True}, {"by": "x", "ascending": True}]
)
def test_a_ranking_without_top_is_refused_with_a_page_and_without(tmp_path, html, options):
    """With a page, the CSV used to keep the input's order without a word."""
    table = pd.DataFrame({"formula": ["GaN", "NaCl", "InN"], "x": [2, 3, 1]})
    page = None if html is None else tmp_path / html
    with pytest.raises(ScreeningError, match="expected --top with --by and --asc") as refused:
        screen(table, tmp_path / "out.csv", html=page, **options)
    assert not any(tmp_path.iterdir())
    first, every = map(int, re.findall(r"--top (\d+)", str(refused.value)))  # what it says to type
    assert first < every
    options = {"by": "x"} | options
    screen(table, tmp_path / "out.csv", html=page, top=every, columns=["x"], **options)
    ranked = pd.read_csv(tmp_path / "out.csv")["x"].tolist()
    assert ranked == ([1, 2, 3] if options.get("ascending") else [3, 2, 1])
