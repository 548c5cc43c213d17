"""Random forest: for numeric and categorical columns whose effects are not additive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from alcli.models import Arrays, Model

BLOCK = 8192
"""Rows predicted together, so that memory stays flat."""
LEAF = -1
"""The child of a node that has none."""


@dataclass
class RandomForest(Model):
    """The mean of many decision trees, each grown by scikit-learn on a bootstrap of the labels.

    Breiman (2001), Random Forests. Kept as the plain arrays of its trees' nodes, one tree after the other;
    they are checked before they are handed to scikit-learn's compiled trees, which trust what they get.

    Attributes:
        n_trees: more are steadier and slower.
        max_depth: null grows every tree to the end.
        min_samples_leaf: labels in a leaf at least; more gives smoother probabilities.
        class_weight: null, balanced, or balanced_subsample.

    Example:
        >>> rows = np.array([[0.0], [1.0], [2.0], [3.0]], dtype=np.float32)
        >>> model = RandomForest(n_trees=10)
        >>> model.fit(rows, np.array([0, 0, 1, 1]), 3, np.random.default_rng(0))
        >>> model.predict_proba(rows[:1])
        array([[1., 0., 0.]], dtype=float32)
    """

    linear: ClassVar[bool] = False

    n_trees: int = 100
    max_depth: int | None = None
    min_samples_leaf: int = 1
    class_weight: Literal["balanced", "balanced_subsample"] | None = None

    def __post_init__(self) -> None:
        if self.n_trees < 1:
            raise ValueError(f"n_trees must be at least 1; found {self.n_trees!r}")
        if self.max_depth is not None and self.max_depth < 1:
            raise ValueError(f"max_depth must be null or at least 1; found {self.max_depth!r}")
        if self.min_samples_leaf < 1:
            raise ValueError(f"min_samples_leaf must be at least 1; found {self.min_samples_leaf!r}")
        if self.class_weight not in (None, "balanced", "balanced_subsample"):
            raise ValueError(
                f"class_weight must be null, balanced or balanced_subsample; found {self.class_weight!r}"
            )

    def fit(self, rows: Any, y: NDArray[np.int64], n_classes: int, rng: np.random.Generator) -> None:
        """Grow the trees; `rng` draws their bootstraps and splits."""
        from sklearn.ensemble import RandomForestClassifier  # slow to import

        forest = RandomForestClassifier(
            n_estimators=self.n_trees,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            class_weight=self.class_weight,
            random_state=int(rng.integers(2**31)),
        ).fit(rows, y)
        shape = np.array([rows.shape[1], n_classes], dtype=np.int64)
        nodes = _nodes([tree.tree_ for tree in forest.estimators_])
        self.load_arrays({"shape": shape, "classes": forest.classes_.astype(np.int64), **nodes})

    def predict_proba(self, rows: Any) -> NDArray[np.float32]:
        """(n, C) float32: the mean of the trees, added in their order; 0 for a class that was not seen."""
        classes = self._arrays["classes"]
        n_features, n_classes = self._arrays["shape"]
        if rows.shape[1] != n_features:
            raise ValueError(f"the model was fitted on {n_features} features, found {rows.shape[1]}")
        proba = np.zeros((rows.shape[0], n_classes), dtype=np.float32)
        for start in range(0, rows.shape[0], BLOCK):
            part = rows[start : start + BLOCK]
            total = np.zeros((part.shape[0], len(classes)))
            for tree in self._trees:
                total += tree.predict(part)
            proba[start : start + BLOCK, classes] = total / len(self._trees)
        return proba

    def to_arrays(self) -> Arrays:
        """Of all nodes left, right, feature, threshold, values; the trees' sizes; classes; shape (d, C)."""
        return self._arrays

    def load_arrays(self, arrays: Arrays) -> Self:
        """Take back what `to_arrays` gave.

        Raises:
            ValueError: a node points outside its tree or at a feature that is not there.
        """
        _check(arrays)
        ends = np.cumsum(arrays["sizes"])
        self._arrays = arrays
        self._trees = [
            _tree(arrays, slice(end - size, end)) for size, end in zip(arrays["sizes"], ends, strict=True)
        ]
        return self


def _nodes(trees: list[Any]) -> dict[str, NDArray[Any]]:
    """The nodes of scikit-learn's trees, one tree after the other."""
    return {
        "sizes": np.array([tree.node_count for tree in trees], dtype=np.int64),
        "left": np.concatenate([tree.children_left for tree in trees]).astype(np.int32),
        "right": np.concatenate([tree.children_right for tree in trees]).astype(np.int32),
        "feature": np.concatenate([tree.feature for tree in trees]).astype(np.int32),
        "threshold": np.concatenate([tree.threshold for tree in trees]).astype(np.float64),
        "values": np.concatenate([tree.value[:, 0, :] for tree in trees]).astype(np.float64),
    }


def _tree(arrays: Arrays, nodes: slice) -> Any:
    """One of scikit-learn's compiled trees, from its nodes."""
    from sklearn.tree._tree import NODE_DTYPE, Tree  # slow to import

    values = np.ascontiguousarray(arrays["values"][nodes, np.newaxis, :])
    packed = np.zeros(len(values), dtype=NODE_DTYPE)
    packed["left_child"] = arrays["left"][nodes]
    packed["right_child"] = arrays["right"][nodes]
    packed["feature"] = arrays["feature"][nodes]
    packed["threshold"] = arrays["threshold"][nodes]
    tree = Tree(int(arrays["shape"][0]), np.array([values.shape[2]], dtype=np.intp), 1)
    tree.__setstate__({"max_depth": 0, "node_count": len(packed), "nodes": packed, "values": values})
    return tree


def _check(arrays: Arrays) -> None:
    """Refuse nodes that would make compiled code read outside its memory or walk in a circle."""
    sizes, left, right, feature = (arrays[name] for name in ("sizes", "left", "right", "feature"))
    n_features, n_classes = arrays["shape"]
    classes, total = arrays["classes"], len(left)
    if (sizes < 1).any() or sizes.sum() != total or classes.ndim != 1:
        raise ValueError("the forest's trees do not add up to its nodes")
    if any(len(arrays[name]) != total for name in ("right", "feature", "threshold")):
        raise ValueError("the forest's nodes are incomplete")
    if arrays["values"].shape != (total, len(classes)):
        raise ValueError("the forest's leaves do not fit its classes")
    if ((classes < 0) | (classes >= n_classes)).any():
        raise ValueError("the forest names a class that is not there")
    size = np.repeat(sizes, sizes)
    place = np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    leaf = (left == LEAF) & (right == LEAF)
    # children come after their parent, so no walk goes round in circles
    inner = (left > place) & (right > place) & (left < size) & (right < size)
    if not (leaf | (inner & (feature >= 0) & (feature < n_features))).all():
        raise ValueError("a node of the forest points outside its tree")
