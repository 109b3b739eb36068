"""Print the package's direct requirements as setup.cfg states them, for one environment.

Usage: python tests/environments/requirements.py {lowest,newest} [EXTRA...]

"lowest" pins each to its lower bound, so that a false bound fails; "newest" leaves the choice to
the installer. torch is left out: the environments that need it install it first.
"""

import re
import sys
from configparser import ConfigParser
from pathlib import Path

SETUP = Path(__file__).parents[2] / "setup.cfg"
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?P<extras>\[[\w,]+\])?(?P<bounds>[<>=!~].*)?")


def requirements(kind: str, extras: list[str]) -> list[str]:
    """Return one requirement for each direct dependency.

    Parameters
    ----------
    kind : {"lowest", "newest"}
    extras : list of str
        Of setup.cfg, beside what is always required.

    Returns
    -------
    list of str
    """
    parser = ConfigParser()
    parser.read(SETUP, encoding="utf-8")
    lines = parser["options"]["install_requires"].split()
    for extra in extras:
        text = parser["options.extras_require"][extra].splitlines()
        lines += [line.strip() for line in text if line.strip() and not line.startswith("#")]
    found = [REQUIREMENT.fullmatch(line) for line in lines if not line.startswith("torch")]
    # an extra's bound takes the place of the package's own
    named = {own["name"]: own for own in found if own is not None}
    return [
        f"{own['name']}{own['extras'] or ''}{bound(own['bounds'] or '', kind)}"
        for own in named.values()
    ]


def bound(bounds: str, kind: str) -> str:
    """Return the pin, or the bounds as they stand."""
    lowest = re.search(r">=([\w.]+)", bounds)
    if kind == "newest" or lowest is None:
        return bounds
    return f"=={lowest[1]}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(requirements(sys.argv[1], sys.argv[2:])) + "\n")
