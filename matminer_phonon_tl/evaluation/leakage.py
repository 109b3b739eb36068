"""Find leaks: run an evaluation on permuted labels and see whether it still predicts them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student
from sklearn.base import is_classifier
from tqdm.auto import tqdm

from matminer_phonon_tl.evaluation.checks import check_client, check_share, check_whole
from matminer_phonon_tl.evaluation.data import EvaluationData, read_data
from matminer_phonon_tl.evaluation.protocols import Protocol, ProtocolRun
from matminer_phonon_tl.evaluation.source_hygiene import SourceTasks
from matminer_phonon_tl.evaluation.splits import Split, SplitPlan, group_labels
from matminer_phonon_tl.models.source_tasks import FROM_CONSTRUCTOR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIN_PERMUTATIONS = 5


@dataclass(frozen=True, eq=False)
class LeakageReport:
    """What :func:`leakage_probe` found.

    Attributes
    ----------
    protocol : str
        Name of the protocol or function that was probed.
    associations : ndarray of shape (n_permutations,)
        Correlation of predictions with permuted labels of the tested rows, within each fold and
        pooled over folds and rounds. It is 0 for the dummy, which predicts one value in a fold, and
        0 on average for a clean protocol.
    skills : ndarray of shape (n_permutations,)
        1 - MSE / MSE of the dummy that predicts the training labels' mean. Above 0 the model beats
        the dummy; an overfitting model can leak and still stay below 0.
    p_value : float
        Chance that a clean protocol has associations as high as these or higher (one-sided t).
    alpha : float
        A p-value below it is called a leak.
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
        """Mean association that as many permutations find four times in five."""
        freedom = len(self.associations) - 1
        quantiles = student.ppf([1 - self.alpha, 0.8], freedom)
        return float(quantiles.sum() * self.standard_error)

    @property
    def verdict(self) -> str:
        """What was found, in one sentence."""
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
        """Return plain values that JSON can hold."""
        return {
            "protocol": self.protocol,
            "leaks": self.leaks,
            "verdict": self.verdict,
            "p_value": self.p_value,
            "alpha": self.alpha,
            "associations": self.associations.tolist(),
            "skills": self.skills.tolist(),
        }

    def plot(self) -> "Figure":
        """Draw associations and skills over the permutations, beside the dummy's."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.2, 2.9), layout="constrained")
        left, right = figure.subplots(1, 2)
        colour = "tab:red" if self.leaks else "tab:blue"
        height = np.random.default_rng(0).uniform(-0.3, 0.3, len(self.associations))
        for axes, values, label in (
            (left, self.associations, "correlation with permuted labels, within folds"),
            (right, self.skills, "skill over the dummy, 1 - MSE / MSE$_{dummy}$"),
        ):
            axes.scatter(values, height, color=colour, alpha=0.7)
            axes.axvline(0.0, color="black", linestyle="--", linewidth=1)
            axes.axvline(values.mean(), color=colour, linewidth=2)
            axes.annotate("dummy", (0.0, 0.96), xycoords=("data", "axes fraction"), ha="right",
                          va="top", rotation=90, fontsize="small")  # fmt: skip
            axes.set(xlabel=label, ylim=(-0.6, 0.6), yticks=[])
        left.set_xlim(min(-0.5, self.associations.min() - 0.05), 1.0)
        what = "leaks" if self.leaks else "no leak found"
        figure.suptitle(
            f"{self.protocol}: {what} (p = {self.p_value:.2g}, {len(self.associations)} "
            "permutations)"
        )
        return figure


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
    source: Any = FROM_CONSTRUCTOR,
    features: Sequence[str] | None = None,
    n_jobs: int | None = None,
    client: Any = None,
    alpha: float = 0.01,
    progress: bool = False,
) -> LeakageReport:
    """Find out whether labels of tested rows reach the model.

    Permuted labels have nothing to do with the materials, so a model that still predicts them has
    seen them. To a clean protocol the tested labels stand in random order: within a fold its
    predictions correlate with them by 0 on average, whatever the model, as the dummy's do. A t test
    over the permutations decides. The error alone would decide worse, because a model that overfits
    permuted labels loses to the dummy even where it has seen some of them.

    The probe takes any scikit-learn regressor or binary classifier, any splitter, and any
    evaluation that can be called as a function; nothing in it is particular to phonons.

    It finds leaks of *labels*. It does not find a scaler that was fitted to all rows, which sees no
    labels. Nor does it find labels in an estimator's source task, because these are not permuted.
    A source with the target's name is therefore refused where the protocol is a function; the named
    protocols remove the tested formulas from it.

    Parameters
    ----------
    estimator : scikit-learn regressor or binary classifier
    df : DataFrame, list of compositions, or array-like of shape (n_rows, n_features)
    target : str, or array-like of shape (n_rows,)
        Column of labels, or the labels.
    protocol : {"leak_free", "strict", "published"} or callable
        A protocol of :func:`cross_validate`, or ``protocol(estimator, X, y, folds)``. The function
        is given the materials, permuted labels and the (train, test) rows of one round. It returns
        held-out predictions of shape (n_rows,), NaN where there is none, or, if it makes new rows,
        ``(labels, predictions)``. A classifier's predictions are probabilities of the second class.
        Everything that uses labels belongs in the function: selection of features, oversampling,
        choice of hyperparameters.
    n_permutations : int
        Number of permutations, at least 5.
    n_repeats : int
        Rounds for each permutation, unless a `splitter` decides them.
    random_state : int
        Seed of permutations, folds and networks.
    groups : {"formula", "chemical_system"}, array-like of shape (n_rows,), or None
        Rows whose labels move together. Duplicates and polymorphs resemble each other, and only
        moving them together shows that a group on both sides of a split is a leak. The folds
        ignore groups, unless the `splitter` uses them.
    splitter : scikit-learn splitter, or iterable of (train, test), optional
        Replaces the shuffled K-folds; it is given the groups. Folds need two tested rows or more.
    n_splits : int
        Number of folds.
    source, features, n_jobs, client
        As for :func:`cross_validate`.
    alpha : float
        Accepted risk of calling a clean protocol leaking.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    LeakageReport
        ``.leaks``, ``.verdict``, the values of each permutation, and ``.plot()``.

    Raises
    ------
    ValueError
        If an option cannot be used, or a function does not return predictions.

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
    run = None
    if isinstance(protocol, str):
        run = ProtocolRun.prepare(
            estimator, df, target, cast("Protocol", protocol), source=source, features=features,
            n_jobs=n_jobs, client=client,
        )  # fmt: skip
        data = run.data
    else:
        data = _read_for_function(protocol, estimator, df, target, features, client)
    if (data.y == data.y[0]).all():
        raise ValueError(
            f"expected labels that differ, got {data.y[0]} in every row: nothing can be permuted"
        )
    moved = group_labels(data.compositions, groups, len(data.y))
    random = np.random.default_rng(random_state)
    permuted = [permute_labels(data.y, moved, random) for _ in range(n_permutations)]
    seeds = random.integers(2**31, size=n_permutations).tolist()
    rows_together = moved if splitter is not None else None
    plans = [
        SplitPlan(str(protocol), n_splits, n_repeats, rows_together, splitter, seed)
        for seed in seeds
    ]
    if run is not None and protocol == "published":
        measured = _measure_published(run, plans[0], permuted, progress=progress)
    else:
        bar = tqdm(
            zip(permuted, plans, strict=True),
            total=n_permutations,
            desc="permutations",
            disable=None if progress else True,
        )
        measured = [
            _measure_function(protocol, estimator, data, y, plan)
            if run is None
            else _measure_protocol(run, y, plan)
            for y, plan in bar
        ]
    associations, skills = np.array(measured).T
    return LeakageReport(
        protocol=str(protocol) if run else getattr(protocol, "__name__", repr(protocol)),
        associations=associations,
        skills=skills,
        p_value=one_sided_p(associations),
        alpha=alpha,
    )


