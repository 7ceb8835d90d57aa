"""The page about the HTTP API: its OpenAPI document as tables."""

from typing import Any

from infra.reference.rendering import anchor, cell, paragraphs
from search_ui.api.docs import openapi_document
from search_ui.api.routes import router


def openapi() -> dict[str, Any]:
    """The document that /api/openapi.json answers with."""
    return openapi_document(router, token=True)


def page() -> str:
    told = openapi()
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, item in told["paths"].items()
        for method, operation in item.items()
        if method in ("get", "post")
    ]
    schemas = sorted(told["components"]["schemas"].items())
    return "\n\n".join(
        [
            "# HTTP API reference",
            "What `/api/openapi.json` says, as tables. [HTTP API](../http-api.md) explains it with examples.",
            *(_operation(title, operation) for title, operation in operations),
            "## Statuses",
            _statuses([operation for _, operation in operations]),
            *(_schema(name, schema) for name, schema in schemas),
        ]
    )


def _operation(title: str, operation: dict[str, Any]) -> str:
    parts = [f"## {title}", operation.get("summary", "")]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        parts.append(f"Body: {_type(body)}.")
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            (media, content), *_ = response["content"].items()
            answer = _type(content["schema"]) if content.get("schema") else f"`{media}`"
            parts.append(f"Answer: {answer}.")
    return "\n\n".join(parts)


def _statuses(operations: list[dict[str, Any]]) -> str:
    found: dict[str, str] = {}
    for operation in operations:
        for status, response in operation["responses"].items():
            if not status.startswith("2"):
                found.setdefault(status, response["description"])
    rows = [f"| {status} | {cell(why)} |" for status, why in sorted(found.items())]
    return "\n".join(["| status | when |", "| --- | --- |", *rows])


def _schema(name: str, schema: dict[str, Any]) -> str:
    parts = [f"## {name}", paragraphs(schema.get("description", ""))]
    needed = schema.get("required", [])
    rows = [
        f"| `{field}` | {cell(_type(about))} | {'yes' if field in needed else _default(about)} | "
        f"{cell(about.get('description', ''))} |"
        for field, about in schema.get("properties", {}).items()
    ]
    if rows:
        parts.append("\n".join(["| field | type | needed, or default | meaning |", "| --- | --- | --- | --- |", *rows]))
    elif "enum" in schema:
        parts.append(f"One of {_type(schema)}.")
    return "\n\n".join(part for part in parts if part)


def _default(about: dict[str, Any]) -> str:
    default = about.get("default")
    return "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _type(schema: dict[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{anchor(name)})"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[choice]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if schema.get("items") else "list"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(schema.get("type", "anything"))
