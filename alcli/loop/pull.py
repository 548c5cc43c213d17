"""`pull`: fetch people's answers from a labeling tool's server, as a file that `ingest` takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from alcli.errors import StateError
from alcli.loop import Progress, Result, plural, silent
from alcli.loop._server import There, answers_in, first_few, never_had, write_items
from alcli.project import Project
from alcli.project.intake import checked_ledger
from alcli.project.ledger import current, new_answers
from alcli.project.reopening import Reopened
from alcli.project.selection import read_asked
from alcli.registry import FORMATS
from alcli.remote import Item


def pull(there: There, *, again: bool = False, progress: Progress = silent) -> tuple[Result, Path | None]:
    """Fetch all answers; those that the ledger never had become a file of the tool's own format.

    Args:
        there: the tool's project.
        again: also those that the ledger had and that were taken back.
        progress: is told how many tasks were looked at.

    Returns:
        What was found; and the file, which `ingest` is to take, None if there is no news.

    Raises:
        StateError: before seed, or before push.
        RemoteError: the server refuses.
        DataError: an answer that is none of the format.
    """
    project, server, number = there.project, there.server, there.find()
    if number is None:
        hint = "`alcli push` first; or label_studio.project in alcli.yaml names the project that has them"
        raise StateError("no project there has rows of this one", where=server.url, hint=hint)
    round_, ledger = project.newest, checked_ledger(project)
    items, n_tasks, n_unasked = _fetched(there, number, progress)
    answers, where = answers_in(there, items), server.address(number)
    missing = new_answers(answers, ledger).rows["row"].to_pylist()
    news = missing if again else never_had(answers, ledger)["row"].to_pylist()
    n_back = len(missing) - len(news)
    warnings = _gone(ledger, answers, there.tool, where)
    if n_unasked:
        warnings.append(f"left aside: answers to {plural(n_unasked, 'row')} that alcli never asked")
    if n_back:
        words = plural(n_back, "answer that was", "answers that were")
        warnings.append(f"left aside: {words} taken back here (--again fetches them)")
    found = Result(
        "pull",
        round_.number,
        changed=bool(news),
        counts={"tasks": n_tasks, "answers": answers.num_rows, "fetched": len(news), "unasked": n_unasked},
        warnings=warnings,
        more={"project": number, "address": where},
    )
    if not news:
        known = f"Up to date: {plural(answers.num_rows, 'answer')} at {where}, none of them new."
        nobody = f"Nobody has answered yet at {where}."
        return replace(found, summary=[known if answers.num_rows else nobody]), None
    name = _name(project, ledger, there.tool)
    write_items(project.root / name, [items[row - 1] for row in news])
    fetched = f"{plural(len(news), 'answer')} fetched from {where} into {name}."
    return replace(found, files=[name], summary=[fetched]), project.root / name


def _fetched(there: There, number: int, progress: Progress) -> tuple[list[Item], int, int]:
    """(answers to rows that were asked, tasks, rows with answers that were never asked)."""
    asked, guideline = read_asked(there.project), Reopened.of(there.project.rounds).guideline
    items, n_tasks, n_unasked = list[Item](), 0, 0
    for held in there.server.held(number, answers=True):
        n_tasks += 1
        progress(n_tasks, None)
        if held.id in asked.rounds:
            file = asked.reopened.get(held.id)
            said = {"guideline": guideline[file]} if file is not None else {}
            items += [{**item, "data": {**item["data"], **said}} for item in held.answers]
        else:
            n_unasked += bool(held.answers)
    return items, n_tasks, n_unasked


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
    back = f"`alcli ingest --retract FILE`, then `alcli pull --again`, takes back what is gone of {files}"
    return [f"{found}: {shown}; {back}"]
