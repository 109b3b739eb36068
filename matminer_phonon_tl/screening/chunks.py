"""A few thousand rows of the input, and how values of any kind become columns."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pymatgen.core import Composition, Structure

from matminer_phonon_tl.exceptions import ScreeningError

FORMULA_COLUMNS = ("composition", "formula", "structure")
"""Where formulas are looked for, in this order; as everywhere in this package."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of the input.

    Parameters
    ----------
    table : pyarrow.Table
        The input's columns, as they are to come back.
    formulas : list
        What to predict for, one a row: anything that the predictor takes, or None.
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
        """Digest of the rows, to know them again when a run goes on."""
        digest = hashlib.sha256(repr(sorted(self.errors.items())).encode())
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.table.schema.remove_metadata()) as writer:
            # In one piece each, however the input was cut.
            writer.write_table(self.table.replace_schema_metadata().combine_chunks())
        digest.update(sink.getvalue())
        if not self.table.num_columns:
            digest.update(repr([_plain(value) for value in self.formulas]).encode())
        return digest.hexdigest()


def formula_column(columns: Sequence[str], wanted: str | None, name: str) -> str:
    """Choose the column that holds the formulas.

    Parameters
    ----------
    columns : sequence of str
        What the input has.
    wanted : str or None
        The name asked for.
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


def to_column(values: Sequence[Any]) -> pa.Array:
    """Turn values of any kind into a column: of their type where they share one, else of text.

    Parameters
    ----------
    values : sequence
        What JSON or a DataFrame holds; lists, dicts and other objects come back as JSON text.
    """
    values = [_plain(value) for value in values]
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return as_texts(values)


def as_texts(values: Sequence[Any]) -> pa.Array:
    """A column of text: texts as they are, anything else as JSON."""
    return pa.array([value if value is None else _text(value) for value in values], pa.string())


def formula_value(value: Any) -> Any:
    """Prepare what a file holds in its formula column for the predictor."""
    if isinstance(value, dict):
        if "sites" in value:
            return composition_of_document(value)
        # Parquet's structs name every element of the column in every row.
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


def clean_text(text: str) -> str:
    r"""Write what is no Unicode (bytes of another encoding, lone surrogates) as ``\\udcff``."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _plain(value: Any) -> Any:
    """What a column can hold: scalars as they are, anything else as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Composition):
        return value.formula.replace(" ", "")
    if isinstance(value, Structure):
        return json.dumps(value.as_dict(), default=str)
    if isinstance(value, dict | list | tuple):
        return clean_text(json.dumps(value, default=str))
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.datetime64 | np.timedelta64):
        # Arrow crashes on some of these where their kinds are mixed.
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.generic):
        return _plain(value.item())
    return str(value) if isinstance(value, complex) else value


def _text(value: Any) -> str:
    return clean_text(value if isinstance(value, str) else json.dumps(value, default=str))


def _listed(columns: Sequence[str], limit: int = 12) -> str:
    shown = ", ".join(repr(column)[:60] for column in columns[:limit])
    return f"{shown} and {len(columns) - limit} more" if len(columns) > limit else shown or "none"
