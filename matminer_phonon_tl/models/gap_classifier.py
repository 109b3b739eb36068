"""Does a compound have an acoustic-optical phonon gap? SMOTE and a forest, as in the paper."""

from collections.abc import Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from matminer_phonon_tl.exceptions import ModelFormatError, TrainingError, did_you_mean
from matminer_phonon_tl.featurizers import XenonPyDescriptors
from matminer_phonon_tl.files import data_hash
from matminer_phonon_tl.models.forest import Forest, mean_of_trees
from matminer_phonon_tl.models.materials import (
    Materials,
    check_target,
    descriptor_labels,
    descriptor_matrix,
)
from matminer_phonon_tl.models.serialization import JSONModel
from matminer_phonon_tl.models.state import check_arrays

if TYPE_CHECKING:
    from imblearn.pipeline import Pipeline

# What trains (imbalanced-learn, scikit-learn's searches) is imported where it trains: importing it
# takes longer than a prediction.

IMPORTANCES = ("impurity", "permutation", "clustered")
PAPER_GRID = {"n_estimators": (100, 200), "max_depth": (10, 20, None)}
"""Number of trees and depth, which the paper searches without saying over what values."""
SMOTE_NEIGHBOURS = 5
_CHOICES = {
    "forest": ("random_forest", "extra_trees"),
    "balance": ("smote", "class_weight"),
    "protocol": ("leak_free", "published"),
}


