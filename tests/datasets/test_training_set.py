"""The labels that the shipped predictors learn."""

import numpy as np
import pytest

from matminer_phonon_tl.datasets import load_training_set


@pytest.fixture(scope="module")
def table():
    return load_training_set()


def test_every_material_of_both_sets_is_there(table, phonon_tl):
    assert (table["dataset"] == "phonon_tl").sum() == len(phonon_tl)
    assert table["dataset"].nunique() == 2
    assert len(table) == 7424
    assert table.index.tolist() == list(range(len(table)))


@pytest.mark.parametrize("label", ["speed_of_sound", "heat_capacity", "heat_capacity_per_atom"])
def test_no_label_stands_twice(table, label):
    known = table[table[label].notna()]
    assert not known["material_id"].duplicated().any()
    of_both = set(table.loc[table["material_id"].duplicated(), "material_id"])
    assert (known.loc[known["material_id"].isin(of_both), "dataset"] == "phonondb_kyoto").all()


def test_gaps_are_the_papers(table, phonon_tl):
    known = table[table["has_phonon_bandgap"].notna()]
    assert known["material_id"].tolist() == phonon_tl["material_id"].tolist()
    assert np.array_equal(known["phonon_bandgap"], phonon_tl["phonon_bandgap"])
    assert int(known["has_phonon_bandgap"].sum()) == 124


def test_the_papers_speeds_are_of_cubic_crystals(table, phonon_tl):
    taken = table[(table["dataset"] == "phonon_tl") & table["speed_of_sound"].notna()]
    assert len(taken) == 78
    cubic = phonon_tl.loc[phonon_tl["lattice_system"] == "cubic", "material_id"]
    assert taken["material_id"].isin(cubic).all()


def test_a_heat_capacity_is_per_mole_of_reduced_formula_units(table):
    known = table[table["heat_capacity"].notna()]
    atoms = np.array([c.reduced_composition.num_atoms for c in known["composition"]])
    ratio = known["heat_capacity"] / known["heat_capacity_per_atom"]
    assert (ratio / atoms - 1).abs().quantile(0.999) < 1e-3
