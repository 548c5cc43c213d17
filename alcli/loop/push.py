"""`push`: hand the rows that are with people to a labeling tool's server."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from alcli.loop import Progress, Result, plural, silent
from alcli.loop._asking import PREDICTION, predictions_of, tool_format
from alcli.loop._server import There, answers_in, first_few, never_had
from alcli.project import Project
from alcli.project.intake import checked_ledger
from alcli.project.query_file import query_columns
from alcli.project.resolve import resolve
from alcli.project.selection import read_selection
from alcli.project.standing import Standing
from alcli.remote import Item, patiently

_NOTHING = "Nothing to push: no row is with people."


def push(there: There, *, dry_run: bool = False, progress: Progress = silent) -> Result:
    """Make each row that is with people a task, once.

    What is there already the server is asked, not a record: a push that was cut off is simply run again.

    Raises:
        ConfigError: the classes to choose from are not known.
        StateError: before seed; or the rows are on another server.
        RemoteError: the server refuses, or its project asks something else.
    """
    project, started = there.project, datetime.now(UTC)
    round_, ledger = project.newest, checked_ledger(project)
    standing = Standing.of_project(project, ledger, resolve(ledger, project.config.labels.resolve))
    items, config = _tasks(project, there.tool, _in_order(project, standing))
    transfer = _Transfer(there, items, config)
    if transfer.number is None and not items:
        return Result("push", round_.number, changed=False, summary=[_NOTHING], more={"dry_run": dry_run})
    written: list[str] = []
    if dry_run:
        transfer.look()
    else:
        asked = standing.asked
        again = standing.pending & (asked.again | asked.reopened.keys())
        written = transfer.carry_out(asked.several, again, ledger, progress)
    if transfer.changes and not dry_run:
        project.log(round_, "push", started, new=transfer.counts["new"])
    return Result(
        "push",
        round_.number,
        changed=bool(transfer.changes or written) and not dry_run,
        counts=transfer.counts,
        files=written,
        warnings=transfer.warnings(standing.asked.released - standing.status.keys()),
        summary=_summary(transfer, dry_run=dry_run),
        more={"dry_run": dry_run, "project": transfer.number, "address": transfer.address},
    )


def _in_order(project: Project, standing: Standing) -> dict[int, list[str]]:
    """Round -> the ids that it asked last and that are with people, as its query has them in order.

    Behind them those that no query asked about, only `alcli relabel --reopen`.
    """
    found, asked = {}, standing.asked.rounds
    for round_ in project.rounds:
        ids: list[str] = []
        if {"seed", "query"} & round_.steps.keys():
            ids = read_selection(project, round_.folder)["id"].to_pylist()
        mine = {id_ for id_ in standing.pending if asked[id_] == round_.number}
        found[round_.number] = [*(id_ for id_ in ids if id_ in mine), *sorted(mine.difference(ids))]
    return found


def _tasks(project: Project, tool: str, ids: Mapping[int, Sequence[str]]) -> tuple[dict[str, Item], str]:
    """(id -> task, the labeling config), as the tool's format writes them."""
    form = tool_format(project, tool)
    every = [id_ for some in ids.values() for id_ in some]
    guessed = [predictions_of(project, project.rounds[number], some) for number, some in ids.items()]
    known = {id_: guess for some in guessed for id_, guess in (some or {}).items()}
    columns = query_columns(
        project, every, {PREDICTION: [known.get(i, "") for i in every]} if known else None
    )
    (config,) = form.beside(columns).values()
    with TemporaryDirectory(dir=project.scratch) as folder:
        path = Path(folder) / f"push{form.suffixes[0]}"
        form.write(path, columns)
        items = json.loads(path.read_text(encoding="utf-8"))
    return dict(zip(every, items, strict=True)), config


