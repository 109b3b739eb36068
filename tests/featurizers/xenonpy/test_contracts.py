"""The 290 descriptors in matminer and scikit-learn.

matminer's own featurizer tests that fit a stateless composition featurizer are replayed here
(matminer/featurizers/tests/test_base.py and featurizers/composition/tests): featurize and its
labels, featurize_many on every form of input, featurize_dataframe (columns, in place, existing
column, multiindex), error catching with ignore_errors and return_errors, precheck, caching-free
repeatability, citations and implementors, MultipleFeaturizer in both modes (also with a second
featurizer, error catching and multiindex), use in a scikit-learn Pipeline, get_params and clone,
n_jobs. Left out: tests of fitting featurizers, conversion featurizers, StackedFeaturizer and
FunctionFeaturizer, which have nothing of ours in them.
"""

import pickle

import numpy as np
import pandas as pd
import pytest
from matminer.featurizers.base import MultipleFeaturizer
from matminer.featurizers.composition import Stoichiometry
from pymatgen.core import Composition
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from matminer_phonon_tl.exceptions import (
    CompositionError,
    FeaturizationWarning,
    UnknownElementError,
)
from matminer_phonon_tl.featurizers import XenonPyDescriptors, load_element_table
from matminer_phonon_tl.featurizers.element_table import ElementTable


@pytest.mark.parametrize(
    "wrap",
    [
        list,
        tuple,
        np.array,
        pd.Series,
        lambda rows: pd.DataFrame({"c": rows}),
        lambda rows: np.array(rows, dtype=object)[:, None],
        lambda rows: [(row,) for row in rows],
        lambda rows: [[row] for row in rows],
    ],
)
def test_featurize_many_takes_every_form_of_input(descriptors, wrap):
    formulas = ["GaN", "Fe2O3"]
    expected = descriptors.featurize_array(formulas).tolist()
    result = descriptors.featurize_many(wrap(formulas), pbar=False)
    assert result == expected
    assert all(type(row) is list for row in result)


def test_featurize_many_of_nothing(descriptors):
    assert descriptors.featurize_many([], pbar=False) == []
    assert descriptors.featurize_array([]).shape == (0, 290)


def test_featurize_many_refuses_other_shapes(descriptors):
    with pytest.raises(CompositionError, match="put a single one into a list"):
        descriptors.featurize_many("GaN", pbar=False)
    with pytest.raises(ValueError, match="choose the one column"):
        descriptors.featurize_many([("GaN", "InN")], pbar=False)
    with pytest.raises(ValueError, match="expected ignore_errors=True with return_errors=True"):
        descriptors.featurize_many(["GaN"], return_errors=True, pbar=False)


def test_featurize_dataframe(descriptors, df):
    result = descriptors.featurize_dataframe(df, "composition", pbar=False)
    assert list(result.columns) == ["composition", *descriptors.feature_labels()]
    assert list(df.columns) == ["composition"]
    assert result.loc[0, "sum:atomic_number"] == 38
    assert descriptors.featurize_dataframe(df, "composition", inplace=True, pbar=False) is None
    pd.testing.assert_frame_equal(df, result)
    with pytest.raises(ValueError, match="exists in input dataframe"):
        descriptors.featurize_dataframe(result, "composition", pbar=False)


def test_featurize_dataframe_keeps_the_index_and_makes_a_multiindex(descriptors, df):
    df.index = ["a", "a", "b"]
    result = descriptors.featurize_dataframe(df, "composition", multiindex=True, pbar=False)
    assert list(result.index) == ["a", "a", "b"]
    assert result.columns[0] == ("Input Data", "composition")
    assert result.columns[1] == ("XenonPyDescriptors", "ave:atomic_number")


def test_featurize_dataframe_returns_errors(descriptors):
    df = pd.DataFrame({"composition": ["GaN", "Cm"]})
    with pytest.warns(FeaturizationWarning, match="1 of 2 rows"):
        result = descriptors.featurize_dataframe(
            df, "composition", ignore_errors=True, return_errors=True, pbar=False
        )
    errors = result["XenonPyDescriptors Exceptions"]
    assert np.isnan(errors[0])
    assert "UnknownElementError: row 1: expected elements of the descriptor table" in errors[1]
    assert result.iloc[1, 1:291].isna().all()


@pytest.mark.parametrize("iterate_over_entries", [True, False])
def test_works_in_multiple_featurizer(descriptors, df, iterate_over_entries):
    both = MultipleFeaturizer([descriptors, Stoichiometry()], iterate_over_entries)
    both.set_n_jobs(1)
    result = both.featurize_dataframe(df, "composition", pbar=False)
    assert result.shape == (3, 1 + 290 + 6)
    expected = descriptors.featurize_array(df["composition"])
    assert np.array_equal(result[descriptors.feature_labels()].to_numpy(), expected)
    assert result["0-norm"].tolist() == [2, 2, 3]
    assert set(descriptors.citations()) <= set(both.citations())
    assert set(descriptors.implementors()) <= set(both.implementors())


