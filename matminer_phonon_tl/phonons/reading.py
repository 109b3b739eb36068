"""Find phonon calculations in files, folders and archives, and read whatever holds phonons."""

import os
import re
import shutil
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from time import mktime
from typing import IO, TYPE_CHECKING, Any, Literal

from matminer_phonon_tl.exceptions import (
    DataWarning,
    PhononDocumentError,
    PhononPathError,
    PhononTLError,
)
from matminer_phonon_tl.phonons import phonopy_files
from matminer_phonon_tl.phonons.calculation import PhononCalculation
from matminer_phonon_tl.phonons.force_constants import ForceConstantPhonons
from matminer_phonon_tl.phonons.json_documents import document_calculation, read_json
from matminer_phonon_tl.unpacking import open_unpacked

if TYPE_CHECKING:
    from pymatgen.core import Structure

MAX_ARCHIVE_BYTES = 4 * 2**30
"""Of an archive, unpacked."""

MAX_MEMBERS = 100_000
"""Files and folders in an archive."""

_TAR = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.lzma")
_ARCHIVES = (*_TAR, ".zip")
_UNSAID = re.compile(r"[^\w.-]")


@dataclass(frozen=True)
class FoundCalculation:
    """A calculation that was found, not read yet.

    Attributes
    ----------
    name : str
        Where it is: the path, and for an archive of several the place within.
    read : callable
        Reads it; returns a :class:`~matminer_phonon_tl.phonons.calculation.PhononCalculation`.
    """

    name: str
    read: Callable[[], PhononCalculation]


def find_calculations(path: "str | os.PathLike[str]") -> Iterator[FoundCalculation]:
    """Find the phonon calculations at a path, to be read one by one while iterating.

    Parameters
    ----------
    path : path
        A file or folder of a phonopy calculation, a JSON document, an archive (tar, zip) of
        calculations, or a folder that holds any of these, at any depth.

    Yields
    ------
    FoundCalculation
        Call its ``read`` before the next one is asked for.

    Raises
    ------
    PhononPathError
        There is nothing of that name; it is a FileNotFoundError too.
    PhononDocumentError
        There is no calculation, or an archive is damaged or too large.

    Examples
    --------
    >>> for found in find_calculations("calculations"):  # doctest: +SKIP
    ...     print(found.name, phonon_properties(found.read()).speeds.mean)
    """
    shown = os.fsdecode(path)
    # of a text that can be no path, pathlib makes the work folder or an error of its own
    if os.path.isdir(shown):  # noqa: PTH112
        yield from _in_folder(Path(shown), shown)
    elif os.path.isfile(shown):  # noqa: PTH113
        yield from _in_file(Path(shown), shown)
    else:
        raise PhononPathError(
            f"expected a file or folder of a phonon calculation at {shown[:200]!r}, found none; "
            "check the path"
        )


def calculation_of(
    source: Any,
    *,
    unit: str | None = None,
    structure: "Structure | None" = None,
    document: Literal["bands", "density"] = "bands",
) -> PhononCalculation:
    """Return the phonons of whatever holds them.

    ``source`` is a path that holds one calculation; a phonopy object, or a dictionary as matcalc's
    ``PhononCalc`` returns, which has one under ``phonon``; a band structure or density of states,
    read already or not; or a document with both. ``unit`` and ``structure`` are as for
    :func:`~matminer_phonon_tl.phonons.bands.read_bands`. ``document`` says what to take an object
    for that does not say. Raises PhononDocumentError where a path holds several calculations, none,
    or a corrupt one.
    """
    if isinstance(source, PhononCalculation):
        return source
    if isinstance(source, str | os.PathLike):
        return _only_calculation(source, unit, structure)
    inner: Any = source.get("phonon") if isinstance(source, Mapping) else source
    if isinstance(inner, ForceConstantPhonons):
        return PhononCalculation(force_constants=inner, unit="THz", source="force constants")
    if hasattr(inner, "force_constants") and hasattr(inner, "run_qpoints"):
        return PhononCalculation(
            force_constants=ForceConstantPhonons(inner),
            unit="THz",
            source="a phonopy.Phonopy",
            units=f"those of {inner.calculator or 'vasp'}",
        )
    if isinstance(source, Mapping):
        found = document_calculation(source, unit=unit, structure=structure)
        if found is not None:
            return found
    kind = type(source).__name__
    if document == "density" or hasattr(source, "densities"):
        return PhononCalculation(
            dos_document=source, unit=unit, given_structure=structure, source=kind
        )
    return PhononCalculation(
        bands_document=source, unit=unit, given_structure=structure, source=kind
    )


