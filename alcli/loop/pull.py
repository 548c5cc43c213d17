"""`pull`: fetch people's answers from a labeling tool's server, as a file that `ingest` takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc

from alcli.errors import StateError
from alcli.loop import Progress, Result, plural, silent
from alcli.loop._server import There, first_few
from alcli.project import Project
from alcli.project.answers import read_answers
from alcli.project.intake import checked_ledger
from alcli.project.ledger import current, new_answers
from alcli.project.selection import read_asked
from alcli.registry import FORMATS, reader_of
from alcli.remote import Item
from alcli.tables.atomic import atomic_write


def pull(there: There, *, progress: Progress = silent) -> tuple[Result, Path | None]:
    """Fetch all answers; those that the ledger does not have become a file of the tool's own format.

    Returns:
        What was found; and the file, which `ingest` is to take, None if there is no news.

    Raises:
        StateError: before seed, or before push.
        RemoteError: the server refuses.
        DataError: an answer that is none of the format.
    """
    project, server, round_ = there.project, there.server, there.project.newest
    number = there.find()
    if number is None:
        hint = "`alcli push` first; or label_studio.project in alcli.yaml names the project that has them"
        raise StateError("no project there has rows of this one", where=server.url, hint=hint)
    ledger, asked = checked_ledger(project), read_asked(project)
    items, n_tasks, n_strange = list[Item](), 0, 0
    for held in server.held(number, answers=True):
        n_tasks += 1
        progress(n_tasks, None)
        if held.id in asked.rounds:
            items += held.answers
        else:
            n_strange += bool(held.answers)
    answers = _answers(project, there.tool, items)
    news = new_answers(answers, ledger).rows["row"].to_pylist()
    where = server.address(number)
    counts = {"tasks": n_tasks, "answers": answers.num_rows, "fetched": len(news), "strange": n_strange}
    warnings = _gone(ledger, answers, there.tool, where)
    if n_strange:
        warnings.append(f"left aside: answers to {plural(n_strange, 'row')} that alcli never asked")
    more = {"project": number, "address": where}
    if not news:
        known = f"{plural(answers.num_rows, 'answer')} at {where}, all known"
        said = f"Up to date: {known}." if answers.num_rows else f"Nobody has answered yet at {where}."
        return Result("pull", round_.number, False, counts, (), warnings, [said], more), None
    name = _name(project, ledger, there.tool)
    _write(project.root / name, [items[row - 1] for row in news])
    said = f"{plural(len(news), 'answer')} fetched from {where} into {name}."
    return Result("pull", round_.number, True, counts, [name], warnings, [said], more), project.root / name


def _answers(project: Project, tool: str, items: Sequence[Item]) -> pa.Table:
    """What the items say, read as `ingest` reads the file; `row` counts them from 1."""
    labels = project.config.labels
    with TemporaryDirectory(dir=project.scratch) as folder:
        path = Path(folder) / f"{tool}.json"
        _write(path, items)
        sheet = reader_of(path, tool, id=labels.id, label=labels.label).read(path)
    return read_answers(sheet, labels, source=tool, columns=sheet.means).table


def _write(path: Path, items: Sequence[Item]) -> None:
    """One item a line, in ASCII: half a character, which a server may send, is for the reader to refuse."""
    atomic_write(path, "[\n" + ",\n".join(map(json.dumps, items)) + "\n]\n")


def _name(project: Project, ledger: pa.Table, tool: str) -> str:
    """`rounds/001/pulled-2.label_studio.json`: the first name whose answers are not in the ledger."""
    folder, ending = project.newest.folder, FORMATS.load(tool).suffixes[0]
    taken = set(pc.unique(ledger["source"]).to_pylist())
    number = 1
    while (name := f"{folder}/pulled{f'-{number}' if number > 1 else ''}{ending}") in taken:
        number += 1
    return name


def _gone(ledger: pa.Table, answers: pa.Table, tool: str, where: str) -> list[str]:
    """That answers which were pulled once are not there any more; people may have deleted them."""
    standing = ledger.select(["id", "annotator", "source"]).take(pa.array(current(ledger)))
    ending = FORMATS.load(tool).suffixes[0].replace(".", r"\.")
    pulled = standing.filter(
        pc.match_substring_regex(standing["source"], rf"^rounds/\d+/pulled(-\d+)?{ending}$")
    )
    there = set(zip(answers["id"].to_pylist(), answers["annotator"].to_pylist(), strict=True))
    gone = [row for row in pulled.to_pylist() if (row["id"], row["annotator"]) not in there]
    if not gone:
        return []
    found = f"{plural(len(gone), 'answer')} pulled before and standing here, but not at {where} any more"
    shown = first_few([f"{row['id']} by {row['annotator']}" for row in gone])
    files = " or ".join(sorted({row["source"] for row in gone}))
    back = f"`alcli ingest --retract FILE`, then `alcli pull`, takes back what is gone of {files}"
    return [f"{found}: {shown}; {back}"]
