"""Compositions as numbers alone, which everything that computes takes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class FlatCompositions(NamedTuple):
    """Many compositions as flat arrays: row i owns ``counts[i]`` consecutive entries."""

    counts: NDArray[np.intp]
    """Entries of each row, shape (n_rows,)."""
    elements: NDArray[np.intp]
    """Row of each entry's element in a table, shape (n_entries,)."""
    amounts: NDArray[np.float64]
    """Atoms of each entry, shape (n_entries,)."""

    def take(self, rows: NDArray[np.intp]) -> "FlatCompositions":
        """Return some of the rows, in the order asked for."""
        counts = self.counts[rows]
        starts = (np.cumsum(self.counts) - self.counts)[rows]
        # Entries of each row one after another: where it starts, less what stands before it.
        entries = np.arange(counts.sum()) + np.repeat(starts - (np.cumsum(counts) - counts), counts)
        return FlatCompositions(counts, self.elements[entries], self.amounts[entries])

    def followed_by(self, others: "FlatCompositions") -> "FlatCompositions":
        """Return these rows and then the others."""
        return FlatCompositions(
            np.concatenate([self.counts, others.counts]),
            np.concatenate([self.elements, others.elements]),
            np.concatenate([self.amounts, others.amounts]),
        )
