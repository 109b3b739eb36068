"""MODNet: features by mutual information, then a small network.

Usage: python benchmarks/peers/run_modnet.py FOLDS_JSON OUT_JSON [--rounds N] [--task NAME]

Features of the composition alone (``CompositionOnlyMatminer2023``). Which of them repeat each other
is asked once, of the compositions of all rows: no label enters, and MODNet itself would take that
table ready-made from the Materials Project, by a download. Inside each training fold: the mutual
information with the labels and the ranking by it, MODNet's own choice (``fit_preset``) between
PRESETS on a held-back 15 %, and a last fit on all training rows. MODNet's own benchmark searches
some 70 presets of 1000 epochs in an inner cross-validation; that is a hundred times the work, and
was not done here.

References
----------
P.-P. De Breuck, G. Hautier, G.-M. Rignanese, npj Comput. Mater. 7, 83 (2021),
doi:10.1038/s41524-021-00552-2.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import logging

import held_out
import numpy as np
import pandas as pd
import tensorflow as tf
from modnet.models import MODNetModel
from modnet.preprocessing import MODData, get_cross_nmi
from pymatgen.core import Composition

logging.getLogger("modnet").setLevel(logging.ERROR)
MOST_FEATURES = 128
COMMON = {"batch_size": 32, "epochs": 300, "lr": 0.005, "act": "elu", "loss": "mae"}
PRESETS = [
    {**COMMON, "n_feat": n, "num_neurons": [[n], [n // 2], [n // 8], [n // 8]]} for n in (64, 128)
]
"""Two of those MODNet would generate itself, with fewer epochs."""
redundancy: dict[str, pd.DataFrame] = {}


def describe(compositions: list[str]) -> pd.DataFrame:
    """Return MODNet's features of each composition."""
    data = MODData(
        materials=[Composition(own) for own in compositions],
        structure_ids=[str(number) for number in range(len(compositions))],
        featurizer="CompositionOnlyMatminer2023",
    )
    data.featurize(n_jobs=1)
    redundancy["all"] = get_cross_nmi(data.df_featurized, n_jobs=1, random_state=1)
    return data.df_featurized


def fit_predict(X: pd.DataFrame, y, X_test: pd.DataFrame, *, kind: str, seed: int):
    """Rank features, choose a preset, refit: all on training rows."""
    np.random.seed(seed)  # noqa: NPY002 (MODNet draws from the global state)
    tf.keras.utils.set_random_seed(seed)
    classification = kind == "classification"
    data = MODData(
        targets=y,
        target_names=["label"],
        structure_ids=list(X.index),
        df_featurized=X,
        num_classes={"label": 2 if classification else 0},
    )
    data.feature_selection(n=MOST_FEATURES, cross_nmi=redundancy["all"], random_state=seed)
    model = MODNetModel(
        [[["label"]]],
        {"label": 1},
        num_classes={"label": 2 if classification else 0},
        n_feat=MOST_FEATURES,
    )
    presets = [dict(own) for own in PRESETS]
    if classification:
        presets = [{**own, "loss": "categorical_crossentropy"} for own in presets]
    model.fit_preset(data, presets=presets, nested=0, classification=classification, n_jobs=1)
    tested = MODData(df_featurized=X_test, structure_ids=list(X_test.index))
    if classification:
        return model.predict(tested, return_prob=True)["label_prob_1"].to_numpy()
    return model.predict(tested)["label"].to_numpy()


if __name__ == "__main__":
    held_out.main(
        "MODNet",
        describe,
        fit_predict,
        settings="composition features, 2 presets tried on 15 % of the training rows, one model",
        packages=("modnet", "matminer", "tensorflow", "scikit-learn"),
    )
