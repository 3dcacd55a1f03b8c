"""The REST interface's documentation as one plain page, which needs neither scripts nor another server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

_STYLE = """
body { background: #0f1318; color: #d6dde6; font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
       padding: 0 1rem }
h2 { border-top: 1px solid #2a323d; font: 600 1.05rem ui-monospace, monospace; padding-top: 1rem }
table { border-collapse: collapse; width: 100% } td, th { padding: .2rem .8rem .2rem 0; text-align: left;
        vertical-align: top } th { color: #8b97a6; font-weight: 500 }
code, td:first-child { font-family: ui-monospace, monospace } a { color: #6cb2ff }
"""


def router() -> APIRouter:
    """`/api/docs`, of the application that the router is put on."""
    routes = APIRouter()

    @routes.get("/api/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(page(request.app.openapi(), getattr(request.state, "style_nonce", "")))

    return routes


def page(openapi: Mapping[str, Any], nonce: str) -> str:
    """The HTML page of an OpenAPI description: each operation with its parameters and answers.

    `nonce` is that of the answer's policy, for its styles.
    """
    body = "".join(
        _operation(method, path, operation, openapi)
        for path, methods in sorted(openapi["paths"].items())
        for method, operation in methods.items()
    )
    title = escape(str(openapi["info"]["title"]))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: REST interface</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style nonce="{nonce}">{_STYLE}</style></head><body><h1>{title}: REST interface</h1>'
        '<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI).</p>'
        f"{body}</body></html>"
    )


def _operation(method: str, path: str, operation: Mapping[str, Any], openapi: Mapping[str, Any]) -> str:
    text = escape(operation.get("description", "")).replace("\n\n", "<br>")
    return (
        f"<h2>{method.upper()} {escape(path)}</h2><p>{text}</p>"
        + _table(("parameter", "", "default", "meaning"), _parameters(operation))
        + _table(("answer", "", "", ""), _answers(operation, openapi))
    )


def _parameters(operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for each in operation.get("parameters", ()):
        schema = each["schema"]
        needed = "required" if each.get("required") else "optional"
        choices = " or ".join(schema.get("enum", ()))
        bounds = f"{schema.get('minimum', '')} … {schema['maximum']}" if "maximum" in schema else ""
        meaning = ", ".join(part for part in (each.get("description", ""), choices, bounds) if part)
        yield each["name"], needed, str(schema.get("default", "")), meaning


def _answers(operation: Mapping[str, Any], openapi: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for status, answer in sorted(operation.get("responses", {}).items()):
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        many = "list of " if schema.get("type") == "array" else ""
        name = (schema.get("items", schema).get("$ref") or "").rpartition("/")[2]
        shape = openapi.get("components", {}).get("schemas", {}).get(name, {})
        fields = ", ".join(shape.get("properties", {}))
        yield status, "", many + (f"{{{fields}}}" if fields else ""), answer.get("description", "")


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    if not lines:
        return ""
    names = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    return f"<table><tr>{names}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
