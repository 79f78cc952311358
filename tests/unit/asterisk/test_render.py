"""The PBX's configuration: whole, closed, and unable to carry more than was meant."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callrouter.asterisk import render as render_module
from callrouter.asterisk.render import AsteriskFiles, PbxSecrets, read_secrets, render
from callrouter.asterisk.variables import MODULES
from callrouter.errors import OperatorError
from callrouter.resources import resource
from callrouter.routing.table import RoutingTable
from callrouter.settings import load
from tests.unit.asterisk.conffile import Section, read
from tests.unit.asterisk.given import rendered
from tests.unit.routing.tables import Document, small, tables

TEMPLATES = sorted(path.name for path in resource("asterisk-config").iterdir())


def sections(etc: Path, file: str) -> list[Section]:
    return read((etc / file).read_text(encoding="utf-8"))


def named(found: list[Section], name: str, **having: str) -> Section:
    (one,) = [s for s in found if s.name == name and all(s.all(k) == [v] for k, v in having.items())]
    return one


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """What a system's users have."""
    before = os.umask(0o022)
    yield
    os.umask(before)


# ---------------------------------------------------------------- whole
def test_every_template_is_rendered_and_read_back_by_another_reader(tmp_path: Path) -> None:
    _, etc, sentinel = rendered(tmp_path, small())
    assert sorted(path.name for path in etc.iterdir()) == TEMPLATES
    assert re.fullmatch(r"[0-9a-f]{16}", sentinel)
    for name in TEMPLATES:
        text = (etc / name).read_text(encoding="utf-8")
        assert "{{" not in text
        assert "{%" not in text
        assert "@sentinel@" not in text
        assert read(text) or not re.sub(r"^;.*$", "", text, flags=re.MULTILINE).strip(), name


def test_template_that_names_what_nobody_gives_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "x.conf").write_text("{{ nobody_gives_this }}\n")
    monkeypatch.setattr(render_module, "resource", lambda _name: tmp_path / "templates")
    with pytest.raises(Exception, match="nobody_gives_this"):
        rendered(tmp_path, small())


def test_sentinel_is_the_last_line_of_the_dialplan_and_changes_with_anything_in_it(tmp_path: Path) -> None:
    _, etc, first = rendered(tmp_path, small())
    *_, last = sections(etc, "extensions.conf")
    assert (last.name, last.lines) == ("callrouter-sentinel", [("exten", f"tail,1,NoOp({first})")])
    assert (etc / "extensions.conf").read_text().endswith(f"exten => tail,1,NoOp({first})\n")
    again = rendered(tmp_path, small())[2]
    assert again == first

    def another_name(document: Document) -> None:
        document["directory"]["operators"][0]["name"] = "Someone else"

    assert rendered(tmp_path, small(another_name))[2] != first


def test_modules_are_those_that_are_checked_at_start_each_required(tmp_path: Path) -> None:
    (modules,) = sections(rendered(tmp_path, small())[1], "modules.conf")
    assert modules.one("autoload") == "no"
    assert modules.all("require") == [f"{name}.so" for name in MODULES]
    assert len(set(MODULES)) == len(MODULES)


def test_files_are_replaced_whole_and_read_by_the_group_only(tmp_path: Path, usual_umask: None) -> None:
    _, etc, _ = rendered(tmp_path, small())
    before = {path.name: path.stat().st_ino for path in etc.iterdir()}
    reader = (etc / "pjsip.conf").open()
    rendered(tmp_path, small())
    with reader:
        assert "[trunk-telco]" in reader.read()  # who had it open has the old one, whole
    for path in etc.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o640, path
        assert path.stat().st_ino != before[path.name]


def test_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, etc, _ = rendered(tmp_path, small())
    before = (etc / "acl.conf").read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OperatorError, match=r"cannot be written.*No space left"):
        rendered(tmp_path, small())
    assert (etc / "acl.conf").read_bytes() == before


