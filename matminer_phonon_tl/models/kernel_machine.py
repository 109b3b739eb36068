"""Gaussian processes and support vector machines as arrays, once scikit-learn has fitted them.

Both predict offset + sum_i weight_i k(x, x_i). Kept as the points x_i and their weights, a fitted
machine is plain numbers: it travels as JSON and predicts alike under any scikit-learn.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, eigh, qr, solve_triangular

from matminer_phonon_tl.blas import one_blas_thread
from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models.state import check_arrays

KERNELS = ("matern15", "matern25", "rbf")
_STATE = ("kernel", "amplitude", "metric", "weights", "offset", "noise")
_JITTER = 1e-10
ROW_STEP = 48
"""Blocks of rows are filled up to a multiple of this, which is one of the numbers of rows that BLAS
kernels take at a time (8, 12, 16, 24, 48): what is left over, they may sum in another order, and a
row's last bit would tell where in the block it stood."""
BLOCK_ROWS = 4 * ROW_STEP
"""Rows evaluated at once: enough for matrix products, few enough for a core's cache."""
TILE_POINTS = 512
"""Training points evaluated at once: their covariances with a block of rows stay in the cache."""
INDUCING_ROWS = 500
"""Inducing points for the spread of a larger machine; the cost grows with their square."""
HYPERPARAMETER_ROWS = 1000
"""Rows enough to find the hyperparameters; the cost of the search grows with their cube."""
AXES = 96
"""Axes that points are projected on when each descriptor has its own length scale. Descriptors are
strongly correlated: 96 axes keep more than 99 % of the squared distances between 306 of them, at a
third of the time."""
_PRIOR_PRECISION = 1 / 150
"""Times the number of descriptors: of a Gaussian prior on the logarithm of each length scale around
the common one. Without it the likelihood of a few hundred rows would choose among hundreds of
descriptors by chance."""
_START_NOISE = 0.01
_AMPLITUDE_BOUNDS, _NOISE_BOUNDS, _SCALE_BOUNDS = (1e-2, 1e3), (1e-4, 1.0), (0.1, 1e3)
_FARTHEST_SCALE = 6.0
"""Of a descriptor's length scale from the common one, as a logarithm: farther, rounding errors of
the distances would be as large as distances."""
_SEARCH_STEPS = 60
_FARTHEST = float(np.finfo(np.float64).max)
"""Distance to the nearest of no points."""
_SVR_COST, _SVR_TUBE = 8.0, 0.025


