"""An estimator that remembers what it was given."""

from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from matminer_phonon_tl.models.source_tasks import FROM_CONSTRUCTOR


class Watcher(RegressorMixin, BaseEstimator):
    """Remembers what fits were given; ``seen`` is shared by its clones."""

    seen: ClassVar[list] = []

    def __init__(self, source=None):
        self.source = source

    def fit(self, X, y, source=FROM_CONSTRUCTOR):
        Watcher.seen.append((X, y, self.source if source is FROM_CONSTRUCTOR else source))
        self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)
