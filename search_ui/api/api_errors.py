"""Every error that the HTTP API answers with: {"error": {"code", "field", "message", "what_to_do"}}."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from core import errors
from core.errors import BucketLensError, InvalidQuery
from search_ui.api.hints import render_hint

_SHOWN = 200  # characters of what was given
_ASK = "tell who runs the server: its log has the details"
_LATER = "ask again in a moment"
_ANSWER_LASTS = 5  # seconds, about
_MESSAGES = {  # in place of pydantic's, which are of Python
    "unexpected_keyword_argument": "there is no such field",
    "dataclass_type": "Input should be a JSON object",
}


@dataclass(eq=False)
class Refusal(Exception):
    """An answer with an error. `retry_after` is in seconds."""

    status: int
    code: str
    message: str
    what_to_do: str
    field: str | None = None
    retry_after: int | None = None
    headers: Mapping[str, str] | None = None

    def response(self) -> Response:
        told = {"code": self.code, "field": self.field, "message": self.message, "what_to_do": self.what_to_do}
        headers = {"Cache-Control": "no-store", **(self.headers or {})}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return json_response({"error": told}, self.status, headers)


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """In ASCII, so that text of any origin can be sent."""
    return Response(json.dumps(content, allow_nan=False), status, headers, media_type="application/json")


def of_shape(error: RequestValidationError) -> Refusal:
    """Of a body that is JSON of another shape: its first fault."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part != "body")
    message = _MESSAGES.get(first["type"], first["msg"].removeprefix("Value error, "))
    what = (
        f"give {field} as /api/openapi.json describes it" if field else "give a body as /api/openapi.json describes it"
    )
    return Refusal(422, "invalid_request", f"{field or 'body'}: {message}", what, field or None)


def of(error: BucketLensError) -> Refusal:
    """Of what the core raises: its reason, and its hint in the terms of the API."""
    told = error.reason
    what = render_hint(error.hint) if error.hint else None
    match error:
        case InvalidQuery(field=field, takes=takes):
            given = repr(error.given)
            given = given if len(given) <= _SHOWN else given[:_SHOWN] + "…"
            return Refusal(422, "invalid_query", f"{field}: got {given}, takes {takes}", f"give {field} {takes}", field)
        case errors.ImageTooLarge():
            return Refusal(413, "image_too_large", told, "send a smaller picture", "image")
        case errors.ImageError():
            send = "send a picture that can be decoded, such as a JPEG, PNG, WebP, TIFF, AVIF, HEIC or JPEG XL"
            return Refusal(422, "image_unreadable", told, send, "image")
        case errors.ImageNotIndexed():
            return Refusal(422, "image_not_indexed", told, "compare with an image of the library", "like")
        case errors.AnswererMissing():
            return Refusal(503, "answerer_missing", told, what or "see to the model on the server")
        case errors.AnswerLate():
            return Refusal(504, "answer_late", told, what or _LATER)
        case errors.ModelError():
            return Refusal(503, "model_unavailable", told, what or "see to the model on the server")
        case errors.LibraryBusy():
            return Refusal(503, "library_busy", told, _LATER, retry_after=2)
        case errors.LibraryMissing():
            return Refusal(503, "library_missing", told, what or "make a library on the server", retry_after=5)
        case errors.LibraryUnreachable():
            return Refusal(503, "library_unreachable", told, what or _LATER, retry_after=5)
        case errors.LibraryError():
            return Refusal(503, "library_unavailable", told, what or "see to the library on the server")
    return Refusal(500, "internal", told, what or _ASK)


def not_found(what: str) -> Refusal:
    return Refusal(404, "not_found", f"there is no {what}", "see /api/openapi.json for what there is")


def loading() -> Refusal:
    return Refusal(503, "model_loading", "the model is still being loaded", _LATER, retry_after=2)


def overloaded() -> Refusal:
    return Refusal(503, "overloaded", "too many searches wait already", _LATER, retry_after=1)


def asking_overloaded() -> Refusal:
    return Refusal(
        503, "overloaded", "too many questions wait already (setting ask.waiting)", _LATER, retry_after=_ANSWER_LASTS
    )


def internal() -> Refusal:
    return Refusal(500, "internal", "something went wrong", _ASK)
