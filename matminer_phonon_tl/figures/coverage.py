"""Do intervals hold what they promise? Coverage against level."""

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

_DIAGONAL = "#999999"


def plot_coverage(held: Mapping[str, tuple[ArrayLike, ArrayLike, int]], *, protocol: str) -> Figure:
    """Draw the share of labels that intervals held against the share they promised.

    Parameters
    ----------
    held : mapping of str to (levels, shares, n)
        For each model the promised levels, the shares of ``n`` labels held, both ascending vectors
        in 0-1, of materials that were not trained on.
    protocol : str
        How the predictions were made; it stands in the title.

    Returns
    -------
    Figure
        With a band of two standard errors of a share about the diagonal, for the smallest ``n``.

    Raises
    ------
    ValueError
        If there is nothing to draw, or levels and shares differ in length or leave 0-1.
    """
    if not held:
        raise ValueError("expected the coverage of at least one model, got none")
    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    axes = figure.subplots()
    grid = np.linspace(0, 1, 101)
    fewest = min(n for _, _, n in held.values())
    error = 2 * np.sqrt(grid * (1 - grid) / fewest)
    axes.fill_between(
        grid, grid - error, grid + error, color=_DIAGONAL, alpha=0.25, linewidth=0,
        label=f"± 2 standard errors of {fewest}",
    )  # fmt: skip
    axes.plot(grid, grid, color=_DIAGONAL, linewidth=1)
    markers = cycle("osDv^<>")
    for name, (levels, shares, n) in held.items():
        x, y = np.asarray(levels, dtype=float), np.asarray(shares, dtype=float)
        if x.shape != y.shape or not ((x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)).all():
            raise ValueError(
                f"expected as many levels as shares of {name!r}, all in 0-1, got shapes {x.shape} "
                f"and {y.shape}"
            )
        axes.plot(x, y, marker=next(markers), markersize=4, linewidth=1.2, label=f"{name} ({n})")
    axes.set(
        xlabel="level of the interval", ylabel="share of labels held", xlim=(0, 1), ylim=(0, 1),
        title=protocol, aspect="equal",
    )  # fmt: skip
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return figure
