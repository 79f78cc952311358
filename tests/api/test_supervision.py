"""Calling back, banners and the posture over REST: who may, what is refused and how, and what is shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from callrouter.access.model import Principal, Role
from callrouter.api.event_rows import view_of, written
from callrouter.calls.bannerdesk import BannerDesk, NoSuchClip, NothingSaid, TooLong, TooManyBanners
from callrouter.calls.banners import Banner, Banners, Scope
from callrouter.calls.posture import Postures
from callrouter.clock import now_us
from callrouter.incidents import callbacks as cb
from callrouter.incidents.desk import Actor, NoSuchIncident
from callrouter.incidents.posture import ByHand
from callrouter.routing.values import Posture
from callrouter.stream.feed import Event, Kind
from tests.api.conftest import Start, session_of
from tests.api.fakes import Managed
from tests.api.support import BEGIN, Client, check_row
from tests.unit.calls.test_banners import Mouth, Rows, Time
from tests.unit.calls.test_posture import Rows as PostureRows

INCIDENT = UUID("8a0f0f6e-5d0c-5f5e-9a86-1f5a2f0f6112")
CALL = f"/api/v1/callbacks/{INCIDENT}/call"
DONE = f"/api/v1/callbacks/{INCIDENT}/done"
TRIES = f"/api/v1/callbacks/{INCIDENT}/tries"
FIGURES = "/api/v1/callbacks/figures"
BANNERS, POSTURE = "/api/v1/banners", "/api/v1/posture"


def given_try(**changes: Any) -> cb.Try:
    return replace(
        cb.Try(uuid4(), INCIDENT, "081234567890", "081234567890", "op1", "op1 (operator)", BEGIN, trunk="telco"),
        **changes,
    )


@dataclass
class FakeCalling:
    """A CallbackDesk that says what it is told, or refuses."""

    refuses: Exception | None = None
    found: list[cb.Try] | None = field(default_factory=list)
    figures: cb.Recovered = field(
        default_factory=lambda: cb.Recovered(12, 1, 4, 5, {5: (1, 4), 15: (3, 5), 60: (4, 5)}, 1)
    )
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    async def call(self, incident: UUID, operator: str, by: Actor) -> cb.Try:
        self._take("call", incident, operator, by.name)
        return given_try(operator=operator, by=by.name)

    async def done(self, incident: UUID, reason: str, by: Actor) -> int:
        self._take("done", incident, reason, by.name)
        return 2

    async def tries(self, incident: UUID) -> list[cb.Try] | None:
        self._take("tries", incident)
        return self.found

    async def recovered(self, begin: int, end: int) -> cb.Recovered:
        self._take("recovered", begin, end)
        return self.figures

    def _take(self, *what: Any) -> None:
        self.asked.append(what)
        if self.refuses is not None:
            raise self.refuses


@dataclass
class World:
    managed: Managed
    calling: FakeCalling
    mouth: Mouth
    rows: Rows
    base: int

    async def ask(self, role: Role, path: str, method: str = "GET", **options: Any) -> Any:
        async with session_of(self.managed, role) as session:
            return await Client(session, self.base).ask(path, method=method, **options)


class NowTime(Time):
    def __call__(self) -> int:
        return now_us()


@pytest.fixture
async def world(start: Start, managed: Managed) -> World:
    clock, mouth = NowTime(), Mouth()
    rows = Rows(clock)
    rows.running = _really(rows)  # type: ignore[method-assign]
    calling = FakeCalling()
    postures = Postures(RealHand(), now_us)
    server = await start(
        calling_back=calling,
        banner_desk=BannerDesk(rows, Banners(now_us, lambda _plan: True), mouth.say, mouth.there),
        posture_desk=postures,
    )
    return World(managed, calling, mouth, rows, server.port)


def _really(rows: Rows) -> Any:
    async def running() -> list[Banner]:
        return [one for one in rows.kept.values() if one.runs(now_us())]

    return running


class RealHand(PostureRows):
    async def by_hand(self, posture: Posture, until: int, reason: str, by: Principal) -> ByHand:
        return ByHand(posture, now_us(), until, reason, f"{by.name} ({by.role})")


def soon(days: float = 0.01) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---------------------------------------------------------------- calling back
async def test_operator_calls_with_his_own_telephone_and_a_supervisor_says_whose(world: World) -> None:
    reply = await world.ask(Role.OPERATOR, CALL, "POST", json={})
    assert (reply.status, reply.json["operator"], reply.json["number"]) == (202, "op1", "081234567890")
    assert world.calling.asked == [("call", INCIDENT, "op1", "operator-1 (operator)")]
    assert (await world.ask(Role.SUPERVISOR, CALL, "POST", json={"operator": "op1"})).status == 202
    reply = await world.ask(Role.ADMIN, CALL, "POST", json={"operator": "op1"})
    assert reply.json["number"] != "081234567890"  # an admin sees numbers masked


@pytest.mark.parametrize(
    ("role", "body", "status", "code"),
    [
        (Role.SUPERVISOR, {}, 422, "operator_needed"),
        (Role.SUPERVISOR, {"operator": "nobody"}, 422, "operator_needed"),
        (Role.OPERATOR, {"operator": "op2"}, 403, "not_yours"),
        (Role.VIEWER, {}, 403, "forbidden"),
        (Role.AGENCY, {}, 403, "forbidden"),
        (Role.OPERATOR, {"operator": "op1", "number": "081"}, 422, "body_invalid"),
        (Role.OPERATOR, {"operator": "PJSIP/x"}, 422, "body_invalid"),
    ],
)
async def test_who_may_not_or_asks_for_what_is_not_there_rings_nobody(
    world: World, role: Role, body: Any, status: int, code: str
) -> None:
    reply = await world.ask(role, CALL, "POST", json=body)
    assert (reply.status, reply.json["code"]) == (status, code)
    assert world.calling.asked == []


@pytest.mark.parametrize(
    ("refuses", "status", "code"),
    [
        (NoSuchIncident(INCIDENT), 404, "incident_unknown"),
        (cb.NotListed("x"), 409, "callback_not_listed"),
        (cb.NoNumber("x"), 409, "callback_no_number"),
        (cb.HeldBy("op2", BEGIN), 409, "callback_held"),
        (cb.NoWay(), 409, "callback_no_line"),
        (cb.NotRung("hands is not logged in"), 503, "pbx_unavailable"),
    ],
)
async def test_why_nobody_is_called_is_told(world: World, refuses: Exception, status: int, code: str) -> None:
    world.calling.refuses = refuses
    reply = await world.ask(Role.OPERATOR, CALL, "POST", json={}, headers={"Accept-Language": "en"})
    assert (reply.status, reply.json["code"]) == (status, code)
    if code == "callback_held":
        assert "op2" in reply.json["detail"]


async def test_taken_off_with_a_reason_and_never_without(world: World) -> None:
    reply = await world.ask(Role.OPERATOR, DONE, "POST", json={"reason": "lewat radio"})
    assert (reply.status, reply.json) == (200, {"incidents": 2})
    assert (await world.ask(Role.OPERATOR, DONE, "POST", json={})).status == 422
    assert (await world.ask(Role.OPERATOR, DONE, "POST", json={"reason": "a\nb"})).status == 422
    assert world.calling.asked == [("done", INCIDENT, "lewat radio", "operator-1 (operator)")]


async def test_tries_are_shown_and_an_unknown_incident_is_404(world: World) -> None:
    world.calling.found = [given_try(outcome=cb.TryOutcome.BUSY, ended_at=BEGIN + 9, cause="SIP 486 Busy Here")]
    (item,) = (await world.ask(Role.SUPERVISOR, TRIES)).json["items"]
    assert (item["outcome"], item["cause"], item["answered_at"]) == ("busy", "SIP 486 Busy Here", None)
    world.calling.found = None
    assert (await world.ask(Role.SUPERVISOR, TRIES)).status == 404


async def test_figures_add_up(world: World) -> None:
    period = "from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z"
    found = (await world.ask(Role.VIEWER, f"{FIGURES}?{period}")).json
    parts = ("without_number", "by_callback", "by_calling", "taken_off", "not_reached")
    assert sum(found[name] for name in parts) == found["lost"] == 12
    assert found["share"] == 75.0
    world.calling.figures = cb.Recovered(0, 0, 0, 0, {5: (0, 0), 15: (0, 0), 60: (0, 0)}, 0)
    assert (await world.ask(Role.VIEWER, f"{FIGURES}?{period}")).json["share"] is None
    long = "from=2026-11-01T00:00:00Z&to=2028-12-01T00:00:00Z"
    assert (await world.ask(Role.VIEWER, f"{FIGURES}?{long}")).json["pointer"] == "/query/to"


# ---------------------------------------------------------------- banners
def order(**changes: Any) -> dict[str, Any]:
    return {"scope": "all", "text_id": "Banjir sudah kami ketahui.", "until": soon(), "reason": "banjir"} | changes


async def test_banner_is_set_listed_and_ended(world: World) -> None:
    made = await world.ask(Role.SUPERVISOR, BANNERS, "POST", json=order())
    assert (made.status, made.json["runs"], made.json["clip"][:7]) == (201, True, "banner-")
    assert (await world.ask(Role.OPERATOR, BANNERS)).json["items"] == [made.json]
    assert (await world.ask(Role.OPERATOR, made.headers["Location"])).json == made.json
    gone = await world.ask(Role.SUPERVISOR, f"{BANNERS}/{made.json['id']}", "DELETE")
    assert (gone.status, gone.json["runs"]) == (200, False)
    assert (await world.ask(Role.OPERATOR, BANNERS)).json["items"] == []
    assert len((await world.ask(Role.OPERATOR, f"{BANNERS}?all=true")).json["items"]) == 1
    reply = await world.ask(Role.SUPERVISOR, f"{BANNERS}/{uuid4()}", "DELETE")
    assert (reply.status, reply.json["code"]) == (404, "banner_unknown")


@pytest.mark.parametrize(
    "wrong",
    [
        {"until": "2020-01-01T00:00:00Z"},
        {"until": "2099-01-01T00:00:00Z"},
        {"until": "tomorrow"},
        {"until": 1_900_000_000},
        {"text_id": None},
        {"clip": "gempa"},
        {"text_id": "x" * 301},
        {"text_id": "a\nb"},
        {"text_id": ""},
        {"reason": ""},
        {"scope": "category"},
        {"scope": "category", "key": "nothing"},
        {"scope": "area", "key": "35.99"},
        {"scope": "all", "key": "kebakaran"},
        {"scope": "area", "key": "../x"},
        {"clip": "../../etc/passwd", "text_id": None},
        {"clip": "-w", "text_id": None},
    ],
)
async def test_banner_that_is_wrong_is_told_so_and_nobody_hears_it(world: World, wrong: dict[str, Any]) -> None:
    reply = await world.ask(Role.SUPERVISOR, BANNERS, "POST", json=order(**wrong))
    assert (reply.status, reply.json["code"]) == (422, "body_invalid")
    assert (world.rows.kept, world.mouth.said) == ({}, [])


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TooLong(21.3), 422, "body_invalid"),
        (NothingSaid("x"), 422, "body_invalid"),
        (NoSuchClip("x"), 422, "body_invalid"),
        (TooManyBanners(), 409, "too_many_banners"),
    ],
)
async def test_why_a_banner_is_refused_is_told(world: World, error: Exception, status: int, code: str) -> None:
    world.mouth.wrong = error
    reply = await world.ask(Role.SUPERVISOR, BANNERS, "POST", json=order(), headers={"Accept-Language": "en"})
    assert (reply.status, reply.json["code"]) == (status, code)
    if isinstance(error, TooLong):
        assert "21.3 s" in reply.json["detail"]


# ---------------------------------------------------------------- the posture
async def test_posture_is_set_and_withdrawn_by_a_supervisor(world: World) -> None:
    assert (await world.ask(Role.VIEWER, POSTURE)).json["posture"] == "green"
    body = {"posture": "red", "reason": "gempa", "until": soon()}
    now = await world.ask(Role.SUPERVISOR, POSTURE, "PUT", json=body)
    assert (now.status, now.json["posture"], now.json["by_rate"]) == (200, "red", "green")
    assert now.json["by_hand"]["by"] == "supervisor-1 (supervisor)"
    gone = await world.ask(Role.SUPERVISOR, POSTURE, "DELETE")
    assert (gone.json["posture"], gone.json["by_hand"]) == ("green", None)


@pytest.mark.parametrize("wrong", [{"posture": "blue"}, {"until": soon(8)}, {"reason": "\u202eab"}, {"until": None}])
async def test_posture_that_is_wrong_changes_nothing(world: World, wrong: dict[str, Any]) -> None:
    body = {"posture": "red", "reason": "gempa", "until": soon()} | wrong
    assert (await world.ask(Role.SUPERVISOR, POSTURE, "PUT", json=body)).status == 422
    assert (await world.ask(Role.VIEWER, POSTURE)).json["posture"] == "green"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.AGENCY, Role.AUDITOR])
async def test_who_does_not_supervise_sets_nothing(world: World, role: Role) -> None:
    body = {"posture": "red", "reason": "gempa", "until": soon()}
    assert (await world.ask(role, POSTURE, "PUT", json=body)).status == 403
    assert (await world.ask(role, POSTURE, "DELETE")).status == 403
    assert (await world.ask(role, BANNERS, "POST", json=order())).status == 403
    assert (await world.ask(role, f"{BANNERS}/{uuid4()}", "DELETE")).status == 403


async def test_listeners_are_told_what_the_lists_show() -> None:
    view = view_of(Principal("v", Role.VIEWER))
    one = Banner(uuid4(), Scope.ALL, "", "", "Banjir.", "", "banjir", BEGIN, "sup-1", BEGIN + 1)
    banner = json.loads(written(Event(1, Kind.BANNER, str(one.id), one), view) or b"")
    check_row("BannerRow", banner["value"])
    standing = Postures(RealHand(), now_us).standing()
    posture = json.loads(written(Event(2, Kind.POSTURE, "centre", standing), view) or b"")
    check_row("PostureNow", posture["value"])


async def test_without_these_parts_it_is_503(client: Client) -> None:
    for path in (BANNERS, POSTURE, TRIES):
        assert (await client.ask(path)).status == 503
