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
from callrouter.asterisk.files import lay_music
from callrouter.asterisk.render import AsteriskFiles, Credentials, PbxSecrets, read_secrets, render
from callrouter.asterisk.variables import MODULES
from callrouter.calls.menu import menu_data
from callrouter.errors import OperatorError
from callrouter.resources import resource
from callrouter.routing.directory import TrunkKind
from callrouter.routing.table import RoutingTable
from callrouter.settings import load
from tests.unit.asterisk.conffile import Section, read
from tests.unit.asterisk.given import credentials, rendered
from tests.unit.routing.tables import Document, small, tables

TEMPLATES = sorted(path.name for path in resource("asterisk-config").iterdir() if path.is_file())


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
    _, etc, whole = rendered(tmp_path, small())
    assert sorted(path.name for path in etc.iterdir()) == TEMPLATES
    assert all(re.fullmatch(r"[0-9a-f]{16}", sentinel) for sentinel in whole.sentinels.values())
    for name in TEMPLATES:
        text = (etc / name).read_text(encoding="utf-8")
        assert "{{" not in text
        assert "{%" not in text
        assert "\0" not in text
        assert read(text) or not re.sub(r"^;.*$", "", text, flags=re.MULTILINE).strip(), name


def test_template_that_names_what_nobody_gives_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "x.conf").write_text("{{ nobody_gives_this }}\n")
    monkeypatch.setattr(render_module, "resource", lambda _name: tmp_path / "templates")
    with pytest.raises(Exception, match="nobody_gives_this"):
        rendered(tmp_path, small())


@pytest.mark.parametrize("file", ["extensions.conf", "queues.conf"])
def test_sentinel_is_the_last_section_and_changes_with_anything_in_its_file(tmp_path: Path, file: str) -> None:
    _, etc, first = rendered(tmp_path, small())
    *_, last = sections(etc, file)
    if file == "queues.conf":
        assert last.name == f"callrouter-{first.sentinels[file]}"
    else:
        assert (last.name, last.lines) == (
            "callrouter-sentinel",
            [("exten", f"tail,1,NoOp({first.sentinels[file]})")],
        )
    assert rendered(tmp_path, small())[2] == first

    def another(document: Document) -> None:
        document["routing"]["ring_groups"][0]["key"] = "night"
        document["routing"]["last_resort"]["group"] = "night"
        document["routing"]["routes"] = []

    assert rendered(tmp_path, small(another))[2].sentinels[file] != first.sentinels[file]


def test_sentinel_of_the_queues_stays_where_only_trunks_and_operators_change(tmp_path: Path) -> None:
    def another_name(document: Document) -> None:
        document["directory"]["operators"][0]["name"] = "Someone else"

    first, second = rendered(tmp_path, small())[2], rendered(tmp_path, small(another_name))[2]
    assert first.texts["queues.conf"] == second.texts["queues.conf"]
    assert first.texts["pjsip.conf"] != second.texts["pjsip.conf"]


def test_modules_are_those_that_are_checked_at_start_each_required(tmp_path: Path) -> None:
    (modules,) = sections(rendered(tmp_path, small())[1], "modules.conf")
    assert modules.one("autoload") == "no"
    assert modules.all("require") == [f"{name}.so" for name in MODULES]
    assert len(set(MODULES)) == len(MODULES)


def test_files_are_replaced_whole_and_read_by_their_owner_only(tmp_path: Path, usual_umask: None) -> None:
    _, etc, _ = rendered(tmp_path, small())
    before = {path.name: path.stat().st_ino for path in etc.iterdir()}
    reader = (etc / "pjsip.conf").open()
    rendered(tmp_path, small())
    with reader:
        assert "[trunk-telco]" in reader.read()  # who had it open has the old one, whole
    for path in etc.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert path.stat().st_ino != before[path.name]
    assert stat.S_IMODE(etc.stat().st_mode) == 0o700


