"""The ASGI app: the page, the HTTP API, the pictures and a health check, in one process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from search_ui.api.app import Api
from search_ui.library import current_library
from search_ui.library.live_library import LiveLibrary
from search_ui.server.pictures import FRESH, picture_routes
from search_ui.server.security_headers import SecurityHeaders, write_content_policy

PAGE_SCRIPT = Path(__file__).parent.parent / "page" / "script.py"


def make_app(live: LiveLibrary, allowed_hosts: list[str]) -> st.App:
    """Make the app. It answers under the names in `allowed_hosts`; ["*"] allows any."""
    api = Api(live)
    routes = [
        *api.routes(),
        *picture_routes(live),
        Route("/healthz", partial(_serve_health, live)),
    ]
    middleware = [
        Middleware(SecurityHeaders, policy=write_content_policy(), hosts=frozenset(allowed_hosts)),
    ]
    return st.App(PAGE_SCRIPT, lifespan=partial(_lifespan, live, api), routes=routes, middleware=middleware)


@asynccontextmanager
async def _lifespan(live: LiveLibrary, api: Api, app: Any) -> AsyncIterator[None]:
    current_library.set_library(live)
    live.current().load_model()
    try:
        yield
    finally:
        api.close()
        current_library.set_library(None)


def _serve_health(live: LiveLibrary, request: Request) -> Response:
    return JSONResponse({"status": "ok", "model": live.current().model}, headers=FRESH)
