"""Phonons of machine-learnt potentials beside our models, on the 124 gapped materials.

Usage, in the environment of benchmarks/peers/make_environments.sh FOLDER chgnet sevennet:
    python benchmarks/potential_peers.py compute {chgnet,sevennet}
and where this package is installed, without any potential:
    python benchmarks/potential_peers.py score [--folds {formula,peers}] [--target NAME ...]

"compute" adds a line for each material to benchmarks/potential_phonons/NAME.jsonl, smallest
supercells first, and goes on where it was stopped. The structure is the given one, neither cell nor
positions relaxed; its supercell has an even number of cells and at least 12 Angstrom along each
edge.

"score" reads these files. Raw is what the potential says. Calibrated is a straight line from that
to the label, of least absolute deviations, fitted inside the training fold; a material for which
the potential says nothing gets the training median. "Ours and NAME" has the potential's figures
among the descriptors. All rows of a table are trained and scored on the same folds of those
materials that the potential has a line for.
"""

import argparse
import json
import os
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from tqdm import tqdm

from matminer_phonon_tl import load_phonon_tl, load_phonondb_kyoto
from matminer_phonon_tl.evaluation import CrossValidationResult, compare
from matminer_phonon_tl.evaluation.splits import Split, kfold_splits
from matminer_phonon_tl.featurizers import PotentialPhonons
from matminer_phonon_tl.featurizers.potential_phonons import supercell_repeats
from matminer_phonon_tl.models import make_regressor
from matminer_phonon_tl.models.kernel_ensemble import KernelEnsemble
from matminer_phonon_tl.models.materials import Materials

FOLDER = Path(__file__).with_name("potential_phonons")
POTENTIALS = {
    "chgnet": ("CHGNet", ("chgnet", "torch", "phonopy")),
    "sevennet": ("SevenNet-l3i5", ("sevenn", "torch", "phonopy")),
}
"""Name in tables, and packages whose versions are written down."""
EDGE = 12.0
RESAMPLES = 500
GAP, SPEED, HEAT = "phonon_bandgap", "speed_of_sound", "heat_capacity"
KYOTO_SPEED = "speed_of_sound of phonondb_kyoto"
TARGETS = {GAP: "cm-1", SPEED: "km/s", KYOTO_SPEED: "km/s", HEAT: "J/mol/K"}
RAW = {
    GAP: "acoustic-optical gap [cm-1]",
    SPEED: "speed of sound [km/s]",
    HEAT: "heat capacity per atom at 300 K [J/mol/K]",
}
"""What the potential says of each target; the heat capacity is multiplied by the atoms."""
ADDED = {
    GAP: [
        "highest acoustic frequency [cm-1]",
        "lowest optical frequency [cm-1]",
        "signed acoustic-optical gap [cm-1]",
    ],
    SPEED: [
        "speed of sound [km/s]",
        "longitudinal speed of sound [km/s]",
        "transverse speed of sound [km/s]",
    ],
    HEAT: ["heat capacity per atom at 300 K [J/mol/K]"],
}
"""Descriptors that are added to ours."""


def main() -> None:
    """Compute or score."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    computing = commands.add_parser("compute", help="in the potential's environment")
    computing.add_argument("potential", choices=POTENTIALS)
    scoring = commands.add_parser("score", help="print the tables")
    scoring.add_argument("--folds", choices=("formula", "peers"), default="formula")
    scoring.add_argument("--target", action="append", choices=TARGETS, help="only this one")
    arguments = parser.parse_args()
    if arguments.command == "compute":
        compute(arguments.potential)
    else:
        score(arguments.target or list(TARGETS), by_formula=arguments.folds == "formula")


def compute(potential: str) -> None:
    """Compute what is not in the potential's file yet, and add it there."""
    path = FOLDER / f"{potential}.jsonl"
    name, packages = POTENTIALS[potential]
    start = {
        "potential": name,
        "versions": {package: version(package) for package in packages},
        "supercell_edge": EDGE,
    }
    done = set(resume(path, start))
    gapped = load_phonon_tl(gapped_only=True)
    sizes = [supercell_atoms(structure) for structure in gapped["structure"]]
    featurizer = PotentialPhonons(load_calculator(potential), supercell_edge=EDGE)
    labels = [label.removeprefix("potential ") for label in featurizer.feature_labels()]
    ordered = gapped.iloc[np.argsort(sizes, kind="stable")]
    for row in tqdm(ordered.itertuples(), total=len(ordered), desc=name, mininterval=30):
        if row.material_id in done:
            continue
        line: dict[str, Any] = {"material_id": row.material_id, "formula": row.formula}
        begun = time.process_time()
        try:
            values = featurizer.featurize(row.structure)
            line |= {
                label: None if np.isnan(value) else float(f"{value:.6g}")
                for label, value in zip(labels, values, strict=True)
            }
        except ValueError as error:  # PotentialError among them
            line["error"] = str(error)
        line["cpu_seconds"] = round(time.process_time() - begun, 1)
        line["supercell_atoms"] = supercell_atoms(row.structure)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())


