"""``phonon-tl properties``: phonon calculations in, a table, JSON, a spreadsheet or figures out."""

import math
import os
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text
from tqdm.auto import tqdm

from matminer_phonon_tl.cli.options import AsJson
from matminer_phonon_tl.cli.output import plain, print_json, write_interval
from matminer_phonon_tl.cli.tables import Column, check_table_path, write_table
from matminer_phonon_tl.datasets.load import OF_THREE_WAVES
from matminer_phonon_tl.exceptions import PhononTLError, PhononTLWarning

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pymatgen.core import Structure

    from matminer_phonon_tl.phonons.calculation import PhononCalculation
    from matminer_phonon_tl.phonons.reading import FoundCalculation

SOME_FAILED = 1
MAX_TEMPERATURES = 10_000
_OVER = {"all directions": "all directions", "path": "the path"}
_ENDINGS = re.compile(r"(\.(tar|tgz|zip|json|ya?ml|hdf5|gz|xz|lzma|bz2))+$")
PREDICTED = {
    "phonon_bandgap": Column("phonon_bandgap", "cm-1", 0),
    "speed_of_sound": Column("speed_of_sound", OF_THREE_WAVES, 2),
    "heat_capacity": Column("heat_capacity", "J/mol/K", 1),
}
COLUMNS = (
    Column("path"),
    Column("formula"),
    Column("nsites"),
    Column("volume", "A3", 2),
    Column("is_stable"),
    Column("lowest_frequency", "cm-1", 1),
    Column("max_frequency", "cm-1", 1),
    Column("acoustic_top", "cm-1", 1),
    Column("optical_bottom", "cm-1", 1),
    Column("acoustic_optical_gap", "cm-1", 1),
    Column("largest_gap", "cm-1", 1),
    Column("largest_gap_lower_edge", "cm-1", 1),
    Column("largest_gap_upper_edge", "cm-1", 1),
    Column("largest_gap_branch"),
    Column("speed_of_sound", OF_THREE_WAVES, 3),
    Column("speed_longitudinal", "km/s", 3),
    Column("speed_transverse", "km/s", 3),
    Column("speed_debye", "km/s", 3),
    Column("speeds_over"),
    Column("debye_temperature", "K", 1),
    Column("heat_capacity", "J/mol/K", 2),
    Column("heat_capacity_per_atom", "J/mol/K", 2),
)
LAST_COLUMNS = tuple(Column(name) for name in ("source", "units", "notes", "error"))
TABLE = (
    *("formula", "stable", "gap, cm-1", "largest gap, cm-1", "sound, km/s", "Debye, K"),
    *("Cv, J/mol/K", "mean over"),
)
NOTE = (
    "gap: from the highest acoustic to the lowest optical frequency, in brackets; where there is "
    "none, by how much acoustic and optical overlap. sound: mean over the three waves and over "
    "what stands under mean over. Cv at 300 K per mole of reduced formula units."
)
PREDICTED_NOTE = (
    "predicted: by the models that ship, from the structure alone, with its {level:g} % interval."
)


