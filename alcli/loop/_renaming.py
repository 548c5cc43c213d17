"""Which answers are to count as which others: what `relabel` is told, held against what there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from alcli.errors import ConfigError, DataError, nearest, suggest
from alcli.loop._asking import known_classes
from alcli.project import Project
from alcli.project.relabeling import answers_alive, labels_now, mappings
from alcli.project.resolve import resolve
from alcli.project.selection import Asked
from alcli.project.splits import VALIDATION, Splits


@dataclass(frozen=True)
class Facts:
    """What the project knows before anything is relabeled.

    Attributes:
        project, ledger, asked, splits: as they are.
        labels: what all answers resolve to.
        said: how many answers count as each label.
    """

    project: Project
    ledger: pa.Table
    asked: Asked
    splits: Splits
    labels: pa.Table = field(init=False)
    said: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        said = labels_now(self.ledger).filter(pa.array(answers_alive(self.ledger)))
        object.__setattr__(self, "said", Counter(said.drop_null().to_pylist()))
        found = resolve(self.ledger, self.project.config.labels.resolve).labels
        object.__setattr__(self, "labels", found)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, and all that any answer counts as."""
        known = known_classes(self.project, self.ledger) or ()
        return tuple(dict.fromkeys((*known, *sorted(self.said))))

    def by_split(self, ids: Collection[str]) -> dict[str, int]:
        """How many rows are for training, and how many for validation."""
        validation = set(self.splits.ids(VALIDATION).to_pylist())
        held = sum(id_ in validation for id_ in ids)
        return {"train": len(ids) - held, "validation": held}


def read_maps(facts: Facts, texts: Sequence[str]) -> dict[str, str]:
    """`old=new` as old -> new.

    Raises:
        DataError: the first that is no mapping, or not of a label that there is.
    """
    maps: dict[str, str] = {}
    for text in texts:
        old, new = _parted(facts, text)
        if maps.setdefault(old, new) != new:
            raise DataError(f"{old!r} cannot become {maps[old]!r} and {new!r}", where="--map")
    return maps


def _parted(facts: Facts, text: str) -> tuple[str, str]:
    """The two names; where one of them has an equals sign, so that the first is known."""
    ends = [n for n, sign in enumerate(text) if sign == "="]
    pairs = [(text[:n].strip(), text[n + 1 :].strip()) for n in ends]
    pairs = [pair for pair in pairs if all(pair)]
    if not pairs:
        raise DataError(f"{text!r} is no mapping", where="--map", hint="write --map OLD=NEW")
    known = {*facts.classes, *(old for one in mappings(facts.ledger) for old in one.names)}
    old, new = next((pair for pair in pairs if pair[0] in known), pairs[0])
    labels = facts.project.config.labels
    if old == new:
        raise DataError(f"{old!r} is mapped to itself", where="--map")
    if new in {*labels.skip, *labels.unsure}:
        raise DataError(f"{new!r} is an answer without a label, and no class", where="--map")
    if old not in known:
        hint = suggest(old, facts.classes)
        raise DataError(f"no answer has the label {old!r}", where="--map", hint=hint)
    return old, new


def new_maps(facts: Facts, maps: Mapping[str, str]) -> dict[str, str]:
    """Those that change something: the same command again does not swap names back."""
    done = [one.names for one in mappings(facts.ledger) if not maps.keys().isdisjoint(one.names)]
    if maps.keys() & set(maps.values()) and done and done[-1] == maps:
        return {}
    return {old: new for old, new in maps.items() if facts.said[old]}


def config_to_edit(project: Project, maps: Mapping[str, str]) -> list[str]:
    """What the config still calls by its old name, with what to write."""
    classes, sought = project.config.task.classes, project.config.query.seek or {}
    where = project.source.where("query.seek")
    found = [f"{where}: write {new!r} in place of {old!r}" for old, new in maps.items() if old in sought]
    if classes is None:
        return found
    for old, new in maps.items():
        if old in classes and old not in maps.values():
            what = f"remove {old!r}" if new in classes else f"write {new!r} in place of {old!r}"
            found.append(f"{project.source.where('task.classes')}: {what}")
        elif new not in classes:
            found.append(f"{project.source.where('task.classes')}: add {new!r}")
    return found


def check_config(project: Project, maps: Mapping[str, str]) -> None:
    """The config is edited first: a class that it lists is one, whatever answers count as.

    Raises:
        ConfigError: it lists a class that is mapped away, or lacks one that is mapped to.
    """
    edits = config_to_edit(project, maps)
    if edits:
        where, _, what = edits[0].partition(": ")
        also = [f"also {edit.partition(': ')[2]}" for edit in edits[1:]]
        hint = "; ".join([*also, "then run this again; until then everything works as before"])
        raise ConfigError(f"the classes are to change: {what}", where=where, hint=hint)


def unlike(facts: Facts, maps: Mapping[str, str]) -> list[str]:
    """New names that are nearly one that there is: perhaps a slip."""
    found = []
    for old, new in maps.items():
        others = [name for name in facts.classes if name != old]
        near = nearest(new, others, cutoff=0.8) if new not in facts.classes else None
        if near is not None:
            found.append(f"{new!r} becomes a new class: if you mean {near!r}, map {new!r} to that")
    return found
