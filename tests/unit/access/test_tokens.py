"""Tokens are given once, kept as a hash, and end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from callrouter.access.model import RIGHTS, AuditNote, Principal, Right, Role
from callrouter.access.ports import TokenRecord
from callrouter.access.throttle import FORGET_S, FREE_FAILURES, LONGEST_WAIT_S, MAX_SOURCES, Throttle
from callrouter.access.tokens import FRESH_US, BadRequest, Throttled, Tokens, Unauthenticated

ADMIN = Principal("kepala", Role.ADMIN)
DAY_US = 86_400_000_000


@dataclass
class Kept:
    """A TokenStore in memory."""

    records: dict[str, TokenRecord] = field(default_factory=dict)
    notes: list[AuditNote] = field(default_factory=list)
    asked: int = 0

    async def add(self, record: TokenRecord, note: AuditNote) -> None:
        """Keep it."""
        self.records[record.id] = record
        self.notes.append(note)

    async def all(self) -> list[TokenRecord]:
        """Return all."""
        return list(self.records.values())

    async def get(self, id_: str) -> TokenRecord | None:
        """Return one."""
        self.asked += 1
        return self.records.get(id_)

    async def revoke(self, id_: str, at: int, note: AuditNote) -> TokenRecord | None:
        """End one."""
        if id_ not in self.records:
            return None
        self.records[id_] = self.records[id_].revoked(at)
        self.notes.append(note)
        return self.records[id_]

    async def touch(self, id_: str, at: int) -> None:
        """Note it."""
        self.records[id_] = replace(self.records[id_], last_used_at=at)


@dataclass
class Given:
    """The service, its store, and its clocks (µs, s)."""

    tokens: Tokens
    kept: Kept
    now: list[int]
    ticks: list[float]


@pytest.fixture
def given() -> Given:
    kept, now, ticks = Kept(), [1_795_000_000_000_000], [0.0]
    tokens = Tokens(kept, Throttle(lambda: ticks[0]), lambda: now[0], local="local-secret")
    return Given(tokens, kept, now, ticks)


async def bearer(given: Given, role: Role = Role.VIEWER, subject: str | None = None, days: int = 1) -> str:
    _, text = await given.tokens.issue("layar", role, subject, days, ADMIN)
    return f"Bearer {text}"


async def test_token_names_its_holder_and_his_role(given: Given) -> None:
    who = await given.tokens.authenticate(await bearer(given, Role.OPERATOR, "op1"), "127.0.0.1")
    assert (who.name, who.role, who.subject) == ("layar", Role.OPERATOR, "op1")
    assert who.may(Right.OWN_DUTY)
    assert not who.may(Right.EDIT)


async def test_secret_is_neither_kept_nor_audited(given: Given) -> None:
    text = (await bearer(given)).removeprefix("Bearer ")
    secret = text.split("_", 2)[2]
    assert secret not in repr(given.kept.records)
    assert secret not in repr(given.kept.notes)
    assert given.kept.notes[0].actor == "kepala (admin)"


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer x", "Basic cr_00000000_" + "a" * 43, "Bearer cr_00000000_" + "a" * 43],
)
async def test_anything_but_a_right_token_is_refused(given: Given, header: str | None) -> None:
    await bearer(given)
    with pytest.raises(Unauthenticated):
        await given.tokens.authenticate(header, "127.0.0.1")


async def test_right_id_with_a_wrong_secret_is_refused(given: Given) -> None:
    header = await bearer(given)
    with pytest.raises(Unauthenticated):
        await given.tokens.authenticate(header[:-1] + ("a" if header[-1] != "a" else "b"), "127.0.0.1")


async def test_expired_token_is_refused(given: Given) -> None:
    header = await bearer(given, days=1)
    given.now[0] += DAY_US
    with pytest.raises(Unauthenticated):
        await given.tokens.authenticate(header, "127.0.0.1")


async def test_revoked_token_is_refused_at_once_and_one_revoked_elsewhere_soon(given: Given) -> None:
    here, there = await bearer(given), await bearer(given)
    for header in (here, there):
        await given.tokens.authenticate(header, "127.0.0.1")
    assert await given.tokens.revoke(here.split("_")[1], ADMIN)
    with pytest.raises(Unauthenticated):
        await given.tokens.authenticate(here, "127.0.0.1")
    await given.kept.revoke(there.split("_")[1], given.now[0], given.kept.notes[0])
    given.now[0] += FRESH_US
    with pytest.raises(Unauthenticated):
        await given.tokens.authenticate(there, "127.0.0.1")


async def test_many_requests_ask_the_database_once(given: Given) -> None:
    header = await bearer(given)
    for _ in range(50):
        await given.tokens.authenticate(header, "127.0.0.1")
    assert given.kept.asked == 1


async def test_command_line_of_the_machine_is_an_admin(given: Given) -> None:
    assert (await given.tokens.authenticate("Bearer local-secret", "127.0.0.1")).role is Role.ADMIN


async def test_guessing_is_slowed_for_its_source_alone(given: Given) -> None:
    await bearer(given)
    for _ in range(FREE_FAILURES):
        with pytest.raises(Unauthenticated):
            await given.tokens.authenticate("Bearer wrong", "127.0.0.9")
    with pytest.raises(Throttled) as waiting:
        await given.tokens.authenticate("Bearer wrong", "127.0.0.9")
    assert 0 < waiting.value.retry_after_s <= 1
    with pytest.raises(Unauthenticated):
        await given.tokens.authenticate("Bearer wrong", "127.0.0.1")
    given.ticks[0] += waiting.value.retry_after_s
    with pytest.raises(Unauthenticated):
        await given.tokens.authenticate("Bearer wrong", "127.0.0.9")


async def test_right_token_works_whatever_others_at_its_address_do(given: Given) -> None:
    header = await bearer(given)
    for _ in range(FREE_FAILURES + 5):
        with pytest.raises((Unauthenticated, Throttled)):
            await given.tokens.authenticate("Bearer wrong", "127.0.0.9")
    assert (await given.tokens.authenticate(header, "127.0.0.9")).name == "layar"


@pytest.mark.parametrize("header", ["Bearer \udcff", "Bearer caf\u00e9", "Bearer " + "x" * 10_000])
async def test_token_that_is_no_text_is_refused_like_any_other(given: Given, header: str) -> None:
    with pytest.raises(Unauthenticated):
        await given.tokens.authenticate(header, "127.0.0.1")


async def test_token_of_an_operator_who_has_left_opens_nothing(given: Given) -> None:
    header = await bearer(given, Role.OPERATOR, "op1")
    left = Tokens(given.kept, Throttle(lambda: 0.0), lambda: given.now[0], there=lambda _role, who: who != "op1")
    assert (await given.tokens.authenticate(header, "127.0.0.1")).subject == "op1"
    with pytest.raises(Unauthenticated):
        await left.authenticate(header, "127.0.0.1")


@pytest.mark.parametrize(
    ("role", "subject", "days"),
    [(Role.VIEWER, "op1", 1), (Role.OPERATOR, None, 1), (Role.AGENCY, None, 1), (Role.ADMIN, None, 0)],
)
async def test_token_that_makes_no_sense_is_not_given(
    given: Given, role: Role, subject: str | None, days: int
) -> None:
    with pytest.raises(BadRequest):
        await given.tokens.issue("x", role, subject, days, ADMIN)
    assert given.kept.records == {}


def test_waits_grow_to_a_minute_and_are_forgotten() -> None:
    ticks = [0.0]
    throttle = Throttle(lambda: ticks[0])
    for _ in range(FREE_FAILURES + 20):
        throttle.failed("a")
    assert throttle.wait_s("a") == LONGEST_WAIT_S
    ticks[0] += FORGET_S + 1
    throttle.failed("a")
    assert throttle.wait_s("a") == 0


def test_sources_that_are_remembered_are_bounded() -> None:
    throttle = Throttle(lambda: 0.0)
    for n in range(MAX_SOURCES + 5):
        throttle.failed(str(n))
    assert len(throttle) == MAX_SOURCES


def test_no_role_may_do_what_only_admins_may() -> None:
    for right in (Right.EDIT, Right.PUBLISH, Right.TOKENS):
        assert [role for role, rights in RIGHTS.items() if right in rights] == [Role.ADMIN]
