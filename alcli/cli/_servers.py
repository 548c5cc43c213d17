"""From the config and the environment to a labeling server; a token comes from the environment only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alcli.errors import ConfigError, StateError

if TYPE_CHECKING:
    from alcli.loop._server import There
    from alcli.project import Project


@contextmanager
def connected(project: Project, tool: str = "label_studio") -> Iterator[There]:
    """The server that `push` and `pull` work with.

    Raises:
        StateError: the token or the client library is missing.
        ConfigError: the address or the token is none.
    """
    from alcli.loop._server import There
    from alcli.registry import SERVERS

    kind, section = SERVERS.load(tool), getattr(project.config, tool)
    url_variable, token_variable = kind.variables
    named = _address(url_variable)
    if section.url and named and section.url != named:
        raise ConfigError(
            f"the server is {section.url} here, and {named} in {url_variable}",
            where=project.source.where(f"{tool}.url"),
            hint="the token is for one of them, and goes nowhere else: remove the other",
        )
    url = section.url or named or kind.default_url
    token = os.environ.get(token_variable, "").strip()
    if not token:
        raise StateError(
            f"the environment variable {token_variable} is not set",
            hint=f"export {token_variable}=..., with a token from {kind.title}'s Account & Settings page",
        )
    if not re.fullmatch(r"[!-~]+", token):
        raise ConfigError(
            "the token holds a blank, a line break or a letter outside ASCII", where=token_variable
        )
    server = SERVERS.build({"name": tool, "url": url, "token": token, "timeout": section.timeout})
    try:
        yield There(project, tool, server)
    finally:
        server.close()


def _address(variable: str) -> str | None:
    from alcli.config import plain_address

    try:
        return plain_address(os.environ[variable]) if os.environ.get(variable) else None
    except ValueError as error:
        raise ConfigError(str(error), where=variable) from error
