"""Train the predictor that ships, and write its scores on its card."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from tqdm.auto import tqdm

from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.evaluation.scores import score_predictions
from matminer_phonon_tl.evaluation.source_hygiene import without_formulas
from matminer_phonon_tl.evaluation.splits import kfold_splits
from matminer_phonon_tl.models import PhononGapClassifier, PhononPredictor, PhononRegressor
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.predictor import (
    HAS_GAP,
    TARGETS,
    check_columns,
    labelled_rows,
)
from matminer_phonon_tl.models.regressor_choice import default_classifier, make_regressor
from matminer_phonon_tl.models.source_tasks import load_source

PROTOCOL = "leak_free: 5 folds grouped by formula, everything fitted inside the fold"
LEVEL = 0.9
"""Share of labels that the intervals on the card are to hold."""


def train_predictor(
    df: pd.DataFrame,
    *,
    structure: bool = False,
    random_state: int = 0,
    progress: bool | None = None,
) -> PhononPredictor:
    """Score the default models by cross-validation, then train them on every row with a label.

    ``card_["scores"]`` of the predictor holds the scores with their protocol. `structure` uses the
    structures as well.
    """
    check_columns(df, ["composition", "structure", HAS_GAP, *TARGETS])
    models: dict[str, Any] = {HAS_GAP: default_classifier(random_state, structure=structure)}
    for target in TARGETS:
        models[target] = make_regressor(target, structure=structure, random_state=random_state)
    materials = Materials.of(df)
    scores = []
    hidden = None if progress is None else not progress
    with tqdm(models.items(), desc="Scoring", unit="model", disable=hidden) as bar:
        for target, model in bar:
            rows = labelled_rows(df, target)
            part = materials.take(rows)
            # described once for all folds
            part.matrix(model.descriptors, use_structure=model.use_structure)
            scores.append(_score(model, target, df, rows, part, random_state))
    predictor = PhononPredictor(use_structure=structure, random_state=random_state)
    predictor.fit(df, progress=progress)
    predictor.card_ = {
        "training_data": predictor.classifier_.training_data_,
        "scores": scores,
        "units": {target: UNITS[target] for target in TARGETS},
        "citation": "doi:10.1126/sciadv.abd1356",
    }
    return predictor


def _score(
    model: PhononGapClassifier | PhononRegressor,
    target: str,
    df: pd.DataFrame,
    rows: NDArray[np.intp],
    materials: Materials,
    random_state: int,
) -> dict[str, Any]:
    """Cross-validate a model on some rows; structures to borrow are not of tested formulas."""
    table = df.iloc[rows]
    classifying = isinstance(model, PhononGapClassifier)
    truth = table[target].to_numpy(dtype=bool if classifying else np.float64)
    splits = kfold_splits(
        table,
        truth,
        n_splits=5,
        n_repeats=1,
        groups="formula",
        random_state=random_state,
        stratify=classifying,
    )
    reduced = materials.reduced_formulas()
    predicted, other, upper = np.full((3, len(rows)), np.nan)
    for split in splits:
        train, test = materials.take(split.train), materials.take(split.test)
        fold = clone(model)
        if isinstance(fold, PhononGapClassifier):
            fold.fit(train, truth[split.train])
            predicted[split.test] = fold.predict_proba(test)[:, 1]
            other[split.test] = fold.predict(test)
        else:
            source = without_formulas(
                load_source("structures"), [reduced[row] for row in split.test]
            )
            fold.fit(train, truth[split.train], source=source)
            held_out = fold.predict_interval(test, LEVEL)
            predicted[split.test], other[split.test], upper[split.test] = held_out
    if classifying:
        found = score_predictions(truth, predicted[None], "classification", other[None])
        scores = {name: found[name].mean for name in ("f1", "auroc", "auprc")}
    else:
        found = score_predictions(truth, predicted[None], "regression")
        inside = (other <= truth) & (truth <= upper)
        scores = {name: found[name].mean for name in ("mae", "r2")}
        scores["coverage_of_90_percent_intervals"] = float(inside.mean())
    return {
        "target": target,
        "protocol": PROTOCOL,
        "rows": len(rows),
        **{name: round(score, 4) for name, score in scores.items()},
    }
