"""Structures as files and documents hold them: one reading of each, wherever it is met.

Nothing is guessed. What a format leaves open and a reader would fill in (elements that a POSCAR
does not name, atoms that a CIF leaves out, a space group's origin) is refused in one sentence. No
document makes anything be imported.
"""

import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise, takewhile, zip_longest
from string import ascii_letters
from typing import Any, NamedTuple

import numpy as np
from pymatgen.core import Composition, DummySpecies, IStructure, Lattice, Species, Structure
from pymatgen.core.operations import MagSymmOp, SymmOp

from matminer_phonon_tl.atoms import is_atoms, structure_of_atoms
from matminer_phonon_tl.exceptions import CompositionError, DataWarning
from matminer_phonon_tl.formulas import ISOTOPES, SYMBOLS, short, write_formula
from matminer_phonon_tl.space_groups import HALL, find_settings, operations_of
from matminer_phonon_tl.untrusted_json import parse_json

MAX_SITES = 100_000
FORMATS = "CIF, POSCAR, XSF, extended XYZ, pymatgen's JSON"
"""What people are told to give."""

SYMPREC = 0.01
"""Angstrom within which a space group is looked for."""

_PARSER = threading.Lock()  # pymatgen warns, and warnings are filtered for the whole process
_RESCALED = 1.01
"""Largest sum of occupancies that is scaled to 1: 0.3334 + 0.3333 + 0.3334 is meant as 1."""
_GROUP_KEY = re.compile(
    r"_(symmetry_)?(space_group_)?"
    r"(name_(?P<hall>hall)|name_H.M(_alt|_full)?|IT_number|Int_Tables_number)_?",
    re.IGNORECASE,
)
_OPERATIONS_KEY = re.compile(
    r"_(symmetry_equiv_pos_as|space_group_symop_operation)_xyz_?", re.IGNORECASE
)
_MAGNETIC_KEY = re.compile(r"_space_group_(symop_)?magn.*", re.IGNORECASE)
_ROUNDED = 1.01
"""Ratio up to which amounts of a CIF's formula may be off, where they have decimals."""
_UNKNOWN = {"", "?", "."}
_ELEMENTS = {*SYMBOLS, *ISOTOPES}
_MAYBE_GROUP = re.compile(r"[BCHNOPS][HNOFS]")
"""Nihonium or NH3, cobalt or CO? Old programs wrote elements in capitals."""

_BLOCK = re.compile(r"^[ \t]*data_(\S*)", re.MULTILINE | re.IGNORECASE)
_NO_ATOMS = re.compile(
    r"^[ \t]*loop_\s++(?=(?:_\S++\s++)*?_atom_site_fract_)(?:_\S++\s++)++(?:\?\s++){3}",
    re.MULTILINE | re.IGNORECASE,
)
"""A loop of atoms with nothing but question marks; one of their displacements says nothing."""
_HEAD = 2**16
"""Characters that tell what a file is."""
_COMMENTS = r"\s*+(?:#[^\n]*+\n\s*+)*+"
_NUMBER = r"[-+.\deEdD]++"
_BY_CONTENT = {
    "phonons": re.compile(
        r"^(phonopy|phono3py|phonon|force_constants|nqpoint|natom|mesh|displacements|unit_cell|"
        r"supercell_matrix|thermal_properties):",
        re.MULTILINE,
    ),
    "cif": re.compile(rf"{_COMMENTS}data_[^\s,;|]*[ \n]", re.IGNORECASE),  # no header of a table
    "xsf": re.compile(rf"{_COMMENTS}(CRYSTAL|SLAB|POLYMER|ANIMSTEPS|DIM-GROUP|PRIMVEC)\b"),
    "extxyz": re.compile(r"\s*+\d+[ \t]*\n[^\n]*\blattice\s*=", re.IGNORECASE),
    "xyz": re.compile(rf"\s*+\d+[ \t]*\n[^\n]*\n\s*[A-Z][a-z]?(?:[ \t]+{_NUMBER}){{3}}"),
    "yaml": re.compile(r"^(lattice|sites):", re.MULTILINE),
    # A comment, one scale or three, three vectors, and symbols or numbers of atoms.
    "poscar": re.compile(
        rf"[^\n]*\n[ \t]*{_NUMBER}(?:(?:[ \t]+{_NUMBER}){{2}})?[ \t]*(?:[!#][^\n]*)?\n"
        rf"(?:[ \t]*{_NUMBER}[ \t]+{_NUMBER}[ \t]+{_NUMBER}[^\n]*\n){{3}}"
        r"[ \t]*(?:[A-Z]|\d+(?:[ \t]+\d+)*[ \t]*(?:[!#][^\n]*)?\n)"
    ),
}
_ANY_LINE = ("phonons", "yaml")
_BY_NAME = {
    "phonons": re.compile(r"(FORCE_SETS|FORCE_CONSTANTS|BORN|.*\.hdf5)", re.IGNORECASE),
    "cif": re.compile(r".*\.m?cif", re.IGNORECASE),
    "poscar": re.compile(r".*(POSCAR|CONTCAR).*|.*\.(vasp|poscar)", re.IGNORECASE),
    "xsf": re.compile(r".*\.a?xsf", re.IGNORECASE),
    "extxyz": re.compile(r".*\.(ext)?xyz", re.IGNORECASE),
    "cssr": re.compile(r".*\.cssr", re.IGNORECASE),
    "res": re.compile(r".*\.res", re.IGNORECASE),
    "pwmat": re.compile(r".*\.(config|pwmat)", re.IGNORECASE),
    "aims": re.compile(r"geometry\.in.*", re.IGNORECASE),
}
_PHONON_KEYS = {"bands", "nac_frequencies", "ph_bandstructure", "ph_bs", "ph_dos", "phonon"}
_HDF5 = b"\x89HDF"
_MOMENTS = ("magmoms", "initial_magmoms")
"""Columns of extended XYZ with magnetic moments, as ASE names them; the first there is counts."""
_PROPERTY = re.compile(r"""([A-Za-z_][\w\-]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|\{([^}]*)\}|(\S+))""")


