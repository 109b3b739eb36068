"""Gaussian processes and support vector machines as arrays, once scikit-learn has fitted them.

Both predict offset + sum_i weight_i k(x, x_i). Kept as the points x_i and their weights, a fitted
machine is plain numbers: it travels as JSON and predicts alike under any scikit-learn.
"""

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, eigh, solve_triangular

from matminer_phonon_tl.blas import one_blas_thread
from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models.state import check_arrays

KERNELS = ("matern15", "matern25", "rbf")
_STATE = ("kernel", "amplitude", "length_scale", "weights", "offset", "noise")
_JITTER = 1e-10
ROW_STEP = 48
"""Blocks of rows are filled up to a multiple of this, which is one of the numbers of rows that BLAS
kernels take at a time (8, 12, 16, 24, 48): what is left over, they may sum in another order, and a
row's last bit would tell where in the block it stood."""
BLOCK_ROWS = 4 * ROW_STEP
"""Rows evaluated at once: enough for matrix products, few enough for a core's cache."""
INDUCING_ROWS = 500
"""Inducing points for the spread of a larger machine; the cost grows with their square."""
HYPERPARAMETER_ROWS = 400
"""Rows enough to find a few hyperparameters; the cost of the search grows with their cube."""
_LENGTH_BOUNDS = (0.1, 1e3)
_SVR_COST, _SVR_TUBE = 8.0, 0.025


