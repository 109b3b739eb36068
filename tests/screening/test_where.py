"""Conditions: what they mean, what they refuse, and that nothing in them runs."""

import time

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.where import MAX_DEPTH, MAX_LENGTH, parse_where

TABLE = pa.table(
    {
        "formula": ["InN", "BAs", "NaCl", None],
        "gap": [217.0, 280.0, None, 10.0],
        "has_gap": [True, True, False, None],
        "band gap": ["0.7", "1.8", "8.5", "metal"],  # text, as a CSV file has it
        "sum:Z": [56, 38, 28, 1],
        "error": pa.array([None, None, None, None], pa.null()),
    }
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("gap > 100", [0, 1]),
        ("100 < gap", [0, 1]),
        ("gap >= 217", [0, 1]),
        ("gap = 217.0", [0]),
        ("gap != 2.17e2", [1, 3]),
        ("gap < -1 or gap > +250", [1]),
        ("has_gap", [0, 1]),
        ("not has_gap", [2]),
        ("has_gap == false", [2]),
        ("HAS_GAP = true".lower(), [0, 1]),
        ("formula == 'InN'", [0]),
        ('formula != "InN"', [1, 2]),
        ("formula < 'C'", [1]),
        ("`band gap` > 1", [1, 2]),
        ("`band gap` <= gap", [0, 1]),
        ("sum:Z > 30 and gap < 250", [0]),
        ("sum:Z > 30 AND NOT gap < 250", [1]),
        ("gap > 250 or sum:Z < 5 and gap > 0", [1, 3]),
        ("(gap > 250 or sum:Z < 5) and sum:Z > 5", [1]),
        # Missing is neither true nor false.
        ("not gap > 100", [3]),
        ("not (gap > 100 or gap <= 100)", []),
        ("has_gap or sum:Z == 1", [0, 1, 3]),
        ("error == 'x'", []),
        ("error > 1", []),
    ],
)
def test_keeps_the_rows_for_which_it_is_true(text, rows):
    kept = TABLE.append_column("row", pa.array(range(4))).filter(parse_where(text).mask(TABLE))
    assert kept["row"].to_pylist() == rows


KINDS = pa.table(
    {
        "a": ["10", "9", "x", "2"],
        "b": ["9", "10", "y", None],
        "large": [2**53 + 1, 2**53, -1, None],
        "when": pa.array([0, 10**6, None, 1], pa.timestamp("s")),
        "day": pa.array([0, 20_000, None, 1], pa.date32()),
        "kind": pa.array(["u", "v", None, "u"]).dictionary_encode(),
        "parts": [[1], [2], None, [3]],
    }
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a > b", [0]),  # 10 > 9 as numbers; x and y as texts
        ("a < b", [1, 2]),
        (f"large = {2**53 + 1}", [0]),  # a float would find the row after it too
        ("large < 0.5", [2]),
        ("when > '1970-01-02'", [1]),
        ("'1970-01-02' < when", [1]),
        ("'1970-01-02' >= day", [0, 3]),
        ("when <= day", [0, 1, 3]),
        ("day <= '1970-01-02'", [0, 3]),
        ("kind = 'u'", [0, 3]),
        ("kind != a", [0, 1, 3]),
    ],
)
def test_columns_of_other_kinds(text, rows):
    kept = KINDS.append_column("row", pa.array(range(4))).filter(parse_where(text).mask(KINDS))
    assert kept["row"].to_pylist() == rows


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("parts > 1", "expected numbers, or texts of them, in the column 'parts', got list<"),
        ("when > 5", "expected a date in quotes to compare with in 'when > 5', got a number"),
        ("when > 'noon'", "of their kind, got 'when > 'noon'' of timestamp"),
    ],
)
def test_kinds_that_cannot_be_compared(text, sentence):
    with pytest.raises(ScreeningError, match=sentence):
        parse_where(text).mask(KINDS)


