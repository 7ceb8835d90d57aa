"""The facet panel: values that the pictures found have in common, to require or to leave out."""

import time
from dataclasses import replace
from typing import Any

import streamlit as st

from core.domain.query import Query
from core.errors import InvalidQuery
from core.search.facets import FACETS, Facet, FacetField
from core.text.sanitize import plain
from search_ui.library.served_library import ServedLibrary
from search_ui.page import callbacks, panels
from search_ui.page.page_state import PageState

LABELS: dict[FacetField, str] = {
    "word": "Words",
    "source": "Source",
    "taken": "Taken in",
    "modified": "Changed in",
    "orientation": "Shape",
    "country": "Country",
    "region": "Region",
    "city": "City",
    "camera": "Camera",
    "lens": "Lens",
    "rating": "Rating",
    "keyword": "Keywords in files",
    "person": "People",
    "incomplete": "Incomplete",
    "text": "Written in pictures",
    "has_text": "Text",
}
_VALUES = 20
_LASTS = 10.0  # seconds


def show_facets(library: ServedLibrary, state: PageState) -> None:
    """Show the facets in a popover; they are counted only while it is open. Raises LibraryBusy."""
    door = st.popover("Narrow down", icon=":material/filter_alt:", key="narrow", on_change="rerun")
    if not door.open:
        return
    with door:
        try:
            query = replace(state, like=None, upload=None).query(None)  # pictures narrow nothing down
        except InvalidQuery:
            return  # the answer says so
        found = _count_facets(library, query)
        shown = [_make_facet(field, values, state) for field, values in found.items() if values]
        if shown:
            panels.facets(shown, callbacks.on_facet_action)
        else:
            st.html('<p class="bl-hint">Nothing is found that could be narrowed down.</p>')


def describe_value(field: str, value: str) -> str:
    """Describe a value of a facet as the chip of a filter does."""
    return {"taken": f"taken in {value}", "modified": f"changed in {value}"}.get(field, _show_value(field, value))


def _count_facets(library: ServedLibrary, query: Query) -> dict[FacetField, Facet]:
    """Count the facets of a question, or return counts that are less than ten seconds old."""
    question = replace(query, limit=1)
    counted, since, found = st.session_state.get("facets_found", (None, 0.0, {}))
    if counted != question or time.monotonic() - since > _LASTS:
        found = library.service.facets(question, FACETS, limit=_VALUES)
        st.session_state["facets_found"] = question, time.monotonic(), found
    return dict(found)


def _make_facet(field: FacetField, values: Facet, state: PageState) -> dict[str, Any]:
    rows = [
        {"value": value, "shown": _show_value(field, value), "count": count, "chosen": (field, value) in state.only}
        for value, count in values
    ]
    return {"field": field, "label": LABELS[field], "values": rows}


def _show_value(field: str, value: str) -> str:
    match field:
        case "rating":
            return "★" * int(value) or "no stars"
        case "incomplete":
            return "a part is missing"
        case "has_text":
            return "text was found"
        case _:
            return plain(value)
