"""FLAML, an AutoML of gradient boosting, forests and linear models, on Magpie features.

Usage: python benchmarks/peers/run_flaml.py FOLDS_JSON OUT_JSON [--rounds N] [--task NAME]

Each training fold is searched for SECONDS on one core; FLAML's own resampling of the training rows
chooses. A budget of time makes results depend on the machine and its load.

References
----------
C. Wang et al., MLSys 2021, arXiv:1911.04706.
"""

import held_out
from _magpie import magpie
from flaml import AutoML

SECONDS = 20


def fit_predict(X, y, X_test, *, kind: str, seed: int):
    """Search inside the training rows, refit the best on all of them."""
    model = AutoML()
    regression = kind == "regression"
    model.fit(
        X,
        y,
        task=kind,
        metric="mae" if regression else "ap",
        time_budget=SECONDS,
        eval_method="cv",
        n_splits=5,
        n_jobs=1,
        seed=seed,
        verbose=0,
    )
    return model.predict(X_test) if regression else model.predict_proba(X_test)[:, 1]


if __name__ == "__main__":
    held_out.main(
        "FLAML on Magpie",
        magpie,
        fit_predict,
        settings=f"{SECONDS} s of search a fold on one core, inner 5-fold CV by MAE or AP",
        packages=("flaml", "lightgbm", "xgboost", "matminer"),
    )
