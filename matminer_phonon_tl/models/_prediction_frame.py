"""The table a prediction is: its columns, and the formulas and warnings in it."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from pymatgen.core import Composition

from matminer_phonon_tl.exceptions import CellSizeWarning
from matminer_phonon_tl.models.regressor_choice import SETTINGS

TARGETS = tuple(SETTINGS)
GAP = "phonon_bandgap"
PARTS = ("", "_lower", "_upper", "_std")

COLUMNS = (
    "formula",
    "has_phonon_bandgap",
    "has_gap_probability",
    "has_gap_probability_std",
    *(f"{GAP}{part}" for part in PARTS),
    "phonon_bandgap_expected",
    *(f"{target}{part}" for target in TARGETS if target != GAP for part in PARTS),
    "heat_capacity_per_atom",
    "applicability",
    "unseen_elements",
    "in_domain",
    "note",
    "error",
)
"""Columns of a prediction, in order."""

_TEXTS = ("unseen_elements", "note", "error")
_ANSWERS = ("has_phonon_bandgap", "in_domain")
_FORMULAS_NAMED = 5


def empty_frame(values: list[Any]) -> pd.DataFrame:
    """All columns, with their types and nothing in them but the formulas."""
    n_rows = len(values)
    columns: dict[str, Any] = {name: np.full(n_rows, np.nan) for name in COLUMNS}
    columns["formula"] = pd.Series([formula_of(value) for value in values], dtype=object)
    for name in _ANSWERS:
        columns[name] = pd.array([pd.NA] * n_rows, dtype="boolean")
    for name in _TEXTS:
        columns[name] = pd.Series([None] * n_rows, dtype=object)
    return pd.DataFrame(columns)


def formula_of(value: Any) -> str:
    """What stands in the column ``formula``."""
    if isinstance(value, str):
        return value
    composition = getattr(value, "composition", value)
    if isinstance(composition, Composition) and len(composition):
        return composition.formula.replace(" ", "")
    return str(value)


def note_known_cells(
    frame: pd.DataFrame, rows: list[int], known: list[tuple[bool, list[int]]]
) -> list[int]:
    """Fill the column ``note``: what was trained on is remembered rather than predicted.

    Parameters
    ----------
    frame : DataFrame
        Changed in place.
    rows : list of int
        The rows that could be predicted.
    known : list of (bool, list of int)
        For each of them, whether its formula and cell was trained on, and the sizes of training
        cells of its formula other than its own.

    Returns
    -------
    list of int
        Rows whose formula may stand for another cell.
    """
    notes: list[Any] = frame["note"].tolist()
    doubtful = []
    for row, (is_known, others) in zip(rows, known, strict=True):
        notes[row] = "trained on this formula" if is_known or others else ""
        if others:
            words = " and ".join(str(size) for size in others)
            notes[row] += f", {'also ' if is_known else ''}in cells of {words} atoms"
            doubtful.append(row)
    frame["note"] = pd.Series(notes, dtype=object)
    return doubtful


def warn_of_cells(formulas: list[str]) -> None:
    """Warn once, of all formulas that may stand for another cell."""
    named = ", ".join(formulas[:_FORMULAS_NAMED])
    more = f" and {len(formulas) - _FORMULAS_NAMED} more" if len(formulas) > _FORMULAS_NAMED else ""
    warnings.warn(
        f"training materials of these formulas have primitive cells of other sizes than written: "
        f"{named}{more}; the column note has the sizes: if one is meant, write the whole cell "
        "(In2N2), set n_formula_units, or give the structure",
        CellSizeWarning,
        stacklevel=3,
    )
