"""The dialplan's house rules, each for a way in which a caller was lost or could be (docs: ASTERISK facts)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from callrouter.asterisk.plan_codec import MAX_PLAN_CHARS, encode
from callrouter.asterisk.render import MAX_STEPS
from callrouter.asterisk.variables import CONTEXTS, DIAL, EVENT_DOORBELL, MODULES
from callrouter.calls.lines import MAX_LINE
from callrouter.calls.menu import menu_data
from callrouter.prompts.texts import needed
from callrouter.routing.decide import compile_table, plan_of
from callrouter.routing.plan import Announce, Challenge, Dial, Plan, Record, Ring, Target
from callrouter.routing.table import MAX_STEPS as MAX_ROUTE_STEPS
from callrouter.routing.table import MAX_TARGETS, RoutingTable
from callrouter.routing.values import DIGIT_PATTERN
from tests.unit.asterisk.conffile import Priority, assigned, functions, priorities, read
from tests.unit.asterisk.given import rendered
from tests.unit.calls.given import callback_line, ended_line, opened_line
from tests.unit.routing.tables import small

BUILT_IN = {"Answer", "Busy", "Congestion", "Goto", "GotoIf", "Hangup", "MSet", "NoOp", "Progress", "Set", "Wait"}
"""Applications of the PBX's core, which no module brings."""
OF_LANGUAGE = "${{IF($[${{LEN(${{CR_PLAN_{0}_${{CR_LANG}}}})}}>0]?_${{CR_LANG}})}}"
"""Behind a plan's name: the language, where there is a plan of that."""
LEASED = {"callrouter-112", "callrouter-next"}
"""Where a caller may be when his lease runs out."""


