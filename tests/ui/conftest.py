"""The real app in a process of its own, and a real Chromium to look at it."""

import json
import os
import re
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.processes.commands import ROOT, started
from tests.support.small_library import SmallLibrary, build

CHROMIUM = os.environ.get("BUCKETLENS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
COUNT = 84
PATIENCE_MS = 120_000  # the first search of a page loads its model, beside whatever else the machine does


@contextmanager
def serving(
    data: Path, *options: str, environment: dict[str, str] | None = None, main: str = "bucketlens.cli:main"
) -> Iterator[str]:
    """The address of `bucketlens ui` over a data folder."""
    given = ["ui", "--data", data, "--port", "0", *options]
    with started(*given, cwd=ROOT, env=environment or {}, main=main) as process:
        try:
            line = process.stdout.readline()
            address = re.search(r"http://\S+", line)
            assert address, (line, process.communicate(10))
            yield address.group()
        finally:
            process.kill()


def health(url: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{url}/healthz", timeout=20) as answer:
        found: dict[str, str] = json.load(answer)
    return found


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    return build(tmp_path_factory.mktemp("small"), COUNT)


@pytest.fixture(scope="session")
def address(library: SmallLibrary) -> Iterator[str]:
    with serving(library.data) as url:
        until(lambda: health(url)["model"] == "ready", 60)
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH, none in BUCKETLENS_CHROMIUM")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[f"--{option}" for option in QUIET])
        yield browser
        browser.close()


Opener = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opener]:
    """Opens an address in a fresh browser context; at the end, fails where the page had script or policy errors."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def open_page(url: str, *, width: int = 1280, height: int = 860, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"script error: {error}"))
        page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("console", lambda said: troubles.append(said.text) if "Content Security Policy" in said.text else None)
        page.on("request", lambda sent: None if _is_here(sent.url) else troubles.append(f"went out to {sent.url}"))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


def _is_here(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something is true, for what no selector tells."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
