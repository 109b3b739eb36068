"""Build the dataset phonon_tl in matminer's format from its source tables.

Usage: python datasets/build_phonon_tl.py TABLE_CSV STRUCTURES_JSON_GZ

Writes matminer_phonon_tl/datasets/phonon_tl.json.gz and metadata.json. The same sources give the
same bytes: no date, library version or unordered set enters the file. Every disagreement within
the sources is either an error or a line on the screen that says what was done about it.
"""

import argparse
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pymatgen.core import Composition, Structure

from matminer_phonon_tl.citations import JAIN_2013, LIU_2020, PETRETTO_2018

TARGET = Path(__file__).parents[1] / "matminer_phonon_tl/datasets"
N_ROWS, N_GAPPED, N_TRAIN = 1245, 124, 871

COLUMN_OF_SOURCE = {
    "material_id": "material_id",
    "formula": "formula",
    "nsites": "nsites",
    "volume_A3": "volume",
    "spacegroup_number": "space_group",
    "lattice_system": "lattice_system",
    "formation_energy_eV_per_atom": "formation_energy_per_atom",
    "band_gap_eV": "bandgap",
    "phonon_band_gap_cm-1": "phonon_bandgap",
    "speed_of_sound_km_per_s": "speed_of_sound",
    "heat_capacity_300K_J_per_mol_K": "heat_capacity",
    "paper_split": "paper_split",
}

COLUMNS = {
    "material_id": "Materials Project identifier of the phonon calculation's structure.",
    "formula": "Reduced chemical formula.",
    "composition": (
        "pymatgen Composition of the primitive cell, not reduced: the model of Liu et al. sees "
        "the size of the cell."
    ),
    "structure": "pymatgen Structure of the primitive cell, Angstrom.",
    "nsites": "Number of sites of the structure.",
    "volume": "Volume of the structure's cell, Angstrom^3.",
    "space_group": "International number of the space group (1-230).",
    "lattice_system": "Lattice system, one of seven names.",
    "formation_energy_per_atom": "PBE formation energy, eV per atom (Materials Project).",
    "bandgap": "PBE electronic band gap, eV (Materials Project); the source task of the paper.",
    "has_phonon_bandgap": "Whether phonon_bandgap is above zero.",
    "phonon_bandgap": (
        "Target variable. Acoustic-optical phonon gap, cm-1: minimum of branch 4 minus maximum of "
        "branch 3 of the primitive cell over the whole zone, 0 where they overlap."
    ),
    "speed_of_sound": (
        "Target variable. Speed of sound, km/s: mean over the three acoustic branches of the group "
        "velocity at Gamma, as the paper has it. To be trusted in cubic crystals only; in others "
        "it is off by 10 to 40 %."
    ),
    "heat_capacity": (
        "Target variable. Lattice heat capacity at constant volume and 300 K, J/mol/K, per mole of "
        "reduced formula units."
    ),
    "heat_capacity_per_atom": (
        "heat_capacity over the number of atoms in the reduced formula, J/mol/K per mole of atoms."
    ),
    "paper_split": (
        "'train' (871 rows) or 'test' (374 rows): the split on which Liu et al. scored their "
        "classifier, recovered from their descriptor files. 17 test rows share their descriptors "
        "with a polymorph and were assigned by label."
    ),
}

DESCRIPTION = (
    "Phonon properties of 1245 dynamically stable semiconductors from density functional "
    "perturbation theory (PBEsol, ABINIT; Petretto et al. 2018), as curated by Liu, Jiang and Luo "
    "(2020) for transfer learning from electronic band gaps: acoustic-optical phonon gap (124 "
    "materials have one), speed of sound and heat capacity at 300 K. Shipped with "
    "matminer-phonon-tl; nothing is downloaded, and url names the origin of the figures."
)

REFERENCE = (
    "Z. Liu, M. Jiang, T. Luo, Leverage electron properties to predict phonon properties via "
    "transfer learning for semiconductors. Sci. Adv. 6, eabd1356 (2020), "
    "doi:10.1126/sciadv.abd1356. Phonons: G. Petretto et al., Sci. Data 5, 180065 (2018), "
    "doi:10.1038/sdata.2018.65. Electronic band gaps: A. Jain et al., APL Mater. 1, 011002 (2013), "
    "doi:10.1063/1.4812323."
)


