"""Phonons of an interatomic potential as descriptors of structures."""

import warnings
from typing import Any

import numpy as np
from matminer.featurizers.base import BaseFeaturizer
from numpy.typing import NDArray
from pymatgen.core import Structure

from matminer_phonon_tl.atoms import is_atoms, structure_of_atoms, with_structures
from matminer_phonon_tl.citations import TOGO_2015
from matminer_phonon_tl.compositions import CompositionArray
from matminer_phonon_tl.exceptions import (
    CompositionError,
    FeaturizationWarning,
    PotentialError,
    needs,
)
from matminer_phonon_tl.featurizers.lattice_dynamics import SHORTEST_DISTANCE
from matminer_phonon_tl.phonons import PhononProperties, phonon_properties
from matminer_phonon_tl.phonons.heat_capacity import formula_units

_LABELS = [
    "highest acoustic frequency [cm-1]",
    "lowest optical frequency [cm-1]",
    "signed acoustic-optical gap [cm-1]",
    "acoustic-optical gap [cm-1]",
    "largest phonon gap [cm-1]",
    "largest phonon gap lower edge [cm-1]",
    "speed of sound [km/s]",
    "longitudinal speed of sound [km/s]",
    "transverse speed of sound [km/s]",
    "Debye temperature [K]",
    "heat capacity at 300 K [J/mol/K]",
    "heat capacity per atom at 300 K [J/mol/K]",
    "highest phonon frequency [cm-1]",
    "lowest phonon frequency [cm-1]",
    "imaginary modes",
]


def supercell_repeats(structure: Structure, edge: float) -> NDArray[np.intp]:
    """Return how often a cell is repeated along each lattice vector, shape (3,).

    Once where its edge suffices (``edge``, Angstrom), otherwise an even number of times: only then
    are waves at the zone boundary, where the gap has its edges, computed and not interpolated.

    >>> from pymatgen.core import Lattice, Structure
    >>> cell = Structure(Lattice.orthorhombic(4.0, 6.0, 13.0), ["Cu"], [[0, 0, 0]])
    >>> supercell_repeats(cell, 12.0).tolist()
    [4, 2, 1]
    """
    repeats = np.ceil(edge / np.array(structure.lattice.abc) - 1e-9).astype(np.intp)
    return np.where(repeats > 1, repeats + repeats % 2, 1)


