"""Cards of the shipped models, read from their files as ``phonon-tl info NAME`` does."""

from typing import Any

from matminer_phonon_tl.cli.info import in_words
from matminer_phonon_tl.cli.info import model_card as read_card


def model_card(name: str) -> str:
    """Return the card of a shipped file as Markdown: what it is, its scores, its data."""
    content = read_card(name)
    card = content["card"]
    rows = {
        "model": f"`{content['model']}`",
        "made by": content["made by"],
        "parameters": in_words(content["parameters"]),
        "trained on": in_words(card["training_data"]),
        "units": in_words(card["units"]),
        "versions": in_words(card["versions"]),
        "sha256": f"`{content['sha256']}`",
    }
    facts = table(["", ""], [[f"**{key}**", str(value)] for key, value in rows.items()])
    return f"## {name}\n\n{facts}\n\n{scores(card['scores'])}"


def scores(entries: list[dict[str, Any]]) -> str:
    """Return a table of scores under each protocol."""
    parts = []
    for protocol in dict.fromkeys(entry["protocol"] for entry in entries):
        own = [entry for entry in entries if entry["protocol"] == protocol]
        names = [
            name
            for name in dict.fromkeys(key for entry in own for key in entry)
            if name not in ("target", "protocol")
        ]
        header = ["target", *(name.replace("_", " ") for name in names)]
        body = [[f"`{e['target']}`", *(str(e.get(name, "")) for name in names)] for e in own]
        parts.append(f"Scores, {protocol}:\n\n{table(header, body)}")
    return "\n\n".join(parts)


def table(header: list[str], body: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
