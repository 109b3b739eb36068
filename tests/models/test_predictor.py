"""All properties at once: one row for each input, whatever it is."""

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition, Lattice, Structure
from sklearn.base import clone

from matminer_phonon_tl.exceptions import CellSizeWarning, CompositionError
from matminer_phonon_tl.models import (
    PhononGapClassifier,
    PhononPredictor,
    PhononRegressor,
    ShippedPredictors,
    load_model,
    save_model,
)
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.predictor import COLUMNS, TARGETS, saturation
from tests.models.conftest import SMALL_FOREST

KNOWN = "trained on this formula in"
ON_CELL = "whether there is a gap depends on the atoms in the primitive cell"
BAD = ["Qq", "", "Cm2O3", "H2O)", None]


def test_one_row_for_each_input_in_order(small_predictor):
    asked = ["InN", *BAD, "GaSb"]
    frame = small_predictor.predict(asked)
    assert tuple(frame.columns) == COLUMNS
    assert frame["formula"].tolist() == ["InN", "Qq", "", "Cm2O3", "H2O)", None, "GaSb"]
    assert frame["error"].notna().tolist() == [False, *[True] * 5, False]
    assert "which is none" in frame.loc[1, "error"]
    assert not frame["error"].dropna().str.startswith("row").any()
    failed = frame[frame["error"].notna()]
    assert failed[[*TARGETS, "has_gap_probability"]].isna().all(axis=None)
    assert failed["has_phonon_bandgap"].isna().all()
    good = frame[frame["error"].isna()]
    assert good[["speed_of_sound", "heat_capacity", "has_gap_probability"]].notna().all(axis=None)
    assert frame.attrs["units"]["phonon_bandgap"] == "cm-1"


def test_a_list_equals_one_by_one_and_any_order(small_predictor, phonon_tl):
    asked = phonon_tl["composition"][:30].tolist()
    whole = small_predictor.predict(asked)
    backwards = small_predictor.predict(asked[::-1])[::-1].reset_index(drop=True)
    single = pd.concat([small_predictor.predict([c]) for c in asked], ignore_index=True)
    for other in (backwards, single):
        pd.testing.assert_frame_equal(other, whole, rtol=1e-6, check_dtype=False)


def test_structures_that_nobody_asked_for_change_nothing(phonon_tl):
    """Of a table, a model without structures reads compositions, whatever stands beside them."""
    materials = Materials.of(
        phonon_tl[:4].assign(structure=[s * (1, 1, 2) for s in phonon_tl["structure"][:3]] + [None])
    )
    some = materials.take(np.array([3, 1]))
    assert list(some.compositions) == phonon_tl["composition"].iloc[[3, 1]].tolist()
    assert some.matrix("xenonpy", use_structure=False).shape == (2, 290)
    with pytest.raises(CompositionError, match="row 0: expected a Structure because use_struc"):
        some.matrix("xenonpy", use_structure=True)


def test_a_row_does_not_know_its_neighbours():
    """However odd a compound is, it changes nothing for those asked about with it."""
    predictor = PhononPredictor.from_pretrained()
    alone = pd.concat([predictor.predict([f]) for f in ("AlN", "GaSb")], ignore_index=True)
    together = predictor.predict(["AlN", "GaSb", "InN1000000", {"InN": 1}, "PuH500"])
    pd.testing.assert_frame_equal(together[:2], alone, check_exact=True)
    assert "expected element symbols as keys" in together.loc[3, "error"]


def test_only_a_compound_with_a_gap_gets_one(small_predictor, phonon_tl):
    frame = small_predictor.predict(phonon_tl[:200])
    has_gap = frame["has_phonon_bandgap"].astype(bool)
    assert 0 < has_gap.sum() < 200
    assert frame["phonon_bandgap"].notna().equals(has_gap)
    assert (has_gap == (frame["has_gap_probability"] >= 0.5)).all()
    shown = small_predictor.predict(phonon_tl[:200], conditional=True)
    assert shown["phonon_bandgap"].notna().all()
    assert shown.loc[has_gap, "phonon_bandgap"].equals(frame.loc[has_gap, "phonon_bandgap"])


