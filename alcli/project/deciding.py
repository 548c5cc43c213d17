"""Which files hold rows for one person to decide, as the manifests list them; nothing slow is loaded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from alcli.project import Round

ADJUDICATE = "adjudicate.csv"
LISTED = "adjudicate"
"""In the entry of an ingest: file -> the ids in it."""


def files_to_decide(rounds: Sequence[Round], disputed: Collection[str]) -> list[str]:
    """The files in which rows wait that are still in dispute, oldest first."""
    wanted = set(disputed)
    return [name for name, ids in listed(rounds) if not wanted.isdisjoint(ids)]


def listed(rounds: Sequence[Round]) -> Iterator[tuple[str, list[str]]]:
    """Every such file and the ids in it, oldest first."""
    for round_ in rounds:
        if "ingest" in round_.steps:
            yield from round_.steps["ingest"].more.get(LISTED, {}).items()
