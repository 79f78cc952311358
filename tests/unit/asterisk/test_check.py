"""Is the PBX the one we wrote? Asked at each login; at the start it decides whether to serve."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from callrouter.asterisk import check as check_module
from callrouter.asterisk.ami import AmiAnswer, AmiCounters, AmiLink, AmiRefused, AmiUnavailable
from callrouter.asterisk.check import PbxCheck
from callrouter.asterisk.variables import CONTEXTS, MODULES
from callrouter.errors import OperatorError
from tests.unit.asterisk.given import answer


@dataclass
class Link:
    """A manager link: `lacks` modules and contexts, and remembers what it was asked."""

    name: str = "keeper"
    lacks: tuple[str, ...] = ()
    away: bool = False
    counters: AmiCounters = field(default_factory=AmiCounters)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def action(
        self, name: str, *, within_s: float = 5.0, listing: str | None = None, **fields: object
    ) -> AmiAnswer:
        """Answer ModuleCheck and ShowDialPlan as the PBX does."""
        if self.away:
            raise AmiUnavailable("not logged in")
        assert within_s <= 5.0
        assert (listing is None) == (name == "ModuleCheck")
        (what,) = fields.values()
        self.asked.append((name, str(what)))
        if what in self.lacks:
            raise AmiRefused("not there")
        return answer()


def pbx_check(keeper: Link, hands: Link | None = None) -> PbxCheck:
    return PbxCheck(cast("AmiLink", keeper), cast("AmiLink", hands or up("hands")), "127.0.0.1:5038")


def up(name: str = "keeper", *lacks: str) -> Link:
    return Link(name, lacks, counters=AmiCounters(logins=1))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a PBX that is away."""
    monkeypatch.setattr(check_module, "START_S", 0.1)


async def test_whole_pbx_lacks_nothing_and_was_asked_for_all_of_it() -> None:
    keeper = up()
    check = pbx_check(keeper)
    assert check.missing is None
    await check.run()
    await check.at_start()
    assert check.missing == ()
    assert keeper.asked == [("ModuleCheck", m) for m in MODULES] + [("ShowDialPlan", c) for c in CONTEXTS]


@pytest.mark.parametrize(
    ("lacks", "named"), [("app_queue", "module app_queue"), ("callrouter-step", "context callrouter-step")]
)
async def test_part_that_is_missing_keeps_the_service_from_starting(lacks: str, named: str) -> None:
    check = pbx_check(up("keeper", lacks))
    await check.run()
    assert check.missing == (named,)
    with pytest.raises(OperatorError, match=named) as error:
        await check.at_start()
    assert "callrouter pbx render" in str(error.value)


async def test_every_missing_part_is_named() -> None:
    check = pbx_check(up("keeper", *MODULES, *CONTEXTS))
    await check.run()
    with pytest.raises(OperatorError) as error:
        await check.at_start()
    assert all(name in str(error.value) for name in (*MODULES, *CONTEXTS))


async def test_pbx_that_is_away_does_not_keep_the_service_from_serving(quick: None) -> None:
    check = pbx_check(Link(away=True), Link("hands", away=True))
    await check.at_start()
    assert check.missing is None


async def test_pbx_that_goes_away_while_asked_is_not_taken_for_an_incomplete_one() -> None:
    check = pbx_check(Link(away=True))
    with pytest.raises(AmiUnavailable):
        await check.run()
    assert check.missing is None


@pytest.mark.parametrize("refused", ["keeper", "hands"])
async def test_refused_login_is_told_at_once(refused: str) -> None:
    keeper, hands = up("keeper"), up("hands")
    link = keeper if refused == "keeper" else hands
    link.counters = AmiCounters(refused=1)
    async with asyncio.timeout(30):
        with pytest.raises(OperatorError, match=f"login of the user {refused}"):
            await pbx_check(keeper, hands).at_start()


async def test_pbx_that_comes_back_with_less_is_known_to_lack_it_and_again_whole() -> None:
    keeper = up()
    check = pbx_check(keeper)
    await check.run()
    keeper.lacks = ("app_dial",)
    await check.run()
    assert check.missing == ("module app_dial",)
    keeper.lacks = ()
    await check.run()
    assert check.missing == ()
