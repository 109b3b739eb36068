"""Build the dataset phonondb_kyoto from a build of the Kyoto archives and two tables.

Usage: phonon-tl build-dataset kyoto kyoto.json.gz --path ARCHIVES --n-jobs -1
       python datasets/build_phonondb_kyoto.py kyoto.json.gz MODULI_CSV BANDGAP_CSV_GZ

MODULI_CSV has material_id, bulk_modulus_vrh_GPa, shear_modulus_vrh_GPa, volume_A3, n_sites and
formula; BANDGAP_CSV_GZ has formula and band_gap_eV, one line for each calculation of the Materials
Project. Writes matminer_phonon_tl/datasets/phonondb_kyoto.json.gz and its entry of metadata.json.
The same sources give the same bytes.
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
from scipy import constants

from matminer_phonon_tl.citations import DE_JONG_2015, JAIN_2013, KYOTO_2018, TOGO_2015
from matminer_phonon_tl.datasets import load_dataset
from matminer_phonon_tl.datasets.rows import OF_THE_PRIMITIVE_CELL

TARGET = Path(__file__).parents[1] / "matminer_phonon_tl/datasets"
NAME = "phonondb_kyoto"

COLUMNS = {
    "material_id": "Materials Project identifier that the Kyoto database gives the material.",
    "formula": "Reduced chemical formula.",
    "composition": "pymatgen Composition of the primitive cell, not reduced.",
    "structure": (
        "pymatgen Structure of the primitive cell, relaxed with PBEsol, Angstrom; lattice vectors "
        "are rounded to 1e-4 Angstrom, fractional coordinates to 1e-5."
    ),
    "nsites": "Number of sites of the structure.",
    "volume": "Volume of the structure's cell, Angstrom^3.",
    "space_group": "International number of the space group (1-230).",
    "lattice_system": "Lattice system, one of seven names.",
    "is_stable": (
        "Whether there is no mode below -0.3 THz (-10 cm-1) on a mesh of the zone and next to "
        "Gamma. Gaps, speeds, Debye temperature and heat capacity are missing where it is False."
    ),
    "lowest_frequency": (
        "Lowest frequency on the mesh and next to Gamma, cm-1, negative if imaginary. The acoustic "
        "branches next to Gamma count only in an unstable crystal."
    ),
    "max_frequency": "Highest frequency on the mesh and next to Gamma, cm-1.",
    "acoustic_top": "Highest frequency of branch 3, cm-1.",
    "optical_bottom": "Lowest frequency of branch 4, cm-1; missing for one atom in the cell.",
    "acoustic_optical_gap": (
        "optical_bottom less acoustic_top, cm-1; negative where the ranges overlap. Missing, as "
        "all columns that count branches, where the cell of the calculation is not primitive."
    ),
    "has_phonon_bandgap": "Whether acoustic_optical_gap is above zero.",
    "phonon_bandgap": "Target variable. acoustic_optical_gap where it is above zero, else 0, cm-1.",
    "largest_gap": (
        "Target variable. Widest range without phonons between any two neighbouring branches, "
        "cm-1; 0 if there is none."
    ),
    "largest_gap_lower_edge": "Highest frequency below that range, cm-1.",
    "largest_gap_upper_edge": "Lowest frequency above that range, cm-1.",
    "speed_of_sound": (
        "Target variable. Speed of sound, km/s: mean over the three acoustic branches and over "
        "all directions of the slope at Gamma. Missing, as all speeds, where one squared is below "
        "-(0.3 km/s)^2 in some direction, or an optical branch comes below 10 cm-1."
    ),
    "speed_longitudinal": "Mean over directions of the fastest of the three waves, km/s.",
    "speed_transverse": "Mean over directions of the two slower waves, km/s.",
    "speed_debye": (
        "Debye mean of the speeds, km/s: the mean of v^-3 over waves and directions, to the power "
        "-1/3."
    ),
    "debye_temperature": "Target variable. Debye temperature of speed_debye, K.",
    "heat_capacity": (
        "Target variable. Lattice heat capacity at constant volume and 300 K, J/mol/K, per mole of "
        "reduced formula units."
    ),
    "heat_capacity_per_atom": (
        "heat_capacity over the number of atoms in the reduced formula, J/mol/K per mole of atoms."
    ),
    "has_born_charges": (
        "Whether the archive has Born charges, which only an insulator has; many large cells lack "
        "them too, so False does not tell a metal. Without them the longitudinal optical branches "
        "of a polar crystal lie too low."
    ),
    "may_be_magnetic": (
        "Whether there is V, Cr, Mn, Fe, Co, Ni, U, Np or Pu: the calculations have no spin, and "
        "the 4f electrons of lanthanides are frozen in the potential."
    ),
    "supercell_width": (
        "Smallest distance between opposite faces of the supercell of the calculation, Angstrom; "
        "below about 9, forces reach beyond it in covalent crystals."
    ),
    "bandgap": (
        "PBE electronic band gap, eV (Materials Project, by way of Matbench), where all its "
        "calculations of the formula agree within 0.1 eV; else missing."
    ),
    "speed_from_moduli": (
        "(v_L + 2 v_T) / 3 from the elastic moduli (Voigt-Reuss-Hill) of the Materials Project, "
        "km/s; for 2-element compounds that have them, else missing."
    ),
    "speed_check": (
        "What other sources say of speed_of_sound (the moduli, and in cubic crystals the DFPT "
        "label of phonon_tl): 'agrees' (all within 10 %), 'differs' (one does not), 'unchecked'."
    ),
}

MISSING_IF_UNSTABLE = (
    *OF_THE_PRIMITIVE_CELL,
    "largest_gap",
    "largest_gap_lower_edge",
    "largest_gap_upper_edge",
    "speed_of_sound",
    "speed_longitudinal",
    "speed_transverse",
    "speed_debye",
    "debye_temperature",
    "heat_capacity",
    "heat_capacity_per_atom",
)
MAGNETIC = {"V", "Cr", "Mn", "Fe", "Co", "Ni", "U", "Np", "Pu"}

DECIMALS = {
    "volume": 3,
    "lowest_frequency": 2,
    "max_frequency": 2,
    "acoustic_top": 2,
    "optical_bottom": 2,
    "acoustic_optical_gap": 2,
    "phonon_bandgap": 2,
    "largest_gap": 2,
    "largest_gap_lower_edge": 2,
    "largest_gap_upper_edge": 2,
    "speed_of_sound": 4,
    "speed_longitudinal": 4,
    "speed_transverse": 4,
    "speed_debye": 4,
    "debye_temperature": 2,
    "heat_capacity": 4,
    "heat_capacity_per_atom": 4,
    "supercell_width": 2,
    "bandgap": 4,
    "speed_from_moduli": 4,
}

DESCRIPTION = (
    "Phonon properties of crystals of the Kyoto phonon database (finite displacements, VASP, "
    "PBEsol; version 2018-04-17), derived from its force constants by matminer-phonon-tl: "
    "dynamical stability, acoustic-optical and largest phonon gap and their edges, speeds of "
    "sound over all directions, Debye temperature and heat capacity at 300 K. Shipped with "
    "matminer-phonon-tl; nothing is downloaded, and url names the origin of the force constants."
)

REFERENCE = (
    "A. Togo, Phonon database at Kyoto university, version 2018-04-17 (CC BY 4.0). Method: A. Togo "
    "and I. Tanaka, Scr. Mater. 108, 1 (2015), doi:10.1016/j.scriptamat.2015.07.021. Elastic "
    "moduli: M. de Jong et al., Sci. Data 2, 150009 (2015), doi:10.1038/sdata.2015.9. Electronic "
    "band gaps: A. Jain et al., APL Mater. 1, 011002 (2013), doi:10.1063/1.4812323."
)

AGREEMENT = 0.10
BANDGAP_SPREAD = 0.1


def main() -> None:
    """Read, check, build and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("built", type=Path, help="what phonon-tl build-dataset kyoto wrote")
    parser.add_argument("moduli", type=Path, help="elastic moduli, CSV")
    parser.add_argument("bandgaps", type=Path, help="band gaps by formula, CSV")
    arguments = parser.parse_args()

    built = load_dataset(path=arguments.built)
    frame = build_frame(built, read_table(arguments.moduli), read_table(arguments.bandgaps))
    content = encode(frame)
    (TARGET / f"{NAME}.json.gz").write_bytes(content)
    path = TARGET / "metadata.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    entries[NAME] = {
        "bibtex_refs": [KYOTO_2018, TOGO_2015, DE_JONG_2015, JAIN_2013],
        "columns": COLUMNS,
        "description": DESCRIPTION,
        "file_type": "json.gz",
        "hash": hashlib.sha256(content).hexdigest(),
        "num_entries": len(frame),
        "reference": REFERENCE,
        "url": "https://github.com/atztogo/phonondb",
    }
    path.write_text(json.dumps(entries, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"wrote {NAME}.json.gz: {len(frame)} rows, {len(content)} bytes")
    print(f"stable: {int(frame['is_stable'].sum())}")
    print(frame.loc[frame["is_stable"], "speed_check"].value_counts().to_string())


def read_table(path: Path) -> pd.DataFrame:
    """Read a table whose formulas may be NaN, sodium nitride."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def build_frame(built: pd.DataFrame, moduli: pd.DataFrame, bandgaps: pd.DataFrame) -> pd.DataFrame:
    """Bring a build into the columns of the dataset, in the order of the identifiers' numbers."""
    if not built["material_id"].is_unique:
        raise SystemExit("expected each material once in the build")
    number = built["material_id"].str.removeprefix("mp-").astype(int)
    frame = built.iloc[np.argsort(number.to_numpy())].reset_index(drop=True)
    frame[list(MISSING_IF_UNSTABLE)] = frame[list(MISSING_IF_UNSTABLE)].astype(object)
    frame.loc[~frame["is_stable"], list(MISSING_IF_UNSTABLE)] = None
    frame["may_be_magnetic"] = [
        not MAGNETIC.isdisjoint(element.symbol for element in composition)
        for composition in frame["composition"]
    ]
    frame["bandgap"] = frame["formula"].map(unambiguous_bandgaps(bandgaps))
    frame["speed_from_moduli"] = frame["material_id"].map(speeds_from_moduli(moduli))
    frame["speed_check"] = speed_checks(frame)
    for name, decimals in DECIMALS.items():
        numbers = pd.to_numeric(frame[name])
        frame[name] = [None if np.isnan(x) else round(float(x), decimals) for x in numbers]
    frame["composition"] = [
        {symbol: int(amount) for symbol, amount in c.as_dict().items()}
        for c in frame["composition"]
    ]
    frame["structure"] = [encode_structure(structure) for structure in frame["structure"]]
    return frame[list(COLUMNS)]


def unambiguous_bandgaps(table: pd.DataFrame) -> dict[str, float]:
    """Return the band gap of each reduced formula whose calculations agree."""
    unique = {
        formula: Composition(formula).reduced_formula for formula in table["formula"].unique()
    }
    groups = table.groupby(table["formula"].map(unique))["band_gap_eV"]
    agreed = (groups.max() - groups.min()) <= BANDGAP_SPREAD
    return groups.median()[agreed].to_dict()


def speeds_from_moduli(table: pd.DataFrame) -> dict[str, float]:
    """Return (v_L + 2 v_T) / 3, km/s, by material; where a modulus is not positive, nothing."""
    good = table[(table["bulk_modulus_vrh_GPa"] > 0) & (table["shear_modulus_vrh_GPa"] > 0)]
    masses = [
        Composition(row.formula).weight / Composition(row.formula).num_atoms * row.n_sites
        for row in good.itertuples()
    ]
    kilograms = np.array(masses) * constants.atomic_mass
    density = kilograms / (good["volume_A3"].to_numpy() * constants.angstrom**3)
    bulk = good["bulk_modulus_vrh_GPa"].to_numpy() * constants.giga
    shear = good["shear_modulus_vrh_GPa"].to_numpy() * constants.giga
    longitudinal, transverse = np.sqrt((bulk + 4 / 3 * shear) / density), np.sqrt(shear / density)
    return dict(zip(good["material_id"], (longitudinal + 2 * transverse) / 3e3, strict=True))


def speed_checks(frame: pd.DataFrame) -> list[str]:
    """Say of each speed of sound whether other sources agree."""
    phonon_tl = load_dataset("phonon_tl")
    cubic = phonon_tl[phonon_tl["lattice_system"] == "cubic"]
    labels = dict(zip(cubic["material_id"], cubic["speed_of_sound"], strict=True))
    checks = []
    for row in frame.itertuples():
        others = [row.speed_from_moduli, labels.get(row.material_id, np.nan)]
        others = [speed for speed in others if speed is not None and not np.isnan(speed)]
        if not row.is_stable or not others or pd.isna(row.speed_of_sound):
            checks.append("unchecked")
        else:
            agree = all(abs(row.speed_of_sound / speed - 1) <= AGREEMENT for speed in others)
            checks.append("agrees" if agree else "differs")
    return checks


def encode_structure(structure: Structure) -> dict[str, Any]:
    """Write a structure in few characters: runs of species, rounded coordinates."""
    species: list[list[Any]] = []
    for site in structure:
        if species and species[-1][0] == site.specie.symbol:
            species[-1][1] += 1
        else:
            species.append([site.specie.symbol, 1])
    lattice = np.round(structure.lattice.matrix, 4) + 0.0
    coordinates = np.round(structure.frac_coords % 1.0, 5) % 1.0
    return {
        "lattice": lattice.tolist(),
        "species": species,
        "coordinates": coordinates.ravel().tolist(),
    }


def encode(frame: pd.DataFrame) -> bytes:
    """Write a frame as matminer does (orient "split"), with nothing in it that changes."""
    table = {
        "index": list(range(len(frame))),
        "columns": list(frame.columns),
        "data": [
            [None if isinstance(x, float) and np.isnan(x) else x for x in row]
            for row in frame.astype(object).to_numpy().tolist()
        ],
    }
    text = json.dumps(table, separators=(",", ":"), allow_nan=False)
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


if __name__ == "__main__":
    main()
