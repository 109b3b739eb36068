"""The shipped dataset: what it holds, and that a damaged file never becomes a wrong frame."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matminer.utils.io import load_dataframe_from_json, store_dataframe_as_json
from pymatgen.core import Composition, Lattice, Structure

import matminer_phonon_tl.datasets.load as module
from matminer_phonon_tl.datasets import dataset_metadata, load_dataset, load_phonon_tl
from matminer_phonon_tl.exceptions import DatasetIntegrityError

SHIPPED = Path(module.__file__).parent / "phonon_tl.json.gz"
COLUMNS = [
    "material_id", "formula", "composition", "structure", "nsites", "volume", "space_group",
    "lattice_system", "formation_energy_per_atom", "bandgap", "has_phonon_bandgap",
    "phonon_bandgap", "speed_of_sound", "heat_capacity", "heat_capacity_per_atom", "paper_split",
]  # fmt: skip


def test_columns_counts_and_units(phonon_tl):
    assert list(phonon_tl.columns) == COLUMNS
    assert len(phonon_tl) == len(set(phonon_tl["material_id"])) == 1245
    assert len(set(phonon_tl["formula"])) == 1156
    assert phonon_tl["has_phonon_bandgap"].sum() == 124
    assert phonon_tl["has_phonon_bandgap"].dtype == bool
    shares = phonon_tl.groupby("formula")["has_phonon_bandgap"].mean()
    assert ((shares > 0) & (shares < 1)).sum() == 29
    assert phonon_tl["paper_split"].value_counts().to_dict() == {"train": 871, "test": 374}
    assert phonon_tl.attrs["units"]["phonon_bandgap"] == "cm-1"
    assert set(phonon_tl.attrs["units"]) <= set(COLUMNS)


def test_figures_of_known_materials(phonon_tl):
    by_id = phonon_tl.set_index("material_id")
    rbi = by_id.loc["mp-23302"]
    assert rbi["speed_of_sound"] == pytest.approx(1.660858, abs=1e-6)
    assert rbi["heat_capacity"] == pytest.approx(49.569715, abs=1e-6)
    assert rbi["heat_capacity_per_atom"] == rbi["heat_capacity"] / 2
    diamond = phonon_tl[phonon_tl["formula"] == "C"]
    assert 6.297 in diamond["heat_capacity"].round(3).tolist()


def test_rows_agree_with_themselves(phonon_tl):
    assert (phonon_tl["has_phonon_bandgap"] == (phonon_tl["phonon_bandgap"] > 0)).all()
    for row in phonon_tl.itertuples():
        assert isinstance(row.structure, Structure)
        assert row.structure.composition == row.composition
        assert len(row.structure) == row.nsites
        assert row.composition.reduced_formula == row.formula
        assert row.structure.volume == pytest.approx(row.volume, rel=1e-4)
    # Dulong and Petit: 3 R a mole of atoms is never exceeded.
    assert phonon_tl["heat_capacity_per_atom"].between(0, 3 * 8.314462618).all()
    assert np.isfinite(phonon_tl.select_dtypes("number").to_numpy()).all()


def test_metadata_has_matminers_eight_fields(phonon_tl):
    entry = dataset_metadata()["phonon_tl"]
    assert sorted(entry) == [
        "bibtex_refs", "columns", "description", "file_type", "hash", "num_entries", "reference",
        "url",
    ]  # fmt: skip
    assert list(entry["columns"]) == sorted(COLUMNS)
    assert entry["num_entries"] == len(phonon_tl)
    assert entry["hash"] == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    assert {ref.split("{")[1].split(",")[0] for ref in entry["bibtex_refs"]} == {
        "Liu2020", "Petretto2018", "Jain2013",
    }  # fmt: skip
    for column in set(module.UNITS) & set(entry["columns"]):
        unit = module.UNITS[column]
        assert unit.split(" ")[0] in entry["columns"][column].replace("eV per atom", "eV/atom")


def test_matminers_own_reader_gives_the_same_frame(phonon_tl):
    theirs = load_dataframe_from_json(str(SHIPPED), pbar=False)
    pd.testing.assert_frame_equal(phonon_tl, theirs)


def test_parts(phonon_tl):
    gapped = load_phonon_tl(gapped_only=True)
    assert gapped.index.equals(phonon_tl.index[phonon_tl["has_phonon_bandgap"]])
    test = load_phonon_tl(split="test")
    assert set(test["paper_split"]) == {"test"}
    assert test.attrs["units"] == phonon_tl.attrs["units"]
    with pytest.raises(ValueError, match="expected split 'train', 'test' or None, got 'all'"):
        load_phonon_tl(split="all")


def test_frames_are_independent():
    frame = load_dataset()
    frame["bandgap"] = 0.0
    assert load_dataset()["bandgap"].sum() > 0


def test_unknown_name_lists_what_there_is():
    with pytest.raises(
        ValueError, match=r"datasets \['phonon_tl', 'phonondb_kyoto'\], got 'phonon'"
    ):
        load_dataset("phonon")


def damaged(kind):
    content = SHIPPED.read_bytes()
    if kind == "truncated":
        return content[:-1000]
    if kind == "one byte":
        return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]
    if kind == "another figure":
        return gzip.compress(gzip.decompress(content).replace(b"1.3838999", b"1.3838998"))
    return b""


@pytest.mark.parametrize("kind", ["truncated", "one byte", "another figure", "empty"])
def test_a_damaged_shipped_file_is_refused(kind, tmp_path, monkeypatch):
    (tmp_path / "phonon_tl.json.gz").write_bytes(damaged(kind))
    monkeypatch.setattr(module, "files", lambda _: tmp_path)
    with pytest.raises(DatasetIntegrityError, match=r"truncated or altered.*--force-reinstall"):
        load_dataset()


def test_a_missing_shipped_file_is_refused(tmp_path, monkeypatch):
    dataset_metadata()
    monkeypatch.setattr(module, "files", lambda _: tmp_path)
    with pytest.raises(DatasetIntegrityError, match=r"found none: reinstall the package"):
        load_dataset()


@pytest.fixture
def own_file(tmp_path):
    frame = pd.DataFrame(
        {
            "formula": ["CsCl", "Fe", "He"],
            "composition": [Composition("CsCl"), Composition("Fe"), None],
            "structure": [
                Structure(Lattice.cubic(4.1), ["Cs", "Cl"], [[0, 0, 0], [0.5] * 3], charge=1),
                Structure(Lattice.cubic(2.9), [{"Fe": 0.5, "Co": 0.5}], [[0, 0, 0]]),
                None,
            ],
            "heat_capacity": [50.0, 25.0, None],
        },
        index=[3, 5, 8],
    )
    path = tmp_path / "mine.json.gz"
    store_dataframe_as_json(frame, str(path), compression="gz", pbar=False)
    return path, frame


@pytest.mark.filterwarnings("ignore:Structure charge")
def test_reads_a_file_of_ones_own(own_file):
    path, frame = own_file
    loaded = load_dataset("mine", path=path)
    pd.testing.assert_frame_equal(loaded, frame)
    assert loaded.loc[3, "structure"].charge == 1
    assert list(loaded.attrs["units"]) == ["heat_capacity"]


def test_the_hash_beside_a_file_counts(own_file):
    path, _ = own_file
    beside = path.with_name("mine.metadata.json")
    beside.write_text(json.dumps({"hash": hashlib.sha256(path.read_bytes()).hexdigest()}))
    assert len(load_dataset(path=path)) == 3
    beside.write_text(json.dumps({"hash": "0" * 64}))
    with pytest.raises(DatasetIntegrityError, match=r"to have the sha256 000000000000\.\.\., got"):
        load_dataset(path=path)
    beside.write_text("{")
    with pytest.raises(DatasetIntegrityError, match="to be JSON with a field 'hash'"):
        load_dataset(path=path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"null",
        b'{"data": 1, "index": 2, "columns": 3}',
        b"\xff",
        gzip.compress(b"{", mtime=0),
    ],
)
def test_a_file_that_is_no_dataset_is_refused(content, tmp_path):
    path = tmp_path / ("x.json.gz" if content[:2] == b"\x1f\x8b" else "x.json")
    path.write_bytes(content)
    with pytest.raises(DatasetIntegrityError, match="to be a dataset in matminer's format"):
        load_dataset(path=path)


@pytest.mark.parametrize("cell", ["InN", 1, {"InN": 1}, {"Qq": 1}])
def test_a_cell_that_is_no_composition_is_refused(cell, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"data": [[cell]], "index": [0], "columns": ["composition"]}))
    if cell == "InN":  # a formula is as good as a dict
        assert load_dataset(path=path)["composition"][0] == Composition("InN")
        return
    with pytest.raises(DatasetIntegrityError, match="to be a dataset in matminer's format"):
        load_dataset(path=path)


def test_a_folder_is_no_dataset(tmp_path):
    with pytest.raises(DatasetIntegrityError, match="found a folder"):
        load_dataset(path=tmp_path)


def test_no_module_that_a_file_names_is_imported(tmp_path):
    evil = {"@module": "this", "@class": "Structure", "lattice": {}, "sites": []}
    table = {"data": [[evil]], "index": [0], "columns": ["structure"]}
    path = tmp_path / "evil.json"
    path.write_text(json.dumps(table))
    with pytest.raises(DatasetIntegrityError):
        load_dataset(path=path)
    assert "this" not in __import__("sys").modules
