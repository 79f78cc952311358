"""Between the shapes of standard operating procedures and what they are inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from callrouter.api import refusals, sop_models, translate
from callrouter.api.problems import MAX_FAULTS, ApiProblem, Fault
from callrouter.bilingual import Bilingual
from callrouter.incidents.sop import (
    AskedList,
    Choice,
    Item,
    SopVersion,
    Subject,
    When,
    Wrong,
    faults,
)


def version_of(subject: Subject, order: sop_models.SopOrder, at: str = "") -> SopVersion:
    """Return the list that was sent, for a version to be. at: pointer to it. Raises ApiProblem with all faults."""
    items = tuple(_item_of(item) for item in order.items)
    require(faults(items), at)
    return SopVersion(subject, 0, _text_of(order.title), items)


def require(wrong: Iterator[Wrong] | Sequence[Wrong], at: str = "") -> None:
    """Raise ApiProblem where something is wrong."""
    found = [
        Fault(refusals.BODY_INVALID, at + one.at, {"sentence": one.sentence, "remedy": one.remedy}, in_body=True)
        for one in wrong
    ]
    if found:
        raise ApiProblem(*found[:MAX_FAULTS])


def row(version: SopVersion) -> sop_models.SopRow:
    """Return a list that is in force, as one line."""
    return sop_models.SopRow(
        kind=version.subject.kind,
        key=version.subject.key,
        version=version.version,
        title=_text(version.title),
        items=len(version.items),
        required=sum(item.required for item in version.items),
        made_at=translate.moment(version.made_at),
        made_by=version.made_by,
    )


def whole(version: SopVersion) -> sop_models.Sop:
    """Return a version whole."""
    return sop_models.Sop(
        kind=version.subject.kind,
        key=version.subject.key,
        version=version.version,
        title=_text(version.title),
        items=[_item(item) for item in version.items],
        made_at=translate.moment(version.made_at),
        made_by=version.made_by,
    )


def of_incident(incident: UUID, lists: Sequence[AskedList]) -> sop_models.IncidentSop:
    """Return what an incident is asked."""
    return sop_models.IncidentSop(
        incident=incident,
        missing=sum(len(one.missing) for one in lists),
        lists=[_asked(one) for one in lists],
    )


def _asked(one: AskedList) -> sop_models.AskedSop:
    asked, missing = one.asked, frozenset(one.missing)
    return sop_models.AskedSop(
        kind=one.sop.subject.kind,
        key=one.sop.subject.key,
        title=_text(one.sop.title),
        sop=one.sop.version,
        attached=one.attached,
        current=one.current,
        version=one.version,
        items=[_asked_item(item, one, item.key in asked, item.key in missing) for item in one.sop.items],
    )


def _asked_item(item: Item, one: AskedList, asked: bool, missing: bool) -> sop_models.AskedItem:
    answered = one.answers.get(item.key)
    return sop_models.AskedItem(
        item=_item(item),
        asked=asked,
        missing=missing,
        answer=None if answered is None else answered.value,
        answered_at=None if answered is None else translate.moment(answered.at),
        answered_by=None if answered is None else answered.by,
    )


def _item_of(item: sop_models.SopItem) -> Item:
    return Item(
        key=item.key,
        kind=item.kind,
        text=_text_of(item.text),
        required=item.required,
        choices=tuple(Choice(choice.key, _text_of(choice.text)) for choice in item.choices),
        least=item.least,
        most=item.most,
        when=None if item.when is None else When(item.when.item, item.when.equals),
    )


def _item(item: Item) -> sop_models.SopItem:
    when = None if item.when is None else sop_models.SopWhen(item=item.when.item, equals=item.when.equals)
    return sop_models.SopItem(
        key=item.key,
        kind=item.kind,
        text=_text(item.text),
        required=item.required,
        choices=tuple(sop_models.SopChoice(key=choice.key, text=_text(choice.text)) for choice in item.choices),
        least=item.least,
        most=item.most,
        when=when,
    )


def _text_of(text: sop_models.SopText) -> Bilingual:
    return Bilingual(text.id, text.en)


def _text(text: Bilingual) -> sop_models.SopText:
    return sop_models.SopText(id=text.id, en=text.en)
