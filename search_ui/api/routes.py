"""The routes of the HTTP API: search, facets, questions, images, metrics, and the document that describes them."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from core.answering.question import check_question
from core.answering.service import PictureAnswer
from core.domain.query import LikeTerm, Query
from core.domain.result import Hit
from core.errors import ImageNotIndexed, LibraryError
from core.search.facets import as_dict
from search_ui.api import api_errors
from search_ui.api.api_errors import json_response
from search_ui.api.docs import error_responses
from search_ui.api.etag import respond_with_etag
from search_ui.api.guarded_route import GuardedRoute
from search_ui.api.request_pool import Going
from search_ui.api.schemas import AskAnswer, AskBody, FacetsAnswer, FacetsBody, ImageAnswer, SearchAnswer, SearchBody
from search_ui.api.services import LibraryOf, ServicesOf
from search_ui.library.served_library import ServedLibrary

router = APIRouter(route_class=GuardedRoute)

ImageId = Annotated[UUID, Path(alias="id")]

_NO_STORE = {"Cache-Control": "no-store"}
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_IMAGE = "/api/images/{id:uuid}"
_FOR_SEARCHES = error_responses(400, 401, 413, 415, 422, 429, 503)
_FOR_IMAGES = error_responses(401, 404, 429, 503)


@router.post(
    "/api/search",
    name="search",
    operation_id="search",
    tags=["search"],
    summary="Find pictures, or list those that pass a filter.",
    response_model=SearchAnswer,
    responses=_FOR_SEARCHES,
)
async def search(body: SearchBody, request: Request, services: ServicesOf, library: LibraryOf) -> Response:
    received = time.perf_counter()

    def work(going: Going) -> bytes:
        waited = (time.perf_counter() - received) * 1000
        query = body.query(library.settings.ranking.weights)
        _require_model(library, query)
        result = library.service.search(query, going).to_dict()
        result["timings_ms"] |= {"wait": round(waited, 2)}
        services.metrics.record_search(result["timings_ms"])
        return json.dumps(result, allow_nan=False).encode()

    return Response(await services.pool.run(work, request.receive), headers=_NO_STORE, media_type="application/json")


@router.post(
    "/api/facets",
    name="facets",
    operation_id="facets",
    tags=["search"],
    summary="Count what a search can find, by its features.",
    response_model=FacetsAnswer,
    responses=_FOR_SEARCHES,
)
async def facets(body: FacetsBody, request: Request, services: ServicesOf, library: LibraryOf) -> Response:
    received = time.perf_counter()

    def work(going: Going) -> dict[str, Any]:
        started = time.perf_counter()
        query = body.query(library.settings.ranking.weights)
        found = library.service.facets(query, dict.fromkeys(body.fields), limit=body.limit, going=going)
        timings = {"wait": (started - received) * 1000, "total": (time.perf_counter() - started) * 1000}
        return {"facets": as_dict(found), "timings_ms": {name: round(ms, 2) for name, ms in timings.items()}}

    return json_response(await services.pool.run(work, request.receive), headers=_NO_STORE)


@router.post(
    "/api/ask",
    name="ask",
    operation_id="ask",
    tags=["ask"],
    summary="Ask a question about a picture, or about the best hits of a search.",
    response_model=AskAnswer,
    responses=error_responses(400, 401, 404, 413, 415, 422, 429, 503, 504),
)
async def ask(body: AskBody, request: Request, services: ServicesOf, library: LibraryOf) -> Response:
    received = time.perf_counter()

    def work(going: Going) -> dict[str, Any]:
        started = time.perf_counter()
        answers, notices = _put_question(body, library, going)
        timings = {"wait": (started - received) * 1000, "total": (time.perf_counter() - started) * 1000}
        return {
            "question": check_question(body.question),
            "answerer": library.answers.answerer.name,
            "answers": [answer.to_dict() for answer in answers],
            "notices": list(notices),
            "timings_ms": {name: round(ms, 2) for name, ms in timings.items()},
        }

    check_question(body.question)  # before it waits for its turn
    try:
        return json_response(await services.asking.run(work, request.receive), headers=_NO_STORE)
    except ImageNotIndexed:
        if body.id is None:  # one of the search
            raise
        return api_errors.not_found("image of this id").response()


@router.get(
    _IMAGE,
    name="image",
    operation_id="image",
    tags=["images"],
    summary="All that is known of an image.",
    response_model=ImageAnswer,
    responses=_FOR_IMAGES,
)
async def image(image_id: ImageId, request: Request, services: ServicesOf, library: LibraryOf) -> Response:
    try:
        record = await services.pool.run(lambda _: library.service.image(str(image_id)), request.receive)
    except ImageNotIndexed:
        return api_errors.not_found("image of this id").response()
    hit = Hit(record, None).to_dict()
    known = {name: value for name, value in hit.items() if name in ImageAnswer.model_fields}
    return respond_with_etag(json.dumps(known).encode(), "application/json", request)


@router.get(
    f"{_IMAGE}/thumbnail",
    name="thumbnail",
    operation_id="thumbnail",
    tags=["images"],
    summary="A small JPEG of an image.",
    response_class=Response,
    responses={200: {"description": "the thumbnail", "content": {"image/jpeg": {}}}, **_FOR_IMAGES},
)
async def thumbnail(image_id: ImageId, request: Request, services: ServicesOf, library: LibraryOf) -> Response:
    jpeg = await services.pool.run(lambda _: library.thumbnail(str(image_id)), request.receive)
    if jpeg is None:
        return api_errors.not_found("thumbnail of this id").response()
    return respond_with_etag(jpeg, "image/jpeg", request)


@router.get("/api/openapi.json", name="openapi", include_in_schema=False)
async def openapi(services: ServicesOf) -> Response:
    return json_response(services.document)


@router.get("/metrics", name="metrics", include_in_schema=False)
async def metrics(request: Request, services: ServicesOf, library: LibraryOf) -> Response:
    with suppress(LibraryError):  # the other numbers are told without a library
        outline = await services.pool.run(lambda _: library.outline(), request.receive)
        services.metrics.set_library(outline.images, outline.failed)
    services.metrics.set_recall(library.recall.figure)
    return Response(services.metrics.render(), headers={**_NO_STORE, "Content-Type": _PROMETHEUS})


def _put_question(body: AskBody, library: ServedLibrary, going: Going) -> tuple[Sequence[PictureAnswer], Sequence[str]]:
    """Put the question; return the answers and notices. Raises BucketLensError, and Refusal while a model is loaded."""
    answers = library.answers
    _ = answers.answerer  # a search is no use without it
    if body.image is not None:
        return [answers.ask_picture(body.read_image(), body.question, going)], ()
    if body.id is not None:
        return [answers.ask_image(library.service.image(str(body.id)), body.question, going)], ()
    assert body.search is not None
    query = replace(body.search.query(library.settings.ranking.weights), limit=body.top)
    _require_model(library, query)
    found = library.service.search(query, going)
    return list(answers.ask_images([hit.record for hit in found.hits], body.question, going)), found.notices


def _require_model(library: ServedLibrary, query: Query) -> None:
    """Refuse a search while its model is being loaded: nobody waits for that. Raises Refusal."""
    library.load_model()
    weights = query.weights or library.settings.ranking.weights
    needed = (weights.image or weights.caption) and any(not isinstance(term, LikeTerm) for term in query.terms)
    if needed and library.model == "loading":
        raise api_errors.loading()
