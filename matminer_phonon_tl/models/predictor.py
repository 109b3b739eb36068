"""Predict all phonon properties of a compound: has it a gap, and how large is everything."""

from typing import Any, Self

import numpy as np
import pandas as pd
from pymatgen.core import Composition
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from matminer_phonon_tl.compositions import as_composition, composition_values
from matminer_phonon_tl.datasets.load import UNITS, load_phonon_tl
from matminer_phonon_tl.exceptions import CompositionError, ModelFormatError
from matminer_phonon_tl.featurizers import XenonPyDescriptors
from matminer_phonon_tl.models.gap_classifier import PhononGapClassifier
from matminer_phonon_tl.models.serialization import JSONModel
from matminer_phonon_tl.models.transfer import TransferMLPRegressor

TARGETS = ("phonon_bandgap", "speed_of_sound", "heat_capacity")

COLUMNS = (
    "formula",
    "has_phonon_bandgap",
    "has_gap_probability",
    "has_gap_probability_std",
    *(f"{target}{suffix}" for target in TARGETS for suffix in ("", "_std")),
    "error",
)
"""Columns of a prediction, in order."""

MEMBER_LAYERS: list[tuple[int, ...]] = [
    (160, 80, 30),
    (120, 60, 20),
    (200, 95, 45),
    (140, 70, 40),
    (180, 85, 15),
]
"""Hidden layers of the networks behind each prediction, drawn from the paper's grid."""


