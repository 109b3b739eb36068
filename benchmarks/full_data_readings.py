"""Try readings of Table 1's row "learning from full data".

Prints MAE and R2 of all 1245 materials and of the 124 with a gap, one network, one round of the
published folds, for what the paper's words may mean besides the reproduction's own reading:

    python benchmarks/full_data_readings.py
"""

import numpy as np
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import KFold

from matminer_phonon_tl.datasets import load_phonon_tl
from matminer_phonon_tl.evaluation.network_protocols import published_predictions
from matminer_phonon_tl.evaluation.splits import Split
from matminer_phonon_tl.models import TransferMLPRegressor
from matminer_phonon_tl.reproduction.paper import draw_architectures

TARGETS = ("speed_of_sound", "heat_capacity")
LIKE_THE_SOURCE = {"epochs": 300, "batch_size": 200}
LIKE_THE_TARGET = {"epochs": 500, "batch_size": None}


def main() -> None:
    """Print a line for each reading and target."""
    df = load_phonon_tl()
    gapped = df["has_phonon_bandgap"].to_numpy(dtype=bool)
    labels = np.stack([df[target].to_numpy(dtype=float) for target in TARGETS])
    folds = [Split(0, i, *pair) for i, pair in enumerate(KFold(5).split(df))]
    everything = np.arange(len(df))
    for name, settings, splits in (
        ("held-out, trained as the source is", LIKE_THE_SOURCE, folds),
        ("held-out, trained as the targets are", LIKE_THE_TARGET, folds),
        ("the training rows themselves", LIKE_THE_SOURCE, [Split(0, 0, everything, everything)]),
    ):
        model = TransferMLPRegressor(draw_architectures(1), source=None, **settings)
        predicted = published_predictions(model, df[["composition"]], labels, splits, None, 0)
        for target, y, own in zip(TARGETS, labels, predicted[:, 0, 0], strict=True):
            scores = []
            for rows in (everything, gapped):
                pair = mean_absolute_error(y[rows], own[rows]), r2_score(y[rows], own[rows])
                scores.append(f"{pair[0]:.3f} / {pair[1]:.3f}")
            print(f"{name}: {target}, all {scores[0]}, gapped {scores[1]}")


if __name__ == "__main__":
    main()