def test_disk_that_fills_up_in_the_middle_leaves_every_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, etc, _ = rendered(tmp_path, small())
    before = {path.name: path.read_bytes() for path in etc.iterdir()}
    room = iter(range(len(TEMPLATES) - 1))

    def filling(_descriptor: int) -> None:
        if next(room, None) is None:
            raise OSError(28, "No space left on device")

    def another(document: Document) -> None:
        document["directory"]["trunks"][0]["host"] = "127.0.112.99"
        document["routing"]["ring_groups"][0]["key"] = "night"
        document["routing"]["last_resort"]["group"] = "night"
        document["routing"]["routes"] = []

    monkeypatch.setattr(os, "fsync", filling)
    with pytest.raises(OperatorError, match=r"cannot be written.*No space left"):
        rendered(tmp_path, small(another))
    assert {path.name: path.read_bytes() for path in etc.iterdir() if path.suffix == ".conf"} == before


# ---------------------------------------------------------------- secrets and paths
def test_secrets_are_made_once_each_its_own_and_read_by_their_owner_only(tmp_path: Path, usual_umask: None) -> None:
    first = read_secrets(tmp_path / "secrets")
    assert first == read_secrets(tmp_path / "secrets")
    values = [first.agi, first.hep, first.hands, first.keeper]
    assert len(set(values)) == 4
    assert all(re.fullmatch(r"[0-9a-f]{40}", value) for value in values)
    for path in (tmp_path / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "value", ["", "short", "with a space in it", "semi;colon-0123456789", "x" * 81, "new\nline0123456789012"]
)
def test_secret_that_a_file_could_misread_is_refused_with_its_path(tmp_path: Path, value: str) -> None:
    (tmp_path / "agi").write_text(value)
    with pytest.raises(OperatorError, match=re.escape(str(tmp_path / "agi"))) as error:
        read_secrets(tmp_path)
    assert not value or value not in str(error.value)


def test_secrets_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("")
    with pytest.raises(OperatorError, match="secrets"):
        read_secrets(tmp_path / "secrets")


@pytest.mark.parametrize("name", ["a b", "a;b", "a,b", "a[b", "a|b", "a${b}", "é", "a=>b", "a'b", "a\nb"])
def test_state_folder_that_a_file_could_misread_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    keys = PbxSecrets(**vars_of(read_secrets(tmp_path / "keys")))
    settings = load(state=tmp_path / name)
    with pytest.raises(OperatorError, match="CALLROUTER_STATE"):
        render(settings, small(), 1, keys, credentials(small()), AsteriskFiles(tmp_path, tmp_path))
    assert not (tmp_path / name / "asterisk").exists()


def vars_of(keys: PbxSecrets) -> dict[str, Any]:
    return {name: getattr(keys, name) for name in PbxSecrets.__dataclass_fields__}


def test_secrets_reach_the_files_that_need_them_and_no_others(tmp_path: Path) -> None:
    table = small(with_trunk(login={"username": "u1"}))
    used, etc, _ = rendered(tmp_path, table)
    keys, known = read_secrets(used.secrets_dir), credentials(table)
    secrets = [keys.agi, keys.hep, keys.hands, keys.keeper, known.trunks["telco"]]
    secrets += [text for digest in known.operators.values() for text in (digest.md5, digest.sha256)]
    holders = [[p.name for p in sorted(etc.iterdir()) if value in p.read_text()] for value in secrets]
    assert holders == [["extensions.conf"], ["hep.conf"], *[["manager.conf"]] * 2, *[["pjsip.conf"]] * 5]
    assert not any(f"secret of {key}" in path.read_text() for key in known.operators for path in etc.iterdir())


def test_own_secret_that_reads_like_a_placeholder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "state" / "secrets").mkdir(parents=True)
    (tmp_path / "state" / "secrets" / "ami-hands").write_text("mySENTINELsentinel12345")
    _, etc, _ = rendered(tmp_path, small())
    assert named(sections(etc, "manager.conf"), "hands").one("secret") == "mySENTINELsentinel12345"


def test_failsafe_of_a_trunk_leaves_out_the_static_numbers_on_that_trunk(tmp_path: Path) -> None:
    _, etc, _ = rendered(tmp_path, small())
    found = sections(etc, "pjsip.conf")
    plans = {
        key: named(found, f"trunk-{key}", context=f"callrouter-from-{kind}").all("set_var")[-1]
        for key, kind in (("damkar", "agency"), ("telco", "carrier"))
    }
    assert "@trunk-telco" in plans["damkar"]
    assert "@trunk-telco" not in plans["telco"]


