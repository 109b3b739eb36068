"""Do the experiments that train no sweep of networks: classifier, leakage probe, labels."""

from typing import Any

import numpy as np

from matminer_phonon_tl.evaluation.scores import score_predictions
from matminer_phonon_tl.reproduction.measured import derived_against_measured
from matminer_phonon_tl.reproduction.paper import III_V, Scale, draw_architectures, paper_frame

CLASSIFIER = "SMOTE + random forest"
LABELS = (
    "bandgap", "phonon_bandgap", "speed_of_sound", "heat_capacity", "heat_capacity_per_atom",
)  # fmt: skip


def run_classifier(protocol: str, n_repeats: int, *, seed: int, progress: bool) -> dict[str, Any]:
    """Score the gap classifier on the paper's split; leak_free also on folds grouped by formula."""
    from matminer_phonon_tl.evaluation.protocols import cross_validate
    from matminer_phonon_tl.models.gap_classifier import PhononGapClassifier

    df = paper_frame("all")
    train, test = (df[df["paper_split"] == side] for side in ("train", "test"))
    model = PhononGapClassifier(protocol=protocol, random_state=seed, n_jobs=-1)
    model.fit(train, train["has_phonon_bandgap"])
    truth = test["has_phonon_bandgap"].to_numpy(dtype=int)
    probability = model.predict_proba(test)[:, 1]
    scores = score_predictions(truth, probability[None], "classification")
    common = {
        "experiment": "classifier",
        "target": "has_phonon_bandgap",
        "model": CLASSIFIER,
        "protocol": protocol,
        "mae": None,
        "r2": None,
        "mae_std": None,
        "n_architectures": 1,
    }
    records = [
        {**common, "split": "paper's", "n_repeats": 1, "n_rows": len(truth)}
        | {name: score.mean for name, score in scores.items()}
    ]
    if protocol == "leak_free":
        # the search's usual result: searching in each fold costs ten times more, changes little
        fixed = PhononGapClassifier(
            param_grid={"n_estimators": [200], "max_depth": [None]}, random_state=seed
        )
        grouped = cross_validate(
            fixed, df, "has_phonon_bandgap", n_repeats=n_repeats, groups="formula",
            random_state=seed, n_jobs=-1, progress=progress,
        )  # fmt: skip
        records.append(
            {**common, "split": "5 folds by formula", "n_repeats": n_repeats, "n_rows": len(df)}
            | {name: score.mean for name, score in grouped.scores.items()}
            | {f"{name}_std": _number(score.std) for name, score in grouped.scores.items()}
        )
    return {
        "scores": records,
        "classifier": {
            "protocol": protocol,
            "truth": truth.tolist(),
            "probability": probability.tolist(),
            "formula": test["formula"].tolist(),
            "material_id": test["material_id"].tolist(),
            "importances": model.feature_importances().to_dict(),
        },
        "gap_probability": dict(
            zip(III_V, model.predict_proba(list(III_V))[:, 1].tolist(), strict=True)
        ),
    }


def run_leak_probe(protocol: str, scale: Scale, *, seed: int, device: str) -> dict[str, Any]:
    """Look for a leak of a protocol by permuted labels, with the first architecture."""
    from matminer_phonon_tl.evaluation.leakage import leakage_probe
    from matminer_phonon_tl.networks.transfer import TransferMLPRegressor

    model = TransferMLPRegressor(
        list(draw_architectures(1, seed)), device=device, random_state=seed
    )
    report = leakage_probe(
        model, paper_frame("gapped"), "phonon_bandgap", protocol,
        n_permutations=scale.n_permutations, n_repeats=1, random_state=seed,
    )  # fmt: skip
    return {"leak_probe": report.as_dict()}


def run_labels() -> dict[str, Any]:
    """Return the labels of all materials, and derived properties beside measured ones."""
    df = paper_frame("all")
    return {
        "labels": {
            "has_phonon_bandgap": df["has_phonon_bandgap"].astype(bool).tolist(),
            **{name: [_number(v) for v in df[name].astype(float)] for name in LABELS},
        },
        "measured": derived_against_measured(df),
    }


def _number(value: float) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
