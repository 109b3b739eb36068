"""Kernel machines that predict together, in standard units and of a transformed label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models._scaling import Scaling
from matminer_phonon_tl.models._target_transform import (
    inverse_transform,
    label_scale,
    transform_target,
)
from matminer_phonon_tl.models.kernel_machine import KernelMachine, evaluate

MEMBERS = ("gp15", "gp25", "gp25_per_feature", "svm")


@dataclass(frozen=True, eq=False)
class KernelEnsemble:
    """Fitted machines and what stands around them.

    Parameters
    ----------
    transform : str
        What is learnt in place of the label, see :func:`transform_target`.
    scaling : Scaling
        Units of descriptors and of what is learnt.
    descriptors : ndarray of shape (n_samples, n_features)
        Of the training rows, the training mean in place of what is missing.
    machines : list of KernelMachine
    least_std : float
        In the label's units. Where a transform is flat (a gap near zero), the spread is not zero.
    """

    transform: str
    scaling: Scaling
    descriptors: NDArray[np.float64]
    machines: list[KernelMachine]
    least_std: float

    @classmethod
    def fit(
        cls,
        members: Sequence[str],
        transform: str,
        D: NDArray[np.float64],
        labels: NDArray[np.float64],
        compositions: Sequence[Composition],
        like: "KernelEnsemble | None" = None,
    ) -> Self:
        """Fit scaler and machines to some rows, and to nothing else.

        Parameters
        ----------
        members : sequence of str
            Among :data:`MEMBERS`.
        transform : str
        D : ndarray of shape (n_samples, n_features)
            NaN where a descriptor is missing.
        labels : ndarray of shape (n_samples,)
        compositions : sequence of Composition
        like : KernelEnsemble, optional
            Of the same members; where a machine has few hyperparameters, they are taken over.
        """
        learnt = transform_target(transform, labels, compositions)
        scaling = Scaling.fit(D, learnt)
        X, z = scaling.points(D), scaling.standard(learnt)
        known = [None] * len(members) if like is None else like.machines
        return cls(
            transform,
            scaling,
            scaling.filled(D),
            [_fit(name, X, z, machine) for name, machine in zip(members, known, strict=True)],
            1e-3 * float(np.abs(labels).mean()) or 1e-12,
        )

    def predict(
        self, D: NDArray[np.float64], compositions: Sequence[Composition]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Labels, and their spread: of the Gaussian processes and between the machines.

        Parameters
        ----------
        D : ndarray of shape (n_materials, n_features)
        compositions : sequence of Composition
            For the atoms and masses that the transform needs.

        Returns
        -------
        tuple of two ndarray of shape (n_materials,)
        """
        X = self.scaling.points(D)
        scale = label_scale(self.transform, compositions)

        def label(z: NDArray[np.float64]) -> NDArray[np.float64]:
            return inverse_transform(
                self.transform, self.scaling.unstandard(z), compositions, scale
            )

        central, variances = [], []
        for machine, (z, spread) in zip(self.machines, evaluate(self.machines, X), strict=True):
            central.append(label(z))
            if machine.noise is not None:
                variances.append(((label(z + spread) - label(z - spread)) / 2) ** 2)
        within = np.mean(variances, axis=0) if variances else 0.0
        std = np.sqrt(within + np.var(central, axis=0))
        return np.mean(central, axis=0), np.maximum(std, self.least_std)

    def get_state(self) -> dict[str, Any]:
        """Plain values and arrays; members and transform are the model's parameters."""
        return {
            "center": self.scaling.center,
            "scale": self.scaling.scale,
            "offset": self.scaling.offset,
            "unit": self.scaling.unit,
            "least_std": self.least_std,
            "descriptors": self.descriptors.astype(np.float32),
            "machines": [machine.get_state() for machine in self.machines],
        }

    @classmethod
    def from_state(
        cls, state: dict[str, Any], members: Sequence[str], transform: str, n_features: int
    ) -> Self:
        """Restore and check.

        Raises
        ------
        ModelFormatError
            If something is missing, of the wrong kind or shape, or not finite.
        """
        scaling = _read_scaling(state, n_features)
        D = state["descriptors"]
        is_matrix = isinstance(D, np.ndarray) and D.ndim == 2 and D.dtype == np.float32
        if not is_matrix or D.shape[1] != n_features or not len(D):
            raise ModelFormatError(f"expected training descriptors of {n_features} columns")
        D = D.astype(np.float64)
        with np.errstate(over="ignore"):
            points = scaling.points(D)
        if not np.isfinite(points).all():
            raise ModelFormatError("expected standardised descriptors to be finite")
        machines = [KernelMachine.from_state(each, points) for each in state["machines"]]
        if len(machines) != len(members):
            raise ModelFormatError(f"expected {len(members)} machines, got {len(machines)}")
        for name, machine in zip(members, machines, strict=True):
            if (machine.noise is None) != (name == "svm"):
                raise ModelFormatError(f"expected the machine {name} to be of its kind")
        return cls(transform, scaling, D, machines, state["least_std"])


def read_vector(state: dict[str, Any], name: str, length: int) -> NDArray[np.float64]:
    """Return an array of a state, after checking that it is so many numbers."""
    vector = state[name]
    if (
        not isinstance(vector, np.ndarray)
        or vector.shape != (length,)
        or vector.dtype != np.float64
    ):
        raise ModelFormatError(f"expected {name} as a vector of {length} numbers")
    return vector


def _fit(
    name: str, X: NDArray[np.float64], z: NDArray[np.float64], like: KernelMachine | None
) -> KernelMachine:
    if name == "svm":
        return KernelMachine.fit_support_vectors(X, z)
    if like is not None and len(like.length_scale) == 1:
        return like.solved_for(X, z)
    nu = 1.5 if name == "gp15" else 2.5
    return KernelMachine.fit_gaussian_process(X, z, nu=nu, per_feature=name.endswith("per_feature"))


def _read_scaling(state: dict[str, Any], n_features: int) -> Scaling:
    center = read_vector(state, "center", n_features)
    scale = read_vector(state, "scale", n_features)
    scalars = (state["offset"], state["unit"], state["least_std"])
    are_numbers = all(type(value) is float for value in scalars)
    if not are_numbers or min(scalars[1:]) <= 0 or not (scale > 0).all():
        raise ModelFormatError("expected a scaler of finite numbers, its units above zero")
    return Scaling(center, scale, *scalars[:2])