@dataclass(frozen=True)
class StructureText:
    """One structure as the text of a file, not read yet."""

    text: str
    format: str
    """As :func:`find_format` names it."""
    name: str
    """File, and which of its structures."""

    def __str__(self) -> str:
        return self.name

    def read(self) -> Structure:
        """Read the structure.

        Raises CompositionError where the text cannot be read, or leaves something open that would
        have to be guessed.
        """
        return _read(self.text, self.format)


class Entry(NamedTuple):
    """One of the structures of a file."""

    name: str | None
    """Block of a CIF, number of a frame; None where the file has one structure."""
    value: Any
    """What :func:`structure_of` takes."""


def structure_of(value: Any) -> Any:
    """Return the structure that a value stands for; the value itself where it stands for none.

    A dict stands for one as ``Structure.as_dict()`` makes it, or in the short form of
    ``phonondb_kyoto``; a text as such a dict in JSON, or as the content of a CIF or POSCAR file.
    Raises CompositionError where it is meant as a structure and cannot be read.

    >>> crystal = Structure(Lattice.cubic(4.2), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    >>> structure_of(crystal.as_dict()) == crystal, structure_of("InN")
    (True, 'InN')
    """
    if isinstance(value, str):
        if may_be_formula(value):
            return value
        value = _of_text(value)
    if isinstance(value, StructureText):
        return value.read()
    if is_document(value):
        return decode_structure(value)
    if isinstance(value, IStructure) and not isinstance(value, Structure):
        return Structure.from_sites(value.sites)
    if is_atoms(value):
        return structure_of_atoms(value)
    return value


def may_be_formula(value: Any) -> bool:
    """Tell whether a value is a text as formulas are: one line, and no JSON."""
    return isinstance(value, str) and value[:1] != "{" and "\n" not in value.strip()


def is_document(value: Any) -> bool:
    """Tell whether a value is a structure in the form of plain dicts and lists."""
    return isinstance(value, dict) and ("sites" in value or "lattice" in value)


def decode_structure(document: Mapping[str, Any]) -> Structure:
    """Read a structure from its document, and import nothing that the document names.

    It is ``Structure.as_dict()``, or the short form of ``phonondb_kyoto`` (lattice, species,
    coordinates). Site properties other than numbers and texts are left out. Raises CompositionError
    where it is no structure.
    """
    try:
        return _decode(document)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if isinstance(error, KeyError):
            reason = f"it has no {reason}"
        raise CompositionError(
            f"expected a structure's document with lattice and sites, but reading it failed "
            f"({reason}): write it with Structure.as_dict() or Structure.to('x.json')"
        ) from error


def find_format(name: str, content: bytes) -> str | None:
    r"""Tell what kind of file this is, by its content first, of which the beginning is enough.

    ``name`` is the file's, without folder and without the ending of a packed file. Returns "cif",
    "poscar", "xsf", "extxyz", "xyz" (a molecule), "json", "yaml", "cssr", "res", "pwmat", "aims";
    "phonons" for what phonopy writes; None for anything else.

    >>> find_format("x", b"data_GaN\n_cell_length_a 3.2\n"), find_format("notes.txt", b"Hello")
    ('cif', None)
    """
    if content.startswith(_HDF5):
        return "phonons"
    text = _text(content)
    if text is None:
        return None
    begin = text.lstrip()[:1]
    if begin and begin in "{[":
        return "json"
    if not _BY_NAME["cif"].fullmatch(name):
        for kind, pattern in _BY_CONTENT.items():
            if (pattern.search if kind in _ANY_LINE else pattern.match)(text[:_HEAD]):
                return kind
    return next((kind for kind, named in _BY_NAME.items() if named.fullmatch(name)), None)


