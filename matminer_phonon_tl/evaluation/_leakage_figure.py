"""The figure of a leakage probe."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure


def plot_leakage(report: Any) -> Figure:
    """Draw associations and skills over the permutations of a probe.

    Parameters
    ----------
    report : LeakageReport

    Returns
    -------
    matplotlib Figure
    """
    figure = Figure(figsize=(7.2, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    colour = "tab:red" if report.leaks else "tab:blue"
    height = np.random.default_rng(0).uniform(-0.3, 0.3, len(report.associations))
    for axes, values, label in (
        (left, report.associations, "correlation with permuted labels, within folds"),
        (right, report.skills, "skill over the dummy, 1 - MSE / MSE$_{dummy}$"),
    ):
        axes.scatter(values, height, color=colour, alpha=0.7)
        axes.axvline(0.0, color="black", linestyle="--", linewidth=1)
        axes.axvline(values.mean(), color=colour, linewidth=2)
        axes.annotate("dummy", (0.0, 0.96), xycoords=("data", "axes fraction"), ha="right",
                      va="top", rotation=90, fontsize="small")  # fmt: skip
        axes.set(xlabel=label, ylim=(-0.6, 0.6), yticks=[])
    left.set_xlim(min(-0.5, report.associations.min() - 0.05), 1.0)
    what = "leaks" if report.leaks else "no leak found"
    figure.suptitle(
        f"{report.protocol}: {what} (p = {report.p_value:.2g}, {len(report.associations)} "
        "permutations)"
    )
    return figure
