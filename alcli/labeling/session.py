"""What one person does with some rows: answers them, goes back, takes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alcli.errors import nearest
from alcli.labeling.journal import Entry, Journal, clean, clean_name
from alcli.labeling.pace import Pace
from alcli.labeling.work import Row, Work
from alcli.project.classes import fold

_TICK = timedelta(microseconds=1)


class Session:
    """Rows, the answers to them, and a place among them; `position` is past the end when all are answered.

    Args:
        work: the rows and what was answered before.
        journal: where answers go; those in it count.
        pace: measures the seconds.
        now: the time that an answer is given.
    """

    def __init__(
        self,
        work: Work,
        journal: Journal,
        pace: Pace | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.work = work
        self.rows = work.rows
        self.classes = list(dict.fromkeys([*work.classes, *(e.label for e in journal.entries if e.label)]))
        self.journal = journal
        before = {id_: entry.seconds for id_, entry in work.given.items() if entry.seconds is not None}
        before |= {entry.id: entry.seconds for entry in journal.entries if entry.seconds is not None}
        self.pace = pace or Pace(before)
        self._now = now
        self._place = {row.id: place for place, row in enumerate(self.rows)}
        self._said: dict[str, Entry] = {}
        self._recall()
        self.position = self._next_open(-1)

    @property
    def row(self) -> Row | None:
        """The one that is shown; None past the end."""
        return self.rows[self.position] if self.position < len(self.rows) else None

    @property
    def n_open(self) -> int:
        """Rows that have no answer."""
        return sum(not self._is_answered(row) for row in self.rows)

    def said(self, id_: str) -> Entry | None:
        """The answer to a row, or a comment without one; None where there is neither."""
        return self._said.get(id_) or self.work.given.get(id_)

    def answer(self, status: str, label: str = "") -> Entry:
        """Answer the row that is shown, and go on to the next one without an answer.

        The same answer again is none that is new.

        Raises:
            FileError: it could not be written; the row is still without it.
        """
        row = self._shown()
        self.touch()
        said = self.said(row.id) or Entry(row.id, None)
        if (said.status, said.label) != (status, label):
            said = self._write(replace(said, status=status, label=label))
            self.pace.answered(row.id)
        self.position = self._next_open(self.position)
        return said

    def comment(self, text: str) -> Entry:
        """Comment on the row that is shown, answered or not."""
        row = self._shown()
        self.touch()
        said = self.said(row.id) or Entry(row.id, None)
        return self._write(replace(said, comment=clean(text)))

    def move(self, by: int) -> None:
        """To an earlier row (-1) or a later one (1), answered or not."""
        self.touch()
        self.position = min(max(self.position + by, 0), len(self.rows) - (1 if self.n_open else 0))

    def touch(self) -> None:
        """Somebody is at the keys."""
        self.pace.touch(self.row.id if self.row else None)

    def undo(self) -> Entry | None:
        """Take back what was written last, and go to its row; None where that is nothing, or ingested."""
        self.touch()
        last = self.journal.entries[-1] if self.journal.entries else None
        if last is None or last.id not in self._place or self.work.taken.has(last):
            return None
        self.journal.take_back()
        self._recall()
        self.position = self._place[last.id]
        return last

    def class_called(self, name: str) -> str:
        """A name for a class as it will be kept.

        Raises:
            ValueError: it cannot be one; says why.
        """
        name = clean_name(name)
        if not name:
            raise ValueError("a class needs a name")
        if name in self.work.words:
            raise ValueError(f"{name!r} means skip or unsure in alcli.yaml")
        return name

    def like(self, name: str) -> str | None:
        """A class that a new name may be a misspelling of."""
        folded = {fold(known): known for known in self.classes}
        return folded.get(fold(name)) or nearest(name, self.classes, cutoff=0.8)

    def add_class(self, name: str) -> None:
        """One more class, at the end."""
        if name not in self.classes:
            self.classes.append(name)

    def _shown(self) -> Row:
        if self.row is None:
            raise IndexError("no row is shown")
        return self.row

    def _write(self, entry: Entry) -> Entry:
        earlier = [self.said(entry.id), *self.journal.entries[-1:]]
        times = [said.labeled_at + _TICK for said in earlier if said is not None and said.labeled_at]
        at = max([self._now(), *times])  # the later answer wins, whatever the clock does
        entry = replace(
            entry,
            labeled_at=at if entry.answered else None,
            seconds=self.pace.seconds(entry.id),
            guideline=self.rows[self._place[entry.id]].guideline,
        )
        self.journal.append(entry)
        self._said[entry.id] = entry
        return entry

    def _recall(self) -> None:
        self._said = {entry.id: entry for entry in self.journal.entries}

    def _is_answered(self, row: Row) -> bool:
        said = self.said(row.id)
        return said is not None and said.answered

    def _next_open(self, after: int) -> int:
        """The next row without an answer, from the top again where there is none below; else past the end."""
        places = [*range(after + 1, len(self.rows)), *range(after + 1)]
        return next((place for place in places if not self._is_answered(self.rows[place])), len(self.rows))
