"""Write the page of a result: what ranks first, in a figure, and in a table to sort and filter."""

import html
import json
import re
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pymatgen.core import Element

from matminer_phonon_tl.files import write_atomically
from matminer_phonon_tl.screening.columns import as_texts, name_of, prediction_of, units_of
from matminer_phonon_tl.screening.figure import (
    domain_column,
    draw_first,
    formula_column,
    formulas_of,
    predicted_rows,
)
from matminer_phonon_tl.screening.ranking import RANKED_BY, Ranking, TopRows
from matminer_phonon_tl.structures import crystal_name, may_be_formula

TABLE_ROWS = 1000
MOST_BYTES = 800_000
"""Size of the table; of wider rows there are fewer. The rest of the page takes some 100 kB."""
LONGEST = 300
"""Characters of a cell."""
DIGITS = 8
"""Significant, of numbers in the table."""
FIGURE_WIDTH = 4.4
"""Inches; read on a phone, and larger on a screen."""

_IS_CODE = re.compile(r"0\d")
"""Texts such as 007 are names, not numbers."""
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_ELEMENTS = frozenset(element.symbol for element in Element)

NO_GAP = (
    "A compound that is judged to have no gap between acoustic and optical phonons has no value "
    "for it."
)
UNLIKE = (
    "Grey: unlike the training compounds, or of a kind that the models do not know (the column "
    "note says why), so that the interval may not hold."
)
TABLE = """
<p><label>Filter <input id="filter" type="search" placeholder="GaN, or {by} &gt; 5">
</label> <span id="count" role="status"></span></p>
<p class="hint">A text is looked for in every cell; a column, &lt; or &gt; and a number keep the
rows for which that holds. A click on a heading sorts, another the other way round.</p>
<div class="scroll" tabindex="0"><table id="table"><thead></thead><tbody></tbody></table></div>
"""


class RankingPage:
    """Collect what the page shows while the rows go by, in bounded memory, and write it.

    Parameters
    ----------
    ranking : Ranking
        What ranks the rows of figure and table.
    about : mapping
        What made the result, for the foot of the page.
    """

    def __init__(self, path: Path, ranking: Ranking, about: Mapping[str, Any]) -> None:
        self.path = path
        self.about = about
        self.n_rows = 0
        self.schema = pa.schema([])
        self.elements: Counter[str] = Counter()
        self._top = TopRows(TABLE_ROWS, ranking)

    def add(self, table: pa.Table) -> None:
        """Take note of a table's rows."""
        self.schema = table.schema
        self.n_rows += table.num_rows
        self._top.add(table)
        for formula in formulas_of(predicted_rows(table)):
            self.elements.update(_ELEMENTS & set(_SYMBOL.findall(formula)))

    def write(self, n_predicted: int) -> None:
        """Write the page of ``n_predicted`` ranked rows; it needs no network or other file."""
        folder = files(__package__)
        content, n_shown = self._content()
        page = "\n".join(
            [
                "<!doctype html>",
                '<html lang="en"><head><meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
                '<meta name="color-scheme" content="light dark">',
                '<link rel="icon" href="data:,">',
                "<title>Screening for phonon properties</title>",
                f"<style>{(folder / 'page.css').read_text(encoding='utf-8')}</style></head><body>",
                *self._body(n_shown, n_predicted),
                content,
                f"<script>{(folder / 'page.js').read_text(encoding='utf-8')}</script>",
                "</body></html>",
            ]
        )
        write_atomically(self.path, page.encode("utf-8", "backslashreplace"))

    @property
    def _ranked(self) -> str:
        """Name of the column by which rows are ranked; empty where there are none."""
        return self._top.ranking.column(self.schema) if self.n_rows else ""

    @property
    def _domain(self) -> str | None:
        """Name of the column that says in which rows the ranked prediction is to be trusted."""
        return domain_column(self.schema, prediction_of(self.schema.field(self._ranked)))

    def _body(self, n_shown: int, n_predicted: int) -> list[str]:
        where = self.about.get("where")
        condition = f" for which <code>{html.escape(where)}</code>" if where else ""
        input_name = html.escape(str(self.about.get("input")))
        by = html.escape(self._ranked)
        words, order = by.replace("_", " "), "lowest" if self._top.ranking.ascending else "highest"
        has_gap = name_of(self.schema, RANKED_BY) is not None
        count = f"{self.n_rows} row{'s' * (self.n_rows != 1)}"
        if self.n_rows < n_predicted:
            count = f"The {order} {self.n_rows} of {n_predicted} rows"
        parts = [
            "<h1>Screening for phonon properties</h1>",
            f"<p>{count} of {input_name}{condition}.{f' {NO_GAP}' if has_gap else ''}</p>",
        ]
        figure = self._figure(n_predicted)
        if figure:
            parts += [f"<h2>Ranked by {words}, {order} first</h2>", figure]
        if self.n_rows:
            title = f"{'All' if n_shown == self.n_rows else 'The first'} {n_shown}"
            parts += [
                f"<h2>{title} by {words}</h2>",
                TABLE.replace("{by}", by),
                f'<p class="hint">{UNLIKE}</p>' if self._domain else "",
            ]
        if self.elements:
            parts += [
                "<h2>Elements</h2>",
                "<p>How many of the rows hold each element.</p>",
                elements_table(self.elements),
            ]
        return [*parts, "<h2>How it was made</h2>", self._methods()]

    def _figure(self, n_predicted: int) -> str:
        """Return the figure of the first rows; nothing where none of them was predicted."""
        from matminer_phonon_tl.figures import page_svg
        from matminer_phonon_tl.figures.ranking import PAGE_COLOURS

        if self._top.table is None or not len(predicted := predicted_rows(self._top.table)):
            return ""
        figure = draw_first(
            predicted,
            self._top.ranking,
            n_predicted,
            float(self.about.get("level", 0.9)),
            FIGURE_WIDTH,
        )
        return page_svg(figure, "ranking", PAGE_COLOURS)

    def _methods(self) -> str:
        items = "".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(_in_words(value))}</dd>"
            for name, value in self.about.items()
            if value is not None
        )
        return f"<dl>{items}</dl>"

    def _content(self) -> tuple[str, int]:
        """Return the table's rows, as an element of the page, and their number."""
        if self._top.table is None:
            return "", 0
        top = readable_frame(self._top.table)
        content: dict[str, Any] = {
            "columns": list(top.columns),
            "shown": self._shown_columns(top),
            "units": units_of(self.schema),
            "unlike": self._domain,
        }
        # pandas writes what is missing as null
        rows = json.loads(top.to_json(orient="values", double_precision=15, date_format="iso"))
        while True:
            text = json.dumps({**content, "rows": rows}, allow_nan=False, separators=(",", ":"))
            text = text.replace("<", "\\u003c")  # so that none can forge the element's end
            if len(text) <= MOST_BYTES or len(rows) <= 1:
                break
            rows = rows[: max(1, int(0.95 * len(rows) * MOST_BYTES / len(text)))]
        return f'<script type="application/json" id="rows">{text}</script>', len(rows)

    def _shown_columns(self, top: pd.DataFrame) -> list[list[str]]:
        """Choose the table's columns and their order; an interval's two ends are one column.

        The formula and what is ranked stand first, with its interval; then come the input's
        columns and the predictor's. Spreads, and columns without any value, are left out.
        """
        names = {
            label: str(field.name)
            for field in self.schema
            if (label := prediction_of(field)) is not None
        }
        parts = {
            name: [names[f"{label}_lower"], names[f"{label}_upper"]]
            for label, name in names.items()
            if f"{label}_lower" in names and f"{label}_upper" in names
        }
        ends = {end for pair in parts.values() for end in pair}
        spreads = {names[label] for label in names if label.endswith("_std")}
        order = dict.fromkeys([formula_column(self.schema), self._ranked, *self.schema.names])
        shown = []
        for name in order:
            if (
                name in ends | spreads
                or name not in top
                or not top[name].replace("", None).notna().any()
            ):
                continue
            shown.append([name])
            if name in parts:
                shown.append(parts[name])
        return shown


