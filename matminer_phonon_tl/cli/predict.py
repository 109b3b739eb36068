"""``phonon-tl predict``: formulas or structure files in, a table or JSON out."""

import re
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from matminer_phonon_tl.cli.output import AsJson, plain, print_json

ROWS_FAILED = 1
COLUMNS = ("has gap", "gap, cm-1", "sound, km/s", "Cv, J/mol/K", "applies")

NOTE = (
    "In round brackets the probability, in square ones the {level:g} % interval. The gap comes "
    "from a model trained on compounds that have one; speed of sound and heat capacity (300 K, per "
    "mole of reduced formula units) from models trained on all. applies: share of the training "
    "compounds that lie at least as far from their nearest neighbour as this compound does; near "
    "0 it is unlike all."
)
STRUCTURE_NOTE = "All are structures, so the models that know structures were asked."
CELL_NOTE = (
    "; this is read as the cell that is written (--n-formula-units, or a structure file, says "
    "otherwise)"
)
UNUSED_NOTE = "its structure was not used, since not all are structures: ask for it alone"

_FILE = re.compile(
    r".*[/\\].*|.*\.(cif|vasp|poscar|xsf|json|yaml)|(POSCAR|CONTCAR).*", re.IGNORECASE
)
"""Arguments that are meant as files: no formula holds a slash or has such an ending."""


def predict(
    compounds: Annotated[
        list[str],
        typer.Argument(help="Formulas, each a primitive cell, or structure files (CIF, POSCAR)."),
    ],
    conditional: Annotated[
        bool, typer.Option("--conditional", help="Show the gap there would be where none is.")
    ] = False,
    level: Annotated[float, typer.Option(help="Share of compounds the intervals hold.")] = 0.9,
    n_formula_units: Annotated[
        int | None, typer.Option(help="Reduced formula units in the primitive cell of a formula.")
    ] = None,
    composition: Annotated[
        bool, typer.Option("--composition", help="Use of structures only what they are made of.")
    ] = False,
    model: Annotated[
        Path | None, typer.Option(help="A predictor's file; default: the shipped ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Predict gap, speed of sound and heat capacity of compounds.

    A compound that is judged to have no acoustic-optical gap gets no value for it. Where every
    compound is given as a structure, the models that use structures are asked.
    """
    from matminer_phonon_tl.models import PhononPredictor

    values, refusals = _read_all(compounds)
    structure = all(_FILE.fullmatch(compound) for compound in compounds) and not composition
    if model is not None:
        predictor = PhononPredictor.load(model)
    else:
        predictor = PhononPredictor.from_pretrained(structure=structure)
    prediction = predictor.predict_rows(
        values, conditional=conditional, level=level, n_formula_units=n_formula_units
    )
    records = [plain(record) for record in prediction.frame.to_dict(orient="records")]
    for number, record in enumerate(records):
        record["error"] = refusals.get(number, record["error"])
        if values[number] is None or not isinstance(values[number], str):
            formula = "" if number in refusals else f" ({record['formula']})"
            record["formula"] = f"{Path(compounds[number]).name}{formula}"
            if not (composition or predictor.use_structure or record["error"] or model):
                record["note"] = UNUSED_NOTE
        elif number in prediction.other_cells:
            record["note"] += CELL_NOTE
    if as_json:
        print_json(records)
    else:
        _print(records, 100 * level, structure=predictor.use_structure)
    failed = [record for record in records if record["error"]]
    for record in failed:
        typer.echo(f"{record['formula']!r}: {record['error']}", err=True)
    if failed:
        raise typer.Exit(ROWS_FAILED)


def _print(records: list[dict[str, Any]], percent: float, *, structure: bool) -> None:
    console = Console()
    console.print(_predictions(records, console))
    done = [record for record in records if not record["error"]]
    remarks = [_remark(record) for record in done]
    if done:
        remarks[:0] = [NOTE.format(level=percent), STRUCTURE_NOTE if structure else ""]
    for remark in remarks:
        for line in filter(None, remark.splitlines()):
            typer.echo(fill(line, console.width, break_long_words=False, break_on_hyphens=False))


def _predictions(records: list[dict[str, Any]], console: Console) -> Table | Text:
    """Draw a table, or a list where the terminal is too narrow for a row in one line."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("formula", overflow="fold")
    for header in COLUMNS:
        table.add_column(header, justify="right", no_wrap=True)
    for record in records:
        table.add_row(Text(record["formula"]), *_cells(record))
    # Formulas and file names may be folded, numbers and headings may not.
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


def _remark(record: dict[str, Any]) -> str:
    """Remark on one row, with each sentence on a line."""
    sentences = []
    if record["unseen_elements"]:
        sentences.append(
            f"{record['unseen_elements']} occurs in no training compound, so its row is a guess."
        )
    elif not record["in_domain"]:
        sentences.append("unlike the training compounds, so its intervals may not hold.")
    if record["note"]:
        sentences.append(f"{record['note']}.")
    return "\n".join(f"{record['formula']}: {sentence}" for sentence in sentences)


def _read_all(compounds: list[str]) -> tuple[list[Any], dict[int, str]]:
    """Read files as structures, leave formulas; return also why files were refused."""
    from pymatgen.core import Structure

    values: list[Any] = []
    refusals: dict[int, str] = {}
    for number, compound in enumerate(compounds):
        if not _FILE.fullmatch(compound):
            values.append(compound)
            continue
        try:
            values.append(Structure.from_file(compound))
        except FileNotFoundError:
            refusals[number] = "expected a structure file, found none of that name: check the path"
            values.append(None)
        except Exception as error:  # noqa: BLE001 (pymatgen's parsers raise anything)
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            refusals[number] = f"expected a structure file that can be read, but: {reason}"
            values.append(None)
    return values, refusals
