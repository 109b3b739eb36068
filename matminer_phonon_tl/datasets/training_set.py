"""The labels that the shipped predictors learn: the sound ones of both shipped sets."""

import numpy as np
import pandas as pd

from matminer_phonon_tl.datasets.load import load_phonon_tl, load_phonondb_kyoto

LABELS = (
    "has_phonon_bandgap",
    "phonon_bandgap",
    "speed_of_sound",
    "heat_capacity",
    "heat_capacity_per_atom",
    "speed_longitudinal",
    "speed_transverse",
    "debye_temperature",
    "largest_gap",
    "largest_gap_lower_edge",
)
_COLUMNS = ("material_id", "formula", "composition", "structure", "space_group", *LABELS)


def load_training_set() -> pd.DataFrame:
    """Load both shipped sets as one table, each label from where it is sound.

    - ``has_phonon_bandgap`` and ``phonon_bandgap``: from ``phonon_tl``, by the paper's rule.
    - ``heat_capacity`` and ``speed_of_sound``: from the stable materials of ``phonondb_kyoto``.
      ``phonon_tl`` adds the materials that are not among them, but their speeds only where the
      crystal is cubic: elsewhere the paper's rule does not give the mean speed.
    - ``speed_longitudinal``, ``speed_transverse``, ``debye_temperature``, ``largest_gap``,
      ``largest_gap_lower_edge``: from ``phonondb_kyoto``.

    A material of both sets has two rows, one with each set's structure and labels; no label of it
    stands twice. A label that is not known is missing.

    Returns
    -------
    DataFrame
        One row for each material of each set, with the columns ``material_id``, ``formula``,
        ``composition``, ``structure``, ``space_group``, the labels and ``dataset``, which is the
        row's origin.

    Examples
    --------
    >>> table = load_training_set()
    >>> len(table), int(table["heat_capacity"].notna().sum())
    (7424, 6434)
    """
    paper, kyoto = load_phonon_tl(), load_phonondb_kyoto()
    paper, kyoto = paper.assign(dataset="phonon_tl"), kyoto.assign(dataset="phonondb_kyoto")
    again = paper["material_id"].isin(kyoto["material_id"])
    paper.loc[again, ["heat_capacity", "heat_capacity_per_atom"]] = np.nan
    paper.loc[again | (paper["lattice_system"] != "cubic"), "speed_of_sound"] = np.nan
    kyoto = kyoto.drop(columns=["has_phonon_bandgap", "phonon_bandgap"])
    columns = [*_COLUMNS, "dataset"]
    table = pd.concat([paper.reindex(columns=columns), kyoto.reindex(columns=columns)])
    return table.astype({"has_phonon_bandgap": "boolean"}).reset_index(drop=True)
