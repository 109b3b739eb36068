import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from matminer_phonon_tl.exceptions import TrainingError, TrainingWarning
from matminer_phonon_tl.models import _stack_plan
from matminer_phonon_tl.models._stack_checks import make_settings
from matminer_phonon_tl.models._stack_jobs import make_jobs, network_seeds, split_batches
from matminer_phonon_tl.models.stacked_mlp import TrainingInterrupted, train_folds

SMALL = (16, 8, 4)
N_ROWS, N_FEATURES = 60, 7


@pytest.fixture(scope="module")
def data():
    """Rows with a smooth target, and five folds of 48 training rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, N_FEATURES)) * np.logspace(-3, 3, N_FEATURES) + 5.0
    z = (X - X.mean(0)) / X.std(0)
    y = 100 + 30 * z[:, 0] * z[:, 1] + 20 * np.sin(z[:, 2])
    held_out = np.array_split(rng.permutation(N_ROWS), 5)
    folds = [np.setdiff1d(np.arange(N_ROWS), own) for own in held_out]
    return X, y, folds


def arrays_of(network):
    return network.state()


def assert_equal(one, other, **tolerance):
    for name, array in arrays_of(one).items():
        if tolerance:
            np.testing.assert_allclose(array, arrays_of(other)[name], err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(array, arrays_of(other)[name], err_msg=name)


@pytest.mark.parametrize("batch_size", [None, 16])
def test_held_out_rows_cannot_change_a_bit(data, batch_size):
    X, y, folds = data
    settings = {"epochs": 15, "batch_size": batch_size}
    before = train_folds(X, y, folds, SMALL, **settings)
    for number, fold in enumerate(folds):
        held_out = np.setdiff1d(np.arange(N_ROWS), fold)
        X_changed, y_changed = X.copy(), y.copy()
        X_changed[held_out] = np.nan
        y_changed[held_out] = 1e6
        after = train_folds(
            X_changed, y_changed, [fold], SMALL, random_state=[before.seeds[number]], **settings
        )
        # alone or beside others may differ by rounding, so compare like with like
        alone = train_folds(X, y, [fold], SMALL, random_state=[before.seeds[number]], **settings)
        assert_equal(after.networks[0], alone.networks[0])


def test_held_out_rows_of_every_fold_at_once(data):
    X, y, folds = data
    X, y = np.vstack([X, X[:5]]), np.append(y, y[:5])  # rows 60-64 are in no fold
    before = train_folds(X, y, folds, SMALL, epochs=15)
    X[60:], y[60:] = np.inf, -1e9
    after = train_folds(X, y, folds, SMALL, epochs=15)
    for one, other in zip(before.networks, after.networks, strict=True):
        assert_equal(one, other)


@pytest.mark.parametrize("batch_size", [None, 20])
@pytest.mark.parametrize("widths", ["equal", "different"])
def test_network_is_the_same_alone_and_in_a_stack_of_75(data, batch_size, widths, monkeypatch):
    monkeypatch.setattr(_stack_plan, "CPU_NETWORKS_PER_CHUNK", 75)
    monkeypatch.setattr(_stack_plan, "CPU_LARGEST_PADDING", 1e9)
    X, y, folds = data
    folds = [fold[: 48 - i % 3] for i, fold in enumerate(folds * 15)]  # ragged: 46 to 48 rows
    sizes = [SMALL if widths == "equal" else (16 - i % 5, 8, 4 + i % 3) for i in range(75)]
    settings = {"epochs": 20, "batch_size": batch_size, "dtype": "float64", "n_threads": 1}
    stack = train_folds(X, y, folds, sizes, random_state=7, **settings)
    for i in (0, 1, 13, 44, 74):
        alone = train_folds(X, y, [folds[i]], sizes[i], random_state=[stack.seeds[i]], **settings)
        assert_equal(stack.networks[i], alone.networks[0], rtol=1e-9, atol=1e-9)


def test_paper_size_alone_and_in_a_stack(phonon_tl_matrix):
    X, y, folds = phonon_tl_matrix
    settings = {"epochs": 20, "dtype": "float64"}
    stack = train_folds(X, y, folds, (160, 80, 30), random_state=1, **settings)
    alone = train_folds(X, y, folds[3:4], (160, 80, 30), random_state=[stack.seeds[3]], **settings)
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
    from matminer_phonon_tl.models._stack_batches import StackBatches
    from matminer_phonon_tl.models._stack_runner import initial_arrays
    from matminer_phonon_tl.models._stacked_layers import StackedLayers

    X, y, folds = data
    Y = np.column_stack([y, y**2])
    Y[::3, 1] = np.nan
    folds = [folds[0], folds[1][:40]]
    settings = make_settings(
        epochs=1,
        learning_rate=0.01,
        weight_decay=0.0,
        dropout=0.0,
        batch_size=None,
        transfer_batch_norm=False,
        dtype="float64",
        device="cpu",
    )
    X, jobs, settings = make_jobs(
        X,
        Y,
        folds,
        [(6, 5, 4), (5, 4, 3)],
        0,
        settings,
        initial=None,
        transfer_layers=None,
        transfer_scaler=False,
        frozen_layers=(),
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
    from matminer_phonon_tl.models._stack_runner import initial_arrays

    X, y, folds = data
    fold = folds[0]
    stack = train_folds(X, y, [fold], SMALL, 30, [3], dropout=0.0, dtype="float64")
    settings = make_settings(
        epochs=30,
        learning_rate=0.01,
        weight_decay=1e-4,
        dropout=0.0,
        batch_size=None,
        transfer_batch_norm=False,
        dtype="float64",
        device="cpu",
    )
    _, jobs, settings = make_jobs(
        X,
        y,
        [fold],
        SMALL,
        [3],
        settings,
        initial=None,
        transfer_layers=None,
        transfer_scaler=False,
        frozen_layers=(),
    )
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
    stack = train_folds(X, y, folds, (32, 16, 8), epochs=300)
    residual = stack.predict(X)[0, folds[0], 0] - y[folds[0]]
    assert residual.std() < 0.35 * y.std()
    assert stack.loss_curves.shape == (5, 300)
    assert (stack.loss_curves[:, -1] < 0.5 * stack.loss_curves[:, 0]).all()


def test_deterministic_and_dependent_on_seed(data):
    X, y, folds = data
    one, two, other = (
        train_folds(X, y, folds, SMALL, epochs=10, random_state=seed, n_threads=threads)
        for seed, threads in ((3, 1), (3, 1), (4, 1))
    )
    for a, b, c in zip(one.networks, two.networks, other.networks, strict=True):
        assert_equal(a, b)
        assert not np.array_equal(a.hidden_weights[0], c.hidden_weights[0])
    again = train_folds(X, y, folds, SMALL, epochs=10, random_state=None)
    assert again.seeds != train_folds(X, y, folds, SMALL, epochs=1, random_state=None).seeds


def test_seeds_of_a_stack_start_like_those_of_a_larger_one():
    assert network_seeds(5, 10)[:3] == network_seeds(5, 3)
    assert len(set(network_seeds(5, 1000))) == 1000


def test_thread_count_of_torch_is_restored(data):
    torch = pytest.importorskip("torch")
    X, y, folds = data

    def in_new_thread():
        counts = []
        thread = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        return counts[0]

    torch.set_num_threads(2)
    assert in_new_thread() == torch.get_num_threads() == 2
    train_folds(X, y, folds, SMALL, epochs=2, n_threads=2)
    assert in_new_thread() == torch.get_num_threads() == 2
    with pytest.raises(TrainingError):
        train_folds(X, y, folds, SMALL, 200, learning_rate=1e37)
    assert in_new_thread() == 2


def test_several_outputs_with_missing_labels(data):
    X, y, folds = data
    Y = np.column_stack([y, -2 * y + 7, y])
    Y[::2, 1] = np.nan
    stack = train_folds(X, Y, folds, (32, 16, 8), epochs=300)
    prediction = stack.predict(X)[0, folds[0]]
    assert prediction.shape == (48, 3)
    for column, target in enumerate((y, -2 * y + 7, y)):
        error = np.abs(prediction[:, column] - target[folds[0]]).mean()
        assert error < 0.45 * target.std()
    changed = Y.copy()
    changed[1::2, 2] = np.nan
    other = train_folds(X, changed, folds, (32, 16, 8), epochs=300)
    assert not np.array_equal(other.networks[0].output_bias, stack.networks[0].output_bias)


def test_labels_of_each_fold(data):
    X, y, folds = data
    each = np.stack([y[:, None] + 10 * i for i in range(5)])
    stack = train_folds(X, each, folds, SMALL, epochs=5)
    one = train_folds(X, y + 30, folds[3:4], SMALL, epochs=5, random_state=[stack.seeds[3]])
    np.testing.assert_allclose(stack.networks[3].y_mean, one.networks[0].y_mean)


def test_constant_column_does_not_enter(data):
    X, y, folds = data
    X = X.copy()
    X[folds[0], 2] = 0.1 + 0.2  # differs in the held-out rows only
    stack = train_folds(X, y, folds[:1], SMALL, epochs=5)
    assert stack.networks[0].x_scale[2] == 0
    changed = X.copy()
    changed[:, 2] = 1e9
    np.testing.assert_array_equal(stack.predict(X), stack.predict(changed))


@pytest.fixture(scope="module")
def source(data):
    X, y, _ = data
    return train_folds(X, np.sqrt(y + 200), [np.arange(N_ROWS)], SMALL, 40).networks[0]


class TestTransfer:
    def test_weights_are_copied_and_the_source_stays(self, data, source):
        X, y, folds = data
        before = source.state()
        rate = 1e-12  # so small that what the network started from can still be read
        stack = train_folds(X, y, folds, SMALL, 1, initial=source, learning_rate=rate)
        for network in stack.networks:
            for layer in range(3):
                np.testing.assert_allclose(
                    network.hidden_weights[layer], source.hidden_weights[layer], atol=1e-6
                )
                np.testing.assert_allclose(network.gamma[layer], 1.0, atol=1e-6)
            assert np.abs(network.output_weights - source.output_weights).max() > 1e-3
        train_folds(X, y, folds, SMALL, 20, initial=source)
        for name, array in source.state().items():
            np.testing.assert_array_equal(array, before[name])

    def test_batch_norm_on_request(self, data, source):
        X, y, folds = data
        rate = 1e-12
        stack = train_folds(
            X,
            y,
            folds,
            SMALL,
            1,
            initial=source,
            learning_rate=rate,
            transfer_batch_norm=True,
            transfer_scaler=True,
        )
        network = stack.networks[0]
        for layer in range(3):
            np.testing.assert_allclose(network.gamma[layer], source.gamma[layer], atol=1e-6)
            np.testing.assert_allclose(network.beta[layer], source.beta[layer], atol=1e-6)
        np.testing.assert_array_equal(network.x_mean, source.x_mean)

    def test_some_layers(self, data, source):
        X, y, folds = data
        stack = train_folds(
            X, y, folds, SMALL, 1, initial=source, learning_rate=1e-12, transfer_layers=(1,)
        )
        scratch = train_folds(X, y, folds, SMALL, 1, learning_rate=1e-12)
        network, new = stack.networks[0], scratch.networks[0]
        np.testing.assert_allclose(network.hidden_weights[1], source.hidden_weights[1], atol=1e-6)
        # what is not transferred is what it would have been without a source
        np.testing.assert_allclose(network.hidden_weights[0], new.hidden_weights[0], atol=1e-6)
        np.testing.assert_allclose(network.hidden_weights[2], new.hidden_weights[2], atol=1e-6)

    @pytest.mark.parametrize("frozen", [(0,), (0, 1), (0, 1, 2)])
    def test_frozen_layers_keep_their_weights(self, data, source, frozen):
        X, y, folds = data
        stack = train_folds(X, y, folds, SMALL, 20, initial=source, frozen_layers=frozen)
        for network in stack.networks:
            for layer in range(3):
                same = np.array_equal(network.hidden_weights[layer], source.hidden_weights[layer])
                assert same == (layer in frozen)
                assert not np.array_equal(network.gamma[layer], np.ones_like(network.gamma[layer]))

    def test_architecture_that_does_not_fit(self, data, source):
        X, y, folds = data
        with pytest.raises(ValueError, match=r"expected the initial network of fold 0 to have the"):
            train_folds(X, y, folds, (16, 8, 5), 1, initial=source)
        with pytest.raises(ValueError, match=r"one initial network for each of 5 folds, got 2"):
            train_folds(X, y, folds, SMALL, 1, initial=[source, source])


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
        stack = train_folds(X, y, folds, (32, 16, 8), epochs=150, batch_size=16)
        assert np.abs(stack.predict(X)[0, folds[0], 0] - y[folds[0]]).mean() < 0.5 * y.std()


class TestChunks:
    def test_memory_limit_makes_more_chunks_and_changes_nothing_but_rounding(self, data):
        X, y, folds = data
        whole = train_folds(X, y, folds, SMALL, 20, dtype="float64", n_threads=1)
        cut = train_folds(X, y, folds, SMALL, 20, dtype="float64", n_threads=1, memory_limit=1)
        for one, other in zip(whole.networks, cut.networks, strict=True):
            assert_equal(one, other, rtol=1e-9, atol=1e-9)

    def test_plan_keeps_to_the_limit_and_to_alike_networks(self, data):
        X, y, folds = data
        settings = make_settings(
            epochs=1,
            learning_rate=0.01,
            weight_decay=0.0,
            dropout=0.1,
            batch_size=None,
            transfer_batch_norm=False,
            dtype="float32",
            device="cpu",
        )
        sizes = [(160, 80, 30), (16, 8, 4)] * 10
        X, jobs, settings = make_jobs(
            X,
            y,
            folds * 4,
            sizes,
            0,
            settings,
            initial=None,
            transfer_layers=None,
            transfer_scaler=False,
            frozen_layers=(),
        )
        chunks = _stack_plan.plan_chunks(jobs, N_FEATURES, settings, 2, 2**30)
        assert sorted(job.index for chunk in chunks for job in chunk) == list(range(20))
        assert all(len({job.widths for job in chunk}) == 1 for chunk in chunks)
        assert max(map(len, chunks)) <= _stack_plan.CPU_NETWORKS_PER_CHUNK
        single = _stack_plan.plan_chunks(jobs, N_FEATURES, settings, 2, 1)
        assert all(len(chunk) == 1 for chunk in single)


class TestInterrupt:
    @pytest.fixture(autouse=True)
    def _ctrl_c_is_heard(self):
        """A shell starts background jobs with SIGINT ignored, and children inherit that."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_ctrl_c_leaves_finished_chunks(self, data, monkeypatch):
        """A real SIGINT while the second half is in training."""
        from matminer_phonon_tl.models import _stack_runner

        monkeypatch.setattr(_stack_plan, "CPU_NETWORKS_PER_CHUNK", 1)
        X, y, folds = data
        real = _stack_runner.train_chunk
        n_started = 0

        def train_chunk(jobs, *arguments):
            nonlocal n_started
            n_started += 1
            if n_started == 3:
                os.kill(os.getpid(), signal.SIGINT)
                assert arguments[2].wait(timeout=30), "training was not asked to stop"
            return real(jobs, *arguments)

        monkeypatch.setattr(_stack_runner, "train_chunk", train_chunk)
        with pytest.raises(KeyboardInterrupt, match="2 of 5 networks finished") as caught:
            train_folds(X, y, folds, SMALL, 5, n_threads=1)
        monkeypatch.undo()
        partial = caught.value.partial
        assert isinstance(caught.value, TrainingInterrupted)
        assert len(partial.finished) == 2
        prediction = partial.predict(X)
        whole = train_folds(X, y, folds, SMALL, 5, n_threads=1).predict(X)
        for i in range(5):
            assert np.isfinite(prediction[i]).all() == (i in partial.finished)
            if i in partial.finished:
                np.testing.assert_allclose(prediction[i], whole[i], rtol=1e-2)
        left = [thread.name for thread in threading.enumerate() if "stacked-mlp" in thread.name]
        assert left == []  # other tests' libraries keep threads of their own

    def test_ctrl_c_in_a_process_of_its_own(self):
        code = (
            "import threading, time\n"
            "import numpy as np\n"
            "from matminer_phonon_tl.models.stacked_mlp import train_folds\n"
            "def watch():\n"
            "    while not any(t.name == 'stacked-mlp-0' for t in threading.enumerate()):\n"
            "        time.sleep(0.05)\n"
            "    print('training', flush=True)\n"
            "threading.Thread(target=watch).start()\n"
            "X = np.random.default_rng(0).normal(size=(200, 50))\n"
            "train_folds(X, X[:, 0], [np.arange(150)] * 4, epochs=10**6)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == "training\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
        assert process.returncode != 0
        assert "TrainingInterrupted: Training was interrupted with 0 of 4 networks" in error

    def test_nothing_finished_cannot_predict(self, data):
        from matminer_phonon_tl.models.stacked_mlp import TrainedStack

        empty = TrainedStack((None, None), (1, 2), np.full((2, 3), np.nan))
        with pytest.raises(ValueError, match="at least one finished network to predict with"):
            empty.predict(data[0])


class TestDivergence:
    def test_names_network_fold_and_epoch(self, data):
        X, y, folds = data
        each = np.stack([y[:, None]] * 5)
        with pytest.raises(
            TrainingError,
            match=r"network \d \(fold \d, hidden layers \(16, 8, 4\)\) diverged by epoch \d+",
        ):
            train_folds(X, each, folds, SMALL, 200, learning_rate=1e37)

    def test_threads_end(self, data):
        X, y, folds = data
        before = threading.active_count()
        with pytest.raises(TrainingError):
            train_folds(X, y, folds, SMALL, 200, learning_rate=1e37)
        assert threading.active_count() == before


class TestBadInput:
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_descriptors(self, data, value):
        X, y, folds = data
        X = X.copy()
        X[folds[2][0], 4] = value
        with pytest.raises(
            TrainingError, match=r"expected finite descriptors in fold \d, got (nan|inf) in row"
        ):
            train_folds(X, y, folds, SMALL, 1)

    @pytest.mark.parametrize(("value", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
    def test_labels(self, data, value, word):
        X, y, folds = data
        y = y.copy()
        y[7] = value
        with pytest.raises(TrainingError, match=f"finite labels in fold ., got {word} in row 7"):
            train_folds(X, y, folds, SMALL, 1)

    def test_column_without_labels(self, data):
        X, y, folds = data
        Y = np.column_stack([y, np.full_like(y, np.nan)])
        with pytest.raises(TrainingError, match="got none in column 1 of fold 0"):
            train_folds(X, Y, folds, SMALL, 1)

    @pytest.mark.parametrize(
        ("folds", "words"),
        [
            ([], "at least one fold of training rows, got none"),
            ([np.arange(30), np.array([], dtype=int)], "at least 2 training rows in fold 1"),
            ([np.array([3])], "at least 2 training rows in fold 0 .BatchNorm needs them., got 1"),
            ([np.array([0, 1, N_ROWS])], "row numbers from 0 to 59 in fold 0, got 0 to 60"),
            ([np.array([0, -1])], "row numbers from 0 to 59 in fold 0, got -1 to 0"),
            ([np.array([0, 1, 1])], "each row at most once in fold 0"),
            ([np.array([0.0, 1.0])], "one-dimensional array of row numbers"),
        ],
    )
    def test_folds(self, data, folds, words):
        X, y, _ = data
        with pytest.raises(TrainingError, match=words):
            train_folds(X, y, folds, SMALL, 1)

    def test_boolean_folds_are_masks(self, data):
        X, y, folds = data
        mask = np.isin(np.arange(N_ROWS), folds[0])
        one = train_folds(X, y, [mask], SMALL, 3).networks[0]
        assert_equal(one, train_folds(X, y, folds[:1], SMALL, 3).networks[0])

    def test_constant_target_is_warned_of(self, data):
        X, y, folds = data
        y = np.where(np.isin(np.arange(N_ROWS), folds[1]), 3.0, y)
        with pytest.warns(TrainingWarning, match="column 0 of fold 1 is 3 in every row"):
            stack = train_folds(X, y, folds[:2], SMALL, 3)
        assert np.isfinite(stack.predict(X)).all()

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"epochs": 0}, "expected epochs to be an integer of at least 1, got 0"),
            ({"epochs": 2.5}, "expected epochs to be an integer"),
            ({"learning_rate": 0}, "expected learning_rate to be a finite number above 0, got 0"),
            ({"learning_rate": np.nan}, "expected learning_rate to be a finite number above 0"),
            ({"weight_decay": -1}, "expected weight_decay to be a finite number of at least 0"),
            ({"dropout": 1.0}, "expected dropout to be .* of at least 0 and below 0.99, got 1.0"),
            ({"batch_size": 1}, "expected batch_size to be an integer of at least 2, got 1"),
            ({"dtype": "float16"}, 'expected dtype "float32" or "float64"'),
            ({"device": "nonsense"}, "expected a device that torch can use here"),
            ({"hidden_layer_sizes": (16, 0, 4)}, "tuple of positive integers"),
            ({"hidden_layer_sizes": [SMALL] * 3}, "each of 5 networks, got 3"),
            ({"hidden_layer_sizes": [SMALL] * 4 + [(3, 2)]}, "same number of hidden layers"),
            ({"random_state": -1}, "expected a random_state of 0 or more, got -1"),
            ({"random_state": [1, 2]}, "one random_state for each of 5 networks, got 2"),
            ({"frozen_layers": (3,)}, "frozen_layers to hold numbers of hidden layers, 0 to 2"),
            ({"transfer_scaler": True}, "initial network to take the scaler from, got none"),
        ],
    )
    def test_settings(self, data, settings, words):
        with pytest.raises(ValueError, match=words):
            train_folds(*data, **{"hidden_layer_sizes": SMALL, "epochs": 1, **settings})

    def test_shapes(self, data):
        X, y, folds = data
        with pytest.raises(TrainingError, match="expected labels for 60 rows"):
            train_folds(X, y[:-1], folds, SMALL, 1)
        with pytest.raises(TrainingError, match="expected X as a matrix"):
            train_folds(X[0], y, folds, SMALL, 1)
        stack = train_folds(X, y, folds, SMALL, 1)
        with pytest.raises(
            ValueError, match="expected a matrix of 7 columns, got an array of shape"
        ):
            stack.predict(X[:, :3])


