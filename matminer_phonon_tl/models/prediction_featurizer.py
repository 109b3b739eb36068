"""Predictions of the shipped models as columns, through matminer's featurizer interface."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition

from matminer_phonon_tl.citations import LIU_2020
from matminer_phonon_tl.featurizers._base import CompositionFeaturizer
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.flat_compositions import FlatCompositions
from matminer_phonon_tl.models.predictor import PhononPredictor

PREDICTED = (
    "has_gap_probability",
    "phonon_bandgap",
    "phonon_bandgap_expected",
    "speed_of_sound",
    "heat_capacity",
    "heat_capacity_per_atom",
    "applicability",
)
"""Columns of :meth:`~matminer_phonon_tl.models.PhononPredictor.predict` that become features."""


class PhononTLFeaturizer(CompositionFeaturizer):
    """Phonon properties predicted from composition, as features.

    Parameters
    ----------
    predictor : PhononPredictor, optional
        Default: the shipped one, loaded when it is first needed.
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
        return [f"phonon_tl {name}" for name in PREDICTED]

    def citations(self) -> list[str]:
        """BibTeX entry of the paper."""
        return [LIU_2020]

    def implementors(self) -> list[str]:
        """Who wrote this featurizer."""
        return ["The matminer-phonon-tl developers"]

    def _index_of(self, symbol: str) -> int:
        return ElementTable.shipped().index_of(symbol)

    def _describe(self, flat: FlatCompositions) -> NDArray[np.float64]:
        if self.predictor is None:
            self._loaded: PhononPredictor = (
                getattr(self, "_loaded", None) or PhononPredictor.from_pretrained()
            )
        predictor = self._loaded if self.predictor is None else self.predictor
        frame = predictor.predict(_compositions(flat), conditional=self.conditional)
        return frame[list(PREDICTED)].to_numpy(dtype=np.float64)


def _compositions(flat: FlatCompositions) -> list[Composition]:
    symbols: list[Any] = list(ElementTable.shipped().row_of)
    ends = np.cumsum(flat.counts)[:-1]
    cells = []
    for elements, amounts in zip(
        np.split(flat.elements, ends), np.split(flat.amounts, ends), strict=True
    ):
        cell: dict[Any, float] = {}
        for element, amount in zip(elements, amounts, strict=True):
            cell[symbols[element]] = cell.get(symbols[element], 0.0) + float(amount)
        cells.append(Composition(cell))
    return cells if len(flat.counts) else []
