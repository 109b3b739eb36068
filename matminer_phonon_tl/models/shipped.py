"""The predictors that ship: found by name, and each asked for what it knows."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Structure
from scipy.special import ndtri

from matminer_phonon_tl.compositions import composition_values, is_missing
from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.exceptions import CompositionError, ModelFormatError, did_you_mean
from matminer_phonon_tl.files import file_hash
from matminer_phonon_tl.models.known_values import OF_THE_FORMULA
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.predictor import (
    PARTS,
    SHIPPED_FILES,
    TARGETS,
    PhononPredictor,
    Prediction,
)
from matminer_phonon_tl.models.training_similarity import IN_DOMAIN
from matminer_phonon_tl.phonons.estimates import (
    heat_capacity_at,
    heat_capacity_spread,
    slack_conductivity,
)
from matminer_phonon_tl.phonons.heat_capacity import checked_temperatures
from matminer_phonon_tl.structures import StructureText, is_document, structure_of
from matminer_phonon_tl.units import MOLAR_GAS_CONSTANT

SHIPPED = {
    SHIPPED_FILES[structure, more]: f"{what} {'structures' if structure else 'compositions'}"
    for more, what in ((False, "for"), (True, "Debye temperature and largest gap, for"))
    for structure in (False, True)
}
"""Names of the model files that ship, and what each is for."""

ENDS = ("", "_lower", "_upper")
PER_GRAM, CONDUCTIVITY = "heat_capacity_per_gram", "lattice_conductivity"
LEARNT = ("debye_temperature", "largest_gap")
MORE_UNITS = {name: UNITS[name] for name in LEARNT} | {PER_GRAM: "J/g/K", CONDUCTIVITY: "W/m/K"}
"""Unit of each property that ``more`` adds; what is not learnt follows from other predictions."""
MORE_DOMAIN = "more_in_domain"
"""Whether a compound is in the domain of what is learnt besides; what follows from it as well."""
UNLIKE = "unlike the training compounds of Debye temperature and largest gap: do not trust these"
"""Note of a compound that may well be like those of the other properties."""
SLACK_SPREAD = 1.0
"""Standard deviation of the logarithm of measured over estimated lattice conductivities, from
``benchmarks/estimates.py``."""


@contextmanager
def model_file(name: str | Path) -> Iterator[Path]:
    """Find a model's file: the one at this path, or failing it the shipped one of this name."""
    if str(name) in SHIPPED and not Path(name).exists():
        with as_file(files(__package__) / "pretrained" / str(name)) as path:
            yield path
        return
    if not Path(name).exists() and Path(name).name == str(name):
        raise ModelFormatError(
            f"expected a model file or the name of a predictor that ships ({', '.join(SHIPPED)}), "
            f"found no {name}{did_you_mean(name, SHIPPED)}: check the name"
        )
    yield Path(name)


def load_predictor(name: str | Path) -> PhononPredictor:
    """Load a predictor from a file, or a shipped one by its name.

    >>> load_predictor("predictor_structure.json.gz").use_structure
    True
    """
    with model_file(name) as path:
        return PhononPredictor.load(path)


