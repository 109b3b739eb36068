"""The gap classifier: the paper's split, no leak inside, thresholds, importances, bad input."""

import json

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from sklearn.base import clone
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from matminer_phonon_tl.exceptions import CompositionError, TrainingError, UnknownElementError
from matminer_phonon_tl.featurizers import XenonPyDescriptors
from matminer_phonon_tl.models import PhononGapClassifier, load_model, save_model
from matminer_phonon_tl.models.importances import clustered_importances, near_copies

SMALL = {"n_estimators": [25], "max_depth": [8]}


def test_beats_the_published_scores_on_the_papers_split(train, test):
    grid = {"n_estimators": [200], "max_depth": [None]}
    classifier = PhononGapClassifier(param_grid=grid, random_state=0)
    classifier.fit(train, train["has_phonon_bandgap"])
    probability = classifier.predict_proba(test)[:, 1]
    truth = test["has_phonon_bandgap"]
    assert f1_score(truth, classifier.predict(test)) >= 0.80
    assert roc_auc_score(truth, probability) >= 0.97
    assert average_precision_score(truth, probability) >= 0.86


def test_tells_the_papers_four_compounds_apart(phonon_tl):
    grid = {"n_estimators": [200], "max_depth": [None]}
    classifier = PhononGapClassifier(param_grid=grid, random_state=0)
    classifier.fit(phonon_tl, phonon_tl["has_phonon_bandgap"])
    assert classifier.predict(["InN", "GaSb", "InAs"]).all()


