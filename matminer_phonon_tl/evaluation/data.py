"""Read materials and labels once, and decide what an estimator may see of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import is_classifier

from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.exceptions import CompositionError, did_you_mean
from matminer_phonon_tl.files import data_hash
from matminer_phonon_tl.formulas import write_formula
from matminer_phonon_tl.models.gap_classifier import PhononGapClassifier
from matminer_phonon_tl.models.materials import Materials, holds_compositions
from matminer_phonon_tl.models.phonon_regressor import PhononRegressor

_POWER_OF_TEN = re.compile(r"\de[+-]\d")

PHONON_LABELS = (
    "has_phonon_bandgap",
    "phonon_bandgap",
    "speed_of_sound",
    "heat_capacity",
    "heat_capacity_per_atom",
    "paper_split",
)
"""Columns of phonon_tl that come from the phonons; estimators see them only if asked for."""

TAKE_MATERIALS = (PhononGapClassifier, PhononRegressor)
"""Estimators that take Materials. Subclasses may look at the table itself, so they get that."""


@dataclass(frozen=True, eq=False)
class EvaluationData:
    """Materials and labels that have been read and checked."""

    X: Any
    """What estimators are given, without labels: DataFrame, list or ndarray."""
    table: Any
    """Everything that was passed, of which groups are read and which splitters get; as X."""
    features: Sequence[str] | None
    """Columns that were chosen for X."""
    materials: Materials | None
    """The materials of the table; None for a matrix."""
    y: NDArray[Any]
    """float64 for regression, 0 and 1 for classification; shape (n_rows,)."""
    target: str
    unit: str
    """Name of the labels and their unit; the unit is empty where none is known."""
    classes: NDArray[Any] | None
    """What 0 and 1 stand for; None for regression; shape (2,)."""
    rows: tuple[str, ...]
    """Name of each row: its material_id, its index label, or its position."""
    sha256: str
    """Hash of formulas (or matrix) and labels."""

    @property
    def task(self) -> str:
        """Whether scores for a "regression" or for a "classification" apply."""
        return "regression" if self.classes is None else "classification"

    @property
    def formulas(self) -> tuple[str, ...] | None:
        """Formula of each row as written, without powers of ten; None for a matrix."""
        if self.materials is None:
            return None
        written = zip(_formulas(self.materials), self.materials.compositions, strict=True)
        return tuple(
            write_formula(composition) if _POWER_OF_TEN.search(formula) else formula
            for formula, composition in written
        )

    @property
    def compositions(self) -> Any:
        """Compositions of the rows; where they could not be read, the table that is to blame."""
        return self.table if self.materials is None else self.materials.compositions

    def labels(self, y: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return labels (the data's, unless given) as the estimator expects them."""
        y = self.y if y is None else y
        return y if self.classes is None else self.classes[y.astype(int)]

    def inputs_for(self, estimator: Any) -> Any:
        """Return the materials as the estimator takes them, for :func:`take` to slice.

        This package's classifier and kernel regressor get :class:`Materials` whose descriptors are
        computed here, once for all folds. Any other estimator gets the rows as they were passed.
        """
        if type(estimator) not in TAKE_MATERIALS or self.materials is None:
            return self.X
        # chosen columns need not include the table's composition or structure
        materials = self.materials if self.features is None else Materials.of(self.X)
        materials.matrix_for(estimator)
        return materials


def read_data(
    estimator: Any, df: Any, target: Any, features: Sequence[str] | None
) -> EvaluationData:
    """Read and check materials and labels; a classifier's labels are read as classes.

    Estimators see the columns `features`, by default all but the target and the phonon labels.
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
    materials = _read_materials(df)
    return EvaluationData(
        X=X,
        table=df,
        features=features,
        materials=materials,
        y=y,
        target=str(name),
        unit=UNITS.get(str(name), "") if classes is None else "",
        classes=classes,
        rows=_row_names(df, len(y)),
        sha256=data_hash(_numbers(X) if materials is None else _formulas(materials), y),
    )


def take(X: Any, rows: NDArray[np.intp]) -> Any:
    """Return some rows, by position, of materials, a table, a list or a matrix."""
    if isinstance(X, Materials):
        return X.take(rows)
    if isinstance(X, pd.DataFrame):
        return X.iloc[rows]
    return [X[row] for row in rows] if isinstance(X, list) else X[rows]


def _visible(df: pd.DataFrame, target: str, features: Sequence[str] | None) -> pd.DataFrame:
    if features is None:
        return df.drop(columns=[c for c in (target, *PHONON_LABELS) if c in df.columns])
    missing = [name for name in features if name not in df.columns]
    if missing or target in features:
        what = "the target among them"
        if missing:
            what = f"no column {missing[0]!r}{did_you_mean(missing[0], df.columns)}"
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


def _read_materials(df: Any) -> Materials | None:
    if not isinstance(df, pd.DataFrame) and not holds_compositions(df):
        return None
    try:
        return Materials.of(df)
    except CompositionError:
        # a column "formula" may hold anything where the descriptors are given
        if not isinstance(df, pd.DataFrame) or "composition" in df.columns:
            raise
    return None


def _formulas(materials: Materials) -> tuple[str, ...]:
    return tuple(composition.formula.replace(" ", "") for composition in materials.compositions)


def _numbers(X: Any) -> NDArray[Any]:
    values = np.asarray(X)
    return values.astype(np.float64) if values.dtype.kind in "biuf" else values.astype(str)
