"""Files as people have them: what is read, and what would be a guess and is refused.

Found by reading reports of others' problems with pymatgen's parsers, and by trying what lies in the
folders of VASP, phonopy, databases and journals.
"""

import bz2
import gzip
import json

import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.io.vasp import Poscar

from matminer_phonon_tl.exceptions import CompositionError
from matminer_phonon_tl.models.shipped import ShippedPredictors
from matminer_phonon_tl.structures import find_format, split_structures, structure_of
from tests.field.cases import POSCAR

CIF = """data_GaN
_symmetry_space_group_name_H-M 'F -4 3 m'
_cell_length_a 4.5
_cell_length_b 4.5
_cell_length_c 4.5
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Ga1 Ga 0 0 0 1
N1 N 0.25 0.25 0.25 1
"""
CELL = {"Ga": 1, "N": 1}
"""Both files are zincblende GaN, whose primitive cell has one atom of each."""


def read(text, name="file"):
    (entry,) = split_structures(text.encode(), name)
    return structure_of(entry.value)


@pytest.mark.parametrize(
    "name",
    ["PPOSCAR", "SPOSCAR", "CONTCAR", "POSCAR-001", "relaxed", "GaN_T_d", "x.vasp", "x.poscar.gz"],
)
def test_files_are_looked_for_before_a_formula_is_read(command, tmp_path, name):
    """``phonon-tl predict SPOSCAR`` said that SPOSCAR was no formula."""
    content = POSCAR.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    code, out, err = command("predict", "--json", name)
    assert code == 0, err
    (record,) = json.loads(out)
    assert (record["file"], record["formula"], record["based_on"]) == (name, "GaN", "structure")


@pytest.mark.parametrize(
    ("name", "pack"),
    [("x.cif.gz", gzip.compress), ("x.mcif", bytes), ("x.CIF.bz2", bz2.compress), ("GaN", bytes)],
)
def test_a_cif_may_have_any_name(command, tmp_path, name, pack):
    """The last is a file that is named like the formula: the file is meant."""
    (tmp_path / name).write_bytes(pack(CIF.encode()))
    code, out, err = command("predict", "--json", name)
    assert code == 0, err
    (record,) = json.loads(out)
    assert (record["formula"], record["based_on"]) == ("GaN", "structure")


def test_a_folder_named_like_a_formula_is_not_read_without_its_slash(command, tmp_path):
    (tmp_path / "GaN").mkdir()
    (tmp_path / "GaN" / "POSCAR").write_text(POSCAR)
    formula, crystal = (
        json.loads(command("predict", "--json", name)[1])[0] for name in ("GaN", "GaN/")
    )
    assert (formula["based_on"], crystal["based_on"]) == ("composition", "structure")
    assert "the folder of this name was not read: write GaN/ for it" in formula["note"]


@pytest.mark.parametrize(
    "name",
    ["no.mcif", "no.cif.gz", "folder/no", "NO_POSCAR", "no.extxyz", "no.json.xz", "no.in"],
)
def test_a_file_that_is_not_there_is_no_formula(command, name):
    code, out, err = command("predict", "--json", name)
    assert code == 1
    assert "found none of that name: check the path" in json.loads(out)[0]["error"]
    assert err.count("\n") == 1


def test_a_formula_too_long_for_a_path_is_a_formula(command):
    code, _, err = command("predict", "--json", "Ga" * 3000)
    assert code == 1
    assert "it has 6000 characters, more than 500" in err


def test_a_poscar_without_symbols_is_refused(command, tmp_path):
    """pymatgen takes hydrogen, helium, ...; it predicted HHe for this and exited with 0."""
    (tmp_path / "POSCAR").write_text(POSCAR.replace(" Ga N\n", ""))
    sentence = "add the line of symbols above the numbers of atoms, such as 'Ga N'"
    code, out, err = command("predict", "--json", "POSCAR")
    assert code == 1
    assert json.loads(out)[0]["speed_of_sound"] is None
    assert sentence in err
    assert "Warning" not in err
    command("screen", "POSCAR", "o.csv")
    assert sentence in pd.read_csv("o.csv")["error"][0]


