"""What a regressor takes from a source: structures to borrow, and more labels to learn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Composition, Structure

from matminer_phonon_tl.compositions import as_compositions
from matminer_phonon_tl.exceptions import TrainingError
from matminer_phonon_tl.models.source_tasks import load_source

_SAME_LABEL = 1e-9


def read_source(source: Any) -> pd.DataFrame | None:
    """Return a source as a table.

    Parameters
    ----------
    source : {"structures"}, DataFrame or None

    Raises
    ------
    ValueError
        If it is none of these, or lacks compositions.
    """
    if source is None:
        return None
    if isinstance(source, str) and source == "structures":
        return load_source(source)
    if isinstance(source, pd.DataFrame) and "composition" in source.columns:
        return source
    got = (
        f"a DataFrame with the columns {list(source.columns)}"
        if isinstance(source, pd.DataFrame)
        else repr(source)
    )
    raise ValueError(
        "expected source as 'structures', None or a DataFrame with a column 'composition' (and "
        f"'structure'), got {got}"
    )


def relatives_of(source: pd.DataFrame | None) -> list[Structure]:
    """Structures that a model with ``analogues=True`` borrows."""
    if source is None or "structure" not in source.columns:
        raise TrainingError(
            "expected a source with a column 'structure' because analogues=True, got none: give "
            "one, or set analogues=False"
        )
    return [s for s in source["structure"] if isinstance(s, Structure) and s.is_ordered]


def more_rows(
    source: pd.DataFrame | None,
    target: str | None,
    compositions: Sequence[Composition],
    labels: NDArray[np.float64],
) -> pd.DataFrame:
    """Rows of the source that carry the target's label and are no training row already.

    A gap of zero is no size of a gap: of ``phonon_bandgap``, only rows above zero count.
    """
    if source is None or target is None or target not in source.columns:
        return pd.DataFrame({"composition": []})
    values = source[target].to_numpy(dtype=np.float64)
    known = np.isfinite(values)
    if target == "phonon_bandgap":
        known &= values > 0
    seen: dict[Composition, list[float]] = {}
    for own, label in zip(compositions, labels, strict=True):
        seen.setdefault(own, []).append(float(label))
    theirs = as_compositions(source)
    fresh = [
        bool(known[row])
        and not np.isclose(
            seen.get(own, [np.nan]), values[row], rtol=_SAME_LABEL, atol=_SAME_LABEL
        ).any()
        for row, own in enumerate(theirs)
    ]
    return source[np.array(fresh, dtype=bool)]
