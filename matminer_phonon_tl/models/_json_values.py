"""Plain values and arrays as JSON and back, checked before anything is allocated."""

import base64
import binascii
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from matminer_phonon_tl.exceptions import ModelFormatError

MAX_DEPTH = 60
MAX_DIMENSION = 2**31
DTYPES = frozenset({"<f4", "<f8", "<i2", "<i4", "<i8", "|i1", "|u1", "|b1"})

_ARRAY_KEYS = {"@array", "dtype", "shape"}
_TUPLE_KEY = "@tuple"


def encode(value: Any) -> Any:
    """Turn plain values, arrays and models into JSON."""
    if hasattr(value, "as_dict") and hasattr(value, "get_params"):
        return value.as_dict()
    if isinstance(value, np.ndarray):
        return encode_array(value)
    if isinstance(value, np.generic):
        return encode(value.item())
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TypeError(f"expected finite numbers in a model, got {value}")
        return value
    if isinstance(value, tuple):
        return {_TUPLE_KEY: [encode(member) for member in value]}
    if isinstance(value, list):
        return [encode(member) for member in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: encode(member) for key, member in value.items()}
    raise TypeError(
        f"expected plain values, arrays and models in a model, got {type(value).__name__}, which "
        "JSON cannot hold"
    )


def encode_array(array: np.ndarray) -> dict[str, Any]:
    """Write an array as base64 of its little-endian bytes."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    if little.dtype.str not in DTYPES:
        raise TypeError(f"expected arrays of {sorted(DTYPES)}, got {array.dtype.str}")
    return {
        "@array": base64.b64encode(little.tobytes()).decode(),
        "dtype": little.dtype.str,
        "shape": list(array.shape),
    }


def decode(value: Any, decode_model: Callable[[dict[str, Any], int], Any], depth: int = 0) -> Any:
    """Turn JSON into plain values and arrays.

    Parameters
    ----------
    value
        Parsed JSON.
    decode_model : callable
        Builds a model from its document and depth; the only way to any class.
    depth : int
        How far down ``value`` stands in its file.

    Raises
    ------
    ModelFormatError
        If an array is malformed, too large for its text, or holds NaN; or nesting is too deep.
    """
    if depth > MAX_DEPTH:
        raise ModelFormatError(f"expected at most {MAX_DEPTH} levels of nesting, got more")
    if isinstance(value, list):
        return [decode(member, decode_model, depth + 1) for member in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ModelFormatError(f"expected finite numbers in a model, got {value}")
    if not isinstance(value, dict):
        return value
    if "@array" in value:
        return decode_array(value)
    if _TUPLE_KEY in value:
        members = value[_TUPLE_KEY]
        if value.keys() != {_TUPLE_KEY} or not isinstance(members, list):
            raise ModelFormatError("expected a tuple to hold a list and nothing else")
        return tuple(decode(member, decode_model, depth + 1) for member in members)
    if "@class" in value:
        return decode_model(value, depth + 1)
    return {key: decode(member, decode_model, depth + 1) for key, member in value.items()}


def decode_array(value: dict[str, Any]) -> np.ndarray:
    """Read an array; its size is compared with its text before anything is decoded."""
    if value.keys() != _ARRAY_KEYS:
        raise ModelFormatError(f"expected an array to have {sorted(_ARRAY_KEYS)} and no more")
    text, dtype, shape = value["@array"], value["dtype"], value["shape"]
    if not isinstance(text, str) or not isinstance(dtype, str) or dtype not in DTYPES:
        raise ModelFormatError(f"expected an array of one of {sorted(DTYPES)}, got {dtype!r}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ModelFormatError(f"expected an array's shape as a list of sizes, got {shape!r}")
    if len(shape) > 8 or any(n > MAX_DIMENSION for n in shape):
        raise ModelFormatError(
            f"expected at most 8 dimensions of at most {MAX_DIMENSION} each, got {shape!r}"
        )
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    # Four base64 characters hold three bytes; compared before anything is decoded.
    if len(text) != 4 * ((n_bytes + 2) // 3):
        raise ModelFormatError(f"expected {n_bytes} bytes for the shape {shape}, got another size")
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ModelFormatError(
            f"expected an array in base64, got something else ({error})"
        ) from error
    if len(raw) != n_bytes:
        raise ModelFormatError(f"expected {n_bytes} bytes for the shape {shape}, got {len(raw)}")
    array = np.frombuffer(raw, dtype=dtype).reshape(shape)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ModelFormatError("expected finite numbers in an array, got NaN or infinity")
    if array.dtype.kind == "b" and (np.frombuffer(raw, np.uint8) > 1).any():
        raise ModelFormatError("expected 0 or 1 in an array of booleans, got other bytes")
    return array.astype(array.dtype.newbyteorder("="), copy=True)
