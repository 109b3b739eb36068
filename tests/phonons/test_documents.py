"""Every form of document is read alike, and every broken one is refused with its reason."""

import copy

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.phonon.bandstructure import PhononBandStructureSymmLine
from pymatgen.phonon.dos import CompletePhononDos, PhononDos

from matminer_phonon_tl.exceptions import PhononDocumentError
from matminer_phonon_tl.phonons import diatomic_chain
from matminer_phonon_tl.phonons.bands import is_primitive, read_bands
from matminer_phonon_tl.phonons.density import _highest_occupied, read_dos
from matminer_phonon_tl.phonons.documents import doubt_of_lengths, one_structure
from matminer_phonon_tl.units import EV_TO_THZ, THZ_TO_CM1


@pytest.fixture
def document(chain):
    return chain.as_dict()


def test_object_dict_and_units_agree(chain, document):
    expected = read_bands(chain)
    for factor in (1.0, THZ_TO_CM1, 1.0 / EV_TO_THZ):
        scaled = {**document, "bands": (factor * chain.bands).tolist()}
        read = read_bands(scaled)
        np.testing.assert_allclose(read.frequencies, expected.frequencies, rtol=1e-12)
        np.testing.assert_allclose(read.q_cartesian, expected.q_cartesian, rtol=1e-12)


def test_emmet_types_are_read(chain, debye):
    phonon = pytest.importorskip("emmet.core.phonon", reason="the extra mp is not installed")
    bs = phonon.PhononBS.from_pmg(chain)
    np.testing.assert_allclose(read_bands(bs).frequencies, chain.bands)
    dos = phonon.PhononDOS(
        frequencies=debye.frequencies.tolist(), densities=debye.densities.tolist()
    )
    # without a structure 10 THz could be 10 cm-1, but emmet's schema defines the field
    assert read_dos(dos).frequencies[-1] == pytest.approx(10.0)


def test_branches_are_sorted(chain):
    shuffled = copy.deepcopy(chain)
    shuffled.bands = chain.bands[::-1]
    np.testing.assert_array_equal(read_bands(shuffled).frequencies, chain.bands)


@pytest.mark.parametrize("with_structure", [True, False])
def test_missing_two_pi_is_put_back(chain, document, with_structure):
    bare = {**document, "lattice_rec": {"matrix": chain.lattice_rec.matrix / (2.0 * np.pi)}}
    if not with_structure:
        del bare["structure"]
    read = read_bands(bare, unit="THz")
    np.testing.assert_allclose(read.reciprocal_matrix, chain.lattice_rec.matrix)


@pytest.mark.parametrize("two_pi", [1.0, 2.0 * np.pi])
def test_a_rounded_reciprocal_lattice_is_that_of_the_structure(chain, document, two_pi):
    given = chain.lattice_rec.matrix / two_pi
    read = read_bands({**document, "lattice_rec": {"matrix": 1.015 * given}})
    np.testing.assert_allclose(read.reciprocal_matrix, chain.lattice_rec.matrix)
    with pytest.raises(PhononDocumentError, match="bands belong to another cell"):
        read_bands({**document, "lattice_rec": {"matrix": 1.03 * given}})


@pytest.mark.parametrize("volume_per_atom", [3.0, 20.0, 100.0, 390.0])
@pytest.mark.parametrize("with_two_pi", [True, False])
def test_two_pi_is_told_by_the_volume_alone(chain, document, volume_per_atom, with_two_pi):
    lattice = Lattice.cubic((2 * volume_per_atom) ** (1 / 3))
    given = (
        lattice.reciprocal_lattice if with_two_pi else lattice.reciprocal_lattice_crystallographic
    )
    bare = {**document, "structure": None, "lattice_rec": {"matrix": given.matrix}}
    expected = read_bands(chain).q_fractional @ lattice.reciprocal_lattice.matrix
    np.testing.assert_allclose(read_bands(bare, unit="THz").q_cartesian, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("points", "jumps"),
    [
        ([0.0, 0.1, 0.2, 0.6], [False, False, True]),  # at the end
        ([0.0, 0.4, 0.5, 0.6], [True, False, False]),  # at the beginning
        ([0.0, 0.1, 0.1, 0.5, 0.6], [False, False, True, False]),  # a corner that stands twice
        ([0.0, 0.1, 0.2, 0.5, 0.8], [False, False, False, False]),  # segments of their own steps
        ([0.0, 0.5], [False]),  # nothing to compare with
    ],
)
def test_jumps_of_a_path(document, points, jumps):
    q = [[x, 0.0, 0.0] for x in points]
    bands = np.asarray(document["bands"])[:, : len(q)]
    read = read_bands({**document, "qpoints": q, "bands": bands})
    assert read.jumps.tolist() == jumps


