"""A reader of Asterisk's configuration files, apart from the code that writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass
class Section:
    """One ``[name](options)`` and its lines in order, as name and value."""

    name: str
    options: str
    lines: list[tuple[str, str]] = field(default_factory=list)

    def all(self, key: str) -> list[str]:
        """Return every value of a key."""
        return [value for name, value in self.lines if name == key]

    def one(self, key: str) -> str:
        """Return the only value of a key."""
        (value,) = self.all(key)
        return value


def read(text: str) -> list[Section]:
    """Return the sections of a file as Asterisk reads them (main/config.c, process_text_line).

    ``;`` begins a comment unless a backslash is before it; ``;--`` opens one that ends at ``--;``. Raises ValueError
    for what Asterisk would only warn of: a line that is no section, no directive and no assignment.
    """
    if re.search(r"(?<!\\);--", re.sub(r"^; -*$", "", text, flags=re.MULTILINE).replace("; --", "")):
        raise ValueError("a comment of several lines")
    sections: list[Section] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = re.split(r"(?<!\\);", raw, maxsplit=1)[0].strip()
        if not line:
            continue
        if line.startswith("#"):
            raise ValueError(f"line {number}: a directive: {line}")
        if found := re.fullmatch(r"\[([^\]]+)\](?:\(([^)]*)\))?", line):
            sections.append(Section(found[1], found[2] or ""))
        elif "=" in line and sections:
            name, value = line.split("=", 1)
            sections[-1].lines.append((name.strip(), value.removeprefix(">").strip()))
        else:
            raise ValueError(f"line {number} is nothing that Asterisk knows: {line!r}")
    return sections


@dataclass(frozen=True)
class Priority:
    """One line of a dialplan: in which extension, under which label, which application with which arguments."""

    context: str
    exten: str
    label: str
    application: str
    arguments: str


SWITCHED = {"callrouter-from-operator", "callrouter-transfer"}
"""Contexts that look for an extension in another one, by the dialplan's variables."""


def priorities(text: str) -> list[Priority]:
    """Return the lines of a dialplan's contexts."""
    found: list[Priority] = []
    for section in read(text):
        if section.name in {"general", "globals"}:
            continue
        exten = ""
        for name, value in section.lines:
            rest = value
            if name == "switch" and section.name in SWITCHED and value.startswith("Loopback/"):
                continue
            if name == "exten":
                exten, rest = value.split(",", 1)
            elif name != "same":
                raise ValueError(f"{name} in {section.name}")
            step = re.fullmatch(r"(?:n|[0-9]+)(?:\(([a-z]+)\))?,(\w+)\((.*)\)", rest)
            if step is None:
                raise ValueError(f"{section.name},{exten}: {rest!r}")
            found.append(Priority(section.name, exten, step[1] or "", step[2], step[3]))
    return found


def assigned(step: Priority) -> dict[str, str]:
    """Return what a line sets: names, as they are written, and values, without the quotes around them."""
    if step.application not in {"Set", "MSet"}:
        return {}
    pairs = _parted(step.arguments) if step.application == "MSet" else [step.arguments]
    found = dict(pair.split("=", 1) for pair in pairs)
    for name in [name for name in found if name.startswith("ARRAY(")]:
        names, values = name[6:-1].split(","), _parted(found.pop(name))
        found |= dict(zip(names, [*values, *[""] * len(names)], strict=False))
    return {name: value.strip('"') for name, value in found.items()}


def _parted(text: str) -> list[str]:
    """Return the parts of a text between its commas, but for those in quotes or in brackets of any kind."""
    parts, depth, quoted = [""], 0, False
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        quoted ^= char == '"'
        if char == "," and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def functions(arguments: str) -> set[str]:
    """Return the dialplan functions that some arguments call, read (``${X()}``) or written (``Set(X()=``)."""
    return set(re.findall(r"\$\{([A-Z][A-Z0-9_]+)\(", arguments)) | set(
        re.findall(r"(?:^|\()([A-Z][A-Z0-9_]+)\([^=]*\)=", arguments)
    )
