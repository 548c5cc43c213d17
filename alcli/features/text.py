"""Text columns: TF-IDF of words, pairs of words and character n-grams."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack, vstack

from alcli.features import Arrays, Column, Feature, pack, unpack
from alcli.features._terms import (
    UNKNOWN,
    Runs,
    add_up,
    character_grams,
    code_frequency,
    most_frequent,
    text_frequency,
)

BLOCK = 8192
"""Texts cut into tokens together, so that memory stays flat."""
SMALL_SAMPLE = 200
"""Below this many texts a term counts from its first text on."""
Ints = NDArray[Any]
_WORD = re.compile(r"\w+")


@dataclass
class Text(Feature):
    """TF-IDF of the columns, joined by a line break, in lower case; rows of length 1.

    Two halves of equal weight: words with pairs of neighbouring words, and character n-grams within words
    (endings, misspellings, scripts without spaces). In each, a term that a text has c times weighs

        (1 + ln c) * (1 + ln((1 + n) / (1 + f))),    f of the n texts of the sample have it

    Salton and Buckley (1988), Term-Weighting Approaches in Automatic Text Retrieval; as scikit-learn's
    TfidfVectorizer(sublinear_tf=True) weighs them.

    Attributes:
        pairs: whether pairs of neighbouring words are terms too.
        characters: shortest and longest character n-gram; null for none.
        min_df: texts of the sample that must have a term (1 where the sample is small).
        max_features: terms in each half at most, the most frequent ones.

    Example:
        >>> text = Text()
        >>> texts = np.array(["free prize", "free lunch"], dtype=object)
        >>> text.fit([texts])
        >>> rows = text.transform([texts])
        >>> (rows @ rows.T).toarray().round(2)
        array([[1.  , 0.25],
               [0.25, 1.  ]], dtype=float32)
    """

    similar: ClassVar[bool] = True

    pairs: bool = True
    characters: Sequence[int] | None = (2, 5)
    min_df: int = 2
    max_features: int = 50_000

    def __post_init__(self) -> None:
        if self.characters is not None and not (
            len(self.characters) == 2 and 1 <= self.characters[0] <= self.characters[1]
        ):
            raise ValueError(f"characters must be null or [shortest, longest]; found {self.characters!r}")
        if self.min_df < 1 or self.max_features < 1:
            raise ValueError("min_df and max_features must be at least 1")

    def fit(self, columns: list[Column]) -> None:
        """Learn the terms and their weights from a sample of texts, in whatever order they come."""
        n = len(columns[0])
        min_df = self.min_df if n >= SMALL_SAMPLE else 1
        words, pairs, word_frequency = self._fit_words(columns, min_df)
        grams, gram_frequency = self._fit_grams(columns, min_df)
        self.load_arrays(
            {
                **pack("words", words),
                **pack("grams", grams),
                "pairs": pairs,
                "idf_words": _idf(word_frequency, n),
                "idf_grams": _idf(gram_frequency, n),
            }
        )

    def transform(self, columns: list[Column]) -> Any:
        """(n, d) float32 CSR; a text without a known term is a row of zeros."""
        return vstack([self._rows(texts) for texts in _blocks(columns)], format="csr")

    def to_arrays(self) -> Arrays:
        """The terms as UTF-8 with their lengths, pairs as places of their words, the weights of all terms."""
        return self._arrays

    def load_arrays(self, arrays: Arrays) -> Self:
        """Take back what `to_arrays` gave."""
        self._arrays = arrays
        self._words = {word: place for place, word in enumerate(unpack("words", arrays))}
        self._grams = {gram: place for place, gram in enumerate(unpack("grams", arrays))}
        first, second = arrays["pairs"].astype(np.int64).T
        self._pair_codes = first * len(self._words) + second
        return self

    def _rows(self, texts: list[str]) -> Any:
        halves = [_weigh(self._count_words(texts), self._arrays["idf_words"])]
        if self.characters is not None:
            halves.append(_weigh(self._count_grams(texts), self._arrays["idf_grams"]))
        return _unit_rows(hstack(halves, format="csr")).astype(np.float32)

    def _count_words(self, texts: list[str]) -> Any:
        """(n, words + pairs) CSR counts."""
        runs, n_words = Runs.of(map(_WORD.findall, texts)), len(self._words)
        words = runs.columns(self._words)
        counts = runs.counts(words, n_words)
        if not len(self._pair_codes):
            return counts
        codes = runs.pairs(words, n_words)
        pairs = np.searchsorted(self._pair_codes, codes).clip(max=len(self._pair_codes) - 1)
        pairs[self._pair_codes[pairs] != codes] = UNKNOWN
        return hstack([counts, runs.counts(pairs, len(self._pair_codes))], format="csr")

    def _count_grams(self, texts: list[str]) -> Any:
        """(n, grams) CSR counts: how often texts have words, times how often words have n-grams."""
        words = Runs.of(map(str.split, texts))
        grams = self._cut(words.tokens)
        in_words = grams.counts(grams.columns(self._grams), len(self._grams))
        counts = words.counts(words.codes, len(words.tokens)) @ in_words
        counts.sort_indices()
        return counts

    def _cut(self, words: list[str]) -> Runs:
        shortest, longest = self.characters or (1, 0)
        return character_grams(words, shortest, longest)

    def _fit_words(self, columns: list[Column], min_df: int) -> tuple[list[str], Ints, Ints]:
        """Words, sorted; (p, 2) pairs, as places of their words; in how many texts each of both is."""
        words, frequency = self._most_frequent_words(columns, min_df)
        codes, pair_frequency = self._all_pairs(columns, words)
        together = np.concatenate([frequency, pair_frequency])
        kept = most_frequent(together, min_df, self.max_features)
        # No pair is in more texts than its words, and of equals the first is kept: so its words are too.
        is_word = kept < len(words)
        place = np.full(len(words), UNKNOWN)
        place[kept[is_word]] = np.arange(is_word.sum())
        pairs = np.stack(np.divmod(codes[kept[~is_word] - len(words)], max(1, len(words))), axis=1)
        return [words[i] for i in kept[is_word]], place[pairs].astype(np.int32), together[kept]

    def _most_frequent_words(self, columns: list[Column], min_df: int) -> tuple[list[str], Ints]:
        total: Counter[str] = Counter()
        for texts in _blocks(columns):
            runs = Runs.of(map(_WORD.findall, texts))
            total.update(_by_token(runs.tokens, text_frequency(runs.counts(runs.codes, len(runs.tokens)))))
        return _choose(total, min_df, self.max_features)

    def _all_pairs(self, columns: list[Column], words: list[str]) -> tuple[Ints, Ints]:
        """Sorted codes `first * len(words) + second` of the sample's pairs, and in how many texts each is."""
        codes, counts = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        vocabulary = {word: place for place, word in enumerate(words)}
        for texts in _blocks(columns) if self.pairs else ():
            runs = Runs.of(map(_WORD.findall, texts))
            pairs = runs.pairs(runs.columns(vocabulary), len(words))
            found, frequency = code_frequency(pairs, runs.starts)
            codes.append(found)
            counts.append(frequency)
        return add_up(np.concatenate(codes), np.concatenate(counts))

    def _fit_grams(self, columns: list[Column], min_df: int) -> tuple[list[str], Ints]:
        """Character n-grams, sorted, and in how many texts each is."""
        total: Counter[str] = Counter()
        for texts in _blocks(columns) if self.characters is not None else ():
            words = Runs.of(map(str.split, texts))
            grams = self._cut(words.tokens)
            in_words = grams.counts(grams.codes, len(grams.tokens))
            counts = words.counts(words.codes, len(words.tokens)) @ in_words
            total.update(_by_token(grams.tokens, text_frequency(counts)))
        return _choose(total, min_df, self.max_features)