# ---------------------------------------------------------------- closed
def test_trunks_are_known_by_address_alone_and_operators_by_name_and_secret(tmp_path: Path) -> None:
    _, etc, _ = rendered(tmp_path, small())
    found = sections(etc, "pjsip.conf")
    trunk = named(found, "trunk-damkar", context="callrouter-from-agency")
    assert named(found, trunk.options).one("identify_by") == "ip"
    assert trunk.all("auth") == []
    assert trunk.all("set_var")[:-1] == [
        "CR_ORIGIN=agency",
        "CR_TRUNK=damkar",
        "CR_EARLY_MEDIA=no",
        "CR_CHANNELS=30",
        "CR_TRUSTED=no",
    ]
    assert named(found, "trunk-damkar", type="identify").one("match") == "127.0.112.11"
    operator = named(found, "op1", context="callrouter-from-operator")
    assert (operator.one("identify_by"), operator.one("auth")) == ("username", "op1")
    auth, known = named(found, "op1", type="auth"), credentials(small()).operators["op1"]
    assert auth.all("password") == []
    assert auth.all("password_digest") == [f"MD5:{known.md5}", f"SHA-256:{known.sha256}"]
    assert auth.one("realm") == named(found, "global").one("default_realm") == "callrouter"
    assert operator.all("set_var") == [
        "CR_ORIGIN=operator",
        "CR_TRUNK=op1",
        "TRANSFER_CONTEXT=callrouter-no-transfer",
        "CR_GROUPS=operators",
    ]


def test_no_trunk_may_transfer_and_none_sees_our_contexts_by_default(tmp_path: Path) -> None:
    found = sections(rendered(tmp_path, small())[1], "pjsip.conf")
    assert named(found, "callrouter-trunk").one("allow_transfer") == "no"
    contexts = {s.one("context") for s in found if s.all("context")}
    assert contexts == {"callrouter-from-carrier", "callrouter-from-agency", "callrouter-from-operator"}


def test_an_operator_may_transfer_to_choices_colleagues_and_neighbours_alone(tmp_path: Path) -> None:
    def neighbour(document: Document) -> None:
        document["directory"]["trunks"].append({"key": "tetangga", "kind": "neighbour", "host": "127.0.112.40"})

    table = small(neighbour)
    whole = rendered(tmp_path, table)[2]
    assert {name: kind for name, kind in whole.globals.items() if name.startswith("CR_TO_")} == {
        **{f"CR_TO_{operator.key}": "o" for operator in table.directory.operators},
        **{f"CR_TO_{digits}": "c" for digits in menu_data(table).meaning},
        "CR_TO_tetangga": "g",
    }


def test_neither_manager_user_may_do_what_together_runs_a_shell(tmp_path: Path) -> None:
    found = sections(rendered(tmp_path, small())[1], "manager.conf")
    for user, refused in (("hands", "system"), ("keeper", "originate")):
        section = named(found, user)
        assert refused not in section.one("write").split(",")
        assert "command" not in section.one("write").split(",")
        assert section.one("deny") == "0.0.0.0/0.0.0.0"
        assert section.all("permit") == ["127.0.0.0/255.0.0.0"]


def test_group_has_two_queues_without_members_of_their_own_and_the_last_resorts_has_a_digit(tmp_path: Path) -> None:
    found = sections(rendered(tmp_path, small())[1], "queues.conf")
    assert named(found, "general").one("persistentmembers") == "yes"
    for name in ("operators", "operators.last"):
        queue = named(found, name)
        assert queue.one("strategy") == "ringall"
        assert queue.all("member") == []
    assert named(found, "operators.last").one("context") == "callrouter-queue-exit"
    assert named(found, "operators").all("context") == []


def test_groups_of_older_versions_keep_their_queues(tmp_path: Path) -> None:
    _, etc, whole = rendered(tmp_path, small(), retired=("night", "operators", "day"))
    assert whole.groups == ("operators", "day", "night")
    queues = [s.name for s in sections(etc, "queues.conf")]
    assert queues[2:-1] == ["operators", "operators.last", "day", "day.last", "night", "night.last"]


# ---------------------------------------------------------------- trunks and operators
def with_trunk(**fields: Any) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        document["directory"]["trunks"][0] |= fields

    return change


def of_telco(etc: Path) -> dict[str, Section]:
    """Return the sections of the trunk, by type; the endpoint's own is ``endpoint``."""
    found = [s for s in sections(etc, "pjsip.conf") if s.name == "trunk-telco"]
    return {(s.all("type") or ["endpoint"])[0]: s for s in found}


