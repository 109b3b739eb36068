"""Standard units of descriptors and labels, learnt from training rows."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class Scaling(NamedTuple):
    """Standard units of descriptors and of what is learnt."""

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    offset: float
    unit: float

    @classmethod
    def fit(cls, D: NDArray[np.float64], learnt: NDArray[np.float64]) -> Self:
        """Take the units from training rows; NaN, a missing descriptor, counts for nothing."""
        known = np.isfinite(D)
        n = np.maximum(known.sum(axis=0), 1)
        center = np.where(known, D, 0.0).sum(axis=0) / n
        scale = np.sqrt((np.where(known, D - center, 0.0) ** 2).sum(axis=0) / n)
        # A column that is constant but for round-off tells nothing.
        scale[scale <= 1e-12 * np.maximum(np.abs(center), 1.0)] = 1.0
        # Filled in where a descriptor is missing, it must be as storable as the others.
        center = center.astype(np.float32).astype(np.float64)
        return cls(center, scale, float(learnt.mean()), float(learnt.std()) or 1.0)

    def filled(self, D: NDArray[np.float64]) -> NDArray[np.float64]:
        """The training mean in place of what is missing."""
        return np.where(np.isfinite(D), D, self.center)

    def points(self, D: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardised descriptors."""
        X = D - self.center
        X /= self.scale
        X[~np.isfinite(X)] = 0.0  # the training mean in place of what is missing
        return X

    def standard(self, learnt: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardised labels."""
        return (learnt - self.offset) / self.unit

    def unstandard(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Back from :meth:`standard`."""
        return z * self.unit + self.offset
