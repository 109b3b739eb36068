"""What the speeds of sound of phonon_tl are: against force constants, moduli, and one mistake.

Usage: python benchmarks/paper_speeds.py [--figure FILE] [--archives FOLDER]

Prints the ratio of the paper's label to the speed from force constants (phonondb_kyoto) by lattice
system, from the shipped datasets. ``--archives`` names a folder with the archives of the Kyoto
database: then the speeds along the first segment of the standard path are computed, and the labels
are compared with what they would be if the length of the wave vector had been taken without the
cell's metric. ``--figure`` draws the ratios.
"""

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
from pymatgen.symmetry.bandstructure import HighSymmKpath
from tqdm.auto import tqdm

from matminer_phonon_tl.datasets import load_dataset
from matminer_phonon_tl.datasets.sources import KyotoSource
from matminer_phonon_tl.datasets.sources.base import Entry
from matminer_phonon_tl.phonons.force_constants import ForceConstantPhonons
from matminer_phonon_tl.phonons.sound import directional_waves

SYSTEMS = ("cubic", "hexagonal", "rhombohedral", "tetragonal", "orthorhombic", "monoclinic")
FEWEST = 8
TWO_PI = 2.0 * np.pi


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, help="draw the ratios into this file")
    parser.add_argument("--archives", type=Path, help="archives of the Kyoto database")
    arguments = parser.parse_args()
    both = shared()
    print("The paper's label over the speed from force constants, all directions\n")
    print(spreads(both["ratio"], both["lattice_system"]).to_string())
    if arguments.figure:
        draw(both).savefig(arguments.figure, dpi=130)
    if arguments.archives:
        found = first_segments(both, arguments.archives)
        print("\nThe label over what the first segment from Gamma gives, by |q|, and its spread\n")
        print(candidates(found).to_string())


def shared() -> pd.DataFrame:
    """Return the stable materials of both sets with the ratio of their speeds."""
    kyoto = load_dataset("phonondb_kyoto")
    paper = load_dataset("phonon_tl")[["material_id", "speed_of_sound", "structure"]]
    both = kyoto[kyoto["is_stable"]].merge(paper, on="material_id", suffixes=("", "_paper"))
    both["ratio"] = (both["speed_of_sound_paper"] / both["speed_of_sound"]).astype(float)
    return both


def spreads(ratios: pd.Series, groups: pd.Series) -> pd.DataFrame:
    """Return number, median and interquartile range of the logarithm of each group."""
    rows = {}
    for name, values in ratios.groupby(groups):
        if len(values) >= FEWEST:
            low, middle, high = np.log(values).quantile([0.25, 0.5, 0.75])
            rows[name] = {"n": len(values), "median": np.exp(middle), "spread": high - low}
    return pd.DataFrame(rows).T.round(3)


def first_segments(both: pd.DataFrame, archives: Path) -> pd.DataFrame:
    """Compute the mean speed of the three waves along the first segment of the standard path.

    The path is that of Setyawan and Curtarolo in the standard primitive cell, as the Materials
    Project takes it. Materials whose cell does not match the other set's are left out.
    """
    source = KyotoSource(archives)
    paths = {f"mp-{path.name.split('-')[2]}": path for path in archives.rglob("*.tar.lzma")}
    rows: list[dict[str, Any]] = []
    for row in tqdm(list(both.itertuples()), desc="First segments", disable=None):
        if row.material_id not in paths:
            continue
        phonons = source.read(Entry(row.material_id, paths[row.material_id])).phonons
        found = _first_segment(row.structure_paper, phonons)
        if found is not None:
            rows.append({"label": row.speed_of_sound_paper, **found})
    return pd.DataFrame(rows)


def _first_segment(structure: Structure, phonons: ForceConstantPhonons) -> dict[str, Any] | None:
    """Return speed, lengths and cell of the first segment of a material's path."""
    symmetry = SpacegroupAnalyzer(structure, symprec=0.01)
    primitive = symmetry.get_primitive_standard_structure(international_monoclinic=False)
    conventional = symmetry.get_conventional_standard_structure(international_monoclinic=False)
    mapping = phonons.structure.lattice.find_mapping(primitive.lattice, ltol=0.05, atol=3)
    if mapping is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen's, on cells that are not quite standard
        path = HighSymmKpath(primitive, symprec=0.01).kpath
    names = path["path"][0]
    start = next(place for place, name in enumerate(names) if "amma" in name)
    end = np.array(path["kpoints"][names[start + 1]])
    wave_vector = end @ mapping[0].reciprocal_lattice.matrix
    length = float(np.linalg.norm(wave_vector))
    speeds = directional_waves(phonons, wave_vector[None, :] / length)[0]
    return {
        "bravais": f"{symmetry.get_lattice_type()} {symmetry.get_space_group_symbol()[0]}",
        "speed": float(speeds.mean()),
        "length": length,
        "fraction": float(np.linalg.norm(end)),
        "primitive": min(primitive.lattice.abc),
        "conventional": conventional.lattice.a,
    }


def candidates(found: pd.DataFrame) -> pd.DataFrame:
    """Return the ratio of the labels to each candidate by Bravais lattice."""
    slope = found["speed"] * found["length"] / TWO_PI / found["fraction"]
    guesses = {
        "true |q|": found["speed"],
        "|fractional q| / shortest primitive axis": slope * found["primitive"],
        "|fractional q| / conventional a": slope * found["conventional"],
    }
    tables = {
        name: spreads(found["label"] / guess, found["bravais"]) for name, guess in guesses.items()
    }
    return pd.concat(tables, axis=1)


def draw(both: pd.DataFrame) -> Figure:
    """Draw the ratios by lattice system, and those to the elastic moduli where there are some."""
    figure = Figure(figsize=(8.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    draws = np.random.default_rng(0)
    moduli = both[both["speed_from_moduli"].notna()]
    panels = (
        (left, "label / force constants, all directions", {"the paper's label": both["ratio"]}),
        (
            right,
            "speed / elastic moduli (binaries)",
            {
                "the paper's label": moduli["speed_of_sound_paper"] / moduli["speed_from_moduli"],
                "force constants": moduli["speed_of_sound"] / moduli["speed_from_moduli"],
            },
        ),
    )
    colours = {"the paper's label": "#c65d21", "force constants": "#3d6ea5"}
    for axes, title, ratios in panels:
        for shift, (name, values) in zip((-0.16, 0.16), ratios.items(), strict=False):
            offset = shift if len(ratios) > 1 else 0.0
            for place, system in enumerate(SYSTEMS):
                part = values[both.loc[values.index, "lattice_system"] == system].astype(float)
                across = place + offset + draws.uniform(-0.11, 0.11, len(part))
                axes.plot(across, part, ".", ms=3, alpha=0.35, color=colours[name])
                axes.plot(
                    [place + offset - 0.14, place + offset + 0.14],
                    [part.median()] * 2,
                    "k-",
                    lw=1.6,
                )
            axes.plot([], [], "o", ms=5, color=colours[name], label=name)
        axes.axhline(1.0, color="#888888", lw=0.8, zorder=0)
        axes.set(title=title, yscale="log", ylim=(0.45, 2.2))
        axes.set_xticks(range(len(SYSTEMS)), SYSTEMS, rotation=30, ha="right")
        axes.set_yticks([0.5, 0.7, 1.0, 1.4, 2.0], ["0.5", "0.7", "1", "1.4", "2"])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylabel("ratio")
    right.legend(frameon=False, loc="upper right", fontsize=9)
    return figure


if __name__ == "__main__":
    main()
