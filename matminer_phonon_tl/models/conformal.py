"""Conformal intervals: how many predicted spreads hold a wanted share of new labels.

Each material's label is predicted by models that were not trained on its formula. Its score is the
error of that prediction over the predicted spread, so that an interval of a given reach is wide
where the model is unsure. The empirical quantile of the scores, with the finite-sample correction,
is the reach: if new materials are like the training ones, the interval holds the wanted share of
their labels whatever the errors' distribution.

The quantile is taken among materials that are about as far from their nearest training material as
the new one is: with one quantile for all, intervals hold too often near the training materials and
too seldom far from them. A crystal whose formula is trained on in another polymorph is near, and
less like it than the spread believes: such ones have scores of their own.

The quantile is computed here rather than by MAPIE because the model itself predicts the spread that
scales a score; a test (``tests/models/test_conformal.py``) compares it with MAPIE's.

References
----------
J. Lei et al., J. Am. Stat. Assoc. 113, 1094 (2018), doi:10.1080/01621459.2017.1307116.
R. F. Barber et al., Ann. Stat. 49, 486 (2021), doi:10.1214/20-AOS1965.
V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World (Springer, 2005), chapter
4.5, for the groups ("Mondrian" predictors).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models.state import check_arrays

LEAST_IN_GROUP, MOST_GROUPS = 200, 10
"""Groups by distance: few enough to hold a quantile, many enough to follow the distance. A level
above 0.995 takes larger ones."""


class Predicted(NamedTuple):
    """What a model says of materials; one entry a material."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    distance: NDArray[np.float64]
    """To the nearest training material, in the model's own metric."""


Predict = Callable[[NDArray[np.intp], NDArray[np.intp]], Predicted]
"""Fits to the first rows; predicts the second."""


Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Rows to train on, and rows to predict and score."""


def formula_folds(
    formulas: Sequence[str], *, n_scored: int, cv: int, random_state: Any
) -> list[Fold]:
    """Hold out whole formulas, in ``cv`` folds: what is predicted is new in every polymorph.

    The first ``n_scored`` rows are scored: they come from the population that new materials are
    expected to come from. The others are only trained on.
    """
    from sklearn.model_selection import GroupKFold

    folds = GroupKFold(cv, shuffle=True, random_state=random_state)
    splits = folds.split(np.empty(len(formulas)), groups=np.asarray(formulas))
    return [(train, test[test < n_scored]) for train, test in splits]


def polymorph_folds(
    formulas: Sequence[str], *, n_scored: int, cv: int, random_state: Any
) -> list[Fold]:
    """Hold out single materials, and score those of which another polymorph is trained on."""
    from sklearn.model_selection import KFold

    named = np.asarray(formulas)
    folds = KFold(cv, shuffle=True, random_state=random_state)
    return [
        (train, test[(test < n_scored) & np.isin(named[test], named[train])])
        for train, test in folds.split(named)
    ]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Held-out scores and distances of training materials, by distance."""

    scores: NDArray[np.float64]
    """Held-out error over predicted spread; shape (n_scores,)."""
    distances: NDArray[np.float64]
    """From each material to the nearest of those that it was predicted from; ascending; shape
    (n_scores,)."""

    @classmethod
    def none(cls) -> Self:
        """Return the calibration of a model without intervals."""
        return cls(np.empty(0), np.empty(0))

    @classmethod
    def held_out(
        cls, fit_and_predict: Predict, labels: NDArray[np.float64], folds: Iterable[Fold]
    ) -> Self:
        """Score rows by cross-validation; ``folds`` holds each scored row once."""
        found = [(test, fit_and_predict(train, test)) for train, test in folds if len(test)]
        if not found:
            return cls.none()
        rows = np.concatenate([test for test, _ in found])
        mean, spread, distances = (
            np.concatenate(of_folds)
            for of_folds in zip(*(predicted for _, predicted in found), strict=True)
        )
        scores = np.abs(labels[rows] - mean) / spread
        order = np.lexsort((rows, distances))
        return cls(scores[order], distances[order])

    def reach(self, level: Any, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many spreads intervals must reach to hold a share ``level`` of new labels.

        ``distances`` are those from each new material to its nearest training material. The reach
        is linear between the groups' medians, and constant beyond the outermost. Raises ValueError
        where the level is no share, or higher than the number of scores can promise.
        """
        if isinstance(level, bool) or not isinstance(level, Real) or not 0 < float(level) < 1:
            raise ValueError(f"expected a level between 0 and 1, got {level!r}")
        if not len(self.scores):
            raise ValueError(
                "expected a model with intervals, got one fitted with intervals=False: fit it anew"
            )
        least = max(LEAST_IN_GROUP, float(level) / (1.0 - float(level)))
        n_groups = min(max(int(len(self.scores) // least), 1), MOST_GROUPS)
        groups = np.array_split(np.arange(len(self.scores)), n_groups)
        n = len(groups[-1])  # the smallest
        if np.ceil((n + 1) * float(level)) > n:
            raise ValueError(
                f"expected a level of at most {n / (n + 1):.4f} with {len(self.scores)} training "
                f"rows, got {level}"
            )
        reaches = [_quantile(self.scores[group], float(level)) for group in groups]
        return np.interp(distances, [np.median(self.distances[group]) for group in groups], reaches)

    def rank(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the training materials that were held out at least as far away.

        1 for a training material's own place, 0 farther out than any of them was.
        """
        if not len(self.distances):
            return np.full(len(distances), np.nan)
        below = np.searchsorted(self.distances, distances, side="left")
        return 1.0 - below / len(self.distances)

    def get_state(self) -> dict[str, Any]:
        """Return plain arrays."""
        return {"scores": self.scores, "distances": self.distances}

    @classmethod
    def from_state(cls, state: dict[str, Any], *, wanted: bool | None = None) -> Self:
        """Rebuild from :meth:`get_state`; ``wanted`` says whether there must be scores."""
        fields = dict.fromkeys(("scores", "distances"), (np.float64, ("n_scores",)))
        n_scores = check_arrays(state, "a calibration", fields)["n_scores"]
        scores, distances = state["scores"], state["distances"]
        if wanted is not None and bool(n_scores) != wanted:
            raise ModelFormatError(
                "expected scores of held-out rows just where there are intervals"
            )
        if (scores < 0).any() or (distances < 0).any() or (np.diff(distances) < 0).any():
            raise ModelFormatError("expected scores above zero and ascending distances")
        return cls(scores, distances)


def _quantile(scores: NDArray[np.float64], level: float) -> float:
    rank = int(np.ceil((len(scores) + 1) * level))
    return float(np.sort(scores)[rank - 1])
