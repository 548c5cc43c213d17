"""What the sections of the config share: their base, and the kinds of values."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _rows_or_share(value: int | float) -> int | float:
    if value > 1 and value != int(value):
        raise ValueError("should be a whole number of rows, or a share below 1")
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
Labels = tuple[str, ...]
Size = Annotated[int | float, Field(ge=0, allow_inf_nan=False), AfterValidator(_rows_or_share)]
Share = Annotated[float, Field(ge=0, le=1)]
Spec = str | dict[str, Any]


class Section(BaseModel):
    """A part of the config: frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def section_of(annotation: Any) -> type[Section] | None:
    """The section that a key holds, though it may be null; None where it holds plain values."""
    for found in (annotation, *get_args(annotation)):
        if isinstance(found, type) and issubclass(found, Section):
            return found
    return None
