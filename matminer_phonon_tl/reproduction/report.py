"""The report: one page that shows what the paper reports and what holds without the leak."""

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from matminer_phonon_tl.evaluation.result import PROTOCOLS as MEANINGS
from matminer_phonon_tl.files import write_atomically
from matminer_phonon_tl.reproduction.figures import (
    COLOURS,
    NAMES,
    PAGE_COLOURS,
    PROTOCOLS,
    Mark,
    PanelFigure,
    named,
    unit_of,
)
from matminer_phonon_tl.reproduction.paper import N_ARCHITECTURES, N_REPEATS, TARGETS
from matminer_phonon_tl.reproduction.tables import select

STYLE = f"""
:root {{ color-scheme: light dark; --ink: #1b1b1b; --ground: #fff; --line: #ddd; --aside: #f4f4f4;
  --published: {COLOURS["published"]}; --leak_free: {COLOURS["leak_free"]}; --link: #0b57d0; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e4e4e4; --ground: #161616; --line: #444;
  --aside: #242424; --published: #ff6558; --leak_free: #5aa7ec; --link: #8ab4f8; }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 72rem; margin: 0 auto; padding: 1rem; }}
h1 {{ font-size: 1.7rem; line-height: 1.2; }} h2 {{ font-size: 1.25rem; margin: 2.6rem 0 0.4rem; }}
p, ul {{ max-width: 48rem; }} li {{ margin: 0.2rem 0; }} a {{ color: var(--link); }}
.panels {{ display: grid; gap: 0.8rem; margin: 0.6rem 0; max-width: calc(26rem * var(--columns));
  grid-template-columns:
    repeat(auto-fill, minmax(max(min(100%, 18rem), 100% / var(--columns) - 0.8rem), 1fr)); }}
.panel {{ width: 100%; max-width: 100%; height: auto; overflow: visible; }}
.panel * {{ stroke-linejoin: round; stroke-linecap: butt; }}
.key, .files {{ font-size: 0.9rem; margin: 0.4rem 0; }}
.key {{ display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; }}
.key svg {{ vertical-align: middle; margin-right: 0.4rem; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }}
.caption {{ font-size: 0.9rem; margin-bottom: 0.3rem; }}
th, td {{ padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; white-space: nowrap; }}
td:nth-child(-n+3) {{ white-space: normal; }} td.published, td.leak_free {{ white-space: nowrap; }}
.published {{ color: var(--published); }} .leak_free {{ color: var(--leak_free); }}
aside {{ background: var(--aside); padding: 0.6rem 1rem; border-left: 4px solid #999; }}
aside dt {{ font-weight: 600; }} aside dd {{ margin: 0 0 0.4rem; overflow-wrap: anywhere; }}
@media print {{ body {{ max-width: none; font-size: 10.5pt; margin: 0; padding: 0; }}
  h2 {{ margin-top: 1.2rem; }} h2, h2 + p, .key, .caption {{ break-after: avoid; }}
  .panel, tr, aside, .key {{ break-inside: avoid; }}
  .scroll {{ overflow: visible; }} table {{ font-size: 9pt; }}
  th, td {{ padding: 1px 6px 1px 0; white-space: normal; }} }}
"""

EXPERIMENTS = {
    "source": "source task (Fig. 3)",
    "transfer": "transfer, five folds (Table 1)",
    "holdout_60_40": "60/40 splits (Fig. 4C-D)",
    "layers_transferred": "layers transferred (Fig. 4E)",
    "layers_frozen": "layers frozen (Fig. 4F)",
    "classifier": "gap or no gap (Fig. 2)",
    "full_data": "learned from all 1245 (Table 1)",
    "iii_v": "four compounds (Table 2)",
    "structure_descriptors": "with structure descriptors (S4)",
}
SPLITS = {"transfer": "five folds", "holdout_60_40": "60/40 splits"}
DASHES = {"-": "", "--": 'stroke-dasharray="7 4"', ":": 'stroke-dasharray="2 3"'}


class Section(NamedTuple):
    """A part of the page with a figure: its file's name, title, text, and files of its numbers."""

    figure: str
    title: str
    text: str
    numbers: tuple[str, ...]


