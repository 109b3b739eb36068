"""From a phonon calculation to a row of a dataset."""

from typing import Any

from matminer_phonon_tl._version import __version__
from matminer_phonon_tl.datasets.sources.base import PhononRecord
from matminer_phonon_tl.exceptions import UnstableStructureError
from matminer_phonon_tl.phonons import acoustic_optical_gap, heat_capacity, speed_of_sound

_SYMPREC = 0.1
"""Angstrom. The tolerance that gives the space groups of the Materials Project."""

COLUMNS = (
    "material_id",
    "formula",
    "composition",
    "structure",
    "nsites",
    "volume",
    "space_group",
    "lattice_system",
    "formation_energy_per_atom",
    "bandgap",
    "has_phonon_bandgap",
    "phonon_bandgap",
    "speed_of_sound",
    "heat_capacity",
    "heat_capacity_per_atom",
    "paper_split",
    "source",
    "source_id",
    "document_date",
    "code_version",
)
"""The columns of the shipped set, and after them each row's provenance."""

DERIVED = ("phonon_bandgap", "speed_of_sound", "heat_capacity", "heat_capacity_per_atom")
"""The columns that come from the phonon documents."""


def derive_row(record: PhononRecord, source: str) -> dict[str, Any]:
    """Compute the columns of one row.

    Parameters
    ----------
    record : PhononRecord
        The calculation.
    source : str
        Name of its source.

    Returns
    -------
    dict
        A value for each of :data:`COLUMNS`; composition and structure as dictionaries.

    Raises
    ------
    PhononDocumentError
        A document is corrupt or lacks what a column needs.
    UnitError
        The unit of a document cannot be established.
    UnstableStructureError
        There are imaginary modes.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import debye_dos, diatomic_chain
    >>> chain = diatomic_chain(springs=(60.0, 60.0, 60.0))
    >>> record = PhononRecord("chain", chain, debye_dos(12.0, 2), chain.structure, "chain.json")
    >>> row = derive_row(record, "phonopy")
    >>> row["formula"], row["has_phonon_bandgap"], round(row["phonon_bandgap"], 2)
    ('GaN', True, 210.41)
    """
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    if record.imaginary_flag:
        raise UnstableStructureError(
            f"expected a dynamically stable structure, got {record.material_id}, which its "
            "source flags for imaginary modes; drop the material"
        )
    structure, unit = record.structure, record.unit
    gap = acoustic_optical_gap(record.bands, unit=unit, structure=structure)
    symmetry = SpacegroupAnalyzer(structure, symprec=_SYMPREC)
    composition = structure.composition
    return {
        "material_id": record.material_id,
        "formula": composition.reduced_formula,
        "composition": composition.as_dict(),
        "structure": structure.as_dict(),
        "nsites": len(structure),
        "volume": float(structure.volume),
        "space_group": int(symmetry.get_space_group_number()),
        "lattice_system": str(symmetry.get_lattice_type()),
        "formation_energy_per_atom": record.formation_energy_per_atom,
        "bandgap": record.bandgap,
        "has_phonon_bandgap": gap > 0.0,
        "phonon_bandgap": gap,
        "speed_of_sound": speed_of_sound(record.bands, unit=unit, structure=structure),
        "heat_capacity": heat_capacity(record.dos, structure, unit=unit),
        "heat_capacity_per_atom": heat_capacity(record.dos, structure, per="atom", unit=unit),
        "paper_split": None,
        "source": source,
        "source_id": record.source_id,
        "document_date": record.document_date,
        "code_version": __version__,
    }
