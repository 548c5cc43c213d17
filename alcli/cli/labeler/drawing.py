"""What the labeler shows, as styled text: no control character of a row reaches the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alcli.cli.labeler.keys import CLASS_KEYS, COMMANDS
from alcli.labeling import Entry, Session
from alcli.labeling.pace import IDLE

DIM, KEY, HERE = "dim", "bold cyan", "reverse"
_LONG, _LONGEST = 60, 20_000  # characters of a cell that gets room below it; that is shown
_LINES = ("\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029")
_SHOWN: dict[int, int | None] = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
_SHOWN |= {0x7F: 0x2421} | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
_SHOWN |= dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])  # would reorder the screen


def visible(text: str) -> str:
    """A text as it may stand on a terminal: an escape character as ␛, so that nothing is obeyed."""
    for line_end in _LINES:
        text = text.replace(line_end, "\n")
    return text.translate(_SHOWN).expandtabs(4)


def one_line(text: str) -> str:
    """The same on a single line."""
    return " ".join(visible(text).split())


def cells_of(cells: Mapping[str, str], id_: str) -> RenderableType:
    """A row: its text, or names and values side by side; the id where nothing is shown of it."""
    shown = {name: _shortened(cell) for name, cell in (cells or {"id": id_}).items()}
    if len(shown) == 1:
        return Text(visible(next(iter(shown.values()))))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style=DIM, max_width=18, overflow="ellipsis", no_wrap=True)
    table.add_column(overflow="fold")
    for name, cell in shown.items():
        table.add_row(Text(one_line(name)), Text(visible(cell)))
        if len(cell) > _LONG or "\n" in cell:
            table.add_row()
    return table


def _shortened(cell: str) -> str:
    rest = len(cell) - _LONGEST
    return f"{cell[:_LONGEST]}\n\n[{rest:,} more characters]" if rest > 0 else cell


def head(session: Session, width: int) -> Text:
    """Where one is, and how it goes."""
    n_rows, n_open = len(session.rows), session.n_open
    who, id_ = one_line(session.work.annotator), one_line(session.row.id) if session.row else ""
    left = Text(f"round {session.work.round:03d}", "bold")
    for word in filter(None, (who, id_)):
        left.append(f"  {word}", f"not bold {DIM}")
    parts = [f"{n_rows - n_open:,} of {n_rows:,}"]
    median, ahead = session.pace.median, session.pace.left(n_open)
    if median is not None and ahead is not None:
        parts += [f"{median:.1f} s a row", f"{60 / max(median, 0.1):.0f} a minute"]
        parts += [f"{_duration(ahead)} left"] if n_open else []
    while len(parts) > 1 and cell_len(left.plain) + len(" · ".join(parts)) + 2 > width:
        parts.pop(2 if len(parts) > 3 else -1)  # the rate first, which the seconds say, too
    right = " · ".join(parts)
    left.truncate(max(0, width - len(right) - 2), overflow="ellipsis")
    left.append(" " * (width - cell_len(left.plain) - len(right)))
    return left.append(right)


def bar(session: Session, width: int) -> Text:
    """How much is done, as a line."""
    done = round((1 - session.n_open / max(1, len(session.rows))) * width)
    return Text.assemble(("━" * done, "cyan"), ("─" * (width - done), DIM))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


def answer_line(session: Session, words: Mapping[str, str]) -> Text:
    """What was said of the row that is shown."""
    said = session.said(session.row.id) if session.row is not None else None
    if said is None:
        return Text()
    text = Text.assemble(("answered ", DIM), (answer_word(said, words), "bold")) if said.answered else Text()
    if said.comment:
        text.append("   comment " if said.answered else "comment ", DIM).append(one_line(said.comment))
    return text


def answer_word(entry: Entry, words: Mapping[str, str]) -> str:
    """The class, or the project's word for skip and unsure."""
    return one_line(entry.label) or words.get(entry.status or "", entry.status or "a comment")


def classes_of(session: Session, width: int, height: int) -> Text:
    """The classes with their keys, in columns; as many as fit."""
    classes = session.classes
    if not classes:
        return Text.assemble("No class is known yet: ", ("n", KEY), " adds the first.")
    said = session.said(session.row.id) if session.row is not None else None
    keyed = list(zip(CLASS_KEYS, classes, strict=False))
    longest = max(cell_len(one_line(name)) for _, name in keyed)
    size = min(longest, max(12, width // 2 - 6))
    n_columns = max(1, (width + 3) // (size + 6))
    n_lines = math.ceil(len(keyed) / n_columns)
    more = len(keyed) < len(classes) or n_lines > height
    if more:
        n_lines = min(n_lines, max(1, height - 1))
        keyed = keyed[: n_lines * n_columns]
        n_lines = math.ceil(len(keyed) / n_columns)
    text = Text()
    for line in range(n_lines):
        for key, name in keyed[line::n_lines]:
            here = said is not None and said.answered and said.label == name
            cell = Text(one_line(name), HERE if here else "")
            cell.truncate(size, overflow="ellipsis")
            text.append(key, KEY).append(" ").append(cell).append(" " * (size - cell.cell_len + 4))
        text.rstrip()
        text.append("\n")
    if more:
        text.append("/", KEY).append(f" finds any of {len(classes):,} classes", DIM)
    text.rstrip()
    return text


def foot(words: Mapping[str, str], width: int) -> Text:
    """The keys of the commands; those that one can do without go first where room is short."""
    names = {**COMMANDS, "s": words["skipped"], "u": words["unsure"]}
    for key in ("", "n", "/", "c", "z", "u", "b", "s"):
        names.pop(key, None)
        text = Text("   ").join(
            Text.assemble((key, KEY), " ", (one_line(word), DIM)) for key, word in names.items()
        )
        if cell_len(text.plain) <= width:
            break
    return text


def help_text(words: Mapping[str, str]) -> RenderableType:
    """All keys, and what is worth knowing."""
    table = Table.grid(padding=(0, 3, 0, 0))
    for key, words_ in (
        ("1 2 3 ... a d", "the class beside the key, and on to the next row"),
        ("/", "find a class: type a part of its name, then Enter"),
        ("n", "a class that is not known yet"),
        ("s", f"{words['skipped']}: this row cannot be labeled"),
        ("u", f"{words['unsure']}: you do not know"),
        ("c", "comment on the row"),
        ("b or left", "an earlier row, to change its answer; right: a later one"),
        ("z or Ctrl-Z", "take the last answer back"),
        ("up down space", "scroll a long text"),
        ("q or Ctrl-C", "quit: the answers go into the ledger"),
    ):
        table.add_row(Text(key, style=KEY), Text(words_))
    notes = (
        "Each answer is on the disk before the next row is shown. "
        "Rows without an answer stay for the next time. "
        f"The time of a row counts for at most {IDLE:.0f} seconds between two keys: a break is no work."
    )
    return Group(table, Text(), Text(notes, style=DIM))


def finished(session: Session) -> Text:
    """Past the last row."""
    n = len(session.rows)
    return Text.assemble(
        (f"All {n:,} rows are answered.\n\n" if n != 1 else "The row is answered.\n\n", "bold"),
        ("q", KEY), " takes the answers into the ledger, ", ("b", KEY), " goes back over them.",
    )  # fmt: skip
