"""Which answers of a label file may go into the ledger, and why the others may not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alcli.errors import nearest
from alcli.project.advice import INGEST, Advice
from alcli.project.answers import ADJUDICATED
from alcli.project.classes import check_first_labels, fold, look_alikes
from alcli.project.grouping import Codes, coded, group, ticks
from alcli.project.repair import NO_FIT, SEVERAL_FIT, fit_damaged, match, trimmed

Mask = NDArray[np.bool_]
Problem = tuple[str, str]

_LISTED_CLASSES = 12
_EXPLAINED = 100


@dataclass(frozen=True)
class Gate:
    """What the project knows when answers arrive.

    Attributes:
        asked: every id that was ever asked, and in which round.
        in_pool: those of some ids that the pool has; called once at most, for ids that were not asked.
        classes: the classes so far; None before the first answers.
        new_classes: whether others may be added.
        sealed: ids of which the labels must not be known, and their split.
        unrequested: what happens to answers to rows of the pool that were never asked.
        round: where such answers are filed if they are accepted.
        retired: (id, label) of answers that were given and corrected since; sent again, they are known.
        advice: what to do about what is wrong.
        copies: those of some ids whose rows in the pool are copies or group-mates of sealed ones.
        validation: ids of the validation rows, which a file's column `split` may not add to; None: it may.
        renamed: labels that count as another class since `alcli relabel`.
    """

    asked: Mapping[str, int]
    in_pool: Callable[[Sequence[str]], Collection[str]]
    classes: Sequence[str] | None = None
    new_classes: bool = False
    sealed: Mapping[str, str] = field(default_factory=dict)
    unrequested: Literal["refuse", "accept", "ignore"] = "refuse"
    round: int = 0
    retired: Collection[tuple[str, str]] = ()
    advice: Advice = INGEST
    copies: Callable[[Sequence[str]], Collection[str]] = lambda _: ()
    validation: Collection[str] | None = None
    renamed: Collection[str] = ()


@dataclass(frozen=True)
class Checked:
    """A label file's answers, sorted out.

    Attributes:
        good: the columns of `Answers.table` but `unreadable` and `split`, with ids as the pool has them,
            and `round`.
        rejected: `row`, `id`, `label`, `reason`, `hint`.
        n_ignored: answers never asked for, left aside as the gate says.
        n_unrequested: answers never asked for, taken as the gate says; they are among the good.
        new_classes: sorted labels among the good that are no classes yet.
        warnings: repaired ids, labels that look alike.
    """

    good: pa.Table
    rejected: pa.Table
    n_ignored: int
    n_unrequested: int
    new_classes: tuple[str, ...]
    warnings: tuple[str, ...]


def check(answers: pa.Table, gate: Gate, *, source: str, unit: str = "row") -> Checked:
    """Sort a file's answers (`Answers.table`) into good, rejected and ignored ones.

    Raises:
        DataError: before there are classes, when the label column cannot be one.
    """
    problems = _Problems(answers.num_rows)
    ids = _check_ids(answers["id"], gate, problems)
    problems.leave_aside(ids.ignored)
    _check_split(answers, ids, gate, problems)
    _check_dates(answers, problems)
    counts = _check_labels(answers, gate, problems)
    _check_conflicts(answers, ids, problems, unit)
    good = problems.good
    warnings = ids.warnings(source, good)
    new_classes = tuple(sorted(_used(answers, good) - {*(gate.classes or ()), *gate.renamed}))
    if gate.classes is None:
        check_first_labels(counts, source, gate.advice)
    if new_classes:
        warnings += look_alikes(new_classes, gate.classes or (), counts, source)
    return Checked(
        good=_good(answers, ids, good),
        rejected=problems.table(answers),
        n_ignored=int(ids.ignored.sum()),
        n_unrequested=int((ids.unrequested & good).sum()),
        new_classes=new_classes,
        warnings=tuple(warnings),
    )


def rejected_columns(rejected: pa.Table, source: str) -> dict[str, list[str]]:
    """`rejected.csv`: file, row, id, label, reason."""
    reasons = pc.binary_join_element_wise(rejected["reason"], rejected["hint"], "; ")
    return {
        "file": [source] * rejected.num_rows,
        "row": rejected["row"].cast(pa.string()).to_pylist(),
        "id": rejected["id"].to_pylist(),
        "label": rejected["label"].to_pylist(),
        "reason": [reason.removesuffix("; ") for reason in reasons.to_pylist()],
    }


class _Problems:
    """The first problem of each row."""

    def __init__(self, n_rows: int) -> None:
        self.good = np.ones(n_rows, dtype=bool)
        self._code = np.full(n_rows, -1, dtype=np.int64)
        self._texts: list[Problem] = []

    def add(self, codes: Codes, texts: Sequence[Problem]) -> None:
        """Row by row the number of its problem among `texts`, or -1."""
        fresh = (codes >= 0) & self.good
        self._code[fresh] = codes[fresh] + len(self._texts)
        self._texts += texts
        self.good &= ~fresh

    def leave_aside(self, rows: Mask) -> None:
        """Rows that are neither good nor a problem."""
        self.good &= ~rows

    def table(self, answers: pa.Table) -> pa.Table:
        bad = self._code >= 0
        rows = answers.filter(pa.array(bad))
        which = pa.array(self._code[bad])
        reasons, hints = (pa.array([text[part] for text in self._texts], pa.string()) for part in (0, 1))
        return pa.table(
            {
                "row": rows["row"],
                "id": rows["id"],
                "label": pc.coalesce(rows["label"], rows["status"]),
                "reason": reasons.take(which),
                "hint": hints.take(which),
            }
        )


@dataclass(frozen=True)
class _Ids:
    """The rows that a file's ids mean: (n,) `code` into `values`, the ids as the pool has them."""

    code: Codes
    given: pa.Array
    values: pa.Array
    round: NDArray[np.int64]
    repaired: Mask
    unrequested: Mask
    ignored: Mask

    def warnings(self, source: str, good: Mask) -> list[str]:
        rows = np.flatnonzero(self.repaired & good)
        if not len(rows):
            return []
        code = int(self.code[rows[0]])
        before, after = self.given[code].as_py(), self.values[code].as_py()
        example = f"such as {before!r} to {after!r}; format the id column as text"
        return [f"{source}: ids damaged by a spreadsheet, repaired: {len(rows)}, {example}"]


