"""What pre-training on phonondb_kyoto gains on the 124 gapped materials.

    python benchmarks/transfer_kyoto.py

Prints the table and draws the figure of docs/performance.md. Finished trials stand in
benchmarks/transfer_kyoto.jsonl, one line each. What is missing there is computed, so a killed run
goes on where it was; delete the file to compute everything anew.

Protocol strict: everything is fitted inside the fold, folds are by formula, and no source holds a
row of a tested formula. With and without transfer, architecture, epochs, folds and seeds are the
same. The step size, and with transfer whether BatchNorm is copied, is chosen for each on two rounds
of other folds of the same materials. Interval: Nadeau and Bengio's corrected resampled t over the
15 x 5 splits, which allows for overlapping training sets.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.datasets.load import KYOTO, NAME, dataset_metadata
from matminer_phonon_tl.evaluation.comparison import corrected_interval
from matminer_phonon_tl.evaluation.network_protocols import clean_predictions
from matminer_phonon_tl.evaluation.splits import Split, kfold_splits, shrink_training
from matminer_phonon_tl.files import write_atomically
from matminer_phonon_tl.models import TransferMLPRegressor
from matminer_phonon_tl.models.materials import describe
from matminer_phonon_tl.models.source_tasks import load_source

HERE = Path(__file__).parent
FIGURE = HERE.parent / "docs" / "figures" / "transfer_kyoto.png"
UNITS = {"phonon_bandgap": "cm-1", "speed_of_sound": "km/s", "heat_capacity": "J/mol/K"}
TRANSFORMS = {"phonon_bandgap": "sqrt", "speed_of_sound": "none", "heat_capacity": "per_atom"}
CURVES = {
    "phonon_bandgap": "lattice_dynamics",
    "speed_of_sound": "xenonpy",
    "heat_capacity": "xenonpy",
}
"""Descriptors that are recommended for each target, with which the curves are made."""

PAIRS = [*CURVES.items(), ("phonon_bandgap", "xenonpy")]
SOURCE_EPOCHS = {100: 300, 400: 300, 1600: 200, -1: 50}
"""By rows of the source, -1 for all: about 1600 steps in batches of 200, but never more than the
300 epochs that are the estimator's default."""
SHARES = (0.25, 0.5)  # of the training rows: 25 and 50; and all 99
CURVE_ROUNDS = 5
SMALL_CELL = {"largest_cell": 12, "source_epochs": 150}  # as the largest among the 124
WITHOUT = [{"learning_rate": rate} for rate in (0.01, 0.002, 0.0005)]
WITH = [
    {"learning_rate": 0.01},
    {"learning_rate": 0.002},
    {"learning_rate": 0.002, "transfer_batch_norm": True},
    {"learning_rate": 0.0005, "transfer_batch_norm": True},
]
LEVEL = 0.95
HIGHEST = 60  # per cent; what lies above it is written into the figure
OVERLAP = 1 / 4  # tested rows over training rows of a whole fold


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One setting on repeated folds.

    Attributes
    ----------
    source_rows : int
        Rows of the source, drawn anew for each split; 0 is no transfer and -1 takes all.
    largest_cell : int or None
        Only rows of the source with at most so many atoms in the primitive cell.
    target_share : float
        Share of each fold's training rows that is used.
    """

    target: str
    descriptors: str
    learning_rate: float
    transfer_batch_norm: bool = False
    source_rows: int = 0
    largest_cell: int | None = None
    source_epochs: int = SOURCE_EPOCHS[-1]
    target_share: float = 1.0
    seed: int = 0
    rounds: int = 15


class Scores:
    """Mean absolute error of each split by trial, kept in a file of JSON lines.

    Lines about other versions of the shipped sets stay in the file and are not read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = {name: dataset_metadata()[name]["hash"][:16] for name in (NAME, KYOTO)}
        self.lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.found: dict[Trial, np.ndarray] = {}
        for record in map(json.loads, self.lines):
            if record["data"] == self.data:
                self.found[Trial(**record["trial"])] = np.array(record["mae"])

    def of(self, trial: Trial) -> np.ndarray:
        """Return the error of each split; it is computed and kept unless it is known."""
        if trial not in self.found:
            mae = np.round(evaluate(trial), 5)
            print(f"{trial}: {mae.mean():.3f}", file=sys.stderr, flush=True)
            record = {"trial": asdict(trial), "data": self.data, "mae": mae.tolist()}
            self.lines.append(json.dumps(record))
            write_atomically(self.path, "".join(f"{line}\n" for line in self.lines).encode())
            self.found[trial] = mae
        return self.found[trial]

    def best(self, target: str, descriptors: str, source_rows: int) -> Trial:
        """Choose the step size on other folds, and return the trial on those that are reported."""
        menu = [
            Trial(target=target, descriptors=descriptors, source_rows=source_rows, **setting)
            for setting in (WITH if source_rows else WITHOUT)
        ]
        return min(menu, key=lambda trial: self.of(replace(trial, seed=100, rounds=2)).mean())


