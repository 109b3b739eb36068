"""Regression of a phonon property on physics: kernel machines with intervals that hold."""

from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Composition, Structure
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from matminer_phonon_tl.compositions import composition_values
from matminer_phonon_tl.exceptions import ModelFormatError, TrainingError
from matminer_phonon_tl.featurizers.analogues import ANALOGUE_COLUMNS, AnalogueDescriptors
from matminer_phonon_tl.files import data_hash
from matminer_phonon_tl.models.cells import KnownFormulas
from matminer_phonon_tl.models.conformal import (
    LEAST_IN_GROUP,
    Calibration,
    Predicted,
    formula_folds,
    polymorph_folds,
)
from matminer_phonon_tl.models.kernel_ensemble import MEMBERS, KernelEnsemble
from matminer_phonon_tl.models.kernel_machine import HYPERPARAMETER_ROWS
from matminer_phonon_tl.models.materials import Materials, check_target, descriptor_labels
from matminer_phonon_tl.models.polymorphs import PolymorphLabels
from matminer_phonon_tl.models.serialization import JSONModel
from matminer_phonon_tl.models.source_tasks import (
    FROM_CONSTRUCTOR,
    NAMED_SOURCES,
    is_source,
    load_source,
)
from matminer_phonon_tl.models.state import check_arrays
from matminer_phonon_tl.models.target_transform import check_transform, label_bounds

LEAST_ROWS = 20
_SAME_LABEL = 1e-9
"""Relative and absolute difference below which two labels of a composition are one."""
_LIBRARY_FIELDS: Any = {
    "counts": (np.int32, ("n_structures",)),
    "lattices": (np.float64, ("n_structures", 3, 3)),
    "elements": (np.int16, ("n_sites",)),
    "coordinates": (np.float64, ("n_sites", 3)),
}
_MOST_RELATIVES = 100
"""Most relatives, and most sites in a cell, of a file: more would only cost time and memory."""


class RankedPrediction(NamedTuple):
    """Predictions with intervals, and how near each material is to the training ones."""

    mean: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    std: NDArray[np.float64]
    rank: NDArray[np.float64]
    """Share of the training materials that were, held out, at least as far from the others."""


