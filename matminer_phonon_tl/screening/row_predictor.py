"""Predictions for the rows of a chunk: each distinct formula is predicted once."""

import re
from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.models import PhononPredictor
from matminer_phonon_tl.models.serialization import decode_model
from matminer_phonon_tl.models.shipped import ShippedPredictors
from matminer_phonon_tl.screening.columns import marked
from matminer_phonon_tl.screening.settings import ScreeningSettings
from matminer_phonon_tl.structures import may_be_formula

CACHED_FORMULAS = 100_000
"""Largest number of formulas remembered from chunk to chunk, some 50 MB."""
BLOCK_ROWS = 5_000
"""Number of rows that are remembered and forgotten together."""


class RowPredictor:
    """Predict a table for a list of formulas, and remember formulas that may come again.

    Within a chunk a formula is predicted once; from chunk to chunk at most the last
    :data:`CACHED_FORMULAS` predicted are remembered. Formulas are the same where their text is.

    Parameters
    ----------
    predictor : PhononPredictor or ShippedPredictors
    settings : ScreeningSettings

    Attributes
    ----------
    schema : pyarrow.Schema
        Columns of the tables, each with its meaning and its unit.
    """

    def __init__(
        self, predictor: PhononPredictor | ShippedPredictors, settings: ScreeningSettings
    ) -> None:
        self.predictor = predictor
        self.settings = settings
        self._memory = _Memory()
        try:
            frame = self._predict(["InN"])  # an error tells the columns too
        except ValueError as error:
            raise ScreeningError(str(error)) from error
        units = frame.attrs.get("units", {})
        fields = [pa.field(name, _type(frame[name])) for name in frame.columns]
        self.schema = pa.schema(
            [marked(field, field.name, _unit(field.name, units)) for field in fields]
        )

    @classmethod
    def from_document(cls, document: dict[str, Any], settings: ScreeningSettings) -> "RowPredictor":
        """Make the same in another process, from :attr:`document`."""
        is_shipped = document["@class"] == ShippedPredictors.__name__
        return cls(
            (ShippedPredictors.from_dict if is_shipped else decode_model)(document), settings
        )

    @property
    def document(self) -> dict[str, Any]:
        """The predictor as a document, for other processes."""
        return self.predictor.as_dict()

    def __call__(self, formulas: list[Any]) -> pa.Table:
        """Predict, one row for each formula, in order."""
        place_of: dict[str, int] = {}
        asked: list[Any] = []
        places: list[int] = []
        for formula in formulas:
            if not may_be_formula(formula):
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
        predicted = self._new([asked[place] for place in new])
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

    def _new(self, asked: list[Any]) -> pa.Table:
        """Predict, and remember what is a formula."""
        if not asked:
            return self.schema.empty_table()
        predicted = pa.Table.from_pandas(self._predict(asked), self.schema, preserve_index=False)
        predicted = predicted.replace_schema_metadata()
        texts = [row for row, formula in enumerate(asked) if may_be_formula(formula)]
        of_texts = (
            predicted if len(texts) == len(asked) else predicted.take(pa.array(texts, pa.int64()))
        )
        self._memory.add([asked[row] for row in texts], of_texts)
        return predicted

    def _predict(self, formulas: list[Any]) -> pd.DataFrame:
        # Without warnings: there would be one for each chunk, and the column note says the same.
        return self.predictor.predict(formulas, **self.settings.of_predictor, warn=False)


class _Memory:
    """Remember the formulas predicted last: in which table and which row each of them stands.

    Tables of a few rows are joined to blocks of some thousand, because a row takes twenty times the
    memory in an Arrow table of its own.
    """

    def __init__(self) -> None:
        self._blocks: deque[_Block] = deque()
        self._place_of: dict[str, tuple[_Block, int]] = {}
        self._n_rows = 0
        self._lock = Lock()

    def recall(self, asked: list[Any]) -> dict[int, tuple[pa.Table, int]]:
        """Return table and row for each place in the list whose formula is remembered."""
        found = {}
        with self._lock:
            for place, formula in enumerate(asked):
                if may_be_formula(formula) and formula in self._place_of:
                    block, row = self._place_of[formula]
                    found[place] = block.table, row
        return found

    def add(self, formulas: list[str], table: pa.Table) -> None:
        """Remember a table row by row; forget the oldest beyond :data:`CACHED_FORMULAS`."""
        formulas = formulas[-CACHED_FORMULAS:]
        table = table.slice(len(table) - len(formulas))
        with self._lock:
            if not self._blocks or len(self._blocks[-1].formulas) + len(formulas) > BLOCK_ROWS:
                self._blocks.append(_Block([], table.schema.empty_table()))
            block = self._blocks[-1]
            first = len(block.formulas)
            # A new table, because other threads may be reading the old one.
            block.table = pa.concat_tables([block.table, table]).combine_chunks()
            block.formulas += formulas
            self._n_rows += len(formulas)
            for row, formula in enumerate(formulas, first):
                self._place_of[formula] = block, row
            while self._n_rows > CACHED_FORMULAS:
                self._forget(self._blocks.popleft())

    def _forget(self, oldest: "_Block") -> None:
        self._n_rows -= len(oldest.formulas)
        for formula in oldest.formulas:
            # Where two threads have predicted one formula, a later block holds it.
            if self._place_of.get(formula, (None,))[0] is oldest:
                del self._place_of[formula]


@dataclass(eq=False)
class _Block:
    """Formulas, and a table with a row for each."""

    formulas: list[str]
    table: pa.Table


def _unit(name: str, units: dict[str, str]) -> str | None:
    """Return the unit of a column: ends and spread of a prediction have the prediction's."""
    return units.get(name) or units.get(re.sub("_(lower|upper|std|expected)$", "", name))


def _type(series: "pd.Series[Any]") -> pa.DataType:
    if pd.api.types.is_bool_dtype(series.dtype):
        return pa.bool_()
    return pa.float64() if pd.api.types.is_numeric_dtype(series.dtype) else pa.string()
