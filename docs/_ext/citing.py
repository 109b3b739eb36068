"""What to cite, from CITATION.cff and the package's own BibTeX entries."""

import re
from pathlib import Path
from typing import Any

import yaml

from matminer_phonon_tl import __version__, citations

CITATION_FILE = Path(__file__).parents[2] / "CITATION.cff"


def citation() -> str:
    """Return how CITATION.cff wants the software cited."""
    entry: dict[str, Any] = yaml.safe_load(CITATION_FILE.read_text(encoding="utf-8"))
    authors = ", ".join(author["name"] for author in entry["authors"])
    article = entry["preferred-citation"]
    names = ", ".join(f"{a['given-names']} {a['family-names']}" for a in article["authors"])
    return (
        f"{entry['message']}\n\n"
        f"- {authors}, *{entry['title']}*, version {__version__}, {entry['license']}.\n"
        f"- {names}, *{article['title']}*, {article['journal']} **{article['volume']}**, "
        f"{article['start']} ({article['year']}), "
        f"[doi:{article['doi']}](https://doi.org/{article['doi']})."
    )


def references() -> str:
    """Return the works behind data, descriptors and models as BibTeX."""
    entries = [text for name, text in vars(citations).items() if name.isupper()]
    broken = [re.sub(r", (\w+)=\{", r",\n  \1={", text) for text in entries]
    return "```bibtex\n" + "\n\n".join(broken) + "\n```"
