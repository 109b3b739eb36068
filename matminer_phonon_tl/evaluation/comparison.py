"""How much better one model is than another on the same folds, with an interval.

References
----------
C. Nadeau, Y. Bengio, Inference for the generalization error, Machine Learning 52, 239 (2003),
doi:10.1023/A:1024068626366.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from matminer_phonon_tl.evaluation.checks import check_share, check_whole
from matminer_phonon_tl.evaluation.result import CrossValidationResult
from matminer_phonon_tl.evaluation.splits import group_labels

METHODS = ("bootstrap", "corrected_t")
_AT_A_TIME = 500  # resamples, which bounds the memory


@dataclass(frozen=True)
class PairedComparison:
    """Difference of two cross-validations, the first minus the second.

    Attributes
    ----------
    metric : {"mae", "rmse"}
    unit : str
    protocols : tuple of two str
        Protocol of the first and of the second.
    first, second : float
        Mean error of each over the rounds ("bootstrap") or over the splits ("corrected_t").
    difference : float
        First minus second; below 0 the first is better.
    interval : tuple of two float
        Confidence interval of the difference at `level`.
    level : float
    method : {"bootstrap", "corrected_t"}
    rounds_won, splits_won : float
        Share of rounds and of splits in which the first has the smaller error; a tie counts half.
        These are not independent trials, because all of them test the same materials.
    n_rounds, n_splits : int
    """

    metric: str
    unit: str
    protocols: tuple[str, str]
    first: float
    second: float
    difference: float
    interval: tuple[float, float]
    level: float
    method: str
    rounds_won: float
    splits_won: float
    n_rounds: int
    n_splits: int

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out 0."""
        return not self.interval[0] <= 0 <= self.interval[1]

    def __str__(self) -> str:
        """Say the difference with its interval."""
        unit = f" {self.unit}" if self.unit else ""
        low, high = self.interval
        return (
            f"{self.metric} {self.first:.4g} [{self.protocols[0]}] against {self.second:.4g} "
            f"[{self.protocols[1]}]: difference {self.difference:+.3g}{unit}, "
            f"{100 * self.level:g} % interval {low:+.3g} to {high:+.3g} ({self.method}); the first "
            f"is better in {100 * self.rounds_won:.0f} % of {self.n_rounds} rounds and "
            f"{100 * self.splits_won:.0f} % of {self.n_splits} splits"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return {**asdict(self), "significant": self.significant}


def compare(
    first: CrossValidationResult,
    second: CrossValidationResult,
    metric: Literal["mae", "rmse"] = "mae",
    *,
    method: Literal["bootstrap", "corrected_t"] = "bootstrap",
    level: float = 0.95,
    groups: Any = "formula",
    n_bootstrap: int = 10_000,
    random_state: int = 0,
) -> PairedComparison:
    """Compare two models that were cross-validated on the same folds.

    Fifteen rounds of folds over 124 materials look at one sample fifteen times, so that their
    spread says nothing about other materials. The bootstrap therefore resamples materials, each
    with all its rounds. The corrected resampled t widens the usual interval, because training sets
    overlap.

    Parameters
    ----------
    first, second : CrossValidationResult
        Results on the same labels and splits.
    metric : {"mae", "rmse"}
        Error that is compared, in the target's unit.
    method : {"bootstrap", "corrected_t"}
        Percentile bootstrap over materials, or Nadeau and Bengio's corrected resampled t over
        splits.
    level : float
        Confidence level of the interval.
    groups : "formula", array-like of shape (n_rows,), or None
        Materials that the bootstrap draws together, since polymorphs of a formula are not
        independent. "formula" draws single rows where no formulas are known.
    n_bootstrap : int
        Number of resamples.
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    PairedComparison

    Raises
    ------
    ValueError
        If the two results are not from the same labels and folds, or an option is unknown.

    References
    ----------
    C. Nadeau, Y. Bengio, Machine Learning 52, 239 (2003), doi:10.1023/A:1024068626366.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.linear_model import LinearRegression
    >>> from matminer_phonon_tl.evaluation import cross_validate
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> y = X.sum(axis=1)
    >>> model, dummy = (
    ...     cross_validate(e, X, y, n_repeats=2) for e in (LinearRegression(), DummyRegressor())
    ... )
    >>> compare(model, dummy).significant
    True
    """
    _check(first, second, metric, method, level)
    check_whole("n_bootstrap", n_bootstrap, 1)
    check_whole("random_state", random_state, 0)
    errors = [_errors(result, metric) for result in (first, second)]
    by_split = np.array(
        [[_total(each[split.round, split.test], metric) for split in first.splits]
         for each in errors]
    )  # fmt: skip
    by_round = np.array([[_total(row, metric) for row in each] for each in errors])
    if method == "bootstrap":
        labels = _draw_groups(first, groups)
        interval = _bootstrap(errors, metric, labels, level, n_bootstrap, random_state)
        means = by_round.mean(axis=1)
    else:
        overlap = float(np.mean([len(split.test) / len(split.train) for split in first.splits]))
        interval = corrected_interval(by_split[0] - by_split[1], overlap, level)
        means = by_split.mean(axis=1)
    return PairedComparison(
        metric=metric,
        unit=first.unit,
        protocols=(first.protocol, second.protocol),
        first=float(means[0]),
        second=float(means[1]),
        difference=float(means[0] - means[1]),
        interval=interval,
        level=level,
        method=method,
        rounds_won=_won(by_round),
        splits_won=_won(by_split),
        n_rounds=by_round.shape[1],
        n_splits=by_split.shape[1],
    )


def _check(
    first: CrossValidationResult,
    second: CrossValidationResult,
    metric: str,
    method: str,
    level: float,
) -> None:
    if metric not in ("mae", "rmse"):
        raise ValueError(f"expected metric 'mae' or 'rmse', got {metric!r}")
    if method not in METHODS:
        raise ValueError(f"expected method 'bootstrap' or 'corrected_t', got {method!r}")
    check_share("level", level)
    for result in (first, second):
        if not isinstance(result, CrossValidationResult):
            raise ValueError(  # noqa: TRY004 (one kind of error for whatever cannot be compared)
                f"expected two results of cross_validate, got {type(result).__name__}"
            )
    if first.task != "regression" or second.task != "regression":
        raise ValueError(f"expected two regressions, got {first.task} and {second.task}")
    if first.data_sha256 != second.data_sha256:
        raise ValueError(
            "expected two results of the same materials and labels, got different data: "
            "cross-validate both on one table"
        )
    same = len(first.splits) == len(second.splits) and all(
        a.round == b.round and np.array_equal(a.test, b.test)
        for a, b in zip(first.splits, second.splits, strict=True)
    )
    if not same:
        raise ValueError(
            "expected two results of the same folds, got different ones: use the same protocol's "
            "folds, n_splits, n_repeats, groups and random_state for both"
        )


def _errors(result: CrossValidationResult, metric: str) -> NDArray[np.float64]:
    deviation = np.abs(result.predictions - result.y)
    return deviation if metric == "mae" else np.square(deviation)


def _total(errors: NDArray[np.float64], metric: str) -> float:
    mean = float(np.nanmean(errors))
    return mean if metric == "mae" else float(np.sqrt(mean))


def _won(values: NDArray[np.float64]) -> float:
    return float(np.mean((values[0] < values[1]) + 0.5 * (values[0] == values[1])))


def _draw_groups(result: CrossValidationResult, groups: Any) -> NDArray[np.intp]:
    """Return the number of the group that each row belongs to; the bootstrap draws groups."""
    n_rows = len(result.y)
    named = isinstance(groups, str)
    if named and groups != "formula":
        raise ValueError(f"expected groups 'formula', a label for each row or None, got {groups!r}")
    labels = None
    if not named or result.formulas is not None:
        labels = group_labels(result.formulas, groups, n_rows)
    if labels is None:
        return np.arange(n_rows)
    return np.unique(labels.astype(str), return_inverse=True)[1]


def _bootstrap(
    errors: list[NDArray[np.float64]],
    metric: str,
    labels: NDArray[np.intp],
    level: float,
    n_bootstrap: int,
    random_state: int,
) -> tuple[float, float]:
    n_groups = int(labels.max()) + 1
    member = np.eye(n_groups)[labels]  # (n_rows, n_groups)
    sums = [np.nan_to_num(each) @ member for each in errors]  # (n_rounds, n_groups)
    counts = (~np.isnan(errors[0])).astype(float) @ member
    random = np.random.default_rng(random_state)
    found = []
    for start in range(0, n_bootstrap, _AT_A_TIME):
        size = min(_AT_A_TIME, n_bootstrap - start)
        # how often each group is drawn, in each resample
        times = random.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=size).T
        drawn = counts @ times  # (n_rounds, size)
        drawn[drawn == 0] = np.nan
        first, second = (each @ times / drawn for each in sums)
        if metric == "rmse":
            first, second = np.sqrt(first), np.sqrt(second)
        found.append(np.nanmean(first - second, axis=0))
    differences = np.concatenate(found)
    tail = (1 - level) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    return float(low), float(high)


def corrected_interval(
    differences: NDArray[np.float64], overlap: float, level: float
) -> tuple[float, float]:
    """Return Nadeau and Bengio's interval for a mean difference over overlapping splits.

    `overlap` is the number of tested rows over the number of training rows.
    """
    n_splits = len(differences)
    if n_splits < 2:
        raise ValueError(f"expected two splits or more for the corrected t, got {n_splits}")
    spread = np.sqrt((1 / n_splits + overlap) * differences.var(ddof=1))
    half = float(student.ppf(0.5 + level / 2, n_splits - 1) * spread)
    mean = float(differences.mean())
    return mean - half, mean + half
