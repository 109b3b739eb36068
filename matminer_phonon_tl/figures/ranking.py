"""Draw what was predicted of many compounds, ranked, with intervals and what is calculated."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PREDICTED, INTERVAL = "#1b1b1b", "#0b5394", "#9fc0e0"
UNLIKE, UNLIKE_INTERVAL, CALCULATED, GRID = "#8a8a8a", "#cfcfcf", "#cc4125", "#e4e4e4"
PAGE_COLOURS = {
    INK: "currentColor",
    PREDICTED: "var(--predicted)",
    INTERVAL: "var(--interval)",
    UNLIKE: "var(--unlike)",
    UNLIKE_INTERVAL: "var(--unlike-interval)",
    CALCULATED: "var(--calculated)",
    GRID: "var(--line)",
}
"""Colours that a page sets itself, by its light or dark scheme."""
MOST_ROWS = 30
_CALCULATED_AS = {
    "phonon_bandgap_expected": "phonon_bandgap",
    "has_gap_probability": "has_phonon_bandgap",
}
"""Calculated value beside a prediction, where it has another name."""
ORDERS_OF_MAGNITUDE = ("lattice_conductivity",)
"""Properties that are drawn over a logarithmic axis."""
_LONGEST = 32


def plot_ranking(
    frame: pd.DataFrame,
    by: str = "phonon_bandgap",
    *,
    known: pd.DataFrame | None = None,
    ascending: bool = False,
    n_rows: int = MOST_ROWS,
    n_total: int | None = None,
    labels: Sequence[str] | None = None,
    level: float = 0.9,
    width: float = 6.4,
) -> Figure:
    """Draw a predicted property of many compounds, the first on top, with its intervals.

    Compounds unlike the training compounds (``in_domain`` is false) are grey. Rows with an
    ``error`` are left out; those without a value come last and say so.

    Parameters
    ----------
    frame : DataFrame
        As :meth:`~matminer_phonon_tl.models.PhononPredictor.predict` returns it. Any other column
        of numbers is drawn too, without an interval.
    by : str
        Column to draw and to rank by.
    known : DataFrame, optional
        As :func:`~matminer_phonon_tl.models.calculated_values` returns it for the rows of `frame`;
        a red diamond is drawn for each stable polymorph.
    ascending : bool
        Whether the lowest value comes first.
    n_rows : int
        Largest number of compounds that are drawn.
    n_total : int, optional
        Number of compounds that were ranked, for the title; default: those of `frame`.
    labels : sequence of str, optional
        Names of the rows of `frame`; default: its column ``formula``.
    level : float
        Share of compounds that the intervals hold, for the key.
    width : float
        Inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        There is no such column, or no row without an error.

    Examples
    --------
    >>> frame = pd.DataFrame({"formula": ["BAs", "BN"], "speed_of_sound": [7.1, 11.9]})
    >>> figure = plot_ranking(frame, "speed_of_sound")
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['BN', 'BAs']
    """
    if by not in frame:
        raise ValueError(
            f"expected a column {by!r} to draw, got {', '.join(map(str, frame))}"
            f"{did_you_mean(by, frame)}"
        )
    unit = frame.attrs.get("units", {}).get(by, "").replace("cm-1", "cm\u207b\u00b9")
    names = frame["formula"] if labels is None else labels
    rows = frame.assign(label=[_short(str(name)) for name in names], place=np.arange(len(frame)))
    if "error" in rows:
        rows = rows[rows["error"].isna()]
    if not len(rows):
        raise ValueError("expected a compound that could be predicted to draw, got none")
    # equal values keep the order in which they came
    rows = rows.sort_values(by, ascending=ascending, kind="stable", na_position="last")
    n_total = len(rows) if n_total is None else n_total
    rows = rows[:n_rows].reset_index(drop=True)

    figure = Figure(figsize=(width, 1.2 + 0.2 * len(rows)), layout="constrained")
    axes = figure.subplots()
    heights = rows.index.to_numpy(dtype=float)
    is_unlike = ~_answers(rows, "in_domain", missing=True)
    _draw_predictions(axes, rows, by, is_unlike, level)
    for height in heights[rows[by].isna()]:
        nothing = "no gap" if by.startswith("phonon_bandgap") else "no value"
        axes.text(0.99, height, nothing, transform=axes.get_yaxis_transform(), ha="right",
                  va="center", color=UNLIKE, fontsize="small")  # fmt: skip
    _mark_calculated(axes, rows, by, known)

    if by in ORDERS_OF_MAGNITUDE and (rows[by].dropna() > 0).all():
        axes.set_xscale("log")
    axes.set_yticks(heights, list(rows["label"]), parse_math=False, color=INK)
    for tick, unlike in zip(axes.get_yticklabels(), is_unlike, strict=True):
        tick.set_color(UNLIKE if unlike else INK)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(", ".join([by.replace("_", " "), *([unit] if unit not in ("", "1") else [])]))
    axes.set_title(_title(len(rows), n_total, ascending=ascending), fontsize="medium", color=INK)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(INK)
    axes.xaxis.label.set_color(INK)
    axes.tick_params(axis="x", color=INK, labelcolor=INK)
    axes.tick_params(axis="y", length=0)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(
            loc="outside lower left", frameon=False, fontsize="small", labelcolor=INK, ncols=1
        )
    return figure


def _draw_predictions(
    axes: "Axes", rows: pd.DataFrame, by: str, is_unlike: NDArray[np.bool_], level: float
) -> None:
    """Draw points and intervals, grey where a compound is unlike the training compounds."""
    has_interval = {f"{by}_lower", f"{by}_upper"} <= set(rows)
    for unlike, colour, pale in (
        (False, PREDICTED, INTERVAL),
        (True, UNLIKE, UNLIKE_INTERVAL),
    ):
        chosen = rows[(is_unlike == unlike) & rows[by].notna()]
        if not len(chosen):
            continue
        what = f"predicted, {100 * level:g} % interval" if has_interval else by.replace("_", " ")
        if has_interval:
            axes.hlines(
                chosen.index, chosen[f"{by}_lower"], chosen[f"{by}_upper"], color=pale, linewidth=3
            )
        axes.plot(
            chosen[by].to_numpy(),
            chosen.index,
            "o",
            color=colour,
            markersize=4.5,
            label=f"{what}, unlike the training compounds" if unlike else what,
        )


def _mark_calculated(axes: "Axes", rows: pd.DataFrame, by: str, known: pd.DataFrame | None) -> None:
    """Mark the calculated values of stable polymorphs."""
    column = _CALCULATED_AS.get(by, by)
    if known is None or column not in known:
        return
    values = known[_answers(known, "is_stable", missing=True) & known[column].notna()]
    height_of = dict(zip(rows["place"], rows.index, strict=True))
    values = values[values["row"].isin(list(height_of))]
    if len(values):
        axes.plot(
            values[column].astype(float).to_numpy(),
            [height_of[row] for row in values["row"]],
            "D",
            markerfacecolor="none",
            markeredgecolor=CALCULATED,
            markersize=4.5,
            zorder=3,
            label="calculated, each stable polymorph of the formula",
        )


def _answers(rows: pd.DataFrame, name: str, *, missing: bool) -> NDArray[np.bool_]:
    """Return a column of answers, and for every row the same where there is no such column."""
    if name not in rows:
        return np.full(len(rows), missing)
    return np.array([missing if pd.isna(each) else bool(each) for each in rows[name]])


def _title(n_shown: int, n_total: int, *, ascending: bool) -> str:
    if n_shown < n_total:
        return f"the {'lowest' if ascending else 'highest'} {n_shown} of {n_total} compounds"
    return f"{n_total} compound{'s' * (n_total != 1)}"


def _short(name: str) -> str:
    """Return a name that fits beside the axis, without what cannot be drawn."""
    name = "".join(each if each.isprintable() else " " for each in name)
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}\u2026"
