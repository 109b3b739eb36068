"""Phonons of a potential: against elastic constants from its energies, and what it refuses."""

import re

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure
from sklearn.base import clone

from matminer_phonon_tl.exceptions import CompositionError, FeaturizationWarning, PotentialError
from matminer_phonon_tl.featurizers import PotentialPhonons
from matminer_phonon_tl.phonons import phonon_properties, zincblende_springs
from matminer_phonon_tl.phonons.force_constants import hemisphere

pytest.importorskip("phonopy", reason="the extra potential is not installed")
ase = pytest.importorskip("ase", reason="the extra potential is not installed")
from ase.calculators.calculator import Calculator, all_changes  # noqa: E402
from ase.calculators.emt import EMT  # noqa: E402

EDGE = 3.61


def copper(edge=EDGE):
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(edge), ["Cu"], [[0, 0, 0]])


def described(structure, calculator, **options):
    featurizer = PotentialPhonons(calculator, **options)
    labels = [label.removeprefix("potential ") for label in featurizer.feature_labels()]
    return dict(zip(labels, featurizer.featurize(structure), strict=True))


class Springs(Calculator):
    """Forces of given force constants about given positions."""

    implemented_properties = ("energy", "forces")

    def __init__(self, phonon):
        super().__init__()
        self.constants = phonon.force_constants
        self.home = phonon.supercell.positions

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        moved = atoms.positions - self.home
        forces = -np.einsum("ijab,jb->ia", self.constants, moved)
        self.results = {"energy": -0.5 * float((forces * moved).sum()), "forces": forces}


def test_the_phonons_are_those_of_the_force_constants():
    phonon = zincblende_springs(supercell=4)
    expected = phonon_properties(phonon)
    cell = phonon.unitcell
    structure = Structure(cell.cell, cell.symbols, cell.scaled_positions)
    edge = 4 * structure.lattice.a  # four cells along each vector, as there
    found = described(structure, Springs(phonon), supercell_edge=edge)
    assert found["highest acoustic frequency [cm-1]"] == pytest.approx(
        expected.acoustic_top, rel=1e-6
    )
    assert found["lowest optical frequency [cm-1]"] == pytest.approx(
        expected.optical_bottom, rel=1e-6
    )
    assert found["acoustic-optical gap [cm-1]"] == pytest.approx(expected.acoustic_optical_gap)
    assert found["signed acoustic-optical gap [cm-1]"] == found["acoustic-optical gap [cm-1]"] > 50
    assert found["largest phonon gap [cm-1]"] == pytest.approx(expected.largest_gap.width)
    assert found["largest phonon gap lower edge [cm-1]"] == pytest.approx(
        expected.largest_gap.lower_edge
    )
    for label, speed in (
        ("speed of sound [km/s]", expected.speeds.mean),
        ("longitudinal speed of sound [km/s]", expected.speeds.longitudinal),
        ("transverse speed of sound [km/s]", expected.speeds.transverse),
    ):
        assert found[label] == pytest.approx(speed, rel=1e-5)
    assert found["Debye temperature [K]"] == pytest.approx(expected.debye_temperature, rel=1e-5)
    heat = expected.heat_capacity_per_cell
    assert found["heat capacity at 300 K [J/mol/K]"] == pytest.approx(heat)
    assert found["heat capacity per atom at 300 K [J/mol/K]"] == pytest.approx(heat / 2)
    assert found["highest phonon frequency [cm-1]"] == pytest.approx(expected.max_frequency)
    assert found["lowest phonon frequency [cm-1]"] == pytest.approx(
        expected.lowest_frequency, rel=1e-5
    )
    assert found["imaginary modes"] == 0.0


