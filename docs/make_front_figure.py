"""Make the figure of docs/index.md: predictions with intervals of materials that were held out.

Usage: python docs/make_front_figure.py [FOLDER]

Protocol leak_free: five folds of the 124 gapped materials, grouped by formula. Speed of sound and
heat capacity are learnt from all other materials, as in the predictor that ships; the gap from the
gapped ones, with structures, without labels, of the others.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.model_selection import GroupKFold

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.models import make_regressor

TITLES = {
    "phonon_bandgap": "gap, cm$^{-1}$",
    "speed_of_sound": "speed of sound, km/s",
    "heat_capacity": "heat capacity, J/mol/K",
}


def main(folder: Path) -> None:
    """Write held_out.png into a folder."""
    df = load_phonon_tl()
    gapped = np.flatnonzero(df["has_phonon_bandgap"])
    figure = Figure(figsize=(10.5, 3.7), layout="constrained")
    for axes, (target, title) in zip(figure.subplots(1, 3), TITLES.items(), strict=True):
        truth = df[target].to_numpy()[gapped]
        predicted, lower, upper = hold_out(df, gapped, target)
        draw(axes, truth, predicted, lower, upper, title)
        share = np.mean((lower <= truth) & (truth <= upper))
        error = np.abs(predicted - truth).mean()
        print(f"{target}: MAE {error:.4g}, {100 * share:.0f} % of the labels within the intervals")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "held_out.png", dpi=130)


def hold_out(df: pd.DataFrame, gapped: np.ndarray, target: str) -> np.ndarray:
    """Prediction, lower and upper end of the 90 % interval of each gapped material, held out."""
    found = np.empty((3, len(gapped)))
    formulas = df["formula"].to_numpy()
    folds = GroupKFold(5, shuffle=True, random_state=0)
    for _, test in folds.split(gapped, groups=formulas[gapped]):
        tested = gapped[test]
        known = ~np.isin(formulas, formulas[tested])
        if target == "phonon_bandgap":
            train = df[known & df["has_phonon_bandgap"]]
            source = df.loc[known, ["composition", "structure"]]
        else:
            train, source = df[known], None
        model = make_regressor(target, random_state=0).fit(train, train[target], source=source)
        found[:, test] = model.predict_interval(df.iloc[tested])
    return found


def draw(
    axes: Axes,
    truth: np.ndarray,
    predicted: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    title: str,
) -> None:
    """Draw predicted against calculated values with intervals."""
    spread = np.stack([predicted - lower, upper - predicted])
    axes.errorbar(
        truth, predicted, yerr=spread, fmt="o", markersize=3.5, color="#0b5394",
        ecolor="#9fc0e0", elinewidth=1.2,
    )  # fmt: skip
    ends = [0, 1.04 * max(truth.max(), predicted.max())]
    axes.plot(ends, ends, color="#777777", linewidth=1)
    axes.set(xlim=ends, ylim=(0, 1.04 * upper.max()), xlabel="calculated", ylabel="predicted")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "figures")
