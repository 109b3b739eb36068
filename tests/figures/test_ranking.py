"""The figure of a ranking: what is where, and in which colour."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from matminer_phonon_tl.figures import plot_ranking, save_figure
from matminer_phonon_tl.figures.ranking import CALCULATED, INK, PREDICTED, UNLIKE


@pytest.fixture
def frame():
    """Return a prediction of five compounds, of which one failed and one has no gap."""
    frame = pd.DataFrame(
        {
            "formula": ["InSb", "InN", "Qq", "GaN", "AlN"],
            "phonon_bandgap": [np.nan, 232.0, np.nan, 205.0, 150.0],
            "phonon_bandgap_lower": [np.nan, 145.0, np.nan, 127.0, 100.0],
            "phonon_bandgap_upper": [np.nan, 319.0, np.nan, 284.0, 200.0],
            "in_domain": pd.array([False, False, None, True, True], dtype="boolean"),
            "error": [None, None, "expected chemical elements", None, None],
        }
    )
    frame.attrs["units"] = {"phonon_bandgap": "cm-1"}
    return frame


@pytest.fixture
def known():
    return pd.DataFrame(
        {
            "row": [3, 3, 3, 4, 0],
            "is_stable": [True, True, False, True, True],
            "has_phonon_bandgap": [True, False, True, None, False],
            "phonon_bandgap": [198.0, 0.0, 170.0, np.nan, 0.0],
        }
    )


def labels_of(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def points_of(figure, label):
    for line in figure.axes[0].get_lines():
        if line.get_label() == label:
            return dict(zip(line.get_ydata(), line.get_xdata(), strict=True))
    return {}


def test_the_highest_is_on_top_and_what_has_no_value_comes_last(frame):
    figure = plot_ranking(frame)
    axes = figure.axes[0]
    assert labels_of(figure) == ["InN", "GaN", "AlN", "InSb"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is on top
    assert [(text.get_text(), text.get_position()[1]) for text in axes.texts] == [("no gap", 3)]
    assert axes.get_title() == "4 compounds"
    assert axes.get_xlabel() == "phonon bandgap, cm\u207b\u00b9"
    assert labels_of(plot_ranking(frame, ascending=True)) == ["AlN", "GaN", "InN", "InSb"]


def test_intervals_reach_from_end_to_end(frame):
    figure = plot_ranking(frame, level=0.8)
    drawn = [tuple(each[:, 0]) for lines in figure.axes[0].collections
             for each in lines.get_segments()]  # fmt: skip
    assert sorted(drawn) == [(100.0, 200.0), (127.0, 284.0), (145.0, 319.0)]
    what = "predicted, 80 % interval"
    key = [text.get_text() for text in figure.legends[0].get_texts()]
    assert key == [what, f"{what}, unlike the training compounds"]


def test_compounds_unlike_the_training_compounds_are_grey(frame):
    figure = plot_ranking(frame)
    unlike = "predicted, 90 % interval, unlike the training compounds"
    assert points_of(figure, "predicted, 90 % interval") == {1: 205.0, 2: 150.0}
    assert points_of(figure, unlike) == {0: 232.0}
    colours = [to_hex(label.get_color()) for label in figure.axes[0].get_yticklabels()]
    assert colours == [UNLIKE, INK, INK, UNLIKE]
    points = {to_hex(line.get_color()) for line in figure.axes[0].get_lines()}
    assert points == {PREDICTED, UNLIKE}


def test_calculated_values_of_stable_polymorphs_are_marked(frame, known):
    figure = plot_ranking(frame, known=known)
    line = figure.axes[0].get_lines()[-1]
    assert to_hex(line.get_markeredgecolor()) == CALCULATED
    marked = list(zip(line.get_ydata(), line.get_xdata(), strict=True))
    assert marked == [(1, 198.0), (1, 0.0), (3, 0.0)]


def test_a_probability_is_beside_what_was_found(frame, known):
    frame["has_gap_probability"] = [0.2, 0.8, np.nan, 0.5, 0.4]
    figure = plot_ranking(frame, "has_gap_probability", known=known)
    assert labels_of(figure) == ["InN", "GaN", "AlN", "InSb"]
    assert not figure.axes[0].collections  # it has no interval
    line = figure.axes[0].get_lines()[-1]
    assert list(zip(line.get_ydata(), line.get_xdata(), strict=True)) == [(1, 1), (1, 0), (3, 0)]


def test_an_order_of_magnitude_is_drawn_over_a_logarithmic_axis(frame):
    frame["lattice_conductivity"] = [3.0, 60.0, np.nan, 100.0, 300.0]
    assert plot_ranking(frame, "lattice_conductivity").axes[0].get_xscale() == "log"
    assert plot_ranking(frame).axes[0].get_xscale() == "linear"
    frame.loc[0, "lattice_conductivity"] = 0.0
    assert plot_ranking(frame, "lattice_conductivity").axes[0].get_xscale() == "linear"


def test_a_long_list_is_cut_and_the_title_says_so(frame):
    figure = plot_ranking(frame, n_rows=2)
    assert labels_of(figure) == ["InN", "GaN"]
    assert figure.axes[0].get_title() == "the highest 2 of 4 compounds"
    figure = plot_ranking(frame, n_rows=2, n_total=1000, ascending=True)
    assert figure.axes[0].get_title() == "the lowest 2 of 1000 compounds"


def test_names_are_cut_and_never_read_as_mathematics(frame, tmp_path):
    names = ["$x^{$", "a\nb", "", "c" * 100, "InN.cif (In1N1)"]
    figure = plot_ranking(frame, labels=names)
    assert labels_of(figure) == ["a b", "c" * 31 + "\u2026", "InN.cif (In1N1)", "$x^{$"]
    save_figure(figure, tmp_path / "x.png")  # would fail on such mathematics


def test_what_cannot_be_drawn_is_one_sentence(frame):
    with pytest.raises(ValueError, match="expected a column 'speed' to draw, got formula, phonon"):
        plot_ranking(frame, "speed")
    with pytest.raises(ValueError, match="expected a compound that could be predicted to draw"):
        plot_ranking(frame[2:3])
