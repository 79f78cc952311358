"""What is held of a person is exported and blanked from the command line, where no service runs."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from uuid import UUID

import pytest

from callrouter.calls.lines import parse_line
from callrouter.calls.records import DutyActed, JournalBatch
from callrouter.privacy.recordings import noted_talk
from callrouter.storage.database import Database
from callrouter.storage.journal import Journal
from tests.cli.site import Site

CALL = UUID("5d0c8f5e-30c8-4e62-9a86-1f5a2f0f6112")
STAMP = "1790000010_30.500000"
NUMBER = "081234567890"


def _line(kind: str, **fields: str) -> bytes:
    return "|".join(["1", kind, str(CALL), *(f"{name}={value}" for name, value in fields.items())]).encode()


def _coded(text: str) -> str:
    return base64.b64encode(f".{text}".encode()).decode()


OPENED = _line(
    "opened", t="1790000000_20.000000", node="pbx1", origin="citizen", trunk="telco", num=_coded("+6281234567890"),
    name=_coded("Siti R"), chan="PJSIP/trunk-telco-1", uid="1.1",
)  # fmt: skip
ENDED = _line(
    "ended", t="1790000020_40.000000", node="pbx1", answered="", chosen="", choice="none", category="", lang="id",
    stage="talking", path="service", version="", route="", pickup="", human="", by="", rec="", said="0",
    talks=f"+{STAMP}", cause="16", plan="", attempts="",
)  # fmt: skip


@pytest.fixture
def caller(ready: Site) -> Path:
    """Store one call of a caller, with its recording and its lines in the journal; return the recording."""

    async def store() -> None:
        database = Database(f"sqlite:///{ready.database}")
        records = tuple(r for r in map(parse_line, (OPENED, ENDED)) if not isinstance(r, DutyActed))
        await Journal(database).apply(JournalBatch("pbx1", "pbx1-1790000.log", 9, records, ()))
        await database.close()

    asyncio.run(store())
    journal = ready.state / "journal"
    journal.mkdir(exist_ok=True)
    (journal / "pbx1-1790000.log").write_bytes(OPENED + b"\n" + ENDED + b"\n")
    file = ready.state / "recordings" / noted_talk(CALL, STAMP).file
    file.parent.mkdir(parents=True)
    file.write_bytes(b"RIFF")
    return file


def test_export_holds_everything_and_is_noted(ready: Site, caller: Path) -> None:
    done = ready.run("person", "export", "0812-3456-7890", "--why", "request 7")
    assert done.code == 0, done
    told = json.loads(done.out)
    assert [call["number"] for call in told["calls"]] == ["+6281234567890"]
    assert [call["name"] for call in told["calls"]] == ["Siti R"]
    assert (len(told["incidents"]), len(told["recordings"])) == (1, 1)
    (kept,) = told["journal"]
    assert kept["lines"] == [OPENED.decode(), ENDED.decode()]
    ((what, purpose, subject),) = ready.sql("SELECT what, purpose, subject FROM access_log")
    assert (what, purpose) == ("export", "request 7")
    assert NUMBER.removeprefix("0") not in subject


def test_export_goes_into_a_file(ready: Site, caller: Path, tmp_path: Path) -> None:
    out = tmp_path / "person.json"
    assert ready.run("person", "export", NUMBER, "--out", str(out)).code == 0
    assert json.loads(out.read_text())["calls"][0]["name"] == "Siti R"
    ready.run("person", "export", NUMBER, "--out", str(tmp_path)).refused(str(tmp_path))


def test_erased_person_is_gone_but_for_figures_and_what_stays_is_told(ready: Site, caller: Path) -> None:
    done = ready.run("person", "erase", NUMBER, "--why", "request 8", "--yes")
    assert done.code == 0, done
    for said in ("Blanked: 1 calls, 1 incidents", "1 recordings erased", "1 files still hold the number", "backups"):
        assert said in done.out, said
    assert not caller.exists()
    assert ready.sql("SELECT number, name, stage FROM call") == [("", "", "talking")]
    assert ready.sql("SELECT state, why FROM recording") == [("erased", "erased at the request of the person")]
    ((payload, subject),) = ready.sql("SELECT payload, subject FROM audit WHERE action = 'erase'")
    assert json.loads(payload) == {"why": "request 8", "calls": 1, "incidents": 1, "recordings": 1, "texts": 0}
    assert "1234567" not in subject
    assert ready.run("audit", "verify").code == 0
    told = json.loads(ready.run("person", "export", NUMBER).out)
    assert (told["calls"], told["incidents"]) == ([], [])
    assert "Siti" not in json.dumps({k: v for k, v in told.items() if k != "journal"})


def test_erase_asks_first_and_nothing_happens_without_an_answer(ready: Site, caller: Path) -> None:
    done = ready.run("person", "erase", NUMBER, "--why", "request 8")
    assert done.code == 1
    assert caller.exists()
    assert ready.sql("SELECT number FROM call") == [("+6281234567890",)]
    assert ready.sql("SELECT count(*) FROM audit WHERE action = 'erase'") == [(0,)]


@pytest.mark.parametrize("number", ["112", "siti", "+", "%"])
def test_what_is_no_number_is_refused(ready: Site, number: str) -> None:
    ready.run("person", "export", number).refused(number)
    ready.run("person", "erase", number, "--why", "x", "--yes").refused(number)


def test_erase_wants_a_reason(ready: Site) -> None:
    assert ready.run("person", "erase", NUMBER, "--yes").code == 2
    ready.run("person", "erase", NUMBER, "--yes", "--why", " ").refused("reason")
