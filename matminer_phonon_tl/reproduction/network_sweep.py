"""Do the paper's experiments with networks: a record for each architecture, target, protocol."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import ShuffleSplit

from matminer_phonon_tl.evaluation.network_protocols import clean_predictions, published_predictions
from matminer_phonon_tl.evaluation.scores import average_rounds, score_predictions
from matminer_phonon_tl.evaluation.splits import Split, SplitPlan
from matminer_phonon_tl.networks.transfer import TransferMLPRegressor
from matminer_phonon_tl.reproduction.paper import HOLDOUT, III_V, paper_frame

N_SPLITS = 5


@dataclass(frozen=True)
class NetworkTask:
    """Batch of architectures and what they are scored on."""

    experiment: str
    model: str
    protocol: str
    """Names that stand in scores.json."""
    targets: tuple[str, ...]
    architectures: tuple[tuple[int, ...], ...]
    first: int
    """Number of the first architecture; it is added to the seed."""
    n_repeats: int
    parameters: tuple[tuple[str, Any], ...] = ()
    """Parameters of TransferMLPRegressor that differ from the paper's."""
    rows: str = "gapped"
    """One of "gapped", "all"."""
    holdout: bool = False
    """Whether to take random 60/40 splits in place of five folds."""
    structure: bool = False
    """Whether to add descriptors of the structure to the composition's."""
    carry: str = "all"
    """What the published protocol carries from fit to fit: "all", "fit_on_all", "none"."""
    layers: str | None = None
    """Name of the layers that are transferred or frozen, in the experiments that vary them."""


@cache
def structure_matrix(rows: str) -> NDArray[np.float64]:
    """Return the descriptors of composition and structure, kept because they take a while."""
    from matminer_phonon_tl.models.materials import descriptor_matrix

    return descriptor_matrix(paper_frame(rows), "xenonpy", use_structure=True)


def run_networks(task: NetworkTask, *, seed: int, device: str, progress: bool) -> dict[str, Any]:
    """Train and score a batch of architectures.

    Each record has an architecture's scores for a target, the error of each round and the
    predictions averaged over the rounds.
    """
    frame = paper_frame(task.rows)
    model = TransferMLPRegressor(
        list(task.architectures),
        device=device,
        random_state=seed + task.first,
        **dict(task.parameters),
    )
    X, source = _inputs(task, frame, model)
    model.set_params(source=source)
    labels = np.stack([frame[name].to_numpy(dtype=np.float64) for name in task.targets])
    splits = _splits(task, len(frame), seed)
    if task.protocol == "published":
        predicted = published_predictions(
            model, X, labels, splits, source, seed + task.first, carry=task.carry, progress=progress
        )
    else:
        predicted = np.stack(
            [
                clean_predictions(model, X, y, splits, source, seed + task.first, progress=progress)
                for y in labels
            ]
        )
    return {
        "records": [
            _record(task, target, architecture, labels[t], predicted[t, a])
            for t, target in enumerate(task.targets)
            for a, architecture in enumerate(task.architectures)
        ]
    }


def run_iii_v(task: NetworkTask, *, seed: int, device: str, progress: bool) -> dict[str, Any]:
    """Fit to all gapped materials and predict the four compounds of the paper's Table 2.

    ``published`` fits to unscaled labels, as the script does. The compounds are in no training
    set, so nothing can leak.
    """
    from matminer_phonon_tl.networks.engine import train_folds
    from matminer_phonon_tl.networks.jobs import network_seeds

    frame = paper_frame("gapped")
    model = TransferMLPRegressor(
        list(task.architectures), device=device, random_state=seed + task.first, verbose=progress
    )
    compounds, records = list(III_V), []
    for target in task.targets:
        y = frame[target].to_numpy()
        fitted = model.fit(frame, y)
        members = fitted.predict_members(compounds)
        if task.protocol == "published":
            from matminer_phonon_tl.featurizers import XenonPyDescriptors

            describe = XenonPyDescriptors().featurize_array
            stack = train_folds(
                describe(frame["composition"].tolist()),
                y,
                [np.arange(len(y))] * len(task.architectures),
                task.architectures,
                replace(model.training_settings(), scale_labels=False),
                network_seeds(seed + task.first, len(task.architectures)),
                initial=fitted.source_networks_,
            )
            members = stack.predict(describe(compounds))[:, :, 0]
        records += [
            {"target": target, "protocol": task.protocol, "compound": compound,
             "predictions": members[:, column].tolist()}
            for column, compound in enumerate(compounds)
        ]  # fmt: skip
    return {"iii_v": records}


def _inputs(task: NetworkTask, frame: pd.DataFrame, model: Any) -> tuple[Any, Any]:
    """Return materials and source as the estimator takes them."""
    if not task.structure:
        return frame[["composition"]], model.source
    source = None
    if model.source is not None:
        source = structure_matrix("all"), paper_frame("all")["bandgap"].to_numpy()
    return structure_matrix(task.rows), source


def _splits(task: NetworkTask, n_rows: int, seed: int) -> list[Split]:
    splitter = None
    if task.holdout:
        splitter = ShuffleSplit(task.n_repeats, test_size=HOLDOUT, random_state=seed)
    plan = SplitPlan(task.protocol, N_SPLITS, task.n_repeats, None, splitter, seed)
    return plan.make(np.zeros((n_rows, 1)), None, np.zeros(n_rows), stratify=False)


def _record(
    task: NetworkTask,
    target: str,
    architecture: Sequence[int],
    y: NDArray[np.float64],
    predicted: NDArray[np.float64],
) -> dict[str, Any]:
    scores = score_predictions(y, predicted, "regression")
    return {
        "experiment": task.experiment,
        "target": target,
        "model": task.model,
        "protocol": task.protocol,
        "carry": task.carry if task.protocol == "published" else None,
        "rows": task.rows,
        "layers": task.layers,
        "architecture": list(architecture),
        "n_repeats": task.n_repeats,
        "mae_averaged": scores["mae"].of_averaged,
        "r2_averaged": scores["r2"].of_averaged,
        "rmse_averaged": scores["rmse"].of_averaged,
        "mae_rounds": list(scores["mae"].per_round),
        "r2_rounds": list(scores["r2"].per_round),
        "averaged": [
            None if np.isnan(value) else value for value in average_rounds(predicted).tolist()
        ],
    }
