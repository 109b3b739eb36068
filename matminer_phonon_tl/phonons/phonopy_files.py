"""phonopy's files: force constants, forces with their cell, bands and meshes computed before."""

import re
import shutil
import warnings
from collections.abc import Collection, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache, partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import (
    DataWarning,
    MissingPhononsError,
    PhononDocumentError,
    PhononTLError,
    needs,
)
from matminer_phonon_tl.phonons.calculation import PhononCalculation
from matminer_phonon_tl.phonons.force_constants import ForceConstantPhonons, PhononMesh
from matminer_phonon_tl.phonons.phonopy_results import (
    as_bands,
    read_hdf5,
    read_points,
    warn_of_coarse_mesh,
    warn_of_contradiction,
)
from matminer_phonon_tl.phonons.phonopy_settings import (
    SETTINGS,
    primitive_matrix,
    read_masses,
    read_settings,
    supercell_matrix,
)
from matminer_phonon_tl.phonons.phonopy_units import find_calculator, named_calculator
from matminer_phonon_tl.unpacking import open_unpacked

if TYPE_CHECKING:
    from phonopy.structure.atoms import PhonopyAtoms

PARAMETERS = ("phonopy_params.yaml", "phonopy_disp.yaml", "phonopy.yaml")
FORCES = ("FORCE_SETS", "FORCE_CONSTANTS", "force_constants.hdf5")
BANDS = ("band.yaml", "band.hdf5")
MESHES = ("mesh.yaml", "mesh.hdf5")
CHARGES = "BORN"
DENSITY = "total_dos.dat"
CELLS = ("POSCAR-unitcell", "POSCAR")
OTHER_FILES = (*CELLS, "SPOSCAR", CHARGES, DENSITY)
COMPRESSED = (".xz", ".lzma", ".gz", ".bz2")

CALCULATION_FILES = (*PARAMETERS, *FORCES, *BANDS, *MESHES)
"""Files of which one makes a folder a calculation; each may be compressed."""

MAX_BYTES = 2 * 2**30
"""Of a file, unpacked."""

MAX_ATOMS = 10_000
"""In a supercell."""

_TOP_KEY = re.compile(r"([A-Za-z_][\w-]*)\s*:(?:\s|$)")
_LONG_MEMBERS = {"dataset", "force_constants", "displacements", "supercell", "phonon"}
_CONF_NAMES = ("DIM", "PRIMITIVE_AXES", "PRIMITIVE_AXIS", "CALCULATOR", "CELL_FILENAME", "MASS")
_CHARGE_TOLERANCE = 0.1  # elementary charges; of the dielectric tensor, which is larger, too
_SAME_DISPLACEMENT = 1e-3  # in the calculator's unit of length
_LATER = 1.0  # seconds between two files that were written one after the other


def read_phonopy(path: Path) -> PhononCalculation:
    """Read a calculation of phonopy's, whatever force calculator was behind it.

    Of a folder, the newest whole source of force constants is taken, or else bands and meshes
    computed before; ``path`` may be one file of it too. Raises MissingPhononsError where there is
    no calculation or it has no forces, PhononDocumentError where a file is corrupt,
    MissingExtraError where phonopy is not installed.
    """
    with TemporaryDirectory() as unpacked:
        reader = _FolderReader(path if path.is_dir() else path.parent, unpacked)
        try:
            return reader.read() if path.is_dir() else reader.read_file(path)
        except PhononTLError:
            raise
        except UnicodeDecodeError as error:
            raise PhononDocumentError(
                f"expected text in UTF-8 in {reader.read_files[-1]}, got another encoding; save it "
                "as UTF-8"
            ) from error
        except Exception as error:
            # phonopy raises whatever its parsers meet: KeyError, RuntimeError, YAML errors ...
            raise PhononDocumentError(
                f"expected a phonopy calculation in {path.name}, but reading it failed "
                f"({type(error).__name__}: {error}); run phonopy on it by hand to see why"
            ) from error


