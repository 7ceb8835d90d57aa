"""Where the page script finds the library: Streamlit runs that script without arguments, in threads of its own."""

from search_ui.library.live_library import LiveLibrary
from search_ui.library.served_library import Library

_live: LiveLibrary | None = None


def set_library(live: LiveLibrary | None) -> None:
    """Set what the page serves. The app does so as it starts, and sets None as it ends."""
    global _live
    _live = live


def get_library() -> Library:
    """Give the library that is in use; take it once a page."""
    assert _live is not None, "the page runs only inside the app that search_ui.server.app makes"
    return _live.current()
