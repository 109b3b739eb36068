"""A chunk: a few thousand rows of the input, and the formulas in them."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from matminer_phonon_tl.exceptions import DataWarning, ScreeningError
from matminer_phonon_tl.screening.columns import clean_text, plain_value

FORMULA_COLUMNS = ("composition", "formula", "structure")
"""Columns that may hold the formulas; the first that the input has is taken."""

MAX_LATE_KEYS = 100
"""Keys that are remembered for the warning."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of the input.

    Parameters
    ----------
    table : pyarrow.Table
        The input's columns, as the output repeats them.
    formulas : list
        What the predictor gets for each row: anything that it takes, or None.
    errors : dict of int to str
        Why a row could not be read, by its place in the chunk.
    column : str or None
        Which of the table's columns holds the formulas.
    """

    table: pa.Table
    formulas: list[Any]
    errors: dict[int, str] = field(default_factory=dict)
    column: str | None = None

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


def formula_column(columns: Sequence[str], wanted: str | None, name: str) -> str:
    """Choose the column that holds the formulas.

    Parameters
    ----------
    columns : sequence of str
        The input's columns.
    wanted : str or None
        The name that the user asked for.
    name : str
        The input's name, for the error.
    """
    twice = sorted({column for column in columns if list(columns).count(column) > 1})
    if twice:
        raise ScreeningError(
            f"expected each column of {name} once, got more than one named {twice[0]!r}: "
            "rename the others"
        )
    found = [each for each in ((wanted,) if wanted else FORMULA_COLUMNS) if each in columns]
    if found:
        return found[0]
    expected = repr(wanted) if wanted else "'composition', 'formula' or 'structure'"
    raise ScreeningError(
        f"expected a column {expected} in {name}, got the columns {_listed(columns)}: "
        "name the one that holds the formulas with --formula"
    )


def formula_value(value: Any) -> Any:
    """Prepare what a file holds in its formula column for the predictor."""
    if isinstance(value, dict):
        if "sites" in value:
            return composition_of_document(value)
        # A struct of Parquet names in every row each element of the whole column.
        return {key: amount for key, amount in value.items() if amount is not None}
    return clean_text(value) if isinstance(value, str) else value


def composition_of_document(structure: dict[str, Any]) -> dict[str, float] | None:
    """Sum up the sites of a serialised structure; None where they cannot be read."""
    amounts: dict[str, float] = {}
    try:
        for site in structure["sites"]:
            for species in site["species"]:
                element = str(species["element"])
                amounts[element] = amounts.get(element, 0.0) + float(species["occu"])
    except (KeyError, TypeError, ValueError):
        return None
    return amounts


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