def test_proba_and_predict_agree(small_classifier, test):
    proba = small_classifier.predict_proba(test)
    assert proba.shape == (374, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert np.array_equal(small_classifier.predict(test), proba[:, 1] >= 0.5)
    assert small_classifier.classes_.tolist() == [False, True]
    probability, spread = small_classifier.predict_gap(test)
    assert np.array_equal(probability, proba[:, 1])
    assert (spread >= 0).all()
    assert (spread <= 0.5 + 1e-12).all()


def test_takes_every_form_of_input(small_classifier, test):
    expected = small_classifier.predict_proba(test)[:5]
    head = test[:5]
    for form in (head["composition"], head["composition"].tolist(), head["structure"].tolist()):
        assert np.array_equal(small_classifier.predict_proba(form), expected)


def test_same_seed_same_model(small_classifier, train, test):
    again = clone(small_classifier).fit(train, train["has_phonon_bandgap"])
    expected = small_classifier.predict_proba(test)
    assert np.array_equal(again.predict_proba(test), expected)
    assert again.training_data_ == small_classifier.training_data_


def test_the_search_oversamples_inside_the_fold_only(train, monkeypatch):
    """No synthetic row may be made of, or stand among, the rows a fold is scored on."""
    seen = []
    original = SMOTE._fit_resample

    def spy(self, X, y):
        seen.append(len(y))
        return original(self, X, y)

    monkeypatch.setattr(SMOTE, "_fit_resample", spy)
    grid = {"n_estimators": [3], "max_depth": [2, 3]}
    labels = train["has_phonon_bandgap"]
    PhononGapClassifier(param_grid=grid, cv=3, random_state=0).fit(train, labels)
    assert len(seen) == 2 * 3 + 1  # every fold of every point, then the final fit
    assert all(0.55 * len(train) < n < 0.8 * len(train) for n in seen[:-1])
    assert seen[-1] == len(train)
    seen.clear()
    PhononGapClassifier(param_grid=grid, cv=3, protocol="published", random_state=0).fit(
        train, labels
    )
    assert seen == [len(train)]


def test_published_protocol_flatters_the_search(train):
    """Oversampling before the split shows: its inner score is far above the honest one."""
    grid = {"n_estimators": [20], "max_depth": [6, 8]}
    scores = {
        protocol: PhononGapClassifier(param_grid=grid, protocol=protocol, random_state=0)
        .fit(train, train["has_phonon_bandgap"])
        .best_score_
        for protocol in ("leak_free", "published")
    }
    assert scores["published"] > scores["leak_free"] + 0.2


def test_a_lower_threshold_finds_more(small_classifier, test):
    generous = clone(small_classifier).set_params(threshold=0.2)
    generous = PhononGapClassifier.from_state(small_classifier.get_state(), **generous.get_params())
    truth = test["has_phonon_bandgap"]
    assert generous.predict(test)[truth].mean() > small_classifier.predict(test)[truth].mean()
    assert np.array_equal(generous.predict(test), generous.predict_proba(test)[:, 1] >= 0.2)


def test_structure_and_physics_descriptors(phonon_tl):
    part = pd.concat([phonon_tl[phonon_tl["has_phonon_bandgap"]][:40], phonon_tl[:80]])
    classifier = PhononGapClassifier(
        descriptors="both",
        use_structure=True,
        forest="extra_trees",
        balance="class_weight",
        param_grid=SMALL,
        random_state=0,
    ).fit(part, part["has_phonon_bandgap"])
    importances = classifier.feature_importances()
    assert len(importances) == 290 + 16 + 16
    assert {"space_group", "log_mass_ratio", "ave:atomic_number"} <= set(importances.index)
    with pytest.raises(CompositionError, match="a column 'structure' because use_structure=True"):
        classifier.predict(part[["composition"]])
    with pytest.raises(CompositionError, match="row 0: expected a Structure"):
        classifier.predict(["GaN"])


def test_importances_are_labelled(small_classifier, test):
    impurity = small_classifier.feature_importances()
    assert impurity.sum() == pytest.approx(1)
    assert impurity.is_monotonic_decreasing
    assert set(impurity.index) == set(XenonPyDescriptors().feature_labels())
    few = test[:60]
    permuted = small_classifier.feature_importances(
        "permutation", few, few["has_phonon_bandgap"], n_repeats=1
    )
    assert set(permuted.index) == set(impurity.index)
    # What no tree looks at cannot matter.
    unused = impurity.index[impurity == 0]
    assert len(unused)
    assert (permuted[unused] == 0).all()
    assert permuted.max() > 0


def test_what_the_forest_looks_at_on_the_papers_split(train, test):
    """Where the paper's top four stand; see docs/classifier.md."""
    grid = {"n_estimators": [200], "max_depth": [None]}
    classifier = PhononGapClassifier(param_grid=grid, random_state=0)
    importances = classifier.fit(train, train["has_phonon_bandgap"]).feature_importances()
    assert list(importances.index).index("min:sound_velocity") < 40
    # Half of all importance is in the sums, which carry the size of the cell.
    families = importances.groupby(importances.index.str.split(":").str[0]).sum()
    assert families.idxmax() == "sum"
    assert families["sum"] > 0.4
    # One by one, most of the four are far below: near copies share what they are worth together.
    clustered = classifier.feature_importances(
        "clustered", test, test["has_phonon_bandgap"], n_repeats=3
    )
    ranks = clustered.rank(method="dense", ascending=False)
    assert ranks.max() > 80  # clusters, most of them of one descriptor or few
    assert ranks["max:en_pauling"] <= 5
    assert ranks["min:sound_velocity"] <= 20


def test_near_copies_share_one_importance():
    """Two copies of the telling column: shuffled one by one neither matters, together all does."""
    random = np.random.default_rng(0)
    D = random.normal(size=(300, 5))
    D[:, 1] = np.exp(D[:, 0])  # the same order, turned upside down below
    D[:, 2] = -D[:, 0]
    D[:, 4] = 1.0  # never varies
    truth = D[:, 0] > 0.5

    class Vote:
        """Two of three copies decide."""

        def predict_proba(self, D):
            votes = np.sum([D[:, 0] > 0.5, D[:, 1] > np.exp(0.5), D[:, 2] < -0.5], axis=0)
            share = (votes >= 2).astype(float)
            return np.column_stack([1 - share, share])

    clusters = near_copies(D)
    assert clusters[0] == clusters[1] == clusters[2]
    assert len(set(clusters)) == 3
    values = clustered_importances(Vote(), D, truth, n_repeats=2, random_state=0)
    assert values[0] == values[1] == values[2] > 0.4
    assert (values[3:] == 0).all()


def test_recommended_settings_by_what_there_is(phonon_tl):
    part = pd.concat([phonon_tl[phonon_tl["has_phonon_bandgap"]][:30], phonon_tl[:60]])
    classifier = PhononGapClassifier.recommended(
        use_structure=True, param_grid=SMALL, random_state=0
    )
    classifier.fit(part, part["has_phonon_bandgap"])
    labels = set(classifier.feature_importances().index)
    assert {"standard_bond_valence_gap", "standard_coordination", "log_mass_ratio"} <= labels
    assert not labels & {"spring_gap", "standard_spring_gap"}
    restored = PhononGapClassifier.from_dict(json.loads(json.dumps(classifier.as_dict())))
    rows = part[::7]
    assert np.array_equal(restored.predict_proba(rows), classifier.predict_proba(rows))
    assert PhononGapClassifier.recommended().descriptors == "lattice_dynamics"


def test_make_pipeline_is_the_same_model(train, test):
    classifier = PhononGapClassifier(param_grid={"n_estimators": [10]}, random_state=0)
    classifier.fit(train, train["has_phonon_bandgap"])
    pipeline = classifier.make_pipeline()
    pipeline.fit(train["composition"], train["has_phonon_bandgap"])
    assert list(pipeline.named_steps) == ["descriptors", "smote", "forest"]
    expected = pipeline.predict_proba(test["composition"])[:, 1]
    assert np.array_equal(classifier.predict_proba(test)[:, 1], expected)


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        (
            {"y": [True] * 60},
            TrainingError,
            "at least 10 materials without a gap for 5 folds, got 0",
        ),
        ({"y": [True] * 5 + [False] * 55}, TrainingError, "10 materials with a gap .* got 5"),
        ({"y": [True, False] * 10}, TrainingError, r"each of 60 rows, got shape \(20,\)"),
        ({"y": [0.0, 1.0, np.nan] * 20}, TrainingError, "got nan in row 2 .20 such rows."),
        ({"y": ["yes"] * 60}, TrainingError, "to hold numbers"),
        ({"y": [0, 7] * 30}, TrainingError, "True and False, got other values"),
        ({"X": ["GaN"] * 59 + ["Cm"]}, UnknownElementError, "^row 59: "),
        ({"forest": "boosting"}, ValueError, "expected forest to be one of"),
        ({"balance": "none"}, ValueError, "expected balance to be one of"),
        ({"protocol": "strict"}, ValueError, "expected protocol to be one of"),
        ({"descriptors": "magpie"}, ValueError, "expected descriptors to be one of"),
        ({"cv": "5"}, ValueError, "expected cv to be a number of folds"),
        ({"param_grid": {"n_estimators": 5}}, ValueError, "expected param_grid to be a dict"),
        ({"threshold": 1.5}, ValueError, "expected threshold as a number in 0-1"),
        ({"threshold": ("recall", 2)}, ValueError, "expected threshold as a number in 0-1"),
        ({"threshold": "accuracy"}, ValueError, "expected threshold as a number in 0-1"),
    ],
)
def test_bad_input_is_one_sentence(change, error, sentence, phonon_tl):
    X = change.pop("X", phonon_tl[:60])
    y = change.pop("y", [True, False] * 30)
    classifier = PhononGapClassifier(**{"param_grid": {"n_estimators": [2]}, **change})
    with pytest.raises(error, match=sentence):
        classifier.fit(X, y)


