"""Bands and meshes that phonopy computed before: band.yaml, mesh.yaml and their HDF5 forms."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import DataWarning, PhononDocumentError
from matminer_phonon_tl.phonons.bands import PhononBands, read_bands
from matminer_phonon_tl.phonons.documents import doubt_of_lengths
from matminer_phonon_tl.phonons.phonopy_units import (
    as_text,
    find_calculator,
    is_factor_of,
    stated_factor,
    units_of,
)
from matminer_phonon_tl.units import BOHR_ANGSTROM

if TYPE_CHECKING:
    from pymatgen.core import Structure

_MAX_NUMBERS = 10**8  # in an array of an HDF5 file
_STEPS = 100_000  # along a reciprocal lattice vector
_GAP_EDGE, _HEAT_EDGE = 25.0, 8.0
"""Angstrom. Edge of the supercell with as many wave vectors as a mesh that is just fine enough. Of
NaCl, meshes of 7, 18 and 29 (2, 5 and 8 divisions) tell a gap of 14 cm-1, an overlap of 19 and one
of 26 to 32, where there is one of 33; the heat capacity at 300 K is 0.1 % off in the first."""
_ALLOWED = 0.02  # of the highest frequency
_BOHR = {"au", "bohr", "a.u."}
_ANGSTROM = {"angstrom", "ang", "a", "å"}


def read_points(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the content of a band.yaml or mesh.yaml as arrays."""
    points = document["phonon"]
    if "mesh" in document and not all("weight" in point for point in points):
        raise PhononDocumentError(
            f"expected a weight of each wave vector in {name}, as phonopy writes them, found none "
            "(phonopy-gruneisen writes such a file); give the mesh.yaml of one volume"
        )
    of_zone = {"mesh", "npath", "segment_nqpoint"} & document.keys()
    if not of_zone and not any("distance" in point for point in points):
        raise PhononDocumentError(
            f"expected bands along lines or a mesh in {name}, got wave vectors that are neither, "
            "as in qpoints.yaml; run phonopy with --band or --mesh, or give force constants"
        )
    found = {name: value for name, value in document.items() if name != "phonon"}
    found["qpoints"] = [point["q-position"] for point in points]
    found["frequency"] = [[band["frequency"] for band in point["band"]] for point in points]
    if "mesh" in document:
        found["weight"] = [point["weight"] for point in points]
    labels = {p["label"].strip("$\\"): p["q-position"] for p in points if p.get("label")}
    ends = np.cumsum(document.get("segment_nqpoint") or []).astype(int)
    for end, n_points, names in zip(
        ends, document.get("segment_nqpoint") or [], document.get("labels") or [], strict=False
    ):
        labels[str(names[0]).strip("$\\")] = found["qpoints"][end - n_points]
        labels[str(names[1]).strip("$\\")] = found["qpoints"][end - 1]
    found["labels"] = labels
    return found


def read_hdf5(path: Path) -> dict[str, Any]:
    """Return a band.hdf5 or mesh.hdf5 as arrays."""
    import h5py

    wanted = {
        *("path", "frequency", "qpoint", "weight", "segment_nqpoint", "label"),
        *("lattice", "coordinates", "symbols", "calculator", "length_unit"),
    }
    with h5py.File(path, "r") as file:
        read = {name: file[name] for name in wanted & set(file)}
        for name, array in read.items():
            if not isinstance(array, h5py.Dataset) or array.size > _MAX_NUMBERS:
                raise PhononDocumentError(
                    f"expected {name} in {path.name} as an array of at most {_MAX_NUMBERS} "
                    "numbers, got another; don't trust it"
                )
        found: dict[str, Any] = {name: array[()] for name, array in read.items()}
    if "path" not in found:
        found["qpoints"] = found.pop("qpoint")
        return found
    lengths = found.pop("segment_nqpoint", [found["path"].shape[1]] * len(found["path"]))
    names = [[as_text(name) for name in pair] for pair in found.pop("label", [])]
    segments = found.pop("path")
    # shorter segments are filled up
    found["qpoints"] = np.concatenate([part[:n] for part, n in zip(segments, lengths, strict=True)])
    found["frequency"] = np.concatenate(
        [part[:n] for part, n in zip(found["frequency"], lengths, strict=True)]
    )
    found["labels"] = {
        name.strip("$\\"): end
        for part, n, pair in zip(segments, lengths, names, strict=False)
        for name, end in zip(pair, (part[0], part[n - 1]), strict=False)
    }
    return found


def as_bands(
    document: dict[str, Any], settings: dict[str, Any], name: str
) -> tuple[PhononBands, float]:
    """Return arrays of phonopy's as bands, and how many THz their unit of frequency is."""
    length = _angstrom(document, settings, name)
    factor = _thz(document, settings, name)
    structure = _structure(document, settings, length or 1.0, name)
    if length is None and (doubt := doubt_of_lengths(structure)):
        raise PhononDocumentError(
            f"expected lengths in Angstrom in {name}, as no file states another unit, but {doubt}: "
            "they are probably in bohr; put the phonopy.yaml of the calculation, which states its "
            "unit, beside it"
        )
    bands = read_bands(
        {
            "bands": factor * np.asarray(document["frequency"], dtype=float).T,
            "qpoints": document["qpoints"],
            "lattice_rec": structure.lattice.reciprocal_lattice.matrix,
            "labels_dict": document.get("labels") or {},
        },
        unit="THz",
        structure=structure,
    )
    return replace(bands, from_force_constants=True), factor


