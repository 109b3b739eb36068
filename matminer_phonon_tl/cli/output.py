"""What the commands share to show their results."""

import json
import math
from typing import Any

import typer


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
