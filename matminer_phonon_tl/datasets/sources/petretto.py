"""The raw files of Petretto et al. (2018): a folder or a tar archive of JSON documents."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from matminer_phonon_tl.datasets.sources.base import Entry, PhononRecord, PhononSource
from matminer_phonon_tl.exceptions import PhononDocumentError
from matminer_phonon_tl.phonons.json_documents import read_petretto
from matminer_phonon_tl.untrusted_json import parse_json, unpack

_ENDINGS = (".json", ".json.gz")
_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAX_BYTES = 256 * 2**20
"""Of a document, unpacked; real ones have a few."""


class PetrettoSource(PhononSource):
    """Raw DFPT documents: frequencies in cm-1, ``[q][branch]``, with the structure as a CIF.

    A tar archive is streamed: it is read once from its beginning to its end and never unpacked
    to the disk, and no more of it is in memory than is being worked on.

    Parameters
    ----------
    path : path
        A folder, searched with its subfolders, or a tar archive, also a compressed one.
    use_flags : bool, default False
        Drop what the archive flags for negative frequencies, ``flags.has_neg_fr``, whatever
        :func:`~matminer_phonon_tl.phonons.has_imaginary_modes` says. The flag does not tell
        noise at Gamma from instabilities, so by default the bands decide.

    References
    ----------
    G. Petretto et al., Sci. Data 5, 180065 (2018), doi:10.1038/sdata.2018.65.

    Examples
    --------
    >>> PetrettoSource("phonon.tar.gz").name
    'petretto'
    """

    name: ClassVar[str] = "petretto"

    def __init__(self, path: str | os.PathLike[str], *, use_flags: bool = False) -> None:
        self.path = Path(path)
        self.use_flags = use_flags

    def entries(self) -> Iterator[Entry]:
        """Yield each JSON document by its name, with its path, or its content in an archive.

        Raises FileNotFoundError where there is no such folder or archive, PhononDocumentError where
        the archive is truncated or none at all.
        """
        if self.path.is_dir():
            for path in sorted(p for p in self.path.rglob("*") if p.name.endswith(_ENDINGS)):
                yield Entry(path.relative_to(self.path).as_posix(), path)
            return
        if not self.path.is_file():
            raise FileNotFoundError(
                f"expected a folder or a tar archive of Petretto's JSON files at {self.path}, "
                "found nothing; download the archive first"
            )
        try:
            with tarfile.open(self.path, "r|*") as archive:
                for member in archive:
                    if member.isfile() and member.name.endswith(_ENDINGS):
                        file = archive.extractfile(member)
                        yield Entry(member.name, b"" if file is None else file.read())
        except (tarfile.TarError, EOFError, OSError) as error:
            raise PhononDocumentError(
                f"expected {self.path} to be a whole tar archive ({', '.join(_TAR_ENDINGS)}), but "
                f"reading it failed ({type(error).__name__}: {error}); download it again"
            ) from error

    def read(self, entry: Entry) -> PhononRecord:
        """Read one document, in cm-1; PhononDocumentError where it is corrupt or incomplete."""
        payload = entry.payload
        content = payload.read_bytes() if isinstance(payload, Path) else payload
        try:
            packed = entry.key.endswith(".gz")
            document = parse_json(unpack(content, MAX_BYTES) if packed else content, allow_nan=True)
            found = read_petretto(document)
            flags = document.get("flags") or {}
            return PhononRecord(
                material_id=str(found.material_id),
                bands=found.bands_document,
                dos=found.dos_document,
                structure=found.require_structure(),
                source_id=entry.key,
                document_date=_date(document["metadata"]),
                unit=found.unit,
                imaginary_flag=self.use_flags and bool(flags.get("has_neg_fr", False)),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = error.__cause__ or error
            raise PhononDocumentError(
                f"expected {entry.key} to be a raw document of Petretto et al. (metadata, phonon), "
                f"but reading it failed ({type(reason).__name__}: {reason}); get the file again"
            ) from error

    def fingerprint(self) -> dict[str, Any]:
        """Return the path and the option."""
        return {"path": str(self.path.resolve()), "use_flags": self.use_flags}

    def count(self) -> int | None:
        """Return the number of files in a folder; an archive's is not known beforehand."""
        if not self.path.is_dir():
            return None
        return sum(1 for path in self.path.rglob("*") if path.name.endswith(_ENDINGS))


def _date(metadata: dict[str, Any]) -> str | None:
    """Return the date of a document, if it has one."""
    for name in ("last_updated", "date", "created_at"):
        if metadata.get(name):
            return str(metadata[name])
    return None
