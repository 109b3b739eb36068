"""The best rows, by columns of every kind."""

import datetime as dt

import pyarrow as pa
import pytest

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.ranking import Ranking, TopRows


@pytest.mark.parametrize(
    ("ascending", "expected"), [(False, ["c", "a", "d"]), (True, ["b", "a", "d"])]
)
def test_the_best_rows_of_all_tables(ascending, expected):
    top = TopRows(3, Ranking("x", ascending))
    for names, values in (("ab", [2.0, 1.0]), ("cde", [9.0, 2.0, None]), ("f", [float("nan")])):
        top.add(pa.table({"name": list(names), "x": values}))
    assert top.table["name"].to_pylist() == expected


def test_text_is_ranked_by_its_numbers_and_missing_comes_last():
    top = TopRows(4, Ranking("x"))
    top.add(pa.table({"x": ["10", "9", "metal", None]}))
    assert top.table["x"].to_pylist() == ["10", "9", "metal", None]
    assert not top.is_blind


@pytest.mark.parametrize("ascending", [False, True])
def test_dates_are_ranked_and_missing_ones_come_last(ascending):
    days = [dt.date(2020, 1, 1), None, dt.date(2021, 1, 1)]
    for kind in (pa.date32(), pa.timestamp("ns")):
        top = TopRows(3, Ranking("x", ascending))
        top.add(pa.table({"x": pa.array(days).cast(kind), "place": [0, 1, 2]}))
        assert top.table["place"].to_pylist() == ([0, 2, 1] if ascending else [2, 0, 1])


def test_large_whole_numbers_are_told_apart():
    top = TopRows(1, Ranking("x"))
    top.add(pa.table({"x": [2**53, 2**53 + 1]}))
    assert top.table["x"].to_pylist() == [2**53 + 1]


def test_types_may_differ_from_table_to_table():
    top = TopRows(2, Ranking("x"))
    for values in ([None], [0.5], [2], ["3"]):
        top.add(pa.table({"x": values}))
    assert top.table["x"].to_pylist() == ["3", "2.0"]


def test_texts_without_a_number_rank_nothing():
    top = TopRows(1, Ranking("x"))
    top.add(pa.table({"x": ["a", "b"]}))
    assert top.is_blind


@pytest.mark.parametrize("values", [[[1], [2]], [{"a": 1}, None], [b"1", b"2"]])
def test_what_cannot_be_ranked_by(values):
    with pytest.raises(ScreeningError, match="expected numbers, or texts of them, in the column"):
        TopRows(1, Ranking("x")).add(pa.table({"x": values}))


def test_a_column_that_is_not_there():
    with pytest.raises(ScreeningError, match="expected a column 'phonon_bandgap' to rank by, got"):
        Ranking().column(pa.schema([("phonon_bandgap", pa.float64())]))  # the input's own
