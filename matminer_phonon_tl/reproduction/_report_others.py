"""The report's figures beside the networks' scores: classifier, compounds, labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from matminer_phonon_tl.reproduction._figure_data import COLOURS, NAMES, PROTOCOLS, named, unit_of
from matminer_phonon_tl.reproduction._report_figures import Panels
from matminer_phonon_tl.reproduction._report_panels import panel
from matminer_phonon_tl.reproduction.paper import TARGETS


def classifier_panels(found: Sequence[Mapping[str, Any]]) -> Panels:
    """Confusion, ROC, precision against recall, and the descriptors that count (Fig. 2)."""
    if not found:
        return []
    from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

    panels = []
    roc = panel("ROC", x="false positive rate", y="true positive rate")
    recalled = panel("precision and recall", x="recall", y="precision")
    for own in found:
        truth, probability = np.array(own["truth"]), np.array(own["probability"])
        counts = confusion_matrix(truth, probability >= 0.5)
        confusion = panel(f"confusion, {own['protocol']}", x="predicted", y="true")
        confusion.add_heatmap(
            z=counts / counts.sum(axis=1, keepdims=True), x=["no gap", "gap"],
            y=["no gap", "gap"], text=counts, texttemplate="%{text}", textfont={"size": 18},
            colorscale=[[0, "white"], [1, COLOURS[own["protocol"]]]], showscale=False,
        )  # fmt: skip
        confusion.update_yaxes(autorange="reversed")
        panels.append(confusion)
        false, true, _ = roc_curve(truth, probability)
        precision, recall, _ = precision_recall_curve(truth, probability)
        for figure, x, y in ((roc, false, true), (recalled, recall, precision)):
            figure.add_scatter(x=x, y=y, mode="lines", name=own["protocol"],
                               line={"color": COLOURS[own["protocol"]]})  # fmt: skip
    panels += [roc, recalled]
    for own in found:
        names, values = zip(*reversed(list(own["importances"].items())[:10]), strict=True)
        bars = panel(f"importance, {own['protocol']}")
        bars.add_bar(x=values, y=names, orientation="h", marker_color=COLOURS[own["protocol"]])
        bars.update_yaxes(tickfont={"size": 10})
        panels.append(bars)
    return panels


def compounds_panels(table: pd.DataFrame) -> Panels:
    """Predictions for the four compounds beside the paper's and the references (Table 2)."""
    panels = []
    for target in TARGETS if len(table) else ():
        rows = table[(table["target"] == target) & table["reference"].notna()]
        compounds = list(dict.fromkeys(rows["compound"]))
        figure = panel(NAMES[target], y=unit_of(target))
        for protocol, shift in zip(PROTOCOLS, (-0.15, 0.15), strict=True):
            own = rows[rows["protocol"] == protocol]
            figure.add_scatter(
                x=[compounds.index(name) + shift for name in own["compound"]],
                y=own["predicted"], mode="markers", name=protocol,
                error_y={"type": "data", "array": own["spread"]},
                marker={"color": COLOURS[protocol], "size": 9},
                hovertemplate=f"{protocol}: %{{y:.4g}}<extra></extra>",
            )  # fmt: skip
        once = rows.drop_duplicates("compound")
        for column, symbol, size in (("paper", "x", 9), ("reference", "line-ew", 34)):
            figure.add_scatter(
                x=[compounds.index(name) for name in once["compound"]], y=once[column],
                mode="markers", name=column,
                marker={"symbol": symbol, "size": size, "color": "black",
                        "line": {"width": 2 if symbol == "line-ew" else 0, "color": "black"}},
                hovertemplate=f"{column}: %{{y:.4g}}<extra></extra>",
            )  # fmt: skip
        figure.update_xaxes(tickvals=list(range(len(compounds))), ticktext=compounds,
                            range=[-0.6, len(compounds) - 0.4])  # fmt: skip
        figure.update_yaxes(rangemode="tozero")
        panels.append(figure)
    return panels


def labels_panels(labels: Mapping[str, Any] | None) -> Panels:
    """Distributions of the labels, and their rank correlations (S1)."""
    if labels is None:
        return []
    names, panels = list(labels["distributions"]), []
    gapped = np.array(labels["gapped"])
    for name in names:
        values = np.array(labels["distributions"][name], dtype=float)
        values = values[gapped] if name == "phonon_bandgap" else values
        figure = panel("", x=named(name), y="materials", height=260)
        figure.add_histogram(x=values[np.isfinite(values)], nbinsx=40, marker_color="#777")
        panels.append(figure)
    matrix = [[labels["correlations"][a][b] for b in names] for a in names]
    short = [NAMES[name].replace("electronic ", "").replace("heat capacity", "Cv")
             .replace(" per ", "/").replace("speed of ", "") for name in names]  # fmt: skip
    figure = panel("rank correlation (124 with a gap)", height=300)
    figure.add_heatmap(
        z=matrix, x=short, y=short, zmin=-1, zmax=1, colorscale="RdBu", reversescale=True,
        texttemplate="%{z:.2f}", showscale=False,
    )  # fmt: skip
    return [*panels, figure]


def measured_panels(measured: Sequence[Mapping[str, Any]]) -> Panels:
    """How far derived heat capacities and speeds of sound are from measured ones (S2)."""
    panels = []
    for target in TARGETS[:0:-1]:
        rows = [own for own in measured if own["target"] == target]
        if not rows:
            continue
        figure = panel(NAMES[target], height=260)
        figure.add_scatter(
            x=[own["formula"] for own in rows],
            y=[100 * (own["derived"] / own["measured"] - 1) for own in rows],
            mode="markers", marker={"color": "#444", "size": 9},
            customdata=[[own["derived"], own["measured"], own["source"]] for own in rows],
            hovertemplate="%{x}: derived %{customdata[0]:.4g}, measured %{customdata[1]:.4g}<br>"
            "%{customdata[2]}<extra></extra>",
        )  # fmt: skip
        figure.add_hline(y=0, line={"color": "#555", "dash": "dash"})
        figure.update_yaxes(range=[-10, 10], ticksuffix=" %")
        panels.append(figure)
    return panels
