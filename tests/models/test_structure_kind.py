"""What kind of crystal a structure is."""

import pytest
from pymatgen.core import Lattice, Species, Structure

from matminer_phonon_tl.models.structure_kind import structure_kind


def crystal(group, lattice, species, sites, **options):
    return Structure.from_spacegroup(group, lattice, species, sites, **options)


ROCKSALT = crystal("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0] * 3, [0.5] * 3])
CARBON_DIOXIDE = crystal("Pa-3", Lattice.cubic(5.62), ["C", "O"], [[0] * 3, [0.118] * 3])
GRAPHITE = crystal(
    "P6_3/mmc", Lattice.hexagonal(2.46, 6.7), ["C", "C"], [[0, 0, 0.25], [1 / 3, 2 / 3, 0.25]]
)
SELENIUM = crystal("P3_121", Lattice.hexagonal(4.37, 4.96), ["Se"], [[0.225, 0, 1 / 3]])


@pytest.mark.parametrize(
    ("structure", "bonded", "is_molecular"),
    [
        (ROCKSALT, 3, False),
        (crystal("Fm-3m", Lattice.cubic(3.61), ["Cu"], [[0] * 3]), 3, False),
        (crystal("Pm-3m", Lattice.cubic(4.12), ["Cs", "Cl"], [[0] * 3, [0.5] * 3]), 3, False),
        (crystal("Fm-3m", Lattice.cubic(5.26), ["Ar"], [[0] * 3]), 0, True),
        (CARBON_DIOXIDE, 0, True),
        (GRAPHITE, 2, False),
        (SELENIUM, 1, False),
    ],
)
def test_bonds_go_on_in_so_many_directions(structure, bonded, is_molecular):
    kind = structure_kind(structure)
    assert (kind.bonded, kind.in_contact, kind.is_molecular) == (bonded, 3, is_molecular)
    assert len(kind.words()) == int(is_molecular)


@pytest.mark.parametrize("vacuum", [5.0, 10.0, 40.0])
def test_vacuum_is_seen_whatever_its_width(vacuum):
    """Three atomic layers of rock salt; five Angstrom apart, ions of one kind still touch."""
    slab = ROCKSALT * (1, 1, 2)
    keep = [site for site in slab if site.z < 6]
    box = Lattice.orthorhombic(5.64, 5.64, 5.64 + vacuum)
    sites = [site.coords for site in keep]
    kind = structure_kind(
        Structure(box, [site.specie for site in keep], sites, coords_are_cartesian=True)
    )
    expected = 3 if vacuum < 6 else 2
    assert (kind.bonded, kind.in_contact) == (2, expected)
    assert [words.split(":")[0] for words in kind.words()] == ["a layer in vacuum"][: 3 - expected]


def test_a_chain_and_a_molecule_in_vacuum():
    chain = Structure(Lattice.orthorhombic(15, 15, 2.6), ["C"], [[0.5, 0.5, 0]])
    chain = chain * (1, 1, 2)
    chain.scale_lattice(15 * 15 * 2.6)
    assert structure_kind(chain).words()[0].startswith("a chain in vacuum: ")
    molecule = Structure(Lattice.cubic(12), ["H", "F"], [[0] * 3, [0.077, 0, 0]])
    assert structure_kind(molecule).words()[0].startswith("a molecule in vacuum: ")


@pytest.mark.parametrize(("length", "found"), [(0.6, "0.63"), (1.0, None), (1.45, "1.5")])
def test_bonds_of_an_impossible_length_are_named(length, found):
    """Models that see cells at standard bonds would answer as if the cell had been relaxed."""
    scaled = ROCKSALT.copy().scale_lattice(length**3 * ROCKSALT.volume)
    words = structure_kind(scaled).words()
    if found is None:
        assert words == []
    else:
        sentence = f"bonds {found} times as long as covalent radii say: relax the structure"
        assert words == [sentence]


def test_a_lone_metal_ion_makes_a_salt():
    """Of a salt whose anions are complex and whose cations are lone, no part is a molecule."""
    caesium = Structure(Lattice.cubic(9), ["Cs", "C", "O", "O"], [[0] * 3, [0.5] * 3, *(
        [0.5, 0.5, 0.5 + shift] for shift in (0.13, -0.13)
    )])  # fmt: skip
    kind = structure_kind(caesium)
    assert (kind.bonded, kind.is_molecular) == (0, False)


def test_the_cell_and_its_origin_do_not_matter():
    for structure in (CARBON_DIOXIDE, GRAPHITE, SELENIUM):
        moved = structure * (2, 1, 1)
        moved.translate_sites(range(len(moved)), [0.3, 0.4, 0.9])
        assert structure_kind(moved) == structure_kind(structure)


def test_disorder_and_moments_are_named():
    mixed = Structure(Lattice.cubic(4.5), [{"Mg": 0.5, "Ca": 0.5}, "O"], [[0] * 3, [0.5] * 3])
    assert structure_kind(mixed).words()[0].startswith("sites are partly occupied or shared: ")
    iron = Structure(Lattice.cubic(2.87), ["Fe", "Fe"], [[0] * 3, [0.5] * 3])
    assert structure_kind(iron).moment is None
    for moments, largest in (
        ([2.2, -2.3], 2.3),
        ([[0, 0, 2.2], [0, 1.5, 2]], 2.5),
        ([0.1, 0], 0.1),
    ):
        kind = structure_kind(iron.copy(site_properties={"magmom": moments}))
        assert kind.moment == pytest.approx(largest)
        assert bool(kind.words()) == (largest > 0.5)
    spins = Structure(Lattice.cubic(2.87), [Species("Fe", 0, spin=-3)] * 2, [[0] * 3, [0.5] * 3])
    assert structure_kind(spins).moment == 3


def test_ordinary_crystals_raise_no_alarm(phonon_tl):
    assert not any(structure_kind(structure).words() for structure in phonon_tl["structure"])