SECTIONS = (
    Section(
        "architectures",
        "With and without transfer (Table 1, Fig. 5)",
        "Each point is an architecture. The paper's figure with transfer is the best of 250 by its "
        "test score, and the one without is the same architecture untransferred; all "
        "architectures are shown here.",
        ("architectures",),
    ),
    Section(
        "transfer_changes",
        "What transfer changes",
        "Below 0 transfer helps. The bars are 95 % intervals for other materials like these; where "
        "a bar crosses the line, the data cannot tell the effect from none.",
        ("comparisons",),
    ),
    Section(
        "leak_by_round",
        "The leak, step by step",
        "The script wraps the source's weights without copying them, so that training changes "
        "them in place: each fit starts from weights that have been fitted to the folds before, "
        "and to all labels before every fifth round. Folds that are tested later have already been "
        "trained on.",
        ("leak_by_round",),
    ),
    Section(
        "leak_probe",
        "Proof by labels that mean nothing",
        "The labels were permuted, so that nothing can be learned, and the evaluation run again; "
        "each point is a permutation. A model that still predicts the tested labels has seen them.",
        ("leak_probe",),
    ),
    Section(
        "holdout_60_40",
        "Random 60/40 splits (Fig. 4C-D)",
        "Transfer (circles) and no transfer (squares) on the same splits, means over the "
        "architectures.",
        ("holdout_60_40",),
    ),
    Section(
        "layers",
        "Which layers are transferred or frozen (Fig. 4E-F)",
        "Each point is an architecture.",
        ("architectures",),
    ),
    Section("parity_gap", "Parity of the phonon gap (Fig. 4A-B)", "", ("parity",)),
    Section(
        "parity_sound_and_heat_capacity",
        "Parity of the speed of sound and the heat capacity (S3)",
        "",
        ("parity",),
    ),
    Section(
        "classifier",
        "Gap or no gap (Fig. 2)",
        "On the paper's split, which is an easy one: over folds grouped by formula the scores are "
        "lower (see the table of all scores).",
        ("classifier", "importances"),
    ),
    Section(
        "iii_v",
        "Four compounds outside the data (Table 2)",
        "The references are the paper's. InN's measured gap belongs to wurtzite, which has none by "
        "branch counting. InSb has no gap.",
        ("iii_v",),
    ),
    Section(
        "parity_full_data",
        "Learned from all 1245 materials (Table 1)",
        "The paper does not say which rows it scored.",
        ("parity",),
    ),
    Section(
        "structure_descriptors",
        "With descriptors of the structure (S4)",
        "Each point is an architecture.",
        ("architectures",),
    ),
    Section("parity_source", "The source task (Fig. 3)", "", ("parity",)),
    Section(
        "labels",
        "The labels (S1)",
        "The phonon gaps are of the 124 materials that have one, the other labels of all 1245.",
        ("labels",),
    ),
    Section(
        "derived_against_measured",
        "Derived properties against experiment (S2)",
        "By how much the dataset's values differ from measured ones. Heat capacities are derived "
        "at constant volume and 300 K, and were measured at constant pressure and 298 K. "
        "Measured speeds of sound follow from elastic constants by "
        "Christoffel's equation, averaged over three branches and [100], [110], [111].",
        ("derived_against_measured",),
    ),
)
SELECTED = (
    "The architecture shown has the lowest published error of all, as in the paper: a selection "
    "on the test score. The points with their materials' names are in parity.csv."
)
DIAMOND = (
    "Diamond along [100]: the paper derives 17.392 km/s for the longitudinal and 12.735 km/s for "
    "the transverse branch (in its text they are interchanged) and cites 17.52 and 12.82 as "
    "measured."
)


def write_report(
    folder: Path,
    document: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, PanelFigure],
) -> Path:
    """Write report.html, which shows everything without a network or another file."""
    page = "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            "<title>Phonon transfer learning: as published, and without the leak</title>",
            f"<style>{STYLE}</style></head><body>",
            *_parts(document, tables, figures),
            "</body></html>",
        ]
    )
    path = folder / "report.html"
    write_atomically(path, page.encode())
    return path


def _parts(
    document: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, PanelFigure],
) -> Iterator[str]:
    """Yield the page's parts from top to bottom."""
    yield "<h1>Phonon transfer learning: as published, and without the leak</h1>"
    yield _paragraph(
        "Liu, Jiang and Luo (Sci. Adv. 6, eabd1356, 2020) train networks on electronic band "
        "gaps and transfer them to phonon properties. Every experiment was run again twice: "
        '<b class="published">published</b>, in the order of the authors\' public script, and '
        '<b class="leak_free">leak_free</b>, with everything fitted inside the training fold. '
        "The script as published lacks its output layer, so what the authors ran may differ "
        f"from it. {_scale(document['methods']['scale'])}"
    )
    yield _findings(tables["comparisons"], document["leak_probes"])
    for section in SECTIONS:
        if section.figure not in figures:
            continue
        figure = figures[section.figure]
        yield f"<h2>{section.title}</h2>"
        yield _paragraph(section.text)
        if section.numbers == ("parity",):
            yield _paragraph(SELECTED)
        yield _key(figure.key)
        yield f'<div class="panels" style="--columns: {figure.columns}">'
        yield from figure.svgs(section.figure)
        yield "</div>"
        yield _files(section)
        if section.figure == "transfer_changes":
            yield _table(_comparison_rows(tables["comparisons"]), "Mean absolute errors")
        elif section.figure == "iii_v":
            yield _table(_compound_rows(tables["iii_v"]), "Mean ± spread over networks")
        elif section.figure == "derived_against_measured":
            rows = _measured_rows(tables["derived_against_measured"])
            yield _table(rows, "J/mol/K per formula unit, and km/s")
            yield _paragraph(DIAMOND)
    yield "<h2>All scores</h2>"
    yield _score_table(document["scores"])
    yield _methods(document["methods"])


