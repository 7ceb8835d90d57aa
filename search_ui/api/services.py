"""What the routes of the HTTP API work with, and how they come by it."""

from typing import Annotated, Any

from fastapi import Depends, Request

from search_ui.api.api_errors import asking_overloaded
from search_ui.api.api_metrics import ApiMetrics
from search_ui.api.guard import Guard
from search_ui.api.request_pool import RequestPool
from search_ui.library.live_library import LiveLibrary
from search_ui.library.served_library import ServedLibrary


class Services:
    """The library, and the guard, both queues, the metrics and the OpenAPI document of its API.

    Questions to pictures have a queue of their own, since an answer may take as long as hundreds of searches.
    """

    def __init__(self, live: LiveLibrary, document: dict[str, Any]) -> None:
        settings = live.current().settings
        self.document = document
        self.live = live
        self.guard = Guard(settings)
        self.pool = RequestPool(settings.api.workers, settings.api.waiting)
        self.asking = RequestPool(1, settings.ask.waiting, name="ask", refuse=asking_overloaded)
        self.metrics = ApiMetrics(lambda: float(self.pool.in_flight + self.asking.in_flight))


async def get_services(request: Request) -> Services:
    """The services of the application that a request came to."""
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


async def get_library(services: Annotated[Services, Depends(get_services)]) -> ServedLibrary:
    """The library that answers one request, from its beginning to its end."""
    return services.live.current()


ServicesOf = Annotated[Services, Depends(get_services)]
LibraryOf = Annotated[ServedLibrary, Depends(get_library)]
