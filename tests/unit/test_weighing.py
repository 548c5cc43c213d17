"""Votes weighed by how far each annotator is right: against plain loops, crowd-kit and simulated people."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alcli.project.ledger import LEDGER_SCHEMA
from alcli.project.resolve import SURE, Resolution, resolve
from alcli.project.weighing import ALIKE, STRENGTH, Trust, one_coin

Ints = NDArray[np.int64]
Answer = tuple[str, str, str]

CROWD_KITS_SKILLS = [0.9524, 0.8883, 0.7931, 0.6818, 0.6296, 0.2172]
"""crowd-kit 1.4.1, OneCoinDawidSkene(500, tol=1e-12), on `planted([0.95, 0.9, 0.8, 0.7, 0.6, 0.2])`: its
`skills_`. It estimates how common each class is, has no prior, and lets people be worse than chance."""


def planted(right: list[float], n_classes: int = 4, rows: int = 600, votes: int = 3) -> tuple[Ints, ...]:
    """(row, who, said, truth) of people who are right that often, `votes` of them on each row."""
    rng = np.random.default_rng(5)
    truth = rng.integers(n_classes, size=rows)
    who = np.sort(np.argsort(rng.random((rows, len(right))), axis=1)[:, :votes], axis=1)
    wrong = (truth[:, None] + rng.integers(1, n_classes, size=(rows, votes))) % n_classes
    said = np.where(rng.random((rows, votes)) < np.array(right)[who], truth[:, None], wrong)
    return np.repeat(np.arange(rows), votes), who.ravel(), said.ravel(), truth


def weighed(row: Ints, who: Ints, said: Ints) -> Trust:
    return one_coin(row, who, said, np.full(int(row.max()) + 1, -1))


def ledger(*answers: Answer, round_: int = 0) -> pa.Table:
    """Answers (id, annotator, label); x! is adjudicated, ! adjudicated as not to be labeled."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {
            "id": id_,
            "label": None if label in {"skip", "!"} else label.removesuffix("!"),
            "annotator": annotator,
            "status": "skipped" if label == "skip" else "adjudicated" if label.endswith("!") else "labeled",
            "labeled_at": start,
            "comment": "",
            "guideline": "",
            "round": round_,
            "source": "a.csv",
            "source_sha256": "0",
            "ingested_at": start,
        }
        for id_, annotator, label in answers
    ]
    return pa.Table.from_pylist(rows, LEDGER_SCHEMA)


def told(resolution: Resolution) -> dict[str, tuple[str, str]]:
    """Label and how it came about, by id."""
    return {row["id"]: (row["label"], row["resolution"]) for row in resolution.labels.to_pylist()}


# ---- against plain loops -------------------------------------------------------------------------------


Votes = dict[str, dict[str, str]]


def plain_average(votes: Votes, k: int) -> float:
    """The accuracy at which two people who are alike would agree as often as two do here."""
    agreed, pairs = STRENGTH * ALIKE, float(STRENGTH)
    for own in votes.values():
        for one, other in itertools.combinations(own.values(), 2):
            agreed, pairs = agreed + (one == other), pairs + 1
    return (1 + math.sqrt((k - 1) * (k * max(agreed / pairs, 1 / k) - 1))) / k


def plain_proba(own: dict[str, str], accuracy: dict[str, float], classes: list[str]) -> dict[str, float]:
    """Of each class, after one row's votes {person: label}."""
    likely = dict.fromkeys(classes, 1.0)
    for name, label in own.items():
        for one in likely:
            chance = accuracy[name] if one == label else (1 - accuracy[name]) / (len(classes) - 1)
            likely[one] *= chance
    return {one: value / sum(likely.values()) for one, value in likely.items()}


def plain_accuracy(votes: Votes, known: dict[str, str]) -> tuple[dict[str, float], Any]:
    """(accuracy by person, probability by row and class) of votes {row: {person: label}}, one at a time."""
    decided = {known[id_] for id_ in votes if id_ in known}
    classes = sorted({label for own in votes.values() for label in own.values()} | decided)
    classes += ["unseen"] * (len(classes) == 1)
    average = plain_average(votes, len(classes))
    accuracy = dict.fromkeys({name for own in votes.values() for name in own}, average)
    proba: dict[str, dict[str, float]] = {}
    for _ in range(500):
        proba = {id_: plain_proba(own, accuracy, classes) for id_, own in votes.items()}
        before, right, said = accuracy, defaultdict[str, float](float), Counter[str]()
        for id_, own in votes.items():
            for name, label in own.items():
                right[name] += float(known[id_] == label) if id_ in known else proba[id_][label]
                said[name] += 1
        accuracy = {
            name: max(1 / len(classes), (STRENGTH * average + right[name]) / (STRENGTH + said[name]))
            for name in before
        }
        if max(abs(accuracy[name] - before[name]) for name in accuracy) < 1e-6:
            break
    return accuracy, proba


