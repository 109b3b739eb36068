"""What the tests of the stacked engine share."""

import numpy as np

from matminer_phonon_tl.networks._stack_checks import make_settings
from matminer_phonon_tl.networks._stack_jobs import make_jobs

SMALL = (16, 8, 4)
N_ROWS, N_FEATURES = 60, 7


def arrays_of(network):
    return network.state()


def assert_equal(one, other, **tolerance):
    for name, array in arrays_of(one).items():
        if tolerance:
            np.testing.assert_allclose(array, arrays_of(other)[name], err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(array, arrays_of(other)[name], err_msg=name)


def one_epoch_jobs(X, y, folds, sizes, **changes):
    """Checked X, the jobs and their settings, for tests of what lies beneath train_folds."""
    settings = {
        "epochs": 1,
        "learning_rate": 0.01,
        "weight_decay": 0.0,
        "batch_size": None,
        "transfer_batch_norm": False,
        "device": "cpu",
    }
    nothing_transferred = {
        "initial": None,
        "transfer_layers": None,
        "transfer_scaler": False,
        "frozen_layers": (),
    }
    made = make_settings(**settings, **changes)
    return make_jobs(X, y, folds, sizes, 0, made, **nothing_transferred)
