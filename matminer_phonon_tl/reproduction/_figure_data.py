"""What the reproduction's figures show, picked from the records: shared by report and files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.reproduction.paper import paper_frame, published_figure

# told apart by colour-blind readers, and in grey by their lightness
COLOURS = {"published": "#b2182b", "leak_free": "#2166ac"}
PALE = {"published": "#ef8a62", "leak_free": "#92c5de"}
PROTOCOLS = tuple(COLOURS)
NAMES = {
    "bandgap": "electronic band gap",
    "phonon_bandgap": "phonon gap",
    "speed_of_sound": "speed of sound",
    "heat_capacity": "heat capacity",
    "heat_capacity_per_atom": "heat capacity per atom",
}
LEAK_LINES = (
    ("published", "none", "published order, each fold from the source's own weights", ":"),
    ("published", "fit_on_all", "published order, each fold from one fit on all labels", "--"),
    ("published", "all", "published: weights carried from fit to fit", "-"),
    ("leak_free", None, "leak_free", "-"),
)
"""Protocol, what is carried, its name, and the line's style as matplotlib writes it."""

Records = Sequence[Mapping[str, Any]]


def unit_of(target: str) -> str:
    """Return a target's unit, short enough for an axis."""
    return UNITS.get(target, "").split(" per ")[0].replace("cm-1", "cm⁻¹")


def named(target: str) -> str:
    """Return a target's name with its unit."""
    return ", ".join(filter(None, (NAMES.get(target, target), unit_of(target))))


def select(records: Records, experiment: str, **wanted: Any) -> list[Mapping[str, Any]]:
    """Return an experiment's records, the leak's parts left out unless `carry` asks for one."""
    chosen = [own for own in records if own["experiment"] == experiment]
    if "carry" not in wanted:
        chosen = [own for own in chosen if own["carry"] in (None, "all")]
    return [own for own in chosen if all(own[name] == value for name, value in wanted.items())]


def best_architecture(records: Records, experiment: str, target: str) -> list[int] | None:
    """Return the architecture that the paper would show: the lowest published error with transfer.

    Where nothing is transferred, or nothing was run as published, the lowest error there is.
    """
    chosen = select(records, experiment, target=target)
    for wanted in ({"model": "TL", "protocol": "published"}, {"protocol": "published"}, {}):
        group = [o for o in chosen if all(o[name] == value for name, value in wanted.items())]
        if group:
            return list(min(group, key=lambda own: own["mae_averaged"])["architecture"])
    return None


@dataclass(frozen=True, eq=False)
class Parity:
    """Predictions of one architecture, averaged over the rounds, beside the reference."""

    reference: NDArray[np.float64]
    predicted: NDArray[np.float64]
    names: list[str]
    title: str


def parity_of(
    records: Records, experiment: str, target: str, model: str, protocol: str
) -> Parity | None:
    """Return reference and predictions of the architecture that the paper would show."""
    architecture = best_architecture(records, experiment, target)
    group = select(
        records, experiment, target=target, model=model, protocol=protocol,
        architecture=architecture,
    )  # fmt: skip
    if not group:
        return None
    own = group[0]
    frame = paper_frame("gapped" if len(own["averaged"]) < 200 else "all")
    names = [f"{f} ({i})" for f, i in zip(frame["formula"], frame["material_id"], strict=True)]
    title = f"{protocol}, {model}: {own['mae_averaged']:.3g} {unit_of(target)}, R² "
    return Parity(
        frame[target].to_numpy(dtype=float),
        np.array(own["averaged"], dtype=float),
        names,
        f"{title}{own['r2_averaged']:.3f}",
    )


def leak_lines(records: Records, target: str) -> list[tuple[str, str, str, list[float]]]:
    """Return protocol, name, style and mean error in each round, over what is carried."""
    lines = []
    for protocol, carry, name, style in LEAK_LINES:
        group = select(
            records, "transfer", target=target, model="TL", protocol=protocol, carry=carry
        )
        if group:
            mean = np.mean([own["mae_rounds"] for own in group], axis=0)
            lines.append((protocol, name, style, mean.tolist()))
    return lines


def holdout_lines(records: Records, score: str, protocol: str) -> dict[str, list[float]]:
    """Return the mean over the architectures of "mae" or "r2" on each 60/40 split, by model."""
    return {
        model: np.mean([own[f"{score}_rounds"] for own in group], axis=0).tolist()
        for model in ("non-TL", "TL")
        if (group := select(records, "holdout_60_40", model=model, protocol=protocol))
    }


def layer_groups(records: Records, protocol: str) -> tuple[dict[str, list[float]], ...]:
    """Return errors of the gap by what is transferred, and by what is frozen."""
    found: list[dict[str, list[float]]] = []
    for experiment in ("layers_transferred", "layers_frozen"):
        groups: dict[str, list[float]] = {}
        for own in select(records, experiment, protocol=protocol):
            name = own["model"].removeprefix("TL, ").removesuffix(" transferred")
            groups.setdefault(name.removesuffix(" frozen"), []).append(own["mae_averaged"])
        found.append(groups)
    architectures = [o["architecture"] for o in select(records, "layers_transferred")]
    twins = [
        own["mae_averaged"]
        for own in select(
            records, "transfer", target="phonon_bandgap", model="non-TL", protocol=protocol
        )
        if own["architecture"] in architectures
    ]
    if twins:
        found[0] = {"nothing (non-TL)": twins, **found[0]}
    return tuple(found)


def structure_groups(records: Records, model: str, protocol: str) -> dict[str, list[float]]:
    """Return errors of the gap from composition alone, and with the structure's descriptors."""
    described = select(records, "structure_descriptors", model=model, protocol=protocol)
    alone = select(records, "transfer", target="phonon_bandgap", model=model, protocol=protocol)
    architectures = [own["architecture"] for own in described]
    alone = [own for own in alone if own["architecture"] in architectures]
    return {
        name: [own["mae_averaged"] for own in group]
        for name, group in (("composition", alone), ("and structure", described))
    }


def changes(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Return what transfer changes in per cent of the error without it, with its interval.

    Parameters
    ----------
    comparisons : DataFrame
        As :func:`~matminer_phonon_tl.reproduction.tables.comparison_table` gives it.

    Returns
    -------
    DataFrame
        what, protocol, change, lower, upper, paper.
    """
    rows = []
    for own in comparisons.to_dict("records"):
        pair = [
            published_figure(own["experiment"], own["target"], model) for model in ("TL", "non-TL")
        ]
        name = NAMES[own["target"]]
        holdout = own["experiment"] == "holdout_60_40"
        rows.append(
            {
                "what": f"{name}, 60/40" if holdout else name,
                "protocol": own["protocol"],
                **{
                    part: 100 * own[column] / own["mae_non_tl"]
                    for part, column in (
                        ("change", "difference"), ("lower", "lower"), ("upper", "upper")
                    )
                },
                "paper": 100 * (pair[0]["mae"] / pair[1]["mae"] - 1)
                if pair[0] and pair[1]
                else None,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
