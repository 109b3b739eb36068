"""Lines through the Brillouin zone, along which bands are drawn."""

import warnings
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.phonons.bands import PhononBands
from matminer_phonon_tl.phonons.force_constants import ForceConstantPhonons

if TYPE_CHECKING:
    from pymatgen.core import Structure

_POINTS = 400  # over all lines
_FEWEST = 8  # on one of them
_NEXT_TO_END = 3e-4
"""1/Angstrom, of which 2 pi is part. What is nearer to Gamma than 1e-5, without 2 pi and in the
calculator's unit (1/bohr for some), phonopy takes for Gamma, where polar branches know no
direction."""
_OTHER_CELL = {
    r"\Gamma": [0.0, 0.0, 0.0],
    "a*/2": [0.5, 0.0, 0.0],
    "b*/2": [0.0, 0.5, 0.0],
    "c*/2": [0.0, 0.0, 0.5],
}


def bands_along_lines(phonons: ForceConstantPhonons) -> PhononBands:
    """Compute bands along the lines between special points, which they name, as they are drawn.

    In a cell that is not primitive, the lines lead along its reciprocal lattice vectors. W.
    Setyawan and S. Curtarolo, Comput. Mater. Sci. 49, 299 (2010),
    doi:10.1016/j.commatsci.2010.05.010.
    """
    points, lines = _special_points(phonons.structure)
    segments = [(points[a], points[b]) for line in lines for a, b in pairwise(line)]
    lengths = [np.linalg.norm((b - a) @ phonons.reciprocal_matrix) for a, b in segments]
    fractions = [
        np.linspace(0.0, 1.0, max(_FEWEST, round(_POINTS * float(length / sum(lengths)))))
        for length in lengths
    ]
    exact = [a + np.outer(f, b - a) for f, (a, b) in zip(fractions, segments, strict=True)]
    # polar branches at Gamma are those that the line leads to
    inside = [
        a + np.outer(f.clip(_NEXT_TO_END / length, 1.0 - _NEXT_TO_END / length), b - a)
        for f, length, (a, b) in zip(fractions, lengths, segments, strict=True)
    ]
    return replace(
        phonons.at(np.concatenate(inside)), q_fractional=np.concatenate(exact), labels=points
    )


def _special_points(
    structure: "Structure",
) -> tuple[dict[str, NDArray[np.float64]], list[list[str]]]:
    """Return the special points in reciprocal vectors of the structure, and the lines."""
    from pymatgen.symmetry.bandstructure import KPathSetyawanCurtarolo

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that its standard cell is another: it is mapped below
        standard = KPathSetyawanCurtarolo(structure)
    mapping = structure.lattice.find_mapping(standard.prim.lattice, ltol=1e-2, atol=1.0)
    if mapping is None or not standard.kpath:
        points = {name: np.array(point) for name, point in _OTHER_CELL.items()}
        gamma, *ends = points
        return points, [[end, gamma] for end in ends]
    to_cell = np.linalg.inv(mapping[2])
    points = {name: to_cell @ point for name, point in standard.kpath["kpoints"].items()}
    return points, standard.kpath["path"]