def test_dropout_drops_the_share_it_should():
    from matminer_phonon_tl.models._stacked_layers import dropout_threshold

    bits = np.random.default_rng(0).integers(0, 2**32, 400_000, dtype=np.uint32).view(np.float32)
    for probability in (0.05, 0.1, 0.3, 0.5, 0.75, 0.95):
        with np.errstate(invalid="ignore"):
            dropped = (bits <= np.float32(dropout_threshold(probability))).mean()
        assert dropped == pytest.approx(probability, abs=0.005)


def test_dropout_is_independent_between_units_rows_and_epochs(data):
    torch = pytest.importorskip("torch")
    from matminer_phonon_tl.models._stack_batches import StackBatches
    from matminer_phonon_tl.models._stack_runner import initial_arrays
    from matminer_phonon_tl.models._stacked_layers import StackedLayers

    X, y, folds = data
    settings = make_settings(
        epochs=1,
        learning_rate=0.01,
        weight_decay=0.0,
        dropout=0.3,
        batch_size=None,
        transfer_batch_norm=False,
        dtype="float32",
        device="cpu",
    )
    X, jobs, settings = make_jobs(
        X,
        y,
        folds[:1],
        (64, 8, 4),
        0,
        settings,
        initial=None,
        transfer_layers=None,
        transfer_scaler=False,
        frozen_layers=(),
    )
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


