"""phonopy calculations: folders with band.yaml, phonopy_params.yaml or FORCE_SETS."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from matminer_phonon_tl.datasets.sources.base import (
    Entry,
    PhononRecord,
    PhononSource,
    SkippedEntryError,
)
from matminer_phonon_tl.exceptions import MissingExtraError, PhononDocumentError
from matminer_phonon_tl.phonons.force_constants import ForceConstantPhonons

if TYPE_CHECKING:
    from phonopy import Phonopy
    from pymatgen.core import Structure

_PARAMETERS = ("phonopy_params.yaml", "phonopy_disp.yaml", "phonopy.yaml")
_FORCES = ("FORCE_SETS", "FORCE_CONSTANTS", "force_constants.hdf5")
_ANY = (*_PARAMETERS, *(f"{name}.xz" for name in _PARAMETERS), "band.yaml")


class PhonopySource(PhononSource):
    """Folders of phonopy calculations, one material each, named after the material.

    A folder holds either force constants, in one of

    - ``phonopy_params.yaml`` (also ``.xz``), which has everything, or
    - ``phonopy_disp.yaml`` or ``phonopy.yaml`` with ``FORCE_SETS``, ``FORCE_CONSTANTS`` or
      ``force_constants.hdf5`` beside it, and a ``BORN`` file if there is one,

    from which the properties are computed over the whole zone; or, computed before, ``band.yaml``
    with ``total_dos.dat``.

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
        parameters = [p for p in (_find(folder, name) for name in _PARAMETERS) if p is not None]
        try:
            if parameters and (not (folder / "band.yaml").exists() or _has_forces(folder)):
                bands = dos = phonons = ForceConstantPhonons(_load(folder, parameters[0]))
                structure = phonons.structure
                made_of = parameters[0]
            else:
                made_of = folder / "band.yaml"
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
    for candidate in (folder / name, folder / f"{name}.xz"):
        if candidate.exists():
            return candidate
    return None


def _has_forces(folder: Path) -> bool:
    """Return whether there is anything that force constants can come from."""
    return _find(folder, _PARAMETERS[0]) is not None or any(
        (folder / name).exists() for name in _FORCES
    )


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
    if (folder / "FORCE_SETS").exists():
        forces["force_sets_filename"] = folder / "FORCE_SETS"
    elif constants := next((folder / n for n in _FORCES[1:] if (folder / n).exists()), None):
        forces["force_constants_filename"] = constants
    if (folder / "BORN").exists():
        forces["born_filename"] = folder / "BORN"
    phonon = phonopy.load(
        parameters, is_nac="born_filename" in forces or _has_born(parameters), log_level=0, **forces
    )
    if phonon.force_constants is None:
        raise SkippedEntryError(
            f"expected forces in {folder.name} ({', '.join(_FORCES)} or in {_PARAMETERS[0]}), "
            "found none; run the displaced supercells first",
            reason="no forces",
        )
    return phonon


def _has_born(parameters: Path) -> bool:
    """Return whether a parameter file brings Born charges of its own."""
    import lzma

    opener = lzma.open if parameters.suffix == ".xz" else open
    with opener(parameters, "rt", encoding="utf-8") as file:
        return any(line.startswith("born_effective_charge:") for line in file)


def _read_computed(folder: Path) -> tuple[dict[str, Any], dict[str, Any], "Structure"]:
    """Read band.yaml and total_dos.dat."""
    import yaml
    from pymatgen.core import Structure

    densities = folder / "total_dos.dat"
    if not densities.exists():
        raise SkippedEntryError(
            f"expected total_dos.dat beside band.yaml in {folder.name}, found none; run "
            "phonopy with --dos, or keep the force constants there",
            reason="no density of states",
        )
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with (folder / "band.yaml").open(encoding="utf-8") as file:
        document = yaml.load(file, Loader=loader)  # noqa: S506 - a safe loader, in C
    structure = Structure(
        document["lattice"],
        [point["symbol"] for point in document["points"]],
        [point["coordinates"] for point in document["points"]],
    )
    labels = {
        point["label"].strip("$\\"): point["q-position"]
        for point in document["phonon"]
        if point.get("label")
    }
    bands = {
        "bands": np.array(
            [[band["frequency"] for band in point["band"]] for point in document["phonon"]]
        ).T,
        "qpoints": [point["q-position"] for point in document["phonon"]],
        # phonopy leaves the 2 pi out
        "lattice_rec": 2.0 * np.pi * np.asarray(document["reciprocal_lattice"]),
        "labels_dict": labels,
        "structure": structure,
    }
    grid, total = np.loadtxt(densities, unpack=True)[:2]
    return bands, {"frequencies": grid, "densities": total}, structure