def plain_name(path: Path) -> str:
    """Return a file's name without the ending of its compression."""
    return path.stem if path.suffix in COMPRESSED else path.name


def is_phonopy_file(path: Path) -> bool:
    """Return whether a file is phonopy's by its name."""
    name = plain_name(path)
    return name in {*CALCULATION_FILES, CHARGES} or name.endswith((".yaml", ".yml"))


def is_needed(name: str) -> bool:
    """Return whether a file of this name in an archive may be part of a calculation."""
    plain = plain_name(Path(name))
    return (
        plain in {*CALCULATION_FILES, *OTHER_FILES}
        or plain.endswith((".conf", ".json", ".yaml", ".yml"))
        or plain in _cell_names()
    )


@cache
def _cell_names() -> frozenset[str]:
    """Names of all force calculators' cell and supercell files, if phonopy is installed."""
    try:
        from phonopy.interface.calculator import (
            calculator_info,
            get_default_cell_filename,
            get_default_supercell_filename,
        )
    except ImportError:
        return frozenset()

    readers = (get_default_cell_filename, get_default_supercell_filename)
    return frozenset(str(read(code)) for code in calculator_info for read in readers)


@dataclass(frozen=True)
class _Header:
    """The short members of a YAML file, and what long ones it has."""

    members: dict[str, Any]
    keys: frozenset[str]
    has_forces: bool

    @property
    def is_whole(self) -> bool:
        return self.has_forces or "force_constants" in self.keys


