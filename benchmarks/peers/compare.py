"""Score peers beside ours on the same folds, with the interval of the difference.

Usage: python benchmarks/peers/compare.py FOLDS_JSON OURS_JSON PEER_JSON...

Peers with fewer rounds are compared to ours of the same rounds. Intervals are percentile bootstraps
over materials, each with all its rounds; polymorphs of one formula are drawn together. Regression:
:func:`matminer_phonon_tl.evaluation.compare`. The heat capacity that a peer learnt per atom is
multiplied by the atoms of the formula and scored as ours.
"""

import json
import sys
from pathlib import Path

import numpy as np
from make_folds import PER_ATOM
from pymatgen.core import Composition
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from matminer_phonon_tl.evaluation import CrossValidationResult, compare
from matminer_phonon_tl.evaluation.scores import score_predictions
from matminer_phonon_tl.evaluation.splits import Split

RESAMPLES = 500
METRICS = {
    "f1": lambda y, p, w: f1_score(y, p >= 0.5, sample_weight=w, zero_division=0.0),
    "auroc": lambda y, p, w: roc_auc_score(y, p, sample_weight=w),
    "auprc": lambda y, p, w: average_precision_score(y, p, sample_weight=w),
}


def main() -> None:
    """Print one table for each task."""
    folds, ours, *peers = (json.loads(Path(path).read_text("utf-8")) for path in sys.argv[1:])
    for own in (ours, *peers):
        versions = ", ".join(f"{package} {number}" for package, number in own["versions"].items())
        print(f"{own['name']}: {own['settings']} ({versions})")
    for name, task in folds["tasks"].items():
        if name == PER_ATOM:
            continue
        print(f"\n{name}{', ' + task['unit'] if task['unit'] else ''} [{task['protocol']}]")
        table = classification if task["kind"] == "classification" else regression
        for line in table(folds, name, ours, peers):
            print("| " + " | ".join(line) + " |", flush=True)


def regression(folds: dict, name: str, ours: dict, peers: list[dict]) -> list[list[str]]:
    """Return the rows of one target's table."""
    lines = [
        ["model", "rounds", "MAE", "MAE of averaged", "R2 of averaged", "ratio", "peer - ours"]
    ]
    lines += [["---"] * len(lines[0])]
    for label, predictions in entries(folds, name, ours, peers):
        peer = result(folds, name, label, predictions)
        base = result(folds, name, "ours", ours["tasks"][name][: peer.n_rounds])
        found = compare(peer, base, n_bootstrap=RESAMPLES)
        low, high = found.interval
        is_ours = predictions is ours["tasks"][name]
        lines.append(
            [
                label,
                str(peer.n_rounds),
                f"{peer.mae.mean:.3f}",
                f"{peer.mae.of_averaged:.3f}",
                f"{peer.r2.of_averaged:.3f}",
                f"{found.first / found.second:.2f}",
                "" if is_ours else f"{found.difference:+.3f} [{low:+.3f}, {high:+.3f}]",
            ]
        )
    return lines


def classification(folds: dict, name: str, ours: dict, peers: list[dict]) -> list[list[str]]:
    """Return the rows of the classifier's table: scores, and differences to ours."""
    lines = [["model", "rounds", *(f"{metric} (peer - ours)" for metric in METRICS)]]
    lines += [["---"] * len(lines[0])]
    y = np.array(folds["tasks"][name]["labels"])
    formulas = [folds["formulas"][row] for row in folds["tasks"][name]["rows"]]
    for label, predictions in entries(folds, name, ours, peers):
        own = np.array(predictions)
        base = np.array(ours["tasks"][name][: len(own)])
        scores = score_predictions(y, own, "classification")
        cells = [f"{scores[metric].mean:.3f}" for metric in METRICS]
        if predictions is not ours["tasks"][name]:
            found = differences(y, own, base, formulas)
            cells = [
                "{} ({:+.3f} [{:+.3f}, {:+.3f}])".format(cell, *found[metric])
                for cell, metric in zip(cells, METRICS, strict=True)
            ]
        lines.append([label, str(len(own)), *cells])
    return lines


def entries(folds: dict, name: str, ours: dict, peers: list[dict]):
    """Yield a name and predictions of each model that has this task, or its heat per atom."""
    for own in (ours, *peers):
        if name in own["tasks"]:
            yield own["name"], own["tasks"][name]
        if name == "heat_capacity" and PER_ATOM in own["tasks"]:
            per_atom = np.array(own["tasks"][PER_ATOM])
            yield own["name"] + ", per atom", (per_atom * atoms(folds, name)).tolist()


def atoms(folds: dict, name: str) -> np.ndarray:
    """Atoms of the reduced formula of each of the task's materials."""
    rows = folds["tasks"][name]["rows"]
    return np.array([Composition(folds["formulas"][row]).num_atoms for row in rows])


def result(folds: dict, name: str, label: str, predictions: list) -> CrossValidationResult:
    """Return predictions as cross_validate would."""
    task = folds["tasks"][name]
    array = np.array(predictions, dtype=float)
    return CrossValidationResult(
        protocol="leak_free",
        target=name,
        unit=task["unit"],
        task=task["kind"],
        estimator=label,
        y=np.array(task["labels"]),
        predictions=array,
        splits=tuple(
            Split(own["round"], own["fold"], np.array(own["train"]), np.array(own["test"]))
            for own in task["splits"]
            if own["round"] < len(array)
        ),
        rows=tuple(str(row) for row in task["rows"]),
        formulas=tuple(folds["formulas"][row] for row in task["rows"]),
    )


def differences(
    y: np.ndarray, first: np.ndarray, second: np.ndarray, groups: list[str]
) -> dict[str, tuple[float, float, float]]:
    """Return first minus second and its 95 % interval, for each score of a classifier.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    first, second : ndarray of shape (n_rounds, n_rows)
        Probabilities.
    groups : list of str
        What is drawn together.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    n_groups = int(codes.max()) + 1
    random = np.random.default_rng(0)
    draws = [np.ones(len(y))] + [
        random.multinomial(n_groups, np.full(n_groups, 1 / n_groups))[codes].astype(float)
        for _ in range(RESAMPLES)
    ]
    out = {}
    for metric, score in METRICS.items():
        found = []
        for weights in draws:
            kept = weights > 0
            found.append(
                np.mean(
                    [
                        score(y[kept], one[kept], weights[kept])
                        - score(y[kept], other[kept], weights[kept])
                        for one, other in zip(first, second, strict=True)
                    ]
                )
            )
        low, high = np.quantile(found[1:], [0.025, 0.975])
        out[metric] = (float(found[0]), float(low), float(high))
    return out


if __name__ == "__main__":
    main()