class TestInputScaler:
    def test_replaces_the_folds_own(self, data):
        X, y, folds = data
        scaler = (X.mean(0), X.std(0))
        stack = train_folds(X, y, folds, SMALL, 3, input_scaler=scaler)
        for network in stack.networks:
            np.testing.assert_array_equal(network.x_mean, scaler[0])
            np.testing.assert_array_equal(network.x_scale, scaler[1])

    def test_bad(self, data, source):
        X, y, folds = data
        for scaler in ((X.mean(0)[:3], X.std(0)), (X.mean(0), X.std(0) * np.nan)):
            with pytest.raises(ValueError, match="expected input_scaler as finite means"):
                train_folds(X, y, folds, SMALL, 1, input_scaler=scaler)
        with pytest.raises(ValueError, match="standard deviations of at least 0"):
            train_folds(X, y, folds, SMALL, 1, input_scaler=(X.mean(0), -X.std(0)))
        settings = {"initial": source, "transfer_scaler": True}
        with pytest.raises(ValueError, match="expected input_scaler or transfer_scaler, got both"):
            train_folds(X, y, folds, SMALL, 1, input_scaler=(X.mean(0), X.std(0)), **settings)


@pytest.mark.parametrize("batch_size", [None, 16])
def test_cuda_agrees_with_the_cpu(data, batch_size):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    X, y, folds = data
    settings = {"epochs": 20, "dtype": "float64", "batch_size": batch_size}
    cpu = train_folds(X, y, folds, SMALL, **settings)
    first, second = (train_folds(X, y, folds, SMALL, device="cuda", **settings) for _ in range(2))
    for one, other, again in zip(cpu.networks, first.networks, second.networks, strict=True):
        assert_equal(one, other, rtol=1e-7, atol=1e-7)
        assert_equal(other, again)
