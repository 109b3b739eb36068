"""Crystals of ASE and phonopy stand for their structures wherever those are taken."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure

from matminer_phonon_tl.atoms import is_atoms, structure_of_atoms, with_structures
from matminer_phonon_tl.compositions import as_composition, as_compositions
from matminer_phonon_tl.evaluation import cross_validate
from matminer_phonon_tl.exceptions import CompositionError, ScreeningError, UnknownElementError
from matminer_phonon_tl.featurizers import (
    AnalogueDescriptors,
    LatticeDynamicsDescriptors,
    PotentialPhonons,
    XenonPyDescriptors,
)
from matminer_phonon_tl.models import (
    PhononGapClassifier,
    PhononPredictor,
    PhononRegressor,
    PhononTLFeaturizer,
)
from matminer_phonon_tl.models.shipped import ShippedPredictors
from matminer_phonon_tl.models.structure_kind import structure_kind
from matminer_phonon_tl.screening import screen

ase = pytest.importorskip("ase", reason="the extra potential is not installed")
pytest.importorskip("phonopy", reason="the extra phonopy is not installed")
from ase.build import bulk  # noqa: E402
from ase.calculators.emt import EMT  # noqa: E402
from ase.calculators.singlepoint import SinglePointCalculator  # noqa: E402
from ase.constraints import FixAtoms  # noqa: E402
from phonopy.structure import cells  # noqa: E402
from phonopy.structure.atoms import PhonopyAtoms  # noqa: E402

CUBE = 4 * np.eye(3)
ENDS = np.array([[0.0] * 3, [0.5] * 3])


def as_ase(structure):
    return ase.Atoms(
        [site.specie.symbol for site in structure],
        scaled_positions=structure.frac_coords,
        cell=structure.lattice.matrix,
        pbc=True,
    )


def as_phonopy(structure):
    return PhonopyAtoms(
        symbols=[site.specie.symbol for site in structure],
        scaled_positions=structure.frac_coords,
        cell=structure.lattice.matrix,
    )


MAKERS = [as_ase, as_phonopy]


@pytest.fixture(scope="module")
def some(phonon_tl):
    """Materials of the set, of many kinds of cells."""
    return phonon_tl.iloc[::60].reset_index(drop=True)


@pytest.mark.parametrize("make", MAKERS)
def test_cell_sites_and_elements_are_kept(make, some):
    for structure in some["structure"]:
        found = structure_of_atoms(make(structure))
        np.testing.assert_allclose(found.lattice.matrix, structure.lattice.matrix, rtol=1e-14)
        np.testing.assert_allclose(found.cart_coords, structure.cart_coords, atol=1e-12)
        assert found.species == structure.species
        assert "magmom" not in found.site_properties


def test_a_skewed_left_handed_cell_and_sites_outside_it():
    matrix = np.array([[0.0, 3, 1], [4, 0, 0.5], [0, 1, 5]])
    assert np.linalg.det(matrix) < 0
    places = [[-0.2, 1.3, 0.1], [0.4, 0.6, 2.7]]
    atoms = ase.Atoms("InN", scaled_positions=places, cell=matrix, pbc=True)
    assert structure_of_atoms(atoms) == Structure(Lattice(matrix), ["In", "N"], places)


def test_constraints_and_a_calculator_change_nothing_and_none_is_started():
    class Trap(EMT):
        def calculate(self, *_, **__):
            raise AssertionError("started")

    atoms = bulk("Cu")
    plain = structure_of_atoms(atoms)
    atoms.set_constraint(FixAtoms([0]))
    atoms.calc = Trap()
    assert structure_of_atoms(atoms) == plain


def test_a_numbered_symbol_of_phonopy_is_its_element():
    atoms = PhonopyAtoms(symbols=["Cl1", "Na"], scaled_positions=ENDS, cell=CUBE)
    assert structure_of_atoms(atoms).formula == "Na1 Cl1"


def test_moments_are_kept():
    iron = bulk("Fe")  # ASE knows its moment
    assert structure_kind(structure_of_atoms(iron)).moment == 2.3
    iron.calc = SinglePointCalculator(iron, magmoms=[1.7])
    assert structure_kind(structure_of_atoms(iron)).moment == 1.7  # computed, so truer
    iron.calc = SinglePointCalculator(iron, energy=-8.0)
    assert structure_kind(structure_of_atoms(iron)).moment == 2.3
    tilted = ase.Atoms("Fe", magmoms=[[0.0, 3.0, 4.0]], cell=CUBE, pbc=True)
    assert structure_kind(structure_of_atoms(tilted)).moment == 5.0
    for moments, size in (([2, -1], 2.0), ([[0, 0, 1], [0, 3, 4]], 5.0)):
        magnet = PhonopyAtoms(
            symbols=["Fe", "O"], scaled_positions=ENDS, cell=CUBE, magnetic_moments=moments
        )
        assert structure_kind(structure_of_atoms(magnet)).moment == size
    assert structure_kind(structure_of_atoms(bulk("NaCl", "rocksalt", 5.6))).moment is None


def partly_occupied(tmp_path, occupancy):
    alloy = Structure(Lattice.cubic(4), [{"Au": occupancy}, "Cu"], ENDS)
    alloy.to(str(tmp_path / "alloy.cif"))
    return ase.io.read(tmp_path / "alloy.cif")


def layer():
    return ase.Atoms("BN", positions=[[0] * 3, [0, 1.4, 0]], cell=[2.5, 4, 20], pbc=[1, 1, 0])


NO_CELL = (
    r"without three cell vectors that span a volume: set cell and pbc if it is one, or give the "
    r"formula; the models do not know molecules and layers$"
)
BAD = [
    (lambda: ase.Atoms(cell=CUBE, pbc=True), "^expected at least one atom, got Atoms with none$"),
    (lambda: ase.Atoms("H2", ENDS), f"^expected a crystal, got Atoms of 2 atoms {NO_CELL}"),
    (lambda: ase.Atoms("BN", ENDS, cell=[3, 3, 0], pbc=True), NO_CELL),
    (lambda: ase.Atoms("BN", ENDS, cell=[[1, 2, 3], [4, 5, 6], [7, 8, 9]], pbc=True), NO_CELL),
    (
        layer,
        (
            r"^expected a crystal, periodic in all three directions, got Atoms of 2 atoms with pbc "
            r"\[True, True, False\]: set pbc = True if it is one, or give the formula; the models "
            r"do not know molecules and layers$"
        ),
    ),
    (
        lambda: ase.Atoms("InN", ENDS * np.nan, cell=CUBE, pbc=True),
        (
            r"^expected finite positions and cell vectors, got Atoms of 2 atoms with NaN or "
            r"infinity: correct them$"
        ),
    ),
    (
        lambda: ase.Atoms("InN", ENDS, cell=np.full((3, 3), np.inf), pbc=True),
        "^expected finite positions",
    ),
    (
        lambda: PhonopyAtoms(symbols=["In", "N"], positions=ENDS * np.nan, cell=CUBE),
        "^expected finite positions and cell vectors, got PhonopyAtoms of 2 atoms",
    ),
    (
        lambda: ase.Atoms("XN", ENDS, cell=CUBE, pbc=True),
        (
            r"^expected chemical elements, got Atoms of 2 atoms with the atomic number 0 \(X\): "
            r"put an element there, or take it out$"
        ),
    ),
    (
        lambda: ase.Atoms(numbers=[7, 119], positions=ENDS, cell=CUBE, pbc=True),
        "with the atomic number 119: put an element there",
    ),
]


@pytest.mark.parametrize(("make", "sentence"), BAD)
def test_what_is_no_crystal_is_refused_in_one_sentence(make, sentence):
    atoms = make()
    with pytest.raises(CompositionError, match=sentence):
        structure_of_atoms(atoms)
    with pytest.raises(CompositionError, match=sentence):
        as_composition(atoms)
    assert with_structures([atoms])[0] is atoms


def test_an_element_that_is_none_is_told_as_a_field():
    with pytest.raises(UnknownElementError) as caught:
        structure_of_atoms(ase.Atoms("X", cell=CUBE, pbc=True))
    assert caught.value.symbol == "X"


def test_sites_that_are_partly_occupied_are_refused(tmp_path):
    """ASE's reader keeps whole atoms, and notes elsewhere that they are none."""
    whole = partly_occupied(tmp_path, 1.0)
    assert structure_of_atoms(whole).formula == "Cu1 Au1"
    partly = partly_occupied(tmp_path, 0.6)
    assert len(partly) == 2
    sentence = r"^expected one whole atom a site, got Atoms of 2 atoms with sites that are partly"
    with pytest.raises(CompositionError, match=sentence):
        structure_of_atoms(partly)


