"""What parsers pass over in a structure file, so that another crystal came out without a word.

Found by reading a thousand files that other programs ship, and every setting of every space group,
in two ways each.
"""

import gzip
import io
import json
import lzma
import re
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure

from matminer_phonon_tl.exceptions import CompositionError, DataWarning
from matminer_phonon_tl.models.shipped import ShippedPredictors
from matminer_phonon_tl.space_groups import find_settings, operations_of
from matminer_phonon_tl.structures import find_format, split_structures, structure_of
from tests.field.cases import POSCAR

XSF = """CRYSTAL
PRIMVEC
 0.00 2.25 2.25
 2.25 0.00 2.25
 2.25 2.25 0.00
PRIMCOORD
2 1
Ga 0 0 0
N 1.125 1.125 1.125
"""
CSSR = """4.5 4.5 4.5
90.00 90.00 90.00 SPGR =  1 P 1    OPT = 1
2 0
0 Cs1 Cl1
1 Cs 0.0000 0.0000 0.0000
2 Cl 0.5000 0.5000 0.5000
"""
RES = """TITL CsCl
CELL 1.0 4.5 4.5 4.5 90 90 90
LATT -1
SFAC Cs Cl
Cs 1 0.0 0.0 0.0 1.0
Cl 2 0.5 0.5 0.5 1.0
END
"""


def read(text, name="file"):
    (entry,) = split_structures(text.encode(), name)
    return structure_of(entry.value)


def changed(text, *pairs):
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    return text


def cif(atoms, *, group=(), cell=(4.5, 4.5, 4.5, 90, 90, 90), columns="label type_symbol", more=""):
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    keys = {"name": "_symmetry_space_group_name_H-M", "hall": "_symmetry_space_group_name_Hall"}
    keys["number"] = "_symmetry_Int_Tables_number"
    lines = ["data_x", *(f"{keys[key]} '{value}'" for key, value in dict(group).items())]
    lines += [f"_cell_{name} {value}" for name, value in zip(names, cell, strict=True)]
    lines += [more, "loop_", *(f"_atom_site_{name}" for name in columns.split())]
    lines += [f"_atom_site_fract_{name}" for name in "xyz"]
    return "\n".join([*lines, *atoms]) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        changed(POSCAR, "1.0\n", "-22.78125\n", "Direct", "Cartesian", "0.25 0", "1.125 1.125 0")
        .replace("1.125 1.125 0.25 0.25", "1.125 1.125 1.125"),  # a volume: -23 was a scale
        changed(POSCAR, "1.0\n", "0.5 1.0 2.0 ! x, y, z\n", " 2.25 0.00 2.25", " 4.50 0.00 1.125")
        .replace(" 0.00 2.25 2.25", " 0.00 2.25 1.125")
        .replace(" 2.25 2.25 0.00", " 4.50 2.25 0.00"),
        changed(POSCAR, " 1 1\n", " 1 1 ! two atoms\n", "Direct", "Direct ! or Cartesian"),
        changed(POSCAR, " Ga N\n 1 1\n", " Ga N # symbols\n 1 1 # two atoms\n"),
    ],
    ids=["volume and Cartesian", "three scales", "comments", "comments of Python"],
)  # fmt: skip
def test_scales_and_comments_of_a_poscar(text):
    """https://www.vasp.at/wiki/POSCAR: a negative scale is the volume, three are of x, y and z."""
    structure = read(text, "POSCAR")
    assert structure.volume == pytest.approx(4.5**3 / 4)
    np.testing.assert_allclose(structure[1].frac_coords, [0.25] * 3, atol=1e-9)
    assert structure.get_distance(0, 1) == pytest.approx(np.sqrt(3) / 4 * 4.5)


