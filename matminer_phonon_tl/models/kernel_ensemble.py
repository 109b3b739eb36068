"""Kernel machines that predict together, in standard units and of a transformed label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models.conformal import Predicted
from matminer_phonon_tl.models.kernel_machine import KernelMachine, evaluate
from matminer_phonon_tl.models.state import check_arrays
from matminer_phonon_tl.models.target_transform import (
    inverse_transform,
    label_scale,
    transform_target,
)

MEMBERS = ("gp15", "gp15_per_feature", "gp25", "gp25_per_feature", "svm")


class Scaling(NamedTuple):
    """Standard units of descriptors and of what is learnt."""

    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    offset: float
    unit: float

    @classmethod
    def fit(cls, D: NDArray[np.float64], learnt: NDArray[np.float64]) -> Self:
        """Take the units from training rows; NaN, a missing descriptor, counts for nothing."""
        known = np.isfinite(D)
        n = np.maximum(known.sum(axis=0), 1)
        center = np.where(known, D, 0.0).sum(axis=0) / n
        scale = np.sqrt((np.where(known, D - center, 0.0) ** 2).sum(axis=0) / n)
        # A column that is constant but for round-off tells nothing.
        scale[scale <= 1e-12 * np.maximum(np.abs(center), 1.0)] = 1.0
        # It stands in for missing descriptors, which a file keeps in single precision.
        center = center.astype(np.float32).astype(np.float64)
        return cls(center, scale, float(learnt.mean()), float(learnt.std()) or 1.0)

    def filled(self, D: NDArray[np.float64]) -> NDArray[np.float64]:
        """Put the training mean where a descriptor is missing."""
        return np.where(np.isfinite(D), D, self.center)

    def points(self, D: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardise descriptors; one that is missing has the training mean."""
        X = D - self.center
        X /= self.scale
        X[~np.isfinite(X)] = 0.0
        return X

    def standard(self, learnt: NDArray[np.float64]) -> NDArray[np.float64]:
        """Standardise labels."""
        return (learnt - self.offset) / self.unit

    def unstandard(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Undo :meth:`standard`."""
        return z * self.unit + self.offset


@dataclass(frozen=True, eq=False)
class KernelEnsemble:
    """Fitted machines with the scaling and the transform around them.

    Parameters
    ----------
    transform : str
        What is learnt in place of the label, see :func:`transform_target`.
    scaling : Scaling
        Units of descriptors and of what is learnt.
    descriptors : ndarray of shape (n_samples, n_features)
        The training rows; the training mean where a descriptor is missing.
    machines : list of KernelMachine
    least_std : float
        Smallest predicted spread, in the label's units: where a transform is flat (a gap near
        zero), the spread would vanish.
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
        materials: Any,
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
        materials : as :meth:`Materials.of` takes
        like : KernelEnsemble, optional
            With the same members; the hyperparameters of its Gaussian processes are taken over.
        """
        learnt = transform_target(transform, labels, materials)
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

    def predict(self, D: NDArray[np.float64], materials: Any, *, spread: bool = True) -> Predicted:
        """Predict labels and their spread: of the Gaussian processes and between the machines.

        Parameters
        ----------
        D : ndarray of shape (n_materials, n_features)
        materials : as :meth:`Materials.of` takes
            For the atoms and masses that the transform needs.
        spread : bool
            Compute the spread, which takes as long again; NaN without it.

        Returns
        -------
        Predicted
            The distance is in the metric of the first machine.
        """
        X = self.scaling.points(D)
        scale = label_scale(self.transform, materials)

        def label(z: NDArray[np.float64]) -> NDArray[np.float64]:
            return inverse_transform(self.transform, self.scaling.unstandard(z), materials, scale)

        evaluations = evaluate(self.machines, X, spread=spread)
        central = [label(found.mean) for found in evaluations]
        mean, distance = np.mean(central, axis=0), evaluations[0].distance
        if not spread:
            return Predicted(mean, np.full(len(mean), np.nan), distance)
        variances = [
            ((label(z + width) - label(z - width)) / 2) ** 2
            for machine, (z, width, _) in zip(self.machines, evaluations, strict=True)
            if machine.noise is not None
        ]
        within = np.mean(variances, axis=0) if variances else 0.0
        std = np.sqrt(within + np.var(central, axis=0))
        return Predicted(mean, np.maximum(std, self.least_std), distance)

    def get_state(self) -> dict[str, Any]:
        """Return plain values and arrays, but for what is kept elsewhere.

        Members and transform are parameters; the descriptors are the regressor's to keep.
        """
        return {
            "center": self.scaling.center,
            "scale": self.scaling.scale,
            "offset": self.scaling.offset,
            "unit": self.scaling.unit,
            "least_std": self.least_std,
            "machines": [machine.get_state() for machine in self.machines],
        }

    @classmethod
    def from_state(
        cls,
        state: dict[str, Any],
        members: Sequence[str],
        transform: str,
        descriptors: NDArray[np.float64],
    ) -> Self:
        """Rebuild from :meth:`get_state` and the descriptors of the training rows.

        Raises
        ------
        ModelFormatError
            If something is missing, of the wrong kind or shape, or not finite.
        """
        n_samples, n_features = descriptors.shape
        check_arrays(
            state,
            "a scaler of finite numbers",
            {
                "center": (np.float64, (n_features,)),
                "scale": (np.float64, (n_features,)),
                **dict.fromkeys(("offset", "unit", "least_std"), float),
                "machines": list,
            },
        )
        positive = state["unit"] > 0 and state["least_std"] > 0 and (state["scale"] > 0).all()
        if not positive or not n_samples:
            raise ModelFormatError("expected a scaler of training rows, its units above zero")
        scaling = Scaling(*(state[name] for name in Scaling._fields))
        with np.errstate(over="ignore"):
            points = scaling.points(descriptors)
        if not np.isfinite(points).all():
            raise ModelFormatError("expected standardised descriptors to be finite")
        machines = [KernelMachine.from_state(each, points) for each in state["machines"]]
        if len(machines) != len(members):
            raise ModelFormatError(f"expected {len(members)} machines, got {len(machines)}")
        for name, machine in zip(members, machines, strict=True):
            if (machine.noise is None) != (name == "svm"):
                raise ModelFormatError(f"expected the machine {name} to be of its kind")
        return cls(transform, scaling, descriptors, machines, state["least_std"])


def _fit(
    name: str, X: NDArray[np.float64], z: NDArray[np.float64], like: KernelMachine | None
) -> KernelMachine:
    if name == "svm":
        return KernelMachine.fit_support_vectors(X, z)
    if like is not None:
        return like.solved_for(X, z)
    nu = 1.5 if name.startswith("gp15") else 2.5
    return KernelMachine.fit_gaussian_process(X, z, nu=nu, per_feature=name.endswith("per_feature"))