def resume(path: Path, start: dict[str, Any]) -> list[str]:
    """Return the materials of a file that a run with the same start left, or begin the file."""
    text = path.read_text("utf-8") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1]  # a kill may leave the last line cut
    if not whole:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(start) + "\n", encoding="utf-8")
        return []
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    first, *lines = map(json.loads, whole.splitlines())
    if first != start:
        raise SystemExit(
            f"expected {path} to begin with {start}, got {first}: go on with these versions, or "
            "delete the file to start anew"
        )
    return [line["material_id"] for line in lines]


def supercell_atoms(structure: Any) -> int:
    """Atoms of the supercell."""
    return len(structure) * int(np.prod(supercell_repeats(structure, EDGE)))


def load_calculator(potential: str) -> Any:
    """Return a potential with the weights that its wheel brings, on one core."""
    import torch

    torch.set_num_threads(1)
    if potential == "chgnet":
        from chgnet.model.dynamics import CHGNetCalculator

        return CHGNetCalculator(use_device="cpu")
    from sevenn.calculator import SevenNetCalculator

    return SevenNetCalculator("7net-l3i5", device="cpu")


def score(targets: list[str], *, by_formula: bool) -> None:
    """Print a table for each potential and target."""
    gapped = load_phonon_tl(gapped_only=True)
    kyoto = load_phonondb_kyoto().set_index("material_id")["speed_of_sound"]
    gapped[KYOTO_SPEED] = kyoto.reindex(gapped["material_id"]).to_numpy()
    for potential in POTENTIALS:
        path = FOLDER / f"{potential}.jsonl"
        if not path.exists():
            continue
        start, phonons = read(path, gapped)
        print(f"\n{start['potential']} ({start['versions']}): {say(phonons, len(gapped))}")
        for target in targets:
            known = gapped["material_id"].isin(phonons.index) & gapped[target].notna()
            table = gapped[known]
            say_table(
                start["potential"], target, table, phonons.loc[table["material_id"]], by_formula
            )