def test_what_molecular_dynamics_writes_behind_a_poscar_is_passed_over():
    """VASP's velocities were searched for another POSCAR for seconds, and those of a lattice found.

    https://www.vasp.at/wiki/POSCAR: velocities of the lattice and its vectors, then of atoms.
    """
    rows = "  0.12345678E-02 -0.20054010E-02  0.10745440E-02\n" * 6
    lattice = f"Lattice velocities and vectors\n 1\n{rows}Direct\n"
    many = changed(POSCAR, " 1 1\n", " 200 200\n") + " 0.1 0.2 0.3\n" * 398
    started = time.monotonic()
    assert len(read(many + lattice + rows * 60, "CONTCAR")) == 400
    assert time.monotonic() - started < 5.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        # Flags without their line "Selective dynamics", and no symbols: F was fluorine.
        (
            changed(POSCAR, " Ga N\n 1", " 1", " 0.00\n 0.25", " 0.00 F F F\n 0.25").rstrip()
            + " F F F\n",
            "expected element symbols in the POSCAR, got none",
        ),
        (POSCAR + " 0.5 0.5 0.5\n", "expected 2 lines of coordinates in the POSCAR.*got 3"),
        ("GaN", "it is cut short, or some of it is missing"),
        (POSCAR.partition(" Ga N")[0].strip(), "it is cut short, or some of it is missing"),
        (POSCAR + POSCAR, "got a POSCAR with another behind it"),
        (changed(POSCAR, " Ga N\n", " GA N\n"), "symbols on line 6 of the POSCAR, got 'GA'"),
        (changed(POSCAR, " Ga N\n", " X N\n"), "symbols on line 6 of the POSCAR, got 'X'"),
        (changed(POSCAR, "0.25 0.25 0.25", "0.25 nan 0.25"), "numbers that are not finite"),
    ],
)
def test_a_poscar_that_says_something_else_is_refused(text, sentence):
    with pytest.raises(CompositionError, match=sentence):
        read(text, "POSCAR")


def test_selective_dynamics_of_fluorine():
    flags = changed(POSCAR, "Direct", "Selective\nDirect", " Ga N\n 1", " 1")
    flags = changed(flags, " 0.00\n 0.25", " 0.00 F F F F\n 0.25").rstrip() + " F F F F\n"
    assert read(flags, "POSCAR").composition.as_dict() == {"F": 2}


@pytest.mark.parametrize(
    "table",
    ["# x y z\n" + "0.1 0.2 0.3\n" * 9, "-1 0 1\n" * 9, "1\n2.5\n" + "1 2 3\n" * 3 + "0.5 1 2\n"],
)
def test_a_table_of_numbers_is_no_poscar(table):
    """Densities of states were, in a folder of calculations, and each was an error."""
    assert find_format("pdos.dat", table.encode()) is None


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("x.xsf", changed(XSF, "CRYSTAL", "SLAB"), "an XSF of the kind SLAB"),
        ("x.xsf", changed(XSF, "CRYSTAL", "POLYMER"), "an XSF of the kind POLYMER"),
        ("x.xsf", "MOLECULE\nATOMS\nO 0 0 0\nH 0 0 1\n", "an XSF of the kind MOLECULE"),
        ("x.xsf", changed(XSF, "2 1", "3 1"), "expected 3 atoms, as the file says, got 2"),
        ("x.xsf", "ANIMSTEPS 1\n" + XSF, "expected one structure, got an animated XSF"),
        (
            "x.xsf",  # a Fermi surface
            ("BEGIN_INFO\n Fermi Energy: 1.0\nEND_INFO\nBEGIN_BLOCK_BANDGRID_3D\nb\n"
            "BEGIN_BANDGRID_3D_b\n1\n1 1 1\n0 0 0\n1 0 0\n0 1 0\n0 0 1\nBAND: 1\n1.0\n"
            "END_BANDGRID_3D\nEND_BLOCK_BANDGRID_3D\n"),
            "expected a crystal, got a file without a cell",
        ),
        ("x.cssr", changed(CSSR, "1 P 1 ", "221 P m -3 m "), "expected a CSSR of all atoms"),
        ("x.cssr", changed(CSSR, "2 0\n", "2 1\n"), "with fractional coordinates"),
        ("x.cssr", changed(CSSR, "1 Cs", "1 Cs+"), "expected 2 atoms.*got 1 that can be read"),
        ("x.res", changed(RES, "LATT -1", "LATT 1"), "without symmetry"),
        ("x.res", changed(RES, "LATT -1\n", ""), "without symmetry"),
        ("x.res", changed(RES, "0.5 1.0", "0.5 0.5"), "of whole atoms"),
        ("geometry.in", "atom 0 0 0 O\natom 0 0 1 H\n", "got a geometry.in of 0 lattice vectors"),
    ],
)  # fmt: skip
def test_what_other_formats_say_is_heard(name, text, sentence):
    """Symmetry was not applied, sites were dropped, a slab and a molecule were crystals."""
    with pytest.raises(CompositionError, match=sentence):
        read(text, name)


