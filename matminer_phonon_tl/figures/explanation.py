"""Draw which descriptors moved a prediction, as bars."""

from typing import Any

from matplotlib.figure import Figure

_UP, _DOWN = "#0b5394", "#b45309"


def plot_explanation(explanation: Any, row: int = 0, *, n: int = 10, title: str = "") -> Figure:
    """Draw the largest contributions to one prediction.

    Parameters
    ----------
    explanation : Explanation
        As :func:`matminer_phonon_tl.models.explain` gives it.
    row : int
        Number of the material.
    n : int
        How many descriptors to draw; the sum of the others stands below them as one bar.
    title : str
        What is predicted.

    Returns
    -------
    Figure
    """
    largest = explanation.top(row, n)
    every = explanation.contributions.iloc[row]
    others = float(every.sum() - largest.sum())
    base = float(explanation.base[row])
    values = explanation.values.iloc[row]
    names = [f"{name} = {values[name]:.3g}" for name in largest.index]
    sizes = list(largest)
    if len(every) > len(largest):
        names.append(f"{len(every) - len(largest)} others")
        sizes.append(others)
    figure = Figure(figsize=(7, 0.8 + 0.32 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, sizes, color=[_UP if size > 0 else _DOWN for size in sizes])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    unit = f", {explanation.unit}" if explanation.unit else ""
    axes.set_xlabel(f"contribution{unit}")
    axes.set_title(
        f"{title}{': ' if title else ''}{base:.4g} on average, "
        f"{base + float(every.sum()):.4g} for this material",
        fontsize=10,
    )
    return figure
