"""Read anybody's table as training data: what can be learnt, what is left out, and why."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matminer_phonon_tl.compositions import CompositionArray, composition_values
from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.exceptions import CompositionError, TrainingError, UnitError, did_you_mean
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.models.cells import read_cell
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.predictor import GAP, HAS_GAP, TARGETS
from matminer_phonon_tl.models.regressor_choice import (
    SETTINGS,
    default_classifier,
    regressor_of,
)
from matminer_phonon_tl.models.target_transform import label_bounds
from matminer_phonon_tl.phonons.frequencies import PLAUSIBLE_HIGHEST
from matminer_phonon_tl.phonons.sound import PLAUSIBLE_SPEEDS
from matminer_phonon_tl.units import CM1_TO_THZ, FREQUENCY_UNITS_IN_THZ, THZ_TO_CM1

_PER_MOLE = {"J/mol/K": 1.0, "J/K/mol": 1.0, "cal/mol/K": 4.184, "cal/K/mol": 4.184}
_SIZES: dict[str, dict[str, float]] = {
    "cm-1": {
        name: FREQUENCY_UNITS_IN_THZ[name.lower()] / CM1_TO_THZ
        for name in ("THz", "eV", "meV", "cm-1")
    },
    "km/s": {"km/s": 1.0, "m/s": 1e-3},
    "K": {"K": 1.0},
    UNITS["heat_capacity"]: _PER_MOLE,
    UNITS["heat_capacity_per_atom"]: _PER_MOLE,
}
FACTORS = {label: _SIZES[unit] for label, unit in UNITS.items() if unit in _SIZES}
"""What turns a unit into that of the property, by the names of the shipped sets."""

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_MISSING = frozenset({"", "-", "--", "?", "na", "n/a", "nan", "none", "null", "<na>"})
_ANSWERS = {
    **dict.fromkeys(("true", "yes", "y", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "n", "0", "0.0"), False),
}


@dataclass(frozen=True)
class TrainingTable:
    """Rows that can be learnt from, and what of the table cannot."""

    frame: pd.DataFrame
    """``composition``, ``structure`` where structures are asked for, ``space_group`` where the
    table has it, and the labels in the package's units, missing where they are not known."""
    units: dict[str, str]
    """Units of the labels in ``frame``."""
    materials: Materials
    """What the rows of ``frame`` were read as; structures are described already."""
    left_out: pd.DataFrame
    """One row for each row of the table, or each label of it, that is left out: ``row`` (from 0),
    ``material`` as it was given, ``label`` (empty: the whole row), ``reason``, ``detail``."""

    @classmethod
    def read(
        cls,
        df: pd.DataFrame,
        labels: Mapping[str, str] | None = None,
        *,
        structure: bool = False,
        unreadable: Mapping[int, str] | None = None,
    ) -> "TrainingTable":
        """Read a table.

        Parameters
        ----------
        df : DataFrame
            With ``composition``, ``formula`` or ``structure``, and the labels.
        labels : dict of label to unit, optional
            Columns to learn; default: the three phonon properties, in the units of the shipped
            sets. Those named like a phonon property of these (:data:`FACTORS`) are turned into
            its unit; a heat capacity is one per mole of reduced formula units at 300 K.
            ``has_phonon_bandgap`` has the unit "". A gap of 0 or less says that there is none.
        structure : bool
            Take the structures, and leave out rows without one.
        unreadable : dict of int to str, optional
            What is wrong with rows that could not be read at all.

        Raises
        ------
        TrainingError
            If a label is no column, or holds values that cannot be meant in its unit.
        UnitError
            If the unit of a phonon property is none of its units.
        """
        if labels is None:
            labels = {name: UNITS[name] for name in TARGETS}
        _check_labels(df, labels)
        left_out = _LeftOut(composition_values(df, "structure" if structure else "composition"))
        for row, sentence in (unreadable or {}).items():
            left_out.add(row, "", "a row that cannot be read", sentence)
        materials, rows = _materials(left_out, _described_sets(labels) if structure else [])
        columns: dict[str, Any] = {"composition": list(materials.compositions)}
        if structure:
            columns["structure"] = list(materials.structures)
        if "space_group" in df.columns:
            columns["space_group"] = df["space_group"].to_numpy()[rows]
        frame = pd.DataFrame(columns, index=df.index[rows])
        for label, unit in labels.items():
            if label != HAS_GAP:
                values = _numbers(df[label].tolist(), label, rows, left_out)
                frame[label] = values * _factor(label, unit)
                _leave_out_impossible(frame, label, materials, rows, left_out)
        if GAP in labels or HAS_GAP in labels:
            _add_answers(frame, df, rows, left_out)
        found = {
            label: UNITS[label] if label in FACTORS else unit for label, unit in labels.items()
        }
        return cls(frame, found, materials, left_out.table())

    def summary(self) -> list[str]:
        """Return a line for each label and reason: how many are left out."""
        pairs = zip(self.left_out["label"], self.left_out["reason"], strict=True)
        return [
            f"{label or 'every label'}: left out {n} {'row' if n == 1 else 'rows'} with {reason}"
            for (label, reason), n in Counter(pairs).items()
        ]