def test_only_atoms_of_a_res_file_have_occupancies():
    text = changed(RES, "CELL 1.0", "REM 1 of 2 structures here\nCELL 1")
    assert read(text, "x.res").reduced_formula == "CsCl"


@pytest.mark.parametrize(
    "atoms",
    [
        "atom_frac 0 0 0 Ga\natom_frac 0.25 0.25 0.25 N\n",
        "  atom 0 0 0 Ga # comment\n  initial_moment 1\natom 1.125 1.125 1.125 N\n",
    ],
)
def test_the_input_of_fhi_aims_is_read(atoms):
    vectors = "# GaN\n" + "".join(
        f"lattice_vector {vector}\n" for vector in ("0 2.25 2.25", "2.25 0 2.25", "2.25 2.25 0")
    )
    assert read(vectors + atoms, "geometry.in").matches(read(POSCAR, "POSCAR"))


def test_rhombohedral_axes_are_seen_by_the_cell():
    """Bismuth has 2 atoms in its rhombohedral cell; the operations of hexagonal axes made it 6.

    R. W. G. Wyckoff, Crystal Structures 1 (1963): a = 4.746 Angstrom, 57.23 degrees, u = 0.234.
    """
    cell = (4.746, 4.746, 4.746, 57.23, 57.23, 57.23)
    structure = read(cif(["Bi1 Bi 0.234 0.234 0.234"], group={"name": "R -3 m"}, cell=cell))
    assert structure.composition.as_dict() == {"Bi": 2}
    assert structure.density == pytest.approx(9.8, rel=0.01)  # CRC Handbook: 9.79 g/cm3
    hexagonal = (4.546, 4.546, 11.862, 90, 90, 120)
    structure = read(cif(["Bi1 Bi 0 0 0.234"], group={"name": "R -3 m"}, cell=hexagonal))
    assert structure.composition.as_dict() == {"Bi": 6}


@pytest.mark.parametrize("group", [{"hall": "-P 2yn"}, {"name": "P 21/n", "number": 14}])
def test_settings_of_a_group_are_told_apart(group):
    """P 21/n takes (x, y, z) to (1/2 - x, 1/2 + y, 1/2 - z): International Tables A, group 14."""
    structure = read(
        cif(["C1 C 0.1 0.2 0.3", "O1 O 0 0 0"], group=group, cell=(5, 6, 7, 90, 100, 90))
    )
    assert structure.composition.as_dict() == {"C": 4, "O": 2}
    places = structure.frac_coords % 1
    assert any(np.allclose(place, [0.4, 0.7, 0.2]) for place in places)


@pytest.mark.parametrize(
    ("group", "cell", "sentence"),
    [
        # As a database of crystals writes its published cells: the number's operations, of
        # I 4/mmm, gave a fourth of the atoms.
        ({"name": "F4/mmm", "number": 139}, (4.5, 4.5, 6, 90, 90, 90), "which is not known"),
        ({"number": 14}, (5, 6, 7, 90, 100, 90), "'14', of which 3 settings fit the cell"),
        # A primitive cell with the name of its group: the centring made four atoms of each.
        ({"name": "F m -3 m"}, (3.2, 3.2, 3.2, 60, 60, 60), "of which no setting fits the cell"),
        (
            {"name": "P n m a", "number": 225},
            (4, 5, 6, 90, 90, 90),
            "only the space group '225, P n m a', of which no setting fits the cell",
        ),
        # Beside a name that nobody knows, pymatgen chose one of two origins.
        ({"name": "F d -3 m", "number": 0}, (5, 5, 5, 90, 90, 90), "of which 2 settings fit"),
        ({"name": "F d -3 m", "hall": "F 4"}, (5, 5, 5, 90, 90, 90), "of which 2 settings fit"),
    ],
)
def test_a_space_group_that_leaves_the_crystal_open_is_refused(group, cell, sentence):
    with pytest.raises(CompositionError, match=sentence):
        read(cif(["C1 C 0.1 0.2 0.3"], group=group, cell=cell))


