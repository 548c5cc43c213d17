"""The annotators of a simulation: they know the true labels, and may err, skip and cost as people do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.project.answers import LABELED, SKIPPED
from alcli.project.ledger import LEDGER_SCHEMA
from alcli.tables.hashing import Hashes, hash_strings, salted

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_TWO_64 = float(2**64)


@dataclass(frozen=True)
class Faults:
    """How far annotators are from perfect.

    Attributes:
        noise: share of answers that are wrong.
        by_confusion: a wrong answer is a class that is easily taken for the true one; else any other class.
        skip_rate: share of answers that are a skip.
        annotators: how many answer each row, each with faults of their own.
    """

    noise: float = 0.0
    by_confusion: bool = False
    skip_rate: float = 0.0
    annotators: int = 1


@dataclass(frozen=True)
class Truth:
    """What is known of the rows that are replayed.

    Attributes:
        ids: (n,) Arrow strings, sorted.
        y: (n,) class numbers.
        classes: their names, sorted.
        costs: by name, (n,) what one answer to the row costs.
        confusion: (C, C) row c: how often each other class is taken for c; None: all alike.
    """

    ids: pa.Array
    y: NDArray[np.int64]
    classes: tuple[str, ...]
    costs: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    confusion: NDArray[np.float64] | None = None

    def places(self, ids: Sequence[str] | pa.Array) -> NDArray[np.int64]:
        """(m,) where some ids stand."""
        wanted = ids if isinstance(ids, pa.Array) else pa.array(ids, pa.string())
        places: NDArray[np.int64] = pc.index_in(wanted, value_set=self.ids).to_numpy().astype(np.int64)
        return places


class Oracle:
    """Answers questions; a row's answer depends on the row, the annotator and `random_state` alone.

    So every strategy that asks for a row gets the same answer, whenever it asks.
    """

    def __init__(self, truth: Truth, faults: Faults, random_state: int) -> None:
        self.truth = truth
        self.faults = faults
        self._random_state = random_state
        self._names = pa.array(truth.classes, pa.string())

    def answer(
        self, ids: Sequence[str], round_: int, shared: Collection[str] = (), people: int = 2
    ) -> pa.Table:
        """All annotators' answers to some rows, as rows of the ledger.

        Args:
            ids: of the rows.
            round_: in which they are asked.
            shared: those among them that several annotators answer.
            people: how many, at least.
        """
        parts = []
        for annotator in range(max(self.faults.annotators, people if shared else 1)):
            asked = ids if annotator < self.faults.annotators else [id_ for id_ in ids if id_ in shared]
            parts.append(self._answers(pa.array(asked, pa.string()), annotator, round_))
        return pa.concat_tables(parts)

    def answer_again(self, ids: Sequence[str], round_: int) -> pa.Table:
        """The answers of one further annotator to some rows, as rows of the ledger."""
        return self._answers(pa.array(ids, pa.string()), self.faults.annotators, round_)

    def cost_of(self, answers: pa.Table) -> dict[str, float]:
        """What some answers cost: `answers`, their number, and each cost by its name."""
        places = self.truth.places(answers["id"].combine_chunks())
        paid = {name: float(cost[places].sum()) for name, cost in self.truth.costs.items()}
        return {"answers": float(len(places)), **paid}

    def _answers(self, ids: pa.Array, annotator: int, round_: int) -> pa.Table:
        hashes = hash_strings(ids)
        said = self._said(hashes, self.truth.y[self.truth.places(ids)], annotator)
        skipped = self._chance(hashes, annotator, "skip") < self.faults.skip_rate
        n = len(ids)
        constants = {
            "annotator": pa.scalar(f"oracle {annotator + 1}"),
            "labeled_at": pa.scalar(None, LEDGER_SCHEMA.field("labeled_at").type),
            "seconds": pa.scalar(None, pa.float64()),
            "comment": pa.scalar(""),
            "guideline": pa.scalar(""),
            "round": pa.scalar(round_, pa.int64()),
            "source": pa.scalar("oracle"),
            "source_sha256": pa.scalar(""),
            "ingested_at": pa.scalar(_EPOCH, LEDGER_SCHEMA.field("ingested_at").type),
        }
        columns = {
            "id": ids,
            "label": pc.if_else(pa.array(skipped), pa.scalar(None, pa.string()), self._names.take(said)),
            "status": pa.array(np.where(skipped, SKIPPED, LABELED).tolist(), pa.string()),
            **{name: pa.repeat(value, n) for name, value in constants.items()},
        }
        return pa.table([columns[name] for name in LEDGER_SCHEMA.names], schema=LEDGER_SCHEMA)

    def _said(self, hashes: Hashes, y: NDArray[np.int64], annotator: int) -> pa.Array:
        """Class numbers that an annotator gives to rows of true classes `y`."""
        wrong = self._chance(hashes, annotator, "noise") < self.faults.noise
        if not wrong.any() or len(self.truth.classes) < 2:
            return pa.array(y)
        said = y.copy()
        which = self._chance(hashes[wrong], annotator, "which")
        ladder = np.cumsum(self._others()[y[wrong]], axis=1)
        said[wrong] = (ladder / ladder[:, -1:] <= which[:, np.newaxis]).sum(axis=1)
        return pa.array(said)

    def _others(self) -> NDArray[np.float64]:
        """(C, C) how likely each class is said instead of the true one; 0 on the diagonal."""
        n_classes = len(self.truth.classes)
        alike = np.ones((n_classes, n_classes)) - np.eye(n_classes)
        if not self.faults.by_confusion or self.truth.confusion is None:
            return alike
        known = self.truth.confusion * alike
        return np.where(known.sum(axis=1, keepdims=True) > 0, known, alike)

    def _chance(self, hashes: Hashes, annotator: int, what: str) -> NDArray[np.float64]:
        """(n,) uniform numbers below 1."""
        return salted(hashes, self._random_state, annotator, what).astype(np.float64) / _TWO_64
