"""Draw phonons and scores; every function returns a Figure."""

from matminer_phonon_tl.figures.classifier import plot_gap_classifier
from matminer_phonon_tl.figures.learning_curve import plot_learning_curve
from matminer_phonon_tl.figures.phonon import plot_phonon

__all__ = ["plot_gap_classifier", "plot_learning_curve", "plot_phonon"]
