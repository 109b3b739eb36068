"""One thread for linear algebra inside, as many as before outside."""

from threading import Event, Thread

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from matminer_phonon_tl.blas import one_blas_thread
from matminer_phonon_tl.featurizers import exchanged_structures, lattice_dynamics
from matminer_phonon_tl.models import PhononPredictor, kernel_machine


def blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(limits=2, user_api="blas"):
        if blas_threads() != {2}:
            pytest.skip("BLAS has no threads that can be told here")
        yield


def test_inside_there_is_one_and_outside_are_as_many_as_before():
    with one_blas_thread():
        assert blas_threads() == {1}
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_an_error_inside_changes_nothing():
    with pytest.raises(ValueError, match="inside"), one_blas_thread():
        raise ValueError("inside")
    assert blas_threads() == {2}


def test_threads_inside_together_do_not_lose_the_number():
    entered, leave = Event(), Event()

    def work():
        with one_blas_thread():
            entered.set()
            leave.wait(10)

    other = Thread(target=work)
    with one_blas_thread():
        other.start()
        assert entered.wait(10)
        assert blas_threads() == {1}
    leave.set()
    other.join()
    assert blas_threads() == {2}
    with one_blas_thread():
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_predicting_and_describing_use_one(monkeypatch, phonon_tl):
    seen = []

    def watch(owner, name):
        original = getattr(owner, name)

        def watching(*args, **kwargs):
            seen.append((name, blas_threads()))
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, watching)

    watch(kernel_machine.KernelMachine, "covariance")
    watch(kernel_machine.KernelMachine, "evaluate")
    watch(exchanged_structures, "_describe")
    watch(lattice_dynamics, "describe_geometry")
    predictor = PhononPredictor.from_pretrained()
    predictor.predict(["GaAs"], conditional=True)
    lattice_dynamics.LatticeDynamicsDescriptors(use_structure=True).featurize_array(
        phonon_tl["structure"][:1]
    )
    predictor.regressors_["phonon_bandgap"].predict(["GaAs"])
    assert {name for name, _ in seen} == {
        "covariance",
        "evaluate",
        "_describe",
        "describe_geometry",
    }
    assert all(threads == {1} for _, threads in seen)
    assert np.isfinite(predictor.regressors_["speed_of_sound"].predict(["GaAs"])).all()


def test_fitting_a_gaussian_process_uses_one(monkeypatch):
    """The search for its parameters took 30 s in place of 1 s on two busy cores."""
    seen = []
    original = kernel_machine._negative_log_posterior

    def watching(*args):
        seen.append(blas_threads())
        return original(*args)

    monkeypatch.setattr(kernel_machine, "_negative_log_posterior", watching)
    X = np.random.default_rng(0).normal(size=(30, 3))
    for per_feature in (True, False):
        kernel_machine.KernelMachine.fit_gaussian_process(
            X, X.sum(axis=1), nu=1.5, per_feature=per_feature
        )
    assert seen
    assert all(threads == {1} for threads in seen)
