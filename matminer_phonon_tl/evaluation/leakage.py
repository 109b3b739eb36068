"""Does an evaluation leak? Permute the labels, run it, and see whether it still predicts them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student
from tqdm.auto import tqdm

from matminer_phonon_tl.evaluation._checks import check_client, check_share, check_whole
from matminer_phonon_tl.evaluation._data import EvaluationData, read_data
from matminer_phonon_tl.evaluation._permutation import measure, one_sided_p, permute_labels
from matminer_phonon_tl.evaluation._sources import (
    fit_source,
    knows_labels,
    source_parameters,
)
from matminer_phonon_tl.evaluation.protocols import check_protocol, make_splits, predict_splits
from matminer_phonon_tl.evaluation.splits import Split, group_labels

MIN_PERMUTATIONS = 5


@dataclass(frozen=True, eq=False)
class LeakageReport:
    """What :func:`leakage_probe` found.

    Attributes
    ----------
    protocol : str
        What was probed.
    associations : ndarray of shape (n_permutations,)
        Correlation of predictions with permuted labels of the tested rows, within each fold and
        pooled over folds and rounds. The dummy, which predicts one value in a fold, has 0; so has
        a clean protocol, on average.
    skills : ndarray of shape (n_permutations,)
        1 - MSE / MSE of the dummy that predicts the training labels' mean. Above 0 the dummy is
        beaten outright; an overfitting model can leak and still be below.
    p_value : float
        Chance of associations as high as these or higher from a clean protocol (one-sided t).
    alpha : float
        Below it, the verdict is a leak.
    """

    protocol: str
    associations: NDArray[np.float64]
    skills: NDArray[np.float64]
    p_value: float
    alpha: float

    @property
    def mean(self) -> float:
        """Mean association."""
        return float(self.associations.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean association."""
        return float(self.associations.std(ddof=1) / np.sqrt(len(self.associations)))

    @property
    def leaks(self) -> bool:
        """Whether labels of tested rows reach the model."""
        return self.p_value < self.alpha

    @property
    def detectable(self) -> float:
        """Mean association that this many permutations would have found four times in five."""
        freedom = len(self.associations) - 1
        quantiles = student.ppf([1 - self.alpha, 0.8], freedom)
        return float(quantiles.sum() * self.standard_error)

    @property
    def verdict(self) -> str:
        """One sentence."""
        found = (
            f"on {len(self.associations)} permutations of the labels its predictions of tested "
            f"rows correlate with these labels by {self.mean:+.3f} ± {self.standard_error:.3f} "
            f"(p = {self.p_value:.2g}; dummy: 0; skill over the dummy {self.skills.mean():+.2f})"
        )
        if self.leaks:
            return f"The protocol {self.protocol!r} leaks: {found}, so it has seen them."
        return (
            f"No leak was found in the protocol {self.protocol!r}: {found}; a correlation of "
            f"{self.detectable:.2f} would have been noticed."
        )

    def __str__(self) -> str:
        """Return the verdict."""
        return self.verdict

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each permutation: association, skill."""
        return pd.DataFrame({"association": self.associations, "skill": self.skills})

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "protocol": self.protocol,
            "leaks": self.leaks,
            "verdict": self.verdict,
            "p_value": self.p_value,
            "alpha": self.alpha,
            "associations": self.associations.tolist(),
            "skills": self.skills.tolist(),
        }

    def plot(self) -> Any:
        """Draw the distribution over permutations beside the dummy.

        Returns
        -------
        matplotlib Figure
        """
        from matminer_phonon_tl.evaluation._leakage_figure import plot_leakage

        return plot_leakage(self)


def leakage_probe(
    estimator: Any,
    df: Any,
    target: Any,
    protocol: str | Callable[..., Any] = "leak_free",
    n_permutations: int = 10,
    n_repeats: int = 3,
    random_state: int = 0,
    *,
    groups: Any = None,
    splitter: Any = None,
    n_splits: int = 5,
    source: Any = None,
    features: Sequence[str] | None = None,
    n_jobs: int | None = None,
    client: Any = None,
    alpha: float = 0.01,
    progress: bool = False,
) -> LeakageReport:
    """Find out whether labels of tested rows reach the model.

    Permuted labels have nothing to do with the materials, so what still predicts them has seen
    them. Given the training labels, a clean protocol faces tested labels in an order that is
    random: within a fold its predictions correlate with them by 0 on average, as the dummy's do,
    whatever the model. That is tested over the permutations. It is more telling than the error
    alone, by which a model that overfits the permuted labels loses to the dummy even where it
    has seen some of them.

    Nothing here is particular to phonons: any scikit-learn regressor or binary classifier can be
    probed, with any splitter, and any evaluation that can be called as a function. The probe finds
    leaks of *labels*. A scaler fitted to all rows, which sees no labels, it does not find; nor
    labels that an estimator holds apart from those it is fitted to, in a source of its own: a
    source with the target's name is therefore refused with a function, and cleared by the named
    protocols.

    Parameters
    ----------
    estimator : scikit-learn regressor or binary classifier
    df : DataFrame, list of compositions, or array-like of shape (n_rows, n_features)
    target : str, or array-like of shape (n_rows,)
        Column of labels, or the labels.
    protocol : {"leak_free", "strict", "published"} or callable
        A protocol of :func:`cross_validate`, or ``protocol(estimator, X, y, folds)``: it is given
        the materials, permuted labels and the (train, test) rows of one round, and returns
        held-out predictions of shape (n_rows,), NaN where there is none; or, if it makes rows of
        its own, ``(labels, predictions)``. Of a classifier, predictions are probabilities of the
        second class. Put all that an evaluation does with labels into the function: selection of
        features, oversampling, choice of hyperparameters.
    n_permutations : int
        At least 5.
    n_repeats : int
        Rounds for each permutation. A `splitter` brings its own.
    random_state : int
        Seed of permutations, folds and networks.
    groups : {"formula", "chemical_system"}, array-like of shape (n_rows,), or None
        Rows whose labels are moved together. Where rows of a group resemble each other, as
        duplicates and polymorphs do, only this shows that a group on both sides of a split is a
        leak. The folds ignore groups, unless the `splitter` heeds them.
    splitter : scikit-learn splitter, or iterable of (train, test), optional
        In place of shuffled K-folds; is given the groups. Folds need more than one tested row.
    n_splits : int
        Folds.
    source, features, n_jobs, client
        As for :func:`cross_validate`.
    alpha : float
        Risk of calling a clean protocol leaking.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    LeakageReport
        ``.leaks``, ``.verdict``, the distribution, and ``.plot()``.

    Raises
    ------
    ValueError
        If an option cannot be used, or a protocol returns something else than predictions.

    Examples
    --------
    >>> from sklearn.feature_selection import SelectKBest, f_regression
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import cross_val_predict
    >>> random = np.random.default_rng(0)
    >>> X, y = random.normal(size=(60, 500)), random.normal(size=60)
    >>> def select_then_validate(estimator, X, y, folds):
    ...     selected = SelectKBest(f_regression, k=10).fit_transform(X, y)  # sees every label
    ...     return cross_val_predict(estimator, selected, y, cv=folds)
    >>> leakage_probe(Ridge(), X, y, select_then_validate, n_permutations=5, n_repeats=1).leaks
    True
    >>> leakage_probe(Ridge(), X, y, n_permutations=5, n_repeats=1).leaks
    False
    """
    check_whole("n_permutations", n_permutations, MIN_PERMUTATIONS)
    check_whole("random_state", random_state, 0)
    check_share("alpha", alpha)
    check_client(client)
    named = isinstance(protocol, str)
    if named:
        check_protocol(str(protocol), estimator, None)
        fit_source(estimator, source)
    elif not callable(protocol):
        raise ValueError(
            "expected protocol to be a name or a function(estimator, X, y, folds), got "
            f"{type(protocol).__name__}"
        )
    data = read_data(estimator, df, target, features)
    if not named and knows_labels(estimator, source_parameters(estimator), data.target):
        raise ValueError(
            f"expected an estimator whose source knows nothing of {data.target}, got one that does:"
            " such labels are not permuted, so that the probe would miss their leak; name a "
            "protocol, or leave them out of the source"
        )
    if (data.y == data.y[0]).all():
        raise ValueError(
            f"expected labels that differ, got {data.y[0]} in every row: nothing can be permuted"
        )
    moved = group_labels(data.table, groups, len(data.y))
    random = np.random.default_rng(random_state)
    permuted = [permute_labels(data.y, moved, random) for _ in range(n_permutations)]
    seeds = random.integers(2**31, size=n_permutations).tolist()

    def splits_for(y: NDArray[Any], seed: int) -> list[Split]:
        return make_splits(
            replace(data, y=y),
            estimator,
            str(protocol) if named else "leak_free",
            n_splits=n_splits,
            n_repeats=n_repeats,
            groups=moved if splitter is not None else None,
            splitter=splitter,
            random_state=seed,
        )

    findings = []
    if protocol == "published":
        from matminer_phonon_tl.evaluation.network_protocols import published_predictions

        splits = splits_for(data.y, seeds[0])
        own = next(iter(fit_source(estimator, source).values()), None)
        chains = published_predictions(
            estimator, data.X, np.stack(permuted), splits, own, seeds[0], progress=progress
        )
        for y, members in zip(permuted, chains, strict=True):
            findings.append(measure(y, members.mean(axis=0), splits))
    else:
        bar = tqdm(
            zip(permuted, seeds, strict=True),
            total=n_permutations,
            desc="permutations",
            disable=None if progress else True,
        )
        for y, seed in bar:
            splits = splits_for(y, seed)
            if named:
                predicted = predict_splits(
                    estimator,
                    replace(data, y=y),
                    splits,
                    str(protocol),
                    source=source,
                    random_state=seed,
                    n_jobs=n_jobs,
                    client=client,
                )
                findings.append(measure(y, predicted.predictions, splits))
            else:
                findings.append(_measure_function(protocol, estimator, data, y, splits))
    associations, skills = np.array(findings).T
    return LeakageReport(
        protocol=str(protocol) if named else getattr(protocol, "__name__", repr(protocol)),
        associations=associations,
        skills=skills,
        p_value=one_sided_p(associations),
        alpha=alpha,
    )


def _measure_function(
    protocol: Any, estimator: Any, data: EvaluationData, y: NDArray[Any], splits: Sequence[Split]
) -> tuple[float, float]:
    """Run a caller's evaluation once for each round."""
    found = []
    labels = data.labels(y, np.arange(len(y)))
    for number in range(max(split.round for split in splits) + 1):
        own = [replace(split, round=0) for split in splits if split.round == number]
        returned = protocol(estimator, data.X, labels, [(s.train, s.test) for s in own])
        truth = y
        if isinstance(returned, tuple) and len(returned) == 2:
            truth = np.asarray(returned[0])
            truth = truth.astype(np.float64) if data.classes is None else truth == data.classes[1]
            returned = returned[1]
            everything = np.arange(len(truth))
            own = [Split(0, 0, everything, everything)]
        predicted = np.asarray(returned, dtype=np.float64)
        if predicted.shape != truth.shape:
            raise ValueError(
                f"expected the protocol to return predictions of shape {truth.shape}, got "
                f"{predicted.shape}: return one for each row, NaN where there is none, or (labels, "
                "predictions)"
            )
        found.append(measure(truth, predicted[None], own))
    association, skill = np.mean(found, axis=0)
    return float(association), float(skill)
