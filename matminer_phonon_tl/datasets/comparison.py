"""How two datasets of phonon properties differ where they hold the same materials."""

import pandas as pd

from matminer_phonon_tl.datasets.rows import DERIVED


def compare(frame: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Compare the derived columns of two datasets, material by material.

    Parameters
    ----------
    frame, reference : DataFrame
        Datasets with ``material_id`` and the derived columns.

    Returns
    -------
    DataFrame
        Indexed by column, with ``materials``, ``median_difference``, ``largest_difference`` (in
        the column's unit, absolute), ``median_relative``, ``largest_relative`` (of the
        reference; materials where it is 0 are left out) and ``material_of_largest``;
        ``attrs``: ``only_in_frame``, ``only_in_reference``, ``gap_judged_differently``.

    Raises
    ------
    ValueError
        A dataset lacks a column.

    Examples
    --------
    >>> columns = ["material_id", "has_phonon_bandgap", *DERIVED]
    >>> one = pd.DataFrame([["mp-1", False, 0.0, 2.0, 48.0, 24.0]], columns=columns)
    >>> faster = one.assign(speed_of_sound=2.1)
    >>> compare(faster, one).loc["speed_of_sound", "largest_relative"].round(3)
    np.float64(0.05)
    """
    needed = ["material_id", "has_phonon_bandgap", *DERIVED]
    for name, table in (("the dataset", frame), ("the reference", reference)):
        if missing := [column for column in needed if column not in table.columns]:
            raise ValueError(
                f"expected the columns {', '.join(needed)} in {name}, got none named "
                f"{', '.join(missing)}; build it with PhononDatasetBuilder"
            )
    both = frame[needed].merge(reference[needed], on="material_id", suffixes=("", "_reference"))
    rows = []
    for column in DERIVED:
        expected = both[f"{column}_reference"]
        difference = (both[column] - expected).abs()
        relative = (difference / expected.abs())[expected != 0.0]
        rows.append(
            {
                "column": column,
                "materials": len(both),
                "median_difference": difference.median(),
                "largest_difference": difference.max(),
                "median_relative": relative.median(),
                "largest_relative": relative.max(),
                "material_of_largest": (
                    both["material_id"].iloc[int(difference.argmax())] if len(both) else None
                ),
            }
        )
    result = pd.DataFrame(rows).set_index("column")
    result.attrs = {
        "only_in_frame": int((~frame["material_id"].isin(both["material_id"])).sum()),
        "only_in_reference": int((~reference["material_id"].isin(both["material_id"])).sum()),
        "gap_judged_differently": int(
            (both["has_phonon_bandgap"] != both["has_phonon_bandgap_reference"]).sum()
        ),
    }
    return result
