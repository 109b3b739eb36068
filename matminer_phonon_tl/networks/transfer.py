"""Transfer learning from electronic to phonon properties, as a scikit-learn estimator."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from matminer_phonon_tl.exceptions import ExtrapolationWarning, ModelFormatError
from matminer_phonon_tl.models.materials import DescriptorInput, descriptor_labels, read_input
from matminer_phonon_tl.models.serialization import JSONModel
from matminer_phonon_tl.models.source_tasks import FROM_CONSTRUCTOR
from matminer_phonon_tl.models.state import check_arrays
from matminer_phonon_tl.models.target_transform import (
    check_transform,
    inverse_transform,
    transform_target,
)
from matminer_phonon_tl.networks.engine import train_folds
from matminer_phonon_tl.networks.jobs import network_seeds
from matminer_phonon_tl.networks.network import TrainedNetwork, predict_all
from matminer_phonon_tl.networks.settings import TrainingSettings, member_widths
from matminer_phonon_tl.networks.source_networks import (
    SourceTask,
    read_source_task,
    train_source_networks,
)

_MULTITASK: dict[str, Any] = {
    "source": "multitask",
    "learning_rate": 0.0005,
    "transfer_batch_norm": True,
}
RECOMMENDED: dict[str | None, dict[str, Any]] = {
    None: _MULTITASK,
    "heat_capacity": {**_MULTITASK, "target_transform": "per_atom"},
    "speed_of_sound": _MULTITASK,
    # no source helped the gap by more than the spread over repeats; the descriptors did
    "phonon_bandgap": {
        "source": None,
        "descriptors": "lattice_dynamics",
        "target_transform": "sqrt",
    },
}
"""Parameters that measured best without leakage, by target; see docs/performance.md."""

FARTHEST_INPUT = 1000.0
"""Standard deviations of a descriptor in the training rows beyond which nothing is known."""
_STATE_FIELDS: Any = {
    "n_features": int,
    "feature_names": list,
    "networks": list,
    "source_networks": list,
    "loss_curves": (np.float32, ("n_members", "n_epochs")),
    "source_record": dict,
}


class TransferMLPRegressor(RegressorMixin, JSONModel, BaseEstimator):
    """Multilayer perceptron that learns a source property first, then the target.

    The defaults are the paper's: three hidden layers of Linear - BatchNorm - ReLU - Dropout
    trained on 1245 electronic band gaps, their linear weights copied, and the whole network trained
    again on the target. :meth:`recommended` gives the settings that measured best without leakage.

    Scalers, BatchNorm and weights are fitted to the rows given to ``fit`` and to no others. Source
    weights are copied, never changed.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, or list of tuples
        Widths of the hidden layers; a list gives an ensemble, one member for each tuple, whose mean
        is the prediction.
    source : str, DataFrame, tuple or None
        What is learned first. "bandgap": the shipped 1245 electronic band gaps. "multitask": five
        properties of the materials without acoustic-optical gap. "kyoto": seven phonon properties
        of 6179 stable materials. See :func:`~matminer_phonon_tl.models.source_tasks.load_source`.
        A DataFrame, or the path of a table, with a column ``composition`` (or ``formula``) and
        columns of labels, or ``(X_source, Y_source)``. Several columns of labels make a multi-task
        source, NaN where a label is missing. None: nothing; the model is trained on the target
        alone.
    epochs, source_epochs : int
        Passes over the rows of the target and of the source.
    learning_rate, source_learning_rate : float
        Adam's step size for the target and for the source.
    weight_decay : float
        Factor of the squared weights' gradient.
    dropout : float
        Probability that a hidden unit is dropped in training.
    batch_size : int or None
        Largest number of rows in a batch, for source and target; None takes all rows at once.
    transfer_layers : {"all", "first", "second", "third", "none"}, tuple of int, or None
        Hidden layers that start from the source network's weights, counted from 0 in a tuple.
    frozen_layers : {"all", "first", "second", "third", "none"}, tuple of int, or None
        Hidden layers whose linear weights are not trained on the target (their BatchNorm is).
    transfer_batch_norm : bool
        Whether the BatchNorm of the transferred layers starts from the source network's, and
        descriptors are scaled as for the source. In the paper it starts anew.
    target_transform : {"none", "sqrt", "log", "per_atom"} or None
        What is learned instead of the label. "per_atom" divides by the number of atoms in the
        reduced formula unit and needs compositions.
    descriptors : {"xenonpy", "lattice_dynamics", "both"}
        How compositions are described: 290 pooled element properties, the compact physics set of
        LatticeDynamicsDescriptors, or the two side by side. A plain matrix is taken as it is.
    device : str
        A torch device.
    random_state : int, RandomState or None
        Seed of initial weights, dropout and batches. With None every fit differs, and trains its
        source networks anew. A model file holds None in place of a RandomState.
    verbose : bool
        Whether to show progress bars.

    Attributes
    ----------
    networks_ : tuple of TrainedNetwork
        The members of the ensemble.
    source_networks_ : tuple of TrainedNetwork
        The networks that the members started from, unchanged; empty without source.
    loss_curves_ : ndarray of shape (n_members, epochs)
        Mean squared error in each epoch over the variance of the transformed labels.
    source_record_ : dict or None
        Name, tasks, number of rows and sha256 of the source data.
    n_features_in_ : int
        Number of descriptors.

    References
    ----------
    Z. Liu, M. Jiang, T. Luo, Sci. Adv. 6, eabd1356 (2020), doi:10.1126/sciadv.abd1356.

    Examples
    --------
    >>> formulas = ["NaCl", "KBr", "MgO", "CaO", "SrO", "LiF", "RbI", "CsCl"]
    >>> cv = [50.5, 52.3, 37.2, 42.8, 45.0, 41.9, 52.2, 52.5]  # J/mol/K
    >>> model = TransferMLPRegressor(
    ...     (16, 8, 4), source_epochs=5, epochs=30, target_transform="per_atom"
    ... )
    >>> model.fit(formulas, cv).predict(["KCl", "BaO"]).shape
    (2,)
    """

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] | list[tuple[int, ...]] = (160, 80, 30),
        *,
        source: Any = "bandgap",
        epochs: int = 500,
        source_epochs: int = 300,
        learning_rate: float = 0.01,
        source_learning_rate: float = 0.01,
        weight_decay: float = 1e-4,
        dropout: float = 0.1,
        batch_size: int | None = 200,
        transfer_layers: str | tuple[int, ...] | None = "all",
        frozen_layers: str | tuple[int, ...] | None = None,
        transfer_batch_norm: bool = False,
        target_transform: Literal["none", "sqrt", "log", "per_atom"] | None = None,
        descriptors: Literal["xenonpy", "lattice_dynamics", "both"] = "xenonpy",
        device: str = "cpu",
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.source = source
        self.epochs = epochs
        self.source_epochs = source_epochs
        self.learning_rate = learning_rate
        self.source_learning_rate = source_learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.batch_size = batch_size
        self.transfer_layers = transfer_layers
        self.frozen_layers = frozen_layers
        self.transfer_batch_norm = transfer_batch_norm
        self.target_transform = target_transform
        self.descriptors = descriptors
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def recommended(cls, target: str | None = None, **params: Any) -> Self:
        """Return an estimator with the settings that measured best without leakage.

        They were measured by benchmarks/transfer_accuracy.py on the 124 gapped materials and chosen
        among a dozen settings on the same folds, so new compounds will score slightly worse. A
        multi-task source holds ungapped polymorphs of some gapped formulas. An evaluation must pass
        a source without the tested formulas, ``fit(X, y, source=...)``.

        Parameters
        ----------
        target : {"phonon_bandgap", "speed_of_sound", "heat_capacity"}, optional
            Property to learn; None for any other property.
        **params
            Parameters of the constructor that replace the recommended ones.

        Returns
        -------
        TransferMLPRegressor
            Not fitted.

        Raises
        ------
        ValueError
            If the target is unknown.

        Examples
        --------
        >>> TransferMLPRegressor.recommended("heat_capacity").target_transform
        'per_atom'
        """
        if target not in RECOMMENDED:
            known = ", ".join(map(repr, RECOMMENDED))
            raise ValueError(f"expected a target among {known}, got {target!r}")
        return cls(**{**RECOMMENDED[target], **params})

    def fit(self, X: Any, y: Any, source: Any = FROM_CONSTRUCTOR) -> Self:
        """Train on the source, unless that was done before, and then on the target.

        Parameters
        ----------
        X : DataFrame with a column ``composition``, ``formula`` or ``structure``, sequence of such,
            or array-like of shape (n_samples, n_features)
            The materials, or their descriptors.
        y : array-like of shape (n_samples,)
            The target.
        source : str, DataFrame, tuple or None
            Source of this fit, in place of the constructor's; None means no source.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, X or y cannot be used.
        TrainingError
            If training diverges.
        """
        given, y = read_input(self, X, y, fitting=True)
        self._forget_card()
        tasks = [self.read_source(given, source)]
        self._fit_together([self], given, y, [np.arange(len(y))], tasks)
        return self

    def fit_folds(
        self,
        X: Any,
        y: Any,
        folds: Sequence[np.ndarray],
        *,
        source: Any = FROM_CONSTRUCTOR,
        seeds: Sequence[int] | None = None,
    ) -> list[Self]:
        """Fit a clone to each fold, all of them trained together.

        This makes a cross-validation of networks affordable. Each clone becomes what
        ``clone(self).fit`` would make it with the fold's rows.

        Parameters
        ----------
        X, y
            As in `fit`, for all rows.
        folds : sequence of ndarray of int
            Row numbers that each clone is fitted to.
        source : str, DataFrame, tuple, None, or list of these
            As in `fit`; a list holds a source for each fold.
        seeds : sequence of int, optional
            Seed of each clone's training on the target, in place of one derived from
            ``random_state``. The seeds of the source networks stay the same, so that repeated
            cross-validations with new seeds share these networks.

        Returns
        -------
        list of TransferMLPRegressor
            Fitted, in the order of the folds.
        """
        given, y = read_input(self, X, y, fitting=True)
        if isinstance(source, list):
            if len(source) != len(folds):
                raise ValueError(
                    f"expected a source for each of {len(folds)} folds, got {len(source)}: pass "
                    "one source for all of them, or a list of that length"
                )
            tasks = [self.read_source(given, fold_source) for fold_source in source]
        else:
            tasks = [self.read_source(given, source)] * len(folds)
        clones = [clone(self) for _ in folds]
        for fitted in clones:
            fitted.n_features_in_ = self.n_features_in_
            if hasattr(self, "feature_names_in_"):
                fitted.feature_names_in_ = self.feature_names_in_
        self._fit_together(clones, given, y, folds, tasks, seeds)
        return clones

    def training_settings(self) -> TrainingSettings:
        """Return the settings of the training on the target, or raise ValueError."""
        return TrainingSettings(
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            batch_size=self.batch_size,
            transfer_layers=self.transfer_layers,
            frozen_layers=self.frozen_layers,
            transfer_batch_norm=self.transfer_batch_norm,
            device=self.device,
        )

    def read_source(
        self, given: DescriptorInput, source: Any = FROM_CONSTRUCTOR
    ) -> SourceTask | None:
        """Read what is learned before the target; None without source."""
        return read_source_task(
            self.source if source is FROM_CONSTRUCTOR else source,
            given.matrix.shape[1],
            has_compositions=given.compositions is not None,
            descriptors=self.descriptors,
        )

    def starting_networks(
        self, tasks: Sequence[SourceTask | None], seed: int | None
    ) -> list[TrainedNetwork]:
        """Return the source networks that members start from, one for each member of each fold.

        Empty without source or transferred layers. `seed` is an `integer_seed`.
        """
        widths = member_widths(self.hidden_layer_sizes)
        given = [task for task in tasks if task is not None]
        if not given or not self.training_settings().layer_numbers(
            "transfer_layers", len(widths[0])
        ):
            return []
        if len(given) < len(tasks):
            raise ValueError(
                "expected a source for every fold or for none, got None for some: fit the folds "
                "without source in a call of their own"
            )
        source_settings = TrainingSettings(
            epochs=self.source_epochs,
            learning_rate=self.source_learning_rate,
            weight_decay=self.weight_decay,
            dropout=self.dropout,
            batch_size=self.batch_size,
            device=self.device,
        )
        source_seeds = network_seeds(seed, 2 * len(widths))[::2]
        return train_source_networks(
            [task for task in given for _ in widths],
            widths * len(given),
            source_seeds * len(given),
            source_settings,
            progress=bool(self.verbose),
        )

    def _fit_together(
        self,
        estimators: Sequence[Self],
        given: DescriptorInput,
        y: np.ndarray,
        folds: Sequence[np.ndarray],
        tasks: Sequence[SourceTask | None],
        seeds: Sequence[int] | None = None,
    ) -> None:
        """Train the members of all folds as one stack, and set the fitted attributes."""
        widths = member_widths(self.hidden_layer_sizes)
        learned = transform_target(check_transform(self.target_transform), y, given.compositions)
        n_members, n_folds = len(widths), len(folds)
        seed = integer_seed(self.random_state)
        if seeds is None:
            # the source networks have the even seeds
            target_seeds = network_seeds(seed, 2 * n_members)[1::2] * n_folds
        elif len(seeds) != n_folds:
            raise ValueError(
                f"expected a seed for each of {n_folds} folds, got {len(seeds)}: pass as many, or "
                "None"
            )
        else:
            target_seeds = [s for fold_seed in seeds for s in network_seeds(fold_seed, n_members)]
        settings = self.training_settings()
        initial = self.starting_networks(tasks, seed)
        stack = train_folds(
            given.matrix,
            learned,
            [fold for fold in folds for _ in widths],
            widths * n_folds,
            replace(settings, transfer_scaler=settings.transfer_batch_norm and bool(initial)),
            target_seeds,
            initial=initial or None,
            progress=bool(self.verbose),
        )
        for number, (estimator, task) in enumerate(zip(estimators, tasks, strict=True)):
            members = slice(number * n_members, (number + 1) * n_members)
            estimator.networks_ = stack.networks[members]
            estimator.source_networks_ = tuple(initial[members])
            estimator.loss_curves_ = stack.loss_curves[members]
            estimator.source_record_ = None if task is None else task.record()

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict the target.

        Parameters
        ----------
        X : as in `fit`
            Materials or descriptors.
        return_std : bool
            Whether to return the standard deviation over the members of an ensemble too.

        Returns
        -------
        ndarray of shape (n_samples,), or a tuple of two
            Mean over the members, and their standard deviation, in the unit of the target.

        Raises
        ------
        ValueError
            If `return_std` is asked of a single network, or X does not fit.
        """
        check_is_fitted(self, "networks_")
        members = self.predict_members(X)
        if not return_std:
            return members.mean(axis=0)
        if len(members) == 1:
            raise ValueError(
                "expected an ensemble for return_std=True, got a single network: give "
                "hidden_layer_sizes as a list of tuples"
            )
        return members.mean(axis=0), members.std(axis=0)

    def predict_members(self, X: Any) -> np.ndarray:
        """Predict the target with each member.

        Parameters
        ----------
        X : as in `fit`
            Materials or descriptors.

        Returns
        -------
        ndarray of shape (n_members, n_samples)
            In the unit of the target.

        Warns
        -----
        ExtrapolationWarning
            If a descriptor is more than :data:`FARTHEST_INPUT` standard deviations away from the
            training rows, as of a column that hardly varies in them.
        """
        check_is_fitted(self, "networks_")
        given = read_input(self, X, fitting=False)
        self._warn_if_far(given)
        return predict_target(
            self.networks_, given.matrix, given.compositions, self.target_transform
        )

    def _warn_if_far(self, given: DescriptorInput) -> None:
        """Warn of descriptors that hardly varied in training, and are far from that now."""
        X, first = given.matrix, self.networks_[0]
        used = np.flatnonzero(first.x_scale)
        if not len(X) or not len(used):
            return
        steps = np.abs(X[:, used] - first.x_mean[used]) / first.x_scale[used]
        far = steps > FARTHEST_INPUT
        if far.any():
            rows = np.flatnonzero(far.any(axis=1))
            worst = int(used[steps.max(axis=0).argmax()])
            names: Any = getattr(self, "feature_names_in_", range(X.shape[1]))
            if given.compositions is not None:
                names = descriptor_labels(self.descriptors, use_structure=False)
            warnings.warn(
                f"expected descriptors within {FARTHEST_INPUT:g} standard deviations of the "
                f"training rows, got {steps.max():.2g} of the descriptor {names[worst]} "
                f"and {len(rows)} such rows, the first of them row {rows[0]}: do not trust their "
                "predictions; train on rows in which the descriptor varies, or leave it out, as "
                'descriptors="lattice_dynamics" does',
                ExtrapolationWarning,
                stacklevel=4,
            )

    def _json_params(self) -> dict[str, Any]:
        params = self.get_params(deep=False)
        if not isinstance(params["source"], (str, dict, type(None))):
            params["source"] = getattr(self, "source_record_", None)
        return params

    def get_state(self) -> dict[str, Any] | None:
        """Return what fitting left; None before ``fit``."""
        if not hasattr(self, "networks_"):
            return None
        return {
            "n_features": int(self.n_features_in_),
            "feature_names": [str(name) for name in getattr(self, "feature_names_in_", [])],
            "networks": [network.get_state() for network in self.networks_],
            "source_networks": [network.get_state() for network in self.source_networks_],
            "loss_curves": np.array(self.loss_curves_),
            "source_record": self.source_record_ or {},
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], **params: Any) -> Self:
        """Rebuild a fitted model from :meth:`get_state` and its parameters."""
        model = cls(**params)
        check_arrays(state, "a transfer model", _STATE_FIELDS, only=True)
        n_features, names = state["n_features"], state["feature_names"]
        if n_features < 1 or (names and len(names) != n_features):
            raise ModelFormatError(
                f"expected one feature or more, and as many names or none, got {n_features} "
                f"features and {len(names)} names"
            )
        if not all(isinstance(name, str) for name in names):
            raise ModelFormatError(f"expected feature names as texts, got {names!r}")
        try:
            widths = member_widths(model.hidden_layer_sizes)
        except ValueError as error:
            raise ModelFormatError(str(error)) from error
        counts = [len(state[kind]) for kind in ("networks", "source_networks", "loss_curves")]
        if counts not in ([len(widths), n, len(widths)] for n in (0, len(widths))):
            raise ModelFormatError(
                f"expected {len(widths)} networks and loss curves, and as many source networks or "
                f"none, got {counts[0]}, {counts[2]} and {counts[1]}"
            )
        networks, sources = (
            tuple(
                TrainedNetwork.from_state(network, members, n_features, f"{kind}[{number}]")
                for number, (network, members) in enumerate(zip(state[kind], widths, strict=False))
            )
            for kind in ("networks", "source_networks")
        )
        if any(network.n_outputs != 1 for network in networks):
            raise ModelFormatError("expected networks with one output, got several")
        model.n_features_in_ = n_features
        if names:
            model.feature_names_in_ = np.array(names, dtype=object)
        model.networks_ = networks
        model.source_networks_ = sources
        model.loss_curves_ = state["loss_curves"]
        model.source_record_ = state["source_record"] or None
        return model


def predict_target(
    networks: Sequence[TrainedNetwork],
    descriptors: np.ndarray,
    compositions: Sequence[Any] | None,
    target_transform: str | None,
) -> np.ndarray:
    """Predict the target with networks of one output that were trained on a transform of it.

    The result has shape (n_networks, n_samples) and the unit of the target.
    """
    return inverse_transform(
        check_transform(target_transform),
        predict_all(networks, descriptors)[:, :, 0],
        compositions,
    )


def integer_seed(random_state: Any) -> int | None:
    """Return an integer as it is, the next integer of a generator, and None for None."""
    if random_state is None:
        return None
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))
