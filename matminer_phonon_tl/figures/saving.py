"""Write a figure to a file, or as SVG that stands in a page and wears its colours."""

import re
import warnings
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from matminer_phonon_tl.files import write_atomically

FORMATS = (".png", ".svg", ".pdf")
STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "matminer_phonon_tl"}
"""Words in an SVG are text, and the same figure is the same file."""
_UNDATED: dict[str, dict[str, Any]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}


def check_figure_path(path: str | Path) -> None:
    """Refuse a figure's name before anything is computed.

    Parameters
    ----------
    path : path
        Its ending says the format.

    Raises
    ------
    ValueError
        The ending is of no known format, or there is no such folder.

    Examples
    --------
    >>> check_figure_path("hits.jpg")
    Traceback (most recent call last):
    ...
    ValueError: expected --plot as a .png, .svg or .pdf file in a folder that exists, got hits.jpg
    """
    path = Path(path)
    if path.suffix not in FORMATS or not path.absolute().parent.is_dir() or path.is_dir():
        raise ValueError(
            f"expected --plot as a .png, .svg or .pdf file in a folder that exists, got {path}"
        )


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure, whole or not at all, in the format that its name says.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path
        As :func:`check_figure_path` takes it.
    """
    path = Path(path)
    content = _drawn(figure, path.suffix, dpi=150, metadata=_UNDATED.get(path.suffix))
    write_atomically(path, content)


def page_svg(figure: Figure, name: str, colours: Mapping[str, str]) -> str:
    """Return a figure as an SVG element that can stand beside others in one page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    name : str
        Makes the ids of its parts unique in the page.
    colours : mapping of str to str
        What stands in the page for a colour of the figure, such as ``var(--ink)``.

    Returns
    -------
    str
        Of the class ``panel``, without a background.
    """
    text = _drawn(figure, ".svg", transparent=True, metadata=_UNDATED[".svg"]).decode()
    text = text[text.index("<svg") :]
    # metadata say nothing here, and a style element would hold for the whole page
    text = re.sub(r"<(metadata|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    for colour, replacement in colours.items():
        text = text.replace(colour, replacement)
    return text.replace("<svg ", '<svg class="panel" ', 1)


def _drawn(figure: Figure, ending: str, **options: Any) -> bytes:
    content = BytesIO()
    with rc_context(STYLE), warnings.catch_warnings():
        # a file's name may hold letters that matplotlib's font has not
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        figure.savefig(content, format=ending[1:], **options)
    return content.getvalue()
