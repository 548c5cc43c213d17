"""From a project's files to a person's rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alcli.errors import AlcliError, DataError, StateError, suggest
from alcli.labeling.journal import Entry, Journal, answers_of, clean_name, journal_name, journals
from alcli.labeling.work import Row, Taken, Wanted, Work
from alcli.loop import plural
from alcli.loop._asking import known_classes
from alcli.project import LEDGER, Project, Round, round_folder, share_file
from alcli.project.answers import LABELED, SKIPPED, UNSURE
from alcli.project.intake import checked_ledger
from alcli.project.ledger import current, moments
from alcli.project.pool import Pool
from alcli.project.relabeling import labels_now
from alcli.project.reopening import Reopened
from alcli.project.resolve import resolve
from alcli.project.selection import Asked, read_asked
from alcli.project.splits import HELD_OUT, RESERVE, Splits
from alcli.registry import reader_of

_ANNOTATOR, _PREDICTION, _ADJUDICATED, _GUIDELINE = "annotator", "prediction", "adjudicated", "guideline"
_START = datetime(1970, 1, 1, tzinfo=UTC)


def annotator_of(project: Project, wanted: Wanted) -> str:
    """Who labels: as asked for; else the one whom the file's column `annotator` names; else "", nobody.

    The answers of a label file without such a column are the anonymous annotator's, too: a row that was
    answered in a spreadsheet and then here is one person's row.

    Raises:
        DataError: the file names several.
    """
    if wanted.annotator is not None:
        return clean_name(wanted.annotator)
    names = _Files(project).read(wanted.file).names if wanted.file is not None else set()
    if len(names) > 1:
        raise _several(str(wanted.file), names)
    return next(iter(names), "")


def open_work(project: Project, wanted: Wanted, annotator: str) -> Work:
    """A person's rows: of a file, of a round, or of the newest round that has some for them.

    What the ledger has by now is taken out of this person's journals, so hold `one_session`.

    Raises:
        StateError: before seed; no such round; a query file that is gone.
        DataError: a file that is no query file, or a journal that was edited.
    """
    project.check_sealed()
    newest = project.newest
    ground = _Ground.of(project, annotator)
    files = _Files(project)
    if wanted.file is not None:
        sheet = files.read(wanted.file)
        number = max((ground.asked.rounds.get(id_, 0) for id_ in sheet.ids), default=newest.number)
        return ground.work(number, [sheet], by_name=wanted.annotator is not None)
    reopened = list(Reopened.of(project.rounds).files)
    rounds = [round_ for round_ in project.rounds if round_.batches or _in(round_, reopened)]
    if wanted.round is not None:
        chosen = next((round_ for round_ in rounds if round_.number == wanted.round), None)
        if chosen is None:
            message = f"round {wanted.round:03d} has asked nothing"
            raise StateError(message, hint=f"the newest that has is round {rounds[-1].number:03d}")
    else:
        files_of = ground.asked.reopened
        with_rows = {ground.asked.rounds[id_] for id_ in ground.open - files_of.keys()}
        again = {files_of[id_] for id_ in ground.open & files_of.keys()}
        waiting = (r for r in reversed(rounds) if r.number in with_rows or _in(r, again))
        chosen = next(waiting, rounds[-1])
    by_name = wanted.annotator is not None
    names = [*_shares(chosen, annotator, by_name=by_name), *_in(chosen, reopened)]
    sheets = [files.of_round(chosen, name) for name in names]
    return ground.work(chosen.number, sheets, by_name=by_name)


def _in(round_: Round, names: Collection[str]) -> list[str]:
    """Those of some files that lie in a round's folder."""
    return [name for name in names if name.startswith(f"{round_.folder}/")]


def _shares(round_: Round, annotator: str, *, by_name: bool) -> Iterator[str]:
    """The files of a round for one annotator: their share of a batch, or all of it where they have none."""
    for name, people in round_.batches.items():
        if people and annotator not in people and not by_name:
            raise _several(name, people)
        yield share_file(name, annotator) if annotator in people else name