class _FolderReader:
    """Read the files of a folder, each by its name, compressed or not."""

    def __init__(self, folder: Path, unpacked: str) -> None:
        # Absolute, so that it has a name where it is '.'.
        self.folder, self.unpacked = folder.absolute(), Path(unpacked)
        self.read_files: list[str] = []
        self.sources: list[Path] = []  # each holds forces or force constants

    def read(self, named: Path | None = None) -> PhononCalculation:
        """Take force constants, those in the file that was named, or else what came of them."""
        parameters = [path for name in PARAMETERS if (path := self.find(name))]
        if not parameters:  # such as phonopy_params_NaCl.yaml.xz
            parameters = sorted(
                path
                for path in self.folder.glob("phonopy*.y*ml*")
                if plain_name(path).endswith((".yaml", ".yml"))
            )[:1]
        forces = named or self.newest(*FORCES)
        if parameters or forces:
            found = self._force_constants(parameters, forces, is_named=named is not None)
            if found is not None:
                return found if named else _with_equally_old(found, self.sources)
        bands, mesh = self.newest(*BANDS), self.newest(*MESHES)
        if bands or mesh:
            found = self._computed(bands, mesh)
            return _with_equally_old(found, self.all_of(*BANDS), self.all_of(*MESHES))
        if forces:
            raise MissingPhononsError(
                f"expected the cell that {forces.name} in {self.folder.name} belongs to "
                f"({' or '.join(PARAMETERS[1:])}, POSCAR, or another code's cell, named by "
                f"CALCULATOR and CELL_FILENAME in {SETTINGS}), found none; put it there",
                reason="incomplete calculation",
            )
        if parameters:
            raise self._no_forces()
        raise MissingPhononsError(
            f"expected {', '.join(PARAMETERS)} or {BANDS[0]} in {self.folder.name}, found none; "
            "run phonopy there, or take the folder away",
            reason="no calculation",
        )

    def read_file(self, path: Path) -> PhononCalculation:
        """Read one file, with those beside it that phonopy needs for it."""
        name = plain_name(path)
        if name in {*FORCES, CHARGES}:
            return self.read(path if name in FORCES else None)
        if name.endswith(".hdf5"):
            import h5py

            with h5py.File(self.plain(path), "r") as file:
                keys = set(file)
            if {"path", "frequency"} <= keys:
                return self._computed(path, None)
            if {"qpoint", "frequency", "weight"} <= keys:
                return self._computed(None, path)
            raise PhononDocumentError(
                f"expected {BANDS[1]}, {MESHES[1]} or {FORCES[2]} of phonopy, got {path.name} "
                f"with {', '.join(sorted(keys)[:5]) or 'nothing'}; give the folder of the "
                "calculation"
            )
        header = self._header(path)
        if "phono3py" in header.keys:
            raise PhononDocumentError(
                f"expected a calculation of phonopy, got {path.name} of phono3py, whose forces are "
                "not phonopy's; run phono3py-load on it, and name its fc2.hdf5 "
                f"{FORCES[2]} beside a phonopy.yaml of the same supercell"
            )
        if "phonon" in header.keys:
            return self._computed(None, path) if "mesh" in header.keys else self._computed(path)
        if "unit_cell" not in header.keys and "supercell" not in header.keys:
            raise PhononDocumentError(
                f"expected a phonopy file with unit_cell, or with phonon as band.yaml and "
                f"mesh.yaml have it, got {path.name} with "
                f"{', '.join(sorted(header.keys)[:5]) or 'nothing'}; give the folder of the "
                "calculation"
            )
        found = self._force_constants([path], None if header.is_whole else self.newest(*FORCES))
        if found is None:
            raise self._no_forces()
        return found

    def find(self, *names: str) -> Path | None:
        """Return the first of these files that exists, compressed or not."""
        for name in names:
            for ending in ("", *COMPRESSED):
                path = self.folder / f"{name}{ending}"
                if path.is_file():
                    return path
        return None

    def newest(self, *names: str) -> Path | None:
        """Return the newest of these files; of those of one age the one that is named first."""
        found = self.all_of(*names)
        return _newest(found) if found else None

    def all_of(self, *names: str) -> list[Path]:
        """Return those of these files that exist, compressed or not."""
        return [path for name in names if (path := self.find(name))]

    def plain(self, path: Path) -> Path:
        """Return a file as it is, or unpacked: phonopy's readers differ in what they unpack."""
        if path.name not in self.read_files:
            self.read_files.append(path.name)
        with open_unpacked(path, MAX_BYTES) as content:
            if path.suffix not in COMPRESSED:
                return path
            target = self.unpacked / path.stem
            if not target.exists():
                with target.open("wb") as file:
                    shutil.copyfileobj(content, file)
        return target

    def _no_forces(self) -> MissingPhononsError:
        return MissingPhononsError(
            f"expected forces in {self.folder.name} ({', '.join(FORCES)} or in {PARAMETERS[0]}), "
            "found none; run the displaced supercells first",
            reason="no forces",
        )

    def _header(self, path: Path) -> _Header:
        """Read the short members of a YAML file; the long ones take phonopy's time, once."""
        lines: list[str] = []
        keys: set[str] = set()
        key, has_forces = "", False
        with self.plain(path).open(encoding="utf-8-sig") as file:
            for line in file:
                if match := _TOP_KEY.match(line):
                    key = match[1]
                    keys.add(key)
                elif not line.startswith((" ", "-", "#", "\n", "\t", "...")):
                    # of another form than phonopy writes: let YAML say what it is
                    document = self._yaml(path)
                    members = str([document.get(key) for key in ("displacements", "dataset")])
                    return _Header(document, frozenset(document), "'force" in members)
                if key not in _LONG_MEMBERS:
                    lines.append(line)
                elif key in ("displacements", "dataset"):
                    has_forces |= line.lstrip(" -").startswith(("forces:", "force:"))
        if not keys:
            self._yaml(path)  # says what it is
        document = _load_yaml("".join(lines), path.name)
        return _Header(document if isinstance(document, dict) else {}, frozenset(keys), has_forces)

    def _yaml(self, path: Path) -> dict[str, Any]:
        """Return all that a YAML file holds."""
        document = _load_yaml(self.plain(path).read_text(encoding="utf-8-sig"), path.name)
        if not isinstance(document, dict):
            raise PhononDocumentError(
                f"expected phonopy's keys and values in {path.name}, got "
                f"{'an empty file' if document is None else type(document).__name__}; run phonopy "
                "again"
            )
        return document

    def _force_constants(
        self, parameters: list[Path], forces: Path | None, *, is_named: bool = False
    ) -> PhononCalculation | None:
        """Return the newest whole source of force constants, or the named one, if there is any."""
        headers = {path: self._header(path) for path in parameters}
        whole = [path for path in parameters if headers[path].is_whole]
        settings = [path for path in parameters if "unit_cell" in headers[path].keys]
        self.read_files.clear()
        self.sources = [*whole, *self.all_of(*FORCES)]
        wins = forces is not None and (is_named or not whole or _is_newer(forces, _newest(whole)))
        if whole and not (wins and settings):
            return self._from_parameters(_newest(whole), None)
        if forces and settings:
            return self._from_parameters(_newest(settings), forces)
        if forces and (cell := self._cell_file()):
            return self._from_cell(*cell, forces)
        # there to hold everything: what is wrong with it must be said
        if parameters and plain_name(parameters[0]) == PARAMETERS[0]:
            return self._from_parameters(parameters[0], None)
        return None

    def _from_parameters(self, path: Path, forces: Path | None) -> PhononCalculation:
        """Read a phonopy.yaml or its like, with forces in it or beside it."""
        _import_phonopy()
        from phonopy.interface.phonopy_yaml import load_phonopy_yaml

        # phonopy's own reading of YAML would run what a file says, and knows no older unit's name
        document = self._yaml(path)
        calculator = find_calculator(document, name=path.name)
        is_named = calculator in (None, "vasp") or named_calculator(document) is not None
        document.pop("physical_unit", None)
        parsed = load_phonopy_yaml(document, calculator=calculator)
        if parsed.unitcell is None:
            raise PhononDocumentError(
                f"expected a unit cell in {path.name}, found none; save it with phonopy again"
            )
        charges = self.find(CHARGES)
        if charges and parsed.nac_params is not None and not _is_newer(charges, path):
            charges = None
        return self._calculation(
            parsed.unitcell,
            parsed.supercell_matrix,
            parsed.primitive_matrix,
            calculator,
            dataset=parsed.dataset,
            constants=None if forces else parsed.force_constants,
            charges=charges,
            nac_params=parsed.nac_params,
            forces=forces,
            mixture=getattr(parsed, "site_mixture_scheme", None),
            is_named=is_named,
        )

    def _from_cell(self, cell_file: Path, calculator: str, forces: Path) -> PhononCalculation:
        """Read forces or force constants with the cell of a force calculator."""
        settings = self._settings()
        path = self.plain(cell_file)
        if calculator == "vasp":
            _check_poscar(path.read_text(encoding="utf-8"), cell_file.name)
        cell = _read_cell(path, calculator)
        if cell is None:
            raise PhononDocumentError(
                f"expected the unit cell of {calculator} in {cell_file.name}, found none; check "
                f"the file, or CALCULATOR in {SETTINGS}"
            )
        if "DIM" in settings:
            supercell = supercell_matrix(settings, len(cell), max_atoms=MAX_ATOMS)
        else:
            supercell = self._supercell_of_files(cell, cell_file, calculator, forces)
        stated = {"PRIMITIVE_AXES", "PRIMITIVE_AXIS"} & set(settings)
        return self._calculation(
            cell,
            supercell,
            primitive_matrix(settings) if stated else None,
            calculator,
            charges=self.find(CHARGES),
            forces=forces,
        )

    def _settings(self, names: Collection[str] = _CONF_NAMES) -> dict[str, str]:
        """Return the settings of the folder's phonopy.conf, mesh.conf and their like."""
        settings: dict[str, str] = {}
        for path in sorted(self.folder.glob("*.conf")):
            found = read_settings(path.read_text(encoding="utf-8-sig", errors="replace"))
            for name in found.keys() & set(names):
                self.plain(path)  # it counts among the files that were read
                if settings.setdefault(name, found[name]).split() != found[name].split():
                    raise PhononDocumentError(
                        f"expected one {name} in the .conf files of {self.folder.name}, got "
                        f"{settings[name]!r} and {found[name]!r}; keep one of them"
                    )
        return settings

    def _header_of_settings(self) -> dict[str, Any]:
        """Return what .conf files say of units, as a phonopy.yaml states it."""
        names = {
            "CALCULATOR": "calculator",
            "FREQUENCY_CONVERSION_FACTOR": "frequency_unit_conversion_factor",
        }
        settings = self._settings(names)
        return {"phonopy": {names[name]: value.lower() for name, value in settings.items()}}

    def _cell_file(self) -> tuple[Path, str] | None:
        """Return the file of the unit cell and the force calculator that it is of."""
        _import_phonopy()
        from phonopy.interface.calculator import calculator_info, get_default_cell_filename

        settings = self._settings()
        stated = settings.get("CALCULATOR", "").lower()
        if stated and stated not in calculator_info:
            raise PhononDocumentError(
                f"expected CALCULATOR as phonopy names them ({', '.join(sorted(calculator_info))})"
                f", got {stated!r}; correct it"
            )
        if named := settings.get("CELL_FILENAME"):
            path = self.folder / Path(named).name
            return (path, stated or "vasp") if path.is_file() else None
        if stated and stated != "vasp":
            path = self.folder / get_default_cell_filename(stated)
            return (path, stated) if path.is_file() else None
        if found := self.find(*CELLS):
            return found, "vasp"
        others = [
            (self.folder / name, code)
            for code in calculator_info
            if code not in ("vasp", "lammps", "qlm", "turbomole")  # whose names say nothing
            and (self.folder / (name := get_default_cell_filename(code))).is_file()
        ]
        if len(others) > 1:
            raise PhononDocumentError(
                f"expected the unit cell of one force calculator in {self.folder.name}, found "
                f"{', '.join(f'{path.name} ({code})' for path, code in others)}; write for "
                f"example CALCULATOR = {others[0][1]} to {SETTINGS} there"
            )
        return others[0] if others else None

    def _supercell_of_files(
        self, cell: "PhonopyAtoms", cell_file: Path, calculator: str, forces: Path
    ) -> NDArray[np.intp]:
        """Return the supercell's matrix from the supercell's own file, or the number of atoms."""
        from phonopy.interface.calculator import get_default_supercell_filename

        name = get_default_supercell_filename(calculator)
        path = self.find(name) if name else None
        if path is None and plain_name(cell_file) == CELLS[0]:
            path = self.find(CELLS[1])  # what VASP itself was run on
        if path is not None:
            supercell = _read_cell(self.plain(path), calculator)
            matrix = supercell.cell @ np.linalg.inv(cell.cell)
            whole = np.rint(matrix)
            if not np.allclose(matrix, whole, atol=1e-3):
                raise PhononDocumentError(
                    f"expected {path.name} as a supercell of the unit cell beside it, got vectors "
                    "that are no whole multiples; they don't belong together"
                )
            return np.asarray(whole.T, dtype=int)
        with self.plain(forces).open("rb") as file:
            first = file.readline(200).split()
        if forces.suffix != ".hdf5" and first[-1:] == [b"%d" % len(cell)]:
            return np.eye(3, dtype=int)
        raise MissingPhononsError(
            f"expected the supercell that {forces.name} belongs to ({PARAMETERS[1]}, "
            f"{name or 'its file'} or DIM in {SETTINGS}) in {self.folder.name}, found none; write "
            f"for example DIM = 2 2 2 to {SETTINGS} there",
            reason="incomplete calculation",
        )

    def _calculation(
        self,
        cell: "PhonopyAtoms",
        supercell: Any,
        primitive: Any,
        calculator: str | None,
        *,
        dataset: Any = None,
        constants: Any = None,
        charges: Path | None = None,
        nac_params: Any = None,
        forces: Path | None = None,
        mixture: str | None = None,
        is_named: bool = True,
    ) -> PhononCalculation:
        """Make the calculation by phonopy, told everything: it looks in the work folder else."""
        from phonopy import Phonopy
        from phonopy.file_IO import parse_BORN
        from phonopy.interface.calculator import get_calculator_physical_units

        _check_supercell(supercell, len(cell), self.folder.name)
        options: dict[str, Any] = {} if mixture is None else {"site_mixture_scheme": mixture}
        make = partial(
            Phonopy,
            cell,
            np.eye(3, dtype=int) if supercell is None else supercell,
            calculator=calculator,
            **options,
        )
        # what None means depends on phonopy's version, so nothing is left to it
        phonon: Any = make(
            primitive_matrix=_found_primitive(cell) if primitive is None else primitive
        )
        units = get_calculator_physical_units(calculator)
        if charges:
            nac_params = parse_BORN(phonon.primitive, filename=self.plain(charges))
        if nac_params is not None:
            born = _of_primitive(nac_params["born"], phonon, primitive)
            phonon.nac_params = {"factor": units.nac_factor, **nac_params, "born": born}
            _warn_of_charges(born, nac_params["dielectric"], phonon.primitive)
        if masses := self._settings({"MASS"}).get("MASS"):
            phonon.masses = read_masses(masses, len(phonon.primitive))
        if forces is not None and plain_name(forces) == FORCES[0]:
            planned, dataset = dataset, _read_forces(self.plain(forces), len(phonon.supercell))
            if planned is not None:
                _warn_of_displacements(planned, dataset)
        elif forces is not None:
            as_it_is = partial(make, primitive_matrix=np.eye(3)) if primitive is None else None
            constants = _read_constants(self.plain(forces), phonon, as_it_is)
        if constants is not None:
            phonon.force_constants = _of_primitive(constants, phonon, primitive)
        elif dataset is not None and _has_forces(dataset):
            _produce_constants(phonon, dataset)
        if phonon.force_constants is None:
            raise self._no_forces()
        files = tuple(sorted(self.read_files, key=lambda name: name.endswith(".conf")))
        return PhononCalculation(
            force_constants=ForceConstantPhonons(phonon),
            unit="THz",
            name=self.folder.name,
            source=f"force constants of {', '.join(files)}",
            files=files,
            units=(
                f"lengths in {units.length_unit}, forces in {units.force_unit}"
                + (f" ({calculator or 'vasp'})" if is_named else "")
            ),
        )

    def _computed(self, bands: Path | None, mesh: Path | None = None) -> PhononCalculation:
        """Read bands and meshes that phonopy computed before."""
        self.read_files.clear()
        beside = self.find("phonopy.yaml", *PARAMETERS)
        settings = self._header(beside).members if beside else self._header_of_settings()
        self.read_files.clear()
        found = PhononCalculation(unit="THz", name=self.folder.name)
        factor = 1.0
        for path in filter(None, (bands, mesh)):
            if plain_name(path).endswith(".hdf5"):
                document = read_hdf5(self.plain(path))
            else:
                document = read_points(self._yaml(path), path.name)
            read, factor = as_bands(document, settings, path.name)
            if "weight" in document:
                weights = np.asarray(document["weight"], dtype=float)
                warn_of_coarse_mesh(
                    read, float(weights.sum()), path.name, beside_lines=bands is not None
                )
                found.mesh_document = PhononMesh(read, weights / weights.sum())
            else:
                found.bands_document = read
            found.given_structure = read.structure
        if bands and mesh and found.bands_document and found.mesh_document:
            both = found.bands_document, found.mesh_document.bands
            warn_of_contradiction(*both, bands.name, mesh.name)
        densities = self.find(DENSITY) if bands is not None else None
        if densities is not None:
            grid, total = np.loadtxt(self.plain(densities), unpack=True)[:2]
            found.dos_document = {"frequencies": factor * grid, "densities": total / factor}
        found.files = tuple(self.read_files)
        found.source = f"frequencies of {', '.join(found.files)}"
        found.units = "THz" if factor == 1.0 else f"THz, converted by {factor:.6g}"
        return found


