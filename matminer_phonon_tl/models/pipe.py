"""From a table with a target column to a table with a predicted one, in automatminer's manner."""

from typing import Any, Self

import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from matminer_phonon_tl.compositions import composition_values
from matminer_phonon_tl.exceptions import ModelFormatError, TrainingError, did_you_mean
from matminer_phonon_tl.models.gap_classifier import PhononGapClassifier
from matminer_phonon_tl.models.phonon_regressor import PhononRegressor
from matminer_phonon_tl.models.regressor_choice import regressor_of
from matminer_phonon_tl.models.serialization import JSONModel

HAS_GAP = "has_phonon_bandgap"


class PhononPipe(BaseEstimator, JSONModel):
    """Descriptors, model and prediction behind ``fit(df, target)`` and ``predict(df)``.

    The three phonon properties and ``has_phonon_bandgap`` are learnt by the models that measured
    best for them; any other column of numbers by Gaussian processes on the compact descriptors.

    Parameters
    ----------
    model : PhononRegressor or PhononGapClassifier, optional
        Unfitted, in place of that choice.
    use_structure : bool
        Describe the structures too; tables must then have a column ``structure``.
    random_state : int
        Seed of the chosen model.

    Attributes
    ----------
    model_ : PhononRegressor or PhononGapClassifier
        Fitted.
    target_ : str

    References
    ----------
    A. Dunn et al., npj Comput. Mater. 6, 138 (2020), doi:10.1038/s41524-020-00406-3.

    Examples
    --------
    >>> from matminer_phonon_tl import load_phonon_tl
    >>> df = load_phonon_tl(gapped_only=True)
    >>> pipe = PhononPipe().fit(df[:100], "heat_capacity")
    >>> "heat_capacity predicted" in pipe.predict(df[100:])
    True
    """

    def __init__(
        self, *, model: Any = None, use_structure: bool = False, random_state: int = 0
    ) -> None:
        self.model = model
        self.use_structure = use_structure
        self.random_state = random_state

    def fit(self, df: pd.DataFrame, target: str) -> Self:
        """Learn a column of a table.

        Parameters
        ----------
        df : DataFrame
            With ``composition`` (or ``formula``, or ``structure``) and the target.
        target : str

        Raises
        ------
        TrainingError
            If the column is not there, or not to be learnt.
        """
        self._forget_card()
        _check_column(df, target)
        model = self.model if self.model is not None else self._choose(target)
        self.model_ = clone(model).fit(df, df[target])
        self.target_ = target
        self.training_data_ = self.model_.training_data_
        return self

    def predict(self, df: pd.DataFrame) -> pd.DataFrame:
        """Return the table with one more column, ``"<target> predicted"``."""
        check_is_fitted(self)
        _check_table(df)
        return df.assign(**{f"{self.target_} predicted": self.model_.predict(df)})

    def transform(self, df: pd.DataFrame, target: str) -> pd.DataFrame:
        """Return the descriptors that the model sees, and the target: what could be learnt anew.

        Parameters
        ----------
        df : DataFrame
        target : str
            A column of it.

        Returns
        -------
        DataFrame of shape (n_rows, n_descriptors + 1)
        """
        check_is_fitted(self)
        _check_column(df, target)
        described = pd.DataFrame(
            self.model_.describe(df), columns=self.model_.descriptor_labels(), index=df.index
        )
        return described.assign(**{target: df[target]})

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is anything to predict with."""
        return hasattr(self, "model_")

    def _choose(self, target: str) -> PhononRegressor | PhononGapClassifier:
        if target == HAS_GAP:
            return PhononGapClassifier.recommended(
                use_structure=self.use_structure, random_state=self.random_state
            )
        return regressor_of(target, self.random_state, structure=self.use_structure)

    def get_state(self) -> dict[str, Any] | None:
        """Return what fitting left; None before ``fit``."""
        return {"model": self.model_, "target": self.target_} if hasattr(self, "model_") else None

    @classmethod
    def from_state(cls, state: dict[str, Any], **params: Any) -> Self:
        """Rebuild a fitted pipe from :meth:`get_state` and its parameters."""
        model, target = state["model"], state["target"]
        if not isinstance(model, PhononRegressor | PhononGapClassifier):
            raise ModelFormatError("expected a regressor or a gap classifier in a pipe")
        if not isinstance(target, str):
            raise ModelFormatError("expected the name of the target of a pipe")
        check_is_fitted(model)
        pipe = cls(**params)
        pipe.model_, pipe.target_ = model, target
        pipe.training_data_ = model.training_data_
        return pipe


def _check_table(df: Any) -> None:
    if not isinstance(df, pd.DataFrame):
        raise TrainingError(
            f"expected a DataFrame with compositions, got {type(df).__name__}: put them into one"
        )
    composition_values(df)


def _check_column(df: Any, target: str) -> None:
    _check_table(df)
    if target not in df.columns:
        raise TrainingError(
            f"expected a column {target!r} to learn, got the columns {list(df.columns)}"
            f"{did_you_mean(target, df.columns)}"
        )
