"""The report's tables and sentences, from what the experiments found."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from matminer_phonon_tl.reproduction._figure_data import NAMES, PROTOCOLS, named, unit_of
from matminer_phonon_tl.reproduction.paper import TARGETS

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


def findings(comparisons: pd.DataFrame, probes: Sequence[Mapping[str, Any]]) -> str:
    """Return the main results as a list of sentences."""
    items = []
    for target in TARGETS:
        parts = []
        for protocol in PROTOCOLS:
            rows = (
                comparisons[
                    (comparisons["experiment"] == "transfer")
                    & (comparisons["target"] == target)
                    & (comparisons["protocol"] == protocol)
                ]
                if len(comparisons)
                else comparisons
            )
            if not len(rows):
                continue
            own = rows.iloc[0]
            parts.append(
                f'<b class="{protocol}">{protocol}</b> {own["mae_non_tl"]:.3g} without transfer, '
                f"{own['mae_tl']:.3g} with (difference {own['difference']:+.2g}, 95 % interval "
                f"{own['lower']:+.2g} to {own['upper']:+.2g})"
            )
        if parts:
            name = NAMES[target].capitalize()
            items.append(f"{name}, mean absolute error in {unit_of(target)}: " + "; ".join(parts))
    for probe in probes:
        mean = sum(probe["associations"]) / len(probe["associations"])
        what = "are predicted all the same" if probe["leaks"] else "are not predicted"
        items.append(
            "Labels permuted, so that they mean nothing, "
            f'<b class="{probe["protocol"]}">{probe["protocol"]}</b>: those of tested materials '
            f"{what} (correlation {mean:+.2f})"
        )
    return "<ul>" + "".join(f"<li>{item}.</li>" for item in items) + "</ul>" if items else ""


def score_table(scores: Sequence[Mapping[str, Any]]) -> str:
    """Published beside leak_free, a row for each experiment, target and model."""
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
    return table(
        pd.DataFrame([row for _, row in ordered]),
        "MAE ± spread / R²: means over the architectures and their spread (of a single one, over "
        "its rounds); of the classifier F1 / AUROC. The paper's TL figures are the best of its 250",
    )


def comparison_rows(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return the comparisons as one reads them."""
    return pd.DataFrame(
        {
            "target": named(own["target"]),
            "split": EXPERIMENTS[own["experiment"]].split(" (")[0].removeprefix("transfer, "),
            "protocol": own["protocol"],
            "TL": f"{own['mae_tl']:.3g}",
            "non-TL": f"{own['mae_non_tl']:.3g}",
            "difference": f"{own['difference']:+.2g}",
            "95 % interval": f"{own['lower']:+.2g} to {own['upper']:+.2g}",
            "TL better in": own["better_in"],
            "interval by": own["method"],
        }
        for own in comparisons.to_dict("records")
    )


def compound_rows(compounds: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each compound and property, protocols side by side."""
    rows = []
    for compound, own in compounds.groupby("compound", sort=False):
        chances = own.drop_duplicates("protocol").set_index("protocol")["gap_probability"]
        if chances.notna().any():
            reference = "no" if own["reference"].isna().any() else "yes"
            rows.append(
                {"compound": compound, "property": "probability of a gap",
                 **{p: _number(chances.get(p)) for p in PROTOCOLS},
                 "the paper": reference, "reference": reference}
            )  # fmt: skip
        for target, group in own.groupby("target", sort=False):
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


def measured_rows(measured: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return derived and measured values with their difference in per cent."""
    return pd.DataFrame(
        {
            "property": named(own["target"]),
            "material": f"{own['formula']} ({own['material_id']})",
            "derived": _number(own["derived"]),
            "measured": _number(own["measured"]),
            "difference": f"{100 * (own['derived'] / own['measured'] - 1):+.1f} %",
            "measured by": own["source"],
        }
        for own in measured
    )


def table(frame: pd.DataFrame, caption: str) -> str:
    """Return a table as HTML; columns and cells that name a protocol wear its colour."""
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
    own = rows[rows["protocol"] == protocol]
    return _with_spread(own["predicted"].iloc[0], own["spread"].iloc[0]) if len(own) else ""


def _with_spread(value: Any, spread: Any) -> str:
    if _number(value) and _number(spread):
        return f"{_number(value)} ± {spread:.2g}"
    return _number(value)


def _number(value: Any) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.4g}"
