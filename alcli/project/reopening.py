"""Rows that `alcli relabel --reopen` asks again, as the manifests tell; nothing slow is loaded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from alcli.project.manifest import Round, Step

FILE = "reopened.csv"


@dataclass(frozen=True)
class Reopened:
    """What was reopened, and not given back since.

    Attributes:
        files: every file for people, oldest first, and the ids in it.
        classes: the classes whose rows each file asks about.
        guideline: the rubric's version that each file names.
        unasked: rows among them that nobody had asked about, and the round their answers were filed in.
        released: ids that were given back.
    """

    files: Mapping[str, Sequence[str]]
    classes: Mapping[str, Sequence[str]]
    guideline: Mapping[str, str]
    unasked: Mapping[str, int]
    released: frozenset[str]

    @classmethod
    def of(cls, rounds: Sequence[Round]) -> Self:
        """From the entries of all rounds."""
        files: dict[str, Mapping[str, Any]] = {}
        unasked: dict[str, int] = {}
        released: set[str] = set()
        for round_ in rounds:
            if "relabel" in round_.steps:
                more = round_.steps["relabel"].more
                files |= more["files"]
                unasked |= more.get("unasked", {})
                released |= set(more.get("released", ()))
        ids, classes, guideline = (
            {name: file[key] for name, file in files.items()} for key in ("ids", "classes", "guideline")
        )
        return cls(ids, classes, guideline, unasked, frozenset(released))

    def waiting(self, ingest: Step | None) -> list[str]:
        """The files with rows that neither were answered by the newest ingest nor given back."""
        names = ingest.more.get("reopened", ()) if ingest is not None else ()
        return [name for name in names if not self.released.issuperset(self.files[name])]


def asked_again(round_: Round, ids: Collection[str]) -> Round:
    """A round in which some rows are no longer given back."""
    for name in ("seed", "query", "relabel"):
        step = round_.steps.get(name)
        before = set(step.more.get("released", ())) if step is not None else set[str]()
        if step is not None and not before.isdisjoint(ids):
            released = sorted(before - set(ids))
            round_ = round_.replacing(step.finished(step.outputs, step.counts, released=released))
    return round_


def given_back(round_: Round, ids: Collection[str], counts: Mapping[str, int], clock: int) -> Round:
    """A round that knows which of the rows that it has reopened were given back.

    Args:
        counts: rows that are pending after that.
        clock: when.
    """
    step = round_.steps.get("relabel")
    if step is None:
        return round_
    asked = {id_ for one in step.more["files"].values() for id_ in one["ids"]}
    mine = asked & set(ids)
    if not mine:
        return round_
    released = sorted(mine.union(step.more.get("released", ())))
    return round_.replacing(
        step.finished(step.outputs, {**step.counts, **counts}, released=released, clock=clock)
    )
