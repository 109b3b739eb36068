"""The stacked engine trains the networks that it says: alone, in a stack, fold by fold."""

import numpy as np
import pytest

from matminer_phonon_tl.networks import TrainingSettings
from matminer_phonon_tl.networks import jobs as engine_jobs
from matminer_phonon_tl.networks.jobs import make_jobs, network_seeds, split_batches
from tests.networks.engine.cases import (
    N_FEATURES,
    N_ROWS,
    SMALL,
    assert_equal,
    one_epoch_jobs,
    train,
)


@pytest.mark.parametrize("batch_size", [None, 16])
def test_held_out_rows_cannot_change_a_bit(data, batch_size):
    X, y, folds = data
    settings = {"epochs": 15, "batch_size": batch_size}
    before = train(X, y, folds, SMALL, **settings)
    for number, fold in enumerate(folds):
        held_out = np.setdiff1d(np.arange(N_ROWS), fold)
        X_changed, y_changed = X.copy(), y.copy()
        X_changed[held_out] = np.nan
        y_changed[held_out] = 1e6
        after = train(
            X_changed, y_changed, [fold], SMALL, random_state=[before.seeds[number]], **settings
        )
        # alone or beside others may differ by rounding, so compare like with like
        alone = train(X, y, [fold], SMALL, random_state=[before.seeds[number]], **settings)
        assert_equal(after.networks[0], alone.networks[0])


def test_held_out_rows_of_every_fold_at_once(data):
    X, y, folds = data
    X, y = np.vstack([X, X[:5]]), np.append(y, y[:5])  # rows 60-64 are in no fold
    before = train(X, y, folds, SMALL, epochs=15)
    X[60:], y[60:] = np.inf, -1e9
    after = train(X, y, folds, SMALL, epochs=15)
    for one, other in zip(before.networks, after.networks, strict=True):
        assert_equal(one, other)


@pytest.mark.parametrize("batch_size", [None, 20])
@pytest.mark.parametrize("widths", ["equal", "different"])
def test_network_is_the_same_alone_and_in_a_stack_of_75(data, batch_size, widths, monkeypatch):
    monkeypatch.setattr(engine_jobs, "CPU_NETWORKS_PER_CHUNK", 75)
    monkeypatch.setattr(engine_jobs, "CPU_LARGEST_PADDING", 1e9)
    X, y, folds = data
    folds = [fold[: 48 - i % 3] for i, fold in enumerate(folds * 15)]  # ragged: 46 to 48 rows
    sizes = [SMALL if widths == "equal" else (16 - i % 5, 8, 4 + i % 3) for i in range(75)]
    settings = {"epochs": 20, "batch_size": batch_size, "dtype": "float64", "n_threads": 1}
    stack = train(X, y, folds, sizes, random_state=7, **settings)
    for i in (0, 1, 13, 44, 74):
        alone = train(X, y, [folds[i]], sizes[i], random_state=[stack.seeds[i]], **settings)
        assert_equal(stack.networks[i], alone.networks[0], rtol=1e-9, atol=1e-9)


