"""How far the labels of phonondb_kyoto agree with each other and with independent sources.

Usage: python benchmarks/kyoto_quality.py [--figure FILE]

Prints, from the shipped datasets alone: what is in the set; agreement with phonon_tl (gap, gap or
none, heat capacity, speed of sound); speeds of sound against elastic moduli by lattice system, for
the paper's labels too; polymorphs; the worst disagreements. ``--figure`` draws the distributions.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from matminer_phonon_tl.datasets import load_dataset

SYSTEMS = ("cubic", "hexagonal", "rhombohedral", "tetragonal", "orthorhombic", "monoclinic")
WORST = 10
SMALL_SUPERCELL = 9.0


def main() -> None:
    """Print every figure of the card."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, help="draw the distributions into this file")
    arguments = parser.parse_args()
    kyoto, paper = load_dataset("phonondb_kyoto"), load_dataset("phonon_tl")
    for title, table in {
        "The set": contents(kyoto),
        "Shared with phonon_tl (its materials are all stable)": agreement(kyoto, paper),
        "Speed of sound over that from elastic moduli: median and spread": by_system(kyoto, paper),
        "The same by the width of the supercell": by_width(kyoto),
        "Ten worst gaps": worst_gaps(kyoto, paper),
        "Ten worst heat capacities per atom": worst_heat_capacities(kyoto, paper),
        "Ten worst speeds against moduli": worst_speeds(kyoto),
    }.items():
        print(f"\n## {title}\n")
        print(table.to_string())
    if arguments.figure:
        distributions(kyoto).savefig(arguments.figure, dpi=130)


def contents(kyoto: pd.DataFrame) -> pd.Series:
    """Count what is in the set."""
    stable = kyoto[kyoto["is_stable"]]
    per_formula = kyoto.groupby("formula")["material_id"].size()
    checks = stable["speed_check"].value_counts()
    return pd.Series(
        {
            "materials": len(kyoto),
            "stable": len(stable),
            "with Born charges": int(kyoto["has_born_charges"].sum()),
            "that may be magnetic": int(kyoto["may_be_magnetic"].sum()),
            "formulas": len(per_formula),
            "formulas of several polymorphs": int((per_formula > 1).sum()),
            "stable, acoustic-optical gap": int(stable["has_phonon_bandgap"].dropna().sum()),
            "stable, largest gap above 10 cm-1": int((stable["largest_gap"] > 10).sum()),
            "stable, speeds that moduli or DFPT confirm": int(
                (stable.speed_check == "agrees").sum()
            ),
            "stable, speeds that they contradict": int(checks["differs"]),
            "stable, without a speed": int(stable["speed_of_sound"].isna().sum()),
            "stable, without a Debye mean": int(stable["speed_debye"].isna().sum()),
            "without a speed, share at supercells below 9 Angstrom": _missing(stable, below=True),
            "without a speed, share at wider supercells": _missing(stable, below=False),
        }
    )


def _missing(stable: pd.DataFrame, *, below: bool) -> float:
    """Return the share of materials without a speed at narrow or at wide supercells."""
    narrow = stable["supercell_width"] < SMALL_SUPERCELL
    part = stable[narrow if below else ~narrow]
    return round(float(part["speed_of_sound"].isna().mean()), 3)


