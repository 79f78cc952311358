"""What admins work on, for the API's tests: the real desk, duty and tokens, over stores and a PBX in memory."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from callrouter.access import chain
from callrouter.access.chain import GENESIS, ChainFault, ChainRow, Head
from callrouter.access.model import AuditNote, Principal, Role
from callrouter.access.ports import AuditFilter, TokenRecord
from callrouter.access.throttle import Throttle
from callrouter.access.tokens import Tokens
from callrouter.api.ports import Management
from callrouter.api.resource_examples import TABLE_DATA
from callrouter.duty.roster import Roster
from callrouter.duty.service import Duty
from callrouter.publishing.publication import PublishingOffice
from callrouter.routing.conditions import Calendar
from callrouter.routing.table import RoutingTable
from tests.unit.duty.given import KeptDuty, SeenQueues
from tests.unit.publishing.fakes import NETWORKS, HereAndNow, Pbx, Store, table

KEY = b"k" * 32
START_US = 1_795_267_207_125_000
ADMIN = Principal("diskominfo-1", Role.ADMIN)

Document = dict[str, Any]


def a_document() -> Document:
    """Return the table that the API's tests begin with: that of the documentation, made whole."""
    document: Document = json.loads(json.dumps(TABLE_DATA))
    document["directory"]["trunks"].append({"key": "telco", "kind": "carrier", "host": "10.112.0.1"})
    rest = {"key": "rest", "priority": 50, "steps": [{"kind": "ringgroup", "group": "operators", "wait_s": 60}]}
    document["routing"]["routes"].append(rest)
    return document


@dataclass
class TokensInMemory:
    """A TokenStore."""

    records: dict[str, TokenRecord] = field(default_factory=dict)
    notes: list[AuditNote] = field(default_factory=list)

    async def add(self, record: TokenRecord, note: AuditNote) -> None:
        self.records[record.id] = record
        self.notes.append(note)

    async def get(self, id_: str) -> TokenRecord | None:
        return self.records.get(id_)

    async def all(self) -> list[TokenRecord]:
        return sorted(self.records.values(), key=lambda r: -r.created_at)

    async def revoke(self, id_: str, at: int, note: AuditNote) -> TokenRecord | None:
        record = self.records.get(id_)
        if record is None:
            return None
        if record.revoked_at is None:
            self.notes.append(note)
        self.records[id_] = record.revoked(at)
        return self.records[id_]

    async def touch(self, id_: str, at: int) -> None:
        self.records[id_] = replace(self.records[id_], last_used_at=at)


@dataclass
class AuditInMemory:
    """An audit trail whose rows are really chained."""

    rows: list[ChainRow] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)

    def append(self, note: AuditNote) -> None:
        seq, at = len(self.rows) + 1, START_US + len(self.rows)
        previous = self.rows[-1].mac if self.rows else GENESIS
        payload = json.dumps(note.payload)
        digest = chain.payload_hash(KEY, payload)
        mac = chain.link(KEY, previous, seq, at, note.actor, note.action, note.subject, digest)
        row = ChainRow(seq, at, note.actor, note.action, note.subject, payload, digest, previous, mac)
        self.rows.append(row)

    async def page(self, wanted: AuditFilter) -> list[ChainRow]:
        return [
            row
            for row in reversed(self.rows)
            if (wanted.before is None or row.seq < wanted.before)
            and (wanted.actor is None or row.actor == wanted.actor)
            and (wanted.action is None or row.action == wanted.action)
            and (wanted.subject is None or row.subject.startswith(wanted.subject))
            and (wanted.begin is None or row.at >= wanted.begin)
            and (wanted.end is None or row.at < wanted.end)
        ][: wanted.limit]

    async def verify(self) -> list[ChainFault]:
        return chain.verify(self.rows, KEY, self.heads)


@dataclass
class SecretsInMemory:
    """Secrets that a test may look at."""

    operators: dict[str, str] = field(default_factory=dict)
    trunks: dict[str, str] = field(default_factory=dict)
    refuses: Exception | None = None

    async def new_operator_secret(self, operator: str, by: Principal) -> str:  # noqa: ARG002
        if self.refuses is not None:
            raise self.refuses
        self.operators[operator] = f"secret{len(self.operators):018}"
        return self.operators[operator]

    async def set_trunk_password(self, trunk: str, password: str, by: Principal) -> None:  # noqa: ARG002
        if self.refuses is not None:
            raise self.refuses
        self.trunks[trunk] = password

    async def clear_trunk_password(self, trunk: str, by: Principal) -> bool:  # noqa: ARG002
        return self.trunks.pop(trunk, None) is not None


@dataclass
class Managed:
    """Everything that admins work on, and a token of each role: those for somebody are for `op1` and `damkar`."""

    store: Store
    pbx: Pbx
    worker: HereAndNow
    desk: PublishingOffice
    secrets: SecretsInMemory
    duty: Duty
    queues: SeenQueues
    tokens: Tokens
    token_store: TokensInMemory
    audit: AuditInMemory
    bearers: dict[Role, str]

    @property
    def management(self) -> Management:
        return Management(self.desk, self.secrets, self.duty, self.tokens, self.audit)


async def managed(document: Document | None = None, seconds: Callable[[], float] = lambda: 0.0) -> Managed:
    """Return a centre whose table is published as version 1, where each thing has revision 1."""
    store, pbx, worker = Store(), Pbx(), HereAndNow()
    worker.verify_really = True
    desk = PublishingOffice(store, pbx, NETWORKS, worker=worker, now=lambda: datetime(2026, 11, 21, 13, tzinfo=UTC))
    await desk.open()
    await desk.import_and_publish(table(document or a_document()), None, "first", ADMIN)

    def roster() -> Roster:
        live: RoutingTable = desk.live[1]
        return Roster(live, Calendar(live.routing.schedules, live.centre.timezone))

    ticking = itertools.count(START_US)
    token_store, audit, queues = TokensInMemory(), AuditInMemory(), SeenQueues()
    tokens = Tokens(token_store, Throttle(seconds), lambda: next(ticking))
    duty = Duty(KeptDuty(), queues, roster, lambda: next(ticking))
    await duty.start()
    subjects = {Role.OPERATOR: "op1", Role.AGENCY: "damkar"}
    bearers = {role: (await tokens.issue(f"{role}-1", role, subjects.get(role), 1, ADMIN))[1] for role in Role}
    for note in (*store.notes, *token_store.notes):
        audit.append(note)
    return Managed(store, pbx, worker, desk, SecretsInMemory(), duty, queues, tokens, token_store, audit, bearers)
