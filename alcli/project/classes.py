"""Whether the first labels look like classes, and which of them are likely one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from alcli.errors import DataError, nearest
from alcli.project.advice import Advice

_FEW = 20
_RARE, _TIMES_AS_COMMON, _NEARLY = 2, 5, 0.8


def fold(label: str) -> str:
    """A label without case and spacing: what two spellings of one class share."""
    return " ".join(label.casefold().split())


def check_first_labels(counts: Mapping[str, int], source: str, advice: Advice) -> None:
    """Refuse a column in which every label is another one.

    Args:
        counts: label -> how many rows have it.
        source: the file's name, for messages.
        advice: what to do.

    Raises:
        DataError: so many different labels that the column holds texts or numbers, not classes.
    """
    n_rows = sum(counts.values())
    if n_rows >= _FEW and len(counts) > 0.9 * n_rows:
        raise DataError(
            f"{len(counts)} different labels in {n_rows} answers: this is no column of classes",
            where=source,
            hint=advice.column.format(name="label"),
        )


def look_alikes(
    new: Sequence[str], classes: Sequence[str], counts: Mapping[str, int], source: str
) -> Iterator[str]:
    """A warning for each set of labels that differ in case or spacing only, one of them at least new."""
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for label in dict.fromkeys((*classes, *new)):
        spellings[fold(label)].append(label)
    for alike in spellings.values():
        if len(alike) > 1 and not set(alike).isdisjoint(new):
            shown = ", ".join(f"{label!r} ({counts.get(label, 0)} rows)" for label in alike)
            yield f"{source}: these labels become different classes, though they look alike: {shown}"


def look_like_misspelled(counts: Mapping[str, int]) -> Iterator[str]:
    """A warning for each rare label that is nearly the name of a common one.

    Args:
        counts: label -> how many rows have it.
    """
    for label, count in counts.items():
        common = [name for name, rows in counts.items() if rows >= _TIMES_AS_COMMON * count]
        near = nearest(label, common, cutoff=_NEARLY) if count <= _RARE else None
        if near is not None:
            yield f"{label!r} ({count}) is nearly {near!r} ({counts[near]}): correct it if it is misspelled"