def columns_of_numbers(df: pd.DataFrame) -> list[str]:
    """Return the columns that could be labels: half of their values or more are numbers.

    Decimal commas count, of which learning then says what is wrong; a column without a name, as an
    index has in CSV, does not.
    """
    found = []
    for name in filter(None, df.columns):
        known = df[name].dropna().astype(str).str.replace(",", ".")
        numbers = pd.to_numeric(known, errors="coerce").astype(float)
        if len(known) and np.isfinite(numbers).sum() >= len(known) / 2:
            found.append(str(name))
    return found


class _LeftOut:
    """Collect what is left out of a table, and why.

    Parameters
    ----------
    values : list
        What stands for the material of each row.
    """

    def __init__(self, values: list[Any]) -> None:
        self.values = values
        self._found: list[tuple[int, str, str, str, str]] = []
        self.whole: set[int] = set()

    def add(self, row: int, label: str, reason: str, detail: str = "") -> None:
        value = self.values[row]
        material = getattr(value, "formula", value)
        self._found.append((row, str(material)[:200], label, reason, detail))
        if not label:
            self.whole.add(row)

    def table(self) -> pd.DataFrame:
        names = ["row", "material", "label", "reason", "detail"]
        return pd.DataFrame(self._found, columns=names).sort_values("row", kind="stable")


def _check_labels(df: pd.DataFrame, labels: Mapping[str, str]) -> None:
    for label, unit in labels.items():
        if label not in df.columns:
            names = [str(name) for name in df.columns if name not in ("composition", "structure")]
            raise TrainingError(
                f"expected a column {label!r} to learn, got the columns {', '.join(names)}"
                f"{did_you_mean(label, names)}: name one of them"
            )
        if not unit and label != HAS_GAP:
            raise TrainingError(
                f"expected the unit of {label!r}, got none: give it as {label}=UNIT, and "
                f"{label}=1 where it has none"
            )
        _factor(label, unit)


def _factor(label: str, unit: str) -> float:
    """Return what turns a label into the unit in which its property is learnt."""
    if label not in FACTORS:
        return 1.0
    spelled = unit.lower().replace(" ", "").replace("\u207b\u00b9", "-1").replace("^-1", "-1")
    spelled = spelled.replace("1/cm", "cm-1")
    known = {name.lower(): size for name, size in FACTORS[label].items()}
    known[UNITS[label].lower().replace(" ", "")] = 1.0
    if spelled not in known:
        raise UnitError(
            f"expected the unit of {label} as one of {', '.join(FACTORS[label])}, got {unit!r}: "
            "convert it, or give the column another name to learn it as it is"
        )
    return known[spelled]


def _described_sets(labels: Collection[str]) -> list[tuple[str, bool]]:
    """Return the sets of structure descriptors that the models of some labels see."""
    numbers = [name for name in labels if name != HAS_GAP]
    models: list[Any] = [regressor_of(name, 0, structure=True) for name in numbers]
    if GAP in labels or HAS_GAP in labels:
        models.append(default_classifier(0, structure=True))
    return sorted({(model.descriptors, model.standard_bonds) for model in models})


def _materials(
    left_out: _LeftOut, sets: list[tuple[str, bool]]
) -> tuple[Materials, NDArray[np.intp]]:
    """Read the materials of the rows that have one, each in its primitive cell.

    They are structures where there are sets of structure descriptors.
    """
    structure = bool(sets)
    rows: list[int] = []
    cells: list[Any] = []
    for row, value in enumerate(left_out.values):
        if row in left_out.whole:
            continue
        if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
            left_out.add(row, "", f"no {'structure' if structure else 'formula'}")
            continue
        try:
            cells.append(read_cell(value, needs_structure=structure))
            rows.append(row)
        except CompositionError as error:
            left_out.add(row, "", "a structure that cannot be read", error.reason)
    compositions, good, errors = CompositionArray.read_valid(cells)
    flat, known, unknown = compositions.flat_valid(ElementTable.shipped().index_of)
    refused = errors | {int(good[place]): error for place, error in unknown.items()}
    for place, bad in sorted(refused.items()):
        left_out.add(rows[place], "", "a formula that cannot be read", bad.reason)
    kept = good[known]
    materials = Materials(
        compositions.take(known), [cells[place] for place in kept] if structure else None, flat=flat
    )
    placed = np.array(rows, dtype=np.intp)[kept]
    if structure:
        undescribed = materials.find_errors(sets)
        for place, bad in undescribed.items():
            left_out.add(int(placed[place]), "", "a structure that cannot be described", bad.reason)
        described = np.setdiff1d(np.arange(len(placed)), list(undescribed))
        materials, placed = materials.take(described), placed[described]
    return materials, placed


