"""``phonon-tl predict``: formulas, files or folders in, a table or JSON out."""

import os
import re
import warnings
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any, NamedTuple

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from matminer_phonon_tl.cli.options import AsJson, Model, More, choose_predictor
from matminer_phonon_tl.cli.output import plain, print_json, write_interval
from matminer_phonon_tl.exceptions import (
    CompositionError,
    PhononTLWarning,
    ScreeningError,
    did_you_mean,
)

ROWS_FAILED = 1
UNLIMITED = 10_000
"""Characters in a line of a table that nobody looks at in a terminal."""
KNOWN_SETS = ("phonondb_kyoto", "phonon_tl")
KNOWN_PROPERTIES = (
    "phonon_bandgap",
    "speed_of_sound",
    "heat_capacity",
    "debye_temperature",
    "largest_gap",
)
SHORT: dict[str, tuple[str, int]] = {
    "phonon_bandgap": ("gap", 0),
    "speed_of_sound": ("mean sound", 2),
    "heat_capacity": ("Cv", 1),
    "debye_temperature": ("Debye temperature", 0),
    "largest_gap": ("largest gap", 0),
    "heat_capacity_per_gram": ("Cv per gram", 3),
    "lattice_conductivity": ("conductivity", 0),
}
"""Heading of a property's column, and the decimals of its value and interval."""

NOTE = (
    "In round brackets the probability, in square ones the {level:g} % interval. The gap comes "
    "from a model trained on compounds that have one; speed of sound (mean of the three acoustic "
    "waves, as in the paper) and heat capacity (300 K, per mole of the formula as given) from "
    "models trained on all."
)
KNOWN_NOTE = (
    "Calculated from first principles: phonondb_kyoto / phonon_tl, - where a set has no value."
)
MORE_NOTE = (
    "The largest gap lies between any two neighbouring branches; 0 means that there is none. The "
    "conductivity is the lattice's at 300 K by Slack's formula: an order of magnitude."
)
CURVE_NOTE = (
    "Heat capacities at other temperatures are estimated from the one at 300 K and the Debye "
    "temperature."
)
OTHER_NOTE = "In square brackets the {level:g} % interval."
SIMILARITY_NOTE = (
    "similarity: how like the training compounds it is, from 1 (one of them) to 0 (unlike them "
    "all): the share of them that were, held out, at least as far from the others."
)
STRUCTURE_NOTE = "All are structures, so the models that know structures were asked."
CELL_NOTE = (
    "; this is read as the cell that is written (--n-formula-units, or a structure file, says "
    "otherwise)"
)
MIXED_NOTE = (
    "Structures were asked of the models that know structures, formulas of those that know "
    "compositions."
)
MOST_ROWS = 10_000
"""Largest number of predictions that are printed."""
MOST_DRAWN = 30
"""Largest number that a figure shows."""

_CURVE = re.compile(r"heat_capacity_(.+)K")
"""Columns of the heat capacity at a temperature."""
_PATH = re.compile(
    r".*[/\\].*|.*(POSCAR|CONTCAR).*|.*\.(m?cif|vasp|poscar|a?xsf|cssr|res|config|extxyz|xyz|json|"
    r"jsonl|ndjson|ya?ml|csv|tsv|txt|parquet|pq|hdf5|h5|xml|in|out|cell|traj|cube|zip|gz|xz|bz2)",
    re.IGNORECASE,
)
"""Arguments that are meant as paths: no formula holds a slash or has such an ending."""


class Compound(NamedTuple):
    """One compound to predict, and where it stood."""

    value: Any
    """What the predictor gets."""
    file: str | None = None
    """Path as it was given, of a folder with the file's path in it; None for a formula."""
    entry: str | None = None
    """Block, frame or row of the file; None where it has one."""
    error: str | None = None
    """Why it could not be read."""
    note: str = ""
    """What the reader had to choose."""