@pytest.fixture(scope="module")
def dialplan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rendered file."""
    return rendered(tmp_path_factory.mktemp("dialplan"), small())[1] / "extensions.conf"


@pytest.fixture(scope="module")
def steps(dialplan: Path) -> list[Priority]:
    """Its lines on the way of a call; a probe only looks, a notice has no caller, nor has a call back (below)."""
    others = ("callrouter-probe", "callrouter-notice", "callrouter-callback")
    return [p for p in priorities(dialplan.read_text()) if not p.context.startswith(others)]


@pytest.fixture(scope="module")
def speaking(dialplan: Path) -> list[Priority]:
    """The lines of a call that speaks a notice."""
    return [p for p in priorities(dialplan.read_text()) if p.context.startswith("callrouter-notice")]


@pytest.fixture(scope="module")
def probing(dialplan: Path) -> list[Priority]:
    """The lines of a probe."""
    return [p for p in priorities(dialplan.read_text()) if p.context.startswith("callrouter-probe")]


def of(steps: list[Priority], context: str, exten: str = "s") -> list[Priority]:
    """Return the lines of one extension."""
    return [p for p in steps if (p.context, p.exten) == (context, exten)]


# ---------------------------------------------------------------- what the PBX must have
def test_contexts_that_are_checked_at_start_are_those_of_the_file(dialplan: Path) -> None:
    names = [section.name for section in read(dialplan.read_text())]
    assert [name for name in names if name not in {"general", "globals"}] == list(CONTEXTS)


def test_every_application_and_function_lives_in_a_module_that_is_loaded(
    dialplan: Path, steps: list[Priority]
) -> None:
    shown = subprocess.run(
        [
            str(Path(sys.executable).parent / "asterisklint"),
            "modules-show",
            "--asterisk-version",
            "22",
            str(dialplan),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=dialplan.parent,
    ).stdout
    modules = set(re.findall(r"^load => (\w+)\.so$", shown, re.MULTILINE))
    assert modules <= set(MODULES)
    known = set(re.findall(r"\b(\w+)\(\)", shown))
    applications = {p.application for p in steps}
    called = set().union(*(functions(p.arguments) for p in steps))
    assert "unknown" not in shown.lower()
    assert applications <= known
    assert called <= known
    builtin = re.search(r"<builtin>((?:.|\n)*?)\n;   \w", shown)
    assert builtin is not None
    assert set(re.findall(r"(\w+)\(\)", builtin[1])) == BUILT_IN


def test_every_step_that_a_plan_can_have_is_known_to_the_dialplan(steps: list[Priority]) -> None:
    plan = Plan(
        (
            Dial((Target("a", "b", "t", "1", confirm=True),), 1, announce=True), Ring("g", 1, 1), Announce("wait"),
            Ring("g", 1, 1, last=True), Challenge(5, 0), Record(1),
        ),
        "r", 5, 1, "c",
    )  # fmt: skip
    kinds = {step.split(",")[0] for step in encode(plan).split("!")}
    assert not any(kind.startswith(DIAL) for kind in kinds - {DIAL}), "it would be taken for a dial and a choice"
    by_transfer = {"operator"}  # callrouter-transfer-to puts it into a plan
    head = {"plan"}  # read by callrouter-plan
    dials = {"_dial!"}  # behind it stands what the caller chose
    assert (kinds - head - {"dial"}) | dials | by_transfer | {"s", "unknown"} == {
        p.exten for p in steps if p.context == "callrouter-step"
    }


def test_the_longest_plan_ends_before_the_dialplans_bound() -> None:
    assert MAX_STEPS >= 1 + MAX_ROUTE_STEPS + 2


def test_every_clip_is_in_the_catalogue_or_made_from_the_table(dialplan: Path) -> None:
    queues = (dialplan.parent / "queues.conf").read_text()
    text = re.sub(r"^;.*$", "", dialplan.read_text() + queues, flags=re.MULTILINE)
    have = {clip.name for clip in needed(small())}
    wholes = set(re.findall(r"\bcr/([a-z0-9-]+)(?![a-z0-9-]*\$)", text))
    assert {"wrong-digit", "goodbye", "tone-beep", "stay-on-line"} <= wholes
    assert wholes <= have
    chosen = set(re.findall(r"cr/\$\{IF\(\$\[[^\]]*\]\?([a-z-]+):([a-z-]+)\)\}", text))
    assert chosen == {("no-operator", "leave-message")}
    assert {clip for pair in chosen for clip in pair} <= have
    compiled = compile_table(small(), 1)
    told = {plan_of(compiled, None, key, None).told for key in (None, *(c.key for c in small().routing.categories))}
    assert len(told) == 3
    assert told | {clip for clips in menu_data(small()).clips.values() for clip in clips} <= have


def test_whoever_takes_a_call_hears_the_clip_of_its_plan(steps: list[Priority]) -> None:
    spoken = [(p.context, p.arguments) for p in steps if "ARG" in p.arguments and "cr/${ARG" in p.arguments]
    assert spoken == [
        ("callrouter-step", "cr/${ARG2},noanswer"),
        ("callrouter-callee", "cr/${ARG2}"),
        ("callrouter-ask", "CR_DIGIT,cr/${ARG1}&cr/press-1-to-accept,1,n,1,${CR_CONFIRM_S}"),
    ]
    given = [p.arguments for p in steps if p.application == "Dial" and "U(callrouter-member)" not in p.arguments]
    assert "U(callrouter-callee^${ARG4}^${CR_TOLD})" in given[0]
    assert "U(callrouter-ask^${MASTER_CHANNEL(CR_TOLD)})" in given[1]


# ---------------------------------------------------------------- the lease
def test_every_context_that_can_hold_a_lease_has_a_way_out(steps: list[Priority]) -> None:
    assert {p.context for p in steps if p.exten == "T"} == LEASED
    assert {p.context for p in steps if "TIMEOUT(absolute)=${CR_LEASE}" in p.arguments} < LEASED


def test_lease_is_cleared_first_where_the_pbx_goes_on_alone_and_is_never_set_again(steps: list[Priority]) -> None:
    first, *rest = of(steps, "callrouter-next")
    assert next(iter(assigned(first).items())) == ("TIMEOUT(absolute)", "0")
    assert not any("TIMEOUT(" in p.arguments for p in rest)
    leased = [p for p in steps if p.context != "callrouter-next" and "TIMEOUT(" in p.arguments]
    assert {(p.context, assigned(p)["TIMEOUT(absolute)"]) for p in leased} == {("callrouter-112", "${CR_LEASE}")}


def test_caller_is_leased_when_he_was_answered_or_has_early_media(steps: list[Priority]) -> None:
    lines = of(steps, "callrouter-112")
    before = [lines[n - 1].application for n, p in enumerate(lines) if "TIMEOUT(" in p.arguments]
    assert before == ["Answer", "Progress"]


def test_under_a_lease_the_caller_enters_no_context_without_a_way_out(steps: list[Priority]) -> None:
    lines = of(steps, "callrouter-112")
    labels = {p.label: p for p in lines if p.label}
    after = [lines[n + 1] for n, p in enumerate(lines) if "TIMEOUT(" in p.arguments]
    assert [(p.application, p.arguments.partition(":")[0]) for p in after] == [("AGI", "agi"), ("Goto", "ask")]
    assert labels["ask"] is after[0]
    gone = lines[lines.index(after[0]) + 1]
    assert (gone.application, gone.arguments) == ("Goto", "callrouter-next,s,1")
    for context in LEASED:
        gone_to = [re.split(r"[,?:]", p.arguments)[0] for p in of(steps, context, "T") if p.application == "Goto"]
        assert gone_to
        assert all(name in {"s", "callrouter-next"} for name in gone_to)


def test_lease_that_lapses_behind_the_services_last_word_goes_on_by_it(steps: list[Priority]) -> None:
    _, menu, plain, *_ = of(steps, "callrouter-next")
    asked = '$["${CR_READY}"="yes" & ${LEN(${CR_MENU__${CR_LANG}})}>0]?ours'
    assert [(p.application, p.arguments) for p in (menu, plain)] == [
        ("GotoIf", asked),
        ("GotoIf", '$["${CR_READY}"="yes"]?plain'),
    ]


def test_language_that_a_service_gave_in_part_is_not_the_one_that_is_spoken(steps: list[Priority]) -> None:
    """It is set with the lease's end, and anew where the failsafe has changed it."""
    lines = of(steps, "callrouter-next")
    failsafe = next(n for n, p in enumerate(lines) if p.arguments == "callrouter-failsafe,s,1")
    again, anew = lines[failsafe + 1 : failsafe + 3]
    assert (again.application, again.arguments) == ("GotoIf", '$["${CR_READY}"="yes"]?s,1')
    spoken = {"CHANNEL(language)": "${CR_LANG}", "CHANNEL(musicclass)": "callrouter-${CR_LANG}"}
    assert assigned(anew) == spoken
    assert assigned(lines[0]) == {"TIMEOUT(absolute)": "0", "CR_KEY": "other", **spoken}


# ---------------------------------------------------------------- what was handed over
def test_nothing_but_the_service_and_the_whole_failsafe_say_that_all_is_there(steps: list[Priority]) -> None:
    """It is unset before the service is asked, asked for behind it, and again behind the failsafe's data."""
    uses = [p for p in steps if "CR_READY" in p.arguments and "-probe" not in p.context]
    set_to = [(p.context, value) for p in uses for name, value in assigned(p).items() if name == "CR_READY"]
    assert set_to == [("callrouter-112", ""), ("callrouter-failsafe", "yes")]
    asking = [p for p in uses if not assigned(p)]
    assert [p.context for p in asking] == ["callrouter-next"] * 3
    assert all(p.application == "GotoIf" and '"${CR_READY}"="yes"' in p.arguments for p in asking)
    failsafe = [p.arguments for p in of(steps, "callrouter-failsafe")]
    assert failsafe.index('$["${CR_F_SUM}"!="${CR_F_NAME}"]?none') < failsafe.index("CR_READY=yes")
    lines = of(steps, "callrouter-112")
    (asked,) = [n for n, p in enumerate(lines) if p.application == "AGI"]
    before = [assigned(p) for p in lines[:asked]]
    assert sum(found.get("CR_READY") == found.get("CR_PLAN") == "" for found in before) == 1


