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

# Strings (skipped whole, brackets in them mean nothing) and the brackets that open or close levels.
# Possessive, and a string that never ends is one match: else a few kilobytes could take hours.
_LEVELS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse_json(text: bytes, *, allow_nan: bool = False) -> Any:
    """Parse JSON in UTF-8, and refuse deep nesting and numbers that are not finite.

    Python's parser recurses in C. Where something has raised the recursion limit, as test tools do,
    a text of a hundred thousand brackets would end the whole process. With ``allow_nan``, NaN and
    infinity are accepted, which are no JSON but which pandas writes for missing figures. Raises
    ValueError where the text is no JSON, nests deeper than :data:`MAX_DEPTH`, or holds such a
    number.

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
    """Unpack gzip up to a limit, in bytes: a small file can unpack to any size.

    Raises ValueError where the content is no gzip file, is truncated, or unpacks to more.
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
    """Read a number; 1e999 is JSON, and infinity as a float."""
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"expected finite numbers, got {constant}")


def in_words(value: Any) -> str:
    r"""Write nested JSON in one line, without characters that would steer a terminal.

    >>> in_words({"rows": 2, "elements": ["In", "N"], "name": "\x1b[2J"})
    'rows 2, elements In; N, name \\x1b[2J'
    """
    if isinstance(value, dict) and value.keys() == {"@tuple"}:
        value = value["@tuple"]
    if isinstance(value, dict):
        return ", ".join(f"{in_words(key)} {in_words(member)}" for key, member in value.items())
    if isinstance(value, list) and value:
        return "; ".join(in_words(member) for member in value)
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))