def test_takes_every_form_of_input(small_predictor):
    structure = Structure(Lattice.cubic(4), ["Ga", "N"], [[0, 0, 0], [0.25] * 3])
    forms = ["GaN", Composition("GaN"), structure, {"Ga": 1, "N": 1}]
    frame = small_predictor.predict(forms)
    assert frame["error"].isna().all()
    assert len(set(frame["speed_of_sound"])) == 1
    assert frame["formula"].tolist()[:3] == ["GaN", "GaN", "GaN"]


def test_the_cell_can_be_said_otherwise(small_predictor):
    """In2N2, two formula units, and a conventional cell of four of them are one primitive cell."""
    written = small_predictor.predict(["In2N2"])
    counted = small_predictor.predict(["InN"], n_formula_units=2)
    assert counted.loc[0, "formula"] == "In2N2"
    columns = [*TARGETS, "has_gap_probability"]
    pd.testing.assert_frame_equal(counted[columns], written[columns])
    conventional = Structure.from_spacegroup(
        "F-43m", Lattice.cubic(4.98), ["In", "N"], [[0] * 3, [0.25] * 3]
    )
    assert len(conventional) == 8
    frame = small_predictor.predict([conventional, "InN"])
    assert frame["formula"].tolist() == ["InN", "InN"]
    assert frame.loc[0, "speed_of_sound"] == pytest.approx(frame.loc[1, "speed_of_sound"])
    with pytest.raises(ValueError, match="expected n_formula_units as a whole number in 1-1000"):
        small_predictor.predict(["InN"], n_formula_units=0)
    with pytest.raises(ValueError, match="or one for each of 1 rows"):
        small_predictor.predict(["InN"], n_formula_units=[1, 2])


def test_a_formula_with_other_known_cells_is_pointed_out():
    """Wurtzite GaN, four atoms, is in the set; a structure or a count leaves no doubt."""
    predictor = PhononPredictor.from_pretrained()
    with pytest.warns(CellSizeWarning, match="of other sizes than written: GaN;"):
        frame = predictor.predict(["GaN", "InN", "Qq"])
    quiet = predictor.predict(["GaN"], n_formula_units=1)
    cells = "cells of 2 atoms (space groups 216, 225) and 4 atoms (space group 186)"
    assert quiet.loc[0, "note"] == f"{KNOWN} {cells}"
    notes = [note and note.split("; ")[0].split(": ")[0] for note in frame["note"]]
    assert notes == [quiet.loc[0, "note"], ON_CELL, None]
    known = predictor.predict(["Na2Cl2", "NaCl"], warn=False)["note"]
    cell = f"{KNOWN} a cell of 2 atoms (space group 225)"
    assert known.tolist() == [f"{cell}, not of 4", cell]


def test_an_answer_that_depends_on_the_cell_says_so():
    """Tin sulfide has eight atoms in its cell and no gap; a formula of two would have one."""
    predictor = PhononPredictor.from_pretrained()
    crystal = Structure(Lattice.cubic(5.8), ["Sn", "S"], [[0] * 3, [0.5] * 3])
    asked = ["SnS", "Sn4S4", "NaCl", Composition("SnS"), crystal]
    frame = predictor.predict(asked, warn=False)
    p = [
        predictor.predict([f], warn=False).loc[0, "has_gap_probability"] for f in ("Sn2S2", "Sn4S4")
    ]
    chance = frame.loc[0, "has_gap_probability"]
    assert max(p) < 0.5 <= chance
    assert frame.loc[0, "note"].endswith(
        f"; {ON_CELL}: P {chance:.2f} with 2, {p[0]:.2f} with 4, {p[1]:.2f} with 8 atoms"
    )
    assert not frame["note"][1:].str.contains(ON_CELL).any()  # nothing was assumed, or no gap
    counted = predictor.predict(["SnS"], n_formula_units=1, warn=False)
    assert ON_CELL not in counted.loc[0, "note"]


