"""The table a prediction is: its columns, and the formulas and warnings in it."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from pymatgen.core import Composition, Structure

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


def note_other_cells(
    frame: pd.DataFrame, values: list[Any], rows: list[int], sizes: list[list[int]]
) -> list[str]:
    """Fill the column ``note``; no structure is doubted.

    Parameters
    ----------
    frame : DataFrame
        Changed in place.
    values : list
        What was asked about.
    rows : list of int
        The rows that could be predicted.
    sizes : list of list of int
        For each of them, sizes of training cells of its formula other than its own.

    Returns
    -------
    list of str
        Formulas that may stand for another cell.
    """
    notes: list[Any] = frame["note"].tolist()
    doubtful = []
    for row, others in zip(rows, sizes, strict=True):
        notes[row] = ""
        if others and not isinstance(values[row], Structure):
            words = " and ".join(str(size) for size in others)
            notes[row] = f"training materials of this formula also have cells of {words} atoms"
            if isinstance(values[row], str):
                doubtful.append(values[row])
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