@pytest.mark.parametrize("text", ["flag = true", "flag", "flag > 1", "flag = 'a'", "flag != x"])
def test_a_chunk_without_any_value_leaves_it_open(text):
    """Whether a column's first value comes in this chunk or in a later one."""
    table = pa.table({"flag": pa.nulls(2), "x": [1, 2]})
    assert parse_where(text).mask(table).to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "expected a column, a number or a quoted text at character 1"),
        ("gap >", "expected a column, a number or a quoted text at character 6 of .* got the end"),
        ("gap > 1 gap", "expected 'and', 'or' or the end at character 8 .* got 'gap'"),
        ("(gap > 1", r"expected '\)' at character 9"),
        ("gap > 1 `band gap`", "expected 'and', 'or' or the end at character 8 .* got 'band gap'$"),
        ("1 > 2", "expected a column on one side"),
        ("2", "expected a comparison such as '> 0.8'"),
        ("gap ** 2 > 1", "expected a comparison|expected 'and'|expected a column, a number"),
        ("__import__('os').system('x')", "expected 'and', 'or' or the end"),
        ("gap > 1; gap", "expected 'and', 'or' or the end .* got ';"),
        ("gap > 'x", "expected a column, a number or a quoted text"),
        ("note = '\udcff' or", "expected a column, a number or a quoted text at character 19"),
        ("not " * (MAX_DEPTH + 2) + "has_gap", f"expected at most {MAX_DEPTH} levels"),
        ("gap > 1e999999", "expected a number below 1.8e308 at character 6 .* got '1e999999'"),
        ("gap > " + "9" * 5000, "expected a number below 1.8e308 at character 6"),
        ("len(gap) > 1", r"expected 'and', 'or' or the end at character 4 .* got '\('"),
        ("gap[0] > 1", "expected 'and', 'or' or the end at character 4"),
        ("(gap).real > 1", "expected 'and', 'or' or the end at character 6"),
        ("(lambda: 1)() > 0", r"expected '\)' at character 9"),
        ("(x := gap) > 1", r"expected '\)' at character 3"),
        ("f'{gap}' == 'x'", "expected 'and', 'or' or the end at character 2"),
        ("1 < gap < 3", "expected 'and', 'or' or the end at character 8"),
        ("(" * 100_000, f"at most {MAX_LENGTH} characters, got 100000"),
    ],
)
def test_refuses_what_is_no_condition(text, sentence):
    with pytest.raises(ScreeningError, match=sentence) as caught:
        parse_where(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("gpa > 1", "expected a condition on the columns formula, gap, .*, got 'gpa'"),
        ("gap == 'InN'", "expected a number to compare with in 'gap == 'InN'', got 'InN'"),
        ("formula", "compared with values of their kind, got 'formula == True' of string and bool"),
    ],
)
def test_refuses_what_does_not_fit_the_table(text, sentence):
    with pytest.raises(ScreeningError, match=sentence):
        parse_where(text).mask(TABLE)


@pytest.mark.parametrize(
    "text", ["band gap > 1", "gap (eV) > 1", "x-y > 1", "a/b", "'band gap' > 1", '1 < "band gap"']
)
def test_how_a_name_with_blanks_is_written_is_said(text):
    with pytest.raises(ScreeningError, match=r"into backticks, `band gap` > 1$"):
        parse_where(text)


def test_a_long_row_of_digits_is_refused_at_once():
    started = time.monotonic()
    with pytest.raises(ScreeningError):
        parse_where("x > " + "1" * 9000 + "y")
    assert time.monotonic() - started < 1


def test_names_its_columns():
    assert parse_where("a > 1 and not (`b c` < d or e)").columns == {"a", "b c", "d", "e"}


@pytest.mark.fuzz
@given(st.text(max_size=60) | st.lists(
    st.sampled_from(["gap", "has_gap", "(", ")", "and", "or", "not", ">", "==", "1", "'x'", "`"])
).map(" ".join))  # fmt: skip
def test_any_text_is_a_condition_or_one_sentence(text):
    try:
        mask = parse_where(text).mask(TABLE)
    except ScreeningError:
        return
    assert len(mask) == len(TABLE)
    assert mask.type == pa.bool_()