class PhononPredictor(BaseEstimator, JSONModel):
    """Gap classifier and one regressor a property, asked together.

    As the paper advises, in two steps: a compound that is judged to have no acoustic-optical gap
    gets the probability of one and no value for it. The regressors are trained on materials that
    have a gap, so speed of sound and heat capacity of others are extrapolated.

    Parameters
    ----------
    classifier : PhononGapClassifier, optional
        Unfitted. Default: 200 trees on SMOTE-oversampled data.
    regressors : dict of target to regressor, optional
        Unfitted, with ``predict(X, return_std=True)``, one for each of :data:`TARGETS`. Default:
        ensembles of five transfer-learning networks.
    random_state : int
        Seed of the default models.

    Attributes
    ----------
    classifier_ : PhononGapClassifier
    regressors_ : dict of target to regressor

    References
    ----------
    Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.
    """

    def __init__(
        self,
        *,
        classifier: PhononGapClassifier | None = None,
        regressors: dict[str, Any] | None = None,
        random_state: int = 0,
    ) -> None:
        self.classifier = classifier
        self.regressors = regressors
        self.random_state = random_state

    @classmethod
    def from_pretrained(cls, *, progress: bool | None = None) -> Self:
        """Return the predictor trained on the whole shipped set, seed 0.

        Parameters
        ----------
        progress : bool, optional
            Show a progress bar while it is trained; default: on a terminal.

        Notes
        -----
        Training takes about half a minute; keep the predictor, or ``save`` it as JSON.
        """
        return cls().fit(load_phonon_tl(), progress=progress)

    def fit(self, df: pd.DataFrame, *, progress: bool | None = None) -> Self:
        """Train classifier and regressors.

        Parameters
        ----------
        df : DataFrame
            With the columns ``composition``, ``has_phonon_bandgap`` and the three targets, as
            :func:`~matminer_phonon_tl.load_phonon_tl` gives it. The classifier sees every row, the
            regressors those with a gap.
        progress : bool, optional
            Show a progress bar; default: on a terminal.
        """
        needed = ["composition", "has_phonon_bandgap", *TARGETS]
        missing = [name for name in needed if name not in df.columns]
        if missing:
            raise ValueError(
                f"expected a DataFrame with the columns {needed}, got none named {missing}"
            )
        gapped = df[df["has_phonon_bandgap"].astype(bool)]
        regressors = self.regressors or {
            target: _default_regressor(target, self.random_state) for target in TARGETS
        }
        self._check_targets(regressors)
        # disable=None: tqdm's own "only on a terminal".
        hidden = None if progress is None else not progress
        with tqdm(total=1 + len(TARGETS), desc="Training", unit="model", disable=hidden) as bar:
            bar.set_postfix_str("gap or no gap")
            classifier = clone(self.classifier or _default_classifier(self.random_state))
            self.classifier_ = classifier.fit(df, df["has_phonon_bandgap"])
            self.regressors_ = {}
            for target in TARGETS:
                bar.update()
                bar.set_postfix_str(target)
                self.regressors_[target] = clone(regressors[target]).fit(gapped, gapped[target])
            bar.update()
        return self

    def predict(self, X: Any, *, conditional: bool = False) -> pd.DataFrame:
        """Predict the phonon properties of compounds.

        Parameters
        ----------
        X : DataFrame with a ``composition`` or ``formula`` column, Series, or sequence
            Of formulas, Compositions, Structures or dicts of element to amount. A formula is used
            as written: ``InN`` is a primitive cell of two atoms, ``In2N2`` one of four.
        conditional : bool
            Give the gap that a compound would have if it had one, also where it is judged to have
            none.

        Returns
        -------
        DataFrame
            One row for each input, in order, with the index of ``X`` where it has one; columns
            :data:`COLUMNS`, ``*_std`` being the spread over the members of each ensemble. Where a
            row cannot be predicted, ``error`` says why and the rest is missing.
            ``df.attrs["units"]`` holds the units.
        """
        check_is_fitted(self)
        values = composition_values(X)
        errors = XenonPyDescriptors().find_errors(values)
        good = [row for row in range(len(values)) if row not in errors]
        asked = [as_composition(values[row]) for row in good]
        frame = pd.DataFrame(index=range(len(values)), columns=list(COLUMNS), dtype=object)
        frame["formula"] = [_formula(value) for value in values]
        frame["has_phonon_bandgap"] = pd.array([pd.NA] * len(values), dtype="boolean")
        numbers = list(COLUMNS[2:-1])
        frame[numbers] = np.nan
        frame = frame.astype(dict.fromkeys(numbers, "float64"))
        frame["error"] = [
            _sentence(errors[row], row) if row in errors else None for row in range(len(values))
        ]
        if good:
            self._fill(frame, good, asked, conditional=conditional)
        if isinstance(X, pd.DataFrame | pd.Series):
            frame.index = X.index
        frame.attrs["units"] = {name: UNITS[name] for name in TARGETS}
        return frame

    def _fill(
        self, frame: pd.DataFrame, good: list[int], asked: list[Any], *, conditional: bool
    ) -> None:
        probability, spread = self.classifier_.predict_gap(asked)
        has_gap = probability >= self.classifier_.threshold_
        frame.loc[good, "has_phonon_bandgap"] = has_gap
        frame.loc[good, "has_gap_probability"] = probability
        frame.loc[good, "has_gap_probability_std"] = spread
        for target in TARGETS:
            mean, std = self.regressors_[target].predict(asked, return_std=True)
            if target == "phonon_bandgap" and not conditional:
                mean, std = np.where(has_gap, mean, np.nan), np.where(has_gap, std, np.nan)
            frame.loc[good, target] = mean
            frame.loc[good, f"{target}_std"] = std

    @staticmethod
    def _check_targets(regressors: dict[str, Any]) -> None:
        if set(regressors) != set(TARGETS):
            raise ValueError(
                f"expected a regressor for each of {TARGETS}, got {sorted(regressors)}"
            )

    def _get_state(self) -> dict[str, Any] | None:
        if not hasattr(self, "regressors_"):
            return None
        return {"classifier": self.classifier_, "regressors": self.regressors_}

    def _set_state(self, state: dict[str, Any]) -> Self:
        classifier, regressors = state["classifier"], state["regressors"]
        fitted = isinstance(classifier, PhononGapClassifier) and hasattr(classifier, "forest_")
        if not fitted or set(regressors) != set(TARGETS):
            raise ModelFormatError(
                f"expected a fitted classifier and regressors for {TARGETS}, got something else"
            )
        if not all(isinstance(r, TransferMLPRegressor) for r in regressors.values()):
            raise ModelFormatError("expected every regressor to be a TransferMLPRegressor")
        for regressor in regressors.values():
            check_is_fitted(regressor)
        self.classifier_, self.regressors_ = classifier, regressors
        return self


def _default_classifier(random_state: int) -> PhononGapClassifier:
    grid = {"n_estimators": [200], "max_depth": [None]}
    return PhononGapClassifier(param_grid=grid, random_state=random_state)


def _default_regressor(target: str, random_state: int) -> TransferMLPRegressor:
    return TransferMLPRegressor(
        hidden_layer_sizes=MEMBER_LAYERS,
        # The heat capacity of a formula is first of all its number of atoms.
        target_transform="per_atom" if target == "heat_capacity" else None,
        random_state=random_state,
    )


def _sentence(error: CompositionError, row: int) -> str:
    """Return the error without its row, which stands beside it anyway."""
    return str(error).removeprefix(f"row {row}: ")


def _formula(value: Any) -> str:
    if isinstance(value, str):
        return value
    composition = getattr(value, "composition", value)
    if isinstance(composition, Composition) and len(composition):
        return composition.formula.replace(" ", "")
    return str(value)
