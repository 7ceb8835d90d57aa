"""The library that the page script uses: Streamlit runs that script without arguments, in its own threads."""

from search_ui.library.live_library import LiveLibrary
from search_ui.library.served_library import ServedLibrary

_live: LiveLibrary | None = None


def set_library(live: LiveLibrary | None) -> None:
    """Set the library that the page serves. The app sets it at its start, and None at its end."""
    global _live
    _live = live


def get_library() -> ServedLibrary:
    """Return the library that is in use; call it once a page."""
    assert _live is not None, "the page runs only inside the app that search_ui.server.app makes"
    return _live.current()