def test_a_setting_in_which_sites_coincide_is_not_the_one():
    """Of F d -3 m, 0 0 0 and 1/4 1/4 1/4 are one site with the first origin, two with the second.

    International Tables A, group 227: 8a there, 16c and 32e here.
    """
    more = "_chemical_formula_sum 'Ni O2'\n_cell_formula_units_Z 16"
    atoms = ["Ni1 Ni 0 0 0", "O1 O 0.25 0.25 0.25"]
    structure = read(cif(atoms, group={"name": "F d -3 m"}, more=more))
    assert structure.composition.as_dict() == {"Ni": 16, "O": 32}


@pytest.mark.parametrize("are_written", [True, False])
def test_moments_beside_an_ordinary_group_lose_no_atoms(are_written):
    """pymatgen takes such a file for one of a magnetic group, of which it finds no operation."""
    operations = operations_of(*find_settings(["F m -3 m"], np.eye(3)))
    loop = ["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{o.as_xyz_str()}'" for o in operations)]
    more = "\n".join(loop) if are_written else ""
    atoms = ["Ni1 Ni 0 0 0", "O1 O 0.5 0.5 0.5", "loop_", "_atom_site_moment_label"]
    atoms += [f"_atom_site_moment_crystalaxis_{axis}" for axis in "xyz"]
    structure = read(cif([*atoms, "Ni1 1.7 0 0"], group={"name": "F m -3 m"}, more=more))
    assert structure.composition.as_dict() == {"Ni": 4, "O": 4}
    assert structure.site_properties["magmom"] is not None


def test_operations_are_all_read():
    """Where one could not be read, pymatgen took none; where a site is shared, it lost some."""
    loop = "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n'-x, y, -z'\n'{}'\n'x, -y, z'\n"
    atoms = ["M1 '0.9Mg + 0.1Fe' 1 0.5 0.1 0.2", "C1 C 1 0.1 0.2 0.3"]
    columns = "label type_symbol occupancy"
    structure = read(cif(atoms, columns=columns, more=loop.format("-x, -y, -z")))
    assert structure.composition.as_dict() == pytest.approx({"C": 4, "Mg": 3.6, "Fe": 0.4})
    for operation in ("-x; -y; -z", "inversion"):
        with pytest.raises(
            CompositionError, match="expected symmetry operations such as 'x, y, z'"
        ):
            read(cif(atoms[1:], columns=columns, more=loop.format(operation)))


def test_the_atoms_of_a_unit_without_operations_are_no_crystal():
    """Of rock salt's 4 formula units (International Tables A, 225, 4a and 4b) one was read."""
    one = "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n_cell_formula_units_Z {}\n"
    one += "_chemical_formula_sum 'Na Cl'\n"
    atoms = ["Na1 Na 0 0 0", "Cl1 Cl 0.5 0.5 0.5"]
    for name, z in (("F m -3 m", 1), ("P 1", 4)):
        assert len(read(cif(atoms, group={"name": name}, more=one.format(z)))) == 2
    with pytest.raises(CompositionError, match="got only 'x, y, z', and not the atoms that"):
        read(cif(atoms, group={"name": "F m -3 m"}, more=one.format(4)))


@pytest.mark.parametrize(
    ("atom", "columns", "sentence"),
    [
        ("N1 NH3 0 0 0", "label type_symbol", "got 'NH3'"),  # nihonium
        ("C1 CO 0 0 0", "label type_symbol", "got 'CO'"),  # cobalt
        ("HO1 0 0 0", "label", "got 'HO1'"),  # holmium
        ("O1 O 1 .5 0 0\nC1 C . 0 0 0", "label type_symbol occupancy", r"got '\.': write 1 where"),
    ],
)
def test_groups_and_dots_are_no_elements_and_no_zeros(atom, columns, sentence):
    with pytest.raises(CompositionError, match=sentence):
        read(cif([atom], columns=columns))