class ShippedPredictors:
    """Ask the shipped predictor of structures for structures, that of compositions for all else.

    So a crystal gets one answer, whatever stands beside it. Each predictor is loaded when it is
    first needed.

    Parameters
    ----------
    more : bool
        Predict other properties too: Debye temperature (of the speeds of sound) and largest gap
        between any two neighbouring branches, which are learnt; heat capacity per gram; and the
        order of magnitude of the lattice's thermal conductivity at 300 K, by
        :func:`~matminer_phonon_tl.phonons.slack_conductivity`.
    temperatures : float or sequence of float
        K. Give the heat capacity at these too, estimated from the one at 300 K and the Debye
        temperature by :func:`~matminer_phonon_tl.phonons.heat_capacity_at`, in columns such as
        ``heat_capacity_100K``.
    structures : bool
        Ask the predictor of structures for structures. Without, composition is all that counts.

    Attributes
    ----------
    units : dict of str to str
        Unit of each property that is predicted.
    labels : None
        As of predictors of the phonon properties.

    Examples
    --------
    >>> crystal = Structure.from_spacegroup(
    ...     "F-43m", [[4.98, 0, 0], [0, 4.98, 0], [0, 0, 4.98]], ["In", "N"], [[0] * 3, [0.25] * 3]
    ... )
    >>> ShippedPredictors().predict(["InN", crystal])["based_on"].tolist()
    ['composition', 'structure']
    >>> 800 < float(ShippedPredictors(more=True).predict(["MgO"])["debye_temperature"][0]) < 1000
    True
    """

    labels: ClassVar = None

    def __init__(
        self,
        *,
        more: bool = False,
        temperatures: float | Sequence[float] = (),
        structures: bool = True,
    ) -> None:
        self.more = more
        self.temperatures = _temperatures(temperatures)
        self.structures = structures
        self._loaded: dict[tuple[bool, bool], PhononPredictor] = {}
        self._lock = Lock()

    @property
    def units(self) -> dict[str, str]:
        """Unit of each property that is predicted."""
        units = {name: UNITS[name] for name in TARGETS} | (MORE_UNITS if self.more else {})
        return units | {at_temperature(kelvin): OF_THE_FORMULA for kelvin in self.temperatures}

    def predict(self, X: Any, *, warn: bool = True, **options: Any) -> pd.DataFrame:
        """Predict as :meth:`PhononPredictor.predict` does; all its options are taken."""
        prediction = self.predict_rows(X, **options)
        if warn:
            prediction.warn_of_cells()
        return prediction.frame

    def predict_rows(
        self, X: Any, *, n_formula_units: Any = None, level: float = 0.9, **options: Any
    ) -> Prediction:
        """Predict as :meth:`PhononPredictor.predict_rows` does.

        Parameters
        ----------
        X : DataFrame, Series or sequence
            Of a DataFrame with structures and formulas, a row's formula is taken where it has no
            structure.
        n_formula_units, level, options
            As in :meth:`PhononPredictor.predict_rows`.
        """
        values = list(map(_read, _values(X)))
        known = np.array([is_structure(value) for value in values], dtype=bool)
        known &= self.structures
        parts = []
        for structure in (False, True):
            rows = np.flatnonzero(known == structure)
            if len(rows) or (not structure and not values):
                units = n_formula_units
                if np.ndim(units):
                    units = np.asarray(units)[rows]
                chosen = [values[row] for row in rows]
                predictor = self._predictor(structure=structure, more=False)
                prediction = predictor.predict_rows(
                    chosen, n_formula_units=units, level=level, **options
                )
                if self.more or self.temperatures:
                    others = self._predictor(structure=structure, more=True)
                    prediction = self._with_more(prediction, others, level)
                parts.append((rows, prediction))
        prediction = parts[0][1] if len(parts) == 1 else _joined(parts)
        if isinstance(X, pd.DataFrame | pd.Series):
            prediction.frame.index = X.index
        return prediction

    def _with_more(
        self, prediction: Prediction, others: PhononPredictor, level: float
    ) -> Prediction:
        """Put what else is predicted in front of what is said of each row."""
        frame, rows, materials = prediction.frame.copy(), prediction.rows, prediction.materials
        new = {name: np.full(len(frame), np.nan) for name in self._more_columns()}
        within, missing = np.zeros(len(frame), dtype=bool), np.ones(len(frame), dtype=bool)
        if materials is not None and rows is not None and len(rows):
            learnt = others.predict_columns(materials, level=level)
            found = learnt | self._estimates(materials, frame.iloc[rows], learnt, level)
            for name, column in new.items():
                column[rows] = found[name]
            is_like = learnt["training_similarity"] >= IN_DOMAIN
            within[rows], missing[rows] = is_like & frame["in_domain"].iloc[rows], False
            notes = frame["note"].tolist()
            for row in rows[~is_like].tolist():
                notes[row] = "; ".join(filter(None, [notes[row], UNLIKE]))
            frame["note"] = pd.Series(notes, index=frame.index, dtype=object)
        place = frame.columns.get_loc("training_similarity")
        added = pd.DataFrame(new, index=frame.index)
        added[MORE_DOMAIN] = pd.arrays.BooleanArray(within, missing)
        joined = pd.concat([frame.iloc[:, :place], added, frame.iloc[:, place:]], axis=1)
        joined.attrs["units"] = self.units | frame.attrs["units"]
        return prediction._replace(frame=joined)

    def _more_columns(self) -> Iterator[str]:
        """Yield the names of what else is predicted."""
        if self.more:
            yield from (f"{name}{part}" for name in LEARNT for part in PARTS)
            yield from (f"{name}{end}" for name in (PER_GRAM, CONDUCTIVITY) for end in ENDS)
        for kelvin in self.temperatures:
            yield from (f"{at_temperature(kelvin)}{end}" for end in ENDS)

    def _estimates(
        self, materials: Materials, frame: pd.DataFrame, learnt: dict[str, Any], level: float
    ) -> dict[str, NDArray[np.float64]]:
        """Estimate from predictions what is not learnt, one entry a material."""
        heat, speed = (
            np.array([frame[f"{name}{end}"].to_numpy() for end in ENDS])
            for name in ("heat_capacity", "speed_of_sound")
        )
        theta = np.array([learnt[f"debye_temperature{end}"] for end in ENDS])
        n_atoms, mass = materials.atoms_per_cell, materials.mean_mass
        conductivity = _conductivity(theta, speed, mass, n_atoms, level)
        estimates = _with_ends(PER_GRAM, heat / (mass * n_atoms))
        estimates |= _with_ends(CONDUCTIVITY, conductivity)
        if self.temperatures:
            curves = estimate_heat_capacities(
                self.temperatures, heat / n_atoms, theta, n_atoms, level
            )
            for number, kelvin in enumerate(self.temperatures):
                estimates |= _with_ends(at_temperature(kelvin), curves[:, :, number] * n_atoms)
        return estimates

    def __repr__(self) -> str:
        """Say what is predicted, and in which unit."""
        given = f"more={self.more}, temperatures={self.temperatures}, structures={self.structures}"
        units = ", ".join(f"{name} ({unit})" for name, unit in self.units.items())
        return f"{type(self).__name__}({given}): predicts {units}"

    def as_dict(self) -> dict[str, Any]:
        """Return what tells these predictors from others: the hashes of their files."""
        return {
            "@class": type(self).__name__,
            "files": shipped_hashes(),
            "more": self.more,
            "temperatures": self.temperatures,
            "structures": self.structures,
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> "ShippedPredictors":
        """Make the predictors that :meth:`as_dict` tells of.

        Raises
        ------
        ModelFormatError
            If others are installed here.
        """
        if document.get("files") != shipped_hashes():
            raise ModelFormatError(
                "expected the shipped predictors of the same installation, got others: install the "
                "same version of matminer-phonon-tl on every machine"
            )
        names = ("more", "temperatures", "structures")
        return cls(**{name: document[name] for name in names})

    def _predictor(self, *, structure: bool, more: bool) -> PhononPredictor:
        with self._lock:
            asked = structure, more
            if asked not in self._loaded:
                self._loaded[asked] = PhononPredictor.from_pretrained(
                    structure=structure, more=more
                )
            return self._loaded[asked]


def _temperatures(given: float | Sequence[float]) -> list[float]:
    """Check temperatures; each has a column of its own."""
    if np.size(given) == 0:
        return []
    kelvin = np.atleast_1d(checked_temperatures(given)).tolist()
    if len({at_temperature(each) for each in kelvin}) < len(kelvin):
        raise ValueError(
            f"expected temperatures that differ in their first six digits, got {kelvin}: they name "
            "the columns"
        )
    return kelvin


def at_temperature(kelvin: float) -> str:
    """Return the column of the heat capacity at a temperature.

    >>> at_temperature(100.0)
    'heat_capacity_100K'
    """
    return f"heat_capacity_{kelvin:g}K"


def domain_of(column: str) -> str:
    """Return the column that says whether a compound is in the domain of a predicted one.

    >>> domain_of("speed_of_sound"), domain_of("lattice_conductivity")
    ('in_domain', 'more_in_domain')
    """
    of_more = column.startswith((*LEARNT, CONDUCTIVITY)) or re.match(r"heat_capacity_\d", column)
    return MORE_DOMAIN if of_more else "in_domain"


def _with_ends(name: str, values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return {f"{name}{end}": row for end, row in zip(ENDS, values, strict=True)}


def estimate_heat_capacities(
    temperatures: Sequence[float],
    per_atom: NDArray[np.float64],
    theta: NDArray[np.float64],
    n_atoms: NDArray[np.float64],
    level: float,
) -> NDArray[np.float64]:
    """Estimate value, lower and upper end of heat capacities from those of what is known.

    ``per_atom`` (heat capacity at 300 K, J/mol/K per mole of atoms) and ``theta`` (Debye
    temperature, K) have the shape (3, n_materials), ``n_atoms`` counts those of the primitive cell,
    and the intervals are to hold a share ``level``. Returns heat capacities per mole of atoms,
    shape (3, n_materials, n_temperatures).
    """
    # A crystal has the lower end if it is as hard as both intervals allow.
    value, lower, upper = (
        heat_capacity_at(temperatures, per_atom[end], theta[matching], n_atoms)
        for end, matching in enumerate((0, 2, 1))
    )
    of_model = heat_capacity_spread(temperatures) * ndtri((1.0 + level) / 2.0)
    tiny = np.finfo(float).tiny  # at 0 K all are 0
    down = np.hypot(np.log((value + tiny) / (lower + tiny)), of_model)
    up = np.hypot(np.log((upper + tiny) / (value + tiny)), of_model)
    most = np.maximum(value, 3.0 * MOLAR_GAS_CONSTANT)
    return np.array([value, value * np.exp(-down), np.minimum(value * np.exp(up), most)])


def _conductivity(
    theta: NDArray[np.float64],
    speed: NDArray[np.float64],
    mean_mass: NDArray[np.float64],
    n_atoms: NDArray[np.float64],
    level: float,
) -> NDArray[np.float64]:
    """Estimate value, lower and upper end, shape (3, n_materials)."""
    value = slack_conductivity(theta[0], speed[0], mean_mass, n_atoms)
    # In logarithms it is twice that of the Debye temperature plus that of the speed; a lower end
    # may be 0.
    of_theta, of_speed = (np.log(ends[2] / ends[0]) for ends in (theta, speed))
    of_formula = SLACK_SPREAD * ndtri((1.0 + level) / 2.0)
    spread = np.sqrt((2.0 * of_theta) ** 2 + of_speed**2 + of_formula**2)
    return value * np.exp([0.0 * spread, -spread, spread])


@cache
def shipped_hashes() -> dict[str, str]:
    """Return the sha256 of each shipped file, by its name."""
    hashes = {}
    for name in SHIPPED:
        with as_file(files(__package__) / "pretrained" / name) as path:
            hashes[name] = file_hash(path)
    return hashes


def _values(X: Any) -> list[Any]:
    """What stands for each row: its structure where it has one."""
    if not isinstance(X, pd.DataFrame) or "structure" not in X.columns:
        return composition_values(X)
    structures = composition_values(X, "structure")
    if not {"composition", "formula"} & set(X.columns):
        return structures
    formulas = composition_values(X.drop(columns="structure"))
    return [
        formula if is_missing(structure) else structure
        for structure, formula in zip(structures, formulas, strict=True)
    ]


def _read(value: Any) -> Any:
    """Read a structure; one that cannot be read stays as it is, for the predictor to say why."""
    try:
        return structure_of(value)
    except CompositionError:
        return value


def is_structure(value: Any) -> bool:
    """Tell whether a value is a structure, read or not, rather than a formula."""
    unread = isinstance(value, StructureText) or is_document(value)
    return unread or isinstance(value, Structure) or (isinstance(value, str) and "\n" in value)


def _joined(parts: list[tuple[NDArray[np.intp], Prediction]]) -> Prediction:
    """Put rows that different predictors gave into their order."""
    frames = [prediction.frame.set_axis(rows) for rows, prediction in parts]
    frame = pd.concat(frames).sort_index()
    frame.attrs = parts[0][1].frame.attrs
    errors = {
        int(rows[place]): error.at_row(int(rows[place]))
        for rows, prediction in parts
        for place, error in prediction.errors.items()
    }
    cells = [int(rows[place]) for rows, prediction in parts for place in prediction.other_cells]
    return Prediction(frame, dict(sorted(errors.items())), sorted(cells))