def test_service_is_asked_once_and_nothing_behind_it_waits_for_the_service(steps: list[Priority]) -> None:
    asking = [p.context for p in steps if "AGI" in p.application]
    assert asking == ["callrouter-112", "callrouter-doctor"]
    assert {p.context for p in steps if "callrouter-112" in p.arguments} == {"callrouter-once"}
    entered = [p.context for p in steps if "callrouter-once" in p.arguments]
    assert all(context.startswith("callrouter-from-") for context in entered)


def test_plan_is_that_of_language_and_choice_then_of_the_choice_and_never_none(steps: list[Priority]) -> None:
    lines = [(p.application, p.arguments) for p in of(steps, "callrouter-next")]
    begin = lines.index(("Gosub", "callrouter-menu,s,1"))
    has_one = ("GotoIf", "$[${LEN(${CR_PLAN})}>0]?callrouter-plan,s,1")
    assert lines[begin:] == [
        ("Gosub", "callrouter-menu,s,1"),
        has_one,
        ("Set", f"CR_PLAN=${{CR_PLAN_${{CR_KEY}}{OF_LANGUAGE.format('${CR_KEY}')}}}"),
        has_one,
        ("Set", "CR_PLAN=${CR_FAILSAFE_PLAN}"),
        ("Goto", "callrouter-plan,s,1"),
        ("Gosub", "callrouter-banner,plain,1"),
        ("Goto", "decided"),
    ]
    (chosen,) = [p for p in of(steps, "callrouter-menu") if p.label == "chosen"]
    digits = "${CR_IN}${CR_DIGIT}"
    assert assigned(chosen)["CR_PLAN"] == f"${{CR_PLAN_{digits}{OF_LANGUAGE.format(digits)}}}"
    assert assigned(chosen)["CR_WHERE"] == f'${{IF($["${{CR_WHERE}}"=""]?${{CR_WHERE_{digits}}}:${{CR_WHERE}})}}'
    of_call = [assigned(p).get("CR_PLAN") for p in of(steps, "callrouter-112")]
    assert "" in of_call, "so that one is there only where it was chosen"


def test_digit_means_something_if_and_only_if_it_has_a_plan(steps: list[Priority]) -> None:
    menu = [p.arguments for p in of(steps, "callrouter-menu")]
    at_once, test = [text for text in menu if text.endswith("?chosen")]
    assert at_once == '$["${READSTATUS}${CR_BANNER}"="OK" & ${LEN(${CR_PLAN_${CR_IN}${CR_DIGIT}})}>0]?chosen'
    assert test == "$[${LEN(${CR_PLAN_${CR_DIGITS}})}>0]?chosen"
    assert "CR_DIGITS=${CR_IN}${CR_DIGIT}" in menu
    keys = [
        (found.get("CR_KEY"), found.get("CR_CHOICE")) for p in of(steps, "callrouter-menu") if (found := assigned(p))
    ]
    assert [key for key in keys if key[0]] == [("silent", None), ("${CR_IN}${CR_DIGIT}",) * 2]
    before = menu[: menu.index(test)]
    assert any(text.endswith('=""]?silent') for text in before), "CR_PLAN_ of no digit is never asked for"


def test_no_option_of_a_menu_is_what_the_dialplan_keeps_for_itself() -> None:
    """A digit with a plan is taken before it is asked whether it calls an operator or another language."""
    assert not re.fullmatch(DIGIT_PATTERN, "0")
    switch = small().routing.menus[0].switch_digit
    document = small().model_dump(mode="json")
    document["routing"]["menus"][0]["options"][0]["digit"] = switch
    with pytest.raises(ValidationError, match="menu digit '9'"):
        RoutingTable.model_validate(document)


def test_menu_behind_a_digit_is_read_at_once_so_that_the_next_digit_meets_a_read(steps: list[Priority]) -> None:
    """Whatever took time between two Read()s, or played a clip there, could lose a digit that is under way."""
    lines = of(steps, "callrouter-menu")
    labels = {p.label: n for n, p in enumerate(lines) if p.label}
    read, asked = [n for n, p in enumerate(lines) if p.application == "Read"]
    assert "CR_MENU_${CR_IN}_${CR_LANG}" in lines[read].arguments
    between = [*lines[read + 1 : labels["inner"]], *lines[labels["enter"] : read]]
    assert {p.application for p in between if p is not lines[asked]} <= {"Set", "GotoIf", "Goto"}
    assert [(p.application, p.arguments) for p in lines[labels["inner"] : labels["inner"] + 2]] == [
        ("Set", "CR_IN=${CR_DIGITS}"),
        ("Goto", "enter"),
    ]
    assert (lines[labels["enter"]].arguments, labels["enter"] + 1) == ("CR_TRY=0", labels["again"])


