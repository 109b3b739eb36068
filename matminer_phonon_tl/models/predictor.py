"""Predict all phonon properties of a compound: has it a gap, and how large is everything."""

from importlib.resources import as_file, files
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from matminer_phonon_tl.compositions import CompositionArray, composition_values
from matminer_phonon_tl.datasets.load import UNITS
from matminer_phonon_tl.exceptions import CompositionError, ModelFormatError
from matminer_phonon_tl.featurizers.element_table import ElementTable
from matminer_phonon_tl.models._cells import KnownCells, check_formula_units, read_cell
from matminer_phonon_tl.models._descriptors import Materials
from matminer_phonon_tl.models._inputs import check_columns
from matminer_phonon_tl.models._notes import note_averages
from matminer_phonon_tl.models._prediction_frame import (
    GAP,
    PARTS,
    TARGETS,
    empty_frame,
    formula_of,
    note_known_cells,
    warn_of_cells,
)
from matminer_phonon_tl.models._target_transform import atoms_per_formula_unit
from matminer_phonon_tl.models.applicability import Applicability
from matminer_phonon_tl.models.gap_classifier import PhononGapClassifier
from matminer_phonon_tl.models.phonon_regressor import PhononRegressor
from matminer_phonon_tl.models.regressor_choice import default_classifier, make_regressor
from matminer_phonon_tl.models.serialization import JSONModel, load_model

IN_DOMAIN = 0.05
"""Applicability below which a compound counts as unlike the training materials."""


