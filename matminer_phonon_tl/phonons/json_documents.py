"""Phonon documents as JSON: pymatgen's, the Materials Project's, Petretto's raw ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matminer_phonon_tl.exceptions import PhononDocumentError
from matminer_phonon_tl.phonons.calculation import PhononCalculation
from matminer_phonon_tl.unpacking import open_unpacked
from matminer_phonon_tl.untrusted_json import parse_json

if TYPE_CHECKING:
    from pymatgen.core import Structure

MAX_BYTES = 256 * 2**20
"""Of a file, unpacked; real documents have a few."""

_BANDS = ("phonon_bandstructure", "ph_bs", "bandstructure")
_DENSITY = ("phonon_dos", "ph_dos", "dos")


def read_json(path: Path) -> list[PhononCalculation]:
    """Read the phonon documents in a JSON file, one or a list of them, compressed or not.

    Raises PhononDocumentError where the file is no JSON or holds another kind of document.
    """
    try:
        with open_unpacked(path, MAX_BYTES) as file:
            content = parse_json(file.read(), allow_nan=True)
    except ValueError as error:
        raise PhononDocumentError(
            f"expected JSON in {path.name}, but reading it failed ({error}); get the file again"
        ) from error
    documents = content if isinstance(content, list) else [content]
    found = []
    for number, document in enumerate(documents):
        where = path.name if len(documents) == 1 else f"{path.name}, document {number}"
        calculation = document_calculation(document) if isinstance(document, Mapping) else None
        if calculation is None:
            keys = ", ".join(map(str, list(document)[:5])) if isinstance(document, Mapping) else ""
            raise PhononDocumentError(
                "expected a phonon band structure or density of states of pymatgen, a phonon "
                "document of the Materials Project or a raw one of Petretto et al. in "
                f"{where}, got {f'a document with {keys}' if keys else 'none'}; give another file"
            )
        calculation.name = calculation.material_id or where
        calculation.source = f"{calculation.source} in {where}"
        found.append(calculation)
    if not found:
        raise PhononDocumentError(f"expected phonon documents in {path.name}, got an empty list")
    return found


def document_calculation(
    document: Mapping[str, Any], *, unit: str | None = None, structure: "Structure | None" = None
) -> PhononCalculation | None:
    """Recognise a document by its members; None where they are another kind's.

    ``unit`` and ``structure`` are as for :func:`~matminer_phonon_tl.phonons.bands.read_bands`.
    """
    if {"metadata", "phonon"} <= set(document):
        return read_petretto(document)
    if "qpoints" in document:
        found = PhononCalculation(bands_document=document, source="a band structure")
    elif "densities" in document:
        found = PhononCalculation(dos_document=document, source="a density of states")
    else:
        bands = next((document[name] for name in _BANDS if document.get(name)), None)
        density = next((document[name] for name in _DENSITY if document.get(name)), None)
        if bands is None and density is None:
            return None
        parts = {"a band structure": bands, "a density of states": density}
        found = PhononCalculation(
            bands_document=bands,
            dos_document=density,
            source=" and ".join(name for name, part in parts.items() if part is not None),
        )
    found.unit, found.given_structure = unit, structure
    if document.get("material_id"):
        found.material_id = str(document["material_id"])
    return found


def read_petretto(document: Mapping[str, Any]) -> PhononCalculation:
    """Read a raw document of Petretto et al. (2018): cm-1, ``[q][branch]``, the structure as a CIF.

    Raises PhononDocumentError where a member is missing or is something else. The format: G.
    Petretto et al., Sci. Data 5, 180065 (2018), doi:10.1038/sdata.2018.65.
    """
    from pymatgen.core import Structure

    try:
        metadata, phonon = document["metadata"], document["phonon"]
        # the bands belong to the cell as written, so it must not be standardised
        structure = Structure.from_str(metadata["structure"], fmt="cif", primitive=False)
        frequencies = [list(branches) for branches in zip(*phonon["ph_bandstructure"], strict=True)]
        return PhononCalculation(
            bands_document={
                "bands": frequencies,
                "qpoints": phonon["qpts"],
                "lattice_rec": structure.lattice.reciprocal_lattice.matrix,
                "structure": structure,
            },
            dos_document={
                "frequencies": phonon["dos_frequencies"],
                "densities": phonon["ph_dos"],
            },
            # the archive's documentation gives cm-1 for both
            unit="cm-1",
            given_structure=structure,
            material_id=str(metadata["material_id"]),
            source="a band structure and a density of states",
            units="cm-1, as the format of Petretto's files has it",
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PhononDocumentError(
            "expected a raw document of Petretto et al. (metadata, phonon), but reading it failed "
            f"({type(error).__name__}: {error}); get the file again"
        ) from error