class PotentialPhonons(BaseFeaturizer):
    """Phonon properties that an interatomic potential gives a structure.

    Atoms of a supercell are displaced, the potential gives the forces, phonopy makes force
    constants of them, and :func:`~matminer_phonon_tl.phonons.phonon_properties` reads the phonons
    of the primitive cell. Neither the cell nor the positions are relaxed. There are no Born
    charges, so that longitudinal optical branches of polar crystals come out too low.

    Features, after the word ``name`` and with their units in the label:

    - highest acoustic and lowest optical frequency, the signed acoustic-optical gap between them
      (negative where the two ranges overlap) and the gap (0 there), see
      :func:`~matminer_phonon_tl.phonons.acoustic_optical_gap`
    - largest gap, and its lower edge (0 where there is no gap), see
      :func:`~matminer_phonon_tl.phonons.largest_gap`
    - speed of sound over all directions, longitudinal and transverse, see
      :func:`~matminer_phonon_tl.phonons.directional_speeds`; Debye temperature
    - heat capacity at 300 K per mole of reduced formula units and of atoms
    - highest and lowest frequency (imaginary ones negative)
    - imaginary modes: 1 or 0. Where it is 1, the heat capacities are NaN, and the speeds and the
      Debye temperature may be; the frequencies stand as they come.

    The lowest optical frequency and the signed gap of a primitive cell of one atom are NaN.

    Parameters
    ----------
    calculator : ase.calculators.calculator.Calculator
        Any calculator of ASE that gives forces: a machine-learnt potential (CHGNet, SevenNet,
        MACE), a classical one, a first-principles code.
    supercell_edge : float, default 12
        Angstrom. The structure's cell is repeated along each lattice vector until the edge is at
        least so long, once or an even number of times, see :func:`supercell_repeats`. The longer
        the edge, the less an atom's images falsify the phonons.
    displacement : float, default 0.01
        Angstrom.
    symprec : float, default 0.001
        Angstrom. Tolerance of the symmetry search, which spares displacements.
    name : str, default "potential"
        First word of every label: potentials with different names stand side by side in a table.

    References
    ----------
    A. Togo and I. Tanaka, Scr. Mater. 108, 1 (2015), doi:10.1016/j.scriptamat.2015.07.021;
    A. H. Larsen et al., J. Phys.: Condens. Matter 29, 273002 (2017), doi:10.1088/1361-648X/aa680e
    (ASE).

    Examples
    --------
    >>> from ase.calculators.emt import EMT
    >>> from pymatgen.core import Lattice, Structure
    >>> featurizer = PotentialPhonons(EMT(), supercell_edge=7.0)
    >>> copper = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.61), ["Cu"], [[0, 0, 0]])
    >>> values = dict(zip(featurizer.feature_labels(), featurizer.featurize(copper)))
    >>> round(values["potential speed of sound [km/s]"], 1)
    3.3
    """

    def __init__(
        self,
        calculator: Any,
        *,
        supercell_edge: float = 12.0,
        displacement: float = 0.01,
        symprec: float = 1e-3,
        name: str = "potential",
    ) -> None:
        self.calculator = calculator
        self.supercell_edge = supercell_edge
        self.displacement = displacement
        self.symprec = symprec
        self.name = name

    @property
    def n_jobs(self) -> int:
        """Processes of ``featurize_many``: 1 unless set, for few calculators can be copied."""
        return getattr(self, "_n_jobs", 1)

    def precheck(self, structure: Any) -> bool:
        """Return whether ``structure`` is a structure without partly filled sites."""
        (structure,) = with_structures([structure])
        return isinstance(structure, Structure) and structure.is_ordered

    def featurize(self, structure: Structure) -> list[float]:
        """Return the features of one structure.

        Parameters
        ----------
        structure : pymatgen.core.Structure, ase.Atoms or PhonopyAtoms
            Any cell of the crystal. The features are those of its primitive cell; the supercell
            is made of the given one.

        Returns
        -------
        list of 15 floats
            See the class.

        Raises
        ------
        CompositionError
            ``structure`` is no structure of whole atoms at a distance.
        PotentialError
            The calculator gives no forces for it.
        MissingExtraError
            ASE or phonopy is not installed.
        ValueError
            ``calculator`` is no calculator, or a length is not above 0.
        """
        found, primitive = self._properties(structure)
        n_atoms = len(primitive)
        capacity = found.heat_capacity_per_cell
        gap = found.acoustic_optical_gap
        return [
            found.acoustic_top,
            found.optical_bottom,
            gap,
            max(gap, 0.0) if n_atoms > 1 else 0.0,
            found.largest_gap.width,
            found.largest_gap.lower_edge if found.largest_gap.width else 0.0,
            found.speeds.mean,
            found.speeds.longitudinal,
            found.speeds.transverse,
            found.debye_temperature,
            capacity / formula_units(primitive),
            capacity / n_atoms,
            found.max_frequency,
            found.lowest_frequency,
            float(not found.is_stable),
        ]

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Compute the features as a step of a scikit-learn Pipeline.

        Rows that fail hold NaN, as in matminer; here a warning names them.

        Parameters
        ----------
        X : sequence or Series of Structure
            One a row.

        Returns
        -------
        ndarray of shape (n_structures, 15)
            Features.
        """
        rows = self.featurize_many(X, ignore_errors=True, return_errors=True, pbar=False)
        failed = [number for number, row in enumerate(rows) if isinstance(row[-1], str)]
        if failed:
            reason = rows[failed[0]][-1].strip().splitlines()[-1]
            warnings.warn(
                f"{len(failed)} of {len(rows)} rows could not be featurized and hold NaN: rows "
                f"{', '.join(map(str, failed))}; of the first, {reason}",
                FeaturizationWarning,
                stacklevel=2,
            )
        return np.array([row[:-1] for row in rows], dtype=np.float64).reshape(-1, len(_LABELS))

    def feature_labels(self) -> list[str]:
        """Return the names of the 15 features with their units."""
        return [f"{self.name} {label}" for label in _LABELS]

    def citations(self) -> list[str]:
        """Return the paper of the method, as BibTeX; cite the potential's too."""
        return [TOGO_2015]

    def implementors(self) -> list[str]:
        """Return who wrote this."""
        return ["The matminer-phonon-tl developers"]

    def _properties(self, structure: Any) -> tuple[PhononProperties, Structure]:
        """Return the phonon properties and the primitive cell that they belong to."""
        with needs("potential", "ASE and phonopy for the phonons of a potential"):
            from ase import Atoms
            from phonopy import Phonopy
            from phonopy.structure.atoms import PhonopyAtoms
            from phonopy.structure.cells import guess_primitive_matrix
        self._check_options()
        if is_atoms(structure):
            structure = structure_of_atoms(structure)
        _check_structure(structure)
        cell = PhonopyAtoms(
            symbols=[site.specie.symbol for site in structure],
            cell=structure.lattice.matrix,
            scaled_positions=structure.frac_coords,
        )
        phonon: Any = Phonopy(
            cell,
            np.diag(supercell_repeats(structure, self.supercell_edge)),
            primitive_matrix=guess_primitive_matrix(cell, symprec=self.symprec),
            symprec=self.symprec,
        )
        phonon.generate_displacements(distance=self.displacement)
        phonon.forces = [
            self._forces(
                Atoms(
                    displaced.symbols,
                    cell=displaced.cell,
                    scaled_positions=displaced.scaled_positions,
                    pbc=True,
                ),
                structure,
            )
            for displaced in phonon.supercells_with_displacements
        ]
        phonon.produce_force_constants()
        phonon.symmetrize_force_constants(show_drift=False)
        primitive = phonon.primitive
        return phonon_properties(phonon), Structure(
            primitive.cell, primitive.symbols, primitive.scaled_positions
        )

    def _forces(self, atoms: Any, structure: Structure) -> NDArray[np.float64]:
        """Return the calculator's forces on a supercell of a structure, eV/Angstrom."""
        calculator = type(self.calculator).__name__
        wanted = f"expected forces on {structure.composition.reduced_formula} from {calculator}"
        atoms.calc = self.calculator
        try:
            forces = np.asarray(atoms.get_forces(), dtype=np.float64)
        except Exception as error:
            raise PotentialError(
                f"{wanted}, got {type(error).__name__} ({error}); use a potential that knows these "
                "elements and this cell"
            ) from error
        if forces.shape != (len(atoms), 3) or not np.isfinite(forces).all():
            got = "NaN or infinity" if forces.shape == (len(atoms), 3) else f"{forces.shape}"
            raise PotentialError(
                f"{wanted}, {len(atoms)} finite vectors, got {got}; use another potential"
            )
        return forces

    def _check_options(self) -> None:
        if isinstance(self.calculator, type) or not hasattr(self.calculator, "get_forces"):
            raise ValueError(
                "expected a calculator of ASE, with a method get_forces, got "
                f"{self.calculator!r}; pass such as ase.calculators.emt.EMT()"
            )
        for option in ("supercell_edge", "displacement", "symprec"):
            value = getattr(self, option)
            if not 0.0 < value < np.inf:
                raise ValueError(
                    f"expected {option} above 0 Angstrom, got {value!r}; pass a length"
                )


def _check_structure(structure: Any) -> None:
    """Raise CompositionError unless a structure has whole atoms that can vibrate."""
    if not isinstance(structure, Structure):
        raise CompositionError(
            f"expected a pymatgen Structure, got {type(structure).__name__}; give a column of "
            "structures"
        )
    formula = structure.composition.reduced_formula
    if not structure.is_ordered:
        raise CompositionError(
            f"expected every site to hold one element, got {formula} with partly filled ones; "
            "order the structure first"
        )
    for error in CompositionArray.read_valid([structure])[2].values():
        raise error.at_row(None)  # isotopes, whose mass phonopy would not know
    if not structure.is_valid(tol=SHORTEST_DISTANCE):
        raise CompositionError(
            f"expected atoms at least {SHORTEST_DISTANCE} Angstrom apart, got {formula} with two "
            "nearer than that; check the sites"
        )