class KernelMachine:
    """A fitted Gaussian process or support vector machine.

    Parameters
    ----------
    kernel : {"matern15", "matern25", "rbf"}
        Matern kernels of smoothness 1.5 and 2.5, or the Gaussian exp(-d^2 / 2).
    amplitude : float
        Variance of the process.
    length_scale : ndarray of shape (1,) or (n_features,)
        Distances are measured in these.
    points : ndarray of shape (n_points, n_features)
        Standardised training descriptors; machines of one model share the array.
    weights : ndarray of shape (n_points,)
        Zero where a point is no support vector.
    offset : float
    noise : float or None
        Variance of the labels' noise; None for a support vector machine, which knows no spread.
    """

    def __init__(
        self,
        kernel: str,
        amplitude: float,
        length_scale: NDArray[np.float64],
        points: NDArray[np.float64],
        weights: NDArray[np.float64],
        offset: float,
        noise: float | None,
    ) -> None:
        self.kernel = kernel
        self.amplitude = amplitude
        self.length_scale = length_scale
        self.points = points
        self.weights = weights
        self.offset = offset
        self.noise = noise
        # Only these count; the factor below needs all of a process's points anyway.
        self.used = np.flatnonzero(weights) if noise is None else np.arange(len(points))
        self.places = _Places(points[self.used] / length_scale)
        self._explained: tuple[NDArray[np.intp], NDArray[np.float64]] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what is given to the constructor; all else follows from it."""
        points = (self.length_scale, self.points, self.weights)
        return type(self), (self.kernel, self.amplitude, *points, self.offset, self.noise)

    @classmethod
    def fit_gaussian_process(
        cls, X: NDArray[np.float64], z: NDArray[np.float64], *, nu: float, per_feature: bool
    ) -> "KernelMachine":
        """Fit a Gaussian process by maximum marginal likelihood.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Standardised descriptors.
        z : ndarray of shape (n_samples,)
            Standardised labels.
        nu : {1.5, 2.5}
            Smoothness of the Matern kernel.
        per_feature : bool
            Learn a length scale for each descriptor (automatic relevance determination).
        """
        # Imported where it trains, which predicting need not wait for.
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        # One scale for all: distances grow with the root of the number of descriptors, and the
        # search must start where points are told apart.
        scale = np.full(X.shape[1], 3.0) if per_feature else float(np.sqrt(X.shape[1]))
        kernel = ConstantKernel(1.0) * Matern(scale, _LENGTH_BOUNDS, nu=nu) + WhiteKernel(
            0.05, (1e-4, 1.0)
        )
        with warnings.catch_warnings():
            # A length scale at its upper bound is a descriptor found irrelevant, not a failure.
            warnings.simplefilter("ignore", ConvergenceWarning)
            process = GaussianProcessRegressor(kernel, alpha=_JITTER, random_state=0)
            process.fit(X[_some(len(X))], z[_some(len(X))])
        product, white = process.kernel_.k1, process.kernel_.k2
        return cls(
            kernel="matern15" if nu == 1.5 else "matern25",
            amplitude=float(product.k1.constant_value),
            length_scale=np.atleast_1d(np.asarray(product.k2.length_scale, dtype=np.float64)),
            points=X,
            weights=np.zeros(len(X)),  # solved for below
            offset=0.0,
            noise=float(white.noise_level),
        ).solved_for(X, z)

    def solved_for(self, X: NDArray[np.float64], z: NDArray[np.float64]) -> "KernelMachine":
        """Condition the process on other labels; its hyperparameters are kept."""
        machine = KernelMachine(
            self.kernel, self.amplitude, self.length_scale, X, np.zeros(len(X)), 0.0, self.noise
        )
        covariance = machine._training_covariance()
        covariance[np.diag_indices_from(covariance)] += (self.noise or 0.0) + _JITTER
        machine.weights = cho_solve((cholesky(covariance, lower=True), True), z)
        return machine

    @classmethod
    def fit_support_vectors(cls, X: NDArray[np.float64], z: NDArray[np.float64]) -> Self:
        """Fit a support vector machine with a Gaussian kernel to standardised rows and labels."""
        from sklearn.svm import SVR

        gamma = 1.0 / X.shape[1]
        machine = SVR(C=_SVR_COST, epsilon=_SVR_TUBE, gamma=gamma).fit(X, z)
        return cls(
            kernel="rbf",
            amplitude=1.0,
            length_scale=np.array([np.sqrt(0.5 / gamma)]),
            points=X,
            weights=_scattered(machine.dual_coef_.ravel(), machine.support_, len(X)),
            offset=float(machine.intercept_[0]),
            noise=None,
        )

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict standardised labels, shape (n_rows,)."""
        return evaluate([self], X, spread=False)[0][0]

    def get_state(self) -> dict[str, Any]:
        """Return plain values and arrays; the points are stored once for all machines."""
        return {name: getattr(self, name) for name in _STATE}

    @classmethod
    def from_state(cls, state: dict[str, Any], points: NDArray[np.float64]) -> Self:
        """Rebuild a machine on its points, which are checked already."""
        numbers = ["amplitude", "offset", *(["noise"] if state["noise"] is not None else [])]
        check_arrays(
            state,
            "a kernel machine",
            {
                "kernel": str,
                "length_scale": (np.float64, ("n_scales",)),
                "weights": (np.float64, (len(points),)),
                **dict.fromkeys(numbers, float),
            },
        )
        machine = {name: state[name] for name in _STATE}
        length_scale = machine["length_scale"]
        if machine["kernel"] not in KERNELS:
            raise ModelFormatError(f"expected a kernel machine with one of the kernels {KERNELS}")
        positive = machine["amplitude"] > 0 and (length_scale > 0).all()
        fits = len(length_scale) in (1, points.shape[1])
        if not fits or not positive or (machine["noise"] or 0) < 0:
            raise ModelFormatError(
                "expected a kernel machine with positive scales, one or one a descriptor"
            )
        return cls(points=points, **machine)

    def covariance(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the covariance of points at given distances, in units of the length scale."""
        if self.kernel == "rbf":
            return self.amplitude * np.exp(-0.5 * distance**2)
        root = np.sqrt(3.0 if self.kernel == "matern15" else 5.0)
        scaled = root * distance
        polynomial = scaled + 1.0
        if self.kernel == "matern25":
            polynomial += scaled**2 / 3.0
        np.negative(scaled, out=scaled)
        polynomial *= np.exp(scaled, out=scaled)
        polynomial *= self.amplitude
        return polynomial

    def mean(self, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict from the covariances with the training points, shape (n_rows, n_used)."""
        return self.offset + covariance @ self.weights[self.used]

    def spread(self, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict the spread from the covariances with the training points.

        With at most :data:`INDUCING_ROWS` points it is exact. With more it is the spread of the
        sparse process of Titsias (2009), on inducing points chosen as by Burt et al. (2020), which
        is a little wider: 1 % in the mean with 500 of 1245 points.
        """
        if self.noise is None:
            return np.zeros(len(covariance))
        if self._explained is None:
            many = len(self.points) > INDUCING_ROWS
            self._explained = self._sparse_root() if many else self._exact_root()
        points, root = self._explained
        solved = covariance.take(points, axis=1) @ root.T
        variance = self.amplitude + self.noise - np.einsum("ij,ij->i", solved, solved)
        return np.sqrt(np.maximum(variance, self.noise))

    def _exact_root(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return points and a matrix R: covariances k with them explain |R k|^2 of the variance."""
        covariance = self._training_covariance()
        covariance[np.diag_indices_from(covariance)] += (self.noise or 0.0) + _JITTER
        factor = cholesky(covariance, lower=True)
        # A product with the inverted factor is four times as fast as solving for a few rows.
        return np.arange(len(factor)), solve_triangular(factor, np.eye(len(factor)), lower=True)

    def _sparse_root(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return the same for a sparse process on a few inducing points."""
        covariance = self._training_covariance()
        points = _pivots(covariance, INDUCING_ROWS)
        among = covariance[np.ix_(points, points)]
        among[np.diag_indices_from(among)] += _JITTER * self.amplitude
        inverse = solve_triangular(cholesky(among, lower=True), np.eye(len(among)), lower=True)
        known = inverse @ covariance[points]
        # k^T (A^-1 - (A + C C^T / noise)^-1) k, A among the points and C of them with all.
        gain, directions = eigh(known @ known.T / (self.noise or _JITTER))
        share = np.sqrt(np.maximum(gain, 0.0) / (1.0 + np.maximum(gain, 0.0)))
        return points, share[:, None] * (directions.T @ inverse)

    def _training_covariance(self) -> NDArray[np.float64]:
        """Covariance of the training points with each other."""
        scaled = self.points / self.length_scale
        return self.covariance(_Places(scaled).distances_from(scaled))


@one_blas_thread()
def evaluate(
    machines: Sequence[KernelMachine], X: NDArray[np.float64], *, spread: bool = True
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Predict with several machines at once.

    Rows are taken in blocks, the last filled up with zeros, so that a row's prediction does not
    depend on the rows beside it, to the last bit.

    Parameters
    ----------
    machines : sequence of KernelMachine
    X : ndarray of shape (n_rows, n_features)
        Standardised descriptors.
    spread : bool
        Also the spread, which costs as much again.

    Returns
    -------
    list of (prediction, spread)
        One pair a machine, each of shape (n_rows,); the spread is zero where it is not asked for.
    """
    results = [(np.empty(len(X)), np.zeros(len(X))) for _ in machines]
    for machine, (prediction, std) in zip(machines, results, strict=True):
        # Products of few points are so small that BLAS may choose by size how to sum them.
        step = ROW_STEP if len(machine.points) > INDUCING_ROWS else BLOCK_ROWS
        for first in range(0, len(X), BLOCK_ROWS):
            rows = slice(first, min(first + BLOCK_ROWS, len(X)))
            n_rows = rows.stop - first
            filled = np.zeros((-(-n_rows // step) * step, X.shape[1]))
            filled[:n_rows] = X[rows]
            distances = machine.places.distances_from(filled / machine.length_scale)
            covariance = machine.covariance(distances)
            prediction[rows] = machine.mean(covariance)[:n_rows]
            if spread:
                std[rows] = machine.spread(covariance)[:n_rows]
    return results


class _Places:
    """Reference points that distances are measured from.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_features)
    """

    def __init__(self, points: NDArray[np.float64]) -> None:
        self._double = -2.0 * points.T
        self._squares = np.einsum("ij,ij->i", points, points)

    def distances_from(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return Euclidean distances, by one matrix product, to 1e-8 of the rows' size."""
        squared = X @ self._double
        squared += np.einsum("ij,ij->i", X, X)[:, None]
        squared += self._squares
        return np.sqrt(np.maximum(squared, 0.0, out=squared), out=squared)


def _pivots(covariance: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Greedy pivoted Cholesky: each new point has the largest variance left unexplained."""
    left = np.diag(covariance).copy()
    least = 1e-8 * left.max()
    rows = np.empty((most, len(left)))
    chosen: list[int] = []
    while len(chosen) < most and left.max() > least:
        pivot, n = int(np.argmax(left)), len(chosen)
        rows[n] = (covariance[pivot] - rows[:n, pivot] @ rows[:n]) / np.sqrt(left[pivot])
        left -= rows[n] ** 2
        chosen.append(pivot)
    return np.array(chosen, dtype=np.intp)


def _some(n_rows: int) -> NDArray[np.intp]:
    """Return rows to find hyperparameters on: all, or a random choice of them."""
    if n_rows <= HYPERPARAMETER_ROWS:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(0).choice(n_rows, HYPERPARAMETER_ROWS, replace=False))


def _scattered(
    values: NDArray[np.float64], positions: NDArray[np.intp], length: int
) -> NDArray[np.float64]:
    whole = np.zeros(length)
    whole[positions] = values
    return whole
