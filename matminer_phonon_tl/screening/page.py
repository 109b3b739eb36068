"""Write the page of a result: figures, and a table to sort and to filter."""

import html
import json
import re
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pymatgen.core import Element

from matminer_phonon_tl.files import write_atomically
from matminer_phonon_tl.screening.columns import as_texts, name_of, units_of
from matminer_phonon_tl.screening.ranking import Ranking, TopRows

TABLE_ROWS = 1000
POINTS = 3000
"""Points of the scatter plot: the table's rows, and a random sample of the others."""

SPREADS = ("has_gap_probability", "phonon_bandgap", "speed_of_sound", "heat_capacity")
"""Predictions whose spread is in the output but not on the page."""
_NUMBER, _RANDOM = "@phonon-tl number", "@phonon-tl random"
_IS_CODE = re.compile(r"0\d")
"""Texts such as 007 are names, not numbers."""
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_ELEMENTS = frozenset(element.symbol for element in Element)

NO_GAP = (
    "A compound that is judged to have no gap between acoustic and optical phonons has no value "
    "for it."
)
TABLE = """
<p><label>Filter <input id="filter" type="search" placeholder="GaN, or phonon_bandgap &gt; 150">
</label> <span id="count" role="status"></span></p>
<p class="hint">A text is looked for in every cell; a column, &lt; or &gt; and a number keep the
rows for which that holds. A click on a heading sorts, another the other way round.</p>
<div class="scroll"><table id="table"><thead></thead><tbody></tbody></table></div>
"""


