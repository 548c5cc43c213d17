"""The ledger: every answer ever ingested, in immutable files, and which of them stand now.

An answer is (id, annotator, label, status, labeled_at). Nothing in the ledger is ever changed: an answer is
taken back by a tombstone, a later row that repeats it with the status `retracted`. Other entries say what the
answers before them count as: `alcli.project.relabeling`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from alcli.errors import DataError, IntegrityError, suggest
from alcli.project.answers import ADJUDICATED
from alcli.project.grouping import Codes, coded, group, ranked, ticks
from alcli.project.relabeling import RETRACTED, alive, answers_alive, labels_now, mappings, set_aside
from alcli.tables.atomic import atomic_path, file_errors

_TIME = pa.timestamp("us", "UTC")
LEDGER_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("label", pa.string()),  # null where skipped or unsure
        pa.field("annotator", pa.string(), nullable=False),  # "" is the one anonymous annotator
        pa.field("status", pa.string(), nullable=False),
        pa.field("labeled_at", _TIME),
        pa.field("seconds", pa.float64()),
        pa.field("comment", pa.string(), nullable=False),
        pa.field("guideline", pa.string(), nullable=False),
        pa.field("round", pa.int64(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("source_sha256", pa.string(), nullable=False),
        pa.field("ingested_at", _TIME, nullable=False),
    ]
)
_IDENTITY = ("id", "annotator", "label", "status", "labeled_at")
_FILE = re.compile(r"\d{6,}\.parquet")


def ledger_files(folder: Path) -> list[Path]:
    """The ledger's files, oldest first."""
    files = [path for path in folder.glob("*.parquet") if _FILE.fullmatch(path.name)]
    return sorted(files, key=lambda path: int(path.stem))


def next_file(folder: Path) -> Path:
    """Where the next ingest writes: `ledger/000007.parquet`."""
    files = ledger_files(folder)
    return folder / f"{int(files[-1].stem) + 1 if files else 1:06d}.parquet"


