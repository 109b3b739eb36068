"""Predictions of the shipped models as columns, through matminer's featurizer interface."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.citations import LIU_2020
from matminer_phonon_tl.exceptions import CompositionError
from matminer_phonon_tl.featurizers.composition_featurizer import CompositionFeaturizer
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


class PhononTLFeaturizer(CompositionFeaturizer):
    """Phonon properties that a predictor gives, as features.

    Parameters
    ----------
    predictor : PhononPredictor, optional
        Default: the shipped one of compositions, loaded when it is first needed. One that takes
        structures reads the column ``structure`` of a table, and refuses formulas.
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
        if not hasattr(self, "_loaded"):
            self._loaded = PhononPredictor.from_pretrained()
        return self._loaded

    def _featurize_valid(
        self, values: Sequence[Any], first_row: int = 0
    ) -> tuple[NDArray[np.float64], dict[int, CompositionError]]:
        # As they came: the predictor reduces a structure to its primitive cell.
        frame, errors, _ = self._asked.predict_rows(values, conditional=self.conditional)
        named = {first_row + row: error.at_row(first_row + row) for row, error in errors.items()}
        return frame[self._predicted].to_numpy(dtype=np.float64), dict(sorted(named.items()))
