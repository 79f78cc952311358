"""What the PBX tells over AMI, on the board; and what the service does about it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from callrouter.asterisk.ami import AmiEvent
from callrouter.asterisk.asking import VARIABLES
from callrouter.asterisk.living import living_calls, ringing_legs
from callrouter.asterisk.watch import STATUS_VARIABLES, Watch, endpoint_of
from callrouter.calls.board import Board
from callrouter.calls.live import LiveCall, Stage
from callrouter.calls.ports import CallJoined, CallRouted
from callrouter.calls.reconcile import Unseen
from callrouter.calls.session import Sessions, snapshot_of
from callrouter.resources import resource
from callrouter.routing.facts import Choice
from callrouter.routing.values import Language
from tests.unit.asterisk.given import answer, event, rendered
from tests.unit.calls.given import CALL, OTHER, Clock, Notes, at, sent, us
from tests.unit.routing.tables import small

PLAN_TEXT = "plan,7,fire,10,fire!dial,PJSIP/101@trunk-damkar,20,a,damkar/posko!last,operators,90!record,60"
CALLER, LEG = "PJSIP/trunk-telco-00000001", "PJSIP/trunk-damkar-00000002"

KNOWN = {
    "Call": str(CALL), "Path": "service", "Choice": "1", "Category": "fire", "Lang": "id", "Origin": "citizen",
    "Trunk": "telco", "Area": "", "Away": "", "Posture": "", "Suspicion": "", "Speechless": "", "Version": "7",
    "Route": "fire", "By": "", "Plan": PLAN_TEXT,
}  # fmt: skip
"""What the PBX answers when it is asked for a choice (asking.VARIABLES)."""


@dataclass
class Rig:
    """A watch with a board, a writer, and what it rang and freed."""

    board: Board = field(default_factory=Board)
    notes: Notes = field(default_factory=Notes)
    rung: list[str] = field(default_factory=list)
    freed: list[str] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    """Operators that let it ring, and that took a call."""
    handed: dict[str, dict[str, str]] = field(default_factory=dict)
    """What is known of each choice in each language without asking for it."""
    asked: list[tuple[UUID, str]] = field(default_factory=list)
    forgotten: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Build the watch."""
        snapshot = snapshot_of(7, small())
        self.sessions = Sessions(lambda: snapshot, self.notes, Clock())
        self.watch = Watch(
            self.board,
            self.notes,
            Clock(),
            self.sessions.chosen,
            lambda: self.rung.append("bell"),
            self.freed.append,
            missed=lambda operator: self.told.append(("missed", operator)),
            answered=lambda operator: self.told.append(("answered", operator)),
            choices=self,
        )

    def known(self, _call: UUID, choice: str, language: str) -> dict[str, str] | None:
        """Look it up."""
        return self.handed.get(f"{choice} {language}")

    def ask(self, call: UUID, channel: str) -> None:
        """Note who is asked for."""
        self.asked.append((call, channel))

    def over(self, call: UUID) -> None:
        """Note who is not."""
        self.forgotten.append(call)

    def take(self, *events: AmiEvent) -> None:
        """Hand on events in order."""
        for one in events:
            self.watch.on_event(one)

    @property
    def only(self) -> LiveCall:
        """The one call on the board."""
        (call,) = self.board.live()
        return call


def stage(of: str, **changed: str) -> AmiEvent:
    fields = {
        "Channel": CALLER, "Linkedid": "l1", "UserEvent": "CRStage", "Call": str(CALL), "Stage": of, "Opened": at(0),
        "Origin": "citizen", "Trunk": "telco", "Number": sent("0812", 64), "Lang": "id",
    }  # fmt: skip
    return event("UserEvent", **(fields | changed))


def user(kind: str, **fields: str) -> AmiEvent:
    return event("UserEvent", UserEvent=kind, Call=str(CALL), **fields)


def choice(call: UUID = CALL, **changed: str) -> AmiEvent:
    """Return what the dialplan tells when it takes a plan (callrouter-step, plan)."""
    fields = {
        "Path": "service", "Choice": "1", "Category": "fire", "Lang": "id", "Origin": "citizen", "Trunk": "telco",
        "Area": "", "Away": "", "Suspicion": "", "Speechless": "", "Posture": "", "By": "",
        "Version": "7", "Route": "fire", "Plan": sent(PLAN_TEXT, len(PLAN_TEXT)),
    }  # fmt: skip
    return event("UserEvent", UserEvent="CRChoice", Call=str(call), **(fields | changed))