class RankingPage:
    """Collect what the page shows while the rows go by, in bounded memory, and write it.

    Parameters
    ----------
    path : Path
    ranking : Ranking
        What ranks the table's rows.
    about : mapping
        What made the result, for the foot of the page.
    """

    def __init__(self, path: Path, ranking: Ranking, about: Mapping[str, Any]) -> None:
        self.path = path
        self.about = about
        self.n_rows = 0
        self.schema = pa.schema([])
        self.elements: Counter[str] = Counter()
        self._top = TopRows(TABLE_ROWS, ranking)
        # The rows with the lowest random numbers are a random sample of all rows.
        self._some = TopRows(POINTS, Ranking(_RANDOM, ascending=True))
        self._random = np.random.default_rng(0)

    def add(self, table: pa.Table) -> None:
        """Take note of a table's rows."""
        self.schema = table.schema
        self._count_elements(table)
        numbers = pa.array(np.arange(self.n_rows, self.n_rows + table.num_rows))
        table = table.append_column(_NUMBER, numbers)
        self.n_rows += table.num_rows
        self._top.add(table)
        self._some.add(table.append_column(_RANDOM, pa.array(self._random.random(len(table)))))

    def _count_elements(self, table: pa.Table) -> None:
        """Count the elements of the rows that were predicted."""
        names, errors = name_of(table.schema, "formula"), name_of(table.schema, "error")
        if names is None:
            return
        if errors is not None:
            table = table.filter(table[errors].is_null())
        for formula in table[names].to_pylist():
            self.elements.update(_ELEMENTS & set(_SYMBOL.findall(str(formula))))

    def write(self) -> None:
        """Write the page, which needs no network and no other file."""
        from plotly.offline import get_plotlyjs

        top = plain_frame(self._top.table)
        folder = files(__package__)
        page = "\n".join(
            [
                "<!doctype html>",
                '<html lang="en"><head><meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                '<link rel="icon" href="data:,">',
                "<title>Screening for phonon properties</title>",
                f"<style>{(folder / 'page.css').read_text(encoding='utf-8')}</style>",
                f"<script>{get_plotlyjs()}</script></head><body>",
                *self._body(top),
                _embedded(self._content(top)),
                f"<script>{(folder / 'page.js').read_text(encoding='utf-8')}</script>",
                "</body></html>",
            ]
        )
        write_atomically(self.path, page.encode("utf-8", "backslashreplace"))

    def _body(self, top: pd.DataFrame) -> list[str]:
        points = pd.concat([top, plain_frame(self._some.table)], ignore_index=True)
        if len(points):
            points = points.drop_duplicates(_NUMBER)[:POINTS]
        scatter = scatter_figure(points, self._names(points), self.schema)
        input_name = html.escape(str(self.about.get("input")))
        where = self.about.get("where")
        condition = f" for which <code>{html.escape(where)}</code>" if where else ""
        parts = [
            "<h1>Screening for phonon properties</h1>",
            f"<p>{self.n_rows} rows of {input_name}{condition}. {NO_GAP}</p>",
        ]
        if scatter is not None:
            shown = "All rows" if self.n_rows <= POINTS else f"{len(points)} of the rows"
            parts += [
                "<h2>Gap and mean speed of sound</h2>",
                f"<p>{shown}, where they have a gap; point at one for its formula.</p>",
                _figure(scatter),
            ]
        if self.elements:
            parts += [
                "<h2>Elements</h2>",
                "<p>How many of the rows hold each element.</p>",
                _figure(elements_figure(self.elements), "figure table"),
            ]
        ranking = self._top.ranking
        by = html.escape(ranking.column(self.schema) if self.n_rows else str(ranking.by or ""))
        title = f"The first {len(top)} by {by}" if by else "No rows"
        parts += [f"<h2>{title}</h2>", TABLE, "<h2>How it was made</h2>", self._methods()]
        return parts

    def _methods(self) -> str:
        items = "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(_in_words(value))}</dd>"
            for name, value in self.about.items()
            if value is not None
        )
        return f"<dl>{items}</dl>"

    def _content(self, top: pd.DataFrame) -> dict[str, Any]:
        top = top[self._shown_columns(top)]
        # A CSV's numbers are text here, and should not be sorted as such.
        top = top.apply(_as_numbers)
        # pandas writes what is missing as null, and rounds to what is worth reading.
        rows = json.loads(top.to_json(orient="values", double_precision=15, date_format="iso"))
        return {"columns": list(top.columns), "rows": rows, "units": units_of(self.schema)}

    def _shown_columns(self, top: pd.DataFrame) -> list[str]:
        """Choose the table's columns: the formula first, no spreads, and none without any value."""
        said = [name_of(self.schema, name) for name in ("formula", "error", "note", "in_domain")]
        first = [name for name in said if name is not None]
        spreads = {name_of(self.schema, f"{name}_std") for name in SPREADS}
        rest = [n for n in self.schema.names if n not in first and n not in spreads]
        return [name for name in (*first, *rest) if name in top and top[name].notna().any()]

    def _names(self, rows: pd.DataFrame) -> "pd.Series[Any]":
        column = name_of(self.schema, "formula")
        texts = rows[column] if column is not None else pd.Series("", index=rows.index)
        return texts.astype(str).str.slice(0, 80).map(html.escape)


def plain_frame(table: pa.Table | None) -> pd.DataFrame:
    """Turn a table into a frame of scalars: nested values and bytes become text."""
    if table is None:
        return pd.DataFrame()
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            columns[name] = pd.Series(as_texts(column.to_pylist()).to_pylist(), dtype=object)
        elif pa.types.is_dictionary(kind):
            columns[name] = column.cast(kind.value_type).to_pandas()
        else:
            columns[name] = column.to_pandas()
    return pd.DataFrame(columns)


def _figure(figure: Any, classes: str = "figure") -> str:
    figure.update_layout(
        template="plotly_white", margin={"l": 60, "r": 20, "t": 20, "b": 50}, font={"size": 13}
    )
    drawn = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"responsive": True, "displaylogo": False}
    )
    return f'<div class="{classes}">{drawn}</div>'


