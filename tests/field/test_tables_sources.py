"""Source tables as people have them, and what a learning curve shows."""

import gzip

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.linear_model import Ridge

from matminer_phonon_tl.evaluation import LearningCurve, learning_curve
from matminer_phonon_tl.evaluation.source_hygiene import SourceTasks, without_formulas
from matminer_phonon_tl.figures import plot_learning_curve
from matminer_phonon_tl.models import PhononRegressor
from matminer_phonon_tl.models.source_tasks import load_source
from matminer_phonon_tl.networks.source_networks import read_source_task


@pytest.fixture
def table():
    return pd.DataFrame({"formula": ["In2N2", "GaAs", "BAs"], "bandgap": [0.7, 1.4, 1.5]})


def write(table, path):
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.name.endswith("json.gz"):
        table.to_json(path, orient="split")
    else:
        table.to_csv(
            path, index=False, sep={"semicolons.csv": ";", "tabs.tsv": "\t"}.get(path.name, ",")
        )


NAMES = ["own.csv", "semicolons.csv", "tabs.tsv", "own.parquet", "own.json.gz"]


@pytest.mark.parametrize("name", [None, *NAMES])
@pytest.mark.parametrize("as_text", [True, False])
def test_formula_and_a_path_are_a_source(table, tmp_path, name, as_text):
    source = table
    if name is not None:
        write(table, tmp_path / name)
        source = str(tmp_path / name) if as_text else tmp_path / name
    asked = read_source_task(source, 290, has_compositions=True)
    wanted = read_source_task(
        table.rename(columns={"formula": "composition"}), 290, has_compositions=True
    )
    assert np.array_equal(asked.X, wanted.X)
    assert asked.Y.ravel().tolist() == [0.7, 1.4, 1.5]
    assert asked.tasks == ("bandgap",)
    # A tested formula is taken out of it, whatever the size of its cell.
    left = without_formulas(source, ["InN"])
    assert [str(value) for value in left["composition"]] == ["GaAs", "BAs"]


@pytest.mark.parametrize("as_path", [True, False])
def test_an_index_that_was_written_is_no_label(table, tmp_path, as_path):
    """DataFrame.to_csv() writes it by default; the networks learnt the rows' numbers."""
    table.to_csv(tmp_path / "own.csv")
    source = tmp_path / "own.csv" if as_path else pd.read_csv(tmp_path / "own.csv")
    asked = read_source_task(source, 290, has_compositions=True)
    assert asked.tasks == ("bandgap",)
    assert asked.Y.ravel().tolist() == [0.7, 1.4, 1.5]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # The header alone says what separates: the name of a label holds a comma.
        ("own.csv", "formula;band gap (eV, PBE)\nNaN;1\nGaN;2\n"),
        ("own.csv", "\ufeffformula,x\nNaN,1\nGaN,2\n"),
        ("own.tsv", "x\tcomposition\n1\tNaN\n2\tGaN\n"),
        ("own.csv.gz", "formula,x\nNaN,1\nGaN,2\n"),
    ],
)
def test_csv_as_it_comes_is_a_source(tmp_path, name, text):
    content = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
    (tmp_path / name).write_bytes(content)
    read = load_source(tmp_path / name)
    assert read["composition"].tolist() == ["NaN", "GaN"]  # a formula, not a missing value
    assert read.drop(columns="composition").to_numpy().ravel().tolist() == [1, 2]


def test_the_labels_of_a_path_are_known(table, tmp_path):
    write(table, tmp_path / "own.csv")
    model = PhononRegressor(source=str(tmp_path / "own.csv"))
    tasks = SourceTasks.of(model)
    assert tasks.know_labels(model, "bandgap")
    assert not tasks.know_labels(model, "speed_of_sound")


def test_composition_stands_before_formula(table):
    both = table.assign(composition=["InN", "Ga2As2", "BAs"])
    asked = read_source_task(both, 290, has_compositions=True)
    alone = read_source_task(both.drop(columns="formula"), 290, has_compositions=True)
    assert np.array_equal(asked.X, alone.X)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("nosuch", "or \\(X_source, Y_source\\), got 'nosuch'"),
        ("nosuch.csv", "expected nosuch.csv to be a table in CSV.*No such file"),
        ("nosuch.parquet", "expected nosuch.parquet to be a table"),
    ],
)
def test_what_is_no_source_is_refused(source, sentence):
    with pytest.raises(ValueError, match=sentence):
        load_source(source)


def test_a_learning_curve_is_a_table_and_a_figure():
    X = np.random.default_rng(0).normal(size=(60, 3))
    curve = learning_curve(Ridge(), X, X @ [1.0, 2.0, 3.0], (0.2, 1.0), n_repeats=2)
    lines = str(curve).splitlines()
    assert len(lines) == 5
    assert lines[2].split() == ["fraction", "rows"]
    figure = plot_learning_curve(curve)
    assert isinstance(figure, Figure)
    # Four fifths of 60 rows train each of five folds, and a fifth of them.
    drawn = figure.axes[0].containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(drawn[:, 0], [9.6, 48], atol=0.5)
    np.testing.assert_allclose(drawn[:, 1], curve.table["mae"])
    assert figure.axes[0].get_ylabel() == "mae"
    assert plot_learning_curve(curve, "r2").axes[0].get_ylabel() == "r2"
    with pytest.raises(ValueError, match="expected one of the scores mae, rmse, r2, got 'f1'"):
        plot_learning_curve(curve, "f1")
    with pytest.raises(ValueError, match="the curve is empty"):
        plot_learning_curve(LearningCurve())
