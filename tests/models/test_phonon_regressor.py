"""The regressors that ship: accuracy without a leak, intervals that hold, bad input."""

import numpy as np
import pytest
from pymatgen.core import Structure
from sklearn.base import clone
from sklearn.model_selection import KFold

from matminer_phonon_tl.exceptions import (
    CompositionError,
    ModelFormatError,
    TrainingError,
    UnknownElementError,
)
from matminer_phonon_tl.models import load_model, make_regressor, save_model
from matminer_phonon_tl.models import phonon_regressor as module
from matminer_phonon_tl.models.conformal import Calibration
from matminer_phonon_tl.models.kernel_ensemble import KernelEnsemble
from matminer_phonon_tl.models.phonon_regressor import PhononRegressor
from matminer_phonon_tl.models.serialization import decode_model


@pytest.fixture(scope="module")
def gapped(phonon_tl):
    return phonon_tl[phonon_tl["has_phonon_bandgap"]].reset_index(drop=True)


@pytest.fixture(scope="module")
def fitted(gapped):
    return make_regressor("speed_of_sound", random_state=0).fit(gapped, gapped["speed_of_sound"])


@pytest.mark.parametrize(
    ("target", "structure", "bar"),
    [
        ("phonon_bandgap", False, 17.5),
        ("phonon_bandgap", True, 15.5),
        ("speed_of_sound", False, 0.36),
        ("heat_capacity", False, 1.45),
    ],
)
def test_accuracy_in_one_cross_validation(phonon_tl, gapped, target, structure, bar):
    """Looser than docs/accuracy.md, which averages; no tested structure is borrowed."""
    y = gapped[target].to_numpy()
    predicted, inside = np.empty(len(y)), np.empty(len(y), dtype=bool)
    for train, test in KFold(5, shuffle=True, random_state=0).split(gapped):
        model = make_regressor(target, structure=structure, random_state=0)
        if target == "phonon_bandgap":
            model.set_params(members=("gp25", "svm"))  # the third costs ten times as much
        known = ~phonon_tl["formula"].isin(gapped["formula"].iloc[test])
        source = phonon_tl.loc[known, ["composition", "structure"]]
        model.fit(gapped.iloc[train], y[train], source=source)
        predicted[test], lower, upper = model.predict_interval(gapped.iloc[test])
        inside[test] = (lower <= y[test]) & (y[test] <= upper)
    assert np.abs(predicted - y).mean() < bar
    # Two standard errors of a share of 124 at 90 %.
    assert inside.mean() > 0.9 - 2 * np.sqrt(0.9 * 0.1 / 124)


