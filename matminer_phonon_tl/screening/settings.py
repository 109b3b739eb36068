"""Options of a screening, in one object that is checked when it is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import Any

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.ranking import Ranking
from matminer_phonon_tl.screening.where import Where, parse_where

NEGLIGIBLE = 0.2
"""Probability of a gap below which its width is not computed and the expected one is 0: the rows
that nobody screens for would cost a third of the time."""
CHUNK_ROWS = 5_000
MOST_ROWS = 10_000_000
"""Largest chunk, and largest number of rows to keep."""
MOST_JOBS = 1024


@dataclass(frozen=True)
class ScreeningSettings:
    """Options of :func:`screen`, which describes each of them.

    Raises
    ------
    ScreeningError
        If an option cannot be used. What depends on the input's columns is checked with them, and
        what the predictor takes is checked by the predictor.

    Examples
    --------
    >>> settings = ScreeningSettings(where="phonon_bandgap > 150", top=10)
    >>> settings.condition.columns
    {'phonon_bandgap'}
    """

    formula: str | None = None
    columns: Sequence[str] | None = None
    where: str | None = None
    top: int | None = None
    by: str | None = None
    ascending: bool = False
    html: str | Path | None = None
    plot: str | Path | None = None
    level: float = 0.9
    conditional: bool = False
    negligible: float = NEGLIGIBLE
    resume: bool = False
    n_jobs: int | None = None
    chunk_rows: int = CHUNK_ROWS

    def __post_init__(self) -> None:
        for name, most in (("top", MOST_ROWS), ("chunk_rows", MOST_ROWS), ("n_jobs", MOST_JOBS)):
            value = getattr(self, name)
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            if value is not None and not (whole and 1 <= int(value) <= most):
                raise ScreeningError(
                    f"expected {name} as a whole number in 1-{most}, got {value!r}"
                )
        if self.columns is not None and (isinstance(self.columns, str) or not len(self.columns)):
            raise ScreeningError(
                f"expected columns as a list of one name or more, got {self.columns!r}"
            )
        if (self.by is not None or self.ascending) and self.top is None:
            raise ScreeningError(
                "expected --top with --by and --ascending, got none: add --top 100 for the first "
                f"100 rows, ranked, or --top {MOST_ROWS} for all, as far as they fit into memory "
                "(without --by and --ascending all rows are written, in the input's order)"
            )
        self.condition  # noqa: B018 (a condition that cannot be read is refused here)

    @cached_property
    def condition(self) -> Where | None:
        """The condition on rows, read; None where every row is wanted."""
        return None if self.where is None else parse_where(self.where)

    @property
    def ranking(self) -> Ranking:
        """What ranks the rows."""
        return Ranking(self.by, self.ascending)

    @property
    def is_ranked(self) -> bool:
        """Whether the output, the page or the figure needs a ranking."""
        return any(each is not None for each in (self.top, self.html, self.plot))

    @property
    def of_predictor(self) -> dict[str, Any]:
        """Options that :meth:`PhononPredictor.predict` takes."""
        return {
            "level": self.level,
            "conditional": self.conditional,
            "negligible": self.negligible,
        }

    @property
    def of_chunks(self) -> dict[str, Any]:
        """Options that decide what a finished chunk holds: a run goes on only with the same."""
        return {
            "formula": self.formula,
            "columns": None if self.columns is None else list(self.columns),
            "where": self.where,
            "level": float(self.level),
            "conditional": self.conditional,
            "negligible": float(self.negligible),
            "chunk_rows": self.chunk_rows,
        }
