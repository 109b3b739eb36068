"""The coverage figure draws what was held."""

import pytest

from matminer_phonon_tl.figures import plot_coverage


def test_each_model_is_a_line_beside_its_band(tmp_path):
    figure = plot_coverage(
        {"gap": ([0.5, 0.9], [0.52, 0.91], 124), "sound": ([0.5, 0.9], [0.5, 0.88], 1245)},
        protocol="leak_free",
    )
    axes = figure.axes[0]
    assert axes.get_title() == "leak_free"
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["± 2 standard errors of 124", "gap (124)", "sound (1245)"]
    assert axes.lines[1].get_ydata().tolist() == [0.52, 0.91]
    figure.savefig(tmp_path / "coverage.png")


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match="at least one model"):
        plot_coverage({}, protocol="leak_free")
    with pytest.raises(ValueError, match="as many levels as shares of 'gap'"):
        plot_coverage({"gap": ([0.5], [0.5, 0.9], 10)}, protocol="leak_free")
