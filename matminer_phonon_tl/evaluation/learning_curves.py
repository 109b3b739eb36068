"""How the error falls with the number of materials trained on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from matminer_phonon_tl.evaluation._data import read_data
from matminer_phonon_tl.evaluation.protocols import (
    Protocol,
    check_protocol,
    cross_validate,
    make_splits,
    name_groups,
)
from matminer_phonon_tl.evaluation.result import CrossValidationResult
from matminer_phonon_tl.evaluation.splits import shrink_training


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
) -> dict[float, CrossValidationResult]:
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
    dict of float to CrossValidationResult
        By fraction, which is among their ``settings``.

    Raises
    ------
    ValueError
        If a fraction or another argument cannot be used.

    Examples
    --------
    >>> import numpy as np
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
    check_protocol(protocol, estimator, groups)
    data = read_data(estimator, df, target, options.get("features"))
    splits = make_splits(
        data,
        estimator,
        protocol,
        n_splits=n_splits,
        n_repeats=n_repeats,
        groups=groups,
        splitter=None,
        random_state=random_state,
    )
    curve = {}
    for fraction in parts:
        shrunk = shrink_training(splits, fraction, random_state)
        result = cross_validate(
            estimator,
            df,
            target,
            protocol,
            random_state=random_state,
            splitter=[(split.train, split.test) for split in shrunk],
            **options,
        )
        asked = {
            "n_splits": n_splits,
            "splitter": None,
            "groups": name_groups(groups),
            "fraction": float(fraction),
        }
        curve[fraction] = replace(result, settings={**result.settings, **asked})
    return curve


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
