"""Telephones' logins: what the PBX lost is put back, and nothing else is."""

from __future__ import annotations

import asyncio
import json
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from callrouter.asterisk import contacts
from callrouter.asterisk.ami import AmiAnswer, AmiEvent, AmiRefused, AmiUnavailable
from callrouter.asterisk.contacts import ROUNDS, Contacts, Kept, Login, read, write
from callrouter.asterisk.registering import NoRegistrar, NotRegistered, Registration
from callrouter.asterisk.render import LOGIN_S
from callrouter.vault import Digests, digests

NOW_S = 1_800_000_000
THERE = "sip:op1@10.0.0.1:5060"
ELSEWHERE = "sip:op1@10.0.0.9:5060"


class _Watched(Contacts):
    """Tells when it has looked."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.looked = asyncio.Event()

    async def look(self) -> None:
        try:
            await super().look()
        finally:
            self.looked.set()


class _Pbx:
    """A PBX with its database, its registrar, and a service beside it that is begun anew at will."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.now_s = float(NOW_S)
        self.logins: dict[str, dict[str, str]] = {}
        self.marks: dict[str, str] = {}
        self.away = False
        self.hears = True
        self.moves = False
        self.connection = 0
        self.refuses = False
        self.silent = False
        self.registered: list[Registration] = []
        self.operators: dict[str, Digests] = {key: digests(key, "s") for key in ("op1", "op2")}
        self.meanwhile: list[AmiEvent] = []
        self.begin()

    def begin(self) -> None:
        """Begin the service anew."""
        self.service = _Watched(
            self.file,
            self,
            lambda: self.operators,
            self.register,
            lambda: self.hears,
            now_s=lambda: self.now_s,
            sleep=self.sleep,
        )

    async def sleep(self, _seconds: float) -> None:
        """Waits are over at once; telephones act in them."""
        while self.meanwhile:
            self.service.heard(self.meanwhile.pop())

    def log_in(self, operator: str, uri: str, *, call_id: str = "x", prune: str = "no") -> None:
        """A telephone logs in."""
        self.logins[operator] = {
            "ObjectName": f"{operator};@1f",
            "Uri": uri,
            "ExpirationTime": str(int(self.now_s) + LOGIN_S),
            "CallId": call_id,
            "PruneOnBoot": prune,
        }

    def lose(self) -> None:
        """Lose the database."""
        self.logins.clear()
        self.marks.clear()

    async def register(self, wanted: Registration) -> None:
        """Take a login, as the registrar does."""
        if self.silent:
            raise NoRegistrar("no answer")
        if self.refuses:
            raise NotRegistered("403 Forbidden")
        self.registered.append(wanted)
        self.log_in(wanted.operator, wanted.contact, call_id=wanted.call_id)
        if self.moves:
            self.log_in(wanted.operator, ELSEWHERE)

    async def action(self, name: str, **fields: Any) -> AmiAnswer:
        """Answer as AMI does."""
        if self.away:
            raise AmiUnavailable("not logged in")
        match name:
            case "PJSIPShowContacts":
                if not self.logins:
                    raise AmiRefused("No Contacts found\n")
                return AmiAnswer({}, (), tuple(AmiEvent("ContactList", one, ()) for one in self.logins.values()))
            case "DBGet":
                if "mark" not in self.marks:
                    raise AmiRefused("Database entry not found")
                return AmiAnswer({}, (), (AmiEvent("DBGetResponse", {"Val": self.marks["mark"]}, ()),))
            case "DBPut":
                self.marks["mark"] = str(fields["Val"])
        return AmiAnswer({}, ())

    def connect(self) -> None:
        """The service logs in to the PBX anew."""
        self.connection += 1
        self.service.logged_in(self.connection)

    async def look(self, *, logged_in: bool = True) -> None:
        """Have the service look, after a login to the PBX."""
        if logged_in:
            self.connect()
        await self.service.look()

    async def restarted(self) -> None:
        """The service is begun anew; it reads what was written, and logs in to the PBX."""
        self.begin()
        self.connect()
        task = asyncio.create_task(self.service.run())
        await asyncio.wait_for(self.service.looked.wait(), 30)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def kept(self) -> dict[str, str]:
        """Return what is written down: addresses by operator."""
        return {one["operator"]: one["uri"] for one in json.loads(self.file.read_text())["logins"]}