# ---------------------------------------------------------------- secrets and paths
def test_secrets_are_made_once_each_its_own_and_read_by_the_group_only(tmp_path: Path, usual_umask: None) -> None:
    first = read_secrets(tmp_path / "secrets", ("op1", "op2"))
    assert first == read_secrets(tmp_path / "secrets", ("op1", "op2"))
    values = [first.agi, first.hands, first.keeper, *first.operators.values()]
    assert len(set(values)) == len(values) == 5
    assert all(re.fullmatch(r"[0-9a-f]{40}", value) for value in values)
    for path in (tmp_path / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o640, path
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o750


@pytest.mark.parametrize(
    "value", ["", "short", "with a space in it", "semi;colon-0123456789", "x" * 81, "new\nline0123456789012"]
)
def test_secret_that_a_file_could_misread_is_refused_with_its_path(tmp_path: Path, value: str) -> None:
    (tmp_path / "agi").write_text(value)
    with pytest.raises(OperatorError, match=re.escape(str(tmp_path / "agi"))) as error:
        read_secrets(tmp_path, ())
    assert not value or value not in str(error.value)


def test_secrets_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("")
    with pytest.raises(OperatorError, match="secrets"):
        read_secrets(tmp_path / "secrets", ())


@pytest.mark.parametrize("name", ["a b", "a;b", "a,b", "a[b", "a|b", "a${b}", "é", "a=>b", "a'b", "a\nb"])
def test_state_folder_that_a_file_could_misread_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    keys = PbxSecrets(**vars_of(read_secrets(tmp_path / "keys", ("op1", "op2"))))
    settings = load(state=tmp_path / name)
    with pytest.raises(OperatorError, match="CALLROUTER_STATE"):
        render(settings, small(), 1, keys, AsteriskFiles(tmp_path, tmp_path), "x")
    assert not (tmp_path / name / "asterisk").exists()


def vars_of(keys: PbxSecrets) -> dict[str, Any]:
    return {name: getattr(keys, name) for name in PbxSecrets.__dataclass_fields__}


def test_secrets_reach_the_files_that_need_them_and_no_others(tmp_path: Path) -> None:
    used, etc, _ = rendered(tmp_path, small())
    keys = read_secrets(used.secrets_dir, ("op1", "op2"))
    holders = {
        value: sorted(path.name for path in etc.iterdir() if value in path.read_text()) for value in
        (keys.agi, keys.hands, keys.keeper, *keys.operators.values())
    }  # fmt: skip
    assert list(holders.values()) == [["extensions.conf"], *[["manager.conf"]] * 2, *[["pjsip.conf"]] * 2]


def test_own_secret_that_reads_like_a_placeholder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "state" / "secrets").mkdir(parents=True)
    (tmp_path / "state" / "secrets" / "ami-hands").write_text("mySENTINELsentinel12345")
    _, etc, _ = rendered(tmp_path, small())
    assert named(sections(etc, "manager.conf"), "hands").one("secret") == "mySENTINELsentinel12345"


def test_failsafe_of_a_trunk_leaves_out_the_static_numbers_on_that_trunk(tmp_path: Path) -> None:
    _, etc, _ = rendered(tmp_path, small())
    found = sections(etc, "pjsip.conf")
    plans = {
        key: named(found, f"trunk-{key}", context=f"callrouter-from-{kind}").all("set_var")[3]
        for key, kind in (("damkar", "agency"), ("telco", "carrier"))
    }
    assert "@trunk-telco" in plans["damkar"]
    assert "@trunk-telco" not in plans["telco"]


