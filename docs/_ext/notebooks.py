"""Pages that ran when the site was built, to be downloaded as notebooks.

myst-nb leaves each page that it ran beside the site, as a notebook with what was printed and drawn.
"""

import json
import re
from pathlib import Path
from typing import Any

OFFER = "Download this page as a notebook"
_TO_PAGES = re.compile(r"\s*\((?:\[[^]]*\]\([^):]*\.md\))\)|\[([^]]*)\]\([^):]*\.md\)")


def notebook(docname: str) -> str:
    """Return the link that a page of this name offers its notebook with."""
    return f'<a href="{Path(docname).name}.ipynb" download>{OFFER}</a>'


def copy_notebooks(app: Any, exception: Exception | None) -> None:
    """Put the notebooks that pages offer next to these pages."""
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    for name in app.env.found_docs:
        page = Path(app.env.doc2path(name))
        if f"<!-- generated: notebook {name} -->" in page.read_text("utf-8"):
            content = json.loads((site.parent / "jupyter_execute" / f"{name}.ipynb").read_text())
            (site / f"{name}.ipynb").write_text(json.dumps(alone(content), indent=1), "utf-8")


def alone(content: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook without its offer, and without links to pages that do not come along."""
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            text = _TO_PAGES.sub(lambda link: link[1] or "", "".join(cell["source"]))
            cell["source"] = "\n".join(line for line in text.split("\n") if OFFER not in line)
    return content


def setup(app: Any) -> dict[str, Any]:
    """Connect to the end of the build."""
    app.connect("build-finished", copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
