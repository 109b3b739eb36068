"""Hand a peer its training rows fold by fold, and keep what it says of the others.

This file runs in every peer's environment, so it needs numpy alone. A peer is a function that is
given descriptions and labels of the training rows and descriptions of the tested rows: no label of
a tested row ever reaches it.
"""

import argparse
import json
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np


def main(
    name: str,
    describe: Callable,
    fit_predict: Callable,
    *,
    settings: str,
    packages: tuple[str, ...],
) -> None:
    """Read FOLDS, write the peer's held-out predictions to OUT.

    Parameters
    ----------
    name : str
        What the peer is called in the tables.
    describe : callable
        Takes all compositions as strings, each by itself; returns a DataFrame or an array with one
        row for each.
    fit_predict : callable
        Takes rows of that and their labels, rows to predict, the kind of task and a seed; returns
        values, or probabilities of a gap.
    settings : str
        One sentence for the tables.
    packages : tuple of str
        Whose versions are written down.
    """
    parser = argparse.ArgumentParser(description=main.__doc__.splitlines()[0])
    parser.add_argument("folds", type=Path, help="file of make_folds.py")
    parser.add_argument("out", type=Path, help="file of predictions, JSON")
    parser.add_argument("--task", action="append", help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of folds, at most 3")
    arguments = parser.parse_args()
    file = json.loads(arguments.folds.read_text(encoding="utf-8"))
    tasks = arguments.task or list(file["tasks"])
    # only what these tasks hold: describing all 1245 takes some peers hours
    rows = sorted({row for task in tasks for row in file["tasks"][task]["rows"]})
    described = describe([file["compositions"][row] for row in rows])
    out = {
        "name": name,
        "settings": settings,
        "versions": {package: version(package) for package in packages},
        "tasks": {},
        "seconds": {},
    }
    for name_of_task in tasks:
        start = time.perf_counter()
        task = file["tasks"][name_of_task]
        own = take(described, np.searchsorted(rows, task["rows"]))
        out["tasks"][name_of_task] = predict(task, own, fit_predict, arguments.rounds)
        out["seconds"][name_of_task] = round(time.perf_counter() - start, 1)
        print(f"{name}: {name_of_task}, {out['seconds'][name_of_task]} s", flush=True)
        arguments.out.write_text(json.dumps(out), encoding="utf-8")


def predict(task: dict, described, fit_predict: Callable, rounds: int) -> list[list[float]]:
    """Predict every row of a task once in each round.

    Parameters
    ----------
    task : dict
        With ``kind``, ``labels`` and ``splits``, as make_folds.py writes it.
    described : DataFrame or array
        Of the task's materials, in its order.
    fit_predict : callable
    rounds : int

    Returns
    -------
    list of list of float
        One list for each round, in the order of the task's rows.
    """
    labels = np.array(task["labels"])
    own = [split for split in task["splits"] if split["round"] < rounds]
    out = np.full((1 + max(split["round"] for split in own), len(labels)), np.nan)
    for seed, split in enumerate(own):
        train, test = split["train"], split["test"]
        predicted = fit_predict(
            take(described, train),
            labels[train],
            take(described, test),
            kind=task["kind"],
            seed=seed,
        )
        out[split["round"], test] = np.asarray(predicted, dtype=float).reshape(len(test))
    if not np.isfinite(out).all():
        raise ValueError(f"expected finite predictions, got {out[~np.isfinite(out)][0]}")
    return out.tolist()


def take(described, rows):
    """Rows of a table or an array, by position."""
    return described.iloc[rows] if hasattr(described, "iloc") else described[rows]
