"""Probabilities that mean what they say, and the threshold where they become a decision."""

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import ModelFormatError


class Calibrator:
    """A monotone map from a forest's probability to a calibrated one.

    Parameters
    ----------
    kind : {"sigmoid", "isotonic"}
    x, y : ndarray of float64
        Sigmoid: slope and intercept of the logit, one each. Isotonic: the knots.
    """

    def __init__(self, kind: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        self.kind = kind
        self.x = x
        self.y = y

    @classmethod
    def fit(cls, probability: NDArray[np.float64], target: NDArray[np.int64], kind: str) -> Self:
        """Fit on predictions of rows that the forest was not trained on."""
        if kind == "sigmoid":
            from sklearn.linear_model import LogisticRegression

            # Platt's scaling, without a penalty.
            logistic = LogisticRegression(C=np.inf).fit(probability[:, None], target)
            return cls(kind, logistic.coef_.ravel(), logistic.intercept_)
        from sklearn.isotonic import IsotonicRegression

        isotonic = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        isotonic.fit(probability, target)
        return cls(kind, isotonic.X_thresholds_, isotonic.y_thresholds_)

    def apply(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrate probabilities, shape (n_rows,)."""
        if self.kind == "sigmoid":
            return 1.0 / (1.0 + np.exp(-(self.x[0] * probability + self.y[0])))
        return np.interp(probability, self.x, self.y)

    def get_state(self) -> dict[str, Any]:
        """Plain values and arrays."""
        return {"kind": self.kind, "x": self.x, "y": self.y}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Restore and check."""
        kind, x, y = state["kind"], state["x"], state["y"]
        vectors = all(isinstance(v, np.ndarray) and v.dtype == np.float64 for v in (x, y))
        if not vectors or x.ndim != 1 or x.shape != y.shape or not len(x):
            raise ModelFormatError("expected a calibration of two vectors of equal length")
        if kind == "sigmoid" and len(x) == 1:
            return cls(kind, x, y)
        knots_rise = (np.diff(x) > 0).all() and (np.diff(y) >= 0).all()
        if kind == "isotonic" and knots_rise and y[0] >= 0 and y[-1] <= 1:
            return cls(kind, x, y)
        raise ModelFormatError(f"expected a sigmoid or isotonic calibration, got a bad {kind!r}")


def check_threshold(wanted: Any) -> bool:
    """Refuse what is no threshold; say whether it asks for a recall."""
    if isinstance(wanted, Real) and not isinstance(wanted, bool) and 0 <= float(wanted) <= 1:
        return False
    for_recall = (
        isinstance(wanted, tuple | list)
        and len(wanted) == 2
        and wanted[0] == "recall"
        and isinstance(wanted[1], Real)
        and 0 < float(wanted[1]) <= 1
    )
    if not for_recall and not (isinstance(wanted, str) and wanted == "f1"):
        raise ValueError(
            f"expected threshold as a number in 0-1, 'f1' or ('recall', number), got {wanted!r}"
        )
    return for_recall


def choose_threshold(
    probability: NDArray[np.float64] | None, target: NDArray[np.int64] | None, wanted: Any
) -> float:
    """Choose the probability from which a gap is predicted.

    Parameters
    ----------
    probability, target : ndarray of shape (n_rows,) or None
        Held-out predictions; not needed where the threshold is given.
    wanted : float, "f1" or ("recall", float)

    Returns
    -------
    float
    """
    for_recall = check_threshold(wanted)
    if isinstance(wanted, Real):
        return float(wanted)
    if probability is None:
        raise ValueError(f"expected held-out predictions to choose a threshold for {wanted!r}")
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(target, probability)
    precision, recall = precision[:-1], recall[:-1]  # the last point has no threshold
    if for_recall:
        return float(thresholds[np.flatnonzero(recall >= wanted[1])[-1]])
    f1 = 2 * precision * recall / np.maximum(precision + recall, np.finfo(float).tiny)
    best = int(np.argmax(f1))
    # Midway to the next lower probability: new rows seldom hit a training row's exactly.
    below = thresholds[best - 1] if best else thresholds[best]
    return float((thresholds[best] + below) / 2)
