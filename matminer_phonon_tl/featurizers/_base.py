"""What all vectorised composition featurizers share: matminer's interface over one array core."""

import traceback
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matminer.featurizers.base import BaseFeaturizer
from numpy.typing import NDArray
from tqdm.auto import tqdm

from matminer_phonon_tl.composition_array import flatten_valid, rows_of
from matminer_phonon_tl.exceptions import CompositionError, FeaturizationWarning
from matminer_phonon_tl.flat_compositions import FlatCompositions

ROWS_AT_ONCE = 4096
"""Rows between two steps of the progress bar."""
ROWS_NAMED = 5
"""Bad rows that a warning quotes in full; the others are given by number."""


class CompositionFeaturizer(BaseFeaturizer):
    """Base of featurizers that turn many compositions into one array.

    A subclass says what an element's row is (:meth:`_index_of`), what the columns are
    (``feature_labels``) and how flat compositions become descriptors (:meth:`_describe`).
    """

    @abstractmethod
    def _index_of(self, symbol: str) -> int:
        """Row of an element in the subclass's table; UnknownElementError where it has none."""

    @abstractmethod
    def _describe(self, flat: FlatCompositions) -> NDArray[np.float64]:
        """Descriptors of shape (n_rows, n_features)."""

    def featurize_array(
        self, compositions: Any, *, ignore_errors: bool = False
    ) -> NDArray[np.float64]:
        """Compute the descriptors of many compositions at once.

        Parameters
        ----------
        compositions : sequence, Series, or DataFrame with a ``composition`` column
            Each entry a Composition, Structure, formula, or dict of element to amount.
        ignore_errors : bool
            Give NaN in rows that cannot be described, and one warning that names them, instead of
            raising at the first.

        Returns
        -------
        ndarray of shape (n_compositions, n_features)

        Raises
        ------
        UnknownElementError, CompositionError
            Names the first bad row (unless ``ignore_errors``).
        """
        features, errors = self._featurize_valid(rows_of(compositions))
        self._settle(errors, len(features), ignore_errors=ignore_errors)
        return features

    def featurize(self, comp: Any) -> list[float]:
        """Compute the descriptors of one composition.

        Parameters
        ----------
        comp : Composition, Structure, str, or dict of element to amount

        Returns
        -------
        list of float
        """
        features, errors = self._featurize_valid([comp])
        for error in errors.values():
            raise type(error)(str(error).removeprefix("row 0: "))
        return features[0].tolist()

    def featurize_many(
        self,
        entries: Any,
        ignore_errors: bool = False,
        return_errors: bool = False,
        pbar: bool | dict[str, Any] = True,
    ) -> list[list[Any]]:
        """Compute the descriptors of many entries, vectorised, with matminer's contract.

        Parameters
        ----------
        entries : list, tuple, ndarray, Series or DataFrame of one column
            Bare compositions, or rows of one composition each.
        ignore_errors : bool
            NaN in the rows that fail, and one warning that names them.
        return_errors : bool
            Append a column with the error of each row, NaN where there is none; needs
            ``ignore_errors``.
        pbar : bool or dict
            Show a progress bar; a dict holds arguments of ``tqdm``.

        Returns
        -------
        list of list
            Rows are lists, because MultipleFeaturizer concatenates them.
        """
        if return_errors and not ignore_errors:
            raise ValueError("expected ignore_errors=True with return_errors=True: set it")
        values = _single_column(entries)
        rows: list[list[Any]] = []
        errors: dict[int, CompositionError] = {}
        options = {"desc": type(self).__name__, **(pbar if isinstance(pbar, dict) else {})}
        with tqdm(total=len(values), disable=not pbar, **options) as bar:
            for start in range(0, len(values), ROWS_AT_ONCE):
                block = values[start : start + ROWS_AT_ONCE]
                features, block_errors = self._featurize_valid(block, start)
                if block_errors and not ignore_errors:
                    self._settle(block_errors, len(values), ignore_errors=False)
                errors |= block_errors
                rows.extend(features.tolist())
                bar.update(len(block))
        if return_errors:
            for number, row in enumerate(rows):
                row.append(_error_text(errors[number]) if number in errors else float("nan"))
        self._settle(errors, len(values), ignore_errors=True)
        return rows

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Compute the descriptors, as a step of a scikit-learn Pipeline.

        As matminer has it, rows that fail hold NaN; here a warning says which.
        """
        if isinstance(X, pd.DataFrame) and "composition" in X.columns:
            X = X["composition"]
        return self.featurize_array(_single_column(X), ignore_errors=True)

    def find_errors(self, compositions: Any) -> dict[int, CompositionError]:
        """Return the error of each row that cannot be described, by its number."""
        return self.describe_valid(compositions)[1]

    def describe_valid(
        self, compositions: Any
    ) -> tuple[NDArray[np.float64], dict[int, CompositionError]]:
        """Descriptors, NaN in rows that have none, and the error of each of these rows."""
        return self._featurize_valid(rows_of(compositions))

    def precheck(self, comp: Any) -> bool:
        """Say whether the composition can be described."""
        return not self.find_errors([comp])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Names of the columns, for scikit-learn's ``set_output``."""
        return np.asarray(self.feature_labels(), dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        """There is nothing to fit."""
        return True

    def _featurize_valid(
        self, values: Sequence[Any], first_row: int = 0
    ) -> tuple[NDArray[np.float64], dict[int, CompositionError]]:
        flat, rows, errors = flatten_valid(values, self._index_of, first_row)
        described = self._describe(flat)
        if not errors:
            return described, errors
        features = np.full((len(values), described.shape[1]), np.nan)
        features[rows] = described
        return features, errors

    def _settle(
        self, errors: dict[int, CompositionError], n_rows: int, *, ignore_errors: bool
    ) -> None:
        if not errors:
            return
        first = next(iter(errors.values()))
        if not ignore_errors:
            raise type(first)(f"{first} (ignore_errors=True gives NaN in such a row)")
        quoted = "; ".join(str(error) for error in list(errors.values())[:ROWS_NAMED])
        others = list(errors)[ROWS_NAMED:]
        more = f"; and the rows {', '.join(map(str, others))}" if others else ""
        warnings.warn(
            f"{len(errors)} of {n_rows} rows could not be featurized and hold NaN: {quoted}{more}",
            FeaturizationWarning,
            stacklevel=3,
        )


def _single_column(entries: Any) -> list[Any]:
    """Unpack matminer's forms of a single-argument table into bare values."""
    if isinstance(entries, pd.DataFrame):
        entries = entries.to_numpy()
    if isinstance(entries, pd.Series):
        return entries.tolist()
    if not isinstance(entries, list | tuple | np.ndarray):
        raise TypeError(
            f"expected a list, tuple, array, Series or DataFrame of compositions, "
            f"got {type(entries).__name__}: put a single one into a list"
        )
    if len(entries) and isinstance(entries[0], tuple | list | np.ndarray):
        widths = {len(entry) for entry in entries}
        if widths != {1}:
            raise ValueError(
                f"expected one composition a row, got rows of {sorted(widths)} entries: "
                "choose the one column that holds the compositions"
            )
        return [entry[0] for entry in entries]
    return list(entries)


def _error_text(error: CompositionError) -> str:
    return "".join(traceback.format_exception_only(error)).strip()
