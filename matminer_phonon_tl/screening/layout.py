"""Which columns the output has: the input's, then the predictor's."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from matminer_phonon_tl.exceptions import ScreeningError
from matminer_phonon_tl.screening.chunks import Chunk
from matminer_phonon_tl.screening.ranking import RANKED_BY, Ranking
from matminer_phonon_tl.screening.schemas import marked
from matminer_phonon_tl.screening.where import Where

SUFFIX = "_predicted"
"""Of a prediction whose name the input has already."""


@dataclass(frozen=True)
class Layout:
    """How a chunk and its predictions become rows of the output.

    Parameters
    ----------
    renamed : dict of str to str
        The predictor's columns, and what each is called in the output.
    columns : tuple of str or None
        Those to keep; None for all.
    where : Where or None
        Rows to keep.
    """

    renamed: dict[str, str]
    columns: tuple[str, ...] | None
    where: Where | None

    @property
    def error(self) -> str:
        """What the column that says what is wrong with a row is called in the output."""
        return self.renamed["error"]

    @classmethod
    def plan(
        cls,
        input_names: Sequence[str],
        predicted_names: Sequence[str],
        *,
        columns: Sequence[str] | None,
        where: Where | None,
        ranked_by: Ranking | None,
    ) -> "Layout":
        """Decide, once the input's columns are known, and refuse what does not fit them.

        Parameters
        ----------
        input_names, predicted_names : sequence of str
        columns : sequence of str or None
            Those to keep.
        where : Where or None
        ranked_by : Ranking or None
            What needs a column to rank by.
        """
        renamed = {}
        for name in predicted_names:
            if name == "formula" and name in input_names:
                continue  # the input's own stands for it
            renamed[name] = _free_name(name, input_names)
        all_names = [*input_names, *renamed.values()]
        asked = {"--columns": columns or (), "--where": sorted(where.columns) if where else ()}
        for option, names in asked.items():
            _check(names, all_names, option)
        kept = tuple(columns) if columns is not None else None
        if ranked_by is not None and ranked_by.by is not None:
            _check([ranked_by.by], kept or all_names, "--by")
        elif ranked_by is not None and kept is not None and renamed[RANKED_BY] not in kept:
            raise ScreeningError(
                f"expected --columns with {renamed[RANKED_BY]}, by which rows are ranked, got "
                f"{', '.join(kept)}: add it, or rank by another with --by"
            )
        return cls(renamed, kept, where)

    def rows(self, chunk: Chunk, predicted: pa.Table) -> tuple[pa.Table, dict[str, int]]:
        """Join a chunk with its predictions, and keep the rows that are asked for.

        Returns
        -------
        table : pyarrow.Table
        counts : dict
            ``rows`` of the chunk, how many ``failed``, how many are ``kept``.
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
        fields += [predicted.schema.field(n).with_name(own) for n, own in self.renamed.items()]
        arrays = [*chunk.table.columns, *(predicted[name] for name in self.renamed)]
        table = pa.table(arrays, schema=pa.schema(fields))
        if self.where is not None:
            table = table.filter(self.where.mask(table))
        if self.columns is not None:
            table = table.select(self.columns)
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
            f"{unknown[0]!r}"
        )
