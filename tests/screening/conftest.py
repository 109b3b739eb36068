"""A quick predictor, and the real one."""

import numpy as np
import pandas as pd
import pytest

from matminer_phonon_tl.compositions import CompositionArray
from matminer_phonon_tl.models import PhononPredictor


class QuickPredictor:
    """Stands in for the real one: its gap is the number of atoms, and it counts its rows."""

    use_structure = False

    def __init__(self):
        self.asked = []

    def predict(self, X, *, conditional=False, level=0.9, negligible=0.0, warn=True):  # noqa: ARG002
        self.asked.extend(X)
        compositions, good, errors = CompositionArray.read_valid(X)
        atoms = np.full(len(X), np.nan)
        atoms[good] = [composition.num_atoms for composition in compositions]
        frame = pd.DataFrame(
            {
                "formula": pd.Series([str(value) for value in X], dtype=object),
                "has_phonon_bandgap": pd.array(
                    [pd.NA if np.isnan(n) else n > 2 for n in atoms], dtype="boolean"
                ),
                "phonon_bandgap": atoms * (1 + conditional) * level / 0.9,
                "error": pd.Series(
                    [str(errors[row]) if row in errors else None for row in range(len(X))],
                    dtype=object,
                ),
            }
        )
        frame.attrs["units"] = {"phonon_bandgap": "cm-1"}
        return frame

    def as_dict(self):
        return {"@class": "QuickPredictor"}


@pytest.fixture
def quick():
    return QuickPredictor()


@pytest.fixture(scope="session")
def pretrained():
    return PhononPredictor.from_pretrained()


@pytest.fixture(scope="session")
def formulas(phonon_tl):
    """Return 120 formulas, a few of them twice, and some that are none."""
    good = phonon_tl["formula"].tolist()[:110]
    return [*good, "Qq", "", "H2O)", "A" * 501, "Na2000000", *good[:5]]
