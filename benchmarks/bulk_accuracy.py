"""Scores of the shipped models of speed of sound and heat capacity, on labels they never saw.

Usage: python benchmarks/bulk_accuracy.py [--structure] [--target NAME ...] [--elements SYMBOL ...]
                                         [--polymorphs]
       python benchmarks/bulk_accuracy.py --random

Protocol leak_free: five shuffled folds grouped by formula over all materials that have the label
(load_training_set), everything fitted inside the fold: scaler, hyperparameters, intervals and the
domain. "Shared" are the stable materials that both shipped sets hold, scored on the labels of
phonondb_kyoto. With --elements, all materials with an element are held out in turn as well: what
intervals hold far from the training materials. With --polymorphs, single materials are held out
instead (five folds by material), and scored where another polymorph is trained on. --random says
how many of 1000 random formulas the shipped predictor takes for like its training materials.
"""

import argparse
import time

import numpy as np
import pandas as pd
from pymatgen.core import Element
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold
from tqdm import tqdm

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.datasets import load_training_set
from matminer_phonon_tl.models import PhononPredictor, make_regressor
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.training_similarity import (
    IN_DOMAIN,
    in_domain,
    training_elements,
    unseen_elements,
)

SHIPPED = ("speed_of_sound", "heat_capacity")
MORE = ("debye_temperature", "largest_gap")
TARGETS = (
    *SHIPPED,
    *MORE,
    "speed_longitudinal",
    "speed_transverse",
    "largest_gap_lower_edge",
)
LEAST_GAP = 10.0
"""cm-1; a largest gap below it is none."""
LEVEL = 0.9


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--structure", action="store_true", help="models that use the structure")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one")
    parser.add_argument("--elements", nargs="*", default=[], metavar="SYMBOL")
    parser.add_argument("--polymorphs", action="store_true", help="only those of trained formulas")
    parser.add_argument("--random", action="store_true", help="only random formulas")
    arguments = parser.parse_args()
    if arguments.random:
        random_formulas()
        return
    table = load_training_set()
    shared = set(load_phonon_tl()["material_id"])
    parted = "single materials" if arguments.polymorphs else "formula"
    print(f"leak_free, 5 folds by {parted}; heat capacity in J/mol/K an atom, km/s, K, cm-1")
    for target in arguments.target or SHIPPED:
        df = table[table[target].notna()].reset_index(drop=True)
        if target == "largest_gap_lower_edge":  # of materials that have such a gap
            df = df[df["largest_gap"] > LEAST_GAP].reset_index(drop=True)
        materials = Materials.of(df)
        started = time.perf_counter()
        by = "material_id" if arguments.polymorphs else "formula"
        folds = list(GroupKFold(5, shuffle=True, random_state=0).split(df, groups=df[by]))
        held_out = predict(df, materials, target, folds, structure=arguments.structure)
        kyoto = (df["dataset"] == "phonondb_kyoto").to_numpy()
        of_both = kyoto & df["material_id"].isin(shared).to_numpy()
        kind = "structure" if arguments.structure else "composition"
        print(f"\n{target}, {kind}: {len(df)} materials, {time.perf_counter() - started:.0f} s")
        if arguments.polymorphs:
            trained = np.zeros(len(df), dtype=bool)
            for train, test in folds:
                trained[test] = df["formula"].iloc[test].isin(df["formula"].iloc[train])
            report("another polymorph trained", held_out[trained])
            continue
        report("of both sets", held_out[of_both])
        report("all", held_out)
        report("all, in domain", held_out[held_out["in_domain"]])
        report("all, outside", held_out[~held_out["in_domain"]])
        if target == "largest_gap":
            report_gaps(held_out, df[target].to_numpy())
        if arguments.elements:
            splits = []
            for symbol in arguments.elements:
                has = np.array([symbol in composition for composition in df["composition"]])
                splits.append((np.flatnonzero(~has), np.flatnonzero(has)))
            far = predict(df, materials, target, splits, structure=arguments.structure)
            ranks = pd.cut(far["rank"], [-0.01, 0.0, 0.01, 0.05, 0.2, 1.0])
            print("an element held out, by rank of the distance (unseen elements not counted):")
            for interval, rows in far.groupby(ranks, observed=True):
                report(f"  rank {interval}", rows)


def random_formulas() -> None:
    """Print the share of random formulas of two to four elements that are in domain."""
    random = np.random.default_rng(0)
    predictor = PhononPredictor.from_pretrained()
    seen = [Element.from_Z(int(number)).symbol for number in predictor.elements_]
    formulas = [
        "".join(
            f"{symbol}{random.integers(1, 7)}"
            for symbol in random.choice(seen, random.integers(2, 5), replace=False)
        )
        for _ in range(1000)
    ]
    frame = predictor.predict(formulas, warn=False)
    like = (frame["training_similarity"] >= IN_DOMAIN).mean()
    print(
        f"of 1000 random formulas of the training materials' elements: similarity of {IN_DOMAIN} "
        f"and more {like:.3f}, in domain {frame['in_domain'].mean():.3f}"
    )


def predict(
    df: pd.DataFrame, materials: Materials, target: str, splits: list, *, structure: bool
) -> pd.DataFrame:
    """Fit and predict in each split; one row for each test material."""
    truth = df[target].to_numpy()
    atoms = materials.atoms_per_formula_unit if target == "heat_capacity" else np.ones(len(df))
    model = make_regressor(target, structure=structure, random_state=0)
    materials.matrix(model.descriptors, use_structure=structure)  # described once for all splits
    parts = []
    for train, test in tqdm(splits, desc=target, disable=None, leave=False):
        known, asked = materials.take(train), materials.take(test)
        found = model.fit(known, truth[train]).predict_ranked(asked, LEVEL)
        unseen = unseen_elements(asked, training_elements(known))
        frame = pd.DataFrame(
            {
                "error": np.abs(found.mean - truth[test]) / atoms[test],
                "predicted": found.mean,
                "inside": (found.lower <= truth[test]) & (truth[test] <= found.upper),
                "half_width": (found.upper - found.lower) / 2 / found.mean,
                "rank": found.rank,
                "in_domain": in_domain(found.rank, unseen),
            },
            index=test,
        )
        parts.append(frame)
    return pd.concat(parts).sort_index()


def report_gaps(rows: pd.DataFrame, truth: np.ndarray) -> None:
    """Print how well the predicted size says whether there is a gap at all, and its error there."""
    there = truth > LEAST_GAP
    f1 = f1_score(there, rows["predicted"] > LEAST_GAP)
    print(
        f"above {LEAST_GAP:g} cm-1: {there.sum()} rows, F1 {f1:.4f}, AUROC "
        f"{roc_auc_score(there, rows['predicted']):.4f}; the median of all instead has MAE "
        f"{np.abs(truth - np.median(truth)).mean():.1f}"
    )
    report("above it", rows[there])


def report(name: str, rows: pd.DataFrame) -> None:
    """Print one line: error, coverage and width."""
    print(
        f"{name:26s}{len(rows):6d} rows  MAE {rows['error'].mean():.4f}  coverage of 90 % "
        f"{rows['inside'].mean():.3f}  median half width {100 * rows['half_width'].median():.1f} %",
        flush=True,
    )


if __name__ == "__main__":
    main()