def split_structures(content: bytes, name: str) -> list[Entry]:
    """Find the structures of an unpacked file, without reading them, or raise CompositionError.

    ``name`` is the file's, without the ending of a packed file.
    """
    kind, text = find_format(name, content), _text(content) or ""
    if kind == "phonons":
        raise phonons_error(name)
    if kind == "xyz":
        raise CompositionError(
            f"expected a crystal, got {name}, whose XYZ has no Lattice: add it to the second line, "
            "as extended XYZ has it"
        )
    if kind is None:
        raise CompositionError(
            f"expected a structure file ({FORMATS}), got {name}, which is none of them"
        )
    split: Callable[[str, str], list[Entry]] = {
        "cif": _split_cif,
        "extxyz": _split_frames,
        "json": _split_json,
        "yaml": _split_yaml,
    }.get(kind, lambda text, name: [Entry(None, StructureText(text, kind, name))])
    return split(text, name)


def document_entries(document: Any, name: str) -> list[Entry]:
    """Find the structures in parsed JSON: one, a list of them, or a dict of them by name.

    A dict with a structure under ``structure``, such as an entry of a database, counts as one.
    Raises CompositionError where there is none.
    """
    if is_phonons(document):
        raise phonons_error(name)
    if _holds_structure(document):
        return [Entry(None, _structure_in(document))]
    members: list[tuple[str, Any]] = []
    if isinstance(document, Mapping):
        members = [(str(key), member) for key, member in document.items()]
    elif isinstance(document, list):
        members = [(str(number), member) for number, member in enumerate(document, 1)]
    if not any(_holds_structure(member) for _, member in members):
        raise CompositionError(
            f"expected structures in {name}, got a document without any: give what "
            "Structure.as_dict() makes, a list of that, or a table"
        )
    others = [key for key, member in members if not _holds_structure(member)]
    if isinstance(document, Mapping) and others:
        members = [(key, member) for key, member in members if key not in others]
        warnings.warn(
            f"{name}: passed over what is no structure: {short(', '.join(others))}",
            DataWarning,
            stacklevel=2,
        )
    return [Entry(key, _structure_in(member)) for key, member in members]


def is_phonons(document: Any) -> bool:
    """Tell whether parsed JSON is a document of phonons."""
    return isinstance(document, Mapping) and bool(document.keys() & _PHONON_KEYS)


def _holds_structure(value: Any) -> bool:
    return is_document(_structure_in(value))


def _structure_in(value: Any) -> Any:
    return value.get("structure", value) if isinstance(value, Mapping) else value


def phonons_error(name: str) -> CompositionError:
    """Make the error of a file of phonons that was given in place of a structure."""
    return CompositionError(
        f"expected a structure or a table of materials, got {name}, which holds phonons: "
        f"phonon-tl properties {name} computes their properties"
    )


def _text(content: bytes) -> str | None:
    if b"\0" in content[:4096] and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return None
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = content.decode(encoding, "replace").replace("\r\n", "\n")
    return text if "\n" in text else text.replace("\r", "\n")  # of old Macintosh programs


def _of_text(text: str) -> Any:
    """Read a table's cell or another text that is too long for a formula."""
    if text[:1] == "{":
        try:
            return parse_json(text.encode("utf-8", "replace"), allow_nan=True)
        except (ValueError, RecursionError) as error:
            raise CompositionError(
                f"expected a structure as JSON, got {short(text)}, which cannot be read as such "
                f"({error}): write a dict with json.dumps"
            ) from error
    content = text.encode("utf-8", "replace")
    entries = split_structures(content, "the text")
    if len(entries) > 1:
        raise CompositionError(
            f"expected one structure in a text, got {len(entries)}: give each its row"
        )
    return entries[0].value


def _split_cif(text: str, name: str) -> list[Entry]:
    starts = [match.start() for match in _BLOCK.finditer(text)]
    blocks = [text[i:j] for i, j in pairwise([*starts, len(text)])]
    # Journals put authors and powder patterns into blocks of their own.
    with_atoms = [
        block for block in blocks if "_atom_site_" in block and not _NO_ATOMS.search(block)
    ]
    if not with_atoms:
        raise CompositionError(
            f"expected a structure file that can be read, but {name} has no block with a cell and "
            "atoms: check the file"
        )
    cells = [block for block in blocks if block not in with_atoms and "_cell_length_a" in block]
    if cells:
        warnings.warn(
            f"{name}: passed over what has a cell and no atoms: {', '.join(map(_title, cells))}",
            DataWarning,
            stacklevel=2,
        )
    if len(with_atoms) == 1:
        return [Entry(None, StructureText(with_atoms[0], "cif", name))]
    titles = [_title(block) for block in with_atoms]
    names = [
        title if title and titles.count(title) == 1 else f"{title or 'block'} {number}"
        for number, title in enumerate(titles, 1)
    ]
    return [
        Entry(title, StructureText(block, "cif", f"{name} [{title}]"))
        for title, block in zip(names, with_atoms, strict=True)
    ]


