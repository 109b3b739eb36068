"""Plot a score against the number of training rows."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from matminer_phonon_tl.exceptions import did_you_mean


def plot_learning_curve(curve: Mapping[float, Any], score: str | None = None) -> Figure:
    """Plot how a score changes with the number of training rows.

    Parameters
    ----------
    curve : LearningCurve
        What :func:`~matminer_phonon_tl.evaluation.learning_curve` returns.
    score : str, optional
        One of the columns of its table; default: the first, mae or f1.

    Returns
    -------
    Figure
        Means over the rounds; bars are standard deviations over the rounds, of which one round has
        none.

    Raises
    ------
    ValueError
        If there is no such score, or nothing to plot.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from matminer_phonon_tl.evaluation import learning_curve
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> curve = learning_curve(Ridge(), X, X @ [1.0, 2.0, 3.0], (0.2, 1.0), n_repeats=2)
    >>> plot_learning_curve(curve).axes[0].get_xlabel()
    'training rows'
    """
    results = list(curve.values())
    names = list(results[0].scores) if results else []
    name = score or next(iter(names), "")
    if name not in names:
        raise ValueError(
            f"expected one of the scores {', '.join(names) or '(none: the curve is empty)'}, got "
            f"{score!r}{did_you_mean(score, names)}"
        )
    n_rows = [sum(len(s.train) for s in result.splits) / len(result.splits) for result in results]
    scores = [result.scores[name] for result in results]
    figure = Figure(figsize=(4.8, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.errorbar(
        n_rows,
        [s.mean for s in scores],
        [s.std for s in scores],
        marker="o",
        markersize=4,
        capsize=3,
    )
    unit = results[0].unit if name in ("mae", "rmse") else ""
    axes.set(xlabel="training rows", ylabel=f"{name}, {unit}" if unit else name)
    axes.set_title(results[0].title, fontsize="medium")
    return figure
