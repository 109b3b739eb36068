"""The one check that every state of a model file goes through."""

import numpy as np
import pytest

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models.state import check_arrays

FIELDS = {
    "counts": (np.int32, ("n_rows",)),
    "points": (np.float64, ("n_rows", 2)),
    "cells": (np.float64, ("n_rows", 3, 3)),
    "offset": float,
    "name": str,
}


def good():
    return {
        "counts": np.arange(4, dtype=np.int32),
        "points": np.ones((4, 2)),
        "cells": np.ones((4, 3, 3)),
        "offset": 0.5,
        "name": "x",
    }


def test_sizes_are_returned_by_name():
    assert check_arrays(good(), "a thing", FIELDS) == {"n_rows": 4}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("counts", np.arange(4), "counts as a vector of .* int32.* got int64"),
        ("counts", [1, 2], "got list"),
        ("points", np.ones((3, 2)), r"4 points of 2 columns of float64.* got .* \(3, 2\)"),
        ("points", np.ones((4, 3)), "points of 2 columns"),
        ("points", np.ones(4), "points of 2 columns"),
        ("points", np.full((4, 2), np.nan), "all of it finite"),
        ("cells", np.ones((4, 3, 2)), r"cells of shape \(4, 3, 3\)"),
        ("offset", 1, "offset as a float, .* got int"),
        ("offset", True, "got bool"),
        ("offset", float("inf"), "all of it finite"),
        ("offset", np.float64(1.0), "got float64"),
        ("name", None, "name as a str, .* got NoneType"),
    ],
)
def test_what_does_not_fit_is_named(name, value, sentence):
    with pytest.raises(ModelFormatError, match=f"^expected a thing with .*{sentence}"):
        check_arrays({**good(), name: value}, "a thing", FIELDS)


def test_a_missing_field_is_a_key_error():
    with pytest.raises(KeyError, match="counts"):
        check_arrays({}, "a thing", FIELDS)


@pytest.mark.parametrize("state", [{**good(), "more": 1}, {"counts": 1}, [1], None])
def test_only_these_fields(state):
    with pytest.raises(ModelFormatError, match=r"^expected a thing with the fields .*'counts'"):
        check_arrays(state, "a thing", FIELDS, only=True)
    assert check_arrays(good(), "a thing", FIELDS, only=True) == {"n_rows": 4}
