"""The 290 descriptors by their definition."""

import numpy as np


def pooled_by_definition(composition, table):
    """The five poolings written as XenonPy defines them, one composition at a time."""
    amounts = np.array(list(composition.values()))
    values = table.loc[[e.symbol for e in composition]].to_numpy()
    weights = amounts / amounts.sum()
    average = weights @ values
    variance = weights @ (values - average) ** 2
    return np.concatenate(
        [average, amounts @ values, variance, values.max(axis=0), values.min(axis=0)]
    )


def assert_close(actual, expected, table):
    """Agree to 1e-12 of each column's scale: a variance of equal figures is round-off."""
    scale = np.abs(table.to_numpy()).max(axis=0)
    scales = np.concatenate([scale, scale, scale**2, scale, scale])
    assert np.all(np.abs(actual - expected) <= 1e-12 * np.maximum(np.abs(expected), scales))