@pytest.mark.parametrize("iterate_over_entries", [True, False])
@pytest.mark.filterwarnings("ignore::matminer_phonon_tl.exceptions.FeaturizationWarning")
def test_errors_in_multiple_featurizer(descriptors, iterate_over_entries):
    both = MultipleFeaturizer([descriptors, Stoichiometry()], iterate_over_entries)
    both.set_n_jobs(1)
    rows = [Composition("GaN"), Composition("Cm")]
    result = both.featurize_many(rows, ignore_errors=True, return_errors=True, pbar=False)
    assert [len(row) for row in result] == [290 + 1 + 6 + 1] * 2
    assert np.isnan(result[1][0])
    assert "UnknownElementError" in result[1][290]
    with pytest.raises(UnknownElementError):
        both.featurize_many(rows, pbar=False)


def test_works_over_processes(df):
    both = MultipleFeaturizer([XenonPyDescriptors()])
    both.set_n_jobs(2)
    result = both.featurize_many(df["composition"], pbar=False)
    assert np.array_equal(result, XenonPyDescriptors().featurize_array(df["composition"]))


def test_works_in_a_pipeline(descriptors, df):
    pipeline = make_pipeline(descriptors, Ridge())
    pipeline.fit(df["composition"], [1.0, 2.0, 3.0])
    assert np.isfinite(pipeline.predict(["InN", "GaSb"])).all()
    assert np.array_equal(
        descriptors.transform(df[["composition"]]), descriptors.featurize_array(df)
    )
    with pytest.warns(FeaturizationWarning), pytest.raises(ValueError, match="NaN"):
        pipeline.predict(["Cm"])


def test_set_output_labels_the_columns(df):
    frame = XenonPyDescriptors().set_output(transform="pandas").fit_transform(df["composition"])
    assert list(frame.columns) == XenonPyDescriptors().feature_labels()


def test_nobody_can_spoil_the_shared_table():
    copy = load_element_table()
    copy.loc["Ga"] = 0
    assert XenonPyDescriptors().featurize("GaN")[0] == 19
    with pytest.raises(ValueError, match="read-only"):
        ElementTable.shipped().column("atomic_weight")[0] = 0


def test_clone_and_params():
    table = load_element_table()
    featurizer = XenonPyDescriptors(table, impute_nan=True, backend="xenonpy")
    params = clone(featurizer).get_params()
    assert params["impute_nan"] is True
    assert params["backend"] == "xenonpy"
    pd.testing.assert_frame_equal(params["elemental_info"], table)


def test_running_twice_changes_nothing(descriptors, df):
    before = pickle.dumps(descriptors)
    first = descriptors.featurize_array(df)
    descriptors.feature_labels().append("spoiled by the caller")
    assert len(descriptors.feature_labels()) == 290
    assert np.array_equal(descriptors.featurize_array(df), first)
    assert pickle.dumps(descriptors) == before


def test_precheck(descriptors):
    frame = pd.DataFrame({"composition": ["GaN", "Cm", "InN", ""]})
    assert descriptors.precheck_dataframe(frame, "composition") == 0.5


def test_names_its_sources(descriptors):
    assert all(entry.startswith("@article{") for entry in descriptors.citations())
    assert any("10.1021/acscentsci.9b00804" in entry for entry in descriptors.citations())
    assert descriptors.implementors()


def test_progress_bar_can_be_shown_or_not(descriptors, df, capsys):
    descriptors.featurize_many(df["composition"], pbar=False)
    assert capsys.readouterr().err == ""
    descriptors.featurize_many(df["composition"], pbar={"desc": "describing"})
    assert "describing" in capsys.readouterr().err


def ways_in(featurizer):
    return {
        "featurize_array": featurizer.featurize_array,
        "transform": featurizer.transform,
        "featurize_many": lambda table: np.array(featurizer.featurize_many(table, pbar=False)),
        "describe_valid": lambda table: featurizer.describe_valid(table)[0],
    }


@pytest.mark.parametrize("way", ways_in(XenonPyDescriptors()))
def test_every_way_in_reads_the_same_tables(descriptors, way):
    formulas = ["GaN", "Fe2O3"]
    read, expected = ways_in(descriptors)[way], descriptors.featurize_array(formulas)
    frame = pd.DataFrame({"bandgap": [1.0, 2.0], "formula": formulas})
    compositions = [Composition(formula) for formula in formulas]
    for table in (
        frame,
        frame.assign(formula="bad", composition=compositions),
        frame[["formula"]].rename(columns={"formula": "name of the user's own"}),
        frame["formula"],
        np.array(formulas),
        [(formula,) for formula in formulas],
        (formula for formula in formulas),
    ):
        assert np.array_equal(read(table), expected)
    with pytest.raises(CompositionError, match=r"'composition' \(or 'formula' or 'structure'\), g"):
        read(pd.DataFrame({"bandgap": [1.0], "volume": [2.0]}))
