"""The page. Streamlit runs this script from top to bottom for every session and at every interaction."""

from dataclasses import replace
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from core.commands.hints import library_options, make_library_command
from core.domain.filtering.filters import INDEXED, Filter
from core.domain.query import MAX_LIMIT
from core.domain.result import Hit, SearchResult
from core.errors import (
    BucketLensError,
    InvalidQuery,
    LibraryBusy,
    LibraryMissing,
    LibraryUnreachable,
    MirrorMissing,
    ModelError,
    ModelMismatch,
)
from search_ui.library.current_library import get_library
from search_ui.library.served_library import Outline, ServedLibrary
from search_ui.page import callbacks, duplicates_view, facet_panel, panels
from search_ui.page.empty_result_help import drop_each_operator, explain_no_match
from search_ui.page.gallery_items import make_card, make_text
from search_ui.page.page_state import PAGE, PageState
from search_ui.page.search_bar import find_record, show_search_bar

_LOW_RECALL = "searches miss more of the best pictures than usual: `bucketlens status` tells more"
_UNFILTERED = dict.fromkeys(("must", "any_of", "none_of", "only", "without"), ()) | {"copies": None}


def show() -> None:
    """Show the page."""
    st.set_page_config(page_title="BucketLens", page_icon=str(panels.ICON), layout="wide")
    panels.style()
    library = get_library()
    state = callbacks.follow_address()
    try:
        outline = library.outline()
    except BucketLensError as error:
        panels.brand(None)
        _show_unavailable(library, error)
        return
    library.load_model()
    try:
        state = show_search_bar(library, outline, state)
        if state.duplicates:
            duplicates_view.show(library.duplicates, state.limit)
        elif outline.images:
            _show_answer(library, state)
        else:
            _show_empty_library(library, outline)
    except LibraryBusy as error:
        _show_unavailable(library, error)


# ---- the answer


def _show_answer(library: ServedLibrary, state: PageState) -> None:
    notices = list(st.session_state["gone"])
    try:
        result = _search_once(library, state)
    except LibraryBusy:
        raise
    except _ModelLoading:
        title = "Preparing for searches by words …" if library.preparing else "Loading the model …"
        once = "It is done once in a library. " if library.preparing else ""
        panels.waiting(title, f"{once}Your search runs as soon as it is there. Browsing works meanwhile.")
        panels.rerun_in(1.0)
        return
    except ModelError as error:
        fits = not isinstance(error, ModelMismatch)
        panels.failure("The model is missing" if fits else "The model does not fit this library", error)
        with st.container(key="remedy", horizontal=True, horizontal_alignment="center"):
            st.button("Try again", on_click=library.load_model_again, icon=":material/refresh:")
        notices.append("without the model, these are the newest pictures that pass the filters")
        result = library.service.search(state.browse_query())
        state = replace(state, text="", upload=None, like=None)
    except InvalidQuery as error:
        panels.message("That cannot be asked", error.reason)
        return
    except BucketLensError as error:
        panels.failure("That did not work", error)
        return
    if library.recall.low:
        notices.append(_LOW_RECALL)
    panels.outcome(state, result, [*notices, *result.notices], library.recall.figure)
    if not result.hits:
        _show_no_match(library, state)
    elif result.verdict == "none":
        panels.remark("Nothing here matches well.", "These are merely the nearest pictures.")
    _show_gallery(library, state, result)


def _search_once(library: ServedLibrary, state: PageState) -> SearchResult:
    """Search, unless the session holds the answer: opening a picture leaves the others as they are."""
    question = state.question()
    answered, result = st.session_state.get("answer", (None, None))
    if answered == question and isinstance(result, SearchResult):
        return result
    if (state.has_text or state.upload) and library.model == "loading":
        raise _ModelLoading
    picture = library.uploads.get(state.upload) if state.upload else None
    result = library.service.search(state.query(picture.data if picture else None))
    if not result.degraded or library.settings.offline:  # else the library may be back at any moment
        st.session_state["answer"] = (question, result)
    return result


class _ModelLoading(Exception):
    pass


