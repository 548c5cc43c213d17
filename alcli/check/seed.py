"""The seed set: is it large enough, of every class, and spread over the pool?"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.check._facts import Facts
from alcli.check._finding import CAUTION, GOOD, STOP, Finding
from alcli.loop import plural

FEWEST, COVERED, FARTHER = 5, 0.8, 1.2
"""Labels a class; share of the pool's clusters; times as far from the labels as rows drawn at random are."""
_CLUSTERS, _LABELS_A_CLUSTER, _ROWS_A_CLUSTER, _DIRECTIONS, _PROBES = 50, 4, 20, 50, 2000


def look(facts: Facts) -> Finding:
    """Labels a class, classes without any, and how much of the pool lies near to a label."""
    if facts.standing is None or not len(facts.train):
        return Finding.unknown("seed", "no training row has a label", "alcli seed, label, alcli ingest")
    counts = np.bincount(facts.train.y, minlength=len(facts.classes))
    seen = counts[counts > 0]
    missing = [name for name, n in zip(facts.classes, counts.tolist(), strict=True) if n == 0]
    few = [name for name, n in zip(facts.classes, counts.tolist(), strict=True) if 0 < n < FEWEST]
    covered, farther = coverage(facts)
    figure = (
        f"{plural(len(facts.train), 'label')} of {plural(len(seen), 'class', 'classes')}, the fewest "
        f"{seen.min():,}; {covered:.0%} of the pool lies in clusters that hold one"
    )
    advice = _advice(len(seen), missing, few, covered, farther)
    verdict = STOP if len(seen) < 2 else CAUTION if advice else GOOD
    by_class = dict(zip(facts.classes, counts.tolist(), strict=True))
    more = {"by_class": by_class, "missing": missing, "farther": round(farther, 6)}
    lines = [f"a pool row lies {farther:.2f} times as far from the nearest label as from random rows"]
    lines += [f"{name}: {n:,}" for name, n in by_class.items()]
    return Finding("seed", verdict, figure, advice, round(covered, 6), lines=lines, more=more)


def _advice(n_seen: int, missing: list[str], few: list[str], covered: float, farther: float) -> str:
    if n_seen < 2:
        return "label rows of a second class: a model that knows one class cannot tell what would teach it"
    if missing:
        words = "selection cannot look for a class that it has never seen, query.seek can by examples"
        return f"no label of {_names(missing)}: {words}"
    if few:
        return (
            f"fewer than {FEWEST} labels of {_names(few)}: query.seek looks for rows like examples of a class"
        )
    if covered < COVERED or farther > FARTHER:
        return "parts of the pool hold no label: more random seed rows, or query.explore: 0.1, reach them"
    return ""


def _names(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def coverage(facts: Facts) -> tuple[float, float]:
    """(share of the sampled pool whose k-means cluster holds a training label, how far labels are).

    How far: the median distance from a pool row to its nearest label, over that to the nearest of as many
    rows drawn at random. Rows of length 1 where they are sparse. 1 is a random sample of that size.
    """
    sample = facts.open_sample  # labels themselves aside: they lie at no distance from a label
    known = pc.is_in(sample.ids, value_set=facts.train.rows.ids).to_numpy(zero_copy_only=False)
    sample = sample.take(~known)
    if not len(sample):
        return 1.0, 1.0
    points = _points(facts.views(sample).features, facts.views(facts.train.rows).features)
    pool, labels = points[: len(sample)], points[len(sample) :]
    count = max(1, min(_CLUSTERS, len(labels) // _LABELS_A_CLUSTER, len(pool) // _ROWS_A_CLUSTER))
    place, of_labels = _clusters(pool, labels, count)
    covered = float(np.isin(place, of_labels).mean())
    probes, others = pool[:_PROBES], pool[_PROBES : _PROBES + len(labels)]
    if len(others) < len(labels):
        half = len(pool) // 2
        probes, others = pool[:half], pool[half:][: len(labels)]
    if not len(others) or not len(probes):
        return covered, 1.0
    # as many labels as there are others, so that both have the same chance to be near
    to_labels = np.median(_nearest(probes, labels[np.linspace(0, len(labels) - 1, len(others)).astype(int)]))
    to_random = np.median(_nearest(probes, others))
    return covered, float(to_labels / to_random) if to_random > 0 else 1.0


def _points(*parts: Any) -> NDArray[np.float32]:
    """All rows dense: as they are, or their first singular directions at length 1 where they are sparse."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    from scipy import sparse
    from sklearn.decomposition import TruncatedSVD

    rows = sparse.vstack(parts, format="csr")
    width = min(_DIRECTIONS, *(side - 1 for side in rows.shape))
    reduced = TruncatedSVD(width, n_iter=3, random_state=0).fit(parts[0]).transform(rows)
    norms = np.linalg.norm(reduced, axis=1, keepdims=True)
    found: NDArray[np.float32] = (reduced / np.where(norms > 0, norms, 1)).astype(np.float32)
    return found


def _clusters(
    pool: NDArray[np.float32], labels: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct rows than clusters: fewer clusters
        means = KMeans(count, n_init=1, max_iter=50, random_state=0).fit(pool)
        return means.labels_, means.predict(labels)


def _nearest(rows: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) distance of each row to the nearest known one."""
    from sklearn.metrics import pairwise_distances_argmin_min

    found: NDArray[np.float64] = pairwise_distances_argmin_min(rows, known)[1]
    return found
