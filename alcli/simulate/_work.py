"""All replays of a simulation: which there are, one at a time, over several processes, kept when finished."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

import alcli
from alcli.config import Config, Source, load_config
from alcli.errors import AlcliError, ConfigError, DataError, suggest
from alcli.loop import check_names
from alcli.loop._predictions import check_predictions
from alcli.project import Project
from alcli.project.manifest import versions
from alcli.project.splits import VALIDATION
from alcli.registry import MODELS, split_spec
from alcli.simulate._arms import Arm, label
from alcli.simulate._confusion import confusion_of
from alcli.simulate._data import Data, from_file, from_project, kept_ids
from alcli.simulate._kept import prune
from alcli.simulate._memory import HeldPool, HeldSpace
from alcli.simulate._oracle import Faults, Oracle
from alcli.simulate._replay import Given, Point, Replay, Start, space_of
from alcli.tables.atomic import atomic_write
from alcli.tables.hashing import hash_strings, salt, salted

_START = "start"
_IRRELEVANT = ("pool", "stop", "cost")
"""Keys of the config on which no replay depends."""


@dataclass(frozen=True)
class Task:
    """What is replayed; picklable, so that every process can read its own data.

    Attributes:
        root, config, settings: how the project is opened.
        labels: the file of labels; None: the project's own.
        costs: by name, a number or a column of the file.
        faults: of the annotators.
        budget: training rows to ask about, at most.
        sizes: settings of all arms: the sizes of test and seed set.
        given: where each repeat starts, if that is not drawn: by seed strategy, or "" for all.
    """

    root: Path
    config: Path | None
    settings: tuple[str, ...]
    labels: Path | None
    costs: Mapping[str, float | str]
    faults: Faults
    budget: int
    sizes: tuple[str, ...] = ()
    given: Mapping[int, Mapping[str, Given]] = field(default_factory=dict)

    def open(self) -> Project:
        """The project; what it names is checked, and its folder's modules are found from now on."""
        project = Project.open(self.root, self.config, self.settings)
        check_names(project)
        check_predictions(project)
        return project

    def given_to(self, config: Config, repeat: int) -> Given | None:
        """Where an arm of some config starts, if that is not drawn.

        Raises:
            ConfigError: seed sets are given, but none of its seed strategy.
        """
        if repeat not in self.given:
            return None
        starts, name = self.given[repeat], label(config.seed.strategy)
        found = starts.get(name, starts.get(""))
        if found is None:
            what = f"repeat {repeat} has no seed set of {name!r}"
            raise ConfigError(what, where="--splits", hint=suggest(name, starts))
        return found

    def read(self, project: Project) -> Data:
        """The rows to replay."""
        if self.labels is None:
            return from_project(project, self.costs)
        return from_file(project, self.labels, self.costs)