@pytest.mark.parametrize("members", [("gp15",), ("gp25_per_feature", "svm")])
def test_a_folds_own_labels_change_nothing_in_it(gapped, monkeypatch, members):
    """Scaler, machines and spread that score a row have not seen its label."""
    captured = []

    def capture(fit_and_predict, labels, formulas, **options):  # noqa: ARG001
        captured.append(fit_and_predict)
        return Calibration.none()

    monkeypatch.setattr(Calibration, "held_out", capture)
    train, test = np.arange(100), np.arange(100, len(gapped))
    spoiled = gapped["speed_of_sound"].to_numpy().copy()
    spoiled[test] = 99.0
    for labels in (gapped["speed_of_sound"], spoiled):
        PhononRegressor(members=members).fit(gapped, labels)
    for first, second in zip(*(f(train, test) for f in captured), strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("search_rows", [50, 1000])
def test_folds_take_over_what_some_rows_told(phonon_tl, monkeypatch, search_rows):
    """Found on a few of many rows, they are kept; on all rows, each fold finds its own."""
    found = []
    fit = KernelEnsemble.fit

    def remember(*arguments):
        ensemble = fit(*arguments)
        found.append([machine.metric for machine in ensemble.machines])
        return ensemble

    monkeypatch.setattr(KernelEnsemble, "fit", remember)
    monkeypatch.setattr(module, "HYPERPARAMETER_ROWS", search_rows)
    some = phonon_tl[:60]
    PhononRegressor(members=("gp15", "gp25_per_feature"), cv=2).fit(some, some["bandgap"] + 1.0)
    whole, *folds = found
    assert len(folds) == 2
    for fold in folds:
        same = [np.array_equal(a, b) for a, b in zip(fold, whole, strict=True)]
        assert same == [search_rows == 50] * 2


def test_intervals_widen_with_the_level_and_the_unknown(fitted):
    mean, low, high = fitted.predict_interval(["GaAs", "UO2"], 0.9)
    _, lower, higher = fitted.predict_interval(["GaAs", "UO2"], 0.99)
    assert (lower <= low).all()
    assert (higher > high).all()
    assert ((low <= mean) & (mean <= high)).all()
    # Nothing with uranium was trained on.
    assert high[1] - low[1] > high[0] - low[0]
    assert (lower >= 0).all()


@pytest.mark.parametrize("transform", [None, "per_atom"])
def test_labels_may_be_negative(phonon_tl, transform):
    some, others = phonon_tl[:200], phonon_tl[200:]
    model = PhononRegressor(members=("gp15",), target_transform=transform, random_state=0)
    model.fit(some, some["formation_energy_per_atom"])
    mean, low, high = model.predict_interval(others, 0.9)
    assert (mean < 0).any()
    assert ((low <= mean) & (mean <= high)).all()
    label = others["formation_energy_per_atom"]
    assert 0.8 < ((low <= label) & (label <= high)).mean() < 0.98


def test_labels_that_are_all_the_same(gapped, tmp_path):
    """Nothing is left to learn, of which the file must hold nothing and be read again."""
    model = PhononRegressor(members=("gp25", "svm"), intervals=False)
    model.fit(gapped, np.full(len(gapped), 7.0))
    save_model(model, tmp_path / "model.json")
    assert load_model(tmp_path / "model.json").predict(["GaN", "NaCl"]).tolist() == [7.0, 7.0]


def test_an_interval_holds_its_prediction_at_the_bound_too(gapped):
    """A gap that is learnt as it is may be predicted below 0, where no interval begins."""
    model = PhononRegressor(members=("gp15",), random_state=0)
    model.fit(gapped, gapped["phonon_bandgap"])
    mean, low, high = model.predict_interval(["PbI2", "CsI", "BeO", "TlBr", "H2O", "Cs2Te"])
    assert (low[mean >= 0] >= 0).all()
    assert ((low <= mean) & (mean <= high)).all()


@pytest.mark.parametrize("level", [0, 1, -0.5, 0.999])
def test_levels_that_cannot_be_given(fitted, level):
    with pytest.raises(ValueError, match=r"expected a level (between 0 and 1|of at most 0\.99)"):
        fitted.predict_interval(["GaAs"], level)


def test_without_calibration_there_are_no_intervals(gapped):
    model = make_regressor("heat_capacity").set_params(intervals=False)
    model.fit(gapped, gapped["heat_capacity"])
    with pytest.raises(ValueError, match="got one fitted with intervals=False"):
        model.predict_interval(["GaAs"])


def test_heat_capacity_is_per_reduced_formula(gapped):
    model = make_regressor("heat_capacity").set_params(intervals=False)
    model.fit(gapped, gapped["heat_capacity"])
    small, large = model.predict(["In1N1", "In2N2"])
    assert large == pytest.approx(small, rel=0.1)
    assert 0 < small < 2 * 3 * 8.314462618


def test_round_trip_is_exact(fitted, tmp_path):
    save_model(fitted, tmp_path / "model.json.gz")
    restored = load_model(tmp_path / "model.json.gz")
    asked = ["GaAs", "InN", "UO2"]
    for ours, theirs in zip(
        fitted.predict_interval(asked), restored.predict_interval(asked), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_polymorphs_of_trained_formulas_have_intervals_of_their_own(gapped, monkeypatch, tmp_path):
    """A crystal of a trained formula has the reach of such ones, any other the usual one."""
    monkeypatch.setattr(module, "LEAST_IN_GROUP", 2)
    y = gapped["speed_of_sound"].to_numpy()
    assert gapped["formula"].duplicated().any()
    model = make_regressor("speed_of_sound", structure=True, random_state=0).fit(gapped, y)
    assert 2 <= len(model.polymorph_calibration_.scores) < len(gapped) / 2
    near = model.polymorph_calibration_ = Calibration(np.full(99, 7.0), np.ones(99))
    save_model(model, tmp_path / "model.json.gz")

    known = Structure.from_dict(gapped["structure"].iloc[0].as_dict())
    known.apply_strain([0.0, 0.0, 0.01])
    new = known.copy()
    new.replace_species({new[0].specie: "Cs"})
    for each in (model, load_model(tmp_path / "model.json.gz")):
        found = each.predict_ranked([known, new])
        half = np.maximum(found.upper - found.mean, found.mean - found.lower) / found.std
        assert half[0] == pytest.approx(7.0)
        assert half[1] == pytest.approx(each.calibration_.reach(0.9, np.full(2, np.inf))[1])
        assert np.array_equal(each.polymorph_calibration_.scores, near.scores)

    damaged = Calibration(np.ones(2), np.array([2.0, 1.0])).get_state()
    with pytest.raises(ModelFormatError, match="ascending"):
        PhononRegressor.from_state(
            {**model.get_state(), "polymorph_calibration": damaged}, **model.get_params()
        )


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("center", np.ones(3), "center as a vector"),
        ("scale", np.zeros(306), "its units above zero"),
        ("offset", 1, "a scaler of finite numbers"),
        ("calibration", Calibration(np.ones(2), np.array([2.0, 1.0])).get_state(), "ascending"),
        ("calibration", Calibration.none().get_state(), "just where there are intervals"),
        ("more_descriptors", np.ones((124, 0)), "124 more_descriptors of 0 columns of float32"),
        ("more_descriptors", np.ones((124, 5), dtype=np.float32), "of 0 columns"),
        ("unit", -1.0, "its units above zero"),
        ("least_std", 0.0, "its units above zero"),
        ("machines", [], "expected 1 machines, got 0"),
        ("relatives", {}, "relatives' structures just where analogues=True"),
    ],
)
def test_damage_is_refused(fitted, name, value, sentence):
    document = fitted.as_dict()
    state = {**fitted.get_state(), name: value}
    with pytest.raises(ModelFormatError, match=sentence):
        PhononRegressor.from_state(state, **fitted.get_params())
    document["state"] = {"center": 1}
    with pytest.raises(ModelFormatError):
        decode_model(document)


