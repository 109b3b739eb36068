"""Conditions on rows, such as ``has_gap_probability > 0.8 and phonon_bandgap > 150``.

The text is read into a tree of comparisons, which is all that it can say; nothing of it is ever run
as code. A comparison with a missing value is neither true nor false, and so is its negation: a row
is kept where the whole is true.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.chunks import clean_text
from matminer_phonon_tl.screening.conditions import (
    Column,
    Comparison,
    Junction,
    parse_condition,
)
from matminer_phonon_tl.screening.values import as_numbers, is_number, is_text

_COMPARE: dict[str, Callable[..., Any]] = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "==": pc.equal,
    "=": pc.equal,
    "!=": pc.not_equal,
}


@dataclass(frozen=True)
class Where:
    """A condition, read and ready to be asked of tables.

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
        """Names of the columns that the condition compares."""
        return _columns(self.tree)

    def mask(self, table: pa.Table) -> pa.Array:
        """Say of each row whether the condition holds; null where a missing value leaves it open.

        Parameters
        ----------
        table : pyarrow.Table

        Returns
        -------
        pyarrow.Array of bool, shape (n_rows,)

        Raises
        ------
        ScreeningError
            If a column is missing, or holds what cannot be compared so.
        """
        return _mask(self.tree, table)


def parse_where(text: str) -> Where:
    """Read a condition; see :func:`parse_condition`."""
    return Where(text, parse_condition(clean_text(text)))


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
            # What a CSV file holds is text, and is compared as the number it stands for.
            return compare(*_alike([_to_number(side, comparison) for side in sides]))
        if all(isinstance(side, pa.ChunkedArray) and is_text(side.type) for side in sides):
            return _compare_texts(compare, *sides)
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


def _compare_texts(compare: Callable[..., Any], left: Any, right: Any) -> pa.Array:
    """Two columns of text: as numbers in the rows where both are, as texts in the others."""
    left, right = (side.cast(pa.string()) for side in (left, right))
    numbers = compare(as_numbers(left, ""), as_numbers(right, ""))
    return pc.coalesce(numbers, compare(left, right))


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
    """Whole numbers beside floats become the nearest floats."""
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
        )
    return table[name]


def _in_words(comparison: Comparison) -> str:
    left, right = (
        side.name if isinstance(side, Column) else repr(side)
        for side in (comparison.left, comparison.right)
    )
    return f"'{left} {comparison.operator} {right}'"
