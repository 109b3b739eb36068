"""The dataset phonon_tl, its loaders, and the builder that makes more of its kind."""

from matminer_phonon_tl.datasets.load import dataset_metadata, load_dataset, load_phonon_tl

__all__ = ["dataset_metadata", "load_dataset", "load_phonon_tl"]