def test_a_source_with_labels_trains_along(phonon_tl, gapped):
    """Rows of the source count as training rows, each once, and a gap of zero is none."""
    train, test = gapped[:100], gapped[100:]
    source = phonon_tl[~phonon_tl["formula"].isin(test["formula"])]
    errors = []
    for given in ("structures", source):
        model = make_regressor("heat_capacity").set_params(intervals=False)
        model.fit(train, train["heat_capacity"], source=given)
        errors.append(np.abs(model.predict(test) - test["heat_capacity"]).mean())
    assert errors[1] < 0.85 * errors[0]
    again = ~source["material_id"].isin(train["material_id"])
    record = model.training_data_
    assert record["rows"] == 100
    assert record["rows_from_source"] == again.sum()
    gap = make_regressor("phonon_bandgap").set_params(intervals=False, members=("svm",))
    gap.fit(train, train["phonon_bandgap"], source=source)
    assert gap.training_data_["rows_from_source"] == (again & source["has_phonon_bandgap"]).sum()


def test_no_source_takes_away_the_constructors(phonon_tl, gapped):
    """What None means here it means in every ``fit``."""
    train = gapped.iloc[:60]
    model = PhononRegressor(target="heat_capacity", source=phonon_tl[:200], intervals=False)
    assert model.fit(train, train["heat_capacity"]).training_data_["rows_from_source"] > 0
    model.fit(train, train["heat_capacity"], source=None)
    assert model.training_data_["rows_from_source"] == 0
    with pytest.raises(TrainingError, match="because analogues=True, got none"):
        model.set_params(analogues=True).fit(train, train["heat_capacity"], source=None)


