"""The predictors that ship: found by name, and each asked for what it knows."""

from collections.abc import Iterator
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

from matminer_phonon_tl.compositions import composition_values, is_missing
from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.exceptions import CompositionError, ModelFormatError
from matminer_phonon_tl.files import file_hash
from matminer_phonon_tl.models.predictor import (
    SHIPPED_FILES,
    TARGETS,
    PhononPredictor,
    Prediction,
)
from matminer_phonon_tl.structures import StructureText, is_document, structure_of

SHIPPED = {SHIPPED_FILES[False]: "for compositions", SHIPPED_FILES[True]: "for structures"}
"""Names of the model files that ship, and what each is for."""


@contextmanager
def model_file(name: str | Path) -> Iterator[Path]:
    """Find a model's file: the one at this path, or failing it the shipped one of this name."""
    if str(name) in SHIPPED and not Path(name).exists():
        with as_file(files(__package__) / "pretrained" / str(name)) as path:
            yield path
    else:
        yield Path(name)


def load_predictor(name: str | Path) -> PhononPredictor:
    """Load a predictor from a file, or a shipped one by its name.

    Examples
    --------
    >>> load_predictor("predictor_structure.json.gz").use_structure
    True
    """
    with model_file(name) as path:
        return PhononPredictor.load(path)


class ShippedPredictors:
    """Ask the shipped predictor of structures for structures, that of compositions for all else.

    So a crystal gets one answer, whatever stands beside it. Each predictor is loaded when it is
    first needed.

    Examples
    --------
    >>> crystal = Structure.from_spacegroup(
    ...     "F-43m", [[4.98, 0, 0], [0, 4.98, 0], [0, 0, 4.98]], ["In", "N"], [[0] * 3, [0.25] * 3]
    ... )
    >>> ShippedPredictors().predict(["InN", crystal])["based_on"].tolist()
    ['composition', 'structure']

    Attributes
    ----------
    units : dict of str to str
        Unit of each property that is predicted.
    labels : None
        As of predictors of the phonon properties.
    """

    units: ClassVar = {name: UNITS[name] for name in TARGETS}
    labels: ClassVar = None

    def __init__(self) -> None:
        self._loaded: dict[bool, PhononPredictor] = {}
        self._lock = Lock()

    def predict(self, X: Any, *, warn: bool = True, **options: Any) -> pd.DataFrame:
        """Predict as :meth:`PhononPredictor.predict` does; all its options are taken."""
        prediction = self.predict_rows(X, **options)
        if warn:
            prediction.warn_of_cells()
        return prediction.frame

    def predict_rows(self, X: Any, *, n_formula_units: Any = None, **options: Any) -> Prediction:
        """Predict as :meth:`PhononPredictor.predict_rows` does.

        Parameters
        ----------
        X : DataFrame, Series or sequence
            Of a DataFrame with structures and formulas, a row's formula is taken where it has no
            structure.
        n_formula_units, options
            As in :meth:`PhononPredictor.predict_rows`.
        """
        values = list(map(_read, _values(X)))
        is_structure = np.array([_is_structure(value) for value in values], dtype=bool)
        parts = []
        for structure in (False, True):
            rows = np.flatnonzero(is_structure == structure)
            if len(rows) or (not structure and not values):
                units = n_formula_units
                if np.ndim(units):
                    units = np.asarray(units)[rows]
                chosen = [values[row] for row in rows]
                predictor = self._predictor(structure=structure)
                parts.append(
                    (rows, predictor.predict_rows(chosen, n_formula_units=units, **options))
                )
        prediction = parts[0][1] if len(parts) == 1 else _joined(parts)
        if isinstance(X, pd.DataFrame | pd.Series):
            prediction.frame.index = X.index
        return prediction

    def as_dict(self) -> dict[str, Any]:
        """Return what tells these predictors from others: the hashes of their files."""
        return {"@class": type(self).__name__, "files": shipped_hashes()}

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
        return cls()

    def _predictor(self, *, structure: bool) -> PhononPredictor:
        with self._lock:
            if structure not in self._loaded:
                self._loaded[structure] = PhononPredictor.from_pretrained(structure=structure)
            return self._loaded[structure]


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


def _is_structure(value: Any) -> bool:
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
