"""Conditions on rows, such as ``has_gap_probability > 0.8 and phonon_bandgap > 150``.

The text is read into a tree of comparisons, and nothing of it is ever run as code::

    condition   = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation    = "not" negation | "(" condition ")" | comparison
    comparison  = operand [ ("<" | "<=" | ">" | ">=" | "==" | "=" | "!=") operand ]
    operand     = number | 'text' | "text" | true | false | column | `any column`

A comparison with a missing value is neither true nor false, and so is its negation: a row is kept
where the whole condition is true.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from matminer_phonon_tl.exceptions import ScreeningError, did_you_mean
from matminer_phonon_tl.screening.columns import as_numbers, clean_text, is_number, is_text

MAX_LENGTH = 10_000
MAX_DEPTH = 50
IN_BACKTICKS = ": put a column whose name has blanks or signs into backticks, `band gap` > 1"

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>[+-]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?\d++)?+(?![\w.]))
    | (?P<text>'[^']*'|"[^"]*")
    | (?P<column>`[^`]+`)
    | (?P<operator><=|>=|==|!=|<|>|=)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<word>[^\W\d][\w:.]*)
    )""",
    re.VERBOSE,
)
_CONSTANTS = {"true": True, "false": False}
_COMPARE: dict[str, Callable[..., Any]] = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "==": pc.equal,
    "=": pc.equal,
    "!=": pc.not_equal,
}


class Column(NamedTuple):
    """A column, by its name, on one side of a comparison."""

    name: str


@dataclass(frozen=True)
class Comparison:
    """Two operands and the operator between them; a lone column is compared with true."""

    left: Any
    operator: str
    right: Any


@dataclass(frozen=True)
class Junction:
    """Conditions joined by "and" or "or", or one under "not"."""

    kind: str
    members: tuple["Comparison | Junction", ...]


@dataclass(frozen=True)
class Where:
    """A condition that was read, to be applied to tables.

    Examples
    --------
    >>> where = parse_where("gap > 150 and not (formula == 'InN' or sound < 2)")
    >>> sorted(where.columns)
    ['formula', 'gap', 'sound']
    >>> table = pa.table({"formula": ["InN", "BAs"], "gap": [217.0, 280.0], "sound": [4.3, None]})
    >>> where.mask(table).to_pylist()
    [False, None]
    """

    text: str
    tree: Comparison | Junction

    @property
    def columns(self) -> set[str]:
        """Names of the columns in the condition."""
        return _columns(self.tree)

    def mask(self, table: pa.Table) -> pa.Array:
        """Tell for each row whether the condition holds; null where a missing value leaves it open.

        Raises ScreeningError where a column is missing, or its values cannot be compared like this.
        """
        return _mask(self.tree, table)


def parse_where(text: str) -> Where:
    """Read a condition in the grammar of this module's description.

    Raises ScreeningError, which names the character at which something else was expected.
    """
    text = clean_text(text)
    if len(text) > MAX_LENGTH:
        raise ScreeningError(
            f"expected a condition of at most {MAX_LENGTH} characters, got {len(text)}"
        )
    parser = _Parser(text)
    tree = parser.condition(0)
    if parser.kind != "end":
        parser.refuse("'and', 'or' or the end", IN_BACKTICKS if parser.after_word else "")
    return Where(text, tree)


