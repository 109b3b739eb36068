"""The Kyoto phonon database: archives of finite-displacement calculations by VASP and phonopy."""

import io
import lzma
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.datasets.sources.base import (
    Entry,
    ForceConstantRecord,
    PhononSource,
    SkippedEntryError,
)
from matminer_phonon_tl.exceptions import MissingExtraError, PhononDocumentError, needs
from matminer_phonon_tl.phonons.force_constants import ForceConstantPhonons
from matminer_phonon_tl.phonons.phonopy_settings import (
    primitive_matrix,
    read_settings,
    supercell_matrix,
)
from matminer_phonon_tl.units import COULOMB_EV_ANGSTROM

CELL, FORCES, SETTINGS, CHARGES = "POSCAR-unitcell", "FORCE_SETS", "phonopy.conf", "BORN"
"""The files of a calculation that are read; all others are passed over."""

MAX_ARCHIVE_BYTES = 64 * 2**20
"""Of an archive, unpacked; the largest of the database has 4 MB."""

MAX_MEMBERS = 200
"""Files and folders in an archive; those of the database have 16."""

MAX_ATOMS = 2_000
"""In a supercell; those of the database have up to 400."""

_ARCHIVE = ".tar.lzma"
_ID = re.compile(r"materials-id-(\d+)-")
_FOLDER = re.compile(r"mp-(\d+)-(\d{4})(\d{2})(\d{2})")
_XZ_MEMORY = 256 * 2**20


class KyotoSource(PhononSource):
    """Archives of the Kyoto phonon database, as they were downloaded, or unpacked.

    Each material is an archive ``materials-id-NUMBER-NAME.tar.lzma``, or a folder, that holds
    ``POSCAR-unitcell``, ``FORCE_SETS``, ``phonopy.conf`` (with ``DIM``, and ``PRIMITIVE_AXIS``
    where the unit cell is not primitive) and, for insulators, ``BORN``. An archive is read in
    memory and never unpacked to disk; one with links, devices, names that lead out of it or more
    than 64 MB is refused.

    Parameters
    ----------
    path : path
        A folder that holds the archives or folders, at any depth; or one archive.

    References
    ----------
    A. Togo and I. Tanaka, Scr. Mater. 108, 1 (2015), doi:10.1016/j.scriptamat.2015.07.021; A.
    Togo, Phonon database at Kyoto university, version 2018-04-17 (CC BY 4.0).

    Examples
    --------
    >>> KyotoSource("archives").name
    'kyoto'
    """

    name: ClassVar[str] = "kyoto"
    form: ClassVar[Literal["phonon_tl", "phonondb_kyoto"]] = "phonondb_kyoto"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def entries(self) -> Iterator[Entry]:
        """Yield each archive, and each folder that holds a calculation, by name without ending.

        Raises FileNotFoundError where there is nothing of that name, or nothing to read in it.
        """
        for path in self._paths():
            yield Entry(path.name.removesuffix(_ARCHIVE), path)

    def read(self, entry: Entry) -> ForceConstantRecord:
        """Compute the force constants of one calculation.

        They obey the acoustic sum rule; the record says how far they broke it before. Raises
        SkippedEntryError where a file is missing, PhononDocumentError where the archive or a file
        in it is corrupt or they do not belong together, MissingExtraError where phonopy is not
        installed.
        """
        path: Path = entry.payload
        files, folder = _read_folder(path) if path.is_dir() else _read_archive(path)
        for name in (CELL, FORCES, SETTINGS):
            if name not in files:
                raise SkippedEntryError(
                    f"expected {CELL}, {FORCES} and {SETTINGS} in {path.name}, found no {name}; "
                    "download it again, or leave it out",
                    reason="no forces" if name == FORCES else "incomplete calculation",
                )
        named = _FOLDER.match(folder)
        number = named or _ID.search(path.name)
        try:
            return _record(
                {name: content.decode() for name, content in files.items()},
                material_id=f"mp-{number[1]}" if number else entry.key,
                source_id=path.name,
                document_date="-".join(named.groups()[1:]) if named else None,
            )
        except (MissingExtraError, PhononDocumentError):
            raise
        except Exception as error:
            # phonopy raises whatever its parsers meet: IndexError, ValueError, RuntimeError ...
            raise PhononDocumentError(
                f"expected a calculation of the Kyoto database in {path.name}, but reading it "
                f"failed ({type(error).__name__}: {error}); download it again, or leave it out"
            ) from error

    def fingerprint(self) -> dict[str, Any]:
        """Return the path."""
        return {"path": str(self.path.resolve())}

    def count(self) -> int | None:
        """Return the number of archives and folders."""
        return len(self._paths())

    def _paths(self) -> list[Path]:
        """Return the archives and folders in order of their names."""
        if self.path.is_file():
            return [self.path]
        if not self.path.is_dir():
            raise FileNotFoundError(
                f"expected a folder of archives NAME{_ARCHIVE} at {self.path}, found none; name "
                "the folder that holds them"
            )
        archives = [path for path in self.path.rglob(f"*{_ARCHIVE}") if path.is_file()]
        folders = [path.parent for path in self.path.rglob(FORCES)]
        if not archives and not folders:
            raise FileNotFoundError(
                f"expected archives NAME{_ARCHIVE}, or folders with {FORCES}, in {self.path}, "
                "found none; name the folder that holds them"
            )
        return sorted({*archives, *folders}, key=lambda path: (path.name, path))