def without(given: AmiEvent, name: str) -> AmiEvent:
    return event("UserEvent", **{key: value for key, value in given.fields.items() if key not in {"Event", name}})


def rings(channel: str = LEG, **changed: str) -> AmiEvent:
    """Return what the PBX tells when a plan's dial step rings somebody."""
    fields = {
        "Channel": CALLER, "Linkedid": "l1", "Context": "callrouter-step", "Exten": "dial1", "Language": "id",
        "DestChannel": channel, "DestLinkedid": "l1",
    }  # fmt: skip
    return event("DialBegin", **(fields | changed))


def channel(**values: str) -> AmiEvent:
    held = {
        "CR_CALL": str(CALL), "CR_STAGE": "agency", "CR_OPENED": at(0), "CR_ORIGIN": "citizen", "CR_TRUNK": "telco",
        "CR_NUMBER": sent("0812", 64), "CR_LANG": "id", "CR_CATEGORY": "fire", "CR_BY": "",
    } | values  # fmt: skip
    variables = [("Variable", f"{name}={value}") for name, value in held.items()]
    return event("Status", *variables, Channel=CALLER, Linkedid="l1")


def test_stages_choice_ringing_and_talk_reach_the_board() -> None:
    rig = Rig()
    rig.take(stage("opened"), stage("menu"))
    assert (rig.only.stage, rig.only.number, rig.only.since) == (Stage.MENU, "0812", us(0))
    rig.take(choice())
    assert (rig.only.stage, rig.only.category) == (Stage.PLAN, "fire")
    rig.take(rings())
    assert (rig.only.stage, rig.only.category, rig.only.with_whom) == (Stage.AGENCY, "fire", ("trunk-damkar",))
    rig.take(user("CRHuman", By="trunk-damkar"))
    assert (rig.only.stage, rig.only.with_whom) == (Stage.TALKING, ("trunk-damkar",))
    rig.take(stage("after"))
    assert (rig.only.stage, rig.only.with_whom) == (Stage.AFTER, ())
    assert rig.rung == []
    rig.take(user("CRDoorbell"))
    assert (rig.board.live(), rig.rung) == ([], ["bell"])


def test_choice_is_noted_with_the_plan_that_the_pbx_took() -> None:
    rig = Rig()
    rig.take(stage("menu"), choice(Lang="en", Version="6"))
    (note,) = rig.notes.taken
    assert isinstance(note, CallRouted)
    assert (note.call, note.at, note.route, note.version, note.plan_text) == (CALL, us(0), "fire", 6, PLAN_TEXT)
    assert (note.facts.category, note.facts.trunk, note.facts.language) == ("fire", "telco", Language.EN)


def test_choice_is_noted_also_for_a_call_that_the_board_never_saw() -> None:
    rig = Rig()
    rig.take(choice())
    assert [type(note) for note in rig.notes.taken] == [CallRouted]
    assert rig.board.live() == []


def test_caller_who_chose_nothing_is_noted_with_what_he_did() -> None:
    rig = Rig()
    rig.take(stage("menu"), choice(Choice="silent", Category="", Route=""))
    (note,) = rig.notes.taken
    assert isinstance(note, CallRouted)
    assert (note.facts.category, note.facts.choice, note.route) == (None, Choice.SILENT, "")


def test_choice_is_known_by_the_extension_that_dials_and_what_was_handed_over() -> None:
    rig = Rig(handed={"1 en": KNOWN | {"Lang": "en"}})
    rig.take(stage("opened"), stage("menu"), rings(Language="en"), stage("operator"))
    assert (rig.only.stage, rig.only.category, rig.only.language, rig.asked) == (Stage.OPERATOR, "fire", "id", [])
    (note,) = rig.notes.taken
    assert isinstance(note, CallRouted)
    assert (note.version, note.plan_text, note.facts.language) == (7, PLAN_TEXT, Language.EN)
    rig.take(rings(Language="en"), user("CRDoorbell"))
    assert (len(rig.notes.taken), rig.forgotten) == (1, [CALL])