def predict(
    compounds: Annotated[
        list[str],
        typer.Argument(
            help="Formulas, each a primitive cell; files of structures (CIF, POSCAR, XSF, extended "
            "XYZ, JSON) or tables (CSV, JSON lines, Parquet); folders of such files."
        ),
    ],
    conditional: Annotated[
        bool, typer.Option("--conditional", help="Show the gap there would be where none is.")
    ] = False,
    level: Annotated[float, typer.Option(help="Share of compounds the intervals hold.")] = 0.9,
    n_formula_units: Annotated[
        int | None, typer.Option(help="Reduced formula units in the primitive cell of a formula.")
    ] = None,
    composition: Annotated[
        bool, typer.Option("--composition", help="Use of structures only what they are made of.")
    ] = False,
    model: Model = None,
    more: More = False,
    temperature: Annotated[
        str | None,
        typer.Option(
            help="Estimate the heat capacity at these temperatures too, in K: 100, or 100,200, or "
            "FIRST:LAST:STEP."
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw a property of the compounds, ranked, with intervals and what is calculated: "
            ".png, .svg, .pdf."
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="Property that --plot draws; default: phonon_bandgap.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Predict gap, mean speed of sound (of three acoustic waves) and heat capacity of compounds.

    A compound that is judged to have no acoustic-optical gap gets no value for it. Compounds given
    as structures are asked of the models that use structures, others of those of compositions.
    """
    from matminer_phonon_tl.models.shipped import is_structure

    temperatures = []
    if temperature is not None:
        from matminer_phonon_tl.cli.properties import parse_temperatures

        temperatures = parse_temperatures(temperature)
    predictor = choose_predictor(
        model, more=more, temperatures=temperatures, structures=not composition
    )
    drawn = _check_plot(plot, by, predictor.units)
    asked = _read_all(compounds, structures=model is not None or not composition)
    prediction = predictor.predict_rows(
        [compound.value for compound in asked],
        conditional=conditional,
        level=level,
        n_formula_units=n_formula_units,
    )
    if n_formula_units is not None and any(is_structure(compound.value) for compound in asked):
        typer.echo(
            "phonon-tl: --n-formula-units counts for formulas; a structure says what its cell is",
            err=True,
        )
    known = _known_values(prediction.frame["formula"].tolist(), predictor.units)
    records = [
        {
            **_record(compound, row, other_cells=number in prediction.other_cells),
            "known": known.get(number, []),
        }
        for number, (compound, row) in enumerate(
            zip(asked, prediction.frame.to_dict(orient="records"), strict=True)
        )
    ]
    failed = [record for record in records if record["error"]]
    draws = plot is not None and len(failed) < len(records)
    if plot is not None and draws:
        values = [compound.value for compound in asked]
        _draw(records, values, prediction.frame.attrs["units"], drawn, level, plot)
    if as_json:
        print_json(records)
    else:
        _print(records, 100 * level, predictor)
        if draws:
            typer.echo(f"written to {plot}")
    for record in failed:
        typer.echo(f"{_label(record)!r}: {record['error']}", err=True)
    if plot is not None and not draws:
        typer.echo(f"phonon-tl: expected a compound to draw, got none: no {plot}", err=True)
    if failed:
        raise typer.Exit(ROWS_FAILED)


def _check_plot(plot: Path | None, by: str | None, units: dict[str, str]) -> str:
    """Return the column to draw, or refuse what cannot be drawn before anything is predicted."""
    if plot is None:
        if by is not None:
            raise ValueError("expected --plot FILE with --by, got none: --by says what is drawn")
        return ""
    from matminer_phonon_tl.figures import check_figure_path

    check_figure_path(plot)
    drawable = [name for name in units if name != "has_phonon_bandgap"]
    if not units.keys().isdisjoint(("phonon_bandgap", "has_phonon_bandgap")):
        drawable.append("has_gap_probability")
    if "phonon_bandgap" in units:
        drawable.append("phonon_bandgap_expected")
    if "heat_capacity" in units:
        drawable.append("heat_capacity_per_atom")
    if by is None:
        return drawable[0]
    if by not in drawable:
        raise ValueError(
            f"expected --by to name a property that is predicted ({', '.join(drawable)}), got "
            f"{by!r}{did_you_mean(by, drawable)}"
        )
    return by


def _draw(
    records: list[dict[str, Any]],
    values: list[Any],
    units: dict[str, str],
    by: str,
    level: float,
    path: Path,
) -> None:
    import pandas as pd

    from matminer_phonon_tl.figures import plot_ranking, save_figure
    from matminer_phonon_tl.models.shipped import domain_of
    from matminer_phonon_tl.structures import crystal_name

    frame = pd.DataFrame(records)
    if (domain := domain_of(by)) in frame:
        frame["in_domain"] = frame[domain]
    frame.attrs["units"] = units
    known = pd.DataFrame(
        [{**each, "row": row} for row, record in enumerate(records) for each in record["known"]]
    )
    labels = [_label(record) for record in records]
    for row in frame[by].astype(float).sort_values(ascending=False).index[:MOST_DRAWN]:
        if crystal := crystal_name(values[row]):
            labels[row] = f"{crystal}, {Path(records[row]['file']).name}"
    save_figure(plot_ranking(frame, by, known=known, labels=labels, level=level), path)


def _record(compound: Compound, row: dict[str, Any], *, other_cells: bool) -> dict[str, Any]:
    """Join a prediction with where its compound stood, and what there was to say of that."""
    record = plain(row)
    record["error"] = compound.error or record["error"]
    if record["error"] and compound.file is not None:
        record["formula"] = None
    if other_cells:
        record["note"] += CELL_NOTE
    if compound.note:
        record["note"] = "; ".join(filter(None, [record["note"], compound.note]))
    if compound.file is None:
        return record
    return {"file": compound.file, "entry": compound.entry, **record}


def _print(records: list[dict[str, Any]], percent: float, predictor: Any) -> None:
    console = Console()
    width = console.width
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = UNLIMITED  # a pipe has no width at which a name must break
    console.print(_predictions(records, predictor.units, console))
    typer.echo()
    if any(each["is_stable"] for record in records for each in record["known"]):
        typer.echo(fill(KNOWN_NOTE, width))
        console.print(_known_polymorphs(records, predictor.units, console))
        typer.echo()
    done = [record for record in records if not record["error"]]
    remarks = [_remark(record) for record in done]
    if done:
        based_on = {record["based_on"] for record in done}
        structures = {1: STRUCTURE_NOTE, 2: MIXED_NOTE}[len(based_on)]
        note = OTHER_NOTE if predictor.labels else NOTE
        remarks[:0] = [
            f"{note.format(level=percent)} {SIMILARITY_NOTE}",
            structures if "structure" in based_on else "",
            MORE_NOTE if "lattice_conductivity" in predictor.units else "",
            CURVE_NOTE if any(map(_CURVE.fullmatch, predictor.units)) else "",
        ]
    for remark in remarks:
        for line in filter(None, remark.splitlines()):
            typer.echo(fill(line, width, break_long_words=False, break_on_hyphens=False))


def _predictions(
    records: list[dict[str, Any]], units: dict[str, str], console: Console
) -> Table | Text:
    """Draw a table, or a list where the terminal is too narrow for a row in one line."""
    names = [_label(record) for record in records]
    rows = [_cells(record, units) for record in records]
    headings = list(_headings(units))
    table = _table(["formula", *headings], names, rows, console)
    if table is not None:
        return table
    lines = []
    space = max(map(len, headings)) + 2
    for record, cells in zip(records, rows, strict=True):
        lines.append(_label(record))
        if record["error"]:
            lines.append("  error")
        else:
            named = zip(headings, cells, strict=True)
            lines += [f"  {name:<{space}}{', '.join(cell.splitlines())}" for name, cell in named]
    return Text("\n".join(lines))


def _table(
    headings: list[str], names: list[str], rows: list[list[str]], console: Console
) -> Table | None:
    """Draw a table; None where the terminal is too narrow for a row in one line."""
    for space in (1, 0):  # between columns, beside the one that the table itself has
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, space, 0, 0))
        table.add_column(headings[0], overflow="fold")
        for heading in headings[1:]:
            table.add_column(Text(heading), justify="right", no_wrap=True)
        for name, cells in zip(names, rows, strict=True):
            table.add_row(Text(name), *cells)
        # Formulas and file names may be folded, numbers and headings may not.
        table.columns[0].max_width = len(headings[0])
        needed = Measurement.get(console, console.options.update(max_width=1000), table).maximum
        table.columns[0].max_width = None
        if needed <= console.width:
            return table
    return None


def _known_values(
    formulas: list[str | None], units: dict[str, str]
) -> dict[int, list[dict[str, Any]]]:
    """Look up what is calculated of each formula, by its place; nothing of labels of a user's."""
    from matminer_phonon_tl.models import calculated_values

    known: dict[int, list[dict[str, Any]]] = {}
    if units.keys() & SHORT.keys():
        for record in calculated_values(formulas).to_dict(orient="records"):
            known.setdefault(record.pop("row"), []).append(plain(record))
    return known


def _known_polymorphs(
    records: list[dict[str, Any]], units: dict[str, str], console: Console
) -> Table | Text:
    """Draw what is calculated, one line for each polymorph that is stable in one of the sets."""
    from pymatgen.symmetry.groups import sg_symbol_from_int_number

    rows: list[list[str]] = []
    shown = {name: _heading(name, units[name]) for name in KNOWN_PROPERTIES if name in units}
    for record in records:
        for name, polymorph in groupby(record["known"], key=itemgetter("material_id")):
            by_set = {each["dataset"]: each for each in polymorph}
            if not any(each["is_stable"] for each in by_set.values()):
                continue
            one = next(iter(by_set.values()))
            group = f"{sg_symbol_from_int_number(one['space_group'])} ({one['space_group']})"
            row = [name, one["cell"], group, *(_calculated(by_set, each) for each in shown)]
            if row not in rows:  # two inputs of one formula
                rows.append(row)
    names, rows = [row[0] for row in rows], [row[1:] for row in rows]
    table = _table(["material", "cell", "space group", *shown.values()], names, rows, console)
    if table is not None:
        return table
    lines = []
    for name, (cell, group, *values) in zip(names, rows, strict=True):
        named = (
            f"{heading.split(',')[0]} {value.replace(' / ', '/')}"
            for heading, value in zip(shown.values(), values, strict=True)
        )
        line = f"{name} {cell}, {group}: {', '.join(named)}"
        lines.append(fill(line, console.width, subsequent_indent="  "))
    return Text("\n".join(lines))


def _calculated(by_set: dict[str, dict[str, Any]], name: str) -> str:
    """Write a calculated value, of each set, as a prediction's is written."""
    said = []
    for dataset in KNOWN_SETS:
        values = by_set.get(dataset, {name: None, "is_stable": True})
        value = values[name]
        if name == "phonon_bandgap" and not values["is_stable"]:
            said.append("unstable")
        elif value is None:
            said.append("-")
        else:
            shown = f"{value:.{SHORT[name][1]}f}"
            said.append("none" if name == "phonon_bandgap" and not value else shown)
    return " / ".join(said)


def _headings(units: dict[str, str]) -> Iterator[str]:
    if not units.keys().isdisjoint(("phonon_bandgap", "has_phonon_bandgap")):
        yield "has gap"
    for name, unit in units.items():
        if name != "has_phonon_bandgap":
            yield _heading(name, unit)
    yield "similarity"


def _heading(name: str, unit: str) -> str:
    heading, short = _short(name)[0], unit.split(" per ", maxsplit=1)[0]
    return f"{heading}, {short}" if short != "1" else heading


def _short(name: str) -> tuple[str, int | None]:
    """Return the heading of a property's column, and its decimals; None where nobody knows."""
    curve = _CURVE.fullmatch(name)
    if curve and name not in SHORT:
        return f"Cv at {curve[1]} K", SHORT["heat_capacity"][1]
    return SHORT.get(name, (name, None))


def _cells(record: dict[str, Any], units: dict[str, str]) -> list[str]:
    if record["error"]:
        return ["error"]
    cells = []
    if "has_phonon_bandgap" in record:
        answer = "yes" if record["has_phonon_bandgap"] else "no"
        cells.append(f"{answer} ({record['has_gap_probability']:.2f})")
    for name in units:
        if name != "has_phonon_bandgap":
            cells.append(_with_interval(record, name, _short(name)[1]))
            if name == "heat_capacity":
                cells[-1] += f"\n{record['heat_capacity_per_atom']:.1f} per atom"
    return [*cells, f"{record['training_similarity']:.2f}"]


def _with_interval(record: dict[str, Any], name: str, decimals: int | None) -> str:
    if record[name] is None:
        return "-"
    values = [record[f"{name}{part}"] for part in ("", "_lower", "_upper")]
    if name == "lattice_conductivity":  # an order of magnitude: one digit is meant
        return "{:g} [{:g}, {:g}]".format(*(float(f"{value:.1g}") for value in values))
    return write_interval(values, decimals)


def _remark(record: dict[str, Any]) -> str:
    """Remark on one row, with each sentence on a line."""
    from matminer_phonon_tl.models.training_similarity import IN_DOMAIN

    sentences = []
    if record["unseen_elements"]:
        sentences.append(
            f"{record['unseen_elements']} occurs in no training compound, so its row is a guess."
        )
    elif record["training_similarity"] < IN_DOMAIN:
        sentences.append("unlike the training compounds, so its intervals may not hold.")
    if record["note"]:
        sentences.append(f"{record['note']}.")
    stable = {each["material_id"] for each in record["known"] if each["is_stable"]}
    unstable = {each["material_id"] for each in record["known"]} - stable
    if unstable:
        crystals = "1 polymorph has" if len(unstable) == 1 else f"{len(unstable)} polymorphs have"
        sentences.append(f"{crystals} imaginary modes in phonondb_kyoto (--json lists them).")
    metals = sorted({each["material_id"] for each in record["known"] if each["bandgap"] == 0})
    if metals:
        sentences.append(
            f"a metal by its calculated electronic band gap ({', '.join(metals)}); nearly all "
            "training compounds are semiconductors and insulators."
        )
    return "\n".join(f"{_label(record)}: {sentence}" for sentence in sentences)


def _label(record: dict[str, Any]) -> str:
    """Name a compound as people gave it: a formula, or a file with the formula of its crystal."""
    if record.get("file") is None:
        return str(record["formula"])
    entry = "" if record["entry"] is None else f" [{record['entry']}]"
    formula = "" if record["formula"] is None else f" ({record['formula']})"
    return f"{Path(record['file']).name or record['file']}{entry}{formula}"


def _read_all(compounds: list[str], *, structures: bool) -> list[Compound]:
    """Read what exists as files and folders; take anything else as a formula."""
    found: list[Compound] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PhononTLWarning)
        for compound in compounds:
            # Not Path.exists, which raises where a formula is too long for a path.
            if compound != "-" and not os.path.exists(compound):  # noqa: PTH110
                missing = "expected a structure file, found none of that name: check the path"
                is_path = _PATH.fullmatch(compound)
                found.append(
                    Compound(None, compound, error=missing) if is_path else Compound(compound)
                )
            elif Path(compound).is_dir() and _is_formula(compound):
                note = f"the folder of this name was not read: write {compound}/ for it"
                found.append(Compound(compound, note=note))
            else:
                found += _read_path(compound, structures=structures)
    for warning in caught:
        if issubclass(warning.category, PhononTLWarning):
            typer.echo(f"phonon-tl: {warning.message}", err=True)
    return found


def _is_formula(text: str) -> bool:
    from matminer_phonon_tl.formulas import read_formula

    try:
        return bool(read_formula(text))
    except CompositionError:
        return False


def _read_path(path: str, *, structures: bool) -> Iterator[Compound]:
    """Read a file or a folder, as ``screen`` does; what cannot be read is one row's error."""
    from matminer_phonon_tl.screening.input import open_input

    n_rows = 0
    try:
        source = open_input(path, formula=None, chunk_rows=MOST_ROWS, structures=structures)
        for chunk in source.chunks():
            if chunk.table.column_names == ["file", "entry"]:
                places = chunk.table.select(["file", "entry"]).to_pylist()
            else:
                places = [{"entry": f"row {n_rows + row}"} for row in range(len(chunk.formulas))]
            n_rows += len(chunk.formulas)
            if n_rows > MOST_ROWS:
                raise typer.BadParameter(
                    f"expected at most {MOST_ROWS} compounds in {path}, got more: phonon-tl screen "
                    "writes them to a file"
                )
            for row, (value, place) in enumerate(zip(chunk.formulas, places, strict=True)):
                file = str(Path(path, place["file"])) if Path(path).is_dir() else path
                yield Compound(value, file, place["entry"], chunk.errors.get(row))
    except ScreeningError as error:
        yield Compound(None, path, error=str(error))
