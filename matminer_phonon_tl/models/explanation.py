"""Which descriptors moved a prediction, and by how much: Shapley values through shap."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import MissingExtraError
from matminer_phonon_tl.models.gap_classifier import PhononGapClassifier
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.phonon_regressor import PhononRegressor

BACKGROUND = 20
"""Training materials against which a descriptor counts as unusual; the cost grows with them."""


@dataclass(frozen=True)
class Explanation:
    """Predictions taken apart into what each descriptor adds.

    Attributes
    ----------
    base : ndarray of shape (n_materials,)
        Mean prediction over the background materials.
    contributions : DataFrame of shape (n_materials, n_descriptors)
        ``base`` and the contributions of a row add up to its prediction; in its unit.
    values : DataFrame of shape (n_materials, n_descriptors)
        The descriptors themselves.
    unit : str
    """

    base: NDArray[np.float64]
    contributions: pd.DataFrame
    values: pd.DataFrame
    unit: str

    def top(self, row: int = 0, n: int = 10) -> "pd.Series[float]":
        """Return the largest contributions to the prediction of one material, by size."""
        found = self.contributions.iloc[row]
        return found.reindex(found.abs().sort_values(ascending=False).index)[:n]


def explain(
    model: PhononRegressor | PhononGapClassifier,
    X: Any,
    background: Any,
    *,
    unit: str = "",
    random_state: int = 0,
) -> Explanation:
    """Take predictions apart into contributions of the descriptors.

    Shapley values: the change of the prediction when a descriptor takes its value in place of one
    of a background material, averaged over the orders in which descriptors do so. Atoms and masses
    that turn what is learnt into the property stay those of the material.

    Parameters
    ----------
    model : PhononRegressor or PhononGapClassifier
        Fitted.
    X : as the model's ``predict`` takes
        A few materials; each takes some seconds.
    background : as X
        Training materials; twenty are drawn from them.
    unit : str
        Unit of what is predicted.
    random_state : int
        Seed of the draw and of the orders.

    Returns
    -------
    Explanation

    Raises
    ------
    MissingExtraError
        If shap is not installed (extra ``explain``).

    References
    ----------
    S. M. Lundberg, S.-I. Lee, Adv. Neural Inf. Process. Syst. 30, 4765 (2017), arXiv:1705.07874.
    """
    try:
        import shap
    except ImportError as error:
        raise MissingExtraError(
            "expected shap to be installed for explanations, got none: pip install "
            "'matminer-phonon-tl[explain]'"
        ) from error
    asked, known = Materials.of(X), Materials.of(background)
    drawn = np.random.default_rng(random_state).permutation(len(known))[:BACKGROUND]
    D, labels = model.describe(asked), model.descriptor_labels()
    reference = model.describe(known.take(np.sort(drawn)))
    base, contributions = np.empty(len(D)), np.empty(D.shape)
    for row in range(len(D)):
        predict = _for_one(model, asked, row)
        explainer = shap.explainers.Permutation(
            predict, shap.maskers.Independent(reference), seed=random_state
        )
        # One order there and back is exact for a sum; more would average over interactions.
        found = explainer(D[row : row + 1], max_evals=6 * D.shape[1] + 1, silent=True)
        base[row] = np.ravel(found.base_values)[0]
        contributions[row] = found.values[0]  # noqa: PD011 (shap's, not pandas')
    return Explanation(
        base,
        pd.DataFrame(contributions, columns=labels),
        pd.DataFrame(D, columns=labels),
        unit,
    )


def _for_one(
    model: PhononRegressor | PhononGapClassifier, asked: Materials, row: int
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the model as a function of descriptors alone, for one material."""
    if isinstance(model, PhononGapClassifier):
        return lambda D: model.predict_proba(D)[:, 1]
    return lambda D: model.predict_described(D, asked.take(np.full(len(D), row)), spread=False)[0]
