"""Read datasets in matminer's format: checked against their hash, decoded without imports.

matminer decodes a file through monty, which imports any module the file names, and checks hashes
only after a download. Here a file is checked at every read, and only compositions and structures
are decoded.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pymatgen.core import Composition, Structure
from tqdm.auto import tqdm

from matminer_phonon_tl.compositions import as_composition
from matminer_phonon_tl.exceptions import DatasetIntegrityError, did_you_mean
from matminer_phonon_tl.files import sha256_of
from matminer_phonon_tl.structures import decode_structure
from matminer_phonon_tl.untrusted_json import parse_json, unpack

NAME = "phonon_tl"

KYOTO = "phonondb_kyoto"

UNITS = {
    "volume": "Angstrom^3",
    "formation_energy_per_atom": "eV/atom",
    "bandgap": "eV",
    "lowest_frequency": "cm-1",
    "max_frequency": "cm-1",
    "acoustic_top": "cm-1",
    "optical_bottom": "cm-1",
    "acoustic_optical_gap": "cm-1",
    "phonon_bandgap": "cm-1",
    "largest_gap": "cm-1",
    "largest_gap_lower_edge": "cm-1",
    "largest_gap_upper_edge": "cm-1",
    "speed_of_sound": "km/s",
    "speed_longitudinal": "km/s",
    "speed_transverse": "km/s",
    "speed_debye": "km/s",
    "speed_from_moduli": "km/s",
    "debye_temperature": "K",
    "supercell_width": "Angstrom",
    "heat_capacity": "J/mol/K per mole of reduced formula units",
    "heat_capacity_per_atom": "J/mol/K per mole of atoms",
}
"""Unit of each column that has one; loaded frames carry it as ``df.attrs["units"]``."""
OF_THREE_WAVES = "km/s, mean of the three acoustic waves"
"""Unit of a speed of sound where no table around it says which mean it is."""

SPEED_NOTE = (
    "The paper's speed of sound is to be trusted in cubic crystals only; in most others it is off "
    "by 10 to 40 %, see docs/explanation/paper_speeds.md and the dataset phonondb_kyoto."
)
"""What the column ``speed_of_sound`` of phonon_tl says of itself."""

MAX_BYTES = 4 * 2**30
"""Of a dataset's JSON, unpacked: a million materials have less."""
REINSTALL = "reinstall the package: pip install --force-reinstall . in the clone's folder"
_ROW_START = re.compile(r'\["[^"]+","([^"]+)",\{')
"""Start of a shipped set's row: material_id, formula, composition."""


def load_dataset(
    name: str = NAME, *, path: str | Path | None = None, pbar: bool = False
) -> pd.DataFrame:
    """Load a phonon dataset, checked and with pymatgen objects.

    Parameters
    ----------
    name : {"phonon_tl", "phonondb_kyoto"}
        One of the shipped sets: the paper's own 1245 materials, or about ten thousand of the
        Kyoto phonon database with labels that this package derived.
    path : path, optional
        A file in matminer's format (``.json.gz``, orient "split"), such as PhononDatasetBuilder
        writes, to read instead. Where ``NAME.metadata.json`` stands beside ``NAME.json.gz``, the
        file must have the ``hash`` given there.
    pbar : bool
        Show a progress bar while structures are decoded.

    Returns
    -------
    DataFrame
        ``df.attrs["units"]`` holds the units of its columns, and ``df.attrs["notes"]`` what to
        know of a column before it is trusted.

    Raises
    ------
    DatasetIntegrityError
        If the file is missing, truncated, altered, or no dataset.
    ValueError
        If there is no dataset of that name.

    References
    ----------
    Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.

    Examples
    --------
    >>> df = load_dataset("phonon_tl")
    >>> print(df.set_index("material_id").loc["mp-23302", "heat_capacity"].round(3))
    49.57
    >>> df.attrs["units"]["speed_of_sound"]
    'km/s'
    """
    if path is not None:
        return read_frame(Path(path), _hash_beside(Path(path)), pbar=pbar)
    if name not in dataset_metadata():
        raise ValueError(
            f"expected one of the datasets {sorted(dataset_metadata())}, got {name!r}"
            f"{did_you_mean(name, dataset_metadata())}: matminer's own sets are loaded with "
            "matminer.datasets.load_dataset"
        )
    with as_file(files(__package__) / f"{name}.json.gz") as shipped:
        return read_frame(shipped, dataset_metadata()[name]["hash"], way_out=REINSTALL, pbar=pbar)


