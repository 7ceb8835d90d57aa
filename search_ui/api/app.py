"""The HTTP API as an ASGI app, beside the page in the same process."""

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from search_ui.api import api_errors
from search_ui.api.api_errors import Refusal
from search_ui.api.docs import DOCS_PATH, STARTER, docs_page, openapi_document
from search_ui.api.routes import router
from search_ui.api.services import Services
from search_ui.library.live_library import LiveLibrary


class Api:
    """The API of one library. It answers HEAD as GET."""

    def __init__(self, live: LiveLibrary) -> None:
        document = openapi_document(router, token=bool(live.current().settings.api.token))
        self._services = Services(live, document)
        self._page = docs_page(document)
        self._app = FastAPI(
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
            exception_handlers={HTTPException: _answer_astray},
        )
        self._app.state.services = self._services
        self._app.include_router(router)
        self._app.add_route(DOCS_PATH, self._show_docs)
        self._app.add_route(f"{DOCS_PATH}/start.js", _send_starter)
        self._app.mount(DOCS_PATH, StaticFiles(packages=[("fastapi_offline", "static")]))

    def routes(self) -> list[BaseRoute]:
        """The routes by which an app leads here."""
        return [Route("/api/{path:path}", self), Route("/metrics", self)]

    def close(self) -> None:
        """End its threads, without waiting for them."""
        self._services.pool.close()
        self._services.asking.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":  # the server leaves the body out
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)

    async def _show_docs(self, request: Request) -> Response:
        return HTMLResponse(self._page, headers={"Cache-Control": "no-cache"})


async def _send_starter(request: Request) -> Response:
    return FileResponse(STARTER, media_type="text/javascript")


async def _answer_astray(request: Request, error: Exception) -> Response:
    """Answer a request for what is not served."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        message = f"{request.method} is not for this address"
        what = "see /api/openapi.json for what there is"
        return Refusal(405, "method_not_allowed", message, what, headers=error.headers).response()
    return api_errors.not_found("such address").response()
