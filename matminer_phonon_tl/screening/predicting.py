"""Predictions for the rows of a chunk, each distinct formula once."""

from collections import OrderedDict
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.models import PhononPredictor

CACHED_FORMULAS = 100_000
"""Formulas whose predictions are remembered from chunk to chunk, the last used; about 100 MB."""


NEGLIGIBLE = 0.2
"""Probability of a gap below which its size is not computed, and the expected one given as 0: the
rows that nobody screens for would cost a third of the time."""


class RowPredictor:
    """The predictor as a function from formulas to a table, with a memory for repeated formulas.

    Within a chunk a formula is predicted once; from chunk to chunk the last
    :data:`CACHED_FORMULAS` are remembered. Formulas are the same where their text is.

    Parameters
    ----------
    predictor : PhononPredictor
    level : float
        Share of new compounds whose property the intervals are to hold.
    conditional, negligible
        See :meth:`PhononPredictor.predict`.

    Attributes
    ----------
    schema : pyarrow.Schema
        Columns of the tables.
    units : dict of str to str
    """

    def __init__(
        self,
        predictor: PhononPredictor,
        *,
        level: float,
        conditional: bool,
        negligible: float = NEGLIGIBLE,
    ) -> None:
        self.predictor = predictor
        self.options = {"level": level, "conditional": conditional, "negligible": negligible}
        self._remembered: OrderedDict[str, tuple[Any, ...]] = OrderedDict()
        self._lock = Lock()
        try:
            frame = self._predict(["InN"])
        except ValueError as error:
            raise ScreeningError(str(error)) from error
        self.schema = pa.schema([pa.field(name, _type(frame[name])) for name in frame.columns])
        self.units: dict[str, str] = dict(frame.attrs.get("units", {}))

    def __call__(self, formulas: list[Any]) -> pa.Table:
        """Predict, one row for each formula, in order."""
        place_of: dict[str, int] = {}
        asked: list[Any] = []
        places: list[int] = []
        for formula in formulas:
            if not isinstance(formula, str):
                places.append(len(asked))
                asked.append(formula)
                continue
            if formula not in place_of:
                place_of[formula] = len(asked)
                asked.append(formula)
            places.append(place_of[formula])
        return self._distinct(asked).take(pa.array(places, pa.int64()))

    def _distinct(self, asked: list[Any]) -> pa.Table:
        remembered = self._recall(asked)
        new = [place for place in range(len(asked)) if place not in remembered]
        if not new:
            return self._from_rows(list(remembered.values()))
        frame = self._predict([asked[place] for place in new])
        self._remember([asked[place] for place in new], frame)
        predicted = pa.Table.from_pandas(frame, self.schema, preserve_index=False)
        predicted = predicted.replace_schema_metadata()
        if not remembered:
            return predicted
        both = pa.concat_tables([predicted, self._from_rows(list(remembered.values()))])
        return both.take(pa.array(np.argsort([*new, *remembered])))

    def _predict(self, formulas: list[Any]) -> pd.DataFrame:
        # A warning for each chunk would drown; the column note says the same.
        return self.predictor.predict(formulas, **self.options, warn=False)

    def _recall(self, asked: list[Any]) -> dict[int, tuple[Any, ...]]:
        found = {}
        with self._lock:
            for place, formula in enumerate(asked):
                if isinstance(formula, str) and formula in self._remembered:
                    self._remembered.move_to_end(formula)
                    found[place] = self._remembered[formula]
        return found

    def _remember(self, asked: list[Any], frame: pd.DataFrame) -> None:
        rows = frame.itertuples(index=False, name=None)
        with self._lock:
            for formula, row in zip(asked, rows, strict=True):
                if isinstance(formula, str):
                    self._remembered[formula] = row
            while len(self._remembered) > CACHED_FORMULAS:
                self._remembered.popitem(last=False)

    def _from_rows(self, rows: list[tuple[Any, ...]]) -> pa.Table:
        columns = zip(*rows, strict=True) if rows else [[] for _ in self.schema]
        arrays = [
            pa.array([None if value is pd.NA else value for value in column], field.type,
                     from_pandas=True)
            for column, field in zip(columns, self.schema, strict=True)
        ]  # fmt: skip
        return pa.Table.from_arrays(arrays, schema=self.schema)


def _type(series: "pd.Series[Any]") -> pa.DataType:
    if pd.api.types.is_bool_dtype(series.dtype):
        return pa.bool_()
    return pa.float64() if pd.api.types.is_numeric_dtype(series.dtype) else pa.string()
