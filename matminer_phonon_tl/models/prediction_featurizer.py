"""Predictions of the shipped models as columns, through matminer's featurizer interface."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.citations import LIU_2020
from matminer_phonon_tl.exceptions import CompositionError
from matminer_phonon_tl.featurizers.composition_featurizer import (
    ROWS_AT_ONCE,
    CompositionFeaturizer,
)
from matminer_phonon_tl.models.predictor import PhononPredictor

PREDICTED = (
    "has_gap_probability",
    "phonon_bandgap",
    "phonon_bandgap_expected",
    "speed_of_sound",
    "heat_capacity",
    "heat_capacity_per_atom",
    "training_similarity",
)
"""Columns of :meth:`~matminer_phonon_tl.models.PhononPredictor.predict` that become features; those
of a predictor of other labels are its labels."""


@cache
def _shipped_predictor() -> PhononPredictor:
    """Load the default predictor, once a process."""
    return PhononPredictor.from_pretrained()


class PhononTLFeaturizer(CompositionFeaturizer):
    """Phonon properties that a predictor gives, as features.

    Parameters
    ----------
    predictor : PhononPredictor, optional
        Default: the shipped one of compositions, loaded when first needed, once a process. One that
        takes structures reads the column ``structure`` of a table, and refuses formulas.
    conditional : bool
        Give the gap that a compound would have if it had one (the default: features without NaN).
        With False, NaN where it is judged to have none.

    Notes
    -----
    The shipped predictor was trained on the 1245 materials of ``phonon_tl``. As features of a model
    that is tested on any of them, its columns would carry their labels: train a
    :class:`~matminer_phonon_tl.models.PhononPredictor` without the tested formulas for that.

    Examples
    --------
    >>> features = PhononTLFeaturizer().featurize("InN")
    >>> features[PREDICTED.index("speed_of_sound")] > 2
    True
    """

    def __init__(self, predictor: PhononPredictor | None = None, conditional: bool = True) -> None:
        self.predictor = predictor
        self.conditional = conditional

    def feature_labels(self) -> list[str]:
        """Names of the columns."""
        return [f"phonon_tl {name}" for name in self._predicted]

    def citations(self) -> list[str]:
        """BibTeX entry of the paper."""
        return [LIU_2020]

    @property
    def _predicted(self) -> list[str]:
        """Columns that become features."""
        if self.predictor is None:
            return list(PREDICTED)
        kept = {*PREDICTED, *self.predictor.units} - {"has_phonon_bandgap"}
        return [name for name in self.predictor.columns if name in kept]

    @property
    def _column(self) -> str:
        return "structure" if self._asked.use_structure else super()._column

    @property
    def _asked(self) -> PhononPredictor:
        if self.predictor is not None:
            return self.predictor
        shipped = _shipped_predictor()
        if hasattr(self, "_pickled_with"):
            self._pickled_with.check_same(shipped.shipped_as_)
        return shipped

    def featurize_wrapper(
        self, x: Any, return_errors: bool = False, ignore_errors: bool = False
    ) -> list[Any]:
        """Featurize an entry as matminer asks for it, with the entries after it in its table.

        MultipleFeaturizer asks row by row, which would take ten times as long.

        Parameters
        ----------
        x : sequence of one entry
        return_errors, ignore_errors : bool
            As in :meth:`featurize_many`.
        """
        features = self._look_ahead(x)
        if features is None:
            return super().featurize_wrapper(x, return_errors, ignore_errors)
        return [*features, float("nan")] if return_errors else features

    def _look_ahead(self, x: Any) -> list[float] | None:
        """Return the features of a row of a table; None where there is no table, or an error.

        A row of the array that holds a table's column knows the array. Rows are predicted some
        thousand at a time and handed out in order, each once: a table may change before it is
        featurized again.
        """
        table = getattr(x, "base", None)
        if not isinstance(table, np.ndarray) or table.dtype != object or np.shape(x) != (1,):
            return None
        if table.ndim != 2 or not table.flags.c_contiguous:
            return None
        place = (x.ctypes.data - table.ctypes.data) // table.itemsize
        ahead: dict[int, tuple[Any, list[float] | None]] = self.__dict__.setdefault("_ahead", {})
        entry, features = ahead.pop(place, (None, None))
        if entry is not x[0]:
            # pandas keeps a column as a row of its array.
            columns = table if table.shape[1] > 1 else table.T
            column, row = divmod(place, columns.shape[1])
            entries = columns[column, row : row + ROWS_AT_ONCE].tolist()
            described, errors = self._featurize_valid(entries)
            ahead.clear()
            for number, values in enumerate(described.tolist()):
                ahead[place + number] = (
                    entries[number],
                    None if number in errors else values,
                )
            _, features = ahead.pop(place)
        return features

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters, and which of the shipped predictors is the default here."""
        state = dict(super().__getstate__())
        state.pop("_ahead", None)
        if self.predictor is None:
            state["_pickled_with"] = self._asked.shipped_as_
        return state

    def _featurize_valid(
        self, values: Sequence[Any], first_row: int = 0
    ) -> tuple[NDArray[np.float64], dict[int, CompositionError]]:
        # As they came: the predictor reduces a structure to its primitive cell.
        columns, errors = self._asked.predict_features(values, conditional=self.conditional)
        missing = np.full(len(values), np.nan)
        features = np.column_stack([columns.get(name, missing) for name in self._predicted])
        return features, {
            first_row + row: error.at_row(first_row + row) for row, error in errors.items()
        }
