"""Predict all phonon properties of a compound: has it a gap, and how large is everything."""

import warnings
from importlib.resources import as_file, files
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Composition, Structure
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from matminer_phonon_tl.compositions import CompositionArray, composition_values, is_missing
from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.exceptions import CellSizeWarning, CompositionError, ModelFormatError
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.formulas import short, write_formula
from matminer_phonon_tl.models.applicability import Applicability, in_domain
from matminer_phonon_tl.models.cells import KnownCells, check_formula_units, read_cell
from matminer_phonon_tl.models.gap_classifier import PhononGapClassifier
from matminer_phonon_tl.models.materials import Materials
from matminer_phonon_tl.models.phonon_regressor import PhononRegressor
from matminer_phonon_tl.models.regressor_choice import SETTINGS, default_classifier, make_regressor
from matminer_phonon_tl.models.serialization import JSONModel, load_model
from matminer_phonon_tl.structures import StructureText, is_document, may_be_formula

TARGETS = tuple(SETTINGS)
GAP = "phonon_bandgap"
PARTS = ("", "_lower", "_upper", "_std")

COLUMNS = (
    "formula",
    "has_phonon_bandgap",
    "has_gap_probability",
    "has_gap_probability_std",
    *(f"{GAP}{part}" for part in PARTS),
    "phonon_bandgap_expected",
    *(f"{target}{part}" for target in TARGETS if target != GAP for part in PARTS),
    "heat_capacity_per_atom",
    "applicability",
    "unseen_elements",
    "in_domain",
    "based_on",
    "note",
    "error",
)
"""Columns of a prediction, in order."""

NO_RELATIVES = "no relatives of known structure: the gap comes of averages"
PARTLY_OCCUPIED = "sites are partly occupied: each is described by its average"
_TEXTS = ("unseen_elements", "based_on", "note", "error")
_ANSWERS = ("has_phonon_bandgap", "in_domain")
_FORMULAS_NAMED = 5


class Prediction(NamedTuple):
    """A prediction, with what its notes and errors say as fields."""

    frame: pd.DataFrame
    """What :meth:`PhononPredictor.predict` returns."""
    errors: dict[int, CompositionError]
    """Why a row could not be predicted, by its position."""
    other_cells: list[int]
    """Positions of rows given as formulas of which training materials have cells of other sizes."""

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


