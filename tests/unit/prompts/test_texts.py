"""What is said, and which clips a table needs."""

from __future__ import annotations

import pytest

from callrouter.calls.menu import menu_data
from callrouter.prompts.catalogue import load
from callrouter.prompts.texts import Clip, Kind, needed
from callrouter.publishing.importing import read_table
from callrouter.resources import resource
from callrouter.routing.decide import compile_table, plan_of
from callrouter.routing.plan import Announce
from callrouter.routing.table import RoutingTable
from callrouter.routing.values import Language
from tests.unit.routing.tables import Document, small


def clip(table: RoutingTable, language: Language, name: str) -> Clip:
    (found,) = [c for c in needed(table) if c.language is language and c.plain == name]
    return found


def test_catalogue_speaks_both_languages() -> None:
    texts = load()
    said = {key: phrase for key, phrase in texts.clips.items() if key != "tone-beep"}
    assert all(phrase.id and phrase.en and phrase.id != phrase.en for phrase in said.values())


@pytest.mark.parametrize(
    "name",
    [
        "menu-greeting", "menu-operator", "wrong-digit", "no-digit", "connecting", "to-operator", "stay-on-line",
        "no-operator", "leave-message", "message-thanks", "ended-press-0", "told-unknown", "press-1-to-accept",
        "caller-left", "goodbye", "wait", "tone-beep",
    ],
)  # fmt: skip
def test_catalogue_has_the_clips_of_the_dialplan(name: str) -> None:
    assert name in load().clips


def test_every_clip_has_a_name_of_its_own_in_each_language() -> None:
    clips = [(c.language, c.name) for c in needed(read_table(resource("examples") / "kab-malang.yaml"))]
    assert len(clips) == len(set(clips))
    assert {name for language, name in clips if language is Language.ID} == {
        name for language, name in clips if language is Language.EN
    }


def test_names_of_the_table_are_said_in_each_language() -> None:
    table = small()
    assert clip(table, Language.ID, "choice-1").text == "Untuk kebakaran, tekan satu."
    assert clip(table, Language.EN, "choice-2").text == "For street light, press two."
    assert clip(table, Language.ID, "told-fire").text == "Panggilan darurat satu satu dua: kebakaran."
    assert clip(table, Language.EN, "category-fire").text == "fire."
    assert clip(table, Language.EN, "agency-damkar").text == "Fire brigade."


def test_language_is_offered_in_itself() -> None:
    offered = clip(small(), Language.ID, "menu-switch")
    assert (offered.voice, offered.text) == (Language.EN, "For English, press nine.")
    back = clip(small(), Language.EN, "menu-switch")
    assert (back.voice, back.text) == (Language.ID, "Untuk bahasa Indonesia, tekan sembilan.")


def test_other_switch_digit_is_said() -> None:
    def seven(table: Document) -> None:
        table["routing"]["menus"][0]["switch_digit"] = "7"

    assert clip(small(seven), Language.ID, "menu-switch").text == "For English, press seven."


@pytest.mark.parametrize("menu", [{"languages": ["id"]}, {"languages": ["id", "en"], "switch_digit": None}])
def test_menu_of_one_language_offers_no_other(menu: Document) -> None:
    def one(table: Document) -> None:
        table["routing"]["menus"][0] |= menu

    assert not [name for name in menu_data(small(one)).clips[""] if name.startswith("menu-switch")]
    assert "menu-switch" not in {c.plain for c in needed(small(one))}


def test_option_of_a_menu_behind_a_digit_is_offered_by_its_own_digit() -> None:
    def villages(table: Document) -> None:
        routing = table["routing"]
        routing["areas"] = [{"code": f"35.07.13.200{n}", "name": f"Desa {name}"} for n, name in ((1, "A"), (2, "B"))]
        routing["menus"][0]["options"].append({"digit": "3", "menu": "villages"})
        name = {"id": "perangkat desa", "en": "village officials"}
        options = [{"digit": str(n), "category": "light", "area": f"35.07.13.200{n}"} for n in (1, 2)]
        routing["menus"].append({"key": "villages", "name": name, "options": options})

    table = small(villages)
    assert clip(table, Language.ID, "choice-3").text == "Untuk perangkat desa, tekan tiga."
    assert clip(table, Language.EN, "choice-3").text == "For village officials, press three."
    assert clip(table, Language.ID, "choice-32").text == "Untuk Desa B, tekan dua."
    assert clip(table, Language.EN, "choice-32").source == "/routing/areas/1/name/en"
    assert clip(table, Language.ID, "choice-3").source == "/routing/menus/1/name/id"


