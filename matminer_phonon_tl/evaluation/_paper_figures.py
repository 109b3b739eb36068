"""The reproduction's main figures as files, for papers and slides."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from matminer_phonon_tl.evaluation._paper_data import TARGETS, published_figure
from matminer_phonon_tl.evaluation._paper_networks import paper_frame
from matminer_phonon_tl.evaluation._report_figures import CARRIED, COLOURS, NAMES, PALE, unit_of
from matminer_phonon_tl.models.serialization import write_atomically

Records = Sequence[Mapping[str, Any]]


def write_figures(folder: Path, records: Records) -> list[Path]:
    """Draw what the records hold, each as PNG and SVG in DIR/figures.

    Parameters
    ----------
    folder : Path
    records : sequence of dict

    Returns
    -------
    list of Path
    """
    transfer = [own for own in records if own["experiment"] == "transfer"]
    if not transfer:
        return []
    (folder / "figures").mkdir(exist_ok=True)
    written = []
    for name, figure in (
        ("architectures", draw_architectures_boxes(transfer)),
        ("leak_by_round", draw_leak(transfer)),
        ("parity", draw_parity(transfer)),
    ):
        for suffix in ("png", "svg"):
            content = BytesIO()
            figure.savefig(content, format=suffix, dpi=200)
            path = folder / "figures" / f"{name}.{suffix}"
            write_atomically(path, content.getvalue())
            written.append(path)
    return written


def draw_architectures_boxes(records: Records) -> Figure:
    """Box plots over the architectures for each target, model and protocol."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    for axes, target in zip(figure.subplots(1, len(TARGETS)), TARGETS, strict=True):
        for place, (model, protocol) in enumerate(
            (model, protocol) for model in ("non-TL", "TL") for protocol in COLOURS
        ):
            values = [
                own["mae_averaged"]
                for own in records
                if (own["target"], own["model"], own["protocol"]) == (target, model, protocol)
                and own["carry"] in (None, "all")
            ]
            axes.boxplot([values], positions=[place], widths=0.6, patch_artist=True,
                         boxprops={"facecolor": PALE[protocol]},
                         medianprops={"color": COLOURS[protocol]})  # fmt: skip
            paper = published_figure("transfer", target, model)
            if paper and protocol == "published":
                axes.plot(place, paper["mae"], "kx", label="the paper's figure")
        axes.set(title=f"{NAMES[target]}, {unit_of(target)}", ylim=(0, None))
        axes.set_xticks(range(4), ["non-TL\npublished", "non-TL\nleak_free", "TL\npublished",
                                   "TL\nleak_free"], fontsize="small")  # fmt: skip
    figure.axes[0].set_ylabel("mean absolute error")
    figure.axes[0].legend(*[part[:1] for part in figure.axes[0].get_legend_handles_labels()])
    return figure


def draw_leak(records: Records) -> Figure:
    """The gap's error in each round, over what is carried from fit to fit."""
    figure = Figure(figsize=(5.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for protocol, carry, style in (
        ("leak_free", None, "o-"),
        ("published", "none", "s:"),
        ("published", "fit_on_all", "d--"),
        ("published", "all", "o-"),
    ):
        group = [
            own["mae_rounds"]
            for own in records
            if (own["target"], own["model"], own["protocol"], own["carry"])
            == ("phonon_bandgap", "TL", protocol, carry)
        ]
        if group:
            mean = np.mean(group, axis=0)
            colour = PALE[protocol] if carry in ("none", "fit_on_all") else COLOURS[protocol]
            label = "leak_free protocol" if carry is None else CARRIED[carry]
            axes.plot(np.arange(1, len(mean) + 1), mean, style, color=colour, label=label)
    axes.set(xlabel="round of five folds", ylabel="MAE of the gap, cm$^{-1}$", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize="small")
    return figure


def draw_parity(records: Records) -> Figure:
    """Predicted against DFPT gaps under both protocols."""
    figure = Figure(figsize=(7.4, 3.6), layout="constrained")
    truth = paper_frame("gapped")["phonon_bandgap"].to_numpy()
    for axes, protocol in zip(figure.subplots(1, 2, sharey=True), COLOURS, strict=True):
        group = [
            own["averaged"]
            for own in records
            if (own["target"], own["model"], own["protocol"]) == ("phonon_bandgap", "TL", protocol)
            and own["carry"] in (None, "all")
        ]
        if group:
            predicted = np.mean(np.array(group, dtype=float), axis=0)
            axes.scatter(truth, predicted, s=14, alpha=0.7, color=COLOURS[protocol])
        axes.axline((0, 0), slope=1, color="0.4", linestyle=":")
        axes.set(title=protocol, xlabel="DFPT gap, cm$^{-1}$")
    figure.axes[0].set_ylabel("predicted gap, cm$^{-1}$")
    return figure
