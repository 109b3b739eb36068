"""Archives of the Kyoto database: eight real ones, and whatever else may be handed in."""

import io
import lzma
import os
import signal
import subprocess
import sys
import tarfile
import time

import pytest
from typer.testing import CliRunner

pytest.importorskip("phonopy", reason="the extra phonopy is not installed")

from matminer_phonon_tl.cli import app
from matminer_phonon_tl.datasets import load_dataset
from matminer_phonon_tl.datasets.builder import PhononDatasetBuilder
from matminer_phonon_tl.datasets.rows import KYOTO_COLUMNS, derive_kyoto_row
from matminer_phonon_tl.datasets.sources import KyotoSource, SkippedEntryError, kyoto
from matminer_phonon_tl.datasets.sources.base import Entry
from matminer_phonon_tl.exceptions import PhononDocumentError
from matminer_phonon_tl.phonons import zincblende_springs

# Stability, gap (cm-1), heat capacity (J/mol/K per mole of primitive cells) and speed (km/s, mean
# over seven directions only) that an independent script found, see the README of the test data.
REFERENCE = {
    "mp-149": (True, -55.40, 39.894, 5.898),
    "mp-1249": (True, -124.08, 121.768, 5.277),
    "mp-22862": (True, -24.44, 47.826, 3.261),
    "mp-23302": (True, -14.64, 49.575, 1.704),
    "mp-753304": (False, None, None, None),
    "mp-804": (True, -126.4, 71.141, 5.18),
    "mp-830": (True, 192.0, 35.543, 5.44),
    "mp-856": (True, -96.3, 112.936, 4.85),
}


@pytest.fixture(scope="session")
def archives(test_data):
    return test_data / "phonondb"


