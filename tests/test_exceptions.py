"""Errors carry their facts as fields, and keep them in copies."""

import copy
import pickle

import pandas as pd
import pytest

from matminer_phonon_tl.compositions import CompositionArray, as_composition
from matminer_phonon_tl.datasets import load_dataset
from matminer_phonon_tl.exceptions import (
    CompositionError,
    PhononTLError,
    UnknownElementError,
    did_you_mean,
)
from matminer_phonon_tl.featurizers import LatticeDynamicsDescriptors, XenonPyDescriptors
from matminer_phonon_tl.figures import plot_ranking
from matminer_phonon_tl.models import PhononGapClassifier, PhononPipe, make_regressor
from matminer_phonon_tl.models.shipped import load_predictor


def test_the_message_is_the_row_and_the_reason():
    error = UnknownElementError("expected elements, got Qq", row=3, symbol="Qq")
    assert str(error) == "row 3: expected elements, got Qq"
    assert (error.reason, error.row, error.symbol) == ("expected elements, got Qq", 3, "Qq")
    bare = CompositionError("expected elements, got none")
    assert str(bare) == bare.reason == "expected elements, got none"
    assert (bare.row, bare.symbol) == (None, None)


def test_the_nearest_of_known_names_is_told():
    known = ["formula", "speed_of_sound", 3]
    assert did_you_mean("Speed_of_Snd", known) == " (did you mean 'speed_of_sound'?)"
    assert [did_you_mean(name, known) for name in ("colour", "", None)] == [""] * 3


@pytest.mark.parametrize(
    "refused",
    [
        lambda: load_dataset("phonontl"),
        lambda: make_regressor("speed_of_snd"),
        lambda: load_predictor("predictor_structur.json.gz"),
        lambda: PhononGapClassifier(descriptors="xenonpi").fit(["GaN"], [True]),
        lambda: plot_ranking(pd.DataFrame({"formula": ["GaN"], "gap": [1.0]}), "gapp"),
        lambda: PhononPipe().fit(pd.DataFrame({"formula": ["GaN"], "gap": [1.0]}), "gapp"),
    ],
)
def test_wherever_a_name_out_of_a_known_list_is_refused(refused):
    with pytest.raises((ValueError, PhononTLError), match=r"\(did you mean '"):
        refused()


def test_an_error_moves_to_another_row():
    error = UnknownElementError("expected elements, got Qq", row=3, symbol="Qq")
    error.__cause__ = ValueError("why")
    moved = error.at_row(7)
    assert type(moved) is UnknownElementError
    assert str(moved) == "row 7: expected elements, got Qq"
    assert (moved.symbol, moved.__cause__) == ("Qq", error.__cause__)
    assert str(moved.at_row(None)) == error.reason


def pickled(error):
    """Return what another process would get."""
    return pickle.loads(pickle.dumps(error))  # noqa: S301 - made here


@pytest.mark.parametrize("duplicate", [copy.copy, pickled])
def test_copies_keep_the_fields(duplicate):
    error = UnknownElementError("expected elements, got Qq", row=3, symbol="Qq")
    same = duplicate(error)
    assert type(same) is UnknownElementError
    assert (str(same), same.reason, same.row, same.symbol) == (
        str(error), error.reason, error.row, error.symbol
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "symbol"), [("Qq", "Qq"), ("D2O", "D"), ("In0N", "In"), ({"Na": -1}, "Na")]
)
def test_the_symbol_at_fault_is_a_field(value, symbol):
    with pytest.raises(CompositionError) as caught:
        as_composition(value)
    assert (caught.value.symbol, caught.value.row) == (symbol, None)


def test_errors_of_many_rows_carry_theirs():
    _, _, errors = CompositionArray.read_valid(["GaN", "Qq", "", "InN"], first_row=10)
    assert {row: (error.row, error.symbol) for row, error in errors.items()} == {
        11: (11, "Qq"),
        12: (12, None),
    }
    for featurizer in (XenonPyDescriptors(), LatticeDynamicsDescriptors()):
        _, errors = featurizer.describe_valid(["GaN", "Cm2O3"])
        assert [(error.row, error.symbol) for error in errors.values()] == [(1, "Cm")]
        with pytest.raises(UnknownElementError, match=r"^row 1: .*gives NaN") as caught:
            featurizer.featurize_array(["GaN", "Cm2O3"])
        assert (caught.value.row, caught.value.symbol) == (1, "Cm")
    _, errors = LatticeDynamicsDescriptors(use_structure=True).describe_valid(["GaN"])
    assert errors[0].row == 0
    assert errors[0].reason.startswith("expected a Structure")