def test_what_the_models_cannot_know_is_named_and_out_of_domain():
    layer = {
        c: Structure(
            Lattice.hexagonal(3.16, c),
            ["Mo", "S", "S"],
            [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 1.56 / c], [2 / 3, 1 / 3, -1.56 / c]],
        )
        for c in (13.0, 43.0)
    }
    oxide = Lattice.cubic(2.7), ["Mn", "O"], [[0] * 3, [0.5] * 3]
    moments = {"site_properties": {"magmom": [4.5, 0]}}, {"site_properties": {"magmom": [0, 0]}}
    predictor = PhononPredictor.from_pretrained(structure=True)
    frame = predictor.predict(
        [*layer.values(), Structure(*oxide, **moments[0]), Structure(*oxide, **moments[1])]
    )
    assert frame["in_domain"].tolist()[:3] == [False] * 3
    assert frame["note"].str.split(":").str[0].tolist() == [
        "a layer in vacuum",
        "a layer in vacuum",
        "magnetic (moments of up to 4.5 Bohr magnetons)",
        "",
    ]
    # A formula has no structure to look at, but elements.
    frame = PhononPredictor.from_pretrained().predict(["MnO", "MgO", layer[13.0]], warn=False)
    assert frame["in_domain"].tolist() == [False, True, False]
    assert frame.loc[0, "note"].startswith("may be magnetic (Mn): ")
    assert frame.loc[2, "note"].startswith("a layer in vacuum: ")


def test_a_value_at_a_bound_says_so():
    """Silicon tetrafluoride is made of molecules; the springs between them are far too soft."""
    columns = {
        "heat_capacity_per_atom": np.array([24.9, 24.94, 24.94]),
        "phonon_bandgap": np.array([np.nan, 12.0, 0.0]),
    }
    said = saturation(columns)
    assert said.keys() == {1, 2}
    assert said[1] == "the heat capacity is at its upper bound, 3R an atom: take it as unknown"
    assert said[2] == f"{said[1]}; the gap is at its lower bound, 0: take its width as unknown"
    crystal = Structure.from_spacegroup(
        "I-43m", Lattice.cubic(5.41), ["Si", "F"], [[0] * 3, [0.165] * 3]
    )
    predictor = PhononPredictor.from_pretrained(structure=True)
    (row,) = predictor.predict([crystal]).to_dict(orient="records")
    assert not row["in_domain"]
    assert "molecules or complex ions" in row["note"]
    at_bound = row["heat_capacity_per_atom"] >= 0.999 * 3 * 8.314462618
    assert at_bound == ("3R an atom" in row["note"])


def test_a_gap_without_relatives_is_pointed_out():
    """Nobody has these amounts, or the cell is too large to look: the model saw training means."""
    predictor = PhononPredictor.from_pretrained()
    asked = ["BAs", "B7As", "Be0.5As", "Be8As16", "GaN"]
    regressor = predictor.regressors_["phonon_bandgap"]
    assert regressor.count_relatives(asked).tolist() == [8, 0, 0, 0, 8]
    frame = predictor.predict([*asked, "Qq"], conditional=True, warn=False)
    says = "no relatives of known structure: the gap comes of averages"
    known, dependent = f"{KNOWN} a cell of 2 atoms (space group 216)", f"; {ON_CELL}"
    cells = f"{KNOWN} cells of 2 atoms (space groups 216, 225) and 4 atoms (space group 186)"
    notes = frame["note"].tolist()
    first = [note and note.split(dependent)[0] for note in notes]
    assert [first[0], first[4], first[5]] == [known, cells, None]
    assert [note.split("; ")[-1] for note in notes[1:4]] == [says] * 3
    # Where no gap is given, nothing is said of it.
    plain = predictor.predict(asked, warn=False)
    averaged = plain["note"].str.contains(says)
    assert (averaged <= plain["phonon_bandgap"].notna()).all()
    both = predictor.predict(["Ga7N7"], conditional=True, warn=False)["note"].tolist()
    assert both == [f"{cells}, not of 14; {says}"]
    counted = predictor.predict(["GaN"], n_formula_units=7, conditional=True)
    assert counted["note"].tolist() == both