def warn_of_contradiction(
    bands: PhononBands, mesh: PhononBands, bands_name: str, mesh_name: str
) -> None:
    """Warn where bands and mesh have different frequencies at a wave vector that both hold.

    At Gamma, bands of a polar crystal may know a direction that a mesh does not: each branch then
    lies between two of the mesh (a correction of rank 1), which is no contradiction.

    Parameters
    ----------
    bands, mesh : PhononBands
    bands_name, mesh_name : str
        Their files.

    Raises
    ------
    PhononDocumentError
        They have different numbers of branches.
    """
    if len(bands.frequencies) != len(mesh.frequencies):
        raise PhononDocumentError(
            f"expected {bands_name} and {mesh_name} of one crystal, got {len(bands.frequencies)} "
            f"and {len(mesh.frequencies)} branches; compute both anew, or name the one to read"
        )
    allowed = _ALLOWED * float(max(bands.frequencies.max(), mesh.frequencies.max()))
    place = {point: column for column, point in enumerate(_in_zone(mesh.q_fractional))}
    for column, point in enumerate(_in_zone(bands.q_fractional)):
        if point not in place:
            continue
        of_bands, of_mesh = bands.frequencies[:, column], mesh.frequencies[:, place[point]]
        differences = np.abs(of_bands - of_mesh)
        if not any(point):  # Gamma
            above = np.append(of_bands[:-1] - of_mesh[1:], 0.0)
            differences = np.maximum(of_mesh - of_bands, above)
        branch = int(np.argmax(differences))
        if differences[branch] > allowed:
            q = ", ".join(f"{x:g}" for x in bands.q_fractional[column])
            warnings.warn(
                f"{bands_name} and {mesh_name} contradict each other, as files of two calculations "
                f"do: branch {branch + 1} has {of_bands[branch]:.3f} and {of_mesh[branch]:.3f} THz "
                f"at the wave vector ({q}); compute both anew, or name the one to read.",
                DataWarning,
                stacklevel=2,
            )
            return


def warn_of_coarse_mesh(
    mesh: PhononBands, n_points: float, name: str, *, beside_lines: bool
) -> None:
    """Warn of a mesh of few wave vectors: of the heat capacity, and without bands of the gap."""
    if mesh.structure is None:
        return
    edge = float(np.cbrt(n_points * mesh.structure.volume))
    enough, what = (_HEAT_EDGE, "heat capacity") if beside_lines else (_GAP_EDGE, "gap")
    if edge < enough:
        warnings.warn(
            f"the mesh of {name} has {n_points:.0f} wave vector(s) in the whole zone, those of a "
            f"supercell of {edge:.1f} Angstrom, which is coarse for the {what}: compute it of "
            f"{enough:g} Angstrom or more, or give force constants",
            DataWarning,
            stacklevel=2,
        )


def _in_zone(q_fractional: NDArray[np.float64]) -> list[tuple[int, ...]]:
    """Return wave vectors without reciprocal lattice vectors, in steps that tell them apart."""
    steps = np.rint(q_fractional * _STEPS).astype(int) % _STEPS
    return list(map(tuple, steps.tolist()))


def _structure(
    document: dict[str, Any], settings: dict[str, Any], length: float, name: str
) -> "Structure":
    """Return the cell of a band.yaml or its like, or the primitive one of the settings beside."""
    from pymatgen.core import Structure

    if "symbols" in document:  # HDF5
        symbols = [as_text(symbol) for symbol in document["symbols"]]
        return Structure(length * np.array(document["lattice"]), symbols, document["coordinates"])
    cell = document if "lattice" in document else settings.get("primitive_cell") or {}
    points = cell.get("points") or cell.get("atoms")
    if not points:
        raise PhononDocumentError(
            f"expected the cell in {name} or primitive_cell in a phonopy.yaml beside it, found "
            "none; put phonopy.yaml there"
        )
    return Structure(
        length * np.asarray(cell["lattice"]),
        [point["symbol"] for point in points],
        [point.get("coordinates", point.get("position")) for point in points],
    )


def _angstrom(document: dict[str, Any], settings: dict[str, Any], name: str) -> float | None:
    """Return how many Angstrom the unit of length is that a document or those beside it state."""
    for stated in (document, settings):
        length = stated.get("length_unit") or (stated.get("physical_unit") or {}).get("length")
        if length is not None:
            return _length(as_text(length), name)
    calculator = find_calculator(document, settings, name=name)
    return None if calculator is None else float(units_of(calculator).distance_to_A)


def _length(unit: str, name: str) -> float:
    """Return how many Angstrom a unit of length is."""
    known = unit.strip().lower()
    if known in _BOHR:
        return BOHR_ANGSTROM
    if known in _ANGSTROM:
        return 1.0
    raise PhononDocumentError(
        f"expected lengths in angstrom or au (bohr) in {name}, got {unit!r}; convert them"
    )


def _thz(document: dict[str, Any], settings: dict[str, Any], name: str) -> float:
    """Return how many THz the document's unit of frequency is.

    phonopy writes THz unless it is told another factor, which stands in the phonopy.yaml beside;
    in a phonopy_disp.yaml stands VASP's factor, whatever the code.
    """
    stated = stated_factor(settings)
    if stated is None:
        return 1.0
    calculator = find_calculator(document, settings, name=name)
    if is_factor_of(calculator, stated) or is_factor_of(None, stated):
        return 1.0
    return float(units_of(calculator).factor) / stated
