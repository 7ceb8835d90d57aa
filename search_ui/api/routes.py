"""The HTTP API, beside the page in the same process: search, facets, images, metrics."""

import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from core.domain.query import LikeTerm, Query
from core.domain.result import Hit
from core.errors import BucketLensError, ImageNotIndexed, LibraryError
from core.search.facets import as_dict
from search_ui.api import api_errors
from search_ui.api.api_errors import Refusal, json_response
from search_ui.api.api_metrics import ApiMetrics
from search_ui.api.etag import tagged
from search_ui.api.guard import Guard
from search_ui.api.openapi import document
from search_ui.api.request_pool import ClientGoneError, Going, Pool
from search_ui.api.schemas import AskedBody, FacetsBody, ImageAnswer, SearchBody
from search_ui.library.live_library import LiveLibrary
from search_ui.library.served_library import Library

log = logging.getLogger(__name__)

B = TypeVar("B", bound=AskedBody)
Handler = Callable[[Request], Awaitable[Response]]

_NOBODY = 499  # as nginx counts requests whose client hung up
_FRESH = {"Cache-Control": "no-store"}
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Api:
    def __init__(self, live: LiveLibrary) -> None:
        settings = live.current().settings
        self._live = live
        self._guard = Guard(settings)
        self._pool = Pool(settings.api.workers, settings.api.waiting)
        self._metrics = ApiMetrics(lambda: float(self._pool.held))
        self._document = document(bool(settings.api.token))

    def routes(self) -> list[BaseRoute]:
        image = "/images/{image_id:uuid}"
        app = Starlette(
            routes=[
                Route("/search", self._answering("search", self._search), methods=["POST"]),
                Route("/facets", self._answering("facets", self._facets), methods=["POST"]),
                Route(image, self._answering("image", self._image), methods=["GET"]),
                Route(f"{image}/thumbnail", self._answering("thumbnail", self._thumbnail), methods=["GET"]),
                Route("/openapi.json", self._answering("openapi", self._openapi), methods=["GET"]),
            ],
            exception_handlers={HTTPException: self._astray},
        )
        app.router.redirect_slashes = False
        return [Mount("/api", app), Route("/metrics", self._answering("metrics", self._numbers), methods=["GET"])]

    def close(self) -> None:
        self._pool.close()

    def _answering(self, route: str, handler: Handler) -> Handler:
        """Whatever goes wrong becomes an answer; every answer is counted."""

        async def answer(request: Request) -> Response:
            started = time.perf_counter()
            try:
                self._guard.admit(request)
                response = await handler(request)
            except Refusal as refusal:
                response = refusal.response()
            except BucketLensError as error:
                response = api_errors.of(error).response()
            except (ClientGoneError, ClientDisconnect):
                response = Response(status_code=_NOBODY)
            except Exception:
                log.exception("request failed route=%s", route)
                response = api_errors.internal().response()
            self._metrics.answered(route, response.status_code, time.perf_counter() - started)
            return response

        return answer

    async def _search(self, request: Request) -> Response:
        body = await self._body(request, SearchBody)
        asked = time.perf_counter()

        def work(going: Going) -> bytes:
            waited = (time.perf_counter() - asked) * 1000
            library = self._live.current()
            query = body.query(library.settings.ranking.weights)
            _check_model(library, query)
            result = library.service.search(query, going).to_dict()
            result["timings_ms"] |= {"wait": round(waited, 2)}
            self._metrics.searched(result["timings_ms"])
            return json.dumps(result, allow_nan=False).encode()

        return Response(await self._pool.run(work, request.receive), headers=_FRESH, media_type="application/json")

    async def _facets(self, request: Request) -> Response:
        body = await self._body(request, FacetsBody)
        asked = time.perf_counter()

        def work(going: Going) -> dict[str, Any]:
            started = time.perf_counter()
            fields = dict.fromkeys(body.fields)
            library = self._live.current()
            query = body.query(library.settings.ranking.weights)
            found = library.service.facets(query, fields, limit=body.limit, going=going)
            timings = {"wait": (started - asked) * 1000, "total": (time.perf_counter() - started) * 1000}
            return {"facets": as_dict(found), "timings_ms": {name: round(ms, 2) for name, ms in timings.items()}}

        return json_response(await self._pool.run(work, request.receive), headers=_FRESH)

    async def _image(self, request: Request) -> Response:
        image_id = str(request.path_params["image_id"])
        try:
            record = await self._pool.run(lambda _: self._live.current().service.image(image_id), request.receive)
        except ImageNotIndexed:
            return api_errors.not_found("image of this id").response()
        found = Hit(record, None).to_dict()
        told = {name: value for name, value in found.items() if name in ImageAnswer.model_fields}
        return tagged(json.dumps(told).encode(), "application/json", request)

    async def _thumbnail(self, request: Request) -> Response:
        image_id = str(request.path_params["image_id"])
        jpeg = await self._pool.run(lambda _: self._live.current().thumbnail(image_id), request.receive)
        return (
            api_errors.not_found("thumbnail of this id").response()
            if jpeg is None
            else tagged(jpeg, "image/jpeg", request)
        )

    async def _openapi(self, request: Request) -> Response:
        return json_response(self._document)

    async def _numbers(self, request: Request) -> Response:
        library = self._live.current()
        with suppress(LibraryError):  # they are but numbers to look at
            outline = await self._pool.run(lambda _: library.outline(), request.receive)
            self._metrics.library(outline.images, outline.failed)
        self._metrics.recall(library.recall.figure)
        return Response(self._metrics.text(), headers={**_FRESH, "Content-Type": _PROMETHEUS})

    async def _astray(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            told = f"{request.method} is not for this address"
            what = "see /api/openapi.json for what there is"
            return Refusal(405, "method_not_allowed", told, what, headers=error.headers).response()
        return api_errors.not_found("such address").response()

    async def _body(self, request: Request, shape: type[B]) -> B:
        given = await self._guard.json_of(request)
        try:
            return shape.model_validate(given)
        except ValidationError as error:
            raise api_errors.of_shape(error) from error


def _check_model(library: Library, query: Query) -> None:
    """Nobody waits for a model to be fetched. Raises Refusal."""
    library.load_model()
    weights = query.weights or library.settings.ranking.weights
    needed = (weights.image or weights.caption) and any(not isinstance(term, LikeTerm) for term in query.terms)
    if needed and library.model == "loading":
        raise api_errors.loading()
