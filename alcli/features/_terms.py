"""Counting words, pairs of words and character n-grams in texts, on whole arrays.

The counts are those of scikit-learn's CountVectorizer, in half its time and without its import: a text
becomes a run of token numbers, and character n-grams are cut once for each different word, not for each word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, count, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

UNKNOWN = -1
"""The number of a term that is not in a vocabulary."""


@dataclass(frozen=True)
class Runs:
    """The tokens of n texts in order: text i has codes[starts[i]:starts[i + 1]].

    Attributes:
        tokens: the t different tokens.
        codes: (o,) the token of each occurrence.
        starts: (n + 1,) where each text begins.
    """

    tokens: list[str]
    codes: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[list[str]]) -> Runs:
        """From each text's tokens."""
        texts = list(texts)
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        place: defaultdict[str, int] = defaultdict(count().__next__)  # a new token gets the next number
        codes = np.fromiter(map(place.__getitem__, chain.from_iterable(texts)), dtype=np.int64)
        return cls(list(place), codes, np.concatenate([[0], np.cumsum(lengths)]))

    def columns(self, vocabulary: Mapping[str, int]) -> NDArray[np.int64]:
        """(o,) the place in the vocabulary of each occurrence, or UNKNOWN."""
        found = np.fromiter(map(vocabulary.get, self.tokens, repeat(UNKNOWN)), dtype=np.int64)
        return found[self.codes]

    def counts(self, columns: NDArray[np.int64], width: int) -> Any:
        """(n, width) float32 CSR: how often each text has each column, given each occurrence's."""
        known = columns != UNKNOWN
        starts = np.concatenate([[0], np.cumsum(known)])[self.starts]
        ones = np.ones(starts[-1], dtype=np.float32)
        shape = (len(starts) - 1, width)
        counts = csr_array((ones, columns[known].astype(np.int32), starts.astype(np.int32)), shape=shape)
        counts.sum_duplicates()
        return counts

    def pairs(self, columns: NDArray[np.int64], width: int) -> NDArray[np.int64]:
        """(o,) `first * width + second` for each occurrence and the next of its text, or UNKNOWN."""
        following = np.append(columns, UNKNOWN)[1:]
        ends = self.starts[1:][np.diff(self.starts) > 0] - 1
        following[ends] = UNKNOWN
        known = (columns != UNKNOWN) & (following != UNKNOWN)
        return np.where(known, columns * width + following, UNKNOWN)


def character_grams(words: Iterable[str], shortest: int, longest: int) -> Runs:
    """The character n-grams of each word with a space at both ends; a shorter word counts once, whole."""

    def cut(word: str) -> list[str]:
        padded = f" {word} "
        size = len(padded)
        if size <= shortest:
            return [padded]
        lengths = range(shortest, min(longest, size) + 1)
        return [padded[i : i + n] for n in lengths for i in range(size - n + 1)]

    return Runs.of(map(cut, words))


def text_frequency(counts: Any) -> NDArray[np.int64]:
    """(d,) in how many of the (n, d) CSR's rows each column occurs."""
    return np.bincount(counts.indices, minlength=counts.shape[1]).astype(np.int64)


def code_frequency(codes: NDArray[np.int64], starts: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Sorted codes of all occurrences, UNKNOWN left out, and in how many texts each occurs."""
    text = np.repeat(np.arange(len(starts) - 1), np.diff(starts))[codes != UNKNOWN]
    found, code = np.unique(codes[codes != UNKNOWN], return_inverse=True)
    cells = np.unique(text * len(found) + code)
    return found, np.bincount(cells % max(1, len(found)), minlength=len(found)).astype(np.int64)


def add_up(
    codes: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different codes, sorted, each with the sum of its counts."""
    found, code = np.unique(codes, return_inverse=True)
    total = np.zeros(len(found), dtype=np.int64)
    np.add.at(total, code, counts)
    return found, total


def most_frequent(frequency: NDArray[np.int64], at_least: int, at_most: int) -> NDArray[np.int64]:
    """Sorted places of the `at_most` terms that most texts have, of those that `at_least` texts have.

    Of equally frequent ones the first; where none is that frequent, all are taken.
    """
    enough = frequency >= at_least
    kept = np.flatnonzero(enough if enough.any() else frequency > 0)
    return np.sort(kept[np.argsort(-frequency[kept], kind="stable")[:at_most]])