class _Transfer:
    """What a push finds on the server, and what it does there.

    Attributes:
        number: the tool's project; None: there is none yet.
        made: whether there was none.
        choices: answers that it did not offer.
        known: how many tasks each row had before; None: not looked up yet.
        several: task -> how many people are to answer it, where that is new.
    """

    def __init__(self, there: There, items: Mapping[str, Item], config: str) -> None:
        self.there, self.items, self.config = there, items, config
        self.number = there.find()
        self.made = self.number is None
        self.choices: list[str] = []
        self.known: Counter[str] | None = None
        self.several: dict[int, int] = {}

    def look(self) -> None:
        """See what would be done; nothing is."""
        if self.number is None:
            self.there.server.check()
        else:
            self.choices = self._fit(self.number, change=False)
            self.known = self._ids(self.number)

    def carry_out(
        self, several: Mapping[str, int], again: Collection[str], ledger: pa.Table, progress: Progress
    ) -> list[str]:
        """Do it, and return the files that were written; what is tried again looks first at what is there.

        Args:
            several: how many people are to answer a row, where it is more than one.
            again: rows that are asked once more, of which a task that has answers wants one further.
            ledger: its answers came before that; one that it does not have is the further one.
            progress: is told how many tasks are there.
        """
        there, server = self.there, self.there.server
        number = self.number or patiently(self._find_or_make)
        self.number, written = number, there.remember(number)
        self.choices = patiently(lambda: self._fit(number, change=True))
        patiently(lambda: self._fill(number, progress))
        if not self.items.keys().isdisjoint({*several, *again}):
            held = server.held(number, answers=bool(again))
            tasks = [one for one in held if one.id in self.items]
            items = [item for one in tasks if one.id in again for item in one.answers]
            fresh = set(never_had(answers_in(there, items), ledger)["id"].to_pylist())
            for one in tasks:
                people = several.get(one.id, 1)
                if one.id in again and one.id not in fresh:
                    people = len(one.answers) + 1
                if one.overlap < people:
                    self.several[one.task] = people
            server.ask_several(self.several)
        return written

    @property
    def changes(self) -> int:
        """How much there is to do, or was."""
        return self.made + len(self.choices) + self.counts["new"] + len(self.several)

    @property
    def counts(self) -> dict[str, int]:
        """Rows with people: all, those that became tasks, those that were."""
        known = len(self.items.keys() & (self.known or {}))
        return {"tasks": len(self.items), "new": len(self.items) - known, "known": known}

    @property
    def address(self) -> str | None:
        """Where people find the tasks."""
        return None if self.number is None else self.there.server.address(self.number)

    def warnings(self, given_back: Collection[str]) -> list[str]:
        """What is there that need not be."""
        known = self.known or Counter()
        double = sorted(id_ for id_, tasks in known.items() if tasks > 1)
        idle = sorted(known.keys() & given_back)
        found = [
            (double, "there as several tasks: delete all but one"),
            (idle, "there that were given back: delete them, or take their answers as they come"),
        ]
        return [
            f"{plural(len(ids), 'row is', 'rows are')} {words}: {first_few(ids)}"
            for ids, words in found
            if ids
        ]

    def _find_or_make(self) -> int:
        there = self.there
        title = there.project.root.resolve().name
        return there.find() or there.server.make(title, there.mark(), self.config)

    def _fit(self, number: int, *, change: bool) -> list[str]:
        ours = self.there.configured is None
        return self.there.server.fit(number, self.config, ours=ours, change=change)

    def _fill(self, number: int, progress: Progress) -> None:
        ids = self._ids(number)
        self.known = ids if self.known is None else self.known
        left = [item for id_, item in self.items.items() if id_ not in ids]
        done = len(self.items) - len(left)
        for count in self.there.server.add(number, left):
            done += count
            progress(done, len(self.items))

    def _ids(self, number: int) -> Counter[str]:
        return Counter(held.id for held in self.there.server.held(number))


def _summary(transfer: _Transfer, *, dry_run: bool) -> list[str]:
    counts, where, title = transfer.counts, transfer.address, transfer.there.server.title
    would = "would be " if dry_run else ""
    if not transfer.items:
        return [_NOTHING]
    if not transfer.changes:
        return [f"Up to date: all {plural(counts['tasks'], 'row')} with people are tasks at {where}."]
    known = f", {counts['known']:,} there already" if counts["known"] else ""
    place = where or f"a new project of {transfer.there.server.url}"
    lines = [f"Made project {transfer.number} of {title}."] if transfer.made and not dry_run else []
    if transfer.choices:
        lines.append(
            f"{plural(len(transfer.choices), 'choice')} {would}added: {', '.join(transfer.choices)}."
        )
    lines.append(f"{plural(counts['new'], 'task')} {would}added to {place}{known}.")
    if transfer.several:
        lines.append(f"{plural(len(transfer.several), 'of them is', 'of them are')} for several people.")
    return lines if dry_run else [*lines, "When people have answered there: `alcli pull`."]