def test_capitals_are_read_where_the_label_or_the_formula_agrees():
    assert read(cif(["CO1 CO 0 0 0"])).composition.as_dict() == {"Co": 1}
    stated = read(cif(["CO1 0 0 0"], columns="label", more="_chemical_formula_sum 'Co'"))
    assert stated.composition.as_dict() == {"Co": 1}


def test_a_formula_that_is_rounded_is_no_contradiction():
    """Sr0.7Y0.3CoO2.62 of 74 atoms, O42 for Co16 (2.625), was refused for its last digit."""
    atoms = ["Sr1 Sr 0 0 0 0.7", "Co1 Co 0.5 0.5 0.5 1", "O1 O 0.5 0.5 0 0.875"]
    atoms += ["O2 O 0.5 0 0.5 0.875", "O3 O 0 0.5 0.5 0.875"]
    columns = "label type_symbol"
    text = cif(atoms, columns=columns, more="_chemical_formula_sum 'Sr0.7 Co O{}'")
    text = text.replace("_atom_site_fract_z\n", "_atom_site_fract_z\n_atom_site_occupancy\n")
    assert read(text.format("2.62")).composition["O"] == pytest.approx(2.625)
    for other in ("2.7", "3"):
        with pytest.raises(CompositionError, match="expected the atoms of the CIF's formula"):
            read(text.format(other))


def test_a_block_of_question_marks_is_passed_over_and_named(command, tmp_path):
    """Springer Materials adds a reduced cell without atoms to each file, which was an error."""
    good = cif(["Cs1 Cs 0 0 0", "Cl1 Cl 0.5 0.5 0.5"])
    (tmp_path / "x.cif").write_text(good + cif(["? ? ? ? ?"]).replace("data_x", "data_reduced"))
    code, out, err = command("predict", "--json", "x.cif")
    assert code == 0, err
    (record,) = json.loads(out)
    assert (record["formula"], record["entry"]) == ("CsCl", None)
    assert err == "phonon-tl: x.cif: passed over what has a cell and no atoms: reduced\n"
    code, _, err = command("screen", "x.cif", "o.csv")
    assert "passed over what has a cell and no atoms: reduced" in err
    assert len(pd.read_csv("o.csv")) == 1


def test_question_marks_for_displacements_hide_no_atoms():
    """Templates of journals hold such loops; the block was passed over as one without atoms."""
    unknown = ["loop_", "_atom_site_aniso_label"]
    unknown += [f"_atom_site_aniso_U_{place}" for place in (11, 22, 33)]
    atoms = ["Cs1 Cs 0 0 0", "Cl1 Cl 0.5 0.5 0.5", *unknown, "? ? ? ?"]
    assert read(cif(atoms)).reduced_formula == "CsCl"


def test_only_structures_of_a_document_are_predicted(command, tmp_path):
    """Of a calculation's document, every other field was a row: "InN" was one more material."""
    crystal = Structure(Lattice.cubic(4.2), ["Cs", "Cl"], [[0] * 3, [0.5] * 3]).as_dict()
    document = {"formula_pretty": "InN", "energy": -3.2, "initial": crystal, "final": crystal}
    (tmp_path / "task.json").write_text(json.dumps(document))
    code, out, err = command("predict", "--json", "task.json")
    assert code == 0, err
    assert [record["entry"] for record in json.loads(out)] == ["initial", "final"]
    assert "passed over what is no structure: 'formula_pretty, energy'" in err
    command("screen", "task.json", "o.csv")
    assert pd.read_csv("o.csv")["based_on"].tolist() == ["structure", "structure"]


def test_a_document_of_good_structures_warns_of_nothing():
    crystal = Structure(Lattice.cubic(4.2), ["Cs", "Cl"], [[0] * 3, [0.5] * 3]).as_dict()
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        assert len(split_structures(json.dumps({"a": crystal, "b": crystal}).encode(), "x")) == 2


