"""The report's figures of the networks' experiments, as panels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

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
from matminer_phonon_tl.reproduction._report_panels import add_boxes, add_diagonal, panel
from matminer_phonon_tl.reproduction.paper import TARGETS, published_figure

Panels = list[go.Figure]
DASHES = {"-": "solid", "--": "dash", ":": "dot"}


def architectures_panels(records: Records) -> Panels:
    """Box plots over the architectures: without and with transfer, by protocol."""
    panels = []
    for score, label in (("mae", "MAE"), ("r2", "R²")):
        for target in TARGETS:
            if not select(records, "transfer", target=target):
                continue
            unit = unit_of(target) if score == "mae" else ""
            figure = panel(f"{NAMES[target]}: {label}", y=", ".join(filter(None, (label, unit))))
            for protocol in PROTOCOLS:
                groups, names = {}, []
                for model in ("non-TL", "TL"):
                    group = select(
                        records, "transfer", target=target, model=model, protocol=protocol
                    )
                    groups[model] = [own[f"{score}_averaged"] for own in group]
                    names += ["-".join(map(str, own["architecture"])) for own in group]
                add_boxes(figure, groups, protocol, names)
            for model in ("non-TL", "TL"):
                paper = published_figure("transfer", target, model)
                if paper is not None:
                    figure.add_scatter(
                        x=[model], y=[paper[score]], mode="markers",
                        marker={"symbol": "x", "size": 10, "color": "black"},
                        hovertemplate="the paper: %{y}<extra></extra>",
                    )  # fmt: skip
            if score == "mae":
                figure.update_yaxes(rangemode="tozero")
            panels.append(figure)
    return panels


def changes_panels(comparisons: pd.DataFrame) -> Panels:
    """What transfer changes, in per cent, with intervals; the paper's own changes beside it."""
    if not len(comparisons):
        return []
    table = changes(comparisons)
    names = list(dict.fromkeys(table["what"]))
    figure = panel("", x="change of the error by transfer, %", height=90 + 50 * len(names))
    for protocol, shift in zip(PROTOCOLS, (-0.15, 0.15), strict=True):
        own = table[table["protocol"] == protocol]
        figure.add_scatter(
            x=own["change"], y=[names.index(name) + shift for name in own["what"]],
            mode="markers", name=protocol, marker={"color": COLOURS[protocol], "size": 11},
            error_x={
                "type": "data", "symmetric": False, "thickness": 2, "width": 6,
                "array": own["upper"] - own["change"],
                "arrayminus": own["change"] - own["lower"],
            },
            hovertemplate=f"{protocol}: %{{x:.1f}} %<extra></extra>",
        )  # fmt: skip
    paper = table[table["paper"].notna() & (table["protocol"] == "published")]
    figure.add_scatter(
        x=paper["paper"], y=[names.index(name) - 0.36 for name in paper["what"]], mode="markers",
        name="the paper", marker={"symbol": "x", "size": 10, "color": "black"},
        hovertemplate="the paper: %{x:.1f} %<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=0, line={"color": "#555", "dash": "dash"})
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names,
                        range=[len(names) - 0.4, -0.6])  # fmt: skip
    return [figure]


def leak_panels(records: Records) -> Panels:
    """The error in each carried round, for each target."""
    panels = []
    for target in TARGETS:
        lines = leak_lines(records, target)
        if not lines:
            continue
        figure = panel(NAMES[target], x="round of five folds", y=f"MAE, {unit_of(target)}")
        for protocol, name, style, values in lines:
            shade = COLOURS if style == "-" else PALE
            figure.add_scatter(
                x=list(range(1, len(values) + 1)), y=values, name=name, mode="lines+markers",
                line={"color": shade[protocol], "dash": DASHES[style]}, marker={"size": 5},
                hovertemplate=f"{name}<br>round %{{x}}: %{{y:.3g}}<extra></extra>",
            )  # fmt: skip
        figure.update_xaxes(dtick=1 if len(lines[0][3]) < 8 else 2, tick0=1)
        figure.update_yaxes(rangemode="tozero")
        panels.append(figure)
    return panels