def test_trunk_that_is_not_enabled_is_not_there(tmp_path: Path) -> None:
    table = small(with_trunk(enabled=False, login={"username": "u1", "register_here": True}))
    assert of_telco(rendered(tmp_path, table)[1]) == {}


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_trunk_by_a_stream_names_its_transport_in_its_address_too(tmp_path: Path, transport: str) -> None:
    def with_tls(given: dict[str, Any]) -> None:
        given |= {"sip_tls_cert": tmp_path / "cert.pem", "sip_tls_key": tmp_path / "key.pem"}

    _, etc, _ = rendered(tmp_path, small(with_trunk(transport=transport, port=5080)), with_tls)
    telco = of_telco(etc)
    assert telco["endpoint"].one("transport") == transport
    # Its semicolon is escaped, or the rest of the line would be a comment.
    assert telco["aor"].one("contact") == f"sip:127.0.112.1:5080\\;transport={transport}"
    assert named(sections(etc, "pjsip.conf"), transport).one("protocol") == transport


def test_tls_is_offered_only_with_a_certificate(tmp_path: Path) -> None:
    assert not [s for s in sections(rendered(tmp_path, small())[1], "pjsip.conf") if s.name == "tls"]


def test_trunk_carries_what_the_directory_says_of_it(tmp_path: Path) -> None:
    fields = {
        "codecs": ["gsm", "ulaw"],
        "dtmf": "info",
        "trusted_identity": True,
        "presented_number": "+62341112",
        "channels": 4,
        "area": "35.07",
        "qualify_s": 60,
    }
    telco = of_telco(rendered(tmp_path, small(with_trunk(**fields)))[1])
    shown = {name: telco["endpoint"].one(name) for name in ("allow", "dtmf_mode", "trust_id_inbound", "from_user")}
    assert shown == {"allow": "gsm,ulaw", "dtmf_mode": "info", "trust_id_inbound": "yes", "from_user": "+62341112"}
    assert {"CR_CHANNELS=4", "CR_AREA=35.07", "CR_TRUSTED=yes"} < set(telco["endpoint"].all("set_var"))


def test_contact_that_is_dialled_is_never_the_one_that_is_asked_whether_it_lives(tmp_path: Path) -> None:
    found = sections(rendered(tmp_path, small(with_trunk(qualify_s=60)))[1], "pjsip.conf")
    assert (
        named(found, "trunk-telco", context="callrouter-from-carrier").one("aors") == "trunk-telco,trunk-telco.alive"
    )
    assert named(found, "trunk-telco", type="aor").all("qualify_frequency") == []
    assert named(found, "trunk-telco.alive").one("qualify_frequency") == "60"


def test_trunk_logs_in_and_registers_only_where_it_is_to_and_its_password_is_known(tmp_path: Path) -> None:
    table = small(with_trunk(login={"username": "u1", "register_here": True, "expires_s": 90}))
    telco = of_telco(rendered(tmp_path, table)[1])
    assert telco["endpoint"].one("outbound_auth") == "trunk-telco"
    assert (telco["auth"].one("username"), telco["auth"].one("password")) == ("u1", "password-of-telco")
    assert telco["registration"].one("client_uri") == "sip:u1@127.0.112.1"
    assert telco["registration"].one("expiration") == "90"
    telco = of_telco(rendered(tmp_path, small(with_trunk(login={"username": "u1"})))[1])
    assert set(telco) == {"endpoint", "aor", "identify", "auth"}
    telco = of_telco(rendered(tmp_path, table, known=Credentials())[1])
    assert set(telco) == {"endpoint", "aor", "identify"}
    assert telco["endpoint"].all("outbound_auth") == []


@pytest.mark.parametrize("password", ["a;b", ";--x", "a\\;b", "=>x", '"q"', "{{x}}", "[op9]", "#include", "${X}"])
def test_password_of_a_trunk_stands_in_its_line_and_in_no_other(tmp_path: Path, password: str) -> None:
    known = Credentials(trunks={"telco": password})
    auth = of_telco(rendered(tmp_path, small(with_trunk(login={"username": "u1"})), known=known)[1])["auth"]
    # As Asterisk reads it (main/config.c): a backslash before a semicolon is taken away.
    assert auth.one("password").replace("\\;", ";") == password
    assert len(auth.lines) == 4


