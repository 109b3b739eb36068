"""Evaluating any scikit-learn estimator: one fit a split, in processes or on a Dask cluster."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from tqdm.auto import tqdm

from matminer_phonon_tl.evaluation._data import EvaluationData, take
from matminer_phonon_tl.evaluation._sources import without_formulas
from matminer_phonon_tl.evaluation.splits import Split


class HeldOut(NamedTuple):
    """What an estimator says of rows it was not fitted to.

    Attributes
    ----------
    predictions : ndarray
        Of a classifier, the probability of its second class.
    decisions : ndarray or None
        Whether a classifier's own ``predict`` says its second class, as 1 or 0.
    """

    predictions: NDArray[np.float64]
    decisions: NDArray[np.float64] | None


def ordinary_predictions(
    estimator: Any,
    data: EvaluationData,
    splits: Sequence[Split],
    *,
    sources: dict[str, Any],
    tested_formulas: Sequence[Sequence[str]] | None = None,
    n_jobs: int | None = None,
    client: Any = None,
    progress: bool = False,
) -> HeldOut:
    """Predict every tested row by a clone that was fitted to the training side only.

    Parameters
    ----------
    estimator : estimator
        Cloned for every split, with its own random_state.
    data : EvaluationData
    splits : sequence of Split
    sources : dict of str to source
        As :func:`~matminer_phonon_tl.evaluation._sources.fit_source` gives them.
    tested_formulas : sequence of sequence of str, optional
        For each split, reduced formulas that are taken out of the sources.
    n_jobs : int or None
        Processes, as joblib counts them.
    client : dask.distributed.Client, optional
        Where to run instead.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    HeldOut
        Of shape (n_rounds, n_rows); NaN where a row was not tested.
    """
    reduced: Sequence[Sequence[str] | None] = tested_formulas or [None] * len(splits)
    if client is None:
        results = Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(fit_and_predict)(estimator, data, split, sources, formulas)
            for split, formulas in zip(splits, reduced, strict=True)
        )
    else:
        # the materials travel once; pure=False: two estimators may print alike and still differ
        shared = client.scatter([data, sources], broadcast=True, hash=False)
        futures = [
            client.submit(
                fit_and_predict, estimator, shared[0], split, shared[1], formulas, pure=False
            )
            for split, formulas in zip(splits, reduced, strict=True)
        ]
        results = (future.result() for future in futures)
    shape = (max(split.round for split in splits) + 1, len(data.y))
    predictions, decisions = np.full(shape, np.nan), np.full(shape, np.nan)
    bar = tqdm(results, total=len(splits), desc="folds", disable=None if progress else True)
    for split, own in zip(splits, bar, strict=True):
        predictions[split.round, split.test] = _checked(own.predictions, split)
        if own.decisions is not None:
            decisions[split.round, split.test] = own.decisions
    return HeldOut(predictions, decisions if is_classifier(estimator) else None)


def fit_and_predict(
    estimator: Any,
    data: EvaluationData,
    split: Split,
    sources: dict[str, Any],
    tested_formulas: Sequence[str] | None,
) -> HeldOut:
    """Fit a clone and predict."""
    X_train, X_test = take(data.X, split.train), take(data.X, split.test)
    y_train = data.labels(data.y, split.train)
    model = clone(estimator)
    if tested_formulas is not None:
        sources = {name: without_formulas(own, tested_formulas) for name, own in sources.items()}
    parameters = {name: own for name, own in sources.items() if name}
    if parameters:
        model.set_params(**parameters)
    model.fit(X_train, y_train, **({"source": sources[""]} if "" in sources else {}))
    if not is_classifier(model):
        return HeldOut(np.asarray(model.predict(X_test), dtype=np.float64), None)
    decisions = (np.asarray(model.predict(X_test)) == model.classes_[1]).astype(np.float64)
    if hasattr(model, "predict_proba"):
        return HeldOut(np.asarray(model.predict_proba(X_test), dtype=np.float64)[:, 1], decisions)
    return HeldOut(decisions, decisions)


def _checked(predicted: NDArray[np.float64], split: Split) -> NDArray[np.float64]:
    if predicted.shape != (len(split.test),):
        raise ValueError(
            f"expected a prediction for each of {len(split.test)} rows, got shape "
            f"{predicted.shape}: the estimator must have one output"
        )
    bad = np.flatnonzero(~np.isfinite(predicted))
    if len(bad):
        raise ValueError(
            f"expected finite predictions, got {predicted[bad[0]]} for row {split.test[bad[0]]} in "
            f"round {split.round}, fold {split.fold}: the estimator cannot be scored"
        )
    return predicted
