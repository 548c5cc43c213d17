"""A trained model as a folder of plain files: arrays, and a card that says what they are.

model/card.json      classes, specs, digests      model/model.npz      the model
model/features.npz   what the features learned    model/members.npz    the committee, where there is one
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from alcli.errors import IntegrityError
from alcli.tables.arrays import read_arrays, write_arrays
from alcli.tables.atomic import atomic_write, sha256_file

Arrays = Mapping[str, NDArray[Any]]
_CARD = "card.json"


@dataclass(frozen=True)
class Stored:
    """What a model folder holds.

    Attributes:
        digest: sha256 over what the model was made from: labels, pool, settings.
        spec: the model's name and parameters.
        classes: in the order of probabilities.
        kinds: the feature kinds in their order, and the pool columns of each.
        features: what the features learned.
        members: a spec and arrays for each committee member.
    """

    digest: str
    spec: Mapping[str, Any]
    model: Arrays
    classes: Sequence[str]
    kinds: Mapping[str, Sequence[str]]
    features: Arrays
    members: Sequence[tuple[Mapping[str, Any], Arrays]] = ()


def write_model(folder: Path, stored: Stored) -> None:
    """Write the folder's files, the card last."""
    write_arrays(folder / "model.npz", stored.model)
    write_arrays(folder / "features.npz", stored.features)
    if stored.members:
        members = {
            f"{n}/{name}": a for n, (_, arrays) in enumerate(stored.members) for name, a in arrays.items()
        }
        write_arrays(folder / "members.npz", members)
    card = {
        "format_version": 1,
        "digest": stored.digest,
        "model": dict(stored.spec),
        "classes": list(stored.classes),
        "features": {kind: list(columns) for kind, columns in stored.kinds.items()},
        "members": [dict(spec) for spec, _ in stored.members],
        "files": {path.name: sha256_file(path) for path in sorted(folder.glob("*.npz"))},
    }
    atomic_write(folder / _CARD, json.dumps(card, indent=1, ensure_ascii=False) + "\n")


def read_model(folder: Path) -> Stored:
    """What `write_model` wrote: its files are those that its card names.

    Raises:
        IntegrityError: a file was changed or is missing.
    """
    try:
        card = json.loads((folder / _CARD).read_text(encoding="utf-8"))
        files: dict[str, str] = card["files"]
        for file, expected in files.items():
            if not (folder / file).exists() or sha256_file(folder / file) != expected:
                raise ValueError(f"{file} is not what `alcli train` wrote")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"the model cannot be used: {error}",
            where="/".join(folder.parts[-3:]),
            hint="run `alcli train`: it writes the same model again",
        ) from error
    members = read_arrays(folder / "members.npz") if card["members"] else {}
    return Stored(
        digest=card["digest"],
        spec=card["model"],
        model=read_arrays(folder / "model.npz"),
        classes=tuple(card["classes"]),
        kinds={kind: tuple(columns) for kind, columns in card["features"].items()},
        features=read_arrays(folder / "features.npz"),
        members=[(spec, _with_prefix(members, f"{n}/")) for n, spec in enumerate(card["members"])],
    )


def _with_prefix(arrays: Arrays, prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}


def digest_of(parts: Mapping[str, Any]) -> str:
    """sha256 of plain values, for `Stored.digest`."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
