"""The OpenAPI document of the HTTP API, and the page that shows it."""

import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi

from search_ui.api.filter_schema import filter_schema
from search_ui.api.schemas import ErrorAnswer

DOCS_PATH = "/api/docs"
STARTER = Path(__file__).parent.parent / "static" / "api_docs.js"

_FILTER = "#/components/schemas/Filter"
_ERRORS = {
    400: "the body is not JSON",
    401: "the token is missing or wrong",
    404: "there is no such image",
    413: "the body or a picture in it is too large",
    415: "the body is not said to be JSON",
    422: "what is asked cannot be",
    429: "too many requests from this address; see Retry-After",
    504: "the model gave no answer in time",
    503: "too busy, or the library or the model is not there now; see Retry-After",
}
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>BucketLens API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{DOCS_PATH}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script type="application/json" id="openapi">%s</script>
<script src="{DOCS_PATH}/swagger-ui-bundle.js"></script>
<script src="{DOCS_PATH}/start.js"></script>
</body>
</html>
"""


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the error answers of these statuses, for a route's `responses`."""
    return {status: {"model": ErrorAnswer, "description": _ERRORS[status]} for status in statuses}


def openapi_document(router: APIRouter, *, token: bool) -> dict[str, Any]:
    """Describe the routes as OpenAPI 3.1. `token`: whether the server asks for one."""
    document = get_openapi(title="BucketLens", version="1", routes=router.routes)
    schemas = document["components"]["schemas"]
    for name in ("SearchBody", "FacetsBody", "QueryBody"):
        schemas[name]["properties"]["filter"] = {"$ref": _FILTER}
    schemas["Filter"] = filter_schema(_FILTER)
    _drop_validation_errors(document)
    if token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _drop_validation_errors(document: dict[str, Any]) -> None:
    """Take out FastAPI's own error answer: an id that is none is answered with 404."""
    schemas = document["components"]["schemas"]
    if schemas.pop("HTTPValidationError", None) is None:
        return
    schemas.pop("ValidationError")
    for operations in document["paths"].values():
        for operation in operations.values():
            if "HTTPValidationError" in json.dumps(operation["responses"].get("422", {})):
                del operation["responses"]["422"]


def docs_page(document: dict[str, Any]) -> str:
    """Make the HTML page that shows the document. It loads nothing from elsewhere, and has no script inline."""
    return _PAGE % json.dumps(document).replace("<", "\\u003c")