def _import_phonopy() -> None:
    with needs("phonopy", "phonopy to compute phonons from force constants"):
        import phonopy  # noqa: F401


def _load_yaml(text: str, name: str) -> Any:
    """Return what YAML says, which may be numbers, text, lists and dictionaries alone."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, in C
    except yaml.constructor.ConstructorError as error:
        is_program = "yaml.org,2002:python/" in str(error.problem)
        raise PhononDocumentError(
            f"expected numbers and text alone in {name}, got "
            f"{'what would run as a program ' if is_program else 'another thing '}"
            f"({error.problem}); "
            + ("don't trust the file, nor open it with phonopy" if is_program else "correct it")
        ) from None


def _is_newer(path: Path, other: Path) -> bool:
    """Return whether a file was written after another one, not by the same unpacking."""
    return path.stat().st_mtime > other.stat().st_mtime + _LATER


def _newest(paths: list[Path]) -> Path:
    """Return the newest of some files, the first of those that are of the same age."""
    newest = paths[0]
    for path in paths[1:]:
        if _is_newer(path, newest):
            newest = path
    return newest


def _with_equally_old(found: PhononCalculation, *kinds: list[Path]) -> PhononCalculation:
    """Say in the source what was passed over of each kind, though it is as old as what was read.

    A folder that was copied without its times holds such files.
    """
    left = [
        path.name
        for paths in kinds
        for path in paths
        if path.name not in found.files
        and any(
            other.name in found.files and not _is_newer(path, other) and not _is_newer(other, path)
            for other in paths
        )
    ]
    if left:
        found.source += (
            f" (by a fixed order, for {', '.join(left)} {'is' if len(left) == 1 else 'are'} as "
            "old: name a file to read it)"
        )
    return found


def _check_supercell(matrix: Any, n_atoms: int, where: str) -> None:
    """Refuse a supercell that nobody computes, before it takes all memory."""
    if matrix is None:
        return
    numbers = np.asarray(matrix, dtype=float)
    n_cells = abs(np.prod(numbers) if numbers.shape == (3,) else np.linalg.det(numbers))
    if not (n_cells >= 0.5 and n_cells * n_atoms <= MAX_ATOMS):  # False for NaN too
        raise PhononDocumentError(
            f"expected a supercell of 1 to {MAX_ATOMS} atoms in {where}, got one of "
            f"{n_cells * n_atoms:.3g}; correct the supercell matrix, or don't trust the file"
        )


def _check_poscar(text: str, name: str) -> None:
    """Refuse a POSCAR without symbols, whose atoms phonopy would call H, He, Li ..."""
    from pymatgen.core import Element

    rows = [line.split() for line in text.splitlines()[:7]] + [[]] * 7
    is_named = bool(rows[5]) and not rows[5][0].isdigit()
    symbols, counts = (rows[5], rows[6]) if is_named else (rows[0], rows[5])
    if not counts or len(symbols) != len(counts) or not all(map(Element.is_valid_symbol, symbols)):
        raise PhononDocumentError(
            f"expected a line of element symbols above the numbers of atoms in {name}, found none; "
            "add it"
        )


def _read_cell(path: Path, calculator: str) -> Any:
    """Return the cell in a force calculator's file; some of phonopy's readers print."""
    from phonopy.interface.calculator import read_crystal_structure

    with redirect_stdout(StringIO()):
        return read_crystal_structure(path, interface_mode=calculator)[0]


def _found_primitive(cell: "PhonopyAtoms") -> NDArray[np.float64]:
    """Return the matrix of the primitive cell that symmetry finds; one that is stays as it is."""
    from phonopy.structure.cells import guess_primitive_matrix

    matrix = np.asarray(guess_primitive_matrix(cell))
    return np.eye(3) if abs(np.linalg.det(matrix)) > 1.0 - 1e-6 else matrix


def _of_primitive(values: Any, phonon: Any, stated: Any) -> Any:
    """Return rows of the primitive cell's atoms out of those of the cell as it is.

    phonopy 3 made no primitive cell unless one was stated.
    """
    supercell, kept = phonon.supercell, phonon.primitive.p2s_map
    if stated is not None or len(values) != len(phonon.unitcell) or len(values) == len(supercell):
        return values
    return values[[supercell.u2u_map[atom] for atom in supercell.s2u_map[kept]]]


def _warn_of_charges(born: Any, dielectric: Any, primitive: Any) -> None:
    """Warn of Born charges or a dielectric tensor of another symmetry than the crystal's."""
    from phonopy.structure.symmetry import symmetrize_borns_and_epsilon

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        symmetric = symmetrize_borns_and_epsilon(born, dielectric, primitive)
    changes = [np.abs(symmetric[0] - born).max(), np.abs(symmetric[1] - dielectric).max()]
    if max(changes) > _CHARGE_TOLERANCE:
        warnings.warn(
            "Born charges or dielectric tensor don't have the symmetry of the crystal, as those "
            f"of another one: check {CHARGES}, for optical frequencies next to Gamma depend on it",
            DataWarning,
            stacklevel=2,
        )


