"""phonopy calculations of a model crystal, in each form that phonopy leaves them."""

import bz2
import gzip
import lzma
import shutil
import sys

import numpy as np
import pytest
import yaml

from matminer_phonon_tl.datasets.builder import PhononDatasetBuilder
from matminer_phonon_tl.datasets.rows import derive_row
from matminer_phonon_tl.datasets.sources import PhonopySource, SkippedEntryError
from matminer_phonon_tl.exceptions import MissingExtraError, PhononDocumentError, UnpackingError
from matminer_phonon_tl.phonons import (
    phonon_properties,
    phonopy_files,
    zincblende_springs,
)
from matminer_phonon_tl.units import BOHR_ANGSTROM

phonopy = pytest.importorskip("phonopy", reason="the extra phonopy is not installed")


@pytest.fixture(scope="module")
def calculations(tmp_path_factory):
    """The same crystal as parameters, as forces, as force constants and as computed results."""
    folder = tmp_path_factory.mktemp("calculations")
    phonon = zincblende_springs(supercell=2)
    for name in ("params", "packed", "forces", "constants", "computed", "bare"):
        (folder / name).mkdir()

    phonon.save(folder / "params" / "phonopy_params.yaml", settings={"force_constants": True})
    with lzma.open(folder / "packed" / "phonopy_params.yaml.xz", "wb") as file:
        file.write((folder / "params" / "phonopy_params.yaml").read_bytes())

    points = {"Gamma": [0, 0, 0], "X": [0.5, 0, 0.5], "L": [0.5, 0.5, 0.5]}
    paths = [np.linspace(points["X"], points["Gamma"], 21), np.linspace([0, 0, 0], points["L"], 21)]
    phonon.run_band_structure(paths, labels=["X", "$\\Gamma$", "L"], path_connections=[True, False])
    phonon.band_structure.write_yaml(filename=folder / "computed" / "band.yaml")
    phonon.run_mesh(30.0)
    phonon.run_total_dos()
    phonon.total_dos.write(filename=folder / "computed" / "total_dos.dat")

    constants = phonon.force_constants
    phonon.generate_displacements(distance=0.01)
    phonon.save(folder / "forces" / "phonopy_disp.yaml", settings={"force_constants": False})
    shutil.copy(folder / "forces" / "phonopy_disp.yaml", folder / "constants")
    shutil.copy(folder / "forces" / "phonopy_disp.yaml", folder / "bare")
    phonon.forces = [
        -np.einsum("iab,b->ia", constants[:, atom["number"]], atom["displacement"])
        for atom in phonon.dataset["first_atoms"]
    ]
    from phonopy.file_IO import write_FORCE_CONSTANTS, write_FORCE_SETS

    write_FORCE_SETS(phonon.dataset, filename=folder / "forces" / "FORCE_SETS")
    write_FORCE_CONSTANTS(constants, filename=folder / "constants" / "FORCE_CONSTANTS")
    return folder


def row(folder, name):
    source = PhonopySource(folder)
    entry = next(entry for entry in source.entries() if entry.key == name)
    return derive_row(source.read(entry), source.name)


@pytest.fixture(scope="module")
def expected(calculations):
    return row(calculations, "params")


def test_folders_are_found(calculations):
    source = PhonopySource(calculations)
    names = ["bare", "computed", "constants", "forces", "packed", "params"]
    assert [entry.key for entry in source.entries()] == names
    assert source.count() == 6
    one = PhonopySource(calculations / "params")
    assert [entry.key for entry in one.entries()] == ["params"]


def test_a_folder_without_a_calculation_is_skipped_with_the_reason(calculations, tmp_path):
    shutil.copytree(calculations / "params", tmp_path / "set" / "oxides" / "good")
    for name in ("good/disp-001", "empty/deeper", ".cache"):  # of these, only the second is one
        (tmp_path / "set" / "oxides" / name).mkdir(parents=True)
    (tmp_path / "set" / "POSCAR-only").mkdir()
    source = PhonopySource(tmp_path / "set")
    names = ["POSCAR-only", "oxides/empty", "oxides/good"]
    assert [entry.key for entry in source.entries()] == names
    assert source.count() == 3
    report = PhononDatasetBuilder(source, tmp_path / "own.json.gz", pbar=False).build()
    assert report.n_rows == 1
    assert report.skipped == {"no calculation": 2}
    assert (
        'oxides/empty,no calculation,"expected phonopy_params.yaml, phonopy_disp.yaml, '
        "phonopy.yaml or band.yaml in empty, found none; run phonopy there, or take the "
        'folder away"'
    ) in report.skipped_csv.read_text()