@dataclass(frozen=True)
class _Sheet:
    """A query file's columns."""

    name: str
    ids: Sequence[str]
    labels: Sequence[str]
    annotators: Sequence[str]
    guidelines: Sequence[str]
    cells: Mapping[str, Sequence[str]]

    @property
    def names(self) -> set[str]:
        """The annotators whom it names."""
        return {name for name in self.annotators if name}

    def rows_of(self, annotator: str, *, by_name: bool) -> list[tuple[Row, str]]:
        """(row, label cell) of one annotator: all where the file has none for them, and they ask for it."""
        if self.names and annotator not in self.names and not by_name:
            raise _several(self.name, self.names)
        mine = {annotator, ""} if annotator in self.names else {*self.names, ""}
        return [
            (
                Row(id_, {name: cells[n] for name, cells in self.cells.items()}, self.guidelines[n]),
                self.labels[n],
            )
            for n, id_ in enumerate(self.ids)
            if self.annotators[n] in mine
        ]


class _Files:
    """Reads query files."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._pools = set(Pool(project).schema.names)

    def of_round(self, round_: Round, name: str) -> _Sheet:
        """A round's own."""
        if not (self._project.root / name).exists():
            step = "query" if "query" in round_.steps else "seed"
            raise StateError("the query file is gone", where=name, hint=f"`alcli {step}` writes it again")
        return self.read(self._project.root / name, name)

    def read(self, path: Path, name: str | None = None) -> _Sheet:
        """Any: the columns of the pool, and the prediction where annotators may see it."""
        labels, name = self._project.config.labels, name or str(path)
        table = reader_of(path, id=labels.id, label=labels.label).read(path).table
        columns = {column: table[column].to_pylist() for column in table.column_names}
        own = columns.keys() - self._pools
        if labels.id not in columns:
            hint = f"{suggest(labels.id, columns)} labels.id in alcli.yaml names it"
            raise DataError(f"there is no column {labels.id!r}", where=name, hint=hint)
        if _ADJUDICATED in own:
            hint = f"fill in its column {labels.label!r}, then `alcli ingest` it"
            raise DataError("these rows are in dispute, not to be labeled but decided", where=name, hint=hint)
        shown = [column for column in columns if column in self._pools - {labels.id, labels.label}]
        if self._project.config.query.show_prediction and _PREDICTION in own:
            shown.append(_PREDICTION)
        blank = [""] * table.num_rows

        def cells(column: str, *, there: bool) -> list[str]:
            return [cell.strip() for cell in columns[column]] if there else blank

        return _Sheet(
            name,
            columns[labels.id],
            cells(labels.label, there=labels.label in columns),
            cells(_ANNOTATOR, there=_ANNOTATOR in own),
            cells(_GUIDELINE, there=_GUIDELINE in own),
            {column: columns[column] for column in shown},
        )


@dataclass(frozen=True)
class _Ground:
    """What the project knows, for one annotator.

    Attributes:
        asked: all rows that people were asked about.
        open: ids that want this annotator's answer.
        mine: ids that they have answered.
        pending: ids still with people, answers that are on their way counted.
        seen: ids that the ledger knows, those of retracted answers included.
        given: this annotator's answers in the ledger.
        own: this annotator's journals.
    """

    project: Project
    annotator: str
    asked: Asked
    open: frozenset[str]
    mine: frozenset[str]
    pending: frozenset[str]
    seen: frozenset[str]
    given: Mapping[str, Entry]
    own: Sequence[Journal]
    taken: Taken
    classes: Sequence[str]

    @classmethod
    def of(cls, project: Project, annotator: str) -> _Ground:
        ledger, asked = checked_ledger(project), read_asked(project)
        standing = current(ledger)
        given, taken = _given(ledger, standing, annotator, asked), Taken(project.root / LEDGER, annotator)
        own = [Journal(path, annotator) for path in journals(project) if path.name == journal_name(annotator)]
        for journal in own:
            news = [entry for entry in journal.entries if not taken.has(entry)]
            journal.keep([entry for entry in news if entry.answered or entry.id not in given])
        rows = resolve(ledger, project.config.labels.resolve).rows
        pending = asked.pending(rows, _on_the_way(project, ledger))
        mine = {entry.id for journal in own for entry in journal.entries if entry.answered} | given.keys()
        sealed = set(Splits.read(project).ids(RESERVE, HELD_OUT).to_pylist())
        open_ = pending - mine - sealed
        seen = frozenset(pc.unique(ledger["id"]).to_pylist())
        classes = _classes(project, ledger, standing)
        return cls(
            project, annotator, asked, open_, frozenset(mine), pending, seen, given, own, taken, classes
        )

    def work(self, number: int, sheets: Sequence[_Sheet], *, by_name: bool) -> Work:
        """The rows of some files that are this annotator's."""
        found = [pair for sheet in sheets for pair in sheet.rows_of(self.annotator, by_name=by_name)]
        filled = {row.id for row, label in found if label and row.id in self.open - self.seen}
        strange = {row.id for row, _ in found} - self.asked.rounds.keys()
        wanted = (self.open - filled) | (self.mine & self.asked.rounds.keys())
        names = [sheet.name for sheet in sheets]
        return Work(
            self.annotator,
            number,
            names,
            list({row.id: row for row, _ in found if row.id in wanted}.values()),
            self.given,
            self.classes,
            (*self.project.config.labels.skip, *self.project.config.labels.unsure),
            self.taken,
            self.project.root / round_folder(number) / journal_name(self.annotator),
            [journal.path for journal in self.own],
            len(self.mine & self.pending),
            list(_notes(names, len(filled), len(strange))),
        )


