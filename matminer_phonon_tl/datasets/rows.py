"""From a phonon calculation to a row of a dataset."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from matminer_phonon_tl._version import __version__
from matminer_phonon_tl.datasets.sources.base import ForceConstantRecord, PhononRecord
from matminer_phonon_tl.exceptions import UnstableStructureError
from matminer_phonon_tl.phonons import (
    acoustic_optical_gap,
    heat_capacity,
    phonon_properties,
    speed_of_sound,
)
from matminer_phonon_tl.units import THZ_TO_CM1

if TYPE_CHECKING:
    from pymatgen.core import Structure

_SYMPREC = 0.1
"""Angstrom. The tolerance that gives the space groups of the Materials Project."""

_CRYSTAL = (
    "material_id",
    "formula",
    "composition",
    "structure",
    "nsites",
    "volume",
    "space_group",
    "lattice_system",
)
_PROVENANCE = ("source", "source_id", "document_date", "code_version")

COLUMNS = (
    *_CRYSTAL,
    "formation_energy_per_atom",
    "bandgap",
    "has_phonon_bandgap",
    "phonon_bandgap",
    "speed_of_sound",
    "heat_capacity",
    "heat_capacity_per_atom",
    "paper_split",
    *_PROVENANCE,
)
"""The columns of the shipped set, and after them each row's provenance."""

KYOTO_COLUMNS = (
    *_CRYSTAL,
    "is_stable",
    "lowest_frequency",
    "acoustic_top",
    "optical_bottom",
    "acoustic_optical_gap",
    "has_phonon_bandgap",
    "phonon_bandgap",
    "largest_gap",
    "largest_gap_lower_edge",
    "largest_gap_upper_edge",
    "largest_gap_branch",
    "max_frequency",
    "speed_of_sound",
    "speed_longitudinal",
    "speed_transverse",
    "speed_debye",
    "debye_temperature",
    "heat_capacity",
    "heat_capacity_per_atom",
    "has_born_charges",
    "supercell_width",
    "n_supercell_atoms",
    "sum_rule_violation",
    "lowest_near_gamma",
    *_PROVENANCE,
)
"""Columns derived from force constants, for stable and unstable materials."""

OF_THE_PRIMITIVE_CELL = (
    "acoustic_top",
    "optical_bottom",
    "acoustic_optical_gap",
    "has_phonon_bandgap",
    "phonon_bandgap",
)
"""Columns that count branches; None in a row of phonondb_kyoto whose cell is not primitive."""

DERIVED = ("phonon_bandgap", "speed_of_sound", "heat_capacity", "heat_capacity_per_atom")
"""The columns that come from the phonon documents."""


def derive_row(record: PhononRecord, source: str) -> dict[str, Any]:
    """Compute a row of the shipped set's form from bands and a density of states.

    Composition and structure are dictionaries. Raises PhononDocumentError where a document is
    corrupt or lacks what a column needs, UnitError where its unit cannot be established,
    UnstableStructureError where there are imaginary modes.

    >>> from matminer_phonon_tl.phonons import debye_dos, diatomic_chain
    >>> chain = diatomic_chain(springs=(60.0, 60.0, 60.0))
    >>> record = PhononRecord("chain", chain, debye_dos(12.0, 2), chain.structure, "chain.json")
    >>> row = derive_row(record, "phonopy")
    >>> row["formula"], row["has_phonon_bandgap"], round(row["phonon_bandgap"], 2)
    ('GaN', True, 210.41)
    """
    if record.imaginary_flag:
        raise UnstableStructureError(
            f"expected a dynamically stable structure, got {record.material_id}, which its "
            "source flags for imaginary modes; drop the material"
        )
    structure, unit = record.structure, record.unit
    gap = acoustic_optical_gap(record.bands, unit=unit, structure=structure)
    return {
        **_crystal(record.material_id, structure),
        "formation_energy_per_atom": record.formation_energy_per_atom,
        "bandgap": record.bandgap,
        "has_phonon_bandgap": gap > 0.0,
        "phonon_bandgap": gap,
        "speed_of_sound": speed_of_sound(record.bands, unit=unit, structure=structure),
        "heat_capacity": heat_capacity(record.dos, structure, unit=unit),
        "heat_capacity_per_atom": heat_capacity(record.dos, structure, per="atom", unit=unit),
        "paper_split": None,
        **_provenance(record, source),
    }


