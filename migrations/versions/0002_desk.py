"""Directory and draft, secrets, duty, tokens, the audit.

Versions of before are brought to the table's new shape: the one menu becomes the main menu with an option for each
category's digit, and what a table can say since then has its default. Where they send a call stays the same. Their
hash covered the directory too; from now on it covers the routing half alone, so it is computed anew over the text as
it is now: what is lost is the proof that these texts are the ones once published. A version whose old hash does not
fit was changed by hand; it stays as it is, and stays refused.
The newest version becomes the directory in force and the draft.

Revision: 0002; follows: 0001
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

Document = dict[str, Any]


def upgrade() -> None:
    _make_tables()
    op.create_index("ix_call_routed_at_id", "call", ["routed_at", "id"])
    _convert_versions()


def _make_tables() -> None:
    op.create_table(
        "desk",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=True),
        sa.Column("settings_revision", sa.BigInteger(), nullable=False),
        sa.Column("based_on", sa.Integer(), nullable=True),
        sa.Column("approved_sha256", sa.Text(), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.CheckConstraint("id = 1", name="ck_desk_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_desk"),
    )
    op.create_table(
        "entry",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", name="pk_entry"),
    )
    op.create_table(
        "operator_secret",
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("md5", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operator", name="pk_operator_secret"),
    )
    op.create_table(
        "trunk_secret",
        sa.Column("trunk", sa.Text(), nullable=False),
        sa.Column("ciphertext", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("trunk", name="pk_trunk_secret"),
    )
    op.create_table(
        "duty",
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("presence", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("paused", sa.Text(), nullable=True),
        sa.Column("missed", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operator", name="pk_duty"),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_token"),
    )
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("payload_hash", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("mac", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_index("ix_audit_actor_seq", "audit", ["actor", "seq"])
    op.create_index("ix_audit_action_seq", "audit", ["action", "seq"])
    op.create_index("ix_audit_at", "audit", ["at"])


_VERSION = sa.table(
    "table_version", sa.column("number"), sa.column("sha256"), sa.column("routing"), sa.column("directory")
)
_DESK = sa.table(
    "desk",
    sa.column("id"),
    sa.column("generation"),
    sa.column("settings"),
    sa.column("settings_revision"),
    sa.column("based_on"),
)
_ENTRY = sa.table("entry", sa.column("kind"), sa.column("key"), sa.column("revision"), sa.column("body"))


def _convert_versions() -> None:
    connection = op.get_bind()
    numbers = list(connection.scalars(sa.select(_VERSION.c.number).order_by(_VERSION.c.number)))
    newest: tuple[Document, Document] | None = None
    for number in numbers:
        row = connection.execute(sa.select(_VERSION).where(_VERSION.c.number == number)).one()
        newest = None
        if _sha256(f"{row.routing}\n{row.directory}") != row.sha256:
            continue
        whole, directory = json.loads(row.routing), _directory(json.loads(row.directory))
        whole["routing"] = _routing(whole["routing"])
        routing = _text(whole)
        values = {"routing": routing, "directory": _text(directory), "sha256": _sha256(routing)}
        connection.execute(sa.update(_VERSION).where(_VERSION.c.number == number).values(values))
        newest = whole, directory
    desk = {"id": 1, "generation": 0, "settings": None, "settings_revision": 0, "based_on": None}
    if newest is not None:
        whole, directory = newest
        once = {name: whole["routing"][name] for name in ("main_menu", "last_resort", "static_numbers")}
        settings = _text({"centre": whole["centre"], **once})
        desk |= {"settings": settings, "settings_revision": 1, "based_on": numbers[-1]}
        connection.execute(sa.insert(_ENTRY), list(_entries(whole["routing"], directory)))
    connection.execute(sa.insert(_DESK), [desk])


def _entries(routing: Document, directory: Document) -> Iterator[Document]:
    for kind, found in (*directory.items(), *routing.items()):
        if kind not in {"main_menu", "last_resort", "static_numbers"}:
            for value in found:
                yield {"kind": kind, "key": value["key"], "revision": 1, "body": _text(value)}


def _directory(old: Document) -> Document:
    return {
        "trunks": _by_key(_TRUNK | trunk for trunk in old["trunks"]),
        "agencies": _by_key(
            {"enabled": True} | agency | {"contacts": [_CONTACT | contact for contact in agency["contacts"]]}
            for agency in old["agencies"]
        ),
        "operators": _by_key({"enabled": True} | operator for operator in old["operators"]),
    }


_TRUNK = {
    "transport": "udp",
    "enabled": True,
    "channels": 30,
    "dtmf": "rfc4733",
    "qualify_s": 0,
    "login": None,
    "trusted_identity": False,
    "presented_number": None,
    "area": None,
}
_CONTACT = {"enabled": True, "max_calls": 0}


def _routing(old: Document) -> Document:
    options = [{"digit": c["digit"], "category": c["key"], "area": None, "menu": None} for c in old["categories"]]
    main = {
        "key": "main",
        "name": {"id": "menu utama", "en": "main menu"},
        "mode": "menu",
        "languages": old["menu"]["languages"],
        "switch_digit": old["menu"]["switch_digit"],
        "options": options,
    }
    return {
        "main_menu": "main",
        "menus": [main],
        "categories": _by_key({"sop": None} | _without(category, "digit") for category in old["categories"]),
        "areas": [],
        "schedules": [],
        "shifts": [],
        "ring_groups": _by_key({"shifts": [], "may_be_unstaffed": False} | group for group in old["ring_groups"]),
        "routes": sorted(map(_route, old["routes"]), key=_place),
        "last_resort": old["last_resort"],
        "static_numbers": old["static_numbers"],
    }


def _route(old: Document) -> Document:
    new = {"valid_from": None, "valid_until": None, "information": False}
    conditions = {"area": [], "schedule": [], "suspicion": None, "posture": [], "state": []}
    return new | old | {"when": conditions | old["when"]}


def _place(route: Document) -> tuple[int, str]:
    return -route["priority"], route["key"]


def _by_key(found: Iterator[Document]) -> list[Document]:
    key: Callable[[Document], str] = lambda value: value["key"]  # noqa: E731
    return sorted(found, key=key)


def _without(value: Document, name: str) -> Document:
    return {k: v for k, v in value.items() if k != name}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
