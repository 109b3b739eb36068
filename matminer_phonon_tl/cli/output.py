"""What the commands share to show their results."""

import json
import math
from collections.abc import Sequence
from typing import Any

import typer

_SIGNIFICANT = 4
_MOST_DIGITS = 9


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """Replace what pandas calls missing by None."""
    return {key: None if _is_missing(value) else value for key, value in record.items()}


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or type(value).__name__ == "NAType"
        or (isinstance(value, float) and math.isnan(value))
    )


def print_json(content: Any) -> None:
    """Print JSON that any reader takes: a number that is none is refused."""
    typer.echo(json.dumps(content, indent=2, allow_nan=False))


def write_interval(values: Sequence[float], decimals: int | None) -> str:
    """Write a value and the ends of its interval, all three with the same digits.

    There are as many digits as are usual for the value, and more where the interval is so narrow
    that its width would not show: at least one digit of the width is kept, unless that takes more
    than nine.

    Parameters
    ----------
    values : sequence of float
        Value, lower and upper end.
    decimals : int or None
        Digits after the point that are usual; None means four significant digits.

    Examples
    --------
    >>> write_interval([37.14, 36.98, 37.21], 1), write_interval([24.94, 24.935, 24.944], 1)
    ('37.1 [37.0, 37.2]', '24.940 [24.935, 24.944]')
    >>> write_interval([1.5e-7, 1.4e-7, 1.6e-7], None)
    '1.5e-07 [1.4e-07, 1.6e-07]'
    """
    width = values[2] - values[1]
    usual, needed, kind = decimals, -_exponent(width), "f"
    if usual is None:
        usual, needed, kind = _SIGNIFICANT, needed + _exponent(max(map(abs, values))) + 1, "g"
    form = f".{max(usual, needed) if width and needed <= _MOST_DIGITS else usual}{kind}"
    value, lower, upper = (f"{each:{form}}" for each in values)
    return f"{value} [{lower}, {upper}]"


def _exponent(number: float) -> int:
    """Return the power of ten of a number's first digit."""
    return math.floor(math.log10(number)) if number > 0 and math.isfinite(number) else 0
