"""Pictures of curves."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from bench.curves import Picture, curve, pictures
from bench.plots import draw, write

_SVG = "{http://www.w3.org/2000/svg}"
_FIGURES = {
    "curves": [
        curve("first page", "incidents stored", "time, ms", [(1_000_000, 4.0), (0, 1.0), (10_000, 2.5)]),
        curve("search", "incidents stored", "time, ms", [(0, 1.0), (10_000, 3.5), (1_000_000, 9.0)]),
        curve("service", "incidents stored", "CPU, ms", [(0, 2.0), (1_000_000, 2.2)]),
        curve("alone", "incidents stored", "memory, MB", [(0, 100.0)]),
        {"name": "gaps", "x_title": "calls", "y_title": "late, ms", "points": [[1, None], [2, 5.0]]},
    ]
}


def _drawn() -> ET.Element:
    return ET.fromstring(draw(pictures("incidents", _FIGURES)[0]))  # noqa: S314 (ours)


def test_curves_of_the_same_axes_are_in_one_picture() -> None:
    found = pictures("incidents", _FIGURES)
    assert [(one.name, list(one.series)) for one in found] == [
        ("incidents-time-ms-by-incidents-stored", ["first page", "search"]),
        ("incidents-cpu-ms-by-incidents-stored", ["service"]),
    ]
    assert found[0].series["first page"] == [(0, 1.0), (10_000, 2.5), (1_000_000, 4.0)]


def test_figures_without_curves_have_no_picture() -> None:
    assert pictures("decide", [{"median_us": 3}]) == []
    assert pictures("lag", None) == []


def test_the_same_curves_give_the_same_bytes() -> None:
    one, two = (draw(pictures("incidents", _FIGURES)[0]) for _ in range(2))
    assert one == two


def test_a_picture_loads_and_runs_nothing() -> None:
    text = draw(pictures("incidents", _FIGURES)[0])
    assert "<script" not in text
    assert "<!--" not in text
    assert "href" not in text
    assert text.count("http") == 1, "of its own namespace alone"


def test_a_picture_has_all_points_names_and_titles() -> None:
    root = _drawn()
    texts = {node.text for node in root.iter(f"{_SVG}text")}
    assert {"first page", "search", "incidents stored", "time, ms", "0", "10k", "1M"} <= texts
    assert len(list(root.iter(f"{_SVG}circle"))) == 6
    title = root.find(f"{_SVG}title")
    assert title is not None
    assert title.text == "time, ms, by incidents stored"


def test_a_picture_has_colours_for_dark_pages() -> None:
    style = next(_drawn().iter(f"{_SVG}style"))
    assert style.text is not None
    assert "@media (prefers-color-scheme: dark)" in style.text


def test_pictures_that_are_no_more_are_removed(tmp_path: Path) -> None:
    (tmp_path / "old.svg").write_text("<svg/>")
    (tmp_path / "notes.txt").write_text("stays")
    files = write([Picture("new", "routes", "time, ms", {"one": [(1, 1), (2, 2)]})], tmp_path)
    assert files == [tmp_path / "new.svg"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["new.svg", "notes.txt"]