def test_row(expected):
    assert expected["formula"] == "GaN"
    assert expected["space_group"] == 216
    assert expected["nsites"] == 2
    assert expected["material_id"] == "params"
    assert expected["source_id"] == "params/phonopy_params.yaml"
    assert expected["document_date"].startswith("20")
    assert 3.0 < expected["speed_of_sound"] < 5.0
    assert 0.0 < expected["heat_capacity"] < 2 * 24.95


@pytest.mark.parametrize("name", ["packed", "forces", "constants"])
def test_every_form_of_forces_gives_the_same_row(calculations, expected, name):
    found = row(calculations, name)
    for column in ("phonon_bandgap", "speed_of_sound", "heat_capacity", "volume"):
        assert found[column] == pytest.approx(expected[column], rel=1e-5), column


def test_computed_results(calculations, expected):
    found = row(calculations, "computed")
    assert found["source_id"] == "computed/band.yaml"
    # another path: fewer directions in the mean, and an extremum that may be missed
    assert found["speed_of_sound"] == pytest.approx(expected["speed_of_sound"], rel=0.1)
    assert found["phonon_bandgap"] >= expected["phonon_bandgap"] - 1e-3
    assert found["heat_capacity"] == pytest.approx(expected["heat_capacity"], rel=1e-3)


def test_forces_are_preferred_to_old_results(calculations, expected, tmp_path):
    shutil.copytree(calculations / "params", tmp_path / "both")
    (tmp_path / "both" / "band.yaml").write_text("stale")
    assert row(tmp_path, "both")["phonon_bandgap"] == pytest.approx(expected["phonon_bandgap"])


def test_no_forces(calculations):
    with pytest.raises(SkippedEntryError, match=r"expected forces in bare .* found none; run the"):
        row(calculations, "bare")


def test_no_density_of_states(calculations, tmp_path):
    shutil.copytree(calculations / "computed", tmp_path / "half")
    (tmp_path / "half" / "total_dos.dat").unlink()
    with pytest.raises(
        SkippedEntryError, match=r"expected total_dos\.dat or mesh\.yaml beside band\.yaml in half"
    ):
        row(tmp_path, "half")


@pytest.mark.parametrize("name", ["band.yaml", "phonopy_params.yaml"])
def test_corrupt_files(calculations, tmp_path, name):
    folder = tmp_path / "broken"
    shutil.copytree(calculations / "computed", folder)
    (folder / name).write_text("phonon: [1, 2")
    with pytest.raises(PhononDocumentError, match="a phonopy calculation in broken, but reading"):
        row(tmp_path, "broken")


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder that holds one folder for each material"):
        list(PhonopySource(tmp_path / "nowhere").entries())


def test_missing_extra_is_named(calculations, monkeypatch):
    monkeypatch.setitem(sys.modules, "phonopy", None)
    with pytest.raises(MissingExtraError, match=r"found none: pip install .*phonopy"):
        row(calculations, "params")


def test_build(calculations, tmp_path):
    report = PhononDatasetBuilder(
        PhonopySource(calculations), tmp_path / "own.json.gz", pbar=False
    ).build()
    assert report.n_rows == 5
    assert report.skipped == {"no forces": 1}


@pytest.mark.parametrize(
    ("ending", "opener"), [(".xz", lzma.open), (".gz", gzip.open), (".bz2", bz2.open)]
)
@pytest.mark.parametrize("name", ["params", "forces", "computed"])
def test_compressed_files(calculations, tmp_path, name, ending, opener):
    folder = tmp_path / name
    folder.mkdir()
    for path in (calculations / name).iterdir():
        with opener(folder / f"{path.name}{ending}", "wb") as file:
            file.write(path.read_bytes())
    expected = row(calculations, name)
    found = row(tmp_path, name)
    for column in ("phonon_bandgap", "speed_of_sound", "heat_capacity", "volume"):
        assert found[column] == expected[column], column
    assert found["source_id"] == f"{expected['source_id']}{ending}"