def load_phonon_tl(
    *, gapped_only: bool = False, split: Literal["train", "test"] | None = None
) -> pd.DataFrame:
    """Load the shipped set, or a part of it.

    Parameters
    ----------
    gapped_only : bool
        Only the 124 materials that have an acoustic-optical gap.
    split : {"train", "test"}, optional
        Only that side of the split on which the paper scored its classifier.

    Returns
    -------
    DataFrame
        Rows keep their index in the whole set.

    Examples
    --------
    >>> len(load_phonon_tl(gapped_only=True)), len(load_phonon_tl(split="test"))
    (124, 374)
    """
    if split not in ("train", "test", None):
        raise ValueError(f"expected split 'train', 'test' or None, got {split!r}")
    df = load_dataset(NAME)
    if gapped_only:
        df = df[df["has_phonon_bandgap"]]
    if split is not None:
        df = df[df["paper_split"] == split]
    return df


def load_phonondb_kyoto(
    *,
    stable_only: bool = True,
    insulators_only: bool = False,
    magnetic: bool = True,
) -> pd.DataFrame:
    """Load the Kyoto phonon database with the labels that this package derived, or a part of it.

    Parameters
    ----------
    stable_only : bool
        Only materials without imaginary modes. The others have no speeds of sound, gaps or heat
        capacity, but ``lowest_frequency``.
    insulators_only : bool
        Only materials with Born charges, which tell that their electrons have a gap. Insulators
        whose archive lacks them are left out too.
    magnetic : bool
        Keep materials with elements whose d or f shell may be magnetic (``may_be_magnetic``), for
        which a calculation without spin can be wrong.

    Returns
    -------
    DataFrame
        Rows keep their index in the whole set.

    References
    ----------
    A. Togo, Phonon database at Kyoto university, version 2018-04-17 (CC BY 4.0);
    A. Togo and I. Tanaka, Scr. Mater. 108, 1 (2015), doi:10.1016/j.scriptamat.2015.07.021.

    Examples
    --------
    >>> df = load_phonondb_kyoto()
    >>> bool(df.is_stable.all()), df.attrs["units"]["speed_of_sound"]
    (True, 'km/s')
    """
    df = load_dataset(KYOTO)
    if stable_only:
        df = df[df["is_stable"]].astype({"has_phonon_bandgap": "boolean"})
    if insulators_only:
        df = df[df["has_born_charges"]]
    if not magnetic:
        df = df[~df["may_be_magnetic"]]
    return df


def find_materials(name: str, formulas: Iterable[str]) -> pd.DataFrame:
    """Read the materials of a shipped set that have one of some formulas, without their structures.

    No other row is decoded, which takes a twentieth of the time that :func:`load_dataset` takes.
    The formulas are reduced, as pymatgen writes them and the column ``formula`` has them; the rows
    come in the set's order.

    >>> find_materials("phonondb_kyoto", ["GaN"])["material_id"].tolist()
    ['mp-804', 'mp-830']
    """
    text, columns, places = _shipped_rows(name)
    read = json.JSONDecoder().raw_decode
    starts = sorted(start for formula in set(formulas) for start in places.get(formula, ()))
    rows = [read(text, start)[0] for start in starts]
    frame = pd.DataFrame(rows, columns=columns).drop(columns="structure")
    frame["composition"] = pd.Series(
        [_decode_checked_composition(cell) for cell in frame["composition"]], dtype=object
    )
    return frame


