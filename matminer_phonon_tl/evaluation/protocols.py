"""Cross-validation under a named protocol.

References
----------
Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import KFold

from matminer_phonon_tl.compositions import as_compositions
from matminer_phonon_tl.evaluation._checks import check_client, check_estimator, check_whole
from matminer_phonon_tl.evaluation._data import EvaluationData, read_data
from matminer_phonon_tl.evaluation._ordinary import HeldOut, ordinary_predictions
from matminer_phonon_tl.evaluation._sources import fit_source, knows_labels, without_formulas
from matminer_phonon_tl.evaluation.result import PROTOCOLS, CrossValidationResult
from matminer_phonon_tl.evaluation.splits import (
    Split,
    group_labels,
    kfold_splits,
    splits_of,
)
from matminer_phonon_tl.files import library_versions
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
    source: Any = None,
    random_state: int | None = 0,
    *,
    splitter: Any = None,
    features: Sequence[str] | None = None,
    n_jobs: int | None = None,
    client: Any = None,
    progress: bool = False,
) -> CrossValidationResult:
    """Cross-validate an estimator and say by which protocol.

    The networks of a :class:`~matminer_phonon_tl.models.TransferMLPRegressor` are trained together,
    all folds of all rounds; any other scikit-learn estimator is fitted to one split at a time.

    Parameters
    ----------
    estimator : scikit-learn regressor or binary classifier
        Cloned, never changed. Networks draw a new seed for every split from `random_state`; any
        other estimator keeps its own.
    df : DataFrame, list of compositions, or array-like of shape (n_rows, n_features)
        The materials. Of a DataFrame the estimator sees all columns but the target and what else
        comes from the phonons (``PHONON_LABELS``), unless `features` says otherwise.
    target : str, or array-like of shape (n_rows,)
        Column of labels, or the labels.
    protocol : {"leak_free", "strict", "published"}
        "leak_free": everything is fitted inside the training fold, source weights are copied, folds
        are shuffled; a source that holds the target's own labels loses the tested formulas.
        "strict": every source does. "published": the order of the paper's public script, in which
        labels of tested materials reach the model; for a TransferMLPRegressor only, to compare.
    n_splits : int
        Folds.
    n_repeats : int
        Rounds, each with a shuffling of its own ("published": unshuffled, as in the script).
    groups : {"formula", "chemical_system", "element"}, array-like of shape (n_rows,), or None
        What never stands on both sides of a split.
    source : str, DataFrame, tuple or None
        Source task in place of the estimator's own. Labels are known by their names: those of a
        plain array are taken to be none of the target's.
    random_state : int or None
        Seed of folds and networks; None draws one, which the result names.
    splitter : scikit-learn splitter, or iterable of (train, test), optional
        In place of the K-folds: ``ShuffleSplit(15, test_size=0.4)``, ``LeaveOneElementOut()``.
    features : sequence of str, optional
        Columns of `df` that the estimator sees.
    n_jobs : int or None
        Processes for estimators other than the networks, as joblib counts them.
    client : dask.distributed.Client, optional
        Cluster to run on instead: a split is a task; networks are one stack, and one task.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    CrossValidationResult
        Of a classifier, AUROC and AUPRC are those of its probabilities, F1 and accuracy those of
        what its own ``predict`` decides.

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
    check_protocol(protocol, estimator, groups)
    check_client(client)
    if random_state is None:
        random_state = int(np.random.SeedSequence().generate_state(1)[0])
    data = read_data(estimator, df, target, features)
    splits = make_splits(
        data,
        estimator,
        protocol,
        n_splits=n_splits,
        n_repeats=n_repeats,
        groups=groups,
        splitter=splitter,
        random_state=random_state,
    )
    predictions, decisions = predict_splits(
        estimator,
        data,
        splits,
        protocol,
        source=source,
        random_state=random_state,
        n_jobs=n_jobs,
        client=client,
        progress=progress,
    )
    return CrossValidationResult(
        protocol=protocol,
        target=data.target,
        unit=data.unit,
        task=data.task,
        estimator=repr(estimator),
        y=data.y,
        predictions=predictions,
        decisions=decisions,
        splits=tuple(splits),
        rows=data.rows,
        formulas=data.formulas,
        settings={
            "n_splits": n_splits if splitter is None else None,
            "n_repeats": predictions.shape[0],
            "splitter": None if splitter is None else repr(splitter),
            "groups": name_groups(groups),
            "source": None if source is None else _name_source(source),
            "random_state": random_state,
        },
        data_sha256=data.sha256,
        versions=library_versions(),
    )


