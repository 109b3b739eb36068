"""The 290 descriptors: their figures."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Element

from matminer_phonon_tl.exceptions import (
    UnknownElementError,
)
from matminer_phonon_tl.featurizers import XenonPyDescriptors, load_element_table
from tests.featurizers.xenonpy.cases import assert_close, pooled_by_definition

ELEMENTS = [Element.from_Z(z).symbol for z in range(1, 95)]


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
    custom = XenonPyDescriptors(elemental_info=table)
    assert custom.feature_labels() == ["ave:mass", "sum:mass", "var:mass", "max:mass", "min:mass"]
    assert custom.featurize("GaN") == pytest.approx([41.85, 83.7, 775.6225, 69.7, 14.0])
    with pytest.raises(UnknownElementError, match=r"\(2 rows\), got In"):
        custom.featurize("InN")


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