@pytest.fixture
def pbx(tmp_path: Path) -> _Pbx:
    """A PBX that knows op1."""
    made = _Pbx(tmp_path / "telephones.json")
    made.log_in("op1", THERE)
    return made


def event(status: str, uri: str, who: str = "op1") -> AmiEvent:
    return AmiEvent("ContactStatus", {"AOR": who, "URI": uri, "ContactStatus": status}, ())


async def test_lost_login_is_put_back_until_when_the_telephone_s_own_counted(pbx: _Pbx) -> None:
    await pbx.look()
    assert pbx.kept() == {"op1": THERE}
    assert stat.S_IMODE(pbx.file.stat().st_mode) == 0o600
    pbx.lose()
    pbx.now_s += 3600
    await pbx.look()
    assert [(one.operator, one.contact) for one in pbx.registered] == [("op1", THERE)]
    assert (pbx.service.put_back, len(pbx.service)) == (1, 1)
    assert json.loads(pbx.file.read_text())["logins"][0]["until"] == NOW_S + LOGIN_S  # no hour is won by it

    pbx.lose()
    pbx.now_s = NOW_S + LOGIN_S  # the telephone has not renewed it
    await pbx.look()
    assert len(pbx.registered) == 1


async def test_login_that_its_telephone_renewed_since_counts_from_then_on(pbx: _Pbx) -> None:
    """A renewal is no new login for the PBX: it keeps our Call-ID."""
    await pbx.look()
    pbx.lose()
    pbx.now_s += 36_000
    await pbx.look()
    pbx.now_s += 3600
    pbx.log_in("op1", THERE, call_id=pbx.logins["op1"]["CallId"])
    await pbx.look(logged_in=False)
    pbx.lose()
    pbx.now_s += 36_000  # the first login would be over
    await pbx.look()
    assert [one.contact for one in pbx.registered] == [THERE, THERE]


async def test_service_that_is_begun_anew_puts_back_what_was_written(pbx: _Pbx) -> None:
    await pbx.look()
    pbx.lose()
    await pbx.restarted()
    assert [one.contact for one in pbx.registered] == [THERE]


async def test_who_logged_out_while_nobody_looked_stays_so(pbx: _Pbx) -> None:
    pbx.log_in("op2", "sip:op2@10.0.0.2")
    await pbx.look()
    del pbx.logins["op2"]
    await pbx.restarted()
    assert pbx.registered == []
    assert pbx.kept() == {"op1": THERE}


async def test_database_that_lost_its_last_second_is_given_back_what_was_in_it(pbx: _Pbx) -> None:
    await pbx.look()
    before = dict(pbx.marks)
    pbx.log_in("op2", "sip:op2@10.0.0.2")
    await pbx.look(logged_in=False)
    pbx.marks = dict(before)
    del pbx.logins["op2"]
    await pbx.look()
    assert [one.operator for one in pbx.registered] == ["op2"]
    assert pbx.marks != before


async def test_database_that_is_newer_than_what_is_written_has_lost_nothing(pbx: _Pbx) -> None:
    """The service was killed between the mark and the file."""
    await pbx.look()
    kept = read(pbx.file, Kept("other", 0))
    pbx.marks["mark"] = f"{kept.name}.{kept.serial + 1}"
    pbx.logins.clear()
    await pbx.restarted()
    assert pbx.registered == []


async def test_who_is_no_operator_any_more_is_not_put_back(pbx: _Pbx) -> None:
    await pbx.look()
    pbx.lose()
    del pbx.operators["op1"]
    await pbx.look()
    assert pbx.registered == []
    assert pbx.kept() == {}


async def test_telephone_that_is_back_by_itself_is_left_alone(pbx: _Pbx) -> None:
    await pbx.look()
    pbx.lose()
    pbx.log_in("op1", ELSEWHERE)
    await pbx.look()
    assert pbx.registered == []
    assert pbx.kept() == {"op1": ELSEWHERE}


@pytest.mark.parametrize(("uri", "prune"), [(ELSEWHERE, "yes"), ("sip:op1@[::1]>,<sip:x@y", "no")])
async def test_login_that_cannot_be_kept_is_not_replaced_by_an_older_one(pbx: _Pbx, uri: str, prune: str) -> None:
    """By TCP it ends with its connection; another is no address at all."""
    await pbx.look()
    pbx.lose()
    pbx.log_in("op1", uri, prune=prune)
    await pbx.look()
    assert pbx.registered == []
    assert pbx.kept() == {}


