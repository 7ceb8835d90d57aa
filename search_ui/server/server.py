"""The server: runs the app under uvicorn, with one process, one socket and one library."""

import errno
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from core.bootstrap import Container
from core.errors import InvalidSetting
from core.errors.hints import Configure
from core.settings import Settings
from search_ui.library.live_library import LiveLibrary
from search_ui.page.theme import THEME

if TYPE_CHECKING:
    import uvicorn

LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"]
_MESSAGE = 4 * 2**20  # what a browser may send at once; pictures come another way
_EVERYWHERE = {"0.0.0.0", "::", ""}


def run(
    container: Container, host: str, port: int, allow_hosts: tuple[str, ...], announce: Callable[[str], object]
) -> None:
    """Serve until interrupted. Raises InvalidSetting.

    `announce` is called with the address once the socket listens. `allow_hosts`: further names to answer under.
    """
    listening = listen(host, port)
    with listening:
        port = listening.getsockname()[1]
        configure(container.settings, host, port)
        import uvicorn
        from threadpoolctl import threadpool_limits

        from search_ui.server.app import make_app

        library = LiveLibrary(container)
        app = make_app(library, list_allowed_hosts(host, allow_hosts))
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="websockets-sansio",
            ws_max_size=_MESSAGE,
            timeout_graceful_shutdown=3,
        )
        server = uvicorn.Server(config)
        # searches run side by side: threads that share one product would only spin beside them
        with _stop_on_signals(server), closing(library), threadpool_limits(1, "blas"):
            announce(f"http://{_browser_host(host)}:{port}")
            server.run(sockets=[listening])


@contextmanager
def _stop_on_signals(server: "uvicorn.Server") -> Iterator[None]:
    """Let SIGINT and SIGTERM stop the server, from before its own handlers run until after."""

    def end(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def list_allowed_hosts(host: str, further: tuple[str, ...]) -> list[str]:
    """List the names that the app answers under.

    On a loopback address these are only its own and `further`, so that no site can reach it by a name of its own.
    On other addresses without `further`, any name is allowed.
    """
    return [*LOOPBACK_NAMES, *(name.lower() for name in further)] if _is_loopback(host) or further else ["*"]


def configure(settings: Settings, host: str, port: int) -> None:
    """Set Streamlit's configuration, over its own files and environment. Call it before the app is made."""
    from streamlit.web.bootstrap import load_config_options

    load_config_options(streamlit_options(settings, host, port))


def streamlit_options(settings: Settings, host: str, port: int) -> dict[str, object]:
    """Map Streamlit's options to their values for this service."""
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.baseUrlPath": "",
        "server.enableCORS": True,  # which is: refuse what comes from pages of other sites
        "server.corsAllowedOrigins": [],
        "server.enableXsrfProtection": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.enableStaticServing": False,
        "server.enableAgentApi": False,
        "server.scriptHealthCheckEnabled": False,
        "server.maxUploadSize": max(1, -(-settings.decode.max_bytes // 2**20)),
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "logger.level": settings.log.level,
        "global.developmentMode": False,
        "runner.magicEnabled": False,
        **THEME,
    }


def listen(host: str, port: int) -> socket.socket:
    """Open a socket that listens on this address; port 0 takes any free one. Raises InvalidSetting."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Told that it is TCP, asyncio sends at once; else an answer's body waits 40 ms for its head to be acknowledged.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(512)
        listening.set_inheritable(False)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            hint = Configure("give {} another number, or 0 for any free one", ("port",))
            raise InvalidSetting("port", port, "a free port: another program listens there", hint) from error
        takes = f"an address to listen on ({error.strerror or error})"
        raise InvalidSetting("host and port", f"{host}:{port}", takes) from error
    return listening


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _browser_host(host: str) -> str:
    """Write the host as a browser on this machine needs it."""
    if host in _EVERYWHERE:
        return "localhost"
    return f"[{host}]" if ":" in host else host
