"""A project directory: where things lie, which round it is in, who may write, what was edited by hand."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from alcli.config import CONFIG_NAME, Config, Source, load_config
from alcli.errors import FileError, IntegrityError, StateError
from alcli.project.lock import command_line, locked
from alcli.project.manifest import File, Round, Step, read_rounds, round_folder, share_file
from alcli.project.transaction import Transaction, end, moving, recover, transaction
from alcli.tables.atomic import atomic_write, file_error, file_errors, sha256_file
from alcli.tables.listing import local_files

__all__ = ["File", "Project", "Round", "Step", "Transaction", "round_folder", "share_file"]

SPLITS = "splits.parquet"
LABELS = "labels.parquet"
LEDGER = "ledger"
_RESTORE = "bring it back from a copy or from version control"


class Project:
    """An opened project: its config, its rounds and its files.

    Paths in manifests and messages are relative to `root`.
    """

    def __init__(self, root: Path, config: Config, source: Source, settings: Sequence[str] = ()) -> None:
        self.root = root
        self.config = config
        self.source = source
        self.settings = tuple(settings)
        self.recovered: str | None = None
        self._digests = _DigestCache(self.scratch / "digests.json")

    @classmethod
    def open(cls, root: Path, config: Path | None = None, settings: Sequence[str] = ()) -> Project:
        """Read the config; nothing is written, no lock is taken."""
        loaded, source = load_config(config or root / CONFIG_NAME, settings)
        return cls(root, loaded, source, settings)

    @property
    def scratch(self) -> Path:
        """Lock, caches and staged files, outside the file contract."""
        return self.root / ".alcli"

    @cached_property
    def rounds(self) -> list[Round]:
        """All rounds, oldest first, as they were when first looked at."""
        return read_rounds(self.root)

    @property
    def newest(self) -> Round:
        """The newest round.

        Raises:
            StateError: before seed.
        """
        if not self.rounds or "seed" not in self.rounds[0].steps:
            raise StateError("this project has no seed set yet", hint="run `alcli seed` first")
        return self.rounds[-1]

    @contextmanager
    def writing(self, command: str) -> Iterator[None]:
        """Hold the lock; finish or sweep what a killed command left; check what all steps stand on."""
        if not self.root.is_dir():
            raise StateError("there is no such project directory", where=str(self.root))
        with locked(self.scratch, command):
            self.recovered = recover(self.root, self.scratch)
            self.__dict__.pop("rounds", None)
            self.check_sealed()
            yield
            self._digests.save()
            end(self.scratch)

    @contextmanager
    def change(self, command: str = "") -> Iterator[Transaction]:
        """Files staged in the block become the project's, all at once; stage the round's `round.json` too.

        A command that would do more when run again names itself: `recovered` tells the next one if a kill
        cut it off and its work was finished at that start.
        """
        with transaction(self.root, self.scratch, command) as staged:
            yield staged
        self.__dict__.pop("rounds", None)

    def check_sealed(self) -> None:
        """The splits are as seed sealed them, and every round was made with them, or before an extension.

        Raises:
            IntegrityError: `splits.parquet` was changed or is gone, or a round was made with other splits.
        """
        if not self.rounds or "seed" not in self.rounds[0].steps:
            return
        seed = self.rounds[0].steps["seed"]
        self.check(seed, SPLITS)
        known = {seed.outputs[SPLITS].sha256, *(file["sha256"] for file in seed.more.get("superseded", ()))}
        for round_ in self.rounds:
            for step in round_.steps.values():
                if SPLITS in step.inputs and step.inputs[SPLITS].sha256 not in known:
                    raise IntegrityError(
                        f"`alcli {step.name}` was run with other splits than {SPLITS} has or ever had",
                        where=f"{round_.folder}/round.json",
                        hint=f"{SPLITS} and rounds/000/round.json were replaced: {_RESTORE}",
                    )

    def check(self, step: Step, *outputs: str) -> None:
        """A step's outputs (all, or the named ones) are as it wrote them.

        Raises:
            IntegrityError: names the first file that was changed or is missing.
        """
        for name in outputs or step.outputs:
            expected = step.outputs.get(name)
            if expected is None:
                raise IntegrityError(f"the step {step.name} has no entry for it", where=name, hint=_RESTORE)
            path = self.root / name
            if not path.exists():
                raise IntegrityError(
                    f"the file that `alcli {step.name}` wrote is missing",
                    where=name,
                    hint=_RESTORE,
                )
            found = self.digest(path)
            if found != expected.sha256 and name not in moving(self.scratch):
                raise IntegrityError(
                    f"this is not what `alcli {step.name}` wrote: its sha256 is {found[:12]}..., "
                    f"not {expected.sha256[:12]}...",
                    where=name,
                    hint=f"edited by hand or damaged: {_RESTORE}",
                )

    def intact(self, step: Step, *outputs: str) -> bool:
        """Whether a step's outputs (all, or the named ones) are as it wrote them."""
        try:
            self.check(step, *outputs)
        except IntegrityError:
            return False
        return True

    def digest(self, path: Path) -> str:
        """sha256 of a file's bytes; read again only when its size or time changed."""
        return self._digests.of(path)

    def pool_file(self) -> File | None:
        """The local pool's identity, from its files' digests; None for a remote one."""
        if "://" in self.config.pool:
            return None
        whole = hashlib.sha256()
        for path in local_files(self.config.pool, self.pool_base):
            whole.update(self.digest(path).encode())
        return File(whole.hexdigest())

    @property
    def pool_base(self) -> Path:
        """What the pool's path is relative to: the config file's folder."""
        return self.source.path.parent if self.source.path is not None else self.root

    @property
    def content_columns(self) -> dict[str, list[str]] | None:
        """The feature columns by kind as they were at seed: what content means. None before seed."""
        seed = self.rounds[0].steps.get("seed") if self.rounds else None
        return None if seed is None else seed.more["content"]

    @property
    def clock(self) -> int:
        """Counts the steps that changed what was asked or answered; the next one's number."""
        steps = [step for round_ in self.rounds for step in round_.steps.values()]
        return 1 + max((int(step.more.get("clock", 0)) for step in steps), default=0)

    def read_settings(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Those `--set` values that touch the config keys which a step reads."""

        def touches(setting: str) -> bool:
            name = setting.partition("=")[0].strip()
            return any(
                name == key or name.startswith(f"{key}.") or key.startswith(f"{name}.") for key in keys
            )

        return tuple(setting for setting in self.settings if touches(setting))

    def log(self, round_: Round, command: str, started: datetime, **facts: Any) -> None:
        """Note when and where a step ran, in the round's `round.log.jsonl`; no result depends on it."""
        now = datetime.now(UTC)
        entry = {
            "command": command,
            "line": command_line(),
            "started": started.isoformat(timespec="seconds"),
            "seconds": round((now - started).total_seconds(), 3),
            "host": os.uname().nodename,
            **facts,
        }
        path = self.root / round_.folder / "round.log.jsonl"
        with file_errors(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")


class _DigestCache:
    """sha256 of files, kept by size and modification time, as git's index does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[Any]] = {}
        self._changed = False
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError):
            return
        if isinstance(found, dict):
            self._known = {
                name: mark for name, mark in found.items() if isinstance(mark, list) and len(mark) == 4
            }

    def of(self, path: Path) -> str:
        try:
            stat = path.stat()
        except OSError as error:
            raise file_error(error, path) from error
        name, mark = str(path.absolute()), [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        known = self._known.get(name)
        if known is not None and known[:3] == mark:
            return str(known[3])
        digest = sha256_file(path)
        if datetime.now(UTC).timestamp() - stat.st_mtime > 2:  # a file changed just now may change unseen
            self._known[name] = [*mark, digest]
            self._changed = True
        return digest

    def save(self) -> None:
        if self._changed:
            with suppress(FileError):  # only a cache: a full disk must not fail what is done already
                atomic_write(self._path, json.dumps(self._known))
            self._changed = False
