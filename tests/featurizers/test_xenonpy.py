"""The 290 descriptors: their figures, their place in matminer, and what they refuse.

matminer's own featurizer tests that fit a stateless composition featurizer are replayed here
(matminer/featurizers/tests/test_base.py and featurizers/composition/tests): featurize and its
labels, featurize_many on every form of input, featurize_dataframe (columns, in place, existing
column, multiindex), error catching with ignore_errors and return_errors, precheck, caching-free
repeatability, citations and implementors, MultipleFeaturizer in both modes (also with a second
featurizer, error catching and multiindex), use in a scikit-learn Pipeline, get_params and clone,
n_jobs. Left out: tests of fitting featurizers, conversion featurizers, StackedFeaturizer and
FunctionFeaturizer, which have nothing of ours in them.
"""

import os
import pickle
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matminer.featurizers.base import MultipleFeaturizer
from matminer.featurizers.composition import Stoichiometry
from pymatgen.core import Composition, Element, Lattice, Structure
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from matminer_phonon_tl.exceptions import (
    CompositionError,
    FeaturizationWarning,
    MissingExtraError,
    UnknownElementError,
)
from matminer_phonon_tl.featurizers import XenonPyDescriptors, load_element_table
from matminer_phonon_tl.featurizers.element_table import ElementTable

ELEMENTS = [Element.from_Z(z).symbol for z in range(1, 95)]


@pytest.fixture
def descriptors():
    featurizer = XenonPyDescriptors()
    featurizer.set_n_jobs(1)
    return featurizer


@pytest.fixture
def df():
    return pd.DataFrame({"composition": [Composition(f) for f in ("GaN", "Fe2O3", "Li0.5CoO2")]})


def pooled_by_definition(composition, table):
    """The five poolings written as XenonPy defines them, one composition at a time."""
    amounts = np.array(list(composition.values()))
    values = table.loc[[e.symbol for e in composition]].to_numpy()
    weights = amounts / amounts.sum()
    average = weights @ values
    variance = weights @ (values - average) ** 2
    return np.concatenate(
        [average, amounts @ values, variance, values.max(axis=0), values.min(axis=0)]
    )


def assert_close(actual, expected, table):
    """Agree to 1e-12 of each column's scale: a variance of equal figures is round-off."""
    scale = np.abs(table.to_numpy()).max(axis=0)
    scales = np.concatenate([scale, scale, scale**2, scale, scale])
    assert np.all(np.abs(actual - expected) <= 1e-12 * np.maximum(np.abs(expected), scales))


# --- figures ---------------------------------------------------------------------------------


def test_has_290_labels_in_xenonpys_order(descriptors):
    labels = descriptors.feature_labels()
    assert len(labels) == len(set(labels)) == 290
    assert labels[:2] == ["ave:atomic_number", "ave:atomic_radius"]
    assert [label.split(":")[0] for label in labels[::58]] == ["ave", "sum", "var", "max", "min"]
    assert labels[-1] == "min:Polarizability"


def test_agrees_with_the_definition_for_every_element(descriptors):
    table = load_element_table()
    for symbol in ELEMENTS:
        for composition in (Composition({symbol: 3}), Composition({symbol: 0.7, "O": 1.3})):
            expected = pooled_by_definition(composition, table)
            assert_close(np.array(descriptors.featurize(composition)), expected, table)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(ELEMENTS), st.floats(1e-3, 1e3), min_size=1, max_size=8),
        min_size=1,
        max_size=6,
    )
)
def test_agrees_with_the_definition_for_any_amounts(cells):
    table = load_element_table()
    compositions = [Composition(cell) for cell in cells]
    array = XenonPyDescriptors().featurize_array(compositions)
    expected = np.array([pooled_by_definition(c, table) for c in compositions])
    assert_close(array, expected, table)


def test_agrees_with_the_papers_whole_set(descriptors, phonon_tl):
    table = load_element_table()
    array = descriptors.featurize_array(phonon_tl["composition"])
    expected = np.array([pooled_by_definition(c, table) for c in phonon_tl["composition"]])
    assert_close(array, expected, table)


