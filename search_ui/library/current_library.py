"""Where the page script finds the library: Streamlit runs that script without arguments, in threads of its own."""

from search_ui.library.served_library import Library

_held: Library | None = None


def hold(library: Library | None) -> None:
    """Called by the app as it starts and ends."""
    global _held
    _held = library


def held() -> Library:
    assert _held is not None, "the page runs only inside the app that search_ui.server.app makes"
    return _held
