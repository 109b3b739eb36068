"""The settings in a phonopy.conf: the supercell and the primitive cell."""

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import PhononDocumentError

SETTINGS = "phonopy.conf"

_SUPERCELL_NUMBERS = {3, 9}
_NUMBER = re.compile(r"[+-]?\d{1,12}(?:\.\d{0,16})?(?:/\d{1,6})?")
_CENTRINGS = {"AUTO", "P", "F", "I", "A", "C", "R"}


def read_settings(text: str) -> dict[str, str]:
    """Return the settings of a phonopy.conf, their names in capitals."""
    text = re.sub(r"\+\+\+\s*\n", " ", text)  # a line that goes on in the next
    lines = (line.split("#")[0].split("=", 1) for line in text.splitlines())
    return {name.strip().upper(): value.strip() for name, *rest in lines for value in rest}


def supercell_matrix(settings: dict[str, str], n_atoms: int, *, max_atoms: int) -> NDArray[np.intp]:
    """Return DIM as a matrix of shape (3, 3), or raise PhononDocumentError.

    It is refused where its supercell has more than ``max_atoms`` atoms.
    """
    given = settings.get("DIM", "")
    whole = [re.fullmatch(r"[+-]?\d{1,4}", number) for number in given.split()]
    if len(whole) not in _SUPERCELL_NUMBERS or None in whole:
        raise PhononDocumentError(
            f"expected DIM as 3 or 9 whole numbers in {SETTINGS}, got {given[:60]!r}; correct it"
        )
    numbers = np.array(given.split(), dtype=int)
    matrix = np.diag(numbers) if len(numbers) == 3 else numbers.reshape(3, 3)
    n_cells = round(abs(np.linalg.det(matrix)))
    if not 1 <= n_cells * n_atoms <= max_atoms:
        raise PhononDocumentError(
            f"expected a supercell of 1 to {max_atoms} atoms, got DIM = {given[:60]} in "
            f"{SETTINGS}, which makes {n_cells * n_atoms}; correct it"
        )
    return matrix


def primitive_matrix(settings: dict[str, str]) -> Any:
    """Return PRIMITIVE_AXIS, whose numbers may be fractions, as a matrix, or a centring's letter.

    The unit matrix where nothing is set; None for AUTO, which leaves it to symmetry.
    """
    given = settings.get("PRIMITIVE_AXES", settings.get("PRIMITIVE_AXIS", "1 0 0 0 1 0 0 0 1"))
    if given.upper() in _CENTRINGS:
        return None if given.upper() == "AUTO" else given.upper()
    try:
        if not all(_NUMBER.fullmatch(number) for number in given.split()):
            raise ValueError  # noqa: TRY301 - as Fraction does; it takes for ever on "1e10000000"
        return np.array([float(Fraction(number)) for number in given.split()]).reshape(3, 3)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise PhononDocumentError(
            f"expected PRIMITIVE_AXIS as 9 numbers or fractions in {SETTINGS}, got "
            f"{given[:60]!r}; correct it"
        ) from None


def read_masses(given: str, n_atoms: int) -> list[float]:
    """Return MASS, a number for each atom of the primitive cell, or raise PhononDocumentError."""
    masses = given.split()
    try:
        found = [float(mass) for mass in masses]
    except ValueError:
        found = []
    if len(found) != n_atoms or not all(0.0 < mass < math.inf for mass in found):
        raise PhononDocumentError(
            f"expected MASS as {n_atoms} masses in u, one for each atom of the primitive cell, got "
            f"{given[:60]!r} in a .conf file; correct it, or state PRIMITIVE_AXES there"
        )
    return found