def _title(block: str) -> str:
    return str(_BLOCK.match(block)[1])  # type: ignore[index]


def _split_frames(text: str, name: str) -> list[Entry]:
    """Split extended XYZ, frame by frame; a frame that breaks off goes on to the end."""
    lines = text.rstrip().split("\n")
    frames, first = [], 0
    while first < len(lines):
        count = lines[first].strip()
        last = first + 2 + int(count) if count.isdigit() and len(count) < 8 else len(lines)
        frames.append("\n".join(lines[first:last]))
        first = last
        while first < len(lines) and not lines[first].strip():
            first += 1
    return [
        Entry(
            str(number) if len(frames) > 1 else None,
            StructureText(frame, "extxyz", f"{name} [{number}]" if len(frames) > 1 else name),
        )
        for number, frame in enumerate(frames, 1)
    ]


def _split_json(text: str, name: str) -> list[Entry]:
    try:
        document = parse_json(text.encode("utf-8", "replace"), allow_nan=True)
    except (ValueError, RecursionError) as error:
        raise _unreadable(error) from error
    return document_entries(document, name)


def _split_yaml(text: str, name: str) -> list[Entry]:
    from ruamel.yaml import YAML, YAMLError

    try:
        document = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise _unreadable(error) from error
    return document_entries(document, name)


def _read(text: str, kind: str) -> Structure:
    reader = _READERS.get(kind, lambda text: Structure.from_str(text, fmt=kind))  # type: ignore[arg-type]
    try:
        with _PARSER, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = reader(text)
        if isinstance(structure, Structure):
            _check_finite(structure.frac_coords, structure.lattice.matrix)
    except CompositionError:
        raise
    except Exception as error:  # pymatgen's parsers raise anything
        raise _unreadable(error) from error
    if not isinstance(structure, Structure):
        raise CompositionError(
            "expected a crystal, got a file without a cell of one: molecules are not predicted"
        )
    if not len(structure):
        raise CompositionError("expected a structure with atoms, got none: check the file")
    return structure


def _unreadable(error: BaseException) -> CompositionError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, LookupError | ArithmeticError | AssertionError | StopIteration):
        # what a parser meets where lines are missing, in words that say nothing
        reason = "it is cut short, or some of it is missing: check the file"
    return CompositionError(f"expected a structure file that can be read, but: {reason}")


class _Cif(NamedTuple):
    """One block of a CIF as pymatgen reads it."""

    structure: Structure
    block: Mapping[str, Any]
    remarks: str
    contradicts_formula: bool


def _read_cif(text: str) -> Structure:
    from pymatgen.io.cif import CifFile

    raw: Any = next(iter(CifFile.from_str(text).data.values()))
    cif = _with_symmetry(text, raw.data)
    if "implicit hydrogens" in cif.remarks:
        raise CompositionError(
            "expected every atom in the CIF, got hydrogens that are only counted: add their sites"
        )
    _check_elements(cif.block, cif.remarks)
    # A full site by CIF's standard, an empty one to pymatgen.
    if "." in _listed(raw.data.get("_atom_site_occupancy", ())):
        raise CompositionError(
            "expected occupancies in the CIF, got '.': write 1 where a site is full"
        )
    formula = _stated_formula(cif.block)
    if formula and cif.contradicts_formula and not _is_rounded(formula, cif.structure.composition):
        raise CompositionError(
            f"expected the atoms of the CIF's formula, {formula.formula}, got the sites of "
            f"{write_formula(cif.structure.composition)}: add the sites that are missing, or "
            "correct _chemical_formula_sum"
        )
    return cif.structure


def _parse_cif(text: str, operations: list[SymmOp] | None) -> _Cif:
    """Read a CIF with these operations, or with those that pymatgen finds."""
    from pymatgen.io.cif import CifParser

    class Parser(CifParser):
        def get_symops(self, data: Any) -> list[SymmOp]:
            return operations or super().get_symops(data)

        # pymatgen asks for these wherever moments are written, also beside an ordinary group.
        def get_magsymops(self, data: Any) -> list[MagSymmOp]:
            return [MagSymmOp.from_symmop(each, 1) for each in operations or ()] or (
                super().get_magsymops(data)
            )

    parser: Any = Parser.from_str(text, occupancy_tolerance=_RESCALED, check_cif=False)
    (structure,) = parser.parse_structures(primitive=False, on_error="raise")
    (block,) = parser.as_dict().values()
    remarks = "\n".join(parser.warnings)
    return _Cif(structure, block, remarks, parser.check(structure) is not None)


