"""Does a compound have an acoustic-optical phonon gap? SMOTE and a forest, as in the paper."""

from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from matminer_phonon_tl.featurizers import XenonPyDescriptors
from matminer_phonon_tl.files import data_hash
from matminer_phonon_tl.models._calibration import Calibrator, choose_threshold
from matminer_phonon_tl.models._descriptors import Materials, descriptor_labels, descriptor_matrix
from matminer_phonon_tl.models._gap_classifier_checks import CheckedState, check_options, plain_grid
from matminer_phonon_tl.models._inputs import check_target
from matminer_phonon_tl.models.forest import Forest, mean_of_trees
from matminer_phonon_tl.models.serialization import JSONModel

if TYPE_CHECKING:
    from imblearn.pipeline import Pipeline

    from matminer_phonon_tl.models._forest_search import TrainingSet

# What trains (imbalanced-learn, scikit-learn's searches) is imported where it trains: importing it
# takes longer than a prediction.

IMPORTANCES = ("impurity", "permutation", "clustered")
PAPER_GRID = {"n_estimators": (100, 200), "max_depth": (10, 20, None)}
"""Number of trees and depth, which the paper searches without saying over what values."""


class PhononGapClassifier(ClassifierMixin, BaseEstimator, JSONModel):
    """Classify compounds by whether they have an acoustic-optical phonon gap.

    Materials with a gap are one in ten. The minority is oversampled (SMOTE) and a random forest is
    trained; number of trees and depth are searched by F1 in a cross-validation. Oversampling is a
    step of the pipeline, so that it sees the training side of each fold only.

    Parameters
    ----------
    descriptors : {"xenonpy", "lattice_dynamics", "both", "bond_valence"}
        The 290 descriptors of the paper, the compact physics set, or both; or the compact set
        whose spring model is of charged atoms, which differs where ``use_structure``.
    use_structure : bool
        Append descriptors of the structure; X must then hold structures.
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
    threshold : float, "f1" or ("recall", float)
        Probability from which a gap is predicted: given, or chosen on out-of-fold predictions of
        the training data for the best F1, or the highest that reaches the wanted recall.
    calibration : {None, "sigmoid", "isotonic"}
        Calibrate probabilities on out-of-fold predictions of the training data.
    cv : int
        Folds of the search, of the choice of threshold, and of the calibration.
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
    threshold_ : float
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
        forest: str = "random_forest",
        balance: str = "smote",
        param_grid: dict[str, Any] | None = None,
        protocol: str = "leak_free",
        group_by_formula: bool = True,
        threshold: float | str | tuple[str, float] = 0.5,
        calibration: str | None = None,
        cv: int = 5,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.descriptors = descriptors
        self.use_structure = use_structure
        self.forest = forest
        self.balance = balance
        self.param_grid = param_grid
        self.protocol = protocol
        self.group_by_formula = group_by_formula
        self.threshold = threshold
        self.calibration = calibration
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
        check_options(self)
        from matminer_phonon_tl.models import _forest_search as forests

        self._forget_card()
        D = descriptor_matrix(X, self.descriptors, use_structure=self.use_structure)
        target = forests.check_two_classes(check_target(y, len(D), "has_phonon_bandgap"), self.cv)
        random = check_random_state(self.random_state)
        seed, fold_seed = (int(s) for s in random.randint(2**31 - 1, size=2))
        training = forests.TrainingSet(D, target, self._groups(X) if groups is None else groups)
        balance = self.balance
        if self.protocol == "published":
            training, balance = training.oversampled(seed), "none"
        folds = training.folds(self.cv, fold_seed)
        forests.check_folds(training, folds)
        grid = plain_grid(self.param_grid or PAPER_GRID)
        best, self.best_params_, self.best_score_ = forests.search(
            forests.forest_pipeline(self.forest, balance, seed), grid, training, folds, self.n_jobs
        )
        self._calibrator, self.threshold_ = self._tune(best, training, folds)
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
        D = descriptor_matrix(X, self.descriptors, use_structure=self.use_structure)
        return self._probabilities(D)

    def predict(self, X: Any) -> NDArray[np.bool_]:
        """Whether each material has a gap: its probability is at least ``threshold_``."""
        return self.predict_proba(X)[:, 1] >= self.threshold_

    def predict_gap(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Probability of a gap and its spread over the trees, both of shape (n_materials,)."""
        check_is_fitted(self)
        D = descriptor_matrix(X, self.descriptors, use_structure=self.use_structure)
        by_tree = self.forest_.predict_by_tree(D)
        mean = mean_of_trees(by_tree)
        # NumPy's std would add a single row's trees in another order than those of many rows.
        spread = np.sqrt(mean_of_trees((by_tree - mean) ** 2))
        return self._calibrated(mean), spread

    def feature_importances(
        self, kind: str = "impurity", X: Any = None, y: Any = None, *, n_repeats: int = 5
    ) -> "pd.Series[float]":
        """How much each descriptor matters, the most important first.

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
        labels = descriptor_labels(self.descriptors, use_structure=self.use_structure)
        if kind == "impurity":
            values = self.impurity_importances_
        else:
            if X is None or y is None:
                raise ValueError(f"expected X and y with kind={kind!r}, got none: give both")
            D = descriptor_matrix(X, self.descriptors, use_structure=self.use_structure)
            truth = check_target(y, len(D), "y")
            from matminer_phonon_tl.models._importances import (
                clustered_importances,
                permuted_importances,
            )

            measure = permuted_importances if kind == "permutation" else clustered_importances
            values = measure(self, D, truth, n_repeats=n_repeats, random_state=self.random_state)
        importances = pd.Series(values, index=labels, name=kind)
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

        from matminer_phonon_tl.models._forest_search import forest_pipeline

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
        return np.array([c.reduced_formula for c in Materials.of(X).compositions])

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is anything to predict with."""
        return hasattr(self, "forest_")

    def _tune(
        self, best: "Pipeline", training: "TrainingSet", folds: list[Any]
    ) -> tuple[Calibrator | None, float]:
        """Calibrate and choose the threshold on predictions of rows that were not trained on."""
        if self.calibration is None and isinstance(self.threshold, Real):
            return None, choose_threshold(None, None, self.threshold)
        from matminer_phonon_tl.models._forest_search import held_out_probabilities

        held_out = held_out_probabilities(best, training, folds, self.n_jobs)
        calibrator = None
        if self.calibration is not None:
            calibrator = Calibrator.fit(held_out, training.target, self.calibration)
            held_out = calibrator.apply(held_out)
        return calibrator, choose_threshold(held_out, training.target, self.threshold)

    def _probabilities(self, D: NDArray[np.float64]) -> NDArray[np.float64]:
        positive = self._calibrated(self.forest_.predict_positive(D))
        return np.column_stack([1.0 - positive, positive])

    def _calibrated(self, positive: NDArray[np.float64]) -> NDArray[np.float64]:
        return positive if self._calibrator is None else self._calibrator.apply(positive)

    def _json_params(self) -> dict[str, Any]:
        grid = self.param_grid and plain_grid(self.param_grid)
        return {**super()._json_params(), "param_grid": grid}

    def _get_state(self) -> dict[str, Any] | None:
        if not hasattr(self, "forest_"):
            return None
        return {
            "forest": self.forest_.get_state(),
            "threshold": float(self.threshold_),
            "calibrator": None if self._calibrator is None else self._calibrator.get_state(),
            "impurity_importances": np.asarray(self.impurity_importances_),
            "best_params": self.best_params_,
            "best_score": self.best_score_,
            "training_data": self.training_data_,
        }

    def _set_state(self, state: dict[str, Any]) -> Self:
        check_options(self)
        labels = descriptor_labels(self.descriptors, use_structure=bool(self.use_structure))
        checked = CheckedState.of(state, len(labels))
        self.forest_ = checked.forest
        self.threshold_ = checked.threshold
        self._calibrator = checked.calibrator
        self.impurity_importances_ = checked.importances
        self.training_data_ = checked.training_data
        self.best_params_ = state["best_params"]
        self.best_score_ = state["best_score"]
        self.classes_ = np.array([False, True])
        self.n_features_in_ = len(labels)
        return self
