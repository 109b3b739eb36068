"""Draw phonon bands and their density of states, with the gap and the speeds of sound."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import PhononDocumentError
from matminer_phonon_tl.phonons.bands import PhononBands
from matminer_phonon_tl.phonons.calculation import PhononCalculation
from matminer_phonon_tl.phonons.density import PhononDensity
from matminer_phonon_tl.phonons.paths import bands_along_lines
from matminer_phonon_tl.phonons.properties import PhononProperties, phonon_properties
from matminer_phonon_tl.phonons.reading import calculation_of
from matminer_phonon_tl.phonons.sound import (
    directional_waves,
    gamma_segments,
    sound_velocities_of,
)
from matminer_phonon_tl.structures import crystal_name
from matminer_phonon_tl.units import THZ_ANGSTROM_TO_KM_PER_S, THZ_TO_CM1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pymatgen.core import Structure

_ACOUSTIC, _OPTICAL, _SLOPE, _GAP = "#0b5394", "#7f7f7f", "#cc4125", "#f6b26b"
_OTHER_GAP = "#ffe599"
_SLOPE_REACH = 0.35
_READABLE = {"facecolor": "white", "alpha": 0.7, "linewidth": 0.0, "pad": 1.5}
_OVER = {"all directions": "all directions", "path": "the path"}


def plot_phonon(
    bs: Any,
    dos: Any = None,
    *,
    unit: str | None = None,
    structure: "Structure | None" = None,
    title: str | None = None,
) -> Figure:
    """Draw phonon bands and their density of states, with the gap and the speeds of sound.

    The acoustic branches are blue; the acoustic-optical gap is an orange band with its width, and
    the widest gap a yellow one where it is another; the dashed red lines start at Gamma and rise
    with the speeds of sound. For an unstable structure the figure says so and shows neither gap nor
    speeds. Of force constants, the bands along the lines between special points and the density of
    states are computed, and the gap is that of the whole zone, which the lines may not touch.

    Parameters
    ----------
    bs : path, phonopy.Phonopy, dict, PhononBandStructure or emmet.core.phonon.PhononBS
        Whatever :func:`~matminer_phonon_tl.phonons.phonon_properties` takes, with force constants
        or with bands along lines.
    dos : PhononDos, CompletePhononDos, dict or emmet.core.phonon.PhononDOS, optional
        Phonon density of states, drawn beside the bands; default: that of ``bs``, if it has one.
    unit : str, optional
        Unit of the documents' frequencies; established from the content if not given.
    structure : pymatgen.core.Structure, optional
        The crystal, for documents without one.
    title : str, optional
        Title; reduced formula and space group if not given.

    Returns
    -------
    matplotlib.figure.Figure
        Frequencies in cm-1; save it with ``savefig``.

    Raises
    ------
    PhononDocumentError
        A document is corrupt, or holds no bands along lines.
    UnitError
        A unit cannot be established.

    References
    ----------
    W. Setyawan and S. Curtarolo, Comput. Mater. Sci. 49, 299 (2010),
    doi:10.1016/j.commatsci.2010.05.010 (the lines).

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> figure = plot_phonon(diatomic_chain(springs=(60.0, 60.0, 60.0)))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['acoustic-optical gap 210 cm-1']
    """
    calculation = calculation_of(bs, unit=unit, structure=structure)
    found = phonon_properties(calculation)
    phonons = calculation.force_constants
    bands = calculation.bands if phonons is None else bands_along_lines(phonons)
    if bands is None:
        raise PhononDocumentError(
            f"expected force constants or bands along lines to draw, got {calculation.source}; "
            "give one of these"
        )
    figure = Figure(figsize=(8.0, 4.5), layout="constrained")
    density = _density(calculation, dos, unit, bands.structure)
    if density is None:
        axes: Axes = figure.subplots()
    else:
        axes, dos_axes = figure.subplots(1, 2, sharey=True, width_ratios=(3.0, 1.0))
        _draw_dos(dos_axes, density)
    x = _path_lengths(bands)
    _draw_bands(axes, bands, x)
    if found.acoustic_optical_gap < 0.0:
        axes.text(
            0.99,
            0.98,
            f"acoustic and optical overlap by {-found.acoustic_optical_gap:.0f} cm-1",
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize="small",
            bbox=_READABLE,
            zorder=5,
        )
    if found.is_stable:
        _mark_gaps(figure, found)
        _mark_slopes(axes, calculation, bands, x, found)
    else:
        axes.text(
            0.5,
            0.98,
            f"unstable: imaginary modes down to {found.lowest_frequency:.0f} cm-1",
            transform=axes.transAxes,
            ha="center",
            va="top",
            color=_SLOPE,
            bbox=_READABLE,
            zorder=5,
        )
    if title is None and bands.structure is not None:
        title = crystal_name(bands.structure)
    if title:
        figure.suptitle(title)
    return figure


def _density(
    calculation: PhononCalculation, dos: Any, unit: str | None, structure: "Structure | None"
) -> PhononDensity | None:
    """Return the density to draw: the one that is given, computed, or of the same document."""
    if dos is not None:
        given = calculation_of(dos, unit=unit, structure=structure, document="density")
        calculation = given
    if calculation.force_constants is not None:
        return calculation.force_constants.density()
    return calculation.density


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


def _draw_dos(axes: "Axes", density: PhononDensity) -> None:
    """Draw the density of states sideways."""
    wavenumbers = THZ_TO_CM1 * density.frequencies
    per_cm1 = density.densities / THZ_TO_CM1
    axes.fill_betweenx(wavenumbers, per_cm1, color=_OPTICAL, alpha=0.3, linewidth=0.0)
    axes.plot(per_cm1, wavenumbers, color=_OPTICAL, linewidth=1.0)
    axes.set_xlim(left=0.0)
    axes.xaxis.set_major_locator(MaxNLocator(3, prune="lower"))
    axes.set_xlabel("states / cm$^{-1}$")
    axes.tick_params(labelleft=False)


def _mark_gaps(figure: Figure, found: PhononProperties) -> None:
    """Shade the gaps across all axes and write their widths into them."""
    largest = found.largest_gap
    is_acoustic = largest.lower_branch == 3
    gaps = []
    if found.acoustic_optical_gap > 0.0:
        gaps.append(("acoustic-optical gap", found.acoustic_top, found.optical_bottom, _GAP))
    if largest.width > 0.0 and not (is_acoustic and gaps):
        gaps.append(("gap", largest.lower_edge, largest.upper_edge, _OTHER_GAP))
    for name, lower, upper, color in gaps:
        for axes in figure.axes:
            axes.axhspan(lower, upper, color=color, alpha=0.35, linewidth=0.0)
        figure.axes[0].text(
            0.5,
            0.5 * (lower + upper),
            f"{name} {upper - lower:.0f} cm-1",
            transform=figure.axes[0].get_yaxis_transform(),
            ha="center",
            va="center",
            bbox=_READABLE,
            zorder=5,
        )


def _mark_slopes(
    axes: "Axes",
    calculation: PhononCalculation,
    bands: PhononBands,
    x: NDArray[np.float64],
    found: PhononProperties,
) -> None:
    """Draw each speed of sound as a straight line from Gamma."""
    segments = list(gamma_segments(bands))
    if not segments or not found.speeds_over:
        axes.set_title("no speed of sound", fontsize="small", color=_SLOPE)
        return
    if calculation.force_constants is not None:
        directions = np.array([segment.direction for segment in segments])
        speeds = directional_waves(calculation.force_constants, directions)
    else:
        fitted = [velocity.speed for velocity in sound_velocities_of(bands)]
        speeds = np.array(fitted).reshape(-1, 3)
    top = THZ_TO_CM1 * float(bands.frequencies[2].max())
    for segment, waves in zip(segments, speeds, strict=True):
        start, end = x[segment.indices[0]], x[segment.indices[-1]]
        for speed in waves[np.isfinite(waves)]:
            slope = THZ_TO_CM1 * speed / THZ_ANGSTROM_TO_KM_PER_S
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
        f"speed of sound {found.speeds.mean:.2f} km/s, mean over {_OVER[found.speeds_over]}",
        fontsize="small",
        color=_SLOPE,
    )