def _files(section: Section) -> str:
    """Link the numbers and the figure's files."""
    numbers = ", ".join(f'<a href="{name}.csv">{name}.csv</a>' for name in section.numbers)
    figure = ", ".join(
        f'<a href="figures/{section.figure}.{suffix}">{suffix.upper()}</a>'
        for suffix in ("png", "svg")
    )
    return f'<p class="files">Numbers: {numbers}. Figure: {figure}.</p>'


def _key(marks: Sequence[Mark]) -> str:
    """Say once for all panels of a section what colours and lines mean."""
    spans = []
    for mark in marks:
        colour = PAGE_COLOURS.get(mark.colour, mark.colour)
        if mark.marker == "x":
            path = f'<path d="M8 2 18 12M18 2 8 12" style="stroke: {colour}" stroke-width="3"/>'
        else:
            width = 2 if mark.marker else 4
            path = (
                f'<path d="M0 7H26" style="stroke: {colour}" stroke-width="{width}" '
                f"{DASHES[mark.line]}/>"
            )
        label = html.escape(mark.label)
        spans.append(f'<span><svg width="26" height="14">{path}</svg>{label}</span>')
    return f'<p class="key">{"".join(spans)}</p>' if spans else ""


def _scale(scale: Mapping[str, Any]) -> str:
    """Say how much of the paper was run, which a reader has to know first."""

    def size(architectures: int, rounds: int) -> str:
        return (
            f"{architectures} architecture{'s' * (architectures != 1)} in "
            f"{rounds} round{'s' * (rounds != 1)}"
        )

    transfer = size(scale["n_architectures"], scale["n_repeats"])
    elsewhere = size(scale["n_side_architectures"], scale["n_side_repeats"])
    return (
        f"This run's scale is <b>{html.escape(scale['name'])}</b>: {transfer} for the transfer "
        f"experiment, {elsewhere} elsewhere; the paper has {size(N_ARCHITECTURES, N_REPEATS)}."
    )


def _methods(methods: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in methods["versions"].items())
    items = [
        *MEANINGS.items(),
        ("size", ", ".join(f"{name} {value}" for name, value in methods["scale"].items())),
        ("seed", methods["random_state"]),
        ("device", methods["device"]),
        ("versions", versions),
        ("sha256 of the data", methods["data_sha256"]),
    ]
    inner = "".join(
        f"<dt>{html.escape(str(name))}</dt><dd>{html.escape(str(value))}</dd>"
        for name, value in items
    )
    return f"<h2>Methods</h2><aside><dl>{inner}</dl></aside>"


def _paragraph(text: str) -> str:
    return f"<p>{text}</p>" if text else ""


def _findings(comparisons: pd.DataFrame, probes: Sequence[Mapping[str, Any]]) -> str:
    """Return the main results as a list of sentences."""
    items = []
    for target in TARGETS:
        parts = []
        for protocol in PROTOCOLS:
            rows = select(comparisons, experiment="transfer", target=target, protocol=protocol)
            if not len(rows):
                continue
            row = rows.iloc[0]
            parts.append(
                f'<b class="{protocol}">{protocol}</b> {row["mae_non_tl"]:.3g} without transfer, '
                f"{row['mae_tl']:.3g} with (difference {row['difference']:+.2g}, 95 % interval "
                f"{row['lower']:+.2g} to {row['upper']:+.2g})"
            )
        if parts:
            name = NAMES[target].capitalize()
            items.append(f"{name}, mean absolute error in {unit_of(target)}: " + "; ".join(parts))
    for probe in probes:
        mean = sum(probe["associations"]) / len(probe["associations"])
        what = "are predicted nevertheless" if probe["leaks"] else "are not predicted"
        items.append(
            "Labels permuted, so that they mean nothing, "
            f'<b class="{probe["protocol"]}">{probe["protocol"]}</b>: those of tested materials '
            f"{what} (correlation {mean:+.2f})"
        )
    return "<ul>" + "".join(f"<li>{item}.</li>" for item in items) + "</ul>" if items else ""


