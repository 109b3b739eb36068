"""phonopy calculations: folders with band.yaml, phonopy_params.yaml or FORCE_SETS."""

import bz2
import gzip
import lzma
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

import numpy as np

from matminer_phonon_tl.datasets.sources.base import (
    Entry,
    PhononRecord,
    PhononSource,
    SkippedEntryError,
)
from matminer_phonon_tl.exceptions import MissingExtraError, PhononDocumentError
from matminer_phonon_tl.phonons.force_constants import ForceConstantPhonons
from matminer_phonon_tl.units import BOHR_ANGSTROM

if TYPE_CHECKING:
    from phonopy import Phonopy
    from pymatgen.core import Structure

_PARAMETERS = ("phonopy_params.yaml", "phonopy_disp.yaml", "phonopy.yaml")
_FORCES = ("FORCE_SETS", "FORCE_CONSTANTS", "force_constants.hdf5")
_COMPRESSED = {"": open, ".xz": lzma.open, ".lzma": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}
_ANY = tuple(f"{name}{ending}" for name in (*_PARAMETERS, "band.yaml") for ending in _COMPRESSED)
_MAX_BYTES = 2 * 2**30
_BOHR = {"au", "bohr", "a.u."}


class PhonopySource(PhononSource):
    """Folders of phonopy calculations, one material each, named after the material.

    A folder holds either force constants, in one of

    - ``phonopy_params.yaml``, which has everything, or
    - ``phonopy_disp.yaml`` or ``phonopy.yaml``, with forces or force constants in it or with
      ``FORCE_SETS``, ``FORCE_CONSTANTS`` or ``force_constants.hdf5`` beside it, and a ``BORN`` file
      if there is one,

    from which the properties are computed over the whole zone; or, computed before, ``band.yaml``
    with ``total_dos.dat``. Where there are both, the force constants are taken, and the row's
    ``source_id`` says so. Each file may be compressed (``.xz``, ``.lzma``, ``.gz``, ``.bz2``), and
    lengths may be in bohr, as those of Quantum ESPRESSO, ABINIT and other calculators are.

    Parameters
    ----------
    path : path
        A folder of such folders, or one of them.

    References
    ----------
    A. Togo and I. Tanaka, Scr. Mater. 108, 1 (2015), doi:10.1016/j.scriptamat.2015.07.021.

    Examples
    --------
    >>> PhonopySource("calculations").name
    'phonopy'
    """

    name: ClassVar[str] = "phonopy"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def entries(self) -> Iterator[Entry]:
        """Yield each folder that holds a calculation, or should hold one.

        What lies within a calculation, such as its displaced supercells, belongs to it.

        Yields
        ------
        Entry
            The folder's path within the source's, and itself.

        Raises
        ------
        FileNotFoundError
            There is no such folder.
        """
        for folder in self._folders():
            name = folder.relative_to(self.path).as_posix()
            yield Entry(self.path.resolve().name if name == "." else name, folder)

    def read(self, entry: Entry) -> PhononRecord:
        """Read the bands and the density of states of one folder, or its force constants.

        Parameters
        ----------
        entry : Entry
            One of :meth:`entries`.

        Returns
        -------
        PhononRecord
            The calculation.

        Raises
        ------
        SkippedEntryError
            There is no calculation, there are no forces, or no density of states.
        PhononDocumentError
            A file is corrupt.
        MissingExtraError
            phonopy is not installed.
        """
        folder: Path = entry.payload
        if not any((folder / name).exists() for name in _ANY):
            raise SkippedEntryError(
                f"expected {', '.join(_PARAMETERS)} or band.yaml in {entry.key}, found none; run "
                "phonopy there, or take the folder away",
                reason="no calculation",
            )
        try:
            parameters = _parameters(folder)
            if parameters is not None:
                phonons = ForceConstantPhonons(_load(folder, parameters))
                bands: Any = phonons
                dos: Any = phonons
                structure = phonons.structure
                made_of = parameters
            else:
                made_of = _find(folder, "band.yaml") or folder
                bands, dos, structure = _read_computed(folder)
        except (MissingExtraError, SkippedEntryError, PhononDocumentError):
            raise
        except Exception as error:
            # phonopy raises whatever its parsers meet: KeyError, RuntimeError, YAML errors ...
            raise PhononDocumentError(
                f"expected a phonopy calculation in {entry.key}, but reading it failed "
                f"({type(error).__name__}: {error}); run phonopy on it by hand to see why"
            ) from error
        changed = datetime.fromtimestamp(made_of.stat().st_mtime, tz=UTC)
        return PhononRecord(
            material_id=entry.key,
            bands=bands,
            dos=dos,
            structure=structure,
            source_id=f"{entry.key}/{made_of.name}",
            document_date=changed.isoformat(timespec="seconds"),
            # what phonopy computes and writes, for every force calculator
            unit="THz",
        )

    def fingerprint(self) -> dict[str, Any]:
        """Return the path.

        Returns
        -------
        dict
            ``path``.
        """
        return {"path": str(self.path.resolve())}

    def count(self) -> int | None:
        """Return the number of folders.

        Returns
        -------
        int
            Folders that hold a calculation, or should.
        """
        return len(self._folders())

    def _folders(self) -> list[Path]:
        """Return the folders that hold one of the files, and those that lead to none, in order."""
        if not self.path.is_dir():
            raise FileNotFoundError(
                f"expected a folder of phonopy calculations at {self.path}, found none; "
                "name the folder that holds one folder for each material"
            )
        calculations = {path.parent for path in self.path.rglob("*") if path.name in _ANY}
        leading = {parent for folder in calculations for parent in folder.parents} | {self.path}
        outside = [
            folder
            for folder in leading
            if folder.is_relative_to(self.path)
            and calculations.isdisjoint([folder, *folder.parents])
        ]
        empty = {
            child
            for folder in outside
            for child in folder.iterdir()
            if child.is_dir()
            and not child.name.startswith(".")
            and child not in calculations
            and child not in leading
        }
        return sorted(calculations | empty)


