"""CrabNet, attention over the elements of a formula.

Usage: python benchmarks/peers/run_crabnet.py FOLDS_JSON OUT_JSON [--rounds N] [--task NAME]

CrabNet's own defaults: 300 epochs or its early stop, for which it keeps a fifth of the training
rows. Its class forgets the argument ``classification``, so that the classifier is a regression of 0
and 1. A fit to 99 rows takes one to four minutes on a core of a shared server, to 996 rows about
ten times that.

References
----------
A. Wang et al., npj Comput. Mater. 7, 77 (2021), doi:10.1038/s41524-021-00545-1.
"""

import contextlib
import tempfile
import warnings

import held_out
import numpy as np
import pandas as pd
import torch
from crabnet.crabnet_ import CrabNet
from crabnet.utils.optim import SWA
from crabnet.utils.utils import Lookahead

for optimizer in (SWA, Lookahead):  # torch 2 expects them from a second fit on
    for hooks in ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks"):
        setattr(optimizer, hooks, {})
torch.set_num_threads(1)
warnings.filterwarnings("ignore", message=".*pin_memory.*")
MOST_ELEMENTS = 5  # in a formula of the dataset; found in each fold, test formulas may not fit


def formulas(compositions: list[str]) -> np.ndarray:
    """Formulas without blanks, which CrabNet reads itself."""
    return np.array([own.replace(" ", "") for own in compositions], dtype=object)


def fit_predict(X, y, X_test, *, kind: str, seed: int):
    """Fit CrabNet as it comes; a probability is a prediction cut to 0 and 1."""
    model = CrabNet(
        verbose=False,
        force_cpu=True,
        losscurve=False,
        learningcurve=False,
        save=False,
        random_state=seed,
        n_elements=MOST_ELEMENTS,
    )
    # it writes a table of its losses into the present folder
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        model.fit(pd.DataFrame({"formula": X, "target": y.astype(float)}))
    predicted = model.predict(pd.DataFrame({"formula": X_test, "target": np.zeros(len(X_test))}))
    return np.clip(predicted, 0, 1) if kind == "classification" else predicted


if __name__ == "__main__":
    held_out.main(
        "CrabNet",
        formulas,
        fit_predict,
        settings="CrabNet's defaults, a fifth of the training rows for its early stop",
        packages=("crabnet", "torch"),
    )
