"""Build the sample pool: short dictionary texts in eight everyday topics.

What:    pool.parquet and pool.csv (id, text), oracle.csv (id, label) and LICENSE.wordnet,
         written next to this script.
Source:  the noun file of WordNet 3.0 (Princeton University), as packaged in Debian's
         wordnet-base. A text is "word: definition"; its label is the topic that WordNet's
         lexicographers filed the word under.
Licence: WordNet 3.0 licence, copied from the head of the noun file.

Nothing is drawn at random: which rows are taken, and in what order, follows from hashes of
the texts, so a second run writes the same bytes (pool.parquet: with the same pyarrow).

Usage: python sample_data/build.py [--wordnet /usr/share/wordnet]
"""

import argparse
import csv
import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
PERSON = 18
# WordNet's lexicographer file number: (topic, most rows to take)
TOPICS = {
    6: ("artifact", 880),
    PERSON: ("person", 760),
    5: ("animal", 620),
    20: ("plant", 560),
    13: ("food", 420),
    8: ("body", 300),
    15: ("location", 280),
    28: ("time", 260),
}
FILTERS_TOML = tomllib.loads((HERE / "filters.toml").read_text(encoding="utf-8"))
FILTERS: dict[str, list[str]] = {name: words.split() for name, words in FILTERS_TOML.items()}
DEFINITION_WORDS = range(5, 31)
PLAIN_WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*(?: [a-z]+(?:['-][a-z]+)*)?")
BLOCKED = re.compile(rf"\b(?:{'|'.join(FILTERS['blocked_words'])})", re.IGNORECASE)


@dataclass(frozen=True)
class Synset:
    """One line of data.noun: a sense, its names, its definition and what it is a kind of."""

    topic: int
    names: tuple[str, ...]
    keys: tuple[str, ...]  # the same names as sense keys, as cntlist.rev has them
    parents: tuple[str, ...]
    has_usage_note: bool
    definition: str

    @property
    def text(self) -> str:
        """The text of the row."""
        return f"{self.names[0]}: {self.definition}"


def digest(purpose: str, text: str) -> str:
    """Hash a text; each purpose gets hashes of its own."""
    return hashlib.sha256(f"{purpose}:{text}".encode()).hexdigest()


def parse(line: str) -> tuple[str, Synset]:
    """Read one line of data.noun (its format is described in the manual page wndb(5))."""
    head, gloss = line.split(" | ", 1)
    fields = head.split()
    topic, count = int(fields[1]), int(fields[3], 16)
    names = list(zip(fields[4 : 4 + 2 * count : 2], fields[5 : 5 + 2 * count : 2], strict=True))
    pointers = list(zip(fields[5 + 2 * count :: 4], fields[6 + 2 * count :: 4], strict=True))
    return fields[0], Synset(
        topic=topic,
        names=tuple(name.replace("_", " ") for name, _ in names),
        keys=tuple(f"{name.lower()}%1:{topic:02}:{int(n, 16):02}::" for name, n in names),
        parents=tuple(target for symbol, target in pointers if symbol == "@"),
        has_usage_note=any(symbol == ";u" for symbol, _ in pointers),
        definition=re.split(r';\s*"', gloss.strip(), maxsplit=1)[0].strip(" ;"),
    )


def branches(synset: Synset, nouns: dict[str, Synset]) -> set[str]:
    """Name a synset and everything above it within its topic."""
    found = {synset.names[0].replace(" ", "_")}
    for parent in synset.parents:
        if nouns[parent].topic == synset.topic:
            found |= branches(nouns[parent], nouns)
    return found


def is_wanted(synset: Synset, nouns: dict[str, Synset]) -> bool:
    """Tell whether a synset makes a plain, inoffensive row."""
    above = branches(synset, nouns)
    return (
        PLAIN_WORD.fullmatch(synset.names[0]) is not None
        and len(synset.definition.split()) in DEFINITION_WORDS
        and '"' not in synset.definition
        and not synset.has_usage_note  # slang, slurs, trade names, archaic words
        and above.isdisjoint(FILTERS["skipped_branches"])
        and (synset.topic != PERSON or not above.isdisjoint(FILTERS["person_branches"]))
        and not BLOCKED.search(" ".join([*synset.names, synset.definition]))
    )


def select(nouns: dict[str, Synset], seen_in_text: set[str]) -> list[tuple[str, str]]:
    """Take each topic's rows: words WordNet met in running text first, then by hash."""
    chosen: dict[str, str] = {}
    for number, (topic, size) in TOPICS.items():
        wanted = [s for s in nouns.values() if s.topic == number and is_wanted(s, nouns)]
        wanted.sort(key=lambda s: (seen_in_text.isdisjoint(s.keys), digest("take", s.text)))
        chosen |= dict.fromkeys((s.text for s in wanted[:size]), topic)
    # A second hash for the order: the first one would let an id hint at the topic.
    return sorted(chosen.items(), key=lambda row: digest("order", row[0]))


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write rows as UTF-8 with LF line ends."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def main() -> None:
    """Write the sample's files next to this script."""
    parser = argparse.ArgumentParser(description="Build the sample pool from WordNet.")
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    folder: Path = parser.parse_args().wordnet
    lines = (folder / "data.noun").read_text(encoding="utf-8").splitlines()
    licence = [line.strip().partition(" ")[2].rstrip() for line in lines if line.startswith("  ")]
    nouns = dict(parse(line) for line in lines if not line.startswith("  "))
    ranks = (folder / "cntlist.rev").read_text(encoding="utf-8").splitlines()
    rows = select(nouns, {line.split()[0] for line in ranks})
    ids = [f"w{number:04}" for number in range(1, len(rows) + 1)]
    texts, labels = [text for text, _ in rows], [topic for _, topic in rows]
    write_csv(HERE / "pool.csv", [("id", "text"), *zip(ids, texts, strict=True)])
    write_csv(HERE / "oracle.csv", [("id", "label"), *zip(ids, labels, strict=True)])
    pq.write_table(pa.table({"id": ids, "text": texts}), HERE / "pool.parquet")
    (HERE / "LICENSE.wordnet").write_text("\n".join(licence).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
