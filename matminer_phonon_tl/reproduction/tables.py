"""Make scores.json and the CSV tables from what the jobs returned.

Each table is made once: it is written as CSV, and the figure of the same numbers is drawn from it.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.evaluation.comparison import compare, corrected_interval
from matminer_phonon_tl.evaluation.result import CrossValidationResult
from matminer_phonon_tl.evaluation.scores import score_predictions
from matminer_phonon_tl.evaluation.splits import Split
from matminer_phonon_tl.files import data_hash, write_atomically
from matminer_phonon_tl.reproduction.paper import (
    HOLDOUT,
    III_V,
    paper_frame,
    published_figure,
)

Records = Sequence[Mapping[str, Any]]
KEY = ("experiment", "target", "model", "protocol")
LEVEL = 0.95
SELECTION = "lowest test MAE of all architectures, as in the paper: a selection on the test score"
PARITY = ("source", "transfer", "full_data")


def make_tables(contents: Sequence[Mapping[str, Any]]) -> dict[str, pd.DataFrame]:
    """Return every table by its file's name; a table is empty where its experiment was not run."""
    records = list(_collect(contents, "records"))
    found = [content["classifier"] for content in contents if "classifier" in content]
    return {
        "architectures": architecture_table(records),
        "leak_by_round": leak_table(records),
        "holdout_60_40": holdout_table(records),
        "parity": parity_table(records),
        "comparisons": comparison_table(records),
        "leak_probe": pd.DataFrame(
            {"protocol": content["leak_probe"]["protocol"], "correlation": value}
            for content in contents
            if "leak_probe" in content
            for value in content["leak_probe"]["associations"]
        ),
        "classifier": _concatenate(
            pd.DataFrame(
                {
                    "protocol": part["protocol"],
                    "formula": part["formula"],
                    "material_id": part["material_id"],
                    "has_phonon_bandgap": part["truth"],
                    "probability": part["probability"],
                }
            )
            for part in found
        ),
        "importances": pd.DataFrame(
            {"protocol": part["protocol"], "descriptor": name, "importance": value}
            for part in found
            for name, value in part["importances"].items()
        ),
        "iii_v": iii_v_table(contents),
        "labels": _concatenate(
            pd.DataFrame(content["labels"]) for content in contents if "labels" in content
        ),
        "derived_against_measured": pd.DataFrame(_collect(contents, "measured")),
    }


def write_tables(
    folder: Path,
    contents: Sequence[Mapping[str, Any]],
    tables: Mapping[str, pd.DataFrame],
    methods: Mapping[str, Any],
) -> dict[str, Any]:
    """Write scores.json and the CSV tables; return the content of scores.json."""
    records = _collect(contents, "records")
    scores = [
        *summarise(record for record in records if record["carry"] in (None, "all")),
        *_collect(contents, "scores"),
        *iii_v_scores(tables["iii_v"]),
    ]
    for score in scores:
        score["published_figure"] = published_figure(
            score["experiment"], score["target"], score["model"]
        )
    flat = pd.DataFrame(scores).drop(columns=["best", "published_figure"], errors="ignore")
    for name, table in {"scores": flat, **tables}.items():
        if len(table):
            write_atomically(folder / f"{name}.csv", table.to_csv(index=False).encode())
    probes = [content["leak_probe"] for content in contents if "leak_probe" in content]
    document = {"scores": scores, "leak_probes": probes, "methods": dict(methods)}
    text = json.dumps(document, indent=1, allow_nan=False)
    write_atomically(folder / "scores.json", text.encode())
    return document


def select(table: pd.DataFrame, **wanted: Any) -> pd.DataFrame:
    """Return the rows with these values in these columns; None stands for a missing value."""
    for column, value in wanted.items():
        if not len(table):
            break
        table = table[table[column].isna() if value is None else table[column] == value]
    return table