def derive_kyoto_row(record: ForceConstantRecord, source: str) -> dict[str, Any]:
    """Compute a row of phonondb_kyoto's form from force constants, of an unstable material too.

    None where a property has no value.
    """
    structure = record.structure
    found = phonon_properties(record.phonons)
    n_atoms = len(structure)
    per_atom = found.heat_capacity_per_cell / n_atoms
    primitive = not math.isnan(found.acoustic_top)
    gap = found.acoustic_optical_gap
    row = {
        **_crystal(record.material_id, structure),
        "is_stable": found.is_stable,
        "lowest_frequency": found.lowest_frequency,
        "acoustic_top": found.acoustic_top,
        "optical_bottom": found.optical_bottom,
        "acoustic_optical_gap": gap,
        "has_phonon_bandgap": gap > 0.0,
        "phonon_bandgap": max(0.0, gap) if n_atoms > 1 else 0.0,
        "largest_gap": found.largest_gap.width,
        "largest_gap_lower_edge": found.largest_gap.lower_edge,
        "largest_gap_upper_edge": found.largest_gap.upper_edge,
        "largest_gap_branch": found.largest_gap.lower_branch,
        "max_frequency": found.max_frequency,
        "speed_of_sound": found.speeds.mean,
        "speed_longitudinal": found.speeds.longitudinal,
        "speed_transverse": found.speeds.transverse,
        "speed_debye": found.speeds.debye,
        "debye_temperature": found.debye_temperature,
        "heat_capacity": per_atom * structure.composition.reduced_composition.num_atoms,
        "heat_capacity_per_atom": per_atom,
        "has_born_charges": record.has_born_charges,
        "supercell_width": record.supercell_width,
        "n_supercell_atoms": record.n_supercell_atoms,
        "sum_rule_violation": record.sum_rule_violation,
        "lowest_near_gamma": found.imaginary.lowest_near_gamma * THZ_TO_CM1,
        **_provenance(record, source),
    }
    if not primitive:
        row |= dict.fromkeys(OF_THE_PRIMITIVE_CELL)
    return {name: _missing_is_none(value) for name, value in row.items()}


DERIVATIONS: dict[str, tuple[tuple[str, ...], Callable[[Any, str], dict[str, Any]]]] = {
    "phonon_tl": (COLUMNS, derive_row),
    "phonondb_kyoto": (KYOTO_COLUMNS, derive_kyoto_row),
}
"""Columns of each form of a dataset, and what computes a row of it."""


def _crystal(material_id: str, structure: "Structure") -> dict[str, Any]:
    """Return the columns that every form begins with."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    symmetry = SpacegroupAnalyzer(structure, symprec=_SYMPREC)
    return {
        "material_id": material_id,
        "formula": structure.composition.reduced_formula,
        "composition": structure.composition.as_dict(),
        "structure": structure.as_dict(),
        "nsites": len(structure),
        "volume": float(structure.volume),
        "space_group": int(symmetry.get_space_group_number()),
        "lattice_system": str(symmetry.get_lattice_type()),
    }


def _provenance(record: PhononRecord | ForceConstantRecord, source: str) -> dict[str, Any]:
    """Return the columns that say where a row comes from."""
    return {
        "source": source,
        "source_id": record.source_id,
        "document_date": record.document_date,
        "code_version": __version__,
    }


def _missing_is_none(value: Any) -> Any:
    """Return None in place of NaN, which JSON has not."""
    return None if isinstance(value, float) and math.isnan(value) else value
