"""Draw phonons, predictions and scores; every function of data returns a Figure."""

from matminer_phonon_tl.figures.classifier import plot_gap_classifier
from matminer_phonon_tl.figures.learning_curve import plot_learning_curve
from matminer_phonon_tl.figures.phonon import plot_phonon
from matminer_phonon_tl.figures.ranking import plot_ranking
from matminer_phonon_tl.figures.saving import check_figure_path, page_svg, save_figure

__all__ = [
    "check_figure_path",
    "page_svg",
    "plot_gap_classifier",
    "plot_learning_curve",
    "plot_phonon",
    "plot_ranking",
    "save_figure",
]