def _check_elements(block: Mapping[str, Any], remarks: str) -> None:
    labels = block.get("_atom_site_label", ())
    symbols = block.get("_atom_site_type_symbol", ())
    for symbol in symbols:
        if _letters(symbol).title() not in _ELEMENTS:
            raise _no_element(symbol)
    for label, symbol in re.findall(r"^(\S+) parsed as (\S+)", remarks, re.MULTILINE):
        if _letters(label).lower() != symbol.lower():
            raise _no_element(label)
    if _stated_formula(block) is None:
        for symbol, label in zip_longest(symbols or labels, labels, fillvalue=""):
            group = _MAYBE_GROUP.match(symbol)
            if group and not (symbols and label.upper().startswith(group[0])):
                raise _no_element(symbol)


def _letters(text: str) -> str:
    """Return the letters that a symbol or label begins with: Fe of Fe2+."""
    return text.removesuffix(text.lstrip(ascii_letters))


def _is_rounded(formula: Composition, found: Composition) -> bool:
    """Whether a formula with decimals is that of a composition but for rounding."""
    stated, amounts = formula.get_el_amt_dict(), found.get_el_amt_dict()
    if stated.keys() != amounts.keys() or all(amount == int(amount) for amount in stated.values()):
        return False
    ratios = [amounts[symbol] / amount for symbol, amount in stated.items()]
    return max(ratios) < _ROUNDED * min(ratios)


def _no_element(found: str) -> CompositionError:
    return CompositionError(
        f"expected element symbols in the CIF, got {short(found)}: name the element in "
        "_atom_site_type_symbol"
    )


def _stated_formula(block: Mapping[str, Any]) -> Composition | None:
    try:
        return Composition(str(block["_chemical_formula_sum"]))
    except (KeyError, ValueError):
        return None


def _with_symmetry(text: str, block: Mapping[str, Any]) -> _Cif:
    """Read a CIF with the operations that it writes, or those of the space group that it names."""
    if any(map(_MAGNETIC_KEY.fullmatch, block)):
        cif = _parse_cif(text, None)
        if "No magnetic symmetry" in cif.remarks:
            raise _no_operations("a magnetic space group, which is not known")
        return cif
    names = {
        f"{HALL if match['hall'] else ''}{value}": value
        for key, value in block.items()
        if (match := _GROUP_KEY.fullmatch(key)) and value.strip() not in _UNKNOWN
    }
    # pymatgen drops some where a site is shared, and all where it cannot read one.
    if written := _written_operations(block):
        cif = _parse_cif(text, written)
        whole = _stated_content(block)
        if len(written) == 1 and whole and not _is_in_p1(names) and not _is_same(cif, whole):
            raise _no_operations(
                f"only {written[0].as_xyz_str()!r}, and not the atoms that the formula and Z say"
            )
        return cif
    return _with_named_group(text, block, names) if names else _parse_cif(text, None)


def _with_named_group(text: str, block: Mapping[str, Any], names: Mapping[str, str]) -> _Cif:
    """Read a CIF with the operations of the one setting of a group that its cell has."""
    from pymatgen.io.cif import str2float

    group = f"only the space group {short(', '.join(sorted({*names.values()})))}"
    lengths = [str2float(block[f"_cell_length_{name}"]) for name in "abc"]
    angles = [str2float(block[f"_cell_angle_{name}"]) for name in ("alpha", "beta", "gamma")]
    settings = find_settings(names, Lattice.from_parameters(*lengths, *angles).matrix)
    if settings is None:
        cif = _parse_cif(text, None)
        if "Spacegroup from" not in cif.remarks:  # of such a name, pymatgen may know the setting
            raise _no_operations(f"{group}, which is not known")
        return cif
    if not settings:
        raise _no_operations(f"{group}, of which no setting fits the cell")
    if len(settings) == 1:
        return _parse_cif(text, operations_of(settings[0]))
    whole, read = _stated_content(block), []
    for setting in settings:
        with suppress(ValueError):  # pymatgen's where sites coincide in a wrong setting
            read.append(_parse_cif(text, operations_of(setting)))
    same = [cif for cif in read if whole and _is_same(cif, whole)]
    if len(same) != 1:
        raise _no_operations(f"{group}, of which {len(settings)} settings fit the cell")
    return same[0]


def _written_operations(block: Mapping[str, Any]) -> list[SymmOp]:
    written: Any = next((v for k, v in block.items() if _OPERATIONS_KEY.fullmatch(k)), [])
    return [_operation(text) for text in _listed(written) if text.strip() not in _UNKNOWN]