class PhononPredictor(BaseEstimator, JSONModel):
    """Gap classifier and one regressor a property, asked together.

    As the paper advises, in two steps: a compound that is judged to have no acoustic-optical gap
    gets the probability of one and no value for it. The regressor of the gap is trained on the
    materials that have one; the regressors of speed of sound and heat capacity on all, which is
    better for a compound at large (docs/accuracy.md has both figures).

    Parameters
    ----------
    classifier : PhononGapClassifier, optional
        Unfitted. Default: :meth:`PhononGapClassifier.recommended`.
    regressors : dict of target to PhononRegressor, optional
        Unfitted, one for each of :data:`TARGETS`. Default: what
        :func:`~matminer_phonon_tl.models.make_regressor` gives.
    use_structure : bool
        Describe the structures of the compounds as well; everything that is predicted must then
        be given as a structure. Concerns the default models.
    random_state : int
        Seed of the default models.

    Attributes
    ----------
    classifier_ : PhononGapClassifier
    regressors_ : dict of target to regressor
    applicability_ : Applicability
    known_cells_ : KnownCells

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
        use_structure: bool = False,
        random_state: int = 0,
    ) -> None:
        self.classifier = classifier
        self.regressors = regressors
        self.use_structure = use_structure
        self.random_state = random_state

    @classmethod
    def from_pretrained(cls, *, structure: bool = False) -> Self:
        """Load the predictor that ships with the package, trained on the whole shipped set.

        Parameters
        ----------
        structure : bool
            The one that takes structures, which knows more and wants more.

        Notes
        -----
        ``phonon-tl train`` makes these files; ``card_`` holds the scores.
        """
        name = "predictor_structure.json.gz" if structure else "predictor.json.gz"
        with as_file(files(__package__) / "pretrained" / name) as path:
            return load_model(path)

    def fit(self, df: pd.DataFrame, *, progress: bool | None = None) -> Self:
        """Train classifier and regressors.

        Parameters
        ----------
        df : DataFrame
            With the columns ``composition``, ``has_phonon_bandgap`` and the three targets, as
            :func:`~matminer_phonon_tl.load_phonon_tl` gives it.
        progress : bool, optional
            Show a progress bar; default: on a terminal.
        """
        self._forget_card()
        check_columns(df, ["composition", "has_phonon_bandgap", *TARGETS])
        regressors = self.regressors
        if regressors is None:
            regressors = {
                target: make_regressor(
                    target, structure=self.use_structure, random_state=self.random_state
                )
                for target in TARGETS
            }
        if set(regressors) != set(TARGETS):
            raise ValueError(
                f"expected a regressor for each of {TARGETS}, got {sorted(regressors)}"
            )
        classifier = self.classifier
        if classifier is None:
            classifier = default_classifier(self.random_state, structure=self.use_structure)
        materials = Materials.of(df)  # described once for all models
        gapped = np.flatnonzero(df["has_phonon_bandgap"].to_numpy(dtype=bool))
        # disable=None shows the bar only on a terminal.
        hidden = None if progress is None else not progress
        with tqdm(total=1 + len(TARGETS), desc="Training", unit="model", disable=hidden) as bar:
            bar.set_postfix_str("gap or no gap")
            self.classifier_ = clone(classifier).fit(materials, df["has_phonon_bandgap"])
            self.regressors_ = {}
            for target in TARGETS:
                bar.update()
                bar.set_postfix_str(target)
                model, labels = clone(regressors[target]), df[target].to_numpy()
                if target == GAP:
                    self.regressors_[target] = model.fit(materials.take(gapped), labels[gapped])
                else:
                    self.regressors_[target] = model.fit(materials, labels)
            bar.update()
        self.applicability_ = Applicability.fit(materials)
        self.known_cells_ = KnownCells.fit(materials)
        return self

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
            their ``as_dict()``, or either as JSON. A formula is used as written: ``InN`` is a
            primitive cell of two atoms, ``In2N2`` one of four. A structure is reduced to its
            primitive cell.
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
            columns :data:`COLUMNS`:

            - ``has_gap_probability`` and its spread over the trees;
            - each target with ``_lower`` and ``_upper`` ends of its interval and its ``_std``; the
              gap is NaN where the compound is judged to have none;
            - ``phonon_bandgap_expected``: the probability times the gap there would be;
            - ``heat_capacity_per_atom``; ``heat_capacity`` is per mole of reduced formula units;
            - ``applicability``: share of training materials that lie at least as far from their
              nearest neighbour as this compound does; near 0 it is unlike anything seen;
            - ``unseen_elements``: those that no training material has;
            - ``in_domain``: no unseen element, and an applicability of 0.05 or more;
            - ``based_on``: "structure", or "composition" where this predictor uses nothing else;
            - ``note``: what else to know: that the formula was trained on, and in which other
              cells; that a gap comes of averages, because no relative's structure is known; that
              sites are partly occupied;
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
        check_is_fitted(self)
        values = _values(X, self.use_structure)
        if isinstance(negligible, bool) or not 0 <= negligible <= 1:
            raise ValueError(f"expected negligible as a probability in 0-1, got {negligible!r}")
        materials, rows, errors, disordered = self._read(values, n_formula_units)
        frame = _empty_frame(values)
        frame["error"] = [
            errors[row].reason if row in errors else None for row in range(len(values))
        ]
        other_cells: list[int] = []
        if len(rows):
            columns, averaged = self._columns(materials, conditional, level, negligible)
            columns["based_on"] = "structure" if self.use_structure else "composition"
            for name, column in columns.items():
                frame.loc[rows, name] = column
            formulas, notes = frame["formula"].tolist(), frame["note"].tolist()
            for place, (is_known, others) in enumerate(self.known_cells_.look_up(materials)):
                row = int(rows[place])
                is_formula = may_be_formula(values[row])
                if n_formula_units is not None or not is_formula:
                    formulas[row] = _formula_of(materials.compositions[place])
                remarks = [
                    _known_as(is_known=is_known, others=others),
                    NO_RELATIVES if averaged[place] else "",
                    PARTLY_OCCUPIED if row in disordered else "",
                ]
                notes[row] = "; ".join(filter(None, remarks))
                # A structure leaves no doubt, nor does a number of formula units.
                if others and n_formula_units is None and is_formula:
                    other_cells.append(row)
            frame["formula"] = pd.Series(formulas, dtype=object)
            frame["note"] = pd.Series(notes, dtype=object)
        if isinstance(X, pd.DataFrame | pd.Series):
            frame.index = X.index
        frame.attrs["units"] = {name: UNITS[name] for name in (*TARGETS, "heat_capacity_per_atom")}
        return Prediction(frame, errors, other_cells)

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is anything to predict with."""
        return hasattr(self, "applicability_")

    def _read(
        self, values: list[Any], n_formula_units: Any
    ) -> tuple[Materials, NDArray[np.intp], dict[int, CompositionError], set[int]]:
        """Read the good rows as materials.

        Each value is read once, and each structure reduced to its primitive cell once.

        Returns
        -------
        materials : Materials
        rows : ndarray of shape (n_good,)
            Which rows they are.
        errors : dict of int to CompositionError
            What is wrong with the others.
        disordered : set of int
            Rows whose sites are partly occupied.
        """
        cells: list[Any] = []
        rows: list[int] = []
        errors: dict[int, CompositionError] = {}
        disordered: set[int] = set()
        units = check_formula_units(n_formula_units, len(values))
        for row, (value, n) in enumerate(zip(values, units, strict=True)):
            try:
                cell = read_cell(value, n, needs_structure=self.use_structure)
                cells.append(cell)
                rows.append(row)
                if isinstance(cell, Structure) and not cell.is_ordered:
                    disordered.add(row)
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
        models = (self.classifier_, *self.regressors_.values())
        wanted = sorted({model.descriptors for model in models if model.use_structure})
        structures = [cells[place] for place in good[known]] if wanted else None
        materials = Materials(compositions.take(known), structures, flat=flat)
        if not self.use_structure or not wanted:
            return materials, kept, errors, disordered
        undescribed = materials.find_errors(wanted)
        for place, refused in undescribed.items():
            row = int(kept[place])
            errors[row] = refused.at_row(row)
        described = np.setdiff1d(np.arange(len(kept)), list(undescribed))
        return materials.take(described), kept[described], errors, disordered

    def _columns(
        self, materials: Materials, conditional: bool, level: float, negligible: float
    ) -> tuple[dict[str, Any], NDArray[np.bool_]]:
        """Predicted columns, and which materials' gaps come of averages, without relatives."""
        probability, spread = self.classifier_.predict_gap(materials)
        has_gap = probability >= self.classifier_.threshold
        unseen = self.applicability_.unseen_elements(materials)
        rank = self.applicability_.rank(materials)
        columns: dict[str, Any] = {
            "has_phonon_bandgap": has_gap,
            "has_gap_probability": probability,
            "has_gap_probability_std": spread,
            "applicability": rank,
            "unseen_elements": [", ".join(symbols) for symbols in unseen],
            "in_domain": in_domain(rank, unseen),
        }
        averaged = np.zeros(len(materials), dtype=bool)
        for target, regressor in self.regressors_.items():
            needed = np.ones(len(materials), dtype=bool)
            if target == GAP and not conditional:
                needed = has_gap | (probability >= negligible)
            parts = np.full((len(PARTS), len(materials)), np.nan)
            chosen = np.flatnonzero(needed)
            if len(chosen):
                part = materials if needed.all() else materials.take(chosen)
                parts[:, chosen] = regressor.predict_interval(part, level, return_std=True)
                if target == GAP:
                    averaged[chosen] = regressor.lacks_relatives(part)
            if target == GAP:
                shown = has_gap | conditional
                columns["phonon_bandgap_expected"] = np.where(needed, probability * parts[0], 0.0)
                parts[:, ~shown] = np.nan
                averaged &= shown
            columns |= {f"{target}{part}": v for part, v in zip(PARTS, parts, strict=True)}
        columns["heat_capacity_per_atom"] = (
            columns["heat_capacity"] / materials.atoms_per_formula_unit
        )
        return columns, averaged

    def get_state(self) -> dict[str, Any] | None:
        """Return what fitting left; None before ``fit``."""
        if not hasattr(self, "applicability_"):
            return None
        return {
            "classifier": self.classifier_,
            "regressors": self.regressors_,
            "applicability": self.applicability_.get_state(),
            "known_cells": self.known_cells_.get_state(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], **params: Any) -> Self:
        """Rebuild a fitted predictor from :meth:`get_state` and its parameters."""
        classifier, regressors = state["classifier"], state["regressors"]
        if not isinstance(classifier, PhononGapClassifier) or set(regressors) != set(TARGETS):
            raise ModelFormatError(
                f"expected a classifier and regressors for {TARGETS}, got something else"
            )
        if not all(isinstance(r, PhononRegressor) for r in regressors.values()):
            raise ModelFormatError("expected regressors that predict intervals")
        for fitted in (classifier, *regressors.values()):
            check_is_fitted(fitted)
        model = cls(**params)
        model.classifier_ = classifier
        model.regressors_ = {target: regressors[target] for target in TARGETS}
        model.known_cells_ = KnownCells.from_state(state["known_cells"])
        model.applicability_ = Applicability.from_state(state["applicability"])
        return model