class PhononRegressor(RegressorMixin, BaseEstimator, JSONModel):
    """Mean of kernel machines on composition (and structure) descriptors, with intervals.

    The label is transformed to what is smooth over chemistry, Gaussian processes and a support
    vector machine are fitted to it, and their predictions are averaged. Intervals are conformal:
    held-out residuals in units of the predicted spread, from folds grouped by formula, say how wide
    an interval must be to hold the wanted share of new labels, at each distance from the training
    materials.

    Parameters
    ----------
    descriptors : {"xenonpy", "lattice_dynamics", "both", "bond_valence", "both_bond_valence"}
        As for :class:`~matminer_phonon_tl.models.PhononGapClassifier`.
    use_structure : bool
        Append descriptors of the structure; X must then hold structures.
    standard_bonds : bool
        Scale structures first so that their bonds are as long as covalent radii say: the volume of
        the cell, which differs between density functionals, then does not matter.
    analogues : bool
        Append :class:`~matminer_phonon_tl.featurizers.AnalogueDescriptors`: bands of the
        composition in the structures of its nearest relatives, which ``source`` holds. A material
        without relatives has the training mean there; :meth:`count_relatives` tells.
    members : tuple of {"gp15", "gp15_per_feature", "gp25", "gp25_per_feature", "svm"}
        Gaussian processes with Matern kernels of smoothness 1.5 and 2.5, one length scale or one a
        descriptor, and a support vector machine.
    target_transform : {"none", "sqrt", "log", "per_atom", "einstein", "log_stiffness"} or None
        What is learnt in place of the label: per_atom, einstein (heat capacity at 300 K to the
        frequency of Einstein's crystal) and log_stiffness (speed times root of mean mass) free it
        of what physics knows.
    target : str, optional
        Column of ``source`` with labels of the same property: its rows are learnt along with y.
    source : {"structures"}, DataFrame, path or None
        Materials to learn from besides X: a table with ``composition`` (or ``formula``),
        ``structure`` (for ``analogues`` and ``use_structure``) and labels. It must hold no formula
        that will be tested; it may hold the training rows. "structures": the structures of the
        shipped 1245 materials, with no label; a formula's own structure is never used for it.
    intervals : bool
        Calibrate intervals in ``fit``; costs ``cv`` more fits.
    cv : int
        Folds of the calibration, grouped by reduced formula.
    random_state : int or None
        Seed of these folds.

    Attributes
    ----------
    ensemble_ : KernelEnsemble
    polymorphs_ : PolymorphLabels or None
        Labels of formulas that several training materials have; None with ``use_structure``.
    calibration_ : Calibration
        Held-out residuals over predicted spread, whole formulas held out; empty without
        ``intervals``.
    polymorph_calibration_ : Calibration
        The same of materials held out alone, of whose formula others are trained on: intervals of
        such structures rest on it. Empty without ``use_structure`` and where they are few.
    non_negative_ : bool
        No training label was negative.
    n_features_in_ : int
    training_data_ : dict

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (MIT Press, 2006).
    R. F. Barber et al., Ann. Stat. 49, 486 (2021), doi:10.1214/20-AOS1965, for the intervals.

    Examples
    --------
    >>> from matminer_phonon_tl import load_phonon_tl
    >>> from matminer_phonon_tl.models import make_regressor
    >>> df = load_phonon_tl(gapped_only=True)
    >>> model = make_regressor("phonon_bandgap", random_state=0).fit(df, df["phonon_bandgap"])
    >>> 150 < float(model.predict(["BAs"])[0]) < 400
    True
    """

    def __init__(
        self,
        *,
        descriptors: str = "lattice_dynamics",
        use_structure: bool = False,
        standard_bonds: bool = False,
        analogues: bool = False,
        members: tuple[str, ...] = ("gp25",),
        target_transform: str | None = None,
        target: str | None = None,
        source: Any = "structures",
        intervals: bool = True,
        cv: int = 5,
        random_state: int | None = None,
    ) -> None:
        self.descriptors = descriptors
        self.use_structure = use_structure
        self.standard_bonds = standard_bonds
        self.analogues = analogues
        self.members = members
        self.target_transform = target_transform
        self.target = target
        self.source = source
        self.intervals = intervals
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any, source: Any = FROM_CONSTRUCTOR) -> Self:
        """Fit to materials with known labels.

        Parameters
        ----------
        X : DataFrame with a ``composition`` column (and ``structure``), or sequence of compositions
        y : array of shape (n_materials,)
        source : {"structures"}, DataFrame or None
            Source of this fit, in place of the constructor's; None means no source.

        Raises
        ------
        TrainingError
            If there are too few rows, labels are not finite, or a needed source is missing.
        """
        transform = self._check_options()
        self._forget_card()
        materials = Materials.of(X)
        labels = check_target(y, len(materials), "y")
        if len(labels) < LEAST_ROWS:
            raise TrainingError(
                f"expected at least {LEAST_ROWS} materials to fit to, got {len(labels)}: give more"
            )
        table = _read_source(self.source if source is FROM_CONSTRUCTOR else source)
        self.relatives_ = None
        if self.analogues:
            self.relatives_ = AnalogueDescriptors().fit(_ordered_structures(table))
        D = self._describe(materials)
        n_scored = len(labels)
        more = _more_rows(table, self.target, materials, labels)
        if more is not None:
            others, other_labels = more
            D = np.vstack([D, self._describe(others)])
            materials = Materials.of([*materials.compositions, *others.compositions])
            labels = np.append(labels, other_labels)
        # Single precision, so that a file restores the same model.
        D = D.astype(np.float32).astype(np.float64)
        self.ensemble_ = KernelEnsemble.fit(self.members, transform, D, labels, materials)
        self.calibration_ = self.polymorph_calibration_ = Calibration.none()
        if self.intervals:
            self._calibrate(D, labels, materials, n_scored)
        self._training_materials = materials
        self._trained_formulas = KnownFormulas(materials)
        # A structure is one polymorph; a composition stands for all.
        self.polymorphs_ = None
        if not self.use_structure:
            self.polymorphs_ = PolymorphLabels.fit(materials, labels, by_cell=self._by_cell)
        self.non_negative_ = bool((labels >= 0).all())
        self.n_features_in_ = D.shape[1]
        self.training_data_ = {
            "rows": n_scored,
            "rows_from_source": len(labels) - n_scored,
            "sha256": data_hash(self.ensemble_.descriptors, labels),
        }
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict labels.

        Parameters
        ----------
        X : as in ``fit``
        return_std : bool
            Also return the predicted spread: of the Gaussian processes and between members.

        Returns
        -------
        ndarray of shape (n_materials,), or two of them
        """
        mean, std, _ = self._predict(Materials.of(X), spread=return_std)
        return (mean, std) if return_std else mean

    def predict_interval(
        self, X: Any, level: float = 0.9, *, return_std: bool = False
    ) -> tuple[NDArray[np.float64], ...]:
        """Predict labels with intervals that hold a share of new labels.

        Parameters
        ----------
        X : as in ``fit``
        level : float
            Share of labels of new materials that the interval is to hold.
        return_std : bool
            Append the predicted spread.

        Returns
        -------
        prediction, lower, upper : ndarray of shape (n_materials,)
            Cut at what the property can be: at zero unless negative labels were trained on, and at
            3R a mole of atoms for a heat capacity that is learnt with ``"einstein"``. Of a formula
            that several training materials have, the interval holds the label of each, unless the
            structure is used.
        """
        mean, lower, upper, std, _ = self.predict_ranked(X, level)
        return (mean, lower, upper, std) if return_std else (mean, lower, upper)

    def predict_ranked(self, X: Any, level: float | None = 0.9) -> RankedPrediction:
        """Predict labels with intervals, and say how near the training materials each one is.

        Parameters
        ----------
        X
            As in :meth:`predict_interval`.
        level : float or None
            Without a level there are no intervals and no spread, in half the time.
        """
        check_is_fitted(self)
        materials = Materials.of(X)
        mean, std, distance = self._predict(materials, spread=level is not None)
        rank = self.calibration_.rank(distance)
        if level is None:
            return RankedPrediction(mean, std, std, std, rank)
        factor = self.calibration_.reach(level, distance)
        if len(self.polymorph_calibration_.scores):
            known = self._trained_formulas.among(materials)
            factor[known] = self.polymorph_calibration_.reach(level, distance[known])
        least, most = label_bounds(
            self.ensemble_.transform, materials, non_negative=self.non_negative_
        )
        # The prediction itself may lie beyond a bound; an interval holds it all the same.
        lower = np.minimum(mean, np.maximum(mean - factor * std, least))
        upper = np.maximum(mean, np.minimum(mean + factor * std, most))
        if self.polymorphs_ is not None:
            lower, upper = self.polymorphs_.widen(materials, lower, upper)
        return RankedPrediction(mean, lower, upper, std, rank)

    def count_relatives(self, X: Any) -> NDArray[np.intp]:
        """Return how many relatives' structures each material borrows; 0 without ``analogues``."""
        check_is_fitted(self)
        materials = Materials.of(X)
        if self.relatives_ is None:
            return np.zeros(len(materials), dtype=np.intp)
        return self.relatives_.count(materials.compositions)

    def lacks_relatives(self, X: Any) -> NDArray[np.bool_]:
        """Say which materials have the training mean in place of their relatives' bands."""
        check_is_fitted(self)
        materials = Materials.of(X)
        if self.relatives_ is None:
            return np.zeros(len(materials), dtype=bool)
        borrowed = self._borrow(materials, self.relatives_)
        return np.asarray(np.isnan(borrowed).all(axis=1))

    def describe(self, X: Any) -> NDArray[np.float64]:
        """Return the descriptors of materials, named by :meth:`descriptor_labels`.

        A material without relatives has the training mean in their columns.
        """
        check_is_fitted(self)
        return self.ensemble_.scaling.filled(self._describe(Materials.of(X)))

    def descriptor_labels(self) -> list[str]:
        """Return the names of the descriptors, in order."""
        labels = descriptor_labels(
            self.descriptors,
            use_structure=bool(self.use_structure),
            standard_bonds=bool(self.standard_bonds),
        )
        return labels + (list(ANALOGUE_COLUMNS) if self.analogues else [])

    def predict_described(
        self, D: NDArray[np.float64], materials: Any, *, spread: bool = True
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict labels and spreads for descriptors that :meth:`describe` gave.

        Parameters
        ----------
        D : ndarray of shape (n_materials, n_descriptors)
        materials : as in ``fit``
            For the atoms and masses that the target's transform needs.
        spread : bool
            Compute the spreads, which takes as long again; NaN without it.
        """
        check_is_fitted(self)
        return self.ensemble_.predict(D, materials, spread=spread)[:2]

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is anything to predict with."""
        return hasattr(self, "ensemble_")

    @property
    def _by_cell(self) -> bool:
        """Whether the label depends on how many atoms are in the primitive cell."""
        return self.target == "phonon_bandgap"

    def _count_composition_columns(self) -> int:
        return len(descriptor_labels(self.descriptors, use_structure=False))

    def _check_options(self) -> str:
        unknown = [name for name in self.members if name not in MEMBERS]
        if unknown or not self.members:
            raise ValueError(f"expected members among {MEMBERS}, got {self.members!r}")
        return check_transform(self.target_transform)

    def _describe(self, materials: Materials) -> NDArray[np.float64]:
        """Describe materials; NaN where one has no relatives."""
        D = materials.matrix_for(self)
        if self.relatives_ is None:
            return D
        return np.hstack([D, self._borrow(materials, self.relatives_)])

    @staticmethod
    def _borrow(materials: Materials, relatives: AnalogueDescriptors) -> NDArray[np.float64]:
        """Bands of the materials in their relatives' structures; NaN where there are none."""
        # The fitted library is the key: another model has another one.
        return materials.once(
            relatives, lambda: relatives.describe_valid(materials.compositions)[0]
        )

    def _predict(self, materials: Materials, *, spread: bool = True) -> Predicted:
        check_is_fitted(self)
        return self.ensemble_.predict(self._describe(materials), materials, spread=spread)

    def _calibrate(
        self,
        D: NDArray[np.float64],
        labels: NDArray[np.float64],
        materials: Materials,
        n_scored: int,
    ) -> None:
        """Score new formulas, and structures of formulas that are trained on in another one."""
        whole = self.ensemble_
        # Hyperparameters found on a small share of the rows, and held by their prior, cannot
        # remember the others; of a small training set they can.
        like = whole if len(D) > HYPERPARAMETER_ROWS else None

        def fit_and_predict(train: NDArray[np.intp], test: NDArray[np.intp]) -> Predicted:
            fold = KernelEnsemble.fit(
                self.members, whole.transform, D[train], labels[train], materials.take(train), like
            )
            return fold.predict(D[test], materials.take(test))

        formulas = materials.reduced_formulas()
        options: Any = {"n_scored": n_scored, "cv": self.cv, "random_state": self.random_state}
        folds = formula_folds(formulas, **options)
        self.calibration_ = Calibration.held_out(fit_and_predict, labels, folds)
        if self.use_structure:
            folds = polymorph_folds(formulas, **options)
            if sum(len(test) for _, test in folds) >= LEAST_IN_GROUP:
                self.polymorph_calibration_ = Calibration.held_out(fit_and_predict, labels, folds)

    def _json_params(self) -> dict[str, Any]:
        """Leave a source that is a table behind: what was taken from it is in the state."""
        params = self.get_params(deep=False)
        if not isinstance(params["source"], str):
            params["source"] = None
        return params

    def get_state(self) -> dict[str, Any] | None:
        """Return what fitting left; None before ``fit``."""
        if not hasattr(self, "ensemble_"):
            return None
        relatives = self.relatives_
        n_of_composition = self._count_composition_columns()
        more = self.ensemble_.descriptors[:, n_of_composition:]
        return {
            **self.ensemble_.get_state(),
            # The descriptors of a composition are computed anew: they are many.
            "compositions": self._training_materials.get_state(),
            "more_descriptors": more.astype(np.float32),
            "non_negative": self.non_negative_,
            "calibration": self.calibration_.get_state(),
            "relatives": None
            if relatives is None
            else {**relatives.get_params(), "library": relatives.get_library()},
            "training_data": self.training_data_,
            **(
                {"polymorph_calibration": self.polymorph_calibration_.get_state()}
                if self.polymorphs_ is None
                else {"polymorphs": self.polymorphs_.get_state()}
            ),
        }

    def __getstate__(self) -> dict[str, Any]:
        """Return what a file holds once there is anything fitted: the rest follows from it."""
        fitted = self.get_state()
        if fitted is None:
            return super().__getstate__()
        kept = {*self.get_params(deep=False), "card_"}
        return {
            **{name: each for name, each in vars(self).items() if name in kept},
            "fitted": fitted,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a pickled regressor."""
        fitted = state.get("fitted")
        super().__setstate__({name: each for name, each in state.items() if name != "fitted"})
        if fitted is not None:
            self.__dict__.update(vars(self.from_state(fitted, **self.get_params(deep=False))))

    @classmethod
    def from_state(cls, state: dict[str, Any], **params: Any) -> Self:
        """Rebuild a fitted regressor from :meth:`get_state` and its parameters."""
        model = cls(**params)
        transform = model._check_options()
        check_arrays(
            state,
            "a regressor",
            {
                **dict.fromkeys(("calibration", "training_data"), dict),
                "polymorph_calibration" if model.use_structure else "polymorphs": dict,
                "non_negative": bool,
            },
        )
        calibration = Calibration.from_state(state["calibration"], wanted=bool(model.intervals))
        n_features = len(model.descriptor_labels())
        materials = Materials.from_state(state["compositions"], "training materials")
        n_more = n_features - model._count_composition_columns()
        check_arrays(
            state, "a regressor", {"more_descriptors": (np.float32, (len(materials), n_more))}
        )
        described = materials.matrix(model.descriptors, use_structure=False).astype(np.float32)
        D = np.hstack([described, state["more_descriptors"]]).astype(np.float64)
        ensemble = KernelEnsemble.from_state(state, model.members, transform, D)
        model._training_materials = materials
        model._trained_formulas = KnownFormulas(materials)
        model.relatives_ = _read_relatives(state["relatives"], wanted=bool(model.analogues))
        model.ensemble_ = ensemble
        model.calibration_ = calibration
        model.polymorphs_, model.polymorph_calibration_ = None, Calibration.none()
        if model.use_structure:
            near = Calibration.from_state(state["polymorph_calibration"])
            model.polymorph_calibration_ = near
        else:
            known = PolymorphLabels.from_state(state["polymorphs"], by_cell=model._by_cell)
            model.polymorphs_ = known
        model.non_negative_ = state["non_negative"]
        model.training_data_ = state["training_data"]
        model.n_features_in_ = n_features
        return model


def _read_relatives(relatives: Any, *, wanted: bool) -> AnalogueDescriptors | None:
    if (relatives is not None) != wanted:
        raise ModelFormatError("expected relatives' structures just where analogues=True")
    if relatives is None:
        return None
    check_arrays(relatives, "relatives", {"n_analogues": int, "max_sites": int, "library": dict})
    library = relatives["library"]
    counts = {name: relatives[name] for name in ("n_analogues", "max_sites")}
    if not all(0 < count <= _MOST_RELATIVES for count in counts.values()):
        raise ModelFormatError(f"expected numbers of relatives and sites up to {_MOST_RELATIVES}")
    check_arrays(library, "the relatives' library", _LIBRARY_FIELDS)
    try:
        return AnalogueDescriptors.from_library(library, **counts)
    except ValueError as error:
        raise ModelFormatError(str(error)) from error


def _read_source(source: Any) -> pd.DataFrame | None:
    """Return a source as a table, or raise ValueError."""
    if source is None:
        return None
    got = repr(source)
    is_task = isinstance(source, str) and source in NAMED_SOURCES  # of networks, without structures
    if isinstance(source, pd.DataFrame) or (is_source(source) and not is_task):
        table = load_source(source)
        if "composition" in table.columns:
            return table
        got = f"a table with the columns {list(table.columns)}"
    raise ValueError(
        "expected source as 'structures', None, or a DataFrame or path of a table with a column "
        f"'composition' or 'formula' (and 'structure'), got {got}"
    )


def _ordered_structures(source: pd.DataFrame | None) -> list[Structure]:
    """Structures of a source that compositions can be put into."""
    if source is None or "structure" not in source.columns:
        raise TrainingError(
            "expected a source with a column 'structure' because analogues=True, got none: give "
            "one, or set analogues=False"
        )
    values = composition_values(source, "structure")
    return [s for s in values if isinstance(s, Structure) and s.is_ordered]


def _more_rows(
    source: pd.DataFrame | None,
    target: str | None,
    materials: Materials,
    labels: NDArray[np.float64],
) -> tuple[Materials, NDArray[np.float64]] | None:
    """Return the rows of the source with the target's label that are no training rows already.

    Gaps of zero are left out: the regressor of ``phonon_bandgap`` learns how large a gap is.
    """
    if source is None or target is None or target not in source.columns:
        return None
    values = source[target].to_numpy(dtype=np.float64)
    known = np.isfinite(values)
    if target == "phonon_bandgap":
        known &= values > 0
    seen: dict[Composition, list[float]] = {}
    for composition, label in zip(materials.compositions, labels, strict=True):
        seen.setdefault(composition, []).append(float(label))
    others = Materials.of(source)
    for row, composition in enumerate(others.compositions):
        trained_on = seen.get(composition, [np.nan])
        known[row] &= not np.isclose(
            trained_on, values[row], rtol=_SAME_LABEL, atol=_SAME_LABEL
        ).any()
    fresh = np.flatnonzero(known)
    return (others.take(fresh), values[fresh]) if len(fresh) else None
