"""A route of the HTTP API: guarded, counted, and whatever goes wrong is an answer."""

import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from core.errors import BucketLensError
from search_ui.api import api_errors
from search_ui.api.api_errors import Refusal
from search_ui.api.request_pool import ClientGoneError
from search_ui.api.services import get_services

log = logging.getLogger(__name__)

_CLIENT_CLOSED_REQUEST = 499  # as nginx counts requests whose client hung up


class GuardedRoute(APIRoute):
    """Admits a request before its body is read, and counts every answer by the name of the route."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            started = time.perf_counter()
            services = await get_services(request)
            try:
                await services.guard.admit(request)
                if self.body_field is not None:
                    request = await services.guard.read_json(request)
                response = await handle(request)
            except Refusal as refusal:
                response = refusal.response()
            except RequestValidationError as error:
                response = api_errors.of_shape(error).response()
            except BucketLensError as error:
                response = api_errors.of(error).response()
            except (ClientGoneError, ClientDisconnect):
                response = Response(status_code=_CLIENT_CLOSED_REQUEST)
            except Exception:
                log.exception("request failed route=%s", self.name)
                response = api_errors.internal().response()
            services.metrics.record_answer(self.name, response.status_code, time.perf_counter() - started)
            return response

        return answer
