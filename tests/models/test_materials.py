"""One reading: each material is read and described once, whoever asks."""

import numpy as np
import pandas as pd
import pytest
import spglib
from pymatgen.core import Structure

from matminer_phonon_tl.compositions import as_composition
from matminer_phonon_tl.evaluation.training import train_predictor
from matminer_phonon_tl.evaluation.training_table import TrainingTable
from matminer_phonon_tl.exceptions import CompositionError, ModelFormatError, UnknownElementError
from matminer_phonon_tl.featurizers import lattice_dynamics
from matminer_phonon_tl.featurizers.analogues import AnalogueDescriptors
from matminer_phonon_tl.featurizers.lattice_dynamics import LatticeDynamicsDescriptors
from matminer_phonon_tl.featurizers.xenonpy import XenonPyDescriptors
from matminer_phonon_tl.models import PhononPredictor
from matminer_phonon_tl.models import materials as materials_module
from matminer_phonon_tl.models import structure_kind as kind_module
from matminer_phonon_tl.models.materials import Materials, descriptor_matrix


@pytest.fixture
def counted(monkeypatch):
    """Count the rows that go through a function or method, by name."""
    counts = {}

    def count(owner, name, rows_in):
        original = getattr(owner, name)
        key = f"{getattr(owner, '__name__', owner).split('.')[-1]}.{name}"
        counts[key] = 0

        def counting(*args, **kwargs):
            counts[key] += rows_in(*args)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counting)

    count.counts = counts
    return count


def rows_described(_, flat):
    return len(flat.counts)


def one(*_):
    return 1


def count_readers(counted):
    import matminer_phonon_tl.compositions as reading

    counted(reading, "_read_others", lambda _values, rows, *_: len(rows))
    counted(reading, "read_plain_formulas", len)
    counted(XenonPyDescriptors, "_describe", rows_described)
    counted(LatticeDynamicsDescriptors, "_describe", rows_described)
    counted(AnalogueDescriptors, "_describe", rows_described)
    counted(lattice_dynamics, "describe_geometry", one)
    counted(materials_module, "mean_bond", one)
    counted(kind_module, "mean_bond", one)
    counted(lattice_dynamics, "describe_spring_model", one)
    counted(lattice_dynamics, "describe_bond_valence_model", one)
    counted(Structure, "get_primitive_structure", one)
    counted(spglib, "get_symmetry_dataset", one)
    return counted.counts


def test_a_prediction_of_formulas_reads_and_describes_each_once(counted, phonon_tl):
    predictor = PhononPredictor.from_pretrained()
    formulas = [c.formula.replace(" ", "") for c in phonon_tl["composition"][:40]]
    counts = count_readers(counted)
    predictor.predict(formulas, conditional=True, warn=False)
    assert counts.pop("compositions.read_plain_formulas") == 40
    assert counts.pop("compositions._read_others") == 0
    for name in ("XenonPyDescriptors", "AnalogueDescriptors"):
        assert counts.pop(f"{name}._describe") == 40
    # Compounds with a gap are described in other cells as well: does the answer depend on them?
    assert 40 <= counts.pop("LatticeDynamicsDescriptors._describe") < 80
    assert set(counts.values()) == {0}


def test_a_prediction_of_structures_reads_and_describes_each_once(counted, phonon_tl):
    predictor = PhononPredictor.from_pretrained(structure=True)
    structures = phonon_tl["structure"][:12].tolist()
    counts = count_readers(counted)
    predictor.predict(structures, warn=False)
    for name in ("XenonPyDescriptors", "LatticeDynamicsDescriptors"):
        assert counts.pop(f"{name}._describe") == 12
    for name in ("describe_geometry", "describe_spring_model", "describe_bond_valence_model"):
        assert counts.pop(f"lattice_dynamics.{name}") == 12
    assert counts.pop("materials.mean_bond") == 12
    assert counts.pop("Structure.get_primitive_structure") <= 12
    assert counts.pop("spglib.get_symmetry_dataset") == 12
    assert counts.pop("compositions._read_others") == 12
    assert set(counts.values()) == {0}


def test_every_form_of_input_is_the_same_materials(phonon_tl):
    table = phonon_tl[:5]
    expected = descriptor_matrix(table, "both", use_structure=True)
    for form in (table["structure"], table["structure"].tolist(), Materials.of(table)):
        assert np.array_equal(descriptor_matrix(form, "both", use_structure=True), expected)
    materials = Materials.of(table)
    assert Materials.of(materials) is materials
    assert len(materials) == 5
    assert list(Materials.of(materials.compositions).compositions) == list(materials.compositions)