def test_paper_size_alone_and_in_a_stack(phonon_tl_matrix):
    X, y, folds = phonon_tl_matrix
    settings = {"epochs": 20, "dtype": "float64"}
    stack = train(X, y, folds, (160, 80, 30), random_state=1, **settings)
    alone = train(X, y, folds[3:4], (160, 80, 30), random_state=[stack.seeds[3]], **settings)
    assert_equal(stack.networks[3], alone.networks[0], rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def phonon_tl_matrix(phonon_tl):
    from matminer_phonon_tl.featurizers import XenonPyDescriptors

    frame = phonon_tl[phonon_tl["has_phonon_bandgap"]]
    X = XenonPyDescriptors().featurize_array(frame["composition"].tolist())
    rows = np.random.default_rng(0).permutation(len(X))
    folds = [np.setdiff1d(rows, part) for part in np.array_split(rows, 5)]
    return X, frame["phonon_bandgap"].to_numpy(), folds


def test_gradients_agree_with_finite_differences(data):
    torch = pytest.importorskip("torch")
    from matminer_phonon_tl.networks.stack import StackBatches, StackedLayers, initial_arrays

    X, y, folds = data
    Y = np.column_stack([y, y**2])
    Y[::3, 1] = np.nan
    folds = [folds[0], folds[1][:40]]
    X, jobs, settings = one_epoch_jobs(
        X, Y, folds, [(6, 5, 4), (5, 4, 3)], dropout=0.0, dtype="float64"
    )
    arrays = [initial_arrays(job, N_FEATURES, 2, settings) for job in jobs]
    layers = StackedLayers(jobs, arrays, N_FEATURES, 2, settings)
    batch = StackBatches(jobs, X, layers.device, layers.dtype).fixed

    def loss():
        total = torch.zeros(2, dtype=torch.float64)
        layers.step(batch, total)
        return total.numpy().copy()

    loss()
    gradients = {name: tensor.clone() for name, tensor in layers.gradients.items()}
    rng = np.random.default_rng(1)
    for name, tensor in layers.parameters.items():
        for k in range(2):
            shape = arrays[k][name].reshape(-1, arrays[k][name].shape[-1]).shape
            place = (k, int(rng.integers(shape[0])), int(rng.integers(shape[1])))
            value, step = tensor[place].item(), 1e-6
            tensor[place] = value + step
            above = loss()
            tensor[place] = value - step
            below = loss()
            tensor[place] = value
            slope = ((above - below) / (2 * step))[k]
            assert gradients[name][place].item() == pytest.approx(slope, rel=2e-5, abs=1e-8), name


def test_same_as_torch_modules(data):
    """The engine against the ordinary way, without dropout and from the same initial weights."""
    torch = pytest.importorskip("torch")
    from matminer_phonon_tl.networks.stack import initial_arrays

    X, y, folds = data
    fold = folds[0]
    stack = train(X, y, [fold], SMALL, 30, [3], dropout=0.0, dtype="float64")
    settings = TrainingSettings(epochs=30, dropout=0.0, dtype="float64")
    _, jobs = make_jobs(X, y, [fold], SMALL, settings, [3])
    start = initial_arrays(jobs[0], N_FEATURES, 1, settings)
    widths = (N_FEATURES, *SMALL)
    parts = []
    for i in range(3):
        linear = torch.nn.Linear(widths[i], widths[i + 1], bias=False, dtype=torch.float64)
        linear.weight.data = torch.from_numpy(start[f"hidden_{i}_weights"].T.copy())
        parts += [linear, torch.nn.BatchNorm1d(widths[i + 1], dtype=torch.float64), torch.nn.ReLU()]
    last = torch.nn.Linear(widths[3], 1, dtype=torch.float64)
    last.weight.data = torch.from_numpy(start["output_weights"].T.copy())
    last.bias.data = torch.from_numpy(start["output_bias"].copy())
    module = torch.nn.Sequential(*parts, last)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01, weight_decay=1e-4)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads on layers this small mostly wait for each other
    scaled = (X[fold] - X[fold].mean(0)) / X[fold].std(0)
    labels = (y[fold] - y[fold].mean()) / y[fold].std()
    for _ in range(30):
        optimiser.zero_grad()
        output = module(torch.from_numpy(scaled))[:, 0]
        torch.nn.functional.mse_loss(output, torch.from_numpy(labels)).backward()
        optimiser.step()
    torch.set_num_threads(n_threads)
    module.eval()
    with torch.no_grad():
        expected = module(torch.from_numpy((X - X[fold].mean(0)) / X[fold].std(0)))[:, 0].numpy()
    expected = expected * y[fold].std() + y[fold].mean()
    np.testing.assert_allclose(stack.predict(X)[0, :, 0], expected, rtol=1e-8)


def test_learns(data):
    X, y, folds = data
    stack = train(X, y, folds, (32, 16, 8), epochs=300)
    residual = stack.predict(X)[0, folds[0], 0] - y[folds[0]]
    assert residual.std() < 0.35 * y.std()
    assert stack.loss_curves.shape == (5, 300)
    assert (stack.loss_curves[:, -1] < 0.5 * stack.loss_curves[:, 0]).all()


def test_deterministic_and_dependent_on_seed(data):
    X, y, folds = data
    one, two, other = (
        train(X, y, folds, SMALL, epochs=10, random_state=seed, n_threads=threads)
        for seed, threads in ((3, 1), (3, 1), (4, 1))
    )
    for a, b, c in zip(one.networks, two.networks, other.networks, strict=True):
        assert_equal(a, b)
        assert not np.array_equal(a.hidden_weights[0], c.hidden_weights[0])
    again = train(X, y, folds, SMALL, epochs=10, random_state=None)
    assert again.seeds != train(X, y, folds, SMALL, epochs=1, random_state=None).seeds


def test_seeds_of_a_stack_start_like_those_of_a_larger_one():
    assert network_seeds(5, 10)[:3] == network_seeds(5, 3)
    assert len(set(network_seeds(5, 1000))) == 1000


