"""Regression of a phonon property on physics: kernel machines with intervals that hold."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from matminer_phonon_tl.exceptions import TrainingError
from matminer_phonon_tl.featurizers.analogues import ANALOGUE_COLUMNS, AnalogueDescriptors
from matminer_phonon_tl.files import data_hash
from matminer_phonon_tl.models._conformal import held_out_scores, reach
from matminer_phonon_tl.models._descriptors import Materials, descriptor_labels
from matminer_phonon_tl.models._inputs import check_target
from matminer_phonon_tl.models._kernel_ensemble import MEMBERS, KernelEnsemble
from matminer_phonon_tl.models._regressor_source import more_rows, read_source, relatives_of
from matminer_phonon_tl.models._regressor_state import read_state, write_state
from matminer_phonon_tl.models._target_transform import check_transform, label_bounds
from matminer_phonon_tl.models.kernel_machine import HYPERPARAMETER_ROWS
from matminer_phonon_tl.models.serialization import JSONModel

LEAST_ROWS = 20


class PhononRegressor(RegressorMixin, BaseEstimator, JSONModel):
    """Mean of kernel machines on composition (and structure) descriptors, with intervals.

    The label is transformed to what is smooth over chemistry, Gaussian processes and a support
    vector machine are fitted to it, and their predictions are averaged. Intervals are conformal:
    held-out residuals in units of the predicted spread, from folds grouped by formula, say how wide
    an interval must be to hold the wanted share of new labels.

    Parameters
    ----------
    descriptors : {"xenonpy", "lattice_dynamics", "both"}
    use_structure : bool
        Append descriptors of the structure; X must then hold structures.
    analogues : bool
        Append :class:`~matminer_phonon_tl.featurizers.AnalogueDescriptors`: bands of the
        composition in the structures of its nearest relatives, which ``source`` holds. A material
        without relatives has the training mean there; :meth:`count_relatives` tells.
    members : tuple of {"gp15", "gp25", "gp25_per_feature", "svm"}
        Gaussian processes with Matern kernels of smoothness 1.5 and 2.5, one length scale or one a
        descriptor, and a support vector machine.
    target_transform : {"none", "sqrt", "log", "per_atom", "einstein", "log_stiffness"} or None
        What is learnt in place of the label: per_atom, einstein (heat capacity at 300 K to the
        frequency of Einstein's crystal) and log_stiffness (speed times root of mean mass) free it
        of what physics knows.
    target : str, optional
        Column of ``source`` with labels of the same property: its rows are learnt along with y.
    source : {"structures"}, DataFrame or None
        Materials to learn from besides X: a table with ``composition``, ``structure`` (for
        ``analogues`` and ``use_structure``) and labels. It must hold no formula that will be
        tested; it may hold the training rows. "structures": the structures of the shipped 1245
        materials, with no label; a formula's own structure is never used for it.
    intervals : bool
        Calibrate intervals in ``fit``; costs ``cv`` more fits.
    cv : int
        Folds of the calibration, grouped by reduced formula.
    random_state : int or None
        Seed of these folds.

    Attributes
    ----------
    ensemble_ : KernelEnsemble
    scores_ : ndarray of shape (n_samples,)
        Held-out residuals over predicted spread, ascending; empty without ``intervals``.
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
        self.analogues = analogues
        self.members = members
        self.target_transform = target_transform
        self.target = target
        self.source = source
        self.intervals = intervals
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any, source: Any = None) -> Self:
        """Fit to materials with known labels.

        Parameters
        ----------
        X : DataFrame with a ``composition`` column (and ``structure``), or sequence of compositions
        y : array of shape (n_materials,)
        source : as the parameter, optional
            In its place, for this call.

        Raises
        ------
        TrainingError
            If there are too few rows, labels are not finite, or a needed source is missing.
        """
        transform = self._check_options()
        self._forget_card()
        own = Materials.of(X)
        labels = check_target(y, len(own.compositions), "y")
        if len(labels) < LEAST_ROWS:
            raise TrainingError(
                f"expected at least {LEAST_ROWS} materials to fit to, got {len(labels)}: give more"
            )
        table = read_source(self.source if source is None else source)
        self.relatives_ = None
        if self.analogues:
            self.relatives_ = AnalogueDescriptors().fit(relatives_of(table))
        others = more_rows(table, self.target, own.compositions, labels)
        D, compositions = self._describe(own), list(own.compositions)
        n_own = len(labels)
        if len(others):
            theirs = Materials(others)
            D = np.vstack([D, self._describe(theirs)])
            compositions += theirs.compositions
            labels = np.append(labels, others[self.target].to_numpy(dtype=np.float64))
        # Single precision, so that a file holds half as much and restores the same model.
        D = D.astype(np.float32).astype(np.float64)
        self.ensemble_ = KernelEnsemble.fit(self.members, transform, D, labels, compositions)
        self.scores_ = np.empty(0)
        if self.intervals:
            self.scores_ = self._held_out_scores(D, labels, compositions, n_own)
        self.non_negative_ = bool((labels >= 0).all())
        self.n_features_in_ = D.shape[1]
        self.training_data_ = {
            "rows": n_own,
            "rows_from_source": len(labels) - n_own,
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
        mean, std = self._predict(Materials.of(X))
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
            3R a mole of atoms for a heat capacity that is learnt with ``"einstein"``.
        """
        check_is_fitted(self)
        factor = reach(self.scores_, level)
        materials = Materials.of(X)
        mean, std = self._predict(materials)
        least, most = label_bounds(
            self.ensemble_.transform,
            materials.compositions,
            non_negative=self.non_negative_,
        )
        # The prediction itself may lie beyond a bound; an interval holds it all the same.
        lower = np.minimum(mean, np.maximum(mean - factor * std, least))
        upper = np.maximum(mean, np.minimum(mean + factor * std, most))
        return (mean, lower, upper, std) if return_std else (mean, lower, upper)

    def count_relatives(self, X: Any) -> NDArray[np.intp]:
        """How many relatives' structures each material borrowed; 0 without ``analogues``."""
        check_is_fitted(self)
        compositions = Materials.of(X).compositions
        if self.relatives_ is None:
            return np.zeros(len(compositions), dtype=np.intp)
        return self.relatives_.count(compositions)

    def describe(self, X: Any) -> NDArray[np.float64]:
        """Descriptors of materials, named by :meth:`descriptor_labels`.

        A material without relatives has the training mean in their columns.
        """
        check_is_fitted(self)
        return self.ensemble_.scaling.filled(self._describe(Materials.of(X)))

    def descriptor_labels(self) -> list[str]:
        """Names of the descriptors, in order."""
        labels = descriptor_labels(self.descriptors, use_structure=bool(self.use_structure))
        return labels + (list(ANALOGUE_COLUMNS) if self.analogues else [])

    def predict_described(
        self, D: NDArray[np.float64], compositions: Sequence[Composition]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Labels and spreads for descriptors that :meth:`describe` gave.

        Parameters
        ----------
        D : ndarray of shape (n_materials, n_descriptors)
        compositions : sequence of Composition
            For the atoms and masses that the target's transform needs.
        """
        check_is_fitted(self)
        return self.ensemble_.predict(D, compositions)

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is anything to predict with."""
        return hasattr(self, "ensemble_")

    def _check_options(self) -> str:
        unknown = [name for name in self.members if name not in MEMBERS]
        if unknown or not self.members:
            raise ValueError(f"expected members among {MEMBERS}, got {self.members!r}")
        return check_transform(self.target_transform)

    def _describe(self, materials: Materials) -> NDArray[np.float64]:
        """Descriptors; NaN where a material has no relatives."""
        D = materials.matrix(self.descriptors, use_structure=self.use_structure)
        if self.relatives_ is None:
            return D
        borrowed, _ = self.relatives_.describe_valid(materials.compositions)
        return np.hstack([D, borrowed])

    def _predict(self, materials: Materials) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        check_is_fitted(self)
        return self.predict_described(self._describe(materials), materials.compositions)

    def _held_out_scores(
        self,
        D: NDArray[np.float64],
        labels: NDArray[np.float64],
        compositions: list[Composition],
        n_own: int,
    ) -> NDArray[np.float64]:
        whole = self.ensemble_
        # Amplitude, noise and one length scale cannot remember the rows of a large fold; of a small
        # one they can, and so can a length scale for each descriptor.
        like = whole if len(D) > HYPERPARAMETER_ROWS else None

        def fit_and_predict(
            train: NDArray[np.intp], test: NDArray[np.intp]
        ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            known = [compositions[row] for row in train]
            fold = KernelEnsemble.fit(
                self.members, whole.transform, D[train], labels[train], known, like
            )
            return fold.predict(D[test], [compositions[row] for row in test])

        return held_out_scores(
            fit_and_predict,
            labels,
            [composition.reduced_formula for composition in compositions],
            n_own=n_own,
            cv=self.cv,
            random_state=self.random_state,
        )

    def _json_params(self) -> dict[str, Any]:
        """A source that is a table stays behind; what was taken from it is in the state."""
        params = self.get_params(deep=False)
        if not isinstance(params["source"], str):
            params["source"] = None
        return params

    def _get_state(self) -> dict[str, Any] | None:
        return write_state(self) if hasattr(self, "ensemble_") else None

    def _set_state(self, state: dict[str, Any]) -> Self:
        return read_state(self, state)
