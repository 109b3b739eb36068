"""Train a predictor, of the shipped set or of anybody's table, and write its scores on its card."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from tqdm.auto import tqdm

from matminer_phonon_tl.evaluation.scores import score_predictions
from matminer_phonon_tl.evaluation.source_hygiene import without_formulas
from matminer_phonon_tl.evaluation.splits import Split, kfold_splits
from matminer_phonon_tl.evaluation.training_table import TrainingTable
from matminer_phonon_tl.exceptions import DataWarning, TrainingError
from matminer_phonon_tl.models import PhononGapClassifier, PhononPredictor, PhononRegressor
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.phonon_regressor import LEAST_ROWS
from matminer_phonon_tl.models.predictor import GAP, HAS_GAP, TARGETS, training_rows

PROTOCOL = "leak_free: 5 folds grouped by formula, everything fitted inside the fold"
LEVEL = 0.9
"""Share of labels that the intervals on the card are to hold."""
_FOLDS = 5


def train_predictor(
    data: pd.DataFrame | TrainingTable,
    *,
    structure: bool = False,
    random_state: int = 0,
    progress: bool | None = None,
) -> PhononPredictor:
    """Score a model of each label by cross-validation, then train them on every row.

    Parameters
    ----------
    data : DataFrame or TrainingTable
        As :func:`~matminer_phonon_tl.datasets.load_training_set` gives it, or anybody's table, read
        by :meth:`TrainingTable.read`.
    structure : bool
        Use the structures as well.
    random_state : int
        Seed of folds and models.
    progress : bool, optional
        Show a progress bar; default: on a terminal.

    Returns
    -------
    PhononPredictor
        ``card_["scores"]`` holds the scores with their protocol.

    Raises
    ------
    TrainingError
        If a label is known of too few materials; the sentence says of which.
    """
    table = data
    if not isinstance(table, TrainingTable):
        table = TrainingTable.read(table, structure=structure)
    is_ordinary = {*TARGETS} <= {*table.units} <= {*TARGETS, HAS_GAP}
    predictor = PhononPredictor(
        labels=None if is_ordinary else table.units,
        use_structure=structure,
        random_state=random_state,
    )
    models = predictor.make_models()
    materials = table.materials
    with warnings.catch_warnings():
        # The table of what was left out says it by row.
        warnings.simplefilter("ignore", DataWarning)
        try:
            plans = {label: _plan(table.frame, label, random_state) for label in models}
        except TrainingError as error:
            raise TrainingError("; ".join([str(error), *table.summary()])) from error
        hidden = None if progress is None else not progress
        scores = []
        with tqdm(models.items(), desc="Scoring", unit="model", disable=hidden) as bar:
            for label, model in bar:
                rows, splits = plans[label]
                truth = table.frame[label].to_numpy()[rows]
                part = materials.take(rows)
                part.matrix_for(model)  # described once for all folds
                scores.append(_score(model, label, truth, part, splits))
        predictor.fit(table.frame, materials=materials, progress=progress)
    first = predictor.classifier_ or next(iter(predictor.regressors_.values()))
    predictor.card_ = {
        "training_data": first.training_data_,
        "scores": scores,
        "units": predictor.units,
        "citation": "doi:10.1126/sciadv.abd1356",
    }
    if len(table.left_out):
        predictor.card_["left_out"] = table.summary()
    return predictor


def _plan(df: pd.DataFrame, label: str, random_state: int) -> tuple[NDArray[np.intp], list[Split]]:
    """Return the rows that a label is learnt from and their folds, or say that they are too few."""
    rows = training_rows(df, label)
    part = df.iloc[rows]
    n_formulas = len(set(Materials.of(part).reduced_formulas()))
    if n_formulas < _FOLDS:
        raise TrainingError(
            f"expected at least {_FOLDS} formulas with a value of {label}, so that none stands on "
            f"both sides of a fold, got {n_formulas}: give more"
        )
    splits = kfold_splits(
        part,
        part[label].to_numpy(dtype=bool if label == HAS_GAP else np.float64),
        n_splits=_FOLDS,
        n_repeats=1,
        groups="formula",
        random_state=random_state,
        stratify=label == HAS_GAP,
    )
    least = min(len(split.train) for split in splits)
    if label != HAS_GAP and least < LEAST_ROWS:
        which = "materials with a gap" if label == GAP else f"materials with a value of {label}"
        raise TrainingError(
            f"expected at least {LEAST_ROWS} {which} in four of five folds, to score it, got "
            f"{least} of {len(rows)}: give more, or leave this label out"
        )
    return rows, splits


def _score(
    model: PhononGapClassifier | PhononRegressor,
    label: str,
    truth: NDArray[Any],
    materials: Materials,
    splits: list[Split],
) -> dict[str, Any]:
    """Cross-validate a model; no formula borrows a structure of a tested one."""
    reduced = materials.reduced_formulas()
    predicted, other, upper = np.full((3, len(truth)), np.nan)
    for split in splits:
        train, test = materials.take(split.train), materials.take(split.test)
        fold = clone(model)
        if isinstance(fold, PhononGapClassifier):
            fold.fit(train, truth[split.train].astype(bool))
            predicted[split.test] = fold.predict_proba(test)[:, 1]
            other[split.test] = fold.predict(test)
        else:
            source = without_formulas("structures", [reduced[row] for row in split.test])
            fold.fit(train, truth[split.train], source=source)
            held_out = fold.predict_interval(test, LEVEL)
            predicted[split.test], other[split.test], upper[split.test] = held_out
    if isinstance(model, PhononGapClassifier):
        truth = truth.astype(bool)
        found = score_predictions(truth, predicted[None], "classification", other[None])
        scores = {name: found[name].mean for name in ("f1", "auroc", "auprc")}
    else:
        found = score_predictions(truth, predicted[None], "regression")
        inside = (other <= truth) & (truth <= upper)
        scores = {name: found[name].mean for name in ("mae", "r2")}
        scores["coverage_of_90_percent_intervals"] = float(inside.mean())
    return {
        "target": label,
        "protocol": PROTOCOL,
        "rows": len(truth),
        **{name: round(score, 4) for name, score in scores.items()},
    }