def test_choice_is_asked_for_once_where_the_call_goes_on_by_it_and_nobody_told_it() -> None:
    rig = Rig()
    rig.take(stage("opened"), stage("menu"))
    assert rig.asked == []
    rig.take(rings(), rings("PJSIP/trunk-bpbd-00000003"), stage("operator"))
    assert rig.asked == [(CALL, CALLER)]
    rig.take(stage("after"))
    rig.watch.learned(CALL, KNOWN | {"Lang": "en", "Speechless": "yes", "At": at(7)})
    assert (rig.only.stage, rig.only.category, rig.only.language) == (Stage.AFTER, "fire", "en")
    assert rig.only.cannot_speak
    (note,) = rig.notes.taken
    assert isinstance(note, CallRouted)
    assert (note.call, note.route, note.version, note.plan_text) == (CALL, "fire", 7, PLAN_TEXT)
    assert note.at == us(7), "when he chose, not when that was learned"


def test_call_that_the_pbx_has_no_more_is_not_to_be_known() -> None:
    rig = Rig()
    rig.take(stage("menu"))
    rig.watch.resynchronise(answer())
    assert (rig.board.live(), rig.forgotten) == ([], [CALL])


def test_choice_that_was_told_is_not_asked_for() -> None:
    rig = Rig()
    rig.take(stage("menu"), choice(), rings(), stage("operator"))
    assert rig.asked == []


def test_choice_of_a_dial_that_nobody_could_ring_for_is_asked_for_at_the_next_step() -> None:
    rig = Rig()
    rig.take(stage("menu"), stage("operator"))
    assert rig.asked == [(CALL, CALLER)]


def test_leg_that_no_step_of_a_plan_rings_moves_no_call() -> None:
    rig = Rig()
    rig.take(stage("menu"), rings(Exten="ring"), rings(Context="callrouter-consult"))
    assert (rig.only.stage, rig.asked) == (Stage.MENU, [])


def test_choice_of_a_call_that_was_there_before_us_is_left_to_its_record() -> None:
    rig = Rig()
    rig.watch.resynchronise(answer(channel()))
    rig.take(rings(), stage("operator"))
    assert rig.asked == []


def test_choice_in_the_failsafe_is_shown_and_not_noted_as_decided_when_it_was_asked_for() -> None:
    rig = Rig()
    rig.take(stage("menu"), rings())
    rig.watch.learned(CALL, KNOWN | {"Path": "failsafe"})
    assert (rig.only.category, rig.notes.taken) == ("fire", [])


@pytest.mark.parametrize("known", [{}, KNOWN | {"Version": ""}, KNOWN | {"Origin": "no such"}])
def test_answer_that_is_not_understood_is_an_error_and_changes_nothing(known: dict[str, str]) -> None:
    rig = Rig()
    rig.take(stage("menu"), rings())
    with pytest.raises((KeyError, ValueError)):
        rig.watch.learned(CALL, known)
    assert (rig.only.category, rig.notes.taken) == ("", [])


def test_plan_of_the_failsafe_is_shown_and_not_noted_as_decided() -> None:
    rig = Rig()
    rig.take(stage("opened"), choice(Path="failsafe", Choice="none", Category="", Route="failsafe"))
    assert (rig.only.stage, rig.only.category) == (Stage.PLAN, "")
    assert rig.notes.taken == []


def test_who_cannot_speak_is_shown_so_whoever_he_is_passed_on_to_and_his_suspicion_is_noted() -> None:
    rig = Rig()
    rig.take(stage("opened"), choice(Choice="cannot_speak", Category="", Speechless="yes", Suspicion="31"))
    assert rig.only.cannot_speak
    (noted,) = [note for note in rig.notes.taken if isinstance(note, CallRouted)]
    assert (noted.facts.choice, noted.facts.suspicion) == (Choice.CANNOT_SPEAK, 31)
    rig.take(choice(By="op1"), stage("agency"))
    assert rig.only.cannot_speak


def test_who_cannot_speak_is_known_again_after_a_gap() -> None:
    rig = Rig()
    rig.watch.resynchronise(answer(channel(CR_SPEECHLESS="yes")))
    assert rig.only.cannot_speak


