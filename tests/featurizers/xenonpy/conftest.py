"""The featurizer, and a small table."""

import pandas as pd
import pytest
from pymatgen.core import Composition

from matminer_phonon_tl.featurizers import XenonPyDescriptors


@pytest.fixture
def descriptors():
    featurizer = XenonPyDescriptors()
    featurizer.set_n_jobs(1)
    return featurizer


@pytest.fixture
def df():
    return pd.DataFrame({"composition": [Composition(f) for f in ("GaN", "Fe2O3", "Li0.5CoO2")]})