def plain_resolve(answers: list[Answer]) -> dict[str, tuple[str, str]]:
    """As `told`, for answers of which no two are of one person to one row."""
    votes: defaultdict[str, dict[str, str]] = defaultdict(dict)
    rulings: defaultdict[str, set[str]] = defaultdict(set)
    for id_, name, label in answers:
        if label.endswith("!"):
            rulings[id_].add(label.removesuffix("!"))
        elif label != "skip":
            votes[id_][name] = label
    known = {id_: next(iter(said)) for id_, said in rulings.items() if len(said) == 1 and "" not in said}
    telling = {
        id_: own for id_, own in votes.items() if id_ in known or (len(own) > 1 and id_ not in rulings)
    }
    _, proba = plain_accuracy(telling, known) if telling else ({}, {})
    found = {id_: (label, "adjudicated") for id_, label in known.items()}
    for id_, own in votes.items():
        if id_ in rulings:
            continue
        labels = set(own.values())
        best = max(labels, key=lambda label: (proba[id_][label] if id_ in proba else 0.0, label))
        if len(labels) == 1:
            found[id_] = (best, "single" if len(own) == 1 else "unanimous")
        elif proba[id_][best] >= SURE:
            found[id_] = (best, "weighted")
    return dict(sorted(found.items()))


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["", "anna", "ben", "cleo"])),
        st.sampled_from(["x", "x", "x", "x", "y", "y", "z", "skip"]),
        max_size=30,
    ),
    st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["x!", "y!", "w!", "!"]), max_size=3),
)
@example(
    {("d", who): label for who, label in zip(["", "anna", "ben", "cleo"], "yxxz", strict=True)}, {"a": "w!"}
)
def test_weighted_labels_are_those_of_plain_loops(
    said: dict[tuple[str, str], str], ruled: dict[str, str]
) -> None:
    answers = [(*pair, label) for pair, label in said.items()]
    answers += [(id_, "judge", label) for id_, label in ruled.items()]
    assert told(resolve(ledger(*answers), "weighted")) == plain_resolve(answers)


def test_accuracies_and_probabilities_are_those_of_plain_loops() -> None:
    row, who, said, truth = planted([0.9, 0.8, 0.6, 0.3], n_classes=3, rows=60)
    known = np.where(np.arange(60) < 10, truth, -1)
    votes: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for one, name, label in zip(row.tolist(), who.tolist(), said.tolist(), strict=True):
        votes[str(one)][str(name)] = str(label)
    accuracy, proba = plain_accuracy(votes, {str(n): str(truth[n]) for n in range(10)})
    found = one_coin(row, who, said, known)
    assert found.accuracy == pytest.approx([accuracy[str(n)] for n in range(4)], abs=1e-9)
    best = [max(proba[str(n)].values()) for n in range(60)]
    assert found.sure == pytest.approx(best, abs=1e-9)


# ---- what it finds -------------------------------------------------------------------------------------


def test_accuracies_are_near_crowd_kits_and_near_what_was_planted() -> None:
    right = [0.95, 0.9, 0.8, 0.7, 0.6, 0.2]
    row, who, said, truth = planted(right)
    found = weighed(row, who, said)
    assert found.accuracy[:5] == pytest.approx(CROWD_KITS_SKILLS[:5], abs=0.03)
    assert found.accuracy == pytest.approx(right, abs=0.06)
    assert (found.label == truth)[found.sure >= SURE].mean() > 0.95


def test_who_is_worse_than_chance_weighs_nothing_and_turns_no_label_around() -> None:
    row, who, said, _ = planted([0.9, 0.9, 0.9, 0.05], n_classes=2)
    found = weighed(row, who, said)
    assert found.accuracy[3] == 0.5
    given_by_anyone = [found.label[n] in said[row == n] for n in range(600)]
    assert all(given_by_anyone)


def test_one_whom_three_answers_are_known_of_is_neither_always_right_nor_always_wrong() -> None:
    row, who, said, truth = planted([0.9, 0.9, 0.9], rows=200)
    rows = np.array([0, 1, 2])
    for change, low, high in ((0, 0.85, 0.97), (1, 0.6, 0.85)):
        order = np.argsort(np.concatenate([row, rows]), kind="stable")
        with_new = [
            np.concatenate([old, new])[order]
            for old, new in ((row, rows), (who, np.full(3, 3)), (said, (truth[:3] + change) % 4))
        ]
        assert low < weighed(*with_new).accuracy[3] < high


