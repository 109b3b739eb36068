"""The text of a condition, read into a tree of comparisons.

condition  = conjunction { "or" conjunction }
conjunction = negation { "and" negation }
negation   = "not" negation | "(" condition ")" | comparison
comparison = operand [ ("<" | "<=" | ">" | ">=" | "==" | "=" | "!=") operand ]
operand    = number | 'text' | "text" | true | false | column | `any column`
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from matminer_phonon_tl.exceptions import ScreeningError

MAX_LENGTH = 10_000
MAX_DEPTH = 50

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


class Column(NamedTuple):
    """The column of a comparison."""

    name: str


@dataclass(frozen=True)
class Comparison:
    """Two operands and what is asked of them; a lone column must be true."""

    left: Any
    operator: str
    right: Any


@dataclass(frozen=True)
class Junction:
    """Conditions joined by "and" or "or", or one under "not"."""

    kind: str
    members: tuple["Comparison | Junction", ...]


def parse_condition(text: str) -> Comparison | Junction:
    """Read a condition.

    Parameters
    ----------
    text : str
        See the grammar in this module's description.

    Raises
    ------
    ScreeningError
        Says what was expected where.
    """
    if len(text) > MAX_LENGTH:
        raise ScreeningError(
            f"expected a condition of at most {MAX_LENGTH} characters, got {len(text)}"
        )
    parser = _Parser(text)
    tree = parser.condition(0)
    if parser.kind != "end":
        parser.refuse("'and', 'or' or the end")
    return tree


class _Parser:
    """One token ahead of the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = 0
        self.advance()

    def advance(self) -> None:
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

    def refuse(self, expected: str) -> NoReturn:
        got = repr(self.token) if self.token else "the end"
        raise ScreeningError(
            f"expected {expected} at character {self.start + 1} of the condition {self.text!r}, "
            f"got {got}"
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
            self.refuse("a column on one side of the comparison before this")
        return Comparison(left, operator, right)

    def operand(self) -> Any:
        value: Any
        if self.kind == "number":
            value = _number(self.token)
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
    """A whole number stays one: beyond 2^53, a float is another."""
    digits = token.lstrip("+-")
    return int(token) if digits.isdigit() and len(digits) < 19 else float(token)