def _show_gallery(library: ServedLibrary, state: PageState, result: SearchResult) -> None:
    zone = _get_timezone()
    detail = None
    viewed = next((hit for hit in result.hits if hit.record.id == state.view), None)
    if state.view and viewed is None and (found := find_record(library, state.view)):
        viewed = Hit(found, None)
        detail = make_card(viewed, zone, state.filter)
    panels.gallery(
        [make_card(hit, zone, state.filter) for hit in result.hits],
        question=repr(replace(state.question(), limit=PAGE)),
        left=_count_remaining(result),
        view=state.view,
        detail=detail,
        text=make_text(viewed, state.filter) if viewed else None,
        turn=st.session_state.get("turn", 0),
        on_act=callbacks.on_gallery_action,
    )


def _count_remaining(result: SearchResult) -> int:
    """Count the pictures that can still be shown."""
    return max(0, min(result.total - sum(hit.copies for hit in result.hits), MAX_LIMIT - len(result.hits)))


def _get_timezone() -> tzinfo:
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


# ---- helpful pages


def _show_unavailable(library: ServedLibrary, error: BucketLensError) -> None:
    if isinstance(error, LibraryMissing):
        _show_library_missing(library)
    elif isinstance(error, LibraryBusy):
        panels.waiting("The library is busy", "Another process is writing to it. This page tries again by itself.")
        panels.rerun_in(2.0)
    elif isinstance(error, LibraryUnreachable):
        panels.failure("The server does not answer", error)
        panels.rerun_in(5.0)
    elif isinstance(error, MirrorMissing):
        panels.failure("There is no mirror of a library here yet", error)
        panels.rerun_in(3.0)
    else:
        panels.failure("The library cannot be opened", error)


def _show_library_missing(library: ServedLibrary) -> None:
    settings = library.settings
    options = library_options(settings.data, settings.qdrant.url)
    where = f"for {settings.qdrant.collection} on {settings.qdrant.url}" if settings.qdrant.url else ""
    panels.message(
        "There is no library here yet",
        f"Looked {where or f'in {settings.data.absolute()}'}.",
        "Make one from a folder of pictures; this page shows it as soon as it begins to fill:",
        commands=[make_library_command(settings.data, settings.qdrant.url)],
    )
    panels.message(
        "Just looking?",
        "A thousand drawn sample pictures, with small models that need no network:",
        commands=[f"bucketlens demo --no-ui {options}"],
    )
    panels.rerun_in(3.0)


def _show_empty_library(library: ServedLibrary, outline: Outline) -> None:
    place = library.settings.data, library.settings.qdrant.url
    failed = (
        f"{outline.failed:,} files could not be indexed: `bucketlens failures {library_options(*place)}` tells why."
    )
    panels.message(
        "The library is empty",
        *([failed] if outline.failed else []),
        "Add pictures; this page shows them as soon as they are there:",
        commands=[make_library_command(*place)],
    )
    panels.rerun_in(3.0)


def _show_no_match(library: ServedLibrary, state: PageState) -> None:
    def count(passing: Filter) -> int:
        return library.ask(lambda index: index.count(passing))

    if state.effective_min_strength and count(INDEXED & state.filter):
        panels.message(
            "No picture matches that well", f"None has a strength of {state.effective_min_strength / 100:.2f} or more."
        )
        with st.container(key="remedy", horizontal=True, horizontal_alignment="center"):
            st.button("Show weaker matches too", on_click=callbacks.change, kwargs={"min_strength": 0})
        return
    others = [(facet_panel.describe_value(*pick), state.drop_pick(pick).rest) for pick in (*state.only, *state.without)]
    others += [("copies of one picture", replace(state, copies=None).rest)] if state.copies else []
    operators = state.parsed.interpretation.operators
    others += [(one.typed, state.facet_filter & passing) for one, passing in drop_each_operator(operators)]
    reasons = explain_no_match(count, state.must, state.any_of, state.none_of, state.rest, others)
    panels.message("No picture passes these filters", *[f"{reason[0].upper()}{reason[1:]}." for reason in reasons])
    with st.container(key="remedy", horizontal=True, horizontal_alignment="center"):
        if state.filters:
            st.button("Drop all filters", on_click=callbacks.change, kwargs=_UNFILTERED)
        if operators:
            st.button("Search the very words", on_click=callbacks.change, kwargs={"raw": True})


if __name__ == "__main__":
    show()
