"""Write a phonon property of your own as a matminer featurizer, checked by a closed form."""

import numpy as np
import pandas as pd
from matminer.featurizers.base import BaseFeaturizer
from scipy import constants

from matminer_phonon_tl.phonons import diatomic_chain
from matminer_phonon_tl.phonons.bands import read_bands
from matminer_phonon_tl.units import THZ_TO_CM1


class AcousticBandwidth(BaseFeaturizer):
    """Highest frequency of the acoustic branches, cm-1."""

    def featurize(self, bs):
        return [THZ_TO_CM1 * float(read_bands(bs).frequencies[2].max())]

    def feature_labels(self):
        return ["acoustic bandwidth [cm-1]"]

    def citations(self):
        return []

    def implementors(self):
        return ["you"]


pairs = {"GaN": ("Ga", "N"), "BAs": ("B", "As"), "AlSb": ("Al", "Sb")}
bands = [diatomic_chain(pair, springs=(60.0, 60.0, 60.0)) for pair in pairs.values()]
featurizer = AcousticBandwidth()
featurizer.set_n_jobs(1)
table = pd.DataFrame({"formula": list(pairs), "bs": bands})
print(featurizer.featurize_dataframe(table, "bs", pbar=False).drop(columns="bs"))

# The acoustic branch of a chain ends where the heavy atom swings alone: sqrt(2 K / m).
heavy = 69.723 * constants.atomic_mass
expected = np.sqrt(2 * 60.0 / heavy) / (2 * np.pi) / (100 * constants.c)
print("closed form for GaN:", expected.round(4))
