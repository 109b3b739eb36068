"""The report's interactive figures, each a function of what the experiments recorded."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.evaluation._paper_data import TARGETS, published_figure
from matminer_phonon_tl.evaluation._paper_networks import paper_frame

# told apart by colour-blind readers, and in grey by their lightness
COLOURS = {"published": "#b2182b", "leak_free": "#2166ac"}
PALE = {"published": "#ef8a62", "leak_free": "#92c5de"}
NAMES = {
    "bandgap": "electronic band gap",
    "phonon_bandgap": "phonon gap",
    "speed_of_sound": "speed of sound",
    "heat_capacity": "heat capacity",
    "heat_capacity_per_atom": "heat capacity per atom",
}
CARRIED = {
    "all": "weights carried from fit to fit (the script)",
    "fit_on_all": "each fold from one fit on all labels",
    "none": "each fold from the source's own weights",
}

Records = Sequence[Mapping[str, Any]]


def unit_of(target: str) -> str:
    """Return a target's unit, short enough for an axis."""
    return UNITS.get(target, "").split(" per ")[0].replace("cm-1", "cm⁻¹")


def architectures_figure(records: Records) -> go.Figure | None:
    """Box plots over the architectures: TL and non-TL, by protocol, for each target."""
    chosen = _of(records, "transfer")
    targets = [name for name in TARGETS if any(own["target"] == name for own in chosen)]
    if not targets:
        return None
    titles = [f"{NAMES[name]}, {unit_of(name)}" for name in targets]
    figure = make_subplots(1, len(targets), subplot_titles=titles)
    for column, target in enumerate(targets, 1):
        for protocol, colour in COLOURS.items():
            group = [o for o in chosen if (o["target"], o["protocol"]) == (target, protocol)]
            if group:
                figure.add_box(
                    x=[own["model"] for own in group],
                    y=[own["mae_averaged"] for own in group],
                    text=["-".join(map(str, own["architecture"])) for own in group],
                    name=protocol, legendgroup=protocol, showlegend=column == 1,
                    boxpoints="all", pointpos=0, jitter=0.4, marker_color=colour,
                    offsetgroup=protocol, row=1, col=column,
                )  # fmt: skip
        for model in ("TL", "non-TL"):
            paper = published_figure("transfer", target, model)
            if paper is not None:
                figure.add_scatter(
                    x=[model], y=[paper["mae"]], mode="markers", name="the paper's figure",
                    marker={"symbol": "x", "size": 10, "color": "black"}, legendgroup="paper",
                    showlegend=column == 1 and model == "TL", row=1, col=column,
                )  # fmt: skip
    figure.update_layout(boxmode="group", yaxis_title="mean absolute error")
    figure.update_yaxes(rangemode="tozero")
    return figure


def leak_figure(records: Records) -> go.Figure | None:
    """The gap's error in each carried round, over what is carried from fit to fit."""
    chosen = [
        own
        for own in records
        if own["experiment"] == "transfer" and own["target"] == "phonon_bandgap"
        and own["model"] == "TL"
    ]  # fmt: skip
    if not chosen:
        return None
    figure = go.Figure()
    lines = [
        ("published", "none", PALE["published"], "dot"),
        ("published", "fit_on_all", PALE["published"], "dash"),
        ("published", "all", COLOURS["published"], "solid"),
        ("leak_free", None, COLOURS["leak_free"], "solid"),
    ]
    for protocol, carry, colour, dash in lines:
        group = [
            o["mae_rounds"] for o in chosen if (o["protocol"], o["carry"]) == (protocol, carry)
        ]
        if group:
            mean = np.mean(group, axis=0)
            what = "leak_free protocol" if carry is None else CARRIED[carry]
            figure.add_scatter(
                x=list(range(1, len(mean) + 1)), y=mean.tolist(), name=what,
                mode="lines+markers", line={"color": colour, "dash": dash},
            )  # fmt: skip
    figure.update_layout(
        xaxis_title="round of five folds", yaxis_title="mean absolute error of the gap, cm⁻¹"
    )
    figure.update_xaxes(dtick=1)
    figure.update_yaxes(rangemode="tozero")
    return figure