class PhononGapClassifier(ClassifierMixin, BaseEstimator, JSONModel):
    """Classify compounds by whether they have an acoustic-optical phonon gap.

    Materials with a gap are one in ten. The minority is oversampled (SMOTE) and a random forest is
    trained; number of trees and depth are searched by F1 in a cross-validation. Oversampling is a
    step of the pipeline, so that it sees the training side of each fold only.

    Parameters
    ----------
    descriptors : {"xenonpy", "lattice_dynamics", "both", "bond_valence", "both_bond_valence"}
        The 290 descriptors of the paper, the compact physics set, or both. "bond_valence" is the
        compact set and "both_bond_valence" is both, with structure columns that come from charged
        atoms on bond-valence springs in place of springs of the covalent radii.
    use_structure : bool
        Append descriptors of the structure; X must then hold structures.
    standard_bonds : bool
        Scale structures first so that their bonds are as long as covalent radii say: the volume of
        the cell, which differs between density functionals, then does not matter.
    forest : {"random_forest", "extra_trees"}
    balance : {"smote", "class_weight"}
        How the rarity of gaps is made up for: oversampling, or weights in every bootstrap sample.
    param_grid : dict of str to list, tuple, range or ndarray, optional
        Hyperparameters of the forest to search. Default: :data:`PAPER_GRID`. A grid of one point
        is used without a search.
    protocol : {"leak_free", "published"}
        ``"published"`` oversamples *before* the search, as the paper does: synthetic copies of a
        material stand on both sides of a fold. Only to compare.
    group_by_formula : bool
        Keep polymorphs of a formula on one side of every fold of the search.
    threshold : float
        Probability from which a gap is predicted, in 0-1.
    cv : int
        Folds of the search.
    random_state : int, RandomState (which a file keeps as None) or None
    n_jobs : int or None
        Processes of the search.

    Attributes
    ----------
    classes_ : ndarray of bool, shape (2,)
    forest_ : Forest
    best_params_ : dict
        Chosen hyperparameters of the forest.
    best_score_ : float or None
        F1 of that choice in the search's own folds; not an estimate for new compounds.
    n_features_in_ : int
    training_data_ : dict
        Rows, materials with a gap, and sha256 of what was fitted.

    References
    ----------
    Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.

    Examples
    --------
    >>> from matminer_phonon_tl import load_phonon_tl
    >>> df = load_phonon_tl(split="train")
    >>> grid = {"n_estimators": [50], "max_depth": [None]}
    >>> classifier = PhononGapClassifier(param_grid=grid, random_state=0)
    >>> classifier.fit(df, df["has_phonon_bandgap"]).predict(["InN", "InSb"]).tolist()
    [True, False]
    """

    def __init__(
        self,
        *,
        descriptors: str = "xenonpy",
        use_structure: bool = False,
        standard_bonds: bool = False,
        forest: str = "random_forest",
        balance: str = "smote",
        param_grid: dict[str, Any] | None = None,
        protocol: str = "leak_free",
        group_by_formula: bool = True,
        threshold: float = 0.5,
        cv: int = 5,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.descriptors = descriptors
        self.use_structure = use_structure
        self.standard_bonds = standard_bonds
        self.forest = forest
        self.balance = balance
        self.param_grid = param_grid
        self.protocol = protocol
        self.group_by_formula = group_by_formula
        self.threshold = threshold
        self.cv = cv
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Fit to materials with known answers.

        Parameters
        ----------
        X : DataFrame with a ``composition`` column (and ``structure``), or sequence of compositions
            Or the matrix of their descriptors, shape (n_materials, n_descriptors).
        y : array of bool, shape (n_materials,)
            Whether each has a gap.
        groups : array of shape (n_materials,), optional
            Materials of one group stay on one side of every fold of the search. Default: their
            reduced formulas, where ``group_by_formula``.

        Raises
        ------
        TrainingError
            If there is but one class, or too few materials with a gap for the folds.
        UnknownElementError, CompositionError
            If a composition cannot be described; names the row.
        """
        self._check_options()
        self._forget_card()
        materials = X if isinstance(X, np.ndarray) and X.ndim == 2 else Materials.of(X)
        D = self._matrix(materials)
        target = _check_two_classes(check_target(y, len(D), "has_phonon_bandgap"), self.cv)
        random = check_random_state(self.random_state)
        seed, fold_seed = (int(s) for s in random.randint(2**31 - 1, size=2))
        training = TrainingSet(D, target, self._groups(materials) if groups is None else groups)
        balance = self.balance
        if self.protocol == "published":
            training, balance = training.oversampled(seed), "none"
        folds = training.folds(self.cv, fold_seed)
        pipeline = forest_pipeline(self.forest, balance, seed)
        grid = _plain_grid(self.param_grid or PAPER_GRID)
        best, self.best_params_, self.best_score_ = _search(
            pipeline, grid, training, folds, self.n_jobs
        )
        fitted = best.named_steps["forest"]
        self.forest_ = Forest.from_sklearn(fitted)
        self.impurity_importances_ = fitted.feature_importances_
        self.classes_ = np.array([False, True])
        self.n_features_in_ = D.shape[1]
        self.training_data_ = {
            "rows": len(D),
            "with_gap": int(target.sum()),
            "sha256": data_hash(D, target),
        }
        return self

    @classmethod
    def recommended(cls, *, use_structure: bool = False, **params: Any) -> Self:
        """Return the settings that measured best without leakage.

        Extremely randomised trees on the compact physics descriptors, SMOTE inside the fold;
        docs/classifier.md has the figures and what else was tried.
        """
        best = {
            "descriptors": "bond_valence" if use_structure else "lattice_dynamics",
            "use_structure": use_structure,
            "standard_bonds": use_structure,
            "forest": "extra_trees",
            "param_grid": {"n_estimators": [200], "max_depth": [None]},
        }
        return cls(**{**best, **params})

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of having no gap and a gap.

        Parameters
        ----------
        X : as in ``fit``

        Returns
        -------
        ndarray of shape (n_materials, 2)
        """
        check_is_fitted(self)
        positive = self.forest_.predict_positive(self._matrix(X))
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: Any) -> NDArray[np.bool_]:
        """Say whether each material has a gap: its probability is at least ``threshold``."""
        return self.predict_proba(X)[:, 1] >= self.threshold

    def predict_gap(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the probability of a gap and its spread over the trees, a row a material."""
        check_is_fitted(self)
        by_tree = self.forest_.predict_by_tree(self._matrix(X))
        mean = mean_of_trees(by_tree)
        # NumPy's std would add a single row's trees in another order than those of many rows.
        spread = np.sqrt(mean_of_trees((by_tree - mean) ** 2))
        return mean, spread

    def describe(self, X: Any) -> NDArray[np.float64]:
        """Return the descriptors of materials, named by :meth:`descriptor_labels`."""
        return self._matrix(X)

    def descriptor_labels(self) -> list[str]:
        """Return the names of the descriptors, in order."""
        return descriptor_labels(
            self.descriptors,
            use_structure=bool(self.use_structure),
            standard_bonds=bool(self.standard_bonds),
        )

    def feature_importances(
        self, kind: str = "impurity", X: Any = None, y: Any = None, *, n_repeats: int = 5
    ) -> "pd.Series[float]":
        """Return how much each descriptor matters, the most important first.

        Parameters
        ----------
        kind : {"impurity", "permutation", "clustered"}
            Mean decrease of Gini impurity in training; mean loss of average precision when the
            descriptor's values are shuffled in ``X``; or the same when its near copies (rank
            correlation about 0.8 in ``X``) are shuffled with it, all with the same value.
        X, y : as in ``fit``
            Materials to shuffle in, best none of the training; not needed for ``"impurity"``.
        n_repeats : int
            Shuffles of each descriptor.

        Returns
        -------
        Series
            Labelled with the descriptors.
        """
        check_is_fitted(self)
        if kind not in IMPORTANCES:
            raise ValueError(f"expected kind to be one of {IMPORTANCES}, got {kind!r}")
        if kind == "impurity":
            values = self.impurity_importances_
        else:
            if X is None or y is None:
                raise ValueError(f"expected X and y with kind={kind!r}, got none: give both")
            D = self._matrix(X)
            truth = check_target(y, len(D), "y")
            from matminer_phonon_tl.models.importances import (
                clustered_importances,
                permuted_importances,
            )

            measure = permuted_importances if kind == "permutation" else clustered_importances
            values = measure(self, D, truth, n_repeats=n_repeats, random_state=self.random_state)
        importances = pd.Series(values, index=self.descriptor_labels(), name=kind)
        return importances.sort_values(ascending=False, kind="stable")

    def make_pipeline(self) -> "Pipeline":
        """Return the paper's steps as an unfitted imblearn Pipeline that takes compositions.

        The forest has the hyperparameters that were found, where the classifier is fitted.
        """
        if self.descriptors != "xenonpy" or self.use_structure:
            raise ValueError(
                "expected descriptors='xenonpy' without structure for a pipeline, got "
                f"descriptors={self.descriptors!r}, use_structure={self.use_structure}: fit the "
                "classifier itself"
            )
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        from imblearn.pipeline import Pipeline

        pipeline = forest_pipeline(self.forest, self.balance, seed)
        for name, value in getattr(self, "best_params_", {}).items():
            pipeline.set_params(**{f"forest__{name}": value})
        return Pipeline([("descriptors", XenonPyDescriptors()), *pipeline.steps])

    def _groups(self, X: Any) -> NDArray[Any] | None:
        if not self.group_by_formula:
            return None
        if isinstance(X, np.ndarray) and X.ndim == 2:
            raise ValueError(
                "expected groups with a matrix of descriptors and group_by_formula=True, got none: "
                "pass the formulas as groups, or set group_by_formula=False"
            )
        return np.array(Materials.of(X).reduced_formulas())

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is anything to predict with."""
        return hasattr(self, "forest_")

    def _matrix(self, X: Any) -> NDArray[np.float64]:
        return descriptor_matrix(
            X,
            self.descriptors,
            use_structure=self.use_structure,
            standard_bonds=self.standard_bonds,
        )

    def _check_options(self) -> None:
        """Refuse constructor arguments that mean nothing."""
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"expected {name} to be one of {allowed}, got {getattr(self, name)!r}"
                    f"{did_you_mean(getattr(self, name), allowed)}"
                )
        self.descriptor_labels()  # names what is no set of descriptors
        if not _is_number(self.threshold) or not 0 <= float(self.threshold) <= 1:
            raise ValueError(f"expected threshold as a number in 0-1, got {self.threshold!r}")
        if not isinstance(self.cv, Integral) or self.cv < 2:
            raise ValueError(f"expected cv to be a number of folds from 2 on, got {self.cv!r}")
        grid = self.param_grid
        if grid is not None and not (
            isinstance(grid, dict)
            and all(_is_list_like(values) and len(values) for values in grid.values())
        ):
            raise ValueError(
                "expected param_grid to be a dict of hyperparameter to a list, tuple, range or "
                f"vector of values, got {grid!r}"
            )

    def _json_params(self) -> dict[str, Any]:
        grid = self.param_grid and _plain_grid(self.param_grid)
        return {**super()._json_params(), "param_grid": grid}

    def get_state(self) -> dict[str, Any] | None:
        """Return what fitting left; None before ``fit``."""
        if not hasattr(self, "forest_"):
            return None
        return {
            "forest": self.forest_.get_state(),
            "impurity_importances": np.asarray(self.impurity_importances_),
            "best_params": self.best_params_,
            "best_score": self.best_score_,
            "training_data": self.training_data_,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], **params: Any) -> Self:
        """Rebuild a fitted classifier from :meth:`get_state` and its parameters."""
        model = cls(**params)
        model._check_options()
        n_descriptors = len(model.descriptor_labels())
        forest = Forest.from_state(state["forest"])
        what = f"a forest of {n_descriptors} descriptors"
        if forest.n_features != n_descriptors:
            raise ModelFormatError(f"expected {what}, got {forest.n_features}")
        check_arrays(
            state,
            what,
            {"impurity_importances": (np.float64, (n_descriptors,)), "training_data": dict},
        )
        model.forest_ = forest
        model.impurity_importances_ = state["impurity_importances"]
        model.training_data_ = state["training_data"]
        model.best_params_ = state["best_params"]
        model.best_score_ = state["best_score"]
        model.classes_ = np.array([False, True])
        model.n_features_in_ = n_descriptors
        return model