def test_only_the_sums_know_the_size_of_the_cell(descriptors):
    labels = np.array(descriptors.feature_labels())
    small, large = descriptors.featurize_array(["Fe2O3", "Fe4O6"])
    differs = ~np.isclose(small, large, rtol=1e-12, atol=1e-9)
    assert all(label.startswith("sum:") for label in labels[differs])
    sums = np.char.startswith(labels, "sum:")
    np.testing.assert_allclose(large[sums], 2 * small[sums], rtol=1e-12)


def test_order_of_the_elements_does_not_matter(descriptors):
    one, other = descriptors.featurize_array([{"Fe": 2, "O": 3}, {"O": 3, "Fe": 2}])
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-9)


def test_oxidation_states_do_not_matter(descriptors):
    bare, decorated = descriptors.featurize_array(["Fe3O4", {"Fe2+": 1, "Fe3+": 2, "O2-": 4}])
    np.testing.assert_allclose(bare, decorated, rtol=1e-12, atol=1e-9)


def test_row_by_row_equals_vectorised(descriptors, phonon_tl):
    compositions = phonon_tl["composition"][:200]
    one_by_one = np.array([descriptors.featurize(c) for c in compositions])
    assert np.array_equal(one_by_one, descriptors.featurize_array(compositions))
    assert np.array_equal(one_by_one, descriptors.featurize_many(compositions, pbar=False))


def test_table_of_ones_own():
    table = pd.DataFrame({"mass": [69.7, 14.0]}, index=["Ga", "N"])
    own = XenonPyDescriptors(elemental_info=table)
    assert own.feature_labels() == ["ave:mass", "sum:mass", "var:mass", "max:mass", "min:mass"]
    assert own.featurize("GaN") == pytest.approx([41.85, 83.7, 775.6225, 69.7, 14.0])
    with pytest.raises(UnknownElementError, match=r"\(2 rows\), got In"):
        own.featurize("InN")


@pytest.mark.parametrize(
    ("table", "error", "sentence"),
    [
        ([1], TypeError, "expected elemental_info to be a DataFrame"),
        (pd.DataFrame({"m": [1, 2]}, index=["H", "H"]), ValueError, "the same symbol twice"),
        (pd.DataFrame({"m": []}), ValueError, "got no rows"),
        (pd.DataFrame({"m": ["a"]}, index=["H"]), ValueError, "to hold numbers only"),
    ],
)
def test_refuses_a_bad_table(table, error, sentence):
    with pytest.raises(error, match=sentence):
        XenonPyDescriptors(elemental_info=table).featurize("H2")


# --- input ------------------------------------------------------------------------------------


def test_takes_composition_structure_formula_and_dict(descriptors):
    structure = Structure(Lattice.cubic(4), ["Ga", "N"], [[0, 0, 0], [0.25] * 3])
    forms = [Composition("GaN"), structure, "GaN", {"Ga": 1, "N": 1}]
    array = descriptors.featurize_array(forms)
    assert np.array_equal(array, np.tile(array[0], (4, 1)))
    assert all(descriptors.featurize(form) == array[0].tolist() for form in forms)


@pytest.mark.parametrize(
    ("bad", "error", "sentence"),
    [
        ("Cm", UnknownElementError, r"descriptor table \(H-Pu\), got Cm"),
        ("Qq", UnknownElementError, "got 'Qq'"),
        ("", CompositionError, "it is empty"),
        (Composition(), CompositionError, "expected at least one element"),
        (float("nan"), CompositionError, r"got nan \(float\)"),
        (Composition({"Fe": -1}, allow_negative=True), CompositionError, "an amount of Fe above 0"),
    ],
)
def test_bad_input_is_one_sentence_with_the_row(descriptors, bad, error, sentence):
    with pytest.raises(error, match=sentence) as single:
        descriptors.featurize(bad)
    assert not str(single.value).startswith("row")
    for featurize in (
        descriptors.featurize_array,
        lambda rows: descriptors.featurize_many(rows, pbar=False),
    ):
        with pytest.raises(error, match=f"^row 1: .*{sentence}"):
            featurize(["GaN", bad, "InN"])


def test_ignore_errors_gives_nan_in_that_row_only_and_says_so(descriptors):
    rows = ["GaN", "Cm2O3", "InN", ""]
    with pytest.warns(FeaturizationWarning, match=r"2 of 4 rows .*row 1: .*Cm.*row 3: .*empty"):
        array = descriptors.featurize_array(rows, ignore_errors=True)
    assert np.isnan(array).all(axis=1).tolist() == [False, True, False, True]
    assert np.array_equal(array[[0, 2]], descriptors.featurize_array(["GaN", "InN"]))