def _read_folder(path: Path) -> tuple[dict[str, bytes], str]:
    """Return the files that are read, and the folder's name."""
    files = {}
    for name in (CELL, FORCES, SETTINGS, CHARGES):
        file = path / name
        if not file.exists():
            continue
        status = file.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_ARCHIVE_BYTES:
            raise PhononDocumentError(
                f"expected {file.name} in {path.name} to be a file of at most "
                f"{MAX_ARCHIVE_BYTES >> 20} MB, got something else; leave the folder out"
            )
        files[name] = file.read_bytes()
    return files, path.name


def _read_archive(path: Path) -> tuple[dict[str, bytes], str]:
    """Return the files of an archive that are read, and the name of the folder they are in."""
    files: dict[str, bytes] = {}
    folder = ""
    try:
        with tarfile.open(fileobj=io.BytesIO(_unpack(path)), mode="r:") as archive:
            for count, member in enumerate(archive):
                _check_member(member, count, path.name)
                parts = member.name.split("/")
                if not member.isreg() or parts[-1] not in (CELL, FORCES, SETTINGS, CHARGES):
                    continue
                if parts[-1] in files:
                    raise PhononDocumentError(  # noqa: TRY301
                        f"expected one {parts[-1]} in {path.name}, got two; leave the archive out"
                    )
                folder = parts[-2] if len(parts) > 1 else ""
                content = archive.extractfile(member)
                files[parts[-1]] = content.read() if content else b""
                if len(files[parts[-1]]) != member.size:
                    raise tarfile.ReadError("unexpected end of data")
    except PhononDocumentError:  # a ValueError too
        raise
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        raise PhononDocumentError(
            f"expected a tar archive in {path.name}, but reading it failed ({error}); it is cut "
            "short or of another kind: download it again"
        ) from error
    return files, folder


def _unpack(path: Path) -> bytes:
    """Return what an lzma or xz file holds, bounded in size and in the memory it takes."""
    if path.stat().st_size > MAX_ARCHIVE_BYTES:
        raise PhononDocumentError(
            f"expected at most {MAX_ARCHIVE_BYTES >> 20} MB in {path.name}, got more; it is no "
            "archive of this database, leave it out"
        )
    try:
        decompressor = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
        content = decompressor.decompress(path.read_bytes(), max_length=MAX_ARCHIVE_BYTES + 1)
    except lzma.LZMAError as error:
        raise PhononDocumentError(
            f"expected {path.name} to be compressed with lzma or xz, but unpacking it failed "
            f"({error}); download it again"
        ) from error
    if len(content) > MAX_ARCHIVE_BYTES:
        raise PhononDocumentError(
            f"expected at most {MAX_ARCHIVE_BYTES >> 20} MB in {path.name}, got more; it is no "
            "archive of this database, leave it out"
        )
    if not decompressor.eof:
        raise PhononDocumentError(
            f"expected a whole archive in {path.name}, got one that is cut short; download it again"
        )
    return content


