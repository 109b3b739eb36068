"""The jobs that make up the paper, and what they cost."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from matminer_phonon_tl.reproduction._paper_data import (
    N_REPEATS,
    TARGETS,
    Scale,
    draw_architectures,
)

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

# Network fits of 500 epochs on 100 rows in a second, on two cores; a fit on all 1245 band gaps or
# other labels counts as many, and a chain of few networks leaves a core idle.
FITS_PER_SECOND = 2.7
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
    """A part of an experiment that is done, and kept, as a whole.

    Attributes
    ----------
    experiment, name : str
        Its file is DIR/parts/experiment--name.json.
    cost : float
        In fits of 500 epochs on 100 rows.
    work : callable
        Returns what is written.
    """

    experiment: str
    name: str
    cost: float
    work: Callable[[], dict[str, Any]]


def estimate_minutes(jobs: Sequence[Job]) -> float:
    """Return about how long jobs take on two cores, in minutes.

    Examples
    --------
    >>> from matminer_phonon_tl.reproduction._paper_data import SCALES
    >>> estimate_minutes(list(plan(SCALES["quick"]))) < estimate_minutes(list(plan(SCALES["full"])))
    True
    """
    return sum(job.cost for job in jobs) / FITS_PER_SECOND / 60


def in_words(minutes: float) -> str:
    """Say a duration as one would.

    Examples
    --------
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

    Examples
    --------
    >>> from matminer_phonon_tl.reproduction._paper_data import SCALES
    >>> sorted({job.experiment for job in plan(SCALES["quick"])}) == sorted(EXPERIMENTS)
    True
    """
    from matminer_phonon_tl.reproduction import _paper_networks as networks
    from matminer_phonon_tl.reproduction import _paper_others as others

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
        parameters = (("transfer_layers", layers),)
        yield from tasks(
            "layers_transferred", f"TL, {name} transferred", parameters=parameters, **gap
        )
    for name, layers in FROZEN.items():
        parameters = (("frozen_layers", layers),)
        yield from tasks("layers_frozen", f"TL, {name} frozen", parameters=parameters, **gap)
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