class KernelMachine:
    """A fitted Gaussian process or support vector machine.

    Parameters
    ----------
    kernel : {"matern15", "matern25", "rbf"}
        Matern kernels of smoothness 1.5 and 2.5, or the Gaussian exp(-d^2 / 2).
    amplitude : float
        Variance of the process.
    metric : ndarray of shape (1,), (n_features,) or (n_features, n_axes)
        Distances are measured between points times this: an inverse length scale, one for each
        descriptor, or axes to project on.
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
        metric: NDArray[np.float64],
        points: NDArray[np.float64],
        weights: NDArray[np.float64],
        offset: float,
        noise: float | None,
    ) -> None:
        self.kernel = kernel
        self.amplitude = amplitude
        self.metric = metric
        self.points = points
        self.weights = weights
        self.offset = offset
        self.noise = noise
        # Only these count; the factor below needs all of a process's points anyway.
        self.used = np.flatnonzero(weights) if noise is None else np.arange(len(points))
        self.places = _Places(self.mapped(points[self.used]))
        self._explained: tuple[NDArray[np.intp], NDArray[np.floating[Any]]] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what is given to the constructor, and what takes seconds to compute from it."""
        points = (self.metric, self.points, self.weights)
        given = (self.kernel, self.amplitude, *points, self.offset, self.noise)
        return type(self), given, {"_explained": self._explained}

    @classmethod
    def fit_gaussian_process(
        cls, X: NDArray[np.float64], z: NDArray[np.float64], *, nu: float, per_feature: bool
    ) -> "KernelMachine":
        """Fit a Gaussian process: hyperparameters of largest posterior density, exact weights.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Standardised descriptors.
        z : ndarray of shape (n_samples,)
            Standardised labels.
        nu : {1.5, 2.5}
            Smoothness of the Matern kernel.
        per_feature : bool
            Learn a length scale for each descriptor (automatic relevance determination), with a
            prior around the common one; the points are then projected on at most :data:`AXES` axes.

        Notes
        -----
        Hyperparameters are found on at most :data:`HYPERPARAMETER_ROWS` rows, drawn at random.
        """
        kernel = "matern15" if nu == 1.5 else "matern25"
        some = _some(len(X))
        found = _most_probable(kernel, X[some], z[some], per_feature=per_feature)
        metric = found.metric
        if len(metric) > AXES:
            metric = _principal_axes(X, metric)
        machine = cls(kernel, found.amplitude, metric, X, np.zeros(len(X)), 0.0, found.noise)
        return machine.solved_for(X, z)

    def solved_for(self, X: NDArray[np.float64], z: NDArray[np.float64]) -> "KernelMachine":
        """Condition the process on other labels; its hyperparameters are kept."""
        machine = KernelMachine(
            self.kernel, self.amplitude, self.metric, X, np.zeros(len(X)), 0.0, self.noise
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
            metric=np.array([np.sqrt(2.0 * gamma)]),
            points=X,
            weights=_scattered(machine.dual_coef_.ravel(), machine.support_, len(X)),
            offset=float(machine.intercept_[0]),
            noise=None,
        )

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict standardised labels, shape (n_rows,)."""
        return evaluate([self], X, spread=False)[0].mean

    def get_state(self) -> dict[str, Any]:
        """Return plain values and arrays; the points are stored once for all machines.

        What the spread of a large machine needs is kept too: it takes seconds to compute.
        """
        state = {name: getattr(self, name) for name in _STATE}
        if self.noise is None or len(self.points) <= INDUCING_ROWS:
            return state | {"inducing": None}
        points, root = self._spread_root()
        return state | {"inducing": {"points": points.astype(np.int32), "root": root}}

    @classmethod
    def from_state(cls, state: dict[str, Any], points: NDArray[np.float64]) -> Self:
        """Rebuild a machine on its points, which are checked already."""
        numbers = ["amplitude", "offset", *(["noise"] if state["noise"] is not None else [])]
        n_features = points.shape[1]
        projects = getattr(state["metric"], "ndim", 1) == 2
        check_arrays(
            state,
            "a kernel machine",
            {
                "kernel": str,
                "metric": (np.float64, (n_features, "n_axes") if projects else ("n_scales",)),
                "weights": (np.float64, (len(points),)),
                **dict.fromkeys(numbers, float),
            },
        )
        machine = {name: state[name] for name in _STATE}
        metric = machine["metric"]
        if machine["kernel"] not in KERNELS:
            raise ModelFormatError(f"expected a kernel machine with one of the kernels {KERNELS}")
        positive = machine["amplitude"] > 0 and (projects or (metric > 0).all())
        fits = 1 <= metric.shape[1] <= n_features if projects else len(metric) in (1, n_features)
        if not fits or not positive or (machine["noise"] or 0) < 0:
            raise ModelFormatError(
                "expected a kernel machine with positive scales, one or one a descriptor, or axes"
            )
        fitted = cls(points=points, **machine)
        if state["inducing"] is not None:
            fitted._explained = _read_inducing(state["inducing"], len(points))
        return fitted

    def mapped(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points between which distances are measured."""
        return X @ self.metric if self.metric.ndim == 2 else X * self.metric

    def covariance(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the covariance of points at given distances, in units of the length scale."""
        if self.kernel == "rbf":
            return self.amplitude * np.exp(-0.5 * distance**2)
        correlation = _matern(self.kernel, distance)
        correlation *= self.amplitude
        return correlation

    def evaluate(self, X: NDArray[np.float64], n_rows: int, *, spread: bool) -> "Evaluation":
        """Predict the first rows of a block, going through the training points tile by tile.

        The other rows are only there for the matrix products, see :func:`evaluate`.
        """
        mapped = self.mapped(X)
        weights = self.weights[self.used]
        mean, nearest = np.full(len(X), self.offset), np.full(n_rows, _FARTHEST)
        spread = spread and self.noise is not None
        inducing = self._spread_root()[0] if spread else np.empty(0, dtype=np.intp)
        known = np.empty((len(X), len(inducing)))
        for first in range(0, len(weights), TILE_POINTS):
            tile = slice(first, first + TILE_POINTS)
            distances = self.places.distances_from(mapped, tile, n_rows)
            np.minimum(nearest, distances.min(axis=1), out=nearest)
            covariance = _filled_up(self.covariance(distances), len(X))
            mean += covariance @ weights[tile]
            here = np.flatnonzero((inducing >= first) & (inducing < tile.stop))
            known[:, here] = covariance[:, inducing[here] - first]
        std = self._spread(known) if spread else np.zeros(len(X))
        return Evaluation(mean[:n_rows], std[:n_rows], nearest)

    def _spread(self, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict the spread from the covariances with the points that explain it.

        With at most :data:`INDUCING_ROWS` points it is exact. With more it is the spread of the
        sparse process of Titsias (2009), on inducing points chosen as by Burt et al. (2020), which
        is a little wider: 1 % in the mean with 500 of 1245 points.
        """
        solved = covariance @ self._spread_root()[1].T
        noise = self.noise or 0.0
        variance = self.amplitude + noise - np.einsum("ij,ij->i", solved, solved)
        return np.sqrt(np.maximum(variance, noise))

    def _spread_root(self) -> tuple[NDArray[np.intp], NDArray[np.floating[Any]]]:
        """Return points and a matrix R: covariances k with them explain |R k|^2 of the variance."""
        if self._explained is None:
            many = len(self.points) > INDUCING_ROWS
            self._explained = self._sparse_root() if many else self._exact_root()
        return self._explained

    def _exact_root(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return them for all points."""
        covariance = self._training_covariance()
        covariance[np.diag_indices_from(covariance)] += (self.noise or 0.0) + _JITTER
        factor = cholesky(covariance, lower=True)
        # A product with the inverted factor is four times as fast as solving for a few rows.
        return np.arange(len(factor)), solve_triangular(factor, np.eye(len(factor)), lower=True)

    def _sparse_root(self) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return them for a sparse process on a few inducing points; R in single precision."""
        covariance = self._training_covariance()
        points = _pivots(covariance, INDUCING_ROWS)
        among = covariance[np.ix_(points, points)]
        among[np.diag_indices_from(among)] += _JITTER * self.amplitude
        inverse = solve_triangular(cholesky(among, lower=True), np.eye(len(among)), lower=True)
        known = inverse @ covariance[points]
        # k^T (A^-1 - (A + C C^T / noise)^-1) k, A among the points and C of them with all.
        gain, directions = eigh(known @ known.T / (self.noise or _JITTER))
        share = np.sqrt(np.maximum(gain, 0.0) / (1.0 + np.maximum(gain, 0.0)))
        root = share[:, None] * (directions.T @ inverse)
        # Any rotation of it explains as much; a triangle is half as long in a file.
        triangle = np.triu(qr(root, mode="r")[0])
        return points, triangle.astype(np.float32)

    def _training_covariance(self) -> NDArray[np.float64]:
        """Covariance of the training points with each other."""
        scaled = self.mapped(self.points)
        return self.covariance(_Places(scaled).distances_from(scaled))


class Evaluation(NamedTuple):
    """What a machine says of each row, in standard units; one entry a row."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    """Zero where it was not asked for, and for a support vector machine."""
    distance: NDArray[np.float64]
    """To the nearest of the machine's points, in its metric."""


@one_blas_thread()
def evaluate(
    machines: Sequence[KernelMachine], X: NDArray[np.float64], *, spread: bool = True
) -> list[Evaluation]:
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
    list of Evaluation
        One a machine.
    """
    results = [Evaluation(*np.zeros((3, len(X)))) for _ in machines]
    for machine, result in zip(machines, results, strict=True):
        # Products of few points are so small that BLAS may choose by size how to sum them.
        step = ROW_STEP if len(machine.points) > INDUCING_ROWS else BLOCK_ROWS
        for first in range(0, len(X), BLOCK_ROWS):
            rows = slice(first, min(first + BLOCK_ROWS, len(X)))
            n_rows = rows.stop - first
            filled = _filled_up(X[rows], -(-n_rows // step) * step)
            found = machine.evaluate(filled, n_rows, spread=spread)
            for whole, part in zip(result, found, strict=True):
                whole[rows] = part
    return results


def _filled_up(rows: NDArray[np.float64], n_rows: int) -> NDArray[np.float64]:
    """Return rows with zeros below them."""
    if len(rows) == n_rows:
        return rows
    return np.concatenate([rows, np.zeros((n_rows - len(rows), rows.shape[1]))])


def _read_inducing(
    state: dict[str, Any], n_points: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Check what a file holds for the spread of a large machine."""
    check_arrays(
        state,
        "inducing points",
        {"points": (np.int32, ("n_inducing",)), "root": (np.float32, ("n_inducing", "n_inducing"))},
    )
    points = state["points"].astype(np.intp)
    if not len(points) or points.min() < 0 or points.max() >= n_points:
        raise ModelFormatError("expected inducing points among the training rows")
    return points, state["root"]


class _Hyperparameters(NamedTuple):
    """What the search for a Gaussian process finds."""

    metric: NDArray[np.float64]
    amplitude: float
    noise: float


@one_blas_thread()
def _most_probable(
    kernel: str, X: NDArray[np.float64], z: NDArray[np.float64], *, per_feature: bool
) -> _Hyperparameters:
    """Find the hyperparameters of largest posterior density, with a common scale first."""
    from scipy.optimize import minimize

    n_features = X.shape[1]
    # Distances grow with the root of the number of descriptors, and the search must start where
    # points are told apart.
    common = -0.5 * np.log(n_features)
    bounds = [tuple(np.log(pair)) for pair in (_AMPLITUDE_BOUNDS, _NOISE_BOUNDS)]
    widest = [tuple(np.sort(common - np.log(_SCALE_BOUNDS)))]

    def with_common_scale(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = _negative_log_posterior(
            np.append(np.full(n_features, theta[0]), theta[1:]), kernel, X, z, theta[0]
        )
        return value, np.append(slope[:n_features].sum(), slope[n_features:])

    def search(objective: Any, start: Any, scale_bounds: Any, *context: Any) -> Any:
        return minimize(
            objective,
            start,
            args=context,
            jac=True,
            method="L-BFGS-B",
            bounds=[*scale_bounds, *bounds],
            options={"maxiter": _SEARCH_STEPS},
        ).x

    theta = search(with_common_scale, [common, 0.0, np.log(_START_NOISE)], widest)
    if per_feature:
        start = np.append(np.full(n_features, theta[0]), theta[1:])
        # The prior keeps scales nearer than that; a step of the search may not.
        around = (theta[0] - _FARTHEST_SCALE, theta[0] + _FARTHEST_SCALE)
        theta = search(
            _negative_log_posterior, start, [around] * n_features, kernel, X, z, theta[0]
        )
    amplitude, noise = np.exp(theta[-2:]).tolist()
    return _Hyperparameters(np.exp(theta[:-2]), amplitude, noise)


def _negative_log_posterior(
    theta: NDArray[np.float64],
    kernel: str,
    X: NDArray[np.float64],
    z: NDArray[np.float64],
    common: float,
) -> tuple[float, NDArray[np.float64]]:
    """Return -ln p(theta | X, z) a row, up to a constant, and its gradient.

    Parameters
    ----------
    theta : ndarray of shape (n_features + 2,)
        Logarithms of the inverse length scales, of the amplitude and of the noise.
    kernel : {"matern15", "matern25"}
    X : ndarray of shape (n_samples, n_features)
    z : ndarray of shape (n_samples,)
    common : float
        Centre of the prior on the first.

    References
    ----------
    C. E. Rasmussen, C. K. I. Williams, Gaussian Processes for Machine Learning (MIT Press, 2006),
    chapter 5.4.
    """
    n_samples, n_features = X.shape
    deviation = theta[:n_features] - common
    amplitude, noise = np.exp(theta[n_features:])
    scaled = X * np.exp(theta[:n_features])
    distance = _Places(scaled).distances_from(scaled)
    correlation = _matern(kernel, distance)
    covariance = amplitude * correlation
    covariance[np.diag_indices_from(covariance)] += noise + _JITTER
    factor = cholesky(covariance, lower=True)
    weights = cho_solve((factor, True), z)
    value = 0.5 * z @ weights + np.log(np.diag(factor)).sum()
    precision = _PRIOR_PRECISION * n_features
    value += 0.5 * precision * deviation @ deviation
    # The derivative with respect to the covariance; then the chain rule.
    slope = 0.5 * (cho_solve((factor, True), np.eye(n_samples)) - np.outer(weights, weights))
    of_amplitude, of_noise = amplitude * (slope * correlation).sum(), noise * np.trace(slope)
    slope *= amplitude * _matern_slope(kernel, distance)  # now of the squared distances
    of_scales = 4.0 * (
        slope.sum(axis=1) @ scaled**2 - np.einsum("ij,ij->j", scaled, slope @ scaled)
    )
    of_scales += precision * deviation
    return value / n_samples, np.append(of_scales, [of_amplitude, of_noise]) / n_samples


def _matern(kernel: str, distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Matern correlation at distances in units of the length scale."""
    root = np.sqrt(3.0 if kernel == "matern15" else 5.0)
    scaled = root * distance
    polynomial = scaled + 1.0
    if kernel == "matern25":
        polynomial += scaled**2 / 3.0
    np.negative(scaled, out=scaled)
    polynomial *= np.exp(scaled, out=scaled)
    return polynomial


def _matern_slope(kernel: str, distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the derivative of :func:`_matern` with respect to the squared distance."""
    if kernel == "matern15":
        return -1.5 * np.exp(-np.sqrt(3.0) * distance)
    scaled = np.sqrt(5.0) * distance
    return -5.0 / 6.0 * (1.0 + scaled) * np.exp(-scaled)


def _principal_axes(X: NDArray[np.float64], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return axes, shape (n_features, AXES), that keep most of the distances of scaled points."""
    scaled = X * scales
    scaled -= scaled.mean(axis=0)
    directions = eigh(scaled.T @ scaled)[1][:, : -AXES - 1 : -1]
    return np.ascontiguousarray(scales[:, None] * directions)


class _Places:
    """Reference points that distances are measured from.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_features)
    """

    def __init__(self, points: NDArray[np.float64]) -> None:
        self._double = -2.0 * points.T
        self._squares = np.einsum("ij,ij->i", points, points)

    def distances_from(
        self, X: NDArray[np.float64], points: slice = slice(None), n_rows: int | None = None
    ) -> NDArray[np.float64]:
        """Return Euclidean distances, by one matrix product, to 1e-8 of the rows' size.

        Of all rows, or of the first ``n_rows``; the product is of all.
        """
        squared = (X @ self._double[:, points])[:n_rows]
        squared += np.einsum("ij,ij->i", X, X)[:n_rows, None]
        squared += self._squares[points]
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