def _notes(names: Sequence[str], n_filled: int, n_strange: int) -> Iterator[str]:
    files = " ".join(names)
    if n_filled:
        yield (
            f"{plural(n_filled, 'row')} left out with a label in the file that was not ingested: "
            f"`alcli ingest {files}`"
        )
    if n_strange:
        them = "it" if n_strange == 1 else "them"
        yield f"{files}: {plural(n_strange, 'row')} left out: nobody was asked about {them}"


def _given(ledger: pa.Table, standing: np.ndarray, annotator: str, asked: Asked) -> dict[str, Entry]:
    """One annotator's answers that stand, each with the moment at which it counts.

    Of a row that is asked once more, none from before: who sees it again must not see what they said.
    """
    columns = ["id", "status", "label", "seconds", "comment", "round"]
    ledger = ledger.set_column(ledger.schema.get_field_index("label"), "label", labels_now(ledger))
    at = pa.array(moments(ledger)[0][standing])
    table = ledger.select([*columns, "annotator"]).take(pa.array(standing)).append_column("at", at)
    usual = pc.is_in(table["status"], value_set=pa.array([LABELED, SKIPPED, UNSURE]))
    table = table.filter(pc.and_(usual, pc.equal(table["annotator"], annotator)))
    return {
        row["id"]: Entry(
            row["id"],
            row["status"],
            row["label"] or "",
            _START + timedelta(microseconds=row["at"]),
            row["seconds"],
            row["comment"],
        )
        for row in table.to_pylist()
        if row["id"] not in asked.again or row["round"] >= asked.rounds[row["id"]]
    }


def _on_the_way(project: Project, ledger: pa.Table) -> list[str]:
    """Ids that somebody has answered who has not ingested it yet, once for each such person."""
    found: set[tuple[str, str]] = set()
    for path in journals(project):
        with suppress(AlcliError):  # its owner will be told
            found |= set(answers_of(path))
    known = (
        set(zip(ledger["id"].to_pylist(), ledger["annotator"].to_pylist(), strict=True)) if found else set()
    )
    return [id_ for id_, _ in sorted(found - known)]


def _classes(project: Project, ledger: pa.Table, standing: np.ndarray) -> list[str]:
    """The classes in an order that no later answer changes, since keys follow it.

    Those of `task.classes` first; then by the ingest that brought each, the time of its first answer there
    (undated ones first), and the name.
    """
    known = list(project.config.task.classes or ())
    told = ledger.set_column(ledger.schema.get_field_index("label"), "label", labels_now(ledger))
    used = known_classes(project, ledger)
    if used is None:  # there are not two yet
        used = tuple(pc.unique(told["label"].take(pa.array(standing)).drop_null()).to_pylist())
    times = told.set_column(
        0, "at", pc.fill_null(ledger["labeled_at"], pa.scalar(_START, pa.timestamp("us", "UTC")))
    )
    firsts = times.group_by(["label", "ingest"], use_threads=False).aggregate([("at", "min")]).to_pylist()
    ranks = sorted((row["ingest"], row["at_min"], row["label"]) for row in firsts if row["label"] in used)
    return list(dict.fromkeys([*known, *(label for _, _, label in ranks)]))


def _several(name: str, annotators: Collection[str]) -> DataError:
    names = ", ".join(sorted(annotators))
    return DataError(
        f"this file's rows are for {names}", where=name, hint="say who you are: --annotator NAME"
    )
