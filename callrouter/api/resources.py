"""The ten kinds of entries of a table over REST: one implementation, declared once for each.

Directory entries (trunks, agencies, operators) take effect at once; the others are a draft until published.
"""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, Field, create_model

from callrouter.access.model import Right
from callrouter.api import bodies, cursor, problems, refusals, resource_examples
from callrouter.api import resource_queries as queries
from callrouter.api.desk_answers import named, refusing
from callrouter.api.desk_models import MergePatch
from callrouter.api.kinds import Kind as ProblemKind
from callrouter.api.models import Answer, NoParameters, Parameters
from callrouter.api.operation import MERGE_PATCH, Answered, Asked, Body, Sent, Surface
from callrouter.api.problems import ApiProblem, Fault
from callrouter.bilingual import Bilingual
from callrouter.publishing.model import Entry
from callrouter.routing.entries import DIRECTORY, MODELS, Kind, key_of
from callrouter.routing.values import AreaCode, Key, Value

surface = Surface()

INLINE_ENTRIES: Final = 200
"""More are looked through beside the loop that serves the calls."""
_AT_ONCE = "Takes effect at once: the answer comes when the PBX has it."
_AS_DRAFT = "Changes the draft; no call meets it before it is published."


@dataclass(frozen=True, slots=True)
class Spec:
    """One kind as the API has it. `one`, `many`: what it is called; `id_`: the same in names of operations."""

    kind: Kind
    id_: str
    one: Bilingual
    many: Bilingual
    query: type[queries.EntryQuery]

    @property
    def path(self) -> str:
        """Where the list is."""
        return f"/api/v1/{self.kind.value.replace('_', '-')}"

    @property
    def model(self) -> type[Value]:
        """What an entry is."""
        return MODELS[self.kind]

    @property
    def key_name(self) -> str:
        """The member that names it."""
        return "code" if self.kind is Kind.AREAS else "key"

    @property
    def effect(self) -> str:
        """When a change is met by calls."""
        return _AT_ONCE if self.kind in DIRECTORY else _AS_DRAFT


SPECS: Final = (
    Spec(Kind.TRUNKS, "trunk", Bilingual("trunk", "a trunk"), Bilingual("trunk", "trunks"), queries.TrunkQuery),
    Spec(Kind.AGENCIES, "agency", Bilingual("instansi", "an agency"), Bilingual("instansi", "agencies"),
         queries.AgencyQuery),
    Spec(Kind.OPERATORS, "operator", Bilingual("operator", "an operator"), Bilingual("operator", "operators"),
         queries.OperatorQuery),
    Spec(Kind.CATEGORIES, "category", Bilingual("kategori", "a category"), Bilingual("kategori", "categories"),
         queries.CategoryQuery),
    Spec(Kind.MENUS, "menu", Bilingual("menu", "a menu"), Bilingual("menu", "menus"), queries.MenuQuery),
    Spec(Kind.AREAS, "area", Bilingual("wilayah", "an area"), Bilingual("wilayah", "areas"), queries.AreaQuery),
    Spec(Kind.SCHEDULES, "schedule", Bilingual("jadwal", "a schedule"), Bilingual("jadwal", "schedules"),
         queries.ScheduleQuery),
    Spec(Kind.SHIFTS, "shift", Bilingual("regu", "a shift"), Bilingual("regu", "shifts"), queries.ShiftQuery),
    Spec(Kind.RING_GROUPS, "ring_group", Bilingual("kelompok dering", "a ring group"),
         Bilingual("kelompok dering", "ring groups"), queries.RingGroupQuery),
    Spec(Kind.ROUTES, "route", Bilingual("rute", "a route"), Bilingual("rute", "routes"), queries.RouteQuery),
)  # fmt: skip


class EntryPage(Answer):
    """A page of entries."""

    items: list[Any]
    next: str | None


class EntryPath(Parameters):
    """Which entry."""

    key: str


@functools.cache
def path_model(spec: Spec) -> type[EntryPath]:
    key = str(resource_examples.DATA[spec.kind][spec.key_name])
    described = Field(description=f"Its {spec.key_name}.", examples=[key])
    alphabet: Any = AreaCode if spec.kind is Kind.AREAS else Key
    return create_model(f"{spec.model.__name__}Path", __base__=EntryPath, __doc__="Which.", key=(alphabet, described))


