"""`query --release`: rows that nobody has answered become candidates again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from alcli.loop import Result, plural
from alcli.project import Project, Round, Step
from alcli.project.reopening import given_back
from alcli.project.standing import Standing


def release(project: Project) -> Result:
    """Give all rows back that people have not answered: they become candidates again."""
    started, newest = datetime.now(UTC), project.newest
    standing = Standing.read(project)
    kept = standing.pending & set(_sealed_asked(standing))
    pending = standing.pending - kept
    rounds = [r for r in project.rounds if _batch_step(r) is not None]
    asked_in = {r.number for r in rounds}
    still = {standing.asked.rounds[id_] for id_ in kept - standing.asked.reopened.keys()}
    released: dict[int, list[str]] = {}
    for id_ in sorted(pending):  # a reopened row may be filed in a round that asked nothing yet
        number = standing.asked.rounds[id_]
        released.setdefault(number if number in asked_in else 0, []).append(id_)
    if not released:
        return Result(
            "query",
            newest.number,
            changed=False,
            counts={"released": 0},
            summary=["No row is pending." if not kept else _kept(len(kept))],
        )
    left, clock = {"pending": len(standing.pending) - len(pending)}, project.clock
    with project.change() as change:
        for round_ in project.rounds:
            step, after = _batch_step(round_), given_back(round_, pending, left, clock)
            if step is not None and round_.number in released:
                ids = released[round_.number]
                # a round that only has reopened rows among them asks nothing itself
                now: dict[str, Any] = {}
                if not standing.asked.reopened.keys() >= set(ids):
                    now = {"clock": clock, "none_left": round_.number not in still}
                ids = sorted({*step.more.get("released", ()), *ids})
                entry = step.finished(step.outputs, {**step.counts, **left}, released=ids, **now)
                after = after.replacing(entry)
            if after is not round_:
                change.record(after)
    project.log(newest, "query --release", started, released=len(pending))
    return Result(
        "query",
        newest.number,
        changed=True,
        counts={"released": len(pending)},
        files=[f"{round_.folder}/round.json" for round_ in rounds if round_.number in released],
        summary=[
            f"{plural(len(pending), 'pending row')} given back; a late answer to one is still taken.",
            *([_kept(len(kept))] if kept else []),
        ],
    )


def _kept(count: int) -> str:
    return (
        f"{plural(count, 'validation row stays', 'validation rows stay')} with people: none can replace it."
    )


def _sealed_asked(standing: Standing) -> list[str]:
    """Validation rows stay with people: no other row may take their place."""
    return [id_ for id_, reason in standing.asked.reason.items() if reason == "validation"]


def _batch_step(round_: Round) -> Step | None:
    return round_.steps.get("query") or round_.steps.get("seed")