def test_values_of_a_grid_may_come_as_an_array_or_a_range(train, tmp_path):
    grid = {"n_estimators": np.array([2, 3]), "max_depth": range(3, 5), "min_samples_leaf": (1,)}
    classifier = PhononGapClassifier(param_grid=grid, cv=2, random_state=0)
    classifier.fit(train, train["has_phonon_bandgap"])
    assert type(classifier.best_params_["n_estimators"]) is int
    save_model(classifier, tmp_path / "model.json")
    restored = load_model(tmp_path / "model.json")
    assert restored.param_grid == {
        "n_estimators": [2, 3], "max_depth": [3, 4], "min_samples_leaf": (1,),
    }  # fmt: skip
    assert np.array_equal(restored.predict_proba(["InN"]), classifier.predict_proba(["InN"]))


def test_a_file_keeps_no_generator(train, tmp_path):
    """It has no JSON; what it drew is in the trees."""
    classifier = PhononGapClassifier(
        param_grid={"n_estimators": [2]}, random_state=np.random.RandomState(0)
    ).fit(train, train["has_phonon_bandgap"])
    save_model(classifier, tmp_path / "model.json")
    restored = load_model(tmp_path / "model.json")
    assert restored.random_state is None
    assert isinstance(classifier.random_state, np.random.RandomState)
    assert np.array_equal(restored.predict_proba(["InN"]), classifier.predict_proba(["InN"]))


def test_folds_without_enough_gaps_are_refused(phonon_tl):
    gapped = phonon_tl[phonon_tl["has_phonon_bandgap"]]
    one_formula = pd.concat([gapped[:1]] * 12 + [phonon_tl[~phonon_tl["has_phonon_bandgap"]][:60]])
    classifier = PhononGapClassifier(param_grid={"n_estimators": [2, 3]}, random_state=0)
    with pytest.raises(TrainingError, match="of more formulas"):
        classifier.fit(one_formula, one_formula["has_phonon_bandgap"])


def test_a_pipeline_of_other_descriptors_is_refused():
    with pytest.raises(ValueError, match="expected descriptors='xenonpy' without structure"):
        PhononGapClassifier.recommended().make_pipeline()


def test_unknown_importances(small_classifier):
    with pytest.raises(ValueError, match=r"expected kind to be one of .* got 'shap'"):
        small_classifier.feature_importances("shap")
    for kind in ("permutation", "clustered"):
        with pytest.raises(ValueError, match=f"expected X and y with kind='{kind}'"):
            small_classifier.feature_importances(kind)