def test_several_outputs_with_missing_labels(data):
    X, y, folds = data
    Y = np.column_stack([y, -2 * y + 7, y])
    Y[::2, 1] = np.nan
    stack = train(X, Y, folds, (32, 16, 8), epochs=300)
    prediction = stack.predict(X)[0, folds[0]]
    assert prediction.shape == (48, 3)
    for column, target in enumerate((y, -2 * y + 7, y)):
        error = np.abs(prediction[:, column] - target[folds[0]]).mean()
        assert error < 0.45 * target.std()
    changed = Y.copy()
    changed[1::2, 2] = np.nan
    other = train(X, changed, folds, (32, 16, 8), epochs=300)
    assert not np.array_equal(other.networks[0].output_bias, stack.networks[0].output_bias)


def test_labels_of_each_fold(data):
    X, y, folds = data
    each = np.stack([y[:, None] + 10 * i for i in range(5)])
    stack = train(X, each, folds, SMALL, epochs=5)
    one = train(X, y + 30, folds[3:4], SMALL, epochs=5, random_state=[stack.seeds[3]])
    np.testing.assert_allclose(stack.networks[3].y_mean, one.networks[0].y_mean)


def test_constant_column_does_not_enter(data):
    X, y, folds = data
    X = X.copy()
    X[folds[0], 2] = 0.1 + 0.2  # differs in the held-out rows only
    stack = train(X, y, folds[:1], SMALL, epochs=5)
    assert stack.networks[0].x_scale[2] == 0
    changed = X.copy()
    changed[:, 2] = 1e9
    np.testing.assert_array_equal(stack.predict(X), stack.predict(changed))


class TestMiniBatches:
    def test_split(self):
        assert split_batches(1245, 200) == (178,) * 6 + (177,)
        assert split_batches(401, 200) == (134, 134, 133)
        assert split_batches(5, 2) == (3, 2)

    @pytest.mark.parametrize("n_rows", range(2, 60))
    @pytest.mark.parametrize("batch_size", [2, 3, 7])
    def test_no_batch_is_too_small_for_batch_norm(self, n_rows, batch_size):
        sizes = split_batches(n_rows, batch_size)
        assert sum(sizes) == n_rows
        assert min(sizes) >= 2

    def test_learns(self, data):
        X, y, folds = data
        stack = train(X, y, folds, (32, 16, 8), epochs=150, batch_size=16)
        assert np.abs(stack.predict(X)[0, folds[0], 0] - y[folds[0]]).mean() < 0.5 * y.std()


def test_dropout_drops_the_share_it_should():
    from matminer_phonon_tl.networks.stack import dropout_threshold

    bits = np.random.default_rng(0).integers(0, 2**32, 400_000, dtype=np.uint32).view(np.float32)
    for probability in (0.05, 0.1, 0.3, 0.5, 0.75, 0.95):
        with np.errstate(invalid="ignore"):
            dropped = (bits <= np.float32(dropout_threshold(probability))).mean()
        assert dropped == pytest.approx(probability, abs=0.005)


def test_dropout_is_independent_between_units_rows_and_epochs(data):
    torch = pytest.importorskip("torch")
    from matminer_phonon_tl.networks.stack import StackBatches, StackedLayers, initial_arrays

    X, y, folds = data
    X, jobs, settings = one_epoch_jobs(X, y, folds[:1], (64, 8, 4), dropout=0.3, dtype="float32")
    arrays = [initial_arrays(job, N_FEATURES, 1, settings) for job in jobs]
    arrays[0]["hidden_0_beta"] += 100.0  # no unit is closed by ReLU: what is 0 was dropped
    layers = StackedLayers(jobs, arrays, N_FEATURES, 1, settings)
    batch = StackBatches(jobs, X, layers.device, layers.dtype).fixed
    masks = []
    for _ in range(60):
        layers.step(batch, torch.zeros(1))
        masks.append(layers.buffers["hidden"][0][0].numpy() > 0)
    masks = np.array(masks)
    assert masks.mean() == pytest.approx(0.7, abs=0.01)
    assert masks.mean(axis=0).std() == pytest.approx(np.sqrt(0.21 / 60), rel=0.1)
    flat = masks.reshape(60, -1) - 0.7
    for one, other in (
        (flat[:-1], flat[1:]),
        (flat[:, :-1], flat[:, 1:]),
        (masks[:, :-1] - 0.7, masks[:, 1:] - 0.7),
    ):
        assert abs((one * other).mean()) < 0.008


@pytest.mark.parametrize("batch_size", [None, 16])
def test_cuda_agrees_with_the_cpu(data, batch_size):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    X, y, folds = data
    settings = {"epochs": 20, "dtype": "float64", "batch_size": batch_size}
    cpu = train(X, y, folds, SMALL, **settings)
    first, second = (train(X, y, folds, SMALL, device="cuda", **settings) for _ in range(2))
    for one, other, again in zip(cpu.networks, first.networks, second.networks, strict=True):
        assert_equal(one, other, rtol=1e-7, atol=1e-7)
        assert_equal(other, again)
