"""A chunk: a few thousand rows of the input, and the formulas in them."""

import ast
import hashlib
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from matminer_phonon_tl.compositions import is_missing
from matminer_phonon_tl.exceptions import DataWarning, ScreeningError, did_you_mean
from matminer_phonon_tl.screening.columns import clean_text, plain_value
from matminer_phonon_tl.structures import is_document
from matminer_phonon_tl.untrusted_json import MAX_DEPTH, parse_json

STRUCTURE = "structure"
FORMULA_COLUMNS = ("composition", "formula", STRUCTURE)
"""Columns that may hold the materials; the first formula that the input has is taken."""

MAX_LATE_KEYS = 100
"""Keys that are remembered for the warning."""
_LONGEST_DICT = 2**20
"""Characters of a structure in a cell; one of a thousand atoms has a fifth of it."""
_BRACKETS = re.compile(r"[\[\](){}]")


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of the input."""

    table: pa.Table
    """The input's columns, as the output repeats them."""
    formulas: list[Any]
    """What the predictor gets for each row: anything that it takes, or None."""
    errors: dict[int, str] = field(default_factory=dict)
    """Why a row could not be read, by its place in the chunk."""
    column: str | None = None
    """Which of the table's columns holds the formulas, if one does."""

    def sha256(self) -> str:
        """Return a digest of the rows, by which a run that goes on recognises them."""
        digest = hashlib.sha256(repr(sorted(self.errors.items())).encode())
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.table.schema.remove_metadata()) as writer:
            # In one piece, because the digest must not depend on how the input was cut.
            writer.write_table(self.table.replace_schema_metadata().combine_chunks())
        digest.update(sink.getvalue())
        if not self.table.num_columns:
            digest.update(repr([plain_value(value) for value in self.formulas]).encode())
        return digest.hexdigest()


class Reading(NamedTuple):
    """How the rows of an input are read."""

    formula: str | None
    """Column of the formulas that the user asked for."""
    chunk_rows: int
    structures: bool = False
    """Prefer structures to formulas."""


@dataclass(frozen=True)
class MaterialColumns:
    """Which columns of a table hold its materials."""

    structure: str | None
    """Column of structures; where a row has none, its formula is taken."""
    formula: str | None
    """Column of formulas, or the one that was asked for, whatever it holds."""

    @classmethod
    def find(cls, columns: Sequence[str], how: Reading, name: str) -> "MaterialColumns":
        """Choose the columns of an input, whose ``name`` is for the error."""
        wanted = how.formula
        twice = sorted({column for column in columns if list(columns).count(column) > 1})
        if twice:
            raise ScreeningError(
                f"expected each column of {name} once, got more than one named {twice[0]!r}: "
                "rename the others"
            )
        found = [each for each in ((wanted,) if wanted else FORMULA_COLUMNS) if each in columns]
        if not found:
            expected = repr(wanted) if wanted else "'composition', 'formula' or 'structure'"
            raise ScreeningError(
                f"expected a column {expected} in {name}, got the columns {_listed(columns)}"
                f"{did_you_mean(wanted, columns) if wanted else ''}: name the one that holds the "
                "formulas with --formula"
            )
        if wanted:
            return cls(STRUCTURE, None) if wanted == STRUCTURE else cls(None, wanted)
        formula = next((column for column in found if column != STRUCTURE), None)
        has_structures = STRUCTURE in found and (how.structures or formula is None)
        return cls(STRUCTURE if has_structures else None, formula)

    @property
    def names(self) -> list[str]:
        """The columns, in order of preference."""
        return [name for name in (self.structure, self.formula) if name is not None]

    def values(self, cells: Callable[[str], Sequence[Any]]) -> list[Any]:
        """Return what the predictor gets for each row; ``cells`` gives a column's by its name."""
        columns = [[material_value(cell) for cell in cells(name)] for name in self.names]
        if len(columns) == 1:
            return columns[0]
        return [
            formula if is_missing(structure) else structure
            for structure, formula in zip(*columns, strict=True)
        ]


def material_value(value: Any) -> Any:
    """Prepare what a file holds in such a column for the predictor."""
    if isinstance(value, str):
        value = dict_of_text(value) if value.lstrip().startswith("{") else value
    if is_document(value):
        return value
    if isinstance(value, dict):
        # A struct of Parquet names in every row each element of the whole column.
        return {key: amount for key, amount in value.items() if amount is not None}
    return clean_text(value) if isinstance(value, str) else value


def dict_of_text(text: str) -> Any:
    """Read a composition or a structure that a cell holds, in JSON or as Python prints a dict.

    Returns the text where it is neither.

    >>> dict_of_text("{'In': 1.0, 'N': 1.0}"), dict_of_text("{'In': open('x')}")
    ({'In': 1.0, 'N': 1.0}, "{'In': open('x')}")
    """
    levels = deepest = 0
    for bracket in _BRACKETS.findall(text[:_LONGEST_DICT]):
        levels += 1 if bracket in "{[(" else -1
        deepest = max(deepest, levels)
    if deepest > MAX_DEPTH or len(text) > _LONGEST_DICT:
        return text
    try:
        found = parse_json(text.encode(), allow_nan=True)
    except ValueError:
        try:
            found = ast.literal_eval(text.strip())  # constants only: nothing is called
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return text
    return found if isinstance(found, dict) else text


def warn_of_late_keys(late: dict[str, int]) -> None:
    """Say which keys came too late to be columns of the output."""
    named = ", ".join(f"{key!r} (row {row})" for key, row in list(late.items())[:5])
    more = f" and {len(late) - 5} more" if len(late) > 5 else ""
    warnings.warn(
        f"the output has the keys of the first chunk as columns: {named}{more} came later and are "
        "left out; give every key in the first row, with null where there is nothing",
        DataWarning,
        stacklevel=2,
    )


def _listed(columns: Sequence[str], limit: int = 12) -> str:
    shown = ", ".join(repr(column)[:60] for column in columns[:limit])
    return f"{shown} and {len(columns) - limit} more" if len(columns) > limit else shown or "none"