def probe_panels(probes: Sequence[Mapping[str, Any]]) -> Panels:
    """Correlation of held-out predictions with permuted labels, by protocol."""
    if not probes:
        return []
    figure = panel("", x="correlation of predictions with permuted labels", height=230)
    for probe in probes:
        values = np.array(probe["associations"])
        figure.add_scatter(
            x=values, y=[probe["protocol"]] * len(values), mode="markers",
            marker={"size": 12, "color": COLOURS[probe["protocol"]], "opacity": 0.7},
            hovertemplate="%{x:.3f}<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": "#555", "dash": "dash"})
    figure.add_annotation(x=0, y=1.12, yref="paper", text="a clean evaluation", showarrow=False)
    figure.update_xaxes(range=[-0.55, 1])
    figure.update_yaxes(range=[-0.6, len(probes) - 0.4])
    return [figure]


def holdout_panels(records: Records) -> Panels:
    """Scores on each random 60/40 split, with and without transfer (Fig. 4C-D)."""
    panels = []
    for protocol in PROTOCOLS:
        for score, label in (("mae", "MAE, cm⁻¹"), ("r2", "R²")):
            lines = holdout_lines(records, score, protocol)
            if not lines:
                continue
            title = protocol
            if len(lines) == 2:
                sign = 1 if score == "mae" else -1
                won = np.sum(sign * np.array(lines["TL"]) < sign * np.array(lines["non-TL"]))
                title = f"{protocol}: TL better on {won} of {len(lines['TL'])} splits"
            figure = panel(title, x="split", y=label)
            for model, values in lines.items():
                shade = COLOURS if model == "TL" else PALE
                figure.add_scatter(
                    x=list(range(1, len(values) + 1)), y=values, name=model,
                    mode="lines+markers", line={"color": shade[protocol]},
                    marker={"symbol": "circle" if model == "TL" else "square-open", "size": 7},
                    hovertemplate=f"{model}, split %{{x}}: %{{y:.3g}}<extra></extra>",
                )  # fmt: skip
            figure.update_xaxes(dtick=2, tick0=1)
            if score == "mae":
                figure.update_yaxes(rangemode="tozero")
            panels.append(figure)
    return panels


def layers_panels(records: Records) -> Panels:
    """Errors by which layers are transferred, and which are frozen (Fig. 4E-F)."""
    found = {protocol: layer_groups(records, protocol) for protocol in PROTOCOLS}
    panels = []
    for number, title in enumerate(("layers transferred", "layers frozen")):
        if not any(groups[number] for groups in found.values()):
            continue
        figure = panel(title, y="MAE of the gap, cm⁻¹")
        for protocol, groups in found.items():
            add_boxes(figure, groups[number], protocol)
        figure.update_yaxes(rangemode="tozero")
        panels.append(figure)
    return panels


def structure_panels(records: Records) -> Panels:
    """Errors of the gap from composition alone, and with the structure's descriptors (S4)."""
    if not select(records, "structure_descriptors"):
        return []
    panels = []
    for model in ("non-TL", "TL"):
        figure = panel(model, y="MAE of the gap, cm⁻¹")
        for protocol in PROTOCOLS:
            add_boxes(figure, structure_groups(records, model, protocol), protocol)
        figure.update_yaxes(rangemode="tozero")
        panels.append(figure)
    return panels


def parity_panels(
    records: Records, experiment: str, target: str, models: Sequence[str]
) -> tuple[Panels, str]:
    """Predictions against references, and the architecture that is shown."""
    panels = []
    for protocol in PROTOCOLS:
        for model in models:
            found = parity_of(records, experiment, target, model, protocol)
            if found is None:
                continue
            kind = "DFT" if target == "bandgap" else "DFPT"
            figure = panel(found.title, x=f"{kind} {named(target)}", y="predicted", height=360)
            figure.add_scatter(
                x=found.reference, y=found.predicted, mode="markers", text=found.names,
                marker={"color": COLOURS[protocol], "size": 6, "opacity": 0.65},
                hovertemplate="%{text}<br>reference %{x:.4g}<br>predicted %{y:.4g}<extra></extra>",
            )  # fmt: skip
            values = np.concatenate([found.reference, found.predicted])
            add_diagonal(figure, float(values.min()), float(values.max()))
            panels.append(figure)
    shown = best_architecture(records, experiment, target)
    return panels, "-".join(map(str, shown or []))