def test_operator_without_a_secret_or_not_enabled_is_not_there(tmp_path: Path) -> None:
    def off(document: Document) -> None:
        document["directory"]["operators"][0]["enabled"] = False

    known = {k: v for k, v in credentials(small()).operators.items() if k == "op1"}
    for table, there in ((small(), {"op1"}), (small(off), set())):
        names = {s.name for s in sections(rendered(tmp_path, table, known=Credentials(known))[1], "pjsip.conf")}
        assert names & {"op1", "op2"} == there


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
    assert "AGI(agi://[::1]:4573/incoming," in (etc / "extensions.conf").read_text()


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
        name: [
            (re.sub(r"^callrouter-[0-9a-f]{16}$", "sentinel", s.name), s.options, [key for key, _ in s.lines])
            for s in sections(etc, name)
        ]
        for name in TEMPLATES
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
    _, etc, whole = rendered(folder, table)
    assert skeleton(etc) == expected
    caller_id = named(sections(etc, "pjsip.conf"), "op1", context="callrouter-from-operator").one("callerid")
    assert re.fullmatch(r"[^<>;#\[\]{}\"\\=,@&$|\x00-\x1f]{1,80} <op1>", caller_id)
    assert len(caller_id.encode()) < 80
    assert whole.sentinels["extensions.conf"] in (etc / "extensions.conf").read_text()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_every_valid_table_renders_and_each_thing_has_a_section_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, table: RoutingTable
) -> None:
    _, etc, whole = rendered(tmp_path_factory.getbasetemp() / "any", table)
    for file in ("pjsip.conf", "queues.conf", "musiconhold.conf", "extensions.conf"):
        kinds = Counter((s.name, s.all("type")[0] if s.all("type") else s.options) for s in sections(etc, file))
        assert max(kinds.values()) == 1, file
    queues = {s.name for s in sections(etc, "queues.conf")}
    assert queues == {"general", "callrouter", f"callrouter-{whole.sentinels['queues.conf']}"} | {
        g.key + end for g in table.routing.ring_groups for end in ("", ".last")
    }


@pytest.mark.parametrize(
    ("where", "key"),
    [
        ("operators", "trunk-telco"),
        ("operators", "trunk-x"),
        ("operators", "callrouter-endpoint"),
        ("ring_groups", "general"),
        ("ring_groups", "callrouter-x"),
    ],
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


def test_language_without_clips_waits_with_anothers_until_they_are_made(tmp_path: Path) -> None:
    used, _, _ = rendered(tmp_path, small())
    clips = [used.prompts_dir / language / "wait.wav" for language in ("id", "en")]
    links = [used.pbx_dir / "data" / "moh" / language / "wait.wav" for language in ("id", "en")]
    for made, shown in ((clips[0], [clips[0], clips[0]]), (clips[1], clips)):
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(b"")
        lay_music(used)
        assert [link.readlink() for link in links] == shown
    assert not lay_music(used)


def test_folder_where_a_link_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "state" / "asterisk" / "data" / "documentation").mkdir(parents=True)
    with pytest.raises(OperatorError, match="documentation"):
        rendered(tmp_path, small())


# ---------------------------------------------------------------- counting calls
def test_trunk_is_counted_on_the_callers_channel_unless_it_is_a_neighbour(tmp_path: Path) -> None:
    table = small()
    _, etc, whole = rendered(tmp_path, table)
    rooms = {t.key: "0" if t.kind is TrunkKind.NEIGHBOUR else str(t.channels) for t in table.directory.trunks}
    assert {name: whole.globals[f"CR_ROOM_{name}"] for name in rooms} == rooms
    written = named(sections(etc, "extensions.conf"), "globals")
    assert {name: written.one(f"CR_ROOM_{name}") for name in rooms} == rooms


def test_dialplan_knows_the_operators_of_each_group_one_by_one_and_where_they_end(tmp_path: Path) -> None:
    table = small()
    _, etc, whole = rendered(tmp_path, table)
    written = named(sections(etc, "extensions.conf"), "globals")
    for group in table.routing.ring_groups:
        listed = [*group.members, "-"]
        assert listed[:-1]
        assert [whole.globals[f"CR_ALL_{group.key}_{n}"] for n in range(1, len(listed) + 1)] == listed
        assert [written.one(f"CR_ALL_{group.key}_{n}") for n in range(1, len(listed) + 1)] == listed