def _find(folder: Path, name: str) -> Path | None:
    """Return a file of that name, compressed or not."""
    candidates = (folder / f"{name}{ending}" for ending in _COMPRESSED)
    return next((path for path in candidates if path.exists()), None)


def _open(path: Path) -> Any:
    """Open a text file, compressed or not."""
    opener: Any = _COMPRESSED.get(path.suffix, open)
    return opener(path, "rt", encoding="utf-8")


def _parameters(folder: Path) -> Path | None:
    """Return the parameter file from which force constants can be had, if there is one.

    Without any, and without bands that were computed before, the first one is returned, so that
    the missing forces are named.
    """
    found = [path for path in (_find(folder, name) for name in _PARAMETERS) if path is not None]
    beside = any(_find(folder, name) for name in _FORCES)
    whole = [
        path
        for path in found
        if beside
        or path.name.startswith(_PARAMETERS[0])  # is there to hold everything
        or _holds(path, "force_constants:", "forces:")
    ]
    if not whole and _find(folder, "band.yaml") is None:
        whole = found
    return whole[0] if whole else None


def _holds(parameters: Path, *keys: str) -> bool:
    """Return whether a parameter file has one of these keys."""
    with _open(parameters) as file:
        return any(line.strip().removeprefix("- ").startswith(keys) for line in file)


def _load(folder: Path, parameters: Path) -> "Phonopy":
    """Load a calculation with phonopy, told each file, as it otherwise looks in the work folder."""
    try:
        import phonopy
    except ImportError as error:
        raise MissingExtraError(
            "expected phonopy to compute phonons from force constants, found none; install the "
            "extra phonopy"
        ) from error
    forces: dict[str, Any] = {}
    sets, charges = _find(folder, _FORCES[0]), _find(folder, "BORN")
    constants = next((path for name in _FORCES[1:] if (path := _find(folder, name))), None)
    with TemporaryDirectory() as unpacked:
        if sets is not None:
            forces["force_sets_filename"] = _plain(sets, unpacked)
        elif constants is not None:
            forces["force_constants_filename"] = _plain(constants, unpacked)
        if charges is not None:
            forces["born_filename"] = _plain(charges, unpacked)
        is_nac = charges is not None or _holds(parameters, "born_effective_charge:")
        phonon = phonopy.load(_plain(parameters, unpacked), is_nac=is_nac, log_level=0, **forces)
    if phonon.force_constants is None:
        raise SkippedEntryError(
            f"expected forces in {folder.name} ({', '.join(_FORCES)} or in {_PARAMETERS[0]}), "
            "found none; run the displaced supercells first",
            reason="no forces",
        )
    return phonon


