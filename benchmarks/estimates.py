"""How rough the estimates are that --more and --temperature add to predictions.

Usage: python benchmarks/estimates.py [ARCHIVES [N]]

Lattice conductivity: Slack's formula against measured values at 300 K. Debye temperatures and
speeds are the labels of phonondb_kyoto first (what the formula alone is worth), then predictions of
models that never saw the formula (leak_free).

Heat capacity at other temperatures: with ARCHIVES, a folder of archives of the Kyoto phonon
database, N of its materials (default 150) are drawn from those with a Debye temperature; the truth
is the sum over a mesh of force constants. First the model of the modes with the labels, then with
predictions from models that were trained on no formula of them.
"""

import argparse
import re
from pathlib import Path

import numpy as np
import pandas as pd
from pymatgen.core import Composition

from matminer_phonon_tl.datasets import load_phonondb_kyoto, load_training_set
from matminer_phonon_tl.models import make_regressor
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.shipped import estimate_heat_capacities
from matminer_phonon_tl.phonons import heat_capacity
from matminer_phonon_tl.phonons.estimates import (
    DEBYE_OVER_MEAN,
    slack_conductivity,
)

# W/m/K at 300 K: D. T. Morelli, G. A. Slack, in High Thermal Conductivity Materials (Springer,
# 2006), doi:10.1007/0-387-25100-6_2, tables 2.1 to 2.3.
MEASURED = {
    "Si": 166, "BP": 360, "SiC": 490, "AlP": 90, "AlAs": 98, "AlSb": 56, "GaP": 100, "InP": 93,
    "ZnS": 27, "ZnSe": 19, "ZnTe": 18, "CdTe": 7.5, "LiF": 17.6, "NaF": 18.4, "NaCl": 7.1,
    "NaBr": 2.8, "NaI": 1.8, "KCl": 7.1, "KBr": 3.4, "KI": 2.6, "RbCl": 2.8, "RbBr": 3.8,
    "RbI": 2.3, "MgO": 60, "CaO": 27, "SrO": 12, "BaO": 2.3, "PbTe": 2.5,
    "Al2N2": 350, "Ga2N2": 210, "Be2O2": 370, "Zn2O2": 60,
}  # fmt: skip
CUBIC, WURTZITE = (216, 225, 227), (186,)
LEVEL = 0.9
TEMPERATURES = (50.0, 100.0, 150.0, 200.0, 500.0, 1000.0)


def main() -> None:
    """Print both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archives", type=Path, nargs="?", metavar="ARCHIVES")
    parser.add_argument("n", type=int, nargs="?", default=150, metavar="N")
    arguments = parser.parse_args()
    conductivities()
    if arguments.archives:
        curves(arguments.archives, arguments.n)


def conductivities() -> None:
    """Compare Slack's formula with measurements."""
    kyoto = load_phonondb_kyoto()
    ratio = kyoto["speed_debye"] / kyoto["speed_of_sound"]
    print(
        f"Debye mean over mean of the speeds of sound: median {ratio.median():.3f}, half within "
        f"{ratio.quantile(0.25):.2f} to {ratio.quantile(0.75):.2f}; {DEBYE_OVER_MEAN} is used"
    )
    rows = pd.concat([_crystal(kyoto, formula) for formula in MEASURED])
    measured = np.array([MEASURED[formula] for formula in rows["asked"]])
    materials = Materials.of(rows["asked"].tolist())
    predicted = [held_out(name, rows)[0] for name in ("debye_temperature", "speed_of_sound")]
    labels = [rows["debye_temperature"].to_numpy(), rows["speed_of_sound"].to_numpy()]
    for name, (theta, speed) in {"labels": labels, "predictions, leak_free": predicted}.items():
        found = slack_conductivity(theta, speed, materials.mean_mass, materials.atoms_per_cell)
        logarithm = np.log(measured / found)
        print(
            f"measured over Slack's conductivity of {len(rows)} crystals, from {name}: geometric "
            f"mean {np.exp(logarithm.mean()):.2f}, standard deviation of the logarithm "
            f"{logarithm.std():.2f}"
        )
        ordered = sorted(zip(np.exp(logarithm), rows["asked"], strict=True))
        print("  " + ", ".join(f"{formula} {ratio:.2f}" for ratio, formula in ordered))


def curves(archives: Path, n: int) -> None:
    """Compare heat capacities at other temperatures with those of force constants."""
    kyoto = load_phonondb_kyoto()
    sample = kyoto[kyoto["debye_temperature"].notna()].sample(n, random_state=0)
    paths = {re.search(r"id-(\d+)-", path.name)[1]: path for path in archives.glob("*id-*")}
    truth = np.array(
        [
            heat_capacity(str(paths[name.split("-")[1]]), temperature=[*TEMPERATURES], per="atom")
            for name in sample["material_id"]
        ]
    )
    n_atoms = sample["nsites"].to_numpy()
    per_formula = Materials.of(sample).atoms_per_formula_unit
    print(f"heat capacity at other temperatures, {n} materials; per mole of atoms")
    labels = [sample[name].to_numpy() for name in ("heat_capacity_per_atom", "debye_temperature")]
    predicted = [held_out("heat_capacity", sample) / per_formula]
    predicted += [held_out("debye_temperature", sample)]
    for name, (per_atom, theta) in {
        "labels": [np.array([values] * 3) for values in labels],
        "predictions, leak_free": predicted,
    }.items():
        found = estimate_heat_capacities(TEMPERATURES, per_atom, theta, n_atoms, LEVEL)
        for number, kelvin in enumerate(TEMPERATURES):
            (value, lower, upper), right = found[:, :, number], truth[:, number]
            error = np.abs(value - right)
            print(
                f"  {name}, {kelvin:g} K: MAE {error.mean():.2f} J/mol/K, "
                f"{100 * (error / right).mean():.1f} %, coverage of 90 % intervals "
                f"{((lower <= right) & (right <= upper)).mean():.3f}, median half width "
                f"{100 * np.median((upper - lower) / 2 / value):.1f} %"
            )


def held_out(target: str, rows: pd.DataFrame) -> np.ndarray:
    """Predict from compositions alone, by a model that was trained on none of the formulas.

    Value, lower and upper end; shape (3, n_rows).
    """
    table = load_training_set()
    table = table[table[target].notna() & ~table["formula"].isin(rows["formula"])]
    model = make_regressor(target, random_state=0)
    model.fit(Materials.of(table), table[target].to_numpy())
    asked = Materials.of(rows["composition"].tolist())
    return np.array([model.predict(asked), *model.predict_interval(asked, LEVEL)[1:]])


def _crystal(kyoto: pd.DataFrame, asked: str) -> pd.DataFrame:
    """Find the rock salt, zincblende, diamond or wurtzite crystal of a formula."""
    composition = Composition(asked)
    groups = WURTZITE if composition.num_atoms == 4 else CUBIC
    found = kyoto[
        (kyoto["formula"] == composition.reduced_formula) & kyoto["space_group"].isin(groups)
    ]
    found = found[found["debye_temperature"].notna()].head(1)
    if found.empty:
        raise SystemExit(f"no crystal {asked}")
    return found.assign(asked=asked)


if __name__ == "__main__":
    main()