class TrainingSet(NamedTuple):
    """What the search is run on."""

    D: NDArray[np.float64]
    """Descriptors, shape (n_materials, n_descriptors)."""
    target: NDArray[np.int64]
    """1 where there is a gap."""
    groups: NDArray[Any] | None
    """Materials of one group stay on one side of every fold."""

    def oversampled(self, seed: int) -> "TrainingSet":
        """Oversample first and split later, as the paper does: copies leak across the folds."""
        from imblearn.over_sampling import SMOTE

        D, target = SMOTE(k_neighbors=SMOTE_NEIGHBOURS, random_state=seed).fit_resample(
            self.D, self.target
        )
        return TrainingSet(D, target, None)

    def folds(self, n_folds: int, seed: int) -> list[Any]:
        """Split into stratified folds, by group where there are groups.

        Raises TrainingError where a class is missing from a fold, or too small for SMOTE.
        """
        from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

        splitter = StratifiedKFold if self.groups is None else StratifiedGroupKFold
        folds = splitter(n_folds, shuffle=True, random_state=seed)
        split = list(folds.split(self.D, self.target, self.groups))
        for train, test in split:
            gaps = int(self.target[train].sum())
            if min(gaps, len(train) - gaps) <= SMOTE_NEIGHBOURS or not self.target[test].any():
                raise TrainingError(
                    f"expected more than {SMOTE_NEIGHBOURS} materials of each kind on the training "
                    "side of every fold and a gap on the other, got fewer: give more materials, of "
                    "more formulas"
                )
        return split


