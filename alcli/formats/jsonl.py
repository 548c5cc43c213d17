"""JSON: one object a line, or one list of objects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from alcli.formats import Format, Sheet
from alcli.formats._cells import check_equal_lengths
from alcli.formats._objects import read_objects
from alcli.tables.atomic import atomic_write


@dataclass(frozen=True)
class Jsonl(Format):
    """JSON: one object a line, or a list of them; a missing key or null is blank, nested values stay JSON."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".json")

    def read(self, path: Path) -> Sheet:
        """A column for every key that any object has; lines count from 1, and so do the objects of a list."""
        return read_objects(path)

    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """One object a line; a list of them where the name ends in .json."""
        check_equal_lengths(columns)
        rows = zip(*columns.values(), strict=True)
        lines = [json.dumps(dict(zip(columns, cells, strict=True)), ensure_ascii=False) for cells in rows]
        if path.suffix.lower() == ".json":
            atomic_write(path, "[\n" + ",\n".join(lines) + "\n]\n")
        else:
            atomic_write(path, "".join(f"{line}\n" for line in lines))