@pytest.mark.parametrize(
    ("structure", "sentence"),
    [
        # The search for neighbours took all memory.
        (
            Structure(Lattice.cubic(4.2), ["Cs", "Cl"], [[0] * 3, [np.nan, 0.5, 0.5]]),
            "a position or cell vector is not below 10000",
        ),
        (
            Structure(Lattice.cubic(4.2), ["Cs", "Cl"], [[0] * 3, [1e8, 0.5, 0.5]]),
            "a position or cell vector is not below 10000",
        ),
        (
            Structure([[4, 0, 0], [0, 4, 0], [0, 1e8, 4]], ["Cs", "Cl"], [[0] * 3, [0.5] * 3]),
            "a position or cell vector is not below 10000",
        ),
        (
            Structure(Lattice(np.eye(3) * 4.2, pbc=(1, 1, 0)), ["Cs", "Cl"], [[0] * 3, [0.5] * 3]),
            "the models do not know molecules and layers",
        ),
        # Dummy sites of three letters ended the command in a traceback.
        (Structure(Lattice.cubic(4.2), ["Mma", "Cl"], [[0] * 3, [0.5] * 3]), "got 'Mma'"),
    ],
    ids=["nan", "far", "skew", "layer", "dummy"],
)
def test_structures_of_python_are_checked_too(structure, sentence):
    good = Structure(Lattice.cubic(4.2), ["Cs", "Cl"], [[0] * 3, [0.5] * 3])
    frame = ShippedPredictors().predict([structure, good])
    assert sentence in frame["error"][0]
    assert frame["error"][1] is None


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
@pytest.mark.parametrize("kind", ["cif", "poscar", "extxyz", "xsf"])
def test_structures_come_from_standard_input_too(command, monkeypatch, kind, pack):
    """They were read as CSV, whose columns had no formula; "-" was a formula to predict."""
    vectors = "0 2.25 2.25 2.25 0 2.25 2.25 2.25 0"
    frame = f'2\nLattice="{vectors}"\nGa 0 0 0\nN 1.125 1.125 1.125\n'
    group = {"name": "F -4 3 m"}
    texts = {"poscar": POSCAR, "extxyz": frame, "xsf": XSF}
    texts["cif"] = cif(["Ga1 Ga 0 0 0", "N1 N .25 .25 .25"], group=group)
    for arguments in (("predict", "--json", "-"), ("screen", "-", "o.csv")):
        content = io.BufferedReader(io.BytesIO(pack(texts[kind].encode())))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content))
        code, out, err = command(*arguments)
        assert code == 0, err
        rows = json.loads(out) if out else pd.read_csv("o.csv").to_dict("records")
        assert [(row["formula"], row["based_on"]) for row in rows] == [("GaN", "structure")]


def test_a_table_whose_first_column_is_named_data_is_no_cif(command, monkeypatch):
    """From standard input "data_id,formula" began a block of a CIF."""
    for separator in ",\t;|":
        text = "data_id,formula\n1,GaN\n".replace(",", separator)
        content = io.BufferedReader(io.BytesIO(text.encode()))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content))
        code, _, err = command("screen", "-", "o.csv")
        assert code == 0, err
        assert pd.read_csv("o.csv")["formula"].tolist() == ["GaN"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.zip", b"PK\x03\x04", "got a ZIP archive: unpack it"),
        ("vasprun.xml", b"<?xml ?><modeling>", "got XML: .* its crystal as CIF"),
        ("OUTCAR", b" vasp.6.4.2\n", "got OUTCAR: write another program's crystal as CIF"),
    ],
)
def test_an_unknown_file_is_named_with_what_to_do(command, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    code, _, err = command("predict", name)
    assert code == 1
    assert re.search(sentence, err)


def test_moments_of_extended_xyz_are_those_of_the_atoms(tmp_path):
    """ASE writes them; of the same Atoms in Python they were named, of their file not."""
    atoms = pytest.importorskip("ase.build").bulk("Fe")
    atoms.set_initial_magnetic_moments([2.2])
    atoms.write(tmp_path / "x.extxyz")
    (entry,) = split_structures((tmp_path / "x.extxyz").read_bytes(), "x.extxyz")
    notes = ShippedPredictors().predict([structure_of(entry.value), atoms])["note"]
    assert notes[0].startswith("magnetic (moments of up to 2.2 Bohr magnetons)")
    assert notes[0] == notes[1]