def _score_table(scores: Sequence[Mapping[str, Any]]) -> str:
    """Return all scores, a row for each experiment, target and model, protocols side by side."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for score in scores:
        model = " ".join(filter(None, (score["model"], score.get("split"))))
        paper = score.get("published_figure") or {}
        row = rows.setdefault(
            (score["experiment"], score["target"], model),
            {
                "experiment": EXPERIMENTS[score["experiment"]],
                "target": named(score["target"]).replace("has_phonon_bandgap", "has a gap"),
                "model": model,
                "published": "",
                "leak_free": "",
                "the paper": _pair(
                    paper.get("mae", paper.get("f1")), paper.get("r2", paper.get("auroc"))
                ),
                "networks x rounds": f"{score['n_architectures']} x {score['n_repeats']}",
            },
        )
        first = score["mae"] if score.get("f1") is None else score["f1"]
        second = score["r2"] if score.get("f1") is None else score["auroc"]
        row[score["protocol"]] = _pair(first, second, score.get("mae_std"))
    ordered = sorted(rows.items(), key=lambda item: list(EXPERIMENTS).index(item[0][0]))
    return _table(
        pd.DataFrame([row for _, row in ordered]),
        "MAE ± spread / R²: means over the architectures and their spread (over the rounds of a "
        "single one); for the classifier F1 / AUROC. The paper's TL figures are the best of its "
        "250. With more digits: scores.csv",
    )


def _comparison_rows(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return the comparisons as a reader wants them: rounded, with names and units."""
    return pd.DataFrame(
        {
            "target": named(row["target"]),
            "split": SPLITS[row["experiment"]],
            "protocol": row["protocol"],
            "TL": f"{row['mae_tl']:.3g}",
            "non-TL": f"{row['mae_non_tl']:.3g}",
            "difference": f"{row['difference']:+.2g}",
            "95 % interval": f"{row['lower']:+.2g} to {row['upper']:+.2g}",
            "TL better in": row["better_in"],
            "interval by": row["method"],
        }
        for row in comparisons.to_dict("records")
    )


def _compound_rows(compounds: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each compound and property, protocols side by side."""
    rows = []
    for compound, of_compound in compounds.groupby("compound", sort=False):
        chances = of_compound.drop_duplicates("protocol").set_index("protocol")["gap_probability"]
        if chances.notna().any():
            reference = "no" if of_compound["reference"].isna().any() else "yes"
            rows.append(
                {"compound": compound, "property": "probability of a gap",
                 **{p: _number(chances.get(p)) for p in PROTOCOLS},
                 "the paper": reference, "reference": reference}
            )  # fmt: skip
        for target, group in of_compound.groupby("target", sort=False):
            once = group.iloc[0]
            rows.append(
                {
                    "compound": compound,
                    "property": named(str(target)),
                    **{p: _predicted(group, p) for p in PROTOCOLS},
                    "the paper": _with_spread(once["paper"], once["paper_spread"]),
                    "reference": _number(once["reference"]),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def _measured_rows(measured: pd.DataFrame) -> pd.DataFrame:
    """Return derived and measured values with their difference in per cent."""
    return pd.DataFrame(
        {
            "property": named(row["target"]),
            "material": f"{row['formula']} ({row['material_id']})",
            "derived": _number(row["derived"]),
            "measured": _number(row["measured"]),
            "difference": f"{100 * (row['derived'] / row['measured'] - 1):+.1f} %",
            "measured by": row["source"],
        }
        for row in measured.to_dict("records")
    )


def _table(frame: pd.DataFrame, caption: str) -> str:
    """Return a table as HTML, with columns and cells that name a protocol in its colour."""
    head = "".join(
        f"<th{_class(str(name), None)}>{html.escape(str(name))}</th>" for name in frame.columns
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{_class(str(name), value)}>{html.escape(str(value))}</td>"
            for name, value in zip(frame.columns, row, strict=True)
        )
        + "</tr>"
        for row in frame.itertuples(index=False)
    )
    return (
        f'<p class="caption">{html.escape(caption)}.</p><div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _class(name: str, value: Any) -> str:
    for protocol in PROTOCOLS:
        if protocol in (name, value):
            return f' class="{protocol}"'
    return ""


def _pair(first: float | None, second: float | None, spread: float | None = None) -> str:
    if first is None:
        return ""
    text = f"{first:.3g}" if spread is None else f"{first:.3g} ± {spread:.2g}"
    return text if second is None else f"{text} / {second:.3f}"


def _predicted(rows: pd.DataFrame, protocol: str) -> str:
    row = select(rows, protocol=protocol)
    return _with_spread(row["predicted"].iloc[0], row["spread"].iloc[0]) if len(row) else ""


def _with_spread(value: Any, spread: Any) -> str:
    if _number(value) and _number(spread):
        return f"{_number(value)} ± {spread:.2g}"
    return _number(value)


def _number(value: Any) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.4g}"
