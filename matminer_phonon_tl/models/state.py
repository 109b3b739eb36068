"""What fitting left, as plain values and arrays: checked, and as JSON and back.

Whatever goes into a model file has the same two methods. ``get_state()`` returns plain values,
arrays and other models. ``from_state(state, **context)`` checks such a state and rebuilds the
object, raising ModelFormatError; the context is what the file keeps elsewhere: parameters of an
estimator, the points of a kernel machine.
"""

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from matminer_phonon_tl.exceptions import ModelFormatError

MAX_DEPTH = 60
MAX_DIMENSION = 2**31
DTYPES = frozenset({"<f4", "<f8", "<i2", "<i4", "<i8", "|i1", "|u1", "|b1"})

_ARRAY_KEYS = {"@array", "dtype", "shape"}
_TUPLE_KEY = "@tuple"


Field = type | tuple[Any, tuple[int | str, ...]]
"""A plain type, or dtype and shape of an array, in which a name stands for a size."""


def check_arrays(
    state: Mapping[str, Any], what: str, fields: Mapping[str, Field], *, only: bool = False
) -> dict[str, int]:
    """Check types, shapes and finiteness of a state's fields, or raise ModelFormatError.

    ``what`` names the state in the error. Each field has a type or (dtype, shape), and a name in a
    shape stands for the same size wherever it occurs; the sizes of names are returned. With
    ``only``, the state must have these fields and no others; a missing one is a KeyError otherwise.

    >>> import numpy as np
    >>> state = {"X": np.ones((3, 2)), "weights": np.ones(3), "offset": 0.5}
    >>> fields = {"X": (float, ("n_rows", 2)), "weights": (float, ("n_rows",)), "offset": float}
    >>> check_arrays(state, "a line", fields)
    {'n_rows': 3}
    """
    if only and (not isinstance(state, Mapping) or state.keys() != fields.keys()):
        found = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        raise ModelFormatError(f"expected {what} with the fields {sorted(fields)}, got {found}")
    sizes: dict[str, int] = {}
    for name, field in fields.items():
        value = state[name]
        if isinstance(field, type):
            good = type(value) is field and (type(value) is not float or math.isfinite(value))
            wanted, got = f"{name} as a {field.__name__}", type(value).__name__
        else:
            dtype, shape = np.dtype(field[0]), field[1]
            got = type(value).__name__
            good = isinstance(value, np.ndarray) and value.dtype == dtype
            if isinstance(value, np.ndarray):
                got = f"{value.dtype} of shape {value.shape}"
                good = good and _fits(value.shape, shape, sizes)
                good = good and (dtype.kind != "f" or bool(np.isfinite(value).all()))
            wanted = _array_words(name, dtype, shape, sizes)
        if not good:
            raise ModelFormatError(f"expected {what} with {wanted}, all of it finite, got {got}")
    return sizes


def _fits(found: tuple[int, ...], shape: tuple[int | str, ...], sizes: dict[str, int]) -> bool:
    """Whether a shape is as wanted; names that have no size yet get it."""
    if len(found) != len(shape):
        return False
    for n, wanted in zip(found, shape, strict=True):
        if n != (sizes.setdefault(wanted, n) if isinstance(wanted, str) else wanted):
            return False
    return True


def _array_words(
    name: str, dtype: np.dtype[Any], shape: tuple[int | str, ...], sizes: dict[str, int]
) -> str:
    known = [sizes.get(n, n) if isinstance(n, str) else n for n in shape]
    if len(known) == 1:
        return f"{name} as a vector of {known[0]} {dtype}"
    if len(known) == 2:
        return f"{known[0]} {name} of {known[1]} columns of {dtype}"
    return f"{name} of shape {tuple(known)} of {dtype}"


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
    """Turn parsed JSON into plain values and arrays.

    ``decode_model``, the only way to any class, builds a model from its document and depth;
    ``depth`` says how far down ``value`` stands in its file. Raises ModelFormatError where an array
    is malformed, too large for its text, or holds NaN, or nesting is too deep.
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
