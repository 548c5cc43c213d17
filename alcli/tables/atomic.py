"""Writes that a crash cannot leave half done, and the file system's refusals in clear words."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alcli.errors import FileError

_ADVICE = {
    errno.ENOSPC: ("no space is left on the disk", "free some space and run the command again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space and run the command again"),
    errno.EACCES: ("permission denied", "check the rights of the file and its folder"),
    errno.EPERM: ("permission denied", "check the rights of the file and its folder"),
    errno.EROFS: ("the file system is read-only", "work on a writable copy of the project"),
    errno.ENOENT: ("there is no such file or folder", "check the path"),
    errno.EISDIR: ("this is a folder, a file is needed", "name a file"),
    errno.ENOTDIR: ("a part of this path is no folder", "check the path"),
    errno.EIO: ("the disk reports an input/output error", "check the disk"),
}


def file_error(error: OSError, path: Path | str | None = None) -> FileError:
    """The error tree's version of an OSError, naming the file."""
    where = str(path or error.filename or "the file system")
    message, hint = _ADVICE.get(error.errno or 0, (error.strerror or str(error), None))
    return FileError(message, where=where, hint=hint)


@contextmanager
def file_errors(path: Path | str) -> Iterator[None]:
    """Turn an OSError inside the block into a FileError about `path`."""
    try:
        yield
    except OSError as error:
        raise file_error(error, path) from error


def check_writable(folder: Path) -> None:
    """Try a write in a folder, or where it is to be made; nothing of it stays.

    Raises:
        FileError: it would fail.
    """
    there = next(part for part in (folder, *folder.absolute().parents) if os.path.lexists(part))
    with file_errors(folder), tempfile.TemporaryFile(dir=there, buffering=0) as file:
        file.write(b"\n")


def fsync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, outlast a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def scratch_of(path: Path) -> Path:
    """The temporary name: always the same one, so that the next run overwrites what a killed one left."""
    return path.with_name(f".{path.name}.tmp-alcli")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; it takes the name `path` only when the block ends well."""
    scratch = scratch_of(path)
    try:
        yield scratch
        with file_errors(path):
            fsync(scratch)
            scratch.replace(path)
            fsync(path.parent)
    except BaseException as error:
        scratch.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise file_error(error, path) from error
        raise


def atomic_write(path: Path, content: bytes | str) -> None:
    """Write a whole file at once: readers see the old bytes or the new ones."""
    with atomic_path(path) as scratch:
        scratch.write_bytes(content.encode() if isinstance(content, str) else content)


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, read in blocks."""
    with file_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
