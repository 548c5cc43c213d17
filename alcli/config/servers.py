"""The labeling tools' servers: the section `label_studio`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from alcli.config.section import Section


def plain_address(value: str) -> str:
    """A server's address, without a slash at its end.

    Raises:
        ValueError: it is none, or holds more than an address; it is not repeated, as that may be a secret.
    """
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
        raise ValueError("should be an address such as http://localhost:8080")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("should be an address alone, without a user, a password or a question mark")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(plain_address)]


class LabelStudio(Section):
    """The Label Studio server of `alcli push` and `alcli pull`; its token comes from LABEL_STUDIO_API_KEY."""

    url: Address | None = Field(
        None, description="its address; null: LABEL_STUDIO_URL, or else http://localhost:8080"
    )
    project: Annotated[int, Field(ge=1)] | None = Field(
        None, description="the number of a project that you made there; null: `alcli push` makes one"
    )
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        60.0, description="seconds to wait for an answer of the server"
    )