def test_dialplan_tells_of_a_choice_what_is_read_of_it() -> None:
    parts = resource("asterisk-config") / "dialplan"
    dialplan = "".join((parts / f"{name}.conf").read_text() for name in ("call", "plan"))
    (told,) = re.findall(r"UserEvent\(CRChoice,(.*)\)$", dialplan, re.MULTILINE)
    template = dict(field.split(": ", 1) for field in told.split(","))
    assert template == {
        "Call": "${CR_CALL}", "Path": "${CR_PATH}", "Choice": "${CR_CHOICE}", "Category": "${CR_CATEGORY}",
        "Lang": "${CR_LANG}", "Origin": "${CR_ORIGIN}", "Trunk": "${CR_TRUNK}", "Version": "${CR_VERSION}",
        "Area": "${CR_WHERE}", "Away": "${CR_AWAY}", "By": "${CR_PASSED}",
        "Suspicion": "${CR_SUSPICION}", "Speechless": "${CR_SPEECHLESS}", "Posture": "${CR_POSTURE}",
        "Route": "${CR_ROUTE}", "Plan": "${BASE64_ENCODE(.${CR_PLAN})}",
    }  # fmt: skip
    assert template.keys() == choice().fields.keys() - {"Event", "UserEvent"}
    asked = {field: f"${{{variable}}}" for variable, field in VARIABLES.items()}
    assert asked.pop("At") == "${CR_CHOSEN}"
    assert asked | {"Plan": template["Plan"]} == template
    assert re.findall(r"[(,]CR_PATH=(\w+)", dialplan) == ["service", "failsafe"]


@pytest.mark.parametrize(("by", "with_agency"), [("trunk-damkar", True), ("op1", False), ("", False)])
def test_human_on_the_line_is_noted_for_the_incident(by: str, with_agency: bool) -> None:
    rig = Rig()
    rig.take(stage("agency"), user("CRHuman", By=by))
    assert rig.notes.taken == [CallJoined(CALL, us(0), by, with_agency)]


def test_human_is_noted_also_for_a_call_that_the_board_never_saw() -> None:
    rig = Rig()
    rig.take(user("CRHuman", By="op1"))
    assert rig.notes.taken == [CallJoined(CALL, us(0), "op1", with_agency=False)]


@pytest.mark.parametrize("name", ["HangupRequest", "SoftHangupRequest"])
def test_caller_who_hangs_up_has_the_ringing_legs_freed(name: str) -> None:
    rig = Rig()
    rig.take(stage("agency"), rings(), rings("PJSIP/trunk-bpbd-00000003"))
    rig.take(event(name, Channel=LEG, Linkedid="l1"))
    assert rig.freed == []
    rig.take(event(name, Channel=CALLER, Linkedid="l1"))
    assert rig.freed == [LEG, "PJSIP/trunk-bpbd-00000003"]


def test_leg_that_has_ended_is_not_freed_again() -> None:
    rig = Rig()
    rig.take(stage("agency"), rings(), event("Hangup", Channel=LEG, Linkedid="l1"))
    rig.take(event("HangupRequest", Channel=CALLER, Linkedid="l1"))
    assert rig.freed == []


def test_caller_who_talks_frees_nobody() -> None:
    rig = Rig()
    rig.take(stage("agency"), rings(), user("CRHuman", By="trunk-damkar"))
    rig.take(event("HangupRequest", Channel=CALLER, Linkedid="l1"))
    assert rig.freed == []


def test_call_that_the_failsafe_served_is_counted_and_logged() -> None:
    rig = Rig()
    with capture_logs() as logs:
        rig.take(user("CRFailsafe"))
    assert rig.watch.failsafe_calls == 1
    assert [(entry["log_level"], entry["call"]) for entry in logs] == [("error", str(CALL))]


def agent(kind: str, interface: str = "PJSIP/op1") -> AmiEvent:
    """Return what the PBX tells of a member of a queue."""
    return event(kind, Queue="operators", MemberName="op1", Interface=interface, RingTime="15000")


def test_operator_who_lets_it_ring_and_one_who_takes_it_are_told_apart() -> None:
    rig = Rig()
    rig.take(agent("AgentRingNoAnswer"), agent("AgentConnect", "PJSIP/op-2"), agent("AgentComplete"))
    assert rig.told == [("missed", "op1"), ("answered", "op-2")]


def test_watch_of_a_service_that_keeps_no_duty_lets_such_events_pass() -> None:
    board, rung = Board(), list[str]()
    watch = Watch(board, Notes(), Clock(), lambda _: None, lambda: rung.append("bell"), rung.append)
    watch.on_event(agent("AgentRingNoAnswer"))
    watch.on_event(agent("AgentConnect"))
    assert rung == []


def test_act_on_an_operators_telephone_has_the_journal_read() -> None:
    rig = Rig()
    rig.take(event("UserEvent", UserEvent="CRDuty", Op="op1", Act="join"))
    assert (rig.rung, rig.told, rig.board.live()) == (["bell"], [], [])