def read(path: Path, gapped: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the first line of a potential's file, and a row for each material with figures."""
    first, *lines = map(json.loads, path.read_text("utf-8").splitlines())
    table = pd.DataFrame(lines).set_index("material_id")
    if unknown := set(table.index) - set(gapped["material_id"]):
        raise SystemExit(f"expected gapped materials in {path}, got {min(unknown)} too")
    if "error" in table:
        table = table[table["error"].isna()].drop(columns="error")
    return first, table


def say(phonons: pd.DataFrame, n_gapped: int) -> str:
    """Return how many materials were computed, and how long they took."""
    seconds = phonons["cpu_seconds"]
    return (
        f"{len(phonons)} of {n_gapped} materials, {int(phonons['imaginary modes'].sum())} with "
        f"imaginary modes; seconds of one core a material: median {seconds.median():.0f}, mean "
        f"{seconds.mean():.0f}, most {seconds.max():.0f}"
    )


def say_table(
    name: str, target: str, table: pd.DataFrame, phonons: pd.DataFrame, by_formula: bool
) -> None:
    """Print the scores of a target, and how each differs from ours."""
    y = table[target].to_numpy()
    splits = kfold_splits(
        table,
        y,
        n_splits=5,
        n_repeats=3,
        groups="formula" if by_formula else None,
        random_state=0,
    )
    property_ = SPEED if target == KYOTO_SPEED else target
    rounds = {
        f"{name}, raw": raw(property_, table, phonons, splits),
        f"{name}, calibrated": calibrated(property_, table, phonons, y, splits),
        "ours, with structure": ours(property_, table, None, y, splits),
        f"ours and {name}": ours(property_, table, phonons[ADDED[property_]], y, splits),
    }
    print(f"\n{target}, {TARGETS[target]}, {len(y)} materials")
    print("| model | scored | MAE | MAE of averaged | less ours, with structure |")
    print("|---|---|---|---|---|")
    base = rounds["ours, with structure"]
    for label, predictions in rounds.items():
        kept = np.isfinite(predictions).all(axis=0)
        found = result(target, label, y, predictions, splits, table, kept)
        difference = ""
        if predictions is not base:
            ours_there = result(target, "ours", y, base, splits, table, kept)
            paired = compare(found, ours_there, n_bootstrap=RESAMPLES)
            low, high = paired.interval
            difference = f"{paired.difference:+.3f} [{low:+.3f}, {high:+.3f}]"
        print(
            f"| {label} | {kept.sum()} | {found.mae.mean:.3f} | {found.mae.of_averaged:.3f} | "
            f"{difference} |",
            flush=True,
        )


def atoms(target: str, table: pd.DataFrame) -> np.ndarray:
    """Atoms of each reduced formula for the heat capacity, 1 for what is not counted a mole."""
    if target != HEAT:
        return np.ones(len(table))
    return np.array([each.reduced_composition.num_atoms for each in table["composition"]])


def raw(target: str, table: pd.DataFrame, phonons: pd.DataFrame, splits: list[Split]) -> np.ndarray:
    """Return what the potential says, the same in every round; NaN where it says nothing."""
    values = phonons[RAW[target]].to_numpy(dtype=float) * atoms(target, table)
    return np.tile(values, (n_rounds(splits), 1))


def calibrated(
    target: str, table: pd.DataFrame, phonons: pd.DataFrame, y: np.ndarray, splits: list[Split]
) -> np.ndarray:
    """Return a line through what the potential says, fitted in each training fold."""
    x = phonons[RAW[target]].to_numpy(dtype=float)
    amount = atoms(target, table)
    labels = y / amount
    out = np.full((n_rounds(splits), len(y)), np.nan)
    for split in splits:
        train = split.train[np.isfinite(x[split.train])]
        offset, slope = least_absolute_line(x[train], labels[train])
        found = np.where(
            np.isfinite(x[split.test]),
            offset + slope * x[split.test],
            np.median(labels[split.train]),
        )
        out[split.round, split.test] = np.maximum(found, 0.0) * amount[split.test]
    return out


def least_absolute_line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return offset and slope of the line of least absolute deviations."""
    n = len(x)
    slack = np.eye(n)
    line = np.column_stack([np.ones(n), x])
    found = linprog(
        np.concatenate([np.zeros(2), np.ones(2 * n)]),
        A_eq=np.hstack([line, slack, -slack]),
        b_eq=y,
        bounds=[(None, None)] * 2 + [(0, None)] * (2 * n),
    )
    return float(found.x[0]), float(found.x[1])


def ours(
    target: str,
    table: pd.DataFrame,
    added: pd.DataFrame | None,
    y: np.ndarray,
    splits: list[Split],
) -> np.ndarray:
    """Return predictions of our regressor's machines, on its descriptors and more."""
    settings = make_regressor(target, structure=True).get_params()
    materials = Materials.of(table)
    D = materials.matrix(settings["descriptors"], use_structure=True)
    if added is not None:
        D = np.hstack([D, added.to_numpy(dtype=float)])
    D = D.astype(np.float32).astype(float)  # as PhononRegressor keeps them
    out = np.full((n_rounds(splits), len(y)), np.nan)
    for split in tqdm(splits, desc=target, disable=None, leave=False):
        train, test = split.train, split.test
        ensemble = KernelEnsemble.fit(
            settings["members"],
            settings["target_transform"],
            D[train],
            y[train],
            materials.take(train),
        )
        out[split.round, test] = ensemble.predict(D[test], materials.take(test))[0]
    return out


def n_rounds(splits: list[Split]) -> int:
    """Rounds of the folds."""
    return 1 + max(split.round for split in splits)


def result(
    target: str,
    label: str,
    y: np.ndarray,
    predictions: np.ndarray,
    splits: list[Split],
    table: pd.DataFrame,
    kept: np.ndarray,
) -> CrossValidationResult:
    """Return predictions of some rows as cross_validate would."""
    place = np.cumsum(kept) - 1
    return CrossValidationResult(
        protocol="leak_free",
        target=target,
        unit=TARGETS[target],
        task="regression",
        estimator=label,
        y=y[kept],
        predictions=predictions[:, kept],
        splits=tuple(
            Split(
                split.round,
                split.fold,
                place[split.train[kept[split.train]]],
                place[split.test[kept[split.test]]],
            )
            for split in splits
        ),
        rows=tuple(table["material_id"][kept]),
        formulas=tuple(table["formula"][kept]),
    )


if __name__ == "__main__":
    main()
