"""Figures: functions of data that return a matplotlib Figure and never show it."""

from matminer_phonon_tl.figures.classifier import plot_gap_classifier
from matminer_phonon_tl.figures.coverage import plot_coverage
from matminer_phonon_tl.figures.explanation import plot_explanation
from matminer_phonon_tl.figures.phonon import plot_phonon

__all__ = ["plot_coverage", "plot_explanation", "plot_gap_classifier", "plot_phonon"]
