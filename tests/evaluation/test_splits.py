import numpy as np
import pytest
from pymatgen.core import Composition
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit

from matminer_phonon_tl.evaluation.splits import (
    ElementKFold,
    LeaveOneElementOut,
    group_labels,
    kfold_splits,
    shrink_training,
    splits_of,
)


def elements(formula):
    return {element.symbol for element in Composition(formula)}


def kfolds(X, y, **options):
    options = {"n_splits": 5, "n_repeats": 3, "groups": None, "random_state": 0, **options}
    return kfold_splits(X, y, **options)


@pytest.mark.parametrize("groups", [None, "formula", "chemical_system", "element"])
def test_every_row_is_tested_once_a_round(gapped, groups):
    y = gapped["phonon_bandgap"].to_numpy()
    splits = kfolds(gapped, y, groups=groups)
    assert len(splits) == 15
    for number in range(3):
        tested = np.concatenate([s.test for s in splits if s.round == number])
        assert sorted(tested) == list(range(124))
    for split in splits:
        assert not set(split.train) & set(split.test)


@pytest.mark.parametrize("groups", ["formula", "chemical_system"])
def test_no_group_is_on_both_sides(gapped, groups):
    labels = group_labels(gapped, groups, 124)
    assert len(set(labels)) < 124
    for split in kfolds(gapped, gapped["bandgap"].to_numpy(), groups=groups):
        assert not set(labels[split.train]) & set(labels[split.test])


def test_rounds_are_shuffled_differently_and_repeatably(gapped):
    y = gapped["bandgap"].to_numpy()
    first, second = kfolds(gapped, y), kfolds(gapped, y)
    assert all(np.array_equal(a.test, b.test) for a, b in zip(first, second, strict=True))
    assert not np.array_equal(first[0].test, first[5].test)
    assert not np.array_equal(first[0].test, kfolds(gapped, y, random_state=1)[0].test)


def test_element_folds_test_what_holds_an_unseen_element(gapped):
    formulas = gapped["formula"].tolist()
    for split in kfolds(gapped, np.zeros(124), groups="element"):
        seen = set().union(*(elements(formulas[row]) for row in split.train))
        assert all(elements(formulas[row]) - seen for row in split.test)


def test_element_folds_need_enough_elements():
    with pytest.raises(ValueError, match="expected from 2 to 2 folds, as many as there are rarest"):
        list(ElementKFold(5).split(["GaN", "GaAs"]))


def test_leave_one_element_out(gapped):
    splitter = LeaveOneElementOut(min_rows=10)
    held_out = splitter.elements(gapped)
    formulas = gapped["formula"].tolist()
    splits = splits_of(splitter, gapped, np.zeros(124))
    assert [split.name for split in splits] == held_out
    assert splitter.get_n_splits(gapped) == len(splits) > 3
    for split in splits:
        assert all(split.name in elements(formulas[row]) for row in split.test)
        assert not any(split.name in elements(formulas[row]) for row in split.train)


def test_leave_one_element_out_needs_a_common_element():
    with pytest.raises(ValueError, match="in at least 5 materials but not in all, got none"):
        list(LeaveOneElementOut().split(["GaN", "InP"]))


def test_rounds_of_foreign_splitters_are_told_apart():
    y = np.zeros(20)
    repeated = splits_of(RepeatedKFold(n_splits=4, n_repeats=3, random_state=0), y, y)
    assert [split.round for split in repeated] == [0] * 4 + [1] * 4 + [2] * 4
    assert [split.fold for split in repeated] == [0, 1, 2, 3] * 3
    holdout = splits_of(ShuffleSplit(15, test_size=0.4, random_state=0), y, y)
    assert [split.round for split in holdout] == list(range(15))


def test_pairs_of_row_numbers_and_masks_are_taken():
    mask = np.arange(6) < 4
    (split,) = splits_of([(mask, ~mask)], np.zeros(6), np.zeros(6))
    assert split.train.tolist() == [0, 1, 2, 3]
    assert split.test.tolist() == [4, 5]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([([0, 1, 2], [2, 3])], "expected no row on both sides of a split, got row 2 on both"),
        ([([0, 1], [9])], "expected row numbers from 0 to 3, got 9 to 9: splits count positions"),
        ([([0, 1], [])], "expected both sides of a split as row numbers, at least one each"),
        ([], "expected at least one split, got none"),
        (3, "expected a splitter with a method split, or .* got int"),
        ("kfold", "expected a splitter with a method split, or .* got str"),
    ],
)
def test_bad_splits_are_refused(pairs, message):
    with pytest.raises(ValueError, match=message):
        splits_of(pairs, np.zeros(4), np.zeros(4))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("anion", "expected groups to be 'formula', 'chemical_system', .* got 'anion'"),
        (["a", "b"], r"expected a group for each of 3 rows, got shape \(2,\)"),
        (np.array(["a", None, "b"], dtype=object), "got none in row 1: give it a group of its own"),
    ],
)
def test_bad_groups_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        group_labels(["GaN", "InN", "InP"], groups, 3)


def test_too_few_rows_or_groups_are_refused():
    with pytest.raises(ValueError, match="expected at least 5 groups for 5 folds, got 2"):
        kfolds(None, np.zeros(9), groups=["a"] * 5 + ["b"] * 4)
    with pytest.raises(ValueError, match="expected a whole number of 2 or more as n_splits, got 1"):
        kfolds(None, np.zeros(9), n_splits=1)


def test_parts_of_the_training_side_are_nested():
    y = np.zeros(50)
    splits = splits_of(KFold(5), y, y)
    small, large = (shrink_training(splits, part, random_state=3) for part in (0.2, 0.6))
    for whole, a, b in zip(splits, small, large, strict=True):
        assert len(a.train) == 8
        assert len(b.train) == 24
        assert set(a.train) < set(b.train) < set(whole.train)
        assert np.array_equal(a.test, whole.test)
    with pytest.raises(ValueError, match="expected a fraction above 0 and at most 1, got 0"):
        shrink_training(splits, 0)
    with pytest.raises(ValueError, match=r"leaves two rows to train on, got 0\.01 of 40"):
        shrink_training(splits, 0.01)