@lru_cache(maxsize=4096)
def _operation(text: str) -> SymmOp:
    operation = SymmOp.from_xyz_str(text)
    if text.count(",") != 2 or abs(np.linalg.det(operation.rotation_matrix)) < 0.5:
        raise CompositionError(
            f"expected symmetry operations such as 'x, y, z' in the CIF, got {short(text)}: "
            "correct it"
        )
    return operation


def _listed(values: str | Sequence[str]) -> Sequence[str]:
    """Return what a CIF has in a loop, or outside of one, as a list."""
    return [values] if isinstance(values, str) else values


def _no_operations(found: str) -> CompositionError:
    return CompositionError(
        f"expected symmetry operations in the CIF, got {found}: write the operations"
    )


def _stated_content(block: Mapping[str, Any]) -> Composition | None:
    """Return what the cell holds by the CIF's formula and number of formula units."""
    formula = _stated_formula(block)
    try:
        return formula * float(block["_cell_formula_units_Z"]) if formula else None
    except (KeyError, ValueError):
        return None


def _is_same(cif: _Cif, whole: Composition) -> bool:
    return whole.almost_equals(cif.structure.composition.element_composition, rtol=0.02)


def _is_in_p1(names: Mapping[str, str]) -> bool:
    return all(name.replace(" ", "") in ("P1", "1") for name in names.values())


def _read_poscar(text: str) -> Structure:
    from pymatgen.io.vasp import Poscar

    if re.search(r"^\s*Direct configuration\s*=", text, re.MULTILINE):
        raise CompositionError(
            "expected one structure, got a trajectory (XDATCAR): give the structure that is meant"
        )
    lines = re.sub("[!#].*", "", text).split("\n")
    scale, head = lines[1].split(), [line.split() for line in lines[5:8]]
    _check_poscar_head(head)
    # pymatgen takes one scale, and a volume (below 0) for one too where coordinates are Cartesian.
    poscar = Poscar.from_str("\n".join([lines[0], "1", *lines[2:]]), read_velocities=False)
    structure = poscar.structure
    sites, rest = _sites_of_poscar(lines)
    only_flags = all(len(site) == 6 and {"T", "F"}.issuperset(site[3:]) for site in sites)
    if not poscar.true_names or (only_flags and _are_counts(head[0])):
        raise CompositionError(
            "expected element symbols in the POSCAR, got none: add the line of symbols above the "
            "numbers of atoms, such as 'Ga N'"
        )
    if len(sites) != len(structure):
        raise CompositionError(
            f"expected {len(structure)} lines of coordinates in the POSCAR, as many as its numbers "
            f"of atoms say, got {len(sites)}: correct one of the two"
        )
    # Numbers of atoms stand above a word; what VASP writes behind the sites has none like that.
    if any(word.lstrip()[:1].isalpha() and _are_counts(n.split()) for n, word in pairwise(rest)):
        raise CompositionError(
            "expected one structure, got a POSCAR with another behind it: give each its own file"
        )
    factors = np.array(scale, dtype=np.float64)
    if factors.size == 1 and factors[0] < 0:
        factors = np.cbrt(-factors / structure.volume)
    structure.lattice = Lattice(structure.lattice.matrix * factors)  # keeps fractional coordinates
    return structure


def _check_poscar_head(rows: Sequence[list[str]]) -> None:
    """Check the lines of symbols and of numbers of atoms, where there is the former."""
    symbols, others = rows[0], rows[1:]
    if _are_counts(symbols):
        return
    for symbol in symbols:
        if _letters(symbol) not in _ELEMENTS:
            raise CompositionError(
                f"expected element symbols on line 6 of the POSCAR, got {short(symbol)}: correct it"
            )
    if list(map(_are_counts, others)) == [True, False] and len(symbols) != len(others[0]):
        raise CompositionError(
            f"expected as many numbers of atoms as element symbols, got {len(others[0])} for "
            f"{len(symbols)}: correct lines 6 and 7 of the POSCAR"
        )


def _sites_of_poscar(lines: Sequence[str]) -> tuple[list[list[str]], Sequence[str]]:
    """Return the coordinates of each site, and the lines after them: a density has millions."""
    first = 5
    while not _are_counts(lines[first].split()):
        first += 1
    while _are_counts(lines[first].split()):
        first += 1
    first += 2 if lines[first].lstrip()[0] in "sS" else 1  # selective dynamics
    rows = map(str.split, lines[first:])
    sites = list(takewhile(lambda row: row and row[0][0] in "+-.0123456789", rows))
    return sites, lines[first + len(sites) :]


def _are_counts(tokens: Sequence[str]) -> bool:
    return bool(tokens) and all(token.isdigit() for token in tokens)


