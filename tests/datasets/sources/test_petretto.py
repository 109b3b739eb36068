"""Raw documents of Petretto et al., from a folder or a stream."""

import gzip
import json
import tarfile

import numpy as np
import pytest

from matminer_phonon_tl.datasets.rows import derive_row
from matminer_phonon_tl.datasets.sources import PetrettoSource
from matminer_phonon_tl.datasets.sources.base import Entry
from matminer_phonon_tl.exceptions import PhononDocumentError, UnitError, UnstableStructureError
from matminer_phonon_tl.phonons import acoustic_optical_gap, diatomic_chain, speed_of_sound


def entry(document, name="mp-1.json"):
    return Entry(name, json.dumps(document).encode())


def test_document_gives_what_its_crystal_has(raw):
    record = PetrettoSource("anywhere").read(entry(raw()))
    row = derive_row(record, "petretto")
    chain = diatomic_chain(springs=(60.0,) * 3)
    assert row["phonon_bandgap"] == pytest.approx(acoustic_optical_gap(chain), rel=1e-4)
    assert row["speed_of_sound"] == pytest.approx(speed_of_sound(chain), rel=1e-4)
    assert row["material_id"] == "mp-1"
    assert row["nsites"] == 2
    assert row["source_id"] == "mp-1.json"
    assert row["has_phonon_bandgap"] is True


def test_cm1_is_the_formats_unit_even_where_thz_would_fit(raw):
    record = PetrettoSource("x").read(entry(raw(species=("Rb", "I"), spring=20.0)))
    assert 100.0 < np.max(record.bands["bands"]) < 130.0
    with pytest.raises(UnitError, match="both in THz and in cm-1"):
        acoustic_optical_gap({**record.bands, "structure": None})
    assert record.unit == "cm-1"
    row = derive_row(record, "petretto")
    assert row["heat_capacity"] == pytest.approx(49.13, abs=0.05)  # 6 R less x^2 / 20


def test_flags_are_used_on_request(raw):
    flagged = entry(raw(flags__has_neg_fr=True))
    assert derive_row(PetrettoSource("x").read(flagged), "petretto")["material_id"] == "mp-1"
    with pytest.raises(UnstableStructureError, match="mp-1, which its source flags for imaginary"):
        derive_row(PetrettoSource("x", use_flags=True).read(flagged), "petretto")


@pytest.mark.parametrize("part", ["flags", "dielectric"])
def test_other_keys_may_be_missing(raw, part):
    document = raw()
    del document[part]
    record = PetrettoSource("x", use_flags=True).read(entry(document))
    assert record.material_id == "mp-1"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"metadata": {}}',
        b"\xff\xfe",
        b'{"metadata": {"material_id": "mp-1", "structure": "no cif"}, "phonon": {}}',
    ],
)
def test_corrupt_documents(content):
    with pytest.raises(
        PhononDocumentError, match=r"expected a/b\.json to be a raw document.*get the file again"
    ):
        PetrettoSource("x").read(Entry("a/b.json", content))


def test_ragged_branches(raw):
    document = raw()
    document["phonon"]["ph_bandstructure"][3].pop()
    with pytest.raises(PhononDocumentError, match="reading it failed"):
        PetrettoSource("x").read(entry(document))


def test_folder_is_searched_in_order(archive):
    (archive / "more").mkdir()
    (archive / "more" / "mp-9.json.gz").write_bytes(
        gzip.compress((archive / "mp-1.json").read_bytes())
    )
    (archive / "readme.txt").write_text("not a document")
    source = PetrettoSource(archive)
    entries = list(source.entries())
    assert [e.key for e in entries] == ["more/mp-9.json.gz", *(f"mp-{i}.json" for i in range(1, 7))]
    assert source.count() == 7
    assert source.read(entries[0]).material_id == "mp-1"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_archive_is_streamed(archive, tmp_path, mode):
    path = tmp_path / "phonon.tar"
    with tarfile.open(path, mode) as tar:
        for file in sorted(archive.iterdir()):
            tar.add(file, arcname=f"phonon/{file.name}")
    source = PetrettoSource(path)
    assert source.count() is None
    entries = list(source.entries())
    assert [e.key for e in entries] == [f"phonon/mp-{i}.json" for i in range(1, 7)]
    assert source.read(entries[1]).structure.composition.reduced_formula == "RbI"


def test_truncated_archive_and_no_archive(archive, tmp_path):
    path = tmp_path / "phonon.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(archive, arcname="phonon")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(PhononDocumentError, match=r"a whole tar archive .*download it again"):
        list(PetrettoSource(path).entries())
    path.write_text("no archive")
    with pytest.raises(PhononDocumentError, match="a whole tar archive"):
        list(PetrettoSource(path).entries())
    with pytest.raises(FileNotFoundError, match="found nothing; download the archive first"):
        list(PetrettoSource(tmp_path / "nowhere").entries())
