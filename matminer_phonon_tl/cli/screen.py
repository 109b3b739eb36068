"""``phonon-tl screen``: a table of any length in, the same with predictions out."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from matminer_phonon_tl.cli.options import Model, More, choose_predictor
from matminer_phonon_tl.exceptions import PhononTLWarning


def screen(
    data: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="CSV, JSON lines (.jsonl), JSON or Parquet; a file of structures (CIF, POSCAR, "
            "XSF, extended XYZ); a folder of structures or of Parquet files; - for CSV or JSON "
            "lines from standard input. Files may be packed (.gz, .xz, .bz2).",
        ),
    ],
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUTPUT", help=".parquet, .csv, .csv.gz or .xlsx; - for CSV to standard output."
        ),
    ],
    formula: Annotated[
        str | None,
        typer.Option(
            help="Column of the materials; default: structure, and where a row has none, "
            "composition or formula."
        ),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns to write, comma-separated; default: all.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            help="Rows to write, such as 'phonon_bandgap > 150'; conditions are joined with and, "
            "or, not and brackets."
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Write only this many rows, the first by --by, ranked; a number above that of the "
            "rows ranks them all.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="Column to rank --top by, highest first; default: phonon_bandgap."),
    ] = None,
    ascending: Annotated[bool, typer.Option("--ascending", help="Rank the lowest first.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page of the result too: a figure and a table.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw the first rows by --by, with intervals and what is calculated: .png, .svg, "
            ".pdf."
        ),
    ] = None,
    model: Model = None,
    more: More = False,
    level: Annotated[
        float, typer.Option(help="Share of new compounds that the intervals shall hold.")
    ] = 0.9,
    conditional: Annotated[
        bool,
        typer.Option("--conditional", help="Give a gap also where none is predicted."),
    ] = False,
    negligible: Annotated[
        float,
        typer.Option(
            help="Probability of a gap below which its size is not computed; 0 computes all."
        ),
    ] = 0.2,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was stopped.")
    ] = False,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler to compute on.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Threads (for structures: processes); default: one for each core."
        ),
    ] = None,
    chunk_rows: Annotated[
        int,
        typer.Option(
            min=1, help="Rows predicted together and kept together; of structure files at most 200."
        ),
    ] = 5_000,
) -> None:
    """Predict for every row of a table of any length, or every structure of a folder.

    The output has the input's columns, then the predictor's and error, which says why a row could
    not be predicted. Finished chunks are kept in OUTPUT.parts until all are done: --resume goes on
    with them. In CSV, a text that a spreadsheet would run gets an apostrophe in front.

    Exit code 0 once every row is written; how many could not be predicted stands on stderr.
    """
    from matminer_phonon_tl.screening import screen as run

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PhononTLWarning)
        report = _run(
            run,
            data,
            output,
            predictor=choose_predictor(model, more=more),
            formula=formula,
            columns=None if columns is None else [name.strip() for name in columns.split(",")],
            where=where,
            top=top,
            by=by,
            ascending=ascending,
            html=html,
            plot=plot,
            level=level,
            conditional=conditional,
            negligible=negligible,
            resume=resume,
            client=scheduler,
            n_jobs=jobs,
            chunk_rows=chunk_rows,
        )
    for warning in caught:
        if issubclass(warning.category, PhononTLWarning):
            typer.echo(f"phonon-tl: {warning.message}", err=True)
    typer.echo(f"phonon-tl: {report}", err=True)


def _run(run: Callable[..., Any], data: str, output: str, **options: Any) -> Any:
    try:
        return run(data, output, **options)
    except KeyboardInterrupt:
        kept = "" if output == "-" else "; what is finished is kept, and --resume goes on with it"
        typer.echo(f"phonon-tl: stopped{kept}", err=True)
        raise typer.Exit(130) from None