def _check_ids(column: pa.ChunkedArray, gate: Gate, problems: _Problems) -> _Ids:
    code, given = coded(column)
    asked = pa.array(list(gate.asked), pa.string())
    fit = pc.index_in(given, value_set=asked).fill_null(NO_FIT).to_numpy().astype(np.int64)
    unknown = np.flatnonzero(fit == NO_FIT)
    repaired, unrequested, ignored = (np.zeros(len(given), dtype=bool) for _ in range(3))
    if len(unknown):
        strangers = _Strangers(given.take(pa.array(unknown)), asked, gate)
        fit[unknown] = np.where(strangers.taken | strangers.ignored, NO_FIT, strangers.fit)
        repaired[unknown] = fit[unknown] >= 0
        unrequested[unknown], ignored[unknown] = strangers.taken, strangers.ignored
        numbers = np.full(len(given), -1, dtype=np.int64)
        refused = unknown[strangers.refused]
        numbers[refused] = np.arange(len(refused))
        problems.add(numbers[code], strangers.problems())
    values = pc.replace_with_mask(given, pa.array(repaired), asked.take(pa.array(fit[repaired])))
    rounds = np.append(np.fromiter(gate.asked.values(), dtype=np.int64, count=len(asked)), gate.round)
    by_id = rounds[np.where(fit >= 0, fit, len(asked))]
    return _Ids(code, given, values, by_id[code], repaired[code], unrequested[code], ignored[code])