def main() -> None:
    """Read, check, build and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="the paper's table, CSV, one row a material")
    parser.add_argument("structures", type=Path, help="id -> lattice, species, frac_coords")
    arguments = parser.parse_args()

    source = pd.read_csv(arguments.table)
    with gzip.open(arguments.structures, "rt", encoding="utf-8") as file:
        cells: dict[str, dict[str, Any]] = json.load(file)
    check_table(source, cells)
    frame = build_frame(source, cells)
    content = encode(frame)
    (TARGET / "phonon_tl.json.gz").write_bytes(content)
    entry = {
        "bibtex_refs": [LIU_2020, PETRETTO_2018, JAIN_2013],
        "columns": COLUMNS,
        "description": DESCRIPTION,
        "file_type": "json.gz",
        "hash": hashlib.sha256(content).hexdigest(),
        "num_entries": len(frame),
        "reference": REFERENCE,
        "url": "https://github.com/liuzyzju/phonon_TL",
    }
    path = TARGET / "metadata.json"
    entries = json.loads(path.read_text(encoding="utf-8")) | {"phonon_tl": entry}
    path.write_text(json.dumps(entries, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"wrote phonon_tl.json.gz: {len(frame)} rows, {len(content)} bytes, {entry['hash']}")


def check_table(source: pd.DataFrame, cells: dict[str, dict[str, Any]]) -> None:
    """Refuse sources that are not the ones this script was written for."""
    labels = source.select_dtypes("number").to_numpy()
    gapped = (source["phonon_band_gap_cm-1"] > 0).sum()
    checks = {
        f"{N_ROWS} rows": len(source) == N_ROWS,
        "unique ids": source["material_id"].is_unique,
        "a structure for every id": set(cells) == set(source["material_id"]),
        "no missing cell": not source.isna().any(axis=None),
        "finite figures": bool(np.isfinite(labels).all()),
        f"{N_GAPPED} gaps": gapped == N_GAPPED,
        "gaps of zero or above": bool((source["phonon_band_gap_cm-1"] >= 0).all()),
        f"{N_TRAIN} training rows": (source["paper_split"] == "train").sum() == N_TRAIN,
        "space groups 1-230": bool(source["spacegroup_number"].between(1, 230).all()),
    }
    failed = [name for name, passed in checks.items() if not passed]
    if failed:
        raise SystemExit(f"the source tables fail these checks: {', '.join(failed)}")


def build_frame(source: pd.DataFrame, cells: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Bring the source into the columns of the dataset, checking each row against its structure."""
    frame = source[list(COLUMN_OF_SOURCE)].rename(columns=COLUMN_OF_SOURCE)
    structures = [
        Structure(cell["lattice"], cell["species"], cell["frac_coords"])
        for cell in map(cells.__getitem__, source["material_id"])
    ]
    for row, structure, cell_composition in zip(
        source.itertuples(), structures, source["cell_composition"], strict=True
    ):
        composition = Composition(json.loads(cell_composition))
        if structure.composition != composition:
            raise SystemExit(
                f"{row.material_id}: structure {structure.formula}, cell composition {composition}"
            )
        if composition.reduced_formula != row.formula:
            raise SystemExit(f"{row.material_id}: {row.formula} is not {composition}")
        if abs(structure.volume / row.volume_A3 - 1) > 1e-4:
            raise SystemExit(f"{row.material_id}: volume {row.volume_A3}, cell {structure.volume}")
        if len(structure) != row.nsites:
            print(
                f"{row.material_id} ({row.formula}): the source says {row.nsites} sites, its "
                f"structure has {len(structure)}; the structure is used"
            )
    frame["nsites"] = [len(structure) for structure in structures]
    atoms_per_formula = [Composition(formula).num_atoms for formula in frame["formula"]]
    frame["heat_capacity_per_atom"] = frame["heat_capacity"] / atoms_per_formula
    frame["has_phonon_bandgap"] = frame["phonon_bandgap"] > 0
    frame["composition"] = [encode_composition(s.composition) for s in structures]
    frame["structure"] = [encode_structure(cells[i]) for i in frame["material_id"]]
    return frame[list(COLUMNS)]


def encode_composition(composition: Composition) -> dict[str, Any]:
    """As MontyEncoder would, without the library's version."""
    return {
        "@module": "pymatgen.core.composition",
        "@class": "Composition",
        **composition.as_dict(),
    }


def encode_structure(cell: dict[str, Any]) -> dict[str, Any]:
    """As MontyEncoder would, less what follows from the rest (angles, Cartesian coordinates)."""
    return {
        "@module": "pymatgen.core.structure",
        "@class": "Structure",
        "charge": 0,
        "lattice": {"matrix": cell["lattice"], "pbc": [True, True, True]},
        "properties": {},
        "sites": [
            {
                "species": [{"element": symbol, "occu": 1}],
                "abc": coordinates,
                "properties": {},
                "label": symbol,
            }
            for symbol, coordinates in zip(cell["species"], cell["frac_coords"], strict=True)
        ],
    }


def encode(frame: pd.DataFrame) -> bytes:
    """Write a frame as matminer does (orient "split"), with nothing in it that changes."""
    text = json.dumps(frame.to_dict(orient="split"), separators=(",", ":"), allow_nan=False)
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


if __name__ == "__main__":
    main()