def test_caller_who_is_passed_on_is_shown_with_his_new_plan_and_noted_again() -> None:
    rig = Rig()
    rig.take(stage("menu"), choice(Choice="operator", Category="", Route="others"), user("CRHuman", By="op1"))
    assert rig.only.with_whom == ("op1",)
    with capture_logs() as logs:
        rig.take(choice(By="op1"))
    assert (rig.only.stage, rig.only.category, rig.only.with_whom) == (Stage.PLAN, "fire", ())
    assert [note.route for note in rig.notes.taken if isinstance(note, CallRouted)] == ["others", "fire"]
    assert [entry["by"] for entry in logs if entry["event"] == "call.passed_on"] == ["op1"]


def test_what_stood_in_from_is_on_the_board_from_the_first_and_after_a_gap() -> None:
    rig = Rig()
    rig.take(stage("menu", From=sent("0341555", 64)))
    assert rig.only.sent_from == "0341555"
    rig.take(stage("plan", From=sent("0341555", 64)))
    assert rig.only.sent_from == "0341555"
    rig.take(stage("plan", From=""))
    assert rig.only.sent_from == ""


NEEDED = ("Path", "Choice", "Lang", "Origin", "Trunk", "Version", "Plan")
"""What a told choice cannot do without."""
MALFORMED = [
    event("UserEvent"),
    event("UserEvent", UserEvent="CRStage", Call="no uuid"),
    event("UserEvent", Call=str(CALL)),
    event("UserEvent", UserEvent="CRStage", Call=str(OTHER)),
    stage("dancing"),
    stage("plan", Opened="yesterday"),
    stage("plan", Number="L"),
    stage("plan", Number=""),
    stage("plan", From="L"),
    *(without(choice(Category="light"), name) for name in NEEDED),
    *(choice(Category="light", **{name: "no such"}) for name in ("Origin", "Lang", "Version", "Plan")),
    choice(Category="", Choice="no such"),
    choice(Category="No Key"),
    choice(Category="light", Plan="L"),
    choice(Category="light", Plan=""),
    choice(Category="light", Version=""),
    event("UserEvent", **(choice().fields | {"Call": "no uuid"})),
    event("UserEvent", UserEvent="CRDoorbell", Call="{"),
    event("DialBegin", Channel=CALLER),
    event("DialBegin", DestChannel=LEG),
    event("Hangup", Channel=LEG),
    event("HangupRequest", Channel=CALLER),
    event("SoftHangupRequest", Linkedid="l1"),
    event("UserEvent", UserEvent="SomeoneElses", Call=str(CALL)),
    event("AgentRingNoAnswer"),
    agent("AgentRingNoAnswer", ""),
    agent("AgentConnect", "Local/op1@somewhere/n"),
    event("FullyBooted"),
    event("Newchannel", Channel="x"),
]


def test_what_goes_a_calls_way_without_an_identity_is_none() -> None:
    """A probe: its stage is told like a caller's, with no call in it."""
    rig = Rig()
    with capture_logs() as logs:
        for event in (stage("menu"), choice()):
            rig.watch.on_event(replace(event, fields=event.fields | {"Call": ""}))
    assert (rig.board.live(), rig.notes.taken, logs) == ([], [], [])


@pytest.mark.parametrize("malformed", MALFORMED)
def test_malformed_event_changes_nothing(malformed: AmiEvent) -> None:
    rig = Rig()
    rig.take(stage("agency"), rings())
    before = rig.board.live()
    rig.take(malformed)
    assert rig.board.live() == before
    assert (rig.notes.taken, rig.rung, rig.freed, rig.told) == ([], [], [], [])
    rig.take(event("HangupRequest", Channel=CALLER, Linkedid="l1"))
    assert rig.freed == [LEG]


NAMES = st.sampled_from(["UserEvent", "DialBegin", "Hangup", "HangupRequest", "SoftHangupRequest", "Status"])
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "UserEvent",
            "Call",
            "Stage",
            "Opened",
            "Channel",
            "Linkedid",
            "DestChannel",
            "Number",
            "By",
            "Path",
            "Choice",
            "Category",
            "Lang",
            "Origin",
            "Trunk",
            "Version",
            "Plan",
        ]
    ),
    st.sampled_from(
        [
            "",
            "CRStage",
            "CRChoice",
            "service",
            "citizen",
            "id",
            "1",
            "CRHuman",
            "CRDoorbell",
            str(CALL),
            "agency",
            at(0),
            sent("1"),
            CALLER,
            "l1",
        ]
    )
    | st.text(max_size=8),
)