# ---------------------------------------------------------------- closed
def test_trunks_are_known_by_address_alone_and_operators_by_name_and_secret(tmp_path: Path) -> None:
    used, etc, _ = rendered(tmp_path, small())
    found = sections(etc, "pjsip.conf")
    trunk = named(found, "trunk-damkar", context="callrouter-from-agency")
    assert named(found, trunk.options).one("identify_by") == "ip"
    assert trunk.all("auth") == []
    assert trunk.all("set_var")[:3] == ["CR_ORIGIN=agency", "CR_TRUNK=damkar", "CR_EARLY_MEDIA=no"]
    assert named(found, "trunk-damkar", type="identify").one("match") == "127.0.112.11"
    operator = named(found, "op1", context="callrouter-from-operator")
    assert (operator.one("identify_by"), operator.one("auth")) == ("username", "op1")
    assert (
        named(found, "op1", type="auth").one("password") == read_secrets(used.secrets_dir, ("op1",)).operators["op1"]
    )
    assert operator.all("set_var") == ["CR_ORIGIN=operator", "CR_TRUNK=op1"]


def test_no_trunk_may_transfer_and_none_sees_our_contexts_by_default(tmp_path: Path) -> None:
    found = sections(rendered(tmp_path, small())[1], "pjsip.conf")
    assert named(found, "callrouter-trunk").one("allow_transfer") == "no"
    contexts = {s.one("context") for s in found if s.all("context")}
    assert contexts == {"callrouter-from-carrier", "callrouter-from-agency", "callrouter-from-operator"}
    assert "res_pjsip_refer" not in MODULES


def test_neither_manager_user_may_do_what_together_runs_a_shell(tmp_path: Path) -> None:
    found = sections(rendered(tmp_path, small())[1], "manager.conf")
    for user, refused in (("hands", "system"), ("keeper", "originate")):
        section = named(found, user)
        assert refused not in section.one("write").split(",")
        assert "command" not in section.one("write").split(",")
        assert section.one("deny") == "0.0.0.0/0.0.0.0"
        assert section.all("permit") == ["127.0.0.0/255.0.0.0"]


def test_groups_queue_has_its_members_and_the_last_resort_a_digit_for_a_message(tmp_path: Path) -> None:
    found = sections(rendered(tmp_path, small())[1], "queues.conf")
    for name in ("operators", "operators.last"):
        queue = named(found, name)
        assert queue.one("strategy") == "ringall"
        assert queue.all("member") == [f"PJSIP/{op},0,{op},PJSIP/{op}" for op in ("op1", "op2")]
    assert named(found, "operators.last").one("context") == "callrouter-queue-exit"
    assert named(found, "operators").all("context") == []


