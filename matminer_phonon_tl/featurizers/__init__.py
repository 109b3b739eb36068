"""Descriptors of compositions as matminer featurizers."""

from matminer_phonon_tl.featurizers.element_table import load_element_table
from matminer_phonon_tl.featurizers.xenonpy import XenonPyDescriptors

__all__ = ["XenonPyDescriptors", "load_element_table"]