def test_relatives_come_from_the_source(phonon_tl, gapped):
    model = make_regressor("phonon_bandgap").set_params(intervals=False, members=("svm",))
    model.fit(gapped, gapped["phonon_bandgap"])
    assert model.count_relatives(["BAs", "Xe7C3"]).tolist() == [8, 0]
    few = phonon_tl.loc[phonon_tl["formula"].isin(["NaCl"]), ["composition", "structure"]]
    model.fit(gapped, gapped["phonon_bandgap"], source=few)
    assert model.count_relatives(["BAs"]).tolist() == [1]
    with pytest.raises(TrainingError, match="expected a source with a column 'structure'"):
        model.fit(gapped, gapped["phonon_bandgap"], source=few[["composition"]])
    with pytest.raises(ValueError, match=r"expected source as 'structures', None, .*got 'nothing'"):
        model.set_params(source="nothing").fit(gapped, gapped["phonon_bandgap"])


def test_the_gaps_model_travels_with_its_relatives(gapped, tmp_path):
    model = make_regressor("phonon_bandgap").set_params(intervals=False, members=("svm",))
    model.fit(gapped, gapped["phonon_bandgap"])
    save_model(model, tmp_path / "gap.json")
    asked = ["BAs", "Li2Te", "SrTiO3", "Xe7C3"]
    assert np.array_equal(load_model(tmp_path / "gap.json").predict(asked), model.predict(asked))
    state = model.get_state()
    for name, value in (
        ("n_analogues", 10**6),
        ("library", {**state["relatives"]["library"], "counts": np.array([99], np.int32)}),
        ("library", {**state["relatives"]["library"], "counts": np.array([9.5])}),
    ):
        damaged = {**state, "relatives": {**state["relatives"], name: value}}
        with pytest.raises(ModelFormatError, match="expected"):
            PhononRegressor.from_state(damaged, **model.get_params())


def test_heat_capacity_stays_below_dulong_and_petit(gapped):
    model = make_regressor("heat_capacity", random_state=0).fit(gapped, gapped["heat_capacity"])
    mean, lower, upper = model.predict_interval(["CsI", "PbTe", "H4C1"], 0.99)
    most = 3 * 8.314462618 * np.array([2, 2, 5]) + 1e-9
    assert ((lower > 0) & (lower < mean) & (mean < upper) & (upper <= most)).all()


def test_bad_input_is_one_sentence(gapped, fitted):
    y = gapped["speed_of_sound"]
    with pytest.raises(TrainingError, match="expected at least 20 materials to fit to, got 5"):
        clone(fitted).fit(gapped[:5], y[:5])
    with pytest.raises(TrainingError, match="got nan in row 3"):
        clone(fitted).fit(gapped, y.where(y.index != 3))
    with pytest.raises(UnknownElementError, match="row 1: "):
        fitted.predict(["GaN", "Cm"])
    with pytest.raises(ValueError, match="expected target to be one of"):
        make_regressor("bandgap")
    with pytest.raises(ValueError, match="expected members among"):
        PhononRegressor(members=("forest",)).fit(gapped, y)
    with pytest.raises(CompositionError, match="expected a Structure because use_structure=True"):
        make_regressor("speed_of_sound", structure=True).fit(gapped["formula"], y)
