"""What another density functional's cell does to predictions from structures.

Usage: python benchmarks/cell_volumes.py

Stable materials that both shipped sets hold have two structures: phonondb_kyoto's, relaxed with
PBEsol, on which the models of speed of sound and heat capacity were trained, and phonon_tl's, which
is the Materials Project's, of the PBE functional for the most part and larger. The shipped
predictor of structures is asked about both, and held against the same labels of phonondb_kyoto.
These are training compounds: what differs between the lines is the cell alone.
"""

import numpy as np
import pandas as pd

from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.datasets import load_phonondb_kyoto
from matminer_phonon_tl.models import PhononPredictor


def main() -> None:
    """Print one line for each cell and property."""
    kyoto = load_phonondb_kyoto().set_index("material_id")
    other = load_phonon_tl().set_index("material_id")
    both = other.index.intersection(kyoto.index)
    kyoto, other = kyoto.loc[both], other.loc[both]
    volumes = [
        np.array([each.volume / len(each) for each in table["structure"]])
        for table in (kyoto, other)
    ]
    larger = 100 * (volumes[1] / volumes[0] - 1)
    print(
        f"{len(both)} materials; phonon_tl's volume an atom is larger by {np.mean(larger):.1f} % "
        f"(median {np.median(larger):.1f} %)"
    )
    predictor = PhononPredictor.from_pretrained(structure=True)
    for name, structures in (
        ("phonondb_kyoto's cell (PBEsol)", kyoto["structure"]),
        ("phonon_tl's cell", other["structure"]),
        ("phonon_tl's, scaled to Kyoto's volume", scaled(other["structure"], kyoto["structure"])),
    ):
        found = predictor.predict(structures, warn=False)
        atoms = (found["heat_capacity"] / found["heat_capacity_per_atom"]).round()
        for target, label, scale in (
            ("speed_of_sound", "speed_of_sound", 1.0),
            ("heat_capacity", "heat_capacity_per_atom", atoms),
        ):
            report(name, target, found, kyoto[label], scale)


def scaled(structures: pd.Series, others: pd.Series) -> pd.Series:
    """Return structures at the volume an atom of others."""
    return pd.Series(
        [
            one.copy().scale_lattice(other.volume / len(other) * len(one))
            for one, other in zip(structures, others, strict=True)
        ],
        index=structures.index,
    )


def report(name: str, target: str, found: pd.DataFrame, truth: pd.Series, scale: object) -> None:
    """Print bias, error and coverage where the label is known."""
    mean, lower, upper = (found[f"{target}{end}"] / scale for end in ("", "_lower", "_upper"))
    known = truth.notna() & mean.notna()
    error = (mean - truth)[known]
    inside = ((lower <= truth) & (truth <= upper))[known].mean()
    print(
        f"{name:40s}{target:16s}{known.sum():5d} materials  bias {error.mean():+.3f}  MAE "
        f"{error.abs().mean():.3f}  90 % intervals hold {inside:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
