"""The config: `alcli.yaml` (and `--set`) as validated, frozen settings.

Every key is described here once; `alcli init` and the JSON Schema take their words from here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from alcli.errors import ConfigError, FileError, suggest

CONFIG_NAME = "alcli.yaml"
_MAX_BYTES = 1 << 20


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _rows_or_share(value: int | float) -> int | float:
    if value > 1 and value != int(value):
        raise ValueError("should be a whole number of rows, or a share below 1")
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
Labels = tuple[str, ...]
Size = Annotated[int | float, Field(ge=0, allow_inf_nan=False), AfterValidator(_rows_or_share)]
Share = Annotated[float, Field(ge=0, le=1)]
Spec = str | dict[str, Any]


class Section(BaseModel):
    """A part of the config: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Features(Section):
    """Which pool columns the model reads. Any combination; `alcli init` guesses them."""

    text: Names = Field((), description="text columns, joined and read as TF-IDF of words and characters")
    numeric: Names = Field((), description="number columns, standardized")
    categorical: Names = Field((), description="columns of few distinct values, one-hot")
    embedding: str | None = Field(None, description="one column of fixed-size lists of numbers")
    missing: Literal["refuse", "fill"] = Field(
        "refuse",
        description="an empty text or missing number: refuse = an error that names the row; "
        "fill = the mean of numbers, nothing for texts",
    )

    @model_validator(mode="after")
    def _no_column_twice(self) -> Features:
        names = self.columns
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"column {twice[0]!r} is listed twice")
        return self

    @property
    def by_kind(self) -> dict[str, tuple[str, ...]]:
        """The columns of each kind that has any; the kind is a module in `alcli/features`."""
        embedding = (self.embedding,) if self.embedding else ()
        kinds = {
            "text": self.text,
            "numeric": self.numeric,
            "categorical": self.categorical,
            "embedding": embedding,
        }
        return {kind: columns for kind, columns in kinds.items() if columns}

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in the order in which their content is hashed."""
        return tuple(column for columns in self.by_kind.values() for column in columns)


class Task(Section):
    """What is predicted."""

    type: Literal["classification"] = Field("classification", description="one class a row")
    classes: Labels | None = Field(
        None, description="the classes, in order; null: learned from the first answers, then fixed"
    )

    @model_validator(mode="after")
    def _distinct(self) -> Task:
        if self.classes is not None:
            if len(set(self.classes)) < len(self.classes):
                raise ValueError("a class is listed twice")
            if len(self.classes) < 2:
                raise ValueError("at least two classes are needed")
            if any(not name.strip() for name in self.classes):
                raise ValueError("a class name is empty")
        return self


class Split(Section):
    """The honest validation set, drawn at random before any query. Rows, or a share of the pool below 1."""

    validation: Size = Field(300, description="rows people label to measure the model, never trained on")
    reserve: Size = Field(300, description="sealed too: the validation set can be extended from these only")
    group_by: str | None = Field(None, description="a column (patient, document): a group is never split")


class Seed(Section):
    """The first rows people label, before there is a model."""

    strategy: Spec = Field("stratified", description="stratified or random")
    size: Size = Field(200, description="rows, or a share of the pool below 1")
    stratify_by: Names | None = Field(
        None, description="pool columns to stratify by; null: k-means clusters of the features"
    )


class ModelSection(Section):
    """The model that is trained, scored with and delivered. A model's own parameters go beside its name."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field("logistic_regression", description="a module in alcli/models, or package.module:Class")
    calibrate: Literal["none"] = Field("none", description="none")

    @property
    def spec(self) -> dict[str, Any]:
        """Name and parameters, as the registry builds from them."""
        return {"name": self.name, **(self.model_extra or {})}


class Query(Section):
    """Which rows are asked next: strategy, then shortlist, diversity, quotas, explore, overlap."""

    strategy: Spec = Field("margin", description="see `alcli strategies`")
    batch_size: Annotated[int, Field(ge=1)] = Field(200, description="rows a query, distinct")
    shortlist: Annotated[int, Field(ge=1)] | None = Field(
        None, description="how many best rows go on to diversity and quotas; null: ten times batch_size"
    )
    diversity: Spec | None = Field(None, description="a set strategy that picks among the shortlist")
    quotas: dict[str, Any] | None = Field(
        None, description="{column: name, shares: {value: share}}: at least that share from each segment"
    )
    explore: Share = Field(0.0, description="share of the batch drawn at random from all candidates")
    overlap: Share = Field(0.0, description="share of the batch that two annotators answer")
    max_similarity: Annotated[float, Field(gt=0, le=1)] | None = Field(
        0.95, description="no row nearer than this (cosine of text or embedding) to another or a labeled one"
    )
    show: Names | None = Field(
        None, description="pool columns that annotators see; null: text, categorical, numeric"
    )
    show_prediction: bool = Field(False, description="show the model's guess (it anchors people)")