def _numbers(
    values: list[Any], label: str, rows: NDArray[np.intp], left_out: _LeftOut
) -> NDArray[np.float64]:
    """Read the labels of some rows; NaN where there is none, or no number."""
    numbers = np.full(len(rows), np.nan)
    for place, row in enumerate(rows.tolist()):
        value = values[row]
        text = str(value).strip()
        if text.lower() in _MISSING:
            left_out.add(row, label, "no value")
            continue
        try:
            # Python reads 1_000, and True as 1.
            is_number = not isinstance(value, bool | np.bool_) and "_" not in text
            number = float(text) if is_number else np.nan
        except ValueError:
            number = np.nan
        if np.isfinite(number):
            numbers[place] = number
        else:
            comma = _DECIMAL_COMMA.fullmatch(text) is not None
            reason = "a decimal comma in place of a point" if comma else "a value that is no number"
            left_out.add(row, label, reason, text[:200])
    return numbers


def _add_answers(
    frame: pd.DataFrame, df: pd.DataFrame, rows: NDArray[np.intp], left_out: _LeftOut
) -> None:
    """Add ``has_phonon_bandgap``, from its column or the gap, where the two do not contradict."""
    given = df[HAS_GAP].tolist() if HAS_GAP in df.columns else [None] * len(df)
    gaps = frame[GAP].to_numpy() if GAP in frame else np.full(len(rows), np.nan)
    answers: list[bool | None] = []
    for row, gap in zip(rows.tolist(), gaps.tolist(), strict=True):
        text = str(given[row]).strip().lower()
        answer = _ANSWERS.get(text)
        if answer is None and text not in _MISSING:
            left_out.add(row, HAS_GAP, "an answer other than true or false", text[:200])
        elif answer is None and np.isfinite(gap):
            answer = gap > 0
        elif answer is None and HAS_GAP in df.columns:
            left_out.add(row, HAS_GAP, "no value")
        if answer is not None and np.isfinite(gap) and answer != (gap > 0):
            detail = f"{gap:g} cm-1, {given[row]}"
            left_out.add(row, GAP, "a gap that contradicts has_phonon_bandgap", detail)
            answer = None
        answers.append(answer)
    frame[HAS_GAP] = pd.array(answers, dtype="boolean")
    if GAP in frame:
        frame[GAP] = np.where(frame[HAS_GAP].notna(), gaps, np.nan)


def _leave_out_impossible(
    frame: pd.DataFrame,
    label: str,
    materials: Materials,
    rows: NDArray[np.intp],
    left_out: _LeftOut,
) -> None:
    """Leave out what no harmonic crystal has: no transform of the label has a number for it."""
    if label not in SETTINGS:
        return
    if label == "speed_of_sound":
        _check_speeds(frame[label])
    transform, unit = SETTINGS[label]["target_transform"], UNITS[label]
    least, most = label_bounds(transform, materials, non_negative=True)
    if unit == "km/s":
        least, most = (np.full(len(rows), bound) for bound in PLAUSIBLE_SPEEDS)
    if unit == "cm-1":
        most = np.full(len(rows), PLAUSIBLE_HIGHEST[1] * THZ_TO_CM1)
    values = frame[label].to_numpy()
    inside = (least < values) & (values < most)
    inside |= values <= 0.0 if label == GAP else (values == 0.0) & (transform == "sqrt")
    for place in np.flatnonzero(~inside & np.isfinite(values)).tolist():
        below = f" and below {most[place]:.4g}" if np.isfinite(most[place]) else ""
        detail = f"{values[place]:g} {unit}, expected above {least[place]:g}{below}"
        left_out.add(int(rows[place]), label, "a value that no harmonic crystal has", detail)
    frame[label] = np.where(inside, values, np.nan)


def _check_speeds(speeds: "pd.Series[float]") -> None:
    """Refuse speeds of sound most of which cannot be meant in the stated unit."""
    low, high = PLAUSIBLE_SPEEDS
    known = speeds.dropna()
    if len(known) and not low <= float(known.median()) <= high:
        raise TrainingError(
            f"expected speeds of sound between {low:g} and {high:g} km/s, got a median of "
            f"{known.median():.4g} km/s in the stated unit: state the unit they are in"
        )