def test_the_expected_gap_is_the_probability_times_the_gap(small_predictor, phonon_tl):
    asked = phonon_tl["composition"][:40]
    frame = small_predictor.predict(asked, conditional=True)
    product = frame["has_gap_probability"] * frame["phonon_bandgap"]
    np.testing.assert_allclose(frame["phonon_bandgap_expected"], product)
    plain = small_predictor.predict(asked)
    np.testing.assert_allclose(plain["phonon_bandgap_expected"], product)
    quick = small_predictor.predict(asked, negligible=0.2)
    left_out = frame["has_gap_probability"] < 0.2
    assert 0 < left_out.sum() < len(asked)
    assert (quick.loc[left_out, "phonon_bandgap_expected"] == 0).all()
    pd.testing.assert_frame_equal(quick[~left_out], plain[~left_out])


def test_a_probability_is_one(small_predictor):
    with pytest.raises(ValueError, match="expected negligible as a probability in 0-1, got 2"):
        small_predictor.predict(["GaN"], negligible=2)


def test_heat_capacity_per_atom(small_predictor):
    """A heat capacity is one of the formula as it is given; its interval too."""
    frame = small_predictor.predict(["Al2O3", "Al4O6", "Ba8Ga16Ge30", "Li0.5CoO2"])
    atoms = [5, 10, 54, 3.5]
    np.testing.assert_allclose(frame["heat_capacity_per_atom"] * atoms, frame["heat_capacity"])
    ends = frame["heat_capacity_upper"] - frame["heat_capacity_lower"]
    assert (ends > 0).all()
    assert (frame["heat_capacity_lower"] <= frame["heat_capacity"]).all()
    assert (frame["heat_capacity"] <= frame["heat_capacity_upper"]).all()
    counted = small_predictor.predict(["Al2O3"], n_formula_units=2)
    assert counted.loc[0, "heat_capacity"] == pytest.approx(frame.loc[1, "heat_capacity"])
    assert frame.attrs["units"]["heat_capacity"] == "J/mol/K per mole of the formula as given"


def test_a_predictor_of_structures_wants_structures():
    predictor = PhononPredictor.from_pretrained(structure=True)
    structure = Structure.from_spacegroup(
        "F-43m", Lattice.cubic(4.98), ["In", "N"], [[0] * 3, [0.25] * 3]
    )
    crushed = Structure(Lattice.cubic(4), ["In", "N"], [[0] * 3, [0.01] * 3])
    frame = predictor.predict([structure, "InN", crushed])
    assert frame["error"].notna().tolist() == [False, True, True]
    assert "two atoms are nearer than" in frame.loc[2, "error"]
    alone = predictor.predict([structure])
    pd.testing.assert_frame_equal(frame[:1], alone, check_dtype=False)
    assert "expected a Structure, which this predictor needs" in frame.loc[1, "error"]
    assert 100 < frame.loc[0, "phonon_bandgap"] < 320


def test_the_volume_of_a_cell_does_not_matter_but_to_gaps(phonon_tl):
    """PBE's cells are some 5 % larger than PBEsol's."""
    structures = phonon_tl["structure"][phonon_tl["has_phonon_bandgap"]][:8].tolist()
    larger = [each.copy().scale_lattice(1.05 * each.volume) for each in structures]
    predictors = ShippedPredictors(more=True)
    here, there = (predictors.predict(some, warn=False) for some in (structures, larger))
    same = ["has_gap_probability", "in_domain"]
    for name in ("speed_of_sound", "heat_capacity", "debye_temperature"):
        same += [name, f"{name}_lower", f"{name}_upper"]
    pd.testing.assert_frame_equal(here[same], there[same], rtol=1e-4)
    known = here["phonon_bandgap"].notna()
    change = (there["phonon_bandgap"] - here["phonon_bandgap"])[known].abs()
    assert (change > 0).all()
    width = (here["phonon_bandgap_upper"] - here["phonon_bandgap_lower"])[known]
    assert (change < width / 2).mean() > 0.8


