"""Kernel machines: scikit-learn's predictions from plain arrays, and damage refused."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.svm import SVR

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models import kernel_machine as module
from matminer_phonon_tl.models.kernel_machine import KernelMachine, evaluate


def spread_of(machine, X):
    """Return the predicted spread of one machine."""
    return evaluate([machine], X)[0].spread


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 4))
    return X, np.sin(X[:, 0]) + 0.5 * X[:, 1] + 0.05 * rng.normal(size=80), rng.normal(size=(9, 4))


@pytest.mark.parametrize("nu", [1.5, 2.5])
@pytest.mark.parametrize("per_feature", [False, True])
def test_a_process_predicts_as_scikit_learns(data, nu, per_feature):
    X, z, new = data
    machine = KernelMachine.fit_gaussian_process(X, z, nu=nu, per_feature=per_feature)
    # The same hyperparameters, handed to scikit-learn as fixed.
    scale = 1 / machine.metric if per_feature else 1 / machine.metric[0]
    kernel = ConstantKernel(machine.amplitude) * Matern(scale, nu=nu) + WhiteKernel(machine.noise)
    theirs = GaussianProcessRegressor(kernel, alpha=1e-10, optimizer=None).fit(X, z)
    mean, std = theirs.predict(new, return_std=True)
    np.testing.assert_allclose(machine.predict(new), mean, rtol=1e-8)
    np.testing.assert_allclose(spread_of(machine, new), std, rtol=1e-6)


def test_support_vectors_predict_as_scikit_learns(data):
    X, z, new = data
    machine = KernelMachine.fit_support_vectors(X, z)
    theirs = SVR(C=8.0, epsilon=0.025, gamma=0.25).fit(X, z)
    np.testing.assert_allclose(machine.predict(new), theirs.predict(new), rtol=1e-9)
    assert (spread_of(machine, new) == 0).all()
    assert (machine.weights == 0).sum() == len(X) - len(theirs.support_)


def test_the_gaussian_kernel_is_scikit_learns():
    X = np.random.default_rng(1).normal(size=(5, 3))
    machine = KernelMachine("rbf", 1.0, np.array([1 / 0.7]), X, np.eye(5)[0], 0.0, None)
    np.testing.assert_allclose(machine.predict(X), RBF(0.7)(X, X[:1]).ravel())


def test_conditioned_on_other_labels_it_keeps_its_hyperparameters(data):
    X, z, new = data
    machine = KernelMachine.fit_gaussian_process(X, z, nu=2.5, per_feature=False)
    other = machine.solved_for(X[:40], z[:40])
    assert (other.amplitude, other.noise) == (machine.amplitude, machine.noise)
    assert (spread_of(other, new) >= spread_of(machine, new) - 1e-12).all()
    again = machine.solved_for(X, z)
    assert np.array_equal(again.predict(new), machine.predict(new))


def test_hyperparameters_of_many_rows_come_of_some(monkeypatch, data):
    X, z, new = data
    monkeypatch.setattr(module, "HYPERPARAMETER_ROWS", 50)
    machine = KernelMachine.fit_gaussian_process(X, z, nu=2.5, per_feature=False)
    assert len(machine.points) == 80
    assert np.abs(machine.predict(X) - z).mean() < 0.1
    assert np.isfinite(spread_of(machine, new)).all()


class TestSparseSpread:
    """Where many points are more than are asked for the spread."""

    @pytest.fixture
    def both(self, data, monkeypatch):
        X, z, _ = data
        exact = KernelMachine.fit_gaussian_process(X, z, nu=1.5, per_feature=False)
        new = np.random.default_rng(5).normal(size=(200, 4)) * 1.5
        expected = spread_of(exact, new)

        def spread_with(rows):
            monkeypatch.setattr(module, "INDUCING_ROWS", rows)
            return spread_of(exact.solved_for(X, z), new), expected

        return spread_with

    def test_with_all_points_it_is_the_processes_own(self, data, monkeypatch):
        X, z, new = data
        machine = KernelMachine.fit_gaussian_process(X, z, nu=1.5, per_feature=False)
        exact = spread_of(machine, new)
        monkeypatch.setattr(module, "INDUCING_ROWS", len(X))
        machine._explained = machine._sparse_root()
        sparse = spread_of(machine, new)
        # What is kept of it is in single precision.
        np.testing.assert_allclose(sparse, exact, rtol=1e-3)
        assert not np.array_equal(sparse, exact)

    def test_it_is_kept_as_a_triangle(self, data, monkeypatch):
        X, z, _ = data
        machine = KernelMachine.fit_gaussian_process(X, z, nu=1.5, per_feature=False)
        monkeypatch.setattr(module, "INDUCING_ROWS", 25)
        root = machine._sparse_root()[1]
        assert np.array_equal(root, np.triu(root))

    def test_fewer_points_know_less(self, both):
        errors = [np.abs(np.divide(*both(rows)) - 1).mean() for rows in (10, 25, 60)]
        assert errors[0] > errors[1] > errors[2]
        assert errors[2] < 0.05

    def test_it_is_seldom_too_narrow(self, both):
        sparse, exact = both(25)
        assert (sparse > exact).mean() > 0.9
        assert sparse.min() >= 0

    def test_points_that_stand_twice_are_chosen_once(self, data):
        X, z, _ = data
        machine = KernelMachine.fit_gaussian_process(X, z, nu=1.5, per_feature=False)
        doubled = machine.solved_for(np.vstack([X, X]), np.append(z, z))
        assert sorted(module._pivots(doubled._training_covariance(), 160) % 80) == list(range(80))


@pytest.fixture(scope="module")
def machines(data):
    """Return machines of every kind."""
    X, z, _ = data
    return [
        KernelMachine.fit_gaussian_process(X, z, nu=1.5, per_feature=False),
        KernelMachine.fit_gaussian_process(X, z, nu=2.5, per_feature=False),
        KernelMachine.fit_gaussian_process(X, z, nu=2.5, per_feature=True),
        KernelMachine.fit_support_vectors(X, z),
    ]


def test_together_they_predict_as_alone(machines):
    X = np.random.default_rng(3).normal(size=(300, 4))
    for machine, (mean, std, distance) in zip(machines, evaluate(machines, X), strict=True):
        mapped, points = machine.mapped(X), machine.mapped(machine.points[machine.used])
        np.testing.assert_allclose(distance, cdist(mapped, points).min(axis=1), atol=1e-6)
        np.testing.assert_allclose(mean, machine.predict(X), rtol=1e-12)
        np.testing.assert_allclose(std, spread_of(machine, X), rtol=1e-12)
    assert all((found.spread == 0).all() for found in evaluate(machines, X, spread=False))


@pytest.mark.parametrize("inducing_rows", [500, 30])
def test_a_row_does_not_depend_on_the_rows_beside_it(machines, monkeypatch, inducing_rows):
    monkeypatch.setattr(module, "INDUCING_ROWS", inducing_rows)
    for machine in machines:
        machine._explained = None
    rng = np.random.default_rng(4)
    X = rng.normal(size=(2 * module.BLOCK_ROWS + 17, 4))
    order = rng.permutation(len(X))
    for machine, shuffled, some in zip(
        evaluate(machines, X), evaluate(machines, X[order]), evaluate(machines, X[5:9]), strict=True
    ):
        for whole, other, few in zip(machine, shuffled, some, strict=True):
            assert np.array_equal(whole[order], other)
            assert np.array_equal(whole[5:9], few)


def test_nor_on_its_place_in_a_block():
    """With as many descriptors and points as the models have: smaller products hide it."""
    rng = np.random.default_rng(5)
    points, X = rng.normal(size=(1245, 290)), rng.normal(size=(module.BLOCK_ROWS, 290))
    weights = rng.normal(size=len(points))
    machine = KernelMachine("matern25", 1.0, np.array([1 / 17.0]), points, weights, 0.0, 0.1)
    mean, std = machine.predict(X), spread_of(machine, X)
    for shift in range(1, 100, 7):
        moved = np.roll(X, shift, axis=0)
        assert np.array_equal(machine.predict(moved), np.roll(mean, shift))
        assert np.array_equal(spread_of(machine, moved), np.roll(std, shift))


def test_distances_far_out_and_of_equal_points(data):
    X, z, _ = data
    machine = KernelMachine.fit_gaussian_process(X, z, nu=2.5, per_feature=False)
    at_points = spread_of(machine, X)
    assert (at_points < np.sqrt(machine.amplitude + machine.noise)).all()
    far = np.full((1, 4), 1e8)
    assert machine.predict(far) == 0
    np.testing.assert_allclose(
        spread_of(machine, far), np.sqrt(machine.amplitude + machine.noise), rtol=1e-12
    )


@pytest.mark.parametrize("kernel", ["matern15", "matern25"])
def test_the_gradient_is_that_of_the_posterior(data, kernel):
    X, z, _ = data
    theta = np.log([0.5, 0.3, 0.7, 0.4, 1.3, 0.05])
    value, slope = module._negative_log_posterior(theta, kernel, X, z, -0.5)
    for place in range(len(theta)):
        step = np.zeros(len(theta))
        step[place] = 1e-5
        above, below = (
            module._negative_log_posterior(theta + sign * step, kernel, X, z, -0.5)[0]
            for sign in (1, -1)
        )
        assert (above - below) / 2e-5 == pytest.approx(slope[place], rel=1e-5)
    prior = 0.5 * 4 * module._PRIOR_PRECISION * ((theta[:4] + 0.5) ** 2).sum()
    nu = 1.5 if kernel == "matern15" else 2.5
    kernel = ConstantKernel(1.3) * Matern(1 / np.exp(theta[:4]), nu=nu) + WhiteKernel(0.05)
    process = GaussianProcessRegressor(kernel, alpha=1e-10, optimizer=None).fit(X, z)
    likelihood = process.log_marginal_likelihood_value_ + 40 * np.log(2 * np.pi)
    assert value * 80 == pytest.approx(prior - likelihood, rel=1e-9)


def test_a_descriptor_that_matters_gets_a_shorter_length_scale(data):
    X, z, _ = data
    machine = KernelMachine.fit_gaussian_process(X, z, nu=1.5, per_feature=True)
    assert machine.metric.shape == (4,)
    assert machine.metric[0] > 2 * machine.metric[2:].max()


def test_many_descriptors_are_projected_on_axes(data, monkeypatch):
    """Correlated columns: as many axes as there are independent ones lose nothing."""
    X, z, new = data
    mixing = np.random.default_rng(6).normal(size=(4, 12))
    full = KernelMachine.fit_gaussian_process(X @ mixing, z, nu=1.5, per_feature=True)
    monkeypatch.setattr(module, "AXES", 4)
    projected = KernelMachine.fit_gaussian_process(X @ mixing, z, nu=1.5, per_feature=True)
    assert (full.metric.shape, projected.metric.shape) == ((12,), (12, 4))
    np.testing.assert_allclose(
        projected.predict(new @ mixing), full.predict(new @ mixing), rtol=1e-6
    )
    state = projected.get_state()
    restored = KernelMachine.from_state(state, X @ mixing)
    assert np.array_equal(restored.predict(new @ mixing), projected.predict(new @ mixing))


class TestStoredSpread:
    """What the spread of a large machine needs is kept in its state."""

    @pytest.fixture
    def machine(self, data, monkeypatch):
        X, z, _ = data
        monkeypatch.setattr(module, "INDUCING_ROWS", 25)
        return KernelMachine.fit_gaussian_process(X, z, nu=1.5, per_feature=False)

    def test_it_is_restored_and_not_computed_anew(self, machine, data, monkeypatch):
        expected = spread_of(machine, data[2])
        restored = KernelMachine.from_state(machine.get_state(), data[0])
        monkeypatch.delattr(KernelMachine, "_sparse_root")
        assert np.array_equal(spread_of(restored, data[2]), expected)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("points", np.arange(24, dtype=np.int32)),
            ("points", np.full(25, 80, dtype=np.int32)),
            ("points", np.full(25, -1, dtype=np.int32)),
            ("points", np.arange(25)),
            ("root", np.full((25, 25), np.nan, dtype=np.float32)),
            ("root", np.ones((25, 25))),
        ],
    )
    def test_damage_is_refused(self, machine, data, name, value):
        state = machine.get_state()
        state["inducing"] = {**state["inducing"], name: value}
        with pytest.raises(ModelFormatError, match=r"^expected inducing points"):
            KernelMachine.from_state(state, data[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kernel", "linear"),
        ("amplitude", -1.0),
        ("amplitude", 1),
        ("metric", np.zeros(1)),
        ("metric", np.ones(3)),
        ("metric", np.ones((4, 5))),
        ("metric", np.ones((3, 2))),
        ("metric", np.ones((4, 0))),
        ("metric", [1.0]),
        ("weights", np.ones(5)),
        ("weights", np.full(80, "a")),
        ("weights", [1.0]),
        ("offset", None),
        ("noise", -0.1),
    ],
)
def test_damage_is_refused(data, name, value):
    X, z, _ = data
    state = KernelMachine.fit_gaussian_process(X, z, nu=2.5, per_feature=False).get_state()
    with pytest.raises(ModelFormatError, match=r"^expected a kernel machine"):
        KernelMachine.from_state({**state, name: value}, X)
