import numpy as np
import pytest
from sklearn.model_selection import KFold

from matminer_phonon_tl.evaluation import cross_validate
from matminer_phonon_tl.evaluation.network_protocols import clean_predictions, published_predictions
from matminer_phonon_tl.evaluation.splits import Split
from matminer_phonon_tl.networks import TrainingSettings, train_folds
from matminer_phonon_tl.networks.jobs import column_scaler, network_seeds


@pytest.fixture
def matrix():
    """Descriptors, labels in the hundreds, a source, and three rounds of two folds."""
    random = np.random.default_rng(0)
    X = random.normal(size=(30, 5))
    y = 200 + 80 * X[:, 0] + 20 * random.normal(size=30)
    source = (random.normal(size=(40, 5)), random.normal(size=40))
    folds = list(KFold(2).split(X))
    splits = [Split(n, f, *pair) for n in range(7) for f, pair in enumerate(folds)]
    return X, y, source, splits


def settings(network):
    return TrainingSettings(
        epochs=15, weight_decay=network.weight_decay, dropout=network.dropout, batch_size=200,
        scale_labels=False,
    )  # fmt: skip


def test_published_is_the_scripts_chain_of_fits(network, matrix):
    """Written out by hand: every fit starts from the hidden weights the last one left."""
    X, y, source, splits = matrix
    network.set_params(source=source)
    found = published_predictions(network, X, y[None], splits, source, 5)[0, 0]

    current = network.fit(X, y).source_networks_[0]
    order = []
    for number in range(7):
        if number in (0, 5):
            order.append((np.arange(30), None))
        order += [(s.train, s) for s in splits if s.round == number]
    expected = np.empty((7, 30))
    for seed, (rows, split) in zip(network_seeds(5, len(order)), order, strict=True):
        current = train_folds(
            X, y, [rows], (12, 8, 4), settings(network), [seed], initial=current,
            input_scaler=column_scaler(X),
        ).networks[0]  # fmt: skip
        if split is not None:
            expected[split.round, split.test] = current.predict(X[split.test])[:, 0]
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("carry", ["all", "fit_on_all"])
def test_tested_labels_reach_the_published_networks(network, matrix, carry):
    X, y, source, splits = matrix
    changed = y.copy()
    first = splits[0]
    changed[first.test] += 500.0
    a, b = published_predictions(
        network, X, np.stack([y, changed]), splits, source, 0, carry=carry
    )[:, 0]
    assert not np.allclose(a[0, first.test], b[0, first.test], rtol=1e-3)


@pytest.mark.parametrize(("source", "carry"), [(None, "all"), ("given", "none")])
def test_without_transfer_nothing_is_carried(network, matrix, source, carry):
    X, y, given, splits = matrix
    changed = y.copy()
    first = splits[0]
    changed[first.test] += 500.0
    runs = [
        published_predictions(network, X, labels[None], splits, source and given, 0, carry=carry)[
            0, 0
        ]
        for labels in (y, changed)
    ]
    assert np.array_equal(runs[0][0, first.test], runs[1][0, first.test])
    assert not np.array_equal(runs[0][0, splits[1].test], runs[1][0, splits[1].test])


def test_only_transferred_layers_are_carried(network, matrix):
    X, y, source, splits = matrix
    network.set_params(transfer_layers=())
    untouched = published_predictions(network, X, y[None], splits, source, 0)
    nothing = published_predictions(network, X, y[None], splits, None, 0)
    assert np.array_equal(untouched, nothing)
    network.set_params(transfer_layers="first")
    assert not np.array_equal(
        published_predictions(network, X, y[None], splits, source, 0), nothing
    )


def test_chains_do_not_touch_each_other(network, matrix):
    X, y, source, splits = matrix
    # few steps, because training amplifies the round-off of differently ordered sums
    network.set_params(epochs=2, hidden_layer_sizes=[(12, 8, 4), (6, 5, 3)])
    labelings = np.stack([y, y[::-1]])
    together = published_predictions(network, X, labelings, splits[:4], source, 0)
    assert together.shape == (2, 2, 2, 30)
    other = published_predictions(
        network, X, np.stack([y, np.full(30, 7.0) + X[:, 1]]), splits[:4], source, 0
    )
    assert np.allclose(together[0], other[0], rtol=1e-3)
    assert not np.allclose(together[1], other[1], rtol=1e-3)


def test_every_split_has_its_own_seed(network, matrix):
    X, y, source, splits = matrix
    same = [Split(n, 0, splits[0].train, splits[0].test) for n in range(2)]
    out = clean_predictions(network, X, y, same, source, 0)[0]
    assert not np.array_equal(out[0, splits[0].test], out[1, splits[0].test])


def test_published_renews_batch_norm(gapped, network):
    network.set_params(transfer_batch_norm=True)
    with pytest.raises(ValueError, match="expected transfer_batch_norm=False with protocol='pub"):
        cross_validate(network, gapped, "bandgap", "published", n_repeats=1)


def test_published_folds_are_contiguous_and_the_same_in_every_round(gapped, network):
    result = cross_validate(network, gapped, "phonon_bandgap", "published", n_repeats=2)
    assert [split.test.tolist() for split in result.splits[:5]] == [
        test.tolist() for _, test in KFold(5).split(gapped)
    ]
    assert np.array_equal(result.splits[0].test, result.splits[5].test)
    assert np.isfinite(result.predictions).all()
    assert "[published, 2 rounds]" in str(result)
    assert "labels of tested materials reach the model" in result.as_dict()["protocol_meaning"]


def test_unscaled_labels_are_learned_in_their_unit(matrix):
    X, y, _, _ = matrix
    rows = [np.arange(30)]
    raw, scaled = (
        train_folds(X, y, rows, (6, 4), TrainingSettings(epochs=3, scale_labels=scale)).networks[0]
        for scale in (False, True)
    )
    assert raw.y_mean[0] == 0.0
    assert raw.y_scale[0] == 1.0
    assert scaled.y_mean[0] == pytest.approx(y.mean())
    # three steps cannot take an unscaled output to the labels' mean
    assert raw.predict(X).mean() < 50 < scaled.predict(X).mean()