def test_the_size_of_the_cell_matters_and_the_index_is_kept(small_predictor):
    df = pd.DataFrame({"formula": ["In1N1", "In2N2"]}, index=["zincblende", "wurtzite"])
    frame = small_predictor.predict(df)
    assert frame.index.tolist() == ["zincblende", "wurtzite"]
    assert frame.loc["zincblende", "heat_capacity"] != frame.loc["wurtzite", "heat_capacity"]


def test_no_rows(small_predictor):
    frame = small_predictor.predict([])
    assert len(frame) == 0
    assert tuple(frame.columns) == COLUMNS


def test_a_single_formula_is_no_list(small_predictor):
    with pytest.raises(CompositionError, match="put a single one into a list"):
        small_predictor.predict("InN")


def test_round_trip_as_json(small_predictor, tmp_path):
    save_model(small_predictor, tmp_path / "predictor.json.gz")
    restored = load_model(tmp_path / "predictor.json.gz")
    asked = ["InN", "GaSb", "Qq", "Fe2O3"]
    pd.testing.assert_frame_equal(restored.predict(asked), small_predictor.predict(asked))


def test_fit_says_what_is_missing(phonon_tl):
    with pytest.raises(ValueError, match=r"got none named \['speed_of_sound'\]"):
        PhononPredictor().fit(phonon_tl.drop(columns="speed_of_sound"))
    with pytest.raises(ValueError, match="expected a regressor for each of"):
        PhononPredictor(regressors={"bandgap": PhononGapClassifier()}).fit(phonon_tl)
    with pytest.raises(ValueError, match=r"for each of .*, got \[\]"):
        PhononPredictor(regressors={}).fit(phonon_tl)


def test_formulas_and_objects_are_learnt_alike(phonon_tl):
    gapped, others = phonon_tl["has_phonon_bandgap"], ~phonon_tl["has_phonon_bandgap"]
    part = pd.concat([phonon_tl[others][:60], phonon_tl[gapped][:30]])
    part = part.drop(columns=["structure", "formula"])  # neither is needed
    texts = ["".join(f"{e.symbol}{n:g}" for e, n in c.items()) for c in part["composition"]]
    as_text = part.assign(composition=texts)
    models = {
        "classifier": PhononGapClassifier(
            group_by_formula=False, param_grid=SMALL_FOREST, random_state=0
        ),
        "regressors": {
            t: PhononRegressor(target=t, analogues=False, random_state=0) for t in TARGETS
        },
    }
    from_objects, from_text = (
        PhononPredictor(**models).fit(table, progress=False) for table in (part, as_text)
    )
    asked = ["InN", "GaAs", "SiO2"]
    pd.testing.assert_frame_equal(
        from_objects.predict(asked, warn=False), from_text.predict(asked, warn=False)
    )


def test_models_that_want_structures_get_them_whatever_the_predictor_says(phonon_tl):
    gapped, others = phonon_tl["has_phonon_bandgap"], ~phonon_tl["has_phonon_bandgap"]
    part = pd.concat([phonon_tl[others][:40], phonon_tl[gapped][:20]])
    common = {"use_structure": True, "descriptors": "lattice_dynamics"}
    predictor = PhononPredictor(
        classifier=PhononGapClassifier(param_grid=SMALL_FOREST, **common),
        regressors={t: PhononRegressor(target=t, analogues=False, **common) for t in TARGETS},
    ).fit(part, progress=False)
    frame = predictor.predict(part["structure"][:3].tolist(), warn=False)
    labels = part["heat_capacity_per_atom"][:3]
    assert frame["heat_capacity_per_atom"].tolist() == pytest.approx(labels, rel=0.2)


def test_predicting_before_fitting():
    with pytest.raises(ValueError, match="not fitted yet"):
        PhononPredictor().predict(["GaN"])


def test_intervals_surround_the_prediction(small_predictor):
    frame = small_predictor.predict(["InN", "GaSb"], conditional=True)
    wider = small_predictor.predict(["InN", "GaSb"], conditional=True, level=0.98)
    for target in TARGETS:
        assert (frame[f"{target}_lower"] <= frame[target]).all()
        assert (frame[target] <= frame[f"{target}_upper"]).all()
        assert (wider[f"{target}_upper"] > frame[f"{target}_upper"]).all()
        assert (frame[f"{target}_std"] > 0).all()


