"""Build a dataset of the shipped set's form from phonon documents."""

import csv
import gzip
import io
import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblib import Parallel, delayed
from tqdm.auto import tqdm

from matminer_phonon_tl._version import __version__
from matminer_phonon_tl.checkpoint import Checkpoint
from matminer_phonon_tl.datasets.rows import DERIVATIONS, DERIVED
from matminer_phonon_tl.datasets.sources.base import (
    Entry,
    PhononSource,
    SkippedEntryError,
    SourceUnavailableError,
)
from matminer_phonon_tl.exceptions import (
    MissingExtraError,
    NonPrimitiveCellError,
    PhononDocumentError,
    UnitError,
    UnstableStructureError,
)
from matminer_phonon_tl.files import sha256_of, write_atomically

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (UnstableStructureError, "imaginary modes"),
    (UnitError, "unknown unit"),
    (NonPrimitiveCellError, "not the primitive cell"),
    (PhononDocumentError, "corrupt or incomplete document"),
)


@dataclass(frozen=True)
class BuildReport:
    """What a build gave.

    Attributes
    ----------
    n_rows : int
        Rows of the dataset.
    skipped : dict of str to int
        How many entries gave no row, by reason.
    n_resumed : int
        Entries that an earlier, interrupted run had done.
    dataset, skipped_csv : Path
        The files.
    """

    n_rows: int
    skipped: dict[str, int]
    n_resumed: int
    dataset: Path
    skipped_csv: Path

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.skipped.items())
        return f"{self.n_rows} rows in {self.dataset}; skipped: {reasons or 'none'}"


class PhononDatasetBuilder:
    """Compute a dataset from a source of phonon documents.

    Each entry of the source becomes a row of the dataset or a line of ``skipped.csv`` with the
    reason. The rows have the columns of the shipped set, as far as the source knows them, and
    their provenance: source, id of the document, its date, and the version of this package.
    While a build runs, ``NAME.checkpoint.sqlite3`` holds what is finished; a build that was killed
    goes on there when it is started again with the same source and output.

    Parameters
    ----------
    source : PhononSource
        Where the documents come from.
    output : path
        The dataset, ``NAME.json.gz``. Beside it stand ``NAME.skipped.csv`` and
        ``NAME.metadata.json``, which holds the hash that is checked at loading.
    n_jobs : int, default 1
        Entries read at a time; -1 is the number of cores. A source may allow fewer.
    pbar : bool, default True
        Show a progress bar.

    Examples
    --------
    >>> from matminer_phonon_tl.datasets.sources import PetrettoSource
    >>> builder = PhononDatasetBuilder(PetrettoSource("raw/"), "petretto.json.gz")
    >>> report = builder.build()  # doctest: +SKIP
    >>> print(report)  # doctest: +SKIP
    1245 rows in petretto.json.gz; skipped: 276 imaginary modes
    """

    def __init__(
        self,
        source: PhononSource,
        output: str | os.PathLike[str],
        *,
        n_jobs: int = 1,
        pbar: bool = True,
    ) -> None:
        self.source = source
        self.output = Path(output)
        self.n_jobs = n_jobs
        self.pbar = pbar

    def build(self) -> BuildReport:
        """Run the build, or the rest of an interrupted one, and write the files.

        Returns
        -------
        BuildReport
            Counts and paths.

        Raises
        ------
        ValueError
            The output's name does not end in ``.json.gz``, or ``n_jobs`` is 0.
        DatasetIntegrityError
            The checkpoint is of another build, or in use.
        MissingExtraError
            The source needs a package that is not installed.
        SourceUnavailableError
            The source does not answer; what is finished is kept.
        """
        if not self.output.name.endswith(".json.gz"):
            raise ValueError(
                f"expected an output named NAME.json.gz, got {self.output.name!r}; matminer's "
                "readers tell the format by that ending"
            )
        if self.n_jobs == 0:
            raise ValueError(
                "expected n_jobs of at least 1, or -1 for all cores, got 0; choose one"
            )
        fingerprint = {
            "source": self.source.name,
            **self.source.fingerprint(),
            "code_version": __version__,
        }
        with Checkpoint(self._beside("checkpoint.sqlite3"), fingerprint) as checkpoint:
            n_resumed = len(checkpoint.keys)
            if n_resumed:
                logger.info(f"{n_resumed} entries are done already, going on after them")
            self._run(checkpoint)
            report = self._write(checkpoint.lines(), n_resumed)
            checkpoint.remove()
        return report

    def _run(self, checkpoint: Checkpoint) -> None:
        """Add a line to the checkpoint for each entry that it lacks."""
        done = frozenset(checkpoint.keys)
        todo = (entry for entry in self.source.entries() if entry.key not in done)
        total = self.source.count()
        with tqdm(
            total=total,
            initial=len(done),
            desc=f"Building {self.output.name}",
            disable=not self.pbar,
        ) as bar:
            for line in self._process(todo):
                if line["key"] in checkpoint.keys:  # one name twice in a source
                    continue
                checkpoint.add(line)
                bar.update()

    def _process(self, entries: Iterator[Entry]) -> Iterable[dict[str, Any]]:
        """Yield the line of each entry, in order, which makes builds reproducible."""
        n_jobs = self.n_jobs if self.n_jobs > 0 else (os.cpu_count() or 1)
        n_jobs = min(n_jobs, self.source.max_jobs or n_jobs)
        if n_jobs == 1:
            return (process_entry(self.source, entry) for entry in entries)
        backend = "loky" if self.source.workers == "processes" else "threading"
        # pre_dispatch bounds how much of a streamed archive is held in memory
        run = Parallel(
            n_jobs=n_jobs, backend=backend, return_as="generator", pre_dispatch="2*n_jobs"
        )
        return run(delayed(process_entry)(self.source, entry) for entry in entries)

    def _write(self, lines: Iterable[dict[str, Any]], n_resumed: int) -> BuildReport:
        """Write the dataset, the list of what was skipped, and the metadata with the hash."""
        columns, _ = DERIVATIONS[self.source.form]
        rows: list[list[Any]] = []
        skipped: list[tuple[str, str, str]] = []
        seen: dict[str, str] = {}
        for line in lines:
            row = line.get("row")
            if row is None:
                skipped.append((line["key"], line["reason"], line["message"]))
            elif (first := seen.setdefault(row["material_id"], line["key"])) != line["key"]:
                message = f"expected one document of {row['material_id']}, got {first} before"
                skipped.append((line["key"], "duplicate", message))
            else:
                rows.append([row[name] for name in columns])
        table = {"index": list(range(len(rows))), "columns": list(columns), "data": rows}
        # mtime=0: the same rows are the same file
        content = gzip.compress(json.dumps(table).encode(), mtime=0)
        self.output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.output, content)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["entry", "reason", "message"])
        writer.writerows(skipped)
        write_atomically(self._beside("skipped.csv"), text.getvalue().encode())
        counts = dict(Counter(reason for _, reason, _ in skipped).most_common())
        metadata = {
            "hash": sha256_of(content),
            "num_entries": len(rows),
            "file_type": "json.gz",
            "source": {"source": self.source.name, **self.source.fingerprint()},
            "code_version": __version__,
            "skipped": counts,
        }
        write_atomically(
            self._beside("metadata.json"), json.dumps(metadata, indent=1).encode() + b"\n"
        )
        return BuildReport(len(rows), counts, n_resumed, self.output, self._beside("skipped.csv"))

    def _beside(self, ending: str) -> Path:
        """Return the path of a file that belongs to the output."""
        return self.output.with_name(f"{self.output.name.removesuffix('.json.gz')}.{ending}")


