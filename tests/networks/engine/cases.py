"""What the tests of the engine share."""

from dataclasses import fields

import numpy as np

from matminer_phonon_tl.networks import TrainingSettings, train_folds
from matminer_phonon_tl.networks.jobs import make_jobs

SMALL = (16, 8, 4)
N_ROWS, N_FEATURES = 60, 7


def train(X, y, folds, hidden_layer_sizes, epochs=500, random_state=0, **options):
    """Call train_folds with the settings and the other options in one."""
    names = {field.name for field in fields(TrainingSettings)}
    settings = {name: options.pop(name) for name in names & set(options)}
    settings = TrainingSettings(epochs=epochs, **settings)
    return train_folds(X, y, folds, hidden_layer_sizes, settings, random_state, **options)


def arrays_of(network):
    return network.get_state()


def assert_equal(one, other, **tolerance):
    for name, array in arrays_of(one).items():
        if tolerance:
            np.testing.assert_allclose(array, arrays_of(other)[name], err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(array, arrays_of(other)[name], err_msg=name)


def one_epoch_jobs(X, y, folds, sizes, **changes):
    """Checked X, the jobs and their settings, for tests of what lies beneath train_folds."""
    settings = TrainingSettings(epochs=1, weight_decay=0.0, **changes)
    return *make_jobs(X, y, folds, sizes, settings, 0), settings