def shared(kyoto: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Join the two sets on their identifiers; the paper's columns end in ``_paper``."""
    return kyoto.merge(paper, on="material_id", suffixes=("", "_paper"))


def agreement(kyoto: pd.DataFrame, paper: pd.DataFrame) -> pd.Series:
    """Compare gap, class and heat capacity where both sets have a material."""
    both = shared(kyoto, paper)
    stable = both[both["is_stable"]]
    gapped = stable[stable["phonon_bandgap_paper"] > 0]
    gap = (gapped["acoustic_optical_gap"] - gapped["phonon_bandgap_paper"]).abs()
    counted = stable.dropna(subset=["has_phonon_bandgap"])
    same = counted["has_phonon_bandgap"] == counted["has_phonon_bandgap_paper"]
    heat = (stable["heat_capacity_per_atom"] - stable["heat_capacity_per_atom_paper"]).abs()
    moved = (both["volume"] / both["nsites"]) / (both["volume_paper"] / both["nsites_paper"]) - 1
    return pd.Series(
        {
            "in both": len(both),
            "of these stable here": len(stable),
            "gapped ones": len(gapped),
            "gap, mean difference, cm-1": gap.mean(),
            "gap, median difference, cm-1": gap.median(),
            "gap or none the same": same.mean(),
            "heat capacity per atom, mean difference, J/mol/K": heat.mean(),
            "volume per atom, median difference": moved.abs().median(),
        }
    ).round(4)


def by_system(kyoto: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Compare the speeds of both sets with elastic moduli.

    The spread is the interquartile range of the logarithm, so 0.05 means 5 %.
    """
    known = ["speed_of_sound", "speed_from_moduli"]
    both = shared(kyoto, paper).dropna(subset=known)
    everything = kyoto.dropna(subset=known)
    rows = {}
    for system in SYSTEMS:
        part = both[both["lattice_system"] == system]
        whole = everything[everything["lattice_system"] == system]
        rows[system] = {
            **_spread("paper", part["speed_of_sound_paper"] / part["speed_from_moduli"]),
            **_spread("kyoto", part["speed_of_sound"] / part["speed_from_moduli"]),
            **_spread("kyoto, all", whole["speed_of_sound"] / whole["speed_from_moduli"]),
        }
    return pd.DataFrame(rows).T


def by_width(kyoto: pd.DataFrame) -> pd.DataFrame:
    """Compare speeds with moduli by the smallest width of the supercell."""
    part = kyoto.dropna(subset=["speed_of_sound", "speed_from_moduli"])
    width = pd.cut(part["supercell_width"], [0, 8, 9, 10, 11, 13, 100])
    ratio = part["speed_of_sound"] / part["speed_from_moduli"]
    return pd.DataFrame({str(w): _spread("kyoto", r) for w, r in ratio.groupby(width)}).T


def _spread(name: str, ratios: pd.Series) -> dict[str, float]:
    """Return number, median and interquartile range of the logarithm."""
    logarithm = np.log(ratios.astype(float))
    low, high = logarithm.quantile([0.25, 0.75])
    return {
        f"{name}: n": len(ratios),
        f"{name}: median": round(float(np.exp(logarithm.median())), 3),
        f"{name}: spread": round(float(high - low), 3),
    }


def worst_gaps(kyoto: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Return the gapped materials whose gaps differ most."""
    both = shared(kyoto, paper)
    both = both[both["is_stable"] & (both["phonon_bandgap_paper"] > 0)]
    difference = both["acoustic_optical_gap"] - both["phonon_bandgap_paper"]
    return _worst(both, difference, ["acoustic_optical_gap", "phonon_bandgap_paper"])


def worst_heat_capacities(kyoto: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Return the materials whose heat capacities differ most."""
    both = shared(kyoto, paper)
    both = both[both["is_stable"]]
    difference = both["heat_capacity_per_atom"] - both["heat_capacity_per_atom_paper"]
    columns = ["heat_capacity_per_atom", "heat_capacity_per_atom_paper"]
    return _worst(both, difference, columns)


def worst_speeds(kyoto: pd.DataFrame) -> pd.DataFrame:
    """Return the materials whose speeds differ most from those of the moduli."""
    part = kyoto.dropna(subset=["speed_of_sound", "speed_from_moduli"])
    difference = np.log((part["speed_of_sound"] / part["speed_from_moduli"]).astype(float))
    return _worst(part, difference, ["speed_of_sound", "speed_from_moduli"])


def _worst(frame: pd.DataFrame, difference: pd.Series, columns: list[str]) -> pd.DataFrame:
    order = difference.astype(float).abs().sort_values(ascending=False).index[:WORST]
    facts = ["formula", "space_group", "supercell_width", "has_born_charges", "may_be_magnetic"]
    return frame.loc[order].set_index("material_id")[[*facts, *columns]].round(3)


def distributions(kyoto: pd.DataFrame) -> Figure:
    """Draw the labels of the stable materials, but for 1 % at either end."""
    stable = kyoto[kyoto["is_stable"]]
    panels = {
        "speed_of_sound": "speed of sound, km/s",
        "heat_capacity_per_atom": "heat capacity at 300 K, J/mol/K an atom",
        "debye_temperature": "Debye temperature, K",
        "max_frequency": "highest frequency, cm$^{-1}$",
        "largest_gap": "largest gap (where above 10), cm$^{-1}$",
        "lowest_frequency": "lowest frequency of the unstable, cm$^{-1}$",
    }
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    for axes, (column, label) in zip(figure.subplots(2, 3).ravel(), panels.items(), strict=True):
        values = stable[column].astype(float).dropna()
        if column == "largest_gap":
            values = values[values > 10]
        if column == "lowest_frequency":
            values = kyoto.loc[~kyoto["is_stable"], column].astype(float)
        low, high = values.quantile([0.01, 0.99])
        axes.hist(values[values.between(low, high)], bins=60, color="#3d6ea5")
        axes.set_xlabel(label)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(f"{len(values)} materials", fontsize=9, loc="right", color="#555555")
    figure.supylabel("materials")
    return figure


if __name__ == "__main__":
    main()