async def test_telephone_that_logged_in_and_out_before_it_could_be_put_back_stays_out(pbx: _Pbx) -> None:
    await pbx.look()
    pbx.lose()
    pbx.connect()
    pbx.service.heard(event("NonQualified", ELSEWHERE))
    pbx.service.heard(event("Removed", ELSEWHERE))
    await pbx.look(logged_in=False)
    assert pbx.registered == []


async def test_telephone_that_was_pushed_out_in_that_very_moment_has_its_word_back(pbx: _Pbx) -> None:
    await pbx.look()
    pbx.lose()
    pbx.meanwhile = [event("Removed", ELSEWHERE)]
    await pbx.look()
    assert [one.contact for one in pbx.registered] == [THERE, ELSEWHERE]
    assert pbx.kept() == {"op1": ELSEWHERE}


async def test_registrar_that_is_not_up_yet_is_asked_again_and_nothing_is_forgotten_meanwhile(pbx: _Pbx) -> None:
    await pbx.look()
    pbx.lose()
    pbx.silent = True
    await pbx.look()
    assert pbx.kept() == {"op1": THERE}
    pbx.silent = False
    await pbx.look(logged_in=False)
    assert [one.contact for one in pbx.registered] == [THERE]


async def test_login_that_is_refused_is_given_up_after_some_rounds(pbx: _Pbx) -> None:
    await pbx.look()
    pbx.lose()
    pbx.refuses = True
    pbx.connect()
    for _ in range(ROUNDS):
        assert pbx.kept() == {"op1": THERE}
        await pbx.look(logged_in=False)
    assert pbx.kept() == {}


async def test_pbx_that_is_away_is_asked_again_and_ends_nothing(pbx: _Pbx) -> None:
    pbx.away = True
    await pbx.restarted()
    assert not pbx.file.exists()
    pbx.away = False
    await pbx.restarted()
    assert pbx.kept() == {"op1": THERE}


async def test_disk_that_is_full_ends_nothing_and_it_is_written_when_there_is_room(
    pbx: _Pbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: Path, _kept: Kept) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(contacts, "write", full)
        await pbx.look()
    assert not pbx.file.exists()
    await pbx.look(logged_in=False)
    assert pbx.kept() == {"op1": THERE}


async def test_nobody_is_put_back_while_it_is_not_heard_who_comes_and_goes(pbx: _Pbx) -> None:
    await pbx.look()
    pbx.lose()
    pbx.hears = False
    await pbx.look()
    assert (pbx.registered, pbx.kept()) == ([], {"op1": THERE})
    assert pbx.service._again_s == contacts.DEAF_S
    pbx.hears = True
    await pbx.look(logged_in=False)
    assert [one.contact for one in pbx.registered] == [THERE]


async def test_who_went_since_the_login_stays_out_though_the_state_is_asked_once_more(pbx: _Pbx) -> None:
    await pbx.look()
    pbx.lose()
    pbx.connect()
    pbx.service.heard(event("Removed", THERE))
    pbx.service.logged_in(pbx.connection)
    await pbx.look(logged_in=False)
    assert pbx.registered == []

    pbx.log_in("op1", THERE)
    await pbx.look(logged_in=False)
    pbx.lose()
    await pbx.look()
    assert [one.contact for one in pbx.registered] == [THERE], "a new connection: nobody has spoken since"


async def test_telephone_that_came_from_elsewhere_while_it_was_put_back_is_told(pbx: _Pbx) -> None:
    await pbx.look()
    pbx.lose()
    pbx.moves = True
    with capture_logs() as logs:
        await pbx.look()
    (told,) = [one for one in logs if one["event"] == "telephone.came_from_elsewhere"]
    assert (told["log_level"], told["operator"], told["written"], told["now"]) == ("warning", "op1", THERE, ELSEWHERE)
    assert pbx.kept() == {"op1": ELSEWHERE}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": 1}', '{"name": "a", "serial": 1, "logins": [{}]}'])
def test_what_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path, text: str) -> None:
    file = tmp_path / "telephones.json"
    file.write_text(text)
    otherwise = Kept("new", 0)
    assert read(file, otherwise) is otherwise


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    kept = Kept("name", 3, (Login("op1", THERE, NOW_S),))
    write(tmp_path / "telephones.json", kept)
    assert read(tmp_path / "telephones.json", Kept("new", 0)) == kept
