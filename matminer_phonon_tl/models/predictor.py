"""Predict all phonon properties of a compound: has it a gap, and how large is everything."""

from importlib.resources import as_file, files
from typing import Any, Self

import numpy as np
import pandas as pd
from pymatgen.core import Composition
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from matminer_phonon_tl.compositions import as_composition, as_compositions, composition_values
from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.exceptions import CompositionError, ModelFormatError
from matminer_phonon_tl.featurizers import XenonPyDescriptors
from matminer_phonon_tl.models.applicability import Applicability
from matminer_phonon_tl.models.gap_classifier import PhononGapClassifier
from matminer_phonon_tl.models.phonon_regressor import SETTINGS, make_regressor
from matminer_phonon_tl.models.serialization import JSONModel, load_model

TARGETS = tuple(SETTINGS)
GAP = "phonon_bandgap"
PARTS = ("", "_lower", "_upper", "_std")

COLUMNS = (
    "formula",
    "has_phonon_bandgap",
    "has_gap_probability",
    "has_gap_probability_std",
    *(f"{target}{part}" for target in TARGETS for part in PARTS),
    "applicability",
    "unseen_elements",
    "error",
)
"""Columns of a prediction, in order."""


class PhononPredictor(BaseEstimator, JSONModel):
    """Gap classifier and one regressor a property, asked together.

    As the paper advises, in two steps: a compound that is judged to have no acoustic-optical gap
    gets the probability of one and no value for it. The regressor of the gap is trained on the
    materials that have one; those of speed of sound and heat capacity on all, which is better for
    a compound at large (docs/accuracy.md has both figures).

    Parameters
    ----------
    classifier : PhononGapClassifier, optional
        Unfitted. Default: the paper's, with 200 trees.
    regressors : dict of target to regressor, optional
        Unfitted, one for each of :data:`TARGETS`, with ``predict_interval(X, level)`` and
        ``predict(X, return_std=True)``. Default: what
        :func:`~matminer_phonon_tl.models.make_regressor` gives.
    random_state : int
        Seed of the default models.

    Attributes
    ----------
    classifier_ : PhononGapClassifier
    regressors_ : dict of target to regressor
    applicability_ : Applicability

    References
    ----------
    Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.

    Examples
    --------
    >>> frame = PhononPredictor.from_pretrained().predict(["InN", "InSb"])
    >>> frame["has_phonon_bandgap"].tolist()
    [True, False]
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
    def from_pretrained(cls) -> Self:
        """Load the predictor that ships with the package, trained on the whole shipped set.

        ``phonon-tl train`` makes that file; its ``card_`` holds the scores.
        """
        with as_file(files(__package__) / "pretrained" / "predictor.json.gz") as path:
            return load_model(path)

    def fit(self, df: pd.DataFrame, *, progress: bool | None = None) -> Self:
        """Train classifier and regressors.

        Parameters
        ----------
        df : DataFrame
            With the columns ``composition``, ``has_phonon_bandgap`` and the three targets, as
            :func:`~matminer_phonon_tl.load_phonon_tl` gives it.
        progress : bool, optional
            Show a progress bar; default: on a terminal.
        """
        self._forget_card()
        check_columns(df)
        regressors = self.regressors or {
            target: make_regressor(target, random_state=self.random_state) for target in TARGETS
        }
        if set(regressors) != set(TARGETS):
            raise ValueError(
                f"expected a regressor for each of {TARGETS}, got {sorted(regressors)}"
            )
        classifier = self.classifier or default_classifier(self.random_state)
        gapped = df[df["has_phonon_bandgap"].astype(bool)]
        # disable=None: tqdm's own "only on a terminal".
        hidden = None if progress is None else not progress
        with tqdm(total=1 + len(TARGETS), desc="Training", unit="model", disable=hidden) as bar:
            bar.set_postfix_str("gap or no gap")
            self.classifier_ = clone(classifier).fit(df, df["has_phonon_bandgap"])
            self.regressors_ = {}
            for target in TARGETS:
                bar.update()
                bar.set_postfix_str(target)
                rows = gapped if target == GAP else df
                self.regressors_[target] = clone(regressors[target]).fit(rows, rows[target])
            bar.update()
        self.applicability_ = Applicability.fit(as_compositions(df))
        return self

    def predict(self, X: Any, *, conditional: bool = False, level: float = 0.9) -> pd.DataFrame:
        """Predict the phonon properties of compounds.

        Parameters
        ----------
        X : DataFrame with a ``composition`` or ``formula`` column, Series, or sequence
            Of formulas, Compositions, Structures or dicts of element to amount. A formula is used
            as written: ``InN`` is a primitive cell of two atoms, ``In2N2`` one of four.
        conditional : bool
            Give the gap that a compound would have if it had one, also where it is judged to have
            none.
        level : float
            Share of new compounds whose property the intervals are to hold.

        Returns
        -------
        DataFrame
            One row for each input, in order, with the index of ``X`` where it has one, and the
            columns :data:`COLUMNS`:

            - ``has_gap_probability`` and its spread over the trees;
            - each target with ``_lower`` and ``_upper`` ends of its interval and its ``_std``;
            - ``applicability``: share of training materials that lie at least as far from their
              nearest neighbour as this compound does; near 0 it is unlike anything seen;
            - ``unseen_elements``: those that no training material has;
            - ``error``: why a row could not be predicted; the rest of it is missing then.

            ``df.attrs["units"]`` holds the units.
        """
        check_is_fitted(self)
        values = composition_values(X)
        errors = XenonPyDescriptors().find_errors(values)
        good = [row for row in range(len(values)) if row not in errors]
        frame = _empty_frame(values)
        frame["error"] = [
            _sentence(errors[row], row) if row in errors else None for row in range(len(values))
        ]
        if good:
            asked = [as_composition(values[row]) for row in good]
            for name, column in self._columns(asked, conditional, level).items():
                frame.loc[good, name] = column
        if isinstance(X, pd.DataFrame | pd.Series):
            frame.index = X.index
        frame.attrs["units"] = {name: UNITS[name] for name in TARGETS}
        return frame

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is anything to predict with."""
        return hasattr(self, "applicability_")

    def _columns(self, asked: list[Composition], conditional: bool, level: float) -> dict[str, Any]:
        probability, spread = self.classifier_.predict_gap(asked)
        has_gap = probability >= self.classifier_.threshold_
        columns: dict[str, Any] = {
            "has_phonon_bandgap": has_gap,
            "has_gap_probability": probability,
            "has_gap_probability_std": spread,
            "applicability": self.applicability_.rank(asked),
            "unseen_elements": [", ".join(self.applicability_.unseen_elements(c)) for c in asked],
        }
        for target, regressor in self.regressors_.items():
            mean, lower, upper = regressor.predict_interval(asked, level)
            _, std = regressor.predict(asked, return_std=True)
            shown = np.ones(len(asked), bool) if target != GAP or conditional else has_gap
            for part, values in zip(PARTS, (mean, lower, upper, std), strict=True):
                columns[f"{target}{part}"] = np.where(shown, values, np.nan)
        return columns

    def _get_state(self) -> dict[str, Any] | None:
        if not hasattr(self, "applicability_"):
            return None
        return {
            "classifier": self.classifier_,
            "regressors": self.regressors_,
            "applicability": self.applicability_.get_state(),
        }

    def _set_state(self, state: dict[str, Any]) -> Self:
        classifier, regressors = state["classifier"], state["regressors"]
        if not isinstance(classifier, PhononGapClassifier) or set(regressors) != set(TARGETS):
            raise ModelFormatError(
                f"expected a classifier and regressors for {TARGETS}, got something else"
            )
        if not all(hasattr(r, "predict_interval") for r in regressors.values()):
            raise ModelFormatError("expected regressors that predict intervals")
        for model in (classifier, *regressors.values()):
            check_is_fitted(model)
        self.classifier_ = classifier
        self.regressors_ = {target: regressors[target] for target in TARGETS}
        self.applicability_ = Applicability.from_state(state["applicability"])
        return self


def check_columns(df: pd.DataFrame) -> None:
    """Refuse a table that lacks what the predictor is trained on."""
    needed = ["composition", "formula", "has_phonon_bandgap", *TARGETS]
    missing = [name for name in needed if name not in df.columns]
    if missing:
        raise ValueError(
            f"expected a DataFrame with the columns {needed}, got none named {missing}"
        )


def default_classifier(random_state: int) -> PhononGapClassifier:
    """The classifier that is trained where none is given."""
    grid = {"n_estimators": [200], "max_depth": [None]}
    return PhononGapClassifier(param_grid=grid, random_state=random_state)


def _empty_frame(values: list[Any]) -> pd.DataFrame:
    """All columns, with their types and nothing in them but the formulas."""
    n_rows = len(values)
    columns: dict[str, Any] = dict.fromkeys(COLUMNS)
    for name in columns:
        columns[name] = np.full(n_rows, np.nan)
    columns["formula"] = pd.Series([_formula(value) for value in values], dtype=object)
    columns["has_phonon_bandgap"] = pd.array([pd.NA] * n_rows, dtype="boolean")
    for name in ("unseen_elements", "error"):
        columns[name] = pd.Series([None] * n_rows, dtype=object)
    return pd.DataFrame(columns)


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
