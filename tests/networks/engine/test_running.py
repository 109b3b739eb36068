"""How a training goes: chunks, threads, Ctrl-C, divergence."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from matminer_phonon_tl.exceptions import TrainingError
from matminer_phonon_tl.networks import jobs as engine_jobs
from tests.networks.engine.cases import N_FEATURES, SMALL, assert_equal, one_epoch_jobs, train


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
    train(X, y, folds, SMALL, epochs=2, n_threads=2)
    assert in_new_thread() == torch.get_num_threads() == 2
    with pytest.raises(TrainingError):
        train(X, y, folds, SMALL, 200, learning_rate=1e37)
    assert in_new_thread() == 2


class TestChunks:
    def test_memory_limit_makes_more_chunks_and_changes_nothing_but_rounding(self, data):
        X, y, folds = data
        whole = train(X, y, folds, SMALL, 20, dtype="float64", n_threads=1)
        cut = train(X, y, folds, SMALL, 20, dtype="float64", n_threads=1, memory_limit=1)
        for one, other in zip(whole.networks, cut.networks, strict=True):
            assert_equal(one, other, rtol=1e-9, atol=1e-9)

    def test_plan_keeps_to_the_limit_and_to_alike_networks(self, data):
        X, y, folds = data
        sizes = [(160, 80, 30), (16, 8, 4)] * 10
        X, jobs, settings = one_epoch_jobs(X, y, folds * 4, sizes, dropout=0.1, dtype="float32")
        chunks = engine_jobs.plan_chunks(jobs, N_FEATURES, settings, 2, 2**30)
        assert sorted(job.index for chunk in chunks for job in chunk) == list(range(20))
        assert all(len({job.widths for job in chunk}) == 1 for chunk in chunks)
        assert max(map(len, chunks)) <= engine_jobs.CPU_NETWORKS_PER_CHUNK
        single = engine_jobs.plan_chunks(jobs, N_FEATURES, settings, 2, 1)
        assert all(len(chunk) == 1 for chunk in single)


class TestInterrupt:
    @pytest.fixture(autouse=True)
    def _ctrl_c_is_heard(self):
        """A shell starts background jobs with SIGINT ignored, and children inherit that."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    def test_ctrl_c_stops_training_and_its_threads(self, data, monkeypatch):
        """A real SIGINT while the second half is in training."""
        from matminer_phonon_tl.networks import stack as stack_module

        monkeypatch.setattr(engine_jobs, "CPU_NETWORKS_PER_CHUNK", 1)
        X, y, folds = data
        real = stack_module.train_chunk
        n_started = 0

        def train_chunk(jobs, *arguments):
            nonlocal n_started
            n_started += 1
            if n_started == 3:
                os.kill(os.getpid(), signal.SIGINT)
                assert arguments[2].wait(timeout=30), "training was not asked to stop"
            return real(jobs, *arguments)

        monkeypatch.setattr(stack_module, "train_chunk", train_chunk)
        with pytest.raises(KeyboardInterrupt):
            train(X, y, folds, SMALL, 5, n_threads=1)
        monkeypatch.undo()
        assert n_started == 3  # of 5 chunks
        left = [thread.name for thread in threading.enumerate() if "train-folds" in thread.name]
        assert left == []  # other tests' libraries keep threads of their own

    def test_ctrl_c_in_a_process_of_its_own(self):
        code = (
            "import threading, time\n"
            "import numpy as np\n"
            "from matminer_phonon_tl.networks import TrainingSettings, train_folds\n"
            "def watch():\n"
            "    while not any(t.name == 'train-folds-0' for t in threading.enumerate()):\n"
            "        time.sleep(0.05)\n"
            "    print('training', flush=True)\n"
            "threading.Thread(target=watch).start()\n"
            "X = np.random.default_rng(0).normal(size=(200, 50))\n"
            "settings = TrainingSettings(epochs=10**6)\n"
            "train_folds(X, X[:, 0], [np.arange(150)] * 4, settings=settings)\n"
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
        assert error.rstrip().endswith("KeyboardInterrupt")


class TestDivergence:
    def test_names_network_fold_and_epoch(self, data):
        X, y, folds = data
        each = np.stack([y[:, None]] * 5)
        with pytest.raises(
            TrainingError,
            match=r"network \d \(fold \d, hidden layers \(16, 8, 4\)\) diverged by epoch \d+",
        ):
            train(X, each, folds, SMALL, 200, learning_rate=1e37)

    def test_threads_end(self, data):
        X, y, folds = data
        before = threading.active_count()
        with pytest.raises(TrainingError):
            train(X, y, folds, SMALL, 200, learning_rate=1e37)
        assert threading.active_count() == before