def test_structure_of_another_module_is_read(document):
    document["structure"]["@module"] = "abipy.core.structure"
    assert read_bands(document).structure.formula == "Ga1 N1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bands": None}, "without bands; it is truncated"),
        ({"qpoints": None, "lattice_rec": None}, "without qpoints, lattice_rec"),
        ({"bands": [[1.0], [2.0, 3.0]]}, "2-dimensional array of numbers"),
        ({"bands": [1.0, 2.0]}, r"2-dimensional array, got shape \(2,\)"),
        ({"bands": [["a"]]}, "array of numbers"),
        ({"qpoints": [[0.0, 0.0, 0.0]]}, "one column of frequencies for each wave vector"),
        ({"lattice_rec": {"matrix": np.zeros((3, 3)).tolist()}}, "three independent reciprocal"),
        ({"lattice_rec": {"matrix": np.eye(3).tolist()}}, "bands belong to another cell"),
        ({"structure": {"lattice": 1}}, "structure in the document, got one that cannot be read"),
    ],
)
def test_corrupt_band_structures(document, change, message):
    with pytest.raises(PhononDocumentError, match=message):
        read_bands({**document, **change})


def test_transposed_frequencies_are_told_from_truncated_ones(document):
    transposed = {**document, "bands": np.transpose(document["bands"]).tolist()}
    with pytest.raises(PhononDocumentError, match="the document is truncated"):
        read_bands({**document, "qpoints": document["qpoints"][:-1]})
    with pytest.raises(PhononDocumentError, match="transpose the frequencies"):
        read_bands(transposed)


def test_nan_is_counted(document):
    document["bands"][0][3] = float("nan")
    with pytest.raises(PhononDocumentError, match="finite frequencies, got 1 that are NaN"):
        read_bands(document)


def test_branch_count_must_fit_the_cell(document):
    with pytest.raises(PhononDocumentError, match=r"expected 6 branches \(Ga1 N1\), got 3"):
        read_bands({**document, "bands": document["bands"][:3]})
    del document["structure"]
    with pytest.raises(PhononDocumentError, match="expected 3 per atom, got 4 branches"):
        read_bands({**document, "bands": document["bands"][:4]}, unit="THz")


def cell(volume_per_atom, *, n_atoms=4, shift=0.0):
    sites = [[i / n_atoms + shift, 0.0, 0.0] for i in range(n_atoms)]
    lattice = Lattice.cubic((volume_per_atom * n_atoms) ** (1 / 3))
    return Structure(lattice, ["Si"] * n_atoms, sites).as_dict()


@pytest.mark.parametrize("volume_per_atom", [0.11, 0.9, 20.0, 9e4])
def test_thin_and_dense_cells_are_read(volume_per_atom):
    assert len(one_structure(cell(volume_per_atom), None)) == 4


@pytest.mark.parametrize(
    "broken",
    [
        cell(0.09),
        cell(1.1e5),
        cell(20.0, shift=1e4),
        cell(20.0, shift=float("nan")),
        cell(20.0) | {"sites": []},
        cell(20.0) | {"lattice": {"matrix": np.full((3, 3), np.nan).tolist()}},
    ],
)
def test_what_is_no_cell_of_a_crystal(broken):
    """Some of these crash the library that looks for symmetry, and Python with it."""
    with pytest.raises(PhononDocumentError, match=r"expected the cell of a crystal|cannot be read"):
        one_structure(broken, None)


@pytest.mark.parametrize("kind", [[None], True, "Si"])
def test_what_is_no_structure(kind):
    message = rf"structure in the document, got {type(kind).__name__}; pass"
    with pytest.raises(PhononDocumentError, match=message):
        one_structure(kind, None)