def _read_for_function(
    protocol: Any, estimator: Any, df: Any, target: Any, features: Any, client: Any
) -> EvaluationData:
    """Read the data for a protocol that is a function; refuse a source that would hide a leak."""
    check_client(client)
    if not callable(protocol):
        raise ValueError(  # noqa: TRY004 (one kind of error for whatever cannot be probed)
            "expected protocol to be a name or a function(estimator, X, y, folds), got "
            f"{type(protocol).__name__}"
        )
    data = read_data(estimator, df, target, features)
    if SourceTasks.of(estimator).know_labels(estimator, data.target):
        raise ValueError(
            f"expected an estimator whose source knows nothing of {data.target}, got one that does:"
            " such labels are not permuted, so that the probe would miss their leak; name a "
            "protocol, or leave them out of the source"
        )
    return data


def _measure_protocol(run: ProtocolRun, y: NDArray[Any], plan: SplitPlan) -> tuple[float, float]:
    splits = run.splits(plan, y)
    return measure(y, run.predict(splits, plan.random_state, y).predictions, splits)


def _measure_published(
    run: ProtocolRun, plan: SplitPlan, permuted: Sequence[NDArray[Any]], *, progress: bool
) -> list[tuple[float, float]]:
    """Train the chains of all permutations as one stack, on the same splits."""
    from matminer_phonon_tl.evaluation.network_protocols import published_predictions

    splits = run.splits(plan)
    table = next(iter(run.source_tasks.tables), None)
    chains = published_predictions(
        run.estimator, run.inputs, np.stack(permuted), splits, table, plan.random_state,
        progress=progress,
    )  # fmt: skip
    return [
        measure(y, members.mean(axis=0), splits)
        for y, members in zip(permuted, chains, strict=True)
    ]


