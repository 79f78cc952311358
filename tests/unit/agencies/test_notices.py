"""When a notice is tried again, and who is told next."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.agencies.mail import message
from callrouter.agencies.notices import (
    FIRST_RETRY_S,
    LAST_RETRY_S,
    PATIENCE,
    Channel,
    Job,
    Notice,
    NoticeState,
    Told,
    hopeless,
    next_contact,
    notice_id,
    retry_after_s,
    target_of,
)
from callrouter.agencies.signing import MAX_BYTES, MIN_BYTES, PREFIX, key_of, new_secret, signed
from callrouter.agencies.wording import letter, subject
from callrouter.bilingual import RefusedValue
from callrouter.routing.directory import Agency, Contact, EmailContact, NoticeContact, WebhookContact
from callrouter.routing.values import Text

AT = 1_790_000_000_000_000
CHANCE = st.floats(0, 1, exclude_max=True)


def webhook(key: str, **changes: Any) -> WebhookContact:
    return WebhookContact(**{"key": key, "channel": "webhook", "url": f"http://127.0.0.1/{key}"} | changes)


def agency(*notices: NoticeContact) -> Agency:
    return Agency(
        key="damkar",
        name=Text(id="Pemadam", en="Fire"),
        contacts=(Contact(key="posko", trunk="damkar", number="101"),),
        notices=notices,
    )


def job(**told: Any) -> Job:
    notice = Notice(
        id=uuid4(),
        incident=uuid4(),
        part=uuid4(),
        passed_at=AT,
        agency="damkar",
        contact="kantor",
        n=0,
        channel=Channel.EMAIL,
        target="posko@damkar.example",
        state=NoticeState.SENDING,
        tries=1,
        created_at=AT,
        next_at=AT,
        give_up_at=AT,
        due_at=None,
    )
    values: dict[str, Any] = {
        "number": 12,
        "category": "fire",
        "area": "35.07",
        "place": "Jl. Merdeka",
        "description": "",
        "people_hurt": 2,
        "opened_at": AT,
        "caller_number": "+628123456789",
        "caller_name": "",
        "words": "",
        "passed_by": "siti (operator)",
        "acknowledge_by": AT,
    }
    return Job(notice, Told(**values | told))


@given(tries=st.integers(1, 10_000), chance=CHANCE)
def test_a_wait_is_between_half_and_the_whole_of_what_doubles_up_to_a_cap(tries: int, chance: float) -> None:
    whole = min(LAST_RETRY_S, FIRST_RETRY_S * 2 ** min(tries - 1, 30))
    assert whole / 2 <= retry_after_s(tries, chance) <= whole


@given(tries=st.integers(1, 100), chance=CHANCE)
def test_a_later_wait_is_never_shorter_with_the_same_chance(tries: int, chance: float) -> None:
    assert retry_after_s(tries, chance) <= retry_after_s(tries + 1, chance)


def test_notices_that_failed_together_are_not_sent_together_again() -> None:
    assert len({retry_after_s(3, chance / 10) for chance in range(10)}) == 10


def test_what_will_fail_until_a_person_acts_is_not_waited_for() -> None:
    assert hopeless(1, certain=True)
    assert [hopeless(tries, certain=False) for tries in range(1, PATIENCE + 1)] == [False, False, True]


@given(enabled=st.lists(st.booleans(), max_size=8), n_told=st.integers(0, 8))
def test_every_enabled_contact_point_is_told_once_in_order_and_then_the_supervisor(
    enabled: list[bool], n_told: int
) -> None:
    of = agency(*(webhook(f"p{n}", enabled=on) for n, on in enumerate(enabled)))
    told: list[str] = []
    while (point := next_contact(of, told)) is not None:
        told.append(point.key)
    assert told == [f"p{n}" for n, on in enumerate(enabled) if on]
    after = next_contact(of, told[:n_told])
    assert (after.key if after else None) == (told[n_told] if n_told < len(told) else None)


def test_an_agency_that_is_gone_from_the_directory_leaves_the_supervisor() -> None:
    assert next_contact(None, []) is None


def test_the_id_of_a_notice_is_the_same_for_whoever_writes_it_and_another_in_each_round() -> None:
    part = UUID(int=7)
    ids = {notice_id(part, at, contact) for at in (1, 2) for contact in ("a", "b", "")}
    assert len(ids) == 6
    assert notice_id(part, 1, "a") == notice_id(UUID(int=7), 1, "a")


# ------------------------------------------------------------------------------------------------ contact points
def test_a_contact_point_says_where_it_is_reached() -> None:
    mail = EmailContact(key="kantor", channel="email", address="posko@damkar.example")
    assert (target_of(mail), target_of(webhook("api"))) == ("posko@damkar.example", "http://127.0.0.1/api")


def test_an_agency_of_before_has_no_contact_points_for_notices() -> None:
    before = agency().model_dump(mode="json", exclude={"notices"})
    assert Agency.model_validate(before).notices == ()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/x",
        "http://",
        "http:///x",
        "http://user:word@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1/\r\nX: y",
        "http://127.0.0.1/ x",
        "http://127.0.0.1/#x",
        "http://[::1/",
        "http://127.0.0.1\\@example.org/",
        "https://dinas.ex\u00e4mple/",
    ],
)
def test_a_url_that_hides_something_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        webhook("api", url=url)


@pytest.mark.parametrize(
    "address", ["a@b\nBcc: c@d", "a b@c.d", "@c.d", "a@", "a@b@c", "<a@b.c>", "a@b.c,d@e.f", "a@b..c"]
)
def test_an_address_that_is_more_than_one_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        EmailContact(key="kantor", channel="email", address=address)


# ------------------------------------------------------------------------------------------------ signing
def test_a_signature_is_the_one_of_the_specification() -> None:
    # The example of the specification's reference implementation.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    headers = signed(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(body=st.binary(max_size=200), at=st.integers(0, 2**40))
def test_whoever_has_the_secret_can_verify(body: bytes, at: int) -> None:
    secret = new_secret()
    headers = signed(secret, "id", at, body)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"id.{at}.".encode() + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_!!!!",
        base64.b64encode(b"x" * 32).decode(),
        PREFIX + base64.b64encode(b"x" * (MIN_BYTES - 1)).decode(),
        PREFIX + base64.b64encode(b"x" * (MAX_BYTES + 1)).decode(),
    ],
)
def test_a_weak_or_broken_secret_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(RefusedValue) as refused:
        key_of(secret)
    assert len(secret) <= len(PREFIX) or secret not in str(refused.value)


# ------------------------------------------------------------------------------------------------ e-mail
HOSTILE = st.text(max_size=100) | st.sampled_from(["x\r\nBcc: all@example.org", "x\n\n.\n", "\u2028Bcc: a", "\0"])


@given(category=HOSTILE, area=HOSTILE, place=HOSTILE, words=HOSTILE)
def test_no_text_of_an_incident_becomes_a_header(category: str, area: str, place: str, words: str) -> None:
    mail = message(job(category=category, area=area, place=place, words=words), "112@centre.example")
    assert [name for name, _ in mail.items()] == [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "Content-Type",
        "Content-Transfer-Encoding",
        "MIME-Version",
    ]
    raw = mail.as_bytes().partition(b"\r\n\r\n")[0]
    assert b"\nBcc" not in raw
    assert mail["To"] == "posko@damkar.example"


def test_an_email_says_in_both_languages_what_happened_and_where() -> None:
    text = letter(job(words="hati-hati: asap"))
    for part in ("Laporan 12", "Incident 12", "Jl. Merdeka", "+628123456789", "hati-hati: asap", "siti (operator)"):
        assert part in text
    assert subject(job()) == "[112] Laporan / Incident 12 - fire - 35.07 - Jl. Merdeka"


def test_each_try_of_an_email_has_the_same_message_id() -> None:
    once = job()
    ids = {str(message(once, "112@centre.example")["Message-ID"]) for _ in range(2)}
    assert ids == {f"<{once.notice.id}@centre.example>"}
