"""How the error falls with the number of materials trained on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from matminer_phonon_tl.evaluation.protocols import Protocol, ProtocolRun
from matminer_phonon_tl.evaluation.result import CrossValidationResult
from matminer_phonon_tl.evaluation.splits import SplitPlan, shrink_training


class LearningCurve(dict[float, CrossValidationResult]):
    """Results of cross-validation, keyed by the fraction of each training side that was used.

    It prints as its table; :func:`~matminer_phonon_tl.figures.plot_learning_curve` draws it.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> learning_curve(Ridge(), X, X @ [1.0, 2.0, 3.0], (0.2, 1.0), n_repeats=2)
    target [leak_free, 2 rounds]
                     mae       rmse        r2
    fraction rows
    0.2      10    ...
    1.0      48    ...
    """

    @property
    def table(self) -> pd.DataFrame:
        """Mean of every score over the rounds, with one row for each fraction.

        The index holds the fraction and the mean number of training rows.
        """
        index = [
            (fraction, round(np.mean([len(split.train) for split in result.splits])))
            for fraction, result in self.items()
        ]
        return pd.DataFrame(
            [{n: score.mean for n, score in result.scores.items()} for result in self.values()],
            index=pd.MultiIndex.from_tuples(index, names=["fraction", "rows"]),
        )

    def __repr__(self) -> str:
        """Say target and protocol, then the table."""
        return (
            f"{next(iter(self.values())).title}\n{self.table.to_string()}"
            if self
            else "LearningCurve({})"
        )


def learning_curve(
    estimator: Any,
    df: Any,
    target: Any,
    fractions: Sequence[float] = (0.2, 0.4, 0.6, 0.8, 1.0),
    protocol: Protocol = "leak_free",
    n_splits: int = 5,
    n_repeats: int = 3,
    groups: Any = None,
    random_state: int = 0,
    **options: Any,
) -> LearningCurve:
    """Cross-validate with growing parts of each training fold, tested on the same rows.

    Parameters
    ----------
    estimator, df, target, protocol, n_splits, n_repeats, groups, random_state
        As for :func:`cross_validate`; "published" has no learning curve.
    fractions : sequence of float
        Shares of the training rows; smaller parts lie within larger ones.
    **options
        Further arguments of :func:`cross_validate`: source, features, n_jobs, client, progress.

    Returns
    -------
    LearningCurve
        A dict from fraction to :class:`CrossValidationResult`, with all scores in ``.table``. Each
        result names its fraction in its ``settings``.

    Raises
    ------
    ValueError
        If a fraction or another argument cannot be used.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> curve = learning_curve(Ridge(), X, X @ [1.0, 2.0, 3.0], (0.1, 1.0), n_repeats=1)
    >>> bool(curve[1.0].mae.mean < curve[0.1].mae.mean)
    True
    """
    if protocol == "published":
        raise ValueError(
            "expected protocol 'leak_free' or 'strict' for a learning curve, got 'published': its "
            "fits on all rows know no training size"
        )
    parts = _check_fractions(fractions)
    run = ProtocolRun.prepare(estimator, df, target, protocol, **options)
    plan = SplitPlan(protocol, n_splits, n_repeats, groups, None, random_state)
    splits = run.splits(plan)
    return LearningCurve(
        {
            part: run.result(
                shrink_training(splits, part, random_state), plan, fraction=float(part)
            )
            for part in parts
        }
    )


def _check_fractions(fractions: Any) -> list[float]:
    parts: list[Any] = (
        [fractions] if isinstance(fractions, str) or not np.iterable(fractions) else [*fractions]
    )
    for part in parts:
        if not isinstance(part, (int, float)) or not 0 < part <= 1:
            raise ValueError(f"expected fractions above 0 and at most 1, got {part!r}")
    if not parts:
        raise ValueError("expected at least one fraction, got none")
    return parts
