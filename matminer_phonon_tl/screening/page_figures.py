"""Figures of the ranking page."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
from pymatgen.core import Element

from matminer_phonon_tl.screening.schemas import name_of, units_of


def scatter_figure(rows: pd.DataFrame, names: pd.Series, schema: pa.Schema) -> Any:
    """Gap against speed of sound, coloured by the probability of a gap.

    Parameters
    ----------
    rows : DataFrame
        Of any length; rows without a gap are left out, because they have no place on its axis.
    names : Series of str
        What is shown where the pointer is.
    schema : pyarrow.Schema
        Which columns are the predictor's, and their units.

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
        xaxis_title=_titled("speed of sound", units.get(sound)),
        yaxis_title=_titled("phonon gap", units.get(gap)),
        hovermode="closest",
    )
    return figure


def elements_figure(counts: Mapping[str, int]) -> Any:
    """Periodic table, coloured by how many hits hold each element.

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
    """Row and column, from 0; lanthanides and actinides stand below."""
    if element.is_lanthanoid:
        return 7, element.Z - 57 + 3
    if element.is_actinoid:
        return 8, element.Z - 89 + 3
    return element.row - 1, element.group - 1


def _titled(name: str, unit: str | None) -> str:
    return f"{name}, {unit}" if unit else name
