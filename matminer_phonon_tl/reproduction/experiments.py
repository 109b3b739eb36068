"""The whole paper again: every experiment as published, and beside it without the leak.

References
----------
Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from matminer_phonon_tl.evaluation._checks import check_client, check_whole
from matminer_phonon_tl.exceptions import DatasetIntegrityError, MissingExtraError
from matminer_phonon_tl.files import data_hash, library_versions, write_atomically
from matminer_phonon_tl.reproduction._paper_data import SCALES, TARGETS, Scale
from matminer_phonon_tl.reproduction._paper_execution import finished_jobs
from matminer_phonon_tl.reproduction._paper_plan import (
    EXPERIMENTS,
    Job,
    estimate_minutes,
    in_words,
    plan,
)
from matminer_phonon_tl.untrusted_json import parse_json

__all__ = [
    "EXPERIMENTS",
    "SCALES",
    "Scale",
    "estimate_minutes",
    "in_words",
    "plan",
    "plan_of",
    "run",
]

logger = logging.getLogger(__name__)


def run(
    out: str | Path,
    quick: bool = False,
    experiments: Sequence[str] | None = None,
    resume: bool = False,
    *,
    scale: str | Scale | None = None,
    device: str = "cpu",
    random_state: int = 0,
    client: Any = None,
    progress: bool = False,
) -> Path:
    """Run the paper's experiments under ``published`` and ``leak_free``.

    Each part is written as it is finished, whole or not at all; a run that was killed goes on
    with `resume`.

    Parameters
    ----------
    out : path
        Folder for scores.json, tables, figures and report.html; made where it is missing.
    quick : bool
        Few networks and rounds, all experiments; the same as ``scale="quick"``.
    experiments : sequence of str, optional
        Some of ``EXPERIMENTS``. Default: all.
    resume : bool
        Keep what an earlier run with the same settings has finished.
    scale : {"full", "mid", "quick"} or Scale, optional
        How many networks. Default: "full", the paper's 250 architectures and 15 rounds.
    device : str
        A torch device.
    random_state : int
    client : dask.distributed.Client, optional
        Cluster to do the parts on: batches of architectures are spread over its workers.
    progress : bool
        Whether to show a progress bar with the time left.

    Returns
    -------
    Path
        Of scores.json: ``{"scores": [{experiment, target, model, protocol, mae, r2, mae_std,
        n_architectures, n_repeats, ...}], ...}``.

    Raises
    ------
    ValueError
        If an experiment or a scale is unknown, or torch cannot use the device.
    FileExistsError
        If the folder holds parts and `resume` is False.
    DatasetIntegrityError
        If it holds parts of a run with other settings.
    """
    chosen = _check_experiments(experiments)
    size = _check_scale(scale, quick)
    check_whole("random_state", random_state, 0)
    check_client(client)
    if client is None:  # a cluster's workers may have what is missing here
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
    """Write scores, tables, figures and report anew from the parts that a folder holds.

    Parameters
    ----------
    out : path
        Folder that :func:`run` was given; the run need not have come to its end.

    Returns
    -------
    Path
        Of scores.json.

    Raises
    ------
    FileNotFoundError
        If the folder holds no finished part of a run.
    DatasetIntegrityError
        If its record of the run cannot be read.
    """
    # drawing is imported where something is drawn
    from matminer_phonon_tl.reproduction import report as _report
    from matminer_phonon_tl.reproduction._paper_figures import write_figures
    from matminer_phonon_tl.reproduction._paper_tables import comparison_table, write_tables

    folder = Path(out)
    size, random_state, device = _read_settings(folder)
    parts = folder / "parts"
    # what earlier runs left of other experiments belongs to the same scores
    contents = [
        json.loads(_part(parts, job).read_text(encoding="utf-8")) | {"experiment": job.experiment}
        for job in plan(size, random_state, device)
        if _part(parts, job).exists()
    ]
    if not contents:
        raise FileNotFoundError(
            f"expected finished parts of a run in {folder}, got none: run phonon-tl reproduce first"
        )
    comparisons = comparison_table(own for part in contents for own in part.get("records", ()))
    path = write_tables(folder, contents, comparisons, _methods(size, random_state, device))
    write_figures(folder, contents, comparisons)
    document = json.loads(path.read_text(encoding="utf-8"))
    _report.write_report(folder, contents, comparisons, document)
    return path


def plan_of(
    *,
    quick: bool = False,
    scale: str | Scale | None = None,
    experiments: Sequence[str] | None = None,
    random_state: int = 0,
    device: str = "cpu",
) -> list[Job]:
    """Return the jobs that :func:`run` would do here with these arguments, without doing them.

    What :func:`run` would refuse is refused here too.

    Examples
    --------
    >>> len(plan_of(quick=True, experiments=["full_data"]))
    2
    """
    chosen = _check_experiments(experiments)
    size = _check_scale(scale, quick)
    check_whole("random_state", random_state, 0)
    _check_device(device)
    jobs = plan(size, random_state, device)
    return [job for job in jobs if job.experiment in chosen]


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
            f"{unknown[0] if unknown else 'none'}"
        )
    return experiments


def _check_scale(scale: str | Scale | None, quick: bool) -> Scale:
    if quick and scale not in (None, "quick"):
        raise ValueError("expected quick or a scale, got both: leave one out")
    if isinstance(scale, Scale):
        return scale
    name = "quick" if quick else (scale or "full")
    if name not in SCALES:
        raise ValueError(f"expected a scale among {', '.join(SCALES)}, got {name!r}")
    return SCALES[name]


def _check_device(device: str) -> None:
    """Raise ValueError if networks cannot be trained there, which would show only after minutes."""
    if device == "cpu":
        return
    try:
        import torch  # noqa: F401 (the check needs it, and experiments without networks do not)
    except ImportError as error:
        raise MissingExtraError(
            f"expected torch for the device {device}, but importing it failed ({error}): "
            "pip install torch"
        ) from error

    from matminer_phonon_tl.networks._stack_runner import check_device

    check_device(device)


def _check_settings(
    folder: Path, scale: Scale, random_state: int, device: str, resume: bool
) -> None:
    """Keep parts of different runs apart: their scores would be averaged together."""
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
    """Scale, seed and device of the run that a folder holds."""
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
    from matminer_phonon_tl.reproduction._paper_networks import paper_frame

    frame = paper_frame("all")
    labels = frame[["bandgap", *TARGETS]].to_numpy(dtype=float)
    return {
        "scale": asdict(scale),
        "random_state": random_state,
        "device": device,
        "versions": library_versions(),
        "data_sha256": data_hash(tuple(frame["material_id"]), labels),
    }