def without_parts_of_the_leak(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table's rows less those in which only a part of the leak was switched on."""
    return table[table["carry"].isna() | (table["carry"] == "all")] if len(table) else table


def summarise(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one score for each experiment, target, model and protocol.

    ``mae`` and ``r2`` are means over the architectures; each architecture is scored on its
    predictions averaged over the rounds, or for 60/40 splits, where few rows are tested twice, as
    the mean over the splits. ``mae_std`` is the spread over the architectures, or over the rounds
    if there is only one.
    """
    scores = []
    for key, group in _grouped(records):
        holdout = key[0] == "holdout_60_40"
        averaged = np.array([record["mae_averaged"] for record in group])
        by_round = np.array([record["mae_rounds"] for record in group])
        r2 = np.array(
            [np.mean(record["r2_rounds"]) if holdout else record["r2_averaged"] for record in group]
        )
        mae = by_round.mean(axis=1) if holdout else averaged
        spread = mae if len(group) > 1 else by_round[0]
        best = int(mae.argmin())
        scores.append(
            {
                **dict(zip(KEY, key, strict=True)),
                "mae": float(mae.mean()),
                "r2": float(r2.mean()),
                "mae_std": float(spread.std(ddof=1)) if len(spread) > 1 else None,
                "mae_std_over": "architectures" if len(group) > 1 else "rounds",
                "mae_of": "rounds" if holdout else "averaged predictions",
                "mae_one_round": float(by_round.mean()),
                "n_architectures": len(group),
                "n_repeats": group[0]["n_repeats"],
                "n_rows": len(group[0]["averaged"]),
                "unit": UNITS.get(key[1], ""),
                **(_gapped_scores(group) if key[0] == "full_data" else {}),
                "best": {
                    "mae": float(mae[best]),
                    "r2": float(r2[best]),
                    "architecture": group[best]["architecture"],
                    "selection": SELECTION,
                },
            }
        )
    return scores


def architecture_table(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row for each architecture and score: the distribution behind every mean."""
    return pd.DataFrame(
        {
            **{name: record[name] for name in (*KEY, "carry", "layers")},
            "architecture": _named(record["architecture"]),
            "mae": record["mae_averaged"],
            "r2": record["r2_averaged"],
            "rmse": record["rmse_averaged"],
            "mae_one_round": float(np.mean(record["mae_rounds"])),
            "n_repeats": record["n_repeats"],
        }
        for record in records
    )


def leak_table(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the mean absolute error in each round, by what is carried from fit to fit."""
    rows = [
        {"target": record["target"], "model": record["model"], "protocol": record["protocol"],
         "carry": record["carry"], "round": number + 1, "mae": mae}
        for record in records
        if record["experiment"] == "transfer"
        for number, mae in enumerate(record["mae_rounds"])
    ]  # fmt: skip
    if not rows:
        return pd.DataFrame()
    names = ["target", "model", "protocol", "carry", "round"]
    grouped = pd.DataFrame(rows).groupby(names, dropna=False, sort=False)["mae"]
    return grouped.agg(["mean", "min", "max", "count"]).reset_index()


def holdout_table(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return error and R2 on each random 60/40 split, means over the architectures."""
    holdout = (record for record in records if record["experiment"] == "holdout_60_40")
    return _concatenate(
        pd.DataFrame(
            {
                "model": model,
                "protocol": protocol,
                "split": np.arange(1, len(group[0]["mae_rounds"]) + 1),
                "mae": np.mean([record["mae_rounds"] for record in group], axis=0),
                "r2": np.mean([record["r2_rounds"] for record in group], axis=0),
            }
        )
        for (_, _, model, protocol), group in _grouped(holdout)
    )


def parity_table(records: Records) -> pd.DataFrame:
    """Return each material's reference and averaged prediction, for one architecture.

    It is the one that the paper would show (:func:`best_architecture`).
    """
    scores = architecture_table(records)
    pairs = {(record["experiment"], record["target"]) for record in records}
    best = {pair: best_architecture(scores, *pair) for pair in pairs if pair[0] in PARITY}
    shown = []
    for record in records:
        architecture = _named(record["architecture"])
        pair = record["experiment"], record["target"]
        if record["carry"] not in (None, "all") or best.get(pair) != architecture:
            continue
        frame = paper_frame(record["rows"])
        shown.append(
            pd.DataFrame(
                {
                    **{name: record[name] for name in KEY},
                    "architecture": architecture,
                    "formula": frame["formula"].to_numpy(),
                    "material_id": frame["material_id"].to_numpy(),
                    "unit": UNITS[record["target"]],
                    "reference": frame[record["target"]].to_numpy(dtype=float),
                    "predicted": np.array(record["averaged"], dtype=float),
                }
            )
        )
    return _concatenate(shown)


def best_architecture(scores: pd.DataFrame, experiment: str, target: str) -> str | None:
    """Return the architecture that the paper would show: the lowest published error with transfer.

    Where nothing was transferred, or nothing was run as published, it has the lowest error there
    is.
    """
    chosen = select(without_parts_of_the_leak(scores), experiment=experiment, target=target)
    for wanted in ({"model": "TL", "protocol": "published"}, {"protocol": "published"}, {}):
        group = select(chosen, **wanted)
        if len(group):
            return str(group["architecture"].iloc[int(group["mae"].argmin())])
    return None


def comparison_table(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the difference of TL and non-TL with its interval.

    For five folds the interval is a bootstrap over formulas of predictions averaged over the
    rounds; for 60/40 splits, which test each material only a few times, the corrected resampled t.
    """
    groups = dict(_grouped(record for record in records if record["carry"] in (None, "all")))
    rows = []
    for (experiment, target, model, protocol), group in groups.items():
        other = groups.get((experiment, target, "non-TL", protocol))
        if model != "TL" or other is None or len(other) != len(group):
            continue
        if experiment == "transfer":
            row = _compare_materials(group, other)
        elif experiment == "holdout_60_40":
            row = _compare_splits(group, other)
        else:
            continue
        significant = not row["lower"] <= 0 <= row["upper"]
        rows.append(
            {"experiment": experiment, "target": target, "protocol": protocol, **row,
             "level": LEVEL, "significant": significant}
        )  # fmt: skip
    return pd.DataFrame(rows)


def _compare_materials(group: Records, other: Records) -> dict[str, Any]:
    """Compare TL with non-TL on averaged predictions, with the architectures as rounds."""
    found = compare(_as_result(group), _as_result(other), level=LEVEL)
    return {
        "mae_tl": found.first,
        "mae_non_tl": found.second,
        "difference": found.difference,
        "lower": found.interval[0],
        "upper": found.interval[1],
        "method": "bootstrap over formulas",
        "better_in": f"{found.rounds_won * found.n_rounds:g} of {found.n_rounds} architectures",
    }


def _compare_splits(group: Records, other: Records) -> dict[str, Any]:
    """Compare TL with non-TL on the same 60/40 splits, by means over the architectures."""
    tl, non_tl = (
        np.mean([record["mae_rounds"] for record in one], axis=0) for one in (group, other)
    )
    difference = tl - non_tl
    n_rows = len(group[0]["averaged"])
    n_tested = math.ceil(HOLDOUT * n_rows)
    lower, upper = corrected_interval(difference, n_tested / (n_rows - n_tested), LEVEL)
    return {
        "mae_tl": float(tl.mean()),
        "mae_non_tl": float(non_tl.mean()),
        "difference": float(difference.mean()),
        "lower": lower,
        "upper": upper,
        "method": "corrected resampled t",
        "better_in": f"{int((difference < 0).sum())} of {len(difference)} splits",
    }


def iii_v_table(contents: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return predictions for InN, GaSb, InAs and InSb beside the paper's and the references."""
    gaps = {
        content["classifier"]["protocol"]: content["gap_probability"]
        for content in contents
        if "gap_probability" in content
    }
    rows = []
    for content in contents:
        for record in content.get("iii_v", ()):
            paper = III_V[record["compound"]][record["target"]]
            values = np.array(record["predictions"])
            rows.append(
                {
                    "compound": record["compound"],
                    "target": record["target"],
                    "protocol": record["protocol"],
                    "predicted": float(values.mean()),
                    "spread": float(values.std(ddof=1)) if len(values) > 1 else None,
                    "paper": None if paper is None else paper[0],
                    "paper_spread": None if paper is None else paper[1],
                    "reference": None if paper is None else paper[2],
                    "gap_probability": gaps.get(record["protocol"], {}).get(record["compound"]),
                    "n_architectures": len(values),
                }
            )
    return pd.DataFrame(rows)


def iii_v_scores(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return mean absolute errors against the references, ours and the paper's."""
    if not len(table):
        return []
    scores = []
    for (target, protocol), rows in table.groupby(["target", "protocol"], sort=False):
        known = rows[rows["reference"].notna()].astype({"reference": float, "paper": float})
        scores.append(
            {
                "experiment": "iii_v",
                "target": target,
                "model": "TL",
                "protocol": protocol,
                "mae": float((known["predicted"] - known["reference"]).abs().mean()),
                "r2": None,
                "mae_std": None,
                "n_architectures": int(rows["n_architectures"].iloc[0]),
                "n_repeats": 1,
                "n_rows": len(known),
                "unit": UNITS[str(target)],
                "mae_of_the_paper": float((known["paper"] - known["reference"]).abs().mean()),
            }
        )
    return scores


def _gapped_scores(group: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return scores on the 124 gapped rows alone, to compare with the transfer experiment."""
    frame = paper_frame("all")
    gapped = frame["has_phonon_bandgap"].to_numpy(dtype=bool)
    y = frame[group[0]["target"]].to_numpy(dtype=float)[gapped]
    predicted = np.array([record["averaged"] for record in group], dtype=float)[:, gapped]
    scores = score_predictions(y, predicted, "regression")
    return {"mae_gapped": scores["mae"].mean, "r2_gapped": scores["r2"].mean}


def _collect(contents: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [entry for content in contents for entry in content.get(name, ())]


def _concatenate(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(), *tables], ignore_index=True)


def _named(architecture: Sequence[int]) -> str:
    return "-".join(map(str, architecture))


def _grouped(
    records: Iterable[Mapping[str, Any]],
) -> list[tuple[tuple[str, ...], list[Mapping[str, Any]]]]:
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for record in records:
        groups.setdefault(tuple(record[name] for name in KEY), []).append(record)
    return list(groups.items())


def _as_result(group: Sequence[Mapping[str, Any]]) -> CrossValidationResult:
    """Return the averaged predictions of the architectures as if each were a round."""
    frame = paper_frame("gapped")
    y = frame[group[0]["target"]].to_numpy(dtype=float)
    everything = np.arange(len(y))
    return CrossValidationResult(
        protocol=group[0]["protocol"],
        target=group[0]["target"],
        unit=UNITS[group[0]["target"]],
        task="regression",
        estimator=group[0]["model"],
        y=y,
        predictions=np.array([record["averaged"] for record in group], dtype=float),
        splits=tuple(Split(i, 0, everything, everything) for i in range(len(group))),
        rows=tuple(frame["material_id"]),
        formulas=tuple(frame["formula"]),
        data_sha256=data_hash(y),
    )
