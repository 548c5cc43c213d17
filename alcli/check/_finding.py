"""What a check found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["good", "caution", "stop"]
GOOD: Verdict = "good"
CAUTION: Verdict = "caution"
STOP: Verdict = "stop"


@dataclass(frozen=True)
class Finding:
    """One line of the page.

    Attributes:
        name: of the check.
        verdict: good, caution or stop.
        figure: what was found, in words and numbers.
        advice: what to do about it; empty where nothing is to be done.
        value: the one number behind the verdict; None where there is none yet.
        decides: whether the page's verdict counts it: what cannot be said yet does not decide.
        shown: further lines of the page.
        lines: those that `-v` shows too.
        more: further keys of the JSON document.
    """

    name: str
    verdict: Verdict
    figure: str
    advice: str = ""
    value: float | None = None
    decides: bool = True
    shown: Sequence[str] = ()
    lines: Sequence[str] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def unknown(cls, name: str, why: str, advice: str = "") -> Finding:
        """Nothing can be said yet."""
        return cls(name, GOOD, f"not known yet: {why}", advice, decides=False)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the document."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "value": self.value,
            "figure": self.figure,
            "advice": self.advice,
            "decides": self.decides,
            "shown": list(self.shown),
            "lines": list(self.lines),
            **self.more,
        }


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of some verdicts; good where there are none."""
    return max(verdicts, key=(GOOD, CAUTION, STOP).index, default=GOOD)