def check_protocol(protocol: str, estimator: Any, groups: Any) -> None:
    """Raise ValueError where there is no such protocol, or not for this estimator."""
    check_estimator(estimator)
    if protocol not in PROTOCOLS:
        raise ValueError(
            f"expected protocol to be one of {', '.join(map(repr, PROTOCOLS))}, got {protocol!r}"
        )
    if protocol != "published":
        return
    if not isinstance(estimator, TransferMLPRegressor):
        raise ValueError(  # noqa: TRY004 (the protocol is what does not fit)
            "expected a TransferMLPRegressor with protocol='published', got "
            f"{type(estimator).__name__}: the published order carries a network's weights from fit "
            "to fit; use 'leak_free' or 'strict'"
        )
    if groups is not None:
        raise ValueError(
            "expected groups=None with protocol='published', got groups: the published folds know "
            "none"
        )


def make_splits(
    data: EvaluationData,
    estimator: Any,
    protocol: str,
    *,
    n_splits: int,
    n_repeats: int,
    groups: Any,
    splitter: Any,
    random_state: int,
) -> list[Split]:
    """Return the splits of a protocol."""
    check_whole("random_state", random_state, 0)
    if splitter is not None:
        by_element = isinstance(groups, str) and groups == "element"
        if by_element:
            raise ValueError(
                "expected groups='element' without a splitter, got both: pass ElementKFold() as "
                "the splitter"
            )
        return splits_of(
            splitter, data.table, data.y, group_labels(data.table, groups, len(data.y))
        )
    if protocol == "published":
        check_whole("n_splits", n_splits, 2)
        check_whole("n_repeats", n_repeats, 1)
        # the same contiguous folds in every round, as scikit-learn's KFold gives without shuffling
        folds = list(KFold(n_splits).split(data.y))
        return [
            Split(number, fold, train, test)
            for number in range(n_repeats)
            for fold, (train, test) in enumerate(folds)
        ]
    return kfold_splits(
        data.table,
        data.y,
        n_splits=n_splits,
        n_repeats=n_repeats,
        groups=groups,
        random_state=random_state,
        stratify=is_classifier(estimator),
    )


def predict_splits(
    estimator: Any,
    data: EvaluationData,
    splits: Sequence[Split],
    protocol: str,
    *,
    source: Any,
    random_state: int,
    n_jobs: int | None = None,
    client: Any = None,
    progress: bool = False,
) -> HeldOut:
    """Predict every tested row under a protocol, in arrays of shape (n_rounds, n_rows)."""
    sources = fit_source(estimator, source)
    tested = None
    clears = protocol == "strict" or (
        protocol == "leak_free" and knows_labels(estimator, sources, data.target)
    )
    if clears and sources:
        reduced = [own.reduced_formula for own in as_compositions(data.table)]
        tested = [[reduced[row] for row in split.test] for split in splits]
    if isinstance(estimator, TransferMLPRegressor):
        from matminer_phonon_tl.evaluation._stacked import clean_predictions, published_predictions

        own: Any = next(iter(sources.values()), None)
        published = protocol == "published"
        if tested is not None:
            own = [without_formulas(own, formulas) for formulas in tested]
        train: Any = published_predictions if published else clean_predictions
        labels = data.y[None] if published else data.y
        job = partial(
            train, estimator, data.X, labels, splits, own, random_state,
            progress=progress and client is None,
        )  # fmt: skip
        # one stack, wherever it is trained
        members = job() if client is None else client.submit(job, pure=False).result()
        return HeldOut((members[0] if published else members).mean(axis=0), None)
    return ordinary_predictions(
        estimator,
        data,
        splits,
        sources=sources,
        tested_formulas=tested,
        n_jobs=n_jobs,
        client=client,
        progress=progress,
    )


def name_groups(groups: Any) -> str | None:
    """What a result calls the groups it was asked to keep together."""
    return groups if isinstance(groups, str | None) else "given"


def _name_source(source: Any) -> str:
    return source if isinstance(source, str) else type(source).__name__