def test_cell_of_impossible_size(chain, document):
    del document["structure"]
    document["lattice_rec"] = {"matrix": (chain.lattice_rec.matrix * 100.0).tolist()}
    with pytest.raises(PhononDocumentError, match=r"of 2.45e-05 cubic Angstrom an atom; convert"):
        read_bands(document, unit="THz")


@pytest.mark.parametrize("thing", [None, float("nan"), [1, 2], "bs"])
def test_what_is_no_document(thing):
    with pytest.raises(PhononDocumentError, match="expected a pymatgen PhononBandStructure"):
        read_bands(thing)
    with pytest.raises(PhononDocumentError, match="expected a pymatgen PhononDos"):
        read_dos(thing)


def test_structure_of_the_caller_must_be_that_of_the_document(chain, rbi_structure):
    with pytest.raises(PhononDocumentError, match=r"structure of the document \(Ga1 N1\), got Rb1"):
        read_bands(chain, structure=rbi_structure)
    larger = chain.structure * (2, 1, 1)
    with pytest.raises(PhononDocumentError, match=r"structure of the document \(Ga1 N1\), got Ga2"):
        read_bands(chain, structure=larger)
    smaller = chain.structure.copy()
    smaller.remove_sites([1])
    with pytest.raises(PhononDocumentError, match=r"structure of the document \(Ga1 N1\), got Ga1"):
        read_bands(chain, structure=smaller)


def test_old_line_documents_without_labels_or_has_nac():
    chain = diatomic_chain()
    bare = PhononBandStructureSymmLine(
        [q.frac_coords for q in chain.qpoints],
        chain.bands,
        Lattice(chain.lattice_rec.matrix),
        structure=chain.structure,
    )
    assert read_bands(bare).labels == {}


def test_dos_is_normalised_whatever_its_unit(debye, chain):
    dos = PhononDos(debye.frequencies, 2.0 * debye.densities)
    for factor, density in [(1.0, 1.0), (THZ_TO_CM1, THZ_TO_CM1), (THZ_TO_CM1, 1.0)]:
        scaled = PhononDos(factor * dos.frequencies, dos.densities / density)
        read = read_dos(scaled, structure=chain.structure)
        assert np.trapezoid(read.densities, read.frequencies) == pytest.approx(6.0, rel=1e-12)
        assert read.frequencies[-1] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("frequencies", "densities", "message"),
    [
        ([0.0, 1.0, 2.0], [0.0, 1.0], "as many densities as frequencies"),
        ([0.0], [1.0], "at least two, got 1 and 1"),
        ([], [], r"frequencies as a 1-dimensional array, got shape \(0,\)"),
        ([0.0, 2.0, 1.0], [0.0, 1.0, 1.0], "ascending frequencies"),
        ([0.0, 1.0, 2.0], [0.0, -1.0, 3.0], "nowhere negative, got -1 at 1"),
        ([0.0, 1.0, 2.0], [0.0, 0.0, 0.0], "positive integral, got 0"),
        ([0.0, float("inf"), 2.0], [0.0, 1.0, 1.0], "finite frequencies"),
        ([0.0, 1.0, 2.0], [0.0, 1.5, 0.0], "integrates to 3 states an atom, got 1.5"),
    ],
)
def test_corrupt_dos(frequencies, densities, message):
    with pytest.raises(PhononDocumentError, match=message):
        read_dos({"frequencies": frequencies, "densities": densities}, unit="THz")


def test_states_below_zero_are_counted():
    """A triangle of six states from -1 to 5 THz: 1/15 of them, to the left of zero."""
    read = read_dos({"frequencies": [-1.0, 4.0, 5.0], "densities": [0.0, 2.0, 0.0]}, unit="THz")
    assert read.n_atoms == 2
    assert read.imaginary_fraction == pytest.approx((1.0 * 0.4 / 2) / 6.0)
    above = read_dos({"frequencies": [0.5, 4.0, 6.5], "densities": [0.0, 2.0, 0.0]}, unit="THz")
    assert above.imaginary_fraction == 0.0


