"""The contract of a labeling tool's server: rows go there as tasks, people's answers come back.

One module a tool, named as the format in `alcli/formats` whose files the tool reads and writes: what a
server is sent, and what it gives, are the items of such files. No answer is lost through alcli: it deletes
nothing on a server, and changes the settings of no project but those that it made.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from alcli.errors import RemoteError, UnavailableError

__all__ = ["Held", "Item", "Server", "patiently"]

Item = dict[str, Any]
Done = TypeVar("Done")

_PAUSES = (0.5, 1.0, 2.0)  # seconds before each further try


@dataclass(frozen=True, slots=True)
class Held:
    """A row that a server holds as a task.

    Attributes:
        id: the row's id.
        task: the server's number of the task.
        overlap: how many people are to answer it.
        answers: an item of the tool's file for each answer that somebody gave.
    """

    id: str
    task: int
    overlap: int = 1
    answers: Sequence[Item] = ()


@dataclass(frozen=True)
class Server(ABC):
    """A labeling tool's server, and the token that opens it.

    Every method raises `RemoteError` where the server refuses, or does not answer a question; and
    `UnavailableError` where it was busy when something was sent, so that this may be tried again.

    Attributes:
        url: its address.
        token: of a user; it goes to this address only, and into no message.
        timeout: seconds to wait for an answer.
    """

    url: str
    token: str = field(repr=False)
    timeout: float = 60.0

    title: ClassVar[str]  # what people call the tool
    variables: ClassVar[tuple[str, str]]  # of the environment: address, token
    default_url: ClassVar[str]

    @abstractmethod
    def close(self) -> None:
        """End the connections."""

    @abstractmethod
    def check(self) -> None:
        """Whether there is such a server, and it takes the token."""

    @abstractmethod
    def find(self, mark: str) -> int | None:
        """The number of the oldest project that was made with this mark."""

    @abstractmethod
    def make(self, title: str, mark: str, config: str) -> int:
        """Make a project; returns its number.

        Args:
            title: what people see; cut where it is too long.
            mark: a word by which `find` knows the project again.
            config: what the format wrote beside its tasks.
        """

    @abstractmethod
    def address(self, project: int) -> str:
        """Where people open a project."""

    @abstractmethod
    def fit(self, project: int, config: str, *, ours: bool, change: bool) -> list[str]:
        """The answers that `config` offers and the project does not yet; with `change` it does then.

        Raises:
            RemoteError: there is no such project; it asks something else; it lacks answers and is not ours.
        """

    @abstractmethod
    def held(self, project: int, *, answers: bool = False) -> Iterator[Held]:
        """All tasks of a project that name a row, page by page; with people's answers if wanted."""

    @abstractmethod
    def add(self, project: int, items: Sequence[Item]) -> Iterator[int]:
        """Add tasks, some at a time; yields how many they were when the server has them.

        Nothing is sent twice: whether tasks arrived that the server did not confirm, only `held` can tell.
        """

    @abstractmethod
    def ask_several(self, people: Mapping[int, int]) -> None:
        """Let as many people answer each of these tasks."""


def patiently(work: Callable[[], Done]) -> Done:
    """Do what may be done again, a few times while the server is busy.

    Raises:
        RemoteError: it stays so.
    """
    for pause in _PAUSES:
        try:
            return work()
        except UnavailableError:
            time.sleep(pause)
    try:
        return work()
    except UnavailableError as error:  # whoever is patient around this need not be
        raise RemoteError(error.message, where=error.where, hint=error.hint) from error
