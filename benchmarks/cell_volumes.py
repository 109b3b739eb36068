"""What another density functional's cell does to predictions from structures.

Usage: python benchmarks/cell_volumes.py [--folds N]

Stable materials that both shipped sets hold have two structures: phonondb_kyoto's, relaxed with
PBEsol, on which the models of speed of sound and heat capacity are trained, and phonon_tl's, which
is the Materials Project's, of the PBE functional for the most part and larger.

Protocol leak_free: folds grouped by formula over all materials that have the label, everything
fitted inside the fold. Held-out materials are predicted from either cell, and both are compared
with the label that such materials are trained on: by a model that sees the cell as it is given, and
by one that scales it to standard bonds first.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.datasets import load_phonondb_kyoto, load_training_set
from matminer_phonon_tl.models import make_regressor
from matminer_phonon_tl.models.materials import Materials

TARGETS = ("speed_of_sound", "heat_capacity", "phonon_bandgap")
LEVEL = 0.9


def main() -> None:
    """Print a line for each property, model and cell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folds", type=int, default=5, help="of the five, how many to run")
    n_folds = parser.parse_args().folds
    kyoto = load_phonondb_kyoto().set_index("material_id")
    paper = load_phonon_tl().set_index("material_id")
    both = paper.index.intersection(kyoto.index)
    larger = [100 * (volume(paper, name) / volume(kyoto, name) - 1) for name in both]
    print(
        f"{len(both)} materials; phonon_tl's volume an atom is larger by {np.mean(larger):.1f} % "
        f"(median {np.median(larger):.1f} %)"
    )
    cells = {"phonondb_kyoto": kyoto.loc[both], "phonon_tl": paper.loc[both]}
    asked = {name: Materials.of(table) for name, table in cells.items()}
    table = load_training_set()
    for target in TARGETS:
        df = table[table[target].notna()]
        if target == "phonon_bandgap":
            df = df[df["has_phonon_bandgap"]]
        df = df.reset_index(drop=True)
        materials, labels = Materials.of(df), df[target].to_numpy(dtype=np.float64)
        folds = list(GroupKFold(5, shuffle=True, random_state=0).split(df, groups=df["formula"]))
        for standard_bonds in (False, True):
            model = make_regressor(target, structure=True, random_state=0)
            model.set_params(standard_bonds=standard_bonds)
            for each in (materials, *asked.values()):
                each.matrix_for(model)  # described once for all folds
            found = {name: [] for name in cells}
            for train, test in folds[:n_folds]:
                model.fit(materials.take(train), labels[train], source=None)
                names = pd.Index(df["material_id"].iloc[test])
                shared = names.isin(both)
                rows = both.get_indexer(names[shared])
                for cell in cells:
                    part = asked[cell].take(rows)
                    found[cell].append(score(model, part, labels[test][shared]))
            seen = "at standard bonds" if standard_bonds else "as given"
            for cell, parts in found.items():
                report(f"{target}, {seen}, {cell}'s cell", np.hstack(parts))


def volume(table: pd.DataFrame, name: str) -> float:
    """Return the volume an atom, Angstrom^3."""
    structure = table["structure"][name]
    return structure.volume / len(structure)


def score(model: object, materials: Materials, truth: np.ndarray) -> np.ndarray:
    """Return errors (heat capacities an atom) and whether the interval holds, shape (2, n)."""
    mean, lower, upper = model.predict_interval(materials, LEVEL)
    per = materials.atoms_per_formula_unit if model.target == "heat_capacity" else 1.0
    return np.array([(mean - truth) / per, (lower <= truth) & (truth <= upper)])


def report(name: str, found: np.ndarray) -> None:
    """Print bias, error and coverage."""
    error, inside = found
    print(
        f"{name:60s}{error.size:4d} materials  bias {error.mean():+8.3f}  MAE "
        f"{np.abs(error).mean():7.3f}  90 % intervals hold {inside.mean():.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
