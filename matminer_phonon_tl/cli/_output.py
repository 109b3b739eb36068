"""How the command shows what it has: tables, cards, JSON."""

import json
import math
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

COLUMNS = ("has gap", "gap, cm-1", "sound, km/s", "Cv, J/mol/K", "applies")


def _predictions(records: list[dict[str, Any]], console: Console) -> Table | Text:
    """A table, or a list where the terminal is too narrow for a row in one line."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("formula", overflow="fold")
    for header in COLUMNS:
        table.add_column(header, justify="right", no_wrap=True)
    for record in records:
        table.add_row(Text(record["formula"]), *_cells(record))
    # formulas and file names may be folded, numbers and headings not
    table.columns[0].max_width = len("formula")
    needed = Measurement.get(console, console.options.update(max_width=1000), table).maximum
    table.columns[0].max_width = None
    return table if needed <= console.width else _prediction_list(records)


def _prediction_list(records: list[dict[str, Any]]) -> Text:
    lines = []
    for record in records:
        lines.append(record["formula"])
        names = ("",) if record["error"] else COLUMNS
        lines += [
            f"  {name:<13}{cell}" if name else f"  {cell}"
            for name, cell in zip(names, _cells(record), strict=True)
        ]
    return Text("\n".join(lines))


def _cells(record: dict[str, Any]) -> list[str]:
    if record["error"]:
        return ["error"]
    answer = "yes" if record["has_phonon_bandgap"] else "no"
    return [
        f"{answer} ({record['has_gap_probability']:.2f})",
        _with_interval(record, "phonon_bandgap", "{:.0f} [{:.0f}, {:.0f}]"),
        _with_interval(record, "speed_of_sound", "{:.2f} [{:.1f}, {:.1f}]"),
        _with_interval(record, "heat_capacity", "{:.1f} [{:.0f}, {:.0f}]"),
        f"{record['applicability']:.2f}",
    ]


def _with_interval(record: dict[str, Any], name: str, form: str) -> str:
    if record[name] is None:
        return "-"
    return form.format(*(record[f"{name}{part}"] for part in ("", "_lower", "_upper")))


def _score_line(score: dict[str, Any]) -> str:
    values = [
        f"{name} {score[name]:.4g}"
        for name in ("mae", "r2", "f1", "auroc", "auprc")
        if score.get(name) is not None
    ]
    return (
        f"{score['experiment']}: {score['target']}, {score['model']} [{score['protocol']}] "
        f"{', '.join(values)}"
    )


SHIPPED = {
    "predictor.json.gz": "for compositions",
    "predictor_structure.json.gz": "for structures",
}


def _model_card(file: str) -> dict[str, Any]:
    from matminer_phonon_tl.models.serialization import read_document

    if file in SHIPPED and not Path(file).exists():
        with as_file(files("matminer_phonon_tl.models") / "pretrained" / file) as path:
            document = read_document(path)
    else:
        document = read_document(file)
    return {
        "model": document.get("@class"),
        "made by": f"matminer-phonon-tl {document.get('@version')}",
        "parameters": document["params"],
        "card": document.get("card") or "none",
        "sha256": document["sha256"],
    }


def _package_info() -> dict[str, Any]:
    from matminer_phonon_tl.datasets import dataset_metadata
    from matminer_phonon_tl.files import library_versions

    return {
        "datasets": {
            name: f"{entry['num_entries']} rows, sha256 {entry['hash']}"
            for name, entry in dataset_metadata().items()
        },
        "models": SHIPPED,
        "versions": library_versions(),
    }


def _info_lines(content: dict[str, Any]) -> Iterator[str]:
    """A line for each member; of a card, also for each of its own, and for each score."""
    for key, value in content.items():
        if key != "card" or not isinstance(value, dict):
            yield f"{key}: {_in_words(value)}"
            continue
        yield "card:"
        for name, member in value.items():
            label = _in_words(name).replace("_", " ")
            if name == "scores" and isinstance(member, list):
                yield from _score_lines(member)
            else:
                yield f"  {label}: {_in_words(member)}"


def _score_lines(scores: list[Any]) -> Iterator[str]:
    """Scores, one a line, under the protocol that they share."""
    protocol = None
    for score in scores:
        if not isinstance(score, dict) or not {"target", "protocol"} <= set(score):
            yield f"  score: {_in_words(score)}"
            continue
        if score["protocol"] != protocol:
            protocol = score["protocol"]
            yield f"  scores, {_in_words(protocol)}:"
        rest = {name: v for name, v in score.items() if name not in ("target", "protocol")}
        yield f"    {_in_words(score['target'])}: {_in_words(rest)}"


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_in_words(key)} {_in_words(member)}" for key, member in value.items())
    if isinstance(value, list) and value:
        return "; ".join(_in_words(member) for member in value)
    # A stranger's file may hold what would steer the terminal.
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value))


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Turn what pandas calls missing into None."""
    return {key: None if _is_missing(value) else value for key, value in record.items()}


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or type(value).__name__ == "NAType"
        or (isinstance(value, float) and math.isnan(value))
    )


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, allow_nan=False))
