"""Starting and ending `bucketlens ui`, without a browser."""

import signal
import socket
import subprocess
import sys
import urllib.request
from http.client import HTTPConnection
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from core.settings import load_settings
from search_ui.server.server import list_allowed_hosts, listen, streamlit_options
from tests.support.processes.commands import BUCKETLENS, ROOT, bucketlens, environment

STREAMLITS_OWN = (
    "[server]\nenableAgentApi = true\nport = 1\nbaseUrlPath = 'x'\nenableCORS = false\nenableXsrfProtection = false\n"
)


def stream(address: str, origin: str) -> int:
    """The answer to a page of `origin` that asks for the web socket over which everything can be read."""
    headers = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": origin,
    }  # fmt: skip
    connection = HTTPConnection(address.removeprefix("http://"), timeout=20)
    try:
        connection.request("GET", "/_stcore/stream", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_it_serves_from_any_folder_and_ends_cleanly_when_interrupted(tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(STREAMLITS_OWN)
    outside = socket.create_server(("127.0.0.1", 0))
    proxy = f"http://127.0.0.1:{outside.getsockname()[1]}"
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), proxy) | {"no_proxy": ""}
    with (
        outside,
        subprocess.Popen(
            [*BUCKETLENS, "ui", "--port", "0"],
            cwd=tmp_path,
            env=environment() | proxies,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[3]
            with urllib.request.urlopen(f"{address}/healthz", timeout=20) as answer:
                assert answer.status == 200
            assert stream(address, origin=address) == 101
            assert stream(address, origin="http://elsewhere.example") == 403
            assert stream(address, origin="null") == 403
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
        outside.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has asked for an address outside
            outside.accept()
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir()] == [".streamlit"]


def test_a_port_in_use_is_named_with_a_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        run = bucketlens("ui", "--port", str(taken.getsockname()[1]), cwd=tmp_path, timeout=60)
    assert run.returncode != 0
    assert "another program listens there" in run.stderr and "--port" in run.stderr


@pytest.mark.parametrize(
    ("host", "further", "names"),
    [
        ("127.0.0.1", (), ["localhost", "127.0.0.1", "[::1]"]),
        ("::1", (), ["localhost", "127.0.0.1", "[::1]"]),
        ("0.0.0.0", (), ["*"]),
        ("127.0.0.1", ("Pictures.example",), ["localhost", "127.0.0.1", "[::1]", "pictures.example"]),
    ],
)
def test_on_loopback_only_its_own_names_are_answered(host: str, further: tuple[str, ...], names: list[str]) -> None:
    assert list_allowed_hosts(host, further) == names


def test_streamlit_is_told_to_keep_to_itself() -> None:
    options = streamlit_options(load_settings(decode_max_bytes=7_000_000), "127.0.0.1", 8501)
    assert options["browser.gatherUsageStats"] is False
    assert options["server.fileWatcherType"] == "none"
    assert options["server.maxUploadSize"] == 7


def test_no_module_hides_another_package() -> None:
    """Streamlit puts the folder of the page script first on sys.path."""
    ours = {path.stem for path in (ROOT / "search_ui/page").glob("*.py")} - {"__init__"}
    assert not ours & (sys.stdlib_module_names | packages_distributions().keys())


def test_what_asyncio_sends_leaves_at_once() -> None:
    """It sets TCP_NODELAY only on sockets that say that they are TCP, as those that are accepted by one do."""
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP
