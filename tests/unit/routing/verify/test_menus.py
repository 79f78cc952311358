"""How long a menu is: estimated from its text, or as measured."""

from __future__ import annotations

import pytest

from callrouter.routing.values import Language
from callrouter.routing.verify import verify
from callrouter.routing.verify.menus import estimated_s
from tests.unit.routing.verify.given import AT, Document, good


def test_estimate_grows_with_each_option_and_each_character() -> None:
    def longer(t: Document) -> None:
        t["routing"]["categories"][0]["name"]["id"] += "x" * 18

    def wider(t: Document) -> None:
        t["routing"]["menus"][0]["options"].append({"digit": "4", "category": "light"})

    takes = [estimated_s(t.routing, t.routing.menus[0], Language.ID) for t in (good(), good(longer), good(wider))]
    assert takes[1] - takes[0] == pytest.approx(1.0, abs=0.05)
    assert takes[2] - takes[0] == pytest.approx(1.93 + 11 / 18.1, abs=0.05)


@pytest.mark.parametrize(("options", "verified"), [(7, True), (8, False)])
def test_menu_with_too_many_options_is_refused(options: int, verified: bool) -> None:
    def change(t: Document) -> None:
        t["routing"]["menus"][1]["options"] += [{"digit": str(n + 1), "category": "flood"} for n in range(2, options)]
        t["routing"]["categories"][1]["name"]["id"] = "kecelakaan lalu lintas"

    table = good(change)
    report = verify(table, AT)
    assert (estimated_s(table.routing, table.routing.menus[1], Language.ID) <= 25) is report.verified is verified
    assert [f.pointer for f in report.findings] == ([] if verified else ["/routing/menus/1"])


@pytest.mark.parametrize(("measured", "verified"), [(25.0, True), (25.1, False)])
def test_measured_length_counts_before_the_estimate(measured: float, verified: bool) -> None:
    report = verify(good(), AT, {"city": measured})
    assert report.verified is verified
    if not verified:
        (finding,) = report.findings
        assert (finding.rule, finding.pointer) == ("V7", "/routing/menus/1")
        assert "is heard for 25.1 s" in finding.sentence.en


def test_menu_that_only_operators_press_may_be_long() -> None:
    def operators(t: Document) -> None:
        t["routing"]["menus"][0]["mode"] = "operator_first"

    assert not verify(good(), AT, {"main": 40.0}).verified
    assert verify(good(operators), AT, {"main": 40.0}).verified


def test_menu_in_one_language_offers_no_other() -> None:
    def one(t: Document) -> None:
        t["routing"]["menus"][0]["languages"] = ["id"]

    two, single = good().routing, good(one).routing
    saved = estimated_s(two, two.menus[0], Language.ID) - estimated_s(single, single.menus[0], Language.ID)
    assert saved == pytest.approx(1.86)
