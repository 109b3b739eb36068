"""Run the whole paper again: every experiment as published, and beside it without the leak.

A run is a list of jobs. What a job returns is kept as DIR/parts/EXPERIMENT--NAME.json, so that a
run that was stopped goes on; scores, tables, figures and report are made from these parts.

References
----------
Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from matminer_phonon_tl.evaluation.checks import check_client, check_whole
from matminer_phonon_tl.exceptions import DatasetIntegrityError, MissingExtraError, did_you_mean
from matminer_phonon_tl.files import data_hash, library_versions, write_atomically
from matminer_phonon_tl.reproduction.paper import (
    N_REPEATS,
    SCALES,
    TARGETS,
    Scale,
    draw_architectures,
    paper_frame,
)
from matminer_phonon_tl.untrusted_json import parse_json

logger = logging.getLogger(__name__)

EXPERIMENTS = (
    "source",
    "transfer",
    "holdout_60_40",
    "layers_transferred",
    "layers_frozen",
    "classifier",
    "full_data",
    "iii_v",
    "structure_descriptors",
)
PROTOCOLS = ("published", "leak_free")

# network fits of 500 epochs on 100 rows that two cores do in a second
FITS_PER_SECOND = 2.7
# how many of them a fit on all 1245 rows costs
LARGE_FIT = 9.0

TRANSFERRED: dict[str, tuple[int, ...]] = {"first": (0,), "second": (1,), "all": (0, 1, 2)}
FROZEN: dict[str, tuple[int, ...]] = {
    "all three": (0, 1, 2),
    "first two": (0, 1),
    "first": (0,),
    "none": (),
}


@dataclass(frozen=True)
class Job:
    """Part of an experiment that is done, and kept, as a whole."""

    experiment: str
    name: str
    """Name the file of the result, DIR/parts/EXPERIMENT--NAME.json."""
    cost: float
    """Expected cost in fits of 500 epochs on 100 rows."""
    work: Callable[[], dict[str, Any]]
    """Does the job and returns what is written."""


def run(
    out: str | Path,
    experiments: Sequence[str] | None = None,
    resume: bool = False,
    *,
    scale: str | Scale = "full",
    device: str = "cpu",
    random_state: int = 0,
    client: Any = None,
    progress: bool = False,
) -> Path:
    """Run the paper's experiments under ``published`` and ``leak_free``.

    Each finished job is written at once, whole or not at all; `resume` continues a run that was
    killed.

    Parameters
    ----------
    out : path
        Folder for scores.json, tables, figures and report.html; made if it is missing.
    experiments : sequence of str, optional
        Names among ``EXPERIMENTS``; all of them if not given.
    resume : bool
        Keep what an earlier run with the same settings has finished in this folder.
    scale : {"full", "mid", "quick"} or Scale, optional
        How many networks; "full" is the paper's 250 architectures and 15 rounds.
    device : str
        A torch device.
    random_state : int
    client : dask.distributed.Client, optional
        Cluster that does the jobs: batches of architectures are spread over its workers.
    progress : bool
        Whether to show a progress bar with the time left.

    Returns
    -------
    Path
        The file scores.json: ``{"scores": [{experiment, target, model, protocol, mae, r2, mae_std,
        n_architectures, n_repeats, ...}], ...}``.

    Raises
    ------
    ValueError
        If an experiment or a scale is unknown, or torch cannot use the device.
    FileExistsError
        If the folder holds results and `resume` is False.
    DatasetIntegrityError
        If it holds results of a run with other settings.
    """
    chosen = _check_experiments(experiments)
    size = _check_scale(scale)
    check_whole("random_state", random_state, 0)
    check_client(client)
    if client is None:  # a cluster's workers may have a device that is missing here
        _check_device(device)
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"expected a folder to write into, got the file {folder}")
    parts = folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    _check_settings(folder, size, random_state, device, resume)
    planned = plan(size, random_state, device, progress and client is None)
    jobs = [job for job in planned if job.experiment in chosen]
    waiting = [job for job in jobs if not _part(parts, job).exists()]
    logger.info(
        "%d of %d parts to do, about %s on two cores",
        len(waiting),
        len(jobs),
        in_words(estimate_minutes(waiting)),
    )
    bar = tqdm(
        total=round(sum(job.cost for job in waiting)), unit="fit", unit_scale=True,
        disable=None if progress else True,
    )  # fmt: skip
    with bar:
        for job, content in finished_jobs(waiting, client):
            write_atomically(_part(parts, job), json.dumps(content, allow_nan=False).encode())
            bar.set_description(f"{job.experiment} {job.name} done")
            bar.update(round(job.cost))
    return write_report(folder)


def write_report(out: str | Path) -> Path:
    """Write scores, tables, figures and report from the results that a folder holds.

    Parameters
    ----------
    out : path
        Folder that :func:`run` was given; the run need not be complete.

    Returns
    -------
    Path
        The file scores.json.

    Raises
    ------
    FileNotFoundError
        If the folder holds no finished job of a run.
    DatasetIntegrityError
        If the run's settings in the folder cannot be read.
    """
    # drawing is imported where something is drawn
    from matminer_phonon_tl.reproduction import report
    from matminer_phonon_tl.reproduction.figures import make_figures, write_figures
    from matminer_phonon_tl.reproduction.tables import make_tables, write_tables

    folder = Path(out)
    size, random_state, device = _read_settings(folder)
    parts = folder / "parts"
    # finished parts of experiments that this run left out belong to the same scores
    contents = [
        json.loads(_part(parts, job).read_text(encoding="utf-8"))
        for job in plan(size, random_state, device)
        if _part(parts, job).exists()
    ]
    if not contents:
        raise FileNotFoundError(
            f"expected finished parts of a run in {folder}, got none: run phonon-tl reproduce first"
        )
    tables = make_tables(contents)
    document = write_tables(folder, contents, tables, _methods(size, random_state, device))
    figures = make_figures(tables)
    write_figures(folder, figures)
    report.write_report(folder, document, tables, figures)
    return folder / "scores.json"


def plan_of(
    *,
    scale: str | Scale = "full",
    experiments: Sequence[str] | None = None,
    random_state: int = 0,
    device: str = "cpu",
) -> list[Job]:
    """Return the jobs that :func:`run` would do with these arguments, without doing them.

    Arguments are checked as :func:`run` checks them.

    >>> len(plan_of(scale="quick", experiments=["full_data"]))
    2
    """
    chosen = _check_experiments(experiments)
    size = _check_scale(scale)
    check_whole("random_state", random_state, 0)
    _check_device(device)
    jobs = plan(size, random_state, device)
    return [job for job in jobs if job.experiment in chosen]


def estimate_minutes(jobs: Sequence[Job]) -> float:
    """Return about how long jobs take on two cores, in minutes.

    >>> from matminer_phonon_tl.reproduction.paper import SCALES
    >>> estimate_minutes(list(plan(SCALES["quick"]))) < estimate_minutes(list(plan(SCALES["full"])))
    True
    """
    return sum(job.cost for job in jobs) / FITS_PER_SECOND / 60


def in_words(minutes: float) -> str:
    """Return a duration in words, rounded.

    >>> in_words(7.2), in_words(300.0), in_words(11_500.0)
    ('7 minutes', '5 hours', '8 days')
    """
    for unit, size in (("day", 1440.0), ("hour", 60.0)):
        if minutes >= 2 * size:
            return f"{minutes / size:.0f} {unit}s"
    return f"{minutes:.0f} minutes"


def plan(
    scale: Scale, random_state: int = 0, device: str = "cpu", progress: bool = False
) -> Iterator[Job]:
    """Yield the jobs of all experiments.

    >>> from matminer_phonon_tl.reproduction.paper import SCALES
    >>> sorted({job.experiment for job in plan(SCALES["quick"])}) == sorted(EXPERIMENTS)
    True
    """
    from matminer_phonon_tl.reproduction import network_sweep as networks
    from matminer_phonon_tl.reproduction import other_experiments as others

    def tasks(
        experiment: str,
        name: str,
        *,
        n_architectures: int,
        n_repeats: int,
        targets: tuple[str, ...] = TARGETS,
        protocols: Sequence[str] = PROTOCOLS,
        function: Callable[..., dict[str, Any]] = networks.run_networks,
        **options: Any,
    ) -> Iterator[Job]:
        architectures = draw_architectures(n_architectures, random_state)
        row_cost = LARGE_FIT if options.get("rows") == "all" else 1.0
        for number, batch in enumerate(_batches(architectures, scale.batch)):
            for protocol in protocols:
                task = networks.NetworkTask(
                    experiment,
                    name,
                    protocol,
                    targets,
                    tuple(batch),
                    number * scale.batch,
                    n_repeats,
                    **options,
                )
                fits = 1 if options.get("holdout") or function is networks.run_iii_v else 5
                yield Job(
                    experiment,
                    f"{name}-{options.get('carry', '')}-{protocol}-{number}",
                    row_cost * len(batch) * len(targets) * fits * n_repeats,
                    partial(function, task, seed=random_state, device=device, progress=progress),
                )

    large: dict[str, Any] = {"rows": "all", "n_repeats": scale.n_large_repeats}
    large["n_architectures"] = scale.n_side_architectures
    side: dict[str, Any] = {
        "n_architectures": scale.n_side_architectures,
        "n_repeats": scale.n_side_repeats,
    }
    no_source = (("source", None),)

    as_source = (*no_source, ("epochs", 300))
    yield from tasks("source", "source", targets=("bandgap",), parameters=as_source, **large)
    main: dict[str, Any] = {"n_architectures": scale.n_architectures, "n_repeats": scale.n_repeats}
    yield from tasks("transfer", "TL", **main)
    yield from tasks("transfer", "non-TL", parameters=no_source, **main)
    for carry in ("none", "fit_on_all"):
        yield from tasks(
            "transfer", "TL", targets=("phonon_bandgap",), protocols=("published",), carry=carry,
            n_architectures=scale.n_side_architectures, n_repeats=scale.n_repeats,
        )  # fmt: skip
    for protocol in PROTOCOLS:
        yield Job("transfer", f"probe-{protocol}", 6.0 * scale.n_permutations,
                  partial(others.run_leak_probe, protocol, scale, seed=random_state,
                          device=device))  # fmt: skip
    gap: dict[str, Any] = {"targets": ("phonon_bandgap",), **side}
    many = {**gap, "n_repeats": N_REPEATS}
    yield from tasks("holdout_60_40", "TL", holdout=True, **many)
    yield from tasks("holdout_60_40", "non-TL", holdout=True, parameters=no_source, **many)
    for name, layers in TRANSFERRED.items():
        yield from tasks(
            "layers_transferred", f"TL, {name} transferred", layers=name,
            parameters=(("transfer_layers", layers),), **gap,
        )  # fmt: skip
    for name, layers in FROZEN.items():
        yield from tasks(
            "layers_frozen", f"TL, {name} frozen", layers=name,
            parameters=(("frozen_layers", layers),), **gap,
        )  # fmt: skip
    for protocol in PROTOCOLS:
        rounds = scale.n_large_repeats if protocol == "leak_free" else 0
        yield Job("classifier", protocol, 80.0 + 50 * rounds,
                  partial(others.run_classifier, protocol, scale.n_large_repeats,
                          seed=random_state, progress=progress))  # fmt: skip
    yield Job("classifier", "labels", 1.0, others.run_labels)
    # trained as the source is: the paper says no other setting for all 1245 materials
    yield from tasks(
        "full_data", "full data", targets=("speed_of_sound", "heat_capacity"),
        parameters=as_source, **large,
    )  # fmt: skip
    if scale.n_large_repeats > 1:  # a single round carries too little to tell
        yield from tasks(
            "full_data", "full data, TL", targets=("speed_of_sound", "heat_capacity"),
            parameters=(("epochs", 300),), **large,
        )  # fmt: skip
    yield from tasks(
        "iii_v", "TL", function=networks.run_iii_v, n_repeats=1,
        n_architectures=min(10, scale.n_architectures),
    )  # fmt: skip
    yield from tasks("structure_descriptors", "TL", structure=True, **gap)
    yield from tasks("structure_descriptors", "non-TL", structure=True, parameters=no_source, **gap)


def _batches(architectures: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(architectures), size):
        yield architectures[start : start + size]


def finished_jobs(jobs: Sequence[Job], client: Any = None) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Do independent jobs here or on a Dask cluster; yield each with its result when it ends."""
    # the longest job first, so that no worker is alone with it at the end
    ordered = sorted(jobs, key=lambda job: -job.cost)
    if client is None:
        for job in ordered:
            yield job, _timed(job.work)
        return
    from distributed import as_completed

    futures = {client.submit(_timed, job.work, pure=False): job for job in ordered}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        # a caller that stops early does not want the rest
        client.cancel(list(futures))


