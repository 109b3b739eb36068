"""Screen candidates: predictions for a table of any length, in bounded memory, resumable."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm.auto import tqdm

from matminer_phonon_tl._version import __version__
from matminer_phonon_tl.exceptions import DatasetIntegrityError, ScreeningError
from matminer_phonon_tl.files import library_versions
from matminer_phonon_tl.models import PhononPredictor
from matminer_phonon_tl.models.serialization import content_hash
from matminer_phonon_tl.models.shipped import ShippedPredictors
from matminer_phonon_tl.screening.chunks import Chunk
from matminer_phonon_tl.screening.engines import (
    Engine,
    available_cores,
    in_order,
    threads_and_processes,
)
from matminer_phonon_tl.screening.figure import RankingFigure
from matminer_phonon_tl.screening.input import Input, open_input
from matminer_phonon_tl.screening.output import Delivery, View, check_output, check_places
from matminer_phonon_tl.screening.output_columns import OutputColumns
from matminer_phonon_tl.screening.page import RankingPage
from matminer_phonon_tl.screening.ranking import TopRows
from matminer_phonon_tl.screening.row_predictor import RowPredictor
from matminer_phonon_tl.screening.settings import CHUNK_ROWS, NEGLIGIBLE, ScreeningSettings
from matminer_phonon_tl.screening.store import ChunkStore


@dataclass(frozen=True)
class ScreeningReport:
    """What a screening did.

    Parameters
    ----------
    output : str
        Where the rows were written.
    rows, failed, written : int
        Number of rows in the input, of rows with an error, and of rows in the output.
    resumed : int
        Number of rows that an earlier run had finished.
    seconds : float
        Duration of this run.
    error_column : str
        Column that says what is wrong with a row.
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
    predictor: PhononPredictor | ShippedPredictors | None = None,
    formula: str | None = None,
    columns: Sequence[str] | None = None,
    where: str | None = None,
    top: int | None = None,
    by: str | None = None,
    ascending: bool = False,
    html: str | Path | None = None,
    plot: str | Path | None = None,
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
        CSV, JSON lines or JSON (a dataset in matminer's form, records, structures), each also
        packed; a Parquet file; a file of structures (CIF, POSCAR, XSF, extended XYZ); a folder of
        Parquet files or of structures; "-" for CSV or JSON lines from standard input. An iterable
        gives formulas, compositions, structures, records (dicts), or DataFrames.
    output : path or "-"
        Parquet (``.parquet``), CSV (``.csv``, ``.csv.gz``); "-" for CSV to standard output. The
        file appears once it is complete; until then finished chunks lie in ``OUTPUT.parts``.
    predictor : PhononPredictor, optional
        Default: those that ship, the one of structures for rows with a structure and the one of
        compositions for others; the column ``based_on`` says which.
    formula : str, optional
        Column of the materials; default: structure, and where a row has none, composition or
        formula.
    columns : sequence of str, optional
        Columns of the output, in this order. Default: the input's, then the predictor's. Where the
        input has a column of the same name, the prediction's name ends in ``_predicted``.
    where : str, optional
        Rows to write, for example ``"has_gap_probability > 0.8 and phonon_bandgap > 150"``.
    top : int, optional
        Write only this many rows: those with the highest value of `by`, ranked. Without it, all
        rows are written in the input's order, and page and figure are ranked by the predicted gap.
    by : str, optional
        Column to rank by, in the output, on the page and in the figure; default: the predicted gap.
        Text counts as the number that it holds; dates can be ranked too. Only with `top`.
    ascending : bool
        Rank the lowest value first. Only with `top`.
    html : path, optional
        Write a page of the result too: the figure of `plot`, and a table of the first thousand
        rows, without the spreads (``_std``).
    plot : path, optional
        Draw the first 30 rows too, with their intervals and with what is calculated of their
        formulas: ``.png``, ``.svg`` or ``.pdf``. Intervals are drawn of what is in `columns`.
    level, conditional
        As in :meth:`PhononPredictor.predict`.
    negligible : float
        Probability of a gap below which its width is not computed, as in
        :meth:`PhononPredictor.predict`. This saves much of the time; 0 computes every width.
    resume : bool
        Go on with the finished chunks of a run that was stopped.
    client : dask.distributed.Client or str, optional
        Cluster to compute on, or its scheduler's address. Default: threads and processes here.
    n_jobs : int, optional
        Threads for formulas, and processes for structures where they are a hundred and more;
        default: one for each core.
    chunk_rows : int
        Rows that are predicted together and kept together; of structure files at most 200.
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
    settings = ScreeningSettings(
        formula=formula,
        columns=columns,
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
        n_jobs=n_jobs,
        chunk_rows=chunk_rows,
    )
    kind = "csv" if str(output) == "-" else check_output(Path(output))
    if plot is not None:
        from matminer_phonon_tl.figures import check_figure_path

        check_figure_path(plot)
    path, page_path, figure_path = check_places(data, output, page=html, figure=plot)
    if path is None and resume:
        raise ScreeningError("expected an output file with resume, got '-': name a file")
    predictor = predictor or ShippedPredictors()
    structures = isinstance(predictor, ShippedPredictors) or predictor.use_structure
    rows_in = open_input(data, formula=formula, chunk_rows=chunk_rows, structures=structures)
    predict = RowPredictor(predictor, settings)
    run = _Run(rows_in, predict.schema.names, settings)
    model = content_hash(predictor.as_dict())
    about = {
        "model_sha256": model,
        "versions": library_versions(),
        "input": rows_in.name,
        "input_sha256": rows_in.sha256,
        **settings.of_chunks,
    }
    views: list[View] = []
    if page_path is not None:
        views.append(RankingPage(page_path, settings.ranking, about))
    if figure_path is not None:
        views.append(RankingFigure(figure_path, settings.ranking, level))
    delivery = Delivery(
        path,
        kind,
        about,
        top=None if top is None else TopRows(top, settings.ranking),
        views=views,
    )
    with ExitStack() as stack, _writing(path or "standard output"):
        store = None
        if path is not None:
            identity = {
                "input": rows_in.sha256 or rows_in.name,
                "model": model,
                "options": settings.of_chunks,
                "version": __version__,
            }
            store = stack.enter_context(ChunkStore(path, identity, resume=resume))
        engine = stack.enter_context(_engine(predict, client, n_jobs))
        bar = stack.enter_context(_progress_bar(rows_in, progress))
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
        error_column=run.columns.error,
    )


