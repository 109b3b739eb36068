"""Columns of tables that come in chunks: their values, their types, and what they stand for."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pymatgen.core import Composition, Structure

from matminer_phonon_tl.atoms import with_structures
from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.formulas import write_formula
from matminer_phonon_tl.structures import StructureText

_SIGN = r"[+\u2212\u2013-]?"
# With commas, thousands apart, a printed minus; and with a unit: "3,5", "1 234", "3.2 km/s", "50%".
_NUMBER_IN_WORDS = rf"\s*+{_SIGN}(?=.?\d)\d*(?:[.,'\u2019\s]\d+)*(?:[eE]{_SIGN}\d+)?\s*+"
_NUMBER_WITH_UNIT = rf"{_NUMBER_IN_WORDS}(?:%|(?<=\s)[^\W\d]\S*)?\s*"
_PREDICTION, _UNIT = b"prediction", b"unit"


def to_column(values: Sequence[Any]) -> pa.Array:
    """Turn values into a column: of their type where they share one, else of text.

    Lists, dicts and other objects come back as JSON text.
    """
    values = [plain_value(value) for value in with_structures(list(values))]
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return as_texts(values)


def plain_value(value: Any) -> Any:
    """Turn a value into one that a column can hold: a scalar stays, anything else becomes text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Composition):
        return write_formula(value)
    if isinstance(value, StructureText):
        return value.text
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
        return plain_value(value.item())
    return str(value) if isinstance(value, complex) else value


def as_texts(values: Sequence[Any]) -> pa.Array:
    """Make a column of text: text stays, anything else becomes JSON."""
    return pa.array([value if value is None else _text(value) for value in values], pa.string())


def clean_text(text: str) -> str:
    r"""Write characters that are no Unicode (bytes of another encoding) as ``\\udcff``."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def as_numbers(
    column: pa.ChunkedArray, name: str, *, or_text: bool = False
) -> pa.Array | pa.ChunkedArray:
    """Read a column as numbers; NaN, and text that is no number, become missing.

    Raises ScreeningError, which names it, where it holds neither numbers nor text nor points in
    time, or numbers that are written as no program reads them; with ``or_text``, those with a unit
    are text.
    """
    kind = column.type
    if pa.types.is_integer(kind):
        return column  # a float would not tell large ones apart
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        width = pa.int32() if kind.bit_width == 32 else pa.int64()
        return column.cast(width).cast(pa.int64())
    if is_text(kind):
        column = column.cast(pa.string())
    elif not (is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind)):
        raise ScreeningError(
            f"expected numbers, or texts of them, in the column {name!r}, got {kind}: compare and "
            "rank by other columns"
        )
    texts = column.to_pandas()
    values = pd.to_numeric(texts, errors="coerce").astype("float64")
    if is_text(kind):
        others = texts[values.isna() & texts.notna()]
        refused = others[others.str.fullmatch(_NUMBER_IN_WORDS if or_text else _NUMBER_WITH_UNIT)]
        if len(refused):
            raise ScreeningError(
                f"expected plain numbers with a decimal point in the column {name!r}, got "
                f"{refused.iloc[0]!r}: write them as -1234.5, or compare and rank by other columns"
            )
    return pa.array(values, from_pandas=True)


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a column of this type holds text, however it is stored."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def is_number(kind: pa.DataType) -> bool:
    """Tell whether a column of this type holds numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def marked(field: pa.Field, prediction: str | None, unit: str | None = None) -> pa.Field:
    """Note on a column which of the predictor's columns it is, and its unit.

    ``prediction`` is the predictor's name for it; "formula" for the input's formulas; None for the
    input's other columns.
    """
    kept = {key: value for key, value in (field.metadata or {}).items() if key != _PREDICTION}
    if prediction is not None:
        kept[_PREDICTION] = prediction.encode()
    if unit is not None:
        kept[_UNIT] = unit.encode()
    return field.with_metadata(kept) if kept else field.remove_metadata()


def prediction_of(field: pa.Field) -> str | None:
    """Return the predictor's name of a column; None for one of the input's."""
    name = (field.metadata or {}).get(_PREDICTION)
    return None if name is None else str(name.decode())


def names_of(schema: pa.Schema, prediction: str) -> list[str]:
    """Return the columns that hold one of the predictor's; of formulas, the input's is one too."""
    return [str(field.name) for field in schema if prediction_of(field) == prediction]


def name_of(schema: pa.Schema, prediction: str) -> str | None:
    """Return the name under which a table has one of the predictor's columns; None without it."""
    return next(iter(names_of(schema, prediction)), None)


def units_of(schema: pa.Schema) -> dict[str, str]:
    """Return the units that are noted on columns, by name."""
    return {
        field.name: field.metadata[_UNIT].decode()
        for field in schema
        if _UNIT in (field.metadata or {})
    }


def unified(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    """Return types that hold both; with JSON, a column's type can differ between chunks."""
    fields = {field.name: field for field in one}
    for field in other:
        known = fields.setdefault(field.name, field)
        fields[field.name] = known.with_type(_common(known.type, field.type))
    return pa.schema(list(fields.values()))


def cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the types of a schema that :func:`unified` gave.

    A whole number that a float cannot hold becomes the nearest float; values that share no type
    with their column become text.
    """
    if table.schema == schema:
        return table
    columns = [_cast_column(table[field.name], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _cast_column(column: pa.ChunkedArray, wanted: pa.DataType) -> Any:
    if column.type == wanted:
        return column
    if pa.types.is_string(wanted):
        return as_texts(column.to_pylist())
    return column.cast(wanted, safe=not pa.types.is_integer(column.type))


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other:
        return one
    try:
        pair = [pa.schema([("x", one)]), pa.schema([("x", other)])]
        found = pa.unify_schemas(pair, promote_options="permissive").field("x").type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()
    # Parts of nested columns may not fit into the common type.
    return pa.string() if pa.types.is_nested(found) else found


def _text(value: Any) -> str:
    return clean_text(value if isinstance(value, str) else json.dumps(value, default=str))
