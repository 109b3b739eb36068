"""What the column ``note`` of a prediction says of the models."""

from typing import Any

import numpy as np
import pandas as pd

from matminer_phonon_tl.models._descriptors import Materials
from matminer_phonon_tl.models._prediction_frame import GAP

NO_RELATIVES = "no relatives of known structure: the gap comes of averages"


def note_averages(frame: pd.DataFrame, rows: list[int], asked: Materials, regressor: Any) -> None:
    """Note where a gap is given although its regressor found no relatives to borrow from.

    Parameters
    ----------
    frame : DataFrame
        A prediction; changed in place.
    rows : list of int
        The rows that could be predicted.
    asked : Materials
        What these rows are.
    regressor : PhononRegressor
        That of the gap.
    """
    if getattr(regressor, "relatives_", None) is None:
        return
    # The search is cheap, but a screening has few gaps and many rows.
    given = np.flatnonzero(frame[GAP].notna().to_numpy()[rows])
    if not len(given):
        return
    alone = given[regressor.count_relatives(asked.compositions.take(given)) == 0]
    if len(alone):
        notes: list[Any] = frame["note"].tolist()
        for place in alone:
            row = rows[place]
            notes[row] = f"{notes[row]}; {NO_RELATIVES}" if notes[row] else NO_RELATIVES
        frame["note"] = pd.Series(notes, dtype=object)