@pytest.mark.parametrize(
    "text",
    [
        POSCAR.replace(" Ga N\n 1", " Ga_d/1f3a  N/8c2b\n 1"),  # VASP 6 writes hashes of the POTCAR
        POSCAR.replace(" Ga N\n", "").replace("0.00\n 0.25", "0.00 Ga\n 0.25") + "x",  # below
        POSCAR.replace("Direct", "Selective dynamics\nDirect")
        .replace("0.00 0.00 0.00\n 0.25", "0.00 0.00 0.00 T T T\n 0.25")
        .replace("0.25 0.25 0.25\n", "0.25 0.25 0.25 T T T\n"),
        POSCAR.replace("\n", "\r\n"),
        POSCAR + "\n 0.0 0.0 0.0\n 0.0 0.0 0.0\n",  # velocities
        POSCAR.replace("1.0\n", "-22.78125\n"),  # the volume
        POSCAR.replace("Ga N\n1.0", "   \n1.0 ! scale"),
    ],
)
def test_dialects_of_poscar(text):
    text = text.replace("0.25 0.25 0.25\nx", "0.25 0.25 0.25 N\n")  # symbols at the ends of lines
    structure = read(text, "POSCAR")
    assert structure.composition.as_dict() == CELL
    assert structure.volume == pytest.approx(4.5**3 / 4)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (POSCAR.replace(" Ga N\n 1 1", " Ga N O\n 1 1"), "got 2 for 3: correct lines 6 and 7"),
        (POSCAR.replace("Direct", "Direct configuration=     1"), "got a trajectory"),
        (POSCAR.replace(" 0.25 0.25 0.25\n", ""), "expected a structure file that can be read"),
        (POSCAR.replace(" 1 1\n", " 0 0\n"), "expected a structure"),
    ],
)
def test_a_poscar_that_contradicts_itself_is_refused(text, sentence):
    with pytest.raises(CompositionError, match=sentence):
        read(text, "POSCAR")


def test_each_block_of_a_cif_is_predicted(command, tmp_path):
    """Only the first was, without a word. Journals put two crystals and their authors in a file."""
    other = CIF.replace("data_GaN", "data_AlN").replace("Ga", "Al").replace("data_AlN", "data_x y")
    authors = "data_global\n_publ_author_name 'A. Author'\n\n"
    (tmp_path / "paper.cif").write_text(authors + CIF + other + CIF)
    code, out, err = command("predict", "--json", "paper.cif")
    assert code == 0, err
    records = json.loads(out)
    assert [record["formula"] for record in records] == ["GaN", "AlN", "GaN"]
    # Two have the same name, so that numbers tell them apart.
    assert [record["entry"] for record in records] == ["GaN 1", "x", "GaN 3"]
    assert "paper.cif [x] (AlN)" in command("predict", "paper.cif")[1].replace("\n", " ")
    command("screen", "paper.cif", "o.csv")
    assert pd.read_csv("o.csv")["entry"].tolist() == ["GaN 1", "x", "GaN 3"]


def test_a_block_that_cannot_be_read_takes_no_other_with_it(command, tmp_path):
    (tmp_path / "two.cif").write_text(CIF.replace("Ga1 Ga 0 0 0", "Ga1 Ga ? 0 0") + CIF)
    code, out, _ = command("predict", "--json", "two.cif")
    assert code == 1
    first, second = json.loads(out)
    assert "expected a structure file that can be read" in first["error"]
    assert second["formula"] == "GaN"


