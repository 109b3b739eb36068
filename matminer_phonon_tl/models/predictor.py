"""Predict all phonon properties of a compound: has it a gap, and how large is everything."""

import warnings
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import as_file, files
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Composition, Structure
from sklearn.base import BaseEstimator, clone
from sklearn.utils import estimator_html_repr
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from matminer_phonon_tl.atoms import is_atoms
from matminer_phonon_tl.blas import one_blas_thread
from matminer_phonon_tl.compositions import CompositionArray, composition_values, is_missing
from matminer_phonon_tl.datasets.load import OF_THREE_WAVES, UNITS
from matminer_phonon_tl.exceptions import (
    CellSizeWarning,
    CompositionError,
    DataWarning,
    ModelFormatError,
    TrainingError,
    did_you_mean,
)
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.formulas import short, write_formula
from matminer_phonon_tl.models.cells import KnownCells, check_formula_units, read_cell
from matminer_phonon_tl.models.gap_classifier import PhononGapClassifier
from matminer_phonon_tl.models.known_values import OF_THE_FORMULA
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.phonon_regressor import LEAST_ROWS, PhononRegressor
from matminer_phonon_tl.models.regressor_choice import default_classifier, regressor_of
from matminer_phonon_tl.models.serialization import (
    JSONModel,
    content_hash,
    decode_model,
    read_document,
)
from matminer_phonon_tl.models.structure_kind import (
    MAY_BE_MAGNETIC,
    StructureKind,
    may_be_magnetic,
    structure_kind,
)
from matminer_phonon_tl.models.training_similarity import (
    in_domain,
    training_elements,
    unseen_elements,
)
from matminer_phonon_tl.structures import StructureText, is_document, may_be_formula
from matminer_phonon_tl.units import MOLAR_GAS_CONSTANT

TARGETS = ("phonon_bandgap", "speed_of_sound", "heat_capacity")
GAP = "phonon_bandgap"
HAS_GAP = "has_phonon_bandgap"
PARTS = ("", "_lower", "_upper", "_std")


