"""Pictures of curves, as SVG: the same curves give the same bytes, nothing in them is loaded from elsewhere, and they
can be read on a light page and on a dark one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pygal
from pygal.style import Style

from bench.curves import Picture
from bench.scales import Axis, axis, written

# It leaves an importer behind, for maps, of a kind that Python warns of at every import that follows.
sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, pygal.PluginImportFixer)]

WIDTH, HEIGHT = 720, 400
COLOURS: Final = ("#2f81f7", "#e3702a", "#2da44e", "#a371f7", "#db4c8a", "#8a8d00", "#1aa5a5", "#7d8590")
"""Readable on white and on black alike."""
_UNTITLED: Final = "Pygal"
"""The title of a picture without one; all others are those of ticks."""
_FONT: Final = "system-ui, sans-serif"
_LIGHT: Final = ("#1f2328", "#59636e", "#d1d9e0")
_DARK: Final = ("#f0f6fc", "#b1bac4", "#3d444d")


def draw(picture: Picture) -> str:
    """Return the picture as SVG. Its axes are logarithmic where their values span decades."""
    across = axis(x for points in picture.series.values() for x, _ in points)
    up = axis((y for points in picture.series.values() for _, y in points), from_zero=True)
    chart = pygal.XY(
        width=WIDTH,
        height=HEIGHT,
        explicit_size=True,
        style=Style(font_family=_FONT, label_font_size=13, legend_font_size=14, title_font_size=14),
        css=[],
        js=[],
        no_prefix=True,
        dots_size=4,
        legend_at_bottom=True,
        legend_at_bottom_columns=2 if len(picture.series) > 1 else 1,
        truncate_legend=-1,
        truncate_label=-1,
        x_title=picture.x_title,
        y_title=picture.y_title,
        title=None,
        xrange=(across.low, across.high),
        range=(up.low, up.high),
        show_x_guides=True,
    )
    chart.x_labels = _labels(across)
    chart.y_labels = _labels(up)
    for name, points in picture.series.items():
        chart.add(name, [(across.place(x), up.place(y)) for x, y in points])
    chart.add_xml_filter(lambda root: _plain(root, picture))
    svg: str = chart.render(is_unicode=True, disable_xml_declaration=True)
    return svg + "\n"


def write(pictures: Iterable[Picture], folder: Path) -> list[Path]:
    """Write each into `folder`, remove what else of that kind is there, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / f"{picture.name}.svg": draw(picture) for picture in pictures}
    for old in set(folder.glob("*.svg")) - set(files):
        old.unlink()
    for file, svg in files.items():
        file.write_text(svg, encoding="utf-8")
    return sorted(files)


def _labels(one: Axis) -> list[dict[str, Any]]:
    return [{"value": place, "label": written(value)} for value, place in one.ticks]


def _css(series: int) -> str:
    strong, text, line = _LIGHT
    colours = "".join(
        f".color-{n}, .color-{n} path {{stroke: {colour}; fill: {colour};}}\n"
        for n, colour in zip(range(series), _repeated(), strict=False)
    )
    dark_strong, dark_text, dark_line = _DARK
    return f"""
        text {{font-family: {_FONT}; fill: {text}; stroke: none;}}
        .background {{fill: none;}}
        .title {{text-anchor: middle; fill: {strong}; font-size: 14px;}}
        .legends text {{font-size: 14px;}}
        .axis text {{font-size: 13px;}}
        .axis.x text {{text-anchor: middle;}}
        .axis.y text {{text-anchor: end;}}
        .axis path {{stroke: {line}; fill: none;}}
        .axis path.line:not(.guide) {{stroke: {text};}}
        {colours}
        .series path.line, .series path.nofill {{fill: none; stroke-width: 2.5px;}}
        @media (prefers-color-scheme: dark) {{
        text {{fill: {dark_text};}}
        .title {{fill: {dark_strong};}}
        .axis path {{stroke: {dark_line};}}
        .axis path.line:not(.guide) {{stroke: {dark_text};}}
        }}
    """


def _repeated() -> Iterable[str]:
    while True:
        yield from COLOURS


def _plain(root: Any, picture: Picture) -> Any:
    """Take out what moves, what is loaded, and what says when it was drawn; style it, and say what is shown."""
    for parent in list(root.iter()):
        for child in list(parent):
            if _is_idle(child):
                parent.remove(child)
    del root.attrib["id"]
    root.set("role", "img")
    _of(root, "title").text = picture.title
    _of(_of(root, "defs"), "style").text = _css(len(picture.series))
    return root


def _is_idle(node: Any) -> bool:
    if not isinstance(node.tag, str):
        return True  # a comment
    classes = node.get("class", "")
    inner_title = _name(node) == "title" and node.text != _UNTITLED
    return (
        _name(node) in {"script", "desc"} or inner_title or "text-overlay" in classes or "tooltip-overlay" in classes
    )


def _of(parent: Any, name: str) -> Any:
    return next(child for child in parent if _name(child) == name)


def _name(node: Any) -> str:
    return str(node.tag).rpartition("}")[2]