def _timed(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    started = time.perf_counter()
    content = work()
    return content | {"seconds": time.perf_counter() - started}


def _part(parts: Path, job: Job) -> Path:
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in f"{job.experiment}--{job.name}")
    return parts / f"{name}.json"


def _check_experiments(experiments: Sequence[str] | None) -> Sequence[str]:
    if experiments is None:
        return EXPERIMENTS
    experiments = [experiments] if isinstance(experiments, str) else list(experiments)
    unknown = [name for name in experiments if name not in EXPERIMENTS]
    if unknown or not experiments:
        raise ValueError(
            f"expected experiments among {', '.join(EXPERIMENTS)}, got "
            f"{unknown[0] + did_you_mean(unknown[0], EXPERIMENTS) if unknown else 'none'}"
        )
    return experiments


def _check_scale(scale: str | Scale) -> Scale:
    if isinstance(scale, Scale):
        return scale
    if scale not in SCALES:
        raise ValueError(f"expected a scale among {', '.join(SCALES)}, got {scale!r}")
    return SCALES[scale]


def _check_device(device: str) -> None:
    """Raise ValueError at once for a device on which networks cannot be trained."""
    if device == "cpu":
        return
    try:
        import torch  # noqa: F401 (the check needs it, and experiments without networks do not)
    except ImportError as error:
        raise MissingExtraError(
            f"expected torch for the device {device}, but importing it failed ({error}): "
            "pip install torch"
        ) from error

    from matminer_phonon_tl.networks.engine import check_device

    check_device(device)