def properties(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="phonopy folders and files, JSON documents, archives, or folders of these."
        ),
    ],
    temperature: Annotated[
        str | None,
        typer.Option(
            help="Give the heat capacity at these temperatures too, in K: 100, or 100,200, or "
            "FIRST:LAST:STEP; in --out, a column each."
        ),
    ] = None,
    predict: Annotated[
        bool, typer.Option("--predict", help="Put the prediction for the structure beside.")
    ] = False,
    level: Annotated[
        float, typer.Option(help="Share of compounds the predictions' intervals hold.")
    ] = 0.9,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw bands, density, gap and speeds: .png, .svg, .pdf."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write a table: .csv, .parquet or .xlsx.")
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(help="Unit of documents that leave it open: THz, cm-1, eV, meV."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute gap, speeds of sound, Debye temperature and heat capacity of your own phonons.

    Read are folders and files of phonopy (phonopy_params.yaml, phonopy.yaml, FORCE_SETS or
    FORCE_CONSTANTS with POSCAR and BORN, band.yaml, mesh.yaml, their HDF5 and compressed forms, of
    any force calculator that phonopy knows), archives of the Kyoto phonon database, JSON documents
    of pymatgen, the Materials Project and Petretto et al., and tar and zip archives of all these.

    What cannot be read is one line on stderr, and the others are done all the same.
    """
    temperatures = parse_temperatures(temperature)
    if out is not None:
        check_table_path(out)
    figures = None if plot is None else _Figures(plot)
    done: list[_Row] = []
    for row in tqdm(
        _rows(paths, temperatures, unit, figures), desc="Reading", disable=not _shows_progress()
    ):
        if row.error:
            typer.echo(f"{row.path}: {row.error}", err=True)
        done.append(row)
    if figures is not None:
        figures.finish()
    if predict:
        _predict(done, level)
    records = [row.record() for row in done]
    if out is not None:
        columns = [*COLUMNS, *_curve_columns(temperatures, temperature)]
        columns += _prediction_columns() if predict else []
        write_table(out, [*columns, *LAST_COLUMNS], [_flat(record) for record in records])
    if as_json:
        print_json(records)
    else:
        good = [row for row in done if not row.error]
        _print(good, temperatures if temperature else None, 100 * level if predict else None)
        written = [*([out] if out else []), *(figures.written if figures else [])]
        for path in written:
            typer.echo(f"written to {path}")
    if any(row.error for row in done):
        raise typer.Exit(SOME_FAILED)


def parse_temperatures(text: str | None) -> list[float]:
    """Read ``300``, ``100,200`` or ``FIRST:LAST:STEP``, the last included.

    Parameters
    ----------
    text : str or None
        None means 300 K.

    Returns
    -------
    list of float
        K.

    Raises
    ------
    ValueError
        It is none of these.

    Examples
    --------
    >>> parse_temperatures("100:300:100")
    [100.0, 200.0, 300.0]
    """
    if text is None:
        return [300.0]
    try:
        if ":" in text:
            first, last, step = map(float, text.split(":"))
            count = (last - first) / step
            if not (step > 0.0 and 0.0 <= count < MAX_TEMPERATURES):
                raise ValueError  # noqa: TRY301 - as float does
            found = [first + step * i for i in range(int(count + 1e-9) + 1)]
        else:
            found = [float(part) for part in text.split(",")]
        if not all(0.0 <= t < math.inf for t in found):
            raise ValueError  # noqa: TRY301 - as float does
    except (ValueError, ZeroDivisionError, OverflowError):
        raise ValueError(
            f"expected --temperature as 300, 100,200 or FIRST:LAST:STEP in K, such as 10:1000:10, "
            f"got {text!r}"
        ) from None
    return found


@dataclass
class _Row:
    """One calculation's place, and its properties or what is wrong with it."""

    path: str
    properties: dict[str, Any] | None = None
    structure: "Structure | None" = None
    prediction: dict[str, Any] | None = None
    error: str | None = None

    def record(self) -> dict[str, Any]:
        record = {"path": self.path, **(self.properties or {}), "error": self.error}
        if self.prediction is not None:
            record["prediction"] = self.prediction
        return record


def _rows(
    paths: list[str], temperatures: list[float], unit: str | None, figures: "_Figures | None"
) -> Iterator[_Row]:
    """Yield a row for each calculation, and one for each path that cannot be read."""
    from matminer_phonon_tl.phonons import find_calculations

    for path in paths:
        found = find_calculations(path)
        while True:
            name = path
            try:
                calculation = next(found, None)
                if calculation is None:
                    break
                name = calculation.name
                yield _row(calculation, temperatures, unit, figures)
            except Exception as error:  # noqa: BLE001 - one bad file must not lose the others
                yield _Row(name, error=_sentence(error))


def _row(
    place: "FoundCalculation",
    temperatures: list[float],
    unit: str | None,
    figures: "_Figures | None",
) -> _Row:
    from matminer_phonon_tl.phonons import phonon_properties

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        calculation = place.read()
        if unit is not None and not calculation.units:
            calculation.unit = unit
        found = phonon_properties(calculation, temperature=temperatures)
        if figures is not None:
            figures.add(calculation, place.name)
    record = found.as_dict()
    if record["temperatures"] == [300.0]:
        del record["temperatures"], record["heat_capacities"]
    said = [str(w.message) for w in caught if issubclass(w.category, PhononTLWarning)]
    if said:
        notes = [*dict.fromkeys(said), *filter(None, [record["notes"]])]
        record["notes"] = " ".join(f"{note.rstrip('.')}." for note in notes)
    return _Row(place.name, record, found.structure)


def _sentence(error: Exception) -> str:
    """Return an error as one line."""
    text = " ".join(str(error).split())
    if isinstance(error, PhononTLError | OSError | ValueError) and text.startswith("expected"):
        return text
    return (
        f"expected a phonon calculation that can be read, but that failed ({type(error).__name__}: "
        f"{text[:200]}); check the file"
    )


class _Figures:
    """Draw each calculation, to the name that is given, or to one each where there are several."""

    def __init__(self, path: Path) -> None:
        from matminer_phonon_tl.figures import check_figure_path

        check_figure_path(path)
        self.path = path
        self.written: list[Path] = []
        self._first: tuple[Figure, str] | None = None

    def add(self, calculation: "PhononCalculation", name: str) -> None:
        from matminer_phonon_tl.figures import plot_phonon

        figure = plot_phonon(calculation)
        if self._first is None and not self.written:
            self._first = (figure, name)
            return
        if self._first is not None:
            self._save(self._first[0], self._named(self._first[1]))
            self._first = None
        self._save(figure, self._named(name))

    def finish(self) -> None:
        if self._first is not None:
            self._save(self._first[0], self.path)

    def _named(self, name: str) -> Path:
        tail = re.sub(r"[^\w.-]+", "_", _short(name)).strip("_.")[-80:]
        path = self.path.with_name(f"{self.path.stem}-{tail}{self.path.suffix}")
        number = 1
        while path in self.written:
            number += 1
            path = self.path.with_name(f"{self.path.stem}-{tail}-{number}{self.path.suffix}")
        return path

    def _save(self, figure: "Figure", path: Path) -> None:
        from matminer_phonon_tl.figures import save_figure

        save_figure(figure, path)
        self.written.append(path)


def _shows_progress() -> bool:
    return sys.stderr.isatty()


def _predict(rows: list[_Row], level: float) -> None:
    """Put the prediction for each structure into its row."""
    from matminer_phonon_tl.models import PhononPredictor

    known = [row for row in rows if row.structure is not None]
    if not known:
        return
    frame = PhononPredictor.from_pretrained(structure=True).predict(
        [row.structure for row in known], level=level
    )
    names = [f"{name}{part}" for name in PREDICTED for part in ("", "_lower", "_upper")]
    kept = ("has_phonon_bandgap", "has_gap_probability", *names, "note", "error")
    for row, found in zip(known, frame.to_dict(orient="records"), strict=True):
        row.prediction = plain({name: found[name] for name in kept})


def _prediction_columns() -> list[Column]:
    columns = [Column("predicted_has_gap_probability", decimals=2)]
    for name, column in PREDICTED.items():
        columns += [
            column._replace(name=f"predicted_{name}{part}") for part in ("", "_lower", "_upper")
        ]
    return [*columns, Column("predicted_note")]


def _curve_columns(temperatures: list[float], asked: str | None) -> list[Column]:
    """Return a column for each temperature that was asked for."""
    if asked is None:
        return []
    return [Column(f"heat_capacity_{t:g}K", "J/mol/K", 2) for t in temperatures]


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without lists and dictionaries, as a row of a table."""
    row = dict(record)
    prediction = row.pop("prediction", None) or {}
    row |= {f"predicted_{name}": value for name, value in prediction.items()}
    values = row.pop("heat_capacities", None) or [row.get("heat_capacity")]
    for t, value in zip(row.pop("temperatures", None) or [300.0], values, strict=True):
        row[f"heat_capacity_{t:g}K"] = value
    return row


def _print(rows: list[_Row], curve: list[float] | None, percent: float | None) -> None:
    """Print a list for one calculation, a table for several, or lists where it is too narrow."""
    if not rows:
        return
    console = Console(soft_wrap=True)
    width = console.width
    table = _table(rows, predicted=percent is not None)
    needed = Measurement.get(console, console.options.update(max_width=10_000), table).maximum
    is_free = not console.is_terminal and "COLUMNS" not in os.environ
    if len(rows) > 1 and (needed <= width or is_free):
        Console(width=max(needed, width)).print(table)
        _remark(NOTE, width)
        for note, paths in _notes(rows).items():
            _remark(f"{', '.join(paths)}: {note}", width)
    else:
        for row in rows:
            for line in _lines(row):
                _remark(line, width, indent=22)
    if percent is not None:
        _remark(PREDICTED_NOTE.format(level=percent), width)
        for row in rows:
            if row.prediction is not None and row.prediction["note"]:
                _remark(f"{_short(row.path)}, its prediction: {row.prediction['note']}", width)
    if curve is not None:
        _print_curve(rows, curve)


def _notes(rows: list[_Row]) -> dict[str, list[str]]:
    """Return each note with the calculations that it is of."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.properties and row.properties["notes"]:
            found.setdefault(row.properties["notes"], []).append(_short(row.path))
    return found


def _short(path: str) -> str:
    """Return the last part of a path, without the endings of its format."""
    return _ENDINGS.sub("", re.split(r"[/\\:]", path.rstrip("/\\:"))[-1]) or path


def _remark(text: str, width: int, indent: int = 0) -> None:
    typer.echo(
        fill(
            text,
            width,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _table(rows: list[_Row], *, predicted: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("path", overflow="fold")
    for header in TABLE:
        table.add_column(header, justify="left" if header in TABLE[:2] else "right", no_wrap=True)
    if predicted:
        for header in ("gap", "sound", "Cv"):
            table.add_column(f"predicted {header}", justify="right", no_wrap=True)
    for row in rows:
        cells = [*_cells(row.properties or {}), *(_predicted_cells(row) if predicted else ())]
        table.add_row(Text(row.path), *(Text(cell) for cell in cells))
    return table


def _cells(found: dict[str, Any]) -> list[str]:
    return [
        found["formula"] or "-",
        "yes" if found["is_stable"] else "no",
        _gap_cell(found),
        _largest(found),
        _number(found["speed_of_sound"], 2),
        _number(found["debye_temperature"], 0),
        _number(found["heat_capacity"], 1),
        found["speeds_over"] or "-",
    ]


def _predicted_cells(row: _Row) -> list[str]:
    return [_interval(row.prediction, name) for name in PREDICTED]


def _lines(row: _Row) -> Iterator[str]:
    """Yield a calculation's properties, one a line."""
    found = row.properties or {}
    frequencies = "{} to {} cm-1".format(
        *(_number(found[f"{end}_frequency"], 1) for end in ("lowest", "max"))
    )
    crystal = found["formula"] or "unknown"
    if found["nsites"]:
        crystal += f", {found['nsites']} atoms in {found['volume']:.2f} A3"
    gap = _gap_in_words(found)
    if found["is_stable"]:
        stable = f"yes; frequencies {frequencies}"
    else:
        stable = f"no, there are imaginary modes; frequencies {frequencies}"
        gap += ", of an unstable crystal" if gap != "-" else ""
    speed = _number(found["speed_of_sound"], 2)
    if speed != "-":
        speed += (
            f" km/s, mean over {_OVER[found['speeds_over']]} (longitudinal "
            f"{_number(found['speed_longitudinal'], 2)}, transverse "
            f"{_number(found['speed_transverse'], 2)})"
        )
    debye = _number(found["debye_temperature"], 0)
    capacity = _number(found["heat_capacity"], 2)
    if capacity != "-":
        capacity += f" J/mol/K ({found['heat_capacity_per_atom']:.2f} per mole of atoms)"
    yield row.path
    for name, text, predicted in (
        ("crystal", crystal, ""),
        ("stable", stable, ""),
        ("gap", gap, "phonon_bandgap"),
        ("largest gap", _largest(found, " cm-1"), ""),
        ("speed of sound", speed, "speed_of_sound"),
        ("Debye temperature", debye if debye == "-" else f"{debye} K", ""),
        ("Cv at 300 K", capacity, "heat_capacity"),
        ("source", found["source"], ""),
        ("units", found["units"], ""),
        ("note", found["notes"] or "", ""),
    ):
        if text:
            yield f"  {name:<18}  {text}"
        if predicted and row.prediction is not None:
            yield f"  {'  predicted':<18}  {_predicted_line(row.prediction, predicted)}"


def _predicted_line(prediction: dict[str, Any], name: str) -> str:
    is_gap = name == "phonon_bandgap"
    shown = _interval(prediction, name)
    if "[" in shown:
        shown += f" {PREDICTED[name].unit}"
    if is_gap and shown != "-":
        shown += f"; the probability of one is {_number(prediction['has_gap_probability'], 2)}"
    return shown


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _range(found: dict[str, Any], name: str, lower: str, upper: str, unit: str = "") -> str:
    if found[name] is None:
        return "-"
    return f"{found[name]:.1f}{unit} ({found[lower]:.1f} to {found[upper]:.1f})"


def _gap_cell(found: dict[str, Any]) -> str:
    """Write the gap for a table; of branches that overlap, by how much."""
    width = found["acoustic_optical_gap"]
    if width is not None and width < 0.0:
        return f"none, overlap {-width:.1f}"
    return _range(found, "acoustic_optical_gap", "acoustic_top", "optical_bottom")


def _gap_in_words(found: dict[str, Any]) -> str:
    """Write the gap with what lies below and above it, in a line of 80 characters."""
    width = found["acoustic_optical_gap"]
    if width is None:
        return "-"
    top, bottom = found["acoustic_top"], found["optical_bottom"]
    if width < 0.0:
        return f"none: acoustic to {top:.1f} overlaps optical from {bottom:z.1f} cm-1"
    return f"{width:.1f} cm-1: acoustic up to {top:.1f}, optical from {bottom:z.1f}"


def _largest(found: dict[str, Any], unit: str = "") -> str:
    if not found["largest_gap"]:
        return "-" if found["largest_gap"] is None else "none"
    shown = _range(found, "largest_gap", "largest_gap_lower_edge", "largest_gap_upper_edge", unit)
    return (
        f"{shown}, above branch {found['largest_gap_branch']}" if unit and shown != "-" else shown
    )


def _interval(prediction: dict[str, Any] | None, name: str) -> str:
    if prediction is None or prediction["error"]:
        return "-"
    if prediction[name] is None:
        return "no gap"
    values = [prediction[f"{name}{part}"] for part in ("", "_lower", "_upper")]
    return write_interval(values, PREDICTED[name].decimals)


def _print_curve(rows: list[_Row], temperatures: list[float]) -> None:
    """Print the heat capacity at each temperature, a column a calculation."""
    typer.echo("Heat capacity, J/mol/K, per mole of reduced formula units:")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("T, K", justify="right", no_wrap=True)
    formulas = [str((row.properties or {})["formula"] or "unknown") for row in rows]
    for row, formula in zip(rows, formulas, strict=True):
        name = formula if formulas.count(formula) == 1 else f"{formula} ({_short(row.path)})"
        table.add_column(Text(name), justify="right", overflow="fold")
    curves = [
        (row.properties or {}).get("heat_capacities") or [(row.properties or {})["heat_capacity"]]
        for row in rows
    ]
    for number, t in enumerate(temperatures):
        table.add_row(f"{t:g}", *(_number(curve[number], 3) for curve in curves))
    Console().print(table)
