"""The rows that stand highest in the scores: distinct, in one pass, by segment; and shares of a batch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alcli.loop._quotas import equal_seats, named_seats
from alcli.project.scores import Scores, Segments, score_files
from alcli.tables.hashing import hash_strings


def as_key(hashes):
    return hashes


def write_scores(folder: Path, rows) -> Path:
    """Rows of (score, content, prediction) as two parts."""
    table = pa.table(
        {
            "id": pa.array([f"r{n}" for n in range(len(rows))], pa.string()),
            "score": pa.array([row[0] for row in rows], pa.float32()),
            "content": pa.array([row[1] for row in rows], pa.uint64()),
            "prediction": pa.array([row[2] for row in rows], pa.string()),
        }
    )
    for n, part in enumerate((table.slice(0, len(rows) // 2), table.slice(len(rows) // 2))):
        pq.write_table(part, folder / f"part-{n:05d}.parquet", row_group_size=7)
    return folder


def plain_top(rows, closed, k):
    """(ids, beyond): sorted whole, one row a content."""
    keys = hash_strings(pa.array([f"r{n}" for n in range(len(rows))], pa.string())).tolist()
    known = {rows[n][1] for n in closed}
    order = sorted(range(len(rows)), key=lambda n: (-rows[n][0], keys[n]))
    seen, chosen = set(known), []
    for n in order:
        if rows[n][1] not in seen:
            seen.add(rows[n][1])
            chosen.append(n)
    beyond = rows[chosen[k]][0] if len(chosen) > k else -np.inf
    return [f"r{n}" for n in chosen[:k]], beyond


ROWS = st.lists(
    st.tuples(st.integers(0, 5).map(float), st.integers(0, 9), st.sampled_from("abc")), max_size=60
)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, k=st.integers(1, 12), closed=st.sets(st.integers(0, 59), max_size=5))
def test_the_highest_distinct_rows_are_those_of_a_plain_sort(tmp_path_factory, rows, k, closed):
    closed = {n for n in closed if n < len(rows)}
    folder = write_scores(tmp_path_factory.mktemp("scores"), rows)
    scores = Scores(score_files(folder), pa.array([f"r{n}" for n in sorted(closed)], pa.string()))
    ranked = scores.top(k, as_key, by_score=True)
    ids, beyond = plain_top(rows, closed, k)
    assert ranked.ids.to_pylist() == ids
    assert ranked.beyond == beyond
    assert ranked.complete == (beyond == -np.inf)
    if ranked.complete:
        assert ranked.n_copies == len(rows) - len(closed) - len(ids)
    for name in "abc":
        own = [n for n in range(len(rows)) if rows[n][2] == name]
        known = {rows[n][1] for n in closed}
        part = [rows[n] if n in own else (-1.0, rows[n][1], name) for n in range(len(rows))]
        of_name = scores.top_of(Segments("prediction", None), {name: k}, as_key, by_score=True)[name]
        wanted = [id_ for id_ in plain_top(part, closed, len(rows))[0] if int(id_[1:]) in own]
        # a content that stands in two segments counts in each of them
        first = {rows[int(id_[1:])][1] for id_ in wanted} | known
        wanted += [f"r{n}" for n in own if rows[n][1] not in first]
        assert set(of_name.ids.to_pylist()) <= {f"r{n}" for n in own}
        assert len(of_name) == min(k, len({rows[n][1] for n in own} - known))


def test_what_is_closed_later_is_no_candidate_any_more(tmp_path):
    rows = [(float(n), n // 2, "a") for n in range(10)]
    scores = Scores(score_files(write_scores(tmp_path, rows)), pa.array(["r9"], pa.string()))
    assert scores.n_candidates == 8
    assert scores.sizes(Segments("prediction", None)) == {"a": 8}
    scores.close(np.array([3], dtype=np.uint64))
    assert scores.n_candidates == 6
    assert scores.top(2, as_key, by_score=True).ids.to_pylist() == ["r5", "r3"]


@given(
    sizes=st.dictionaries(st.text(max_size=3), st.integers(1, 50), min_size=1, max_size=8),
    size=st.integers(0, 200),
)
def test_equal_seats_are_as_equal_as_the_segments_allow(sizes, size):
    seats = equal_seats(sizes, size)
    assert seats.keys() == sizes.keys()
    assert sum(seats.values()) == min(size, sum(sizes.values()))
    assert all(0 <= seats[name] <= sizes[name] for name in sizes)
    free = [seats[name] for name in sizes if seats[name] < sizes[name]]
    assert not free or max(seats.values()) - min(free) <= 1


@given(
    shares=st.lists(st.floats(0.01, 1), min_size=1, max_size=6).map(
        lambda found: {str(n): share / max(1.0, sum(found)) for n, share in enumerate(found)}
    ),
    size=st.integers(0, 300),
)
def test_named_seats_are_within_one_of_their_share(shares, size):
    seats = named_seats(shares, size, size)
    assert all(abs(seats[name] - share * size) < 1 + 1e-6 for name, share in shares.items())
    assert abs(sum(seats.values()) - sum(shares.values()) * size) <= 0.5 + 1e-6


def test_rounding_never_gives_more_seats_than_there_are():
    assert named_seats({"a": 0.5}, 3, 1) == {"a": 1}
    assert named_seats({"a": 0.5, "b": 0.5}, 3, 3) in ({"a": 2, "b": 1}, {"a": 1, "b": 2})


def test_the_order_in_which_segments_are_named_gives_nobody_more():
    assert Counter(named_seats({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, 10, 10).values()) == {3: 2, 4: 1}
    assert equal_seats({}, 5) == {}


def test_a_folder_without_rows_has_no_candidates(tmp_path):
    write_scores(tmp_path, [])
    scores = Scores(score_files(tmp_path), pa.array([], pa.string()))
    assert scores.n_candidates == 0
    assert len(scores.top(5, as_key, by_score=False)) == 0


def test_scores_of_another_pool_are_refused(tmp_path, make_lab):
    lab = make_lab("text", 60)
    lab("seed")
    from alcli.errors import IntegrityError
    from alcli.project import Project
    from alcli.project.pool import Pool

    scores = Scores(score_files(write_scores(tmp_path, [(1.0, 1, "a")])), pa.array([], pa.string()))
    pool = Pool(Project.open(lab.root, None, ()))
    with pytest.raises(IntegrityError, match="not those of this pool"):
        scores.sizes(Segments("text", pool))