def evaluate(trial: Trial) -> np.ndarray:
    """Return the mean absolute error of each split."""
    gapped = load_phonon_tl(gapped_only=True)
    truth = gapped[trial.target].to_numpy()
    splits = folds(gapped, truth, trial)
    model = TransferMLPRegressor(
        source=None,
        source_epochs=trial.source_epochs,
        learning_rate=trial.learning_rate,
        transfer_batch_norm=trial.transfer_batch_norm,
        target_transform=TRANSFORMS[trial.target],
        descriptors=trial.descriptors,
    )
    sources = None
    if trial.source_rows:
        X, Y = described_source(trial.descriptors)
        drawn = [rows_of_source(gapped, split, trial, n) for n, split in enumerate(splits)]
        sources = [(X[rows], Y[rows]) for rows in drawn]
    found = clean_predictions(model, gapped, truth, splits, sources, trial.seed)[0]
    return np.array([np.abs(found[s.round, s.test] - truth[s.test]).mean() for s in splits])


def folds(gapped: pd.DataFrame, truth: np.ndarray, trial: Trial) -> list[Split]:
    """Return five folds by formula, repeated; a smaller training side lies within a larger one."""
    splits = kfold_splits(
        gapped, truth, n_splits=5, n_repeats=trial.rounds, groups="formula",
        random_state=trial.seed,
    )  # fmt: skip
    return shrink_training(splits, trial.target_share, trial.seed)


def rows_of_source(gapped: pd.DataFrame, split: Split, trial: Trial, number: int) -> np.ndarray:
    """Draw rows of the source that hold no tested formula; fewer rows lie within more."""
    formulas, atoms = source_materials()
    tested = {c.reduced_formula for c in gapped["composition"].iloc[split.test]}
    allowed = ~np.isin(formulas, list(tested))
    if trial.largest_cell is not None:
        allowed &= atoms <= trial.largest_cell
    order = np.random.default_rng([trial.seed, number]).permutation(np.flatnonzero(allowed))
    return np.sort(order if trial.source_rows == -1 else order[: trial.source_rows])


@cache
def source_materials() -> tuple[np.ndarray, np.ndarray]:
    """Return the reduced formula of each row of the source and the atoms of its primitive cell."""
    compositions = load_source("kyoto")["composition"]
    return (
        np.array([c.reduced_formula for c in compositions]),
        np.array([c.num_atoms for c in compositions]),
    )


@cache
def described_source(descriptors: str) -> tuple[np.ndarray, np.ndarray]:
    """Return descriptors and labels of the source."""
    frame = load_source("kyoto")
    return (
        describe(frame, descriptors).matrix,
        frame.drop(columns="composition").to_numpy(dtype=np.float64),
    )


def compare(scores: Scores, tl: Trial, non_tl: Trial) -> dict[str, float]:
    """Mean errors of two trials on the splits that both have, and the interval of the difference.

    Fewer rounds are the first of more: folds and seeds are the same. A split is left out where an
    error is a hundred times the usual one. That happens with few training rows: XenonPy's magnetic
    moments are noise in most elements, and where training rows hold no magnetic one, a tested one
    lies 10^9 standard deviations away.
    """
    errors, others = scores.of(tl), scores.of(non_tl)
    others = others[: len(errors)]
    sound = np.maximum(errors, others) < 100 * np.median(others)
    errors, others = errors[sound], others[sound]
    low, high = corrected_interval(errors - others, OVERLAP / tl.target_share, LEVEL)
    means = {"tl": errors.mean(), "non_tl": others.mean()}
    difference = means["tl"] - means["non_tl"]
    return {**means, "difference": difference, "low": low, "high": high, "splits": len(errors)}


def compute(scores: Scores) -> pd.DataFrame:
    """Run all trials, the main comparison first; one row a comparison."""
    rows = []

    def add(what: str, tl: Trial, non_tl: Trial) -> None:
        rates = {"non_tl_rate": non_tl.learning_rate}
        rows.append({"what": what, **asdict(tl), **rates, **compare(scores, tl, non_tl)})

    chosen = {pair: (scores.best(*pair, -1), scores.best(*pair, 0)) for pair in PAIRS}
    for tl, non_tl in chosen.values():
        add("main", tl, non_tl)
    for pair in CURVES.items():
        tl, non_tl = (replace(trial, rounds=CURVE_ROUNDS) for trial in chosen[pair])
        for share in SHARES:
            shrunk = {"target_share": share}
            add("target", replace(tl, **shrunk), replace(non_tl, **shrunk))
        # of the trial without a source, the first rounds are known
        add("small cells", replace(tl, **SMALL_CELL), chosen[pair][1])
        for size, epochs in SOURCE_EPOCHS.items():
            if size != -1:
                part = replace(tl, source_rows=size, source_epochs=epochs)
                add("source", part, chosen[pair][1])
    return pd.DataFrame(rows)


