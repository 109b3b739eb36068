"""Parse JSON that a stranger may have written, without putting the process at risk."""

import gzip
import json
import math
import re
import zlib
from io import BytesIO
from typing import Any, NoReturn

MAX_DEPTH = 100
"""Levels of nesting; datasets, phonon documents and models need a tenth of it."""

# Strings (skipped whole, brackets in them mean nothing) and what opens and closes a level. Nothing
# is tried twice, and a string that never ends is one match: a few kilobytes could take hours else.
_LEVELS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse_json(text: bytes, *, allow_nan: bool = False) -> Any:
    """Parse JSON, refusing what no file of ours holds.

    Python's parser recurses in C. Where something has raised the recursion limit, as test tools do,
    a text of a hundred thousand brackets would end the whole process.

    Parameters
    ----------
    text : bytes
        In UTF-8.
    allow_nan : bool
        Take NaN and infinity, which are no JSON but which pandas writes for missing figures.

    Returns
    -------
    Plain values.

    Raises
    ------
    ValueError
        If it is no JSON, nests too deep, or holds NaN without ``allow_nan``.

    Examples
    --------
    >>> parse_json(b'{"gap": [198.0, null]}')
    {'gap': [198.0, None]}
    """
    depth = 0
    for match in _LEVELS.finditer(text):
        first = text[match.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"expected at most {MAX_DEPTH} levels of nesting, got more")
        elif first in b"]}":
            depth -= 1
    if allow_nan:
        return json.loads(text)
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def unpack(content: bytes, limit: int) -> bytes:
    """Gunzip, refusing to go past a limit: a small file can unpack to any size.

    Parameters
    ----------
    content : bytes
    limit : int
        Bytes that the text may have.

    Raises
    ------
    ValueError
        If it is no gzip file, is truncated, or is larger.
    """
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as file:
            text = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"expected a gzip file, but unpacking it failed ({error}): it is truncated or damaged"
        ) from error
    if len(text) > limit:
        raise ValueError(f"expected at most {limit} bytes, unpacked, got more")
    return text


def _finite(text: str) -> float:
    """JSON may write 1e999, which is infinity to a float."""
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"expected finite numbers, got {constant}")
