"""Regression of a phonon property on physics: kernel machines with intervals that hold."""

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from matminer_phonon_tl.compositions import as_compositions
from matminer_phonon_tl.exceptions import ModelFormatError, TrainingError
from matminer_phonon_tl.models._descriptors import descriptor_labels, descriptor_matrix
from matminer_phonon_tl.models._inputs import check_target
from matminer_phonon_tl.models._target_transform import (
    check_transform,
    inverse_transform,
    transform_target,
)
from matminer_phonon_tl.models.kernel_machine import HYPERPARAMETER_ROWS, KernelMachine
from matminer_phonon_tl.models.serialization import JSONModel, data_hash

MEMBERS = ("gp15", "gp25", "gp25_per_feature", "svm")
LEAST_ROWS = 20

SETTINGS: dict[str, dict[str, Any]] = {
    "phonon_bandgap": {
        "descriptors": "lattice_dynamics",
        "members": ("gp25", "gp25_per_feature", "svm"),
        "target_transform": "sqrt",
    },
    "speed_of_sound": {
        "descriptors": "both",
        "members": ("gp15", "gp25"),
        "target_transform": "log",
    },
    "heat_capacity": {
        "descriptors": "xenonpy",
        "members": ("gp15", "gp25"),
        "target_transform": "per_atom",
    },
}
"""What measured best without leakage for each target; docs/accuracy.md has the figures."""


def make_regressor(
    target: str, structure: bool = False, random_state: int | None = None
) -> "PhononRegressor":
    """Return the unfitted regressor that measured best for a target.

    Parameters
    ----------
    target : {"phonon_bandgap", "speed_of_sound", "heat_capacity"}
    structure : bool
        Use descriptors of the structure as well; ``fit`` and ``predict`` then want structures.
    random_state : int, optional
        Seed of the folds behind the intervals.

    Returns
    -------
    PhononRegressor

    Examples
    --------
    >>> make_regressor("heat_capacity").target_transform
    'per_atom'
    """
    if target not in SETTINGS:
        raise ValueError(f"expected target to be one of {tuple(SETTINGS)}, got {target!r}")
    return PhononRegressor(**SETTINGS[target], use_structure=structure, random_state=random_state)