def _only_calculation(
    path: "str | os.PathLike[str]", unit: str | None, structure: "Structure | None"
) -> PhononCalculation:
    """Read the one calculation that a path holds."""
    calculation = None
    for found in find_calculations(path):
        if calculation is not None:
            raise PhononDocumentError(
                f"expected one calculation in {path}, found several, among them {found.name}; give "
                "the path of one, or go through find_calculations(path)"
            )
        calculation = found.read()
    if calculation is None:
        raise PhononDocumentError(f"expected a phonon calculation in {path}, found none")
    if calculation.force_constants is None:
        calculation.unit = unit or calculation.unit
        calculation.given_structure = structure or calculation.given_structure
    return calculation


def _in_folder(folder: Path, shown: str) -> Iterator[FoundCalculation]:
    """Yield the calculations in a folder and below; an error if there are none."""
    found = False
    for calculation in _walk(folder, shown):
        found = True
        yield calculation
    if not found:
        raise PhononDocumentError(
            f"expected phonon calculations in {shown} (phonopy's files, JSON documents, archives), "
            "found none; name the folder that holds them"
        )


def _walk(folder: Path, shown: str, seen: set[Path] | None = None) -> Iterator[FoundCalculation]:
    """Yield the calculations in a folder and below, each folder once where links lead to it."""
    seen = set() if seen is None else seen
    seen.add(folder.resolve())
    children = sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    files = [child for child in children if child.is_file()]
    names = {phonopy_files.plain_name(file) for file in files}
    saved = [file for file in files if _is_saved_by_name(file)]
    if names.isdisjoint(phonopy_files.CALCULATION_FILES) and len(saved) > 1:
        for file in saved:
            yield from _in_file(file, f"{shown}/{file.name}")
    elif saved or not names.isdisjoint(phonopy_files.CALCULATION_FILES):
        others = [file.name for file in files if _is_json(file) or file.name.endswith(_ARCHIVES)]
        yield FoundCalculation(shown, partial(_read_folder, folder, others))
    else:
        for file in files:
            if _is_json(file) or file.name.endswith(_ARCHIVES):
                yield from _kept(_in_file(file, f"{shown}/{file.name}"), f"{shown}/{file.name}")
    for child in children:
        if child.is_dir() and child.resolve() not in seen:
            yield from _walk(child, f"{shown}/{child.name}", seen)


def _read_folder(folder: Path, others: list[str]) -> PhononCalculation:
    """Read phonopy's calculation in a folder, and say what lies beside it and is not read."""
    if others:
        warnings.warn(
            f"{folder.name} holds a calculation of phonopy, so {', '.join(others[:3])}"
            f"{f' and {len(others) - 3} more' if len(others) > 3 else ''} in it "
            f"{'was' if len(others) == 1 else 'were'} not read: name files to read them",
            DataWarning,
            stacklevel=2,
        )
    return phonopy_files.read_phonopy(folder)


def _kept(found: Iterator[FoundCalculation], shown: str) -> Iterator[FoundCalculation]:
    """Turn an error of one file of many into a calculation that cannot be read."""
    try:
        yield from found
    except (PhononTLError, OSError) as error:
        yield FoundCalculation(shown, partial(_refuse, error))


def _refuse(error: Exception) -> PhononCalculation:
    raise error


