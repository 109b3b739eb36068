"""One panel of the report: a small figure of its own, so that panels wrap in a narrow window."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from matminer_phonon_tl.reproduction._figure_data import COLOURS

INK = "#1b1b1b"


def panel(title: str, x: str = "", y: str = "", height: int = 330, **layout: Any) -> go.Figure:
    """Return an empty panel in the page's dress.

    Parameters
    ----------
    title, x, y : str
        Of the panel and of its axes.
    height : int
        Pixels; the width is the page's affair.
    **layout
        Whatever else Plotly's layout takes.
    """
    figure = go.Figure()
    figure.update_layout(
        template="plotly_white", height=height, showlegend=False,
        title={"text": title, "font": {"size": 14}, "x": 0.5, "y": 0.97, "yanchor": "top"},
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        margin={"l": 58, "r": 12, "t": 38, "b": 48},
        xaxis={"title": x, "automargin": True}, yaxis={"title": y, "automargin": True},
        **layout,
    )  # fmt: skip
    return figure


def add_boxes(
    figure: go.Figure, groups: dict[str, list[float]], protocol: str, names: Sequence[str] = ()
) -> None:
    """Add a box with its points for each group of values, beside the other protocol's."""
    x = [group for group, values in groups.items() for _ in values]
    figure.add_box(
        x=x, y=[value for values in groups.values() for value in values],
        text=list(names) or None, name=protocol, offsetgroup=protocol, boxpoints="all",
        pointpos=0, jitter=0.4, marker={"color": COLOURS[protocol], "size": 5},
        line={"color": COLOURS[protocol], "width": 1.5},
        hovertemplate=f"{protocol}, %{{x}}<br>%{{y:.4g}}<br>%{{text}}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(boxmode="group", boxgap=0.3)


def add_diagonal(figure: go.Figure, low: float, high: float) -> None:
    """Add the line on which prediction and reference are equal, and make the axes alike."""
    ends = [low, high]
    margin = 0.04 * (high - low)
    figure.add_scatter(x=ends, y=ends, mode="lines", line={"color": "#555", "dash": "dot"},
                       hoverinfo="skip")  # fmt: skip
    figure.update_xaxes(range=[low - margin, high + margin])
    figure.update_yaxes(range=[low - margin, high + margin])
