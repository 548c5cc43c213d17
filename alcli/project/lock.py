"""One alcli at a time writes in a project. Readers take no lock."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from alcli.errors import LockedError
from alcli.tables.atomic import file_error, file_errors


@contextmanager
def locked(scratch: Path, command: str) -> Iterator[None]:
    """Hold the project's lock, `.alcli/lock`; it falls free when the process ends, however it ends.

    Raises:
        LockedError: another alcli holds it; the message names the holder.
    """
    with file_errors(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
    holder = scratch / "lock.json"
    lock = FileLock(scratch / "lock", timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout as error:  # an OSError too
        raise LockedError(
            f"another alcli is at work here{_who(holder)}", where=str(scratch.parent), hint="try again later"
        ) from error
    except OSError as error:
        raise file_error(error, scratch / "lock") from error
    try:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        with file_errors(holder):
            holder.write_text(json.dumps({"pid": os.getpid(), "command": command, "started": started}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _who(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
        return f": `alcli {who['command']}`, process {who['pid']}, since {who['started']}"
    except (OSError, ValueError, KeyError):
        return ""


def command_line() -> str:
    """What the user typed, for the log."""
    return " ".join(["alcli", *sys.argv[1:]])
