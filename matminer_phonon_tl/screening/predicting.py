"""Predictions for the rows of a chunk, each distinct formula once."""

from collections import deque
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.models import PhononPredictor

CACHED_FORMULAS = 100_000
"""So many formulas are remembered from chunk to chunk, the last predicted; about 50 MB."""
NEGLIGIBLE = 0.2
"""Probability of a gap below which its size is not computed, and the expected one given as 0: the
rows that nobody screens for would cost a third of the time."""


class RowPredictor:
    """The predictor as a function from formulas to a table, with a memory for repeated formulas.

    Within a chunk a formula is predicted once; from chunk to chunk the last
    :data:`CACHED_FORMULAS` predicted are remembered. Formulas are the same where their text is.

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
        self._memory = _Memory()
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
        known = self._memory.recall(asked)
        new = [place for place in range(len(asked)) if place not in known]
        frame = self._predict([asked[place] for place in new])
        predicted = pa.Table.from_pandas(frame, self.schema, preserve_index=False)
        predicted = predicted.replace_schema_metadata()
        self._memory.add([asked[place] for place in new], predicted)
        if not known:
            return predicted
        tables = [predicted, *{id(table): table for table, _ in known.values()}.values()]
        starts = np.cumsum([0, *map(len, tables)])
        start_of = {id(table): start for table, start in zip(tables, starts, strict=False)}
        rows = np.empty(len(asked), dtype=np.int64)
        rows[new] = np.arange(len(new))
        for place, (table, row) in known.items():
            rows[place] = start_of[id(table)] + row
        return pa.concat_tables(tables).take(pa.array(rows))

    def _predict(self, formulas: list[Any]) -> pd.DataFrame:
        # A warning for each chunk would drown; the column note says the same.
        return self.predictor.predict(formulas, **self.options, warn=False)


class _Memory:
    """The tables predicted last, and where in them each formula stands."""

    def __init__(self) -> None:
        self._tables: deque[tuple[list[Any], pa.Table]] = deque()
        self._row_of: dict[str, tuple[pa.Table, int]] = {}
        self._n_rows = 0
        self._lock = Lock()

    def recall(self, asked: list[Any]) -> dict[int, tuple[pa.Table, int]]:
        """Table and row of each place whose formula is remembered."""
        with self._lock:
            row_of = self._row_of
            return {
                place: row_of[formula]
                for place, formula in enumerate(asked)
                if isinstance(formula, str) and formula in row_of
            }

    def add(self, asked: list[Any], table: pa.Table) -> None:
        """Remember a table, row by row what was asked; forget the oldest beyond the limit."""
        with self._lock:
            self._tables.append((asked, table))
            self._n_rows += len(asked)
            for row, formula in enumerate(asked):
                if isinstance(formula, str):
                    self._row_of[formula] = table, row
            while self._n_rows > CACHED_FORMULAS:
                formulas, oldest = self._tables.popleft()
                self._n_rows -= len(formulas)
                for formula in formulas:
                    # Two threads may have predicted one formula: the later table holds it now.
                    if isinstance(formula, str) and self._row_of[formula][0] is oldest:
                        del self._row_of[formula]


def _type(series: "pd.Series[Any]") -> pa.DataType:
    if pd.api.types.is_bool_dtype(series.dtype):
        return pa.bool_()
    return pa.float64() if pd.api.types.is_numeric_dtype(series.dtype) else pa.string()
