"""What a source of phonon documents is, and what it gives."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from matminer_phonon_tl.exceptions import PhononTLError

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matminer_phonon_tl.phonons.force_constants import ForceConstantPhonons


class SkippedEntryError(PhononTLError):
    """An entry of a source gives no row; ``reason`` is what such entries are counted under."""

    def __init__(self, message: str, reason: str = "no phonon data") -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.reason)


class SourceUnavailableError(PhononTLError):
    """No entry of a source can be read now, so that the build ends, to go on later."""


class Entry(NamedTuple):
    """Something in a source that may become a row."""

    key: str
    """Its unique name in the source, such as a file's name."""
    payload: Any
    """What :meth:`PhononSource.read` needs to read it; goes to another process, so it is small or
    the raw bytes."""


@dataclass(frozen=True)
class PhononRecord:
    """A phonon calculation, as far as a row needs it.

    Attributes
    ----------
    material_id : str
        Unique name of the material.
    bands, dos : object
        Documents that :mod:`matminer_phonon_tl.phonons` reads.
    structure : pymatgen.core.Structure
        The primitive cell of the calculation.
    source_id : str
        The document's own name: a file, or an id of the Materials Project's phonon task.
    document_date : str or None
        When the document was made or last changed, ISO 8601.
    unit : str or None
        Unit of the frequencies, where the source's format fixes it.
    formation_energy_per_atom, bandgap : float or None
        eV/atom and eV, where the source knows them.
    imaginary_flag : bool
        Whether the source itself says that there are imaginary modes.
    """

    material_id: str
    bands: Any
    dos: Any
    structure: "Structure"
    source_id: str
    document_date: str | None = None
    unit: str | None = None
    formation_energy_per_atom: float | None = None
    bandgap: float | None = None
    imaginary_flag: bool = False


@dataclass(frozen=True)
class ForceConstantRecord:
    """A phonon calculation by force constants.

    Attributes
    ----------
    material_id : str
        Unique name of the material.
    phonons : ForceConstantPhonons
        Phonons at any wave vector.
    structure : pymatgen.core.Structure
        The primitive cell.
    source_id : str
        Name of the document in its source.
    document_date : str or None
        When the document was made or last changed, ISO 8601.
    has_born_charges : bool
        Whether there are Born charges, which only an insulator has.
    n_supercell_atoms : int
        Atoms in the supercell that was computed.
    supercell_width : float
        Smallest distance between opposite faces of the supercell, Angstrom.
    sum_rule_violation : float
        Largest force on an atom, in eV/Angstrom per Angstrom, when all atoms move alike; it is
        removed from ``phonons``.
    """

    material_id: str
    phonons: "ForceConstantPhonons"
    structure: "Structure"
    source_id: str
    document_date: str | None
    has_born_charges: bool
    n_supercell_atoms: int
    supercell_width: float
    sum_rule_violation: float


class PhononSource(ABC):
    """A source of phonon documents.

    Attributes
    ----------
    name : str
        Goes into each row's ``source``.
    form : {"phonon_tl", "phonondb_kyoto"}
        Shipped dataset whose columns the rows have.
    workers : {"processes", "threads"}
        What :meth:`read` is run in with ``n_jobs`` above 1: computing takes processes, waiting for
        a server takes threads.
    """

    name: ClassVar[str]
    form: ClassVar[Literal["phonon_tl", "phonondb_kyoto"]] = "phonon_tl"
    workers: ClassVar[Literal["processes", "threads"]] = "processes"

    @property
    def max_jobs(self) -> int | None:
        """No more entries than these are read at a time, whatever ``n_jobs`` says."""
        return None

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Yield the entries, in the same order at each call."""

    @abstractmethod
    def read(self, entry: Entry) -> PhononRecord | ForceConstantRecord:
        """Read one of the :meth:`entries`; which of the two records it gives, ``form`` says.

        Raises SkippedEntryError or PhononDocumentError where it gives no row.
        """

    @abstractmethod
    def fingerprint(self) -> dict[str, Any]:
        """Return in plain values what tells this source from another, for the checkpoint."""

    def count(self) -> int | None:
        """Return the number of entries for a progress bar; None where it is not cheap to know."""
        return None