def _page_model(spec: Spec) -> type[EntryPage]:
    cursor_text = Field(
        description="Cursor for `after`; null on the last page.",
        examples=[cursor.encode_place("key", "a", "a")],
    )
    items: Any = list[spec.model]  # type: ignore[name-defined]
    return create_model(
        f"{spec.model.__name__}Page",
        __base__=EntryPage,
        __doc__=f"A page of {spec.many.en}.",
        items=(items, Field(description=f"The {spec.many.en} of this page.")),
        next=(str | None, cursor_text),
    )


def _shown(entry: Entry) -> Answered[Any]:
    return Answered(entry.value, etag=str(entry.revision))


def _existing(asked: Asked[EntryPath, Any], spec: Spec) -> tuple[Value, int]:
    """Return the entry that is asked for, and its revision if who asks has seen it. Raises ApiProblem."""
    with refusing(asked, named(spec.kind, asked.path.key)):
        entry = asked.management.publishing.entry(spec.kind, asked.path.key)
    asked.seen.seen(str(entry.revision))
    return entry.value, entry.revision


async def _replaced(asked: Asked[EntryPath, Any], spec: Spec, value: Value, revision: int) -> Answered[Any]:
    key = asked.path.key
    if key_of(value) != key:
        values = {"sent": repr(key_of(value)), "path": repr(key)}
        raise ApiProblem(Fault(refusals.KEY_MISMATCH, f"/{spec.key_name}", values, in_body=True))
    with refusing(asked, named(spec.kind, key)):
        return _shown(await asked.management.publishing.replace(spec.kind, value, revision, asked.by))


def _declare_list(spec: Spec) -> None:
    page = _page_model(spec)

    @surface.get(
        spec.path,
        name=f"list_{spec.kind.value}",
        description=f"Returns {spec.many.en}, page by page. Filters hold together (and).",
        tag=spec.many.en,
        summary=Bilingual(f"Daftar {spec.many.id}", f"List {spec.many.en}"),
        path_model=NoParameters,
        query=spec.query,
        response=page,
        example=lambda: page(items=[resource_examples.entry(spec.kind)], next=None),
        right=Right.SEE_ROUTING,
    )
    async def list_entries(asked: Asked[NoParameters, Any]) -> BaseModel:
        values = [entry.value for entry in asked.management.publishing.entries(spec.kind)]
        if len(values) <= INLINE_ENTRIES:
            return _page(asked.query, page, values)
        return await asyncio.to_thread(_page, asked.query, page, values)


def _page(query: Any, page: type[EntryPage], values: list[Value]) -> EntryPage:
    sort: str = query.sort.value

    def place(value: Value) -> tuple[int | str, str]:
        return queries.rank(value, sort), key_of(value)

    wanted = [v for v in values if query.fits(v) and (query.q is None or queries.mentions(v, query.q))]
    wanted.sort(key=place, reverse=sort.startswith("-"))
    if query.after is not None:
        sorted_by, *last = query.after
        if sorted_by != sort or isinstance(last[0], int) is not sort.endswith("priority"):
            raise ApiProblem(Fault(problems.CURSOR_INVALID, "/query/after", {"name": "after"}))
        down = sort.startswith("-")
        wanted = [v for v in wanted if (place(v) < tuple(last) if down else place(v) > tuple(last))]
    shown = wanted[: query.limit]
    more = len(wanted) > query.limit
    return page(items=shown, next=cursor.encode_place(sort, *place(shown[-1])) if more else None)


def _declare_create(spec: Spec) -> None:
    @surface.send(
        "POST",
        spec.path,
        name=f"create_{spec.id_}",
        description=f"Adds {spec.one.en}. {spec.effect}",
        tag=spec.many.en,
        summary=Bilingual(f"Tambah {spec.one.id}", f"Add {spec.one.en}"),
        path_model=NoParameters,
        query=NoParameters,
        body=Body(spec.model, examples={"another": resource_examples.OTHER[spec.kind]}),
        response=spec.model,
        example=functools.partial(resource_examples.entry, spec.kind),
        right=Right.EDIT,
        status=HTTPStatus.CREATED,
        tagged=True,
        slow=spec.kind in DIRECTORY,
        problems=(refusals.KEY_TAKEN, *_of_change(spec)),
    )
    async def create(sent: Sent[NoParameters, NoParameters, Value]) -> Answered[Any]:
        key = key_of(sent.body)
        with refusing(sent, named(spec.kind, key)):
            entry = await sent.management.publishing.create(spec.kind, sent.body, sent.by)
        return Answered(entry.value, etag=str(entry.revision), location=f"{spec.path}/{key}")


