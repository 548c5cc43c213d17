"""Which key means which class, and what else keys do."""

from __future__ import annotations

from collections.abc import Sequence

COMMANDS = {
    "s": "skip",
    "u": "unsure",
    "c": "comment",
    "b": "back",
    "z": "undo",
    "/": "find",
    "n": "new class",
    "?": "help",
    "q": "quit",
}
CLASS_KEYS = tuple("123456789" + "".join(sorted(set("abcdefghijklmnopqrstuvwxyz") - COMMANDS.keys())))
"""For the first 28 classes; `/` finds any."""


def class_of(key: str, classes: Sequence[str]) -> str | None:
    """The class that a key stands for."""
    place = CLASS_KEYS.index(key) if key in CLASS_KEYS else len(classes)
    return classes[place] if place < len(classes) else None


def matching(typed: str, classes: Sequence[str]) -> list[str]:
    """The classes that have what was typed: first those that begin with it, then those of which a word does,
    those that hold it anywhere, and those that hold its letters in order.
    """
    wanted = typed.casefold().strip()

    def rank(name: str) -> int | None:
        folded = name.casefold()
        if folded.startswith(wanted):
            return 0
        if any(word.startswith(wanted) for word in folded.replace("_", " ").replace("-", " ").split()):
            return 1
        if wanted in folded:
            return 2
        letters = iter(folded)
        return 3 if all(letter in letters for letter in wanted) else None

    ranked = [(found, place, name) for place, name in enumerate(classes) if (found := rank(name)) is not None]
    return [name for _, _, name in sorted(ranked)]
