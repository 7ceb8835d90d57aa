"""The JSON Schema of a filter: what core.domain.filtering.parser.parse_filter reads."""

from typing import Any

from core.domain.filtering.parser import FILTER_FIELDS, FilterField

_TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
_BOUND: dict[str, Any] = {"type": "number", "minimum": 0}
_DEGREES: dict[str, Any] = {"type": "number", "minimum": -180, "maximum": 180}
_LATITUDE: dict[str, Any] = {"type": "number", "minimum": -90, "maximum": 90}
_RANGE: dict[str, Any] = {
    "type": "object",
    "properties": {"min": _BOUND, "max": _BOUND},
    "additionalProperties": False,
    "minProperties": 1,
}


def filter_schema(ref: str) -> dict[str, Any]:
    """Describe a filter; `ref` is the address of this schema in its document."""
    nested = {"type": "array", "items": {"$ref": ref}}
    return {
        "type": "object",
        "description": "An image passes that fulfils everything in it: all of `all`, one or more of `any`, none of "
        "`none`.",
        "properties": {
            "all": nested,
            "any": {**nested, "minItems": 1},
            "none": nested,
            **{name: _field_schema(field) for name, field in FILTER_FIELDS.items()},
        },
        "additionalProperties": False,
    }


def _field_schema(field: FilterField) -> dict[str, Any]:
    described = {"description": field.description} if field.description else {}
    text = {"enum": list(field.choices)} if field.choices else _TEXT
    match field.takes:
        case "texts":
            return {"anyOf": [text, {"type": "array", "items": text, "minItems": 1}], **described}
        case "number":
            return {"anyOf": [_BOUND, _TEXT, _RANGE], **described}
        case "place":
            place = {"latitude": _DEGREES, "longitude": _DEGREES, "meters": {"type": "number", "exclusiveMinimum": 0}}
            made = {"type": "object", "properties": place, "required": [*place], "additionalProperties": False}
            return {"anyOf": [_TEXT, made], **described, "examples": ["48.1,11.6,5km"]}
        case "box":
            edges = {"south": _LATITUDE, "west": _DEGREES, "north": _LATITUDE, "east": _DEGREES}
            made = {"type": "object", "properties": edges, "required": [*edges], "additionalProperties": False}
            return {"anyOf": [_TEXT, made], **described, "examples": ["38.6,-9.3,38.8,-9.0"]}
        case "flag":
            return {"type": "boolean", **described}
        case "time":
            return {**_TEXT, **described, "examples": ["2023-06..2024"]}
        case "text":
            return {**text, **described}
