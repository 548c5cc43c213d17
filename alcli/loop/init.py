"""`init`: look at a pool and write a config that runs as it is."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from alcli.config import (
    CONFIG_NAME,
    Config,
    Source,
    check_config,
    load_config,
    parse_setting,
    put_setting,
    section_of,
)
from alcli.errors import DataError, StateError
from alcli.loop import Result, check_names, plural
from alcli.project import Project
from alcli.project.guess import Guess, guess, listed, quoted
from alcli.project.sizes import Sizes, fit_sizes
from alcli.tables.atomic import atomic_write, file_errors
from alcli.tables.source import TableFiles

_SHOWN_COLUMNS = 8


def init(folder: Path, pool: str, id_name: str | None = None, settings: Sequence[str] = ()) -> Result:
    """Write `alcli.yaml` into a folder, which is made where it is missing.

    Args:
        folder: the project directory to be.
        pool: the pool as the user named it, relative to where they stand.
        id_name: the id column; None: guessed.
        settings: `key=value` that the config is to say.

    Raises:
        DataError: a pool without rows, ids or features.
        StateError: another config is there already.
    """
    location = _relative(pool, folder)
    target = folder / CONFIG_NAME
    if target.exists():
        return _existing(target, location)
    files = TableFiles(pool, Path())
    told = _told(settings)
    features = told.pop("features", {})
    found = guess(files, id_name or told.pop("id", None), features.get("predictions"))
    fill = features.pop("missing", "fill" if found.missing else "error") == "fill"
    for kind, columns in features.items():
        setattr(found, kind, columns)
    if not found.features:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in found.left_out.items())
        raise DataError(
            "no column can be a feature",
            where=pool,
            hint=f"the model needs texts, numbers or embeddings ({reasons})",
        )
    counts = [file.n_rows for file in files.files]
    n_rows = sum(
        count
        if count is not None
        else sum(batch.table.num_rows for batch in file.batches([found.id], 1 << 16))
        for file, count in zip(files.files, counts, strict=True)
    )
    sizes, _ = fit_sizes(Config(), Source().where, n_rows)
    text = _yaml(location, found, sizes, told, fill=fill)
    check_names(Project(folder, Config.model_validate(told), Source()))
    with file_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    atomic_write(target, text)
    warnings = [f"column {name!r} is left out: {reason}" for name, reason in found.left_out.items()]
    if fill and found.missing:
        warnings.append(f"missing values in {', '.join(found.missing)}: features.missing is set to fill")
    return Result(
        "init",
        None,
        changed=True,
        counts={"pool": n_rows, "columns": len(files.schema.names)},
        files=[str(target)],
        warnings=warnings,
        summary=_summary(found, n_rows, target, folder),
        more={"features": {"text": found.text, "numeric": found.numeric, "categorical": found.categorical,
                           "embedding": found.embedding}, "id": found.id},
    )  # fmt: skip


def _relative(pool: str, folder: Path) -> str:
    if "://" in pool:
        return pool
    return os.path.relpath(Path.cwd() / pool, folder.absolute())


def _existing(target: Path, location: str) -> Result:
    config, source = load_config(target)
    if config.pool != location:
        raise StateError(
            f"there is a config already, for the pool {config.pool!r}",
            where=source.where("pool"),
            hint="edit it, remove it, or choose another directory",
        )
    return Result(
        "init",
        None,
        changed=False,
        summary=[f"Up to date: {target} is there, and yours to edit."],
    )


def _summary(found: Guess, n_rows: int, target: Path, folder: Path) -> list[str]:
    kinds = [("text", found.text), ("numeric", found.numeric), ("categorical", found.categorical)]
    kinds.append(("embedding", [found.embedding] if found.embedding else []))
    features = "; ".join(f"{kind} from {_shown(names)}" for kind, names in kinds if names)
    go_there = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    return [
        f"{plural(n_rows, 'row')}, ids in {found.id}; features: {features}.",
        f"Wrote {target}: read it through, then `{go_there}alcli seed`.",
    ]


def _told(settings: Sequence[str]) -> dict[str, Any]:
    """What the user's settings say of each section."""
    tree: dict[str, Any] = {}
    for setting in settings:
        put_setting(tree, *parse_setting(setting))
    return check_config(tree).model_dump(mode="json", exclude_unset=True)


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
    return ", ".join(names[:_SHOWN_COLUMNS]) + more