def _read_xsf(text: str) -> Structure:
    from pymatgen.io.xcrysden import XSF

    if re.search(r"^\s*ANIMSTEPS", text, re.MULTILINE):
        raise CompositionError(
            "expected one structure, got an animated XSF: give the structure that is meant"
        )
    if part := re.search(r"^\s*(SLAB|POLYMER|MOLECULE|ATOMS)\b", text, re.MULTILINE):
        raise CompositionError(
            f"expected a crystal, got an XSF of the kind {part[1]}: slabs, chains and molecules "
            "are not predicted"
        )
    structure: Any = XSF.from_str(text).structure
    stated = re.search(r"^\s*PRIMCOORD[^\n]*\n\s*(\d+)", text, re.MULTILINE)
    if stated and structure is not None:
        _check_count(int(stated[1]), structure)
    return structure


def _read_cssr(text: str) -> Structure:
    _, angles, counts, *_ = text.split("\n")
    group = re.search(r"SPGR\s*=?\s*(\d+)", angles)
    n_sites, *kind = counts.split()
    if (group and group[1] != "1") or "1" in kind:
        raise CompositionError(
            "expected a CSSR of all atoms (SPGR = 1) with fractional coordinates (0 after their "
            f"number), got {short(angles.strip())} and {short(counts.strip())}: write it as CIF"
        )
    structure: Any = Structure.from_str(text, fmt="cssr")
    _check_count(int(n_sites), structure)
    return structure


def _read_res(text: str) -> Structure:
    """Read what AIRSS writes; pymatgen passes over symmetry and occupancies."""
    lattice = re.search(r"^LATT\s+(\S+)", text, re.MULTILINE)
    _, _, atoms = text.partition("\nSFAC")
    occupancies = re.findall(r"^[A-Z]\S*[ \t]+\d+(?:[ \t]+\S+){3}[ \t]+(\S+)", atoms, re.MULTILINE)
    if lattice is None or lattice[1] != "-1" or any(float(each) != 1 for each in occupancies):
        raise CompositionError(
            "expected a .res file of whole atoms without symmetry (LATT -1), as AIRSS writes it: "
            "write a refined structure as CIF"
        )
    structure: Any = Structure.from_str(text, fmt="res")
    return structure


def _read_aims(text: str) -> Structure:
    """Read the input of FHI-aims."""
    rows = [line.split("#")[0].split() for line in text.split("\n")]
    vectors = [row[1:4] for row in rows if row[:1] == ["lattice_vector"]]
    atoms = [row for row in rows if row and row[0] in ("atom", "atom_frac")]
    if len(vectors) != 3:
        raise CompositionError(
            f"expected a crystal, got a geometry.in of {len(vectors)} lattice vectors: molecules "
            "are not predicted"
        )
    lattice = Lattice(np.array(vectors, dtype=np.float64))
    places = np.array([row[1:4] for row in atoms], dtype=np.float64)
    is_cartesian = np.array([row[0] == "atom" for row in atoms], dtype=bool)
    places[is_cartesian] = lattice.get_fractional_coords(places[is_cartesian])
    return Structure(lattice, [row[4] for row in atoms], places)


def _check_count(n_sites: int, structure: Structure) -> None:
    if n_sites != len(structure):
        raise CompositionError(
            f"expected {n_sites} atoms, as the file says, got {len(structure)} that can be read: "
            "check the file, or write it as CIF"
        )


def _read_frame(text: str) -> Structure:
    """Read one frame of extended XYZ."""
    lines = text.split("\n")
    found = {
        match[1].lower(): next(filter(None, match.groups()[1:]), "")
        for match in _PROPERTY.finditer(lines[1] if len(lines) > 1 else "")
    }
    if "lattice" not in found:
        raise CompositionError(
            "expected a crystal, got a frame whose second line has no Lattice: add it"
        )
    periodic = found.get("pbc", "T T T").replace(",", " ").split()
    if not all(answer.upper() in ("T", "TRUE", "1") for answer in periodic):
        raise CompositionError(
            f"expected a crystal, got a frame that is periodic along {' '.join(periodic)} only: "
            "slabs and molecules are not predicted"
        )
    n_sites, rows = int(lines[0]), [line.split() for line in lines[2:] if line.strip()]
    if len(rows) != n_sites:
        raise CompositionError(f"expected {n_sites} atoms in the frame, got {len(rows)} lines")
    place, columns = 0, {}
    parts = found.get("properties", "species:S:1:pos:R:3").split(":")
    for name, width in zip(parts[::3], parts[2::3], strict=True):
        columns[name.lower()] = slice(place, place + int(width))
        place += int(width)
    if "pos" not in columns or not columns.keys() & {"species", "z"}:
        raise CompositionError(
            f"expected Properties with species and pos, got {short(found.get('properties'))}"
        )
    which = columns.get("species") or columns["z"]
    symbols = [row[which][0] for row in rows]
    if "species" not in columns:
        symbols = [int(number) for number in symbols]  # type: ignore[misc]
    positions = np.array([row[columns["pos"]] for row in rows], dtype=np.float64)
    lattice = np.array(found["lattice"].replace(",", " ").split(), dtype=np.float64)
    _check_finite(positions, lattice)
    structure = Structure(
        Lattice(lattice.reshape(3, 3)), symbols, positions, coords_are_cartesian=True
    )
    moments = next(filter(None, map(columns.get, _MOMENTS)), None)
    if moments is not None:
        values = np.array([row[moments] for row in rows], dtype=np.float64)
        structure.add_site_property(
            "magmom", (values[:, 0] if values.shape[1] == 1 else values).tolist()
        )
    return structure