def test_a_label_is_taken_from_proven_people_against_more_of_the_others() -> None:
    row, who, said, _ = planted([0.97, 0.97, 0.5, 0.5, 0.5], n_classes=2, rows=400, votes=5)
    answers = [
        (f"r{n:03d}", f"p{name}", f"c{label}")
        for n, name, label in zip(row.tolist(), who.tolist(), said.tolist(), strict=True)
    ]
    proven = [("zz", f"p{n}", "c1" if n < 2 else "c0") for n in range(5)]
    table = ledger(*answers, *proven)
    assert told(resolve(table, "majority"))["zz"] == ("c0", "majority")
    assert told(resolve(table, "weighted"))["zz"] == ("c1", "weighted")
    share = {row["id"]: row["agreement"] for row in resolve(table, "weighted").labels.to_pylist()}
    assert share["zz"] == 2 / 5


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], {}),
        ([("a", "anna", "x"), ("b", "anna", "y")], {"a": ("x", "single"), "b": ("y", "single")}),
        ([("a", "anna", "x"), ("b", "ben", "y")], {"a": ("x", "single"), "b": ("y", "single")}),
        ([("a", "anna", "x"), ("a", "ben", "y")], {}),
        ([("a", "anna", "x"), ("a", "ben", "x"), ("a", "cleo", "skip")], {"a": ("x", "unanimous")}),
        ([("a", "anna", "x"), ("a", "ben", "y"), ("a", "judge", "z!")], {"a": ("z", "adjudicated")}),
        ([("a", "anna", "x"), ("a", "ben", "x"), ("a", "judge", "!")], {}),
    ],
)
def test_where_little_is_known_a_tie_stays_in_dispute(
    answers: list[Answer], expected: dict[str, tuple[str, str]]
) -> None:
    assert told(resolve(ledger(*answers), "weighted")) == expected


def test_decided_rows_tell_who_is_right() -> None:
    """Anna and Ben differ on every row; who decides always upholds Anna."""
    pairs = [(f"r{n:02d}", name, label) for n in range(30) for name, label in (("anna", "x"), ("ben", "y"))]
    rulings = [(f"r{n:02d}", "judge", "x!") for n in range(20)]
    assert told(resolve(ledger(*pairs), "weighted")) == {}
    assert told(resolve(ledger(*pairs, *rulings), "weighted"))["r29"] == ("x", "weighted")


def test_nothing_is_learned_of_people_from_rows_that_were_asked_again_in_doubt() -> None:
    row, who, said, _ = planted([0.95, 0.8, 0.6])
    shared = [(f"r{n:03d}", f"p{a}", f"c{b}") for n, a, b in zip(row, who, said, strict=True)]
    doubted = [(f"d{n:03d}", "p0", "c0") for n in range(100)]
    looks = [(f"d{n:03d}", "p1", "c1") for n in range(100)]
    found = resolve(ledger(*shared), "weighted")
    with_looks = pa.concat_tables([ledger(*shared, *doubted), ledger(*looks, round_=1)])
    assert resolve(with_looks, "weighted").accuracy == pytest.approx(found.accuracy, abs=1e-12)


def test_accuracies_do_not_depend_on_the_names_of_people_or_classes() -> None:
    row, who, said, _ = planted([0.95, 0.8, 0.6])
    found, other = weighed(row, who, said), weighed(row, who, 3 - said)
    assert other.accuracy == pytest.approx(found.accuracy, abs=1e-12)


@pytest.mark.parametrize("hard", [0.0, 0.3])
def test_fewer_labels_are_wrong_than_by_majority_and_the_probability_is_what_it_says(hard: float) -> None:
    """Twenty teams of eight, one of whom guesses; on a share of the rows all are half as good."""
    rng = np.random.default_rng(0)
    wrong, taken, said_sure, right = Counter[str](), Counter[str](), [], []
    for _ in range(20):
        accuracy = np.append(rng.uniform(0.6, 0.95, size=7), 1 / 3)
        truth = rng.integers(3, size=300)
        who = np.sort(np.argsort(rng.random((300, 8)), axis=1)[:, :3], axis=1)
        chance = np.where(rng.random((300, 1)) < hard, (accuracy[who] + 1 / 3) / 2, accuracy[who])
        other = (truth[:, None] + rng.integers(1, 3, size=(300, 3))) % 3
        said = np.where(rng.random((300, 3)) < chance, truth[:, None], other)
        found = weighed(np.repeat(np.arange(300), 3), who.ravel(), said.ravel())
        counts = (said[:, :, None] == np.arange(3)).sum(axis=1)
        alike, most = counts.max(axis=1) == 3, counts.argmax(axis=1)
        majority, weighted = counts.max(axis=1) > 1, alike | (found.sure >= SURE)
        label = np.where(alike, most, found.label)
        for name, at, choice in (("majority", majority, most), ("weighted", weighted, label)):
            wrong[name] += int((choice != truth)[at].sum())
            taken[name] += int(at.sum())
        said_sure += found.sure[~alike].tolist()
        right += (found.label == truth)[~alike].tolist()
    assert wrong["weighted"] < 0.6 * wrong["majority"]
    assert taken["weighted"] > 0.7 * taken["majority"]
    assert np.mean(said_sure) == pytest.approx(np.mean(right), abs=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_a_ledger_changes_no_bit(seed: int) -> None:
    """Sums of many floats: in another order their last bits would differ."""
    row, who, said, _ = planted([0.95, 0.9, 0.8, 0.7, 0.6, 0.2])
    answers = [
        (f"r{n:03d}", f"p{name}", f"c{label}")
        for n, name, label in zip(row.tolist(), who.tolist(), said.tolist(), strict=True)
    ]
    table = ledger(*answers)
    mixed = table.take(np.random.default_rng(seed).permutation(len(answers)))
    found, other = resolve(table, "weighted"), resolve(mixed, "weighted")
    assert other.labels.equals(found.labels)
    assert other.rows.equals(found.rows)
    assert "weighted" in found.labels["resolution"].to_pylist()