class PhononRegressor(RegressorMixin, BaseEstimator, JSONModel):
    """Mean of kernel machines on composition (and structure) descriptors, with intervals.

    The label is transformed to where it is nearly linear in the physics, Gaussian processes and a
    support vector machine are fitted to it, and their predictions are averaged. Intervals are
    conformal: held-out residuals in units of the predicted spread, from folds grouped by formula,
    say how wide an interval must be to hold the wanted share of new labels.

    Parameters
    ----------
    descriptors : {"xenonpy", "lattice_dynamics", "both"}
    use_structure : bool
    members : tuple of {"gp15", "gp25", "gp25_per_feature", "svm"}
        Gaussian processes with Matern kernels of smoothness 1.5 and 2.5, one length scale or one a
        descriptor, and a support vector machine.
    target_transform : {"none", "sqrt", "log", "per_atom"}
    intervals : bool
        Calibrate intervals in ``fit``; costs ``cv`` more fits.
    cv : int
        Folds of the calibration, grouped by reduced formula.
    random_state : int or None
        Seed of these folds.

    Attributes
    ----------
    machines_ : list of KernelMachine
    scores_ : ndarray of shape (n_samples,)
        Held-out residuals over predicted spread, ascending; empty without ``intervals``.
    n_features_in_ : int
    training_data_ : dict

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (MIT Press, 2006).
    R. F. Barber et al., Ann. Stat. 49, 486 (2021), doi:10.1214/20-AOS1965, for the intervals.

    Examples
    --------
    >>> from matminer_phonon_tl import load_phonon_tl
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
        members: tuple[str, ...] = ("gp25",),
        target_transform: str | None = None,
        intervals: bool = True,
        cv: int = 5,
        random_state: int | None = None,
    ) -> None:
        self.descriptors = descriptors
        self.use_structure = use_structure
        self.members = members
        self.target_transform = target_transform
        self.intervals = intervals
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any, source: Any = None) -> Self:  # noqa: ARG002
        """Fit to materials with known labels.

        Parameters
        ----------
        X : DataFrame with a ``composition`` column (and ``structure``), or sequence of compositions
        y : array of shape (n_materials,)
        source : ignored
            Taken so that every regressor of this package is called alike; no source task helped
            these models by more than the spread between repeats.

        Raises
        ------
        TrainingError
            If there are too few rows, or labels are not finite.
        """
        transform = self._check_options()
        self._forget_card()
        compositions = as_compositions(X)
        D = descriptor_matrix(X, self.descriptors, use_structure=self.use_structure)
        labels = check_target(y, len(D), "y")
        if len(D) < LEAST_ROWS:
            raise TrainingError(
                f"expected at least {LEAST_ROWS} materials to fit to, got {len(D)}: give more"
            )
        learnt = transform_target(transform, labels, compositions)
        self._learn(D, learnt, labels)
        self._descriptors = D
        self.scores_ = np.empty(0)
        if self.intervals:
            self.scores_ = self._held_out_scores(D, learnt, labels, compositions)
        self.n_features_in_ = D.shape[1]
        self.training_data_ = {"rows": len(D), "sha256": data_hash(D, labels)}
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
        check_is_fitted(self)
        compositions = as_compositions(X)
        D = descriptor_matrix(X, self.descriptors, use_structure=self.use_structure)
        mean, std = self._predict_matrix(D, compositions)
        return (mean, std) if return_std else mean

    def predict_interval(
        self, X: Any, level: float = 0.9
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Predict labels with intervals that hold a share of new labels.

        Parameters
        ----------
        X : as in ``fit``
        level : float
            Share of labels of new materials that the interval is to hold.

        Returns
        -------
        prediction, lower, upper : ndarray of shape (n_materials,)
            None of them is below zero.
        """
        mean, std = self.predict(X, return_std=True)
        reach = self._reach(level) * std
        return mean, np.maximum(mean - reach, 0.0), mean + reach

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is anything to predict with."""
        return hasattr(self, "machines_")

    def _check_options(self) -> str:
        unknown = [name for name in self.members if name not in MEMBERS]
        if unknown or not self.members:
            raise ValueError(f"expected members among {MEMBERS}, got {self.members!r}")
        return check_transform(self.target_transform)

    def _learn(
        self,
        D: NDArray[np.float64],
        learnt: NDArray[np.float64],
        labels: NDArray[np.float64],
        like: list[KernelMachine] | None = None,
    ) -> None:
        """Fit the machines; take hyperparameters over where ``like`` is given."""
        scaler = StandardScaler().fit(D)
        self._center, self._scale = scaler.mean_, scaler.scale_
        self._offset, self._unit = float(learnt.mean()), float(learnt.std()) or 1.0
        # Where a transform is flat (a gap near zero), the spread is still not zero.
        self._least_std = 1e-3 * float(np.abs(labels).mean()) or 1e-12
        X, z = (D - self._center) / self._scale, (learnt - self._offset) / self._unit
        if like is None:
            self.machines_ = [_fit_member(name, X, z) for name in self.members]
        else:
            self.machines_ = [
                _fit_member(name, X, z) if machine.noise is None else machine.solved_for(X, z)
                for name, machine in zip(self.members, like, strict=True)
            ]

    def _predict_matrix(
        self, D: NDArray[np.float64], compositions: list[Composition]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        X = (D - self._center) / self._scale
        transform = check_transform(self.target_transform)

        def label(z: NDArray[np.float64]) -> NDArray[np.float64]:
            return inverse_transform(transform, z * self._unit + self._offset, compositions)

        central, variances = [], []
        for machine in self.machines_:
            z, spread = machine.predict(X), machine.predict_std(X)
            central.append(label(z))
            if machine.noise is not None:
                variances.append(((label(z + spread) - label(z - spread)) / 2) ** 2)
        within = np.mean(variances, axis=0) if variances else 0.0
        std = np.sqrt(within + np.var(central, axis=0))
        return np.mean(central, axis=0), np.maximum(std, self._least_std)

    def _held_out_scores(
        self,
        D: NDArray[np.float64],
        learnt: NDArray[np.float64],
        labels: NDArray[np.float64],
        compositions: list[Composition],
    ) -> NDArray[np.float64]:
        groups = [composition.reduced_formula for composition in compositions]
        folds = GroupKFold(self.cv, shuffle=True, random_state=self.random_state)
        scores = np.empty(len(labels))
        # Three hyperparameters cannot remember the rows of a large fold; of a small one, they can.
        like = self.machines_ if len(D) > HYPERPARAMETER_ROWS else None
        for train, test in folds.split(D, groups=groups):
            fold = PhononRegressor(**self.get_params())
            fold._learn(D[train], learnt[train], labels[train], like)
            mean, std = fold._predict_matrix(D[test], [compositions[row] for row in test])
            scores[test] = np.abs(labels[test] - mean) / std
        return np.sort(scores)

    def _reach(self, level: float) -> float:
        if isinstance(level, bool) or not isinstance(level, Real) or not 0 < level < 1:
            raise ValueError(f"expected a level between 0 and 1, got {level!r}")
        if not len(self.scores_):
            raise ValueError(
                "expected a model with intervals, got one fitted with intervals=False: fit it anew"
            )
        n = len(self.scores_)
        rank = int(np.ceil((n + 1) * level))
        if rank > n:
            raise ValueError(
                f"expected a level of at most {n / (n + 1):.4f} with {n} training rows, got {level}"
            )
        return float(self.scores_[rank - 1])

    def _get_state(self) -> dict[str, Any] | None:
        if not hasattr(self, "machines_"):
            return None
        return {
            "center": self._center,
            "scale": self._scale,
            "offset": self._offset,
            "unit": self._unit,
            "least_std": self._least_std,
            "descriptors": self._descriptors,
            "machines": [machine.get_state() for machine in self.machines_],
            "scores": self.scores_,
            "training_data": self.training_data_,
        }

    def _set_state(self, state: dict[str, Any]) -> Self:  # noqa: C901 (a list of checks)
        self._check_options()
        labels = descriptor_labels(self.descriptors, use_structure=bool(self.use_structure))
        n_features = len(labels)
        vectors = {"center": n_features, "scale": n_features, "scores": len(state["scores"])}
        for name, length in vectors.items():
            vector = state[name]
            if (
                not isinstance(vector, np.ndarray)
                or vector.shape != (length,)
                or vector.dtype != np.float64
            ):
                raise ModelFormatError(f"expected {name} as a vector of {length} numbers")
        scalars = (state["offset"], state["unit"], state["least_std"])
        if not all(type(value) is float for value in scalars) or min(scalars[1:]) <= 0:
            raise ModelFormatError("expected a scaler of finite numbers, its units above zero")
        scores = state["scores"]
        ordered = not len(scores) or (scores[0] >= 0 and (np.diff(scores) >= 0).all())
        if not ordered or bool(len(scores)) != bool(self.intervals):
            raise ModelFormatError("expected ascending scores, and none without intervals")
        if not isinstance(state["training_data"], dict):
            raise ModelFormatError("expected a record of the training data")
        D = state["descriptors"]
        if not isinstance(D, np.ndarray) or D.ndim != 2 or D.shape[1] != n_features or not len(D):
            raise ModelFormatError(f"expected training descriptors of {n_features} columns")
        if not (state["scale"] > 0).all():
            raise ModelFormatError("expected a scaler of finite numbers, its units above zero")
        with np.errstate(over="ignore"):
            points = (D - state["center"]) / state["scale"]
        if not np.isfinite(points).all():
            raise ModelFormatError("expected standardised descriptors to be finite")
        machines = [KernelMachine.from_state(each, points) for each in state["machines"]]
        if len(machines) != len(self.members):
            raise ModelFormatError(f"expected {len(self.members)} machines, got {len(machines)}")
        for name, machine in zip(self.members, machines, strict=True):
            if (machine.noise is None) != (name == "svm"):
                raise ModelFormatError(f"expected the machine {name} to be of its kind")
        self._center, self._scale, self.scores_ = (state[name] for name in vectors)
        self._offset, self._unit, self._least_std = scalars
        self._descriptors = D
        self.machines_ = machines
        self.training_data_ = state["training_data"]
        self.n_features_in_ = n_features
        return self


def _fit_member(name: str, X: NDArray[np.float64], z: NDArray[np.float64]) -> KernelMachine:
    if name == "svm":
        return KernelMachine.fit_support_vectors(X, z)
    nu = 1.5 if name == "gp15" else 2.5
    return KernelMachine.fit_gaussian_process(X, z, nu=nu, per_feature=name.endswith("per_feature"))
