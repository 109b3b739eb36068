"""Tables that a model can learn from besides the materials it is fitted to.

References
----------
Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.
A. Togo, Phonon database at Kyoto university, version 2018-04-17 (CC BY 4.0).
"""

import csv
import re
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from matminer_phonon_tl.datasets import load_dataset, load_phonon_tl, load_phonondb_kyoto


class SourceOfFit(Enum):
    """What ``fit(source=)`` means where no source is given; None means none."""

    FROM_CONSTRUCTOR = "the constructor's source"

    def __repr__(self) -> str:
        """Stand in signatures as what it means."""
        return f"<{self.value}>"


FROM_CONSTRUCTOR: Final = SourceOfFit.FROM_CONSTRUCTOR
NAMED_SOURCES = ("bandgap", "multitask", "kyoto")
_ENDINGS = (".csv", ".tsv", ".parquet", ".pq", ".json", ".gz")
MULTITASK_COLUMNS = (
    "bandgap",
    "speed_of_sound",
    "heat_capacity_per_atom",
    "volume_per_atom",
    "formation_energy_per_atom",
)
KYOTO_COLUMNS = (
    "acoustic_top",
    "optical_bottom",
    "largest_gap",
    "speed_longitudinal",
    "speed_transverse",
    "heat_capacity_per_atom",
    "debye_temperature",
)


def load_source(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    """Return the table that stands for a source.

    An estimator takes the table as its ``source`` just as it takes the name.

    Parameters
    ----------
    source : {"bandgap", "multitask", "kyoto", "structures"}, path or DataFrame
        "bandgap": the electronic band gaps (eV) of all 1245 materials, the paper's source.
        "multitask": band gap (eV), speed of sound (km/s), heat capacity per atom (J/mol/K), volume
        per atom (Angstrom^3) and formation energy per atom (eV) of the materials that have **no**
        acoustic-optical gap, so that a model of the gapped ones cannot find its test labels in it.
        "kyoto": phonons of the 6179 stable materials of ``phonondb_kyoto``: ``acoustic_top`` and
        ``optical_bottom``, whose difference is the acoustic-optical gap, below 0 where they overlap
        (a gap itself only 148 materials have, edges nearly all), and ``largest_gap`` (cm-1);
        ``speed_longitudinal`` and ``speed_transverse`` (km/s); ``heat_capacity_per_atom``
        (J/mol/K); ``debye_temperature`` (K). None of the seven can be computed from the others. A
        missing label (the speeds of one material in four) is NaN, and networks pass over it. Gapped
        formulas are among the materials: a fair score takes the tested ones out, as
        ``cross_validate`` does.
        "structures": the structures of all 1245 materials, without labels. It is no task for a
        network; :class:`~matminer_phonon_tl.models.PhononRegressor` borrows structures from it.
        A path: a table of somebody's own in CSV, Parquet, or matminer's JSON. Where a table has no
        column ``composition``, its ``formula`` is taken; columns without a name, as an index has
        in CSV, are no labels.

    Returns
    -------
    DataFrame
        Column ``composition`` and one column for each task.

    Raises
    ------
    ValueError
        If there is no source of that name, or the file is no such table.

    Examples
    --------
    >>> [load_source(name).shape for name in ("bandgap", "multitask", "kyoto")]
    [(1245, 2), (1121, 6), (6179, 8)]
    """
    if isinstance(source, pd.DataFrame):
        if "composition" not in source.columns:
            source = source.rename(columns={"formula": "composition"})
        # An index that was written to CSV is no label.
        nameless = [name for name in source.columns if re.fullmatch(r"Unnamed: \d+|", str(name))]
        return source.drop(columns=nameless)
    if not is_source(source):
        raise ValueError(
            f"expected source to be one of {', '.join(map(repr, NAMED_SOURCES))}, None, a "
            f"DataFrame, the path of a table or (X_source, Y_source), got {str(source)!r}"
        )
    if source not in (*NAMED_SOURCES, "structures"):
        return load_source(_read_table(Path(source)))
    if source == "kyoto":
        return _kyoto().copy()
    frame = _shipped()
    if source == "structures":
        return frame[["composition", "structure"]].copy()
    if source == "bandgap":
        return frame[["composition", "bandgap"]].copy()
    ungapped = frame[~frame["has_phonon_bandgap"].to_numpy(dtype=bool)]
    return ungapped[["composition", *MULTITASK_COLUMNS]].copy()


def is_source(source: Any) -> bool:
    """Tell whether this is a named source or the path of a file."""
    if isinstance(source, Path):
        return True
    return isinstance(source, str) and (
        source in (*NAMED_SOURCES, "structures") or Path(source).suffix in _ENDINGS
    )


def _read_table(path: Path) -> pd.DataFrame:
    if path.name.endswith((".json", ".json.gz")):
        return load_dataset(path=path)
    try:
        if path.suffix in (".parquet", ".pq"):
            return pd.read_parquet(path)
        # The separator that makes one of the header's cells the formulas; NaN is one of those.
        headers = ((each, pd.read_csv(path, sep=each, nrows=0)) for each in ",;\t| ")
        wanted = {"composition", "formula"}
        separator = next((each for each, header in headers if wanted & {*header.columns}), ",")
        return pd.read_csv(path, sep=separator, converters=dict.fromkeys(wanted, str))
    except (OSError, ValueError, csv.Error, pa.ArrowException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"expected {path} to be a table in CSV, Parquet or matminer's JSON, but reading it "
            f"failed: {reason}"
        ) from error


@lru_cache(maxsize=1)
def _shipped() -> pd.DataFrame:
    frame = load_phonon_tl()
    return frame.assign(volume_per_atom=frame["volume"] / frame["nsites"])


@lru_cache(maxsize=1)
def _kyoto() -> pd.DataFrame:
    return load_phonondb_kyoto()[["composition", *KYOTO_COLUMNS]]
