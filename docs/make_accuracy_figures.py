"""Make the figures of docs/accuracy.md: coverage against level, learning curve, an explanation.

Usage: python docs/make_accuracy_figures.py [FOLDER]

Protocol leak_free: five folds of the 124 gapped materials, grouped by formula; the source without
any tested formula. Takes the extra ``explain``.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import shap
from matplotlib.figure import Figure
from sklearn.model_selection import GroupKFold

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.models import explain, make_regressor

LEVELS = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
TARGETS = ("phonon_bandgap", "speed_of_sound", "heat_capacity")
SIZES = (25, 40, 60, 80, 99)


def main(folder: Path) -> None:
    """Write the figures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    df = load_phonon_tl()
    gapped = df[df["has_phonon_bandgap"]].reset_index(drop=True)
    held = {target: (LEVELS, coverage(df, gapped, target), len(gapped)) for target in TARGETS}
    together = np.mean([shares for _, shares, _ in held.values()], axis=0)
    held["all three"] = (LEVELS, together, len(TARGETS) * len(gapped))
    draw_coverage(held).savefig(folder / "coverage.png", dpi=130)
    for target, (_, shares, _) in held.items():
        print(target, "coverage", np.round(shares, 3).tolist())
    draw_learning_curve(learning_curve(df, gapped)).savefig(folder / "learning_curve.png", dpi=130)
    model = make_regressor("phonon_bandgap", random_state=0).set_params(intervals=False)
    model.fit(gapped, gapped["phonon_bandgap"])
    axes = shap.plots.waterfall(explain(model, ["BAs"], gapped)[0], show=False)
    axes.set_title("Gap of BAs, cm-1", pad=30)
    axes.figure.savefig(folder / "explanation_bas.png", dpi=100, bbox_inches="tight")


def coverage(df: pd.DataFrame, gapped: pd.DataFrame, target: str) -> np.ndarray:
    """Share of held-out labels within intervals of each level."""
    truth = gapped[target].to_numpy()
    within = np.empty((len(LEVELS), len(gapped)), dtype=bool)
    folds = GroupKFold(5, shuffle=True, random_state=0)
    for train, test in folds.split(gapped, groups=gapped["formula"]):
        model = make_regressor(target, random_state=0)
        model.fit(gapped.iloc[train], truth[train], source=others(df, gapped, test))
        for number, level in enumerate(LEVELS):
            _, lower, upper = model.predict_interval(gapped.iloc[test], level)
            within[number, test] = (lower <= truth[test]) & (truth[test] <= upper)
    return within.mean(axis=1)


def draw_coverage(held: dict[str, tuple[np.ndarray, np.ndarray, int]]) -> Figure:
    """Share of labels within intervals against their level, with two standard errors."""
    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    axes = figure.subplots()
    grid = np.linspace(0, 1, 101)
    fewest = min(n for _, _, n in held.values())
    error = 2 * np.sqrt(grid * (1 - grid) / fewest)
    axes.fill_between(
        grid, grid - error, grid + error, color="#999999", alpha=0.25, linewidth=0,
        label=f"± 2 standard errors of {fewest}",
    )  # fmt: skip
    axes.plot(grid, grid, color="#999999", linewidth=1)
    for marker, (name, (levels, shares, n)) in zip("osDv", held.items(), strict=True):
        axes.plot(levels, shares, marker=marker, markersize=4, linewidth=1.2, label=f"{name} ({n})")
    axes.set(
        xlabel="level of the interval", ylabel="share of labels held", xlim=(0, 1), ylim=(0, 1),
        title="leak_free, 5 folds by formula", aspect="equal",
    )  # fmt: skip
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def learning_curve(df: pd.DataFrame, gapped: pd.DataFrame) -> pd.DataFrame:
    """MAE of the gap by the number of training materials, for three random orders."""
    truth = gapped["phonon_bandgap"].to_numpy()
    rows = []
    for repeat in range(3):
        folds = GroupKFold(5, shuffle=True, random_state=repeat)
        for train, test in folds.split(gapped, groups=gapped["formula"]):
            order = np.random.default_rng(repeat).permutation(train)
            source = others(df, gapped, test)
            for size in SIZES:
                some = order[:size]
                for structure in (False, True):
                    model = make_regressor("phonon_bandgap", structure=structure)
                    model.set_params(intervals=False, members=("gp25", "svm"))
                    model.fit(gapped.iloc[some], truth[some], source=source)
                    error = np.abs(model.predict(gapped.iloc[test]) - truth[test]).mean()
                    rows.append({"size": size, "structure": structure, "mae": error})
    table = pd.DataFrame(rows).pivot_table("mae", "structure", "size")
    print(table.round(1).to_string())
    return table


def draw_learning_curve(table: pd.DataFrame) -> Figure:
    """MAE against training size, both logarithmic."""
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    for structure, curve in table.iterrows():
        name = "with structure" if structure else "composition"
        axes.loglog(curve.index, curve, marker="o", label=name)
    axes.axhline(8.458, color="#999999", linestyle="--", linewidth=1)
    axes.text(SIZES[0], 8.7, "published, with carry-over", fontsize=8, color="#555555")
    axes.set(xlabel="training materials", ylabel="MAE of the gap, cm$^{-1}$")
    axes.set_xticks(SIZES, [str(size) for size in SIZES])
    axes.set_yticks([10, 15, 20, 30], ["10", "15", "20", "30"])
    axes.minorticks_off()
    axes.set_title("leak_free, 5 folds by formula x 3", fontsize=10)
    axes.legend(frameon=False)
    return figure


def others(df: pd.DataFrame, gapped: pd.DataFrame, test: np.ndarray) -> pd.DataFrame:
    """Structures of all materials but those of tested formulas."""
    known = ~df["formula"].isin(gapped["formula"].iloc[test])
    return df.loc[known, ["composition", "structure"]]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "figures")