def process_entry(source: PhononSource, entry: Entry) -> dict[str, Any]:
    """Return an entry's line of the checkpoint: its row, or why there is none.

    A dictionary of ``key`` and ``row``, or of ``key``, ``reason`` and ``message``.
    MissingExtraError and SourceUnavailableError, which the other entries would meet too, are passed
    on.
    """
    try:
        _, derive = DERIVATIONS[source.form]
        return {"key": entry.key, "row": derive(source.read(entry), source.name)}
    except (MissingExtraError, SourceUnavailableError):
        raise  # no entry of the source can be read
    except Exception as error:  # noqa: BLE001 - one bad document must not end the run
        return {"key": entry.key, "reason": _reason(error), "message": _one_line(error)}


def compare_with_shipped(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Tell how the derived columns of a built dataset differ from the shipped ones.

    Parameters
    ----------
    frame : DataFrame
        A built dataset.

    Returns
    -------
    DataFrame
        Indexed by derived column, with ``materials`` (in both sets), ``median_difference``,
        ``largest_difference`` (in the column's unit, absolute), ``median_relative``,
        ``largest_relative`` (of the shipped value; materials where it is 0 are left out) and
        ``material_of_largest``; ``attrs``: ``only_in_frame``, ``only_in_reference``,
        ``gap_judged_differently``.

    Raises
    ------
    ValueError
        The dataset lacks a column.

    Examples
    --------
    >>> from matminer_phonon_tl.datasets import load_dataset
    >>> shipped = load_dataset("phonon_tl")
    >>> compare_with_shipped(shipped).loc["speed_of_sound", "largest_difference"]
    np.float64(0.0)
    >>> faster = shipped.assign(speed_of_sound=1.05 * shipped.speed_of_sound)
    >>> compare_with_shipped(faster).loc["speed_of_sound", "largest_relative"].round(3)
    np.float64(0.05)
    """
    import pandas as pd

    from matminer_phonon_tl.datasets.load import load_dataset

    reference = load_dataset("phonon_tl")
    needed = ["material_id", "has_phonon_bandgap", *DERIVED]
    if missing := [column for column in needed if column not in frame.columns]:
        raise ValueError(
            f"expected the columns {', '.join(needed)} in the dataset, got none named "
            f"{', '.join(missing)}; build it with PhononDatasetBuilder"
        )
    both = frame[needed].merge(reference[needed], on="material_id", suffixes=("", "_reference"))
    rows = []
    for column in DERIVED:
        expected = both[f"{column}_reference"]
        difference = (both[column] - expected).abs()
        relative = (difference / expected.abs())[expected != 0.0]
        rows.append(
            {
                "column": column,
                "materials": len(both),
                "median_difference": difference.median(),
                "largest_difference": difference.max(),
                "median_relative": relative.median(),
                "largest_relative": relative.max(),
                "material_of_largest": (
                    both["material_id"].iloc[int(difference.argmax())] if len(both) else None
                ),
            }
        )
    result = pd.DataFrame(rows).set_index("column")
    result.attrs = {
        "only_in_frame": int((~frame["material_id"].isin(both["material_id"])).sum()),
        "only_in_reference": int((~reference["material_id"].isin(both["material_id"])).sum()),
        "gap_judged_differently": int(
            (both["has_phonon_bandgap"] != both["has_phonon_bandgap_reference"]).sum()
        ),
    }
    return result


def _reason(error: Exception) -> str:
    """Return what an entry that ended with ``error`` is counted under."""
    if isinstance(error, SkippedEntryError):
        return error.reason
    for kind, reason in _REASONS:
        if isinstance(error, kind):
            return reason
    return f"unexpected {type(error).__name__}"


def _one_line(error: Exception) -> str:
    """Return an error's message as one line of a table."""
    return " ".join(str(error).split())[:500]
