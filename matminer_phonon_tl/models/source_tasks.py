"""The shipped tables that a model can learn from besides the materials it is fitted to.

References
----------
Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.
"""

from enum import Enum
from functools import lru_cache
from typing import Final

import pandas as pd

from matminer_phonon_tl.datasets import load_phonon_tl


class SourceOfFit(Enum):
    """What ``fit(source=)`` means where no source is given; None means none."""

    FROM_CONSTRUCTOR = "the constructor's source"

    def __repr__(self) -> str:
        """Stand in signatures as what it means."""
        return f"<{self.value}>"


FROM_CONSTRUCTOR: Final = SourceOfFit.FROM_CONSTRUCTOR
NAMED_SOURCES = ("bandgap", "multitask")
MULTITASK_COLUMNS = (
    "bandgap",
    "speed_of_sound",
    "heat_capacity_per_atom",
    "volume_per_atom",
    "formation_energy_per_atom",
)


def load_source(name: str) -> pd.DataFrame:
    """Return the table that stands for a named source.

    An estimator takes the table as its ``source`` just as it takes the name.

    Parameters
    ----------
    name : {"bandgap", "multitask", "structures"}
        "bandgap": the electronic band gaps (eV) of all 1245 materials, the paper's source.
        "multitask": band gap (eV), speed of sound (km/s), heat capacity per atom (J/mol/K), volume
        per atom (Angstrom^3) and formation energy per atom (eV) of the materials that have **no**
        acoustic-optical gap, so that a model of the gapped ones cannot find its test labels in it.
        "structures": the structures of all 1245 materials, without labels. It is no task for a
        network; :class:`~matminer_phonon_tl.models.PhononRegressor` borrows structures from it.

    Returns
    -------
    DataFrame
        Column ``composition`` and one column for each task.

    Raises
    ------
    ValueError
        If there is no source of that name.

    Examples
    --------
    >>> load_source("bandgap").shape, load_source("multitask").shape
    ((1245, 2), (1121, 6))
    """
    if name not in (*NAMED_SOURCES, "structures"):
        raise ValueError(
            f"expected source to be one of {', '.join(map(repr, NAMED_SOURCES))}, None, a "
            f"DataFrame or (X_source, Y_source), got {name!r}"
        )
    frame = _shipped()
    if name == "structures":
        return frame[["composition", "structure"]].copy()
    if name == "bandgap":
        return frame[["composition", "bandgap"]].copy()
    ungapped = frame[~frame["has_phonon_bandgap"].to_numpy(dtype=bool)]
    return ungapped[["composition", *MULTITASK_COLUMNS]].copy()


@lru_cache(maxsize=1)
def _shipped() -> pd.DataFrame:
    frame = load_phonon_tl()
    return frame.assign(volume_per_atom=frame["volume"] / frame["nsites"])
