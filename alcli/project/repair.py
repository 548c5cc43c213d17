"""What a spreadsheet does to ids, undone where only one row can be meant.

`007` comes back as `7`, `12` as `12.0`, `12345678901234567890` as `1.23457E+19`; blanks gather at the ends.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Fit = NDArray[np.int64]

NO_FIT, SEVERAL_FIT = -1, -2

_INVISIBLE = "\u200b\u200e\u200f\u2060\ufeff"
_EXCEL_DIGITS = 15
_LONGEST_NUMBER = 400
_SCIENTIFIC = re.compile(r"(\d)(?:[.,](\d+))?[eE]\+?(\d{1,3})")
_CUT = re.compile(r"(\d{15})0+")


def fit_damaged(given: pa.Array, asked: pa.Array) -> Fit:
    """(n,) position in `asked` of what each id was before the damage, NO_FIT or SEVERAL_FIT.

    Args:
        given: distinct ids, none of them in `asked`.
        asked: distinct ids.
    """
    bare, bare_asked = trimmed(given), trimmed(asked)
    fit = match(bare, bare_asked)
    whole = _without_fraction(bare)
    number = _without_zeros(whole)
    lost = pc.equal(whole, number).to_numpy(zero_copy_only=False)  # zeros are taken off, never added
    as_numbers = match(number, _without_zeros(_without_fraction(_spelled_out(bare_asked))))
    fit = np.where((fit == NO_FIT) & lost, as_numbers, fit)
    return _fit_scientific(bare, bare_asked, fit)


def trimmed(ids: pa.Array) -> pa.Array:
    """Without blanks and invisible signs at both ends."""
    return pc.utf8_trim_whitespace(pc.utf8_trim(pc.utf8_trim_whitespace(ids), characters=_INVISIBLE))


def match(given: pa.Array, asked: pa.Array) -> Fit:
    """(n,) position in `asked` of the one equal value, NO_FIT, or SEVERAL_FIT where more are equal."""
    known = asked.dictionary_encode()
    codes = known.indices.to_numpy()
    first = np.empty(len(known.dictionary), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    several = np.bincount(codes, minlength=len(first)) > 1
    found = pc.index_in(given, value_set=known.dictionary).fill_null(-1).to_numpy().astype(np.int64)
    fit = np.full(len(given), NO_FIT)
    hit = found >= 0
    fit[hit] = np.where(several[found[hit]], SEVERAL_FIT, first[found[hit]])
    return fit


def _without_fraction(ids: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(ids, r"^(\d+)\.0+$", r"\1")


def _spelled_out(ids: pa.Array) -> pa.Array:
    """`1e5` as `100000`."""
    short = pc.match_substring_regex(ids, r"^\d+[eE]\d{1,2}$")
    parts = [text.lower().split("e") for text in ids.filter(short).to_pylist()]
    numbers = [digits + "0" * int(zeros) for digits, zeros in parts]
    return pc.replace_with_mask(ids, short, pa.array(numbers, pa.string()))


def _without_zeros(ids: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(ids, r"^0+(\d+)$", r"\1")


def _fit_scientific(given: pa.Array, asked: pa.Array, fit: Fit) -> Fit:
    """Numbers of which only the first digits are left."""
    rounded: dict[int, list[tuple[int, int]]] = defaultdict(list)  # digits left -> (row of given, number)
    rows_left = np.flatnonzero(fit == NO_FIT)
    for row, text in zip(rows_left.tolist(), given.take(pa.array(rows_left)).to_pylist(), strict=True):
        seen = _seen_number(text)
        if seen is not None:
            rounded[seen[0]].append((row, seen[1]))
    numbers = list(_numbers(asked)) if rounded else []
    for digits, rows in rounded.items():
        by_value: defaultdict[int, set[int]] = defaultdict(set)
        for position, number in numbers:
            for value in _shown(number, digits):
                by_value[value].add(position)
        for row, value in rows:
            positions = sorted(by_value.get(value, ()))
            if positions:
                fit[row] = SEVERAL_FIT if len(positions) > 1 else positions.pop()
    return fit


def _seen_number(text: str) -> tuple[int, int] | None:
    """(digits that are left, number) of `1.23457E+19`, or of a long number whose end is all zeros."""
    if scientific := _SCIENTIFIC.fullmatch(text):
        lead, rest, exponent = scientific[1], scientific[2] or "", int(scientific[3])
        if len(rest) <= exponent <= _LONGEST_NUMBER:
            return 1 + len(rest), int(lead + rest) * 10 ** (exponent - len(rest))
    elif (cut := _CUT.fullmatch(text)) and len(text) <= _LONGEST_NUMBER:
        return len(cut[1]), int(text)
    return None


def _numbers(ids: pa.Array) -> Iterable[tuple[int, int]]:
    """(position, number) of those ids that a spreadsheet takes for numbers."""
    spelled = _spelled_out(ids)
    candidates = pc.indices_nonzero(pc.match_substring_regex(spelled, r"^\d{1,400}$"))
    texts = spelled.take(candidates).to_pylist()
    return zip(candidates.to_pylist(), map(int, texts), strict=True)


def _shown(number: int, digits: int) -> set[int]:
    """The number to some digits: LibreOffice rounds, Excel first cuts to 15."""
    return {_to_digits(number, digits), _to_digits(_to_digits(number, _EXCEL_DIGITS, cut=True), digits)}


def _to_digits(number: int, digits: int, *, cut: bool = False) -> int:
    unit: int = 10 ** max(len(str(number)) - digits, 0)
    return (number if cut else number + unit // 2) // unit * unit
