"""The readable page: the OpenAPI description as HTML, with nothing from the internet and no script."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from callrouter.api.models import HtmlPage
from callrouter.routing.values import Language

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:#1b1b1b;background:#fff}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}
pre{background:#f4f4f4;padding:.75rem;overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{border:1px solid #ccc;padding:.3rem .5rem;text-align:left;vertical-align:top}
section{border-top:1px solid #ccc;margin-top:1.5rem}
.method{font-weight:bold}
"""

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'"
)
"""Content-Security-Policy under which the page works: our own style, and nothing else."""

WORDS: Mapping[Language, Mapping[str, str]] = {
    Language.ID: {
        "title": "API callrouter",
        "other": "English",
        "raw": "Uraian untuk mesin (OpenAPI 3.1)",
        "operations": "Yang dapat diminta",
        "parameters": "Parameter",
        "name": "Nama",
        "place": "Tempat",
        "type": "Jenis",
        "meaning": "Arti",
        "required": "wajib",
        "default": "bawaan",
        "answer": "Jawaban",
        "body": "Isi permintaan",
        "right": "Hak yang diperlukan",
        "open": "tidak ada; terbuka bagi semua",
        "example": "Contoh",
        "problems": "Masalah",
        "code": "Kode",
        "status": "Status",
        "remedy": "Yang harus dilakukan",
        "shapes": "Bentuk data",
        "field": "Kolom",
        "note": "Uraian kolom tersedia dalam bahasa Inggris.",
    },
    Language.EN: {
        "title": "callrouter API",
        "other": "Bahasa Indonesia",
        "raw": "Description for machines (OpenAPI 3.1)",
        "operations": "What can be asked",
        "parameters": "Parameters",
        "name": "Name",
        "place": "Place",
        "type": "Type",
        "meaning": "Meaning",
        "required": "required",
        "default": "default",
        "answer": "Answer",
        "body": "Body",
        "right": "Right needed",
        "open": "none; open to all",
        "example": "Example",
        "problems": "Problems",
        "code": "Code",
        "status": "Status",
        "remedy": "What to do",
        "shapes": "Shapes",
        "field": "Field",
        "note": "",
    },
}


def render(document: Mapping[str, Any], language: Language) -> HtmlPage:
    """Return the page about `document` (an OpenAPI description) in `language`."""
    environment = Environment(
        loader=PackageLoader("callrouter.api", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda schema: _kind(document, schema)
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    environment.filters["resolved"] = lambda part: _resolved(document, part)
    page = environment.get_template("docs.html.j2").render(
        document=document,
        language=str(language),
        other=str(next(other for other in Language if other is not language)),
        words=WORDS[language],
        style=STYLE,
    )
    return HtmlPage(page)


def _resolved(document: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in part:
        target: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return a schema's type in a few words."""
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " | ".join(dict.fromkeys(_kind(document, option) for option in schema[word]))
    if "$ref" in schema:
        target = _resolved(document, schema)
        return " | ".join(target["enum"]) if "enum" in target else str(schema["$ref"].rpartition("/")[2])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"[{_kind(document, schema.get('items', {}))}]"
    bounds = [f"{sign} {schema[name]}" for name, sign in (("minimum", "≥"), ("maximum", "≤")) if name in schema]
    return ", ".join([str(schema.get("format", kind)), *bounds])
