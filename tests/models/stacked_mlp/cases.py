"""What the tests of the stacked engine share."""

import numpy as np

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
