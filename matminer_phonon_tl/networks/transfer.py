"""Transfer learning from electronic to phonon properties, as a scikit-learn estimator."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from matminer_phonon_tl.models.materials import DescriptorInput, read_input
from matminer_phonon_tl.models.serialization import JSONModel
from matminer_phonon_tl.models.source_tasks import SourceData, resolve_source
from matminer_phonon_tl.models.target_transform import check_transform, inverse_transform
from matminer_phonon_tl.networks._network import predict_all
from matminer_phonon_tl.networks._transfer_fit import fit_together
from matminer_phonon_tl.networks._transfer_settings import recommended_settings
from matminer_phonon_tl.networks._transfer_state import read_state, write_state

_FROM_CONSTRUCTOR: Any = type(
    "_FromConstructor", (), {"__repr__": lambda _self: "<the constructor's source>"}
)()


class TransferMLPRegressor(RegressorMixin, JSONModel, BaseEstimator):
    """Multilayer perceptron that learns a source property first, then the target.

    The defaults are the paper's: three hidden layers of Linear - BatchNorm - ReLU - Dropout
    trained on 1245 electronic band gaps, their linear weights copied, and the whole network trained
    again on the target. :meth:`recommended` gives the settings that measured best without leakage.

    Everything that is fitted (scalers, BatchNorm, weights) is fitted on the rows given to ``fit``.
    Source weights are copied, never changed.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, or list of tuples
        Widths of the hidden layers; a list gives an ensemble, one member for each tuple, whose mean
        is the prediction.
    source : str, DataFrame, tuple or None
        What is learned first. "bandgap": the shipped 1245 electronic band gaps. "multitask": five
        properties of the materials without acoustic-optical gap, see
        :func:`~matminer_phonon_tl.models.source_tasks.load_source`. A DataFrame with a column
        ``composition`` and columns of labels, or ``(X_source, Y_source)``; several columns of
        labels make a multi-task source, NaN where a label is missing. None: nothing, the non-TL
        model.
    epochs, source_epochs : int
        Passes over the target's rows and over the source's.
    learning_rate, source_learning_rate : float
        Adam's step size for the target and for the source.
    weight_decay : float
        Factor of the squared weights' gradient.
    dropout : float
        Probability that a hidden unit is dropped in training.
    batch_size : int or None
        Largest number of rows in a batch, for source and target; None takes all rows at once.
    transfer_layers : {"all", "first", "second", "third", "none"}, tuple of int, or None
        Hidden layers that start from the source's weights, counted from 0 in a tuple.
    frozen_layers : {"all", "first", "second", "third", "none"}, tuple of int, or None
        Hidden layers whose linear weights are not trained on the target (their BatchNorm is).
    transfer_batch_norm : bool
        Whether the transferred layers' BatchNorm starts from the source's, and descriptors are
        scaled as for the source. The paper starts it anew.
    target_transform : {"none", "sqrt", "log", "per_atom"} or None
        What is learned in place of the label. "per_atom" divides by the number of atoms in the
        reduced formula unit and needs compositions.
    descriptors : {"xenonpy", "lattice_dynamics", "both"}
        How compositions are described: 290 pooled element properties, the compact physics set of
        LatticeDynamicsDescriptors, or the two side by side. A plain matrix is taken as it is.
    device : str
        A torch device.
    random_state : int, RandomState or None
        Seed of initial weights, dropout and batches. With None every fit differs, and trains its
        source anew. A file keeps no RandomState, but None.
    verbose : bool
        Whether to show progress bars.

    Attributes
    ----------
    networks_ : tuple of TrainedNetwork
        The members.
    source_networks_ : tuple of TrainedNetwork
        The networks they started from; empty without source.
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

        Measured by benchmarks/transfer_accuracy.py on the 124 gapped materials and chosen among a
        dozen settings on the same folds, so their scores are a little kinder than the next compound
        will be. Multi-task sources hold ungapped polymorphs of some tested formulas: an evaluation
        hands in a source without tested formulas, ``fit(X, y, source=...)``.

        Parameters
        ----------
        target : {"phonon_bandgap", "speed_of_sound", "heat_capacity"}, optional
            What is to be learned; None for a property not among these.
        **params
            Parameters of the constructor that are to differ.

        Returns
        -------
        TransferMLPRegressor
            Not fitted.

        Raises
        ------
        ValueError
            If the target is none of these.

        Examples
        --------
        >>> TransferMLPRegressor.recommended("heat_capacity").target_transform
        'per_atom'
        """
        return cls(**{**recommended_settings(target), **params})

    def fit(self, X: Any, y: Any, source: Any = _FROM_CONSTRUCTOR) -> Self:
        """Train on the source, if that has not been done, and on the target from copies.

        Parameters
        ----------
        X : DataFrame with a column ``composition``, ``formula`` or ``structure``, sequence of such,
            or array-like of shape (n_samples, n_features)
            The materials, or their descriptors.
        y : array-like of shape (n_samples,)
            The target.
        source : str, DataFrame, tuple or None
            In place of the constructor's, for this fit.

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
        sources = [self._resolve(source, given)]
        fit_together([self], given, y, [np.arange(len(y))], sources)
        return self

    def fit_folds(
        self,
        X: Any,
        y: Any,
        folds: Sequence[np.ndarray],
        *,
        source: Any = _FROM_CONSTRUCTOR,
        seeds: Sequence[int] | None = None,
    ) -> list[Self]:
        """Fit a clone to each fold, all of them trained together.

        This is what makes a cross-validation of networks affordable. Each clone is what
        ``clone(self).fit`` would make of the fold's rows.

        Parameters
        ----------
        X, y
            As in `fit`, for all rows.
        folds : sequence of ndarray of int
            Row numbers each clone is fitted to.
        source : str, DataFrame, tuple, None, or list of these
            As in `fit`; a list gives each fold a source of its own.
        seeds : sequence of int, optional
            Seed of each clone's training on the target, in place of one derived from
            ``random_state``. The source networks keep theirs, so that repeated cross-validations
            with new seeds share them.

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
            sources = [self._resolve(own, given) for own in source]
        else:
            sources = [self._resolve(source, given)] * len(folds)
        clones = [clone(self) for _ in folds]
        for own in clones:
            own.n_features_in_ = self.n_features_in_
            if hasattr(self, "feature_names_in_"):
                own.feature_names_in_ = self.feature_names_in_
        fit_together(clones, given, y, folds, sources, seeds)
        return clones

    def _resolve(self, source: Any, given: DescriptorInput) -> SourceData | None:
        source = self.source if source is _FROM_CONSTRUCTOR else source
        return resolve_source(
            source,
            given.matrix.shape[1],
            has_compositions=given.compositions is not None,
            descriptors=self.descriptors,
        )

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
            Mean over the members in the target's unit, and their standard deviation.

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
            In the target's unit.
        """
        check_is_fitted(self, "networks_")
        given = read_input(self, X, fitting=False)
        return inverse_transform(
            check_transform(self.target_transform),
            predict_all(self.networks_, given.matrix)[:, :, 0],
            given.compositions,
        )

    def source_state(self) -> dict[str, np.ndarray]:
        """Return the source networks' weights as they were before the target was seen.

        Returns
        -------
        dict of str to ndarray
            Copies, named ``member_0/hidden_0_weights`` and so on.

        Raises
        ------
        ValueError
            If the model was fitted without source.
        """
        check_is_fitted(self, "networks_")
        if not self.source_networks_:
            raise ValueError("expected a model with a source, got one that was fitted without")
        return {
            f"member_{number}/{name}": array
            for number, network in enumerate(self.source_networks_)
            for name, array in network.state().items()
        }

    def _json_params(self) -> dict[str, Any]:
        params = self.get_params(deep=False)
        if not isinstance(params["source"], (str, dict, type(None))):
            params["source"] = getattr(self, "source_record_", None)
        return params

    def get_state(self) -> dict[str, Any] | None:
        """Return what fitting left; None before ``fit``."""
        return write_state(self) if hasattr(self, "networks_") else None

    @classmethod
    def from_state(cls, state: dict[str, Any], **params: Any) -> Self:
        """Rebuild a fitted model from :meth:`get_state` and its parameters."""
        return read_state(cls(**params), state)
