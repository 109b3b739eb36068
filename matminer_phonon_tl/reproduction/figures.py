"""Draw the reproduction's figures from its tables, each panel by one function.

A figure is a list of panels. A file holds them all; the report's page holds each as a separate
SVG, so that panels wrap in a narrow window.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from sklearn.metrics import r2_score

from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.figures.classifier import (
    draw_confusion,
    draw_importances,
    draw_precision_recall,
    draw_roc,
)
from matminer_phonon_tl.figures.saving import page_svg
from matminer_phonon_tl.files import write_atomically
from matminer_phonon_tl.reproduction.paper import TARGETS, published_figure
from matminer_phonon_tl.reproduction.tables import select, without_parts_of_the_leak

# colour-blind readers can tell these apart, and their lightness differs in grey
COLOURS = {"published": "#b2182b", "leak_free": "#2166ac"}
PALE = {"published": "#ef8a62", "leak_free": "#92c5de"}
PROTOCOLS = tuple(COLOURS)
INK, GREY = "#1b1b1b", "#777777"
NAMES = {
    "bandgap": "electronic band gap",
    "phonon_bandgap": "phonon gap",
    "speed_of_sound": "mean speed of sound",
    "heat_capacity": "heat capacity",
    "heat_capacity_per_atom": "heat capacity per atom",
}
SHORT_NAMES = {
    "bandgap": "band gap",
    "phonon_bandgap": "phonon gap",
    "speed_of_sound": "sound",
    "heat_capacity": "Cv",
    "heat_capacity_per_atom": "Cv/atom",
}
STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "matminer_phonon_tl",
}
PAGE_COLOURS = {
    INK: "currentColor",
    COLOURS["published"]: "var(--published)",
    COLOURS["leak_free"]: "var(--leak_free)",
}
"""Colours that the page sets itself, by its light or dark scheme."""
PANEL = (3.6, 2.9)
PAPER: dict[str, Any] = {"color": INK, "marker": "x", "linestyle": "none", "markersize": 7}
REFERENCE: dict[str, Any] = PAPER | {"marker": "_", "markersize": 26}

Panel = Callable[[Axes], None]


@dataclass(frozen=True)
class Mark:
    """An entry of a figure's key: a line with a matplotlib line style, or a marker."""

    label: str
    colour: str
    line: Literal["-", "--", ":"] = "-"
    marker: str = ""

    def handle(self) -> Line2D:
        """Return the mark as matplotlib's legend takes it."""
        if self.marker:
            style = REFERENCE if self.marker == "_" else PAPER
            return Line2D([], [], **style | {"color": self.colour, "label": self.label})
        return Line2D([], [], color=self.colour, linestyle=self.line, linewidth=3, label=self.label)


BOTH = tuple(Mark(protocol, colour) for protocol, colour in COLOURS.items())
THE_PAPER = Mark("the paper's figure", INK, marker="x")
LEAK_LINES = (
    ("none", Mark("published order, each fold from the source's own weights",
                  PALE["published"], ":")),
    ("fit_on_all", Mark("published order, each fold from one fit on all labels",
                        PALE["published"], "--")),
    ("all", Mark("published: weights carried from fit to fit", COLOURS["published"])),
    (None, Mark("leak_free", COLOURS["leak_free"])),
)  # fmt: skip
"""What is carried from fit to fit, and how its line is drawn."""


