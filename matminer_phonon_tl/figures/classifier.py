"""How well a gap classifier does: the paper's Fig. 2 from one call."""

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
    """Draw confusion matrix, ROC, precision against recall, and what the classifier looks at.

    Parameters
    ----------
    truth : array of bool, shape (n_materials,)
        Whether each has a gap.
    probability : array of float, shape (n_materials,)
        Predicted probability of a gap, of materials that were not trained on.
    threshold : float
        Probability from which a gap is predicted.
    importances : Series, optional
        Labelled importances, such as ``PhononGapClassifier.feature_importances`` gives; without
        them the fourth panel is left out.
    n_descriptors : int
        How many of the most important to draw.
    protocol : str
        How the predictions were made: "paper's split", "5-fold by formula" ... It stands in the
        title, since a score means nothing without it.

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
    _draw_confusion(axes[0], answers, chances >= threshold, threshold)
    _draw_roc(axes[1], answers, chances)
    _draw_precision_recall(axes[2], answers, chances)
    if importances is not None:
        _draw_importances(axes[3], importances, n_descriptors)
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


def _draw_confusion(
    axes: "Axes", answers: NDArray[np.bool_], predicted: NDArray[np.bool_], threshold: float
) -> None:
    ConfusionMatrixDisplay.from_predictions(
        answers, predicted, display_labels=LABELS, cmap="Blues", colorbar=False, ax=axes
    )
    axes.set_title(f"Confusion at P ≥ {threshold:.2f}", fontsize=10)


def _draw_roc(axes: "Axes", answers: NDArray[np.bool_], chances: NDArray[np.float64]) -> None:
    RocCurveDisplay.from_predictions(
        answers, chances, ax=axes, curve_kwargs={"color": _CURVE}, despine=True
    )
    axes.plot([0, 1], [0, 1], linestyle=":", color=_CHANCE)
    _drop_legend(axes)
    axes.set(xlabel="False positive rate", ylabel="True positive rate")
    axes.set_title(f"ROC, area {roc_auc_score(answers, chances):.3f}", fontsize=10)


def _draw_precision_recall(
    axes: "Axes", answers: NDArray[np.bool_], chances: NDArray[np.float64]
) -> None:
    PrecisionRecallDisplay.from_predictions(
        answers, chances, ax=axes, curve_kwargs={"color": _CURVE}, despine=True
    )
    # A classifier that knows nothing is right as often as there are gaps.
    axes.axhline(answers.mean(), linestyle=":", color=_CHANCE)
    _drop_legend(axes)
    axes.set(xlabel="Recall", ylabel="Precision", ylim=(0, 1.03))
    area = average_precision_score(answers, chances)
    axes.set_title(f"Precision-recall, area {area:.3f}", fontsize=10)


def _drop_legend(axes: "Axes") -> None:
    """The title says it; scikit-learn draws a legend in some versions only."""
    legend = axes.get_legend()
    if legend is not None:
        legend.remove()


def _draw_importances(axes: "Axes", importances: "pd.Series", n_descriptors: int) -> None:
    top = importances.sort_values(ascending=False)[:n_descriptors][::-1]
    axes.barh(range(len(top)), top.to_numpy(), color=_CURVE)
    axes.set_yticks(range(len(top)), list(top.index), fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(f"Importance ({importances.name or 'of the descriptor'})")
    axes.set_title(f"The {len(top)} most important of {len(importances)}", fontsize=10)