def test_force_constants_in_phonopy_yaml_beside_older_bands(calculations, expected, tmp_path):
    """They were passed over, and the older bands taken: 1.58 instead of 3.15 km/s."""
    folder = tmp_path / "both"
    shutil.copytree(calculations / "computed", folder)
    shutil.copy(calculations / "params" / "phonopy_params.yaml", folder / "phonopy.yaml")
    found = row(tmp_path, "both")
    assert found["source_id"] == "both/phonopy.yaml"
    assert found["speed_of_sound"] == expected["speed_of_sound"]


def test_computed_results_beside_settings_without_forces(calculations, tmp_path):
    folder = tmp_path / "half"
    shutil.copytree(calculations / "computed", folder)
    shutil.copy(calculations / "bare" / "phonopy_disp.yaml", folder / "phonopy.yaml")
    assert row(tmp_path, "half")["source_id"] == "half/band.yaml"


@pytest.mark.parametrize(
    "settings",
    ['physical_unit:\n  length: "au"\n', "calculator: qe\n", "calculator: abinit\n"],
)
def test_computed_results_in_bohr(calculations, tmp_path, settings):
    """band.yaml does not say its unit of length; the phonopy.yaml beside it does."""
    expected = row(calculations, "computed")
    folder = tmp_path / "bohr"
    shutil.copytree(calculations / "computed", folder)
    document = yaml.safe_load((folder / "band.yaml").read_text())
    document["lattice"] = (np.array(document["lattice"]) / BOHR_ANGSTROM).tolist()
    reciprocal = np.array(document["reciprocal_lattice"]) * BOHR_ANGSTROM
    document["reciprocal_lattice"] = reciprocal.tolist()
    (folder / "band.yaml").write_text(yaml.safe_dump(document))
    (folder / "phonopy.yaml").write_text(settings)
    found = row(tmp_path, "bohr")
    assert found["volume"] == pytest.approx(expected["volume"], rel=1e-5)
    assert found["speed_of_sound"] == pytest.approx(expected["speed_of_sound"], rel=1e-5)


@pytest.fixture(scope="module", params=["qe", "wien2k", "cp2k", "abinit"])
def computed_by(request, tmp_path_factory):
    """The same crystal by another code: phonopy.yaml and each form of bands and meshes."""
    from phonopy.interface.calculator import get_calculator_physical_units

    known = zincblende_springs(supercell=2)
    length = get_calculator_physical_units(request.param).distance_to_A
    cell = known.unitcell.copy()
    cell.cell = cell.cell / length
    phonon = phonopy.Phonopy(
        cell, known.supercell_matrix, primitive_matrix=np.eye(3), calculator=request.param
    )
    units = known.unit_conversion_factor / phonon.unit_conversion_factor
    phonon.force_constants = known.force_constants * units**2
    folder = tmp_path_factory.mktemp(request.param)
    paths = [np.linspace([0.5, 0, 0.5], [0, 0, 0], 21), np.linspace([0, 0, 0], [0.5, 0.5, 0.5], 21)]
    phonon.run_band_structure(paths)
    phonon.run_mesh(30.0 / length)
    phonon.write_yaml_band_structure(filename=folder / "band.yaml")
    phonon.write_hdf5_band_structure(filename=folder / "band.hdf5")
    stated = {"calculator": request.param, "length_unit": "au" if length < 1 else "angstrom"}
    phonon.write_hdf5_band_structure(filename=folder / "stated.hdf5", comment=stated)
    phonon.mesh.write_yaml(filename=folder / "mesh.yaml")
    phonon.mesh.write_hdf5(filename=folder / "mesh.hdf5")
    phonon.save(folder / "phonopy.yaml", settings={"force_constants": False})
    return folder