def test_the_grid_may_go_on_beyond_the_states():
    """A tail of less than a thousandth says nothing of the unit; twice that does."""
    frequencies = np.array([0.0, 2.0, 4.0, 6.0, 200.0])
    densities = np.array([0.0, 30.0, 60.0, 0.0, 0.05])
    assert _highest_occupied(frequencies, densities) == 4.0
    densities[-1] = 0.1
    assert _highest_occupied(frequencies, densities) == 200.0


@pytest.mark.parametrize("height", [1e-3, 1.0, 50.0])
def test_a_density_may_dip_by_a_thousandth(height):
    frequencies = [0.0, 1.0, 2.0, 3.0]
    densities = height * np.array([0.0, -0.0009, 1.0, 0.0])
    with pytest.raises(PhononDocumentError, match="integrates to 3 states an atom") as refused:
        read_dos({"frequencies": frequencies, "densities": 0.1 * densities}, unit="THz")
    assert "negative" not in str(refused.value)
    with pytest.raises(PhononDocumentError, match="nowhere negative"):
        read_dos({"frequencies": frequencies, "densities": 1.3 * densities - 1e-3 * height})


@pytest.mark.parametrize(
    ("integral", "n_atoms"), [(2.9, 1), (3.1, 1), (5.9, 2), (6.1, 2), (8.9, 3), (29.9, 10)]
)
def test_atoms_are_counted_from_the_states(integral, n_atoms):
    triangle = {"frequencies": [0.0, 4.0, 8.0], "densities": [0.0, integral / 4.0, 0.0]}
    read = read_dos(triangle, unit="THz")
    assert read.n_atoms == n_atoms
    assert np.trapezoid(read.densities, read.frequencies) == pytest.approx(3 * n_atoms)


@pytest.mark.parametrize("factor", [0.94, 1.06])
def test_states_that_are_not_three_an_atom(chain, factor):
    """A twentieth is the most that they may be off."""
    triangle = {"frequencies": [0.0, 4.0, 8.0], "densities": [0.0, factor * 6.0 / 4.0, 0.0]}
    with pytest.raises(PhononDocumentError, match=r"6 states \(3 for each atom of Ga1 N1\)"):
        read_dos(triangle, unit="THz", structure=chain.structure)
    close = {**triangle, "densities": [0.0, (1 + 0.8 * (factor - 1)) * 6.0 / 4.0, 0.0]}
    assert read_dos(close, unit="THz", structure=chain.structure).n_atoms == 2


def test_dos_of_another_cell(debye, chain):
    with pytest.raises(PhononDocumentError, match=r"6 states \(3 for each atom of Ga1 N1\), got 3"):
        read_dos(debye, structure=chain.structure)


def test_dos_without_densities():
    with pytest.raises(PhononDocumentError, match="a document without densities; convert"):
        read_dos({"frequencies": [0.0, 1.0]})


def test_complete_dos_brings_its_structure(debye, chain):
    dos = PhononDos(debye.frequencies, 2.0 * debye.densities)
    pdos = dict.fromkeys(chain.structure, debye.densities)
    complete = CompletePhononDos(chain.structure, dos, pdos)
    assert read_dos(complete).structure is chain.structure
    assert read_dos(complete.as_dict()).structure == chain.structure


def test_primitive_cell(chain):
    assert is_primitive(chain.structure) == (True, 2)
    assert is_primitive(chain.structure * [2, 1, 1]) == (False, 2)


def test_bonds_are_not_looked_for_in_a_cell_that_no_crystal_has(monkeypatch):
    """Its neighbours would be counted for hours."""
    needle = Structure([[1e5, 0, 0], [0, 1e5, 0], [0, 1e5, 1e-4]], ["Ga"], [[0, 0, 0]])
    with monkeypatch.context() as patch:
        patch.setattr(Structure, "get_neighbor_list", None)
        assert not doubt_of_lengths(needle)
    apart = Structure(Lattice.cubic(9.0), ["Ga", "N"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert doubt_of_lengths(apart).startswith("no two atoms of GaN are as near")
    apart.scale_lattice(20.0)
    assert not doubt_of_lengths(apart)
