"""Reading what is to be evaluated: materials, labels, and what an estimator may see of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier

from matminer_phonon_tl.compositions import as_compositions
from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.exceptions import CompositionError
from matminer_phonon_tl.files import data_hash
from matminer_phonon_tl.models.materials import holds_compositions

PHONON_LABELS = (
    "has_phonon_bandgap",
    "phonon_bandgap",
    "speed_of_sound",
    "heat_capacity",
    "heat_capacity_per_atom",
    "paper_split",
)
"""Columns of phonon_tl that come from the phonons; no estimator sees them unless it is told to."""


@dataclass(frozen=True, eq=False)
class EvaluationData:
    """Materials and labels, ready for any estimator.

    Attributes
    ----------
    X : DataFrame, list or ndarray
        What estimators are given; without labels.
    table : DataFrame, list or ndarray
        What groups are read from.
    y : ndarray of shape (n_rows,)
        float64 for regression, 0 and 1 for classification.
    classes : ndarray of shape (2,) or None
        What 0 and 1 stand for.
    """

    X: Any
    table: Any
    y: NDArray[Any]
    target: str
    unit: str
    classes: NDArray[Any] | None
    rows: tuple[str, ...]
    formulas: tuple[str, ...] | None
    sha256: str

    @property
    def task(self) -> str:
        """Which scores apply."""
        return "regression" if self.classes is None else "classification"

    def labels(self, y: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[Any]:
        """Return labels of some rows as the estimator expects them."""
        return y[rows] if self.classes is None else self.classes[y[rows].astype(int)]


def read_data(
    estimator: Any, df: Any, target: Any, features: Sequence[str] | None
) -> EvaluationData:
    """Read materials and labels.

    Parameters
    ----------
    estimator : estimator
        Tells whether the labels are classes.
    df : DataFrame, list of compositions, or array-like of shape (n_rows, n_features)
    target : str, or array-like of shape (n_rows,)
        A column of df, or the labels themselves.
    features : sequence of str, optional
        Columns that estimators see. Default: all but the target and the phonon labels.

    Returns
    -------
    EvaluationData

    Raises
    ------
    ValueError
        If a column is missing, a label is missing or not finite, or there are more classes than
        two.
    """
    name = target if isinstance(target, str) else getattr(target, "name", None) or "target"
    if isinstance(target, str):
        if not isinstance(df, pd.DataFrame) or target not in df.columns:
            found = (
                f"the columns {list(map(str, df.columns))}"
                if isinstance(df, pd.DataFrame)
                else type(df).__name__
            )
            raise ValueError(
                f"expected a DataFrame with the target's column {target!r}, got {found}: name "
                "another column, or pass the labels as an array"
            )
        values = df[target]
    else:
        values = target
    if isinstance(df, str) or not hasattr(df, "__len__"):
        raise ValueError(
            f"expected a DataFrame, compositions or a matrix, got {df!r}: pass a row for each "
            "material"
        )
    if isinstance(df, pd.DataFrame):
        X: Any = _visible(df, str(name), features)
    elif features is not None:
        raise ValueError(
            f"expected a DataFrame with features={list(features)}, got {type(df).__name__}: leave "
            "features out"
        )
    else:
        X = list(df) if holds_compositions(df) else np.asarray(df)
    y, classes = _read_labels(values, len(X), str(name), is_classifier(estimator))
    formulas = _formulas(df)
    return EvaluationData(
        X=X,
        table=df,
        y=y,
        target=str(name),
        unit=UNITS.get(str(name), "") if classes is None else "",
        classes=classes,
        rows=_row_names(df, len(y)),
        formulas=formulas,
        sha256=data_hash(formulas if formulas is not None else _numbers(X), y),
    )


def take(X: Any, rows: NDArray[np.intp]) -> Any:
    """Return some rows, by position, of a table, list or matrix."""
    if isinstance(X, pd.DataFrame):
        return X.iloc[rows]
    return [X[row] for row in rows] if isinstance(X, list) else X[rows]


def _visible(df: pd.DataFrame, target: str, features: Sequence[str] | None) -> pd.DataFrame:
    if features is None:
        return df.drop(columns=[c for c in (target, *PHONON_LABELS) if c in df.columns])
    missing = [name for name in features if name not in df.columns]
    if missing or target in features:
        what = f"no column {missing[0]!r}" if missing else "the target among them"
        raise ValueError(
            f"expected features to be columns of the DataFrame other than the target, got {what}: "
            "choose others"
        )
    return df[list(features)]


def _read_labels(
    values: Any, n_rows: int, name: str, classifying: bool
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    labels = np.asarray(values)
    if labels.shape != (n_rows,):
        raise ValueError(
            f"expected a label for each of {n_rows} rows, got shape {labels.shape}: pass as many"
        )
    missing = np.flatnonzero(pd.isna(labels))
    if len(missing):
        raise ValueError(
            f"expected a label in every row of {name!r}, got none in row {missing[0]} "
            f"({len(missing)} such rows): drop these rows first"
        )
    if classifying:
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) != 2:
            raise ValueError(
                f"expected two classes in {name!r}, got {len(classes)}: compare one with the rest"
            )
        return codes.astype(np.int64), classes
    try:
        numbers = labels.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"expected numbers in {name!r}, got {labels.dtype}: use a classifier, or other labels"
        ) from error
    bad = np.flatnonzero(~np.isfinite(numbers))
    if len(bad):
        raise ValueError(
            f"expected finite labels in {name!r}, got {numbers[bad[0]]} in row {bad[0]}: drop such "
            "rows first"
        )
    return numbers, None


def _row_names(df: Any, n_rows: int) -> tuple[str, ...]:
    if isinstance(df, pd.DataFrame):
        names = df["material_id"] if "material_id" in df.columns else df.index
        return tuple(map(str, names))
    return tuple(map(str, range(n_rows)))


def _formulas(df: Any) -> tuple[str, ...] | None:
    if isinstance(df, pd.DataFrame) or holds_compositions(df):
        try:
            return tuple(own.formula.replace(" ", "") for own in as_compositions(df))
        except CompositionError:
            # a column "formula" may hold anything where the descriptors are given
            if not isinstance(df, pd.DataFrame) or "composition" in df.columns:
                raise
    return None


def _numbers(X: Any) -> NDArray[Any]:
    values = np.asarray(X)
    return values.astype(np.float64) if values.dtype.kind in "biuf" else values.astype(str)