class _Run:
    """Read, predict and keep chunk after chunk, and count the rows.

    Parameters
    ----------
    predicted_names : sequence of str
        The predictor's columns.

    Attributes
    ----------
    rows, failed, resumed : int
        Counted so far: all rows, those with an error, those of an earlier run.
    """

    def __init__(
        self, rows_in: Input, predicted_names: Sequence[str], settings: ScreeningSettings
    ) -> None:
        self.rows_in = rows_in
        self.predicted_names = predicted_names
        self.settings = settings
        self.rows = self.failed = self.resumed = 0
        self._columns: OutputColumns | None = None

    @property
    def columns(self) -> OutputColumns:
        """The output's columns, known once the first chunk is read."""
        if self._columns is None:
            raise ScreeningError(f"expected rows in {self.rows_in.name}, got none")
        return self._columns

    def to_tables(self, engine: Engine, bar: Any) -> Iterator[pa.Table]:
        """Yield the output's rows, chunk by chunk."""
        items = ((chunk, chunk.formulas) for chunk in self._chunks())
        for chunk, predicted in in_order(items, engine):
            table, counts = self.columns.rows(chunk, predicted)
            self._count(counts, bar)
            yield table

    def to_store(self, engine: Engine, bar: Any, store: ChunkStore) -> None:
        """Finish every chunk that the store does not hold yet."""

        def items() -> Iterator[tuple[Any, list[Any] | None]]:
            for number, chunk in enumerate(self._chunks()):
                sha256 = chunk.sha256()
                done = store.finished(number, sha256)
                yield (number, chunk, sha256, done), None if done else chunk.formulas

        number = -1
        for (number, chunk, sha256, done), predicted in in_order(items(), engine):
            if done is not None:
                self.resumed += done["rows"]
                self._count(done, bar)
                continue
            table, counts = self.columns.rows(chunk, predicted)
            store.add(number, sha256, table, counts)
            self._count(counts, bar)
        store.check_length(number + 1)

    def _chunks(self) -> Iterator[Chunk]:
        for chunk in self.rows_in.chunks():
            if self._columns is None:
                self._columns = OutputColumns.plan(
                    chunk.table.column_names, self.predicted_names, self.settings
                )
            yield chunk
        _ = self.columns  # an input without a single chunk is refused

    def _count(self, counts: dict[str, Any], bar: Any) -> None:
        self.rows += counts["rows"]
        self.failed += counts["failed"]
        bar.update(counts["rows"])


def _engine(
    predict: RowPredictor, client: Any, n_jobs: int | None
) -> AbstractContextManager[Engine]:
    """Choose what predicts: a cluster where there is a client, else threads and processes here."""
    if client is None:
        return threads_and_processes(predict, n_jobs or available_cores())
    from matminer_phonon_tl.screening.cluster import workers

    return workers(predict, client)


def _progress_bar(rows_in: Input, progress: bool | None) -> Any:
    return tqdm(
        total=rows_in.n_rows,
        desc="Screening",
        unit=" rows",
        unit_scale=True,
        # None makes tqdm show it on a terminal only.
        disable=None if progress is None else not progress,
    )


@contextmanager
def _writing(output: Path | str) -> Iterator[None]:
    """Say in one sentence what kept the output from being written."""
    try:
        yield
    except BrokenPipeError:
        raise
    except DatasetIntegrityError as error:
        raise ScreeningError(str(error)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ScreeningError(
            f"expected to be able to write {output}, but that failed: {reason}; what is finished "
            "is kept, and --resume goes on with it"
        ) from error
