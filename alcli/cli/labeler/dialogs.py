"""The labeler's dialogs: a line to type, a class to find, a question, the help."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from alcli.cli.labeler.drawing import one_line
from alcli.cli.labeler.keys import matching

_CSS = """
{name} {{ align: center bottom; background: transparent; }}
{name} VerticalScroll {{ width: 100%; height: auto; max-height: 90%; border: round ansi_bright_black;
    border-title-color: ansi_default; background: ansi_default; padding: 0 1;
    scrollbar-size-vertical: 1; scrollbar-background: ansi_default; scrollbar-color: ansi_bright_black; }}
{name} Static {{ background: ansi_default; height: auto; }}
{name} Input {{ border: none; height: 1; padding: 0; background: ansi_default; }}
"""


class Dialog(ModalScreen[str]):
    """A box at the bottom; Escape closes it without an answer."""

    def box(self, title: str) -> VerticalScroll:
        """With a title in its border."""
        found = VerticalScroll(can_focus=False)
        found.border_title = title
        return found

    def take(self, event: Key) -> None:
        """A key that came before the box could have it; most boxes are for eyes first."""


class Typing(Dialog):
    """A dialog with a line to type in."""

    def __init__(self) -> None:
        super().__init__()
        self.early: list[Key] = []
        self.ready = False

    @property
    def line(self) -> Input:
        """Where one types."""
        return self.query_one(Input)

    def on_mount(self) -> None:
        """What was typed ahead is not lost, and labels no row."""
        self.line.focus()
        self.ready = True
        self.begin()
        for event in self.early:
            self.take(event)

    def begin(self) -> None:
        """What to do before the first key."""

    def on_key(self, event: Key) -> None:
        """What the line has not taken itself."""
        event.stop()
        self.take(event)

    def take(self, event: Key) -> None:
        if not self.ready:
            self.early.append(event)
        elif event.key == "escape":
            self.dismiss(None)
        elif event.key == "enter":
            self.submit()
        elif event.key == "backspace":
            self.line.action_delete_left()
        elif event.is_printable and event.character:
            self.line.insert_text_at_cursor(event.character)

    def on_input_submitted(self) -> None:
        self.submit()

    def submit(self) -> None:
        """Enter."""
        self.dismiss(self.line.value)


class Ask(Typing):
    """A line of text."""

    CSS = _CSS.format(name="Ask")

    def __init__(self, title: str, text: str = "", *, is_comment: bool = False) -> None:
        super().__init__()
        self.heading, self.at_first = title, text
        self.is_comment = is_comment

    def compose(self) -> ComposeResult:
        with self.box(self.heading):
            yield Input(self.at_first, select_on_focus=False)
            yield Static(Text("Enter keeps it, Escape leaves all as it was", style="dim"))


class Find(Typing):
    """A class by a part of its name."""

    CSS = _CSS.format(name="Find")

    def __init__(self, among: Sequence[str]) -> None:
        super().__init__()
        self.among = among
        self.found = list(among)
        self.at = 0

    def compose(self) -> ComposeResult:
        with self.box("Find a class"):
            yield Input()
            yield Static()

    def begin(self) -> None:
        """All classes."""
        self.draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The list follows what stands in the line."""
        self.show(event.value)

    def take(self, event: Key) -> None:
        if self.ready and event.key in ("up", "down"):
            self.at = min(max(self.at + (1 if event.key == "down" else -1), 0), len(self.found) - 1)
            self.draw()
        else:
            super().take(event)

    def submit(self) -> None:
        """The class that is marked, by what stands in the line now."""
        self.show(self.line.value)
        if self.found:
            self.dismiss(self.found[self.at])

    def show(self, typed: str) -> None:
        """The classes that fit, the first one marked."""
        found = matching(typed, self.among)
        if found != self.found:
            self.found, self.at = found, 0
        self.draw()

    def draw(self) -> None:
        """Those around the marked one."""
        height = max(3, min(12, self.app.size.height // 2 - 2))
        first = max(0, min(self.at - height // 2, len(self.found) - height))
        text = Text()
        for place, name in enumerate(self.found[first : first + height], start=first):
            text.append(one_line(name), "reverse" if place == self.at else "").append("\n")
        hint = "Enter gives it to the row, up and down choose, Escape closes"
        text.append(hint if self.found else "no class has that: Escape, then n for a new one", "dim")
        self.query_one(Static).update(text)


class Confirm(Dialog):
    """A question: y or n."""

    CSS = _CSS.format(name="Confirm")

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        with self.box("New class"):
            yield Static(Text(self.question))
            yield Static(Text("y yes   n no", style="dim"))

    def on_key(self, event: Key) -> None:
        """Yes or no."""
        event.stop()
        if event.character in ("y", "Y"):
            self.dismiss("yes")
        elif event.character in ("n", "N") or event.key == "escape":
            self.dismiss(None)


class Help(Dialog):
    """All keys; up and down scroll it in a small window, any other key closes it."""

    CSS = _CSS.format(name="Help")

    def __init__(self, text: RenderableType) -> None:
        super().__init__()
        self.keys_help = text

    def compose(self) -> ComposeResult:
        with self.box("Keys"):
            yield Static(self.keys_help)

    def on_key(self, event: Key) -> None:
        """Any."""
        event.stop()
        box = self.query_one(VerticalScroll)
        if event.key in ("up", "down"):
            box.scroll_relative(y=1 if event.key == "down" else -1, animate=False, immediate=True)
        else:
            self.dismiss(None)
