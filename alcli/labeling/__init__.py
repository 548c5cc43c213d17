"""Labeling in a terminal, without the terminal: which rows, what was answered, and the file that holds it.

`open_work` finds a person's rows, `Session` is what they do with them, `Journal` is the disk. Nothing here
draws: `alcli.cli` shows a session, and gives its journals to ingest at the end.
"""

from __future__ import annotations

from alcli.labeling.finding import annotator_of, open_work
from alcli.labeling.journal import Entry, Journal, one_session
from alcli.labeling.session import Session
from alcli.labeling.work import Row, Wanted, Work

__all__ = [
    "Entry",
    "Journal",
    "Row",
    "Session",
    "Wanted",
    "Work",
    "annotator_of",
    "one_session",
    "open_work",
]