def _of_change(spec: Spec) -> tuple[ProblemKind, ...]:
    return (refusals.PBX_REFUSED, *problems.OF_STORE) if spec.kind in DIRECTORY else problems.OF_STORE


def _declare_one(spec: Spec) -> None:
    path, which = f"{spec.path}/{{key}}", path_model(spec)
    example = functools.partial(resource_examples.entry, spec.kind)
    common: dict[str, Any] = {"tag": spec.many.en, "path_model": which, "query": NoParameters}
    change: dict[str, Any] = common | {"right": Right.EDIT, "guarded": True, "slow": spec.kind in DIRECTORY}
    conflicts = (refusals.ENTRY_UNKNOWN, refusals.IN_USE, *_of_change(spec))

    @surface.get(
        path,
        name=f"read_{spec.id_}",
        description=f"Returns {spec.one.en}; its ETag is what a change must name in If-Match.",
        summary=Bilingual(f"Satu {spec.one.id}", f"Read {spec.one.en}"),
        response=spec.model,
        example=example,
        right=Right.SEE_ROUTING,
        tagged=True,
        problems=(refusals.ENTRY_UNKNOWN,),
        **common,
    )
    async def read(asked: Asked[EntryPath, NoParameters]) -> Answered[Any]:
        with refusing(asked, named(spec.kind, asked.path.key)):
            return _shown(asked.management.publishing.entry(spec.kind, asked.path.key))

    @surface.send(
        "PUT",
        path,
        name=f"replace_{spec.id_}",
        description=f"Replaces {spec.one.en} as a whole; what is left out gets its default. {spec.effect}",
        summary=Bilingual(f"Ganti {spec.one.id}", f"Replace {spec.one.en}"),
        body=Body(spec.model, examples={"example": resource_examples.DATA[spec.kind]}),
        response=spec.model,
        example=example,
        tagged=True,
        problems=(refusals.KEY_MISMATCH, *conflicts),
        **change,
    )
    async def replace(sent: Sent[EntryPath, NoParameters, Value]) -> Answered[Any]:
        _, revision = _existing(sent, spec)
        return await _replaced(sent, spec, sent.body, revision)

    @surface.send(
        "PATCH",
        path,
        name=f"patch_{spec.id_}",
        description=f"Changes members of {spec.one.en} (RFC 7396): null takes a member back to its default, a list "
        f"is replaced as a whole. Pointers of problems are into the result. {spec.effect}",
        summary=Bilingual(f"Ubah {spec.one.id}", f"Change {spec.one.en}"),
        body=Body(
            MergePatch,
            examples={"example": resource_examples.PATCHES[spec.kind]},
            media_type=MERGE_PATCH,
            patches=spec.model,
        ),
        response=spec.model,
        example=example,
        tagged=True,
        problems=(refusals.KEY_MISMATCH, *conflicts),
        **change,
    )
    async def patch(sent: Sent[EntryPath, NoParameters, MergePatch]) -> Answered[Any]:
        value, revision = _existing(sent, spec)
        return await _replaced(sent, spec, bodies.patched(value, sent.body.root), revision)

    @surface.do(
        "DELETE",
        path,
        name=f"delete_{spec.id_}",
        description=f"Deletes {spec.one.en}, unless something uses it: `uses` then says what. {spec.effect}",
        summary=Bilingual(f"Hapus {spec.one.id}", f"Delete {spec.one.en}"),
        response=None,
        example=None,
        status=HTTPStatus.NO_CONTENT,
        problems=conflicts,
        **change,
    )
    async def delete(asked: Asked[EntryPath, NoParameters]) -> Answered[Any]:
        _, revision = _existing(asked, spec)
        with refusing(asked, named(spec.kind, asked.path.key)):
            await asked.management.publishing.delete(spec.kind, asked.path.key, revision, asked.by)
        return Answered()


for _spec in SPECS:
    _declare_list(_spec)
    _declare_create(_spec)
    _declare_one(_spec)