def forest_pipeline(forest: str, balance: str, seed: int) -> "Pipeline":
    """Return oversampling, where it is asked for, and a forest as one unfitted pipeline.

    Both then see the training side of a fold only.
    """
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import Pipeline
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    weights = "balanced_subsample" if balance == "class_weight" else None
    options = {"class_weight": weights, "random_state": seed}
    if forest == "random_forest":
        trees = RandomForestClassifier(bootstrap=True, **options)
    else:
        # Extremely randomised trees are random enough: each sees all rows.
        trees = ExtraTreesClassifier(bootstrap=False, **options)
    steps: list[tuple[str, Any]] = [("forest", trees)]
    if balance == "smote":
        steps.insert(0, ("smote", SMOTE(k_neighbors=SMOTE_NEIGHBOURS, random_state=seed)))
    return Pipeline(steps)


def _search(
    pipeline: "Pipeline",
    grid: dict[str, list[Any]],
    training: TrainingSet,
    folds: list[Any],
    n_jobs: int | None,
) -> tuple["Pipeline", dict[str, Any], float | None]:
    """Choose hyperparameters by F1 and fit to all of ``training``; a grid of one has no score."""
    if all(len(values) == 1 for values in grid.values()):
        only = {name: values[0] for name, values in grid.items()}
        pipeline.set_params(**{f"forest__{name}": value for name, value in only.items()})
        return pipeline.fit(training.D, training.target), only, None
    from sklearn.model_selection import GridSearchCV

    found = GridSearchCV(
        pipeline,
        {f"forest__{name}": values for name, values in grid.items()},
        scoring="f1",
        cv=folds,
        n_jobs=n_jobs,
        error_score="raise",
    ).fit(training.D, training.target)
    chosen = {name.removeprefix("forest__"): value for name, value in found.best_params_.items()}
    return found.best_estimator_, chosen, float(found.best_score_)


def _check_two_classes(target: NDArray[np.float64], n_folds: int) -> NDArray[np.int64]:
    """Refuse a target that is not of two classes, each large enough for every fold."""
    if not np.isin(target, (0, 1)).all():
        raise TrainingError(
            "expected has_phonon_bandgap to hold True and False, got other values: "
            "compare the gap with 0 first"
        )
    # The training side of each fold must hold SMOTE's neighbours.
    least = max(n_folds, 2 * SMOTE_NEIGHBOURS)
    for label, words in ((1, "with"), (0, "without")):
        count = int((target == label).sum())
        if count < least:
            raise TrainingError(
                f"expected at least {least} materials {words} a gap for {n_folds} folds, got "
                f"{count}: give more materials"
            )
    return target.astype(np.int64)


def _plain_grid(grid: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return a grid whose arrays and ranges are lists, which JSON can hold."""
    return {
        name: np.asarray(values).tolist() if isinstance(values, np.ndarray | range) else values
        for name, values in grid.items()
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_list_like(values: Any) -> bool:
    if isinstance(values, np.ndarray):
        return values.ndim == 1
    return isinstance(values, list | tuple | range)