def elastic_speeds():
    """Speeds of sound in copper from elastic constants, which are energies of strained cells."""
    atoms = ase.Atoms("Cu4", cell=EDGE * np.eye(3), scaled_positions=copper().frac_coords, pbc=True)
    atoms.calc = EMT()

    def stress(strain):
        strained = atoms.copy()
        strained.calc = EMT()
        strained.set_cell(atoms.cell @ (np.eye(3) + strain), scale_atoms=True)
        return strained.get_stress(voigt=False)

    step = 1e-4
    along, shear = np.zeros((3, 3)), np.zeros((3, 3))
    along[0, 0] = step
    shear[0, 1] = shear[1, 0] = step / 2
    slopes = (stress(along) - stress(-along)) / (2 * step)
    c11, c12 = slopes[0, 0], slopes[1, 1]
    c44 = ((stress(shear) - stress(-shear)) / (2 * step))[0, 1]
    directions, weights = hemisphere()
    christoffel = (c12 + c44) * np.einsum("di,dj->dij", directions, directions)
    for i in range(3):
        christoffel[:, i, i] = c44 + (c11 - c44) * directions[:, i] ** 2
    density = 4 * 63.546 / EDGE**3
    to_km_per_s = np.sqrt(1.602176634e-19 / 1.66053906660e-27) / 1e3  # sqrt(eV/u)
    speeds = to_km_per_s * np.sqrt(np.linalg.eigvalsh(christoffel) / density)
    return weights @ speeds.mean(axis=1), weights @ speeds[:, 2]


def test_sound_travels_as_the_elastic_constants_say():
    mean, longitudinal = elastic_speeds()
    found = described(copper().get_primitive_structure(), EMT())
    assert found["speed of sound [km/s]"] == pytest.approx(mean, rel=0.02)
    assert found["longitudinal speed of sound [km/s]"] == pytest.approx(longitudinal, rel=0.02)


def test_the_cell_does_not_matter():
    cells = [copper(), copper().get_primitive_structure()]
    first, second = (described(cell, EMT(), supercell_edge=10.0) for cell in cells)
    for label, value in first.items():
        assert second[label] == pytest.approx(value, rel=5e-3, nan_ok=True), label
    assert first["heat capacity at 300 K [J/mol/K]"] == pytest.approx(23.5, abs=0.1)
    assert first["acoustic-optical gap [cm-1]"] == 0.0
    assert np.isnan(first["lowest optical frequency [cm-1]"])


@pytest.mark.filterwarnings("ignore::matminer_phonon_tl.exceptions.DataWarning")
def test_imaginary_modes_are_flagged_and_the_heat_capacity_is_missing():
    found = described(copper(4.4).get_primitive_structure(), EMT(), supercell_edge=9.0)
    assert found["imaginary modes"] == 1.0
    assert found["lowest phonon frequency [cm-1]"] < -10.0
    assert np.isnan(found["heat capacity at 300 K [J/mol/K]"])
    assert np.isfinite(found["highest acoustic frequency [cm-1]"])


@pytest.mark.parametrize(("edge", "repeats"), [(3.6, 1), (3.62, 2), (7.22, 2), (7.23, 4)])
def test_the_supercell_reaches_the_edge_in_even_steps(edge, repeats, monkeypatch):
    sizes = []
    forces = EMT.get_forces
    monkeypatch.setattr(
        EMT, "get_forces", lambda self, atoms: sizes.append(len(atoms)) or forces(self, atoms)
    )
    described(copper(), EMT(), supercell_edge=edge)
    assert set(sizes) == {4 * repeats**3}


class Broken(Calculator):
    """Returns forces as they are given."""

    implemented_properties = ("energy", "forces")

    def __init__(self, forces):
        super().__init__()
        self.forces = forces

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": 0.0, "forces": np.asarray(self.forces(len(atoms)))}


def silicon():
    return Structure.from_spacegroup("Fd-3m", Lattice.cubic(5.43), ["Si"], [[0, 0, 0]])


