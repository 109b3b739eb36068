"""Cross-validation under a named protocol.

References
----------
Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from tqdm.auto import tqdm

from matminer_phonon_tl.compositions import as_compositions
from matminer_phonon_tl.evaluation.checks import check_client, check_estimator
from matminer_phonon_tl.evaluation.data import EvaluationData, read_data, take
from matminer_phonon_tl.evaluation.result import PROTOCOLS, CrossValidationResult
from matminer_phonon_tl.evaluation.source_hygiene import SourceTasks, without_formulas
from matminer_phonon_tl.evaluation.splits import Split, SplitPlan
from matminer_phonon_tl.exceptions import did_you_mean
from matminer_phonon_tl.files import library_versions
from matminer_phonon_tl.models.source_tasks import FROM_CONSTRUCTOR
from matminer_phonon_tl.networks.transfer import TransferMLPRegressor

Protocol = Literal["leak_free", "strict", "published"]


def cross_validate(
    estimator: Any,
    df: Any,
    target: Any,
    protocol: Protocol = "leak_free",
    n_splits: int = 5,
    n_repeats: int = 15,
    groups: Any = None,
    source: Any = FROM_CONSTRUCTOR,
    random_state: int | None = 0,
    *,
    splitter: Any = None,
    features: Sequence[str] | None = None,
    n_jobs: int | None = None,
    client: Any = None,
    progress: bool = False,
) -> CrossValidationResult:
    """Cross-validate an estimator under a named protocol.

    The networks of a :class:`~matminer_phonon_tl.models.TransferMLPRegressor` are trained together
    for all folds of all rounds. Any other scikit-learn estimator is fitted to one split at a time.
    Materials that go to a :class:`~matminer_phonon_tl.models.PhononGapClassifier` or a
    :class:`~matminer_phonon_tl.models.PhononRegressor` are described once for all splits.

    Parameters
    ----------
    estimator : scikit-learn regressor or binary classifier
        It is cloned, never changed. Networks draw a new seed for every split from `random_state`;
        any other estimator keeps the seed it has.
    df : DataFrame, list of compositions, or array-like of shape (n_rows, n_features)
        The materials. The estimator sees all columns of a DataFrame except the target and whatever
        else comes from the phonons (``PHONON_LABELS``), unless `features` chooses them.
    target : str, or array-like of shape (n_rows,)
        Column of labels, or the labels.
    protocol : {"leak_free", "strict", "published"}
        "leak_free": everything is fitted inside the training fold, source weights are copied, folds
        are shuffled, and a source that holds the target's labels loses the tested formulas.
        "strict": every source does. "published": the order of the paper's public script, in which
        labels of tested materials reach the model; for a TransferMLPRegressor only, to compare.
    n_splits : int
        Number of folds.
    n_repeats : int
        Rounds, each shuffled anew ("published": not shuffled, as in the script).
    groups : {"formula", "chemical_system", "element"}, array-like of shape (n_rows,), or None
        What stays on one side of every split.
    source : str, DataFrame, tuple or None
        Source task in place of the estimator's; None means no source. Its labels are recognised by
        name; an array without a name counts as other labels than the target's.
    random_state : int or None
        Seed of folds and networks; None draws one, which the result names.
    splitter : scikit-learn splitter, or iterable of (train, test), optional
        Replaces the K-folds: ``ShuffleSplit(15, test_size=0.4)``, ``LeaveOneElementOut()``.
    features : sequence of str, optional
        Columns of `df` that the estimator sees.
    n_jobs : int or None
        Number of processes, as joblib counts them; networks are trained in this one.
    client : dask.distributed.Client, optional
        Cluster to run on instead. Each split is a task; a stack of networks is one task.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    CrossValidationResult
        AUROC and AUPRC score a classifier's probabilities, F1 and accuracy what its ``predict``
        decides.

    Raises
    ------
    ValueError
        If a protocol, column, splitter or source cannot be used as asked.

    References
    ----------
    Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from matminer_phonon_tl import XenonPyDescriptors, load_phonon_tl
    >>> df = load_phonon_tl(gapped_only=True)
    >>> model = make_pipeline(XenonPyDescriptors(), StandardScaler(), Ridge(10.0))
    >>> result = cross_validate(model, df, "speed_of_sound", n_repeats=2, groups="formula")
    >>> result.protocol, result.unit, result.predictions.shape
    ('leak_free', 'km/s', (2, 124))
    >>> bool(result.r2.mean > 0.6)
    True
    """
    if random_state is None:
        random_state = int(np.random.SeedSequence().generate_state(1)[0])
    run = ProtocolRun.prepare(
        estimator, df, target, protocol, source=source, features=features, n_jobs=n_jobs,
        client=client, progress=progress,
    )  # fmt: skip
    plan = SplitPlan(protocol, n_splits, n_repeats, groups, splitter, random_state)
    return run.result(run.splits(plan), plan)


class HeldOut(NamedTuple):
    """Predictions of rows that an estimator was not fitted to."""

    predictions: NDArray[np.float64]
    """A classifier's are probabilities of its second class."""
    decisions: NDArray[np.float64] | None
    """Whether a classifier's ``predict`` says its second class, as 1 or 0; None for regression."""