def _plain(path: Path, folder: str) -> Path:
    """Return a file as it is, or unpacked into a folder: phonopy's readers differ in this."""
    if not path.suffix or path.suffix not in _COMPRESSED:
        return path
    opener: Any = _COMPRESSED[path.suffix]
    target = Path(folder) / path.stem
    with opener(path, "rb") as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, _Bounded(file, path.name))
    return target


class _Bounded:
    """A file that refuses to grow beyond what a calculation may hold."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file, self.name, self.size = file, name, 0

    def write(self, content: bytes) -> None:
        self.size += len(content)
        if self.size > _MAX_BYTES:
            raise PhononDocumentError(
                f"expected at most {_MAX_BYTES >> 30} GB in {self.name}, unpacked, got more; don't "
                "trust it, or unpack it yourself"
            )
        self.file.write(content)


def _read_computed(folder: Path) -> tuple[dict[str, Any], dict[str, Any], "Structure"]:
    """Read band.yaml and total_dos.dat."""
    from pymatgen.core import Structure

    densities = _find(folder, "total_dos.dat")
    if densities is None:
        raise SkippedEntryError(
            f"expected total_dos.dat beside band.yaml in {folder.name}, found none; run "
            "phonopy with --dos, or keep the force constants there",
            reason="no density of states",
        )
    document = _read_yaml(_find(folder, "band.yaml"))
    settings = _read_yaml(_find(folder, "phonopy.yaml"))
    length = _angstrom({**settings, **document})
    frequency = _thz(document, settings)
    structure = Structure(
        length * np.asarray(document["lattice"]),
        [point["symbol"] for point in document["points"]],
        [point["coordinates"] for point in document["points"]],
    )
    labels = {
        point["label"].strip("$\\"): point["q-position"]
        for point in document["phonon"]
        if point.get("label")
    }
    bands = {
        "bands": frequency
        * np.array(
            [[band["frequency"] for band in point["band"]] for point in document["phonon"]]
        ).T,
        "qpoints": [point["q-position"] for point in document["phonon"]],
        # phonopy leaves the 2 pi out
        "lattice_rec": 2.0 * np.pi / length * np.asarray(document["reciprocal_lattice"]),
        "labels_dict": labels,
        "structure": structure,
    }
    with _open(densities) as file:
        grid, total = np.loadtxt(file, unpack=True)[:2]
    return bands, {"frequencies": frequency * grid, "densities": total / frequency}, structure


def _read_yaml(path: Path | None) -> dict[str, Any]:
    """Return what a YAML file holds, or nothing where there is none."""
    import yaml

    if path is None:
        return {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with _open(path) as file:
        document = yaml.load(file, Loader=loader)  # noqa: S506 - a safe loader, in C
    if not isinstance(document, dict):
        raise PhononDocumentError(
            f"expected phonopy's keys and values in {path.name}, got "
            f"{'an empty file' if document is None else type(document).__name__}; run phonopy again"
        )
    return document


def _angstrom(document: dict[str, Any]) -> float:
    """Return how many Angstrom a document's unit of length is, that of band.yaml's or beside it."""
    units = document.get("physical_unit") or {}
    length = document.get("length_unit") or units.get("length")
    if isinstance(length, str):
        return BOHR_ANGSTROM if length.strip().lower() in _BOHR else 1.0
    if document.get("calculator"):
        from phonopy.interface.calculator import get_calculator_physical_units

        return float(get_calculator_physical_units(document["calculator"]).distance_to_A)
    return 1.0


def _thz(document: dict[str, Any], settings: dict[str, Any]) -> float:
    """Return how many THz the document's unit of frequency is.

    phonopy writes THz unless it is told another factor, which stands in the phonopy.yaml beside.
    """
    stated = (settings.get("phonopy") or {}).get("frequency_unit_conversion_factor")
    if stated is None:
        return 1.0
    from phonopy.interface.calculator import get_calculator_physical_units

    calculator = document.get("calculator") or settings.get("calculator")
    return float(get_calculator_physical_units(calculator).factor) / float(stated)
