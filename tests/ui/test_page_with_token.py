"""The page needs no token, whatever the API asks for."""

import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.support.small_library import UMBRELLAS, SmallLibrary
from tests.ui.conftest import Opener, health, serving, until


def test_the_page_works_where_programs_need_a_token(open_page: Opener, library: SmallLibrary) -> None:
    with serving(library.data, environment={"BUCKETLENS_API_TOKEN": "for programs alone"}) as url:
        until(lambda: health(url)["model"] == "ready", 60)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{url}/api/images/{library.id_of(UMBRELLAS)}", timeout=20)
        page = open_page(f"{url}/?q=three+red+umbrellas+at+night")
        first = page.locator(".card").first
        expect(first.locator(".caption")).to_have_text(library.captions[library.id_of(UMBRELLAS)] or "")
        assert first.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