@cache
def _shipped_rows(name: str) -> tuple[str, list[str], dict[str, list[int]]]:
    """Return the text of a shipped set, its columns, and where each formula's rows start."""
    with as_file(files(__package__) / f"{name}.json.gz") as path:
        content = _read_checked(path, dataset_metadata()[name]["hash"], REINSTALL)
    text = unpack(content, MAX_BYTES).decode()
    head = '"columns":'
    columns, first = json.JSONDecoder().raw_decode(text, text.index(head) + len(head))
    places: dict[str, list[int]] = defaultdict(list)
    for row in _ROW_START.finditer(text, first):
        places[row[1]].append(row.start())
    return text, columns, dict(places)


@cache
def dataset_metadata() -> dict[str, dict[str, Any]]:
    """Return matminer's eight fields for each shipped dataset, by its name."""
    return json.loads((files(__package__) / "metadata.json").read_text(encoding="utf-8"))


def read_frame(
    path: Path,
    sha256: str | None,
    *,
    way_out: str = "build it anew, or take it out of the way",
    pbar: bool = False,
) -> pd.DataFrame:
    """Read a dataset file, checking its hash where one is given, or raise DatasetIntegrityError.

    ``sha256`` is the expected hex digest of the file, ``way_out`` what a user is told to do with a
    bad one.
    """
    content = _read_checked(path, sha256, way_out)
    try:
        text = unpack(content, MAX_BYTES) if path.suffix == ".gz" else content
        # What has the expected hash was checked when it was made.
        table = json.loads(text) if sha256 else parse_json(text, allow_nan=True)
        return _decode(table, checked=sha256 is not None, pbar=pbar)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DatasetIntegrityError(
            f"expected {path} to be a dataset in matminer's format, but reading it failed "
            f"({type(error).__name__}: {error}): {way_out}"
        ) from error


def _read_checked(path: Path, sha256: str | None, way_out: str) -> bytes:
    """Read a file that must have the hash, where one is given."""
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DatasetIntegrityError(
            f"expected the dataset file {path}, found none: {way_out}"
        ) from error
    except IsADirectoryError as error:
        raise DatasetIntegrityError(
            f"expected the dataset file {path}, found a folder: {way_out}"
        ) from error
    found = sha256_of(content)
    if sha256 is not None and found != sha256:
        raise DatasetIntegrityError(
            f"expected {path} to have the sha256 {sha256[:12]}..., got {found[:12]}...: the file "
            f"is truncated or altered, so {way_out}"
        )
    return content


def _decode(table: dict[str, Any], *, checked: bool, pbar: bool) -> pd.DataFrame:
    frame = pd.DataFrame(table["data"], index=table["index"], columns=table["columns"])
    decoders = {
        "composition": _decode_checked_composition if checked else _decode_composition,
        "structure": _decode_structure,
    }
    for column, decode in decoders.items():
        if column in frame.columns:
            cells = tqdm(frame[column], desc=f"Decoding {column}", disable=not pbar)
            frame[column] = pd.Series([decode(c) for c in cells], index=frame.index, dtype=object)
    frame.attrs["units"] = {name: unit for name, unit in UNITS.items() if name in frame.columns}
    is_the_papers = "paper_split" in frame.columns
    frame.attrs["notes"] = {"speed_of_sound": SPEED_NOTE} if is_the_papers else {}
    return frame


def _decode_checked_composition(cell: dict[str, float] | None) -> Composition | None:
    if cell is None:
        return None
    return Composition({key: amount for key, amount in cell.items() if not key.startswith("@")})


def _decode_composition(cell: dict[str, Any] | None) -> Composition | None:
    if cell is None:
        return None
    return as_composition(cell)


def _decode_structure(cell: dict[str, Any] | None) -> Structure | None:
    return None if cell is None else decode_structure(cell)


def _hash_beside(path: Path) -> str | None:
    beside = path.with_name(path.name.removesuffix(".gz").removesuffix(".json") + ".metadata.json")
    if not beside.exists():
        return None
    try:
        return str(json.loads(beside.read_text(encoding="utf-8"))["hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetIntegrityError(
            f"expected {beside} to be JSON with a field 'hash', but reading it failed ({error}): "
            "delete it to read the dataset unchecked"
        ) from error