class Work:
    """Does a task's replays, and keeps those that are finished under `.alcli/simulate/`.

    Args:
        data: the task's rows, where they are read already.
    """

    def __init__(self, task: Task, project: Project, data: Data) -> None:
        self.task = task
        self.data = data
        self._project = project
        self._kept = project.scratch / "simulate"
        self._versions = versions()
        self._code = code_digest(project.pool_base)
        self._configs: dict[Arm, tuple[Config, Source]] = {}
        self._repeat: tuple[int, _Repeat] | None = None

    def run(self, arm: Arm, repeat: int) -> list[Point]:
        """One replay, from what is kept if it was finished before."""
        path = self._path(arm, repeat)
        kept = _read(path)
        if kept is not None:
            return kept
        config, source = self.config(arm, repeat)
        try:
            with threadpool_limits(1, user_api="blas"):
                points = list(self._of(repeat).replay(config, source).points())
        except AlcliError as error:
            error.message += f" (repeat {repeat} of {arm.name})"
            raise
        if not points:
            what = f"repeat {repeat} of {arm.name} got no label: every answer was skipped or in dispute"
            raise DataError(what, hint="lower --skip-rate or --noise, or raise seed.size")
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, json.dumps([asdict(point) for point in points]))
        self.start(arm, repeat)  # kept while it is at hand: drawing it again takes as long as a round
        return points

    def finished(self, arm: Arm, repeat: int) -> list[Point] | None:
        """What is kept of a replay; None: it is still to do."""
        return _read(self._path(arm, repeat))

    def start(self, arm: Arm, repeat: int) -> tuple[list[str], list[str]]:
        """Ids of the test rows and of the seed set from which an arm's replay starts; kept, too."""
        config, source = self.config(arm, repeat)
        path = self._place(_START, config, repeat)
        try:
            test, seeds = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            start = self._of(repeat).start(config, source)
            test, seeds = start.splits.ids(VALIDATION).to_pylist(), sorted(start.seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(path, json.dumps([test, seeds]))
        return test, seeds

    def starts(self, arms: Sequence[Arm], repeat: int) -> dict[str, tuple[list[str], list[str]]]:
        """Ids of a repeat's test rows, and of each seed strategy's seed set, by its name."""
        found: dict[str, tuple[list[str], list[str]]] = {}
        for arm in arms:
            name = label(self.config(arm, repeat)[0].seed.strategy)
            if name not in found:
                found[name] = self.start(arm, repeat)
        return found

    def prune(self, arms: Sequence[Arm], repeats: Sequence[int]) -> None:
        """Remove old replays and starts, but none of these."""
        used = {
            self._place(what, self.config(arm, repeat)[0], repeat)
            for arm, repeat in product(arms, repeats)
            for what in (arm.name, _START)
        }
        prune(self._kept, used)

    def check(self, arms: Sequence[Arm]) -> None:
        """Every arm is something that the commands would do, and has where to start.

        Raises:
            ConfigError: the first that is not.
        """
        for arm in arms:
            config, source = self.config(arm, 0)
            project = Project(self._project.root, config, source, self.task.settings)
            check_names(project)
            check_predictions(project)
            for repeat in self.task.given:
                self.task.given_to(config, repeat)

    def _of(self, repeat: int) -> _Repeat:
        if self._repeat is None or self._repeat[0] != repeat:
            self._repeat = (repeat, _Repeat(self.data, self.task, repeat))
        return self._repeat[1]

    def config(self, arm: Arm, repeat: int) -> tuple[Config, Source]:
        """An arm's config in a repeat: all that differs from repeat to repeat is the random state."""
        if arm not in self._configs:
            path = self._project.source.path
            if path is None:
                raise ValueError("a project without a config file cannot be replayed")
            self._configs[arm] = load_config(path, (*self.task.settings, *self.task.sizes, *arm.settings))
        config, source = self._configs[arm]
        state = random_state_of(config.random_state, repeat)
        return config.model_copy(update={"random_state": state}), source

    def _path(self, arm: Arm, repeat: int) -> Path:
        return self._place(arm.name, self.config(arm, repeat)[0], repeat)

    def _place(self, what: str, config: Config, repeat: int) -> Path:
        """Where something is kept: named by all that it depends on."""
        given = self.task.given_to(config, repeat)
        depends: dict[str, Any] = {
            "what": what if what == _START else "replay",
            "versions": self._versions,
            "code": self._code,
            "data": self.data.digest,
            "config": config.model_dump(mode="json", exclude=set(_IRRELEVANT)),
            "given": asdict(given) if given else None,
        }
        if what != _START:
            confusion = self.data.truth.confusion
            depends |= {
                "costs": self.task.costs,
                "faults": asdict(self.task.faults),
                "confusion": confusion.tolist() if confusion is not None else None,
                "budget": self.task.budget,
            }
        digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
        return self._kept / f"{digest[:32]}.json"


def random_state_of(configured: int, repeat: int) -> int:
    """A repeat's random state: of repeat 0 the configured one, of others a number that no other has."""
    return configured if repeat == 0 else int(salt(configured, repeat, "repeat") >> np.uint64(33))


def code_digest(folder: Path) -> str:
    """sha256 of alcli's own code, and of a user's modules beside the config: what made a replay."""
    whole = hashlib.sha256()
    for path in [*sorted(Path(alcli.__file__).parent.rglob("*.py")), *sorted(folder.glob("*.py"))]:
        whole.update(path.read_bytes())
    return whole.hexdigest()


class _Repeat:
    """What all arms of a repeat share: rows, annotators, splits, seed sets and features."""

    def __init__(self, data: Data, task: Task, repeat: int) -> None:
        self._data = data
        self._task = task
        self._repeat = repeat
        given = task.given.get(repeat, {}).values()
        self._kept_rows = (*data.test, *(id_ for start in given for id_ in start.test + start.seed))
        self._pool: HeldPool | None = None
        self._starts: dict[str, Start] = {}
        self._spaces: dict[str, HeldSpace] = {}

    def replay(self, config: Config, source: Source) -> Replay:
        """One arm's rounds, about to begin."""
        pool, start = self._pool_of(config), self.start(config, source)
        key = config.digest(("features", "split", "id"))
        if key not in self._spaces:
            self._spaces[key] = space_of(config, pool, start.splits)
        oracle = Oracle(self._data.truth, self._task.faults, config.random_state)
        lean = pool.lean(_read_raw(config))
        return Replay(config, source.where, lean, start, self._spaces[key], oracle, self._task.budget)

    def start(self, config: Config, source: Source) -> Start:
        """The splits and the seed set, drawn once for all arms whose seed settings are the same."""
        key = config.digest(("features", "split", "seed", "id"))
        if key not in self._starts:
            given = self._task.given_to(config, self._repeat)
            if given is None and self._data.test:
                given = Given(self._data.test)
            self._starts[key] = Start.of(config, source.where, self._pool_of(config), given)
        return self._starts[key]

    def _pool_of(self, config: Config) -> HeldPool:
        if self._pool is None:
            order = salted(hash_strings(self._data.pool.ids), config.random_state, "kept")
            ids = kept_ids(self._data, order, self._kept_rows)
            self._pool = self._data.pool if ids is None else self._data.pool.only(pa.array(ids, pa.string()))
        return self._pool


def _read_raw(config: Config) -> set[str]:
    """The kinds of columns that models read as the pool has them."""
    specs = [config.model.spec, *(config.committee.members or ())]
    return {kind for spec in specs for kind in MODELS.load(split_spec(spec)[0]).reads or ()}


def with_confusion(project: Project, data: Data, faults: Faults) -> Data:
    """The rows with the classes that are taken for each other, where annotators err by these."""
    if not faults.by_confusion or not faults.noise:
        return data
    return replace(data, truth=replace(data.truth, confusion=confusion_of(project.config, data)))


def run_all(
    work: Work, arms: Sequence[Arm], repeats: Sequence[int], jobs: int
) -> Iterator[tuple[Arm, int, list[Point]]]:
    """Every arm in every repeat, as they are finished; the same for any number of processes."""
    open_repeats = []
    for repeat in repeats:
        finished = {arm: work.finished(arm, repeat) for arm in arms}
        yield from ((arm, repeat, points) for arm, points in finished.items() if points is not None)
        left = [arm for arm, points in finished.items() if points is None]
        if left:
            open_repeats.append((repeat, left))
    if min(jobs, len(open_repeats)) < 2:
        for repeat, left in open_repeats:
            yield from ((arm, repeat, work.run(arm, repeat)) for arm in left)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy threads' locks
    with ProcessPoolExecutor(jobs, context, _begin, (work.task,)) as pool:
        try:
            futures = [pool.submit(_run, repeat, left) for repeat, left in open_repeats]
            for future in as_completed(futures):
                yield from future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


_WORK: list[Work] = []


def _begin(task: Task) -> None:
    """A process's start: it reads its own data; it leaves interrupts to its parent, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=_follow, daemon=True).start()
    project = task.open()
    _WORK.append(Work(task, project, with_confusion(project, task.read(project), task.faults)))


def _follow() -> None:
    """A killed parent cannot tell its children: they would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        signal.raise_signal(signal.SIGTERM)


def _run(repeat: int, arms: Sequence[Arm]) -> list[tuple[Arm, int, list[Point]]]:
    return [(arm, repeat, _WORK[0].run(arm, repeat)) for arm in arms]


def _read(path: Path) -> list[Point] | None:
    try:
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return [Point(**point) for point in found]
    except (OSError, ValueError, TypeError):
        return None
