"""What is described, and what is refused or imputed, never without a word."""

import warnings

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition, Lattice, Structure

from matminer_phonon_tl.exceptions import (
    CompositionError,
    FeaturizationWarning,
    UnknownElementError,
)
from matminer_phonon_tl.featurizers import XenonPyDescriptors, load_element_table


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
    monkeypatch.setattr("matminer_phonon_tl.featurizers.composition_featurizer.ROWS_AT_ONCE", 2)
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
