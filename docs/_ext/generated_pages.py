"""Parts of pages that are made at each build, so that they cannot be out of date.

A line ``<!-- generated: NAME ARGUMENT -->`` in a page becomes what the function of that name gives.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from citing import citation, references
from command_line import commands
from model_cards import model_card
from notebooks import notebook
from reference import public_names, shortcuts

GENERATORS: dict[str, Callable[..., str]] = {
    "citation": citation,
    "commands": commands,
    "model-card": model_card,
    "notebook": notebook,
    "reference": public_names,
    "references": references,
    "shortcuts": shortcuts,
}
MARK = re.compile(r"^<!-- generated: (.+) -->$", re.MULTILINE)


def fill_in(_app: Any, _docname: str, content: list[str]) -> None:
    """Replace the marks of a page."""

    def generate(mark: re.Match[str]) -> str:
        name, *arguments = mark.group(1).split()
        return GENERATORS[name](*arguments)

    content[0] = MARK.sub(generate, content[0])


def always_anew(app: Any, env: Any, *_: Any) -> list[str]:
    """Name the pages that hold marks, which a build that goes on with an older one reads again."""
    found = (name for name in env.found_docs if Path(env.doc2path(name)).suffix == ".md")
    del app
    return [name for name in found if MARK.search(Path(env.doc2path(name)).read_text("utf-8"))]


def setup(app: Any) -> dict[str, Any]:
    """Connect to the reading of pages."""
    app.connect("source-read", fill_in)
    app.connect("env-get-outdated", always_anew)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