def read_ledger(folder: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """All answers in the order of ingest, with the number of their file as `ingest`; some columns, or all.

    Raises:
        IntegrityError: a file that is damaged or has other columns.
    """
    wanted = list(columns or LEDGER_SCHEMA.names)
    schema = pa.schema([LEDGER_SCHEMA.field(name) for name in wanted])
    tables = [schema.append(pa.field("ingest", pa.int64())).empty_table()]
    for path in ledger_files(folder):
        table = _read_file(path, wanted).cast(schema)
        number = pa.repeat(pa.scalar(int(path.stem), pa.int64()), table.num_rows)
        tables.append(table.append_column("ingest", number))
    return pa.concat_tables(tables)


def _read_file(path: Path, columns: list[str]) -> pa.Table:
    try:
        with file_errors(path), path.open("rb") as file:
            table = pq.ParquetFile(file).read(columns=columns, use_threads=False)
            missing = [name for name in columns if name not in table.column_names]
    except pa.ArrowException as error:
        raise _damaged(path, str(error).splitlines()[0]) from error
    if missing:
        raise _damaged(path, f"the column {missing[0]!r} is missing")
    return table


def _damaged(path: Path, reason: str) -> IntegrityError:
    return IntegrityError(
        f"the ledger file is damaged: {reason}",
        where=f"{path.parent.name}/{path.name}",
        hint="bring it back from a copy or from version control",
    )


def write_ledger(path: Path, rows: pa.Table) -> None:
    """Write one ingest's rows (`LEDGER_SCHEMA`), atomically."""
    with atomic_path(path) as scratch:
        pq.write_table(rows.select(LEDGER_SCHEMA.names).cast(LEDGER_SCHEMA), scratch, compression="zstd")


def as_rows(answers: pa.Table, *, source: str, sha256: str, at: datetime) -> pa.Table:
    """Checked answers (`Checked.good`) as rows of the ledger."""
    constants = {
        "source": pa.scalar(source, pa.string()),
        "source_sha256": pa.scalar(sha256, pa.string()),
        "ingested_at": pa.scalar(at, _TIME),
    }
    columns = [
        pa.repeat(constants[name], answers.num_rows) if name in constants else answers[name]
        for name in LEDGER_SCHEMA.names
    ]
    return pa.table(columns, schema=LEDGER_SCHEMA)


@dataclass(frozen=True)
class News:
    """What a label file adds to the ledger.

    Attributes:
        rows: the answers that are not in the ledger yet, each once, in the file's order.
        n_known: answers that the ledger has.
        n_superseded: those among the known ones that do not stand, since the annotator changed them later.
        n_aside: those that were set aside when their rows were reopened.
        n_repeated: further copies of an answer within the file.
        n_changed: new answers of an annotator who had answered the row before.
    """

    rows: pa.Table
    n_known: int
    n_superseded: int
    n_aside: int
    n_repeated: int
    n_changed: int


def new_answers(answers: pa.Table, ledger: pa.Table, again: Collection[str] = ()) -> News:
    """Which of some answers (`Checked.good`, or rows of the ledger) the ledger does not have.

    A retracted answer is not in the ledger any more: sent again, it is new. One that was set aside is new
    only with another date, or, where it has none, under another guideline.

    Args:
        again: ids of rows that were asked once more; who says again what they said has answered again.
    """
    alive, aside = answers_alive(ledger), set_aside(ledger)
    # a relabeled answer is known as it was given, and as what it counts as
    changed, relabeled = _relabeled(ledger)
    n_old, n = ledger.num_rows, answers.num_rows
    told = np.concatenate([np.arange(n_old), changed])
    names = (*_IDENTITY, "guideline", *(["round"] if again else []))
    both = _stacked((ledger, relabeled, answers), names)
    code = {name: coded(both[name])[0] for name in (*_IDENTITY, "guideline")}
    identity = group(*(code[name] for name in _IDENTITY))
    if again:
        identity = group(identity, _looks(both, identity, (alive & ~aside)[told], again))
    pair = group(code["id"], code["annotator"])
    sent = identity[len(identity) - n :]

    def among(rows: NDArray[np.bool_], codes: Codes) -> NDArray[np.bool_]:
        """(n,) which of the sent answers have the code of one of some in the ledger."""
        old, sent = np.split(codes, [len(codes) - n])
        return _present(old[rows[told]], int(codes.max(initial=-1)) + 1)[sent]

    known = among(alive & ~aside, identity)
    put_aside = np.zeros(n, dtype=bool)
    if aside.any():
        version = np.where(code["labeled_at"] < 0, code["guideline"], 0)
        put_aside = ~known & among(alive & aside, group(identity, version))
    first = np.zeros(n, dtype=bool)
    first[np.unique(sent, return_index=True)[1]] = True
    superseded = known & first
    if superseded.any():
        stands = np.zeros(n_old, dtype=bool)
        stands[current(ledger)] = True
        superseded &= ~among(stands, identity)
    known |= put_aside
    new = first & ~known
    return News(
        rows=answers.filter(pa.array(new)),
        n_known=int((known & first).sum()),
        n_superseded=int(superseded.sum()),
        n_aside=int((put_aside & first).sum()),
        n_repeated=int((~first).sum()),
        n_changed=int(among(alive & ~aside, pair)[new].sum()),
    )


def _looks(both: pa.Table, identity: Codes, alive: NDArray[np.bool_], again: Collection[str]) -> Codes:
    """(n,) the round of each undated answer to a row that was asked once more; else 0.

    A file that repeats older answers to other rows repeats those to such a row too: then 0 as well.
    """
    n_old, round_ = len(alive), both["round"].to_numpy()
    asked = np.asarray(pc.is_in(both["id"], value_set=pa.array(list(again), pa.string())))
    known = _present(identity[:n_old][alive], int(identity.max(initial=-1)) + 1)[identity[n_old:]]
    oldest = round_[n_old:][known & ~asked[n_old:]].min(initial=np.iinfo(np.int64).max)
    fresh = asked[n_old:] & (round_[n_old:] <= oldest)
    looked = pc.is_in(both["id"], value_set=both["id"].slice(n_old).filter(pa.array(fresh)).combine_chunks())
    return np.where(np.asarray(looked) & np.asarray(pc.is_null(both["labeled_at"])), round_, 0)


def _relabeled(ledger: pa.Table) -> tuple[Codes, pa.Table]:
    """(positions of the answers that count as another label now, these answers with that)."""
    if not mappings(ledger):
        return np.empty(0, dtype=np.int64), ledger.slice(0, 0)
    now = labels_now(ledger)
    changed = np.flatnonzero(np.asarray(pc.not_equal(now, ledger["label"]).fill_null(False)))
    label = ledger.schema.get_field_index("label")
    return changed, ledger.set_column(label, "label", now).take(pa.array(changed))


def _stacked(tables: Sequence[pa.Table], names: Sequence[str]) -> pa.Table:
    schema = pa.schema([LEDGER_SCHEMA.field(name) for name in names])
    return pa.concat_tables([table.select(names).cast(schema) for table in tables])


def _present(codes: Codes, n_codes: int) -> NDArray[np.bool_]:
    present = np.zeros(n_codes, dtype=bool)
    present[codes] = True
    return present


def current(ledger: pa.Table) -> Codes:
    """Positions of the answers that stand: the last one of each annotator to each row, by id and annotator.

    An adjudicated answer stands beside the same person's vote; none that was set aside stands.

    The later `labeled_at` wins; an undated answer counts as of its ingest, and undated ones rank by ingest.
    Two answers of one moment rank by label, so that the order of the files does not matter.
    """
    return _last(ledger, np.flatnonzero(answers_alive(ledger) & ~set_aside(ledger)))


def paid(ledger: pa.Table) -> Codes:
    """Positions of the answers to pay for: those that stand, or stood until they were set aside."""
    given, aside = answers_alive(ledger), set_aside(ledger)
    before = _last(ledger, np.flatnonzero(given & aside)) if aside.any() else np.empty(0, dtype=np.int64)
    return np.concatenate([before, _last(ledger, np.flatnonzero(given & ~aside))])


def _last(ledger: pa.Table, given: Codes) -> Codes:
    """The last one of each annotator to each row, of some answers."""
    ruled = np.asarray(pc.equal(ledger["status"], ADJUDICATED)).astype(np.int64)
    pair = group(*(key[given] for key in (ranked(ledger["id"]), ranked(ledger["annotator"]), ruled)))
    standing = np.empty(int(pair.max(initial=-1)) + 1, dtype=np.int64)
    standing[pair] = given
    changed = np.flatnonzero(np.bincount(pair)[pair] > 1)  # most answers are their annotator's only one
    if len(changed):
        rows, pair = given[changed], pair[changed]
        moment, undated = moments(ledger)
        status, label = ranked(ledger["status"])[rows], ranked(labels_now(ledger))[rows]
        ingest = np.where(undated[rows], rows, -1)
        order = np.lexsort((status, label, ingest, moment[rows], pair))  # of each pair the last one is kept
        last = order[np.append(np.diff(pair[order]) > 0, True)]
        standing[pair[last]] = rows[last]
    return standing


def moments(ledger: pa.Table) -> tuple[Codes, NDArray[np.bool_]]:
    """(microseconds since 1970 at which each answer counts; (n,) mask of the undated ones)."""
    dated, undated = ticks(ledger["labeled_at"])
    ingested = np.maximum.accumulate(ticks(ledger["ingested_at"])[0])  # a clock set back changes no order
    return np.where(undated, ingested, dated), undated


def retract(
    ledger: pa.Table, *, at: datetime, source: str | None = None, annotator: str | None = None
) -> pa.Table:
    """Tombstones for every answer of a source (file name or sha256), of an annotator, or of one in the other.

    Raises:
        DataError: the ledger never had such a source or annotator.
    """
    wanted = np.ones(ledger.num_rows, dtype=bool)
    for name, value, columns in (
        ("source", source, ("source", "source_sha256")),
        ("annotator", annotator, ("annotator",)),
    ):
        if value is not None:
            wanted &= _having(ledger, name, value, columns)
    rows = ledger.filter(pa.array(wanted & alive(ledger))).select(LEDGER_SCHEMA.names)
    for name, constant in (("status", pa.scalar(RETRACTED)), ("ingested_at", pa.scalar(at, _TIME))):
        field = LEDGER_SCHEMA.get_field_index(name)
        rows = rows.set_column(field, name, pa.repeat(constant, rows.num_rows))
    return rows.cast(LEDGER_SCHEMA)


def _having(ledger: pa.Table, name: str, value: str, columns: Sequence[str]) -> NDArray[np.bool_]:
    if name == "source":
        value = _one_source(ledger, value)
    having = np.zeros(ledger.num_rows, dtype=bool)
    for column in columns:
        having |= np.asarray(pc.equal(ledger[column], value))
    if not having.any():
        known = pc.unique(ledger[columns[0]]).to_pylist()
        raise DataError(f"the ledger has no {name} {value!r}", where="ledger", hint=suggest(value, known))
    return having


def _one_source(ledger: pa.Table, value: str) -> str:
    """The one source that a path, a bare file name or a sha256 means.

    Raises:
        DataError: the name is that of several files.
    """
    pairs = pa.table([ledger["source"], ledger["source_sha256"]], names=["source", "sha256"])
    sources = pairs.group_by(["source", "sha256"], use_threads=False).aggregate([]).to_pylist()
    if any(value == pair["sha256"] for pair in sources):
        return value
    found = [pair for pair in sources if value in (pair["source"], Path(pair["source"]).name)]
    if len(found) < 2:
        return str(found[0]["source"]) if found else value
    paths = {pair["source"] for pair in found}
    names = sorted(paths) if len(paths) == len(found) else [f"{p['source']} ({p['sha256']})" for p in found]
    raise DataError(
        f"{len(found)} files that were ingested are called {value!r}",
        where="ledger",
        hint=f"name one by its path or sha256: {', '.join(sorted(names))}",
    )


def content_digest(ledger: pa.Table) -> str:
    """sha256 of all answers in order: every column of the ledger but `ingested_at`, not the files' bytes."""
    digest = hashlib.sha256()
    for name in LEDGER_SCHEMA.names:
        if name != "ingested_at":
            digest.update(f"{name} {ledger.num_rows}\n".encode())
            for part in _content(ledger[name]):
                digest.update(part)
    return digest.hexdigest()


def _content(column: pa.ChunkedArray) -> list[Any]:
    """A column's values as bytes that do not depend on how it is cut into chunks."""
    parts = [np.packbits(np.asarray(column.is_null()))]
    if not pa.types.is_string(column.type):
        plain = column if pa.types.is_floating(column.type) else column.cast(pa.int64())
        return [*parts, np.ascontiguousarray(plain.fill_null(0).to_numpy())]
    lengths = pc.binary_length(column).fill_null(0).to_numpy()
    return [*parts, lengths, *(_bytes(chunk) for chunk in column.chunks)]


def _bytes(chunk: pa.Array) -> NDArray[np.uint8]:
    filled = chunk.fill_null("").cast(pa.large_string())
    _, offsets, data = filled.buffers()
    if data is None or not len(filled):
        return np.empty(0, dtype=np.uint8)
    bounds = np.frombuffer(offsets, dtype=np.int64)[filled.offset : filled.offset + len(filled) + 1]
    return np.frombuffer(data, dtype=np.uint8)[bounds[0] : bounds[-1]]