_SECTIONS = ("task", "split", "seed", "model", "query", "committee", "labels", "stop", "cost", "label_studio")


def _yaml(pool: str, found: Guess, sizes: Sizes, told: dict[str, Any], *, fill: bool) -> str:
    """The config as text: every section, each key's meaning beside it."""
    features = [
        f"  {kind}: {listed(getattr(found, kind))}"
        for kind in ("text", "numeric", "categorical")
        if getattr(found, kind)
    ]
    if found.embedding:
        features.append(f"  embedding: {quoted(found.embedding)}")
    if found.predictions:
        features.append(f"  predictions: {quoted(found.predictions)}")
    if fill:
        features.append("  missing: fill")
    rest = [
        f"  # {line}" for line in _unset("features", skip={line.split(":")[0].strip() for line in features})
    ]
    said: dict[str, dict[str, Any]] = {
        "split": {"validation": sizes.validation, "reserve": sizes.reserve},
        "seed": {"size": sizes.seed},
        "model": {"name": "logistic_regression"},
        "query": {"strategy": Config().query.strategy, "batch_size": Config().query.batch_size},
    }
    lines = [
        "# alcli's config: the one file of this project that a person edits.",
        "# Every key may be left out; behind a # stand the defaults. `alcli init --schema` is for editors.",
        "",
        f"pool: {quoted(pool)}  # {_help('pool')}",
        f"id: {quoted(found.id)}  # {_help('id')}",
        "",
        f"features:  # {_section_help('features')}",
        *features,
        *rest,
        *(
            line
            for name in _SECTIONS
            for line in _section_lines(name, said.get(name, {}) | told.get(name, {}))
        ),
        "",
        f"random_state: {told.get('random_state', 0)}  # {_help('random_state')}",
    ]
    return "\n".join(lines) + "\n"


def _section_lines(name: str, values: dict[str, Any]) -> list[str]:
    """A section with some keys set, and the others as comments."""
    known = _fields(name)
    lines = [
        f"  {key}: {_plain(value)}" + (f"  # {_help(f'{name}.{key}')}" if key in known else "")
        for key, value in values.items()
    ]
    lines += [f"  # {line}" for line in _unset(name, skip=set(values))]
    return ["", f"{name}:  # {_section_help(name)}", *lines]


def _unset(section: str, skip: set[str]) -> list[str]:
    """Lines for the keys of a section that stay at their defaults; for one that has none, an example."""
    fields = _fields(section)
    examples = {key: field.examples[0] for key, field in fields.items() if field.is_required()}
    whole = _section(section).model_validate(examples).model_dump(mode="json")
    return [
        f"{key}: {_plain(value)}  # {_help(f'{section}.{key}')}"
        for key, value in whole.items()
        if key not in skip
    ]


def _plain(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return listed(value)
    if isinstance(value, str):
        return quoted(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def _section(name: str) -> type[BaseModel]:
    """The section of the config with this name."""
    found = section_of(Config.model_fields[name].annotation)
    if found is None:
        raise KeyError(name)
    return found


def _fields(section: str) -> dict[str, Any]:
    """A section's keys and their definitions."""
    return dict(_section(section).model_fields)


def _help(key: str) -> str:
    section, _, name = key.rpartition(".")
    field = _fields(section)[name] if section else Config.model_fields[name]
    return str(field.description)


def _section_help(name: str) -> str:
    return str(_section(name).__doc__).splitlines()[0].rstrip(".")