class _Parser:
    """Recursive descent; ``kind`` and ``token`` are the next token.

    ``after_word`` says whether the one before it was a column's name.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = 0
        self.kind = self.token = ""
        self.advance()

    def advance(self) -> None:
        self.after_word = self.kind == "word"
        self.start = self.end
        match = _TOKEN.match(self.text, self.end)
        if match is None:
            rest = self.text[self.end :].strip()
            self.kind, self.token = ("end", "") if not rest else ("unknown", rest[:20])
            return
        self.end = match.end()
        self.kind, self.token = str(match.lastgroup), match[str(match.lastgroup)]
        if self.kind == "word" and self.token.lower() in ("and", "or", "not"):
            self.kind = self.token = self.token.lower()

    def refuse(self, expected: str, advice: str = "") -> NoReturn:
        token = self.token.strip("`") if self.kind == "column" else self.token
        got = repr(token) if token else "the end"
        raise ScreeningError(
            f"expected {expected} at character {self.start + 1} of the condition {self.text!r}, "
            f"got {got}{advice}"
        )

    def condition(self, depth: int) -> Comparison | Junction:
        return self.joined("or", lambda: self.conjunction(depth))

    def conjunction(self, depth: int) -> Comparison | Junction:
        return self.joined("and", lambda: self.negation(depth))

    def joined(
        self, kind: str, member: Callable[[], Comparison | Junction]
    ) -> Comparison | Junction:
        members = [member()]
        while self.kind == kind:
            self.advance()
            members.append(member())
        return members[0] if len(members) == 1 else Junction(kind, tuple(members))

    def negation(self, depth: int) -> Comparison | Junction:
        if depth > MAX_DEPTH:
            self.refuse(f"at most {MAX_DEPTH} levels of brackets and 'not'")
        if self.kind == "not":
            self.advance()
            return Junction("not", (self.negation(depth + 1),))
        if self.kind == "open":
            self.advance()
            inside = self.condition(depth + 1)
            if self.kind != "close":
                self.refuse("')'")
            self.advance()
            return inside
        return self.comparison()

    def comparison(self) -> Comparison:
        left = self.operand()
        if self.kind != "operator":
            if not isinstance(left, Column):
                self.refuse("a comparison such as '> 0.8'")
            return Comparison(left, "==", True)
        operator = self.token
        self.advance()
        right = self.operand()
        if not isinstance(left, Column) and not isinstance(right, Column):
            self.refuse("a column on one side of the comparison before this", IN_BACKTICKS)
        return Comparison(left, operator, right)

    def operand(self) -> Any:
        value: Any
        if self.kind == "number":
            value = _number(self.token)
            if math.isinf(value):
                self.refuse("a number below 1.8e308")
        elif self.kind == "text":
            value = self.token[1:-1]
        elif self.kind == "column":
            value = Column(self.token[1:-1])
        elif self.kind == "word":
            value = _CONSTANTS.get(self.token.lower(), Column(self.token))
        else:
            self.refuse("a column, a number or a quoted text")
        self.advance()
        return value


def _number(token: str) -> int | float:
    """Read a number; a whole number stays one, because a float cannot tell large ones apart."""
    digits = token.lstrip("+-")
    return int(token) if digits.isdigit() and len(digits) < 19 else float(token)


def _columns(tree: Any) -> set[str]:
    if isinstance(tree, Comparison):
        return {side.name for side in (tree.left, tree.right) if isinstance(side, Column)}
    return set().union(*map(_columns, tree.members))


def _mask(tree: Comparison | Junction, table: pa.Table) -> pa.Array:
    if isinstance(tree, Comparison):
        return _compare(tree, table)
    masks = [_mask(member, table) for member in tree.members]
    if tree.kind == "not":
        return pc.invert(masks[0])
    join = pc.and_kleene if tree.kind == "and" else pc.or_kleene
    whole = masks[0]
    for mask in masks[1:]:
        whole = join(whole, mask)
    return whole


def _compare(comparison: Comparison, table: pa.Table) -> pa.Array:
    pair = (comparison.left, comparison.right)
    sides = [_column(table, s.name) if isinstance(s, Column) else pa.scalar(s) for s in pair]
    compare = _COMPARE[comparison.operator]
    if any(pa.types.is_null(side.type) for side in sides):
        return pa.nulls(table.num_rows, pa.bool_())
    try:
        if any(is_number(side.type) for side in sides):
            # A CSV file's numbers are text; they are compared as numbers.
            return compare(*_alike([_to_number(side, comparison) for side in sides]))
        if all(isinstance(side, pa.ChunkedArray) and is_text(side.type) for side in sides):
            return _compare_texts(compare, comparison, sides)
        sides = [side.cast(pa.string()) if is_text(side.type) else side for side in sides]
        for place, side in enumerate(sides):
            if pa.types.is_temporal(side.type) and isinstance(sides[1 - place], pa.StringScalar):
                sides[1 - place] = sides[1 - place].cast(side.type)
        return pc.cast(compare(*sides), pa.bool_())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ScreeningError(
            f"expected columns to be compared with values of their kind, got "
            f"{_in_words(comparison)} of {sides[0].type} and {sides[1].type}"
        ) from error


def _compare_texts(
    compare: Callable[..., Any], comparison: Comparison, sides: list[Any]
) -> pa.Array:
    """Compare two columns of text: as numbers in rows where both are numbers, else as text."""
    texts = [side.cast(pa.string()) for side in sides]
    names = (comparison.left.name, comparison.right.name)
    numbers = [
        as_numbers(text, name, or_text=True) for text, name in zip(texts, names, strict=True)
    ]
    return pc.coalesce(compare(*numbers), compare(*texts))


def _to_number(side: Any, comparison: Comparison) -> Any:
    if isinstance(side, pa.Scalar):
        if not is_number(side.type):
            raise ScreeningError(
                f"expected a number to compare with in {_in_words(comparison)}, "
                f"got {side.as_py()!r}"
            )
        return side
    if pa.types.is_temporal(side.type):
        raise ScreeningError(
            f"expected a date in quotes to compare with in {_in_words(comparison)}, got a number"
        )
    names = [s.name for s in (comparison.left, comparison.right) if isinstance(s, Column)]
    return as_numbers(side, " or ".join(names))


def _alike(sides: list[Any]) -> list[Any]:
    """Turn whole numbers beside floats into the nearest floats."""
    if all(pa.types.is_integer(side.type) for side in sides):
        return sides
    return [
        side.cast(pa.float64(), safe=False) if pa.types.is_integer(side.type) else side
        for side in sides
    ]


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name not in table.column_names:
        raise ScreeningError(
            f"expected a condition on the columns {', '.join(table.column_names)}, got {name!r}"
            f"{did_you_mean(name, table.column_names)}"
        )
    return table[name]


def _in_words(comparison: Comparison) -> str:
    left, right = (
        side.name if isinstance(side, Column) else repr(side)
        for side in (comparison.left, comparison.right)
    )
    return f"'{left} {comparison.operator} {right}'"
