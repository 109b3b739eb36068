"""Base of the composition featurizers: matminer's interface over one vectorised core."""

import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matminer.featurizers.base import BaseFeaturizer
from numpy.typing import NDArray
from tqdm.auto import tqdm

from matminer_phonon_tl.atoms import with_structures
from matminer_phonon_tl.compositions import (
    CompositionArray,
    FlatCompositions,
    composition_values,
    flatten_valid,
)
from matminer_phonon_tl.exceptions import CompositionError, FeaturizationWarning
from matminer_phonon_tl.featurizers.element_table import ElementTable

ROWS_AT_ONCE = 4096
"""Rows between two steps of the progress bar."""
ROWS_NAMED = 5
"""Bad rows that a warning quotes in full; the others are given by number."""


class CompositionFeaturizer(BaseFeaturizer):
    """Base of featurizers that turn many compositions into one array.

    A subclass has ``feature_labels``, the names of the columns, and :meth:`_describe`, which turns
    flat compositions into descriptors. What was read already, a
    :class:`~matminer_phonon_tl.compositions.CompositionArray`, is not read again.
    """

    _reason_of_nan = ""
    """Why a row may hold NaN although nothing is wrong with it; empty if none may."""

    @property
    def _index_of(self) -> Callable[[str], int]:
        """Function from an element's symbol to its row in the table of properties."""
        return ElementTable.shipped().index_of

    def _describe(self, flat: FlatCompositions) -> NDArray[np.float64]:
        """Compute descriptors of shape (n_rows, n_features); or override _featurize_valid."""
        raise NotImplementedError

    def featurize_array(
        self, compositions: Any, *, ignore_errors: bool = False
    ) -> NDArray[np.float64]:
        """Compute the descriptors of many compositions at once.

        Parameters
        ----------
        compositions : sequence, Series or DataFrame
            Each entry a Composition, Structure (or ``Atoms`` of ASE, or ``PhonopyAtoms``), formula,
            or dict of element to amount. From a DataFrame its only column is taken, or the first
            that it has of ``composition``, ``formula`` and ``structure``; ``structure`` alone where
            structures are described.
        ignore_errors : bool
            Give NaN in rows that cannot be described, and one warning that names them, instead of
            raising an error at the first.

        Returns
        -------
        ndarray of shape (n_compositions, n_features)

        Raises
        ------
        UnknownElementError, CompositionError
            Names the first bad row (unless ``ignore_errors``).
        """
        features, errors = self.describe_valid(compositions)
        self._settle(errors, len(features), ignore_errors=ignore_errors)
        self._say_what_is_missing(features[:, :1], errors)
        return features

    def featurize(self, comp: Any) -> list[float]:
        """Compute the descriptors of one composition.

        Parameters
        ----------
        comp : Composition, Structure, ase.Atoms, PhonopyAtoms, str, or dict of element to amount

        Returns
        -------
        list of float
        """
        features, errors = self._featurize_valid(composition_values([comp]))
        for error in errors.values():
            raise error.at_row(None)
        self._say_what_is_missing(features[:, :1], {})
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
        entries : sequence, Series or DataFrame
            As for :meth:`featurize_array`; a row may be a sequence of its one entry.
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
        values = self._values(entries)
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
        self._say_what_is_missing([row[:1] for row in rows], errors)
        return rows

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Compute the descriptors as a step of a scikit-learn Pipeline.

        Rows that fail hold NaN, as in matminer; here a warning names them.
        """
        return self.featurize_array(X, ignore_errors=True)

    def describe_valid(
        self, compositions: Any
    ) -> tuple[NDArray[np.float64], dict[int, CompositionError]]:
        """Compute the descriptors of the rows that have any, and say what is wrong with the others.

        Returns a matrix of shape (n_compositions, n_features), NaN in rows that cannot be
        described, and the error of each of these rows, in order.
        """
        return self._featurize_valid(self._values(compositions))

    def precheck(self, comp: Any) -> bool:
        """Say whether the composition can be described."""
        return not self.describe_valid([comp])[1]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names of the columns, for scikit-learn's ``set_output``."""
        return np.asarray(self.feature_labels(), dtype=object)

    def implementors(self) -> list[str]:
        """Return who wrote this featurizer."""
        return ["The matminer-phonon-tl developers"]

    def __sklearn_is_fitted__(self) -> bool:
        """Say that there is nothing to fit."""
        return True

    @property
    def _column(self) -> str:
        """Column of a DataFrame that is described."""
        return "composition"

    def _values(self, X: Any) -> Sequence[Any]:
        """Return the value of each row, whatever method it was given to."""
        if isinstance(X, pd.DataFrame) and X.shape[1] == 1:
            X = X.iloc[:, 0]  # matminer hands on the column that its user chose, under any name
        values = X if isinstance(X, CompositionArray) else composition_values(X, self._column)
        rows = tuple | list | np.ndarray
        if isinstance(values, list) and values and all(isinstance(entry, rows) for entry in values):
            widths = {len(entry) for entry in values}
            if widths != {1}:
                raise CompositionError(
                    f"expected one composition a row, got rows of {sorted(widths)} entries: "
                    "choose the one column that holds the compositions"
                )
            return with_structures([entry[0] for entry in values])
        return values

    def _featurize_valid(
        self, values: Sequence[Any], first_row: int = 0
    ) -> tuple[NDArray[np.float64], dict[int, CompositionError]]:
        """Describe values; see :meth:`describe_valid`. Errors count from ``first_row``."""
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
        """Raise the first error, or warn of all."""
        if not errors:
            return
        first = next(iter(errors.values()))
        if not ignore_errors:
            raise type(first)(
                f"{first.reason} (ignore_errors=True gives NaN in such a row)",
                row=first.row,
                symbol=first.symbol,
            )
        quoted = "; ".join(str(error) for error in list(errors.values())[:ROWS_NAMED])
        others = list(errors)[ROWS_NAMED:]
        more = f"; and the rows {', '.join(map(str, others))}" if others else ""
        warnings.warn(
            f"{len(errors)} of {n_rows} rows could not be featurized and hold NaN: {quoted}{more}",
            FeaturizationWarning,
            stacklevel=3,
        )

    def _say_what_is_missing(self, first_column: Any, errors: dict[int, CompositionError]) -> None:
        """Warn of the rows that hold NaN although they have no error."""
        if not self._reason_of_nan:
            return
        missing = np.isnan(np.reshape(np.asarray(first_column, dtype=np.float64), -1))
        rows = [row for row in np.flatnonzero(missing).tolist() if row not in errors]
        if rows:
            named = f"row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows))}"
            warnings.warn(
                f"{len(rows)} of {len(missing)} rows hold NaN because they have "
                f"{self._reason_of_nan}: {named}",
                FeaturizationWarning,
                stacklevel=3,
            )


def _error_text(error: CompositionError) -> str:
    return "".join(traceback.format_exception_only(error)).strip()
