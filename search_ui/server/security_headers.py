"""Security headers for every response, and a block on Streamlit's paths that nobody needs."""

import base64
import hashlib
import re
from pathlib import Path

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CLOSED = ("/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent")
_PORT = re.compile(r":[0-9]*$")
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def write_content_policy() -> str:
    """Write a Content-Security-Policy that lets Streamlit's page work, but loads and runs nothing from elsewhere.

    Inline scripts of its page are allowed by their hashes. Streamlit runs the scripts of components from "blob:".
    """
    page = Path(streamlit.__file__).parent / "static" / "index.html"
    scripts = _INLINE.findall(page.read_text(encoding="utf-8"))
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts]
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self' blob:", *hashes]),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self' blob:",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        ]
    )


class SecurityHeaders:
    """ASGI middleware that adds headers, checks the host name and closes Streamlit's own paths.

    It answers under the `hosts` alone ("*": any). So no foreign site can read a local library under a name of its own
    (DNS rebinding). A websocket is for the page of this very address. Streamlit refuses other sites' pages too, but
    only after it has asked a service outside for the external address of this machine.
    """

    def __init__(self, app: ASGIApp, policy: str, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "X-Frame-Options": "SAMEORIGIN",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or pass it on and add the headers to the response."""
        if scope["type"] == "websocket":
            allowed = self._is_allowed(scope) and _is_same_origin(scope)
            await (self._app if allowed else _refuse_websocket)(scope, receive, send)
            return
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        if not self._is_allowed(scope):
            await PlainTextResponse("this name is not served here", 400)(scope, receive, send_with_headers)
        elif scope["path"].startswith(_CLOSED):
            await PlainTextResponse("not found", 404)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _is_allowed(self, scope: Scope) -> bool:
        host = Headers(scope=scope).get("host", "")
        return "*" in self._hosts or _PORT.sub("", host).lower() in self._hosts


def _is_same_origin(scope: Scope) -> bool:
    """Tell whether a websocket is asked for by a page of this address, or by no page at all."""
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host", "")


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close", "code": 1008})  # before it is accepted, so that the answer is 403
