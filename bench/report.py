"""What was measured, as docs/bench.md: the verdict first, then the parts by what they are about."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from bench.curves import Picture, pictures
from bench.outcome import Outcome, asked_by
from bench.parts import GROUPS, OPPONENTS, group_of
from bench.result import sentence
from bench.section import Row, Section

WIDTH: Final = 118
FOLDER: Final = "bench"
"""Of the pictures, beside the page."""
MISSED: Final = "bench-missed.md"
"""A page written by hand, beside this one: why which target is missed."""


def pictures_of(outcome: Outcome) -> list[Picture]:
    """Return all pictures of the page."""
    return [picture for section in outcome.sections for picture in pictures(section.name, section.figures)]


def as_page(outcome: Outcome, *, explained: bool = False) -> str:
    """Return the page. explained: there is a page MISSED beside it."""
    blocks = [
        "# Benchmark",
        *_paragraph(
            "What callrouter adds to a call, beside what it could be replaced by, and how its cost grows. `make "
            f"bench` measured all of it on {outcome.machine['date']} and wrote this page; anybody can run it. "
            "Everything is on loopback of one machine, with the load generators beside the PBX, so absolute times "
            "are above those of a machine that only routes; the ratios hold, because what is compared took turns in "
            "the same run."
        ),
        *_verdict(outcome, explained=explained),
        *(block for group in GROUPS for block in _group(outcome, group)),
        *_run(outcome),
    ]
    return "\n\n".join(blocks) + "\n"


# ------------------------------------------------------------------------------------------------ the verdict
def _verdict(outcome: Outcome, *, explained: bool) -> Iterator[str]:
    yield "## Verdict"
    if result := sentence(outcome):
        yield from _paragraph(result)
    if targets := outcome.targets:
        yield f"**{outcome.counted}**"
        rows = [
            (one.name, one.measured, one.limit, asked_by(one), "held" if one.held else "**missed**")
            for one in targets
        ]
        yield _table(("Target", "Measured", "Limit", "Asked by", ""), rows)
        yield from _paragraph('Asked by "ours": chosen by ourselves.')
    if explained and not all(target.held for target in targets):
        yield f"Why targets are missed, and what was tried: [{MISSED}]({MISSED})."
    if outcome.others_wrong:
        yield f"Beside the targets {outcome.limits} figures have a limit. What is not as promised:"
        yield "\n".join(f"- {line}" for line in outcome.others_wrong)
    elif targets:
        yield f"Beside the targets {outcome.limits} figures have a limit, and are within it."
    else:
        yield f"All {outcome.limits} figures with a limit are within it."


# ------------------------------------------------------------------------------------------------ the parts
def _group(outcome: Outcome, group: str) -> Iterator[str]:
    sections = [section for section in outcome.sections if group_of(section.name) == group]
    if not sections:
        return
    yield f"## {group}"
    for section in sections:
        if len(sections) > 1 or section.title != group:
            yield f"### {section.title}"
        yield from _section(section)
        if group == OPPONENTS:
            yield from _lacks(section.figures)


def _section(section: Section) -> Iterator[str]:
    for table in section.tables:
        if table.title:
            yield f"**{table.title}**"
        yield _table(table.head, table.rows, numbers=True)
        if table.note:
            yield from _paragraph(table.note)
    if section.rows:
        yield _figures(section.rows)
    for picture in pictures(section.name, section.figures):
        yield f"![{picture.title}]({FOLDER}/{picture.name}.svg)"
    if section.how:
        yield from _paragraph(f"How (`make bench ARGS='--only {section.name}'`): {section.how}")


def _figures(rows: Sequence[Row]) -> str:
    """Return the rows as a table. What the name of each ends with stands once, over the column."""
    limits = any(limit for _, _, limit in rows)
    ends = {name.partition(": ")[2] for name, _, _ in rows}
    shared = ends.pop() if len(ends) == 1 and len(rows) > 1 else ""
    head = ("Figure", f"Measured: {shared}" if shared else "Measured", *(["Limit"] if limits else []))
    shown = [(name.partition(": ")[0] if shared else name, measured, limit) for name, measured, limit in rows]
    return _table(head, [row[: len(head)] for row in shown])


def _lacks(figures: Any) -> Iterator[str]:
    """Yield what each opponent does not do that callrouter does, where it says so."""
    found = figures.values() if isinstance(figures, Mapping) else ()
    lines = [
        f"- **{one['title']}**: {one['lacks']}."
        for one in found
        if isinstance(one, Mapping) and one.get("lacks") and one.get("title")
    ]
    if lines:
        yield "What each of the others does not do, which costs it nothing:"
        yield "\n".join(wrapped for line in lines for wrapped in _wrapped(line, "  "))


# ------------------------------------------------------------------------------------------------ the run
def _run(outcome: Outcome) -> Iterator[str]:
    yield "## The run"
    facts = {**outcome.machine, **outcome.versions}
    if outcome.seeds:
        facts["seeds"] = ", ".join(f"{name} {seed}" for name, seed in outcome.seeds.items())
    yield _table(("", ""), list(facts.items()))
    yield from _paragraph(
        "How long it took: " + ", ".join(f"{part} {seconds:.0f} s" for part, seconds in outcome.seconds.items()) + "."
    )
    yield from _paragraph(
        "`make bench QUICK=1` measures each part at its smallest in under five minutes and writes no page. `make "
        "bench COMPARE=build/old.json` measures, and says what has become worse or better since the run that wrote "
        "that file: times where machine and mode are the same, ratios anywhere. Every run writes build/bench.json."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = False) -> str:
    rule = ["---", *(["---:" if numbers else "---"] * (len(head) - 1))]
    lines = [_line(head), f"|{'|'.join(rule)}|", *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _paragraph(text: str) -> Iterator[str]:
    yield "\n".join(_wrapped(text, ""))


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
