"""How the models read what they are fitted to and asked about."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import TrainingError


def check_target(y: Any, n_rows: int, name: str) -> NDArray[np.float64]:
    """Read a target as finite numbers, one a row."""
    target = np.asarray(y.to_numpy() if isinstance(y, pd.Series) else y)
    if target.shape != (n_rows,):
        raise TrainingError(
            f"expected {name} to hold one value for each of {n_rows} rows, got shape {target.shape}"
        )
    try:
        numbers = target.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TrainingError(f"expected {name} to hold numbers, got {target.dtype}") from error
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise TrainingError(
            f"expected finite values of {name}, got {numbers[bad[0]]} in row {bad[0]} "
            f"({len(bad)} such rows): drop these rows first"
        )
    return numbers


def check_columns(df: pd.DataFrame, needed: list[str]) -> None:
    """Refuse a table that lacks what a predictor is trained on."""
    missing = [name for name in needed if name not in df.columns]
    if missing:
        raise ValueError(
            f"expected a DataFrame with the columns {needed}, got none named {missing}"
        )