@pytest.mark.skipif(not hasattr(cells, "apply_site_mixture"), reason="phonopy 3 has none")
def test_a_mixture_of_phonopy_is_refused():
    from phonopy.structure.atoms import build_species_table_from_mixtures

    table, ids = build_species_table_from_mixtures([[("Ge", 0.4), ("Sn", 0.6)], [("Te", 1.0)]])
    atoms = PhonopyAtoms(species_table=table, species_ids=ids, scaled_positions=ENDS, cell=CUBE)
    with pytest.raises(
        CompositionError, match=r"^expected one whole atom a site, got PhonopyAtoms"
    ):
        structure_of_atoms(atoms)


def test_only_their_own_classes_are_taken():
    class Atoms(list):
        cell, pbc, positions, numbers = CUBE, True, ENDS, np.array([49, 7])

    class Mine(ase.Atoms):
        pass

    assert not is_atoms(Atoms())
    assert not is_atoms(ase.Atoms)
    assert is_atoms(Mine())
    with pytest.raises(CompositionError, match=r"^expected a Composition, a Structure, a formula"):
        as_composition(Atoms())


def test_neither_library_is_imported():
    script = (
        "import sys\n"
        "from matminer_phonon_tl.models import PhononPredictor\n"
        "PhononPredictor.from_pretrained().predict(['InN'])\n"
        "print([name for name in ('ase', 'phonopy') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("structure", [False, True])
@pytest.mark.parametrize("make", MAKERS)
def test_they_are_predicted_as_their_structures(make, structure, some):
    predictor = PhononPredictor.from_pretrained(structure=structure)
    crystals = some["structure"].tolist()
    expected = predictor.predict(crystals, warn=False)
    atoms = [make(crystal) for crystal in crystals]
    for given in (
        atoms,
        pd.Series(atoms, index=some.index),
        pd.DataFrame({"structure": atoms}),
        tuple(map(make, crystals)),
    ):
        found = predictor.predict(given, warn=False)
        pd.testing.assert_frame_equal(found, expected, rtol=1e-6)
    pd.testing.assert_frame_equal(
        ShippedPredictors().predict(atoms, warn=False),
        ShippedPredictors().predict(crystals, warn=False),
        rtol=1e-6,
    )


def test_a_bad_one_is_a_row_with_its_reason():
    good, bad = bulk("GaAs", "zincblende", 5.65), layer()
    for structure in (False, True):
        found = PhononPredictor.from_pretrained(structure=structure).predict([bad, good, "@"])
        assert found["error"][0].startswith("expected a crystal, periodic in all three directions")
        assert found["formula"].tolist()[:2] == [None, "GaAs"]
        assert found["error"][1] is None
    with pytest.raises(CompositionError, match=r"^row 1: expected a crystal, periodic"):
        as_compositions([good, bad])
    with pytest.raises(CompositionError, match=r"^row 1: expected a crystal, periodic"):
        LatticeDynamicsDescriptors(use_structure=True).featurize_array([good, bad])


@pytest.mark.parametrize("make", MAKERS)
def test_a_single_one_is_not_taken_for_a_list_of_its_atoms(make, phonon_tl):
    crystal = phonon_tl["structure"][0]
    regressor = PhononRegressor(members=("gp15",), intervals=False)
    for ask in (
        PhononPredictor.from_pretrained().predict,
        lambda one: regressor.fit(one, [1.0] * len(one)),
        XenonPyDescriptors().featurize_array,
    ):
        for one in (make(crystal), crystal):
            with pytest.raises(CompositionError, match=r"put a single one into a list$"):
                ask(one)


@pytest.mark.parametrize("make", MAKERS)
def test_featurizers_take_them(make, some):
    crystals = some["structure"].tolist()
    atoms = [make(crystal) for crystal in crystals]
    close = {"rtol": 1e-6, "atol": 1e-12}  # a spread of 0 is round-off
    for featurizer in (
        XenonPyDescriptors(),
        LatticeDynamicsDescriptors(use_structure=True, springs="bond_valence"),
        PhononTLFeaturizer(),
    ):
        expected = featurizer.featurize_array(crystals)
        np.testing.assert_allclose(featurizer.featurize_array(atoms), expected, **close)
        np.testing.assert_allclose(featurizer.featurize(atoms[0]), expected[0], **close)
        many = featurizer.featurize_many(atoms, pbar=False)
        np.testing.assert_allclose(many, expected, **close)
        table = pd.DataFrame({"crystal": atoms})
        described = featurizer.featurize_dataframe(table, "crystal", pbar=False)
        np.testing.assert_allclose(described[featurizer.feature_labels()], expected, **close)
        assert featurizer.precheck(atoms[0])


def test_relatives_are_found_in_their_structures(some):
    expected = AnalogueDescriptors().fit(some["structure"]).featurize_array(["GaAs", "NaCl"])
    for make in MAKERS:
        library = some["structure"].map(make)
        found = AnalogueDescriptors().fit(library).featurize_array(["GaAs", "NaCl"])
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_potential_takes_them():
    featurizer = PotentialPhonons(EMT(), supercell_edge=7.0)
    copper = bulk("Cu", cubic=True)
    expected = featurizer.featurize(structure_of_atoms(copper))
    assert featurizer.precheck(copper)
    np.testing.assert_allclose(featurizer.featurize(copper), expected, rtol=1e-6)
    assert not featurizer.precheck(layer())
    with pytest.raises(CompositionError, match=r"^expected a crystal, periodic"):
        featurizer.featurize(layer())


@pytest.mark.parametrize("make", MAKERS)
def test_estimators_learn_from_them(make, phonon_tl):
    gapped = phonon_tl[phonon_tl["has_phonon_bandgap"]][:60]
    crystals = gapped["structure"].tolist()
    atoms = [make(crystal) for crystal in crystals]
    model = PhononRegressor(
        descriptors="lattice_dynamics", use_structure=True, members=("gp15",), intervals=False
    )
    labels = gapped["speed_of_sound"].to_numpy()
    expected = model.fit(crystals, labels).predict(crystals[:5])
    model.fit(pd.DataFrame({"structure": atoms}), labels)
    np.testing.assert_allclose(model.predict(atoms[:5]), expected, rtol=1e-4)
    small = {"n_estimators": [10], "max_depth": [None]}
    classifier = PhononGapClassifier(param_grid=small, random_state=0)
    heavy = labels < np.median(labels)
    expected = classifier.fit(crystals, heavy).predict_proba(crystals[:5])
    np.testing.assert_allclose(classifier.fit(atoms, heavy).predict_proba(atoms[:5]), expected)
    first = cross_validate(classifier, crystals, heavy, n_repeats=1, groups=None)
    second = cross_validate(classifier, atoms, heavy, n_repeats=1, groups=None)
    np.testing.assert_array_equal(first.predictions, second.predictions)


def test_a_source_of_theirs_is_borrowed_from(phonon_tl):
    gapped = phonon_tl[phonon_tl["has_phonon_bandgap"]][:40]
    labels = gapped["phonon_bandgap"]
    source = phonon_tl[["composition", "structure"]][:150]
    model = PhononRegressor(members=("gp15",), analogues=True, intervals=False)
    expected = model.fit(gapped["composition"], labels, source=source).predict(["GaN"])
    source = source.assign(structure=source["structure"].map(as_ase))
    found = model.fit(gapped["composition"], labels, source=source).predict(["GaN"])
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("make", MAKERS)
def test_they_are_screened(make, tmp_path, some):
    atoms = [*map(make, some["structure"][:4]), layer()]
    frames = []
    tables = (iter(atoms), pd.DataFrame({"structure": atoms, "number": range(5)}))
    for number, given in enumerate(tables):
        out = tmp_path / f"{number}.csv"
        screen(given, out, n_jobs=1, progress=False)
        frames.append(pd.read_csv(out))
    expected = ShippedPredictors().predict(atoms, warn=False)
    for frame in frames:
        np.testing.assert_allclose(frame["speed_of_sound"], expected["speed_of_sound"], rtol=1e-6)
        assert frame["error"][4].startswith("expected a crystal, periodic in all three directions")
    with pytest.raises(ScreeningError, match=r"^expected a file, '-', a DataFrame or an iterable"):
        screen(atoms[0], tmp_path / "one.csv")