@pytest.mark.parametrize("name", ["band.yaml", "band.hdf5", "mesh.yaml", "mesh.hdf5"])
def test_computed_results_of_another_code(calculations, computed_by, tmp_path, name):
    """phonopy 4 names the code in phonopy.yaml alone: its factor is no unit of frequencies."""
    expected = phonon_properties(calculations / "params")
    for file in (name, "phonopy.yaml"):
        shutil.copy(computed_by / file, tmp_path)
    found = phonon_properties(tmp_path)
    assert found.source == f"frequencies of {name}"
    assert found.structure.volume == pytest.approx(expected.structure.volume, rel=1e-5)
    assert found.acoustic_top == pytest.approx(expected.acoustic_top, rel=5e-3)
    if name.startswith("band"):
        assert found.speeds.mean == pytest.approx(expected.speeds.mean, rel=0.01)


def test_band_hdf5_that_states_its_unit_of_length(calculations, computed_by, tmp_path):
    """As the program phonopy writes it; phonopy's functions state nothing."""
    expected = phonon_properties(calculations / "params")
    shutil.copy(computed_by / "stated.hdf5", tmp_path / "band.hdf5")
    found = phonon_properties(tmp_path)
    assert found.speeds.mean == pytest.approx(expected.speeds.mean, rel=0.01)


def test_a_conf_file_names_the_code(calculations, computed_by, tmp_path):
    shutil.copy(computed_by / "band.yaml", tmp_path)
    code = computed_by.name.rstrip("0123456789")
    (tmp_path / "band.conf").write_text(f"CALCULATOR = {code.upper()}\nDIM = 2 2 2\n")
    expected = phonon_properties(calculations / "params").speeds.mean
    assert phonon_properties(tmp_path).speeds.mean == pytest.approx(expected, rel=0.01)


def test_unstated_bohr_are_refused(computed_by, tmp_path):
    """Atoms in bohr lie 1.9 times as far apart as bonds are long."""
    shutil.copy(computed_by / "band.yaml", tmp_path)
    if computed_by.name.startswith("cp2k"):  # which uses Angstrom
        assert phonon_properties(tmp_path).speeds.mean < 5.0
    else:
        with pytest.raises(PhononDocumentError, match=r"are probably in bohr; put the phonopy"):
            phonon_properties(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("phonopy.yaml", "phonopy:\n  frequency_unit_conversion_factor: 64.6541\n"),
        ("band.conf", "BAND = 0.5 0 0.5 0 0 0\nFREQUENCY_CONVERSION_FACTOR = 64.6541\n"),
    ],
)
def test_computed_results_in_mev(calculations, tmp_path, name, text):
    """As ``phonopy --factor=64.654`` writes them; the factor stands in phonopy.yaml."""
    expected = row(calculations, "computed")
    folder = tmp_path / "mev"
    shutil.copytree(calculations / "computed", folder)
    thz_in_mev = 4.135667696
    document = yaml.safe_load((folder / "band.yaml").read_text())
    for point in document["phonon"]:
        for band in point["band"]:
            band["frequency"] *= thz_in_mev
    (folder / "band.yaml").write_text(yaml.safe_dump(document))
    grid, total = np.loadtxt(folder / "total_dos.dat", unpack=True)
    scaled = np.transpose([grid * thz_in_mev, total / thz_in_mev])
    np.savetxt(folder / "total_dos.dat", scaled)
    (folder / name).write_text(text)
    found = row(tmp_path, "mev")
    for column in ("phonon_bandgap", "speed_of_sound", "heat_capacity"):
        assert found[column] == pytest.approx(expected[column], rel=1e-4), column


def test_an_empty_file_is_named(calculations, tmp_path):
    folder = tmp_path / "empty"
    shutil.copytree(calculations / "computed", folder)
    (folder / "band.yaml").write_text("")
    with pytest.raises(PhononDocumentError, match=r"in band\.yaml, got an empty file; run phonopy"):
        row(tmp_path, "empty")


def test_a_compressed_file_that_grows_without_end_is_refused(calculations, monkeypatch):
    monkeypatch.setattr(phonopy_files, "MAX_BYTES", 10_000)
    with pytest.raises(UnpackingError, match=r"phonopy_params\.yaml\.xz, unpacked, got more"):
        row(calculations, "packed")
