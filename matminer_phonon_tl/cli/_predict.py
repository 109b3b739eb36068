"""``phonon-tl predict``: formulas or structure files in, a table or JSON out."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from matminer_phonon_tl.cli._output import _plain, _prediction_table, _print_json

ROWS_FAILED = 1

NOTE = """\
In round brackets the probability, in square ones the {level:g} % interval. The gap comes from a
model trained on compounds that have one; speed of sound and heat capacity (300 K, per mole of
reduced formula units) from models trained on all. applies: share of the training compounds that
lie at least as far from their nearest neighbour as this compound does; near 0 it is unlike all."""
STRUCTURE_NOTE = "All are structures, so the models that know structures were asked."

_FILE = re.compile(
    r".*[/\\].*|.*\.(cif|vasp|poscar|xsf|json|yaml)|(POSCAR|CONTCAR).*", re.IGNORECASE
)
"""What is meant as a file: no formula holds a slash or such an ending."""


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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
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
    frame = predictor.predict(
        values, conditional=conditional, level=level, n_formula_units=n_formula_units, warn=False
    )
    records = [_plain(record) for record in frame.to_dict(orient="records")]
    for number, record in enumerate(records):
        record["error"] = refusals.get(number, record["error"])
        if values[number] is None or not isinstance(values[number], str):
            own = "" if number in refusals else f" ({record['formula']})"
            record["formula"] = f"{Path(compounds[number]).name}{own}"
    if as_json:
        _print_json(records)
    else:
        _print(records, 100 * level, structure=predictor.use_structure)
    failed = [record for record in records if record["error"]]
    for record in failed:
        typer.echo(f"{record['formula']!r}: {record['error']}", err=True)
    if failed:
        raise typer.Exit(ROWS_FAILED)


def _print(records: list[dict[str, Any]], percent: float, *, structure: bool) -> None:
    Console().print(_prediction_table(records))
    typer.echo(NOTE.format(level=percent))
    if structure:
        typer.echo(STRUCTURE_NOTE)
    for record in records:
        if record["unseen_elements"]:
            typer.echo(
                f"{record['formula']}: {record['unseen_elements']} occurs in no training compound, "
                "so its row is a guess."
            )
        if record["note"]:
            typer.echo(
                f"{record['formula']}: {record['note']}; this is read as one formula as written "
                "(--n-formula-units, or a structure file, says otherwise)."
            )


def _read_all(compounds: list[str]) -> tuple[list[Any], dict[int, str]]:
    """Formulas as they are, files as structures; why a file is none, by its place."""
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
