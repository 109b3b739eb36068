"""``phonon-tl train``: a table with labels in, a model file out."""

from pathlib import Path
from typing import Annotated

import typer

from matminer_phonon_tl.files import write_atomically


def train(
    out: Annotated[Path, typer.Option(help="File to write: .json, or .json.gz.")],
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="[TABLE]",
            help="CSV, JSON or Parquet with a column of formulas or structures and columns to "
            "learn; or a dataset that build-dataset wrote. Default: both shipped sets.",
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=UNIT",
            help="A column to learn and its unit, such as hardness=GPa (ratio=1 where it has "
            "none); may be given several times. Default, for datasets: the phonon properties.",
        ),
    ] = None,
    formula: Annotated[
        str | None,
        typer.Option(help="Column of the materials; default: composition, formula or structure."),
    ] = None,
    structure: Annotated[
        bool, typer.Option("--structure", help="A predictor that also uses structures.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
) -> None:
    """Train a predictor, score it by cross-validation, and write it as JSON.

    Columns named phonon_bandgap (cm-1, THz, meV, eV), speed_of_sound (km/s, m/s) or heat_capacity
    (J/mol/K, per mole of reduced formula units, 300 K) are learnt as the shipped models learn them;
    has_phonon_bandgap needs no unit, and a gap of 0 says that there is none. Columns named like
    other frequencies, speeds or temperatures of the shipped sets are turned into their units too.
    Any other column of numbers is learnt as it is, by Gaussian processes.

    Rows that are left out are counted, and listed with the reason in NAME.left_out.csv beside the
    model. Each label needs 25 materials, so that the score's five folds leave 20 to fit to; a gap
    needs as many that have one.

    The files that ship are made by: phonon-tl train --out predictor.json.gz; with --label
    debye_temperature=K --label largest_gap=cm-1, more_properties.json.gz; each with --structure
    too.
    """
    from matminer_phonon_tl.datasets import load_dataset, load_training_set
    from matminer_phonon_tl.evaluation.training import train_predictor
    from matminer_phonon_tl.evaluation.training_table import TrainingTable, columns_of_numbers
    from matminer_phonon_tl.models import save_model
    from matminer_phonon_tl.screening import read_table

    if not out.parent.is_dir() or out.is_dir() or not out.name.endswith((".json", ".json.gz")):
        raise typer.BadParameter(
            f"expected --out as a .json or .json.gz file in a folder that exists, got {out}"
        )
    labels = dict(map(_read_label, label)) if label else None
    if label and labels is not None and len(labels) < len(label):
        raise typer.BadParameter(f"expected each --label once, got {', '.join(label)}")
    unreadable: dict[int, str] = {}
    if labels is None:
        if table is not None and not table.endswith((".json", ".json.gz")):
            names = columns_of_numbers(read_table(table, formula, structure=structure)[0])
            raise typer.BadParameter(
                f"expected --label for each column to learn, such as --label {names[0]}=UNIT, got "
                f"none: columns of numbers in {table} are {', '.join(names)}"
                if names
                else f"expected a column of numbers to learn in {table}, got none: add one"
            )
        df = load_training_set() if table is None else load_dataset(path=table)
    elif table is None:
        df = load_training_set()
    else:
        df, unreadable = read_table(table, formula, structure=structure)
    rows = TrainingTable.read(df, labels, structure=structure, unreadable=unreadable)
    predictor = train_predictor(rows, structure=structure, random_state=seed)
    save_model(predictor, out)
    for score in predictor.card_["scores"]:
        typer.echo(", ".join(f"{key} {value}" for key, value in score.items()))
    if len(rows.left_out):
        listed = out.with_name(f"{out.name.removesuffix('.gz').removesuffix('.json')}.left_out.csv")
        write_atomically(listed, rows.left_out.to_csv(index=False).encode())
        for line in rows.summary():
            typer.echo(line, err=True)
        typer.echo(f"each with its reason in {listed}", err=True)


def _read_label(text: str) -> tuple[str, str]:
    """Split COLUMN=UNIT at the last sign."""
    column, _, unit = text.rpartition("=") if "=" in text else (text, "", "")
    return column.strip(), unit.strip()