@given(st.lists(st.tuples(NAMES, FIELDS), max_size=20))
def test_no_event_whatever_it_holds_ends_the_link(events: list[tuple[str, dict[str, str]]]) -> None:
    rig = Rig()
    rig.take(*(event(name, **fields) for name, fields in events))


# ---------------------------------------------------------------- the whole picture
def test_whole_picture_is_taken_and_the_journal_is_looked_at() -> None:
    rig = Rig()
    rig.take(stage("menu", Call=str(OTHER), Linkedid="l9"))
    rig.watch.resynchronise(answer(channel()))
    assert rig.only == LiveCall(
        CALL, rig.only.incident, "0812", "citizen", "telco", us(0), Stage.AGENCY, (), "fire", "id"
    )
    assert rig.rung == ["bell"]


def test_who_talks_is_known_from_the_picture_alone() -> None:
    rig = Rig()
    rig.watch.resynchronise(answer(channel(CR_STAGE="talking", CR_BY="op1")))
    assert (rig.only.stage, rig.only.with_whom) == (Stage.TALKING, ("op1",))


def test_talk_that_has_ended_is_not_taken_for_one() -> None:
    rig = Rig()
    rig.watch.resynchronise(answer(channel(CR_STAGE="after", CR_BY="op1")))
    assert (rig.only.stage, rig.only.with_whom) == (Stage.AFTER, ())


def test_channels_that_are_no_calls_of_ours_are_left_out() -> None:
    rig = Rig()
    rig.watch.resynchronise(answer(channel(CR_CALL=""), channel(CR_STAGE=""), event("Status", Channel=LEG)))
    assert rig.board.live() == []


@pytest.mark.parametrize(
    "broken", [{"CR_CALL": "x"}, {"CR_STAGE": "dancing"}, {"CR_OPENED": ""}, {"CR_NUMBER": "L"}, {"CR_NUMBER": ""}]
)
def test_channel_that_is_not_understood_hides_no_other(broken: dict[str, str]) -> None:
    rig = Rig()
    rig.watch.resynchronise(answer(channel(**({"CR_CALL": str(OTHER)} | broken)), channel()))
    assert rig.only.call == CALL


def test_channel_without_a_variable_that_is_needed_hides_no_other() -> None:
    rig = Rig()
    bare = event("Status", ("Variable", f"CR_CALL={OTHER}"), ("Variable", "CR_STAGE=menu"), Channel="x", Linkedid="y")
    rig.watch.resynchronise(answer(bare, channel()))
    assert rig.only.call == CALL


def test_status_asks_for_what_the_dialplan_sets(tmp_path: Path) -> None:
    _, etc, _ = rendered(tmp_path, small())
    dialplan, sip = (etc / "extensions.conf").read_text(), (etc / "pjsip.conf").read_text()
    for name in STATUS_VARIABLES:
        assert re.search(rf"[(,]{name}[=,)]|\({name}\)=", dialplan) or f"set_var = {name}=" in sip, name


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("PJSIP/trunk-damkar-0000002a", "trunk-damkar"),
        ("PJSIP/op-1-0000002a", "op-1"),
        ("Local/c0811_telco@callrouter-confirm-00000001;1", ""),
        ("", ""),
        ("nonsense", ""),
    ],
)
def test_endpoint_is_read_from_the_channels_name(name: str, endpoint: str) -> None:
    assert endpoint_of(name) == endpoint


@pytest.mark.parametrize("nothing", ["", "(null)"])
def test_leg_without_a_call_is_no_call_however_the_pbx_tells_of_nothing(nothing: str) -> None:
    leg = channel(CR_CALL=nothing, CR_STAGE=nothing)
    known = channel(CR_CATEGORY=nothing, CR_BY=nothing)
    rig = Rig()
    with capture_logs() as told:
        rig.watch.resynchronise(answer(known, leg))
    assert (rig.only.call, rig.only.category) == (CALL, "")
    assert not [entry for entry in told if entry["event"] == "ami.channel_not_understood"]
    assert living_calls(answer(known, leg)) == {CALL}
    assert ringing_legs(answer(known, leg)) == {"l1": (CALLER,)}


def test_channel_whose_call_cannot_be_read_leaves_every_call_alive() -> None:
    with pytest.raises(Unseen, match="cannot be read"):
        living_calls(answer(channel(CR_CALL="damaged")))