class _Strangers:
    """Distinct ids that were not asked, as they stand in the file: what becomes of each."""

    def __init__(self, ids: pa.Array, asked: pa.Array, gate: Gate) -> None:
        self.ids, self.asked, self.gate = ids, asked, gate
        self.blank = _mask(pc.equal(trimmed(ids), ""))
        self.sealed = _mask(pc.is_in(ids, value_set=pa.array(list(gate.sealed), pa.string())))
        self.fit = np.where(self.blank | self.sealed, NO_FIT, fit_damaged(ids, asked))
        self.in_pool = self._look_up(~(self.blank | self.sealed))
        self.fit[self.in_pool] = NO_FIT  # an exact match wins
        ignoring = gate.unrequested == "ignore"
        accepted = self.in_pool & (gate.unrequested == "accept")
        self.copies = self._are(gate.copies, accepted)
        self.taken = accepted & ~self.copies
        self.ignored = ~self.blank & (self.fit == NO_FIT) & ignoring
        self.refused = (self.fit < 0) & ~self.taken & ~self.ignored

    def _look_up(self, rows: Mask) -> Mask:
        """Which of these the pool has; an id that would be ignored either way is not looked up."""
        if self.gate.unrequested == "ignore":
            rows = rows & (self.fit != NO_FIT)
        return self._are(self.gate.in_pool, rows)

    def _are(self, among: Callable[[Sequence[str]], Collection[str]], rows: Mask) -> Mask:
        """Which of some rows are such as `among` finds; it is not called for none."""
        wanted = self.ids.filter(pa.array(rows)).to_pylist()
        found = among(wanted) if wanted else ()
        return _mask(pc.is_in(self.ids, value_set=pa.array(list(found), pa.string()))) & rows

    def problems(self) -> list[Problem]:
        """Why each refused id is refused, in order."""
        rows = np.flatnonzero(self.refused)
        ids = self.ids.take(pa.array(rows)).to_pylist()
        folded = match(pc.utf8_lower(trimmed(self.ids.take(pa.array(rows)))), pc.utf8_lower(self.asked))
        return [
            self._problem(row, id_, near)
            for row, id_, near in zip(rows.tolist(), ids, folded.tolist(), strict=True)
        ]

    def _problem(self, row: int, id_: str, near: int) -> Problem:
        if self.blank[row]:
            return "the id is blank", "each answer needs the id that query.csv gave it"
        if self.sealed[row] or self.copies[row]:
            split = self.gate.sealed.get(id_, "as a copy or group-mate of one that is")
            return f"this row is sealed ({split}): nobody may know its label", "remove it from the file"
        if self.in_pool[row]:
            return "this row was never asked", "--unrequested accept takes it, --requested-only does not"
        if self.fit[row] == SEVERAL_FIT:
            return "the id is damaged and fits several rows", "copy the ids from query.csv, as text"
        if near >= 0:
            asked = self.asked[near].as_py()
            return "there is no such id in the pool", f"did you mean {asked!r}? capital letters count"
        return "there is no such id in the pool", "is this file from another project?"


def _check_split(answers: pa.Table, ids: _Ids, gate: Gate, problems: _Problems) -> None:
    """A column `split` may tell what is known, and puts no further row in validation."""
    if gate.validation is None:
        return
    inside = _mask(pc.is_in(ids.values, value_set=pa.array(list(gate.validation), pa.string())))
    claimed = _mask(pc.equal(answers["split"], "validation"))
    what = "the file puts this row in validation, but only rows drawn at random for it may measure"
    hint = "remove the row, or the column split; `alcli seed --extend-validation` adds validation rows"
    problems.add(np.where(claimed & ~inside[ids.code], 0, -1), [(what, hint)])


def _check_dates(answers: pa.Table, problems: _Problems) -> None:
    codes, texts = coded(answers["unreadable"])
    hint = "write 2026-01-31 or 2026-01-31T12:00:00Z"
    problems.add(codes, [(f"{text!r} is no date", hint) for text in texts.to_pylist()])


def _check_labels(answers: pa.Table, gate: Gate, problems: _Problems) -> dict[str, int]:
    """Refuses labels that are no classes; returns how often each label stands in the rows that count."""
    codes, texts = coded(answers["label"])
    labels = texts.to_pylist()
    if gate.classes is not None and not gate.new_classes:
        known = {*gate.classes, *gate.renamed}
        wrong = np.array([label not in known for label in labels], dtype=bool)
        numbers = np.where(wrong, np.cumsum(wrong) - 1, -1)
        misfits = [label for label in labels if label not in known]
        by_row = _by_code(numbers, codes)
        if gate.retired:
            ids = trimmed(answers["id"])
            for row in np.flatnonzero(by_row >= 0).tolist():
                if (ids[row].as_py(), labels[codes[row]]) in gate.retired:
                    by_row[row] = -1
        problems.add(by_row, _explain_labels(misfits, gate.classes, gate.advice.new_class))
    counted = codes[problems.good & (codes >= 0)]
    counts = np.bincount(counted, minlength=len(labels))
    return {label: int(count) for label, count in zip(labels, counts, strict=True) if count}