def probe_figure(probes: Sequence[Mapping[str, Any]]) -> go.Figure | None:
    """Correlation of held-out predictions with permuted labels, by protocol."""
    if not probes:
        return None
    figure = go.Figure()
    for probe in probes:
        values = probe["associations"]
        figure.add_scatter(
            x=values, y=[probe["protocol"]] * len(values), mode="markers",
            name=probe["protocol"], marker={"size": 11, "color": COLOURS[probe["protocol"]]},
            showlegend=False,
        )  # fmt: skip
    figure.add_vline(x=0, line_dash="dash", annotation_text="what a clean protocol gives")
    figure.update_layout(
        xaxis_title="correlation of predictions with labels that were drawn at random",
        xaxis_range=[-0.5, 1], height=260,
    )  # fmt: skip
    return figure


def holdout_figure(records: Records) -> go.Figure | None:
    """Errors of the random 60/40 splits."""
    chosen = _of(records, "holdout_60_40")
    if not chosen:
        return None
    figure = go.Figure()
    for protocol, colour in COLOURS.items():
        group = [own for own in chosen if own["protocol"] == protocol]
        values = [(o["model"], mae) for o in group for mae in o["mae_rounds"]]
        figure.add_box(
            x=[model for model, _ in values], y=[mae for _, mae in values], name=protocol,
            boxpoints="all", pointpos=0, jitter=0.4, marker_color=colour,
        )  # fmt: skip
    figure.update_layout(boxmode="group", yaxis_title="mean absolute error of the gap, cm⁻¹")
    figure.update_yaxes(rangemode="tozero")
    return figure


def layers_figure(records: Records) -> go.Figure | None:
    """Errors by which layers are transferred, and which are frozen."""
    figure = make_subplots(1, 2, subplot_titles=["layers transferred", "layers frozen"],
                           shared_yaxes=True)  # fmt: skip
    drawn = False
    for column, experiment in enumerate(("layers_transferred", "layers_frozen"), 1):
        chosen = _of(records, experiment)
        for protocol, colour in COLOURS.items():
            group = [own for own in chosen if own["protocol"] == protocol]
            models = list(dict.fromkeys(own["model"] for own in group))
            means = [
                float(np.mean([o["mae_averaged"] for o in group if o["model"] == model]))
                for model in models
            ]
            if models:
                drawn = True
                figure.add_bar(
                    x=[model.split(", ")[1].rsplit(" ", 1)[0] for model in models], y=means,
                    name=protocol, legendgroup=protocol, showlegend=column == 1,
                    marker_color=colour, row=1, col=column,
                )  # fmt: skip
    figure.update_layout(barmode="group", yaxis_title="mean absolute error of the gap, cm⁻¹")
    return figure if drawn else None


def parity_figure(records: Records, experiment: str, target: str, model: str) -> go.Figure | None:
    """Predictions against references, averaged over rounds and architectures."""
    chosen = [o for o in _of(records, experiment) if (o["target"], o["model"]) == (target, model)]
    protocols = [name for name in COLOURS if any(own["protocol"] == name for own in chosen)]
    if not protocols:
        return None
    frame = paper_frame("gapped" if len(chosen[0]["averaged"]) < 200 else "all")
    reference = frame[target].to_numpy(dtype=float)
    figure = make_subplots(1, len(protocols), subplot_titles=protocols, shared_yaxes=True)
    ends = [float(reference.min()), float(reference.max())]
    hover = [
        f"{formula} ({identifier})"
        for formula, identifier in zip(frame["formula"], frame["material_id"], strict=True)
    ]
    for column, protocol in enumerate(protocols, 1):
        group = [own["averaged"] for own in chosen if own["protocol"] == protocol]
        predicted = np.mean(np.array(group, dtype=float), axis=0)
        figure.add_scatter(
            x=reference, y=predicted, mode="markers", text=hover, showlegend=False,
            marker={"color": COLOURS[protocol], "size": 6, "opacity": 0.7},
            hovertemplate="%{text}<br>reference %{x:.4g}<br>predicted %{y:.4g}<extra></extra>",
            row=1, col=column,
        )  # fmt: skip
        figure.add_scatter(x=ends, y=ends, mode="lines", line={"color": "#555", "dash": "dot"},
                           hoverinfo="skip", showlegend=False, row=1, col=column)  # fmt: skip
    label = f"{NAMES[target]}, {unit_of(target)}"
    figure.update_xaxes(title=f"DFPT {label}" if target != "bandgap" else f"DFT {label}")
    figure.update_layout(yaxis_title=f"predicted {label}")
    return figure