@pytest.mark.parametrize("content", ["", "<html>404</html>", CIF[:300], CIF[: CIF.index("loop_")]])
@pytest.mark.parametrize("name", ["broken.cif", "POSCAR"])
def test_a_broken_file_takes_no_other_with_it(command, tmp_path, name, content):
    """An empty CIF ended the whole folder in a traceback."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "good.cif").write_text(CIF)
    (folder / name).write_text(content)
    code, out, err = command("predict", "folder", "--json")
    records = {record["file"]: record for record in json.loads(out)}
    assert records["folder/good.cif"]["error"] is None
    if not (name == "POSCAR" and content.startswith("data_")):  # a CIF, whatever its name
        error = records[f"folder/{name}"]["error"]
        assert error.startswith("expected a structure file that can be read, but")
        assert not {"index", "modulo", "argument"} & set(error.split())
    assert code
    assert "Traceback" not in err


def test_structures_are_found_through_links_once_each(command, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.cif").write_text(CIF)
    folder = tmp_path / "folder"
    folder.mkdir()
    for link in ("one", "two"):
        (folder / link).symlink_to(tmp_path / "elsewhere")
    (folder / "up").symlink_to(folder)
    code, out, _ = command("predict", "folder", "--json")
    (record,) = json.loads(out)
    assert record["file"].endswith("/x.cif")
    assert not code


def test_partial_occupancy_is_said(command, tmp_path):
    """Such a crystal was averaged without a word."""
    alloy = CIF.replace("Ga1 Ga 0 0 0 1", "Ga1 Ga 0 0 0 0.5\nAl1 Al 0 0 0 0.5")
    (tmp_path / "alloy.cif").write_text(alloy)
    note = "sites are partly occupied or shared: each is described by its average"
    code, out, _ = command("predict", "--json", "alloy.cif")
    assert code == 0
    assert note in json.loads(out)[0]["note"]
    assert note in " ".join(command("predict", "alloy.cif")[1].split())
    command("screen", "alloy.cif", "o.csv")
    assert note in pd.read_csv("o.csv")["note"][0]
    vacancies = Structure(Lattice.cubic(4.2), [{"Na": 0.9}, "Cl"], [[0] * 3, [0.5] * 3])
    ordered = Structure(Lattice.cubic(4.2), ["Na", "Cl"], [[0] * 3, [0.5] * 3])
    notes = ShippedPredictors().predict([vacancies, ordered])["note"]
    assert [note in each for each in notes] == [True, False]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        # Hydrogen is often missing: X-rays hardly see it. The formula tells.
        (("_cell_length_a", "_chemical_formula_sum 'Ga N H3'\n_cell_length_a"), "formula, Ga1"),
        (("_cell_length_a", "_chemical_formula_sum 'Ga2 N'\n_cell_length_a"), "formula, Ga2 N1"),
        # "Vac" is no vanadium, "Wat" no oxygen without its hydrogen.
        (("N1 N 0.25", "N1 Vac 0.25"), "expected element symbols in the CIF, got 'Vac'"),
        (("N1 N 0.25", "N1 Wat 0.25"), "got hydrogens that are only counted: add their sites"),
        # A group that nobody knows was P1 to pymatgen.
        (("F -4 3 m", "F -4 3 q"), "only the space group 'F -4 3 q', which is not known"),
        (("Ga1 Ga 0 0 0 1", "Ga1 Ga 0 0 0 1\nAl1 Al 0 0 0 0.5"), "can be read, but: .*ccupancy"),
    ],
)
def test_what_a_cif_leaves_open_is_refused(change, sentence):
    assert change[0] in CIF
    with pytest.raises(CompositionError, match=sentence):
        read(CIF.replace(*change), "x.cif")


def test_the_origin_of_a_space_group_is_not_guessed():
    """Diamond is 8 atoms at (1/8, 1/8, 1/8) in the second setting of F d -3 m; 16 in the first.

    International Tables for Crystallography A, group 227.
    """
    diamond = CIF.replace("F -4 3 m", "F d -3 m").replace("N1 N 0.25 0.25 0.25 1\n", "")
    diamond = diamond.replace("Ga1 Ga 0 0 0", "C1 C 0.125 0.125 0.125").replace("4.5", "3.567")
    with pytest.raises(
        CompositionError, match="of which 2 settings fit the cell: write the operations"
    ):
        read(diamond, "x.cif")
    counted = diamond.replace(
        "_cell_length_a", "_chemical_formula_sum C\n_cell_formula_units_Z 8\n_cell_length_a"
    )
    assert read(counted, "x.cif").composition.num_atoms == 8


def test_coordinates_of_three_digits_and_three_thirds_are_fine():
    thirds = CIF.replace(
        "Ga1 Ga 0 0 0 1", "Ga1 Ga 0 0 0 0.3334\nAl1 Al 0 0 0 0.3333\nIn1 In 0 0 0 0.3334"
    )
    structure = read(thirds, "x.cif")
    assert structure.composition["N"] == pytest.approx(
        sum(structure.composition[symbol] for symbol in ("Ga", "Al", "In"))
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("phonopy_params.yaml", "phonopy:\n  version: 3.5\nunit_cell:\n  lattice:\n"),
        ("band.yaml", "calculator: qe\nnqpoint: 303\nnatom: 2\nlattice:\n- [1, 0, 0]\n"),
        ("mesh.yaml", "mesh: [ 11, 11, 11 ]\nnqpoint: 1\n"),
        ("renamed.txt", "phonopy:\n  version: 3.5\n"),
        ("FORCE_SETS", "2\n1\n\n1\n  0.01 0.0 0.0\n  0.0 0.0 0.0\n  0.0 0.0 0.0\n"),
        ("FORCE_CONSTANTS", "2 2\n1 1\n 1.0 0.0 0.0\n 0.0 1.0 0.0\n 0.0 0.0 1.0\n"),
        ("bands.json", '{"@class": "PhononBandStructureSymmLine", "structure": {}, "bands": []}'),
    ],
)
def test_phonons_are_not_predicted_but_computed(command, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    sentence = f"got {name}, which holds phonons: phonon-tl properties {name} computes"
    code, _, err = command("predict", name)
    assert code == 1
    assert sentence in err
    assert err.count("\n") == 1
    code, _, err = command("screen", name, "o.csv")
    assert code == 2
    assert sentence in err


def test_a_packed_phonopy_file_is_known_too(command, tmp_path):
    (tmp_path / "phonopy_params.yaml.gz").write_bytes(gzip.compress(b"phonopy:\n  version: 4\n"))
    assert (
        "phonon-tl properties phonopy_params.yaml.gz computes"
        in command("predict", "phonopy_params.yaml.gz")[2]
    )
    assert command("predict", ".")[2].startswith("'.': expected")  # its name was empty


def test_what_is_passed_over_in_a_folder_is_said(command, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "POSCAR").write_text(POSCAR)
    (tmp_path / "run" / "CHGCAR").write_text(
        POSCAR + "\n 2 2 2\n 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8\n"
    )
    (tmp_path / "run" / "OUTCAR").write_text("vasp.6.4.2\n")
    (tmp_path / "run" / "phonopy.yaml").write_text("phonopy:\n  version: 4\n")
    (tmp_path / "run" / ".hidden.cif").write_text(CIF)
    for arguments in (("predict", "run"), ("screen", "run", "o.csv")):
        code, _, err = command(*arguments)
        assert code == 0
        assert "no structure file in run: CHGCAR, OUTCAR, phonopy.yaml" in err
        assert "phonon-tl properties reads those that hold phonons" in err
    assert len(pd.read_csv("o.csv")) == 1


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "expected structure files"),
        ({"notes.txt": "hello"}, "or Parquet files in the folder run, found none"),
        ({"band.yaml": "nqpoint: 3\nnatom: 2\n"}, "phonon-tl properties run/band.yaml computes"),
    ],
)
def test_a_folder_without_structures_is_refused(command, tmp_path, files, sentence):
    (tmp_path / "run").mkdir()
    for name, content in files.items():
        (tmp_path / "run" / name).write_text(content)
    assert sentence in command("predict", "run")[2]
    code, _, err = command("screen", "run", "o.csv")
    assert code == 2
    assert sentence in err


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        ("2\nmolecule\nGa 0 0 0\nN 1 1 1\n", "whose XYZ has no Lattice"),
        ('2\nLattice="1 0 0 0 1 0 0 0 9" pbc="T T F"\nC 0 0 0\nC 0 0 1\n', "periodic along T T F"),
        ('3\nLattice="4 0 0 0 4 0 0 0 4"\nGa 0 0 0\nN 1 1 1\n', "expected 3 atoms .* got 2 lines"),
        ('1\nLattice="4 0 0 0 4 0 0 0 nan"\nGa 0 0 0\n', "numbers that are not finite"),
    ],
)
def test_frames_that_are_no_crystals_are_refused(frame, sentence):
    with pytest.raises(CompositionError, match=sentence):
        read(frame, "x.xyz")


@pytest.mark.parametrize("form", ["json", "yaml", "xsf", "cssr", "res", "pwmat", "cif", "poscar"])
def test_what_pymatgen_writes_is_read(form):
    structure = Poscar.from_str(POSCAR).structure
    ending = {"pwmat": "config", "poscar": "vasp"}.get(form, form)
    again = read(structure.to(fmt=form), f"x.{ending}")
    assert again.composition.reduced_formula == "GaN"
    assert again.volume / again.num_sites == pytest.approx(structure.volume / 2, rel=1e-3)


def test_a_document_names_no_module_that_is_imported():
    """pymatgen decodes site properties with monty, which imports what a file names."""
    document = Poscar.from_str(POSCAR).structure.as_dict()
    evil = {"@module": "antigravity_of_a_stranger", "@class": "X", "@version": None}
    document["sites"][0]["properties"] = {"magmom": evil, "charge": 1.0}
    document["sites"][1]["properties"] = {"magmom": 0.0, "charge": -1.0}
    document["properties"] = {"x": evil}
    structure = structure_of(document)
    assert structure.site_properties == {"charge": [1.0, -1.0]}
    assert not structure.properties


@pytest.mark.parametrize(
    "document",
    [
        {"sites": [], "lattice": {"matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}},
        {"sites": [{"species": [{"element": "Ga", "occu": 1}], "abc": [0, 0, 0]}]},  # a molecule
        {"lattice": {"matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}},
        {"lattice": 3, "sites": 4},
        {
            "lattice": {"matrix": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]},
            "sites": [{"species": [{"element": "Ga", "occu": 1}], "abc": [0, 0, float("nan")]}],
        },
        {
            "lattice": {"matrix": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]},
            "sites": [{"species": [{"element": "Ga", "occu": 2}], "abc": [0, 0, 0]}],
        },
    ],
)
def test_a_document_that_is_no_crystal_is_refused(document):
    with pytest.raises(CompositionError, match="expected a structure's document with lattice and"):
        structure_of(document)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", None),
        (b"%PDF-1.7 ...", None),
        (b"", None),
        (b"Hello\nworld\n", None),
        (b"\x89HDF\r\n", "phonons"),
        (POSCAR.encode("utf-16"), "poscar"),
        (b"\xef\xbb\xbf" + CIF.encode(), "cif"),
        (b"# a comment\n# another # # #\n" * 50 + CIF.encode(), "cif"),
    ],
)
def test_kinds_are_told_by_content(content, kind):
    assert find_format("noname", content) == kind
