"""Columns of tables that go by in chunks: what they stand for, and types that hold them all."""

from typing import Any

import pyarrow as pa

from matminer_phonon_tl.screening.chunks import as_texts

_PREDICTION, _UNIT = b"prediction", b"unit"


def marked(field: pa.Field, prediction: str | None, unit: str | None = None) -> pa.Field:
    """Note on a column which of the predictor's columns it is, whatever its name, and its unit.

    Parameters
    ----------
    field : pyarrow.Field
    prediction : str or None
        The predictor's name of it; "formula" for the input's own formulas; None for what the
        predictor knows nothing of.
    unit : str, optional
    """
    kept = {key: value for key, value in (field.metadata or {}).items() if key != _PREDICTION}
    if prediction is not None:
        kept[_PREDICTION] = prediction.encode()
    if unit is not None:
        kept[_UNIT] = unit.encode()
    return field.with_metadata(kept) if kept else field.remove_metadata()


def name_of(schema: pa.Schema, prediction: str) -> str | None:
    """Return the name under which a table has one of the predictor's columns; None without it."""
    for field in schema:
        if (field.metadata or {}).get(_PREDICTION) == prediction.encode():
            return str(field.name)
    return None


def units_of(schema: pa.Schema) -> dict[str, str]:
    """Return the units that are noted on columns, by name."""
    return {
        field.name: field.metadata[_UNIT].decode()
        for field in schema
        if _UNIT in (field.metadata or {})
    }


def unified(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    """Return types that hold both: of JSON, a column's can differ from chunk to chunk."""
    fields = {field.name: field for field in one}
    for field in other:
        known = fields.setdefault(field.name, field)
        fields[field.name] = known.with_type(_common(known.type, field.type))
    return pa.schema(list(fields.values()))


def cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the types of a schema that :func:`unified` gave.

    A whole number that a float cannot hold becomes the nearest one; what has no type in common
    with its column becomes text.
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
    # Of nested columns, parts may not go into the common type.
    return pa.string() if pa.types.is_nested(found) else found
