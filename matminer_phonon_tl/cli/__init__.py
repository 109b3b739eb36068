"""The command ``phonon-tl``: a thin layer over the package's public functions.

Exit codes: 0 when all was done, 1 when ``properties``, ``predict`` or ``build-dataset`` could not
do all that was asked for, 2 for wrong usage or an error, which is one line on stderr.
"""

import gc
import json
import os
import sys
import traceback
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import typer

from matminer_phonon_tl._version import __version__
from matminer_phonon_tl.cli.info import info
from matminer_phonon_tl.cli.options import AsJson
from matminer_phonon_tl.cli.output import plain, print_json
from matminer_phonon_tl.cli.predict import predict
from matminer_phonon_tl.cli.properties import properties
from matminer_phonon_tl.cli.screen import screen
from matminer_phonon_tl.cli.train import train
from matminer_phonon_tl.exceptions import PhononTLError

app = typer.Typer(
    name="phonon-tl",
    help="Phonon properties of semiconductors from composition.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",  # paragraphs are filled to the width of the terminal
    pretty_exceptions_enable=False,
)

NOTHING_DONE = 1
FAILED = 2


@app.callback(invoke_without_command=True)
def phonon_tl(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Phonon properties of semiconductors from composition."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


app.command()(info)
app.command()(properties)
app.command()(predict)
app.command()(screen)


@app.command("build-dataset")
def build_dataset(
    source: Annotated[
        Literal["kyoto", "materials_project", "petretto", "phonopy"],
        typer.Argument(help="Where the phonon documents come from."),
    ],
    output: Annotated[Path, typer.Argument(help="The dataset to write, NAME.json.gz.")],
    path: Annotated[
        Path | None,
        typer.Option(
            help="Folder or archive of the documents; for materials_project a file of ids."
        ),
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
    """Compute a dataset of a shipped one's form from phonon documents or force constants.

    What gives no row is listed in NAME.skipped.csv with its reason. A build that was stopped goes
    on where it was when it is started again. The Materials Project's key is taken from MP_API_KEY.
    """
    from matminer_phonon_tl.datasets.builder import PhononDatasetBuilder, compare_with_shipped
    from matminer_phonon_tl.datasets.load import load_dataset
    from matminer_phonon_tl.datasets.sources import make_source

    builder = PhononDatasetBuilder(
        make_source(source, path, use_flags=use_flags),
        output,
        n_jobs=n_jobs,
        pbar=sys.stderr.isatty(),
    )
    report = builder.build()
    content: dict[str, Any] = {
        "rows": report.n_rows,
        "skipped": report.skipped,
        "resumed": report.n_resumed,
        "dataset": str(report.dataset),
        "skipped_csv": str(report.skipped_csv),
    }
    table = compare_with_shipped(load_dataset(path=output)) if compare and report.n_rows else None
    if as_json:
        if table is not None:
            content["compared"] = {
                "columns": [
                    plain({str(name): value for name, value in row.items()})
                    for row in table.reset_index().to_dict(orient="records")
                ],
                **table.attrs,
            }
        print_json(content)
    else:
        typer.echo(str(report))
    if table is not None and not as_json:
        typer.echo(table.to_string(float_format="{:.4g}".format))
        for name, count in table.attrs.items():
            typer.echo(f"{str(name).replace('_', ' ')}: {count}")
    if not report.n_rows:
        typer.echo(
            f"phonon-tl: expected an entry that gives a row, got none: {report.skipped_csv} says "
            "why, if there were any",
            err=True,
        )
        raise typer.Exit(NOTHING_DONE)


# These stand in files of their own; a decorator there would need the app, which is made here.
app.command()(train)


@app.command()
def reproduce(
    out: Annotated[Path, typer.Option(help="Folder for scores, tables, figures and the report.")],
    scale: Annotated[
        Literal["quick", "mid", "full"],
        typer.Option(help="How many networks; full: the paper's 250 architectures."),
    ] = "full",
    experiment: Annotated[
        list[str] | None, typer.Option(help="Only this experiment; may be given several times.")
    ] = None,
    device: Annotated[str, typer.Option(help="A torch device: cpu, cuda.")] = "cpu",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what is finished in the folder.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of architectures, folds and networks.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Run the paper's experiments as published and, beside each, without the leak.

    Writes scores.json, CSV tables, figures and report.html. Prints first about how long it takes.
    """
    from matminer_phonon_tl.reproduction.experiments import estimate_minutes, in_words, plan_of, run

    jobs = plan_of(scale=scale, experiments=experiment, random_state=seed, device=device)
    if not as_json:
        typer.echo(
            f"{len(jobs)} parts, about {in_words(estimate_minutes(jobs))} on two cores; "
            "a run that is stopped goes on with --resume."
        )
    path = run(
        out, experiment, resume, scale=scale, device=device, random_state=seed,
        progress=sys.stderr.isatty(),
    )  # fmt: skip
    content = json.loads(path.read_text(encoding="utf-8"))
    if as_json:
        print_json(content)
        return
    for score in content["scores"]:
        typer.echo(_score_line(score))
    typer.echo(f"written to {path.parent}")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder that phonon-tl reproduce wrote.")],
    as_json: AsJson = False,
) -> None:
    """Write scores, tables, figures and report.html anew from what a run has finished.

    The run may have been stopped, or still be going on.
    """
    from matminer_phonon_tl.reproduction.experiments import write_report

    path = write_report(folder)
    if as_json:
        print_json(json.loads(path.read_text(encoding="utf-8")))
    else:
        typer.echo(f"written to {path.parent}: scores.json, tables, figures, report.html")


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


class _Later(ModuleType):
    """A module that is imported when something in it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        if name in ("__file__", "__wrapped__"):  # inspection, which needs no module
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        self.__dict__.update(vars(import_module(self.__name__)))
        return vars(self)[name]


def _start_fast() -> None:
    """Spare a short command what it does not need: a third of its time.

    scikit-learn imports scipy.stats, which takes as long as NumPy and pandas together and which
    predicting never uses. Imports and models are many objects that stay, among which the garbage
    collector seeks in vain.
    """
    gc.set_threshold(100_000, 20, 20)
    name = "scipy.stats"
    if name not in sys.modules:
        later = _Later(name)
        later.__spec__ = find_spec(name)
        sys.modules[name] = later


def main() -> None:
    """Run the command; every error is one line and a non-zero exit code."""
    _start_fast()
    # pymatgen sorts the elements of a formula by it, and no more comes of a rare gas's NaN.
    warnings.filterwarnings("ignore", message="No Pauling electronegativity")
    try:
        app()
    except BrokenPipeError:
        # The reader went away (| head): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except (PhononTLError, OSError, ValueError) as error:
        if not _is_ours(error):
            raise
        typer.echo(f"phonon-tl: {_sentence(error)}", err=True)
        sys.exit(FAILED)


def _is_ours(error: Exception) -> bool:
    """Tell whether an error is a sentence for the user; any other ValueError is a bug to show."""
    if isinstance(error, (PhononTLError, OSError)):
        return True
    raised = traceback.extract_tb(error.__traceback__)[-1]
    in_package = raised.filename.startswith(str(Path(__file__).parents[1]))
    return in_package and (raised.line or "").startswith("raise ")


def _sentence(error: Exception) -> str:
    """Return an error as one line; errors of the system, "[Errno 2] ...", in our words."""
    if isinstance(error, OSError) and error.errno and error.filename:
        path = Path(os.fsdecode(error.filename))
        if isinstance(error, FileNotFoundError):
            if not path.parent.exists():
                return f"expected a folder {path.parent}, found none: check the path"
            return f"expected a file {path}, found none: check the path"
        return f"expected to be able to use {path}, but that failed: {error.strerror}"
    return " ".join(str(error).split())
