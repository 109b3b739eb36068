"""One page that shows what the paper reports and what holds without the leak."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from matminer_phonon_tl.evaluation.result import PROTOCOLS
from matminer_phonon_tl.files import write_atomically
from matminer_phonon_tl.reproduction import _report_figures as figures
from matminer_phonon_tl.reproduction import _report_others as others
from matminer_phonon_tl.reproduction import _report_tables as tables
from matminer_phonon_tl.reproduction._figure_data import LEAK_LINES, NAMES
from matminer_phonon_tl.reproduction._paper_data import N_ARCHITECTURES, N_REPEATS, TARGETS
from matminer_phonon_tl.reproduction._paper_tables import iii_v_table

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 72rem;
  margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.25rem; margin: 2.6rem 0 0.4rem; }
p, ul { max-width: 48rem; } li { margin: 0.2rem 0; }
.panels { display: grid; gap: 0.4rem; margin: 0.6rem 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); }
.panels.wide { grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.panels > div { min-width: 0; }
.key { font-size: 0.9rem; display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; margin: 0.4rem 0; }
.key svg { vertical-align: middle; margin-right: 0.4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
.caption { font-size: 0.9rem; margin-bottom: 0.3rem; }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #ddd; text-align: left;
  vertical-align: top; white-space: nowrap; }
td:nth-child(-n+3) { white-space: normal; } td.published, td.leak_free { white-space: nowrap; }
.published { color: #b2182b; } .leak_free { color: #2166ac; }
aside { background: #f4f4f4; padding: 0.6rem 1rem; border-left: 4px solid #999; }
aside dt { font-weight: 600; } aside dd { margin: 0 0 0.4rem; overflow-wrap: anywhere; }
@media print { body { max-width: none; font-size: 10.5pt; margin: 0; padding: 0; }
  h2 { margin-top: 1.2rem; } h2, h2 + p, .key, .caption { break-after: avoid; }
  .panels > div, tr, aside, .key { break-inside: avoid; }
  .scroll { overflow: visible; } table { font-size: 9pt; }
  th, td { padding: 1px 6px 1px 0; white-space: normal; } }
"""

# a page is printed in another width than it is shown in
RESIZE = """<script>
const fit = () => document.querySelectorAll(".js-plotly-plot").forEach(p => Plotly.Plots.resize(p));
window.matchMedia("print").addEventListener("change", fit);
window.addEventListener("load", fit);
</script>"""

BOTH = (("published", "-", "published"), ("leak_free", "-", "leak_free"))
SHADES = {"published": "#b2182b", "leak_free": "#2166ac", "pale": "#ef8a62", "paper": "#000"}
DASHES = {"-": "", "--": 'stroke-dasharray="7 4"', ":": 'stroke-dasharray="2 3"'}
PAPER = ("paper", "x", "the paper's figure")


def write_report(
    folder: Path,
    contents: Sequence[Mapping[str, Any]],
    comparisons: pd.DataFrame,
    document: Mapping[str, Any],
) -> Path:
    """Write report.html, which needs no network and no other file.

    Parameters
    ----------
    folder : Path
    contents : sequence of dict
        What the jobs returned.
    comparisons : DataFrame
        TL against non-TL.
    document : dict
        The content of scores.json.

    Returns
    -------
    Path
    """
    from plotly.offline import get_plotlyjs

    page = "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            "<title>Phonon transfer learning: as published, and without the leak</title>",
            f"<style>{STYLE}</style><script>{get_plotlyjs()}</script></head><body>",
            *_sections(contents, comparisons, document),
            f"{RESIZE}</body></html>",
        ]
    )
    path = folder / "report.html"
    write_atomically(path, page.encode())
    return path


