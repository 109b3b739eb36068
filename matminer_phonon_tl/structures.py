"""Structures as files and documents hold them: one reading of each, wherever it is met.

Nothing is guessed. What a format leaves open and a reader would fill in (elements that a POSCAR
does not name, atoms that a CIF leaves out, a space group's origin) is refused in one sentence. No
document makes anything be imported.
"""

import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from pymatgen.core import Composition, DummySpecies, IStructure, Lattice, Species, Structure

from matminer_phonon_tl.atoms import is_atoms, structure_of_atoms
from matminer_phonon_tl.exceptions import CompositionError
from matminer_phonon_tl.formulas import ISOTOPES, SYMBOLS, short, write_formula
from matminer_phonon_tl.untrusted_json import parse_json

MAX_SITES = 100_000
FORMATS = "CIF, POSCAR, XSF, extended XYZ, pymatgen's JSON"
"""What people are told to give."""

SYMPREC = 0.01
"""Angstrom within which a space group is looked for."""

_PARSER = threading.Lock()  # pymatgen warns, and warnings are filtered for the whole process
_RESCALED = 1.01
"""Largest sum of occupancies that is scaled to 1: 0.3334 + 0.3333 + 0.3334 is meant as 1."""
_TWO_ORIGINS = frozenset(
    {48, 50, 59, 68, 70, 85, 86, 88, 125, 126, 129, 130, 133, 134, 137, 138, 141, 142}
    | {201, 203, 222, 224, 227, 228}
)
"""Numbers of the space groups whose symbol leaves the origin open."""
_GROUP_KEY = re.compile(
    r"_(symmetry|space_group).*_(name.*|IT_number|Int_Tables_number)_?", re.IGNORECASE
)
_NO_GROUP = {"", "?", ".", "P1", "1"}