def print_table(table: pd.DataFrame) -> None:
    """Print the comparisons as Markdown."""
    every = len(load_source("kyoto"))
    print("| target | descriptors | source | target | splits | non-TL | TL | TL minus non-TL |")
    print("|---|---|---|---|---|---|---|---|")
    names = (*UNITS, "main", "small cells", "source", "target")
    order = {name: number for number, name in enumerate(names)}
    table = table.sort_values(
        ["target", "descriptors", "what"], key=lambda c: c.map(order.get).fillna(c), kind="stable"
    )
    for row in table.itertuples():
        rows = f"all {every}" if row.source_rows == -1 else str(row.source_rows)
        if row.what == "small cells":
            rows = f"cells of at most {SMALL_CELL['largest_cell']} atoms"
        digits = 2 if row.target == "phonon_bandgap" else 3
        numbers = [f"{value:.{digits}f}" for value in (row.non_tl, row.tl)]
        signed = [f"{value:+.{digits}f}" for value in (row.difference, row.low, row.high)]
        print(
            f"| {row.target}, {UNITS[row.target]} | {row.descriptors} | {rows} | "
            f"{round(99 * row.target_share)} | {row.splits} | {numbers[0]} | {numbers[1]} | "
            f"{signed[0]} ({signed[1]} to {signed[2]}) |"
        )
    print("\nStep sizes, chosen on other folds:\n")
    for row in table[table["what"] == "main"].itertuples():
        copied = " and BatchNorm copied" if row.transfer_batch_norm else ""
        print(
            f"- {row.target}, {row.descriptors}: {row.non_tl_rate} without and "
            f"{row.learning_rate}{copied} with transfer"
        )


def draw(table: pd.DataFrame) -> Figure:
    """Draw the relative gain against the rows of the source and of the target."""
    figure = Figure(figsize=(8.2, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    main = table[(table["what"] == "main") & (table["descriptors"] == table["target"].map(CURVES))]
    for axes, what in ((left, "source"), (right, "target")):
        points = pd.concat([table[table["what"] == what], main])
        if what == "source":
            x = points["source_rows"].replace(-1, len(load_source("kyoto")))
        else:
            x = (99 * points["target_share"]).round()
        points = points.assign(x=x).sort_values("x")
        for number, (target, descriptors) in enumerate(CURVES.items()):
            curve = points[points["target"] == target]
            factor = 100 / curve["non_tl"]
            curve = curve.assign(percent=curve["difference"] * factor)
            axes.errorbar(
                curve["x"] * 1.05 ** (number - 1),
                curve["percent"],
                yerr=[
                    (curve["difference"] - curve["low"]) * factor,
                    (curve["high"] - curve["difference"]) * factor,
                ],
                marker="osD"[number], markersize=4, linewidth=1.2, capsize=2,
                label=f"{target.replace('_', ' ')} ({descriptors})",
            )  # fmt: skip
            for x_off, y_off in curve.loc[curve["percent"] > HIGHEST, ["x", "percent"]].to_numpy():
                axes.annotate(
                    f"{y_off:+.0f} %", (x_off, HIGHEST), (x_off * 1.3, HIGHEST * 0.85), fontsize=8,
                    arrowprops={"arrowstyle": "->", "color": f"C{number}"}, color=f"C{number}",
                )  # fmt: skip
        axes.axhline(0, color="#999999", linewidth=1)
        axes.set_xscale("log")
        ticks = sorted(set(points["x"]))
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    left.set(
        xlabel="rows of the source (99 of the target)", ylabel="error with transfer, change in %"
    )
    right.set(xlabel="rows of the target (all of the source)")
    right.legend(frameon=False, fontsize=8)
    right.set_ylim(-HIGHEST, HIGHEST)
    figure.suptitle(
        "strict, 5 folds by formula, 15 rounds at the last points, else 5; bars: 95 % intervals",
        fontsize=10,
    )
    return figure


def main() -> None:
    """Compute what is missing, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", type=Path, default=HERE / "transfer_kyoto.jsonl")
    parser.add_argument("--figure", type=Path, default=FIGURE)
    arguments = parser.parse_args()
    table = compute(Scores(arguments.scores))
    print_table(table)
    draw(table).savefig(arguments.figure, dpi=130)


if __name__ == "__main__":
    main()