def _measure_function(
    protocol: Any, estimator: Any, data: EvaluationData, y: NDArray[Any], plan: SplitPlan
) -> tuple[float, float]:
    """Run a caller's evaluation once for each round; average association and skill."""
    splits = plan.make(data.table, data.compositions, y, stratify=is_classifier(estimator))
    found = []
    for number in range(max(split.round for split in splits) + 1):
        folds = [replace(split, round=0) for split in splits if split.round == number]
        pairs = [(fold.train, fold.test) for fold in folds]
        returned = protocol(estimator, data.X, data.labels(y), pairs)
        truth = y
        if isinstance(returned, tuple) and len(returned) == 2:
            truth = np.asarray(returned[0])
            truth = truth.astype(np.float64) if data.classes is None else truth == data.classes[1]
            returned = returned[1]
            everything = np.arange(len(truth))
            folds = [Split(0, 0, everything, everything)]
        predicted = np.asarray(returned, dtype=np.float64)
        if predicted.shape != truth.shape:
            raise ValueError(
                f"expected the protocol to return predictions of shape {truth.shape}, got "
                f"{predicted.shape}: return one for each row, NaN where there is none, or (labels, "
                "predictions)"
            )
        found.append(measure(truth, predicted[None], folds))
    association, skill = np.mean(found, axis=0)
    return float(association), float(skill)


def permute_labels(
    y: NDArray[Any], groups: NDArray[Any] | None, random: np.random.Generator
) -> NDArray[Any]:
    """Permute labels, by row or by whole groups.

    Each group gets the labels of another group, drawn at random where their sizes differ.

    >>> labels, pairs = np.array([1.0, 1.0, 2.0, 2.0]), np.array(["a", "a", "b", "b"])
    >>> moved = permute_labels(labels, pairs, np.random.default_rng(0))
    >>> bool(moved[0] == moved[1] and moved[2] == moved[3])
    True
    """
    if groups is None:
        return random.permutation(y)
    numbers = pd.factorize(groups)[0]
    members = [np.flatnonzero(numbers == number) for number in range(numbers.max() + 1)]
    if len(members) < 2:
        raise ValueError("expected two groups or more to move labels between, got one")
    moved = np.empty_like(y)
    for rows, donor in zip(members, random.permutation(len(members)), strict=True):
        given = random.permutation(y[members[donor]])
        if len(given) < len(rows):
            given = random.choice(given, len(rows))
        moved[rows] = given[: len(rows)]
    return moved


def measure(
    y: NDArray[Any], predictions: NDArray[np.float64], splits: Sequence[Split]
) -> tuple[float, float]:
    """Return the association within folds and the skill over the dummy, pooled over all folds."""
    shared = of_labels = of_predictions = error = dummy_error = 0.0
    n_folds = 0
    for split in splits:
        tested = split.test[~np.isnan(predictions[split.round, split.test])]
        if len(tested) < 2:
            continue
        n_folds += 1
        truth, predicted = y[tested].astype(float), predictions[split.round, tested]
        truth_part, predicted_part = truth - truth.mean(), predicted - predicted.mean()
        shared += float(truth_part @ predicted_part)
        of_labels += float(truth_part @ truth_part)
        of_predictions += float(predicted_part @ predicted_part)
        error += float(np.square(predicted - truth).sum())
        dummy_error += float(np.square(y[split.train].mean() - truth).sum())
    if not n_folds:
        raise ValueError(
            "expected folds with two tested rows or more, got none: leave-one-out cannot be "
            "probed, use fewer and larger folds"
        )
    spread = np.sqrt(of_labels * of_predictions)
    association = shared / spread if spread > 1e-12 * (1 + of_labels) else 0.0
    return association, 1.0 - error / dummy_error if dummy_error else 0.0


def one_sided_p(associations: NDArray[np.float64]) -> float:
    """Return the chance of a mean this high or higher if the true mean were 0."""
    spread = associations.std(ddof=1) / np.sqrt(len(associations))
    if spread == 0:
        return 0.0 if associations.mean() > 0 else 1.0
    return float(student.sf(associations.mean() / spread, len(associations) - 1))