def test_what_is_known_goes_with_the_rows(counted, phonon_tl):
    materials = Materials.of(phonon_tl[:6])
    whole = materials.matrix("lattice_dynamics", use_structure=True)
    units = materials.formula_units
    counts = count_readers(counted)
    some = materials.take(np.array([4, 1]))
    assert np.array_equal(some.matrix("lattice_dynamics", use_structure=True), whole[[4, 1]])
    assert np.array_equal(some.formula_units, units[[4, 1]])
    assert set(counts.values()) == {0}


def test_the_geometry_is_computed_for_the_first_springs_only(counted, phonon_tl):
    alone = Materials.of(phonon_tl[:3]).matrix("bond_valence", use_structure=True)
    materials = Materials.of(phonon_tl[:3])
    materials.matrix("lattice_dynamics", use_structure=True)
    counts = count_readers(counted)
    assert np.array_equal(materials.matrix("bond_valence", use_structure=True), alone)
    assert counts["lattice_dynamics.describe_geometry"] == 0


def test_training_describes_each_structure_once(counted, phonon_tl):
    small = phonon_tl[phonon_tl["structure"].map(len) == 2].drop_duplicates("formula")[:40]
    units = {"heat_capacity": "J/mol/K"}
    counts = count_readers(counted)
    table = TrainingTable.read(small, units, structure=True)
    train_predictor(table, structure=True, progress=False)
    assert counts["lattice_dynamics.describe_bond_valence_model"] == 40
    assert counts["lattice_dynamics.describe_geometry"] == 40
    assert counts["lattice_dynamics.describe_spring_model"] == 0


def test_structures_that_cannot_be_described_are_named(phonon_tl):
    crushed = phonon_tl["structure"].iloc[0].copy()
    crushed.translate_sites([1], crushed[0].frac_coords - crushed[1].frac_coords + 0.001)
    materials = Materials.of([phonon_tl["structure"].iloc[1], crushed])
    errors = materials.find_errors([("lattice_dynamics", False), ("bond_valence", True)])
    assert list(errors) == [1]
    assert errors[1].row == 1
    with pytest.raises(CompositionError, match=r"^row 1: expected a structure with a lattice"):
        materials.matrix("xenonpy", use_structure=True)
    rest = materials.take(np.array([0]))
    assert rest.find_errors([("bond_valence", False)]) == {}
    assert np.isfinite(rest.matrix("xenonpy", use_structure=True)).all()
    alone = materials.take(np.array([1])).find_errors([("bond_valence", False)])
    assert alone[0].row == 0


def test_errors_carry_their_row():
    with pytest.raises(UnknownElementError) as caught:
        _ = Materials.of(["GaN", "Cm"]).flat
    assert caught.value.row == 1
    with pytest.raises(CompositionError) as refused:
        _ = Materials.of(["GaN"]).structures
    assert refused.value.row == 0
    with pytest.raises(CompositionError, match="a column 'structure' because use_structure=True"):
        _ = Materials.of(pd.DataFrame({"formula": ["GaN"]})).structures


@pytest.mark.parametrize("formula", ["NaCl", "Na4Cl4", "Fe2O3", "H2O2", "Li0.5CoO2"])
def test_masses_and_units_are_pymatgens(formula):
    composition = as_composition(formula)
    materials = Materials.of([formula])
    assert materials.mean_mass[0] == pytest.approx(
        composition.weight / composition.num_atoms, rel=1e-4
    )
    units = composition.get_reduced_composition_and_factor()[1]
    assert materials.formula_units[0] == units
    assert materials.atoms_per_formula_unit[0] == pytest.approx(composition.num_atoms / units)


def test_state_of_compositions_is_restored():
    materials = Materials.of(["GaN", "Al2O3", "Li0.5CoO2"])
    restored = Materials.from_state(materials.get_state(), "training materials")
    assert list(restored.compositions) == list(materials.compositions)
    for name in ("both", "lattice_dynamics"):
        found = restored.matrix(name, use_structure=False)
        assert np.array_equal(found, materials.matrix(name, use_structure=False))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("counts", np.array([3, 2], np.int32)),
        ("counts", np.array([2.0, 2.0])),
        ("counts", np.array([4, 0], np.int32)),
        ("elements", np.array([1, 2, 3, 999], np.int16)),
        ("elements", np.array([1, 2, 3, -1], np.int16)),
        ("amounts", np.array([1.0, 1.0, -2.0, 3.0])),
        ("amounts", np.array([1.0, 1.0, np.inf, 3.0])),
    ],
)
def test_damaged_compositions_are_refused(name, value):
    state = Materials.of(["GaN", "Al2O3"]).get_state()
    with pytest.raises(ModelFormatError, match="expected training materials"):
        Materials.from_state({**state, name: value}, "training materials")
