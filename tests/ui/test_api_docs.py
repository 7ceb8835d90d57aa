"""The page that documents the API, in a real browser, with nothing from elsewhere."""

import os
from pathlib import Path

from playwright.sync_api import expect

from tests.support.small_library import SmallLibrary
from tests.ui.conftest import Opener, health, serving, until

TOKEN = "for programs alone"


def test_every_operation_is_shown_and_can_be_tried(open_page: Opener, address: str) -> None:
    page = open_page(f"{address}/api/docs", height=1400)
    expect(page.locator(".opblock-summary-path")).to_have_count(5)
    expect(page.get_by_text("Find pictures, or list those that pass a filter.")).to_be_visible()
    if folder := os.environ.get("BUCKETLENS_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "api-docs.png")
    operation = page.locator("#operations-search-search")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("textarea.body-param__text").fill('{"terms": [{"text": "a red umbrella"}], "limit": 1}')
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text("hits")


def test_the_page_is_reachable_where_programs_need_a_token_and_takes_it(
    open_page: Opener, library: SmallLibrary
) -> None:
    with serving(library.data, environment={"BUCKETLENS_API_TOKEN": TOKEN}) as url:
        until(lambda: health(url)["model"] == "ready", 60)
        page = open_page(f"{url}/api/docs")
        expect(page.locator(".opblock-summary-path")).to_have_count(5)
        page.get_by_role("button", name="Authorize").first.click()
        page.get_by_label("auth-bearer-value").fill(TOKEN)
        page.locator(".auth-btn-wrapper").get_by_role("button", name="Apply credentials").click()
        page.get_by_role("button", name="Close").first.click()
        operation = page.locator("#operations-search-facets")
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.locator("textarea.body-param__text").fill('{"fields": ["word"]}')
        operation.get_by_role("button", name="Execute").click()
        expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
