"""Every form in which phonopy leaves a calculation gives the same properties, by path alone."""

import bz2
import gzip
import io
import json
import lzma
import os
import shutil
import sys
import tarfile
import warnings
import zipfile

import numpy as np
import pytest
import yaml

phonopy = pytest.importorskip("phonopy", reason="the extra phonopy is not installed")

from phonopy.file_IO import (  # noqa: E402
    write_BORN,
    write_FORCE_CONSTANTS,
    write_force_constants_to_hdf5,
    write_FORCE_SETS,
)
from phonopy.interface.calculator import get_calculator_physical_units  # noqa: E402
from phonopy.interface.vasp import write_vasp  # noqa: E402

from matminer_phonon_tl.exceptions import (  # noqa: E402
    DataWarning,
    MissingExtraError,
    MissingPhononsError,
    PhononDocumentError,
    PhononTLError,
    UnpackingError,
)
from matminer_phonon_tl.phonons import (  # noqa: E402
    acoustic_optical_edges,
    acoustic_optical_gap,
    debye_dos,
    debye_temperature,
    diatomic_chain,
    directional_speeds,
    find_calculations,
    has_imaginary_modes,
    heat_capacity,
    imaginary_modes,
    json_documents,
    largest_gap,
    phonon_properties,
    phonopy_files,
    reading,
    sound_velocities,
    speed_of_sound,
    zincblende_springs,
)

CONF = "DIM = 2 2 2\nPRIMITIVE_AXES = 1 0 0 0 1 0 0 0 1\n"
WHOLE = ("params", "disp", "constants", "hdf5", "conf", "sposcar", "kyoto", "named", "qe", "aims")


def polar_springs(calculator=None):
    """GaN of springs with Born charges, so that BORN is seen to be read."""
    phonon = zincblende_springs(supercell=2)
    units = get_calculator_physical_units(calculator)
    if calculator is not None:
        length = units.distance_to_A
        cell = phonon.unitcell.copy()
        cell.cell = cell.cell / length
        constants = phonon.force_constants / (units.force_to_eVperA / length)
        phonon = phonopy.Phonopy(
            cell, np.eye(3) * 2, primitive_matrix=np.eye(3), calculator=calculator
        )
        phonon.force_constants = constants
    charges = np.array([np.eye(3), -np.eye(3)]) * 1.3
    phonon.nac_params = {"born": charges, "dielectric": 5.0 * np.eye(3), "factor": units.nac_factor}
    return phonon


def write_forces(phonon, folder):
    constants = phonon.force_constants
    phonon.generate_displacements(distance=0.01)
    phonon.forces = [
        -np.einsum("iab,b->ia", constants[:, atom["number"]], atom["displacement"])
        for atom in phonon.dataset["first_atoms"]
    ]
    write_FORCE_SETS(phonon.dataset, filename=folder / "FORCE_SETS")


def write_settings(phonon, path):
    """As ``phonopy -d`` leaves them, without forces and charges."""
    bare = phonopy.Phonopy(
        phonon.unitcell,
        phonon.supercell_matrix,
        primitive_matrix=np.eye(3),
        calculator=phonon.calculator,
    )
    bare.generate_displacements(distance=0.01)
    bare.save(path, settings={"force_constants": False, "force_sets": False})