def check_columns(df: pd.DataFrame, needed: list[str]) -> None:
    """Refuse a table that lacks what a predictor is trained on."""
    missing = [name for name in needed if name not in df.columns]
    if missing:
        raise ValueError(
            f"expected a DataFrame with the columns {needed}, got none named {missing}"
        )


def _values(X: Any, use_structure: bool) -> list[Any]:
    """What stands for each row: a predictor of structures looks for those first."""
    if isinstance(X, pd.DataFrame) and use_structure and "structure" in X.columns:
        return X["structure"].tolist()
    return composition_values(X)


def _empty_frame(values: list[Any]) -> pd.DataFrame:
    """All columns, with their types and nothing in them but the formulas."""
    n_rows = len(values)
    columns: dict[str, Any] = {name: np.full(n_rows, np.nan) for name in COLUMNS}
    columns["formula"] = pd.Series([_formula_of(value) for value in values], dtype=object)
    for name in _ANSWERS:
        columns[name] = pd.array([pd.NA] * n_rows, dtype="boolean")
    for name in _TEXTS:
        columns[name] = pd.Series([None] * n_rows, dtype=object)
    return pd.DataFrame(columns)


def _formula_of(value: Any) -> str | None:
    """What stands in the column ``formula``; nothing for a structure that is not read yet."""
    if isinstance(value, str):
        return value if may_be_formula(value) else None
    composition = getattr(value, "composition", value)
    if isinstance(composition, Composition) and len(composition):
        return write_formula(composition)
    is_unread = is_missing(value) or is_document(value) or isinstance(value, StructureText)
    return None if is_unread else short(value)


def _known_as(*, is_known: bool, others: list[int]) -> str:
    """Say that the formula was trained on: what is known is remembered rather than predicted."""
    note = "trained on this formula" if is_known or others else ""
    if others:
        words = " and ".join(str(size) for size in others)
        note += f", {'also ' if is_known else ''}in cells of {words} atoms"
    return note
