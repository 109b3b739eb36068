"""Gaps in the phonon spectrum."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from matminer_phonon_tl.exceptions import NonPrimitiveCellError, PhononDocumentError
from matminer_phonon_tl.phonons.bands import PhononBands, is_primitive
from matminer_phonon_tl.phonons.reading import calculation_of
from matminer_phonon_tl.phonons.stability import require_stable
from matminer_phonon_tl.units import THZ_TO_CM1

if TYPE_CHECKING:
    from pymatgen.core import Structure


class SpectralGap(NamedTuple):
    """A range of frequencies without phonons.

    Attributes
    ----------
    width : float
        cm-1; 0 where there is no gap.
    lower_edge, upper_edge : float
        Highest frequency below and lowest above, cm-1; NaN where there is no gap.
    lower_branch : int
        Number of the branch below, counted from 1 at the lowest; 0 where there is no gap.
    """

    width: float
    lower_edge: float
    upper_edge: float
    lower_branch: int


class AcousticOpticalEdges(NamedTuple):
    """The frequencies between which the acoustic-optical gap lies.

    Attributes
    ----------
    acoustic_top : float
        Highest frequency of the third branch, cm-1.
    optical_bottom : float
        Lowest frequency of the fourth branch, cm-1; NaN for one atom in the cell.
    """

    acoustic_top: float
    optical_bottom: float

    @property
    def signed_gap(self) -> float:
        """Optical bottom less acoustic top, cm-1; negative where the two ranges overlap."""
        return self.optical_bottom - self.acoustic_top


def acoustic_optical_gap(
    bs: Any,
    *,
    signed: bool = False,
    unit: str | None = None,
    structure: "Structure | None" = None,
    require_primitive: bool = True,
    allow_imaginary: bool = False,
) -> float:
    r"""Gap between the acoustic and the optical phonons, cm-1.

    .. math:: \Delta = \min_q f_4(q) - \max_q f_3(q)

    with the branches sorted by frequency at each wave vector of the document, so that it takes
    the *primitive cell* to mean anything: in a cell twice as large half of the branches above
    the third are acoustic ones, folded back.

    Parameters
    ----------
    bs : PhononBandStructure, dict, emmet.core.phonon.PhononBS or phonopy.Phonopy
        Phonon band structure; or force constants, whose bands over the whole zone are computed.
    signed : bool, default False
        Return the (negative) overlap of the two ranges too, instead of 0.
    unit : str, optional
        Unit of the document's frequencies; established from the content if not given.
    structure : pymatgen.core.Structure, optional
        The crystal, for a document without one.
    require_primitive : bool, default True
        Refuse a cell that is not primitive. Cannot be checked in a document without a structure.
    allow_imaginary : bool, default False
        Take the branches of an unstable structure too.

    Returns
    -------
    float
        Gap, cm-1; 0 where the ranges touch or overlap, and for one atom in the cell, which has
        no optical phonons.

    Raises
    ------
    PhononDocumentError
        The document is corrupt, or ``signed`` is asked of one atom.
    NonPrimitiveCellError
        The cell is not primitive.
    UnitError
        The unit cannot be established.
    UnstableStructureError
        There are imaginary modes.

    References
    ----------
    Z. Liu, M. Jiang and T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.

    Examples
    --------
    A chain with one spring constant K has sqrt(2K / m_light) - sqrt(2K / m_heavy); with one for
    each direction a stiff acoustic branch can reach above a soft optical one:

    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> round(acoustic_optical_gap(diatomic_chain(springs=(60.0, 60.0, 60.0))), 2)
    210.41
    >>> round(acoustic_optical_gap(diatomic_chain(springs=(20.0, 20.0, 200.0)), signed=True), 2)
    -9.37
    """
    edges = acoustic_optical_edges(
        bs,
        unit=unit,
        structure=structure,
        require_primitive=require_primitive,
        allow_imaginary=allow_imaginary,
    )
    if np.isnan(edges.optical_bottom):
        if signed:
            raise PhononDocumentError(
                "expected at least 2 atoms in the cell for a signed gap, got 1, which has no "
                "optical branches; use signed=False, which returns 0"
            )
        return 0.0
    return edges.signed_gap if signed else max(0.0, edges.signed_gap)


def acoustic_optical_edges(
    bs: Any,
    *,
    unit: str | None = None,
    structure: "Structure | None" = None,
    require_primitive: bool = True,
    allow_imaginary: bool = False,
) -> AcousticOpticalEdges:
    """Highest acoustic and lowest optical frequency, cm-1.

    Parameters
    ----------
    bs, unit, structure, require_primitive, allow_imaginary
        As for :func:`acoustic_optical_gap`.

    Returns
    -------
    AcousticOpticalEdges
        ``acoustic_top`` and ``optical_bottom``, cm-1, and their difference ``signed_gap``.

    Raises
    ------
    PhononDocumentError, NonPrimitiveCellError, UnitError, UnstableStructureError
        As :func:`acoustic_optical_gap`.

    References
    ----------
    Z. Liu, M. Jiang and T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> edges = acoustic_optical_edges(diatomic_chain(springs=(60.0, 60.0, 60.0)))
    >>> round(edges.acoustic_top, 2), round(edges.optical_bottom, 2), round(edges.signed_gap, 2)
    (170.91, 381.33, 210.41)
    """
    bands = calculation_of(bs, unit=unit, structure=structure).zone
    _check(bands, require_primitive=require_primitive, allow_imaginary=allow_imaginary)
    has_optical = len(bands.frequencies) > 3
    return AcousticOpticalEdges(
        acoustic_top=THZ_TO_CM1 * float(bands.frequencies[2].max()),
        optical_bottom=(
            THZ_TO_CM1 * float(bands.frequencies[3].min()) if has_optical else float("nan")
        ),
    )


def largest_gap(
    bs: Any,
    *,
    unit: str | None = None,
    structure: "Structure | None" = None,
    allow_imaginary: bool = False,
) -> SpectralGap:
    r"""Widest range without phonons between any two neighbouring branches, cm-1.

    .. math:: \Delta = \max_j \left(\min_q f_{j+1}(q) - \max_q f_j(q)\right)

    This is the general question: wurtzite GaN has no gap above its third branch, because its cell
    holds two formula units, but a wide one above its sixth. It does not depend on the choice of the
    cell.

    Parameters
    ----------
    bs, unit, structure, allow_imaginary
        As for :func:`acoustic_optical_gap`.

    Returns
    -------
    SpectralGap
        Width, lower and upper edge in cm-1, and the number of the branch below.

    Raises
    ------
    PhononDocumentError, UnitError, UnstableStructureError
        As :func:`acoustic_optical_gap`.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import diatomic_chain
    >>> gap = largest_gap(diatomic_chain(springs=(60.0, 60.0, 60.0)))
    >>> round(gap.width, 2), round(gap.lower_edge, 2), round(gap.upper_edge, 2), gap.lower_branch
    (210.41, 170.91, 381.33, 3)
    """
    bands = calculation_of(bs, unit=unit, structure=structure).zone
    _check(bands, require_primitive=False, allow_imaginary=allow_imaginary)
    tops = bands.frequencies[:-1].max(axis=1)
    bottoms = bands.frequencies[1:].min(axis=1)
    widths = bottoms - tops
    best = int(np.argmax(widths))
    if widths[best] <= 0.0:
        return SpectralGap(0.0, float("nan"), float("nan"), 0)
    return SpectralGap(
        width=THZ_TO_CM1 * float(widths[best]),
        lower_edge=THZ_TO_CM1 * float(tops[best]),
        upper_edge=THZ_TO_CM1 * float(bottoms[best]),
        lower_branch=best + 1,
    )


def _check(bands: PhononBands, *, require_primitive: bool, allow_imaginary: bool) -> None:
    """Raise where the gap would be a figure without a meaning."""
    if not allow_imaginary:
        require_stable(bands, "a phonon gap")
    if require_primitive and bands.structure is not None:
        primitive, n_primitive = is_primitive(bands.structure)
        if not primitive:
            raise NonPrimitiveCellError(
                f"expected the bands of the primitive cell ({n_primitive} atoms), got a cell of "
                f"{len(bands.structure)} atoms, where folded acoustic branches count as optical; "
                "compute the bands in the primitive cell, ask for largest_gap, or pass "
                "require_primitive=False"
            )