def _decode(cell: Mapping[str, Any]) -> Structure:
    if "sites" not in cell:  # the short form of phonondb_kyoto
        coordinates = np.array(cell["coordinates"], dtype=np.float64).reshape(-1, 3)
        counts = [count for _, count in cell["species"]]
        if min(counts) < 1 or sum(counts) != len(coordinates):
            raise ValueError(f"{len(coordinates)} sites, but species {cell['species']!r:.60}")
        species = [_atom(symbol) for symbol, count in cell["species"] for _ in range(count)]
        return Structure(Lattice(cell["lattice"]), species, coordinates)
    sites, lattice = cell["sites"], _lattice(cell["lattice"])
    if not 0 < len(sites) <= MAX_SITES:
        raise ValueError(f"{len(sites)} sites")
    # Old documents lack the fractional coordinates.
    key = "abc" if all("abc" in site for site in sites) else "xyz"
    coordinates = np.array([site[key] for site in sites], dtype=np.float64)
    _check_finite(coordinates, lattice.matrix)
    return Structure(
        lattice,
        [_species(site["species"]) for site in sites],
        coordinates,
        coords_are_cartesian=key == "xyz",
        charge=cell.get("charge"),
        site_properties=dict(_properties(sites)),
        labels=[site.get("label") for site in sites],
    )


def _lattice(cell: Any) -> Lattice:
    if not isinstance(cell, Mapping):
        return Lattice(cell)
    pbc = cell.get("pbc") or (True, True, True)
    if cell.get("matrix") is not None:
        return Lattice(cell["matrix"], pbc=pbc)
    lengths = (cell[name] for name in ("a", "b", "c", "alpha", "beta", "gamma"))
    return Lattice.from_parameters(*lengths, pbc=pbc)


def _species(members: Sequence[Mapping[str, Any]]) -> Composition:
    """Read what stands on a site. A table's cell may name keys that are missing as None."""
    if len(members) == 1 and members[0]["occu"] == 1 and members[0].get("oxidation_state") is None:
        return _atom(members[0]["element"])
    amounts: dict[Any, float] = {}
    for member in members:
        symbol, state = member["element"], member.get("oxidation_state")
        species: Any = symbol
        if state is not None:
            known = Composition({symbol: 1}).valid
            species = (Species if known else DummySpecies)(symbol, state)
        amounts[species] = amounts.get(species, 0.0) + float(member["occu"])
    return Composition(amounts)


@cache
def _atom(symbol: str) -> Composition:
    """Return one atom of an element, as which pymatgen keeps each site: making it anew is slow."""
    return Composition({symbol: 1})


def _properties(sites: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the site properties that are plain: anything else could name a module to import."""
    names = {name for site in sites for name in site.get("properties") or ()}
    for name in sorted(names):
        values = [(site.get("properties") or {}).get(name) for site in sites]
        if all(_is_plain(value) for value in values):
            yield name, values


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _check_finite(*arrays: Any) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("numbers that are not finite")


_READERS: dict[str, Callable[[str], Structure]] = {
    "cif": _read_cif,
    "poscar": _read_poscar,
    "xsf": _read_xsf,
    "extxyz": _read_frame,
    "cssr": _read_cssr,
    "res": _read_res,
    "aims": _read_aims,
}


def crystal_name(value: Any) -> str | None:
    """Name a crystal for people: reduced formula, symbol and number of the space group.

    Parameters
    ----------
    value : as :func:`structure_of` takes

    Returns
    -------
    str or None
        None for what stands for no structure, or for one that cannot be read.

    Examples
    --------
    >>> crystal_name(Structure([[4, 0, 0], [0, 4, 0], [0, 0, 4]], ["Po"], [[0, 0, 0]]))
    'Po, Pm-3m (221)'
    """
    import spglib

    try:
        structure = structure_of(value)
    except CompositionError:
        return None
    if not isinstance(structure, Structure):
        return None
    kinds = list(dict.fromkeys(site.species for site in structure))
    numbers = [kinds.index(site.species) for site in structure]
    cell = (structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), numbers)
    group = spglib.get_spacegroup(cell, SYMPREC)  # None where it finds none
    return ", ".join(filter(None, [structure.composition.reduced_formula, group]))
