"""Make the shipped predictor, with its scores on its card."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
from tqdm.auto import tqdm

from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.predictor import GAP, TARGETS, PhononPredictor, check_columns
from matminer_phonon_tl.models.regressor_choice import default_classifier, make_regressor

PROTOCOL = "leak_free: 5 folds grouped by formula, everything fitted inside the fold"


def train_predictor(
    df: pd.DataFrame,
    *,
    structure: bool = False,
    random_state: int = 0,
    progress: bool | None = None,
) -> PhononPredictor:
    """Score the default models by cross-validation, then train them on every row.

    Parameters
    ----------
    df : DataFrame
        As :func:`~matminer_phonon_tl.load_phonon_tl` gives it; the folds go by its ``formula``.
    structure : bool
        Use the structures as well.
    random_state : int
    progress : bool, optional
        Show a progress bar; default: on a terminal.

    Returns
    -------
    PhononPredictor
        ``card_["scores"]`` holds the scores with their protocol.
    """
    check_columns(df, ["composition", "formula", "has_phonon_bandgap", *TARGETS])
    hidden = None if progress is None else not progress
    materials = _described(df, structure=structure)
    scores = []
    with tqdm(total=1 + len(TARGETS), desc="Scoring", unit="model", disable=hidden) as bar:
        scores.append(_score_classifier(df, materials, random_state, structure=structure))
        for target in TARGETS:
            bar.update()
            scores.append(
                _score_regressor(df, materials, target, random_state, structure=structure)
            )
        bar.update()
    predictor = PhononPredictor(use_structure=structure, random_state=random_state)
    predictor.fit(df, progress=progress)
    predictor.card_ = {
        "training_data": predictor.classifier_.training_data_,
        "scores": scores,
        "units": {target: UNITS[target] for target in TARGETS},
        "citation": "doi:10.1126/sciadv.abd1356",
    }
    return predictor


def _described(df: pd.DataFrame, *, structure: bool) -> Materials:
    """The materials with all descriptors that the folds below will ask for."""
    materials = Materials.of(df)
    models: list[Any] = [
        default_classifier(0, structure=structure),
        *(make_regressor(target, structure=structure) for target in TARGETS),
    ]
    for model in models:
        materials.matrix(model.descriptors, use_structure=model.use_structure)
    return materials


def _score_classifier(
    df: pd.DataFrame, materials: Materials, random_state: int, *, structure: bool
) -> dict[str, Any]:
    truth = df["has_phonon_bandgap"].to_numpy(dtype=bool)
    held_out, decided = np.empty(len(df)), np.empty(len(df), dtype=bool)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=random_state)
    for train, test in folds.split(df, truth, df["formula"]):
        model = default_classifier(random_state, structure=structure)
        model.fit(materials.take(train), truth[train])
        held_out[test] = model.predict_proba(materials.take(test))[:, 1]
        decided[test] = held_out[test] >= model.threshold
    return {
        "target": "has_phonon_bandgap",
        "protocol": PROTOCOL,
        "rows": len(df),
        "f1": round(float(f1_score(truth, decided)), 4),
        "auroc": round(float(roc_auc_score(truth, held_out)), 4),
        "auprc": round(float(average_precision_score(truth, held_out)), 4),
    }


def _score_regressor(
    df: pd.DataFrame, materials: Materials, target: str, random_state: int, *, structure: bool
) -> dict[str, Any]:
    rows = np.arange(len(df))
    if target == GAP:
        rows = np.flatnonzero(df["has_phonon_bandgap"].to_numpy(dtype=bool))
    truth, formulas = df[target].to_numpy(), df["formula"].to_numpy()
    held_out, inside = np.full(len(df), np.nan), np.zeros(len(df), dtype=bool)
    folds = GroupKFold(5, shuffle=True, random_state=random_state)
    for train_of, test_of in folds.split(rows, groups=formulas[rows]):
        train, test = rows[train_of], rows[test_of]
        # Relatives' structures come from the other formulas too, their labels do not.
        known = df.loc[~np.isin(formulas, formulas[test]), ["composition", "structure"]]
        model = make_regressor(target, structure=structure, random_state=random_state)
        model.fit(materials.take(train), truth[train], source=known)
        held_out[test], lower, upper = model.predict_interval(materials.take(test), 0.9)
        inside[test] = (lower <= truth[test]) & (truth[test] <= upper)
    return {
        "target": target,
        "protocol": PROTOCOL,
        "rows": len(rows),
        "mae": round(float(mean_absolute_error(truth[rows], held_out[rows])), 4),
        "r2": round(float(r2_score(truth[rows], held_out[rows])), 4),
        "coverage_of_90_percent_intervals": round(float(inside[rows].mean()), 4),
    }
