"""What a file begins with: enough to tell which tool wrote it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import pyarrow as pa
import pyarrow.parquet as pq

_START = 1 << 20


@dataclass(frozen=True)
class Head:
    """The beginning of a file.

    Attributes:
        kind: "json", "text" (any other text), "parquet", "zip", or "" for anything else.
        first: the first JSON object; the header's names; Parquet's metadata; the names in a zip.
    """

    kind: str = ""
    first: Mapping[str, Any] = field(default_factory=dict)


def head_of(path: Path) -> Head:
    """The file's beginning; an empty one where it cannot be read, which reading then reports."""
    try:
        with path.open("rb") as file:
            start = file.read(_START)
            if start.startswith(b"PAR1"):
                metadata = pq.read_schema(path).metadata or {}
                return Head("parquet", {name.decode(): text for name, text in metadata.items()})
            if start.startswith(b"PK\x03\x04"):
                with ZipFile(file) as archive:
                    return Head("zip", dict.fromkeys(archive.namelist()))
            return _of_text(start) or _of_text(start + file.read()) or Head()
    except (OSError, ValueError, RecursionError, csv.Error, BadZipFile, pa.ArrowException):
        return Head()


def _of_text(data: bytes) -> Head | None:
    """None where the first JSON object is cut off, or no JSON."""
    text = data.decode("utf-8-sig", errors="ignore").lstrip()
    if text[:1] not in "[{":
        return Head("text", dict.fromkeys(_header(text), ""))
    start = text[text[:1] == "[" :].lstrip()
    if not start.startswith("{"):
        return Head("json")
    try:
        return Head("json", json.JSONDecoder().raw_decode(start)[0])
    except json.JSONDecodeError:
        return None


def _header(text: str) -> list[str]:
    line = re.split(r"[\r\n]", text, maxsplit=1)[0]
    delimiter = max(",;\t", key=line.count)
    return [name.strip() for name in next(csv.reader(io.StringIO(line), delimiter=delimiter), [])]