def test_warning_numbers_the_rows_it_does_not_quote(descriptors):
    with pytest.warns(FeaturizationWarning, match=r"8 of 8 rows .*and the rows 5, 6, 7"):
        descriptors.featurize_array(["Cm"] * 8, ignore_errors=True)


def test_rows_are_counted_over_blocks(descriptors, monkeypatch):
    monkeypatch.setattr("matminer_phonon_tl.featurizers._base.ROWS_AT_ONCE", 2)
    with pytest.warns(FeaturizationWarning, match=r"1 of 5 rows .*row 4: "):
        rows = descriptors.featurize_many(["GaN"] * 4 + ["Cm"], True, True, pbar=False)
    assert len(rows) == 5
    assert "row 4: " in rows[4][-1]
    with pytest.raises(UnknownElementError, match=r"^row 4: "):
        descriptors.featurize_many(["GaN"] * 4 + ["Cm"], pbar=False)


def test_impute_nan_puts_the_mean_in_and_says_so():
    with pytest.warns(FeaturizationWarning, match="Cm has no complete row"):
        values = XenonPyDescriptors(impute_nan=True).featurize("Cm")
    np.testing.assert_allclose(values[:58], load_element_table().mean())
    gappy = pd.DataFrame({"a": [1.0, np.nan, 3.0]}, index=["H", "He", "Li"])
    with pytest.warns(FeaturizationWarning, match="He has no complete row"):
        assert XenonPyDescriptors(gappy, impute_nan=True).featurize("He")[0] == 2.0
    with pytest.raises(UnknownElementError, match="expected a complete row of He"):
        XenonPyDescriptors(gappy).featurize("He")
    with pytest.raises(UnknownElementError):
        XenonPyDescriptors(impute_nan=True).featurize("Qq")


def test_a_known_element_is_imputed_without_a_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert XenonPyDescriptors(impute_nan=True).featurize(
            "GaN"
        ) == XenonPyDescriptors().featurize("GaN")


# --- matminer's and scikit-learn's contracts ---------------------------------------------------


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
    with pytest.raises(TypeError, match="put a single one into a list"):
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


# --- the other backend ---------------------------------------------------------------------------


def test_unknown_backend():
    with pytest.raises(ValueError, match="expected backend 'native' or 'xenonpy', got 'fast'"):
        XenonPyDescriptors(backend="fast").featurize("GaN")


def test_missing_xenonpy_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xenonpy.descriptor", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'matminer-phonon-tl\[xenonpy\]'"):
        XenonPyDescriptors(backend="xenonpy").featurize("GaN")


CONFORMANCE = """
import numpy as np
from matminer_phonon_tl import load_phonon_tl
from matminer_phonon_tl.featurizers import XenonPyDescriptors, load_element_table
from matminer_phonon_tl.featurizers.element_table import ElementTable
compositions = load_phonon_tl()["composition"].tolist()
compositions += [{s: 0.7, "O": 1.3} for s in load_element_table().index] + ["Li0.5CoO2", "Cu"]
ours = XenonPyDescriptors().featurize_array(compositions)
theirs = XenonPyDescriptors(backend="xenonpy").featurize_array(compositions)
scale = np.abs(load_element_table().to_numpy()).max(axis=0)
scales = np.concatenate([scale, scale, scale**2, scale, scale])
print(len(compositions), (np.abs(ours - theirs) / np.maximum(np.abs(theirs), scales)).max())
"""


def test_xenonpy_itself_agrees():
    """All 1245 compositions, every element of the table and fractional amounts."""
    python = os.environ.get("PHONON_TL_XENONPY_PYTHON")
    if not python:
        pytest.skip(
            "PHONON_TL_XENONPY_PYTHON is not set: it names the interpreter that "
            "benchmarks/make_xenonpy_environment.sh makes"
        )
    result = subprocess.run(
        [python, "-c", CONFORMANCE],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    n_compared, worst = result.stdout.split()
    assert n_compared == "1341"
    assert float(worst) < 1e-12