def test_head_of_a_plan_is_read_part_by_part(steps: list[Priority]) -> None:
    head = encode(Plan((Record(1),), "r", 5, 1, "c")).split("!")[0].split(",")
    first, quick, told, *_ = of(steps, "callrouter-plan")
    names, values = re.fullmatch(r"ARRAY\(([^)]*)\)=(.*),\$\{CUT\(CR_PLAN,!,1\)\}", first.arguments).groups()  # type: ignore[union-attr]
    found = dict(zip(names.split(","), [*values.split(","), *head], strict=True))
    assert {name: value for name, value in found.items() if value} == {
        "CR_ROUNDS": "0",
        "CR_STEPS": "CR_PLAN",
        "CR_I": "2",
        "CR_STAGE": "plan",
        "CR_HEAD": "plan",
        "CR_VERSION": "1",
        "CR_ROUTE": "r",
        "QUEUE_PRIO": "5",
        "CR_CATEGORY": "c",
        "CR_TOLD": "told-unknown",
    }
    assert (quick.application, quick.arguments.rpartition("?")[2]) == ("GotoIf", "run")
    assert told.arguments.startswith("CRChoice,")


def test_plan_that_is_told_fits_into_one_function_of_the_pbx() -> None:
    """The PBX cuts what a function gives at 4,096 bytes (VAR_BUF_SIZE), and BASE64_ENCODE() makes four of three."""
    assert 4 * -(-(1 + MAX_PLAN_CHARS) // 3) < 4_096


def test_cause_of_a_try_is_that_of_the_leg_that_was_dialled(dialplan: Path) -> None:
    """The keys name the dialling channel, too, where the PBX has rung it: its cause is the 200 of its telephone."""
    lines = priorities(dialplan.read_text())
    asked = [n for n, p in enumerate(lines) if "HANGUPCAUSE(${" in p.arguments]
    assert [lines[n].context for n in asked] == ["callrouter-attempt", "callrouter-party-kept", "callrouter-callback"]
    for n in asked:
        keys, leg, none = ((p.application, p.arguments) for p in lines[n - 3 : n])
        assert keys == ("Set", "CR_KEYS=${HANGUPCAUSE_KEYS()}")
        first = "${CUT(CR_KEYS,\\,,1)}"
        assert leg == ("Set", f'CR_LEG=${{CUT(CR_KEYS,\\,,${{IF($["{first}"="${{CHANNEL(name)}}"]?2:1)}})}}')
        assert none == ("GotoIf", '$["${CR_LEG}"=""]?judge')
        assert "HANGUPCAUSE(${CR_LEG},tech)" in lines[n].arguments
        assert lines[n + 1].label == "judge"


# ---------------------------------------------------------------- what a caller sends
def test_text_of_the_caller_goes_nowhere_but_into_the_journals_code(steps: list[Priority]) -> None:
    dialog = [f"${{STRREPLACE(CHANNEL(pjsip,{part},:,)}}" for part in ("call-id):0:200", "remote_tag):0:100")]
    invite = f"GROUP(invite)=${{SHA1({'/'.join(dialog)})}}"
    sent = ("CALLERID(", "PJSIP_HEADER(", "CHANNEL(pjsip,", "pjsip,remote_uri")
    sources = [p.arguments for p in steps if any(source in p.arguments for source in sent)]
    assert sources == [
        "__CR_HOPS=$[0${FILTER(0-9,${PJSIP_HEADER(read,X-Callrouter-Hops):0:2})}]",  # a neighbour's, two digits
        "CR_HANDED=${FILTER(-0-9A-Za-z,${PJSIP_HEADER(read,X-Callrouter-Incident):0:64})}",  # a neighbour's, too
        f'GROUP(trunk)=${{IF($["${{CR_ORIGIN}}"!="operator"]?${{CR_TRUNK}})}},{invite}',
        "CR_SENT=${STRREPLACE(CALLERID(num):0:64,%,%25)}",
        "CR_SENT_NAME=${STRREPLACE(CALLERID(name):0:200,%,%25)}",
        'CR_SENT=<${CHANNEL(${IF($["${CHANNEL(channeltype)}"="PJSIP"]?pjsip,remote_uri:name)}):0:600}',
        '$["${FILTER(a-z,${STRREPLACE(PJSIP_HEADER(read,Geolocation):0:64,:,)})}"=""]?s,1',
        "CR_SENT=${STRREPLACE(CHANNEL(pjsip,call-id):0:200,%,%25)}",
        "PJSIP_HEADER(add,X-Callrouter-Hops)=${CR_HOPS}",
        '$["${CR_ID}"!=""]?Set(PJSIP_HEADER(add,X-Callrouter-Incident)=${CR_ID})',
    ]
    uses = {
        f"{name}={value}" if name else p.arguments
        for p in steps
        if "CR_SENT" in p.arguments and p.arguments not in sources
        for name, value in (assigned(p) or {"": ""}).items()
        if not name or "CR_SENT" in name + value
    }
    assert uses == {
        "CR_SENT=${STRREPLACE(CUT(CUT(CUT(CUT(CR_SENT,<,${FIELDQTY(CR_SENT,<)}),:,2-),>,1),@,1):0:64,%,%25)}",
        "CR_FROM=${BASE64_ENCODE(.${STRREPLACE(CR_SENT,:,%3A)})}",
        "CR_NUMBER=${BASE64_ENCODE(.${STRREPLACE(CR_SENT,:,%3A)})}",
        "CR_NAME=${BASE64_ENCODE(.${STRREPLACE(CR_SENT_NAME,:,%3A)})}",
        "CR_INVITE=${BASE64_ENCODE(.${STRREPLACE(CR_SENT,:,%3A)})}",
    }


def test_no_function_works_in_the_buffer_of_one_that_it_looks_up(steps: list[Priority]) -> None:
    """STRREPLACE() within STRREPLACE() gives both texts: the PBX keeps one buffer for all of them (result_buf)."""
    sharing = re.compile(r"(?:STRREPLACE|REPLACE|FIELDQTY|FIELDNUM|LISTFILTER|PASSTHRU|SHIFT|POP)\(")
    nested = [
        p.arguments
        for p in steps
        for name in re.findall(r"(?:STRREPLACE|FIELDQTY)\(((?:[^,()$]|\([^()]*\))*)", p.arguments)
        if sharing.search(name)
    ]
    assert nested == []


def test_recording_is_given_no_command_whatever_a_variable_holds(steps: list[Priority]) -> None:
    (started,) = [p.arguments for p in steps if re.search(r"(?<!Stop)MixMonitor", f"{p.application} {p.arguments}")]
    folder, name, options = re.fullmatch(r"MixMonitor\(([^$,]+)/(\$\{[^}]+\}\)\}),(\w+)\)", started).groups()  # type: ignore[union-attr]
    assert Path(folder).is_absolute()
    assert name == "${FILTER(-0-9a-z_./,${CR_FILE})}"
    assert options == "b"
    made = [p.arguments for p in steps if p.arguments.startswith("CR_FILE=")]
    assert made == [
        "CR_FILE=${STRFTIME(${CUT(ARG2,_,1)},UTC,%F)}/${FILTER(-0-9a-f,${ARG1})}_${FILTER(0-9_.,${ARG2})}.wav"
    ]


def test_extension_that_was_dialled_is_used_only_where_the_table_made_it(steps: list[Priority]) -> None:
    assert {p.context for p in steps if "EXTEN" in p.arguments.replace("DIALPLAN_EXISTS", "")} == {
        "callrouter-confirm",
        "callrouter-transfer-to",
        "callrouter-transfer-many",  # from there
        "callrouter-consult",
    }


# ---------------------------------------------------------------- applications that lose callers
def test_dial_always_keeps_the_caller_and_never_follows_a_redirection(steps: list[Priority]) -> None:
    no_caller = {
        "callrouter-consult",
        "callrouter-party",
    }  # an operator's own call; one that rings an agency for a talk
    asked = [p.arguments.rsplit(",", 1)[1] for p in steps if p.application == "Dial" and p.context in no_caller]
    assert all(options.startswith("i") for options in asked)
    dials = [p for p in steps if p.application == "Dial" and p.context not in no_caller]
    assert len(dials) == 4
    for dial in dials:
        _, timeout, options = re.fullmatch(r"(.*),(\$\{\w+\}\^\$\{\w+\}),([^,]*)", dial.arguments).groups()  # type: ignore[union-attr]
        assert timeout.endswith("^${CR_NO_PROGRESS}")
        assert options.startswith("gi")
        assert "U(callrouter-" in options


def test_queue_always_keeps_the_caller_and_is_bounded(steps: list[Priority]) -> None:
    queues = [p.arguments.split(",") for p in steps if p.application == "Queue"]
    assert len(queues) == 2
    for queue in queues:
        assert queue[1:] == ["ci", "", "", "${ARG3}", "", "callrouter-member"]


def test_callee_is_never_dropped_by_abort(dialplan: Path) -> None:
    assert "ABORT" not in dialplan.read_text()
    assert set(re.findall(r"GOSUB_RESULT=(\w+)", dialplan.read_text())) == {"BUSY", "CONTINUE"}


def test_recording_is_kept_on_hang_up_and_needs_no_beep_of_the_pbx(steps: list[Priority]) -> None:
    (record,) = [p for p in steps if p.application == "Record"]
    file, silence, longest, options = record.arguments.split(",")
    assert file == "${CR_RECORDINGS}/${CR_RECORDING}"
    assert (silence, longest) == ("${CR_SILENCE_S}", "${ARG2}")
    assert {"k", "q"} <= set(options)


def test_reading_digits_never_answers_a_call_and_every_wait_is_bounded(steps: list[Priority]) -> None:
    reads = [p.arguments.split(",") for p in steps if p.application == "Read"]
    assert len(reads) == 7
    for variable, _clips, digits, options, attempts, seconds in reads:
        assert (variable, digits, options, attempts) == ("CR_DIGIT", "1", "n", "1")
        assert re.fullmatch(r"\$\{(CR_(DIGIT|AFTER|CONFIRM)_S|ARG2)\}", seconds)
    plays = [p for p in steps if p.application == "Playback" and p.context in {"callrouter-menu", "callrouter-plan"}]
    assert plays
    assert all(p.arguments.endswith(",noanswer") for p in plays)


def test_nothing_is_said_in_the_menu_that_a_digit_cannot_end(steps: list[Priority]) -> None:
    assert "Playback" not in {p.application for p in of(steps, "callrouter-menu")}


def test_hangup_handler_opens_no_socket_and_waits_for_nothing(steps: list[Priority]) -> None:
    handler = of(steps, "callrouter-hangup")
    assert {p.application for p in handler} == {"Set", "MSet", "GotoIf", "Goto", "ExecIf", "UserEvent", "Return"}
    gathered, ended = [p.arguments for p in handler if p.application == "ExecIf"]
    assert gathered.endswith("?Gosub(callrouter-party-kept,all,1)")
    assert ended.endswith("?Gosub(callrouter-party-kept,part,1)")
    assert {p.application for p in of(steps, "callrouter-party-kept", "all")} == {"Set", "GotoIf", "Goto", "Return"}
    journal, doorbell, parties, _ = handler[-4:]
    assert [n for n, p in enumerate(handler) if "FILE(" in p.arguments] == [handler.index(journal)]
    assert doorbell.arguments.startswith(f"{EVENT_DOORBELL},")
    assert parties.arguments == ended


def test_parties_that_cannot_be_sent_away_end_nothing_of_the_callers(steps: list[Priority]) -> None:
    parting = of(steps, "callrouter-party-kept", "part")
    assert {p.application for p in parting} == {"Set", "GotoIf", "Goto", "ExecIf", "Return"}
    assert [p.arguments.partition("?")[2] for p in parting if p.application == "ExecIf"] == [
        "TryExec(ChannelRedirect(${CR_LEG},callrouter-party,end,1))"
    ]


def test_call_is_in_the_journal_before_anything_that_could_end_it(steps: list[Priority]) -> None:
    lines = of(steps, "callrouter-112")
    (line,) = [n for n, p in enumerate(lines) if "FILE(" in p.arguments]
    before = lines[:line]
    assert [p.application for p in before] == ["Set", "Set", "MSet"]
    trusted = of(steps, "callrouter-112", "trusted")
    assert [p.application for p in trusted] == ["Set", "Set", "MSet", "GotoIf", "Set", "Set", "Goto"]
    assert [p.arguments.rpartition("?")[2] for p in trusted if p.application.startswith("Goto")] == ["s,1"] * 2
    for name in ("CR_FROM", "CR_INVITE"):  # of a trunk that is not believed, none
        assert assigned(before[-1])[name] == f'${{IF($["${{CR_TRUSTED}}"="yes"]?${{{name}}})}}'
    assert [p for p in (*before, *trusted) if any("CR_CALL" in name for name in assigned(p))] == before[-1:]
    handler, stage, journal = assigned(lines[line]).items()
    assert handler == ("CHANNEL(hangup_handler_push)", "callrouter-hangup,s,1")
    assert stage == ("CR_STAGE", "opened")
    assert journal[0].startswith("FILE(")
    assert "hangup_handler_push" not in "".join(p.arguments for p in [*lines[:line], *lines[line + 1 :]])


# ---------------------------------------------------------------- variables
def test_every_variable_that_is_read_is_set_somewhere(dialplan: Path) -> None:
    text = re.sub(r"^;.*$", "", dialplan.read_text(), flags=re.MULTILINE)
    pjsip = (dialplan.parent / "pjsip.conf").read_text()
    globals_ = next(section for section in read(text) if section.name == "globals")
    given = {name for name, _ in globals_.lines}
    given |= set(re.findall(r"set_var = (CR_\w+)=", pjsip))
    given |= set(re.findall(r"(?:Set\(|Read\()(?:__|MASTER_CHANNEL\()?(CR_\w+)[=,)]", text))
    given |= {name for p in priorities(dialplan.read_text()) for name in assigned(p) if re.fullmatch(r"CR_\w+", name)}
    by_service = {"CR_MENU_SWITCH", "CR_MENU_", "CR_NEXT_LANG_", "CR_PLAN_", "CR_PLAN_silent", "CR_WHERE_"}
    by_parts = {"CR_ATTEMPT_", "CR_ATTEMPT_1", "CR_ATTEMPT_2"}
    by_party = {f"CR_PARTY_{name}" for name in ("ID", "OF", "CALL", "TO", "AT", "S", "MAX", "ABOUT")}
    by_table = {"CR_ROOM_", "CR_ALL_", "CR_RECORD_", "CR_TO_"}
    by_probe = {"CR_PROBE", "CR_PROBE_TRUNK"}
    by_notice = {"CR_NOTICE", "CR_TRY", "CR_VIA", "CR_TO", "CR_RING", "CR_LISTEN", "CR_SAY"} - given
    text = text.replace("CR_MENU__", "CR_MENU_")
    used = set(re.findall(r"\$\{(CR_\w+)", text)) | set(re.findall(r"CUT\((CR_\w+)", text))
    by_back = {"CR_BACK_NUMBER", "CR_BACK_VIA", "CR_BACK_S"}
    assert used - given == by_service | by_parts | by_party | by_table | by_probe | by_notice | by_back
    assert f"Set({min(by_parts)}${{CR_N}}=" in text
    assert {"CR_ATTEMPT_${CR_N}"} == {n for p in priorities(text) for n in assigned(p) if n.startswith(min(by_parts))}


def test_no_global_of_the_dialplan_is_never_used(dialplan: Path) -> None:
    text = dialplan.read_text()
    globals_ = next(section for section in read(text) if section.name == "globals")
    by_key = {name for name, _ in globals_.lines if name.startswith(("CR_TO_", "CR_ROOM_", "CR_ALL_", "CR_RECORD_"))}
    assert [name for name, _ in globals_.lines if name not in by_key and f"${{{name}}}" not in text] == []
    assert all(f"{{{name}" in text for name in ("CR_TO_", "CR_ROOM_", "CR_ALL_", "CR_RECORD_"))


def test_what_a_callee_stamps_on_the_caller_is_cleared_before_the_next_attempt(steps: list[Priority]) -> None:
    stamped = {
        name
        for p in steps
        if (p.context, p.exten) != ("callrouter-transferred", "handed")  # which ends an attempt and begins the next
        for name in re.findall(r"^MASTER_CHANNEL\((CR_\w+)\)=", p.arguments)
    }
    begun = [p for p in steps if any(name == "CR_A" for name in assigned(p)) and "-transfer" not in p.context]
    begun = [p for p in begun if not p.context.startswith("callrouter-party")]
    assert [(p.context, p.exten) for p in begun] == [("callrouter-step", "_dial!"), ("callrouter-attempt", "begin")]
    first, cleared = ({name for name, value in assigned(p).items() if not value} for p in begun)
    assert first - cleared == {"CR_EACH"}
    assert cleared <= first
    stamped -= {"CR_STAGE", "CR_PASS", "CR_TALKS"}  # CR_TALKS is of all attempts
    assert stamped == {"CR_PICKUP", "CR_BY", "CR_HUMAN", "CR_HUMAN_MS", "CR_DECLINED", "CR_FULL", "CR_MUTE"}
    assert stamped <= cleared
    assert "HangupCauseClear" in {p.application for p in of(steps, "callrouter-attempt", "end")}
    for judged in ("dialled", "queued", "human"):
        assert any(
            p.arguments.startswith("callrouter-attempt,end,1") for p in of(steps, "callrouter-attempt", judged)
        )


def test_what_several_channels_write_at_once_is_never_read_and_made_longer(steps: list[Priority]) -> None:
    """Two agencies of a talk: between reading and writing back comes the other. Each has a variable of its own."""
    written = [found for p in steps for found in re.findall(r"SHARED\((\w+)[^)]*\)=(.*)", p.arguments)]
    assert written
    assert [name for name, value in written if f"SHARED({name}" in value] == []
    kept = [p.arguments for p in steps if p.context == "callrouter-record" and "SHARED(" in p.arguments]
    assert ["SHARED(CR_TALK_${CR_P},${CR_PARTY_OF})=+${ARG2}" in text for text in kept] == [True]


def test_status_of_the_queue_is_cleared_before_each_queue(steps: list[Priority]) -> None:
    for exten in ("ring", "last"):
        lines = of(steps, "callrouter-step", exten)
        (queue,) = [n for n, p in enumerate(lines) if p.application == "Queue"]
        assert lines[queue - 1].arguments == "QUEUESTATUS="


# ---------------------------------------------------------------- the journal
@pytest.mark.parametrize(("kind", "line"), [("opened", opened_line()), ("ended", ended_line())])
def test_journal_lines_have_the_fields_that_are_read(dialplan: Path, kind: str, line: bytes) -> None:
    (template,) = re.findall(
        rf"FILE\([^=]*\)=1\|{kind}\|\$\{{CR_CALL\}}\|(.*)\)$", dialplan.read_text(), re.MULTILINE
    )
    written = re.findall(r"(?:^|\|)([a-z]+)=", template)
    assert written == [pair.split(b"=")[0].decode() for pair in line.split(b"|")[3:]]


def test_longest_line_of_the_journal_is_not_cut(dialplan: Path) -> None:
    """The PBX cuts an application's argument at 8,191 bytes (EXT_DATA_SIZE), with FILE()'s path before the line.

    The fullest call: a plan of eight route steps in which everybody is tried in vain, then three talks that end,
    after each of which the caller asks for an operator and everything but the message is tried.
    """
    stamp, by, key = len("1763760000_00.123456"), len("trunk-") + 31, 31
    one = len("^ringgroup~~~~~~~~") + 4 * stamp + by + len("unavailable") + 40
    rounds = MAX_ROUTE_STEPS + 2, 3 * 3 + 2
    labels_of_the_plan = MAX_PLAN_CHARS // 2
    labels_after = 3 * (2 * key + MAX_TARGETS * len("static/n0+")) + 2 * len("message")
    attempts = sum(rounds) * one + labels_of_the_plan + labels_after
    fields = len(ended_line(plan="", route="r" * key, category="c" * key, stage="operator", lang="id"))
    stamps = 5 * stamp + by + key + len("6f1c1d8e-7d3f-4b1f-9f5e-0d3b5f0f8a11.wav") + len("9999999")
    talks = int(re.findall(r"talks=\$\{CR_SPOKEN:0:(\d+)\}", dialplan.read_text())[0]) + len("+more")
    path = len("FILE(,,,al,u)=") + 300
    assert path + fields + stamps + talks + MAX_PLAN_CHARS + attempts < 8_191 < MAX_LINE + 1


# ---------------------------------------------------------------- a probe
def test_probe_rings_nobody_and_writes_nothing(probing: list[Priority]) -> None:
    assert {p.application for p in probing} == {
        *("AGI", "Answer", "ExecIf", "Gosub", "Goto", "GotoIf", "Hangup", "Return", "Set", "UserEvent"),
        *("Wait", "WaitForNoise"),
    }
    entered = {p.arguments.partition(",")[0] for p in probing if p.application == "Gosub"}
    assert entered == {
        *("callrouter-probe-begin", "callrouter-probe-tell", "callrouter-probe-step"),
        *("callrouter-menu", "callrouter-failsafe"),
    }
    assert not any(
        re.search(r"(?:FILE|GROUP|GLOBAL|MASTER_CHANNEL|hangup_handler_push)\b", p.arguments) for p in probing
    )


def test_probe_has_no_identity_of_a_call_and_is_bounded(probing: list[Priority]) -> None:
    assert [p.arguments for p in probing if p.arguments.startswith("CR_CALL=")] == ["CR_CALL="]
    assert all(of(probing, "callrouter-probe", "T"))
    limits = [p.arguments for p in probing if "TIMEOUT(" in p.arguments]
    assert limits == ["TIMEOUT(absolute)=${CR_LEASE}", *["TIMEOUT(absolute)=60"] * 3]


def test_probe_knows_every_step_that_a_plan_can_have(steps: list[Priority], probing: list[Priority]) -> None:
    of_calls = {p.exten for p in steps if p.context == "callrouter-step"} - {"operator"}  # no table has that
    of_calls = (of_calls - {"_dial!"}) | {"dial", "plan"}  # read by callrouter-plan
    assert {p.exten for p in probing if p.context == "callrouter-probe-step"} == of_calls


def test_probe_takes_the_plan_as_a_call_does(steps: list[Priority], probing: list[Priority]) -> None:
    def looked_up(lines: list[Priority]) -> list[str]:
        return re.findall(r"CR_PLAN=(\$\{CR_PLAN_.*\}|\$\{\w+\})", "\n".join(p.arguments for p in lines))

    given = looked_up(of(steps, "callrouter-next"))
    assert len(given) >= 2
    assert looked_up(of(probing, "callrouter-probe", "way")) == given[-2:]


def test_no_program_is_named_by_a_variable(steps: list[Priority], probing: list[Priority]) -> None:
    """Who may set variables over AMI would have any program run."""
    called = [p.arguments for p in (*steps, *probing) if p.application == "AGI"]
    assert len(called) >= 3
    assert [words for words in called if "$" in words.partition(",")[0]] == []


# ---------------------------------------------------------------- a call that speaks a notice
def test_speaking_a_notice_is_no_call_and_touches_none(speaking: list[Priority]) -> None:
    assert not any("CR_CALL" in p.arguments for p in speaking)
    stamped = {name for p in speaking for name in re.findall(r"MASTER_CHANNEL\((\w+)\)", p.arguments)}
    assert stamped == {"CR_RESULT", "CR_NOTED"}
    assert {p.arguments.partition(",")[0] for p in speaking if p.application == "Gosub"} == {"callrouter-notice"}


def test_speaking_a_notice_is_bounded_and_keeps_a_channel_of_the_trunk(speaking: list[Priority]) -> None:
    (dial,) = [p.arguments for p in speaking if p.application == "Dial"]
    assert ",${CR_RING}^${CR_NO_PROGRESS},gib(callrouter-notice^leg^1)U(callrouter-notice-told)" in dial
    (read,) = [p.arguments for p in speaking if p.application == "Read"]
    assert read == "CR_DIGIT,${CR_SAY},1,n,1,${CR_CONFIRM_S}"
    assert "TIMEOUT(absolute)=${CR_LISTEN}" in {p.arguments for p in speaking}
    count = "${GROUP_COUNT(${CR_TRUNK}@trunk)}+${GROUP_COUNT(${CR_TRUNK}@out)}"
    before, _, after, *_ = [p.arguments for p in of(speaking, "callrouter-notice", "leg")]
    assert (before, after) == (f"$[{count}+2>0${{CR_CHANNELS}}]?full", f"$[{count}+1>0${{CR_CHANNELS}}]?over")


def test_what_became_of_a_notice_is_written_once_and_when_the_digit_is_pressed(speaking: list[Priority]) -> None:
    told = [(p.application, p.arguments) for p in of(speaking, "callrouter-notice-told")]
    for result in ("accepted", "declined"):
        noted = told.index(("Gosub", f"callrouter-notice,note,1({result})"))
        assert told[noted - 1] == ("Set", "MASTER_CHANNEL(CR_NOTED)=yes")
        assert told[noted + 1] == ("Playback", f"cr/notice-{result}")
    (over, _) = [p.arguments for p in of(speaking, "callrouter-notice", "over")]
    assert over == '$["${CR_NOTED}"=""]?Gosub(callrouter-notice,note,1(${CR_RESULT}))'
    (line,) = [p.arguments for p in speaking if "FILE(" in p.arguments]
    assert line.endswith("=1|notice|${CR_NOTICE}|t=${CR_NOTED}|node=${CR_NODE}|try=${CR_TRY}|result=${ARG1}")


# ---------------------------------------------------------------- a caller is called back
@pytest.fixture(scope="module")
def backing(dialplan: Path) -> list[Priority]:
    """The lines of a call back."""
    return [p for p in priorities(dialplan.read_text()) if p.context.startswith("callrouter-callback")]


def test_call_back_is_no_call_and_dials_nothing_but_digits(backing: list[Priority]) -> None:
    assert not any("CR_CALL}" in p.arguments for p in backing)
    (dial,) = [p.arguments for p in backing if p.application == "Dial"]
    assert dial == (
        "PJSIP/${CR_BACK_TO}@trunk-${CR_VIA},${FILTER(0-9,${CR_BACK_S})}^${CR_NO_PROGRESS},"
        "girb(callrouter-callback-leg^s^1)U(callrouter-callback-human)"
    )
    dialled = {p.arguments for p in backing if p.arguments.startswith("CR_BACK_TO=")}
    assert dialled == {
        "CR_BACK_TO=${FILTER(+,${CR_BACK_NUMBER:0:1})}${FILTER(0-9,${CR_BACK_NUMBER})}",
        "CR_BACK_TO=${MASTER_CHANNEL(CR_BACK_TO)}",
    }
    assert {p.arguments for p in backing if p.arguments.startswith("CR_VIA=")} == {
        "CR_VIA=${FILTER(-a-z0-9,${CUT(CR_BACK_VIA,&,${CR_I})})}"
    }


def test_call_back_has_its_priority_and_is_counted_on_its_trunk(backing: list[Priority]) -> None:
    leg = [(p.application, p.arguments) for p in of(backing, "callrouter-callback-leg")]
    used = "${GROUP_COUNT(${CR_TRUNK}@trunk)}+${GROUP_COUNT(${CR_TRUNK}@out)}"
    one_stays_free = f'$["${{CR_CHANNELS}}"!="" & {used}+2>0${{CR_CHANNELS}}]'
    assert leg == [
        ("GotoIf", f"{one_stays_free}?full"),
        ("Set", "PJSIP_HEADER(add,Priority)=psap-callback"),
        ("Gosub", "callrouter-leg,s,1"),
        ("Return", ""),
        ("Hangup", "34"),
    ]


def test_each_end_of_a_call_back_is_written_before_anything_else_happens(backing: list[Priority]) -> None:
    begin = [p.arguments for p in of(backing, "callrouter-callback", "s")]
    assert begin[0] == "CHANNEL(hangup_handler_push)=callrouter-callback,ended,1"
    ends = [p for p in backing if p.arguments == "callrouter-callback,note,1(ended)"]
    assert [p.exten for p in ends] == ["failed", "ended"]
    handler = [p for p in backing if p.exten in {"ended", "note"}]
    assert {p.application for p in handler} == {"ExecIf", "Gosub", "Return", "Set", "UserEvent"}


def test_line_of_a_call_back_has_the_fields_that_are_read(dialplan: Path) -> None:
    (template,) = re.findall(r"\)=1\|callback\|[^|]*\|(.*)\)$", dialplan.read_text(), re.MULTILINE)
    written = re.findall(r"(?:^|\|)([a-z]+)=", template)
    assert written == [pair.split(b"=")[0].decode() for pair in callback_line().split(b"|")[3:]]