@pytest.mark.parametrize(("host", "shown"), [("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "[2001:db8::7]")])
def test_address_of_either_family_makes_a_uri(tmp_path: Path, host: str, shown: str) -> None:
    def moved(document: Document) -> None:
        document["directory"]["trunks"][0]["host"] = host

    _, etc, _ = rendered(tmp_path, small(moved))
    found = sections(etc, "pjsip.conf")
    assert named(found, "trunk-telco", contact=f"sip:{shown}:5060")
    assert named(found, "trunk-telco", match=host)


def test_service_and_pbx_may_be_on_ipv6(tmp_path: Path) -> None:
    def on_six(given: dict[str, Any]) -> None:
        given |= {"sip_host": "::1", "agi_host": "::1", "api_host": "::1"}

    _, etc, _ = rendered(tmp_path, small(), on_six)
    assert named(sections(etc, "pjsip.conf"), "udp").one("bind") == "[::1]:5060"
    assert named(sections(etc, "extensions.conf"), "globals").one("CR_AGI") == "agi://[::1]:4573/incoming"


# ---------------------------------------------------------------- hostile tables
NASTY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80) | st.sampled_from(
    [
        "x\n[op9]\ntype = endpoint",
        "x ; comment",
        "x #exec touch /tmp/x",
        "#include passwd",
        "]\\n[general]",
        "x <sip:1@2>",
        "{{ hands_secret }}",
        "${SHELL(id)}",
        "@sentinel@",
        ";--",
        "=> exten",
        "a,b&c",
        '"quoted"',
        "\u2028[op9]",
        "-- x --",
        "\\;",
    ]
)


def with_names(operator: str, centre: str, agency: str, category: str) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        document["directory"]["operators"][0]["name"] = operator
        document["centre"]["name"] = centre
        document["directory"]["agencies"][0]["name"] = {"id": agency, "en": agency}
        document["routing"]["categories"][0]["name"] = {"id": category, "en": category}

    return change


def skeleton(etc: Path) -> dict[str, list[tuple[str, str, list[str]]]]:
    """Return every section of every file with the names of its lines: all but the values."""
    return {
        name: [(s.name, s.options, [key for key, _ in s.lines]) for s in sections(etc, name)] for name in TEMPLATES
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NASTY, NASTY, NASTY, NASTY)
def test_no_name_in_a_table_makes_a_line_or_a_section(
    tmp_path_factory: pytest.TempPathFactory, operator: str, centre: str, agency: str, category: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "hostile"
    try:
        table = small(with_names(operator, centre, agency, category))
    except ValueError:
        return  # refused before it could reach a file
    expected = skeleton(rendered(folder, small())[1])
    _, etc, sentinel = rendered(folder, table)
    assert skeleton(etc) == expected
    caller_id = named(sections(etc, "pjsip.conf"), "op1", context="callrouter-from-operator").one("callerid")
    assert re.fullmatch(r"[^<>;#\[\]{}\"\\=,@&$|\x00-\x1f]{1,80} <op1>", caller_id)
    assert sentinel in (etc / "extensions.conf").read_text()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_every_valid_table_renders_and_each_thing_has_a_section_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, table: RoutingTable
) -> None:
    _, etc, _ = rendered(tmp_path_factory.getbasetemp() / "any", table)
    for file in ("pjsip.conf", "queues.conf", "musiconhold.conf", "extensions.conf"):
        kinds = Counter((s.name, s.all("type")[0] if s.all("type") else s.options) for s in sections(etc, file))
        assert max(kinds.values()) == 1, file
    queues = {s.name for s in sections(etc, "queues.conf")}
    assert queues == {"general", "callrouter"} | {
        g.key + end for g in table.routing.ring_groups for end in ("", ".last")
    }


@pytest.mark.parametrize(
    ("where", "key"), [("operators", "trunk-telco"), ("operators", "trunk-x"), ("ring_groups", "general")]
)
def test_key_that_would_be_taken_for_a_section_of_ours_is_refused(tmp_path: Path, where: str, key: str) -> None:
    def named_so(document: Document) -> None:
        if where == "operators":
            document["directory"]["operators"][0]["key"] = key
            document["routing"]["ring_groups"][0]["members"] = [key, "op2"]
        else:
            document["routing"]["ring_groups"][0]["key"] = key
            document["routing"]["last_resort"]["group"] = key
            document["routing"]["routes"] = []

    with pytest.raises((ValueError, OperatorError), match=key):  # by the table itself, or when it is rendered
        rendered(tmp_path, small(named_so))


# ---------------------------------------------------------------- folders
def test_prompts_and_music_are_linked_for_each_language(tmp_path: Path) -> None:
    used, _, _ = rendered(tmp_path, small())
    for language in ("id", "en"):
        data = used.pbx_dir / "data"
        assert (data / "sounds" / language / "cr").readlink() == used.prompts_dir / language
        assert (data / "moh" / language / "wait.wav").readlink() == used.prompts_dir / language / "wait.wav"
    assert used.journal_dir.is_dir()
    assert used.recordings_dir.is_dir()
    rendered(tmp_path, small())  # a second time over the first one's links


def test_folder_where_a_link_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "state" / "asterisk" / "data" / "documentation").mkdir(parents=True)
    with pytest.raises(OperatorError, match="documentation"):
        rendered(tmp_path, small())
