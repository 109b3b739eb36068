"""Bands of exchanged cells against the spring model itself, and the symmetry that saves points."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matminer_phonon_tl.featurizers import exchanged_structures as module
from matminer_phonon_tl.featurizers import spring_model
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.featurizers.exchanged_structures import (
    N_COLUMNS,
    PARITIES,
    Prototype,
    describe_exchanged,
    make_prototypes,
)

ROW_OF = ElementTable.shipped().row_of


def prototype(structure):
    elements = np.array([ROW_OF[site.specie.symbol] for site in structure])
    return make_prototypes([structure.lattice.matrix], [elements], [structure.frac_coords])[0]


@pytest.fixture
def perovskite():
    sites = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return Structure(Lattice.cubic(3.9), ["Sr", "Ti", "O", "O", "O"], sites)


@pytest.fixture
def skewed():
    """No symmetry at all, so that every zone point has bands of its own."""
    lattice = Lattice.from_parameters(4.1, 4.9, 5.3, 80, 95, 107)
    return Structure(lattice, ["Ga", "Al", "N"], [[0, 0, 0], [0.31, 0.42, 0.55], [0.7, 0.2, 0.3]])


def test_eigenvalues_are_those_of_the_spring_model(perovskite, skewed):
    points = spring_model.Q_POINTS.tolist()
    rows = [points.index(point) for point in (PARITIES / 2).tolist()]
    for structure in (perovskite, skewed):
        template = prototype(structure)
        cells = module._Cells.fill([template], [template.elements])
        values = module._squared_frequencies(cells, np.zeros(8, int), np.arange(8))
        expected = spring_model.spring_frequencies(structure)[rows] ** 2
        np.testing.assert_allclose(values, expected, atol=1e-9 * expected.max())


def test_points_of_one_star_are_computed_once(perovskite, skewed):
    """A simple cube has Gamma, 3 faces, 3 edges, 1 corner; without symmetry all eight differ."""
    cubic, triclinic = prototype(perovskite), prototype(skewed)
    describe_exchanged([cubic, triclinic], np.array([0, 1]), [cubic.elements, triclinic.elements])
    points, weights = cubic.points
    assert sorted(weights * 8) == [1, 1, 3, 3]
    assert len(points) == 4
    assert len(triclinic.points[0]) == 8


def test_fewer_points_give_the_same_columns(perovskite):
    template, all_points = prototype(perovskite), prototype(perovskite)
    all_points.points = np.arange(8), np.full(8, 1 / 8)
    exchanged = [np.array([ROW_OF[symbol] for symbol in ("Ba", "Zr", "S")])] * 2
    few, many = describe_exchanged([template, all_points], np.array([0, 1]), exchanged)
    np.testing.assert_allclose(few, many, rtol=1e-10)
    assert len(template.points[0]) < 8


def test_cells_do_not_depend_on_what_stands_beside_them(perovskite, skewed):
    library = [prototype(perovskite), prototype(skewed)]
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 2, 60)
    elements = [rng.choice(90, size=3, replace=False) for _ in numbers]
    together = describe_exchanged(library, numbers, elements)
    assert together.shape == (60, N_COLUMNS)
    for cell in range(60):
        alone = [prototype(perovskite), prototype(skewed)]
        single = describe_exchanged(alone, numbers[cell : cell + 1], elements[cell : cell + 1])
        assert np.array_equal(single[0], together[cell])


def test_no_cells():
    assert describe_exchanged([], np.empty(0, int), []).shape == (0, N_COLUMNS)


def test_bonds_grow_on_demand(perovskite):
    template = prototype(perovskite)
    near, far = template.bonds(2.0), template.bonds(6.0)
    assert isinstance(template, Prototype)
    assert far.reach > near.reach
    assert template.bonds(3.0) is far
    kept = far.distance <= near.reach
    np.testing.assert_allclose(far.distance[kept], near.distance)