def classifier_figure(found: Sequence[Mapping[str, Any]]) -> go.Figure | None:
    """ROC and precision against recall on the paper's split, and the descriptors."""
    if not found:
        return None
    from sklearn.metrics import precision_recall_curve, roc_curve

    titles = ["ROC", "precision and recall", "importance (leak_free)"]
    figure = make_subplots(1, 3, subplot_titles=titles, horizontal_spacing=0.12)
    for own in found:
        truth, probability = np.array(own["truth"]), np.array(own["probability"])
        false, true, _ = roc_curve(truth, probability)
        precision, recall, _ = precision_recall_curve(truth, probability)
        for column, (x, y) in enumerate(((false, true), (recall, precision)), 1):
            figure.add_scatter(
                x=x, y=y, mode="lines", name=own["protocol"], legendgroup=own["protocol"],
                showlegend=column == 1, line_color=COLOURS[own["protocol"]], row=1, col=column,
            )  # fmt: skip
        if own["protocol"] == "leak_free":
            names, values = zip(*reversed(own["importances"].items()), strict=True)
            # written into the bars: beside them the names would cover the neighbouring panel
            figure.add_bar(
                x=values, y=names, orientation="h", marker_color="#bbb", text=names,
                textposition="inside", insidetextanchor="start", textangle=0, showlegend=False,
                row=1, col=3,
            )  # fmt: skip
            figure.update_yaxes(showticklabels=False, row=1, col=3)
    for column, (x, y) in enumerate(
        (("false positive rate", "true positive rate"), ("recall", "precision")), 1
    ):
        figure.update_xaxes(title=x, row=1, col=column)
        figure.update_yaxes(title=y, row=1, col=column)
    return figure


def labels_figure(labels: Mapping[str, Any] | None) -> go.Figure | None:
    """Distributions of the labels, and their rank correlations."""
    if labels is None:
        return None
    names = list(labels["distributions"])
    titles = [f"{NAMES[name]}, {unit_of(name)}" for name in names] + ["rank correlation"]
    figure = make_subplots(2, 3, subplot_titles=titles, vertical_spacing=0.2)
    gapped = np.array(labels["gapped"])
    for number, name in enumerate(names):
        values = np.array(labels["distributions"][name], dtype=float)
        values = values[gapped] if name == "phonon_bandgap" else values
        figure.add_histogram(x=values[np.isfinite(values)], nbinsx=40, marker_color="#777",
                             showlegend=False, row=1 + number // 3, col=1 + number % 3)  # fmt: skip
    matrix = [[labels["correlations"][a][b] for b in names] for a in names]
    short = [
        NAMES[name].replace("electronic ", "").replace("heat capacity", "Cv") for name in names
    ]
    figure.add_heatmap(
        z=matrix, x=short, y=short, zmin=-1, zmax=1, colorscale="RdBu", reversescale=True,
        texttemplate="%{z:.2f}", showscale=False, row=2, col=3,
    )  # fmt: skip
    figure.update_layout(height=620)
    return figure


def _of(records: Records, experiment: str) -> list[Mapping[str, Any]]:
    return [o for o in records if o["experiment"] == experiment and o["carry"] in (None, "all")]