def write_born(phonon, folder):
    write_BORN(
        phonon.primitive,
        phonon.nac_params["born"],
        phonon.nac_params["dielectric"],
        filename=folder / "BORN",
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The same crystal in each form."""
    root = tmp_path_factory.mktemp("forms")
    for name in (*WHOLE, "band", "mesh", "band_mesh", "band_hdf5", "mesh_hdf5"):
        (root / name).mkdir()
    phonon = polar_springs()
    everything = {"force_constants": True, "force_sets": False}
    phonon.save(root / "params" / "phonopy_params.yaml", settings=everything)
    with lzma.open(root / "named" / "phonopy_params_GaN.yaml.xz", "wb") as file:
        file.write((root / "params" / "phonopy_params.yaml").read_bytes())

    for name in ("disp", "constants", "hdf5"):
        write_settings(phonon, root / name / "phonopy_disp.yaml")
    for name in ("disp", "constants", "hdf5", "conf", "sposcar", "kyoto"):
        write_born(phonon, root / name)
    for name in ("disp", "conf", "kyoto"):
        write_forces(polar_springs(), root / name)
    write_FORCE_CONSTANTS(phonon.force_constants, filename=root / "constants" / "FORCE_CONSTANTS")
    write_FORCE_CONSTANTS(phonon.force_constants, filename=root / "sposcar" / "FORCE_CONSTANTS")
    write_force_constants_to_hdf5(
        phonon.force_constants, filename=root / "hdf5" / "force_constants.hdf5"
    )
    for name, cell in (("conf", "POSCAR"), ("sposcar", "POSCAR"), ("kyoto", "POSCAR-unitcell")):
        write_vasp(root / name / cell, phonon.unitcell)
    write_vasp(root / "sposcar" / "SPOSCAR", phonon.supercell)
    (root / "conf" / "mesh.conf").write_text(CONF)
    (root / "kyoto" / "phonopy.conf").write_text(CONF.replace("AXES", "AXIS"))

    in_bohr = polar_springs("qe")
    write_forces(in_bohr, root / "qe")
    write_born(in_bohr, root / "qe")
    vectors = "\n".join(" ".join(f"{x:.10f}" for x in row) for row in in_bohr.unitcell.cell)
    (root / "qe" / "unitcell.in").write_text(
        "&control\n/\n&system\n ibrav = 0\n nat = 2\n ntyp = 2\n/\nATOMIC_SPECIES\n"
        " Ga 69.723 Ga.UPF\n N 14.0067 N.UPF\nATOMIC_POSITIONS crystal\n"
        f" Ga 0 0 0\n N 0.25 0.25 0.25\nCELL_PARAMETERS bohr\n{vectors}\n"
    )
    (root / "qe" / "phonopy.conf").write_text(f"{CONF}CALCULATOR = qe\n")

    write_forces(polar_springs("aims"), root / "aims")
    write_born(phonon, root / "aims")
    (root / "aims" / "geometry.in").write_text(
        "".join(
            f"lattice_vector {' '.join(f'{x:.10f}' for x in row)}\n" for row in phonon.unitcell.cell
        )
        + "atom_frac 0 0 0 Ga\natom_frac 0.25 0.25 0.25 N\n"
    )
    (root / "aims" / "phonopy.conf").write_text(CONF)

    points = {"Gamma": [0, 0, 0], "X": [0.5, 0, 0.5], "L": [0.5, 0.5, 0.5]}
    paths = [np.linspace(points["X"], points["Gamma"], 21), np.linspace([0, 0, 0], points["L"], 31)]
    phonon.run_band_structure(paths, labels=["X", "$\\Gamma$", "L"], path_connections=[True, False])
    phonon.run_mesh(45.0, is_gamma_center=True)
    for name in ("band", "band_mesh"):
        phonon.band_structure.write_yaml(filename=root / name / "band.yaml")
    for name in ("mesh", "band_mesh"):
        phonon.mesh.write_yaml(filename=root / name / "mesh.yaml")
    phonon.band_structure.write_hdf5(filename=root / "band_hdf5" / "band.hdf5")
    phonon.mesh.write_hdf5(filename=root / "mesh_hdf5" / "mesh.hdf5")
    write_settings(phonon, root / "mesh_hdf5" / "phonopy.yaml")
    return root


@pytest.fixture(scope="module")
def expected():
    return phonon_properties(polar_springs())


def assert_same(found, expected, rel=2e-5):
    assert found.acoustic_optical_gap == pytest.approx(expected.acoustic_optical_gap, rel=rel)
    assert found.max_frequency == pytest.approx(expected.max_frequency, rel=rel)
    assert found.speeds == pytest.approx(expected.speeds, rel=rel)
    assert found.debye_temperature == pytest.approx(expected.debye_temperature, rel=rel)
    assert found.heat_capacities == pytest.approx(expected.heat_capacities, rel=rel)
    assert found.structure.volume == pytest.approx(expected.structure.volume, rel=rel)


def test_charges_count(expected):
    """Without them no test below would see whether BORN was read."""
    bare = phonon_properties(zincblende_springs(supercell=2))
    assert expected.max_frequency > 1.02 * bare.max_frequency


@pytest.mark.parametrize("name", WHOLE)
def test_every_form_of_forces(folders, expected, name):
    assert_same(phonon_properties(folders / name), expected)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("params", "force constants of phonopy_params.yaml"),
        ("disp", "force constants of phonopy_disp.yaml, BORN, FORCE_SETS"),
        ("hdf5", "force constants of phonopy_disp.yaml, BORN, force_constants.hdf5"),
        ("sposcar", "force constants of POSCAR, SPOSCAR, BORN, FORCE_CONSTANTS"),
        ("kyoto", "force constants of POSCAR-unitcell, BORN, FORCE_SETS, phonopy.conf"),
    ],
)
def test_the_source_is_named(folders, name, source):
    assert phonon_properties(folders / name).source == source


def test_units_are_the_force_calculators(folders):
    assert phonon_properties(folders / "qe").units == "lengths in au, forces in Ry/au (qe)"
    assert phonon_properties(folders / "disp").units == (
        "lengths in angstrom, forces in eV/angstrom (vasp)"
    )


@pytest.mark.parametrize("file", ["FORCE_SETS", "phonopy_disp.yaml", "BORN"])
def test_one_file_brings_those_beside_it(folders, expected, file):
    assert_same(phonon_properties(str(folders / "disp" / file)), expected)


@pytest.mark.parametrize(
    ("ending", "opener"),
    [(".xz", lzma.open), (".gz", gzip.open), (".bz2", bz2.open), (".lzma", lzma.open)],
)
@pytest.mark.parametrize("name", ["params", "disp", "hdf5", "conf", "band_mesh", "band_hdf5"])
def test_every_form_compressed(folders, tmp_path, name, ending, opener):
    options = {"format": lzma.FORMAT_ALONE} if ending == ".lzma" else {}
    for path in (folders / name).iterdir():
        kept = path.suffix == ".conf"
        with (open if kept else opener)(
            tmp_path / f"{path.name}{'' if kept else ending}", "wb", **({} if kept else options)
        ) as file:
            file.write(path.read_bytes())
    found, plain = phonon_properties(tmp_path), phonon_properties(folders / name)
    assert found.speeds == pytest.approx(plain.speeds, nan_ok=True)
    assert found.max_frequency == plain.max_frequency


def test_forces_in_the_working_folder_are_not_read(folders, tmp_path, monkeypatch):
    """phonopy.load looks there, and takes FORCE_CONSTANTS before the forces of the yaml itself."""
    work, bare = tmp_path / "work", tmp_path / "bare"
    work.mkdir()
    bare.mkdir()
    monkeypatch.chdir(work)
    shutil.copy(folders / "disp" / "FORCE_SETS", work)
    shutil.copy(folders / "constants" / "FORCE_CONSTANTS", work)
    shutil.copy(folders / "disp" / "phonopy_disp.yaml", bare)
    with pytest.raises(MissingPhononsError, match="expected forces in bare"):
        phonon_properties(bare)


def test_the_newest_whole_source_wins(folders, expected, tmp_path):
    folder = tmp_path / "both"
    shutil.copytree(folders / "disp", folder)
    soft = zincblende_springs(springs=(90.0, 10.0), supercell=2)
    soft.save(folder / "phonopy_params.yaml", settings={"force_constants": True})
    os.utime(folder / "FORCE_SETS", (2e9, 2e9))
    os.utime(folder / "BORN", (2e9, 2e9))
    found = phonon_properties(folder)
    assert_same(found, expected)
    assert "FORCE_SETS" in found.source
    os.utime(folder / "phonopy_params.yaml", (3e9, 3e9))
    newer = phonon_properties(folder)
    assert newer.speeds.mean == pytest.approx(phonon_properties(soft).speeds.mean, rel=0.05)
    assert "FORCE_SETS" not in newer.source


def both_springs(folder):
    """Write each source of the same crystal: soft in the one named first, stiff in the other."""
    stiff = zincblende_springs(supercell=2)
    soft = zincblende_springs(springs=(90.0, 10.0), supercell=2)
    everything, nothing = {"force_constants": True}, {"force_constants": False}
    soft.save(folder / "phonopy_params.yaml", settings=everything)
    stiff.save(folder / "phonopy.yaml", settings=everything)
    stiff.save(folder / "phonopy_disp.yaml", settings=nothing)
    write_FORCE_CONSTANTS(soft.force_constants, filename=folder / "FORCE_CONSTANTS")
    write_force_constants_to_hdf5(
        stiff.force_constants, filename=folder / "force_constants.hdf5", physical_unit=None
    )
    for phonon, form in ((soft, "yaml"), (stiff, "hdf5")):
        phonon.run_band_structure([np.linspace([0.5, 0, 0.5], [0, 0, 0], 21)])
        getattr(phonon.band_structure, f"write_{form}")(filename=folder / f"band.{form}")
        phonon.run_mesh(30.0)
        getattr(phonon.mesh, f"write_{form}")(filename=folder / f"mesh.{form}")


@pytest.mark.parametrize("mode", [None, "w:gz", "zip"])
@pytest.mark.parametrize(
    ("older", "newer", "beside"),
    [
        ("phonopy_params.yaml", "phonopy.yaml", ""),
        ("FORCE_CONSTANTS", "force_constants.hdf5", "phonopy_disp.yaml"),
        ("band.yaml", "band.hdf5", "phonopy_disp.yaml"),
        ("mesh.yaml", "mesh.hdf5", "phonopy_disp.yaml"),
    ],
)
def test_the_newest_of_each_kind_wins_packed_or_not(tmp_path, older, newer, beside, mode):
    (tmp_path / "all").mkdir()
    both_springs(tmp_path / "all")
    highest = {}
    for first, second in ((older, newer), (newer, older)):
        folder = tmp_path / second
        folder.mkdir()
        for name, time in ((beside, 1e9), (first, 1.1e9), (second, 1.2e9)):
            if name:
                shutil.copy(tmp_path / "all" / name, folder)
                os.utime(folder / name, (time, time))
        place = folder
        if mode is not None:
            place = tmp_path / f"{second}.{'zip' if mode == 'zip' else 'tar.gz'}"
            archive(place, folder, mode)
        found = phonon_properties(place)
        assert second in found.source
        assert first not in found.source
        highest[second] = found.max_frequency
    assert highest[newer] > 1.05 * highest[older]  # stiff above soft


@pytest.mark.parametrize(
    ("names", "taken", "passed_over"),
    [
        (("phonopy_params.yaml", "phonopy.yaml"), "phonopy_params.yaml", "phonopy.yaml is"),
        (("phonopy_params.yaml", "FORCE_CONSTANTS", "phonopy.yaml"), "phonopy_params.yaml",
         "phonopy.yaml, FORCE_CONSTANTS are"),
        (("phonopy_disp.yaml", "FORCE_CONSTANTS", "force_constants.hdf5"), "FORCE_CONSTANTS",
         "force_constants.hdf5 is"),
        (("band.yaml", "band.hdf5", "phonopy_disp.yaml"), "band.yaml", "band.hdf5 is"),
        (("mesh.hdf5", "mesh.yaml", "phonopy_disp.yaml"), "mesh.yaml", "mesh.hdf5 is"),
    ],
)  # fmt: skip
def test_of_equally_old_sources_the_source_says_which_were_passed_over(
    tmp_path, names, taken, passed_over
):
    (tmp_path / "all").mkdir()
    both_springs(tmp_path / "all")
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in names:
        shutil.copy(tmp_path / "all" / name, folder)
        os.utime(folder / name, (1e9, 1e9))
    said = f" (by a fixed order, for {passed_over} as old: name a file to read it)"
    found = phonon_properties(folder).source
    assert found.endswith(said)
    assert taken in found.removesuffix(said)
    for name in passed_over.removesuffix(" is").removesuffix(" are").split(", "):
        found = phonon_properties(folder / name).source
        assert name in found
        assert "as old" not in found
    os.utime(folder / taken, (2e9, 2e9))
    assert "as old" not in phonon_properties(folder).source


@pytest.mark.parametrize("polar", [True, False])
def test_bands_and_mesh_of_two_calculations_are_noticed(tmp_path, polar):
    whole = polar_springs() if polar else zincblende_springs(supercell=2)
    other = zincblende_springs(springs=(160.0, 18.0), supercell=2)
    whole.run_band_structure([np.linspace([0.5, 0, 0.5], [0, 0, 0], 11)])
    whole.band_structure.write_yaml(filename=tmp_path / "band.yaml")
    for phonon, is_other in ((whole, False), (other, True)):
        for divisions in ([4, 4, 4], [3, 3, 3]):  # the second holds Gamma alone of the line
            phonon.run_mesh(divisions, is_gamma_center=True)
            phonon.mesh.write_yaml(filename=tmp_path / "mesh.yaml")
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                phonon_properties(tmp_path)
            said = [str(each.message) for each in caught if each.category is DataWarning]
            assert len(said) == is_other
            if is_other:
                assert said[0].startswith("band.yaml and mesh.yaml contradict each other, as files")


def test_bands_and_mesh_of_two_crystals_are_refused(folders, tmp_path):
    shutil.copy(folders / "band" / "band.yaml", tmp_path)
    document = yaml.safe_load((folders / "mesh" / "mesh.yaml").read_text())
    del document["points"][1:]
    for point in document["phonon"]:
        point["band"] = point["band"][:3]
    (tmp_path / "mesh.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(PhononDocumentError, match=r"of one crystal, got 6 and 3 branches"):
        phonon_properties(tmp_path)


def test_folders_are_found_through_links_once_each(folders, tmp_path):
    shutil.copytree(folders / "params", tmp_path / "elsewhere")
    searched = tmp_path / "searched"
    searched.mkdir()
    for name in ("one", "two"):
        (searched / name).symlink_to(tmp_path / "elsewhere")
    (searched / "up").symlink_to(searched)
    assert [found.name for found in find_calculations(searched)] == [f"{searched}/one"]


def test_what_lies_beside_a_calculation_and_is_not_read_is_named(folders, tmp_path):
    folder = tmp_path / "calculation"
    shutil.copytree(folders / "params", folder)
    for name in ("GaAs.json", "NaCl.tar.gz"):
        (folder / name).write_text("{}")
    with pytest.warns(DataWarning, match=r"so GaAs\.json, NaCl\.tar\.gz in it were not read: name"):
        phonon_properties(folder)


def test_bands_alone(folders, expected):
    found = phonon_properties(folders / "band")
    assert found.source == "frequencies of band.yaml"
    assert found.speeds.mean == pytest.approx(expected.speeds.mean, rel=0.1)  # two directions
    assert found.speeds_over == "path"
    assert np.isnan(found.heat_capacity_per_cell)
    assert found.notes == (
        "heat capacity: it takes a density of states, a mesh or force constants.",
        "Debye temperature: it takes force constants.",
    )
    assert speed_of_sound(folders / "band") == found.speeds.mean


def test_a_mesh_alone(folders, expected):
    found = phonon_properties(folders / "mesh" / "mesh.yaml")
    assert found.heat_capacities == pytest.approx(expected.heat_capacities, rel=1e-4)
    assert found.acoustic_top == pytest.approx(expected.acoustic_top, rel=1e-3)
    assert np.isnan(found.speeds.mean)
    assert "speeds of sound: a mesh holds no line from Gamma." in found.notes
    with pytest.raises(
        PhononDocumentError, match=r"along lines, got frequencies of mesh\.yaml; pass"
    ):
        speed_of_sound(folders / "mesh")


def test_bands_and_mesh_complete_each_other(folders, expected):
    found = phonon_properties(folders / "band_mesh")
    assert found.source == "frequencies of band.yaml, mesh.yaml"
    assert found.heat_capacities == pytest.approx(expected.heat_capacities, rel=1e-4)
    assert found.speeds.mean == phonon_properties(folders / "band").speeds.mean


@pytest.mark.parametrize("kind", ["band", "mesh"])
def test_hdf5_is_as_yaml(folders, kind):
    found = phonon_properties(folders / f"{kind}_hdf5" / f"{kind}.hdf5")
    plain = phonon_properties(folders / kind)
    assert found.speeds == pytest.approx(plain.speeds, rel=1e-4, nan_ok=True)
    assert found.max_frequency == pytest.approx(plain.max_frequency, rel=1e-6)
    assert found.heat_capacities == pytest.approx(plain.heat_capacities, rel=1e-5, nan_ok=True)


def test_a_band_structure_knows_its_labels_from_hdf5(folders):
    labels = {velocity.label for velocity in sound_velocities(folders / "band_hdf5")}
    assert labels == {"Gamma-X", "Gamma-L"}


def test_hdf5_without_a_cell_is_refused(folders, tmp_path):
    shutil.copy(folders / "mesh_hdf5" / "mesh.hdf5", tmp_path)
    with pytest.raises(PhononDocumentError, match=r"the cell in mesh\.hdf5 or primitive_cell in a"):
        phonon_properties(tmp_path)


@pytest.mark.parametrize(
    "function",
    [
        *(acoustic_optical_gap, acoustic_optical_edges, largest_gap, imaginary_modes),
        *(has_imaginary_modes, heat_capacity, speed_of_sound, directional_speeds),
        *(debye_temperature, phonon_properties),
    ],
)
def test_every_property_takes_path_phonopy_and_matcalcs_result(folders, function):
    by_path = function(folders / "params")
    phonon = polar_springs()
    for source in (phonon, {"phonon": phonon, "thermal_properties": {}}):
        found = function(source)
        if isinstance(found, tuple):
            assert np.allclose(found[:3], by_path[:3], rtol=1e-4, atol=1e-6)
        elif isinstance(found, bool | float):
            assert found == pytest.approx(by_path, rel=1e-4)
        else:
            assert_same(found, by_path)


def cubic_springs(times=1):
    """Springs in the cell of eight atoms; returns them with their force constants."""
    from phonopy.structure.cells import get_supercell

    primitive = zincblende_springs(supercell=2)
    cubic = get_supercell(primitive.unitcell, [[-1, 1, 1], [1, -1, 1], [1, 1, -1]])
    cell = phonopy.structure.atoms.PhonopyAtoms(
        symbols=cubic.symbols, cell=cubic.cell, scaled_positions=cubic.scaled_positions
    )
    phonon = phonopy.Phonopy(cell, times * np.eye(3), primitive_matrix=np.eye(3))
    lattice, at = phonon.supercell.cell, phonon.supercell.scaled_positions
    offset = at[None] - at[:, None]
    bonds = (offset - np.round(offset)) @ lattice
    length = np.linalg.norm(bonds, axis=2)
    bonded = (length > 0.1) & (length < 2.25)
    unit = bonds / np.where(length > 0, length, 1)[..., None]
    constants = -10.0 * np.einsum("ija,ijb->ijab", unit, unit) - np.eye(3)
    constants = constants * bonded[..., None, None]
    atoms = np.arange(len(at))
    constants[atoms, atoms] = -constants.sum(axis=1)
    return phonon, constants


@pytest.mark.parametrize("form", ["phonopy.yaml", "FORCE_CONSTANTS", "force_constants.hdf5"])
@pytest.mark.parametrize("cell", ["phonopy.yaml", "POSCAR"])
def test_constants_and_charges_of_the_cell_as_it_is(tmp_path, form, cell):
    """phonopy 3 wrote rows of all atoms of the cell, where it was told no primitive one."""
    if form == "phonopy.yaml" != cell:
        pytest.skip("a POSCAR holds no force constants")
    phonon, constants = cubic_springs(times=2)
    phonon.force_constants = constants[phonon.primitive.p2s_map]
    of_cation = np.array([symbol == "Ga" for symbol in phonon.unitcell.symbols])
    charges = 1.3 * np.where(of_cation, 1.0, -1.0)[:, None, None] * np.eye(3)
    phonon.nac_params = {"born": charges, "dielectric": 5.0 * np.eye(3), "factor": 14.4}
    if cell == "POSCAR":
        write_vasp(tmp_path / "POSCAR", phonon.unitcell)
        (tmp_path / "phonopy.conf").write_text("DIM = 2 2 2\n")
        write_born(polar_springs(), tmp_path)
    else:
        phonon.save(tmp_path / cell, settings={"force_constants": form == cell})
        document = yaml.safe_load((tmp_path / cell).read_text())
        del document["primitive_matrix"]
        (tmp_path / cell).write_text(yaml.safe_dump(document))
    if form == "FORCE_CONSTANTS":
        write_FORCE_CONSTANTS(
            phonon.force_constants, tmp_path / form, p2s_map=phonon.primitive.p2s_map
        )
    elif form != cell:
        write_force_constants_to_hdf5(
            phonon.force_constants, tmp_path / form, p2s_map=phonon.primitive.p2s_map
        )
    same = phonopy.Phonopy(phonon.unitcell, 2 * np.eye(3), primitive_matrix="F")
    same.force_constants = constants
    same.nac_params = {**phonon.nac_params, "born": np.array([np.eye(3), -np.eye(3)]) * 1.3}
    found = phonon_properties(tmp_path)
    assert len(found.structure) == 2
    assert_same(found, phonon_properties(same))


@pytest.mark.parametrize("form", ["disp", "conf", "hdf5"])
def test_masses_of_a_conf_file_are_taken(folders, tmp_path, form):
    """As phonopy itself takes them; phonopy_disp.yaml holds those of Ga and N."""
    shutil.copytree(folders / form, tmp_path, dirs_exist_ok=True)
    settings = CONF if form == "conf" else "MESH = 20 20 20 # Maßstab\n"
    (tmp_path / "mesh.conf").write_text(f"{settings}MASS = 100 20\n", encoding="latin-1")
    heavy = polar_springs()
    heavy.masses = [100.0, 20.0]
    found = phonon_properties(tmp_path)
    assert_same(found, phonon_properties(heavy))
    assert found.source.endswith(", mesh.conf")


def test_lines_of_a_conf_file_may_go_on(folders, expected, tmp_path):
    """phonopy's +++ at the end of a line."""
    shutil.copytree(folders / "conf", tmp_path, dirs_exist_ok=True)
    text = CONF.replace("DIM = 2 2 2", "DIM = 2 0 0 +++\n0 2 0 +++  \n  0 0 2")
    (tmp_path / "mesh.conf").write_text(text)
    assert_same(phonon_properties(tmp_path), expected)


def test_a_folder_with_yml(folders, expected, tmp_path):
    shutil.copy(folders / "params" / "phonopy_params.yaml", tmp_path / "phonopy.yml")
    assert_same(phonon_properties(tmp_path), expected)


def test_conf_files_that_state_nothing_are_no_source(folders, tmp_path):
    shutil.copytree(folders / "disp", tmp_path, dirs_exist_ok=True)
    for number in (2, 3):
        (tmp_path / f"{number}.conf").write_text(f"DIM = {number} 2 2\n")
    assert phonon_properties(tmp_path).source.endswith("BORN, FORCE_SETS")


@pytest.mark.parametrize("change", ["charges", "dielectric"])
@pytest.mark.parametrize("form", ["params", "disp"])
def test_charges_of_another_crystal_are_noticed(folders, tmp_path, form, change):
    """Of a BORN of SnO2 beside NaCl: longitudinal modes at 439 cm-1 in place of 247, not a word."""
    shutil.copytree(folders / form, tmp_path, dirs_exist_ok=True)
    odd = polar_springs()
    charges, dielectric = odd.nac_params["born"], odd.nac_params["dielectric"]
    if change == "charges":
        charges = charges * np.array([1.4, 1.0, 1.0])
    else:
        dielectric = dielectric * np.array([1.4, 1.0, 1.0])
    if form == "params":
        odd.nac_params = {**odd.nac_params, "born": charges, "dielectric": dielectric}
        odd.save(tmp_path / "phonopy_params.yaml", settings={"force_constants": True})
    else:
        rows = ["14.4", *(" ".join(map(str, each.ravel())) for each in (dielectric, *charges))]
        (tmp_path / "BORN").write_text("\n".join(rows))
    with pytest.warns(DataWarning, match="don't have the symmetry of the crystal"):
        phonon_properties(tmp_path)


@pytest.mark.parametrize("change", ["atom", "length", "number", None])
def test_forces_of_another_supercell_are_noticed(folders, tmp_path, change):
    """Forces from 2 x 2 x 2 cells, with the file of 4 x 2 x 1 ones, made NaCl unstable."""
    shutil.copytree(folders / "disp", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "phonopy_disp.yaml"
    document = yaml.safe_load(path.read_text())
    first, *others = document["displacements"]
    if change == "atom":
        first["atom"] += 1
    elif change == "length":
        first["displacement"] = [2.0 * x for x in first["displacement"]]
    elif change == "number":
        document["displacements"] = others
    path.write_text(yaml.safe_dump(document))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        phonon_properties(tmp_path)
    said = [str(each.message) for each in caught if each.category is DataWarning]
    assert len(said) == (change is not None)
    assert all(each.startswith("FORCE_SETS has other displacements than") for each in said)


@pytest.mark.parametrize(
    ("divisions", "lines", "what"),
    [(1, False, "gap"), (4, False, "gap"), (1, True, "heat capacity"), (4, True, None),
     (12, False, None)],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["yaml", "hdf5"])
def test_a_coarse_mesh_is_said(folders, tmp_path, divisions, lines, what, ending):
    """NaCl's modes at Gamma alone had a gap of 154 cm-1, where the branches overlap by 33."""
    phonon = polar_springs()
    phonon.run_mesh([divisions] * 3, is_gamma_center=True)
    getattr(phonon.mesh, f"write_{ending}")(filename=tmp_path / f"mesh.{ending}")
    shutil.copy(folders / "mesh_hdf5" / "phonopy.yaml", tmp_path)
    if lines:
        shutil.copy(folders / "band" / "band.yaml", tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        phonon_properties(tmp_path)
    said = [str(each.message) for each in caught if each.category is DataWarning]
    assert len(said) == (what is not None)
    if what is not None:
        assert f"has {divisions**3} wave vector(s) in the whole zone" in said[0]
        assert f"coarse for the {what}: compute it of" in said[0]


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
def test_a_density_of_another_crystal_or_unit_is_noticed(folders, tmp_path, factor):
    """A total_dos.dat of MgO beside NaCl's band.yaml: Cv of 18.9 J/mol/K in place of 24.0."""
    shutil.copy(folders / "band" / "band.yaml", tmp_path)
    phonon = polar_springs()
    phonon.run_mesh([10] * 3, is_gamma_center=True)
    phonon.run_total_dos()
    grid, states = phonon.total_dos.frequency_points, phonon.total_dos.dos
    np.savetxt(tmp_path / "total_dos.dat", np.stack([factor * grid, states / factor], axis=1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        phonon_properties(tmp_path)
    said = [str(each.message) for each in caught if each.category is DataWarning]
    assert len(said) == (factor != 1.0)
    assert all("as those of two crystals or units do" in each for each in said)


@pytest.mark.parametrize("name", ["phonopy_disp.yaml", "phonopy.conf"])
def test_a_mark_of_byte_order_does_not_count(folders, expected, tmp_path, name):
    """It made a phonopy_disp.yaml one that holds forces, of which none were found then."""
    form = "disp" if name == "phonopy_disp.yaml" else "kyoto"
    shutil.copytree(folders / form, tmp_path, dirs_exist_ok=True)
    text = (folders / form / name).read_text()
    text = text.replace("  length:", '  force: "eV/angstrom"\n  length:')  # as phonopy 3 writes
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert_same(phonon_properties(tmp_path), expected)


def test_single_wave_vectors_are_no_lines(tmp_path):
    """Of Gamma and X in a qpoints.yaml came a gap of 18 cm-1 and 1.69 km/s for NaCl's 3.16."""
    phonon = polar_springs()
    phonon.run_qpoints([[0, 0, 0], [0.5, 0, 0.5]])
    phonon.qpoints.write_yaml(filename=tmp_path / "qpoints.yaml")
    with pytest.raises(PhononDocumentError, match=r"a mesh in qpoints\.yaml, got wave vectors"):
        phonon_properties(tmp_path / "qpoints.yaml")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_named(folders, tmp_path, encoding):
    text = (folders / "disp" / "phonopy_disp.yaml").read_text()
    (tmp_path / "phonopy_disp.yaml").write_text(f"# Übergang\n{text}", encoding=encoding)
    with pytest.raises(PhononDocumentError, match=r"text in UTF-8 in phonopy_disp\.yaml, got"):
        phonon_properties(tmp_path)


def test_the_primitive_cell_is_not_assumed(tmp_path):
    """phonopy 3 took the unit cell where a file does not state it, phonopy 4 finds one."""
    phonon, constants = cubic_springs()
    phonon.generate_displacements(distance=0.01)
    phonon.forces = [
        -np.einsum("iab,b->ia", constants[:, atom["number"]], atom["displacement"])
        for atom in phonon.dataset["first_atoms"]
    ]
    stated, unstated = tmp_path / "stated", tmp_path / "unstated"
    stated.mkdir()
    unstated.mkdir()
    phonon.save(stated / "phonopy_params.yaml", settings={"force_sets": True})
    document = yaml.safe_load((stated / "phonopy_params.yaml").read_text())
    document["primitive_matrix"] = np.eye(3).tolist()
    (stated / "phonopy_params.yaml").write_text(yaml.safe_dump(document))
    for key in ("primitive_matrix", "primitive_cell"):
        document.pop(key, None)
    (unstated / "phonopy_params.yaml").write_text(yaml.safe_dump(document))
    found = phonon_properties(unstated)
    assert len(found.structure) == 2
    assert found.acoustic_optical_gap > 0.0
    as_stated = phonon_properties(stated)
    assert len(as_stated.structure) == 8
    assert np.isnan(as_stated.acoustic_optical_gap)
    assert "the cell has 8 atoms and the primitive one 2" in as_stated.notes[0]
    assert as_stated.speeds == pytest.approx(found.speeds, rel=1e-3)


def test_displacements_of_all_atoms_at_once(expected, tmp_path):
    """Random displacements, with the force on each atom; finite differences cannot take them."""
    phonon = polar_springs()
    constants = phonon.force_constants
    shifts = np.random.default_rng(0).normal(scale=0.01, size=(12, len(constants), 3))
    phonon.dataset = {
        "displacements": shifts,
        "forces": -np.einsum("iajb,njb->nia", constants.transpose(0, 2, 1, 3), shifts),
    }
    phonon.save(tmp_path / "phonopy_params_random.yaml", settings={"force_sets": True})
    found = phonon_properties(tmp_path / "phonopy_params_random.yaml")
    assert_same(found, expected, rel=1e-4)


def test_the_supercell_that_vasp_was_run_on(folders, expected, tmp_path):
    """POSCAR-unitcell, and a POSCAR that is the supercell: force constants by VASP itself."""
    shutil.copytree(folders / "sposcar", tmp_path / "dfpt")
    (tmp_path / "dfpt" / "POSCAR").rename(tmp_path / "dfpt" / "POSCAR-unitcell")
    (tmp_path / "dfpt" / "SPOSCAR").rename(tmp_path / "dfpt" / "POSCAR")
    assert_same(phonon_properties(tmp_path / "dfpt"), expected)


def test_a_poscar_without_symbols_is_refused(folders, tmp_path):
    """phonopy would read H and He."""
    shutil.copytree(folders / "conf", tmp_path / "old")
    lines = (tmp_path / "old" / "POSCAR").read_text().splitlines()
    assert lines[5].split() == ["Ga", "N"]
    (tmp_path / "old" / "POSCAR").write_text("\n".join(["cell", *lines[1:5], *lines[6:]]))
    with pytest.raises(PhononDocumentError, match="a line of element symbols above the numbers"):
        phonon_properties(tmp_path / "old")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phonopy.conf": ""}, r"write for example DIM = 2 2 2 to phonopy\.conf"),
        ({"phonopy.conf": "DIM = 2 x 2"}, "DIM as 3 or 9 whole numbers"),
        ({"phonopy.conf": "DIM = 999 999 999"}, "a supercell of 1 to 10000 atoms, got DIM"),
        ({"a.conf": "DIM = 3 3 3"}, r"one DIM in the \.conf files of broken, got '3 3 3' and"),
        ({"phonopy.conf": f"{CONF}MASS = 10"}, r"MASS as 2 masses in u, .*, got '10' in a \.conf"),
        ({"phonopy.conf": f"{CONF}MASS = 10 -1"}, "MASS as 2 masses in u"),
        ({"phonopy.conf": f"{CONF}MASS = 10 x"}, "MASS as 2 masses in u"),
        ({"phonopy.conf": f"{CONF}CALCULATOR = vaspp"}, "CALCULATOR as phonopy names them"),
        ({"phonopy.conf": CONF.replace("2 2 2", "1 1 1")}, "reading it failed"),
        ({"POSCAR-unitcell": None}, "expected the cell that FORCE_SETS in broken belongs to"),
        ({"POSCAR-unitcell": None, "unitcell.in": "x"}, r"one force calculator in broken, found"),
        ({"FORCE_SETS": "16\n1\n"}, "forces on 16 atoms of each .* a file that ends early"),
        ({"FORCE_SETS": ""}, "forces on 16 atoms of each .* a file that ends early"),
        ({"FORCE_SETS": "16\n1\n1\n0.01 0 0\n0 0 x\n"}, "or holds other text"),
        ({"BORN": "1\n"}, "reading it failed"),
    ],
)
def test_what_is_wrong_in_a_folder_is_one_sentence(folders, tmp_path, change, message):
    folder = tmp_path / "broken"
    shutil.copytree(folders / "kyoto", folder)
    for name, content in change.items():
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(content)
    with pytest.raises(PhononDocumentError, match=message):
        phonon_properties(folder)


@pytest.mark.parametrize(
    "matrix",
    [
        "supercell_matrix:\n- [ 5000, 0, 0 ]\n- [ 0, 5000, 0 ]\n- [ 0, 0, 5000 ]\n",
        "supercell_matrix: [[5000, 0, 0], [0, 5000, 0], [0, 0, 5000]]\n",
        '"supercell_matrix": [[5000, 0, 0], [0, 5000, 0], [0, 0, 5000]]\n',
        "? supercell_matrix\n: [[5000, 0, 0], [0, 5000, 0], [0, 0, 5000]]\n",
    ],
)
def test_a_supercell_that_would_take_all_memory_is_refused(folders, tmp_path, matrix):
    text = (folders / "params" / "phonopy_params.yaml").read_text()
    start = text.index("supercell_matrix:")
    rest = text[start:].split("\n", 4)[4]
    (tmp_path / "phonopy_params.yaml").write_text(text[:start] + matrix + rest)
    with pytest.raises(PhononDocumentError, match="a supercell of 1 to 10000 atoms in"):
        phonon_properties(tmp_path)


def test_missing_phonopy_is_named(folders, monkeypatch):
    monkeypatch.setitem(sys.modules, "phonopy", None)
    for name in ("params", "kyoto"):
        with pytest.raises(MissingExtraError, match=r"found none: pip install .*phonopy"):
            phonon_properties(folders / name)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.txt", "x", r"a file of a phonon calculation, got notes\.txt; known are"),
        ("other.yaml", "a: 1", r"a phonopy file with unit_cell, .* got other\.yaml with a; give"),
        ("band.yaml", "", r"in band\.yaml, got an empty file"),
        ("band.json", "{", r"expected JSON in band\.json, but reading it failed"),
        ("band.json", '{"a": 1}', r"in band\.json, got a document with a; give another file"),
        ("band.json", "[]", "got an empty list"),
        ("band.hdf5", "no", "reading it failed"),
        ("x.tar.gz", "no", r"expected a whole archive in x\.tar\.gz"),
        ("x.zip", "no", r"expected a whole archive in x\.zip"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(PhononDocumentError, match=message):
        phonon_properties(tmp_path / name)


def test_nothing_there(tmp_path):
    for path in (tmp_path / "nowhere", "", "a\0b", "x" * 300, "x" * 10_000):
        with pytest.raises(FileNotFoundError, match="found none; check the path"):
            phonon_properties(path)
    with pytest.raises(PhononDocumentError, match="found none; name the folder that holds them"):
        phonon_properties(tmp_path)


# many at a time


def test_folders_are_searched(folders, tmp_path):
    root = tmp_path / "all"
    shutil.copytree(folders / "params", root / "a" / "params")
    (root / "a" / "params" / "disp-001").mkdir()
    write_vasp(root / "a" / "params" / "disp-001" / "POSCAR", polar_springs().supercell)
    shutil.copytree(folders / "conf", root / "b")
    (root / "c").mkdir()
    (root / "c" / "bands.json").write_text(json.dumps(diatomic_chain().as_dict()))
    (root / "c" / "broken.json").write_text("{")
    (root / ".hidden").mkdir()
    shutil.copy(folders / "params" / "phonopy_params.yaml", root / ".hidden")
    found = list(find_calculations(root))
    assert [each.name for each in found] == [
        f"{root}/{name}" for name in ("a/params", "b", "c/bands.json", "c/broken.json")
    ]
    assert found[0].read().force_constants is not None
    with pytest.raises(PhononDocumentError, match=r"expected JSON in broken\.json"):
        found[3].read()
    with pytest.raises(PhononDocumentError, match=r"expected one calculation in .*, found several"):
        phonon_properties(root)


def test_several_saved_under_names_of_their_own(folders, tmp_path):
    content = (folders / "params" / "phonopy_params.yaml").read_bytes()
    for name in ("phonopy_params_A.yaml", "phonopy_params_B.yaml.gz"):
        (tmp_path / name).write_bytes(gzip.compress(content) if ".gz" in name else content)
    found = list(find_calculations(tmp_path))
    assert [each.name[-8:] for each in found] == ["s_A.yaml", ".yaml.gz"]
    assert all(each.read().force_constants for each in found)


def archive(path, folder, mode, prefix="calculation"):
    if mode == "zip":
        with zipfile.ZipFile(path, "w") as file:
            for member in folder.iterdir():
                file.write(member, f"{prefix}/{member.name}")
    else:
        with tarfile.open(path, mode) as file:
            file.add(folder, prefix)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *(("x.tar", "w"), ("x.tar.gz", "w:gz"), ("x.tgz", "w:gz"), ("x.tar.bz2", "w:bz2")),
        *(("x.tar.xz", "w:xz"), ("x.tar.lzma", "w:xz"), ("x.zip", "zip")),
    ],
)
def test_archives(folders, tmp_path, expected, name, mode):
    archive(tmp_path / name, folders / "kyoto", mode)
    assert_same(phonon_properties(tmp_path / name), expected)


def test_an_archive_of_several(folders, tmp_path):
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as file:
        for name in ("params", "conf", "band"):
            file.add(folders / name, f"set/{name}")
    found = {each.name: each.read().source for each in find_calculations(tmp_path / "x.tar.gz")}
    assert [name.rsplit(":", 1)[1] for name in found] == ["set/params", "set/conf", "set/band"]
    assert list(found.values())[2] == "frequencies of band.yaml"


def tar_of(path, *members):
    with tarfile.open(path, "w:gz") as file:
        for info, content in members:
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))


