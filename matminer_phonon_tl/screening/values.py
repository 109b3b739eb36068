"""What is in a column: numbers, texts of them, points in time."""

import pandas as pd
import pyarrow as pa

from matminer_phonon_tl.exceptions import ScreeningError


def as_numbers(column: pa.ChunkedArray, name: str) -> pa.Array | pa.ChunkedArray:
    """Read a column as numbers; a text that is none is missing, as are NaN and what is missing.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    name : str
        For the error.

    Raises
    ------
    ScreeningError
        If it holds neither numbers nor texts, nor points in time.
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
    values = pd.to_numeric(column.to_pandas(), errors="coerce").astype("float64")
    return pa.array(values, from_pandas=True)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of such type holds texts, however they are stored."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def is_number(kind: pa.DataType) -> bool:
    """Whether it holds numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
