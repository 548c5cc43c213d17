"""The full-screen labeler."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.events import Key, Resize
from textual.screen import Screen
from textual.widgets import Static

from alcli.cli.labeler import drawing
from alcli.cli.labeler.dialogs import Ask, Confirm, Dialog, Find, Help
from alcli.cli.labeler.keys import class_of
from alcli.errors import AlcliError
from alcli.labeling import Entry, Session
from alcli.project.answers import LABELED, SKIPPED, UNSURE

_MARGIN = 2
_WRITES = ("s", "u", "z", "ctrl+z")
_HELD = 0.08  # seconds: the same key again within them is a key held down, not a second answer


def run(session: Session, words: Mapping[str, str]) -> str:
    """Show a session until it is left; returns `quit`, the name of the signal that ended it, or `crash`.

    Args:
        session: rows and answers.
        words: the project's words for the statuses skipped and unsure.
    """
    return LabelApp(session, words).run(mouse=False) or "crash"


class LabelApp(App[str]):
    """The application: one screen, and signals that end it as tidily as `q`."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[Any]] = [Binding("ctrl+c,ctrl+q", "leave", priority=True, show=False)]

    def __init__(self, session: Session, words: Mapping[str, str]) -> None:
        super().__init__(ansi_color=True)
        self.session = session
        self.words = words

    def on_mount(self) -> None:
        """Watch for signals; the terminal may be gone with SIGHUP."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number.name)
        self.push_screen(Rows(self.session, self.words))

    def action_leave(self) -> None:
        """Close a dialog, or the whole."""
        if isinstance(self.screen, Rows):
            self.exit("quit")
        else:
            self.screen.dismiss(None)

    def _end(self, why: str) -> None:
        if isinstance(self.screen, Ask) and self.screen.ready and self.screen.is_comment:
            self.session.comment(self.screen.line.value)
        self.exit(why)


class Rows(Screen[None]):
    """A row, the classes, and the keys."""

    CSS = """
    Rows { layout: vertical; background: ansi_default; color: ansi_default; }
    Rows Static { background: ansi_default; padding: 0 2; height: auto; }
    #bar { margin-bottom: 1; }
    #row { height: 1fr; background: ansi_default; scrollbar-size-vertical: 1;
           scrollbar-background: ansi_default; scrollbar-color: ansi_bright_black; }
    #cells { max-width: 110; }
    #said { margin: 1 0; height: 1; }
    #classes { margin-bottom: 1; }
    .short #bar, .short #said, .short #classes { margin: 0; }
    """

    def __init__(self, session: Session, words: Mapping[str, str]) -> None:
        super().__init__()
        self.session = session
        self.words = words
        self.last = ("", 0.0)

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        yield Static(id="bar")
        with VerticalScroll(id="row", can_focus=False):
            yield Static(id="cells")
        yield Static(id="said")
        yield Static(id="classes")
        yield Static(id="foot")

    def on_resize(self, event: Resize) -> None:
        """Everything is cut to the window."""
        self.set_class(event.size.height < 20, "short")
        self.draw()

    def draw(self, *, message: Text | None = None) -> None:
        """Show where the session is, and a message until the next key."""
        session, width = self.session, max(20, self.app.size.width - 2 * _MARGIN)
        row = session.row
        parts = {
            "head": drawing.head(session, width),
            "bar": drawing.bar(session, width),
            "cells": drawing.cells_of(row.cells, row.id) if row else drawing.finished(session),
            "said": message or drawing.answer_line(session, self.words),
            "classes": drawing.classes_of(session, width, max(3, self.app.size.height // 3)),
            "foot": drawing.foot(self.words, width),
        }
        with self.app.batch_update():
            for name, part in parts.items():
                self.query_one(f"#{name}", Static).update(part)

    def on_key(self, event: Key) -> None:
        """One key, one thing."""
        event.stop()
        if isinstance(self.app.screen, Dialog):  # it was opened by the key before this one
            self.app.screen.take(event)
            return
        key = event.character if event.is_printable and event.character else event.key
        held = key == self.last[0] and event.time - self.last[1] < _HELD
        self.last = (key, event.time)
        scroll = self.query_one("#row", VerticalScroll)
        page = max(1, scroll.size.height - 1)
        scrolls = {"up": -1, "down": 1, "pageup": -page, "pagedown": page, " ": page}
        scrolls |= {"home": -scroll.max_scroll_y, "end": scroll.max_scroll_y}
        does: dict[str, Callable[[], object]] = {
            "s": lambda: self.answer(SKIPPED),
            "u": lambda: self.answer(UNSURE),
            "c": self.comment,
            "b": lambda: self.move(-1),
            "left": lambda: self.move(-1),
            "right": lambda: self.move(1),
            "z": self.undo,
            "ctrl+z": self.undo,
            "n": self.new_class,
            "/": self.find,
            "?": lambda: self.app.push_screen(Help(drawing.help_text(self.words))),
            "q": lambda: self.app.exit("quit"),
        }
        name = class_of(key, self.session.classes)
        if held and (name is not None or key in _WRITES):
            return
        if name is not None:
            self.answer(LABELED, name)
        elif key in does:
            does[key]()
        elif key in scrolls:
            self.session.touch()
            scroll.scroll_relative(y=scrolls[key], animate=False, immediate=True)

    def answer(self, status: str, label: str = "") -> None:
        """Write an answer; the row stays where it cannot be written."""
        if self.session.row is None:
            return
        self._try(lambda: self.session.answer(status, label))

    def move(self, by: int) -> None:
        """To another row."""
        self.session.move(by)
        self._shown()

    def undo(self) -> None:
        """Take the last answer back."""
        self._try(self.session.undo, "taken back: ")

    def comment(self) -> None:
        """Ask for a comment."""
        row = self.session.row
        if row is None:
            return
        said = self.session.said(row.id)

        def done(text: str | None) -> None:
            if text is not None and text != (said.comment if said else ""):
                self._try(lambda: self.session.comment(text), stay=True)

        self.app.push_screen(Ask("Comment", said.comment if said else "", is_comment=True), done)

    def find(self) -> None:
        """Ask for a part of a class's name."""
        if self.session.row is None or not self.session.classes:
            return

        def done(name: str | None) -> None:
            if name is not None:
                self.answer(LABELED, name)

        self.app.push_screen(Find(self.session.classes), done)

    def new_class(self) -> None:
        """Ask for a name, then whether it is meant."""
        if self.session.row is None:
            return

        def named(typed: str | None) -> None:
            if typed is None:
                return
            try:
                name = self.session.class_called(typed)
            except ValueError as error:
                self.draw(message=Text(str(error), "red"))
                return
            if name in self.session.classes:
                self.answer(LABELED, name)
                return
            like = self.session.like(name)
            warning = f"It is much like {like!r}. " if like else ""
            question = f"{warning}Add the class {name!r}, and give it to this row?"
            self.app.push_screen(Confirm(drawing.one_line(question)), lambda yes: add(name) if yes else None)

        def add(name: str) -> None:
            self.session.add_class(name)
            self.answer(LABELED, name)

        self.app.push_screen(Ask("New class"), named)

    def _try(self, act: Callable[[], Entry | None], before: str = "", *, stay: bool = False) -> None:
        """Do what writes; say in red what the disk refuses."""
        try:
            entry = act()
        except AlcliError as error:
            self.app.bell()
            self.draw(message=Text(drawing.one_line(f"not saved: {error}"), "bold red"))
            return
        if entry is None:
            self.draw(message=Text("nothing to take back: b goes to earlier answers, to change them", "dim"))
            return
        message = Text(before + drawing.answer_word(entry, self.words), "dim") if before else None
        if stay:
            self.draw()
        else:
            self._shown(message)

    def _shown(self, message: Text | None = None) -> None:
        """Another row is shown, from its top."""
        self.query_one("#row", VerticalScroll).scroll_home(animate=False)
        self.draw(message=message)