_BLOCK = re.compile(r"^[ \t]*data_(\S*)", re.MULTILINE | re.IGNORECASE)
_HEAD = 2**16
"""Characters that tell what a file is."""
_COMMENTS = r"\s*+(?:#[^\n]*+\n\s*+)*+"
_NUMBER = r"[-+.\deEdD]+"
_BY_CONTENT = {
    "phonons": re.compile(
        r"^(phonopy|phono3py|phonon|force_constants|nqpoint|natom|mesh|displacements|unit_cell|"
        r"supercell_matrix|thermal_properties):",
        re.MULTILINE,
    ),
    "cif": re.compile(rf"{_COMMENTS}data_\S*\s", re.IGNORECASE),
    "xsf": re.compile(rf"{_COMMENTS}(CRYSTAL|SLAB|POLYMER|ANIMSTEPS|DIM-GROUP|PRIMVEC)\b"),
    "extxyz": re.compile(r"\s*+\d+[ \t]*\n[^\n]*\blattice\s*=", re.IGNORECASE),
    "xyz": re.compile(rf"\s*+\d+[ \t]*\n[^\n]*\n\s*[A-Z][a-z]?(?:[ \t]+{_NUMBER}){{3}}"),
    "yaml": re.compile(r"^(lattice|sites):", re.MULTILINE),
    # A comment, one scale or three, and three vectors.
    "poscar": re.compile(
        rf"[^\n]*\n[ \t]*{_NUMBER}(?:(?:[ \t]+{_NUMBER}){{2}})?[ \t]*(?:[!#][^\n]*)?\n"
        rf"(?:[ \t]*{_NUMBER}[ \t]+{_NUMBER}[ \t]+{_NUMBER}[^\n]*\n){{3}}"
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
    blocks = [block for block in blocks if "_atom_site_" in block or "_cell_length_a" in block]
    if not blocks:
        raise CompositionError(
            f"expected a structure file that can be read, but {name} has no block with a cell and "
            "atoms: check the file"
        )
    if len(blocks) == 1:
        return [Entry(None, StructureText(blocks[0], "cif", name))]
    titles = [str(_BLOCK.match(block)[1]) for block in blocks]  # type: ignore[index]
    names = [
        title if title and titles.count(title) == 1 else f"{title or 'block'} {number}"
        for number, title in enumerate(titles, 1)
    ]
    return [
        Entry(title, StructureText(block, "cif", f"{name} [{title}]"))
        for title, block in zip(names, blocks, strict=True)
    ]


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
    readers = {"cif": _read_cif, "poscar": _read_poscar, "xsf": _read_xsf, "extxyz": _read_frame}
    reader = readers.get(kind, lambda text: Structure.from_str(text, fmt=kind))  # type: ignore[arg-type]
    try:
        with _PARSER, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = reader(text)
    except CompositionError:
        raise
    except Exception as error:  # pymatgen's parsers raise anything
        raise _unreadable(error) from error
    if not len(structure):
        raise CompositionError("expected a structure with atoms, got none: check the file")
    return structure


def _unreadable(error: BaseException) -> CompositionError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, LookupError | ArithmeticError | AssertionError | StopIteration):
        # what a parser meets where lines are missing, in words that say nothing
        reason = "it is cut short, or some of it is missing: check the file"
    return CompositionError(f"expected a structure file that can be read, but: {reason}")


def _read_cif(text: str) -> Structure:
    from pymatgen.io.cif import CifParser

    parser: Any = CifParser.from_str(text, occupancy_tolerance=_RESCALED, check_cif=False)
    (structure,) = parser.parse_structures(primitive=False, on_error="raise")
    (block,) = parser.as_dict().values()
    remarks = "\n".join(parser.warnings)
    if "implicit hydrogens" in remarks:
        raise CompositionError(
            "expected every atom in the CIF, got hydrogens that are only counted: add their sites"
        )
    for symbol in block.get("_atom_site_type_symbol", ()):
        letters = re.match(r"[A-Za-z]*", symbol)
        if letters is None or letters[0].title() not in {*SYMBOLS, *ISOTOPES}:
            raise _no_element(symbol)
    for label, symbol in re.findall(r"^(\S+) parsed as (\S+)", remarks, re.MULTILINE):
        letters = re.match(r"[A-Za-z]*", label)
        if letters is None or letters[0].lower() != symbol.lower():
            raise _no_element(label)
    _check_symmetry(block, remarks, structure)
    formula = _stated_formula(block)
    if formula is not None and parser.check(structure):
        raise CompositionError(
            f"expected the atoms of the CIF's formula, {formula.formula}, got the sites of "
            f"{write_formula(structure.composition)}: add the sites that are missing, or correct "
            "_chemical_formula_sum"
        )
    return structure


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


def _check_symmetry(block: Mapping[str, Any], remarks: str, structure: Structure) -> None:
    """Refuse a CIF whose symmetry operations are neither written nor told by its space group."""
    from pymatgen.symmetry.groups import SpaceGroup

    if any(key.rstrip("_").endswith(("_xyz", ".xyz")) and value for key, value in block.items()):
        return
    stated = {
        str(value).replace(" ", "").replace("_", "")
        for key, value in block.items()
        if _GROUP_KEY.fullmatch(key)
    } - _NO_GROUP
    if "Defaulting to P1" in remarks or "No magnetic symmetry" in remarks:
        magnetic = [value for key, value in block.items() if "_space_group_magn" in key]
        if stated or magnetic:
            raise CompositionError(
                "expected symmetry operations in the CIF, got only the space group "
                f"{short(min(stated, default=str(magnetic[:1])))}, which is not known: write the "
                "operations"
            )
        return
    numbers = set()
    for name in stated:
        with_origin = ":" in name
        for make in (lambda n: SpaceGroup.from_int_number(int(n)), SpaceGroup):
            try:
                number = int(make(name).int_number)
            except (ValueError, KeyError, TypeError):
                continue
            numbers.add(None if with_origin else number)
    if None in numbers or not numbers & _TWO_ORIGINS:
        return
    formula = _stated_formula(block)
    try:
        whole = formula * float(block["_cell_formula_units_Z"]) if formula else None
    except (KeyError, ValueError):
        whole = None
    if whole is None or not whole.almost_equals(structure.composition, rtol=0.02):
        raise CompositionError(
            f"expected symmetry operations in the CIF, got only the space group "
            f"{short(min(stated))}, whose origin can be either of two: write the operations"
        )


def _read_poscar(text: str) -> Structure:
    from pymatgen.io.vasp import Poscar

    if re.search(r"^\s*Direct configuration\s*=", text, re.MULTILINE):
        raise CompositionError(
            "expected one structure, got a trajectory (XDATCAR): give the structure that is meant"
        )
    lines = text.split("\n")
    lines[1] = re.split("[!#]", lines[1])[0]  # VASP takes a comment there, pymatgen does not
    rows = [line.split() for line in lines[5:8]]
    if len(rows) == 3 and rows[0] and not _are_counts(rows[0]):
        one_line = _are_counts(rows[1]) and not _are_counts(rows[2])
        if one_line and len(rows[0]) != len(rows[1]):
            raise CompositionError(
                f"expected as many numbers of atoms as element symbols, got {len(rows[1])} for "
                f"{len(rows[0])}: correct lines 6 and 7 of the POSCAR"
            )
    poscar = Poscar.from_str("\n".join(lines), read_velocities=False)
    if not poscar.true_names:
        raise CompositionError(
            "expected element symbols in the POSCAR, got none: add the line of symbols above the "
            "numbers of atoms, such as 'Ga N'"
        )
    return poscar.structure


def _are_counts(tokens: Sequence[str]) -> bool:
    return bool(tokens) and all(token.isdigit() for token in tokens)


def _read_xsf(text: str) -> Structure:
    from pymatgen.io.xcrysden import XSF

    steps = re.search(r"^\s*ANIMSTEPS\s+(\d+)", text, re.MULTILINE)
    if steps and int(steps[1]) > 1:
        raise CompositionError(
            f"expected one structure, got an XSF of {steps[1]} steps: give the one that is meant"
        )
    structure: Any = XSF.from_str(text).structure
    return structure


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
    return Structure(Lattice(lattice.reshape(3, 3)), symbols, positions, coords_are_cartesian=True)


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
