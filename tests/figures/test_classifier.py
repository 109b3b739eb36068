"""The classifier's figure draws what was measured."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from matminer_phonon_tl.figures import plot_gap_classifier


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    truth = rng.random(200) < 0.15
    return truth, np.clip(truth * 0.5 + rng.random(200) * 0.6, 0, 1)


def test_four_panels_with_scores_and_protocol(predictions, tmp_path):
    registered = plt.get_fignums()  # other tests' figures, such as shap's
    importances = pd.Series(np.arange(30.0), index=[f"d{n}" for n in range(30)], name="impurity")
    figure = plot_gap_classifier(
        *predictions, threshold=0.4, importances=importances, protocol="paper's split"
    )
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "Confusion at P ≥ 0.40"
    assert titles[1].startswith("ROC, area 0.")
    assert titles[2].startswith("Precision-recall, area 0.")
    assert titles[3] == "The 10 most important of 30"
    assert figure.get_suptitle().startswith("paper's split: 200 materials, ")
    # The most important stands on top.
    assert figure.axes[3].get_yticklabels()[-1].get_text() == "d29"
    counts = [int(text.get_text()) for text in figure.axes[0].texts]
    truth, probability = predictions
    assert counts == [
        int(((truth == t) & ((probability >= 0.4) == p)).sum()) for t in (0, 1) for p in (0, 1)
    ]
    figure.savefig(tmp_path / "figure.png")
    assert plt.get_fignums() == registered


def test_without_importances(predictions):
    assert len(plot_gap_classifier(*predictions, protocol="x").axes) == 3


@pytest.mark.parametrize(
    ("truth", "probability", "sentence"),
    [
        ([True, False], [0.5], "one probability for each material"),
        ([True, True], [0.5, 0.5], "got only one kind"),
    ],
)
def test_refuses(truth, probability, sentence):
    with pytest.raises(ValueError, match=sentence):
        plot_gap_classifier(truth, probability, protocol="x")
