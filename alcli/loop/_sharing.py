"""A batch among several annotators: everyone's own rows, and the overlap rows in several files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from alcli.errors import ConfigError

_NAME = re.compile(r"[\w.-]*[^\W\d][\w.-]*")


def check_names(annotators: Sequence[str], needed: int) -> None:
    """Each can be part of a file's name, none comes twice, and there are enough for the overlap.

    Raises:
        ConfigError: names the first that does not fit.
    """
    for name in annotators:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{name!r} cannot be part of a file's name",
                where="--annotators",
                hint="use letters, digits, dots, - and _, with one letter at least",
            )
    if len({name.casefold() for name in annotators}) < len(annotators):
        raise ConfigError("an annotator is named twice", where="--annotators", hint="name each one once")
    if annotators and len(annotators) < needed:
        raise ConfigError(
            f"overlap rows go to {needed} annotators, and there are {len(annotators)}",
            where="--annotators",
            hint="name more annotators; or, before the round's first batch, lower query.overlap_annotators "
            "or query.overlap",
        )


def share_out(
    ids: Sequence[str],
    overlap: Collection[str],
    annotators: Sequence[str],
    needed: int,
    labeled_by: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> dict[str, list[str]]:
    """Each annotator's ids, in the batch's order: overlap rows for `needed` of them, the others for one.

    The files differ by one row at most, and overlap rows go round all pairs as evenly as that allows. A row
    that somebody has labeled goes to somebody else, where there is one.

    >>> share_out(["a", "b", "c"], {"b"}, ["anna", "ben"], 2)
    {'anna': ['a', 'b'], 'ben': ['b', 'c']}
    >>> share_out(["a", "b"], (), ["anna", "ben"], 2, {"b": ["ben"]})
    {'anna': ['b'], 'ben': ['a']}
    """
    load: Counter[str] = Counter()
    met: Counter[frozenset[str]] = Counter()
    given: dict[str, list[str]] = {}
    # those that not everyone may have come first: single rows even it out
    for id_ in sorted(ids, key=lambda id_: (id_ not in overlap, id_ not in labeled_by)):
        chosen: list[str] = []
        theirs = labeled_by.get(id_, ())
        for _ in range(needed if id_ in overlap else 1):
            free = [name for name in annotators if name not in chosen]
            free = [name for name in free if name not in theirs] or free
            chosen.append(
                min(free, key=lambda n: (load[n], sum(met[frozenset((n, other))] for other in chosen)))
            )
        load.update(chosen)
        met.update(frozenset((a, b)) for n, a in enumerate(chosen) for b in chosen[:n])
        given[id_] = chosen
    return {name: [id_ for id_ in ids if name in given[id_]] for name in annotators}
