"""From label files to the ledger, and from the ledger to `labels.parquet`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from alcli.errors import DataError, IntegrityError
from alcli.project import LABELS, LEDGER, File, Project, Step, Transaction
from alcli.project.advice import INGEST, Advice
from alcli.project.answers import read_answers
from alcli.project.gate import Checked, Gate, check, rejected_columns
from alcli.project.ledger import (
    LEDGER_SCHEMA,
    as_rows,
    content_digest,
    new_answers,
    next_file,
    read_ledger,
    retract,
    write_ledger,
)
from alcli.project.relabeling import RELABELED, mappings, renamed, repeated
from alcli.project.resolve import Resolution
from alcli.project.splits import VALIDATION
from alcli.tables.atomic import sha256_file
from alcli.tables.listing import path_in_messages

LABELS_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("round", pa.int64()),
        ("n_annotators", pa.int64()),
        ("agreement", pa.float64()),
        ("resolution", pa.string()),
    ]
)
_LABEL_KEYS = ("task.classes", "labels")  # what of the config decides how answers are taken
_SHOWN_PROBLEMS = 5
_NEXT_INGEST = 1 << 40  # ranks behind every ingest that has a number


class Reader(Protocol):
    """A label-file format that can be read."""

    def read(self, path: Path) -> Any:
        """Its cells, `alcli.formats.Sheet`."""


@dataclass(frozen=True)
class Rules:
    """How label files are taken in.

    Attributes:
        unrequested: what happens to answers that nobody asked for.
        new_classes: whether labels outside the known classes are added to them.
        skip_invalid: take the good rows and report the others, instead of all or nothing.
        columns: ledger column -> the files' column, where it has another name.
        guideline: the rubric's version, for rows that name none.
        advice: what the command can do about a file that cannot be taken.
    """

    unrequested: Literal["refuse", "accept", "ignore"] = "refuse"
    new_classes: bool = False
    skip_invalid: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    guideline: str | None = None
    advice: Advice = INGEST


@dataclass
class Intake:
    """Label files on their way into the ledger; `counts`, `rejected` and `warnings` tell what was found."""

    project: Project
    rules: Rules
    ledger: pa.Table
    asked: Mapping[str, int]
    sealed: Mapping[str, str]
    in_pool: Callable[[Sequence[str]], Collection[str]]
    classes: tuple[str, ...] | None
    round: int
    at: datetime
    shown: Sequence[str] = ()
    retired: frozenset[tuple[str, str]] = frozenset()
    copies: Callable[[Sequence[str]], Collection[str]] = lambda _: ()
    validation: Collection[str] | None = None
    again: Collection[str] = ()
    rows: list[pa.Table] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)
    rejected: list[dict[str, list[str]]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("answers", "new", "known", "changed", "pending_blank", "ignored", "unrequested", "rejected"), 0
        )
    )

    def __post_init__(self) -> None:
        self._learning = self.classes is None  # from all files of the first ingest, whatever their order
        self._renamed = renamed(self.ledger, self.classes or ())

    def take(self, path: Path, reader: Reader) -> None:
        """Read and check one file; its new answers join `rows`.

        Raises:
            DataError: a row that cannot be taken, unless invalid rows are skipped; nothing is kept then.
        """
        sheet = reader.read(path)
        digest = sha256_file(path)
        labels = self.project.config.labels
        answers = read_answers(
            sheet,
            labels,
            source=path.name,
            columns={**sheet.means, **self.rules.columns},
            classes=self.classes,
            shown=self.shown,
            advice=self.rules.advice,
        )
        table = answers.table
        if self.rules.guideline is not None:
            filled = pc.if_else(pc.equal(table["guideline"], ""), self.rules.guideline, table["guideline"])
            table = table.set_column(table.column_names.index("guideline"), "guideline", filled)
        gate = Gate(
            self.asked,
            self.in_pool,
            self.classes,
            self.rules.new_classes or self._learning,
            self.sealed,
            self.rules.unrequested,
            self.round,
            self.retired,
            self.rules.advice,
            self.copies,
            self.validation,
            self._renamed.keys(),
        )
        checked = check(table, gate, source=path.name, unit=sheet.unit)
        self.warnings += [*sheet.warnings, *answers.warnings, *checked.warnings]
        if checked.rejected.num_rows:
            self._reject(checked, path, sheet.unit)
        self._keep(checked, path, digest)
        self.counts["pending_blank"] += answers.n_pending

    def take_back(self, source: str | None, annotator: str | None) -> None:
        """Retract all answers of a file, of an annotator, or of one in the other.

        Raises:
            DataError: there is no such file or annotator, or several files of that name.
        """
        tombstones = retract(self.ledger, at=self.at, source=source, annotator=annotator)
        self.counts["retracted"] = tombstones.num_rows
        self.rows.append(tombstones.select(LEDGER_SCHEMA.names))
        self.ledger = with_rows(self.ledger, tombstones)

    def relabel_late(self) -> None:
        """Map what came under a name that `alcli relabel` has mapped already."""
        late = Counter(self.new_rows["label"].to_pylist())
        labels = [label for label in self._renamed if late[label]]
        if labels:
            rows = repeated(self.ledger, labels, self._renamed).select(LEDGER_SCHEMA.names)
            at = pa.repeat(pa.scalar(self.at, LEDGER_SCHEMA.field("ingested_at").type), rows.num_rows)
            rows = rows.set_column(LEDGER_SCHEMA.get_field_index("ingested_at"), "ingested_at", at)
            self.rows.append(rows.cast(LEDGER_SCHEMA))
            self.ledger = with_rows(self.ledger, self.rows[-1])
            self.warnings += [
                f"{label!r} counts as {self._renamed[label]!r} since `alcli relabel`: so do these "
                f"answers ({late[label]:,})"
                for label in labels
            ]

    @property
    def new_rows(self) -> pa.Table:
        """What is to join the ledger."""
        return pa.concat_tables([LEDGER_SCHEMA.empty_table(), *self.rows])

    def _reject(self, checked: Checked, path: Path, unit: str) -> None:
        rejected = checked.rejected
        if not self.rules.skip_invalid:
            first, *others = rejected.slice(0, _SHOWN_PROBLEMS).to_pylist()
            hints = [first["hint"]] if first["hint"] else []
            hints += [f"also {unit} {row['row']}: {row['reason']}" for row in others]
            if rejected.num_rows > _SHOWN_PROBLEMS:
                hints.append(f"{rejected.num_rows:,} rows in all")
            hints.append(self.rules.advice.rows)
            raise DataError(
                first["reason"], where=f"{path.name}, {unit} {first['row']}", hint="; ".join(hints)
            )
        self.rejected.append(rejected_columns(rejected, path.name))
        self.counts["rejected"] += rejected.num_rows

    def source(self, path: Path) -> str:
        """What the ledger calls a file: its path in the project, or its name where it lies outside."""
        inside = path_in_messages(path.resolve(), self.project.root.resolve())
        return path.name if Path(inside).is_absolute() else inside

    def _keep(self, checked: Checked, path: Path, digest: str) -> None:
        news = new_answers(checked.good, self.ledger, self.again)
        source = self.source(path)
        rows = as_rows(news.rows, source=source, sha256=digest, at=self.at)
        self.files[source] = File(digest, checked.good.num_rows)
        self.paths.append(path)
        self.rows.append(rows)
        self.ledger = with_rows(self.ledger, rows)
        if self.classes is not None:
            self.classes = (*self.classes, *checked.new_classes)
        elif len(checked.new_classes) > 1:  # one class alone is not yet what the classes are
            self.classes = checked.new_classes
        if news.n_superseded:
            self.warnings.append(
                f"{path.name}: {news.n_superseded:,} known answers were changed since: the later ones stand"
            )
        if news.n_aside:
            self.warnings.append(
                f"{path.name}: {news.n_aside:,} known answers were set aside when their rows were reopened: "
                "they do not come back; were they given anew, --guideline NAME tells them from the old ones"
            )
        for name, count in (
            ("answers", checked.good.num_rows),
            ("new", news.rows.num_rows),
            ("known", news.n_known + news.n_repeated),
            ("ignored", checked.n_ignored),
            ("unrequested", checked.n_unrequested),
        ):
            self.counts[name] += count


def with_rows(ledger: pa.Table, rows: pa.Table) -> pa.Table:
    """The ledger with rows that are about to join it."""
    number = pa.repeat(pa.scalar(_NEXT_INGEST, pa.int64()), rows.num_rows)
    return pa.concat_tables([ledger, rows.append_column("ingest", number).select(ledger.column_names)])


def all_rejected(parts: Sequence[Mapping[str, list[str]]]) -> dict[str, list[str]]:
    """The rows of `rejected.csv`, of all files."""
    return {name: [cell for part in parts for cell in part[name]] for name in parts[0]} if parts else {}


def checked_ledger(project: Project) -> pa.Table:
    """All answers, as the newest ingest left them.

    Raises:
        IntegrityError: files were changed, removed or added by hand.
    """
    ledger = read_ledger(project.root / LEDGER)
    steps = [round_.steps["ingest"] for round_ in project.rounds if "ingest" in round_.steps]
    if steps and content_digest(ledger) != steps[-1].outputs[LEDGER].sha256:
        raise IntegrityError(
            "the ledger is not what `alcli ingest` wrote: a file was changed, removed or added",
            where=LEDGER,
            hint="bring it back from a copy or from version control",
        )
    return ledger


@dataclass(frozen=True)
class Places:
    """The ids of the validation rows, the round in which each id was asked, the file of each reopened one."""

    validation: pa.Array
    asked: Mapping[str, int]
    reopened: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def asked_ids(self) -> pa.Array:
        """What was asked."""
        return pa.array(list(self.asked), pa.string())

    @cached_property
    def asked_in(self) -> pa.Array:
        """In which round, by place in `asked_ids`."""
        return pa.array(list(self.asked.values()), pa.int64())


@dataclass(frozen=True)
class Taken:
    """What an ingest comes to: its files, the ledger with its new rows, and what all answers resolve to.

    `pending` are the ids that are with people still.
    """

    files: Mapping[str, File]
    classes: Sequence[str]
    ledger: pa.Table
    new_rows: pa.Table
    resolution: Resolution
    places: Places
    pending: Collection[str] = ()

    def counts(self) -> dict[str, int]:
        """Rows by what their answers come to."""
        labeled = self.resolution.labels["id"]
        in_validation = pc.sum(pc.is_in(labeled, value_set=self.places.validation)).as_py() or 0
        status = Counter(self.resolution.rows["status"].to_pylist())
        return {
            "labeled": len(labeled) - in_validation,
            "validation_labeled": in_validation,
            **{name: status[name] for name in ("disputed", "skipped", "unsure")},
        }


def stage_ingest(
    project: Project, change: Transaction, taken: Taken, counts: Mapping[str, int], clock: int
) -> Step:
    """Stage a ledger file with the new rows, and `labels.parquet`; returns the step's entry."""
    if taken.new_rows.num_rows:
        write_ledger(change.path(f"{LEDGER}/{next_file(project.root / LEDGER).name}"), taken.new_rows)
    table = labels_table(taken.resolution, taken.ledger, taken.places)
    pq.write_table(table, change.path(LABELS))
    rows = taken.resolution.rows
    places = taken.places
    answered = pc.is_in(places.asked_ids, value_set=rows["id"])
    pending = pc.is_in(places.asked_ids, value_set=pa.array(list(taken.pending), pa.string()))
    reopened = pc.is_in(places.asked_ids, value_set=pa.array(list(places.reopened), pa.string()))
    # what was given back may still come where nothing else is with people
    waiting = pc.and_(pending if taken.pending else pc.invert(answered), pc.invert(reopened))
    known = set(rows["id"].to_pylist()) if places.reopened else set()
    more = {
        RELABELED: [dict(one.names) for one in mappings(taken.ledger)],
        "reopened": sorted({name for id_, name in places.reopened.items() if id_ not in known}),
    }
    return Step(
        "ingest",
        settings=project.read_settings(_LABEL_KEYS),
        config=project.config.digest(_LABEL_KEYS),
        random_state=project.config.random_state,
        inputs=taken.files,
        outputs={
            LABELS: change.file(LABELS, table.num_rows),
            LEDGER: File(content_digest(taken.ledger), taken.ledger.num_rows),
        },
        counts=counts,
        more={
            "clock": clock,
            "resolve": project.config.labels.resolve,
            "disputed": rows.filter(pc.equal(rows["status"], "disputed"))["id"].to_pylist(),
            "classes": list(taken.classes),
            "waiting": sorted(pc.unique(places.asked_in.filter(waiting)).to_pylist()),
            **{name: value for name, value in more.items() if value},
        },
    )


def labels_table(resolution: Resolution, ledger: pa.Table, places: Places) -> pa.Table:
    """`labels.parquet`: the resolved labels, with the split and the round that each row was asked in."""
    labels, rows = resolution.labels, resolution.rows
    ids = labels["id"]
    last = resolution.standing[np.cumsum(rows["n_annotators"].to_numpy()) - 1]  # of each row, by annotator
    filed = ledger["round"].to_numpy()[last][pc.index_in(ids, value_set=rows["id"]).to_numpy()]
    place = pc.index_in(ids, value_set=places.asked_ids)
    columns = {
        "id": ids,
        "label": labels["label"],
        "split": pc.if_else(pc.is_in(ids, value_set=places.validation), VALIDATION, "train"),
        "round": pc.coalesce(places.asked_in.take(place), pa.array(filed)),
        "n_annotators": labels["n_annotators"],
        "agreement": labels["agreement"],
        "resolution": labels["resolution"],
    }
    return pa.table(columns, schema=LABELS_SCHEMA)
