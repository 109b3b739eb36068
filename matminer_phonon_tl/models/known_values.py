"""What first principles say of a formula: calculated values of the shipped sets."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from matminer_phonon_tl.compositions import CompositionArray, composition_values
from matminer_phonon_tl.datasets.load import (
    KYOTO,
    NAME,
    OF_THREE_WAVES,
    UNITS,
    find_materials,
)
from matminer_phonon_tl.formulas import write_formula

_TYPES: dict[str, Any] = {
    "formula": object,
    "material_id": object,
    "dataset": object,
    "space_group": np.int64,
    "cell": object,
    "nsites": np.int64,
    "is_stable": bool,
    "lowest_frequency": np.float64,
    "has_phonon_bandgap": "boolean",
    "phonon_bandgap": np.float64,
    "largest_gap": np.float64,
    "speed_of_sound": np.float64,
    "debye_temperature": np.float64,
    "heat_capacity": np.float64,
    "heat_capacity_per_atom": np.float64,
    "bandgap": np.float64,
}
COLUMNS = ("row", *_TYPES)
"""Columns of calculated values, in order."""

OF_THE_FORMULA = "J/mol/K per mole of the formula as given"
"""Unit of a heat capacity beside a formula."""


def calculated_values(X: Any) -> pd.DataFrame:
    """Look formulas up in the shipped datasets.

    Parameters
    ----------
    X : as :meth:`PhononPredictor.predict` takes
        Of a structure, the formula counts: all polymorphs are given.

    Returns
    -------
    DataFrame
        One row for each polymorph and dataset, in the order of `X` and then of ``material_id``;
        none for what is in neither set or cannot be read. Columns :data:`COLUMNS`:

        - ``row``: position in `X`; ``formula``: as `X` has it;
        - ``material_id``, ``dataset`` (``phonon_tl`` or ``phonondb_kyoto``), ``space_group``
          (number); ``cell``: the atoms of the calculation's cell, and ``nsites`` their number. It
          is primitive but in a few rows of ``phonondb_kyoto``, whose gap is missing;
        - ``is_stable``: whether there is no imaginary mode; where there is one, only
          ``lowest_frequency`` is known, negative if imaginary;
        - ``speed_of_sound``: missing in crystals of ``phonon_tl`` that are not cubic, where the
          paper's speeds are off by 10 to 40 %;
        - ``heat_capacity``: per mole of the formula in `X`, as in a prediction;
        - ``bandgap``: electronic, PBE, 0 in a metal; missing where it is not known.

        ``df.attrs["units"]`` holds the units.

    Examples
    --------
    >>> found = calculated_values(["InN", "GaN"])
    >>> found[found["dataset"] == "phonondb_kyoto"][["formula", "material_id", "space_group"]]
      formula material_id  space_group
    1     GaN      mp-804          186
    3     GaN      mp-830          216
    """
    values = composition_values(X)
    compositions, rows, _ = CompositionArray.read_valid(values)
    asked = pd.DataFrame(
        {
            "row": rows,
            "as_given": [
                values[row] if isinstance(values[row], str) else write_formula(composition)
                for row, composition in zip(rows.tolist(), compositions, strict=True)
            ],
            "formula": [composition.reduced_formula for composition in compositions],
            "atoms": [composition.num_atoms for composition in compositions],
        }
    )
    known = pd.concat([_read(name, asked["formula"]) for name in (NAME, KYOTO)])
    found = asked.astype({"formula": object}).merge(known, on="formula")
    found["number"] = found["material_id"].str.extract(r"(\d+)", expand=False).astype(np.int64)
    found = found.sort_values(["row", "number", "dataset"], ignore_index=True)
    found["heat_capacity"] = found["heat_capacity_per_atom"] * found["atoms"]
    found["formula"] = found["as_given"]
    found = found[list(COLUMNS)]
    units = {name: UNITS[name] for name in COLUMNS if name in UNITS}
    found.attrs["units"] = {
        **units,
        "heat_capacity": OF_THE_FORMULA,
        "speed_of_sound": OF_THREE_WAVES,
    }
    return found


def _read(name: str, formulas: Iterable[str]) -> pd.DataFrame:
    """Read a set's rows of these formulas, with the columns and types that both sets then have."""
    known = find_materials(name, formulas)
    if name == NAME:
        known["is_stable"] = True
        known.loc[known["lattice_system"] != "cubic", "speed_of_sound"] = np.nan
    known["dataset"] = name
    known["cell"] = [write_formula(composition) for composition in known["composition"]]
    return known.reindex(columns=list(_TYPES)).astype(dict(_TYPES))
