"""The OpenAPI document of the HTTP API."""

from typing import Any, Literal, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from core.domain.conditions import Keyword, Number, Time
from core.domain.filters import Orientation
from search_ui.api.schemas import ErrorAnswer, FacetsAnswer, FacetsBody, ImageAnswer, SearchAnswer, SearchBody

_MODELS: list[type[BaseModel]] = [SearchBody, FacetsBody, SearchAnswer, FacetsAnswer, ImageAnswer, ErrorAnswer]
_REF = "#/components/schemas/"
_BAD = {
    "400": "the body is not JSON",
    "401": "the token is missing or wrong",
    "404": "there is no such image",
    "413": "the body or a picture in it is too large",
    "415": "the body is not said to be JSON",
    "422": "what is asked cannot be",
    "429": "too many requests from this address; see Retry-After",
    "503": "too busy, or the library or the model is not there now; see Retry-After",
}


def document(token: bool) -> dict[str, Any]:
    """OpenAPI 3.1. `token`: whether a token is asked for."""
    wanted: list[tuple[type[BaseModel], Literal["validation"]]] = [(model, "validation") for model in _MODELS]
    _, made = models_json_schema(wanted, ref_template=_REF + "{model}")
    schemas: dict[str, Any] = made["$defs"]
    for name in ("SearchBody", "FacetsBody"):
        schemas[name]["properties"]["filter"] = {"$ref": _REF + "Filter"}
    schemas["Filter"] = _filter()
    common = ("401", "429", "503")
    image_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    paths = {
        "/api/search": {"post": _post("search", "Find pictures, or list those that pass a filter.", "Search")},
        "/api/facets": {"post": _post("facets", "Count what a search can find, by its features.", "Facets")},
        "/api/images/{id}": {
            "parameters": [image_id],
            "get": {
                "operationId": "image",
                "summary": "All that is known of an image.",
                "responses": {"200": {"description": "the image", **_json("ImageAnswer")}, **_bad("404", *common)},
            },
        },
        "/api/images/{id}/thumbnail": {
            "parameters": [image_id],
            "get": {
                "operationId": "thumbnail",
                "summary": "A small JPEG of an image.",
                "responses": {
                    "200": {"description": "the thumbnail", "content": {"image/jpeg": {}}},
                    **_bad("404", *common),
                },
            },
        },
    }
    components: dict[str, Any] = {"schemas": schemas}
    made_of = {"openapi": "3.1.0", "info": {"title": "BucketLens", "version": "1"}, "paths": paths}
    if not token:
        return {**made_of, "components": components}
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return {**made_of, "components": components, "security": [{"token": []}]}


def _post(name: str, summary: str, model: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": {"required": True, **_json(model + "Body")},
        "responses": {
            "200": {"description": "the answer", **_json(model + "Answer")},
            **_bad("400", "401", "413", "415", "422", "429", "503"),
        },
    }


def _json(model: str) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": {"$ref": _REF + model}}}}


def _bad(*statuses: str) -> dict[str, Any]:
    return {status: {"description": _BAD[status], **_json("ErrorAnswer")} for status in statuses}


def _filter() -> dict[str, Any]:
    """What core.domain.filter_parser.parse_filter reads."""
    text = {"type": "string", "minLength": 1}
    some = {"type": "array", "items": {"$ref": _REF + "Filter"}}

    def one_of(values: dict[str, Any]) -> dict[str, Any]:
        return {"anyOf": [values, {"type": "array", "items": values, "minItems": 1}]}

    bound = {"type": "number", "minimum": 0}
    span = {"type": "object", "properties": {"min": bound, "max": bound}, "additionalProperties": False}
    number = {"anyOf": [bound, text, {**span, "minProperties": 1}], "description": "a number, LOW..HIGH, or both ends"}
    time = {**text, "description": "a year, month, day or RFC 3339 time, or BEGIN..END", "examples": ["2023-06..2024"]}
    properties = {
        "all": some,
        "any": {**some, "minItems": 1},
        "none": some,
        **dict.fromkeys(("word", "phrase", "source", "captioner", "content_hash"), one_of(text)),
        "status": one_of({"enum": ["indexed", "failed"]}),
        "caption_origin": one_of({"enum": ["generated", "human"]}),
        "orientation": one_of({"enum": list(get_args(Orientation))}),
        "prefix": text,
        "key": {**text, "description": "a pattern of the whole key, in either case: * ? [abc]"},
        **dict.fromkeys(get_args(Number), number),
        "taken": time,
        "modified": time,
        "missing": {"enum": [*get_args(Keyword), *get_args(Number), *get_args(Time)]},
    }
    told = "An image passes that fulfils everything in it: all of `all`, one or more of `any`, none of `none`."
    return {"type": "object", "description": told, "properties": properties, "additionalProperties": False}
