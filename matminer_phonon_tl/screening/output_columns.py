"""Name the output's columns: the input's, then the predictor's."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from matminer_phonon_tl.exceptions import ScreeningError, did_you_mean
from matminer_phonon_tl.screening.chunks import Chunk
from matminer_phonon_tl.screening.columns import marked
from matminer_phonon_tl.screening.ranking import RANKED_BY
from matminer_phonon_tl.screening.settings import ScreeningSettings

SUFFIX = "_predicted"
"""Ends the name of a prediction where the input has a column of that name."""


@dataclass(frozen=True)
class OutputColumns:
    """Turn a chunk and its predictions into rows of the output."""

    renamed: dict[str, str]
    """The output's name of each of the predictor's columns."""
    settings: ScreeningSettings
    """Its columns and its condition are kept."""

    @property
    def error(self) -> str:
        """Name of the column that says what is wrong with a row."""
        return self.renamed["error"]

    @classmethod
    def plan(
        cls,
        input_names: Sequence[str],
        predicted_names: Sequence[str],
        settings: ScreeningSettings,
    ) -> "OutputColumns":
        """Name the columns once the input's are known, and refuse options that do not fit them."""
        renamed = {}
        for name in predicted_names:
            if name == "formula" and name in input_names:
                continue  # the input's column has it
            renamed[name] = _free_name(name, input_names)
        all_names = [*input_names, *renamed.values()]
        where = settings.condition
        asked = {
            "--columns": settings.columns or (),
            "--where": sorted(where.columns) if where else (),
        }
        for option, names in asked.items():
            _check(names, all_names, option)
        kept = settings.columns
        if settings.by is not None:
            _check([settings.by], kept or all_names, "--by")
        elif settings.is_ranked and RANKED_BY not in renamed:
            raise ScreeningError(
                f"expected --top and --by, because this model predicts no {RANKED_BY} to rank by: "
                f"name one of {', '.join(kept or all_names)}"
            )
        elif settings.is_ranked and kept is not None and renamed[RANKED_BY] not in kept:
            raise ScreeningError(
                f"expected --columns with {renamed[RANKED_BY]}, by which rows are ranked, got "
                f"{', '.join(kept)}: add it, or rank by another with --by"
            )
        return cls(renamed, settings)

    def rows(self, chunk: Chunk, predicted: pa.Table) -> tuple[pa.Table, dict[str, int]]:
        """Join a chunk with its predictions, and keep the rows that are asked for.

        Counted are ``rows`` of the chunk, how many ``failed``, how many are ``kept``.
        """
        errors = predicted["error"].to_pylist()
        for row, sentence in chunk.errors.items():
            errors[row] = sentence
        place = predicted.column_names.index("error")
        said = pa.array(errors, pa.string())
        predicted = predicted.set_column(place, predicted.schema.field("error"), said)
        fields = [
            marked(field, "formula" if field.name == chunk.column else None)
            for field in chunk.table.schema
        ]
        fields += [predicted.schema.field(n).with_name(new) for n, new in self.renamed.items()]
        arrays = [*chunk.table.columns, *(predicted[name] for name in self.renamed)]
        table = pa.table(arrays, schema=pa.schema(fields))
        if self.settings.condition is not None:
            table = table.filter(self.settings.condition.mask(table))
        if self.settings.columns is not None:
            table = table.select(list(self.settings.columns))
        counts = {
            "rows": len(errors),
            "failed": sum(error is not None for error in errors),
            "kept": table.num_rows,
        }
        return table, counts


def _free_name(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name += SUFFIX
    return name


def _check(names: Sequence[str], known: Sequence[str], option: str) -> None:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise ScreeningError(f"expected each column once in {option}, got {twice[0]!r} twice")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ScreeningError(
            f"expected {option} to name columns of the result ({', '.join(known)}), got "
            f"{unknown[0]!r}{did_you_mean(unknown[0], known)}"
        )
