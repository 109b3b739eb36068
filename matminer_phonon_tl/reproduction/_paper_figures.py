"""The reproduction's figures as files, for papers and slides: each says its protocol."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from matminer_phonon_tl.files import write_atomically
from matminer_phonon_tl.reproduction._figure_data import (
    COLOURS,
    NAMES,
    PALE,
    PROTOCOLS,
    Records,
    best_architecture,
    changes,
    holdout_lines,
    layer_groups,
    leak_lines,
    named,
    parity_of,
    select,
    structure_groups,
    unit_of,
)
from matminer_phonon_tl.reproduction._paper_data import TARGETS, published_figure
from matminer_phonon_tl.reproduction._paper_tables import iii_v_table

PAPER: dict[str, Any] = {"color": "black", "marker": "x", "linestyle": "none", "markersize": 7}


def write_figures(
    folder: Path, contents: Sequence[Mapping[str, Any]], comparisons: pd.DataFrame
) -> list[Path]:
    """Draw what the experiments found, each figure as PNG and SVG in DIR/figures.

    Parameters
    ----------
    folder : Path
    contents : sequence of dict
        What the jobs returned.
    comparisons : DataFrame
        TL against non-TL.

    Returns
    -------
    list of Path
    """
    records = [record for content in contents for record in content.get("records", ())]
    drawn = {
        "architectures": draw_architectures(records),
        "transfer_changes": draw_changes(comparisons),
        "leak_by_round": draw_leak(records),
        "holdout_60_40": draw_holdout(records),
        "layers": draw_layers(records),
        "parity_gap": draw_parity(records, "transfer", TARGETS[:1], ("non-TL", "TL")),
        "parity_sound_and_heat_capacity": draw_parity(records, "transfer", TARGETS[1:], ("TL",)),
        "parity_source": draw_parity(records, "source", ("bandgap",), ("source",)),
        "parity_full_data": draw_parity(
            records, "full_data", TARGETS[1:], ("full data", "full data, TL")
        ),
        "structure_descriptors": draw_structure(records),
        "labels": draw_labels(next((c["labels"] for c in contents if "labels" in c), None)),
        "iii_v": draw_compounds(iii_v_table(contents)),
        "derived_against_measured": draw_measured(
            [row for content in contents for row in content.get("measured", ())]
        ),
    }
    drawn |= {
        f"classifier_{own['protocol']}": draw_classifier(own)
        for own in (content["classifier"] for content in contents if "classifier" in content)
    }
    written = []
    for name, figure in drawn.items():
        if figure is None:
            continue
        (folder / "figures").mkdir(exist_ok=True)
        for suffix in ("png", "svg"):
            content = BytesIO()
            figure.savefig(content, format=suffix, dpi=150)
            figure.set_layout_engine("none")  # found once, kept for the other format
            path = folder / "figures" / f"{name}.{suffix}"
            write_atomically(path, content.getvalue())
            written.append(path)
    return written


def draw_architectures(records: Records) -> Figure | None:
    """Box plots over the architectures: error and R2 for each target, model and protocol."""
    if not select(records, "transfer"):
        return None
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    for row, (score, label) in zip(
        figure.subplots(2, 3), (("mae", "MAE"), ("r2", "R²")), strict=True
    ):
        for axes, target in zip(row, TARGETS, strict=True):
            for place, model in enumerate(("non-TL", "TL")):
                for protocol in PROTOCOLS:
                    group = select(
                        records, "transfer", target=target, model=model, protocol=protocol
                    )
                    _box(axes, [own[f"{score}_averaged"] for own in group], place, protocol)
                paper = published_figure("transfer", target, model)
                if paper:
                    axes.plot(place, paper[score], **PAPER)
            unit = f", {unit_of(target)}" if score == "mae" else ""
            axes.set(title=NAMES[target], ylabel=f"{label}{unit}")
            axes.set_xticks((0, 1), ("non-TL", "TL"))
            if score == "mae":
                axes.set_ylim(0, None)
    _legend(figure, paper="the paper's figure (TL: best of its 250)")
    return figure


def draw_changes(comparisons: pd.DataFrame) -> Figure | None:
    """What transfer changes, in per cent of the error without it, with 95 % intervals."""
    if not len(comparisons):
        return None
    table = changes(comparisons)
    names = list(dict.fromkeys(table["what"]))
    figure = Figure(figsize=(7, 0.9 + 0.55 * len(names)), layout="constrained")
    axes = figure.subplots()
    for protocol, shift in zip(PROTOCOLS, (-0.13, 0.13), strict=True):
        own = table[table["protocol"] == protocol]
        places = [names.index(name) + shift for name in own["what"]]
        reach = [own["change"] - own["lower"], own["upper"] - own["change"]]
        axes.errorbar(own["change"], places, xerr=reach, fmt="o", color=COLOURS[protocol],
                      capsize=3)  # fmt: skip
    paper = table[table["paper"].notna() & (table["protocol"] == "published")]
    axes.plot(paper["paper"], [names.index(name) - 0.3 for name in paper["what"]], **PAPER)
    axes.axvline(0, color="0.4", linestyle="--", linewidth=1)
    axes.set(xlabel="change of the error by transfer, %", ylim=(len(names) - 0.4, -0.6))
    axes.set_yticks(range(len(names)), names)
    _legend(figure, paper="the paper")
    return figure


def draw_leak(records: Records) -> Figure | None:
    """The error in each round, over what is carried from fit to fit."""
    if not select(records, "transfer", model="TL"):
        return None
    figure = Figure(figsize=(10, 3.7), layout="constrained")
    for axes, target in zip(figure.subplots(1, 3), TARGETS, strict=True):
        for protocol, name, style, values in leak_lines(records, target):
            shade = COLOURS if style == "-" else PALE
            axes.plot(np.arange(1, len(values) + 1), values, style, marker="o", markersize=3,
                      color=shade[protocol], label=name)  # fmt: skip
        axes.set(title=NAMES[target], xlabel="round of five folds",
                 ylabel=f"MAE, {unit_of(target)}", ylim=(0, None))  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def draw_holdout(records: Records) -> Figure | None:
    """Scores on each random 60/40 split, with and without transfer."""
    if not select(records, "holdout_60_40"):
        return None
    figure = Figure(figsize=(10, 5), layout="constrained")
    for row, protocol in zip(figure.subplots(2, 2), PROTOCOLS, strict=True):
        for axes, (score, label) in zip(row, (("mae", "MAE, cm⁻¹"), ("r2", "R²")), strict=True):
            for model, values in holdout_lines(records, score, protocol).items():
                shade, marker = (COLOURS, "o") if model == "TL" else (PALE, "s")
                axes.plot(np.arange(1, len(values) + 1), values, marker=marker, markersize=4,
                          color=shade[protocol], label=model)  # fmt: skip
            axes.set(title=protocol, xlabel="split", ylabel=label)
            axes.legend(fontsize="small", frameon=False)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if score == "mae":
                axes.set_ylim(0, None)
    return figure


def draw_layers(records: Records) -> Figure | None:
    """Errors of the gap by what is transferred, and by what is frozen."""
    found = {protocol: layer_groups(records, protocol) for protocol in PROTOCOLS}
    if not any(any(groups) for groups in found.values()):
        return None
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, number, title in zip(
        panels, (0, 1), ("layers transferred", "layers frozen"), strict=True
    ):
        names = list(dict.fromkeys(name for groups in found.values() for name in groups[number]))
        for protocol, groups in found.items():
            for name, values in groups[number].items():
                _box(axes, values, names.index(name), protocol)
        axes.set(title=title, ylim=(0, None))
        axes.set_xticks(range(len(names)), names)
    panels[0].set_ylabel("MAE of the gap, cm⁻¹")
    _legend(figure)
    return figure


def draw_structure(records: Records) -> Figure | None:
    """Errors of the gap from composition alone, and with the structure's descriptors."""
    if not select(records, "structure_descriptors"):
        return None
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, model in zip(panels, ("non-TL", "TL"), strict=True):
        for protocol in PROTOCOLS:
            groups = structure_groups(records, model, protocol)
            for place, values in enumerate(groups.values()):
                _box(axes, values, place, protocol)
        axes.set(title=model, ylim=(0, None))
        axes.set_xticks((0, 1), ("composition", "and structure"))
    panels[0].set_ylabel("MAE of the gap, cm⁻¹")
    _legend(figure)
    return figure


