"""Calculated values of formulas in the shipped sets."""

import pandas as pd
import pytest
from pymatgen.core import Composition, Lattice, Structure

from matminer_phonon_tl.datasets.load import find_materials
from matminer_phonon_tl.models import calculated_values
from matminer_phonon_tl.models.known_values import COLUMNS


@pytest.fixture(params=["phonon_tl", "phonondb_kyoto"])
def whole(request, phonon_tl):
    if request.param == "phonon_tl":
        return request.param, phonon_tl
    return request.param, request.getfixturevalue("kyoto")


@pytest.fixture(scope="module")
def kyoto():
    from matminer_phonon_tl.datasets import load_phonondb_kyoto

    return load_phonondb_kyoto(stable_only=False)


def test_every_material_is_found_as_the_whole_set_has_it(whole):
    """No row is lost, and formulas are written as pymatgen writes them today."""
    name, df = whole
    assert (df["formula"] == [c.reduced_formula for c in df["composition"]]).all()
    found = find_materials(name, df["formula"])
    pd.testing.assert_frame_equal(
        found, df.drop(columns="structure").reset_index(drop=True), check_dtype=False
    )


def test_one_row_a_polymorph_and_set():
    found = calculated_values(["InN", "Qq", "SnSe", None])
    assert tuple(found.columns) == COLUMNS
    assert found[["row", "material_id", "dataset", "space_group", "cell", "nsites"]].to_numpy(
        dtype=object
    ).tolist() == [
        [2, "mp-691", "phonondb_kyoto", 62, "Sn4Se4", 8],
        [2, "mp-2693", "phonon_tl", 225, "SnSe", 2],
        [2, "mp-8936", "phonondb_kyoto", 225, "Sn2Se2", 4],
    ]
    assert found["phonon_bandgap"].tolist()[:2] == [0, 0]


def test_whatever_the_form_the_formula_counts():
    wurtzite = Structure(Lattice.hexagonal(3.2, 5.2), ["Ga", "N"], [[0] * 3, [0, 0, 0.4]])
    forms = ["N2Ga2", Composition("GaN"), {"Ga": 1, "N": 1}, wurtzite]
    found = calculated_values(forms)
    ids = [group["material_id"].tolist() for _, group in found.groupby("row")]
    assert len(ids) == 4
    assert all(each == ids[0] for each in ids)
    assert found["formula"].unique().tolist() == ["N2Ga2", "GaN"]
    # Of the formula as given, so that it can be compared with a prediction.
    of_four, of_two = (found[found["row"] == row]["heat_capacity"].to_numpy() for row in (0, 1))
    assert of_four == pytest.approx(2 * of_two)
    assert found.attrs["units"]["heat_capacity"].endswith("of the formula as given")


def test_what_is_wrong_or_missing_is_not_shown():
    """The paper's speeds are off in crystals that are not cubic; unstable ones have no values."""
    found = calculated_values(["GaN", "SiO2"])
    papers = found[found["dataset"] == "phonon_tl"]
    assert papers["speed_of_sound"].notna().tolist() == (papers["space_group"] > 194).tolist()
    assert papers["is_stable"].all()
    unstable = found[~found["is_stable"]]
    assert len(unstable) > 10
    assert (unstable["lowest_frequency"] < 0).all()
    assert unstable[["phonon_bandgap", "speed_of_sound", "heat_capacity"]].isna().all(axis=None)


def test_no_formula_no_row():
    for asked in ([], ["InN"], ["Qq"]):
        found = calculated_values(asked)
        assert len(found) == 0
        assert tuple(found.columns) == COLUMNS
