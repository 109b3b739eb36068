"""A fitted forest of decision trees as flat arrays, evaluated for many rows at once.

scikit-learn keeps fitted trees in private structures that change between versions. These arrays do
not, so a forest saved as JSON gives the same probabilities under any version, to the last bit.
"""

from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from matminer_phonon_tl.exceptions import ModelFormatError
from matminer_phonon_tl.models.state import check_arrays

ROWS_AT_ONCE = 512
"""Rows that walk together: few enough for a core's cache."""
LEVELS_AT_ONCE = 4
"""Levels to walk before rows that have reached a leaf are taken out."""
LEAF = -1


class Forest:
    """Trees of a binary classifier, their nodes laid end to end.

    Parameters
    ----------
    feature : ndarray of int16, shape (n_nodes,)
        Column that a node compares; -1 at a leaf.
    threshold : ndarray of float64, shape (n_nodes,)
        A row goes left where its value is at most this; 0 at a leaf.
    children : ndarray of int32, shape (n_nodes, 2)
        Left and right child, counted over the whole forest; -1 at a leaf.
    probability : ndarray of float64, shape (n_nodes,)
        Share of the positive class at a leaf; 0 at inner nodes.
    roots : ndarray of int32, shape (n_trees,)
        First node of each tree.
    n_features : int
        Columns of the descriptor matrix.
    """

    def __init__(
        self,
        feature: NDArray[np.int16],
        threshold: NDArray[np.float64],
        children: NDArray[np.int32],
        probability: NDArray[np.float64],
        roots: NDArray[np.int32],
        n_features: int,
    ) -> None:
        self.feature = feature
        self.threshold = threshold
        self.children = children
        self.probability = probability
        self.roots = roots
        self.n_features = n_features

    @classmethod
    def from_sklearn(cls, forest: Any) -> Self:
        """Read a fitted scikit-learn forest of two classes, the second of which is positive."""
        trees = [estimator.tree_ for estimator in forest.estimators_]
        sizes = [tree.node_count for tree in trees]
        roots = np.cumsum([0, *sizes[:-1]])
        leaf = np.concatenate([tree.children_left for tree in trees]) == LEAF
        children = np.vstack(
            [
                np.column_stack([tree.children_left, tree.children_right]) + root
                for tree, root in zip(trees, roots, strict=True)
            ]
        )
        children[leaf] = LEAF
        # Shares of the classes, which scikit-learn >= 1.3 gives as they are.
        probability = np.concatenate([tree.value[:, 0, 1] for tree in trees])
        probability[~leaf] = 0.0
        threshold = np.concatenate([tree.threshold for tree in trees])
        threshold[leaf] = 0.0
        feature = np.concatenate([tree.feature for tree in trees])
        feature[leaf] = LEAF
        return cls(
            feature=feature.astype(np.int16),
            threshold=threshold,
            children=children.astype(np.int32),
            probability=probability,
            roots=roots.astype(np.int32),
            n_features=int(forest.n_features_in_),
        )

    def predict_by_tree(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of the positive class from each tree, shape (n_trees, n_rows).

        X is compared in float32, as scikit-learn's trees were grown.
        """
        X = np.ascontiguousarray(X, dtype=np.float32)
        result = np.empty((len(self.roots), len(X)))
        for first in range(0, len(X), ROWS_AT_ONCE):
            block = slice(first, first + ROWS_AT_ONCE)
            result[:, block] = self._predict_block(X[block])
        return result

    def predict_positive(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the mean over the trees, equal to scikit-learn's to the last bit."""
        return mean_of_trees(self.predict_by_tree(X))

    def _predict_block(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Walk all rows down all trees at once, a level at a time."""
        feature, threshold, children = self._walk
        n_rows, n_features = X.shape
        values = X.ravel()
        node = np.repeat(self.roots.astype(np.intp), n_rows)
        start = np.tile(np.arange(n_rows) * n_features, len(self.roots))
        reached = np.empty(len(node), dtype=np.intp)
        place = np.arange(len(node))
        while len(node):
            for _ in range(LEVELS_AT_ONCE):
                at = feature.take(node)
                at += start
                goes_right = values.take(at) > threshold.take(node)
                node *= 2
                node += goes_right
                node = children.take(node)
            at_leaf = threshold.take(node) == np.inf
            reached[place[at_leaf]] = node[at_leaf]
            walking = ~at_leaf
            node, start, place = node[walking], start[walking], place[walking]
        return self.probability[reached].reshape(len(self.roots), n_rows)

    @cached_property
    def _walk(self) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.intp]]:
        """Return nodes for walking: small arrays, in which leaves lead to themselves."""
        leaf = self.feature == LEAF
        # The largest float32 at most the threshold splits float32 values as the threshold does.
        with np.errstate(over="ignore"):
            threshold = self.threshold.astype(np.float32)
        above = threshold > self.threshold
        threshold[above] = np.nextafter(threshold[above], np.float32(-np.inf))
        threshold[leaf] = np.inf
        children = self.children.astype(np.intp)
        children[leaf] = np.flatnonzero(leaf)[:, None]
        return np.where(leaf, 0, self.feature).astype(np.intp), threshold, children.ravel()

    def get_state(self) -> dict[str, Any]:
        """Return plain arrays, each figure once: leaves have no threshold and no feature."""
        leaf = self.feature == LEAF
        return {
            "feature": self.feature,
            "threshold": self.threshold[~leaf],
            "probability": self.probability[leaf],
            # A left child follows its parent, as scikit-learn lays its trees.
            "right": self.children[~leaf, 1],
            "roots": self.roots,
            "n_features": self.n_features,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild a forest; every path must lead forward to a leaf of the tree it starts in."""
        check_arrays(
            state,
            "a forest",
            {
                "feature": (np.int16, ("n_nodes",)),
                "threshold": (np.float64, ("n_inner",)),
                "right": (np.int32, ("n_inner",)),
                "probability": (np.float64, ("n_leaves",)),
                "roots": (np.int32, ("n_trees",)),
                "n_features": int,
            },
        )
        feature, threshold, probability = (
            state[name] for name in ("feature", "threshold", "probability")
        )
        right, roots, n_features = (state[name] for name in ("right", "roots", "n_features"))
        if not 0 < n_features < 2**15:
            raise ModelFormatError(f"expected the number of features, got {n_features!r}")
        n_nodes, leaf = len(feature), feature == LEAF
        inner = np.flatnonzero(~leaf)
        checks = {
            "at least one tree": len(roots) > 0 and n_nodes > 0 and roots[0] == 0,
            "trees in order": bool((np.diff(roots) > 0).all() and (roots < n_nodes).all()),
            "features of the matrix": bool(((feature >= LEAF) & (feature < n_features)).all()),
            "a threshold for each inner node": len(threshold) == len(inner),
            "a probability for each leaf": len(probability) == leaf.sum(),
            "probabilities in 0-1": bool(((probability >= 0) & (probability <= 1)).all()),
        }
        failed = [name for name, passed in checks.items() if not passed]
        if failed:
            raise ModelFormatError(f"expected a forest to have {', '.join(failed)}: it is damaged")
        tree_end = np.repeat(np.append(roots[1:], n_nodes), np.diff(np.append(roots, n_nodes)))
        if not ((right > inner + 1) & (right < tree_end[inner])).all():
            raise ModelFormatError("expected each node's children to follow it in the same tree")
        children = np.full((n_nodes, 2), LEAF, dtype=np.int32)
        children[inner, 0] = inner + 1
        children[inner, 1] = right
        full_threshold, full_probability = np.zeros(n_nodes), np.zeros(n_nodes)
        full_threshold[inner] = threshold
        full_probability[leaf] = probability
        return cls(feature, full_threshold, children, full_probability, roots, n_features)


def mean_of_trees(by_tree: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the first axis, equal to scikit-learn's to the last bit."""
    # One after another, as scikit-learn adds: a sum would add in pairs where there is one row.
    return np.add.accumulate(by_tree, axis=0)[-1] / len(by_tree)
