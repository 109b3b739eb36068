"""Print how the phonon properties compare with closed forms, phonopy, pymatgen and the paper.

Usage: python benchmarks/phonon_properties.py

Real documents are compared where the environment variable PHONON_TL_TEST_DATA names the folder
of test documents, phonopy where it is installed.
"""

import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pymatgen.core import Structure
from pymatgen.phonon.dos import PhononDos
from scipy import constants

from matminer_phonon_tl.datasets import load_dataset
from matminer_phonon_tl.phonons import (
    acoustic_optical_gap,
    debye_dos,
    diatomic_chain,
    has_imaginary_modes,
    heat_capacity,
    imaginary_modes,
    sound_velocities,
    speed_of_sound,
)


def line(what: str, found: float, expected: float, unit: str) -> None:
    """Print a figure, what it should be and how far it is off."""
    off = found / expected - 1.0
    print(f"{what:58s} {found:12.5f} {expected:12.5f} {unit:9s} {off:+.3%}")


def closed_forms() -> None:
    """Compare with the diatomic chain and Debye's solid."""
    spring = 60.0
    chain = diatomic_chain(springs=(spring,) * 3)
    light, heavy = sorted(
        float(site.specie.atomic_mass) * constants.atomic_mass for site in chain.structure
    )
    to_cm1 = 1.0 / (2.0 * np.pi * constants.c * 100.0)
    gap = to_cm1 * (np.sqrt(2.0 * spring / light) - np.sqrt(2.0 * spring / heavy))
    speed = 4e-10 * np.sqrt(spring / (2.0 * (light + heavy))) / 1e3
    line("Ga-N chain: gap, closed form", acoustic_optical_gap(chain), gap, "cm-1")
    line("Ga-N chain: speed of sound, closed form", speed_of_sound(chain), speed, "km/s")
    dos = debye_dos(cutoff=10.0)
    theta = constants.h * 1e13 / constants.k
    hot = heat_capacity(dos, None, 1e5, per="atom", unit="THz")
    cold = heat_capacity(dos, None, 5.0, per="atom", unit="THz")
    line("Debye solid: Cv at 1e5 K, 3R", hot, 3.0 * constants.R, "J/mol/K")
    t_cubed = 2.4 * np.pi**4 * constants.R * (5.0 / theta) ** 3
    line("Debye solid: Cv at 5 K, T^3 law", cold, t_cubed, "J/mol/K")


def group_velocities() -> None:
    """Compare with phonopy's group velocities in a zincblende crystal of springs."""
    try:
        import phonopy  # noqa: F401
    except ImportError:
        print("phonopy is not installed: group velocities not compared")
        return
    from matminer_phonon_tl.phonons import zincblende_springs

    phonon = zincblende_springs()
    cell = phonon.primitive
    structure = Structure(cell.cell, cell.symbols, cell.scaled_positions)
    for name, end in {"X": [0.5, 0.0, 0.5], "K": [0.375, 0.375, 0.75], "L": [0.5] * 3}.items():
        path = np.linspace([0.0, 0.0, 0.0], end, 26)
        bands = phonon.run_band_structure([path])
        document = {
            "bands": bands.frequencies[0].T,
            "qpoints": path,
            "lattice_rec": structure.lattice.reciprocal_lattice.matrix,
            "structure": structure,
        }
        found = [velocity.speed for velocity in sound_velocities(document, unit="THz")]
        q = 1e-3 * np.asarray(end)
        phonon.run_qpoints([q], with_group_velocities=True)
        along = q @ np.linalg.inv(cell.cell).T
        exact = 0.1 * phonon.qpoints.group_velocities[0][:3] @ along / np.linalg.norm(along)
        for branch, (speed, expected) in enumerate(zip(found, np.sort(exact), strict=True), 1):
            line(
                f"zincblende springs: Gamma-{name}, branch {branch}, phonopy",
                speed,
                expected,
                "km/s",
            )


def real_documents(folder: Path) -> None:
    """Compare with the paper's table, and with pymatgen's heat capacity."""

    def load(name: str) -> dict:
        return json.loads(gzip.decompress((folder / f"{name}.json.gz").read_bytes()))

    rbi = load("RbI_mp-23302_phonon_doc")
    documents = {
        ("RbI", "mp-23302"): (rbi["ph_bs"], rbi["ph_dos"]),
        ("NaCl", "mp-22862"): (load("NaCl_phonon_bs"), load("NaCl_phonon_dos")),
    }
    table = load_dataset("phonon_tl").set_index("material_id")
    for (formula, material_id), (bs, dos) in documents.items():
        row = table.loc[material_id]
        cv = heat_capacity(dos)
        line(
            f"{formula}: speed of sound, the paper", speed_of_sound(bs), row.speed_of_sound, "km/s"
        )
        line(f"{formula}: Cv at 300 K, the paper", cv, row.heat_capacity, "J/mol/K")
        pymatgen = PhononDos(dos["frequencies"], dos["densities"]).cv(
            300.0, structure=Structure.from_dict(dos["structure"])
        )
        line(f"{formula}: Cv at 300 K, pymatgen", cv, pymatgen, "J/mol/K")
        signed = acoustic_optical_gap(bs, signed=True)
        print(
            f"{formula}: gap {acoustic_optical_gap(bs):.1f} cm-1 (signed {signed:.2f}), the paper "
            f"{row.phonon_bandgap:.1f}; lowest next to Gamma "
            f"{imaginary_modes(bs).lowest_near_gamma:.3f} THz; "
            f"imaginary modes: {has_imaginary_modes(bs)}"
        )
        seconds = timed(lambda bs=bs: speed_of_sound(bs)), timed(lambda dos=dos: heat_capacity(dos))
        print(
            f"{formula}: {1e3 * seconds[0]:.1f} ms for the speed of sound, "
            f"{1e3 * seconds[1]:.1f} ms for Cv"
        )
    unstable = imaginary_modes(load("BaTiO3_phonon_bs"))
    print(
        f"BaTiO3: imaginary modes: {unstable.unstable}, {unstable.lowest_near_gamma:.2f} THz at "
        f"Gamma, {unstable.lowest_elsewhere:.2f} THz elsewhere"
    )


def timed(call: Callable[[], object], repeats: int = 5) -> float:
    """Return the shortest of some runs, s."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


if __name__ == "__main__":
    print(f"{'':58s} {'found':>12s} {'expected':>12s}")
    closed_forms()
    group_velocities()
    if data := os.environ.get("PHONON_TL_TEST_DATA"):
        real_documents(Path(data) / "raw_phonons")
    else:
        print("PHONON_TL_TEST_DATA is not set: real documents not compared")