def _as_numbers(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Turn a column that holds nothing but numbers into numbers."""
    if column.dtype != object or column.map(lambda value: isinstance(value, bool)).any():
        return column
    if column.map(lambda value: isinstance(value, str) and _IS_CODE.match(value)).any():
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.notna().eq(column.notna()).all() and len(numbers) else column


def _embedded(content: Any) -> str:
    """Embed JSON in an element whose end no text in it can forge."""
    text = json.dumps(content, allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="rows">{text}</script>'


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {member}" for key, member in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def scatter_figure(rows: pd.DataFrame, names: pd.Series, schema: pa.Schema) -> Any:
    """Draw the gap against the speed of sound, coloured by the probability of a gap.

    Parameters
    ----------
    rows : DataFrame
        Rows without a gap are left out, because they have no place on its axis.
    names : Series of str
        Text shown where the pointer is.
    schema : pyarrow.Schema
        Says which columns are the predictor's, and their units.

    Returns
    -------
    plotly Figure or None
        None where the result lacks the columns.
    """
    import plotly.graph_objects as go

    predictions = ("phonon_bandgap", "speed_of_sound", "has_gap_probability")
    gap, sound, chance = (name_of(schema, prediction) for prediction in predictions)
    if gap is None or sound is None or chance is None:
        return None
    shown = rows[[gap, sound]].notna().all(axis=1)
    rows, names, units = rows[shown], names[shown], units_of(schema)
    figure = go.Figure(
        go.Scatter(
            x=rows[sound],
            y=rows[gap],
            mode="markers",
            text=names,
            marker={
                "color": rows[chance], "cmin": 0, "cmax": 1, "colorscale": "Viridis",
                "size": 7, "opacity": 0.8, "colorbar": {"title": "P(gap)"},
            },
            hovertemplate="<b>%{text}</b><br>gap %{y:.4g}<br>sound %{x:.4g}<br>"
            "P(gap) %{marker.color:.2f}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(
        xaxis_title=_titled("mean speed of sound", units.get(sound)),
        yaxis_title=_titled("phonon gap", units.get(gap)),
        hovermode="closest",
    )
    return figure


def elements_figure(counts: Mapping[str, int]) -> Any:
    """Draw the periodic table, coloured by how many rows hold each element.

    Parameters
    ----------
    counts : mapping of symbol to int

    Returns
    -------
    plotly Figure
    """
    import plotly.graph_objects as go

    n_rows, n_columns = 9, 18
    values: list[list[Any]] = [[None] * n_columns for _ in range(n_rows)]
    texts = [[""] * n_columns for _ in range(n_rows)]
    hovers = [[""] * n_columns for _ in range(n_rows)]
    for element in Element:
        row, column = _place(element)
        count = counts.get(element.symbol, 0)
        values[row][column] = count or None
        texts[row][column] = element.symbol
        hovers[row][column] = f"{element.long_name}: {count} hits"
    ticks = min(6, 1 + max(counts.values(), default=1))  # whole numbers, each once
    figure = go.Figure(
        go.Heatmap(
            z=values, text=texts, texttemplate="%{text}", customdata=hovers,
            hovertemplate="%{customdata}<extra></extra>", colorscale="YlOrRd", zmin=0,
            xgap=2, ygap=2, colorbar={"title": "hits", "tickformat": ",d", "nticks": ticks},
        )
    )  # fmt: skip
    figure.update_layout(
        xaxis={"visible": False, "constrain": "domain"},
        yaxis={
            "visible": False,
            "autorange": "reversed",
            "scaleanchor": "x",
            "constrain": "domain",
        },
        plot_bgcolor="#eee",
        height=480,
    )
    return figure


def _place(element: Element) -> tuple[int, int]:
    """Return row and column, from 0; lanthanides and actinides stand below."""
    if element.is_lanthanoid:
        return 7, element.Z - 57 + 3
    if element.is_actinoid:
        return 8, element.Z - 89 + 3
    return element.row - 1, element.group - 1


def _titled(name: str, unit: str | None) -> str:
    return f"{name}, {unit}" if unit else name