def draw_labels(labels: Mapping[str, Any] | None) -> Figure | None:
    """Distributions of the labels; phonon gaps of the materials that have one."""
    if labels is None:
        return None
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    panels = figure.subplots(2, 3).ravel()
    gapped = np.array(labels["gapped"])
    for axes, (name, values) in zip(panels, labels["distributions"].items(), strict=False):
        known = np.array(values, dtype=float)[gapped if name == "phonon_bandgap" else slice(None)]
        axes.hist(known[np.isfinite(known)], bins=40, color="0.45")
        axes.set(xlabel=named(name), ylabel="materials")
    panels[-1].remove()
    return figure


def draw_parity(
    records: Records, experiment: str, targets: Sequence[str], models: Sequence[str]
) -> Figure | None:
    """Predictions of the architecture that the paper would show against references."""
    found = [
        (target, protocol, parity)
        for target in targets
        for protocol in PROTOCOLS
        for model in models
        if (parity := parity_of(records, experiment, target, model, protocol)) is not None
    ]
    if not found:
        return None
    n_columns = 2
    n_rows = -(-len(found) // n_columns)
    figure = Figure(figsize=(8, 3.8 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False)
    for axes in panels.ravel()[len(found) :]:
        axes.remove()
    for axes, (target, protocol, parity) in zip(panels.ravel(), found, strict=False):
        axes.scatter(parity.reference, parity.predicted, s=12, alpha=0.6, linewidths=0,
                     color=COLOURS[protocol])  # fmt: skip
        axes.axline((0, 0), slope=1, color="0.4", linestyle=":")
        reference = "DFT" if target == "bandgap" else "DFPT"
        axes.set(title=parity.title, xlabel=f"{reference} {named(target)}", ylabel="predicted")
        axes.title.set_fontsize(10)
    shown = {"-".join(map(str, best_architecture(records, experiment, t) or [])) for t in targets}
    figure.suptitle(f"{', '.join(sorted(shown))}: lowest published error of all architectures",
                    fontsize=9)  # fmt: skip
    return figure


def draw_compounds(table: pd.DataFrame) -> Figure | None:
    """Predictions for the four compounds beside the paper's and the references."""
    if not len(table):
        return None
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    for axes, target in zip(figure.subplots(1, 3), TARGETS, strict=True):
        rows = table[(table["target"] == target) & table["reference"].notna()]
        compounds = list(dict.fromkeys(rows["compound"]))
        for protocol, shift in zip(PROTOCOLS, (-0.15, 0.15), strict=True):
            own = rows[rows["protocol"] == protocol]
            places = [compounds.index(name) + shift for name in own["compound"]]
            spread = own["spread"].astype(float).fillna(0.0)
            axes.errorbar(places, own["predicted"], yerr=spread, fmt="o", color=COLOURS[protocol])
        once = rows.drop_duplicates("compound")
        places = [compounds.index(name) for name in once["compound"]]
        axes.plot(places, once["paper"], **PAPER)
        axes.plot(places, once["reference"], **PAPER | {"marker": "_", "markersize": 26})
        axes.set(title=NAMES[target], ylabel=unit_of(target), ylim=(0, None))
        axes.set_xticks(range(len(compounds)), compounds)
        axes.margins(x=0.15)
    _legend(figure, paper="the paper (x), reference (bar)")
    return figure


def draw_measured(measured: Sequence[Mapping[str, Any]]) -> Figure | None:
    """How far derived heat capacities and speeds of sound are from measured ones."""
    if not measured:
        return None
    figure = Figure(figsize=(10, 3), layout="constrained")
    for axes, target in zip(figure.subplots(1, 2), TARGETS[:0:-1], strict=True):
        rows = [own for own in measured if own["target"] == target]
        differences = [100 * (own["derived"] / own["measured"] - 1) for own in rows]
        axes.plot([own["formula"] for own in rows], differences, "o", color="0.25")
        axes.axhline(0, color="0.4", linestyle="--", linewidth=1)
        axes.set(title=NAMES[target], ylabel="derived - measured, %", ylim=(-10, 10))
        axes.tick_params(axis="x", labelrotation=45)
    return figure


def draw_classifier(found: Mapping[str, Any]) -> Figure:
    """Confusion, ROC, precision against recall and importances on the paper's split."""
    from matminer_phonon_tl.figures import plot_gap_classifier

    return plot_gap_classifier(
        found["truth"], found["probability"], protocol=f"{found['protocol']}, the paper's split",
        importances=pd.Series(found["importances"], name="of the descriptor"),
    )  # fmt: skip


def _box(axes: Axes, values: Sequence[float], place: int, protocol: str) -> None:
    shift = {"published": -0.2, "leak_free": 0.2}[protocol]
    if not len(values):
        return
    colour = COLOURS[protocol]
    axes.boxplot([values], positions=[place + shift], widths=0.32, patch_artist=True,
                 showfliers=False, boxprops={"facecolor": PALE[protocol], "edgecolor": colour},
                 medianprops={"color": colour})  # fmt: skip
    axes.plot(np.full(len(values), place + shift), values, ".", color=colour, markersize=4)


def _legend(figure: Figure, paper: str = "") -> None:
    handles: list[Any] = [
        Line2D([], [], color=COLOURS[protocol], linewidth=5, label=protocol)
        for protocol in PROTOCOLS
    ]
    if paper:
        handles.append(Line2D([], [], label=paper, **PAPER))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