class Committee(Section):
    """The members whose votes `query_by_committee` reads."""

    size: Annotated[int, Field(ge=2)] = Field(5, description="members, each on a stratified bootstrap")
    members: tuple[Spec, ...] | None = Field(
        None, description="model names instead of bootstraps, each on all labels"
    )

    @model_validator(mode="after")
    def _at_least_two(self) -> Committee:
        if self.members is not None and len(self.members) < 2:
            raise ValueError("a committee needs at least two members")
        return self


class LabelsSection(Section):
    """How label files are read and several answers to a row become one label."""

    id: str = Field("id", description="the id column of label files")
    label: str = Field("label", description="the label column of label files")
    skip: Labels = Field(("skip",), description="answers that mean: cannot be labeled")
    unsure: Labels = Field(("unsure",), description="answers that mean: I do not know")
    resolve: Literal["majority", "unanimous", "latest"] = Field(
        "majority", description="how several annotators' answers become one: majority, unanimous, latest"
    )


class Stop(Section):
    """When to stop asking: criteria of which any, or all, must hold."""

    any: tuple[Spec, ...] = Field((), description="stop when one of these says so")
    all: tuple[Spec, ...] = Field((), description="stop when every one of these says so")


class Config(Section):
    """An alcli project's settings."""

    pool: str = Field("pool.parquet", description="file, folder or glob; relative to this file")
    id: str = Field("id", description="the pool's unique row id")
    features: Features = Features()
    task: Task = Task()
    split: Split = Split()
    seed: Seed = Seed()
    model: ModelSection = ModelSection()
    query: Query = Query()
    committee: Committee = Committee()
    labels: LabelsSection = LabelsSection()
    stop: Stop = Stop()
    cost: dict[str, Any] | None = Field(None, description="what a label costs; not read yet")
    random_state: Annotated[int, Field(ge=0)] = Field(0, description="the one seed of all chance")

    @model_validator(mode="after")
    def _fits_together(self) -> Config:
        if self.id in self.features.columns:
            raise ValueError(f"the id column {self.id!r} cannot be a feature")
        if set(self.labels.skip) & set(self.labels.unsure):
            raise ValueError("labels.skip and labels.unsure overlap")
        if self.task.classes and set(self.task.classes) & {*self.labels.skip, *self.labels.unsure}:
            raise ValueError("a class is also a value of labels.skip or labels.unsure")
        return self

    def digest(self, keys: Sequence[str]) -> str:
        """sha256 of the values of some keys (`query.strategy`, `model`), for `round.json`."""
        # without defaults: a key that a later version adds does not make finished work look changed
        values = {key: self._set_value(key) for key in keys}
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=list).encode()).hexdigest()

    def value(self, key: str) -> Any:
        """The plain value at a dotted key."""
        node: Any = self.model_dump(mode="json")
        for part in key.split("."):
            node = node[part]
        return node

    def _set_value(self, key: str) -> Any:
        """The plain value at a dotted key, without what is at its default; None where all of it is."""
        node: Any = self.model_dump(mode="json", exclude_defaults=True)
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        return node

    def is_set(self, key: str) -> bool:
        """Whether the user wrote this dotted key, rather than taking its default."""
        node: BaseModel = self
        *sections, last = key.split(".")
        for part in sections:
            if part not in node.model_fields_set:
                return False
            node = getattr(node, part)
        return last in node.model_fields_set


class Source:
    """Where each value of a config came from, for error messages."""

    def __init__(self, path: Path | None = None, lines: Mapping[str, int] | None = None) -> None:
        self.path = path
        self.lines = dict(lines or {})
        self.overridden: set[str] = set()

    def where(self, key: str) -> str:
        """`alcli.yaml, line 12, query.strategy`, or `--set query.strategy`."""
        parts = key.split(".")
        parents = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
        if any(parent in self.overridden for parent in parents):
            return f"--set {key}"
        below = next((name for name in sorted(self.overridden) if name.startswith(f"{key}.")), None)
        if below is not None:
            return f"--set {below}"
        line = next((self.lines[parent] for parent in parents if parent in self.lines), None)
        name = self.path.name if self.path else "config"
        return ", ".join(part for part in (name, f"line {line}" if line else "", key) if part)


def load_config(path: Path, settings: Iterable[str] = ()) -> tuple[Config, Source]:
    """Read a config file and apply `--set key.path=value` settings on top.

    Raises:
        FileError: no such file.
        ConfigError: the first wrong key or value, with its line; further ones are listed in the hint.
    """
    tree, lines = _read_yaml(path)
    source = Source(path, lines)
    for setting in settings:
        key, value = parse_setting(setting)
        _put(tree, key, value)
        source.overridden.add(key)
    return _validated(tree, source), source


def parse_setting(setting: str) -> tuple[str, Any]:
    """`query.batch_size=50` as (key, value); the value is read as YAML."""
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"{setting!r} is no setting", where="--set", hint="write --set key.path=value")
    key = key.strip()
    return key, _parse_yaml(text, where=f"--set {key}", root=key)[0]


