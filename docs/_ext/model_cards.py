"""Cards of the shipped models, as ``phonon-tl info --card NAME`` prints them."""

import re

from matminer_phonon_tl.models import model_card as write_card


def model_card(name: str) -> str:
    """Return the card of a shipped file as a section of a page, without its metadata."""
    _, _, text = write_card(name).split("---\n", 2)
    return re.sub(r"^#", "##", text, flags=re.MULTILINE)