@dataclass(frozen=True, eq=False)
class ProtocolRun:
    """An estimator and its data under a protocol, ready for any splits and labels."""

    estimator: Any
    """Scikit-learn regressor or binary classifier."""
    data: EvaluationData
    inputs: Any
    """The materials as the estimator takes them, described where it lets them be: Materials,
    DataFrame, list or ndarray."""
    protocol: Protocol
    source_tasks: SourceTasks
    n_jobs: int | None
    client: Any
    progress: bool
    """As in :func:`cross_validate`."""

    @classmethod
    def prepare(
        cls,
        estimator: Any,
        df: Any,
        target: Any,
        protocol: Protocol,
        *,
        source: Any = FROM_CONSTRUCTOR,
        features: Sequence[str] | None = None,
        n_jobs: int | None = None,
        client: Any = None,
        progress: bool = False,
    ) -> Self:
        """Read and check everything but the splits; arguments as in :func:`cross_validate`."""
        check_estimator(estimator)
        if protocol not in PROTOCOLS:
            raise ValueError(
                f"expected protocol to be one of {', '.join(map(repr, PROTOCOLS))}, got "
                f"{protocol!r}{did_you_mean(protocol, PROTOCOLS)}"
            )
        if protocol == "published" and not isinstance(estimator, TransferMLPRegressor):
            raise ValueError(
                "expected a TransferMLPRegressor with protocol='published', got "
                f"{type(estimator).__name__}: the published order carries a network's weights from "
                "fit to fit; use 'leak_free' or 'strict'"
            )
        check_client(client)
        data = read_data(estimator, df, target, features)
        source_tasks = SourceTasks.of(estimator, source)
        inputs = data.inputs_for(estimator)
        return cls(estimator, data, inputs, protocol, source_tasks, n_jobs, client, progress)

    def splits(self, plan: SplitPlan, y: NDArray[Any] | None = None) -> list[Split]:
        """Split the rows as planned; K-folds of a classifier are stratified by y."""
        return plan.make(
            self.data.table,
            self.data.compositions,
            self.data.y if y is None else y,
            stratify=is_classifier(self.estimator),
        )

    def predict(
        self, splits: Sequence[Split], random_state: int, y: NDArray[Any] | None = None
    ) -> HeldOut:
        """Predict every tested row by a model that was fitted under the protocol.

        The arrays have shape (n_rounds, n_rows), NaN where a row was not tested. `y` takes the
        place of the data's labels. `random_state` is the seed of networks; any other estimator
        keeps its seed.
        """
        y = self.data.y if y is None else y
        tested = self._formulas_to_remove(splits)
        if isinstance(self.estimator, TransferMLPRegressor):
            return self._predict_by_networks(splits, random_state, y, tested)
        labels = self.data.labels(y)
        folds = list(zip(splits, tested, strict=True))
        if self.client is None:
            results = Parallel(n_jobs=self.n_jobs, return_as="generator")(
                delayed(fit_and_predict)(
                    self.estimator, self.inputs, labels, self.source_tasks, *fold
                )
                for fold in folds
            )
        else:
            # the materials travel once; pure=False: two estimators may print alike and still differ
            shared = self.client.scatter(
                [self.inputs, labels, self.source_tasks], broadcast=True, hash=False
            )
            futures = [
                self.client.submit(fit_and_predict, self.estimator, *shared, *fold, pure=False)
                for fold in folds
            ]
            results = (future.result() for future in futures)
        shape = (max(split.round for split in splits) + 1, len(y))
        predictions, decisions = np.full(shape, np.nan), np.full(shape, np.nan)
        hidden = None if self.progress else True
        bar = tqdm(results, total=len(splits), desc="folds", disable=hidden)
        for split, held_out in zip(splits, bar, strict=True):
            predictions[split.round, split.test] = _check_predictions(held_out.predictions, split)
            if held_out.decisions is not None:
                decisions[split.round, split.test] = held_out.decisions
        return HeldOut(predictions, decisions if is_classifier(self.estimator) else None)

    def result(
        self, splits: Sequence[Split], plan: SplitPlan, **settings: Any
    ) -> CrossValidationResult:
        """Predict the splits of a plan; the result names further `settings` too."""
        predictions, decisions = self.predict(splits, plan.random_state)
        given = self.source_tasks.for_fit
        if given is FROM_CONSTRUCTOR:
            named = None
        elif given is None or isinstance(given, str):
            named = given or "none"
        else:
            named = type(given).__name__
        return CrossValidationResult(
            protocol=self.protocol,
            target=self.data.target,
            unit=self.data.unit,
            task=self.data.task,
            estimator=repr(self.estimator),
            y=self.data.y,
            predictions=predictions,
            decisions=decisions,
            splits=tuple(splits),
            rows=self.data.rows,
            formulas=self.data.formulas,
            settings={**plan.as_settings(len(predictions)), "source": named, **settings},
            data_sha256=self.data.sha256,
            versions=library_versions(),
        )

    def _formulas_to_remove(self, splits: Sequence[Split]) -> Sequence[list[str] | None]:
        """Return, for each split, the reduced formulas that no source task may hold."""
        removes = self.protocol == "strict" or (
            self.protocol == "leak_free"
            and self.source_tasks.know_labels(self.estimator, self.data.target)
        )
        if not removes or not self.source_tasks.tables:
            return [None] * len(splits)
        reduced = [c.reduced_formula for c in as_compositions(self.data.compositions)]
        return [[reduced[row] for row in split.test] for split in splits]

    def _predict_by_networks(
        self,
        splits: Sequence[Split],
        random_state: int,
        y: NDArray[Any],
        tested: Sequence[list[str] | None],
    ) -> HeldOut:
        """Train the networks of all splits as one stack, here or on the cluster."""
        from matminer_phonon_tl.evaluation.network_protocols import (
            clean_predictions,
            published_predictions,
        )

        published = self.protocol == "published"
        tables: Any = next(iter(self.source_tasks.tables), None)
        if tested[0] is not None:
            tables = [without_formulas(tables, formulas or ()) for formulas in tested]
        train: Any = published_predictions if published else clean_predictions
        job = partial(
            train, self.estimator, self.inputs, y[None] if published else y, splits, tables,
            random_state, progress=self.progress and self.client is None,
        )  # fmt: skip
        members = job() if self.client is None else self.client.submit(job, pure=False).result()
        return HeldOut((members[0] if published else members).mean(axis=0), None)


def fit_and_predict(
    estimator: Any,
    inputs: Any,
    labels: NDArray[Any],
    source_tasks: SourceTasks,
    split: Split,
    tested_formulas: Sequence[str] | None,
) -> HeldOut:
    """Fit a clone to the training rows of a split and predict its tested rows."""
    if tested_formulas is not None:
        source_tasks = source_tasks.without(tested_formulas)
    model = clone(estimator)
    source_tasks.fit(model, take(inputs, split.train), labels[split.train])
    X_test = take(inputs, split.test)
    predicted = np.asarray(model.predict(X_test))
    if not is_classifier(model):
        return HeldOut(predicted.astype(np.float64), None)
    decisions = (predicted == model.classes_[1]).astype(np.float64)
    if not hasattr(model, "predict_proba"):
        return HeldOut(decisions, decisions)
    return HeldOut(np.asarray(model.predict_proba(X_test), dtype=np.float64)[:, 1], decisions)


def _check_predictions(predicted: NDArray[np.float64], split: Split) -> NDArray[np.float64]:
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