def _read_constants(path: Path, phonon: Any, as_it_is: Any) -> Any:
    """Return force constants in a file, of the primitive cell or else of the cell as it is."""
    from phonopy.cui.load_helper import select_and_extract_force_constants

    try:
        return select_and_extract_force_constants(phonon, force_constants_filename=path)
    except RuntimeError:
        if as_it_is is None:
            raise
        return select_and_extract_force_constants(as_it_is(), force_constants_filename=path)


def _warn_of_displacements(planned: Any, done: Any) -> None:
    """Warn where forces are of other displacements than those of the cell's own file."""
    first, second = map(_displacements, (planned, done))
    if first.shape != second.shape or np.abs(first - second).max(initial=0.0) > _SAME_DISPLACEMENT:
        warnings.warn(
            f"{FORCES[0]} has other displacements than the phonopy file beside it, as forces of "
            "another supercell or crystal have: check that they belong together",
            DataWarning,
            stacklevel=2,
        )


def _displacements(dataset: Any) -> NDArray[np.float64]:
    """Return displacements of all atoms, or the displaced atoms before theirs."""
    if "displacements" in dataset:
        return np.asarray(dataset["displacements"], dtype=float)
    atoms = dataset.get("first_atoms") or []
    return np.array([[atom["number"], *atom["displacement"]] for atom in atoms], dtype=float)


def _produce_constants(phonon: Any, dataset: Any) -> None:
    """Make force constants of displacements and forces."""
    phonon.dataset = dataset
    if "displacements" in dataset:  # of all atoms at once, which differences can't tell apart
        phonon.produce_force_constants(fc_calculator="symfc")
    else:
        phonon.produce_force_constants(calculate_full_force_constants=False)
        phonon.symmetrize_force_constants(show_drift=False)


def _read_forces(path: Path, n_atoms: int) -> Any:
    """Return displacements and forces of a FORCE_SETS."""
    from phonopy.file_IO import parse_FORCE_SETS

    try:
        return parse_FORCE_SETS(filename=path, natom=n_atoms)
    except (RecursionError, ValueError) as error:
        raise PhononDocumentError(
            f"expected forces on {n_atoms} atoms of each displaced supercell in {FORCES[0]}, got a "
            "file that ends early or holds other text; write it again with phonopy -f, or copy it "
            "anew"
        ) from error


def _has_forces(dataset: Any) -> bool:
    """Return whether a dataset of displacements has forces."""
    if "forces" in dataset:
        return True
    first: Sequence[Any] = dataset.get("first_atoms") or []
    return bool(first) and all("forces" in atom for atom in first)
