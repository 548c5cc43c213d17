"""The contract of a label-file format. One module a format; a file in, its cells as text out.

Every cell is text, exactly as the file has it; only an empty cell is blank. A class named "NA" or
"null" keeps its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sheet:
    """A label file's cells.

    Attributes:
        table: string columns without nulls, in the file's order.
        row: (n,) where each row stands in the file, as an editor or spreadsheet counts it.
        unit: what `row` counts: "row" or "line".
        warnings: what was guessed on the way (an encoding, numbers shown as text).
    """

    table: pa.Table
    row: NDArray[np.int64]
    unit: str = "row"
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format(ABC):
    """How one kind of label file is read and written."""

    suffixes: ClassVar[tuple[str, ...]] = ()

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
