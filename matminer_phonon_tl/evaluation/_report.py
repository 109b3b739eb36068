"""One page that shows what the paper reports and what holds without the leak."""

import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from matminer_phonon_tl.evaluation import _report_figures as figures
from matminer_phonon_tl.evaluation._paper_data import MEASURED_SOUND, TARGETS
from matminer_phonon_tl.evaluation.result import PROTOCOLS
from matminer_phonon_tl.models.serialization import write_atomically

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.55 system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 68rem;
  margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; } h2 { font-size: 1.25rem; margin-top: 2.4rem; }
.figure { width: 100%; overflow-x: auto; } .figure > div { min-width: 30rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; }
.caption { font-size: 0.9rem; }
th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid #ddd; text-align: right; }
td:nth-child(n+4) { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.published { color: #b2182b; } .leak_free { color: #2166ac; }
aside { background: #f4f4f4; padding: 0.6rem 1rem; border-left: 4px solid #999; }
aside dt { font-weight: 600; } aside dd { margin: 0 0 0.4rem; overflow-wrap: anywhere; }
@media print { body { max-width: none; font-size: 9pt; margin: 0; }
  h2, h2 + p { break-after: avoid; }
  .figure, tr, aside { break-inside: avoid; } .modebar { display: none !important; }
  * { overflow: visible !important; } table { font-size: 7.5pt; width: 100%; }
  th, td { padding: 1px 4px; white-space: normal; } }
"""


def write_report(
    folder: Path, contents: Sequence[Mapping[str, Any]], document: Mapping[str, Any]
) -> Path:
    """Write report.html, which needs no network and no other file.

    Parameters
    ----------
    folder : Path
    contents : sequence of dict
        What the jobs returned.
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
            *_sections(contents, document),
            "</body></html>",
        ]
    )
    path = folder / "report.html"
    write_atomically(path, page.encode())
    return path


def _sections(contents: Sequence[Mapping[str, Any]], document: Mapping[str, Any]) -> list[str]:
    records = [record for content in contents for record in content.get("records", ())]
    found = [content["classifier"] for content in contents if "classifier" in content]
    labels = next((content["labels"] for content in contents if "labels" in content), None)
    measured = [row for content in contents for row in content.get("measured", ())]
    from matminer_phonon_tl.evaluation._paper_tables import comparison_table, iii_v_table

    parts = [
        "<h1>Phonon transfer learning: as published, and without the leak</h1>",
        _paragraph(
            "Liu, Jiang and Luo (Sci. Adv. 6, eabd1356, 2020) train networks on electronic band "
            "gaps and transfer them to phonon properties. Every experiment was run again twice: "
            '<b class="published">published</b>, in the order of the authors\' public script, and '
            '<b class="leak_free">leak_free</b>, with everything fitted inside the training fold. '
            "The script as published lacks its output layer, so what the authors ran may differ "
            "from it."
        ),
        _finding(document),
        "<h2>All scores</h2>",
        _score_table(document["scores"]),
    ]

    def show(title: str, text: str, figure: Any) -> None:
        if figure is not None:
            parts.extend([f"<h2>{title}</h2>", _paragraph(text), _figure(figure)])

    show(
        "With and without transfer",
        "Each point is an architecture. The paper's figure for TL is "
        "the best of 250 by its test score, and its non-TL figure is that architecture's twin; "
        "here are all of them.",
        figures.architectures_figure(records),
    )
    comparison = comparison_table(records)
    if len(comparison):
        parts.append(
            _table(
                comparison.drop(columns=["level", "n_architectures"]),
                "TL minus non-TL, averaged over the architectures; 95 % "
                "interval from a bootstrap over formulas",
            )
        )
    show(
        "The leak, step by step",
        "The script wraps the source's weights without copying them, so "
        "that training changes them in place: each fit starts from weights that have been fitted "
        "to the folds before, and to all labels before every fifth round. Folds that are tested "
        "later have been trained on earlier.",
        figures.leak_figure(records),
    )
    show(
        "Proof by labels that mean nothing",
        "The labels were permuted, so that nothing can be "
        "learned, and the evaluation run again. What still predicts the tested labels has seen "
        "them.",
        figures.probe_figure(document["leak_probes"]),
    )
    show(
        "Random 60/40 splits",
        "Each point is a split of an architecture.",
        figures.holdout_figure(records),
    )
    show(
        "Which layers are transferred or frozen",
        "Means over the architectures.",
        figures.layers_figure(records),
    )
    for target in TARGETS:
        show(
            f"Parity: {figures.NAMES[target]}, TL",
            "Averaged over rounds and architectures; point at a material for its name.",
            figures.parity_figure(records, "transfer", target, "TL"),
        )
    show(
        "Parity: the source",
        "Electronic band gaps of all 1245 materials.",
        figures.parity_figure(records, "source", "bandgap", "source"),
    )
    for target in TARGETS[1:]:
        show(
            f"Parity: {figures.NAMES[target]}, learned from all 1245 materials",
            "Without transfer.",
            figures.parity_figure(records, "full_data", target, "full data"),
        )
    show(
        "Gap or no gap",
        "On the paper's split, which is a kind one: over folds grouped by "
        "formula the scores are lower (see the table).",
        figures.classifier_figure(found),
    )
    compounds = iii_v_table(contents)
    if len(compounds):
        parts.append("<h2>Four compounds outside the data</h2>")
        parts.append(
            _table(
                compounds.drop(columns="n_architectures"),
                "The references are the paper's. InN's measured gap "
                "belongs to wurtzite, which has none by branch counting",
            )
        )
    show(
        "The labels",
        "Phonon gaps of the 124 materials that have one; the others of all 1245.",
        figures.labels_figure(labels),
    )
    if measured:
        parts += [
            "<h2>Derived properties against experiment</h2>",
            _table(
                pd.DataFrame(measured),
                "Heat capacity at 300 K, J/mol/K: derived from "
                "phonons (constant volume), measured (CRC Handbook, constant pressure)",
            ),
            _paragraph(
                "Diamond's measured speeds of sound, km/s (McSkimin and Andreatch "
                "1972): "
                + "; ".join(f"{name}: {value}" for name, value in MEASURED_SOUND.items())
                + ". The paper derives 17.392 and 12.735."
            ),
        ]
    return [*parts, _methods(document["methods"])]


def _finding(document: Mapping[str, Any]) -> str:
    maes = {
        (score["model"], score["protocol"]): score["mae"]
        for score in document["scores"]
        if score["experiment"] == "transfer" and score["target"] == "phonon_bandgap"
    }
    if len(maes) < 4:
        return ""
    return _paragraph(
        "In this run the gap's mean absolute error is "
        f'<b class="published">{maes["TL", "published"]:.1f}</b> cm⁻¹ with transfer against '
        f"{maes['non-TL', 'published']:.1f} without, as published, and "
        f'<b class="leak_free">{maes["TL", "leak_free"]:.1f}</b> against '
        f"{maes['non-TL', 'leak_free']:.1f} without the leak (means over the architectures)."
    )


def _score_table(scores: Sequence[Mapping[str, Any]]) -> str:
    """Published beside leak_free, a row for each experiment, target and model."""
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for score in scores:
        target = figures.NAMES.get(score["target"], score["target"].replace("_", " "))
        key = (score["experiment"], target, score["model"], score.get("split", ""))
        paper = score.get("published_figure") or {}
        row = rows.setdefault(
            key,
            {
                "experiment": score["experiment"].replace("_", " "),
                "target": ", ".join(filter(None, (target, figures.unit_of(score["target"])))),
                "model": " ".join(filter(None, (score["model"], score.get("split")))),
                "published": "",
                "leak_free": "",
                "the paper": _pair(
                    paper.get("mae", paper.get("f1")), paper.get("r2", paper.get("auroc"))
                ),
                "networks": score["n_architectures"],
                "rounds": score["n_repeats"],
            },
        )
        first = score["mae"] if score.get("f1") is None else score["f1"]
        second = score["r2"] if score.get("f1") is None else score["auroc"]
        row[score["protocol"]] = _pair(first, second, score.get("mae_std"))
    return _table(
        pd.DataFrame(list(rows.values())),
        "MAE ± spread / R2, means and spread over the architectures (of a single one, over its "
        "rounds); of the classifier F1 / AUROC. The paper's TL figures are the best of its 250",
    )


def _pair(first: float | None, second: float | None, spread: float | None = None) -> str:
    if first is None:
        return ""
    text = f"{first:.3g}" if spread is None else f"{first:.3g} ± {spread:.2g}"
    return text if second is None else f"{text} / {second:.3f}"


def _table(frame: pd.DataFrame, caption: str) -> str:
    head = "".join(f"<th>{html.escape(str(name)).replace('_', ' ')}</th>" for name in frame.columns)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{_class(name, value)}>{_cell(value)}</td>"
            for name, value in zip(frame.columns, row, strict=True)
        )
        + "</tr>"
        for row in frame.itertuples(index=False)
    )
    return (
        f'<p class="caption">{html.escape(caption)}.</p><div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else html.escape(str(value))


def _class(name: str, value: Any) -> str:
    for protocol in ("published", "leak_free"):
        if protocol in (name, value):
            return f' class="{protocol}"'
    return ""


def _figure(figure: Any) -> str:
    figure.update_layout(
        template="plotly_white",
        margin={"l": 60, "r": 20, "t": 50, "b": 50},
        legend={"orientation": "h", "y": -0.25},
    )
    drawn = figure.to_html(
        full_html=False, include_plotlyjs=False, config={"responsive": True, "displaylogo": False}
    )
    return f'<div class="figure">{drawn}</div>'


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
    return f"<p>{text}</p>"