def test_clip_of_a_tables_text_has_a_name_of_its_own_for_each_text() -> None:
    def other(table: Document) -> None:
        table["routing"]["categories"][0]["name"]["en"] = "flames"

    before, after = ({c.name for c in needed(table)} for table in (small(), small(other)))
    assert {name[:-9] for name in before ^ after} == {"category-fire", "told-fire", "choice-1"}


def test_clips_of_plans_are_those_that_are_made() -> None:
    def announcing(table: Document) -> None:
        prompts = ["connecting", "centre-name", "agency-bpbd", "category-fire"]
        table["routing"]["routes"][1]["steps"] = [{"kind": "announce", "prompt": p} for p in prompts]

    compiled = compile_table(small(announcing), 1)
    plans = [
        plan_of(compiled, route, key, None)
        for route in (None, *compiled.table.routing.routes)
        for key in (None, "fire", "light")
    ]
    said = {plan.told for plan in plans}
    said |= {step.prompt for plan in plans for step in plan.steps if isinstance(step, Announce)}
    assert len(said) == 7
    for language in Language:
        assert said <= {c.name for c in needed(small(announcing)) if c.language is language}
    assert Kind.RECORDED not in {c.kind for c in needed(small(announcing))}


@pytest.mark.parametrize("language", [*Language])
def test_every_clip_that_the_pbx_plays_as_menu_is_made(language: Language) -> None:
    table = small()
    made = {c.name for c in needed(table) if c.language is language}
    assert {clip for clips in menu_data(table).clips.values() for clip in clips} <= made


def test_announced_clip_of_the_catalogue_or_the_table_needs_no_recording() -> None:
    def announce(table: Document) -> None:
        prompts = ["connecting", "centre-name", "gempa"]
        table["routing"]["routes"][1]["steps"] = [{"kind": "announce", "prompt": p} for p in prompts]

    own = [c for c in needed(small(announce)) if c.kind is Kind.RECORDED]
    assert [(c.language.value, c.name) for c in own] == [("id", "gempa"), ("en", "gempa")]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("PMI", "P M I"),
        ("PMI Kabupaten Malang", "P M I Kabupaten Malang"),
        ("PUSAT PANGGILAN PMI", "PUSAT PANGGILAN PMI"),
        ("BASARNAS", "BASARNAS"),
        ("Tim SAR", "Tim SAR"),
        ("Ngalam 112", "Ngalam satu satu dua"),
        ("RW 12", "R W 12"),
        ("[[x]] <b> {0}", "x b 0"),
        (" Dinas  Kesehatan. ", "Dinas Kesehatan"),
    ],
)
def test_name_is_written_out_for_the_voice(name: str, said: str) -> None:
    assert load().said(name, Language.ID) == said


def test_english_voice_spells_by_itself() -> None:
    assert load().said("PMI 110", Language.EN) == "PMI one one zero"


def test_words_the_voice_would_say_wrong_are_given_as_sounds() -> None:
    texts = load()
    assert texts.phonetic("Tekan satu.", Language.ID) == "[[t@k'an]] satu."
    assert texts.phonetic("ditekan", Language.ID) == "ditekan"
    assert texts.phonetic("Tekan", Language.EN) == "Tekan"


def test_braces_in_a_name_are_no_template() -> None:
    def braces(table: Document) -> None:
        table["routing"]["categories"][0]["name"]["id"] = "{name} {digit.__class__}"

    assert clip(small(braces), Language.ID, "choice-1").text == "Untuk name digit.__class__, tekan satu."
