"""What is printed can be cut and searched: names whole in a pipe, words that say what they are."""

import sys

import pytest

from matminer_phonon_tl import cli
from matminer_phonon_tl.models.predictor import COLUMNS

LONG = "Ca2Na3Mg5Al2Si7O24Ti3Fe2K4Ba2Sr3Zr2Cl5F2S3"


@pytest.fixture
def predict(monkeypatch, capsys):
    def predict(*arguments, columns=None):
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns is not None:
            monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setattr(sys, "argv", ["phonon-tl", "predict", *arguments])
        with pytest.raises(SystemExit):
            cli.main()
        return capsys.readouterr().out

    return predict


def test_a_piped_table_has_a_line_for_each_name(predict):
    """At 80 columns the names used to be broken, so that grep and awk did not find them."""
    lines = predict("InN", LONG).splitlines()
    named = [line for line in lines if line.startswith(LONG)]
    assert named[0].split()[0] == LONG
    assert "[" in named[0]
    assert max(map(len, lines[lines.index("") :])) <= 80  # sentences are filled all the same


def test_a_terminal_as_wide_as_it_says_is_kept(predict):
    lines = predict("InN", LONG, columns="82").splitlines()
    assert max(map(len, lines)) <= 82


def test_the_table_says_what_similarity_is_and_which_mean_a_speed_is(predict):
    out = " ".join(predict("InN").split())
    assert "mean sound, km/s" in out
    assert "speed of sound (mean of the three acoustic waves, as in the paper)" in out
    assert "from 1 (one of them) to 0 (unlike them all)" in out
    assert "applies" not in out
    assert "training_similarity" in COLUMNS
    assert not [name for name in COLUMNS if "applic" in name]
