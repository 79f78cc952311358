"""The shapes of banners and of the posture."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from callrouter.api.models import Answer, Moment, Parameters, Sent
from callrouter.api.parameters import Flag, Identifier
from callrouter.bilingual import Bilingual, RefusedValue
from callrouter.calls.bannerdesk import MAX_SHOWN, TEXT_CHARS
from callrouter.calls.banners import MAX_S, Scope
from callrouter.incidents.posture import WINDOW_MIN
from callrouter.routing.values import AREA_PATTERN, KEY_PATTERN, Posture, one_line

_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EXAMPLE_UNTIL: Final = "2026-11-21T18:00:00Z"


def _moment(value: object) -> object:
    try:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise ValueError
        when = datetime.fromisoformat(value)
    except ValueError:
        raise RefusedValue(
            Bilingual(f"harus waktu UTC seperti {_EXAMPLE_UNTIL}", f"must be a time in UTC such as {_EXAMPLE_UNTIL}")
        ) from None
    return (when - _EPOCH) // timedelta(microseconds=1)


Until = Annotated[
    int,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_MOMENT.pattern}$"}),
]
"""A time in a body, in µs since 1970: RFC 3339 in UTC."""
Reason = Annotated[str, Field(min_length=1, max_length=200)]
Said = Annotated[str, Field(min_length=1, max_length=TEXT_CHARS)]
_SCOPE_KEY: Final = f"^({KEY_PATTERN[1:-1]}|{AREA_PATTERN[1:-1]})$"


class BannerOrder(Sent):
    """What callers are to be told for a while: a clip of the prompts, or words that are spoken."""

    scope: Scope = Field(description="Whom it is for: all callers, those of an area or of a category.")
    key: Annotated[str, Field(pattern=_SCOPE_KEY, max_length=31)] | None = Field(
        default=None,
        description="Code of the area (Kemendagri; those within it too) or key of the category; null for all.",
        examples=["banjir"],
    )
    clip: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,62}$")] | None = Field(
        default=None, description="Name of a clip of the prompts, in place of words.", examples=["banjir-besar"]
    )
    text_id: Said | None = Field(
        default=None,
        description="Words in Indonesian, spoken by espeak-ng.",
        examples=["Banjir di Kepanjen sudah kami ketahui."],
    )
    text_en: Said | None = Field(
        default=None,
        description="The same in English, for who chose English; null: the Indonesian words.",
        examples=["We know of the flood in Kepanjen."],
    )
    until: Until = Field(description="When it ends by itself; within 7 days.", examples=[_EXAMPLE_UNTIL])
    reason: Reason = Field(description="Why; one line.", examples=["Ratusan panggilan tentang banjir yang sama"])

    @field_validator("text_id", "text_en", "reason")
    @classmethod
    def _line(cls, value: str | None) -> str | None:
        return None if value is None else one_line(value)

    @model_validator(mode="after")
    def _one_of_them(self) -> BannerOrder:
        if (self.clip is None) == (self.text_id is None and self.text_en is None):
            raise RefusedValue(
                Bilingual("beri clip, atau text_id/text_en", "give either clip, or text_id and text_en")
            )
        if (self.scope is Scope.ALL) != (self.key is None):
            raise RefusedValue(
                Bilingual("key wajib, kecuali untuk scope all", "key must be given, but for the scope all")
            )
        return self


class BannersQuery(Parameters):
    """Which banners."""

    all: Flag = Field(
        default=False,
        description=f"true: the newest {MAX_SHOWN}, also those that are over; else those that callers are told now.",
        examples=["true"],
    )


class BannerPath(Parameters):
    """Which banner."""

    id: Identifier = Field(description="Id of the banner.", examples=["5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112"])


class BannerRow(Answer):
    """What callers are told for a while."""

    id: UUID = Field(description="Id of the banner.")
    scope: Scope = Field(description="Whom it is for.")
    key: str | None = Field(description="Code of the area or key of the category.", examples=["banjir"])
    clip: str = Field(
        description="The clip that is played; timelines of the calls that heard it name it (announce).",
        examples=["banner-5d0c8f5e30c8"],
    )
    text_id: str | None = Field(
        description="Its words in Indonesian.", examples=["Banjir di Kepanjen sudah kami ketahui."]
    )
    text_en: str | None = Field(description="Its words in English.", examples=["We know of the flood in Kepanjen."])
    reason: str = Field(description="Why.", examples=["Ratusan panggilan tentang banjir yang sama"])
    runs: bool = Field(description="Whether callers are told it now.", examples=[True])
    made_at: Moment = Field(description="When it was set.")
    made_by: str = Field(description="By whom.", examples=["supervisor-1 (supervisor)"])
    until: Moment = Field(description="When it ends by itself.")
    withdrawn_at: Moment | None = Field(description="When a person ended it before its time.")
    withdrawn_by: str | None = Field(description="Who did.", examples=["supervisor-1 (supervisor)"])


class BannerList(Answer):
    """Banners, the newest first."""

    items: list[BannerRow] = Field(description="The banners.", max_length=MAX_SHOWN)
    longest_s: float = Field(
        default=MAX_S, description="No banner is longer (s): a caller is kept by one for so long at most."
    )


class PostureOrder(Sent):
    """How threatened the centre is, by hand."""

    posture: Posture = Field(description="green is normal.", examples=["red"])
    reason: Reason = Field(description="Why; one line.", examples=["Gempa besar"])
    until: Until = Field(
        description="When this ends, and the rate of calls says it again; within 7 days.", examples=[_EXAMPLE_UNTIL]
    )

    _lines = field_validator("reason")(one_line)


class PostureByHand(Answer):
    """What a person said."""

    posture: Posture = Field(description="What he said.")
    reason: str = Field(description="Why.", examples=["Gempa besar"])
    by: str = Field(description="Who said it.", examples=["supervisor-1 (supervisor)"])
    at: Moment = Field(description="When.")
    until: Moment = Field(description="When it ends.")


class PostureNow(Answer):
    """How threatened the centre is (NENA-STA-010.3, SecurityPosture)."""

    posture: Posture = Field(description="What routes see: by hand, where that holds; else by the rate of calls.")
    since: Moment = Field(description="When it became that, or when the service began.")
    by_rate: Posture = Field(description="What the rate of calls says.")
    by_hand: PostureByHand | None = Field(description="What a person said; null: nobody says anything.")
    window_min: int = Field(default=WINDOW_MIN, description="Minutes whose calls are counted.", examples=[5])
    calls: int = Field(description="Citizens' calls in these last minutes (count).", ge=0, examples=[3])
    usual: float = Field(
        description="How many are usual in that hour of the week, by the last four weeks.", ge=0, examples=[2.5]
    )
