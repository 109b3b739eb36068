"""Descriptors of compositions and structures as matminer featurizers."""

from matminer_phonon_tl.featurizers.analogues import AnalogueDescriptors
from matminer_phonon_tl.featurizers.element_table import load_element_table
from matminer_phonon_tl.featurizers.lattice_dynamics import LatticeDynamicsDescriptors
from matminer_phonon_tl.featurizers.potential_phonons import PotentialPhonons
from matminer_phonon_tl.featurizers.xenonpy import XenonPyDescriptors

__all__ = [
    "AnalogueDescriptors",
    "LatticeDynamicsDescriptors",
    "PotentialPhonons",
    "XenonPyDescriptors",
    "load_element_table",
]
