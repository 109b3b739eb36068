"""Draw the first rows of a ranking, with intervals and with what is calculated of them."""

import warnings
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from matminer_phonon_tl.exceptions import DataWarning
from matminer_phonon_tl.formulas import read_formula
from matminer_phonon_tl.models import calculated_values
from matminer_phonon_tl.models.shipped import domain_of
from matminer_phonon_tl.screening.chunks import STRUCTURE
from matminer_phonon_tl.screening.columns import (
    as_numbers,
    name_of,
    names_of,
    prediction_of,
    units_of,
)
from matminer_phonon_tl.screening.ranking import Ranking, TopRows
from matminer_phonon_tl.structures import crystal_name, may_be_formula

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN = 30
"""Rows of the figure."""


class RankingFigure:
    """Collect the first rows of a ranking while all go by, and draw them.

    Parameters
    ----------
    level : float
        Share of compounds that the intervals hold.
    """

    def __init__(self, path: Path, ranking: Ranking, level: float) -> None:
        self.path = path
        self.level = level
        self._top = TopRows(DRAWN, ranking)

    def add(self, table: pa.Table) -> None:
        """Take note of a table's rows."""
        self._top.add(predicted_rows(table))

    def write(self, n_predicted: int) -> None:
        """Write the figure; a warning says so where there is nothing to draw.

        ``n_predicted`` rows were ranked; of them, those that are written were added.
        """
        from matminer_phonon_tl.figures import save_figure

        if self._top.table is None or not len(self._top.table):
            warnings.warn(
                f"no row was predicted that could be drawn, so {self.path} is not written",
                DataWarning,
                stacklevel=2,
            )
            return
        figure = draw_first(self._top.table, self._top.ranking, n_predicted, self.level)
        save_figure(figure, self.path)


def predicted_rows(table: pa.Table) -> pa.Table:
    """Return the rows that have no error."""
    errors = name_of(table.schema, "error")
    return table if errors is None else table.filter(table[errors].is_null())


def draw_first(
    top: pa.Table, ranking: Ranking, n_predicted: int, level: float, width: float = 6.4
) -> "Figure":
    """Draw the first :data:`DRAWN` rows of a ranking of ``n_predicted``, ``width`` inches wide.

    ``top`` holds ranked rows without errors; ``level`` is the share of compounds that the intervals
    hold.
    """
    from matminer_phonon_tl.figures import plot_ranking

    top = top[:DRAWN]
    column = ranking.column(top.schema)
    prediction = prediction_of(top.schema.field(column))
    by = prediction or column
    formulas = formulas_of(top)
    frame = pd.DataFrame({"formula": formulas, by: as_floats(top, column)})
    # of a column of the input, nothing is known but its values
    ends = (f"{prediction}_lower", f"{prediction}_upper") if prediction else ()
    for part in ends:
        name = name_of(top.schema, part)
        if name is not None and part != by:
            frame[part] = top[name].to_pandas()
    domain = domain_column(top.schema, prediction)
    if domain is not None and by != "in_domain":
        frame["in_domain"] = top[domain].to_pandas()
    frame.attrs["units"] = {by: units_of(top.schema).get(column, "")}
    return plot_ranking(
        frame,
        by,
        known=calculated_values(formulas) if prediction else None,
        ascending=ranking.ascending,
        n_rows=DRAWN,
        n_total=n_predicted,
        labels=labels_of(top, formulas),
        level=level,
        width=width,
    )


def domain_column(schema: pa.Schema, prediction: str | None) -> str | None:
    """Return the column that says which rows a ranked prediction is to be trusted in, if any."""
    return name_of(schema, domain_of(prediction or ""))


def as_floats(table: pa.Table, column: str) -> pd.Series:
    """Return a column as numbers, whatever it holds."""
    return pd.Series(as_numbers(table[column], column).to_pylist(), dtype="float64")


def formulas_of(table: pa.Table) -> list[str]:
    """Return the rows' formulas: as they were given, of a structure those of the prediction.

    A row without any gets an empty text.
    """
    columns = [table[name].to_pylist() for name in _formula_columns(table.schema)]
    return [
        next((value for value in row if value and may_be_formula(value)), "")
        for row in zip(*columns, strict=True)
    ] or [""] * table.num_rows


def formula_column(schema: pa.Schema) -> str:
    """Return the column that names the rows, rather one of formulas than of structures."""
    names = _formula_columns(schema)
    return next((name for name in names if name != STRUCTURE), STRUCTURE)


def _formula_columns(schema: pa.Schema) -> list[str]:
    """Return the columns that may hold formulas, the prediction's first."""
    names = dict.fromkeys([*reversed(names_of(schema, "formula")), "formula"])
    return [name for name in names if name in schema.names]


def labels_of(table: pa.Table, formulas: list[str]) -> list[str]:
    """Name the rows: by formula, structures as chemists name them, their files too."""
    if table.schema.names[:2] == ["file", "entry"]:
        places = zip(table["file"].to_pylist(), table["entry"].to_pylist(), strict=True)
        return [
            f"{_reduced(formula)} ({PurePosixPath(str(file)).name}{f' {entry}' if entry else ''})"
            for formula, (file, entry) in zip(formulas, places, strict=True)
        ]
    if STRUCTURE not in table.column_names:
        return formulas
    return [
        crystal_name(value) or formula
        for formula, value in zip(formulas, table[STRUCTURE].to_pylist(), strict=True)
    ]


def _reduced(formula: str) -> str:
    """Reduce the formula of a cell, which is empty where nothing could be read."""
    return str(read_formula(formula).reduced_formula) if formula else ""