def _in_file(path: Path, shown: str) -> Iterator[FoundCalculation]:
    """Yield the calculations in one file."""
    if path.name.endswith(_ARCHIVES):
        yield from _in_archive(path, shown)
    elif _is_json(path):
        documents = read_json(path)
        for number, document in enumerate(documents):
            name = shown if len(documents) == 1 else f"{shown}:{document.material_id or number}"
            yield FoundCalculation(name, partial(calculation_of, document))
    elif phonopy_files.is_phonopy_file(path):
        yield FoundCalculation(shown, partial(phonopy_files.read_phonopy, path))
    else:
        raise PhononDocumentError(
            f"expected a file of a phonon calculation, got {path.name}; known are "
            f"{', '.join(phonopy_files.CALCULATION_FILES)}, each compressed or not, .json, and "
            f"archives ({', '.join((*_TAR[:5], '.zip'))}): give one of these, or the folder of the "
            "calculation"
        )


def _is_json(path: Path) -> bool:
    return phonopy_files.plain_name(path).endswith(".json")


def _is_saved_by_name(path: Path) -> bool:
    """Return whether a file is one that phonopy saved under a name of the user's."""
    name = phonopy_files.plain_name(path)
    return name.startswith("phonopy") and name.endswith((".yaml", ".yml"))


def _in_archive(path: Path, shown: str) -> Iterator[FoundCalculation]:
    """Yield the calculations in an archive.

    Files are unpacked under names of ours into a temporary folder, and only those that a
    calculation may need.
    """
    with TemporaryDirectory() as temporary:
        places: dict[str, Path] = {}
        try:
            for member, time, file in _members(path):
                parts = PurePosixPath(member.replace("\\", "/")).parts
                if member.startswith(("/", "\\")) or ".." in parts:
                    raise PhononDocumentError(
                        f"expected files below one folder in {path.name}, got {member!r}, which "
                        "leads out of it; don't trust the archive"
                    )
                if not phonopy_files.is_needed(parts[-1]):
                    continue
                folder = "/".join(parts[:-1])
                if folder not in places:
                    said = _UNSAID.sub("_", parts[-2] if len(parts) > 1 else path.name)[:80]
                    places[folder] = Path(temporary) / str(len(places)) / said.lstrip(".")
                    places[folder].mkdir(parents=True)
                place = places[folder]
                with (place / parts[-1]).open("xb") as target:
                    shutil.copyfileobj(file, target)
                # which of several sources is the newest must not depend on their being packed
                os.utime(place / parts[-1], (time, time))
        except PhononTLError:
            raise
        except (
            *(tarfile.TarError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError),
            *(ValueError, OverflowError, RecursionError, RuntimeError, EOFError, OSError),
        ) as error:
            raise PhononDocumentError(
                f"expected a whole archive in {path.name}, but reading it failed ({error}); it is "
                "damaged, too large or of another kind: get it again, or unpack it yourself"
            ) from error
        found = (
            calculation
            for folder, place in places.items()
            for calculation in _walk(place, f"{shown}:{folder}" if folder else shown)
        )
        first = next(found, None)
        if first is None:
            raise PhononDocumentError(
                f"expected phonon calculations in {path.name} (phonopy's files or JSON documents), "
                "found none; give another archive"
            )
        second = next(found, None)
        if second is None:
            yield FoundCalculation(shown, first.read)
            return
        yield first
        yield second
        yield from found


def _members(path: Path) -> Iterator[tuple[str, float, IO[bytes]]]:
    """Yield name, time and content of each file in an archive, bounded in number and in size."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_number(len(entries), path)
            if sum(entry.file_size for entry in entries) > MAX_ARCHIVE_BYTES:
                raise ValueError(f"it unpacks to more than {MAX_ARCHIVE_BYTES >> 30} GB")
            for entry in entries:
                if not entry.is_dir():
                    with archive.open(entry) as file:
                        yield entry.filename, mktime((*entry.date_time, 0, 0, -1)), file
        return
    with (
        open_unpacked(path, MAX_ARCHIVE_BYTES) as stream,
        tarfile.open(fileobj=stream, mode="r|") as archive,
    ):
        for count, member in enumerate(archive):
            _check_number(count + 1, path)
            # links are passed over: what they point to may be anything
            if member.isreg() and not member.issparse():
                content = archive.extractfile(member)
                if content is not None:
                    yield member.name, float(member.mtime), content


def _check_number(count: int, path: Path) -> None:
    if count > MAX_MEMBERS:
        raise PhononDocumentError(
            f"expected at most {MAX_MEMBERS} files in {path.name}, got more; don't trust it"
        )
