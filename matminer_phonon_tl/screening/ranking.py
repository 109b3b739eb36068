"""Rank rows, and keep the best while tables go by."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from matminer_phonon_tl.exceptions import ScreeningError, did_you_mean
from matminer_phonon_tl.screening.columns import as_numbers, cast, name_of, unified

RANKED_BY = "phonon_bandgap"
"""The predictor's column by which rows are ranked, even where the input has one of that name."""


@dataclass(frozen=True)
class Ranking:
    """Say by what rows are ranked."""

    by: str | None = None
    """A column of the output; None for the predicted gap."""
    ascending: bool = False
    """Whether the lowest value comes first."""

    def column(self, schema: pa.Schema) -> str:
        """Return the name that the column has in tables of this schema."""
        name = self.by or name_of(schema, RANKED_BY)
        if name is None or name not in schema.names:
            raise ScreeningError(
                f"expected a column {self.by or RANKED_BY!r} to rank by, got the columns "
                f"{', '.join(schema.names)}{did_you_mean(self.by or RANKED_BY, schema.names)}"
            )
        return name


class TopRows:
    """Keep the rows that rank first.

    Parameters
    ----------
    ranking : Ranking
        Text is ranked by the numbers that it holds. Missing values come last; rows of equal rank
        keep the input's order.

    Attributes
    ----------
    table : pyarrow.Table or None
        The best rows so far.
    """

    def __init__(self, n_rows: int, ranking: Ranking) -> None:
        self.n_rows = n_rows
        self.ranking = ranking
        self.table: pa.Table | None = None
        self._n_values = self._n_numbers = 0

    @property
    def is_blind(self) -> bool:
        """Whether there were values to rank by, and none of them was a number."""
        return self._n_values > 0 and self._n_numbers == 0

    def add(self, table: pa.Table) -> None:
        """Let a table's rows compete."""
        column = self.ranking.column(table.schema)
        keys = as_numbers(table[column], column)
        self._n_values += len(table) - table[column].null_count
        self._n_numbers += len(keys) - keys.null_count
        if self.table is not None:
            schema = unified(self.table.schema, table.schema)
            table = pa.concat_tables([cast(self.table, schema), cast(table, schema)])
            keys = as_numbers(table[column], column)
        order = pc.array_sort_indices(
            keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys,
            order="ascending" if self.ranking.ascending else "descending",
            null_placement="at_end",
        )
        self.table = table.take(order[: self.n_rows])