@dataclass(frozen=True, eq=False)
class PanelFigure:
    """A figure made of panels."""

    panels: list[Panel]
    """Each draws itself into the axes that it is given."""
    columns: int
    """Panels beside each other, where there is room."""
    key: tuple[Mark, ...] = ()
    """What colours and lines mean in all panels."""

    def draw(self) -> Figure:
        """Return all panels in one figure, with the key below them."""
        n_rows = -(-len(self.panels) // self.columns)
        width = 5.0 if self.columns == 1 else 3.4 * self.columns
        with rc_context(STYLE):
            figure = Figure(figsize=(width, 2.8 * n_rows), layout="constrained")
            places = figure.subplots(n_rows, self.columns, squeeze=False).ravel()
            for axes, panel in zip(places, self.panels, strict=False):
                panel(axes)
            for axes in places[len(self.panels) :]:
                axes.remove()
            if self.key:
                longest = max(len(mark.label) for mark in self.key)
                fitting = int(72 * width / (40 + 5.5 * longest))
                figure.legend(handles=[mark.handle() for mark in self.key], frameon=False,
                              loc="outside lower center", ncols=max(1, fitting))  # fmt: skip
        return figure

    def svgs(self, name: str) -> list[str]:
        """Return each panel as an SVG element; `name` makes the ids of its parts unique."""
        return [_svg(panel, f"{name}-{number}") for number, panel in enumerate(self.panels)]


def make_figures(tables: Mapping[str, pd.DataFrame]) -> dict[str, PanelFigure]:
    """Return the figures of all experiments that were run, by their files' names."""
    scores = without_parts_of_the_leak(tables["architectures"])
    parity = tables["parity"]
    figures = {
        "architectures": PanelFigure(_architecture_panels(scores), 3, (*BOTH, THE_PAPER)),
        "transfer_changes": PanelFigure(
            [partial(_draw_changes, table=changes(tables["comparisons"]))]
            if len(tables["comparisons"])
            else [],
            1,
            (*BOTH, THE_PAPER),
        ),
        "leak_by_round": PanelFigure(
            _leak_panels(tables["leak_by_round"]),
            3,
            tuple(
                mark
                for carry, mark in LEAK_LINES
                if len(select(tables["leak_by_round"], model="TL", carry=carry))
            ),
        ),
        "leak_probe": PanelFigure(
            [partial(_draw_probe, table=tables["leak_probe"])] if len(tables["leak_probe"]) else [],
            1,
            BOTH,
        ),
        "holdout_60_40": PanelFigure(_holdout_panels(tables["holdout_60_40"]), 2),
        "layers": PanelFigure(_layer_panels(scores), 2, BOTH),
        "parity_gap": PanelFigure(
            _parity_panels(parity, "transfer", TARGETS[:1], ("non-TL", "TL")), 2
        ),
        "parity_sound_and_heat_capacity": PanelFigure(
            _parity_panels(parity, "transfer", TARGETS[1:], ("TL",)), 2
        ),
        "classifier": PanelFigure(
            _classifier_panels(tables["classifier"], tables["importances"]), 2
        ),
        "iii_v": PanelFigure(
            _compound_panels(tables["iii_v"]), 3,
            (*BOTH, THE_PAPER, Mark("reference", INK, marker="_")),
        ),
        "parity_full_data": PanelFigure(
            _parity_panels(parity, "full_data", TARGETS[1:], ("full data", "full data, TL")), 2
        ),
        "structure_descriptors": PanelFigure(_structure_panels(scores), 2, BOTH),
        "parity_source": PanelFigure(
            _parity_panels(parity, "source", ("bandgap",), ("source",)), 2
        ),
        "labels": PanelFigure(_label_panels(tables["labels"]), 3),
        "derived_against_measured": PanelFigure(
            _measured_panels(tables["derived_against_measured"]), 2
        ),
    }  # fmt: skip
    return {name: figure for name, figure in figures.items() if figure.panels}


def write_figures(folder: Path, figures: Mapping[str, PanelFigure]) -> None:
    """Write each figure as PNG and SVG into the folder's subfolder figures."""
    for name, panels in figures.items():
        (folder / "figures").mkdir(exist_ok=True)
        figure = panels.draw()
        for suffix, metadata in (("png", {}), ("svg", {"Date": None})):
            content = BytesIO()
            with rc_context(STYLE):
                figure.savefig(content, format=suffix, dpi=150, metadata=metadata)
            figure.set_layout_engine("none")  # found once, kept for the other format
            write_atomically(folder / "figures" / f"{name}.{suffix}", content.getvalue())


def unit_of(target: str) -> str:
    """Return a target's unit, short enough for an axis."""
    return UNITS.get(target, "").split(" per ")[0].replace("cm-1", "cm⁻¹")


def named(target: str) -> str:
    """Return a target's name with its unit."""
    return ", ".join(filter(None, (NAMES.get(target, target), unit_of(target))))


def changes(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return what transfer changes in per cent of the error without it, with its interval."""
    per_cent = 100 / comparisons["mae_non_tl"]
    table = pd.DataFrame(
        {
            "what": comparisons["target"].map(NAMES)
            + np.where(comparisons["experiment"] == "holdout_60_40", ", 60/40", ""),
            "protocol": comparisons["protocol"],
            "change": comparisons["difference"] * per_cent,
            "lower": comparisons["lower"] * per_cent,
            "upper": comparisons["upper"] * per_cent,
        }
    )
    table["paper"] = [
        _change_of_the_paper(experiment, target)
        for experiment, target in zip(comparisons["experiment"], comparisons["target"], strict=True)
    ]
    return table


def _change_of_the_paper(experiment: str, target: str) -> float:
    with_transfer, without = (
        published_figure(experiment, target, model) for model in ("TL", "non-TL")
    )
    if with_transfer is None or without is None:
        return float("nan")
    return float(100 * (with_transfer["mae"] / without["mae"] - 1))


def _svg(panel: Panel, prefix: str) -> str:
    """Draw a panel as SVG that can stand beside others in one page and wears the page's colours."""
    with rc_context(STYLE):
        figure = Figure(figsize=PANEL, layout="constrained")
        panel(figure.subplots())
        return page_svg(figure, prefix, PAGE_COLOURS)


def _architecture_panels(scores: pd.DataFrame) -> list[Panel]:
    """Show errors and R2 of all architectures, without and with transfer (Table 1, Fig. 5)."""
    panels: list[Panel] = []
    for score, label in (("mae", "MAE"), ("r2", "R²")):
        for target in TARGETS:
            rows = select(scores, experiment="transfer", target=target)
            if not len(rows):
                continue
            found = {
                model: published_figure("transfer", target, model) for model in ("non-TL", "TL")
            }
            panels.append(
                partial(
                    _draw_boxes,
                    groups={
                        protocol: {
                            model: select(rows, protocol=protocol, model=model)[score]
                            for model in found
                        }
                        for protocol in PROTOCOLS
                    },
                    title=NAMES[target],
                    label=f"MAE, {unit_of(target)}" if score == "mae" else label,
                    paper={model: figure[score] for model, figure in found.items() if figure},
                    from_zero=score == "mae",
                )
            )
    return panels


def _leak_panels(table: pd.DataFrame) -> list[Panel]:
    """Show the error in each round, by what is carried from fit to fit."""
    panels: list[Panel] = []
    for target in TARGETS:
        rows = select(table, target=target, model="TL")
        lines = [
            (mark, select(rows, carry=carry)["mean"]) for carry, mark in LEAK_LINES if len(rows)
        ]
        if lines:
            panels.append(
                partial(_draw_lines, lines=[line for line in lines if len(line[1])],
                        title=NAMES[target], x="round of five folds",
                        label=f"MAE, {unit_of(target)}", from_zero=True)
            )  # fmt: skip
    return panels


def _holdout_panels(table: pd.DataFrame) -> list[Panel]:
    """Show the scores on each random 60/40 split, with and without transfer (Fig. 4C-D)."""
    panels: list[Panel] = []
    for protocol in PROTOCOLS:
        rows = select(table, protocol=protocol)
        for score, label in (("mae", "MAE, cm⁻¹"), ("r2", "R²")):
            lines = [
                (Mark(model, shades[protocol], marker=marker), select(rows, model=model)[score])
                for model, shades, marker in (("non-TL", PALE, "s"), ("TL", COLOURS, "o"))
                if len(select(rows, model=model))
            ]
            if not lines:
                continue
            title = protocol
            if len(lines) == 2:
                gain = lines[1][1].to_numpy() - lines[0][1].to_numpy()
                won = int(np.sum(gain < 0 if score == "mae" else gain > 0))
                title = f"{protocol}: TL better on {won} of {len(gain)} splits"
            panels.append(partial(_draw_lines, lines=lines, title=title, x="split", label=label,
                                  from_zero=score == "mae", legend=True))  # fmt: skip
    return panels


def _layer_panels(scores: pd.DataFrame) -> list[Panel]:
    """Show errors of the gap by which layers are transferred or frozen (Fig. 4E-F)."""
    panels: list[Panel] = []
    for title, experiment in (("layers transferred", "layers_transferred"),
                              ("layers frozen", "layers_frozen")):  # fmt: skip
        rows = select(scores, experiment=experiment)
        if not len(rows):
            continue
        groups: dict[str, dict[str, pd.Series]] = {}
        for protocol in PROTOCOLS:
            found = select(rows, protocol=protocol)
            groups[protocol] = {
                str(layers): group["mae"] for layers, group in found.groupby("layers", sort=False)
            }
            twins = _twins(scores, found, "non-TL", protocol)
            if experiment == "layers_transferred" and len(twins):
                groups[protocol] = {"nothing (non-TL)": twins, **groups[protocol]}
        panels.append(partial(_draw_boxes, groups=groups, title=title,
                              label="MAE of the gap, cm⁻¹"))  # fmt: skip
    return panels


def _structure_panels(scores: pd.DataFrame) -> list[Panel]:
    """Show errors of the gap without and with descriptors of the structure (S4)."""
    panels: list[Panel] = []
    described = select(scores, experiment="structure_descriptors")
    for model in ("non-TL", "TL") if len(described) else ():
        groups = {}
        for protocol in PROTOCOLS:
            rows = select(described, model=model, protocol=protocol)
            alone = _twins(scores, rows, model, protocol)
            groups[protocol] = {"composition": alone, "and structure": rows["mae"]}
        panels.append(partial(_draw_boxes, groups=groups, title=model,
                              label="MAE of the gap, cm⁻¹"))  # fmt: skip
    return panels


def _twins(scores: pd.DataFrame, rows: pd.DataFrame, model: str, protocol: str) -> pd.Series:
    """Return the gap's errors in the main experiment, of the architectures of some rows."""
    main = select(scores, experiment="transfer", target="phonon_bandgap", model=model,
                  protocol=protocol)  # fmt: skip
    return main.loc[main["architecture"].isin(rows["architecture"]), "mae"]


def _parity_panels(
    table: pd.DataFrame, experiment: str, targets: Sequence[str], models: Sequence[str]
) -> list[Panel]:
    """Show predictions against references, for the architecture that the paper would show."""
    chosen = (
        select(table, experiment=experiment, target=target, protocol=protocol, model=model)
        for target in targets
        for protocol in PROTOCOLS
        for model in models
    )
    return [partial(_draw_parity, rows=rows) for rows in chosen if len(rows)]


def _classifier_panels(table: pd.DataFrame, importances: pd.DataFrame) -> list[Panel]:
    """Show confusion, ROC, precision against recall, and the main descriptors (Fig. 2)."""
    panels: list[Panel] = []
    for protocol, cmap in (("published", "Reds"), ("leak_free", "Blues")):
        rows = select(table, protocol=protocol)
        if not len(rows):
            continue
        truth = rows["has_phonon_bandgap"].to_numpy(dtype=bool)
        chances = rows["probability"].to_numpy()
        colour = COLOURS[protocol]
        weights = (
            select(importances, protocol=protocol)
            .set_index("descriptor")["importance"]
            .rename(None)
        )
        panels += [
            partial(_draw_titled, draw=draw, protocol=protocol)
            for draw in (
                partial(draw_confusion, truth=truth, probability=chances, cmap=cmap),
                partial(draw_roc, truth=truth, probability=chances, color=colour),
                partial(draw_precision_recall, truth=truth, probability=chances, color=colour),
                partial(draw_importances, importances=weights, color=colour),
            )
        ]
    return panels


def _compound_panels(table: pd.DataFrame) -> list[Panel]:
    """Show predictions for the four compounds beside the paper's and references (Table 2)."""
    return [
        partial(_draw_compounds, rows=select(table, target=target), target=target)
        for target in TARGETS
        if len(select(table, target=target))
    ]


def _label_panels(table: pd.DataFrame) -> list[Panel]:
    """Show distributions of the labels, and their rank correlations (S1)."""
    if not len(table):
        return []
    gapped = table[table["has_phonon_bandgap"]]
    names = [name for name in table.columns if name in NAMES]
    panels: list[Panel] = [
        partial(_draw_histogram, values=(gapped if name == "phonon_bandgap" else table)[name],
                label=named(name))
        for name in names
    ]  # fmt: skip
    correlations = table.loc[table["phonon_bandgap"].notna(), names].corr("spearman")
    return [*panels, partial(_draw_correlations, table=correlations)]


def _measured_panels(table: pd.DataFrame) -> list[Panel]:
    """Show how far derived properties are from measured ones (S2)."""
    return [
        partial(_draw_measured, rows=select(table, target=target), title=NAMES[target])
        for target in ("heat_capacity", "speed_of_sound")
        if len(select(table, target=target))
    ]


def _draw_boxes(
    axes: Axes,
    *,
    groups: Mapping[str, Mapping[str, pd.Series]],
    title: str,
    label: str,
    paper: Mapping[str, float] | None = None,
    from_zero: bool = True,
) -> None:
    """Draw a box with its points for each group of values, the protocols side by side."""
    names = list(dict.fromkeys(name for by_name in groups.values() for name in by_name))
    for protocol, shift in zip(PROTOCOLS, (-0.2, 0.2), strict=True):
        for name, values in groups[protocol].items():
            if not len(values):
                continue
            place, colour = names.index(name) + shift, COLOURS[protocol]
            axes.boxplot(
                [values], positions=[place], widths=0.32, patch_artist=True, showfliers=False,
                boxprops={"facecolor": PALE[protocol], "edgecolor": colour},
                medianprops={"color": colour}, whiskerprops={"color": colour},
                capprops={"color": colour},
            )  # fmt: skip
            axes.plot(np.full(len(values), place), values, ".", color=colour, markersize=5)
    for name, value in (paper or {}).items():
        axes.plot(names.index(name), value, **PAPER)
    axes.set_xticks(range(len(names)), [name.replace(" (", "\n(") for name in names])
    axes.set(title=title, ylabel=label)
    if from_zero:
        _start_at_zero(axes)


def _start_at_zero(axes: Axes) -> None:
    """Let the axis begin at 0, with room for the marks at the top."""
    axes.set_ylim(0.0, 1.06 * axes.get_ylim()[1])


def _draw_changes(axes: Axes, *, table: pd.DataFrame) -> None:
    """Draw what transfer changes, in per cent of the error without it, with 95 % intervals."""
    names = list(dict.fromkeys(table["what"]))
    for protocol, shift in zip(PROTOCOLS, (-0.13, 0.13), strict=True):
        rows = select(table, protocol=protocol)
        axes.errorbar(
            rows["change"], [names.index(name) + shift for name in rows["what"]], fmt="o",
            xerr=[rows["change"] - rows["lower"], rows["upper"] - rows["change"]],
            color=COLOURS[protocol], capsize=3,
        )  # fmt: skip
    paper = table[table["paper"].notna()].drop_duplicates("what")
    axes.plot(paper["paper"], [names.index(name) - 0.3 for name in paper["what"]], **PAPER)
    axes.axvline(0, color=GREY, linestyle="--", linewidth=1)
    axes.set(xlabel="change of the error by transfer, %", ylim=(len(names) - 0.4, -0.6))
    axes.set_yticks(range(len(names)), [name.replace(", ", ",\n") for name in names])


def _draw_lines(
    axes: Axes,
    *,
    lines: Sequence[tuple[Mark, pd.Series]],
    title: str,
    x: str,
    label: str,
    from_zero: bool,
    legend: bool = False,
) -> None:
    """Draw series of values, numbered from 1."""
    for mark, values in lines:
        axes.plot(
            np.arange(1, len(values) + 1), values, mark.line, marker=mark.marker or "o",
            markersize=4, color=mark.colour, label=mark.label,
        )  # fmt: skip
    axes.set(title=title, xlabel=x, ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if from_zero:
        _start_at_zero(axes)
    if legend:
        axes.legend(frameon=False)


def _draw_probe(axes: Axes, *, table: pd.DataFrame) -> None:
    """Draw correlations of predictions with permuted labels, by protocol."""
    protocols = list(dict.fromkeys(table["protocol"]))
    for place, protocol in enumerate(protocols):
        values = select(table, protocol=protocol)["correlation"]
        axes.plot(values, np.full(len(values), place), "o", color=COLOURS[protocol], alpha=0.7)
    axes.axvline(0, color=GREY, linestyle="--", linewidth=1)
    axes.text(0.03, len(protocols) - 0.3, "a clean evaluation", va="top")
    axes.set(
        xlabel="correlation of predictions with permuted labels", xlim=(-0.55, 1),
        ylim=(-0.6, len(protocols) - 0.2),
    )  # fmt: skip
    axes.set_yticks(range(len(protocols)), protocols)


def _draw_parity(axes: Axes, *, rows: pd.DataFrame) -> None:
    """Draw predictions of one architecture, averaged over the rounds, against references."""
    first = rows.iloc[0]
    reference, predicted = rows["reference"].to_numpy(), rows["predicted"].to_numpy()
    tested = np.isfinite(predicted)
    error = np.abs(predicted - reference)[tested].mean()
    r2 = r2_score(reference[tested], predicted[tested])
    axes.plot(
        reference, predicted, ".", markersize=5, markeredgewidth=0, alpha=0.6,
        color=COLOURS[first["protocol"]],
    )  # fmt: skip
    axes.axline((0, 0), slope=1, color=GREY, linestyle=":")
    model = "" if first["model"] == "source" else f", {first['model']}"
    axes.set(
        title=f"{first['protocol']}{model}\n{error:.3g} {unit_of(first['target'])}, R² {r2:.3f}",
        xlabel=f"{'DFT' if first['target'] == 'bandgap' else 'DFPT'} {named(first['target'])}",
        ylabel="predicted",
    )


def _draw_titled(axes: Axes, *, draw: Panel, protocol: str) -> None:
    """Draw a panel and put the protocol before its title."""
    draw(axes)
    axes.set_title(f"{protocol}\n{axes.get_title()}")


def _draw_compounds(axes: Axes, *, rows: pd.DataFrame, target: str) -> None:
    """Draw predictions with their spread over the networks, the paper's, and the references."""
    known = rows[rows["reference"].notna()]
    compounds = list(dict.fromkeys(known["compound"]))
    for protocol, shift in zip(PROTOCOLS, (-0.15, 0.15), strict=True):
        predicted = select(known, protocol=protocol)
        axes.errorbar(
            [compounds.index(name) + shift for name in predicted["compound"]],
            predicted["predicted"], yerr=predicted["spread"].astype(float).fillna(0.0), fmt="o",
            color=COLOURS[protocol],
        )  # fmt: skip
    once = known.drop_duplicates("compound")
    places = [compounds.index(name) for name in once["compound"]]
    axes.plot(places, once["paper"].astype(float), **PAPER)
    axes.plot(places, once["reference"].astype(float), **REFERENCE)
    axes.set(title=NAMES[target], ylabel=unit_of(target), ylim=(0, None))
    axes.set_xticks(range(len(compounds)), compounds)
    axes.margins(x=0.15)


def _draw_histogram(axes: Axes, *, values: pd.Series, label: str) -> None:
    axes.hist(values.dropna(), bins=40, color=GREY)
    axes.set(xlabel=label, ylabel="materials")


def _draw_correlations(axes: Axes, *, table: pd.DataFrame) -> None:
    """Draw a matrix of correlations with its numbers."""
    names = [SHORT_NAMES[name] for name in table.columns]
    values = table.to_numpy()
    axes.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if abs(value) > 0.6 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(names)), names, rotation=45)
    axes.set_yticks(range(len(names)), names)
    axes.set_title("rank correlation (124 with a gap)")


def _draw_measured(axes: Axes, *, rows: pd.DataFrame, title: str) -> None:
    """Draw derived values less measured ones, in per cent."""
    axes.plot(rows["formula"], 100 * (rows["derived"] / rows["measured"] - 1), "o", color=INK)
    axes.axhline(0, color=GREY, linestyle="--", linewidth=1)
    axes.set(title=title, ylabel="derived - measured, %", ylim=(-10, 10))
    axes.tick_params(axis="x", labelrotation=60)
