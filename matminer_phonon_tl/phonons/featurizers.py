"""The phonon properties as matminer featurizers, for DataFrame columns of phonon documents."""

from typing import TYPE_CHECKING, Any, Literal

from matminer.featurizers.base import BaseFeaturizer

from matminer_phonon_tl.citations import LIU_2020, PETRETTO_2018, TOGO_2015
from matminer_phonon_tl.phonons.bands import read_bands
from matminer_phonon_tl.phonons.gap import acoustic_optical_gap, largest_gap
from matminer_phonon_tl.phonons.heat_capacity import heat_capacity
from matminer_phonon_tl.phonons.sound import speed_of_sound
from matminer_phonon_tl.phonons.stability import imaginary_modes
from matminer_phonon_tl.units import THZ_TO_CM1

if TYPE_CHECKING:
    from pymatgen.core import Structure


class PhononBandFeaturizer(BaseFeaturizer):
    """Gap, speed of sound and stability of a phonon band structure.

    Features, with their units in the label:

    - acoustic-optical gap: see :func:`~matminer_phonon_tl.phonons.acoustic_optical_gap`
    - signed acoustic-optical gap: negative where the two ranges overlap
    - largest gap, and its lower edge: see :func:`~matminer_phonon_tl.phonons.largest_gap`;
      the edge is 0 where there is no gap, so that a column has no holes
    - speed of sound: see :func:`~matminer_phonon_tl.phonons.speed_of_sound`
    - highest and lowest frequency (imaginary ones negative)
    - imaginary modes: 1 or 0, see :func:`~matminer_phonon_tl.phonons.has_imaginary_modes`

    Parameters
    ----------
    unit : str, optional
        Unit of the documents' frequencies; established for each document if not given.
    imaginary : {"raise", "nan"}, default "raise"
        What an unstable structure gives: UnstableStructureError, or NaN for the gaps and the
        speed of sound while the other features are computed.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import PhononBandFeaturizer, diatomic_chain
    >>> featurizer = PhononBandFeaturizer()
    >>> values = featurizer.featurize(diatomic_chain(springs=(60.0, 60.0, 60.0)))
    >>> named = dict(zip(featurizer.feature_labels(), values))
    >>> round(named["acoustic-optical gap [cm-1]"], 2)
    210.41
    """

    def __init__(
        self, unit: str | None = None, imaginary: Literal["raise", "nan"] = "raise"
    ) -> None:
        self.unit = unit
        self.imaginary = imaginary

    def precheck(self, bs: Any) -> bool:
        """Return whether ``bs``, a cell of a DataFrame, looks like a band structure."""
        return hasattr(bs, "bands") or hasattr(bs, "to_pmg") or isinstance(bs, dict)

    def featurize(self, bs: Any) -> list[float]:
        """Return the features of one band structure.

        Parameters
        ----------
        bs : PhononBandStructure, dict or emmet.core.phonon.PhononBS
            Phonon band structure.

        Returns
        -------
        list of 8 floats
            See the class.

        Raises
        ------
        PhononDocumentError, UnitError, UnstableStructureError
            As the functions of each feature do.
        ValueError
            ``imaginary`` is neither ``"raise"`` nor ``"nan"``.
        """
        if self.imaginary not in {"raise", "nan"}:
            raise ValueError(
                f'expected imaginary="raise" or "nan", got {self.imaginary!r}; use one of these'
            )
        bands = read_bands(bs, unit=self.unit)
        range_ = [
            THZ_TO_CM1 * float(bands.frequencies.max()),
            THZ_TO_CM1 * float(bands.frequencies.min()),
        ]
        if self.imaginary == "nan" and imaginary_modes(bands).unstable:
            return [float("nan")] * 5 + [*range_, 1.0]
        has_optical = len(bands.frequencies) > 3
        gap = acoustic_optical_gap(bands, signed=has_optical)
        largest = largest_gap(bands)
        return [
            max(0.0, gap),
            gap if has_optical else float("nan"),
            largest.width,
            largest.lower_edge if largest.width else 0.0,
            speed_of_sound(bands),
            *range_,
            0.0,
        ]

    def feature_labels(self) -> list[str]:
        """Return the names of the features with their units."""
        return [
            "acoustic-optical gap [cm-1]",
            "signed acoustic-optical gap [cm-1]",
            "largest phonon gap [cm-1]",
            "largest phonon gap lower edge [cm-1]",
            "mean speed of sound [km/s]",
            "highest phonon frequency [cm-1]",
            "lowest phonon frequency [cm-1]",
            "imaginary modes",
        ]

    def citations(self) -> list[str]:
        """Return the papers that define the features, as BibTeX."""
        return [LIU_2020, PETRETTO_2018]

    def implementors(self) -> list[str]:
        """Return who wrote this."""
        return ["The matminer-phonon-tl developers"]