def _explain_labels(labels: Sequence[str], classes: Sequence[str], add: str) -> list[Problem]:
    """Each wrong label with the nearest right one; of a wrong column's millions the first ones only."""
    folded = {fold(name): name for name in classes}
    shown = ", ".join(classes[:_LISTED_CLASSES]) + (", ..." if len(classes) > _LISTED_CLASSES else "")
    problems = []
    for number, label in enumerate(labels):
        near = folded.get(fold(label)) or (nearest(label, classes) if number < _EXPLAINED else None)
        hint = f"did you mean {near!r}? {add}" if near else f"the classes are: {shown}; {add}"
        problems.append((f"{label!r} is none of the classes", hint))
    return problems


def _check_conflicts(answers: pa.Table, ids: _Ids, problems: _Problems, unit: str) -> None:
    """One annotator's different answers to one row, where no date tells which is the last one.

    Two of the same moment are no conflict: the ledger ranks them by label, in whatever files they come.
    """
    rows = np.flatnonzero(problems.good)
    where = coded(ids.values)[0][ids.code[rows]]  # two spellings of one id are one row
    ruled = _mask(pc.equal(answers["status"], ADJUDICATED)).astype(np.int64)
    pair = group(where, coded(answers["annotator"])[0][rows], ruled[rows])
    again = np.bincount(pair)[pair] > 1 if len(pair) else np.zeros(0, dtype=bool)
    if not again.any():
        return
    rows, pair = rows[again], group(pair[again])
    said = group(coded(answers["label"])[0][rows], coded(answers["status"])[0][rows])
    time, undated = (part[rows] for part in ticks(answers["labeled_at"]))
    now = np.iinfo(np.int64).max
    time[undated] = now  # an undated answer counts as of now
    n_pairs = int(pair.max()) + 1
    newest = np.full(n_pairs, np.iinfo(np.int64).min)
    np.maximum.at(newest, pair, time)
    last = time == newest[pair]
    low, high = np.full(n_pairs, len(said)), np.full(n_pairs, -1)
    np.minimum.at(low, pair[last], said[last])
    np.maximum.at(high, pair[last], said[last])
    torn = ((low != high) & (newest == now))[pair]
    codes = np.full(answers.num_rows, -1, dtype=np.int64)
    codes[rows[torn]] = group(pair[torn])
    problems.add(codes, _explain_conflicts(answers, rows[torn], pair[torn], unit))


def _explain_conflicts(answers: pa.Table, rows: Codes, pair: Codes, unit: str) -> list[Problem]:
    """A problem for each pair, in ascending order."""
    order = np.lexsort((rows, pair))
    bounds = np.flatnonzero(np.diff(pair[order])) + 1
    file_rows = answers["row"].to_numpy()
    labels = pc.coalesce(answers["label"], answers["status"]).take(pa.array(rows[order])).to_pylist()
    problems = []
    for some in np.split(np.arange(len(order)), bounds) if len(order) else ():
        places = " and ".join(str(place) for place in file_rows[rows[order[some]]])
        said = ", ".join(sorted({repr(labels[number]) for number in some}))
        problems.append(
            (
                f"{unit}s {places} answer this id differently ({said}) and no date says which is later",
                "keep one of them, or add a column annotator or labeled_at",
            )
        )
    return problems


def _used(answers: pa.Table, good: Mask) -> set[str]:
    return set(pc.unique(answers["label"].filter(pa.array(good)).drop_null()).to_pylist())


def _good(answers: pa.Table, ids: _Ids, good: Mask) -> pa.Table:
    kept = pa.array(good)
    table = answers.drop_columns(["unreadable", "split"]).filter(kept)
    resolved = ids.values.take(pa.array(ids.code[good]))
    table = table.set_column(table.column_names.index("id"), "id", resolved)
    return table.append_column("round", pa.array(ids.round[good]))


def _by_code(values: Codes, codes: Codes) -> Codes:
    """Each row's value by its code; -1 for a null."""
    return np.append(values, -1)[codes]


def _mask(condition: pa.Array | pa.ChunkedArray) -> Mask:
    mask: Mask = np.asarray(condition.fill_null(False))
    return mask