def test_names_that_lead_out_of_an_archive(tmp_path):
    for name in ("../BORN", "/etc/BORN", "a/../../BORN"):
        tar_of(tmp_path / "x.tgz", (tarfile.TarInfo(name), b"x"))
        with pytest.raises(PhononDocumentError, match="leads out of it; don't trust"):
            phonon_properties(tmp_path / "x.tgz")


def test_links_in_an_archive_are_not_followed(folders, tmp_path):
    (tmp_path / "secret").write_text("1\n")
    link = tarfile.TarInfo("a/FORCE_SETS")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
    cell = (folders / "conf" / "POSCAR").read_bytes()
    tar_of(tmp_path / "x.tgz", (link, b""), (tarfile.TarInfo("a/POSCAR"), cell))
    with pytest.raises(PhononDocumentError, match=r"expected phonon calculations in x\.tgz"):
        phonon_properties(tmp_path / "x.tgz")


def test_archives_that_grow_are_refused(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_ARCHIVE_BYTES", 20_000)
    for name, mode in (("x.tar.xz", "w:xz"), ("x.zip", "zip")):
        archive(tmp_path / name, folders / "params", mode)
        with pytest.raises(PhononTLError, match="unpack"):
            phonon_properties(tmp_path / name)
    monkeypatch.setattr(reading, "MAX_MEMBERS", 1)
    archive(tmp_path / "y.zip", folders / "kyoto", "zip")
    with pytest.raises(PhononDocumentError, match=r"at most 1 files in y\.zip"):
        phonon_properties(tmp_path / "y.zip")


def test_files_that_grow_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(json_documents, "MAX_BYTES", 1_000)
    with gzip.open(tmp_path / "x.json.gz", "wb") as file:
        file.write(b" " * 100_000)
    with pytest.raises(PhononDocumentError, match=r"in x\.json\.gz, unpacked, got more"):
        phonon_properties(tmp_path / "x.json.gz")
    monkeypatch.setattr(phonopy_files, "MAX_BYTES", 1_000)
    with lzma.open(tmp_path / "band.yaml.xz", "wb") as file:
        file.write(b"#" * 100_000)
    with pytest.raises(UnpackingError, match=r"in band\.yaml\.xz, unpacked, got more"):
        phonon_properties(tmp_path / "band.yaml.xz")


# JSON documents


def without_source(found):
    return found.as_dict() | {"source": None}


def test_documents_with_bands_and_density(tmp_path, test_data):
    path = test_data / "raw_phonons" / "RbI_mp-23302_phonon_doc.json.gz"
    found = phonon_properties(path)
    assert found.source == f"a band structure and a density of states in {path.name}"
    assert found.units == "THz (inferred)"
    # of the very document behind the paper's table, 49.5697 J/mol/K and 1.66 km/s there
    assert found.heat_capacities[0] == pytest.approx(49.5720, abs=1e-3)
    assert found.speeds.mean == pytest.approx(1.6973, abs=1e-3)
    document = json.loads(gzip.decompress(path.read_bytes()))
    assert without_source(phonon_properties(document)) == without_source(found)
    renamed = {"phonon_bandstructure": document["ph_bs"], "phonon_dos": document["ph_dos"]}
    (tmp_path / "new.json").write_text(json.dumps([renamed, {**renamed, "material_id": "mp-1"}]))
    both = list(find_calculations(tmp_path / "new.json"))
    assert [each.name.rsplit(":", 1)[1] for each in both] == ["0", "mp-1"]
    assert without_source(phonon_properties(both[1].read())) == without_source(found)


def petretto():
    """A document of the raw form of Petretto et al.: cm-1, [q][branch], a CIF."""
    from pymatgen.io.cif import CifWriter

    chain, density = diatomic_chain(springs=(60.0, 60.0, 60.0)), debye_dos(12.0, 2)
    cm1 = 33.35641
    return {
        "metadata": {"material_id": "mp-7", "structure": str(CifWriter(chain.structure))},
        "phonon": {
            "ph_bandstructure": (cm1 * np.array(chain.bands).T).tolist(),
            "qpts": [q.frac_coords.tolist() for q in chain.qpoints],
            "dos_frequencies": (cm1 * np.array(density.frequencies)).tolist(),
            "ph_dos": (np.array(density.densities) / cm1).tolist(),
        },
    }


def test_raw_documents_of_petretto(tmp_path):
    (tmp_path / "mp-7.json").write_text(json.dumps(petretto()))
    found = phonon_properties(tmp_path / "mp-7.json")
    assert found.acoustic_optical_gap == pytest.approx(210.41, abs=0.01)  # closed form
    assert found.speeds.mean == pytest.approx(5.876, abs=0.002)
    assert found.units == "cm-1, as the format of Petretto's files has it"
    broken = petretto()
    del broken["phonon"]["qpts"]
    with pytest.raises(PhononDocumentError, match="a raw document of Petretto"):
        phonon_properties(broken)


def test_a_density_alone():
    found = phonon_properties(debye_dos(cutoff=10.0), unit="THz", temperature=[0.0, 300.0])
    assert np.isnan(found.acoustic_optical_gap)
    assert found.heat_capacity_per_cell == pytest.approx(22.0219, abs=1e-3)
    assert found.structure is None
    assert found.as_dict()["formula"] is None
    assert found.as_dict()["heat_capacity"] is None
    assert found.units == "THz (as given)"
    with pytest.raises(PhononDocumentError, match="got a density of states alone; pass the bands"):
        acoustic_optical_gap(debye_dos(), unit="THz")


def test_an_unstable_document(test_data):
    found = phonon_properties(test_data / "raw_phonons" / "BaTiO3_phonon_bs.json.gz")
    assert not found.is_stable
    assert np.isnan(found.speeds.mean)
    assert any("imaginary modes down to" in note for note in found.notes)


@pytest.mark.parametrize("temperature", [-1.0, "warm", [300.0, np.nan], []])
def test_temperatures(chain, temperature):
    with pytest.raises(ValueError, match="expected a temperature of at least 0 K, got"):
        phonon_properties(chain, temperature=temperature)


def test_the_kyoto_archives_give_the_datasets_figures(test_data):
    """Of NaCl; the dataset's row comes from the same archive by another way."""
    from matminer_phonon_tl import load_phonondb_kyoto

    path = test_data / "phonondb" / "materials-id-22862-nacl-fm-3m-225.tar.lzma"
    row = load_phonondb_kyoto().set_index("material_id").loc["mp-22862"]
    found = phonon_properties(path).as_dict()
    for name in ("acoustic_optical_gap", "speed_of_sound", "debye_temperature", "heat_capacity"):
        assert found[name] == pytest.approx(row[name], rel=2e-3), name


def test_yaml_that_would_run_as_a_program_is_refused(folders, tmp_path):
    """phonopy's own reading of YAML runs what a file says; no file of its kind needs it."""
    text = (folders / "params" / "phonopy_params.yaml").read_text()
    assert "\nsupercell:\n" in text
    proof = tmp_path / "it_ran"
    line = f'  extra: !!python/object/apply:os.mkdir ["{proof}"]\n'
    path = tmp_path / "phonopy_params.yaml"
    path.write_text(text.replace("\nsupercell:\n", f"\nsupercell:\n{line}"))
    with pytest.raises(PhononDocumentError, match=r"got what would run as a program .*os\.mkdir"):
        phonon_properties(path)
    assert not proof.exists()


def test_yaml_of_another_kind_is_no_program(folders, tmp_path):
    text = (folders / "params" / "phonopy_params.yaml").read_text()
    (tmp_path / "phonopy_params.yaml").write_text(f"remark: !note mine\n{text}")
    with pytest.raises(PhononDocumentError, match=r"got another thing .*note.*; correct it"):
        phonon_properties(tmp_path)


def test_settings_that_do_not_concern_bands_do_not_refuse_them(folders, tmp_path):
    """Two .conf files with another DIM each belong to two runs; the bands are finished."""
    shutil.copy(folders / "band" / "band.yaml", tmp_path)
    (tmp_path / "band.conf").write_text("DIM = 2 2 2\n")
    (tmp_path / "mesh.conf").write_text("DIM = 3 3 3\nMASS = 70 14\n")
    found, expected = phonon_properties(tmp_path), phonon_properties(folders / "band")
    assert found.speeds == expected.speeds
    assert found.source == expected.source


def test_the_folder_one_is_in_has_a_name(folders, tmp_path, monkeypatch):
    shutil.copy(folders / "disp" / "phonopy_disp.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    for path in (".", "phonopy_disp.yaml"):
        with pytest.raises(MissingPhononsError, match=rf"expected forces in {tmp_path.name} "):
            phonon_properties(path)


def test_what_phono3py_and_phonopy_gruneisen_write_is_named(folders, tmp_path):
    text = (folders / "params" / "phonopy_params.yaml").read_text()
    path = tmp_path / "phono3py_params.yaml"
    path.write_text(text.replace("phonopy:\n", "phono3py:\n", 1))
    with pytest.raises(PhononDocumentError, match=r"got phono3py_params\.yaml of phono3py"):
        phonon_properties(path)

    mesh = yaml.safe_load((folders / "mesh" / "mesh.yaml").read_text())
    for point in mesh["phonon"]:
        point["multiplicity"] = point.pop("weight")
    path = tmp_path / "gruneisen_mesh.yaml"
    path.write_text(yaml.safe_dump(mesh))
    with pytest.raises(PhononDocumentError, match=r"a weight of each wave vector .*gruneisen"):
        phonon_properties(path)