half = Structure(Lattice.cubic(3.0), [{"Cu": 0.5}], [[0, 0, 0]])
twice = Structure(Lattice.cubic(3.0), ["Cu", "Cu"], [[0, 0, 0], [0.01, 0, 0]])
REFUSED = {
    "an unknown element": (
        (silicon(), EMT(), {}),
        PotentialError,
        "expected forces on Si from EMT, got NotImplementedError (No EMT-potential for Si); use",
    ),
    "NaN": (
        (copper(), Broken(lambda n: np.full((n, 3), np.nan)), {}),
        PotentialError,
        "expected forces on Cu from Broken, 4 finite vectors, got NaN or infinity; use another",
    ),
    "too few": (
        (copper(), Broken(lambda n: np.zeros((n - 1, 3))), {}),
        PotentialError,
        "expected forces on Cu from Broken, 4 finite vectors, got (3, 3); use another",
    ),
    "no calculator": (
        (copper(), "chgnet", {}),
        ValueError,
        "expected a calculator of ASE, with a method get_forces, got 'chgnet'; pass such as",
    ),
    "a class": (
        (copper(), EMT, {}),
        ValueError,
        "expected a calculator of ASE, with a method get_forces, got <class 'ase",
    ),
    "no length": (
        (copper(), EMT(), {"supercell_edge": -1.0}),
        ValueError,
        "expected supercell_edge above 0 Angstrom, got -1.0; pass a length",
    ),
    "no structure": (
        ("Cu", EMT(), {}),
        CompositionError,
        "expected a pymatgen Structure, got str; give a column of structures",
    ),
    "half an atom": (
        (half, EMT(), {}),
        CompositionError,
        "expected every site to hold one element, got Cu0.5 with partly filled ones; order",
    ),
    "an isotope": (
        (Structure(Lattice.cubic(3.0), ["D"], [[0, 0, 0]]), EMT(), {}),
        CompositionError,
        "expected chemical elements, got the isotope 'D' (deuterium)",
    ),
    "two atoms in one place": (
        (twice, EMT(), {}),
        CompositionError,
        "expected atoms at least 0.3 Angstrom apart, got Cu with two nearer than that; check",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_computed_is_refused_in_a_sentence(case):
    (structure, calculator, options), error, sentence = REFUSED[case]
    options = {"supercell_edge": 3.0, **options}
    with pytest.raises(error, match=re.escape(sentence)) as caught:
        PotentialPhonons(calculator, **options).featurize(structure)
    assert "\n" not in str(caught.value)


def test_a_table_of_structures():
    featurizer = PotentialPhonons(EMT(), supercell_edge=3.0, name="EMT")
    frame = pd.DataFrame({"structure": [copper(), silicon()]})
    out = featurizer.featurize_dataframe(
        frame, "structure", ignore_errors=True, return_errors=True, pbar=False
    )
    assert list(out.columns[1:-1]) == featurizer.feature_labels()
    assert all(label.startswith("EMT ") for label in featurizer.feature_labels())
    assert out["EMT speed of sound [km/s]"].notna().tolist() == [True, False]
    assert "No EMT-potential for Si" in out["PotentialPhonons Exceptions"][1]


def test_a_step_of_a_pipeline_names_the_rows_that_fail():
    featurizer = PotentialPhonons(EMT(), supercell_edge=3.0)
    with pytest.warns(FeaturizationWarning, match=r"1 of 2 rows .* rows 1; .* forces on Si from"):
        found = featurizer.transform([copper(), silicon()])
    assert found.shape == (2, 15)
    assert np.isnan(found[1]).all()
    assert found[0, -1] == 0.0


def test_matminer_contract():
    featurizer = PotentialPhonons(EMT(), supercell_edge=8.0)
    assert featurizer.n_jobs == 1
    featurizer.set_n_jobs(2)
    assert featurizer.n_jobs == 2
    assert clone(featurizer).supercell_edge == 8.0
    assert featurizer.precheck(copper())
    assert not featurizer.precheck(half)
    assert not featurizer.precheck("Cu")
    assert featurizer.citations()[0].startswith("@article{")
    assert featurizer.implementors()
    assert len(set(featurizer.feature_labels())) == 15