class PhononPredictor(BaseEstimator, JSONModel):
    """Gap classifier and one regressor a property, asked together.

    As the paper advises, in two steps: a compound that is judged to have no acoustic-optical gap
    gets the probability of one and no value for it. The regressor of the gap is trained on the
    materials that have one; those of speed of sound and heat capacity on all, which is better for
    a compound at large (docs/accuracy.md has both figures).

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
        materials = Materials(df)  # described once for all models
        gapped = np.flatnonzero(df["has_phonon_bandgap"].to_numpy(dtype=bool))
        # disable=None: tqdm's own "only on a terminal".
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
        self.applicability_ = Applicability.fit(materials.compositions)
        self._known_cells = KnownCells.fit(materials.compositions)
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
            Of formulas, Compositions, Structures or dicts of element to amount. A formula is used
            as written: ``InN`` is a primitive cell of two atoms, ``In2N2`` one of four. Of a
            Structure its primitive cell is taken.
        conditional : bool
            Give the gap that a compound would have if it had one, also where it is judged to have
            none.
        level : float
            Share of new compounds whose property the intervals are to hold.
        n_formula_units : int, or one for each row, optional
            So many reduced formula units make the primitive cell, whatever the formula says.
        negligible : float
            Probability of a gap below which its size is not computed and the expected gap is given
            as 0; for lists so long that the gaps of compounds without one cost too much.
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
            - ``note``: what else to know: that the formula was trained on, and in which other
              cells; that a gap comes of averages, because no relative's structure is known;
            - ``error``: why a row could not be predicted; the rest of it is missing then.

            ``df.attrs["units"]`` holds the units.

        Warns
        -----
        CellSizeWarning
            If a formula stands for another cell than training materials of that formula have.
        """
        check_is_fitted(self)
        if isinstance(X, pd.DataFrame) and self.use_structure and "structure" in X.columns:
            values = X["structure"].tolist()
        else:
            values = composition_values(X)
        if isinstance(negligible, bool) or not 0 <= negligible <= 1:
            raise ValueError(f"expected negligible as a probability in 0-1, got {negligible!r}")
        asked, rows, errors = self._read(values, n_formula_units)
        frame = empty_frame(values)
        frame["error"] = [errors.get(row) for row in range(len(values))]
        if rows:
            places = np.array(rows)
            for name, column in self._columns(asked, conditional, level, negligible).items():
                frame.loc[places, name] = column
            formulas = frame["formula"].tolist()
            for place, row in enumerate(rows):
                if n_formula_units is not None or not isinstance(values[row], str):
                    formulas[row] = formula_of(asked.compositions[place])
            frame["formula"] = pd.Series(formulas, dtype=object)
            doubtful = note_known_cells(frame, rows, self._known_cells.look_up(asked.compositions))
            # A structure leaves no doubt, nor does a number of formula units.
            written = [values[row] for row in doubtful if isinstance(values[row], str)]
            if written and warn and n_formula_units is None:
                warn_of_cells(written)
            note_averages(frame, rows, asked, self.regressors_[GAP])
        if isinstance(X, pd.DataFrame | pd.Series):
            frame.index = X.index
        frame.attrs["units"] = {name: UNITS[name] for name in (*TARGETS, "heat_capacity_per_atom")}
        return frame

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is anything to predict with."""
        return hasattr(self, "applicability_")

    def _read(
        self, values: list[Any], n_formula_units: Any
    ) -> tuple[Materials, list[int], dict[int, str]]:
        """The good rows as materials, which rows these are, and a sentence for each other one."""
        cells, rows, errors = [], [], {}
        units = check_formula_units(n_formula_units, len(values))
        for row, (value, n) in enumerate(zip(values, units, strict=True)):
            try:
                cells.append(read_cell(value, n, needs_structure=self.use_structure))
                rows.append(row)
            except CompositionError as error:
                errors[row] = error.reason
        compositions, good, bad = CompositionArray.read_valid(cells)
        for number, refusal in bad.items():
            errors[rows[number]] = refusal.reason
        # What is a composition may still hold an element that the table does not know.
        _, known, unknown = compositions.flat_valid(ElementTable.shipped().index_of)
        for number, refusal in unknown.items():
            errors[rows[good[number]]] = refusal.reason
        rows = [rows[number] for number in good[known]]
        models = (self.classifier_, *self.regressors_.values())
        wanted = sorted({model.descriptors for model in models if model.use_structure})
        if not wanted:
            return Materials(compositions.take(known)), rows, errors
        asked = Materials([cells[number] for number in good[known]])
        if self.use_structure:
            asked, rows = self._describable(asked, rows, wanted, errors)
        return asked, rows, errors

    def _describable(
        self, asked: Materials, rows: list[int], wanted: list[str], errors: dict[int, str]
    ) -> tuple[Materials, list[int]]:
        """Leave out the structures that have no descriptors, and say why in ``errors``."""
        bad = asked.find_errors(wanted)
        for number, error in bad.items():
            errors[rows[number]] = error.reason
        if not bad:
            return asked, rows
        good = np.array([number for number in range(len(rows)) if number not in bad], dtype=np.intp)
        return asked.take(good), [rows[number] for number in good]

    def _columns(
        self, asked: Materials, conditional: bool, level: float, negligible: float
    ) -> dict[str, Any]:
        compositions = asked.compositions
        probability, spread = self.classifier_.predict_gap(asked)
        has_gap = probability >= self.classifier_.threshold_
        unseen = self.applicability_.unseen_elements(asked)
        rank = self.applicability_.rank(asked)
        columns: dict[str, Any] = {
            "has_phonon_bandgap": has_gap,
            "has_gap_probability": probability,
            "has_gap_probability_std": spread,
            "applicability": rank,
            "unseen_elements": [", ".join(symbols) for symbols in unseen],
            "in_domain": (rank >= IN_DOMAIN) & ~np.array([bool(s) for s in unseen]),
        }
        for target, regressor in self.regressors_.items():
            needed = np.ones(len(compositions), dtype=bool)
            if target == GAP and not conditional:
                needed = has_gap | (probability >= negligible)
            parts = np.full((len(PARTS), len(compositions)), np.nan)
            chosen = np.flatnonzero(needed)
            if len(chosen):
                of_these = asked if needed.all() else asked.take(chosen)
                parts[:, chosen] = regressor.predict_interval(of_these, level, return_std=True)
            if target == GAP:
                columns["phonon_bandgap_expected"] = np.where(needed, probability * parts[0], 0.0)
                parts[:, ~(has_gap | conditional)] = np.nan
            columns |= {f"{target}{part}": v for part, v in zip(PARTS, parts, strict=True)}
        atoms = atoms_per_formula_unit(compositions)
        columns["heat_capacity_per_atom"] = columns["heat_capacity"] / atoms
        return columns

    def _get_state(self) -> dict[str, Any] | None:
        if not hasattr(self, "applicability_"):
            return None
        return {
            "classifier": self.classifier_,
            "regressors": self.regressors_,
            "applicability": self.applicability_.get_state(),
            "known_cells": self._known_cells.get_state(),
        }

    def _set_state(self, state: dict[str, Any]) -> Self:
        classifier, regressors = state["classifier"], state["regressors"]
        if not isinstance(classifier, PhononGapClassifier) or set(regressors) != set(TARGETS):
            raise ModelFormatError(
                f"expected a classifier and regressors for {TARGETS}, got something else"
            )
        if not all(isinstance(r, PhononRegressor) for r in regressors.values()):
            raise ModelFormatError("expected regressors that predict intervals")
        for model in (classifier, *regressors.values()):
            check_is_fitted(model)
        self.classifier_ = classifier
        self.regressors_ = {target: regressors[target] for target in TARGETS}
        self._known_cells = KnownCells.from_state(state["known_cells"])
        self.applicability_ = Applicability.from_state(state["applicability"])
        return self