def _blocks(columns: list[Column]) -> Iterator[list[str]]:
    """The columns' texts, joined and in lower case, a block at a time; one empty block for no rows."""
    for start in range(0, max(1, len(columns[0])), BLOCK):
        parts = [column[start : start + BLOCK] for column in columns]
        yield ["\n".join(texts).lower() for texts in zip(*parts, strict=True)]


def _by_token(tokens: list[str], frequency: Ints) -> dict[str, int]:
    return dict(zip(tokens, frequency.tolist(), strict=True))


def _choose(total: Counter[str], min_df: int, at_most: int) -> tuple[list[str], Ints]:
    """The most frequent terms, sorted, and their frequencies."""
    terms = sorted(total)
    frequency = np.array([total[term] for term in terms], dtype=np.int64)
    kept = most_frequent(frequency, min_df, at_most)
    return [terms[i] for i in kept], frequency[kept]


def _idf(frequency: Ints, n: int) -> NDArray[np.float32]:
    return (1.0 + np.log((1.0 + n) / (1.0 + frequency))).astype(np.float32)


def _weigh(counts: Any, idf: NDArray[np.float32]) -> Any:
    """TF-IDF rows of length 1, float64, from CSR counts."""
    weights = (1.0 + np.log(counts.data.astype(np.float64))) * idf[counts.indices]
    return _unit_rows(csr_array((weights, counts.indices, counts.indptr), shape=counts.shape))


def _unit_rows(rows: Any) -> Any:
    """Float64 CSR rows divided by their length, in place; a row of zeros stays."""
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    norms = np.sqrt(np.bincount(row, weights=rows.data**2, minlength=rows.shape[0]))
    rows.data /= norms[row]
    return rows