def readable_frame(table: pa.Table) -> pd.DataFrame:
    """Turn a table into a frame of numbers and short texts.

    Nested values and bytes become text, a structure its formula and space group, texts of numbers
    (which a CSV file has) numbers; what is long is cut.
    """
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        values = _as_numbers(_scalars(column))
        if pd.api.types.is_float_dtype(values.dtype):
            values = values.map(lambda value: float(f"{value:.{DIGITS}g}"), na_action="ignore")
        elif values.dtype == object:
            values = values.map(_readable, na_action="ignore")
        columns[name] = values
    return pd.DataFrame(columns)


def _scalars(column: pa.ChunkedArray) -> "pd.Series[Any]":
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pd.Series(as_texts(column.to_pylist()).to_pylist(), dtype=object)
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type).to_pandas()
    return column.to_pandas()


def _readable(value: Any) -> Any:
    """Name a structure, and cut a long text."""
    if not isinstance(value, str):
        return value
    if not may_be_formula(value) and (crystal := crystal_name(value)):
        return crystal
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}\u2026"


def _as_numbers(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Turn a column that holds nothing but numbers into numbers."""
    if column.dtype != object or column.map(lambda value: isinstance(value, bool)).any():
        return column
    if column.map(lambda value: isinstance(value, str) and _IS_CODE.match(value)).any():
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers if numbers.notna().eq(column.notna()).all() and len(numbers) else column


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {member}" for key, member in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def elements_table(counts: Mapping[str, int]) -> str:
    """Return the periodic table as HTML, coloured by how many rows hold each element."""
    most = max(counts.values())
    cells = []
    for element in Element:
        if element.symbol in ("D", "T"):
            continue
        row, column = _place(element)
        count = counts.get(element.symbol, 0)
        share = f";--share:{max(0.08, count / most):.2f}" if count else ""
        cells.append(
            f'<li style="grid-area:{row}/{column}{share}" '
            f'title="{element.long_name}: {count}">{element.symbol}</li>'
        )
    return f'<ul class="elements">{"".join(cells)}</ul>'


def _place(element: Element) -> tuple[int, int]:
    """Return row and column, from 1; lanthanides and actinides stand below."""
    if element.is_lanthanoid:
        return 8, element.Z - 57 + 4
    if element.is_actinoid:
        return 9, element.Z - 89 + 4
    return element.row, element.group
