"""Security headers for everything that is served, and no way in to what nobody needs."""

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


def content_policy() -> str:
    """Write a Content-Security-Policy under which Streamlit's page works and nothing from elsewhere is loaded or run.

    Inline scripts of its page are allowed by their hashes; "blob:" is how Streamlit runs the scripts of components.
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
    """ASGI middleware: adds headers, answers under the `hosts` alone ("*": any), closes Streamlit's own paths.

    The check of hosts keeps foreign sites from reading a local library under a name of theirs (DNS rebinding).
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
        if scope["type"] == "lifespan" or (scope["type"] == "websocket" and self._is_allowed(scope)):
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
