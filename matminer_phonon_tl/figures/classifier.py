"""Draw how well a gap classifier does: the paper's Fig. 2 from one call."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    average_precision_score,
    roc_auc_score,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CURVE, _CHANCE = "#0b5394", "#999999"
LABELS = ("no gap", "gap")


def plot_gap_classifier(
    truth: ArrayLike,
    probability: ArrayLike,
    *,
    threshold: float = 0.5,
    importances: "pd.Series | None" = None,
    n_descriptors: int = 10,
    protocol: str,
) -> Figure:
    """Draw confusion matrix, ROC, precision against recall, and the most important descriptors.

    Parameters
    ----------
    truth : array of bool, shape (n_materials,)
        Whether each material has a gap.
    probability : array of float, shape (n_materials,)
        Predicted probability of a gap, for materials that were not trained on.
    threshold : float
        Probability from which a gap is predicted.
    importances : Series, optional
        Importances by descriptor, such as ``PhononGapClassifier.feature_importances`` gives;
        without them the fourth panel is left out.
    n_descriptors : int
        How many descriptors to draw.
    protocol : str
        How the predictions were made, such as "paper's split" or "5-fold by formula". It stands
        in the title, since a score means nothing without it.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If lengths differ, or there is only one class.

    Examples
    --------
    >>> figure = plot_gap_classifier([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], protocol="an example")
    >>> len(figure.axes)
    3
    """
    answers, chances = _checked(truth, probability)
    n_panels = 3 if importances is None else 4
    figure = Figure(figsize=(3.6 * n_panels, 3.9), layout="constrained")
    axes = figure.subplots(1, n_panels)
    draw_confusion(axes[0], answers, chances, threshold)
    draw_roc(axes[1], answers, chances)
    draw_precision_recall(axes[2], answers, chances)
    if importances is not None:
        draw_importances(axes[3], importances, n_descriptors)
    n_gaps = int(answers.sum())
    figure.suptitle(f"{protocol}: {len(answers)} materials, {n_gaps} with a gap", fontsize=11)
    return figure


def _checked(
    truth: ArrayLike, probability: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    answers = np.asarray(truth).astype(bool)
    chances = np.asarray(probability, dtype=np.float64)
    if answers.shape != chances.shape or answers.ndim != 1:
        raise ValueError(
            "expected one probability for each material, got shapes "
            f"{answers.shape} and {chances.shape}"
        )
    if answers.all() or not answers.any():
        raise ValueError("expected materials with and without a gap, got only one kind")
    return answers, chances


def draw_confusion(
    axes: "Axes",
    truth: NDArray[np.bool_],
    probability: NDArray[np.float64],
    threshold: float = 0.5,
    cmap: str = "Blues",
) -> None:
    """Draw how many materials of each kind are predicted to be of which kind."""
    ConfusionMatrixDisplay.from_predictions(
        truth, probability >= threshold, display_labels=LABELS, cmap=cmap, colorbar=False, ax=axes
    )
    axes.set_title(f"Confusion at P ≥ {threshold:.2f}", fontsize=10)


def draw_roc(
    axes: "Axes",
    truth: NDArray[np.bool_],
    probability: NDArray[np.float64],
    color: str = _CURVE,
) -> None:
    """Draw the true against the false positive rate, and the line of a random classifier."""
    RocCurveDisplay.from_predictions(
        truth, probability, ax=axes, curve_kwargs={"color": color}, despine=True
    )
    axes.plot([0, 1], [0, 1], linestyle=":", color=_CHANCE)
    _drop_legend(axes)
    axes.set(xlabel="False positive rate", ylabel="True positive rate")
    axes.set_title(f"ROC, area {roc_auc_score(truth, probability):.3f}", fontsize=10)


def draw_precision_recall(
    axes: "Axes",
    truth: NDArray[np.bool_],
    probability: NDArray[np.float64],
    color: str = _CURVE,
) -> None:
    """Draw precision against recall, and the line of a random classifier."""
    PrecisionRecallDisplay.from_predictions(
        truth, probability, ax=axes, curve_kwargs={"color": color}, despine=True
    )
    # the precision of a random classifier is the share of materials with a gap
    axes.axhline(truth.mean(), linestyle=":", color=_CHANCE)
    _drop_legend(axes)
    axes.set(xlabel="Recall", ylabel="Precision", ylim=(0, 1.03))
    area = average_precision_score(truth, probability)
    axes.set_title(f"Precision-recall, area {area:.3f}", fontsize=10)


def draw_importances(
    axes: "Axes", importances: "pd.Series", n_descriptors: int = 10, color: str = _CURVE
) -> None:
    """Draw the most important descriptors as bars, the most important on top."""
    top = importances.sort_values(ascending=False)[:n_descriptors][::-1]
    axes.barh(range(len(top)), top.to_numpy(), color=color)
    axes.set_yticks(range(len(top)), list(top.index), fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(f"Importance ({importances.name or 'of the descriptor'})")
    axes.set_title(f"The {len(top)} most important of {len(importances)}", fontsize=10)


def _drop_legend(axes: "Axes") -> None:
    """Remove the legend, which scikit-learn draws in some versions only; the title says it."""
    legend = axes.get_legend()
    if legend is not None:
        legend.remove()
