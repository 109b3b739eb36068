"""Screen candidates: predictions for a table of any length, in bounded memory, resumable."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from matminer_phonon_tl._version import __version__
from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.models import PhononPredictor
from matminer_phonon_tl.models.serialization import content_hash, library_versions
from matminer_phonon_tl.screening.delivery import Delivery
from matminer_phonon_tl.screening.engines import Engine, available_cores, threads
from matminer_phonon_tl.screening.outputs import check_output, check_places
from matminer_phonon_tl.screening.page import RankingPage
from matminer_phonon_tl.screening.predicting import NEGLIGIBLE, RowPredictor
from matminer_phonon_tl.screening.ranking import Ranking, TopRows
from matminer_phonon_tl.screening.run import Run
from matminer_phonon_tl.screening.sources import Source, open_source
from matminer_phonon_tl.screening.store import ChunkStore
from matminer_phonon_tl.screening.where import parse_where

CHUNK_ROWS = 5_000
MOST = 10_000_000
"""Of rows in a chunk, or to keep."""
MOST_JOBS = 1024


@dataclass(frozen=True)
class ScreeningReport:
    """What a screening did.

    Parameters
    ----------
    output : str
    rows, failed, written : int
        Rows of the input, those with an error, those in the output.
    resumed : int
        Rows that an earlier run had done.
    seconds : float
        This run took.
    error_column : str
        Says what is wrong with a row.
    """

    output: str
    rows: int
    failed: int
    written: int
    resumed: int
    seconds: float
    error_column: str = "error"

    def __str__(self) -> str:
        new = self.rows - self.resumed
        parts = [
            f"{self.rows} rows screened ({new / max(self.seconds, 1e-9):.3g} rows/s)",
            f"{self.failed} of them with an error, see the column {self.error_column}"
            if self.failed
            else "",
            f"{self.resumed} of them by the run before this" if self.resumed else "",
            f"{self.written} rows written to {self.output}",
        ]
        return ", ".join(filter(None, parts))


def screen(
    data: Any,
    output: str | Path,
    *,
    predictor: PhononPredictor | None = None,
    formula: str | None = None,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    top: int | None = None,
    by: str | None = None,
    ascending: bool = False,
    html: str | Path | None = None,
    level: float = 0.9,
    conditional: bool = False,
    negligible: float = NEGLIGIBLE,
    resume: bool = False,
    client: Any = None,
    n_jobs: int | None = None,
    chunk_rows: int = CHUNK_ROWS,
    progress: bool | None = None,
) -> ScreeningReport:
    """Predict for every row of a table of any length, and write what is asked for.

    Parameters
    ----------
    data : path, "-", DataFrame, dask DataFrame, or iterable
        CSV, JSON lines or matminer's JSON (each also gzipped), a Parquet file or a folder of them;
        "-" for CSV or JSON lines from standard input. An iterable gives formulas, compositions,
        records (dicts), or DataFrames.
    output : path or "-"
        Parquet (``.parquet``), CSV (``.csv``, ``.csv.gz``); "-" for CSV to standard output. It
        appears once it is whole; until then finished chunks lie in ``OUTPUT.parts``.
    predictor : PhononPredictor, optional
        Default: the one that ships.
    formula : str, optional
        Column of the formulas; default: composition, formula or structure.
    columns : sequence of str, optional
        Columns of the output, in this order. Default: the input's, then the predictor's; a
        prediction whose name the input has already ends in ``_predicted``.
    where : str, optional
        Rows to write, for example ``"has_gap_probability > 0.8 and phonon_bandgap > 150"``.
    top : int, optional
        Write only so many rows, those with the highest value of `by`.
    by : str, optional
        Column to rank by, here and on the page; default: the predicted gap. Texts count as the
        numbers they hold; dates can be ranked too.
    ascending : bool
        Rank the lowest first.
    html : path, optional
        Write a page of the result too: figures, and a table of the first thousand. Spreads
        (``_std``) are left out there.
    level, conditional
        As in :meth:`PhononPredictor.predict`.
    negligible : float
        Likewise. Compounds that hardly have a gap get none computed, which saves much of the time;
        0 computes all.
    resume : bool
        Go on with the chunks of a run that was stopped.
    client : dask.distributed.Client or str, optional
        Cluster to compute on, or its scheduler's address. Default: threads of this process.
    n_jobs : int, optional
        Threads; default: one a core.
    chunk_rows : int
        Rows computed and written at a time.
    progress : bool, optional
        Show a progress bar; default: on a terminal.

    Returns
    -------
    ScreeningReport

    Raises
    ------
    ScreeningError
        If input, output or options cannot be used; what was finished is kept for ``resume``. A row
        that cannot be predicted is no error: it comes back with its reason in the column ``error``.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> path = Path(tempfile.mkdtemp()) / "result.csv"
    >>> report = screen(["InN", "BAs", "Qq"], path, columns=["formula", "error"])
    >>> report.rows, report.failed
    (3, 1)
    >>> pd.read_csv(path)["formula"].tolist()
    ['InN', 'BAs', 'Qq']
    """
    started = time.monotonic()
    _check_number("top", top, MOST)
    _check_number("chunk_rows", chunk_rows, MOST)
    _check_number("n_jobs", n_jobs, MOST_JOBS)
    if columns is not None and (isinstance(columns, str) or not len(columns)):
        raise ScreeningError(f"expected columns as a list of one name or more, got {columns!r}")
    if (by is not None or ascending) and top is None and html is None:
        raise ScreeningError(
            "expected --by and --ascending with --top or --html, got neither: nothing is ranked"
        )
    condition = None if where is None else parse_where(where)
    kind = "csv" if str(output) == "-" else check_output(Path(output))
    path, page_path = check_places(data, output, html)
    if path is None and resume:
        raise ScreeningError("expected an output file with resume, got '-': name a file")
    ranking = Ranking(by, ascending)
    source = open_source(data, formula=formula, chunk_rows=chunk_rows)
    predictor = predictor or PhononPredictor.from_pretrained()
    predict = RowPredictor(predictor, level=level, conditional=conditional, negligible=negligible)
    run = Run(
        source,
        predict.schema.names,
        columns=columns,
        where=condition,
        ranked_by=ranking if top or html else None,
    )
    options = {
        "formula": formula,
        "columns": None if columns is None else list(columns),
        "where": where,
        "level": float(level),
        "conditional": conditional,
        "negligible": float(negligible),
        "chunk_rows": chunk_rows,
    }
    model = content_hash(predictor.as_dict())
    about = {
        "model_sha256": model,
        "versions": library_versions(),
        "input": source.name,
        "input_sha256": source.sha256,
        **options,
    }
    delivery = Delivery(
        path,
        kind,
        about,
        top=None if top is None else TopRows(top, ranking),
        page=None if page_path is None else RankingPage(page_path, ranking, about),
    )
    with ExitStack() as stack, _writing(path or "standard output"):
        store = None
        if path is not None:
            identity = {
                "input": source.sha256 or source.name,
                "model": model,
                "options": options,
                "version": __version__,
            }
            store = stack.enter_context(ChunkStore(path, identity, resume=resume))
        engine = stack.enter_context(_engine(predict, client, n_jobs))
        bar = stack.enter_context(_progress_bar(source, progress))
        if store is None:
            delivery.deliver(run.to_tables(engine, bar))
        else:
            run.to_store(engine, bar, store)
            delivery.deliver(store.tables(), store.folder)
            store.remove()
    return ScreeningReport(
        output="standard output" if path is None else str(path),
        rows=run.rows,
        failed=run.failed,
        written=delivery.written,
        resumed=run.resumed,
        seconds=time.monotonic() - started,
        error_column="error" if run.layout is None else run.layout.error,
    )


def _engine(
    predict: RowPredictor, client: Any, n_jobs: int | None
) -> AbstractContextManager[Engine]:
    """Choose what predicts: a cluster where there is a client, else threads of this process."""
    if client is None:
        return threads(predict, n_jobs or available_cores())
    from matminer_phonon_tl.screening.cluster import workers

    return workers(predict, client)


def _check_number(name: str, value: Any, most: int) -> None:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if value is not None and not (whole and 1 <= int(value) <= most):
        raise ScreeningError(f"expected {name} as a whole number in 1-{most}, got {value!r}")


def _progress_bar(source: Source, progress: bool | None) -> Any:
    # disable=None: tqdm's own "only on a terminal".
    return tqdm(
        total=source.n_rows,
        desc="Screening",
        unit=" rows",
        unit_scale=True,
        disable=None if progress is None else not progress,
    )


@contextmanager
def _writing(output: Path | str) -> Iterator[None]:
    """Say in one sentence what kept the output from being written."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise ScreeningError(
            f"expected to be able to write {output}, but that failed: {reason}; what is finished "
            "is kept, and --resume goes on with it"
        ) from error
