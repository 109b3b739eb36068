"""JSON from strangers: values as they are, anything dangerous refused."""

import gzip
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import matminer_phonon_tl.untrusted_json as module
from matminer_phonon_tl.untrusted_json import MAX_DEPTH, parse_json, unpack

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@pytest.mark.fuzz
@given(JSON)
def test_parses_what_json_writes(value):
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[[[", "Expecting value"),
        ('"[[[" ]', "Extra data"),
        ('\\"', "Expecting value"),
        ("{'a': 1}", "Expecting property name"),
        ("", "Expecting value"),
        ("NaN", "expected finite numbers, got NaN"),
        ("[Infinity]", "expected finite numbers, got Infinity"),
        ("1e999", "expected finite numbers, got 1e999"),
        ("\xff", "can't decode byte 0xff"),
    ],
)
def test_refuses_what_is_no_json(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse_json(text.encode("latin-1"))


def test_a_string_that_never_ends_is_looked_at_once():
    text = b'["' + b'\\"[' * 1000
    assert [match.start() for match in module._LEVELS.finditer(text)] == [0, 1]
    with pytest.raises(ValueError, match="Unterminated string"):
        parse_json(text)


def test_unpacks_no_further_than_the_limit():
    packed = gzip.compress(b"[]" * 50)
    assert unpack(packed, 100) == b"[]" * 50
    with pytest.raises(ValueError, match="expected at most 99 bytes, unpacked, got more"):
        unpack(packed, 99)
    for damaged in (packed[:-5], b"no gzip"):
        with pytest.raises(ValueError, match="expected a gzip file, but unpacking it failed"):
            unpack(damaged, 100)


def test_takes_nan_where_it_is_told_to():
    assert parse_json(b"[NaN, 1]", allow_nan=True)[1] == 1


def test_depth_counts_brackets_outside_strings_only():
    quoted = json.dumps(["[" * 500, 'a "quoted" {{{ \\', "]"])
    assert parse_json(quoted.encode()) == json.loads(quoted)
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None
    with pytest.raises(ValueError, match="expected at most 100 levels of nesting"):
        parse_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


def test_depth_cannot_end_the_process():
    code = """
import sys
from matminer_phonon_tl.untrusted_json import parse_json
sys.setrecursionlimit(10**6)
for text in (b"[" * 10**6, b'{"a":' * 10**6):
    try:
        parse_json(text)
    except ValueError as error:
        print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.count("levels of nesting") == 2