def _check_member(member: tarfile.TarInfo, count: int, archive: str) -> None:
    """Refuse what has no place in an archive of text files."""
    if count >= MAX_MEMBERS:
        raise PhononDocumentError(
            f"expected at most {MAX_MEMBERS} files in {archive}, got more; it is no archive of "
            "this database, leave it out"
        )
    if member.issparse() or not 0 <= member.size <= MAX_ARCHIVE_BYTES:
        raise PhononDocumentError(
            f"expected files of at most {MAX_ARCHIVE_BYTES >> 20} MB in {archive}, got "
            f"{member.name!r}, which is sparse or of another size; don't trust it, leave it out"
        )
    parts = member.name.split("/")
    leads_out = member.name.startswith("/") or ".." in parts or "\\" in member.name
    if leads_out or not (member.isreg() or member.isdir()):
        raise PhononDocumentError(
            f"expected plain files and folders in {archive}, got {member.name!r}, which is a link "
            "or a device or leads out of the archive; don't trust it, leave it out"
        )


def _record(
    files: dict[str, str], *, material_id: str, source_id: str, document_date: str | None
) -> ForceConstantRecord:
    """Compute the force constants of a calculation from the text of its files."""
    with needs("phonopy", "phonopy to compute force constants"):
        from phonopy import Phonopy
        from phonopy.file_IO import parse_BORN_from_strings, parse_FORCE_SETS_from_strings
        from phonopy.interface.vasp import read_vasp_from_strings
    cell = read_vasp_from_strings(files[CELL])
    settings = read_settings(files[SETTINGS])
    supercell = supercell_matrix(settings, len(cell), max_atoms=MAX_ATOMS)
    n_atoms = len(cell) * round(abs(np.linalg.det(supercell)))
    _check_forces(files[FORCES], n_atoms)
    phonon: Any = Phonopy(cell, supercell, primitive_matrix=primitive_matrix(settings))
    phonon.dataset = parse_FORCE_SETS_from_strings(files[FORCES])
    phonon.produce_force_constants()
    sum_rule = float(np.abs(phonon.force_constants.sum(axis=0)).max())
    phonon.symmetrize_force_constants(show_drift=False)
    if CHARGES in files:
        charges = parse_BORN_from_strings(files[CHARGES], phonon.primitive)
        phonon.nac_params = {**charges, "factor": COULOMB_EV_ANGSTROM}
    phonons = ForceConstantPhonons(phonon)
    return ForceConstantRecord(
        material_id=material_id,
        phonons=phonons,
        structure=phonons.structure,
        source_id=source_id,
        document_date=document_date,
        has_born_charges=CHARGES in files,
        n_supercell_atoms=n_atoms,
        supercell_width=_width(phonon.supercell.cell),
        sum_rule_violation=sum_rule,
    )


def _check_forces(text: str, n_atoms: int) -> None:
    """Raise unless the forces are those of the supercell's atoms."""
    found = text.split(None, 1)[0] if text.strip() else ""
    if found != str(n_atoms):
        raise PhononDocumentError(
            f"expected forces on the {n_atoms} atoms of the supercell that DIM makes, got "
            f"{FORCES} for {found[:20] or 'none'}; they don't belong together"
        )


def _width(lattice: NDArray[np.float64]) -> float:
    """Return the smallest distance between opposite faces of a cell, Angstrom."""
    return float(1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0).max())