def _sections(
    contents: Sequence[Mapping[str, Any]],
    comparisons: pd.DataFrame,
    document: Mapping[str, Any],
) -> list[str]:
    records = [record for content in contents for record in content.get("records", ())]
    compounds = iii_v_table(contents)
    measured = [row for content in contents for row in content.get("measured", ())]
    found = [content["classifier"] for content in contents if "classifier" in content]
    labels = next((content["labels"] for content in contents if "labels" in content), None)
    parts = [
        "<h1>Phonon transfer learning: as published, and without the leak</h1>",
        _paragraph(
            "Liu, Jiang and Luo (Sci. Adv. 6, eabd1356, 2020) train networks on electronic band "
            "gaps and transfer them to phonon properties. Every experiment was run again twice: "
            '<b class="published">published</b>, in the order of the authors\' public script, and '
            '<b class="leak_free">leak_free</b>, with everything fitted inside the training fold. '
            "The script as published lacks its output layer, so what the authors ran may differ "
            f"from it. {_scale(document['methods']['scale'])}"
        ),
        tables.findings(comparisons, document["leak_probes"]),
    ]

    def show(
        title: str, text: str, panels: figures.Panels, key: Any = BOTH, width: str = ""
    ) -> None:
        if panels:
            parts.extend([f"<h2>{title}</h2>", _paragraph(text), _key(key), _panels(panels, width)])

    def show_parity(title: str, text: str, experiment: str, target: str, *models: str) -> None:
        panels, architecture = figures.parity_panels(records, experiment, target, models)
        selection = (
            f" Shown is the architecture {architecture}, of all the one with the lowest published "
            "error, as in the paper: a selection on the test score. Point at a material for its "
            "name."
        )
        show(title, text + selection, panels, (), "wide")

    show(
        "With and without transfer (Table 1, Fig. 5)",
        "Each point is an architecture. The paper's figure with transfer is the best of 250 by its "
        "test score, and the one without is that architecture's twin; here are all of them.",
        figures.architectures_panels(records),
        (*BOTH, PAPER),
    )
    show(
        "What transfer changes",
        "Below 0 transfer helps. The bars are 95 % intervals for other materials like these; a "
        "bar that reaches over the line is no effect that could be told from none.",
        figures.changes_panels(comparisons),
        (*BOTH, PAPER),
        "wide",
    )
    if len(comparisons):
        parts.append(tables.table(tables.comparison_rows(comparisons), "Mean absolute errors"))
    show(
        "The leak, step by step",
        "The script wraps the source's weights without copying them, so that training changes "
        "them in place: each fit starts from weights that have been fitted to the folds before, "
        "and to all labels before every fifth round. Folds that are tested later have been trained "
        "on earlier.",
        figures.leak_panels(records),
        [("pale" if style != "-" else own, style, name) for own, _, name, style in LEAK_LINES],
    )
    show(
        "Proof by labels that mean nothing",
        "The labels were permuted, so that nothing can be learned, and the evaluation run again; "
        "each point is a permutation. What still predicts the tested labels has seen them.",
        figures.probe_panels(document["leak_probes"]),
        BOTH,
        "wide",
    )
    show(
        "Random 60/40 splits (Fig. 4C-D)",
        "Transfer (full circles) and no transfer (open squares) on the same splits, each the mean "
        "over the architectures.",
        figures.holdout_panels(records),
        BOTH,
        "wide",
    )
    show(
        "Which layers are transferred or frozen (Fig. 4E-F)",
        "Each point is an architecture.",
        figures.layers_panels(records),
        BOTH,
        "wide",
    )
    show_parity(
        "Parity of the phonon gap (Fig. 4A-B)", "", "transfer", "phonon_bandgap", "non-TL", "TL"
    )
    for target in TARGETS[1:]:
        show_parity(f"Parity of the {NAMES[target]} (S3)", "", "transfer", target, "TL")
    show(
        "Gap or no gap (Fig. 2)",
        "On the paper's split, which is a kind one: over folds grouped by formula the scores are "
        "lower (see the table of all scores).",
        others.classifier_panels(found),
    )
    show(
        "Four compounds outside the data (Table 2)",
        "The references are the paper's. InN's measured gap belongs to wurtzite, which has none by "
        "branch counting. InSb has no gap.",
        others.compounds_panels(compounds),
        (*BOTH, PAPER, ("paper", "-", "reference")),
    )
    if len(compounds):
        parts.append(tables.table(tables.compound_rows(compounds), "Mean ± spread over networks"))
    for target in TARGETS[1:]:
        show_parity(
            f"The {NAMES[target]}, learned from all 1245 materials (Table 1)",
            "The paper does not say which rows it scored.",
            "full_data",
            target,
            "full data",
            "full data, TL",
        )
    show(
        "With descriptors of the structure (S4)",
        "Each point is an architecture.",
        figures.structure_panels(records),
        BOTH,
        "wide",
    )
    show_parity("The source task (Fig. 3)", "", "source", "bandgap", "source")
    show(
        "The labels (S1)",
        "Phonon gaps of the 124 materials that have one; the others of all 1245.",
        others.labels_panels(labels),
        (),
    )
    show(
        "Derived properties against experiment (S2)",
        "By how much the dataset's values differ from measured ones. Heat capacities are derived "
        "at constant volume and 300 K, and were measured at constant pressure and 298 K. "
        "Measured speeds of sound are elastic constants put through "
        "Christoffel's equation, averaged over three branches and [100], [110], [111].",
        others.measured_panels(measured),
        (),
        "wide",
    )
    if measured:
        parts += [
            tables.table(tables.measured_rows(measured), "J/mol/K per formula unit, and km/s"),
            _paragraph(
                "Diamond along [100]: the paper derives 17.392 km/s for the longitudinal and "
                "12.735 km/s for the transverse branch (in its text they stand the other way "
                "round) and cites 17.52 and 12.82 as measured."
            ),
        ]
    return [*parts, "<h2>All scores</h2>", tables.score_table(document["scores"]),
            _methods(document["methods"])]  # fmt: skip


def _key(entries: Sequence[tuple[str, str, str]]) -> str:
    """Say once for all panels of a section what colours and lines mean."""
    spans = []
    for shade, style, name in entries:
        colour = SHADES[shade]
        mark = (
            f'<path d="M8 2 18 12M18 2 8 12" stroke="{colour}" stroke-width="3"/>'
            if style == "x"
            else f'<path d="M0 7H26" stroke="{colour}" stroke-width="4" {DASHES[style]}/>'
        )
        spans.append(f'<span><svg width="26" height="14">{mark}</svg>{html.escape(name)}</span>')
    return f'<p class="key">{"".join(spans)}</p>' if spans else ""


def _panels(panels: figures.Panels, width: str) -> str:
    drawn = [
        own.to_html(
            full_html=False,
            include_plotlyjs=False,
            config={"responsive": True, "displayModeBar": False},
        )
        for own in panels
    ]
    return f'<div class="{f"panels {width}".strip()}">{"".join(drawn)}</div>'


def _scale(scale: Mapping[str, Any]) -> str:
    """How much of the paper this run was, which its reader has to know first."""

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
        *PROTOCOLS.items(),
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
