"""Magpie features of compositions, each by itself."""

import numpy as np
from matminer.featurizers.composition import ElementProperty
from pymatgen.core import Composition


def magpie(compositions: list[str]) -> np.ndarray:
    """Return matminer's Magpie features, shape (n_materials, 132)."""
    featurizer = ElementProperty.from_preset("magpie")
    return np.array([featurizer.featurize(Composition(own)) for own in compositions], dtype=float)
