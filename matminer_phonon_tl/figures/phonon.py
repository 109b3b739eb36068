"""Draw phonon bands and their density of states, with the gap and the speeds of sound."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from matminer_phonon_tl.phonons.bands import PhononBands, read_bands
from matminer_phonon_tl.phonons.density import read_dos
from matminer_phonon_tl.phonons.gap import largest_gap
from matminer_phonon_tl.phonons.sound import gamma_segments, sound_velocities
from matminer_phonon_tl.phonons.stability import imaginary_modes
from matminer_phonon_tl.units import THZ_ANGSTROM_TO_KM_PER_S, THZ_TO_CM1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pymatgen.core import Structure

_ACOUSTIC, _OPTICAL, _SLOPE, _GAP = "#0b5394", "#7f7f7f", "#cc4125", "#f6b26b"
_SLOPE_REACH = 0.35


def plot_phonon(
    bs: Any,
    dos: Any = None,
    *,
    unit: str | None = None,
    structure: "Structure | None" = None,
    title: str | None = None,
) -> Figure:
    """Draw phonon bands and their density of states, with the gap and the speeds of sound.

    The acoustic branches are blue; the widest gap is an orange band with its width, and is called
    acoustic-optical if it separates these branches; the dashed red lines start at Gamma and rise
    with the fitted speeds of sound. For an unstable structure the figure says so and shows
    neither gap nor speeds.

    Parameters
    ----------
    bs : PhononBandStructure, dict or emmet.core.phonon.PhononBS
        Phonon band structure along lines.
    dos : PhononDos, CompletePhononDos, dict or emmet.core.phonon.PhononDOS, optional
        Phonon density of states, drawn beside the bands.
    unit : str, optional
        Unit of the documents' frequencies; established from the content if not given.
    structure : pymatgen.core.Structure, optional
        The crystal, for documents without one.
    title : str, optional
        Title; the reduced formula if not given.

    Returns
    -------
    matplotlib.figure.Figure
        Frequencies in cm-1; save it with ``savefig``.

    Raises
    ------
    PhononDocumentError
        A document is corrupt, or no segment of the path touches Gamma.
    UnitError
        A unit cannot be established.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> figure = plot_phonon(diatomic_chain(springs=(60.0, 60.0, 60.0)))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['acoustic-optical gap 210 cm-1']
    """
    bands = read_bands(bs, unit=unit, structure=structure)
    figure = Figure(figsize=(8.0, 4.5), layout="constrained")
    if dos is None:
        axes: Axes = figure.subplots()
    else:
        axes, dos_axes = figure.subplots(1, 2, sharey=True, width_ratios=(3.0, 1.0))
        _draw_dos(dos_axes, dos, unit, bands.structure)
    x = _path_lengths(bands)
    _draw_bands(axes, bands, x)

    found = imaginary_modes(bs, unit=unit, structure=structure)
    if found.unstable:
        lowest = THZ_TO_CM1 * float(bands.frequencies.min())
        axes.text(
            0.5,
            0.98,
            f"unstable: imaginary modes down to {lowest:.0f} cm-1",
            transform=axes.transAxes,
            ha="center",
            va="top",
            color=_SLOPE,
        )
    else:
        _mark_gap(figure, bs, unit, structure)
        _mark_slopes(axes, bs, bands, x, unit)
    if title is None and bands.structure is not None:
        title = bands.structure.composition.reduced_formula
    if title:
        figure.suptitle(title)
    return figure


def _path_lengths(bands: PhononBands) -> NDArray[np.float64]:
    """Return the position of each wave vector along the path, 1/Angstrom, jumps left out."""
    steps = np.linalg.norm(np.diff(bands.q_cartesian, axis=0), axis=1)
    steps[bands.jumps] = 0.0
    return np.concatenate([[0.0], np.cumsum(steps)])


def _draw_bands(axes: "Axes", bands: PhononBands, x: NDArray[np.float64]) -> None:
    """Draw each branch, broken where the path jumps, and name the special points."""
    jumps = 1 + np.flatnonzero(np.diff(x) == 0.0)
    wavenumbers = THZ_TO_CM1 * bands.frequencies
    for part in np.split(np.arange(len(x)), jumps):
        for branch, values in enumerate(wavenumbers):
            axes.plot(
                x[part],
                values[part],
                color=_ACOUSTIC if branch < 3 else _OPTICAL,
                linewidth=1.2,
                zorder=3 if branch < 3 else 2,
            )
    ticks: dict[float, list[str]] = {}
    for position, q in zip(x, bands.q_fractional, strict=True):
        if (name := bands.label_of(q)) is not None:
            names = ticks.setdefault(float(position), [])
            pretty = "Γ" if name.upper() in {"GAMMA", "G"} else name
            if pretty not in names:
                names.append(pretty)
    axes.set_xticks(list(ticks), ["|".join(names) for names in ticks.values()])
    for position in ticks:
        axes.axvline(position, color="0.85", linewidth=0.8, zorder=0)
    axes.axhline(0.0, color="0.6", linewidth=0.8, zorder=0)
    axes.set_xlim(x[0], x[-1])
    # a density of states reaches below and above the bands
    room = 0.04 * float(wavenumbers.max() - min(0.0, wavenumbers.min()))
    axes.set_ylim(min(0.0, float(wavenumbers.min())) - room, float(wavenumbers.max()) + room)
    axes.set_ylabel("frequency / cm$^{-1}$")


def _draw_dos(axes: "Axes", dos: Any, unit: str | None, structure: "Structure | None") -> None:
    """Draw the density of states sideways."""
    density = read_dos(dos, unit=unit, structure=structure)
    wavenumbers = THZ_TO_CM1 * density.frequencies
    per_cm1 = density.densities / THZ_TO_CM1
    axes.fill_betweenx(wavenumbers, per_cm1, color=_OPTICAL, alpha=0.3, linewidth=0.0)
    axes.plot(per_cm1, wavenumbers, color=_OPTICAL, linewidth=1.0)
    axes.set_xlim(left=0.0)
    axes.xaxis.set_major_locator(MaxNLocator(3, prune="lower"))
    axes.set_xlabel("states / cm$^{-1}$")
    axes.tick_params(labelleft=False)


def _mark_gap(figure: Figure, bs: Any, unit: str | None, structure: "Structure | None") -> None:
    """Shade the gap across all axes and write its width into it."""
    gap = largest_gap(bs, unit=unit, structure=structure)
    if gap.width == 0.0:
        return
    name = "acoustic-optical gap" if gap.lower_branch == 3 else "gap"
    for axes in figure.axes:
        axes.axhspan(gap.lower_edge, gap.upper_edge, color=_GAP, alpha=0.35, linewidth=0.0)
    figure.axes[0].text(
        0.5,
        0.5 * (gap.lower_edge + gap.upper_edge),
        f"{name} {gap.width:.0f} cm-1",
        transform=figure.axes[0].get_yaxis_transform(),
        ha="center",
        va="center",
    )


def _mark_slopes(
    axes: "Axes", bs: Any, bands: PhononBands, x: NDArray[np.float64], unit: str | None
) -> None:
    """Draw each fitted speed of sound as a straight line from Gamma."""
    velocities = sound_velocities(bs, unit=unit, structure=bands.structure)
    top = THZ_TO_CM1 * float(bands.frequencies[2].max())
    for number, segment in enumerate(gamma_segments(bands)):
        start, end = x[segment.indices[0]], x[segment.indices[-1]]
        for velocity in velocities[3 * number : 3 * number + 3]:
            slope = THZ_TO_CM1 * velocity.speed / THZ_ANGSTROM_TO_KM_PER_S
            reach = _SLOPE_REACH * segment.distance[-1]
            if slope > 0.0:
                reach = min(reach, top / slope)
            direction = 1.0 if end > start else -1.0
            axes.plot(
                [start, start + direction * reach],
                [0.0, slope * reach],
                color=_SLOPE,
                linestyle=(0, (4, 2)),
                linewidth=1.2,
                zorder=4,
                gid="sound",
            )
    axes.set_title(
        f"mean speed of sound {np.mean([v.speed for v in velocities]):.2f} km/s",
        fontsize="small",
        color=_SLOPE,
    )
