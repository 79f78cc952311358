"""What is answered where a request is refused (RFC 9457)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from callrouter.api.models import Answer


def _absent(value: object) -> bool:
    return value is None


class ProblemFault(Answer):
    """One of the things that are wrong."""

    code: str = Field(description="Stable name of this kind of problem.", examples=["parameter_out_of_range"])
    pointer: str = Field(
        description="JSON pointer (RFC 6901): with `in` body into the document that was sent, else into the request "
        "(/path/…, /query/…, /header/…, /method or /body).",
        examples=["/query/limit"],
    )
    place: Literal["body"] | None = Field(
        default=None,
        alias="in",
        exclude_if=_absent,
        description="body: the pointer is into the document that was sent; else absent.",
        examples=["body"],
    )
    detail: str = Field(description="What is wrong.", examples=["Parameter limit must be at most 200."])
    remedy: str = Field(description="What to do about it.", examples=["Give a value within the bounds."])


class Problem(Answer):
    """Why a request failed (RFC 9457)."""

    type: str = Field(
        description="Where this kind of problem is described.", examples=["/docs#problem-parameter_out_of_range"]
    )
    title: str = Field(description="The kind of problem, for people.", examples=["Parameter out of range"])
    status: int = Field(description="The HTTP status code.", ge=400, le=599, examples=[400])
    code: str = Field(description="Stable name of the kind of problem.", examples=["parameter_out_of_range"])
    detail: str = Field(
        description="What is wrong, in the language of the answer.", examples=["Parameter limit must be at most 200."]
    )
    remedy: str = Field(
        description="What to do about it, in the language of the answer.",
        examples=["Give a value within the bounds."],
    )
    pointer: str | None = Field(
        default=None,
        exclude_if=_absent,
        description="Where: JSON pointer (RFC 6901), as in errors; absent where the request is not at fault.",
        examples=["/query/limit"],
    )
    place: Literal["body"] | None = Field(
        default=None,
        alias="in",
        exclude_if=_absent,
        description="body: the pointer is into the document that was sent; else absent.",
        examples=["body"],
    )
    reference: str | None = Field(
        default=None,
        exclude_if=_absent,
        description="Quote this to the admin: it is in the log.",
        examples=["4f1c2a9be07d5566"],
    )
    errors: list[ProblemFault] = Field(
        description="Everything that is wrong with the request; the first is the above."
    )
