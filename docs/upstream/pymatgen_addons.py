"""Print the change that would put this package on pymatgen's list of external tools.

Usage: python docs/upstream/pymatgen_addons.py PYMATGEN ADDRESS | git -C PYMATGEN apply

PYMATGEN is a checkout of pymatgen's repository, whose docs/addons.md holds the list; ADDRESS is the
page of our repository. Nothing is printed where the list has another form than ours is written for.
"""

import difflib
import re
import sys
from pathlib import Path

NAME = "matminer-phonon-tl"
LIST = "docs/addons.md"
SECTION = "## External Tools"
SENTENCE = (
    "Predicts phonon properties (acoustic-optical gap, speed of sound, heat capacity) from "
    "composition or structure, and derives them from phonon band structures and force constants."
)
ENTRY = re.compile(r"\* \[[^]]+\]\(https?://[^)\s]+\): \S.*\.")
"""Form of every entry there: a linked name, a colon, whole sentences."""


def main() -> None:
    """Print the change, or say in one line why there is none."""
    if len(sys.argv) != 3:
        sys.exit(__doc__.splitlines()[2])
    path = Path(sys.argv[1]) / LIST
    if not path.is_file():
        sys.exit(f"expected a checkout of pymatgen with {LIST}, got {sys.argv[1]}")
    before = path.read_text(encoding="utf-8")
    try:
        after = with_entry(before, sys.argv[2])
    except ValueError as error:
        sys.exit(str(error))
    lines = (text.splitlines(keepends=True) for text in (before, after))
    sys.stdout.writelines(difflib.unified_diff(*lines, f"a/{LIST}", f"b/{LIST}"))


def with_entry(text: str, address: str) -> str:
    """Return the page with our entry as the last of its section.

    Parameters
    ----------
    text : str
        The page as it is.
    address : str
        Of our repository.

    Raises
    ------
    ValueError
        If the page names us already, has no such section, or has entries of another form.
    """
    entry = f"* [{NAME}]({address}): {SENTENCE}"
    if not ENTRY.fullmatch(entry):
        raise ValueError(f"expected an address that starts with https://, got {address!r}")
    if NAME in text:
        raise ValueError(f"expected {LIST} without {NAME}, but it is there already")
    before, heading, section = text.partition(f"\n{SECTION}\n")
    section, rest = re.match(r"(.*?)(\n## .*|\Z)", section, re.DOTALL).groups()
    entries = [line for line in section.splitlines() if line.startswith("*")]
    if not heading or not entries or not all(map(ENTRY.fullmatch, entries)):
        raise ValueError(
            f"expected the section {SECTION!r} of {LIST} with entries such as {entry[:60]!r}..., "
            "found another form: look at it, and write the entry as they do"
        )
    last = section.rindex(entries[-1]) + len(entries[-1])
    return f"{before}{heading}{section[:last]}\n{entry}{section[last:]}{rest}"


if __name__ == "__main__":
    main()