class PhononDOSFeaturizer(BaseFeaturizer):
    """Heat capacity of a phonon density of states.

    Features, with their units in the label: heat capacity per mole of formula units and of atoms
    at each temperature, see :func:`~matminer_phonon_tl.phonons.heat_capacity`.

    Parameters
    ----------
    temperatures : sequence of float, default (300,)
        Temperatures of the heat capacity, K.
    unit : str, optional
        Unit of the documents' frequencies; established for each document if not given.
    per_formula_unit : bool, default True
        Give the heat capacity per formula unit too, which takes a structure: that of a
        ``CompletePhononDos``, or a second column.

    Examples
    --------
    >>> from matminer_phonon_tl.phonons import PhononDOSFeaturizer, debye_dos
    >>> featurizer = PhononDOSFeaturizer(unit="THz", per_formula_unit=False)
    >>> [round(value, 1) for value in featurizer.featurize(debye_dos(cutoff=10.0))]
    [22.0]
    """

    def __init__(
        self,
        temperatures: tuple[float, ...] = (300.0,),
        unit: str | None = None,
        per_formula_unit: bool = True,
    ) -> None:
        self.temperatures = temperatures
        self.unit = unit
        self.per_formula_unit = per_formula_unit

    def precheck(self, dos: Any, structure: "Structure | None" = None) -> bool:
        """Return whether ``dos`` looks like a density of states with what the features need.

        ``structure`` is the cell of the second column, if there is one.
        """
        stored = dos.get("structure") if isinstance(dos, dict) else getattr(dos, "structure", None)
        has_densities = hasattr(dos, "densities") or (isinstance(dos, dict) and "densities" in dos)
        has_structure = stored is not None or structure is not None
        return has_densities and (has_structure or not self.per_formula_unit)

    def featurize(self, dos: Any, structure: "Structure | None" = None) -> list[float]:
        """Return the features of one density of states.

        Parameters
        ----------
        dos : PhononDos, CompletePhononDos, dict or emmet.core.phonon.PhononDOS
            Phonon density of states.
        structure : pymatgen.core.Structure, optional
            The crystal, for a density without one.

        Returns
        -------
        list of float
            See the class.

        Raises
        ------
        PhononDocumentError, UnitError, UnstableStructureError
            As the functions of each feature do.
        """
        temperatures = list(self.temperatures)
        amounts: tuple[Literal["formula_unit", "atom"], ...] = (
            ("formula_unit", "atom") if self.per_formula_unit else ("atom",)
        )
        capacities = [
            heat_capacity(dos, structure, temperatures, per=per, unit=self.unit).tolist()
            for per in amounts
        ]
        return [value for row in capacities for value in row]

    def feature_labels(self) -> list[str]:
        """Return the names of the features with their units."""
        formula_unit = [f"heat capacity at {t:g} K [J/mol/K]" for t in self.temperatures]
        atom = [f"heat capacity per atom at {t:g} K [J/mol/K]" for t in self.temperatures]
        return [*(formula_unit if self.per_formula_unit else []), *atom]

    def citations(self) -> list[str]:
        """Return the papers that define the features, as BibTeX."""
        return [LIU_2020, PETRETTO_2018, TOGO_2015]

    def implementors(self) -> list[str]:
        """Return who wrote this."""
        return ["The matminer-phonon-tl developers"]
