"""The tree of errors. The core raises, the edge (`alcli.cli`) prints and exits.

AlcliError            exit 1   something the user can put right
├── ConfigError                alcli.yaml or --set is wrong
├── DataError                  a pool, label or split file is wrong
├── StateError                 the project is not where the command needs it
├── IntegrityError             a file is not what alcli wrote
├── FileError                  a file or folder cannot be read or written
├── RemoteError                a labeling tool's server refuses, or is another one than it should be
│   └── UnavailableError       it does not answer now, and may later
└── LockedError       exit 75  another alcli holds the project's lock
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AlcliError(Exception):
    """What is wrong (`message`), where (file, row, column or key) and what to do next (`hint`)."""

    kind = "error"
    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """One line to log: the place, the message and the hint."""
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{advice}"


class ConfigError(AlcliError):
    """A key or value of the config is wrong."""

    kind = "config"


class DataError(AlcliError):
    """A row, column or file that the user brought is wrong."""

    kind = "data"


class StateError(AlcliError):
    """The step cannot run yet, or not any more."""

    kind = "state"


class IntegrityError(AlcliError):
    """A file that alcli wrote was changed or lost since."""

    kind = "integrity"


class FileError(AlcliError):
    """The file system refused: no such file, no permission, no space."""

    kind = "file"


class RemoteError(AlcliError):
    """A labeling tool's server refuses, or is another one than it should be."""

    kind = "remote"


class UnavailableError(RemoteError):
    """The server does not answer, or says that it cannot now: after a look at what it has, try again."""


class LockedError(AlcliError):
    """Another alcli works in this project; a scheduler may simply try again."""

    kind = "locked"
    exit_code = 75


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known name that `name` is most likely a misspelling of, if any is near."""
    names = list(known)
    folded = {known_name.casefold(): known_name for known_name in names}
    close = get_close_matches(name.casefold(), list(folded), n=1, cutoff=cutoff)
    return folded[close[0]] if close else None


def suggest(name: str, known: Iterable[str], *, limit: int = 12) -> str:
    """A hint for an unknown name: the nearest right one, or the list of right ones."""
    names = list(known)
    near = nearest(name, names)
    if near is not None:
        return f"did you mean {near!r}?"
    shown = ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
    return f"one of: {shown}" if names else "there is none yet"
