"""Which descriptors moved a prediction, and by how much: Shapley values through shap."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import needs
from matminer_phonon_tl.models.gap_classifier import PhononGapClassifier
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.phonon_regressor import PhononRegressor

if TYPE_CHECKING:
    import shap

BACKGROUND = 20
"""Training materials against which a descriptor counts as unusual; the cost grows with them."""


def explain(
    model: PhononRegressor | PhononGapClassifier,
    X: Any,
    background: Any,
    *,
    random_state: int = 0,
) -> "shap.Explanation":
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
    random_state : int
        Seed of the draw and of the orders.

    Returns
    -------
    shap.Explanation
        ``values`` and ``data`` of shape (n_materials, n_descriptors), ``base_values`` (the mean
        prediction over the background) of shape (n_materials,), ``feature_names``. A material's
        base value and values add up to its prediction and are in its unit. shap draws it:
        ``shap.plots.waterfall(explain(...)[0])``.

    Raises
    ------
    MissingExtraError
        If shap is not installed (extra ``explain``).

    References
    ----------
    S. M. Lundberg, S.-I. Lee, Adv. Neural Inf. Process. Syst. 30, 4765 (2017), arXiv:1705.07874.
    """
    with needs("explain", "shap for explanations"):
        import shap
    asked, known = Materials.of(X), Materials.of(background)
    drawn = np.random.default_rng(random_state).permutation(len(known))[:BACKGROUND]
    D = model.describe(asked)
    reference = model.describe(known.take(np.sort(drawn)))
    explained = []
    for row in range(len(D)):
        predict = _for_one(model, asked, row)
        explainer = shap.explainers.Permutation(
            predict, shap.maskers.Independent(reference), seed=random_state
        )
        # One order there and back is exact for a sum; more would average over interactions.
        explained.append(explainer(D[row : row + 1], max_evals=6 * D.shape[1] + 1, silent=True))
    return shap.Explanation(
        np.vstack([one.values for one in explained]),
        np.ravel([one.base_values for one in explained]),
        D,
        feature_names=model.descriptor_labels(),
    )


def _for_one(
    model: PhononRegressor | PhononGapClassifier, asked: Materials, row: int
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the model as a function of descriptors alone, for one material."""
    if isinstance(model, PhononGapClassifier):
        return lambda D: model.predict_proba(D)[:, 1]
    return lambda D: model.predict_described(D, asked.take(np.full(len(D), row)), spread=False)[0]
