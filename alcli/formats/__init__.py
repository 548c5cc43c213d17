"""The contract of a label-file format. One module a format; a file in, its cells as text out.

Every cell is text, exactly as the file has it; only an empty cell is blank. A class named "NA" or
"null" keeps its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alcli.formats._head import Head, head_of

__all__ = ["ID", "Format", "Head", "Sheet", "head_of"]

ID = "alcli_id"  # of a row, in a tool's task: a tool may have an `id` of its own, and write it over ours


@dataclass(frozen=True)
class Sheet:
    """A label file's cells.

    Attributes:
        table: string columns without nulls, in the file's order.
        row: (n,) where each row stands in the file, as an editor or spreadsheet counts it.
        unit: what `row` counts: "row", "line" or "item".
        warnings: what was guessed on the way (an encoding, numbers shown as text).
        means: the ledger's column -> the column of the table that holds it, where the format fixes that.
    """

    table: pa.Table
    row: NDArray[np.int64]
    unit: str = "row"
    warnings: tuple[str, ...] = ()
    means: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Format(ABC):
    """How one kind of label file is read and written.

    Attributes:
        id: the column of the rows' ids.
        label: the column of their labels.
        answers: the labels to choose from, where they are known.
        prediction: the column of the model's predictions, where they are to be shown.
        suffixes: how the names of such files end; no two formats share one.
        names_annotators: whether the tool itself tells who answered.
    """

    id: str = "id"
    label: str = "label"
    answers: tuple[str, ...] = ()
    prediction: str | None = None

    suffixes: ClassVar[tuple[str, ...]] = ()
    names_annotators: ClassVar[bool] = False

    @classmethod
    def recognizes(cls, head: Head) -> bool:  # noqa: ARG003
        """Whether a file that begins so was written by the tool of this format, whatever its name."""
        return False

    @abstractmethod
    def read(self, path: Path) -> Sheet:
        """All cells of the file.

        Raises:
            DataError: the file is not of this format, with the row where it breaks.
            FileError: it cannot be opened.
        """

    @abstractmethod
    def write(self, path: Path, columns: Mapping[str, Sequence[str]]) -> None:
        """Write text columns of equal length to `path`, atomically and byte for byte the same each time."""

    def beside(self, columns: Mapping[str, Sequence[str]]) -> Mapping[str, str]:  # noqa: ARG002
        """What the tool needs beside a written file: ending of its name -> text.

        Raises:
            ConfigError: the tool needs to know something that is not known, such as the classes.
        """
        return {}
