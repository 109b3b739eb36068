"""phonopy calculations: folders with band.yaml, phonopy_params.yaml or FORCE_SETS."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from matminer_phonon_tl.datasets.sources.base import (
    Entry,
    PhononRecord,
    PhononSource,
    SkippedEntryError,
)
from matminer_phonon_tl.exceptions import MissingPhononsError
from matminer_phonon_tl.phonons.phonopy_files import (
    BANDS,
    CALCULATION_FILES,
    plain_name,
    read_phonopy,
)


class PhonopySource(PhononSource):
    """Folders of phonopy calculations, one material each, named after the material.

    A folder holds either force constants, in one of

    - ``phonopy_params.yaml``, which has everything, or
    - ``phonopy_disp.yaml`` or ``phonopy.yaml``, with forces or force constants in it or with
      ``FORCE_SETS``, ``FORCE_CONSTANTS`` or ``force_constants.hdf5`` beside it, and a ``BORN`` file
      if there is one, or
    - ``POSCAR`` (or another force calculator's cell, with ``CALCULATOR`` in ``phonopy.conf``) with
      the forces, and ``SPOSCAR`` or ``DIM`` in ``phonopy.conf``,

    from which the properties are computed over the whole zone; or, computed before, ``band.yaml``
    with ``mesh.yaml`` or ``total_dos.dat``, or their HDF5 forms. Where there are both, the force
    constants are taken, and the row's ``source_id`` says so. Each file may be compressed (``.xz``,
    ``.lzma``, ``.gz``, ``.bz2``), and lengths may be in bohr, as those of Quantum ESPRESSO, ABINIT
    and other calculators are.

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
        """Yield each folder that holds a calculation, or should hold one, by its path within.

        What lies within a calculation, such as its displaced supercells, belongs to it. Raises
        FileNotFoundError where there is no such folder.
        """
        for folder in self._folders():
            name = folder.relative_to(self.path).as_posix()
            yield Entry(self.path.resolve().name if name == "." else name, folder)

    def read(self, entry: Entry) -> PhononRecord:
        """Read the force constants of one folder, or its bands and density of states.

        Raises SkippedEntryError where there is no calculation, no forces, or no density of states,
        PhononDocumentError where a file is corrupt, MissingExtraError where phonopy is not
        installed.
        """
        folder: Path = entry.payload
        try:
            found = read_phonopy(folder)
        except MissingPhononsError as error:
            raise SkippedEntryError(str(error), reason=error.reason) from error
        if found.mesh is None and found.dos_document is None:
            raise SkippedEntryError(
                f"expected total_dos.dat or mesh.yaml beside {BANDS[0]} in {folder.name}, found "
                "none; run phonopy with --dos, or keep the force constants there",
                reason="no density of states",
            )
        made_of = folder / found.files[0]
        changed = datetime.fromtimestamp(made_of.stat().st_mtime, tz=UTC)
        return PhononRecord(
            material_id=entry.key,
            bands=found,
            dos=found,
            structure=found.require_structure(),
            source_id=f"{entry.key}/{made_of.name}",
            document_date=changed.isoformat(timespec="seconds"),
            # what phonopy computes and writes, for every force calculator
            unit="THz",
        )

    def fingerprint(self) -> dict[str, Any]:
        """Return the path."""
        return {"path": str(self.path.resolve())}

    def count(self) -> int | None:
        """Return the number of folders that hold a calculation, or should."""
        return len(self._folders())

    def _folders(self) -> list[Path]:
        """Return the folders that hold one of the files, and those that lead to none, in order."""
        if not self.path.is_dir():
            raise FileNotFoundError(
                f"expected a folder of phonopy calculations at {self.path}, found none; "
                "name the folder that holds one folder for each material"
            )
        calculations = {
            path.parent for path in self.path.rglob("*") if plain_name(path) in CALCULATION_FILES
        }
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