@pytest.fixture(scope="module")
def calculation():
    """The files of a calculation of GaN by springs, as the database has them."""
    phonon = zincblende_springs(supercell=2)
    constants = phonon.force_constants
    n_atoms = len(phonon.supercell)
    lines = [str(n_atoms), "2"]
    for atom in (0, n_atoms // 2):
        lines += [f"{atom + 1}", "0.01 0.0 0.0"]
        lines += [
            " ".join(f"{-0.01 * x:.10f}" for x in force) for force in constants[:, atom, :, 0]
        ]
    cell = phonon.unitcell
    head = [" ".join(f"{x:.10f}" for x in vector) for vector in cell.cell]
    symbols = list(dict.fromkeys(cell.symbols))
    counts = [cell.symbols.count(symbol) for symbol in symbols]
    positions = [" ".join(f"{x:.10f}" for x in p) for p in cell.scaled_positions]
    matrix = " ".join(str(int(x)) for x in phonon.supercell_matrix.ravel())
    axes = " ".join(f"{x:.10g}" for x in phonon.primitive_matrix.ravel())
    return {
        "POSCAR-unitcell": "\n".join(
            [
                " ".join(symbols),
                "1.0",
                *head,
                " ".join(symbols),
                " ".join(map(str, counts)),
                "Direct",
                *positions,
            ]
        ),
        "FORCE_SETS": "\n".join(lines) + "\n",
        "phonopy.conf": f"DIM = {matrix}\nPRIMITIVE_AXIS = {axes}\n",
    }


def pack(path, files, members=()):
    """Write an archive as the database has them; ``members`` are added as they are."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"mp-7-20180417/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    path.write_bytes(lzma.compress(content.getvalue(), format=lzma.FORMAT_ALONE))
    return path


def row(path):
    source = KyotoSource(path)
    (entry,) = source.entries()
    return derive_kyoto_row(source.read(entry), source.name)


def test_eight_real_archives(archives):
    source = KyotoSource(archives)
    rows = [derive_kyoto_row(source.read(entry), "kyoto") for entry in source.entries()]
    assert source.count() == 8
    assert {found["material_id"] for found in rows} == set(REFERENCE)
    for found in rows:
        stable, gap, cell, speed = REFERENCE[found["material_id"]]
        assert tuple(found) == KYOTO_COLUMNS
        assert found["is_stable"] is stable
        assert found["document_date"] == "2018-04-17"
        assert found["has_born_charges"]
        if stable:
            per_cell = found["heat_capacity_per_atom"] * found["nsites"]
            assert found["acoustic_optical_gap"] == pytest.approx(gap, abs=0.7)
            assert per_cell == pytest.approx(cell, abs=2e-3)
            assert found["speed_of_sound"] == pytest.approx(speed, rel=0.015)
            assert found["has_phonon_bandgap"] is (gap > 0)


def test_wurtzite_has_a_gap_between_its_bunches(archives):
    found = row(archives / "materials-id-804-gan-p6-3mc-186.tar.lzma")
    assert found["acoustic_optical_gap"] < 0
    assert found["largest_gap_branch"] == 6
    assert found["largest_gap"] == pytest.approx(
        found["largest_gap_upper_edge"] - found["largest_gap_lower_edge"]
    )
    assert found["largest_gap"] > 180.0
    # elastic moduli of the Materials Project give 5.22 km/s, the paper's label is 5.99
    assert found["speed_of_sound"] == pytest.approx(5.2, abs=0.1)


def test_an_archive_of_ours(calculation, tmp_path):
    found = row(pack(tmp_path / "materials-id-7-gan.tar.lzma", calculation))
    assert found["material_id"] == "mp-7"
    assert found["formula"] == "GaN"
    assert found["nsites"] == 2
    assert found["space_group"] == 216
    assert not found["has_born_charges"]


def test_an_unpacked_folder_gives_the_same_row(calculation, tmp_path):
    folder = tmp_path / "set" / "mp-7-20180417"
    folder.mkdir(parents=True)
    for name, text in calculation.items():
        (folder / name).write_text(text)
    archive = pack(tmp_path / "materials-id-7-gan.tar.lzma", calculation)
    assert row(tmp_path / "set") | {"source_id": archive.name} == row(archive)


def link(name, target="/etc/passwd"):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


def device(name):
    member = tarfile.TarInfo(name)
    member.type = tarfile.CHRTYPE
    return member


@pytest.mark.parametrize(
    "member",
    [
        link("mp-7-20180417/BORN"),
        device("mp-7-20180417/BORN"),
        tarfile.TarInfo("/mp-7-20180417/BORN"),
        tarfile.TarInfo("mp-7-20180417/../../BORN"),
        tarfile.TarInfo("..\\BORN"),
    ],
    ids=["link", "device", "absolute", "dots", "backslash"],
)
def test_members_that_lead_out_are_refused(calculation, tmp_path, member):
    archive = pack(tmp_path / "materials-id-7-gan.tar.lzma", calculation, [member])
    with pytest.raises(PhononDocumentError, match=r"plain files and folders in .*leave it out"):
        row(archive)


def test_too_many_members_and_two_of_a_name(calculation, tmp_path):
    many = [tarfile.TarInfo(f"mp-7-20180417/{number}") for number in range(kyoto.MAX_MEMBERS)]
    archive = pack(tmp_path / "materials-id-7-gan.tar.lzma", calculation, many)
    with pytest.raises(PhononDocumentError, match=r"at most 200 files in .*, got more"):
        row(archive)
    twice = [tarfile.TarInfo("other/FORCE_SETS")]
    archive = pack(tmp_path / "materials-id-7-gan.tar.lzma", calculation, twice)
    with pytest.raises(PhononDocumentError, match=r"expected one FORCE_SETS in .*, got two"):
        row(archive)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    archive = tmp_path / "materials-id-7-gan.tar.lzma"
    archive.write_bytes(lzma.compress(bytes(kyoto.MAX_ARCHIVE_BYTES + 2**20)))
    assert archive.stat().st_size < 50_000
    with pytest.raises(PhononDocumentError, match=r"expected at most 64 MB in .*, got more"):
        row(archive)


def test_cut_short_not_compressed_and_no_tar(calculation, tmp_path):
    archive = pack(tmp_path / "materials-id-7-gan.tar.lzma", calculation)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PhononDocumentError, match=r"whole archive in .*cut short; download it"):
        row(archive)
    archive.write_bytes(b"PK\x03\x04 not lzma at all")
    with pytest.raises(PhononDocumentError, match="compressed with lzma or xz, but unpacking it"):
        row(archive)
    archive.write_bytes(lzma.compress(b"no tar archive\n" * 100))
    with pytest.raises(PhononDocumentError, match=r"expected a tar archive in .*, but reading it"):
        row(archive)
    content = lzma.decompress(whole)
    archive.write_bytes(lzma.compress(content[:1500]))
    with pytest.raises((PhononDocumentError, SkippedEntryError), match="materials-id-7"):
        row(archive)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("FORCE_SETS", "no forces"),
        ("POSCAR-unitcell", "incomplete calculation"),
        ("phonopy.conf", "incomplete calculation"),
    ],
)
def test_a_missing_file_is_named(calculation, tmp_path, name, reason):
    files = {key: text for key, text in calculation.items() if key != name}
    with pytest.raises(SkippedEntryError, match=f"found no {name}; download") as error:
        row(pack(tmp_path / "materials-id-7-gan.tar.lzma", files))
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("DIM = 2 2", "expected DIM as 3 or 9 whole numbers in phonopy.conf, got '2 2'"),
        ("DIM = a b c", "expected DIM as 3 or 9 whole numbers in phonopy.conf, got 'a b c'"),
        ("TEMPERATURE = 3", "expected DIM as 3 or 9 whole numbers in phonopy.conf, got ''"),
        ("DIM = 0 0 0", "supercell of 1 to 2000 atoms, got DIM = 0 0 0 in phonopy.conf"),
        ("DIM = 900 900 900", "which makes 1458000000; correct it"),
        ("DIM = 3 3 3", "forces on the 54 atoms of the supercell that DIM makes, got FORCE_SETS"),
        ("DIM = 2 2 2\nPRIMITIVE_AXIS = 1/0 0 0 0 1 0 0 0 1", "9 numbers or fractions"),
        ("DIM = 2 2 2\nPRIMITIVE_AXIS = 1 0 0", "9 numbers or fractions"),
        ("DIM = 2 2 2\nPRIMITIVE_AXIS = 1 0 0 1 0 0 0 0 1", "a calculation of the Kyoto database"),
    ],
)
def test_settings_that_make_no_sense(calculation, tmp_path, settings, message):
    files = calculation | {"phonopy.conf": settings}
    with pytest.raises(PhononDocumentError, match=message):
        row(pack(tmp_path / "materials-id-7-gan.tar.lzma", files))


@pytest.mark.parametrize("name", ["FORCE_SETS", "POSCAR-unitcell", "BORN"])
def test_files_of_nonsense(calculation, tmp_path, name):
    text = calculation["FORCE_SETS"].split("\n")[0] + "\nnonsense" if name == "FORCE_SETS" else "?"
    with pytest.raises(PhononDocumentError, match=r"but reading it failed \(.*leave it out"):
        row(pack(tmp_path / "materials-id-7-gan.tar.lzma", calculation | {name: text}))


def test_a_build_goes_on_past_bad_archives(calculation, tmp_path):
    (tmp_path / "set").mkdir()
    pack(tmp_path / "set" / "materials-id-7-gan.tar.lzma", calculation)
    (tmp_path / "set" / "materials-id-8-cut.tar.lzma").write_bytes(b"\x00")
    empty = {key: text for key, text in calculation.items() if key != "FORCE_SETS"}
    pack(tmp_path / "set" / "materials-id-9-bare.tar.lzma", empty)
    report = PhononDatasetBuilder(
        KyotoSource(tmp_path / "set"), tmp_path / "own.json.gz", pbar=False
    ).build()
    assert report.n_rows == 1
    assert report.skipped == {"corrupt or incomplete document": 1, "no forces": 1}
    assert load_dataset(path=tmp_path / "own.json.gz")["formula"].tolist() == ["GaN"]


def test_command(calculation, tmp_path):
    (tmp_path / "set").mkdir()
    pack(tmp_path / "set" / "materials-id-7-gan.tar.lzma", calculation)
    output = str(tmp_path / "own.json.gz")
    arguments = ["build-dataset", "kyoto", output, "--path", str(tmp_path / "set"), "--compare"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "1 rows in" in result.output
    assert "skipped: none" in result.output
    assert "only in frame: 1" in result.output


def test_no_archives(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a folder of archives NAME\.tar\.lzma at"):
        list(KyotoSource(tmp_path / "nowhere").entries())
    with pytest.raises(FileNotFoundError, match="found none; name the folder that holds them"):
        list(KyotoSource(tmp_path).entries())


CHILD = """
import sys
from matminer_phonon_tl.datasets.builder import PhononDatasetBuilder
from matminer_phonon_tl.datasets.sources import KyotoSource
PhononDatasetBuilder(KyotoSource(sys.argv[1]), sys.argv[2], n_jobs=2, pbar=False).build()
"""


@pytest.mark.slow
def test_a_killed_build_goes_on_and_is_the_same_byte_for_byte(archives, tmp_path):
    output = tmp_path / "kyoto.json.gz"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(archives), str(output)], start_new_session=True
    )
    deadline = time.monotonic() + 240.0
    started = list(tmp_path.glob("kyoto.checkpoint*"))
    while time.monotonic() < deadline and child.poll() is None:
        started = list(tmp_path.glob("kyoto.checkpoint*"))
        if sum(path.stat().st_size for path in started) > 40_000:  # a row or two are in
            break
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait(timeout=60)
    assert started
    assert not output.exists()
    PhononDatasetBuilder(KyotoSource(archives), output, pbar=False).build()
    at_once = tmp_path / "at_once.json.gz"
    PhononDatasetBuilder(KyotoSource(archives), at_once, pbar=False).build()
    assert output.read_bytes() == at_once.read_bytes()


def test_the_largest_entry_of_a_build_is_named_by_its_file(archives):
    (entry,) = KyotoSource(archives / "materials-id-149-si-fd-3m-227.tar.lzma").entries()
    assert entry == Entry("materials-id-149-si-fd-3m-227", entry.payload)


@pytest.mark.parametrize("claimed", [600 * 2**20, 10_000])
def test_sparse_files_are_refused_before_they_grow(calculation, tmp_path, claimed):
    """A few hundred bytes that claim more, up to 600 MB of zeros."""
    member = tarfile.TarInfo("mp-7-20180417/BORN")
    member.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "mp-7-20180417/BORN",
        "GNU.sparse.realsize": str(claimed),
    }
    member.size = 512
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, text in calculation.items():
            plain = tarfile.TarInfo(f"mp-7-20180417/{name}")
            plain.size = len(text.encode())
            archive.addfile(plain, io.BytesIO(text.encode()))
        archive.addfile(member, io.BytesIO(b"1\n0\n0\n".ljust(512, b"\0")))
    path = tmp_path / "materials-id-7-gan.tar.lzma"
    path.write_bytes(lzma.compress(content.getvalue()))
    with pytest.raises(PhononDocumentError, match="sparse or of another size; don't trust it"):
        row(path)


@pytest.mark.parametrize("number", ["1e10000000", "nan", "1/0", "0x1"])
def test_primitive_axes_are_plain_numbers(calculation, tmp_path, number):
    files = calculation | {
        "phonopy.conf": f"DIM = 2 2 2\nPRIMITIVE_AXES = {number} 0 0 0 1 0 0 0 1\n"
    }
    with pytest.raises(PhononDocumentError, match="9 numbers or fractions"):
        row(pack(tmp_path / "materials-id-7-gan.tar.lzma", files))


def test_forces_that_are_no_numbers(calculation, tmp_path):
    forces = calculation["FORCE_SETS"].split("\n")
    forces[4] = "nan nan nan"
    files = calculation | {"FORCE_SETS": "\n".join(forces)}
    with pytest.raises(PhononDocumentError, match=r"finite force constants|but reading it failed"):
        row(pack(tmp_path / "materials-id-7-gan.tar.lzma", files))


def test_branches_of_a_cell_that_is_not_primitive_are_not_counted(archives, tmp_path):
    """Silicon without its PRIMITIVE_AXIS: four primitive cells, twelve acoustic branches."""
    path = archives / "materials-id-149-si-fd-3m-227.tar.lzma"
    files, _ = kyoto._read_archive(path)
    texts = {name: content.decode() for name, content in files.items()}
    dim = next(line for line in texts["phonopy.conf"].splitlines() if "DIM" in line)
    found = row(pack(tmp_path / path.name, texts | {"phonopy.conf": dim}))
    expected = row(path)
    assert found["nsites"] == 4 * expected["nsites"]
    counted = ["acoustic_top", "optical_bottom", "acoustic_optical_gap", "has_phonon_bandgap"]
    assert [found[name] for name in counted] == [None] * 4
    assert None not in [expected[name] for name in counted]
    for name in ("max_frequency", "speed_of_sound", "heat_capacity_per_atom"):
        assert found[name] == pytest.approx(expected[name], rel=2e-3), name
