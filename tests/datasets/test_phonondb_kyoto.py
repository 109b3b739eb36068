"""The shipped Kyoto set, held against independent sources."""

import numpy as np
import pandas as pd
import pytest
from matminer.datasets import load_dataset as matminer_load_dataset
from pymatgen.core import Composition, Structure

from matminer_phonon_tl import load_phonondb_kyoto
from matminer_phonon_tl.datasets import dataset_metadata, load_dataset

LABELS = [
    "acoustic_optical_gap",
    "phonon_bandgap",
    "largest_gap",
    "speed_of_sound",
    "debye_temperature",
    "heat_capacity",
]


@pytest.fixture(scope="module")
def kyoto():
    return load_dataset("phonondb_kyoto")


@pytest.fixture(scope="module")
def shared(kyoto, phonon_tl):
    both = kyoto[kyoto["is_stable"]].merge(phonon_tl, on="material_id", suffixes=("", "_paper"))
    assert len(both) > 980
    return both


def test_columns_are_those_of_the_metadata(kyoto):
    entry = dataset_metadata()["phonondb_kyoto"]
    assert set(kyoto.columns) == set(entry["columns"])
    assert len(kyoto) == entry["num_entries"] == 10_034
    assert kyoto["material_id"].is_unique
    assert set(kyoto.attrs["units"]) <= set(kyoto.columns)
    assert kyoto.attrs["units"]["debye_temperature"] == "K"


def test_matminer_loads_it(kyoto):
    found = matminer_load_dataset("phonondb_kyoto", pbar=False)
    plain = kyoto.columns.drop(["structure", "composition"])  # comparing 10 000 of them is slow
    pd.testing.assert_frame_equal(found[plain], kyoto[plain])
    assert found["structure"].iloc[:50].tolist() == kyoto["structure"].iloc[:50].tolist()
    assert found["composition"].iloc[:50].tolist() == kyoto["composition"].iloc[:50].tolist()


def test_structures_belong_to_their_rows(kyoto):
    for row in kyoto.iloc[::97].itertuples():
        assert isinstance(row.structure, Structure)
        assert isinstance(row.composition, Composition)
        assert row.structure.composition == row.composition
        assert row.composition.reduced_formula == row.formula
        assert len(row.structure) == row.nsites
        assert row.structure.volume == pytest.approx(row.volume, rel=2e-4)


def test_labels_are_missing_where_a_material_is_unstable(kyoto):
    unstable, stable = kyoto[~kyoto["is_stable"]], kyoto[kyoto["is_stable"]]
    assert unstable[LABELS].isna().all(axis=None)
    assert (unstable["lowest_frequency"] < 0).all()
    assert stable["heat_capacity"].notna().all()
    assert (stable["lowest_frequency"] > -10.01).all()
    assert (stable["heat_capacity_per_atom"] < 24.9434).all()


def test_derived_columns_follow_from_each_other(kyoto):
    stable = kyoto[kyoto["is_stable"] & (kyoto["nsites"] > 1)]
    stable = stable[stable["has_phonon_bandgap"].notna()]
    gap = stable["optical_bottom"] - stable["acoustic_top"]
    assert np.allclose(gap, stable["acoustic_optical_gap"], atol=0.02)
    assert (stable["has_phonon_bandgap"] == (stable["acoustic_optical_gap"] > 0)).all()
    edges = stable[stable["largest_gap"] > 0]
    width = edges["largest_gap_upper_edge"] - edges["largest_gap_lower_edge"]
    assert np.allclose(width, edges["largest_gap"], atol=0.02)
    assert (edges["largest_gap"] >= edges["acoustic_optical_gap"] - 0.01).all()
    fast = stable.dropna(subset=["speed_of_sound"])
    mean = (fast["speed_longitudinal"] + 2 * fast["speed_transverse"]) / 3
    assert np.allclose(mean, fast["speed_of_sound"], atol=2e-4)


def test_gap_class_and_heat_capacity_agree_with_the_papers(shared):
    """Which are of another calculation, DFPT."""
    gapped = shared[shared["phonon_bandgap_paper"] > 0]
    difference = (gapped["acoustic_optical_gap"] - gapped["phonon_bandgap_paper"]).abs()
    assert len(gapped) > 90
    assert difference.mean() < 3.0
    counted = shared.dropna(subset=["has_phonon_bandgap"])
    assert (counted["has_phonon_bandgap"] == counted["has_phonon_bandgap_paper"]).mean() > 0.98
    heat = shared["heat_capacity_per_atom"] - shared["heat_capacity_per_atom_paper"]
    assert heat.abs().mean() < 0.03


# Rhombohedral crystals, most of them layered, have 1.14, see the card.
@pytest.mark.parametrize(
    "system", ["cubic", "hexagonal", "tetragonal", "orthorhombic", "monoclinic"]
)
def test_speeds_agree_with_elastic_moduli(shared, system):
    part = shared[(shared["lattice_system"] == system) & shared["speed_from_moduli"].notna()]
    ratio = np.log((part["speed_of_sound"] / part["speed_from_moduli"]).astype(float).dropna())
    assert 0.95 < np.exp(ratio.median()) < 1.06
    assert ratio.quantile(0.75) - ratio.quantile(0.25) < 0.12


def test_the_papers_speeds_do_not_where_the_crystal_is_not_cubic(shared):
    ratio = (shared["speed_of_sound_paper"] / shared["speed_of_sound"]).astype(float)
    medians = ratio.groupby(shared["lattice_system"]).median()
    assert medians["cubic"] == pytest.approx(1.0, abs=0.04)
    assert medians["hexagonal"] > 1.1
    assert medians["rhombohedral"] > 1.1
    assert medians["tetragonal"] < 0.95


def test_a_speed_that_is_checked_is_there(kyoto):
    assert kyoto.loc[kyoto["speed_check"] != "unchecked", "speed_of_sound"].notna().all()
    with_speed = kyoto[kyoto["speed_of_sound"].notna() & (kyoto["nsites"] > 1)]
    assert (with_speed["optical_bottom"].dropna() >= 10.0).all()


def test_branches_are_counted_in_primitive_cells_only(kyoto):
    by_id = kyoto.set_index("material_id")
    layered = by_id.loc["mp-27922"]  # GeI2, given with three primitive cells
    assert layered["nsites"] == 9
    assert layered["is_stable"]
    assert layered[["acoustic_optical_gap", "has_phonon_bandgap"]].isna().all()
    assert layered[["largest_gap", "heat_capacity"]].notna().all()
    stable = kyoto[kyoto["is_stable"]]
    assert 0 < stable["has_phonon_bandgap"].isna().sum() < 48


def test_loader_picks_parts(kyoto):
    stable = load_phonondb_kyoto()
    assert stable["has_phonon_bandgap"].dtype == "boolean"
    assert stable.index.equals(kyoto.index[kyoto["is_stable"]])
    insulators = load_phonondb_kyoto(insulators_only=True, magnetic=False)
    assert insulators["has_born_charges"].all()
    assert not insulators["may_be_magnetic"].any()
    assert len(load_phonondb_kyoto(stable_only=False)) == len(kyoto)


def test_phonon_tl_says_what_its_speeds_are_worth(phonon_tl):
    assert "cubic crystals only" in phonon_tl.attrs["notes"]["speed_of_sound"]
    assert "cubic crystals only" in dataset_metadata()["phonon_tl"]["columns"]["speed_of_sound"]
