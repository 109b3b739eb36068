import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline as make_imbalanced_pipeline
from matplotlib.figure import Figure
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GroupKFold,
    LeaveOneOut,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVR

from matminer_phonon_tl.evaluation import leakage_probe
from matminer_phonon_tl.evaluation.leakage import permute_labels
from matminer_phonon_tl.models import PhononRegressor, TransferMLPRegressor


@pytest.fixture
def wide():
    """More columns than rows: a feature that fits the labels can always be found."""
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 400))
    return X, X[:, 0] + random.normal(size=60)


@pytest.fixture
def rare():
    """One in six is of the second class, and nothing tells which."""
    random = np.random.default_rng(0)
    return random.normal(size=(120, 6)), np.arange(120) % 6 == 0


@pytest.fixture
def duplicated():
    """Every material stands there three times, with the same descriptors and label."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(25), 3)
    X = random.normal(size=(25, 4))[groups]
    return X, X[:, 0] + 0.1 * random.normal(size=75), groups


# leaks planted by hand


def test_selection_of_features_on_all_rows_is_caught(wide):
    def leaking(estimator, X, y, folds):
        selected = SelectKBest(f_regression, k=10).fit_transform(X, y)
        return cross_val_predict(estimator, selected, y, cv=folds)

    report = leakage_probe(Ridge(), *wide, leaking, n_permutations=6, n_repeats=1)
    assert report.leaks
    assert report.mean > 0.5
    clean = make_pipeline(SelectKBest(f_regression, k=10), Ridge())
    assert not leakage_probe(clean, *wide, n_permutations=6, n_repeats=1).leaks


def test_smote_before_the_split_is_caught(rare):
    forest = ExtraTreesClassifier(20, random_state=0)

    def leaking(estimator, X, y, folds):
        more, labels = SMOTE(random_state=0).fit_resample(X, y)
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        held_out = cross_val_predict(estimator, more, labels, cv=folds, method="predict_proba")
        return labels, held_out[:, 1]

    report = leakage_probe(forest, *rare, leaking, n_permutations=6, n_repeats=1)
    assert report.leaks
    clean = make_imbalanced_pipeline(SMOTE(random_state=0), forest)
    assert not leakage_probe(clean, *rare, n_permutations=6, n_repeats=1).leaks


def test_duplicates_across_folds_are_caught_when_groups_move(duplicated):
    X, y, groups = duplicated
    forest = ExtraTreesRegressor(20, random_state=0)
    options = {"n_permutations": 6, "n_repeats": 1}
    assert leakage_probe(forest, X, y, groups=groups, **options).leaks
    # moved one by one, labels of duplicates have nothing to do with each other
    assert not leakage_probe(forest, X, y, **options).leaks
    grouped = leakage_probe(forest, X, y, groups=groups, splitter=GroupKFold(5), **options)
    assert not grouped.leaks


# the package's own protocols


@pytest.mark.parametrize(
    ("protocol", "leaks"), [("leak_free", False), ("strict", False), ("published", True)]
)
def test_protocols_of_the_transfer_networks(gapped, source, protocol, leaks):
    network = TransferMLPRegressor((24, 12, 8), source=source, source_epochs=20, epochs=100)
    report = leakage_probe(
        network, gapped, "phonon_bandgap", protocol, n_permutations=5, n_repeats=1
    )
    assert report.leaks is leaks
    assert repr(protocol) in report.verdict
    assert (report.mean > 0.4) is leaks


def test_published_without_transfer_does_not_leak(gapped):
    network = TransferMLPRegressor((12, 8, 4), source=None, epochs=40)
    report = leakage_probe(
        network, gapped, "phonon_bandgap", "published", n_permutations=5, n_repeats=1
    )
    assert not report.leaks


# the statistics


def test_clean_protocols_are_cleared_at_the_stated_rate():
    """Not more than one in twenty at alpha = 0.05, within three standard deviations."""
    random = np.random.default_rng(3)
    X = random.normal(size=(40, 3))
    y = random.exponential(size=40) ** 2  # skewed: a median-like model must not count as a leak
    caught = sum(
        leakage_probe(
            SVR(), X, y, n_permutations=5, n_repeats=1, random_state=seed, alpha=0.05
        ).leaks
        for seed in range(40)
    )
    assert caught <= 40 * 0.05 + 3 * np.sqrt(40 * 0.05 * 0.95)


def test_permuting_rows_keeps_the_labels():
    y = np.arange(10.0)
    moved = permute_labels(y, None, np.random.default_rng(0))
    assert sorted(moved) == sorted(y)
    assert not np.array_equal(moved, y)


def test_groups_of_different_sizes_move_whole():
    y = np.array([1.0, 1.0, 1.0, 2.0, 3.0, 3.0])
    groups = np.array(["a", "a", "a", "b", "c", "c"])
    for seed in range(20):
        moved = permute_labels(y, groups, np.random.default_rng(seed))
        for group in "abc":
            assert len(set(moved[groups == group])) == 1
    with pytest.raises(ValueError, match="expected two groups or more to move labels between"):
        permute_labels(y, np.full(6, "a"), np.random.default_rng(0))


def test_the_report_has_verdict_table_and_figure(wide):
    report = leakage_probe(Ridge(), *wide, n_permutations=5, n_repeats=1)
    assert report.verdict.startswith("No leak was found in the protocol 'leak_free': on 5 perm")
    assert "would have been noticed" in str(report)
    assert report.to_frame().shape == (5, 2)
    assert report.as_dict()["leaks"] is False
    figure = report.plot()
    assert isinstance(figure, Figure)
    assert "no leak found" in figure.get_suptitle()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_permutations": 2}, "expected a whole number of 5 or more as n_permutations, got 2"),
        ({"n_permutations": "9"}, "as n_permutations, got '9'"),
        ({"alpha": 2}, "expected a number between 0 and 1 as alpha, got 2"),
        ({"random_state": -1}, "expected a whole number of 0 or more as random_state, got -1"),
        ({"client": 3}, "expected a dask.distributed.Client as client, got 3"),
        ({"protocol": 7}, r"a name or a function\(estimator, X, y, folds\), got int"),
        ({"protocol": "clean"}, "expected protocol to be one of 'leak_free'"),
        ({"splitter": LeaveOneOut()}, "expected folds with two tested rows or more, got none"),
        ({"protocol": lambda *_: np.zeros(3)}, r"return predictions of shape \(60,\), got \(3,\)"),
    ],
)
def test_what_cannot_be_probed_is_said(wide, options, message):
    with pytest.raises(ValueError, match=message):
        leakage_probe(Ridge(), *wide, **options)


def test_a_leak_that_the_probe_would_miss_is_said(gapped):
    table = gapped[["composition", "speed_of_sound"]]
    model = PhononRegressor(
        members=("gp15",), intervals=False, target="speed_of_sound", source=table
    )
    with pytest.raises(ValueError, match="whose source knows nothing of speed_of_sound, got one"):
        leakage_probe(model, table, "speed_of_sound", lambda *_: np.zeros(len(table)))


def test_labels_that_are_all_the_same_cannot_be_probed(wide):
    with pytest.raises(ValueError, match=r"expected labels that differ, got 1\.0 in every row"):
        leakage_probe(Ridge(), wide[0], np.ones(60))
