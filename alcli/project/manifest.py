"""`round.json`: what each step of a round read and wrote. A step without its entry did not happen."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any

import alcli
from alcli.errors import IntegrityError, StateError
from alcli.tables.atomic import file_error

FORMAT_VERSION = 2
_SINCE = {"relabel": 2}  # the first version that knows a step: rounds without it can be read by earlier ones
_MUST_SAY = {
    "seed": ("clock", "content", "group_by"),
    "ingest": ("clock", "resolve"),
    "train": ("classes", "votes"),
    "score": ("strategy",),
    "query": ("clock",),
    "relabel": ("files",),
}
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "pyarrow")


@dataclass(frozen=True)
class File:
    """A file's, folder's or set of rows' identity in a manifest."""

    sha256: str
    rows: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {"rows": self.rows, "sha256": self.sha256}


@dataclass(frozen=True)
class Step:
    """One step's entry in `round.json`; `more` holds what only that step says."""

    name: str
    settings: tuple[str, ...]
    config: str
    random_state: int
    inputs: Mapping[str, File]
    outputs: Mapping[str, File]
    counts: Mapping[str, int] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.name,
            "set": list(self.settings),
            "config": self.config,
            "random_state": self.random_state,
            "inputs": {name: file.to_json() for name, file in sorted(self.inputs.items())},
            "outputs": {name: file.to_json() for name, file in sorted(self.outputs.items())},
            "counts": dict(self.counts),
            **self.more,
            "versions": versions(),
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Step:
        known = {"step", "set", "config", "random_state", "inputs", "outputs", "counts", "versions"}
        return cls(
            name=entry["step"],
            settings=tuple(entry["set"]),
            config=entry["config"],
            random_state=entry["random_state"],
            inputs={name: File(**file) for name, file in entry["inputs"].items()},
            outputs={name: File(**file) for name, file in entry["outputs"].items()},
            counts=entry["counts"],
            more={key: value for key, value in entry.items() if key not in known},
        )

    def finished(self, outputs: Mapping[str, File], counts: Mapping[str, int], **more: Any) -> Step:
        """This step with what it wrote."""
        return replace(self, outputs=outputs, counts=counts, more={**self.more, **more})

    def counting(self, name: str, rows: int) -> Step:
        """This step with the number of rows of an input, which only the work itself told."""
        return replace(self, inputs={**self.inputs, name: replace(self.inputs[name], rows=rows)})

    def reading(self, name: str, other: Step | None) -> Step:
        """This step with one of its inputs as another step read it, if it did."""
        if other is None or name not in other.inputs:
            return self
        return replace(self, inputs={**self.inputs, name: other.inputs[name]})

    def same_work(self, other: Step) -> bool:
        """Whether both read the same inputs with the same settings."""
        return (self.config, self.random_state, _digests(self.inputs)) == (
            other.config,
            other.random_state,
            _digests(other.inputs),
        )


def _digests(files: Mapping[str, File]) -> dict[str, str]:
    return {name: file.sha256 for name, file in files.items()}


@dataclass(frozen=True)
class Round:
    """A round's number and the steps that were finished in it."""

    number: int
    steps: Mapping[str, Step] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Where it lies, relative to the project: `rounds/001`."""
        return round_folder(self.number)

    @property
    def batches(self) -> dict[str, list[str]]:
        """The files that people were asked with, relative to the project, and who shares each of them."""
        step = self.steps.get("query") or self.steps.get("seed")
        if step is None:
            return {}
        people = step.more.get("people", {})
        return {name: people.get(name, []) for name in step.more.get("batches", [f"{self.folder}/query.csv"])}

    def with_step(self, step: Step, *, drop: Iterable[str] = ()) -> Round:
        """This round with one more finished step, and without the steps that it undoes."""
        gone = {*drop, step.name}
        kept = {name: old for name, old in self.steps.items() if name not in gone}
        return Round(self.number, {**kept, step.name: step})

    def replacing(self, step: Step) -> Round:
        """This round with an entry corrected in its place; later steps stand."""
        return Round(self.number, {**self.steps, step.name: step})

    def to_json(self) -> str:
        document = {
            "format_version": max(_SINCE.get(name, 1) for name in ("", *self.steps)),
            "round": self.number,
            "steps": {name: step.to_json() for name, step in self.steps.items()},
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def round_folder(number: int) -> str:
    """`rounds/001`; numbers past 999 simply grow."""
    return f"rounds/{number:03d}"


def read_rounds(root: Path) -> list[Round]:
    """All rounds that a step was finished in, oldest first.

    Raises:
        StateError: written by a newer alcli.
        IntegrityError: a `round.json` cannot be read, or a round is missing between others.
    """
    folder = root / "rounds"
    if not folder.is_dir():
        return []
    numbers = sorted(int(p.parent.name) for p in folder.glob("*/round.json") if p.parent.name.isdigit())
    if numbers != list(range(len(numbers))):
        missing = next(n for n in range(len(numbers) + 1) if n not in numbers)
        raise IntegrityError(
            f"the folder {round_folder(missing)} is missing or has no round.json",
            where=str(folder),
            hint="bring it back from a copy or from version control",
        )
    return [_read_round(root, number) for number in numbers]


def _read_round(root: Path, number: int) -> Round:
    path = root / round_folder(number) / "round.json"
    name = f"{round_folder(number)}/round.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = int(document["format_version"])
        if found > FORMAT_VERSION:
            raise StateError(
                f"written by a newer alcli (format {found}, this one knows {FORMAT_VERSION})",
                where=name,
                hint="upgrade alcli",
            )
        steps = {step: Step.from_json(entry) for step, entry in document["steps"].items()}
        for name, step in steps.items():
            missing = [key for key in _MUST_SAY.get(name, ()) if key not in step.more]
            if missing:
                raise KeyError(missing[0])
    except OSError as error:
        raise file_error(error, name) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(
            "this is not as alcli wrote it",
            where=name,
            hint="it was edited or cut off: bring it back from a copy or from version control",
        ) from error
    return Round(number, steps)


def versions() -> dict[str, str]:
    """Versions that can change a result."""
    found = {"alcli": alcli.__version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def share_file(batch: str, annotator: str) -> str:
    """Where a person's share of a batch lies: `rounds/001/query-anna.csv`."""
    path = PurePosixPath(batch)
    return str(path.with_name(f"{path.stem}-{annotator}{path.suffix}"))
