"""A folder is a registry: every module in it that is no helper is a member, named by its file.

`strategies/margin.py` is the strategy `margin`. A user's own class is `mypackage.module:MyClass`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from alcli.errors import ConfigError, FileError, suggest

Member = TypeVar("Member")
Spec = str | Mapping[str, Any]


@dataclass(frozen=True)
class Registry(Generic[Member]):
    """The members of the folder `alcli/<folder>`, each a class that derives from the contract `base`."""

    folder: str
    base: str
    word: str
    aliases: Mapping[str, str] = field(default_factory=dict)

    def names(self) -> list[str]:
        """Sorted names of all members; imports none of them."""
        return list(_members_of(self.folder))

    def load(self, name: str) -> type[Member]:
        """The member's class: a file in the folder, or `package.module:Class` of a user.

        Raises:
            ConfigError: no such member; the nearest right name is given.
        """
        name = self.aliases.get(name, name)
        if ":" in name:
            return self._load_users(name)
        if name not in self.names():
            raise ConfigError(f"unknown {self.word} {name!r}", hint=suggest(name, self.names()))
        module = import_module(f"alcli.{self.folder}.{name}")
        contract = getattr(import_module(f"alcli.{self.folder}"), self.base)
        own = [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, contract) and value.__module__ == module.__name__
        ]
        if len(own) != 1:
            raise ConfigError(f"{self.word} {name!r} must define exactly one {self.base}, found {len(own)}")
        return own[0]

    def build(self, spec: Spec) -> Member:
        """An instance from `name` or `{name: ..., parameter: value, ...}`.

        Raises:
            ConfigError: unknown name, unknown parameter (nearest right one given) or a refused value.
        """
        name, parameters = split_spec(spec)
        member = self.load(name)
        known = [field.name for field in dataclasses.fields(member) if field.init]  # type: ignore[arg-type]
        for parameter in parameters:
            if parameter not in known:
                hint = suggest(parameter, known) if known else "it takes no parameters"
                raise ConfigError(f"{self.word} {name!r} has no parameter {parameter!r}", hint=hint)
        for needed in dataclasses.fields(member):  # type: ignore[arg-type]
            if needed.name not in parameters and _is_required(needed):
                hint = f"write {{name: {name}, {needed.name}: ...}}"
                raise ConfigError(f"{self.word} {name!r} needs the parameter {needed.name!r}", hint=hint)
        try:
            return member(**parameters)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{self.word} {name!r}: {error}") from error

    def members(self) -> Iterator[tuple[str, type[Member]]]:
        """Every name with its class, in order; imports them all."""
        for name in self.names():
            yield name, self.load(name)

    def _load_users(self, name: str) -> type[Member]:
        module_name, _, class_name = name.partition(":")
        try:
            member: Any = getattr(import_module(module_name), class_name)
        except Exception as error:  # a user's module may raise anything
            raise ConfigError(
                f"{self.word} {name!r} cannot be imported: {error}",
                hint="write package.module:Class of something that `python -c 'import package.module'` finds",
            ) from error
        contract = getattr(import_module(f"alcli.{self.folder}"), self.base)
        if not (
            isinstance(member, type) and issubclass(member, contract) and dataclasses.is_dataclass(member)
        ):
            raise ConfigError(
                f"{self.word} {name!r} is no dataclass that derives from alcli.{self.folder}.{self.base}"
            )
        return cast("type[Member]", member)


@cache
def _members_of(folder: str) -> tuple[str, ...]:
    paths = (Path(__file__).parent / folder).glob("*.py")
    return tuple(sorted(path.stem for path in paths if not path.stem.startswith("_")))


def _is_required(parameter: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return parameter.init and parameter.default is missing and parameter.default_factory is missing


def split_spec(spec: Spec) -> tuple[str, dict[str, Any]]:
    """`margin` or `{name: margin, ...}` as (name, parameters)."""
    if isinstance(spec, str):
        return spec, {}
    parameters = dict(spec)
    name = parameters.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"a mapping here needs a `name`, found {dict(spec)!r}")
    return name, parameters


STRATEGIES: Registry[Any] = Registry(
    "strategies", "Strategy", "strategy", aliases={"random": "random_sampling"}
)
MODELS: Registry[Any] = Registry("models", "Model", "model")
FEATURES: Registry[Any] = Registry("features", "Feature", "feature kind")
STOPPING: Registry[Any] = Registry("stopping", "Criterion", "stopping criterion")
FORMATS: Registry[Any] = Registry("formats", "Format", "file format")
SERVERS: Registry[Any] = Registry("remote", "Server", "labeling server")


def reader_of(
    path: Path, name: str | None = None, *, advice: str = "save it as one of these", **parameters: Any
) -> Any:
    """The format of a label file: by its name, else by what the file begins with, else by its ending.

    Args:
        path: the file.
        name: of the format; None: it is recognized.
        advice: what to do about an unknown one.
        parameters: of the format, such as the columns of id and label.

    Raises:
        FileError: an ending that no format has.
    """
    if name is not None:
        return FORMATS.build({"name": name, **parameters})
    members = dict(FORMATS.members())
    head = import_module("alcli.formats").head_of(path)
    endings = {suffix: member for member, kind in members.items() for suffix in kind.suffixes}
    own = [suffix for suffix in endings if path.as_posix().lower().endswith(suffix)]
    found = next((member for member, kind in members.items() if kind.recognizes(head)), None)
    if found is None and not own:
        known = ", ".join(sorted(suffix for suffix in endings if suffix.count(".") == 1))
        raise FileError(
            f"the ending {path.suffix!r} is of no known format",
            where=str(path),
            hint=f"known endings are {known}; {advice}",
        )
    return FORMATS.build({"name": found or endings[max(own, key=len)], **parameters})
