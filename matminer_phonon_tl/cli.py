"""The command ``phonon-tl``: a thin layer over the package's public functions.

Exit codes: 0 when every row was done, 1 when some were not, 2 for wrong usage or an error, which is
one line on stderr.
"""

import json
import math
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from matminer_phonon_tl._version import __version__
from matminer_phonon_tl.exceptions import PhononTLError

app = typer.Typer(
    name="phonon-tl",
    help="Phonon properties of semiconductors from composition.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ROWS_FAILED, FAILED = 1, 2

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.callback(invoke_without_command=True)
def phonon_tl(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Phonon properties of semiconductors from composition."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def info(
    file: Annotated[
        str | None, typer.Argument(help="A model file; default: the package and its dataset.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print what the package holds, or the card of a model file."""
    content = _model_card(file) if file else _package_info()
    if as_json:
        _print_json(content)
    else:
        for key, value in content.items():
            typer.echo(f"{key}: {_in_words(value)}")


@app.command()
def predict(
    formulas: Annotated[list[str], typer.Argument(help="Formulas, each a primitive cell.")],
    as_json: AsJson = False,
) -> None:
    """Predict gap, speed of sound and heat capacity of compounds.

    A compound that is judged to have no acoustic-optical gap gets no value for it.
    """
    from matminer_phonon_tl.models import PhononPredictor

    frame = PhononPredictor.from_pretrained().predict(formulas)
    records = [_plain(record) for record in frame.to_dict(orient="records")]
    if as_json:
        _print_json(records)
    else:
        Console().print(_prediction_table(records))
        typer.echo(
            "± is the spread over the members of each ensemble. Speed of sound and heat capacity "
            "(per mole of\nreduced formula units, 300 K) come from models trained on compounds "
            "that have a gap."
        )
    failed = [record for record in records if record["error"]]
    for record in failed:
        typer.echo(f"{record['formula']!r}: {record['error']}", err=True)
    if failed:
        raise typer.Exit(ROWS_FAILED)


@app.command("build-dataset")
def build_dataset(
    source: Annotated[
        Literal["materials_project", "petretto", "phonopy"],
        typer.Argument(help="Where the phonon documents come from."),
    ],
    output: Annotated[Path, typer.Argument(help="The dataset to write, NAME.json.gz.")],
    path: Annotated[
        Path | None,
        typer.Option(help="Folder or tar of the documents; for materials_project a file of ids."),
    ] = None,
    n_jobs: Annotated[int, typer.Option(help="Entries read at a time; -1: all cores.")] = 1,
    use_flags: Annotated[
        bool, typer.Option(help="petretto: drop what its has_neg_fr flag marks.")
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Print how the rows differ from the shipped ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compute a dataset of the shipped one's form from phonon documents.

    What gives no row is listed in NAME.skipped.csv with its reason. A build that was stopped goes
    on where it was when it is started again. The Materials Project's key is taken from MP_API_KEY.
    """
    from matminer_phonon_tl.datasets.builder import PhononDatasetBuilder, compare_with_shipped
    from matminer_phonon_tl.datasets.load import load_dataset
    from matminer_phonon_tl.datasets.sources import make_source

    try:
        builder = PhononDatasetBuilder(
            make_source(source, path, use_flags=use_flags),
            output,
            n_jobs=n_jobs,
            pbar=sys.stderr.isatty(),
        )
        report = builder.build()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    content: dict[str, Any] = {
        "rows": report.n_rows,
        "skipped": report.skipped,
        "resumed": report.n_resumed,
        "dataset": str(report.dataset),
        "skipped_csv": str(report.skipped_csv),
    }
    table = compare_with_shipped(load_dataset(path=output)) if compare else None
    if as_json:
        if table is not None:
            content["compared"] = {
                "columns": [
                    _plain({str(name): value for name, value in row.items()})
                    for row in table.reset_index().to_dict(orient="records")
                ],
                **table.attrs,
            }
        _print_json(content)
        return
    typer.echo(str(report))
    if table is not None:
        typer.echo(table.to_string(float_format="{:.4g}".format))
        for name, count in table.attrs.items():
            typer.echo(f"{str(name).replace('_', ' ')}: {count}")


def main() -> None:
    """Run the command; every error is one line and a non-zero exit code."""
    try:
        app()
    except BrokenPipeError:
        # The reader went away (| head): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except (PhononTLError, OSError) as error:
        typer.echo(f"phonon-tl: {' '.join(str(error).split())}", err=True)
        sys.exit(FAILED)


def _prediction_table(records: list[dict[str, Any]]) -> Table:
    table = Table()
    table.add_column("formula", overflow="fold")
    for header in ("has gap (probability)", "gap, cm-1", "sound, km/s", "Cv, J/mol/K"):
        table.add_column(header, justify="right")
    for record in records:
        if record["error"]:
            table.add_row(record["formula"], "error", "", "", "")
            continue
        answer = "yes" if record["has_phonon_bandgap"] else "no"
        table.add_row(
            record["formula"],
            f"{answer} ({_with_spread(record, 'has_gap_probability', 2)})",
            _with_spread(record, "phonon_bandgap", 1),
            _with_spread(record, "speed_of_sound", 2),
            _with_spread(record, "heat_capacity", 1),
        )
    return table


def _with_spread(record: dict[str, Any], name: str, digits: int) -> str:
    if record[name] is None:
        return "-"
    return f"{record[name]:.{digits}f} ± {record[f'{name}_std']:.{digits}f}"


def _model_card(file: str) -> dict[str, Any]:
    from matminer_phonon_tl.models.serialization import read_document

    document = read_document(file)
    return {
        "model": document.get("@class"),
        "made by": f"matminer-phonon-tl {document.get('@version')}",
        "parameters": document["params"],
        **document.get("card", {}),
        "sha256": document["sha256"],
    }


def _package_info() -> dict[str, Any]:
    from matminer_phonon_tl.datasets import dataset_metadata
    from matminer_phonon_tl.models.serialization import library_versions

    return {
        "datasets": {
            name: f"{entry['num_entries']} rows, sha256 {entry['hash']}"
            for name, entry in dataset_metadata().items()
        },
        "versions": library_versions(),
    }


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_in_words(member)}" for key, member in value.items())
    return str(value)


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


if __name__ == "__main__":
    main()
