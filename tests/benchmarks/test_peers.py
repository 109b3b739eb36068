"""The folds peers are given are ours, no tested label reaches them, and the tables are right."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from matminer_phonon_tl.evaluation import cross_validate

PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"
pytestmark = pytest.mark.skipif(not PEERS.exists(), reason="the benchmarks are in the repository")


@pytest.fixture(scope="module")
def peers():
    """Return the scripts as modules."""
    sys.path.insert(0, str(PEERS))
    try:
        import compare
        import held_out
        import make_folds
    finally:
        sys.path.remove(str(PEERS))
    return {"compare": compare, "held_out": held_out, "make_folds": make_folds}


@pytest.fixture(scope="module")
def folds(peers):
    return json.loads(json.dumps(peers["make_folds"].folds()))


def as_lists(splits):
    return [(split.round, split.train.tolist(), split.test.tolist()) for split in splits]


@pytest.mark.parametrize("target", ["phonon_bandgap", "speed_of_sound", "heat_capacity"])
def test_folds_are_those_of_cross_validate(folds, phonon_tl, target):
    gapped = phonon_tl[phonon_tl["has_phonon_bandgap"]]
    result = cross_validate(DummyRegressor(), gapped, target, "leak_free", 5, 3, random_state=0)
    task = folds["tasks"][target]
    assert [(own["round"], own["train"], own["test"]) for own in task["splits"]] == as_lists(
        result.splits
    )
    assert task["labels"] == result.y.tolist()
    compositions = [folds["compositions"][row].replace(" ", "") for row in task["rows"]]
    assert compositions == list(result.formulas)


def test_the_classifiers_folds_are_those_of_cross_validate(folds, phonon_tl):
    target = "has_phonon_bandgap"
    result = cross_validate(
        DummyClassifier(), phonon_tl, target, n_repeats=3, groups="formula", random_state=0
    )
    task = folds["tasks"][target]
    assert [(own["round"], own["train"], own["test"]) for own in task["splits"]] == as_lists(
        result.splits
    )
    assert task["labels"] == result.y.tolist()
    for own in task["splits"]:
        train, test = ({folds["formulas"][row] for row in own[side]} for side in ("train", "test"))
        assert not train & test


def test_no_tested_label_reaches_a_peer(peers):
    task = {
        "kind": "regression",
        "labels": [0.0, 1.0, 2.0, 3.0],
        "splits": [
            {"round": 0, "fold": 0, "train": [0, 1], "test": [2, 3]},
            {"round": 0, "fold": 1, "train": [2, 3], "test": [0, 1]},
        ],
    }
    seen = []

    def fit_predict(X, y, X_test, *, kind, seed):
        seen.append((X.tolist(), y.tolist(), X_test.tolist(), kind, seed))
        return np.full(len(X_test), y.mean())

    out = peers["held_out"].predict(task, np.array(list("abcd")), fit_predict, 3)
    assert out == [[2.5, 2.5, 0.5, 0.5]]
    assert seen == [
        (["a", "b"], [0.0, 1.0], ["c", "d"], "regression", 0),
        (["c", "d"], [2.0, 3.0], ["a", "b"], "regression", 1),
    ]


def small(kind, labels):
    return {
        "formulas": ["GaN", "InN", "InN", "AlN"],
        "tasks": {
            "heat_capacity": {
                "kind": kind,
                "unit": "J/mol/K",
                "protocol": "leak_free",
                "rows": [0, 1, 2, 3],
                "labels": labels,
                "splits": [
                    {"round": number, "fold": fold, "train": train, "test": test}
                    for number in range(2)
                    for fold, (train, test) in enumerate([([0, 1], [2, 3]), ([2, 3], [0, 1])])
                ],
            }
        },
    }


def test_a_regression_table(peers):
    folds = small("regression", [1.0, 2.0, 3.0, 4.0])
    ours = {"name": "ours", "tasks": {"heat_capacity": [[1.5, 2.5, 3.5, 4.5]] * 2}}
    peer = {
        "name": "peer",
        "tasks": {
            "heat_capacity": [[2.0, 3.0, 4.0, 5.0]],
            "heat_capacity_per_atom": [[0.5, 1.0, 1.5, 2.0]],
        },
    }
    _, _, own, other, per_atom = peers["compare"].regression(folds, "heat_capacity", ours, [peer])
    assert own == ["ours", "2", "0.500", "0.500", "0.800", "1.00", ""]
    # every material differs by the same, so that no resample differs
    assert other[:3] == ["peer", "1", "1.000"]
    assert other[4:] == ["0.200", "2.00", "+0.500 [+0.500, +0.500]"]
    assert per_atom[:3] == ["peer, per atom", "1", "0.000"]


def test_a_classifiers_table(peers, monkeypatch):
    monkeypatch.setattr(peers["compare"], "RESAMPLES", 50)
    y = np.array([0, 0, 1, 1] * 10)
    good = np.where(y == 1, 0.9, 0.1)[None]
    groups = [str(number) for number in range(len(y))]
    found = peers["compare"].differences(y, 1 - good, good, groups)
    assert found["auroc"] == (-1.0, -1.0, -1.0)
    assert found["f1"] == (-1.0, -1.0, -1.0)
    assert peers["compare"].differences(y, good, good, groups)["auprc"] == (0.0, 0.0, 0.0)