def test_training_similarity_and_unseen_elements(small_predictor, phonon_tl):
    seen = phonon_tl[phonon_tl["has_phonon_bandgap"]]["composition"][:5].tolist()
    frame = small_predictor.predict([*seen, "UO2", {"H": 1, "Pu": 30}])
    assert (frame["training_similarity"][:5] == 1).all()
    assert (frame["unseen_elements"][:5] == "").all()
    assert frame.loc[5, "unseen_elements"] == "U"
    assert frame.loc[6, "training_similarity"] < 0.05
    assert frame["training_similarity"].between(0, 1).all()
    assert frame["in_domain"].tolist() == [True] * 5 + [False] * 2


def test_what_ships_is_what_the_card_says():
    predictor = PhononPredictor.from_pretrained()
    card = predictor.card_
    assert card["training_data"] == predictor.classifier_.training_data_
    assert [score["target"] for score in card["scores"]] == ["has_phonon_bandgap", *TARGETS]
    for score in card["scores"]:
        assert score["protocol"].startswith("leak_free")
    frame = predictor.predict(["InN", "GaSb", "InAs", "InSb"])
    assert frame["has_phonon_bandgap"].tolist() == [True, True, True, False]
    assert frame["error"].isna().all()


def test_what_ships_can_be_made_again(phonon_tl):
    """The gap's regressor, trained anew, is the shipped one."""
    gapped = phonon_tl[phonon_tl["has_phonon_bandgap"]]
    shipped = PhononPredictor.from_pretrained().regressors_["phonon_bandgap"]
    again = clone(shipped).set_params(intervals=False).fit(gapped, gapped["phonon_bandgap"])
    assert again.training_data_ == shipped.training_data_
    asked = ["InN", "GaSb", "BAs", "NaCl"]
    np.testing.assert_allclose(again.predict(asked), shipped.predict(asked), rtol=0.02, atol=0.5)


def test_physical_bounds_over_the_whole_set(phonon_tl):
    frame = PhononPredictor.from_pretrained().predict(phonon_tl["composition"], conditional=True)
    per_atom = frame["heat_capacity"] / [c.num_atoms for c in phonon_tl["composition"]]
    assert ((per_atom > 0) & (per_atom <= 3 * 8.314462618)).all()
    assert (frame["speed_of_sound"] > 0).all()
    assert (frame["phonon_bandgap"] >= 0).all()


def test_a_heavier_anion_is_slower():
    predictor = PhononPredictor.from_pretrained()
    for family in (["GaN", "GaP", "GaAs", "GaSb"], ["LiF", "LiCl", "LiBr", "LiI"]):
        assert predictor.predict(family, warn=False)["speed_of_sound"].is_monotonic_decreasing


def test_a_notebook_shows_what_is_predicted_from_how_many_rows(small_predictor):
    small_predictor.card_ = {
        "scores": [
            {"target": "phonon_bandgap", "protocol": "a <b> protocol", "mae": 16.0614, "r2": 0.9078}
        ]
    }
    try:
        shown = small_predictor._repr_mimebundle_()
    finally:
        del small_predictor.card_
    assert shown["text/plain"].startswith("PhononPredictor(")
    text = shown["text/html"]
    rows = small_predictor.regressors_["phonon_bandgap"].training_data_["rows"]
    assert f"<td>phonon_bandgap</td><td>cm-1</td><td>{rows}</td><td>MAE 16.06, R² 0.9078" in text
    assert "<td>has_phonon_bandgap</td><td></td>" in text
    assert "<p>Scores: a &lt;b&gt; protocol.</p>" in text  # of a file that a stranger wrote
    assert "PhononPredictor of compositions" in text
    assert "Scores:" not in small_predictor._repr_html_()


def test_a_notebook_shows_an_unfitted_predictor_as_scikit_learn_does():
    assert "sk-top-container" in PhononPredictor()._repr_html_()