def _check_settings(
    folder: Path, scale: Scale, random_state: int, device: str, resume: bool
) -> None:
    """Refuse a folder with results of other settings, which would be averaged with new ones."""
    file = folder / "parts" / "settings.json"
    settings = {
        "scale": asdict(scale),
        "random_state": random_state,
        "device": device,
        "version": library_versions()["matminer-phonon-tl"],
    }
    if any(file.parent.glob("*--*.json")):
        if not resume:
            raise FileExistsError(
                f"expected a folder without earlier results, got {folder}: pass resume "
                "(--resume) to go on with them, or another folder"
            )
        found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
        if found != settings:
            raise DatasetIntegrityError(
                f"expected results of the same settings in {folder}, got others: run with those "
                "of its parts/settings.json, or into another folder"
            )
    write_atomically(file, json.dumps(settings, indent=2).encode())


def _read_settings(folder: Path) -> tuple[Scale, int, str]:
    """Return scale, seed and device of the run that a folder holds."""
    file = folder / "parts" / "settings.json"
    if not file.exists():
        raise FileNotFoundError(
            f"expected a folder that phonon-tl reproduce wrote, got {folder}, which has no "
            "parts/settings.json: check the path"
        )
    try:
        found = parse_json(file.read_bytes())
        return Scale(**found["scale"]), int(found["random_state"]), str(found["device"])
    except (ValueError, TypeError, KeyError) as error:
        raise DatasetIntegrityError(
            f"expected the settings of a run in {file}, but reading them failed ({error}): run "
            "phonon-tl reproduce into a new folder"
        ) from error


def _methods(scale: Scale, random_state: int, device: str) -> dict[str, Any]:

    frame = paper_frame("all")
    labels = frame[["bandgap", *TARGETS]].to_numpy(dtype=float)
    return {
        "scale": asdict(scale),
        "random_state": random_state,
        "device": device,
        "versions": library_versions(),
        "data_sha256": data_hash(tuple(frame["material_id"]), labels),
    }
