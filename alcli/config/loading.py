"""From `alcli.yaml` and `--set` to a `Config`, or to an error that names the line and the nearest key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from alcli.config.schema import Config
from alcli.config.section import section_of
from alcli.errors import ConfigError, FileError, suggest

CONFIG_NAME = "alcli.yaml"
_MAX_BYTES = 1 << 20


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
        put_setting(tree, key, value)
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
        return (key in _LABEL_KEYS or key.startswith(_ID_KEYS)) and item.id == "scalar"

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
_ID_KEYS = "query.seek."
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


def put_setting(tree: dict[str, Any], key: str, value: Any) -> None:
    """Put a value at a dotted key; a plain `strategy: name` becomes a mapping where a parameter joins it."""
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


def check_config(tree: dict[str, Any]) -> Config:
    """A config from `--set` values alone.

    Raises:
        ConfigError: a wrong key or value.
    """
    source = Source()
    source.overridden.update(tree)
    return _validated(tree, source)


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
    if problem["type"] == "missing":
        return f"the key {keys[-1]!r} is missing", source.where(key), None
    found = f", found {problem['input']!r}" if not isinstance(problem["input"], (dict, BaseModel)) else ""
    message = problem["msg"].removeprefix("Value error, ").replace("Input should", "should")
    hint = None
    if problem["type"] == "literal_error" and isinstance(problem["input"], str):
        choices = [part.strip(" '") for part in problem["ctx"]["expected"].replace(" or ", ", ").split(",")]
        hint = suggest(problem["input"], choices)
    return f"{message}{found}", source.where(key), hint


_MAPPINGS = {"dict[str,any]", "dict[str,float]"}
_UNION_PARTS = {"int", "float", "str", "constrained-int", "tuple[str, ...]", *_MAPPINGS}


_SECTIONS = {
    name for name, field in Config.model_fields.items() if section_of(field.annotation) is field.annotation
}


def _section_at(keys: Sequence[str]) -> type[BaseModel]:
    section: type[BaseModel] = Config
    for key in keys:
        field = section.model_fields.get(key)
        below = section_of(field.annotation) if field is not None else None
        if below is None:
            break
        section = below
    return section