def _read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError("the config is larger than 1 MiB", where=str(path))
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise FileError(
            f"there is no {path.name} here",
            where=str(path),
            hint="`alcli init DIR --pool POOL` makes a project; -C DIR works in another directory",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"the config cannot be read: {error}", where=str(path)) from error
    tree, lines = _parse_yaml(text, where=path.name)
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise ConfigError("the config must be a mapping of keys to values", where=path.name)
    return tree, lines


def _parse_yaml(text: str, *, where: str, root: str = "") -> tuple[Any, dict[str, int]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        node = YAML(typ="safe", pure=True).compose(text)
        reader = _Reader(where)
        return reader.read(node, root) if node is not None else None, reader.lines
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark is not None else ""
        message = " ".join((error.problem or str(error)).split())
        raise ConfigError(f"this is no valid YAML: {message}", where=f"{where}{line}") from error
    except (YAMLError, ValueError) as error:
        raise ConfigError(f"this is no valid YAML: {error}", where=where) from error
    except RecursionError as error:
        raise ConfigError("the values are nested too deep, or in themselves", where=where) from error


class _Reader:
    """YAML 1.2 nodes as plain Python values, with the line of each key.

    Class names keep their spelling: `classes: [1.0, no, null]` are three texts.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.lines: dict[str, int] = {}
        self._left = 100_000  # a file of aliases to aliases would not end otherwise

    def read(self, node: Any, key: str) -> Any:
        self._left -= 1
        if self._left < 0:
            raise ConfigError("the config has too many values (aliases of aliases?)", where=self.where)
        if node.id == "mapping":
            return self._mapping(node, key)
        if node.id == "sequence":
            return [item.value if self._is_label(item, key) else self.read(item, key) for item in node.value]
        return _scalar(node)

    def _is_label(self, item: Any, key: str) -> bool:
        return key in _LABEL_KEYS and item.id == "scalar"

    def _mapping(self, node: Any, key: str) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name, line = str(name_node.value), name_node.start_mark.line + 1
            path = f"{key}.{name}" if key else name
            if name in plain:
                raise ConfigError(
                    f"the key {name!r} stands twice",
                    where=f"{self.where}, lines {self.lines[path]} and {line}",
                )
            self.lines[path] = line
            plain[name] = self.read(value_node, path)
        return plain


_LABEL_KEYS = {"task.classes", "labels.skip", "labels.unsure"}
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


def _scalar(node: Any) -> Any:
    kind, text = node.tag.rpartition(":")[2], node.value
    if kind in {"null", "bool"}:
        return _WORDS[text.lower()]
    if kind == "int":
        return int(text.replace("_", ""), 0) if not text.lstrip("+-").isdigit() else int(text)
    if kind == "float":
        return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    return text  # dates and the like stay what the user typed


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    node = tree
    for section in sections:
        below = node.get(section)
        if isinstance(below, str) and section in {"strategy", "diversity"}:
            below = {"name": below}
        if not isinstance(below, dict):
            below = {}
        node[section] = below
        node = below
    node[last] = value


def _validated(tree: dict[str, Any], source: Source) -> Config:
    # a section with every key commented out is an empty section
    tree = {key: {} if value is None and key in _SECTIONS else value for key, value in tree.items()}
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        problems = [_explain(problem, source) for problem in error.errors()]
    first, *others = sorted(problems, key=lambda p: "unknown key" not in p[0])
    hints = [first[2]] if first[2] else []
    hints += [f"also {where}: {message}" for message, where, _ in others[:5] if where != first[1]]
    raise ConfigError(first[0], where=first[1], hint="; ".join(hints) or None)


def _explain(problem: Any, source: Source) -> tuple[str, str, str | None]:
    """(message, where, hint) of one of pydantic's problems."""
    path = [str(part) for part in problem["loc"]]
    keys = [part for part in path if not part.isdigit() and part not in _UNION_PARTS]
    key = ".".join(keys)
    if problem["type"] == "extra_forbidden":
        section = _section_at(keys[:-1])
        return f"unknown key {keys[-1]!r}", source.where(key), suggest(keys[-1], section.model_fields)
    found = f", found {problem['input']!r}" if not isinstance(problem["input"], (dict, BaseModel)) else ""
    message = problem["msg"].removeprefix("Value error, ").replace("Input should", "should")
    hint = None
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        choices = [part.strip(" '") for part in problem["ctx"]["expected"].replace(" or ", ", ").split(",")]
        hint = suggest(problem["input"], choices)
    return f"{message}{found}", source.where(key), hint


_UNION_PARTS = {"int", "float", "str", "dict[str,any]", "constrained-int", "tuple[str, ...]"}


_SECTIONS = {
    name
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}


def _section_at(keys: Sequence[str]) -> type[BaseModel]:
    section: type[BaseModel] = Config
    for key in keys:
        field = section.model_fields.get(key)
        if field is None or not (
            isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        ):
            break
        section = field.annotation
    return section