def prediction_columns(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a prediction of some labels, in order."""
    columns = ["formula"]
    if GAP in labels or HAS_GAP in labels:
        columns += [HAS_GAP, "has_gap_probability", "has_gap_probability_std"]
    if GAP in labels:
        columns += [*(f"{GAP}{part}" for part in PARTS), "phonon_bandgap_expected"]
    columns += [f"{name}{part}" for name in labels if name not in (GAP, HAS_GAP) for part in PARTS]
    if "heat_capacity" in labels:
        columns.append("heat_capacity_per_atom")
    return (
        *columns,
        "training_similarity",
        "unseen_elements",
        "in_domain",
        "based_on",
        "note",
        "error",
    )


COLUMNS = prediction_columns(TARGETS)
"""Columns of a prediction of the three phonon properties, in order."""

SHIPPED_FILES = {
    (False, False): "predictor.json.gz",
    (True, False): "predictor_structure.json.gz",
    (False, True): "more_properties.json.gz",
    (True, True): "more_properties_structure.json.gz",
}
"""Shipped predictors, by whether they use the structure and predict other properties."""
HEAT_CAPACITY, PER_ATOM = "heat_capacity", "heat_capacity_per_atom"
SCORES = {
    "f1": "F1",
    "auroc": "AUROC",
    "mae": "MAE",
    "r2": "R\u00b2",
    "coverage_of_90_percent_intervals": "labels in the 90 % intervals",
}
"""Scores of a card that a notebook shows."""
OTHER_CELLS = (2, 4)
"""Formula units per primitive cell that crystals have most often besides one."""
DEPENDS_ON_CELL = "whether there is a gap depends on the atoms in the primitive cell"
SATURATED = 0.999
"""Share of the upper bound from which a heat capacity is at it; solid argon has 0.9986 at 300 K."""
NO_RELATIVES = "no relatives of known structure: the gap comes of averages"
_TEXTS = ("unseen_elements", "based_on", "note", "error")
_ANSWERS = (HAS_GAP, "in_domain")
_FORMULAS_NAMED = 5


class Prediction(NamedTuple):
    """A prediction, with what its notes and errors say as fields."""

    frame: pd.DataFrame
    """What :meth:`PhononPredictor.predict` returns."""
    errors: dict[int, CompositionError]
    """Why a row could not be predicted, by its position."""
    other_cells: list[int]
    """Positions of rows given as formulas of which training materials have cells of other sizes."""
    materials: Materials | None = None
    """What the good rows were read as; None where several predictors were asked."""
    rows: NDArray[np.intp] | None = None
    """Positions of the good rows."""

    def warn_of_cells(self) -> None:
        """Warn once of all formulas that may stand for another cell."""
        if not self.other_cells:
            return
        formulas = self.frame["formula"].iloc[self.other_cells].tolist()
        unnamed = len(formulas) - _FORMULAS_NAMED
        warnings.warn(
            "training materials of these formulas have primitive cells of other sizes than "
            f"written: {', '.join(formulas[:_FORMULAS_NAMED])}"
            f"{f' and {unnamed} more' if unnamed > 0 else ''}; the column note has the sizes: if "
            "one is meant, write the whole cell (In2N2), set n_formula_units, or give the "
            "structure",
            CellSizeWarning,
            stacklevel=3,
        )


class ShippedModel(NamedTuple):
    """Which of the files that ship with the package a model was read from."""

    name: str
    sha256: str
    """As the file states it."""
    version: str
    """Version of the package that wrote the file."""

    def check_same(self, here: "ShippedModel") -> None:
        """Refuse a pickle of a model that this version of the package does not have."""
        if self.sha256 != here.sha256:
            raise ModelFormatError(
                f"expected the shipped model {self.name} with the sha256 {self.sha256}, which this "
                f"pickle names, got {here.sha256}: install the version of matminer-phonon-tl that "
                f"made the pickle (its model is of version {self.version}), or fit anew"
            )


class PhononPredictor(BaseEstimator, JSONModel):
    """Gap classifier and one regressor a property, asked together.

    As the paper advises, in two steps: a compound that is judged to have no acoustic-optical gap
    gets the probability of one and no value for it. The regressor of the gap is trained on the
    materials that have one; the regressors of speed of sound and heat capacity on all whose label
    is known.

    Parameters
    ----------
    classifier : PhononGapClassifier, optional
        Unfitted. Default: :meth:`PhononGapClassifier.recommended`.
    regressors : dict of label to PhononRegressor, optional
        Unfitted, one for each label of numbers. Default: what
        :func:`~matminer_phonon_tl.models.make_regressor` gives; for a label that it does not know,
        Gaussian processes.
    labels : dict of label to unit, optional
        What to learn, such as ``{"debye_temperature": "K"}``: columns of numbers, and
        ``has_phonon_bandgap`` (its unit is ""). The classifier is there for this one and for
        ``phonon_bandgap``. Default: the three phonon properties, :data:`TARGETS`.
    use_structure : bool
        Describe the structures of the compounds as well; everything that is predicted must then
        be given as a structure. Concerns the default models.
    random_state : int
        Seed of the default models.

    Attributes
    ----------
    classifier_ : PhononGapClassifier or None
    regressors_ : dict of label to regressor
    elements_ : ndarray of int
        Atomic numbers of the training materials.
    known_cells_ : KnownCells
    shipped_as_ : ShippedModel
        Of a predictor that :meth:`from_pretrained` gave: which file it was read from.

    References
    ----------
    Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.

    Examples
    --------
    >>> frame = PhononPredictor.from_pretrained().predict(["InN", "InSb"])
    >>> frame["has_phonon_bandgap"].tolist()
    [True, False]
    """

    def __init__(
        self,
        *,
        classifier: PhononGapClassifier | None = None,
        regressors: dict[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        use_structure: bool = False,
        random_state: int = 0,
    ) -> None:
        self.classifier = classifier
        self.regressors = regressors
        self.labels = labels
        self.use_structure = use_structure
        self.random_state = random_state

    @property
    def units(self) -> dict[str, str]:
        """Unit of each label that is predicted."""
        return dict(self.labels) if self.labels else {name: UNITS[name] for name in TARGETS}

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a prediction, in order."""
        return prediction_columns(tuple(self.units))

    @classmethod
    def from_pretrained(cls, *, structure: bool = False, more: bool = False) -> Self:
        """Load a predictor that ships with the package, trained on both shipped sets.

        Parameters
        ----------
        structure : bool
            One that takes structures, which knows more and wants more.
        more : bool
            The one of Debye temperature and largest gap between any two branches, in place of the
            one of the three phonon properties.
            :class:`~matminer_phonon_tl.models.ShippedPredictors` asks both at once.

        Notes
        -----
        ``phonon-tl train`` makes these files; ``card_`` holds the scores. A pickle of this
        predictor holds its name and hash and no more, so it needs a package with the same file.
        """
        name = SHIPPED_FILES[bool(structure), bool(more)]
        with as_file(files(__package__) / "pretrained" / name) as path:
            document = read_document(path)
        predictor = decode_model(document)
        predictor.shipped_as_ = ShippedModel(name, document["sha256"], document["@version"])
        return predictor

    def fit(
        self,
        df: pd.DataFrame,
        *,
        materials: Materials | None = None,
        progress: bool | None = None,
    ) -> Self:
        """Train classifier and regressors.

        Parameters
        ----------
        df : DataFrame
            With ``composition`` (or ``formula``), the labels, and ``has_phonon_bandgap`` where the
            classifier is trained, as :func:`~matminer_phonon_tl.datasets.load_training_set` gives
            them. A label that is missing in a row is passed over in its model, with a warning; the
            gap's regressor is trained on the rows that have one. A column ``space_group``, if
            there is one, tells notes which polymorphs were trained on.
        materials : Materials, optional
            What the rows were read as, where that is known: nothing is described again.
        progress : bool, optional
            Show a progress bar; default: on a terminal.

        Raises
        ------
        TrainingError
            If a label is known of too few materials; the sentence says of which.
        """
        self._forget_card()
        models = self.make_models()
        check_columns(df, list(models))
        materials = Materials.of(df) if materials is None else materials
        rows = {label: training_rows(df, label) for label in models}
        for label, model in models.items():
            if len(rows[label]) > len(df) / 2:  # described once for all models of most rows
                materials.matrix_for(model)
        # disable=None shows the bar only on a terminal.
        hidden = None if progress is None else not progress
        self.classifier_, self.regressors_ = None, {}
        with tqdm(models.items(), desc="Training", unit="model", disable=hidden) as bar:
            for label, model in bar:
                bar.set_postfix_str(label)
                values = df[label].to_numpy()[rows[label]]
                part = materials.take(rows[label])
                if label == HAS_GAP:
                    self.classifier_ = model.fit(part, values.astype(bool))
                else:
                    self.regressors_[label] = model.fit(part, values)
        self.elements_ = training_elements(materials)
        self.known_cells_ = KnownCells.fit(materials, df.get("space_group"))
        return self

    def make_models(self) -> dict[str, Any]:
        """Return the unfitted model of each label, the classifier first."""
        if self.labels is not None:
            check_labels(self.labels)
        labels = list(self.units)
        columns = self.columns
        if len(set(columns)) < len(columns):
            raise ValueError(
                f"expected labels whose columns are none of the others ({', '.join(columns)}), got "
                f"{labels}: rename them"
            )
        numbers = [name for name in labels if name != HAS_GAP]
        regressors = self.regressors
        if regressors is None:
            regressors = {
                name: regressor_of(name, self.random_state, structure=self.use_structure)
                for name in numbers
            }
        if set(regressors) != set(numbers):
            raise ValueError(
                f"expected a regressor for each of {numbers}, got {sorted(regressors)}"
            )
        models = {name: clone(regressors[name]) for name in numbers}
        if HAS_GAP not in columns:
            return models
        classifier = self.classifier
        if classifier is None:
            classifier = default_classifier(self.random_state, structure=self.use_structure)
        return {HAS_GAP: clone(classifier), **models}

    def predict(
        self,
        X: Any,
        *,
        conditional: bool = False,
        level: float = 0.9,
        n_formula_units: Any = None,
        negligible: float = 0.0,
        warn: bool = True,
    ) -> pd.DataFrame:
        """Predict the phonon properties of compounds.

        Parameters
        ----------
        X : DataFrame with a ``composition``, ``formula`` or ``structure`` column, Series, sequence
            Formulas, Compositions, dicts of element to amount, or structures: Structure objects,
            their ``as_dict()``, or either as JSON; ``Atoms`` of ASE and ``PhonopyAtoms``. A formula
            is used as written: ``InN`` is a primitive cell of two atoms, ``In2N2`` one of four. A
            structure is reduced to its primitive cell.
        conditional : bool
            Give the gap that a compound would have if it had one, also where it is judged to have
            none.
        level : float
            Share of new compounds whose property the intervals are to hold.
        n_formula_units : int, or one for each row, optional
            Reduced formula units per primitive cell; overrides the cell that the formula implies.
        negligible : float
            Probability of a gap below which its size is not computed and the expected gap is given
            as 0. It saves time on long lists of compounds, most of which have no gap.
        warn : bool
            Give the warning below; the column ``note`` says the same without it.

        Returns
        -------
        DataFrame
            One row for each input, in order, with the index of ``X`` where it has one, and the
            columns :attr:`columns`, :data:`COLUMNS` where there are no other labels:

            - ``has_gap_probability`` and its spread over the trees;
            - each target with ``_lower`` and ``_upper`` ends of its interval and its ``_std``, the
              models' own spread before calibration, which fits no interval; the gap is NaN where
              the compound is judged to have none;
            - ``phonon_bandgap_expected``: the probability times the gap there would be;
            - ``heat_capacity``, per mole of the formula in the column ``formula``, and
              ``heat_capacity_per_atom``;
            - ``speed_of_sound`` is the mean of the three acoustic waves, as in the paper's labels;
            - ``training_similarity``: how like the training materials the compound is, from 1 (one
              of them) to 0 (unlike them all): the share of them that were, held out, at least as
              far from the others, in the metric that the models of speed of sound and heat capacity
              have learnt (the lower of both);
            - ``unseen_elements``: those that no training material has;
            - ``in_domain``: no unseen element, a similarity of 0.05 or more, and nothing that the
              models cannot know: vacuum, molecules, partly occupied sites, magnetism;
            - ``based_on``: "structure", or "composition" where this predictor uses nothing else;
            - ``note``: what else to know: which of these it is; in which cells the formula was
              trained on; that a value lies at a bound; how the answer about the gap changes with
              the atoms in the primitive cell, where a formula is written as one formula unit; that
              a gap comes of averages, because no relative's structure is known;
            - ``error``: why a row could not be predicted; the rest of it is missing then.

            ``df.attrs["units"]`` holds the units.

        Warns
        -----
        CellSizeWarning
            If a formula stands for another cell than training materials of that formula have.
        """
        prediction = self.predict_rows(
            X,
            conditional=conditional,
            level=level,
            n_formula_units=n_formula_units,
            negligible=negligible,
        )
        if warn:
            prediction.warn_of_cells()
        return prediction.frame

    def predict_rows(
        self,
        X: Any,
        *,
        conditional: bool = False,
        level: float = 0.9,
        n_formula_units: Any = None,
        negligible: float = 0.0,
    ) -> Prediction:
        """Predict as :meth:`predict` does, without its warning, and say more of each row.

        Parameters
        ----------
        X, conditional, level, n_formula_units, negligible
            As in :meth:`predict`.

        Returns
        -------
        Prediction
        """
        values = _values(X, self.use_structure)
        if isinstance(negligible, bool) or not 0 <= negligible <= 1:
            raise ValueError(f"expected negligible as a probability in 0-1, got {negligible!r}")
        found = self._predict_good(values, conditional, level, negligible, n_formula_units)
        formulas: list[str | None] = [_formula_of(value) for value in values]
        notes: list[str | None] = [None] * len(values)
        other_cells: list[int] = []
        # A structure leaves no doubt about the cell, nor does a number of formula units.
        as_written = [n_formula_units is None and may_be_formula(values[row]) for row in found.rows]
        remarks = []
        if len(found.rows):
            remarks = [
                saturation(found.columns),
                self._depend_on_cell(found.materials, found.columns, as_written),
            ]
        for place, known in enumerate(self.known_cells_.look_up(found.materials)):
            row = int(found.rows[place])
            if not as_written[place]:
                formulas[row] = _formula_of(found.materials.compositions[place])
            said = [
                *found.outside[place],
                known.words(),
                *(remark.get(place, "") for remark in remarks),
                NO_RELATIVES if found.averaged[place] else "",
            ]
            notes[row] = "; ".join(filter(None, said))
            if known.others and as_written[place]:
                other_cells.append(row)
        frame = _frame(
            found,
            self.columns,
            len(values),
            formula=formulas,
            note=notes,
            error=[
                found.errors[row].reason if row in found.errors else None
                for row in range(len(values))
            ],
        )
        if isinstance(X, pd.DataFrame | pd.Series):
            frame.index = X.index
        units = self.units
        if HEAT_CAPACITY in units:
            units |= {HEAT_CAPACITY: OF_THE_FORMULA, PER_ATOM: UNITS[PER_ATOM]}
        if "speed_of_sound" in units:
            units |= {"speed_of_sound": OF_THREE_WAVES}
        frame.attrs["units"] = {name: unit for name, unit in units.items() if unit}
        return Prediction(frame, found.errors, other_cells, found.materials, found.rows)

    def predict_features(
        self, X: Any, *, conditional: bool = False
    ) -> tuple[dict[str, NDArray[np.float64]], dict[int, CompositionError]]:
        """Predict as :meth:`predict` does, but numbers alone, without intervals, in half the time.

        Parameters
        ----------
        X, conditional
            As in :meth:`predict`.

        Returns
        -------
        columns : dict of str to ndarray of shape (n_rows,)
            Those of :data:`COLUMNS` that are numbers, but the intervals' ends and the spreads of
            the targets; NaN in rows that cannot be predicted.
        errors : dict of row to CompositionError
            One for each of these rows, in order.
        """
        values = _values(X, self.use_structure)
        found = self._predict_good(values, conditional, None, 0.0, None)
        columns = {
            name: _scattered(column, found.rows, len(values), np.nan)
            for name, column in found.columns.items()
            if isinstance(column, np.ndarray) and column.dtype == np.float64
        }
        return columns, dict(sorted(found.errors.items()))

    def __getstate__(self) -> dict[str, Any]:
        """Return the name and hash of a shipped predictor, what is in it of any other."""
        shipped = getattr(self, "shipped_as_", None)
        if shipped is None:
            return super().__getstate__()
        document = {**self.as_dict(), "@version": shipped.version}
        if content_hash(document) != shipped.sha256:  # it was changed
            return super().__getstate__()
        return {"shipped_as_": shipped}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled predictor; a shipped one from its file."""
        if state.keys() != {"shipped_as_"}:
            super().__setstate__(state)
            return
        pickled = state["shipped_as_"]
        of_name = {name: key for key, name in SHIPPED_FILES.items()}
        options = of_name.get(pickled.name, (False, False))
        here = type(self).from_pretrained(structure=options[0], more=options[1])
        pickled.check_same(here.shipped_as_)
        self.__dict__.update(here.__dict__)

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is anything to predict with."""
        return hasattr(self, "elements_")

    def _read(
        self, values: list[Any], n_formula_units: Any
    ) -> tuple[Materials, NDArray[np.intp], dict[int, CompositionError], dict[int, StructureKind]]:
        """Read the good rows as materials.

        Each value is read once, and each structure reduced to its primitive cell once.

        Returns
        -------
        materials : Materials
        rows : ndarray of shape (n_good,)
            Which rows they are.
        errors : dict of int to CompositionError
            What is wrong with the others.
        kinds : dict of int to StructureKind
            Of the good rows that are structures.
        """
        cells: list[Any] = []
        rows: list[int] = []
        errors: dict[int, CompositionError] = {}
        units = check_formula_units(n_formula_units, len(values))
        for row, (value, n) in enumerate(zip(values, units, strict=True)):
            try:
                cell = read_cell(value, n, needs_structure=self.use_structure)
                cells.append(cell)
                rows.append(row)
            except CompositionError as error:
                errors[row] = error.at_row(row)
        compositions, good, bad = CompositionArray.read_valid(cells)
        for place, refused in bad.items():
            errors[rows[place]] = refused.at_row(rows[place])
        # What is a composition may still hold an element that the table does not know.
        flat, known, unknown = compositions.flat_valid(ElementTable.shipped().index_of)
        for place, refused in unknown.items():
            row = rows[good[place]]
            errors[row] = refused.at_row(row)
        kept = np.array(rows, dtype=np.intp)[good[known]]
        models = [*self.regressors_.values()]
        models += [] if self.classifier_ is None else [self.classifier_]
        wanted = sorted(
            {(model.descriptors, model.standard_bonds) for model in models if model.use_structure}
        )
        structures = [cells[place] for place in good[known]] if wanted else None
        materials = Materials(compositions.take(known), structures, flat=flat)
        if self.use_structure and wanted:
            undescribed = materials.find_errors(wanted)
            for place, refused in undescribed.items():
                row = int(kept[place])
                errors[row] = refused.at_row(row)
            described = np.setdiff1d(np.arange(len(kept)), list(undescribed))
            materials, kept = materials.take(described), kept[described]
        good_rows = set(kept.tolist())
        bonds = {}
        if self.use_structure and wanted:
            bonds = dict(zip(kept.tolist(), materials.mean_bonds().tolist(), strict=True))
        kinds = {
            row: structure_kind(cell, bonds.get(row))
            for row, cell in zip(rows, cells, strict=True)
            if isinstance(cell, Structure) and row in good_rows
        }
        return materials, kept, errors, kinds

    @one_blas_thread()
    def _predict_good(
        self,
        values: list[Any],
        conditional: bool,
        level: float | None,
        negligible: float,
        n_formula_units: Any,
    ) -> "_Found":
        """Predict the rows that can be; without intervals where there is no level."""
        check_is_fitted(self)
        materials, rows, errors, kinds = self._read(values, n_formula_units)
        if not len(rows):
            return _Found(materials, rows, errors, {}, np.empty(0, dtype=bool), [])
        columns, averaged = self._columns(materials, conditional, level, negligible)
        based_on = "structure" if self.use_structure else "composition"
        columns["based_on"] = [based_on] * len(rows)
        outside = _outside(materials, [kinds.get(row) for row in rows.tolist()])
        columns["in_domain"] &= np.array([not words for words in outside])
        return _Found(materials, rows, errors, columns, averaged, outside)

    def _depend_on_cell(
        self, materials: Materials, columns: dict[str, Any], as_written: list[bool]
    ) -> dict[int, str]:
        """Say which gaps would be gone if the cell held more formula units than were written.

        The branches that enclose a gap are counted in the primitive cell, and a formula alone does
        not tell which that is. A formula that is written as several units has said it.
        """
        if self.classifier_ is None:
            return {}
        doubtful = columns[HAS_GAP] & np.array(as_written) & (materials.formula_units == 1)
        places = np.flatnonzero(doubtful)
        if not len(places):
            return {}
        units = np.repeat(OTHER_CELLS, len(places))
        others = materials.compositions.take(np.tile(places, len(OTHER_CELLS))).times(units)
        chances = self.classifier_.predict_gap(others)[0].reshape(len(OTHER_CELLS), -1)
        chances = np.vstack([columns["has_gap_probability"][places], chances])
        atoms = materials.atoms_per_formula_unit
        said = {}
        for number in np.flatnonzero((chances < self.classifier_.threshold).any(axis=0)).tolist():
            place = int(places[number])
            listed = ", ".join(
                f"{chance:.2f} with {n * atoms[place]:g}"
                for n, chance in zip((1, *OTHER_CELLS), chances[:, number], strict=True)
            )
            said[place] = f"{DEPENDS_ON_CELL}: P {listed} atoms"
        return said

    @one_blas_thread()
    def predict_columns(self, materials: Materials, *, level: float = 0.9) -> dict[str, Any]:
        """Predict materials that are read already: columns of numbers, without notes.

        Parameters
        ----------
        materials : Materials
        level : float
            As in :meth:`predict`.
        """
        return self._columns(materials, False, level, 0.0)[0]

    def _columns(
        self, materials: Materials, conditional: bool, level: float | None, negligible: float
    ) -> tuple[dict[str, Any], NDArray[np.bool_]]:
        """Predicted columns, and which materials' gaps come of averages, without relatives."""
        unseen = unseen_elements(materials, self.elements_)
        columns: dict[str, Any] = {"unseen_elements": [", ".join(symbols) for symbols in unseen]}
        similarity = np.ones(len(materials))
        probability, has_gap = np.ones(len(materials)), np.ones(len(materials), dtype=bool)
        if self.classifier_ is not None:
            probability, spread = self.classifier_.predict_gap(materials)
            has_gap = probability >= self.classifier_.threshold
            columns |= {
                HAS_GAP: has_gap,
                "has_gap_probability": probability,
                "has_gap_probability_std": spread,
            }
        names = PARTS if level is not None else PARTS[:1]
        averaged = np.zeros(len(materials), dtype=bool)
        for target, regressor in self.regressors_.items():
            needed = np.ones(len(materials), dtype=bool)
            if target == GAP and not conditional:
                needed = has_gap | (probability >= negligible)
            parts = np.full((len(names), len(materials)), np.nan)
            chosen = np.flatnonzero(needed)
            near = np.ones(0)
            if len(chosen):
                part = materials if needed.all() else materials.take(chosen)
                *found, near = regressor.predict_ranked(part, level)
                parts[:, chosen] = found[: len(names)]
                if target == GAP:
                    averaged[chosen] = regressor.lacks_relatives(part)
            if target == GAP:
                shown = has_gap | conditional
                columns["phonon_bandgap_expected"] = np.where(needed, probability * parts[0], 0.0)
                parts[:, ~shown] = np.nan
                averaged &= shown
            if target != GAP or len(self.regressors_) == 1:
                similarity[chosen] = np.minimum(similarity[chosen], near)
            columns |= {f"{target}{part}": v for part, v in zip(names, parts, strict=True)}
        columns["training_similarity"] = similarity
        columns["in_domain"] = in_domain(similarity, unseen)
        if HEAT_CAPACITY in columns:
            columns[PER_ATOM] = columns[HEAT_CAPACITY] / materials.atoms_per_formula_unit
            for ending in names:  # of the formula as given; the model knows the reduced one
                columns[f"{HEAT_CAPACITY}{ending}"] *= materials.formula_units
        return columns, averaged

    def _repr_html_(self) -> str:
        """Show in a notebook what is predicted, from how many rows, and what the card scores."""
        if not hasattr(self, "regressors_"):
            return str(estimator_html_repr(self))
        card = getattr(self, "card_", {})
        scores = {score["target"]: score for score in card.get("scores", [])}
        rows = []
        for name, model in {HAS_GAP: self.classifier_, **self.regressors_}.items():
            if model is None:
                continue
            score = scores.get(name, {})
            said = [f"{title} {score[key]:.4g}" for key, title in SCORES.items() if key in score]
            cells = [name, self.units.get(name, ""), model.training_data_["rows"], ", ".join(said)]
            rows.append("".join(f"<td>{escape(str(cell))}</td>" for cell in cells))
        protocols = dict.fromkeys(score["protocol"] for score in scores.values())
        what = f"{type(self).__name__} of {'structures' if self.use_structure else 'compositions'}"
        head = "<th>predicts</th><th>unit</th><th>training rows</th><th>scores</th>"
        return (
            f"<table><caption>{what}</caption><thead><tr>{head}</tr></thead><tbody>"
            f"{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"
            + "".join(f"<p>Scores: {escape(protocol)}.</p>" for protocol in protocols)
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Show the same where a notebook asks in this way first, as it does."""
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _json_params(self) -> dict[str, Any]:
        """Leave out labels that were not given: files without any are as they were."""
        params = super()._json_params()
        labels = params.pop("labels")
        return params if labels is None else {**params, "labels": dict(labels)}

    def get_state(self) -> dict[str, Any] | None:
        """Return what fitting left; None before ``fit``."""
        if not hasattr(self, "elements_"):
            return None
        return {
            "classifier": self.classifier_,
            "regressors": self.regressors_,
            "known_cells": self.known_cells_.get_state(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], **params: Any) -> Self:
        """Rebuild a fitted predictor from :meth:`get_state` and its parameters."""
        model = cls(**params)
        classifier, regressors = state["classifier"], state["regressors"]
        fitted = {**regressors, **({} if classifier is None else {HAS_GAP: classifier})}
        wanted = model.make_models()
        if fitted.keys() != wanted.keys() or HAS_GAP in regressors:
            raise ModelFormatError(f"expected models for {list(wanted)}, got others")
        for label, one in fitted.items():
            kind = PhononGapClassifier if label == HAS_GAP else PhononRegressor
            if not isinstance(one, kind):
                raise ModelFormatError(
                    f"expected a {kind.__name__} for {label}, which has intervals"
                )
            check_is_fitted(one)
        model.classifier_ = classifier
        model.regressors_ = {name: regressors[name] for name in wanted if name != HAS_GAP}
        model.known_cells_ = KnownCells.from_state(state["known_cells"])
        model.elements_ = training_elements(model.known_cells_.materials)
        return model


def check_columns(df: pd.DataFrame, needed: list[str]) -> None:
    """Refuse a table that lacks what a predictor is trained on."""
    missing = [name for name in needed if name not in df.columns]
    if missing:
        raise ValueError(
            f"expected a DataFrame with the columns {needed}, got none named {missing}"
            f"{did_you_mean(missing[0], df.columns)}"
        )


def check_labels(labels: Any) -> None:
    """Refuse labels that are no mapping of a column's name to its unit."""
    good = isinstance(labels, Mapping) and labels
    if not good or not all(isinstance(text, str) for pair in labels.items() for text in pair):
        raise ValueError(f"expected labels as a dict of column to unit, got {labels!r}")


def training_rows(df: pd.DataFrame, label: str) -> NDArray[np.intp]:
    """Return the positions of the rows that the model of a label is trained on.

    Raises
    ------
    TrainingError
        If a regressor has too few of them.

    Warns
    -----
    DataWarning
        If the label is missing in others.
    """
    known = df[label].notna().to_numpy()
    which = f"a value of {label}"
    candidates = np.ones(len(df), dtype=bool)
    if label == GAP:
        candidates = df[HAS_GAP].fillna(False).to_numpy(dtype=bool)
        which = f"a gap (has_phonon_bandgap) and a value of {label}"
    rows = np.flatnonzero(known & candidates)
    if label != HAS_GAP and len(rows) < LEAST_ROWS:
        raise TrainingError(
            f"expected at least {LEAST_ROWS} materials with {which}, got {len(rows)} in "
            f"{len(df)} rows: give more (25 and more to phonon-tl train, which scores by five "
            "folds), or leave this label out"
        )
    missing = int((candidates & ~known).sum())
    if missing:
        warnings.warn(
            f"{missing} of {int(candidates.sum())} rows have no {label} and are passed over in its "
            "model",
            DataWarning,
            stacklevel=3,
        )
    return rows


def _values(X: Any, use_structure: bool) -> list[Any]:
    """What stands for each row: a predictor of structures looks for those first."""
    if isinstance(X, pd.DataFrame) and use_structure and "structure" in X.columns:
        return composition_values(X, "structure")
    return composition_values(X)


class _Found(NamedTuple):
    """What was found of the rows that can be predicted."""

    materials: Materials
    rows: NDArray[np.intp]
    """Their positions."""
    errors: dict[int, CompositionError]
    """What is wrong with the others."""
    columns: dict[str, Any]
    averaged: NDArray[np.bool_]
    """Whether a gap comes of averages, without relatives."""
    outside: list[list[str]]
    """What puts each material outside of what can be predicted."""


def _frame(
    found: _Found, names: Sequence[str], n_rows: int, **texts: Sequence[str | None]
) -> pd.DataFrame:
    """Put all columns into a table, with their types, missing in rows that have none."""
    columns: dict[str, Any] = {}
    missing = _scattered(np.zeros(len(found.rows), dtype=bool), found.rows, n_rows, True)
    for name in names:
        column = found.columns.get(name)
        if name in texts:
            columns[name] = pd.Series(texts[name], dtype=object)
        elif name in _TEXTS:
            column = np.array([*(column or ()), None], dtype=object)[:-1]
            columns[name] = pd.Series(_scattered(column, found.rows, n_rows, None), dtype=object)
        elif name in _ANSWERS:
            column = np.empty(0, dtype=bool) if column is None else column
            columns[name] = pd.arrays.BooleanArray(
                _scattered(column, found.rows, n_rows, False), missing.copy()
            )
        else:
            column = np.empty(0) if column is None else column
            columns[name] = _scattered(column, found.rows, n_rows, np.nan)
    return pd.DataFrame(columns)


def _scattered(
    column: NDArray[Any], rows: NDArray[np.intp], n_rows: int, missing: Any
) -> NDArray[Any]:
    """Put a column's values into their rows, and something else into the others."""
    whole = np.full(n_rows, missing, dtype=column.dtype)
    whole[rows] = column
    return whole


def _formula_of(value: Any) -> str | None:
    """What stands in the column ``formula``; nothing for a structure that is not read yet."""
    if isinstance(value, str):
        return value if may_be_formula(value) else None
    composition = getattr(value, "composition", value)
    if isinstance(composition, Composition) and len(composition):
        return write_formula(composition)
    is_unread = is_missing(value) or is_document(value) or isinstance(value, StructureText)
    is_unread = is_unread or is_atoms(value)
    return None if is_unread else short(value)


def _outside(materials: Materials, kinds: list[StructureKind | None]) -> list[list[str]]:
    """Say of each compound what puts it outside of what can be predicted, whatever it is like."""
    symbols = list(ElementTable.shipped().row_of)
    elements, counts = materials.flat.elements, materials.flat.counts
    suspects = np.isin(elements, [symbols.index(symbol) for symbol in MAY_BE_MAGNETIC])
    magnetic: list[set[str]] = [set() for _ in kinds]
    for entry, place in zip(
        np.flatnonzero(suspects), np.repeat(np.arange(len(counts)), counts)[suspects], strict=True
    ):
        magnetic[place].add(symbols[elements[entry]])
    said = []
    for kind, found in zip(kinds, magnetic, strict=True):
        words = [] if kind is None else kind.words()
        # Moments that are given decide; without any, the elements raise the doubt.
        if found and (kind is None or kind.moment is None):
            words.append(may_be_magnetic(sorted(found)))
        said.append(words)
    return said


def saturation(columns: dict[str, Any]) -> dict[int, str]:
    """Say which values lie at a bound of what is possible, by their places."""
    said = {}
    if PER_ATOM in columns:
        most = SATURATED * 3 * MOLAR_GAS_CONSTANT
        for place in np.flatnonzero(columns[PER_ATOM] >= most).tolist():
            said[place] = "the heat capacity is at its upper bound, 3R an atom: take it as unknown"
    if GAP in columns:
        for place in np.flatnonzero(columns[GAP] <= 0).tolist():
            bound = "the gap is at its lower bound, 0: take its width as unknown"
            said[place] = "; ".join(filter(None, [said.get(place), bound]))
    return said
